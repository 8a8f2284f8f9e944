//! Calls of guests that keep their few integers in registers: see [`Thunks::enter_direct`].
//!
//! [`Thunks::enter_direct`]: crate::asm::abi::Thunks::enter_direct
#![allow(unsafe_code, reason = "enters compiled code")]

use std::ptr::NonNull;

use super::run::{begin_activation, ended, nested};
use super::store::StoreInner;
use crate::asm::abi::{CallEngine, DIRECT_ARGS, DirectArg, VmFuncRef};
use crate::error::Result;

/// Calls a guest's function of at most so many integers, with at most one integer as its result.
///
/// # Errors
///
/// As [`super::run::call`].
///
/// # Panics
///
/// If a host function does.
///
/// # Safety
///
/// `engine` is the call engine of `store`, `func` a guest's function of it that takes these
/// arguments.
#[inline(always)]
pub(crate) unsafe fn call_direct<T: 'static>(
    store: NonNull<StoreInner<T>>,
    engine: *mut CallEngine,
    func: NonNull<VmFuncRef>,
    args: [DirectArg; DIRECT_ARGS],
) -> Result<DirectArg> {
    // SAFETY: the caller's promises. Nothing is loaded to be stored again, as `call_guest` does:
    // the next call would wait for it.
    unsafe {
        if (*engine).host_sp != 0 {
            return call_direct_nested(store, engine, func, args);
        }
        let [a, b, c] = args;
        let core = &raw mut (*store.as_ptr()).core;
        let machine = &(*core).machine;
        let (base, guest_sp) = (machine.base, machine.top);
        let answer = (machine.enter_direct)(engine, func.as_ptr(), c, b, a, base);
        if answer.left != 0 {
            return Err(ended(core, engine, base));
        }
        (*engine).guest_sp = guest_sp;
        (*engine).instance = std::ptr::null_mut();
        Ok(DirectArg::new(answer.value))
    }
}

/// As [`call_direct`], while a guest or a function of the host runs.
///
/// # Safety
///
/// As [`call_direct`].
#[cold]
#[inline(never)]
unsafe fn call_direct_nested<T: 'static>(
    store: NonNull<StoreInner<T>>,
    engine: *mut CallEngine,
    func: NonNull<VmFuncRef>,
    [a, b, c]: [DirectArg; DIRECT_ARGS],
) -> Result<DirectArg> {
    let call = || {
        // SAFETY: the caller's promises.
        unsafe {
            let core = &raw mut (*store.as_ptr()).core;
            let host_sp = (*engine).host_sp;
            let (guest_sp, instance) = ((*engine).guest_sp, (*engine).instance);
            let base = begin_activation(engine);
            let answer = ((*core).machine.enter_direct)(engine, func.as_ptr(), c, b, a, base);
            (*engine).host_sp = host_sp;
            if answer.left != 0 {
                return Err(ended(core, engine, base));
            }
            (*engine).guest_sp = guest_sp;
            (*engine).instance = instance;
            Ok(DirectArg::new(answer.value))
        }
    };
    // SAFETY: as above.
    unsafe { nested(engine, call) }
}
