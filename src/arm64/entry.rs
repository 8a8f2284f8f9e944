//! The code between host and guest, written by hand: see [`Thunks`].
//!
//! Frame of `enter` and `resume` on the host stack, from `sp`:
//!
//! ```text
//!   0    x29, x30           x29 points here while the guest and the dispatcher run
//!   16   x19..x28
//!   96   d8..d15
//!   160  what StackPointers::host was before, nothing
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

use crate::asm::abi::{
    Answer, CallEngine, DIRECT_ARGS, DirectArg, EnterDirect, ExitCode, MemoryMode, REF_DIRECT,
    Thunks, VmFuncRef, VmInstance, VmMemory,
};

#[macro_use]
mod pieces;
mod traps;

const _: () = assert!(offset_of!(VmMemory, bound) == offset_of!(VmMemory, base) + 8);
const _: () = assert!(ExitCode::RETURNED.0 == 0);

/// Leaves the guest, whatever is on the value stack: returns from `enter` or `resume`.
#[unsafe(naked)]
unsafe extern "C" fn leave() {
    naked_asm!(
        ".cfi_startproc",
        host_frame!(),
        "ldr x29, [x28, {host_sp}]",
        "mov x1, {left}",
        return_to_host!(),
        ".cfi_endproc",
        host_sp = const offset_of!(CallEngine, sps.host),
        left = const Answer::LEFT,
    )
}

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

            macro_rules! enter_direct {
                ($name:ident: $load_fuel:expr, $store_fuel:expr) => {
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
                            save_host!(),
                            host_frame!(),
                            "
                            mov x17, x1
                            mov sp, x5
                            ldr x16, [x17, {ref_instance}]
                            str x16, [x28, {instance}]
                            ",
                            load_roles!($mode),
                            "
                            mov x0, x4
                            mov x1, x3
                            ",
                            $load_fuel,
                            "
                            ldr x16, [x17, {ref_code}]
                            blr x16
                            ",
                            $store_fuel,
                            "mov x1, 0",
                            return_to_host!(),
                        )
                    }
                };
            }

            enter_direct!(enter_direct: "", "");
            // With fuel.
            enter_direct!(
                enter_direct_metered:
                "ldr x25, [x28, {fuel}]",
                "str x25, [x28, {fuel}]"
            );

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

            /// The pins stay where they are, since the host saves them, but for `x19`, which holds
            /// the stack's pointer. A guest that is left behind may go on, so all are saved then.
            #[unsafe(naked)]
            unsafe extern "C" fn host_call_direct() {
                thunk!(
                    host_frame!(),
                    "
                    ldr x16, [x28, {dispatch_all}]
                    cbz x16, 2f
                    b {host_call_ints}
                2:
                    ",
                    open_exit_frame!($mode),
                    "
                    str x17, [x28, {callee}]
                    mov w16, 1
                    str w16, [x28, {exit}]
                    mov x19, sp
                    str x19, [x28, {guest_sp}]
                    ldr x16, [x28, {host_sp}]
                    mov sp, x16
                    mov x4, x0
                    mov x3, x1
                    mov x1, x28
                    mov x0, x17
                    ldr x16, [x17, {ref_direct}]
                    blr x16
                    mov sp, x19
                    ",
                    close_exit_frame!($mode),
                    "
                    cbnz x1, 3f
                    ldr x16, [x28, {instance}]
                    ",
                    load_roles!($mode),
                    "ret",
                    "3:",
                    save_pins!($mode),
                    "b {leave}",
                )
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
                    check_frame: pieces::CHECK_FRAME,
                    outer_host_sp: 160,
                    exit_fuel: pieces::SAVED_FUEL,
                    check_fuel: pieces::SAVED_FUEL,
                    traps: traps::TRAPS.map(|trap| trap as *const () as usize),
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

thunks_of_mode!(explicit, Explicit, 64);
thunks_of_mode!(guard, Guard, 80);

/// The code between host and guest for one memory mode.
pub(crate) fn thunks(mode: MemoryMode, metered: bool) -> Thunks {
    match mode {
        MemoryMode::Explicit => explicit::thunks(metered),
        MemoryMode::Guard => guard::thunks(metered),
    }
}

/// Calls a guest's function by the thunk: on amd64 this is a thunk within the caller.
///
/// # Safety
///
/// As for [`Thunks::enter_direct`], which `enter` is.
#[inline(always)]
pub(crate) unsafe fn call_inline(
    enter: EnterDirect,
    engine: *mut CallEngine,
    func: *const VmFuncRef,
    [a, b, c]: [DirectArg; DIRECT_ARGS],
    base: usize,
) -> Answer {
    // SAFETY: the caller's promises.
    unsafe { enter(engine, func, c, b, a, base) }
}

/// The thunk knows whether code pays.
pub(crate) use call_inline as call_inline_metered;
