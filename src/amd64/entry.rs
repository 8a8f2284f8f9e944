//! The code between host and guest, written by hand: see [`Thunks`].
//!
//! `enter` and `resume` keep what the host wants back on its own stack:
//!
//! ```text
//!   host_sp + 56   return address
//!   host_sp + 8    r15 r14 r13 r12 rbx rbp
//!   host_sp        what StackPointers::host was before
//! ```
//!
//! So does `call_inline`, of which `inline.rs` tells more.
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
    Answer, CALLEE, CallEngine, DISPATCH, DISPATCH_ALL, DirectArg, EXIT, ExitCode, FLOATS, FUEL,
    GUEST_SP, HOST_SP, INSTANCE, INTS, MEMORY_BASE, MEMORY_BOUND, MEMORY0, MemoryMode, REF_CODE,
    REF_DIRECT, REF_INSTANCE, Thunks, VmFuncRef,
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

mod inline;
#[macro_use]
mod pieces;
mod traps;

pub(crate) use inline::{call_inline, call_inline_metered};

/// The thunks of one memory mode. `bound` loads the bound's role; where that needs no register, there
/// is one more of the pins, which take `pins` bytes. `reload` loads the roles that a host function
/// may have changed, `restore_host` what the bound's was to the host.
macro_rules! thunks {
    (
        $mode:ident:
        bound: $bound:literal,
        pins: $pins:literal,
        save_last: $save:literal,
        restore_last: $restore:literal,
        reload: $reload:expr,
        restore_host: $restore_host:literal,
    ) => {
        mod $mode {
            use super::*;

            /// Bytes of the pins on the value stack, below the return address.
            const PINS: usize = $pins;

            macro_rules! save_pins {
                () => {
                    concat!(
                        "
                        mov [rsp - 8], rbx
                        mov [rsp - 16], rbp
                        mov [rsp - 24], r12
                        mov [rsp - 32], r9
                        ",
                        $save
                    )
                };
            }

            /// From the frame at `rbx`.
            macro_rules! restore_pins_and_return {
                () => {
                    concat!(
                        "lea rsp, [rbx + {PINS}]\n",
                        $restore,
                        "
                        mov r9, [rsp - 32]
                        mov r12, [rsp - 24]
                        mov rbp, [rsp - 16]
                        mov rbx, [rsp - 8]
                        ret
                        "
                    )
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

            /// Such a guest is never resumed, so it returns in the host's frame that it was called
            /// in, and with its pins as they were: nothing need be loaded to find the one, nor to
            /// restore the others.
            macro_rules! enter_direct {
                ($name:ident: $load_fuel:literal, $store_fuel:literal) => {
                    #[unsafe(naked)]
                    unsafe extern "C" fn $name(
                        _: *mut CallEngine,
                        _: *const VmFuncRef,
                        _: DirectArg,
                        _: DirectArg,
                        _: DirectArg,
                        _: usize,
                    ) -> Answer {
                        thunk!(
                            open_host_frame!("mov qword ptr [rsp - 56], 0"),
                            "mov r11, rsi",
                            "mov rsp, r9",
                            "mov r10, [r11 + {REF_INSTANCE}]",
                            "mov [r14 + {INSTANCE}], r10",
                            "mov r10, [r10 + {MEMORY0}]",
                            "mov r15, [r10 + {MEMORY_BASE}]",
                            $bound,
                            "mov rax, r8",
                            $load_fuel,
                            "call [r11 + {REF_CODE}]",
                            $store_fuel,
                            "mov rsp, rbx\n.cfi_def_cfa rsp, 64",
                            "mov qword ptr [r14 + {HOST_SP}], 0",
                            "xor edx, edx",
                            "mov r15, [rsp + 8]\n.cfi_restore r15",
                            "mov r14, [rsp + 16]\n.cfi_restore r14",
                            $restore_host,
                            "mov rbx, [rsp + 40]\n.cfi_restore rbx",
                            "add rsp, 56\n.cfi_def_cfa_offset 8",
                            "ret",
                        )
                    }
                };
            }

            enter_direct!(enter_direct: "", "");
            // With fuel.
            enter_direct!(
                enter_direct_metered:
                "mov r12, [r14 + {FUEL}]",
                "
                mov [r14 + {FUEL}], r12
                mov r12, [rbx + 32]
                "
            );

            #[unsafe(naked)]
            unsafe extern "C" fn resume(engine: *mut CallEngine) {
                thunk!(
                    open_host_frame!(),
                    "mov rbx, [r14 + {GUEST_SP}]",
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
                        dispatch!($pins),
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

            /// The pins stay where they are, since the host saves them, but for `r9`, and for `rbx`,
            /// which holds the stack's pointer. A guest that is left behind may go on, so all are
            /// saved then.
            #[unsafe(naked)]
            unsafe extern "C" fn host_call_direct() {
                thunk!(
                    guest_side!(),
                    "cmp qword ptr [r14 + {DISPATCH_ALL}], 0",
                    "jne {host_call_ints}",
                    "mov [r14 + {CALLEE}], r11",
                    "mov dword ptr [r14 + {EXIT}], {HOST_CALL}",
                    "mov [rsp - 8], rbx",
                    "mov [rsp - 32], r9",
                    concat!("lea rbx, [rsp - ", $pins, "]"),
                    "mov [r14 + {GUEST_SP}], rbx",
                    "mov rsp, [r14 + {HOST_SP}]",
                    "mov rdi, r11",
                    "mov rsi, r14",
                    "mov r8, rax",
                    "call [r11 + {REF_DIRECT}]",
                    "lea rsp, [rbx + {PINS}]",
                    "mov r9, [rsp - 32]",
                    "mov rbx, [rsp - 8]",
                    "test edx, edx",
                    "jne 2f",
                    $reload,
                    "ret",
                    "2:",
                    save_pins!(),
                    "jmp {leave}",
                )
            }

            #[unsafe(naked)]
            unsafe extern "C" fn builtin() {
                thunk!(
                    guest_side!(),
                    "mov dword ptr [r14 + {EXIT}], {BUILTIN}",
                    store_int_args!(),
                    store_float_args!(),
                    save_pins!(),
                    dispatch!($pins),
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
                    dispatch!($pins),
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
                    dispatch!("0"),
                    restore_all_and_return!($bound),
                )
            }

            pub(super) fn thunks(metered: bool) -> Thunks {
                let thunks = crate::asm::abi::thunks_in_scope! {
                    exit_frame: PINS + 8,
                    check_frame: pieces::CHECK_FRAME,
                    outer_host_sp: 0,
                    exit_fuel: PINS + 8 - pieces::FUEL_BELOW_TOP,
                    check_fuel: pieces::CHECK_FRAME - pieces::FUEL_BELOW_TOP,
                    traps: traps::traps(),
                };
                if metered {
                    Thunks {
                        enter: enter_metered,
                        enter_ints: enter_metered,
                        enter_direct: enter_direct_metered,
                        ..thunks
                    }
                } else {
                    thunks
                }
            }
        }
    };
}

thunks! {
    explicit:
    bound: "mov r13, [r10 + {MEMORY_BOUND}]",
    pins: 32,
    save_last: "",
    restore_last: "",
    reload: concat!(
        "mov r10, [r14 + {INSTANCE}]",
        load_roles!("mov r13, [r10 + {MEMORY_BOUND}]"),
    ),
    restore_host: "mov r13, [rsp + 24]",
}
thunks! {
    guard:
    bound: "",
    pins: 40,
    save_last: "mov [rsp - 40], r13",
    restore_last: "mov r13, [rsp - 40]",
    // A memory stays where it is as it grows.
    reload: "",
    restore_host: "",
}

const _: () = assert!(ExitCode::LISTENER_AFTER.0 == ExitCode::LISTENER_BEFORE.0 + 1);
const _: () = assert!(ExitCode::CHECK_ENTRY.0 == ExitCode::CHECK_LOOP.0 + 1);
const _: () = assert!(ExitCode::CHECK_FUEL.0 == ExitCode::CHECK_LOOP.0 + 2);

/// Returns from `enter` or `resume`. Only `r14` matters.
#[unsafe(naked)]
unsafe extern "C" fn leave() {
    naked_asm!(
        ".cfi_startproc",
        guest_side!(),
        "mov edx, {LEFT}",
        "mov rsp, [r14 + {HOST_SP}]",
        ".cfi_def_cfa rsp, 64",
        "mov rax, [rsp]",
        "mov [r14 + {HOST_SP}], rax",
        "mov r15, [rsp + 8]\n.cfi_restore r15",
        "mov r14, [rsp + 16]\n.cfi_restore r14",
        "mov r13, [rsp + 24]\n.cfi_restore r13",
        "mov r12, [rsp + 32]\n.cfi_restore r12",
        "mov rbx, [rsp + 40]\n.cfi_restore rbx",
        "mov rbp, [rsp + 48]\n.cfi_restore rbp",
        "add rsp, 56\n.cfi_def_cfa_offset 8",
        "ret",
        ".cfi_endproc",
        HOST_SP = const HOST_SP,
        LEFT = const Answer::LEFT,
    )
}
