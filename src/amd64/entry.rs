//! The code between host and guest, written by hand: see [`Thunks`].
//!
//! `enter` and `resume` keep what the host wants back on its own stack:
//!
//! ```text
//!   host_sp + 56   return address
//!   host_sp + 8    r15 r14 r13 r12 rbx rbp
//!   host_sp        what CallEngine::host_sp was before
//! ```
//!
//! Every thunk runs with `r14` at the call engine, so one CFA holds in all of them wherever `rsp`
//! is: `[r14 + HOST_SP] + 64`. A debugger that walks the host's stack goes from the dispatcher to
//! the caller of `enter`, over the guest's frames.
//!
//! The thunks that call the dispatcher hold the guest's stack pointer and instance in registers
//! that C functions save, so what the host runs meanwhile in the same engine does not matter.
#![allow(unsafe_code, reason = "switches stacks")]

use std::arch::naked_asm;

use crate::asm::abi::{
    CALLEE, CallEngine, DISPATCH, EXIT, EXIT_PC, ExitCode, FLOATS, FUEL, GUEST_SP, HOST_SP,
    INSTANCE, INTS, MEMORY_BASE, MEMORY_BOUND, MEMORY0, MemoryMode, REF_CODE, REF_INSTANCE, Thunks,
    TrapCode, VmFuncRef,
};

// The float area is read and written by aligned moves.
const _: () = assert!(FLOATS % 16 == 0 && align_of::<CallEngine>() == 16);
// It is part of a one-byte LEB128 number in the CFA.
const _: () = assert!(HOST_SP < 64);

pub(crate) fn thunks(mode: MemoryMode, metered: bool) -> Thunks {
    match mode {
        MemoryMode::Explicit => explicit::thunks(metered),
        MemoryMode::Guard => guard::thunks(metered),
    }
}

// Pieces of thunks.

/// `naked_asm!` with the names that the pieces use.
macro_rules! thunk {
    ($($text:expr),* $(,)?) => {
        naked_asm!(
            ".cfi_startproc",
            $($text,)*
            ".cfi_endproc",
            // Every operand must be named once.
            "/* {INSTANCE} {EXIT} {CALLEE} {EXIT_PC} {GUEST_SP} {HOST_SP} {DISPATCH} {INTS} \
                {FLOATS} {MEMORY0} {MEMORY_BASE} {MEMORY_BOUND} {REF_CODE} {REF_INSTANCE} \
                {FUEL} {leave} {HOST_CALL} {BUILTIN} {LISTENER} {CHECK} {RETURNED} */",
            INSTANCE = const INSTANCE,
            EXIT = const EXIT,
            CALLEE = const CALLEE,
            EXIT_PC = const EXIT_PC,
            GUEST_SP = const GUEST_SP,
            HOST_SP = const HOST_SP,
            DISPATCH = const DISPATCH,
            INTS = const INTS,
            FLOATS = const FLOATS,
            MEMORY0 = const MEMORY0,
            MEMORY_BASE = const MEMORY_BASE,
            MEMORY_BOUND = const MEMORY_BOUND,
            REF_CODE = const REF_CODE,
            REF_INSTANCE = const REF_INSTANCE,
            FUEL = const FUEL,
            HOST_CALL = const ExitCode::HOST_CALL.0,
            BUILTIN = const ExitCode::BUILTIN.0,
            LISTENER = const ExitCode::LISTENER_BEFORE.0,
            CHECK = const ExitCode::CHECK_LOOP.0,
            RETURNED = const ExitCode::RETURNED.0,
            leave = sym leave,
        )
    };
}

/// The CFA by way of `r14`: DW_CFA_def_cfa_expression { breg14 HOST_SP; deref; plus_uconst 64 }.
macro_rules! cfa_by_engine {
    () => {
        ".cfi_escape 0x0f, 5, 0x7e, {HOST_SP}, 0x06, 0x23, 64"
    };
}

/// What a thunk called by the guest says of the host's registers.
macro_rules! guest_side {
    () => {
        concat!(
            cfa_by_engine!(),
            "\n.cfi_offset rbp, -16",
            "\n.cfi_offset rbx, -24",
            "\n.cfi_offset r12, -32",
            "\n.cfi_offset r13, -40",
            "\n.cfi_offset r14, -48",
            "\n.cfi_offset r15, -56",
        )
    };
}

/// Builds the host's frame, with the call engine in `rdi`.
macro_rules! open_host_frame {
    () => {
        concat!(
            "push rbp\n.cfi_def_cfa_offset 16\n.cfi_offset rbp, -16\n",
            "push rbx\n.cfi_def_cfa_offset 24\n.cfi_offset rbx, -24\n",
            "push r12\n.cfi_def_cfa_offset 32\n.cfi_offset r12, -32\n",
            "push r13\n.cfi_def_cfa_offset 40\n.cfi_offset r13, -40\n",
            "push r14\n.cfi_def_cfa_offset 48\n.cfi_offset r14, -48\n",
            "push r15\n.cfi_def_cfa_offset 56\n.cfi_offset r15, -56\n",
            "push qword ptr [rdi + {HOST_SP}]\n.cfi_def_cfa_offset 64\n",
            "mov [rdi + {HOST_SP}], rsp\n",
            "mov r14, rdi\n",
            cfa_by_engine!(),
        )
    };
}

macro_rules! load_int_args {
    () => {
        "
        mov rax, [r14 + {INTS}]
        mov rcx, [r14 + {INTS} + 8]
        mov rdx, [r14 + {INTS} + 16]
        mov rsi, [r14 + {INTS} + 24]
        mov rdi, [r14 + {INTS} + 32]
        mov r8, [r14 + {INTS} + 40]
        "
    };
}

macro_rules! load_float_args {
    () => {
        "
        movaps xmm0, [r14 + {FLOATS}]
        movaps xmm1, [r14 + {FLOATS} + 16]
        movaps xmm2, [r14 + {FLOATS} + 32]
        movaps xmm3, [r14 + {FLOATS} + 48]
        movaps xmm4, [r14 + {FLOATS} + 64]
        movaps xmm5, [r14 + {FLOATS} + 80]
        movaps xmm6, [r14 + {FLOATS} + 96]
        movaps xmm7, [r14 + {FLOATS} + 112]
        "
    };
}

macro_rules! store_int_args {
    () => {
        "
        mov [r14 + {INTS}], rax
        mov [r14 + {INTS} + 8], rcx
        mov [r14 + {INTS} + 16], rdx
        mov [r14 + {INTS} + 24], rsi
        mov [r14 + {INTS} + 32], rdi
        mov [r14 + {INTS} + 40], r8
        "
    };
}

macro_rules! store_float_args {
    () => {
        "
        movaps [r14 + {FLOATS}], xmm0
        movaps [r14 + {FLOATS} + 16], xmm1
        movaps [r14 + {FLOATS} + 32], xmm2
        movaps [r14 + {FLOATS} + 48], xmm3
        movaps [r14 + {FLOATS} + 64], xmm4
        movaps [r14 + {FLOATS} + 80], xmm5
        movaps [r14 + {FLOATS} + 96], xmm6
        movaps [r14 + {FLOATS} + 112], xmm7
        "
    };
}

macro_rules! load_int_results {
    () => {
        "
        mov rax, [r14 + {INTS}]
        mov rcx, [r14 + {INTS} + 8]
        "
    };
}

macro_rules! load_float_results {
    () => {
        "
        movaps xmm0, [r14 + {FLOATS}]
        movaps xmm1, [r14 + {FLOATS} + 16]
        "
    };
}

macro_rules! store_int_results {
    () => {
        "
        mov [r14 + {INTS}], rax
        mov [r14 + {INTS} + 8], rcx
        "
    };
}

macro_rules! store_float_results {
    () => {
        "
        movaps [r14 + {FLOATS}], xmm0
        movaps [r14 + {FLOATS} + 16], xmm1
        "
    };
}

/// In each frame, the return address, `rbx` and `rbp` are above `r12`.
const FUEL_BELOW_TOP: usize = 4 * 8;

/// Pins, registers of operands, and float registers: all but scratch.
const CHECK_FRAME: usize = 8 + 5 * 8 + 6 * 8 + 14 * 16;

macro_rules! save_all {
    () => {
        "
        push rbx
        push rbp
        push r12
        push r9
        push r13
        push rax
        push rcx
        push rdx
        push rsi
        push rdi
        push r8
        sub rsp, 224
        movups [rsp], xmm0
        movups [rsp + 16], xmm1
        movups [rsp + 32], xmm2
        movups [rsp + 48], xmm3
        movups [rsp + 64], xmm4
        movups [rsp + 80], xmm5
        movups [rsp + 96], xmm6
        movups [rsp + 112], xmm7
        movups [rsp + 128], xmm8
        movups [rsp + 144], xmm9
        movups [rsp + 160], xmm10
        movups [rsp + 176], xmm11
        movups [rsp + 192], xmm12
        movups [rsp + 208], xmm13
        "
    };
}

/// Undoes `save_all`, loads the memory roles for the instance in `r10`, and goes on in the guest.
macro_rules! restore_all_and_return {
    ($bound:literal) => {
        concat!(
            "
            movups xmm0, [rsp]
            movups xmm1, [rsp + 16]
            movups xmm2, [rsp + 32]
            movups xmm3, [rsp + 48]
            movups xmm4, [rsp + 64]
            movups xmm5, [rsp + 80]
            movups xmm6, [rsp + 96]
            movups xmm7, [rsp + 112]
            movups xmm8, [rsp + 128]
            movups xmm9, [rsp + 144]
            movups xmm10, [rsp + 160]
            movups xmm11, [rsp + 176]
            movups xmm12, [rsp + 192]
            movups xmm13, [rsp + 208]
            add rsp, 224
            pop r8
            pop rdi
            pop rsi
            pop rdx
            pop rcx
            pop rax
            pop r13
            pop r9
            pop r12
            pop rbp
            pop rbx
            ",
            load_roles!($bound),
            "\nret",
        )
    };
}

/// Calls the dispatcher on the host's stack, and leaves if it says so. Otherwise `r10` is the
/// instance.
macro_rules! dispatch {
    () => {
        "
        mov [r14 + {GUEST_SP}], rsp
        mov rbx, rsp
        mov rbp, [r14 + {INSTANCE}]
        mov rsp, [r14 + {HOST_SP}]
        mov rdi, r14
        call [r14 + {DISPATCH}]
        test eax, eax
        jne {leave}
        mov rsp, rbx
        mov [r14 + {INSTANCE}], rbp
        mov r10, rbp
        "
    };
}

/// Loads the memory roles for the instance in `r10`. There is none while the host calls one of
/// its own functions.
macro_rules! load_roles {
    ($bound:literal) => {
        concat!(
            "
            test r10, r10
            je 3f
            mov r10, [r10 + {MEMORY0}]
            mov r15, [r10 + {MEMORY_BASE}]
            ",
            $bound,
            "\n3:",
        )
    };
}

/// The thunks of one memory mode: `$bound` loads the bound's role, `$push` and `$pop` save the
/// last of the pins where that role needs no register.
macro_rules! thunks {
    ($mode:ident: $bound:literal, $push:literal, $pop:literal, $exit_frame:literal) => {
        mod $mode {
            use super::*;

            macro_rules! save_pins {
                () => {
                    concat!("push rbx\npush rbp\npush r12\npush r9\n", $push)
                };
            }

            macro_rules! restore_pins_and_return {
                () => {
                    concat!($pop, "\npop r9\npop r12\npop rbp\npop rbx\nret")
                };
            }

            macro_rules! enter {
                ($load_args:expr, $store_results:expr, $load_fuel:expr, $store_fuel:expr) => {
                    thunk!(
                        open_host_frame!(),
                        "mov r11, rsi",
                        "mov rsp, rdx",
                        "mov r10, [r11 + {REF_INSTANCE}]",
                        "test r10, r10",
                        "je 2f",
                        "mov [r14 + {INSTANCE}], r10",
                        "2:",
                        load_roles!($bound),
                        $load_args,
                        $load_fuel,
                        "call [r11 + {REF_CODE}]",
                        $store_fuel,
                        $store_results,
                        "mov dword ptr [r14 + {EXIT}], {RETURNED}",
                        "jmp {leave}",
                    )
                };
            }

            #[unsafe(naked)]
            unsafe extern "C" fn enter(_: *mut CallEngine, _: *const VmFuncRef, _: usize) {
                enter!(
                    concat!(load_int_args!(), load_float_args!()),
                    concat!(store_int_results!(), store_float_results!()),
                    "",
                    ""
                )
            }

            #[unsafe(naked)]
            unsafe extern "C" fn enter_ints(_: *mut CallEngine, _: *const VmFuncRef, _: usize) {
                enter!(load_int_args!(), store_int_results!(), "", "")
            }

            /// With fuel.
            #[unsafe(naked)]
            unsafe extern "C" fn enter_metered(_: *mut CallEngine, _: *const VmFuncRef, _: usize) {
                enter!(
                    concat!(load_int_args!(), load_float_args!()),
                    concat!(store_int_results!(), store_float_results!()),
                    "mov r12, [r14 + {FUEL}]",
                    "mov [r14 + {FUEL}], r12"
                )
            }

            #[unsafe(naked)]
            unsafe extern "C" fn resume(engine: *mut CallEngine) {
                thunk!(
                    open_host_frame!(),
                    "mov rsp, [r14 + {GUEST_SP}]",
                    "mov r10, [r14 + {INSTANCE}]",
                    // The three exits of checks are adjacent.
                    "mov r11d, [r14 + {EXIT}]",
                    "sub r11d, {CHECK}",
                    "cmp r11d, 2",
                    "jbe 4f",
                    load_roles!($bound),
                    // The two exits of listeners are adjacent.
                    "mov r10d, [r14 + {EXIT}]",
                    "sub r10d, {LISTENER}",
                    "cmp r10d, 1",
                    "jbe 2f",
                    load_int_results!(),
                    load_float_results!(),
                    restore_pins_and_return!(),
                    "2:",
                    load_int_args!(),
                    load_float_args!(),
                    restore_pins_and_return!(),
                    "4:",
                    restore_all_and_return!($bound),
                )
            }

            macro_rules! host_call {
                ($store_args:expr, $load_results:expr) => {
                    thunk!(
                        guest_side!(),
                        "mov [r14 + {CALLEE}], r11",
                        "mov dword ptr [r14 + {EXIT}], {HOST_CALL}",
                        $store_args,
                        save_pins!(),
                        dispatch!(),
                        load_roles!($bound),
                        $load_results,
                        restore_pins_and_return!(),
                    )
                };
            }

            #[unsafe(naked)]
            unsafe extern "C" fn host_call() {
                host_call!(
                    concat!(store_int_args!(), store_float_args!()),
                    concat!(load_int_results!(), load_float_results!())
                )
            }

            #[unsafe(naked)]
            unsafe extern "C" fn host_call_ints() {
                host_call!(store_int_args!(), load_int_results!())
            }

            #[unsafe(naked)]
            unsafe extern "C" fn builtin() {
                thunk!(
                    guest_side!(),
                    "mov dword ptr [r14 + {EXIT}], {BUILTIN}",
                    store_int_args!(),
                    store_float_args!(),
                    save_pins!(),
                    dispatch!(),
                    load_roles!($bound),
                    load_int_results!(),
                    load_float_results!(),
                    restore_pins_and_return!(),
                )
            }

            #[unsafe(naked)]
            unsafe extern "C" fn listener() {
                thunk!(
                    guest_side!(),
                    store_int_args!(),
                    store_float_args!(),
                    save_pins!(),
                    dispatch!(),
                    load_roles!($bound),
                    load_int_args!(),
                    load_float_args!(),
                    restore_pins_and_return!(),
                )
            }

            #[unsafe(naked)]
            unsafe extern "C" fn check() {
                thunk!(
                    guest_side!(),
                    save_all!(),
                    dispatch!(),
                    restore_all_and_return!($bound),
                )
            }

            pub(super) fn thunks(metered: bool) -> Thunks {
                let thunks = crate::asm::abi::thunks_in_scope! {
                    exit_frame: $exit_frame,
                    check_frame: CHECK_FRAME,
                    outer_host_sp: 0,
                    exit_fuel: $exit_frame - FUEL_BELOW_TOP,
                    check_fuel: CHECK_FRAME - FUEL_BELOW_TOP,
                    traps: traps(),
                };
                if metered {
                    Thunks {
                        enter: enter_metered,
                        enter_ints: enter_metered,
                        ..thunks
                    }
                } else {
                    thunks
                }
            }
        }
    };
}

// The frame of an exit: the pins and the return address.
thunks!(explicit: "mov r13, [r10 + {MEMORY_BOUND}]", "", "", 40);
thunks!(guard: "", "push r13", "pop r13", 48);

const _: () = assert!(ExitCode::LISTENER_AFTER.0 == ExitCode::LISTENER_BEFORE.0 + 1);
const _: () = assert!(ExitCode::CHECK_ENTRY.0 == ExitCode::CHECK_LOOP.0 + 1);
const _: () = assert!(ExitCode::CHECK_FUEL.0 == ExitCode::CHECK_LOOP.0 + 2);

/// Returns from `enter` or `resume`. Only `r14` matters.
#[unsafe(naked)]
unsafe extern "C" fn leave() {
    naked_asm!(
        ".cfi_startproc",
        guest_side!(),
        "mov rsp, [r14 + {HOST_SP}]",
        ".cfi_def_cfa rsp, 64",
        "pop qword ptr [r14 + {HOST_SP}]",
        ".cfi_def_cfa_offset 56",
        "pop r15\n.cfi_def_cfa_offset 48\n.cfi_restore r15",
        "pop r14\n.cfi_def_cfa_offset 40\n.cfi_restore r14",
        "pop r13\n.cfi_def_cfa_offset 32\n.cfi_restore r13",
        "pop r12\n.cfi_def_cfa_offset 24\n.cfi_restore r12",
        "pop rbx\n.cfi_def_cfa_offset 16\n.cfi_restore rbx",
        "pop rbp\n.cfi_def_cfa_offset 8\n.cfi_restore rbp",
        "ret",
        ".cfi_endproc",
        HOST_SP = const HOST_SP,
    )
}

/// Handlers of traps: a site's return address is on top of the stack. `$frame` is how far below
/// what remains the trapping frame begins.
macro_rules! traps {
    ($($name:ident = $trap:ident - $frame:literal;)*) => {
        $(
            #[unsafe(naked)]
            unsafe extern "C" fn $name() {
                naked_asm!(
                    ".cfi_startproc",
                    guest_side!(),
                    "pop rax",
                    // In code that pays; elsewhere nobody reads it.
                    "mov [r14 + {FUEL}], r12",
                    "mov [r14 + {EXIT_PC}], rax",
                    "lea rax, [rsp - {frame}]",
                    "mov [r14 + {GUEST_SP}], rax",
                    "mov [r14 + {CALLEE}], r11",
                    "mov dword ptr [r14 + {EXIT}], {exit}",
                    "jmp {leave}",
                    ".cfi_endproc",
                    EXIT_PC = const EXIT_PC,
                    GUEST_SP = const GUEST_SP,
                    HOST_SP = const HOST_SP,
                    CALLEE = const CALLEE,
                    FUEL = const FUEL,
                    EXIT = const EXIT,
                    frame = const $frame,
                    exit = const ExitCode::TRAP.0 + TrapCode::$trap as u32,
                    leave = sym leave,
                )
            }
        )*

        /// The handlers, by [`TrapCode`].
        fn traps() -> [usize; TrapCode::ALL.len()] {
            let mut traps = [0; TrapCode::ALL.len()];
            $(traps[TrapCode::$trap as usize] = $name as unsafe extern "C" fn() as usize;)*
            traps
        }
    };
}

traps! {
    trap_unreachable = Unreachable - 0;
    trap_memory_out_of_bounds = MemoryOutOfBounds - 0;
    trap_table_out_of_bounds = TableOutOfBounds - 0;
    trap_indirect_call = IndirectCall - 0;
    trap_integer_overflow = IntegerOverflow - 0;
    trap_integer_division_by_zero = IntegerDivisionByZero - 0;
    trap_bad_conversion_to_integer = BadConversionToInteger - 0;
    // The frame does not exist yet: it looks as if it had room for the return address only.
    trap_stack_overflow = StackOverflow - 8;
    trap_bad_address = BadAddress - 0;
}
