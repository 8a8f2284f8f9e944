//! Calls of functions that take few integers, which stay in registers: see
//! [`Thunks::enter_direct`].
//!
//! [`Thunks::enter_direct`]: crate::asm::abi::Thunks::enter_direct
#![allow(unsafe_code, reason = "enters compiled code")]

use std::ptr::NonNull;

use super::native::{call_inline, call_inline_metered};
use super::run::{self, begin_activation, ended, nested};
use super::store::{StoreCore, StoreInner};
use crate::asm::abi::{Answer, CallEngine, DIRECT_ARGS, DirectArg, VmFuncRef};
use crate::error::Result;

/// Calls a function of at most so many integers, with at most one integer as its result.
///
/// # Errors
///
/// As [`run::call`]; if there is no memory for a stack.
///
/// # Panics
///
/// If a host function does.
///
/// # Safety
///
/// `func` is a function of `store` that takes these arguments.
#[inline(always)]
pub(crate) unsafe fn call<T: 'static>(
    store: NonNull<StoreInner<T>>,
    func: NonNull<VmFuncRef>,
    args: [DirectArg; DIRECT_ARGS],
) -> Result<DirectArg> {
    // SAFETY: the caller's promises.
    unsafe {
        let core = &raw mut (*store.as_ptr()).core;
        let machine = &raw const (*core).machine;
        let idle = |engine: *mut CallEngine| {
            !engine.is_null() && (*engine).sps.host == 0 && !func.as_ref().instance.is_null()
        };
        let engine = (*machine).plain;
        if idle(engine) {
            let (enter, base) = ((*machine).enter_direct, (*machine).base);
            let answer = call_inline(enter, engine, func.as_ptr(), args, base);
            return result(core, engine, answer);
        }
        rarely();
        let engine = (*machine).metered;
        if idle(engine) {
            let (enter, base) = ((*machine).enter_direct, (*machine).base);
            let answer = call_inline_metered(enter, engine, func.as_ptr(), args, base);
            return result(core, engine, answer);
        }
        let [a, b, c] = args;
        call_otherwise(store, func, a, b, c)
    }
}

/// Says that what follows shall lie apart.
#[cold]
#[inline]
fn rarely() {}

/// The result of an outermost call. Nothing is loaded to be stored again, as for a call within
/// another: the next call would wait for it.
///
/// # Errors
///
/// As [`call`].
///
/// # Safety
///
/// `answer` is that of a guest which was run on `engine`, that of the store with this core.
#[inline(always)]
unsafe fn result(
    core: *mut StoreCore,
    engine: *mut CallEngine,
    answer: Answer,
) -> Result<DirectArg> {
    // SAFETY: the caller's promise.
    unsafe {
        let machine = &raw const (*core).machine;
        if answer.left != 0 {
            (*engine).sps.host = 0;
            return Err(ended(core, engine, (*machine).base));
        }
        (*engine).sps = (*machine).idle;
        Ok(DirectArg::new(answer.value))
    }
}

/// As [`call`], for those that are rarer: the first of a store, those of which a hook is told, and
/// those of a host function or while something runs. The arguments are apart, so that they are in
/// registers.
///
/// # Errors
///
/// As [`call`].
///
/// # Panics
///
/// As [`call`].
///
/// # Safety
///
/// As [`call`].
#[cold]
#[inline(never)]
unsafe fn call_otherwise<T: 'static>(
    store: NonNull<StoreInner<T>>,
    func: NonNull<VmFuncRef>,
    a: DirectArg,
    b: DirectArg,
    c: DirectArg,
) -> Result<DirectArg> {
    // SAFETY: the caller's promises; arguments that are nothing yet are not read.
    unsafe {
        let core = &mut (*store.as_ptr()).core;
        let engine = core.machine.engine(&core.engine)?;
        if func.as_ref().instance.is_null() {
            (&raw mut (*engine).ints)
                .cast::<[DirectArg; DIRECT_ARGS]>()
                .write([a, b, c]);
            run::call::<T, true>(store, engine, func)?;
            return Ok(DirectArg::new((*engine).ints[0]));
        }
        nested(engine, || call_nested(core, engine, func, [a, b, c]))
    }
}

/// Calls a guest's function, whatever runs.
///
/// # Errors
///
/// As [`call`].
///
/// # Safety
///
/// As [`call`]; `engine` is the call engine of the store with this core.
#[inline(always)]
unsafe fn call_nested(
    core: *mut StoreCore,
    engine: *mut CallEngine,
    func: NonNull<VmFuncRef>,
    [a, b, c]: [DirectArg; DIRECT_ARGS],
) -> Result<DirectArg> {
    // SAFETY: the caller's promises.
    unsafe {
        let host_sp = (*engine).sps.host;
        let (guest_sp, instance) = ((*engine).sps.guest, (*engine).instance);
        let base = begin_activation(engine);
        let answer = ((*core).machine.enter_direct)(engine, func.as_ptr(), c, b, a, base);
        (*engine).sps.host = host_sp;
        if answer.left != 0 {
            return Err(ended(core, engine, base));
        }
        (*engine).sps.guest = guest_sp;
        (*engine).instance = instance;
        Ok(DirectArg::new(answer.value))
    }
}
