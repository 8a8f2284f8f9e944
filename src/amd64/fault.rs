//! What a signal handler does to the registers of a guest that has faulted.
#![allow(unsafe_code, reason = "edits signal contexts")]

use std::ffi::c_void;

use crate::asm::abi::{CallEngine, TrapCode};

#[cfg(target_os = "linux")]
mod context {
    use std::ffi::c_void;

    /// The program counter, stack pointer and call engine of an interrupted thread.
    ///
    /// # Safety
    ///
    /// `context` is the third argument of a signal handler that is running.
    pub(super) unsafe fn registers<'a>(context: *mut c_void) -> [&'a mut i64; 3] {
        // SAFETY: the caller's promise; the kernel made the context for this handler alone.
        let context = unsafe { &mut *context.cast::<libc::ucontext_t>() };
        let indices = [libc::REG_RIP, libc::REG_RSP, libc::REG_R14];
        let Ok(registers) = context
            .uc_mcontext
            .gregs
            .get_disjoint_mut(indices.map(|index| index as usize))
        else {
            unreachable!("three different registers of the context");
        };
        registers
    }
}

#[cfg(target_os = "macos")]
mod context {
    use std::ffi::c_void;

    /// The program counter, stack pointer and call engine of an interrupted thread.
    ///
    /// # Safety
    ///
    /// `context` is the third argument of a signal handler that is running.
    pub(super) unsafe fn registers<'a>(context: *mut c_void) -> [&'a mut u64; 3] {
        // SAFETY: the caller's promise; the kernel made the context for this handler alone.
        let context = unsafe { &mut *context.cast::<libc::ucontext_t>() };
        // SAFETY: as above.
        let state = unsafe { &mut (*context.uc_mcontext).__ss };
        [&mut state.__rip, &mut state.__rsp, &mut state.__r14]
    }
}

/// Address of the instruction that faulted.
///
/// # Safety
///
/// `context` is the third argument of a signal handler that is running.
#[cfg(any(target_os = "linux", target_os = "macos"))]
pub(crate) unsafe fn fault_pc(context: *mut c_void) -> usize {
    // SAFETY: the caller's promise.
    let [pc, _, _] = unsafe { context::registers(context) };
    *pc as usize
}

/// The call engine, if the interrupted thread was in compiled code.
///
/// # Safety
///
/// `context` is the third argument of a signal handler that is running.
#[cfg(all(test, any(target_os = "linux", target_os = "macos")))]
pub(crate) unsafe fn fault_engine(context: *mut c_void) -> *mut CallEngine {
    // SAFETY: the caller's promise.
    let [_, _, engine] = unsafe { context::registers(context) };
    *engine as usize as *mut CallEngine
}

/// Makes the handler return to the handler of `trap`, as if the instruction that faulted had
/// called it.
///
/// # Safety
///
/// `context` is the third argument of a signal handler that is running, and the fault is in
/// compiled code.
#[cfg(any(target_os = "linux", target_os = "macos"))]
pub(crate) unsafe fn redirect_to_trap(context: *mut c_void, trap: TrapCode) {
    // SAFETY: the caller's promise.
    let [pc, sp, engine] = unsafe { context::registers(context) };
    let engine = *engine as usize as *const CallEngine;
    // SAFETY: compiled code runs with its engine in r14.
    let handler = unsafe { (*engine).traps[trap as usize] };
    *sp -= 8;
    let top = *sp as usize as *mut usize;
    // SAFETY: the value stack has room below every frame, and what the kernel stored there for
    // the handler begins 128 bytes lower.
    unsafe { top.write(*pc as usize) };
    *pc = handler as _;
}
