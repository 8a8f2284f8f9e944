//! The code between host and guest, written by hand: see [`Thunks`].
//!
//! Frame of `enter` and `resume` on the host stack, from `sp`:
//!
//! ```text
//!   0    x29, x30           x29 points here while the guest and the dispatcher run
//!   16   x19..x28
//!   96   d8..d15
//!   160  the engine's host_sp before, nothing
//! ```
//!
//! All code here describes that frame to debuggers, so that a walk of the host stack goes from
//! the dispatcher through the thunk, as if it were `enter`, to the embedder.
//!
//! Frame of a thunk on the value stack: the pins of the mode, lowest first, and the return
//! address on top, as in any frame.
#![allow(unsafe_code, reason = "stacks and registers are switched in assembly")]

use std::arch::naked_asm;
use std::mem::offset_of;

use crate::asm::abi::{CallEngine, ExitCode, MemoryMode, Thunks, VmFuncRef, VmInstance, VmMemory};

/// Assembly that knows the offsets of what it touches.
macro_rules! thunk {
    ($($asm:expr),* $(,)?) => {
        naked_asm!(
            // Assembly must mention each operand.
            "// {instance} {exit} {callee} {exit_pc} {guest_sp} {host_sp} {dispatch} {ints}",
            "// {floats} {memory0} {memory} {ref_code} {ref_instance} {fuel} {leave}",
            ".cfi_startproc",
            $($asm,)*
            ".cfi_endproc",
            instance = const offset_of!(CallEngine, instance),
            exit = const offset_of!(CallEngine, exit),
            callee = const offset_of!(CallEngine, callee),
            exit_pc = const offset_of!(CallEngine, exit_pc),
            guest_sp = const offset_of!(CallEngine, guest_sp),
            host_sp = const offset_of!(CallEngine, host_sp),
            dispatch = const offset_of!(CallEngine, dispatch),
            ints = const offset_of!(CallEngine, ints),
            floats = const offset_of!(CallEngine, floats),
            memory0 = const offset_of!(VmInstance, memory0),
            memory = const offset_of!(VmMemory, base),
            ref_code = const offset_of!(VmFuncRef, code),
            ref_instance = const offset_of!(VmFuncRef, instance),
            fuel = const offset_of!(CallEngine, fuel),
            leave = sym leave,
        )
    };
    // One that also knows a status.
    ($status:expr; $($asm:expr),* $(,)?) => {
        naked_asm!(
            ".cfi_startproc",
            host_frame!(),
            $($asm,)*
            ".cfi_endproc",
            exit = const offset_of!(CallEngine, exit),
            callee = const offset_of!(CallEngine, callee),
            exit_pc = const offset_of!(CallEngine, exit_pc),
            guest_sp = const offset_of!(CallEngine, guest_sp),
            fuel = const offset_of!(CallEngine, fuel),
            status = const $status,
            leave = sym leave,
        )
    };
}

const _: () = assert!(offset_of!(VmMemory, bound) == offset_of!(VmMemory, base) + 8);
const _: () = assert!(ExitCode::RETURNED.0 == 0);

/// Where the host's frame is, in the words of the unwinder.
macro_rules! host_frame {
    () => {
        "
        .cfi_def_cfa x29, 176
        .cfi_offset x29, -176
        .cfi_offset x30, -168
        .cfi_offset x19, -160
        .cfi_offset x20, -152
        .cfi_offset x21, -144
        .cfi_offset x22, -136
        .cfi_offset x23, -128
        .cfi_offset x24, -120
        .cfi_offset x25, -112
        .cfi_offset x26, -104
        .cfi_offset x27, -96
        .cfi_offset x28, -88
        .cfi_offset d8, -80
        .cfi_offset d9, -72
        .cfi_offset d10, -64
        .cfi_offset d11, -56
        .cfi_offset d12, -48
        .cfi_offset d13, -40
        .cfi_offset d14, -32
        .cfi_offset d15, -24
        "
    };
}

/// Saves what the host expects to find again. `x0` is the call engine, and becomes `x28`.
macro_rules! save_host {
    () => {
        "
        stp x29, x30, [sp, #-176]!
        .cfi_def_cfa_offset 176
        .cfi_offset x29, -176
        .cfi_offset x30, -168
        mov x29, sp
        stp x19, x20, [sp, #16]
        stp x21, x22, [sp, #32]
        stp x23, x24, [sp, #48]
        stp x25, x26, [sp, #64]
        stp x27, x28, [sp, #80]
        stp d8, d9, [sp, #96]
        stp d10, d11, [sp, #112]
        stp d12, d13, [sp, #128]
        stp d14, d15, [sp, #144]
        ldr x9, [x0, {host_sp}]
        str x9, [sp, #160]
        str x29, [x0, {host_sp}]
        mov x28, x0
        "
    };
}

/// Loads the memory's registers for the instance in `x16`; a host function may run without one.
macro_rules! load_roles {
    (Explicit) => {
        "
        cbz x16, 7f
        ldr x16, [x16, {memory0}]
        ldp x27, x26, [x16, {memory}]
    7:
        "
    };
    (Guard) => {
        "
        cbz x16, 7f
        ldr x16, [x16, {memory0}]
        ldr x27, [x16, {memory}]
    7:
        "
    };
}

/// Keeps the pins and the return address on the value stack.
macro_rules! save_pins {
    (Explicit) => {
        "
        stp x19, x20, [sp, #-64]!
        stp x21, x22, [sp, #16]
        stp x23, x24, [sp, #32]
        stp x25, x30, [sp, #48]
        "
    };
    (Guard) => {
        "
        stp x19, x20, [sp, #-80]!
        stp x21, x22, [sp, #16]
        stp x23, x24, [sp, #32]
        stp x25, x26, [sp, #48]
        str x30, [sp, #72]
        "
    };
}

/// Undoes `save_pins` and goes on in the guest.
macro_rules! return_to_guest {
    (Explicit) => {
        "
        ldp x21, x22, [sp, #16]
        ldp x23, x24, [sp, #32]
        ldp x25, x30, [sp, #48]
        ldp x19, x20, [sp], #64
        ret
        "
    };
    (Guard) => {
        "
        ldp x21, x22, [sp, #16]
        ldp x23, x24, [sp, #32]
        ldp x25, x26, [sp, #48]
        ldr x30, [sp, #72]
        ldp x19, x20, [sp], #80
        ret
        "
    };
}

/// Where `x25` is in each frame.
const SAVED_FUEL: usize = 48;

/// Pins, registers of operands, and float registers: all but scratch.
const CHECK_FRAME: usize = 720;

/// Moves between the frame of a check and its registers but `x19`, `x20`: with `stp` and `str`, or
/// with `ldp` and `ldr`.
macro_rules! move_all {
    ($pair:literal, $one:literal) => {
        concat!(
            move_pairs!($pair: "x21, x22" 16, "x23, x24" 32, "x25, x26" 48, "x0, x1" 64,
                "x2, x3" 80, "x4, x5" 96, "x6, x7" 112, "x8, x9" 128, "x10, x11" 144,
                "x12, x13" 160, "q0, q1" 192, "q2, q3" 224, "q4, q5" 256, "q6, q7" 288,
                "q8, q9" 320, "q10, q11" 352, "q12, q13" 384, "q14, q15" 416, "q16, q17" 448,
                "q18, q19" 480, "q20, q21" 512, "q22, q23" 544, "q24, q25" 576, "q26, q27" 608,
                "q28, q29" 640, "q30, q31" 672),
            $one, " x14, [sp, #176]\n",
            $one, " x30, [sp, #712]\n",
        )
    };
}

macro_rules! move_pairs {
    ($pair:literal: $($registers:literal $at:literal),*) => {
        concat!($($pair, " ", $registers, ", [sp, #", $at, "]\n"),*)
    };
}

macro_rules! save_all {
    () => {
        concat!(
            "sub sp, sp, #720\nstp x19, x20, [sp]\n",
            move_all!("stp", "str")
        )
    };
}

/// Undoes `save_all`, and goes on in the guest with the instance in `x16`.
macro_rules! restore_all_and_return {
    ($mode:ident) => {
        concat!(
            move_all!("ldp", "ldr"),
            "ldp x19, x20, [sp]\nadd sp, sp, #720\n",
            load_roles!($mode),
            "ret",
        )
    };
}

macro_rules! store_int_args {
    () => {
        "
        stp x0, x1, [x28, {ints}]
        stp x2, x3, [x28, {ints} + 16]
        stp x4, x5, [x28, {ints} + 32]
        "
    };
}

macro_rules! store_float_args {
    () => {
        "
        stp q0, q1, [x28, {floats}]
        stp q2, q3, [x28, {floats} + 32]
        stp q4, q5, [x28, {floats} + 64]
        stp q6, q7, [x28, {floats} + 96]
        "
    };
}

macro_rules! load_int_args {
    () => {
        "
        ldp x0, x1, [x28, {ints}]
        ldp x2, x3, [x28, {ints} + 16]
        ldp x4, x5, [x28, {ints} + 32]
        "
    };
}

macro_rules! load_float_args {
    () => {
        "
        ldp q0, q1, [x28, {floats}]
        ldp q2, q3, [x28, {floats} + 32]
        ldp q4, q5, [x28, {floats} + 64]
        ldp q6, q7, [x28, {floats} + 96]
        "
    };
}

macro_rules! load_int_results {
    () => {
        "ldp x0, x1, [x28, {ints}]"
    };
}

macro_rules! load_float_results {
    () => {
        "ldp q0, q1, [x28, {floats}]"
    };
}

macro_rules! store_int_results {
    () => {
        "stp x0, x1, [x28, {ints}]"
    };
}

macro_rules! store_float_results {
    () => {
        "stp q0, q1, [x28, {floats}]"
    };
}

/// Asks the dispatcher, on the host's stack. Comes back on the value stack with the instance in
/// `x16`, or not at all. What matters is kept in registers that the host saves, so the host may
/// run other functions in the same engine meanwhile.
macro_rules! dispatch {
    () => {
        "
        mov x19, sp
        str x19, [x28, {guest_sp}]
        ldr x20, [x28, {instance}]
        ldr x16, [x28, {host_sp}]
        mov sp, x16
        mov x0, x28
        ldr x16, [x28, {dispatch}]
        blr x16
        cbz w0, 8f
        b {leave}
    8:
        mov sp, x19
        str x20, [x28, {instance}]
        mov x16, x20
        "
    };
}

/// Leaves the guest, whatever is on the value stack: returns from `enter` or `resume`.
#[unsafe(naked)]
unsafe extern "C" fn leave() {
    thunk!(
        host_frame!(),
        "
        ldr x16, [x28, {host_sp}]
        mov sp, x16
        ldr x9, [sp, #160]
        str x9, [x28, {host_sp}]
        ldp d14, d15, [sp, #144]
        ldp d12, d13, [sp, #128]
        ldp d10, d11, [sp, #112]
        ldp d8, d9, [sp, #96]
        ldp x27, x28, [sp, #80]
        ldp x25, x26, [sp, #64]
        ldp x23, x24, [sp, #48]
        ldp x21, x22, [sp, #32]
        ldp x19, x20, [sp, #16]
        ldp x29, x30, [sp], #176
        .cfi_def_cfa sp, 0
        .cfi_restore x29
        .cfi_restore x30
        ret
        "
    )
}

mod traps;

macro_rules! thunks_of_mode {
    ($module:ident, $mode:ident, $exit_frame:literal) => {
        mod $module {
            use super::*;

            macro_rules! enter {
                ($load_args:expr, $store_results:expr) => {
                    enter!($load_args, $store_results, "", "")
                };
                ($load_args:expr, $store_results:expr, $load_fuel:expr, $store_fuel:expr) => {
                    thunk!(
                        save_host!(),
                        host_frame!(),
                        "
                        mov x17, x1
                        mov sp, x2
                        ldr x16, [x17, {ref_instance}]
                        cbz x16, 6f
                        str x16, [x28, {instance}]
                    6:
                        ldr x16, [x28, {instance}]
                        ",
                        load_roles!($mode),
                        $load_args,
                        $load_fuel,
                        "
                        ldr x16, [x17, {ref_code}]
                        blr x16
                        ",
                        $store_fuel,
                        $store_results,
                        "
                        str wzr, [x28, {exit}]
                        b {leave}
                        "
                    )
                };
            }

            #[unsafe(naked)]
            unsafe extern "C" fn enter(_: *mut CallEngine, _: *const VmFuncRef, _: usize) {
                enter!(
                    concat!(load_int_args!(), load_float_args!()),
                    concat!(store_int_results!(), "\n", store_float_results!())
                )
            }

            #[unsafe(naked)]
            unsafe extern "C" fn enter_ints(_: *mut CallEngine, _: *const VmFuncRef, _: usize) {
                enter!(load_int_args!(), store_int_results!())
            }

            /// With fuel.
            #[unsafe(naked)]
            unsafe extern "C" fn enter_metered(_: *mut CallEngine, _: *const VmFuncRef, _: usize) {
                enter!(
                    concat!(load_int_args!(), load_float_args!()),
                    concat!(store_int_results!(), "\n", store_float_results!()),
                    "ldr x25, [x28, {fuel}]",
                    "str x25, [x28, {fuel}]"
                )
            }

            /// Loads every argument register, since it may be a listener that goes on.
            #[unsafe(naked)]
            unsafe extern "C" fn resume(_: *mut CallEngine) {
                thunk!(
                    save_host!(),
                    host_frame!(),
                    "
                    ldr x16, [x28, {guest_sp}]
                    mov sp, x16
                    ldr x16, [x28, {instance}]
                    ldr w9, [x28, {exit}]
                    sub w9, w9, #5
                    cmp w9, #2
                    b.ls 4f
                    ",
                    load_roles!($mode),
                    load_int_args!(),
                    load_float_args!(),
                    return_to_guest!($mode),
                    "4:",
                    restore_all_and_return!($mode),
                )
            }

            /// `x17` is the callee.
            macro_rules! host_call {
                ($store_args:expr, $load_results:expr) => {
                    thunk!(
                        host_frame!(),
                        save_pins!($mode),
                        $store_args,
                        "
                        str x17, [x28, {callee}]
                        mov w16, 1
                        str w16, [x28, {exit}]
                        ",
                        dispatch!(),
                        load_roles!($mode),
                        $load_results,
                        return_to_guest!($mode),
                    )
                };
            }

            #[unsafe(naked)]
            unsafe extern "C" fn host_call() {
                host_call!(
                    concat!(store_int_args!(), store_float_args!()),
                    concat!(load_int_results!(), "\n", load_float_results!())
                )
            }

            #[unsafe(naked)]
            unsafe extern "C" fn host_call_ints() {
                host_call!(store_int_args!(), load_int_results!())
            }

            #[unsafe(naked)]
            unsafe extern "C" fn builtin() {
                thunk!(
                    host_frame!(),
                    save_pins!($mode),
                    store_int_args!(),
                    store_float_args!(),
                    "
                    mov w16, 2
                    str w16, [x28, {exit}]
                    ",
                    dispatch!(),
                    load_roles!($mode),
                    load_int_results!(),
                    load_float_results!(),
                    return_to_guest!($mode),
                )
            }

            /// The code that calls it has set the status.
            #[unsafe(naked)]
            unsafe extern "C" fn listener() {
                thunk!(
                    host_frame!(),
                    save_pins!($mode),
                    store_int_args!(),
                    store_float_args!(),
                    dispatch!(),
                    load_roles!($mode),
                    load_int_args!(),
                    load_float_args!(),
                    return_to_guest!($mode),
                )
            }

            /// The code that calls it has set the status.
            #[unsafe(naked)]
            unsafe extern "C" fn check() {
                thunk!(
                    host_frame!(),
                    save_all!(),
                    dispatch!(),
                    restore_all_and_return!($mode),
                )
            }

            const _: () = assert!(ExitCode::CHECK_LOOP.0 == 5 && ExitCode::CHECK_ENTRY.0 == 6);
            const _: () = assert!(ExitCode::CHECK_FUEL.0 == 7);
            const _: () = assert!(ExitCode::HOST_CALL.0 == 1 && ExitCode::BUILTIN.0 == 2);

            pub(super) fn thunks(metered: bool) -> Thunks {
                let thunks = crate::asm::abi::thunks_in_scope! {
                    exit_frame: $exit_frame,
                    check_frame: CHECK_FRAME,
                    outer_host_sp: 160,
                    exit_fuel: SAVED_FUEL,
                    check_fuel: SAVED_FUEL,
                    traps: traps::TRAPS.map(|trap| trap as *const () as usize),
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

thunks_of_mode!(explicit, Explicit, 64);
thunks_of_mode!(guard, Guard, 80);

/// The code between host and guest for one memory mode.
pub(crate) fn thunks(mode: MemoryMode, metered: bool) -> Thunks {
    match mode {
        MemoryMode::Explicit => explicit::thunks(metered),
        MemoryMode::Guard => guard::thunks(metered),
    }
}
