//! What a signal handler does to the registers of a guest that has faulted.
#![allow(unsafe_code, reason = "edits signal contexts")]

use std::ffi::c_void;

use crate::asm::abi::{CallEngine, TrapCode};

/// Registers of the thread that a signal interrupted.
struct Registers {
    pc: *mut u64,
    /// `x28`
    engine: *mut u64,
    /// `x30`
    link: *mut u64,
}

impl Registers {
    /// # Safety
    ///
    /// `ctx` is the context that the system gave a signal handler.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    unsafe fn of(ctx: *mut c_void) -> Self {
        // SAFETY: by contract.
        let context = unsafe { &mut (*ctx.cast::<libc::ucontext_t>()).uc_mcontext };
        Self {
            pc: &raw mut context.pc,
            engine: &raw mut context.regs[28],
            link: &raw mut context.regs[30],
        }
    }

    /// # Safety
    ///
    /// `ctx` is the context that the system gave a signal handler.
    #[cfg(target_vendor = "apple")]
    unsafe fn of(ctx: *mut c_void) -> Self {
        // SAFETY: by contract; the system keeps the registers behind a pointer.
        let state = unsafe { &mut (*(*ctx.cast::<libc::ucontext_t>()).uc_mcontext).__ss };
        Self {
            pc: &raw mut state.__pc,
            engine: &raw mut state.__x[28],
            link: &raw mut state.__lr,
        }
    }
}

/// Where the interrupted thread was.
///
/// # Safety
///
/// `ctx` is the context that the system gave a signal handler.
pub(crate) unsafe fn fault_pc(ctx: *mut c_void) -> usize {
    // SAFETY: by contract.
    unsafe { *Registers::of(ctx).pc as usize }
}

/// Makes the interrupted thread raise a trap where it was.
///
/// # Safety
///
/// `ctx` is the context that the system gave a signal handler, and the thread was in the body of
/// a compiled function.
pub(crate) unsafe fn redirect_to_trap(ctx: *mut c_void, trap: TrapCode) {
    // SAFETY: by contract; in a body, `x28` is the call engine and `x30` is free.
    unsafe {
        let registers = Registers::of(ctx);
        *registers.link = *registers.pc;
        let engine = *registers.engine as *const CallEngine;
        *registers.pc = (*engine).traps[trap as usize] as u64;
    }
}
