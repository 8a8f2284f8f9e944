//! Calls into compiled code, and the dispatcher that serves its exits.
//!
//! A call enters through a thunk that switches to the value stack. Whatever the guest needs from
//! the host makes the thunk switch back and call the dispatcher here, which serves it and says
//! whether to resume or to leave. Leaving and trapping both return from `enter`.
//!
//! A host function may call the guest again: the new activation lies below the old one on the
//! value stack, and leads back to it.
#![allow(unsafe_code, reason = "enters compiled code and is entered from it")]

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::ptr::NonNull;

use super::backtrace::{CheckTag, Frames};
use super::builtins::{self, Progress};
use super::config::Config;
use super::counters;
use super::engine::Engine;
use super::fuel;
use super::func::null_ref;
use super::host::HostFunc;
use super::host_stack;
use super::interrupt;
use super::listener;
use super::poison;
use super::store::{StoreCore, StoreInner};
use super::suspend::{NO_FRAME, Stop, Suspension, suspend_or_trap};
use crate::asm::abi::{CallEngine, ExitCode, TrapCode, VmFuncRef, VmInstance};
use crate::error::{Error, Result, Trap};

/// Why the dispatcher left, until the call that it ends has returned.
pub(crate) enum Failure {
    Error(Error),
    Panic(Box<dyn Any + Send>),
}

/// A dispatcher: see [`CallEngine::dispatch`].
pub(crate) type Dispatch = unsafe extern "C" fn(*mut CallEngine) -> u32;

/// On the value stack above the first frame of an activation.
#[repr(C, align(16))]
#[derive(Clone, Copy)]
pub(crate) struct Activation {
    /// [`StackPointers::guest`] of the activation that the host was called from, or the stack's
    /// top.
    pub(crate) guest_sp: usize,
    pub(crate) instance: *mut VmInstance,
}

/// Whether the dispatcher does more for a host call than to call it.
pub(super) fn dispatches_all(config: &Config) -> bool {
    config.poison || config.consume_fuel || config.count_host_calls
}

/// The dispatcher for a store whose data is a `T`.
pub(crate) fn dispatcher<T: 'static>(engine: &Engine) -> Dispatch {
    let config = engine.config();
    match (config.poison, config.consume_fuel, config.count_host_calls) {
        (false, false, false) => dispatch::<T>,
        (true, false, false) => poison::dispatch::<T>,
        (false, true, false) => fuel::dispatch::<T, false>,
        (true, true, false) => fuel::dispatch::<T, true>,
        (false, false, true) => counters::dispatch::<T, false, false>,
        (true, false, true) => counters::dispatch::<T, true, false>,
        (false, true, true) => counters::dispatch::<T, false, true>,
        (true, true, true) => counters::dispatch::<T, true, true>,
    }
}

/// Notes on the value stack what an activation interrupts, where that begins.
///
/// # Safety
///
/// `engine` is that of a store.
#[inline(always)]
pub(super) unsafe fn begin_activation(engine: *const CallEngine) -> usize {
    // SAFETY: the stack has room: frames leave a reserve.
    unsafe {
        let top = ((*engine).sps.guest & !15) - size_of::<Activation>();
        // Field by field: a vector assembled in memory would wait for its halves.
        let outer = top as *mut Activation;
        (*outer).guest_sp = (*engine).sps.guest;
        (*outer).instance = (*engine).instance;
        top
    }
}

/// Calls a function whose arguments are in `engine`, and leaves its results there. `INTS`: its
/// type has no floats.
///
/// # Errors
///
/// A trap, or the error of a host function. The store can be used afterwards.
///
/// # Panics
///
/// If a host function does.
///
/// # Safety
///
/// `engine` is the call engine of `store`, `func` a function of it whose arguments `engine`
/// holds.
#[inline]
pub(crate) unsafe fn call<T: 'static, const INTS: bool>(
    store: NonNull<StoreInner<T>>,
    engine: *mut CallEngine,
    func: NonNull<VmFuncRef>,
) -> Result<()> {
    // SAFETY: the caller's promises.
    unsafe {
        let core = &raw mut (*store.as_ptr()).core;
        if (*func.as_ptr()).instance.is_null() {
            return call_host(core, engine, func);
        }
        if (*engine).sps.host != 0 {
            return call_nested::<T, INTS>(store, engine, func);
        }
        call_guest::<T, INTS>(store, engine, func)
    }
}

/// A call from a host function that a guest has called: refuses to exhaust the host's stack. (The
/// value stack is checked by every frame that can call.)
///
/// # Safety
///
/// As [`call`].
#[cold]
#[inline(never)]
unsafe fn call_nested<T: 'static, const INTS: bool>(
    store: NonNull<StoreInner<T>>,
    engine: *mut CallEngine,
    func: NonNull<VmFuncRef>,
) -> Result<()> {
    // SAFETY: the caller's promises.
    unsafe { nested(engine, || call_guest::<T, INTS>(store, engine, func)) }
}

/// Runs `call`, unless the host's stack is nearly exhausted.
///
/// # Errors
///
/// A trap, or those of `call`.
///
/// # Safety
///
/// `engine` is that of a store.
// Always: a closure apart keeps what it captures in memory, and such a call takes a quarter longer.
#[inline(always)]
pub(super) unsafe fn nested<R>(
    engine: *mut CallEngine,
    call: impl FnOnce() -> Result<R>,
) -> Result<R> {
    check_nested()?;
    // SAFETY: the caller's promise. Should the host function that runs fail, the engine still
    // tells which it was.
    unsafe {
        let callee = (*engine).callee;
        let outcome = call();
        (*engine).callee = callee;
        outcome
    }
}

/// # Safety
///
/// As [`call`]; the function is a guest's.
#[inline(always)]
unsafe fn call_guest<T: 'static, const INTS: bool>(
    store: NonNull<StoreInner<T>>,
    engine: *mut CallEngine,
    func: NonNull<VmFuncRef>,
) -> Result<()> {
    // SAFETY: the caller's promises.
    unsafe {
        let core = &raw mut (*store.as_ptr()).core;
        let (guest_sp, instance) = ((*engine).sps.guest, (*engine).instance);
        let top = begin_activation(engine);
        let machine = &(*core).machine;
        let enter = if INTS {
            machine.enter_ints
        } else {
            machine.enter
        };
        enter(engine, func.as_ptr(), top);
        if (*engine).exit != ExitCode::RETURNED {
            return Err(ended(core, engine, top));
        }
        (*engine).sps.guest = guest_sp;
        (*engine).instance = instance;
        Ok(())
    }
}

/// Refuses to exhaust the host's stack.
///
/// # Errors
///
/// A trap.
#[cold]
pub(super) fn check_nested() -> Result<()> {
    if host_stack::has_room() {
        return Ok(());
    }
    Err(Trap::StackOverflow.into())
}

/// The host calls a function of its own.
///
/// # Safety
///
/// As [`call`]; the function is a host function.
#[cold]
unsafe fn call_host(
    core: *mut StoreCore,
    engine: *mut CallEngine,
    func: NonNull<VmFuncRef>,
) -> Result<()> {
    check_nested()?;
    // SAFETY: the caller's promises; the record of a host function is its head.
    unsafe {
        let host = func.as_ptr().cast::<HostFunc>();
        let instance = std::mem::replace(&mut (*engine).instance, std::ptr::null_mut());
        let outer = std::mem::replace(&mut (*engine).callee, func.as_ptr());
        let host_sp = std::mem::replace(&mut (*engine).sps.host, (&raw const NO_FRAME) as usize);
        let failed = ((*host).serve)(host, engine) != 0;
        (*engine).instance = instance;
        (*engine).callee = outer;
        (*engine).sps.host = host_sp;
        if !failed {
            return Ok(());
        }
        match take_failure(core) {
            Failure::Error(error) => Err(error),
            Failure::Panic(panic) => resume_unwind(panic),
        }
    }
}

/// # Safety
///
/// `core` is live, and the dispatcher has left.
pub(super) unsafe fn take_failure(core: *mut StoreCore) -> Failure {
    // SAFETY: the caller's promise.
    match unsafe { (*core).failure.take() } {
        Some(failure) => failure,
        None => unreachable!("whoever leaves says why"),
    }
}

/// As [`failed`], of a guest that a call ran: counts it.
///
/// # Safety
///
/// As [`failed`].
#[cold]
pub(super) unsafe fn ended(core: *mut StoreCore, engine: *mut CallEngine, top: usize) -> Error {
    // SAFETY: the caller's promises.
    unsafe {
        (*core).count_end((*engine).exit);
        failed(core, engine, top)
    }
}

/// The guest has not returned: says why, and makes the engine ready for the next call. `top` is
/// the address of the [`Activation`] that is ended.
///
/// # Safety
///
/// As [`call`], after `enter`.
#[cold]
pub(super) unsafe fn failed(core: *mut StoreCore, engine: *mut CallEngine, top: usize) -> Error {
    // SAFETY: the caller's promises.
    unsafe {
        let outer = (top as *const Activation).read();
        let trap_code = (*engine).exit.trap();
        let mut failure = match trap_code {
            // A hook that was told of the trap has the last word.
            Some(code) => (*core)
                .failure
                .take()
                .unwrap_or_else(|| Failure::Error(trap(code, engine))),
            None => take_failure(core),
        };
        let frames = Frames::new(&*core, &*engine);
        if let Failure::Error(error) = &mut failure
            && (*core).engine.config().backtrace
            && error.backtrace().is_none()
        {
            error.set_backtrace(frames.clone().collect_backtrace());
        }
        let error = match &failure {
            Failure::Error(error) => Some(error),
            Failure::Panic(_) => None,
        };
        // A function that found the stack full has not begun.
        let begun =
            trap_code != Some(TrapCode::StackOverflow) && (*engine).exit != ExitCode::CHECK_ENTRY;
        let ended = frames.take_while(|frame| frame.sp < top);
        let listened = listener::abort(&*core, ended.skip(usize::from(!begun)), error);
        (*engine).sps.guest = outer.guest_sp;
        (*engine).instance = outer.instance;
        if outer.guest_sp >= (*core).machine.top()
            && !(*core).machine.nested
            && let Some(interrupts) = &(*core).interrupts
            && matches!(error, Some(error) if error.trap() == Some(Trap::Interrupt))
        {
            interrupts.signal.served();
        }
        if let Err(panic) = listened {
            resume_unwind(panic);
        }
        match failure {
            Failure::Error(error) => error,
            Failure::Panic(panic) => resume_unwind(panic),
        }
    }
}

/// The trap that compiled code has raised.
///
/// # Safety
///
/// `engine` is the call engine that it was raised in.
unsafe fn trap(code: TrapCode, engine: *const CallEngine) -> Error {
    Error::from(match code {
        TrapCode::Unreachable => Trap::UnreachableCodeReached,
        TrapCode::MemoryOutOfBounds => Trap::MemoryOutOfBounds,
        TrapCode::TableOutOfBounds => Trap::TableOutOfBounds,
        // SAFETY: such a trap leaves the callee there.
        TrapCode::IndirectCall if unsafe { (*engine).callee } as u64 == null_ref() => {
            Trap::IndirectCallToNull
        }
        TrapCode::IndirectCall => Trap::BadSignature,
        TrapCode::IntegerOverflow => Trap::IntegerOverflow,
        TrapCode::IntegerDivisionByZero => Trap::IntegerDivisionByZero,
        TrapCode::BadConversionToInteger => Trap::BadConversionToInteger,
        TrapCode::StackOverflow => Trap::StackOverflow,
        TrapCode::BadAddress => {
            return Error::msg("internal error: an address was not zero-extended");
        }
    })
}

/// Serves an exit of compiled code: 0 to resume, 1 to leave.
///
/// # Safety
///
/// Called by a thunk of `engine`, which belongs to a store of `T`.
pub(super) unsafe extern "C" fn dispatch<T: 'static>(engine: *mut CallEngine) -> u32 {
    // SAFETY: the caller's promises; the callee of a host call is the head of a host function.
    unsafe {
        if (*engine).exit == ExitCode::HOST_CALL {
            let host = (*engine).callee.cast::<HostFunc>();
            return ((*host).serve)(host, engine);
        }
        serve_rest::<T>(engine)
    }
}

/// Serves exits other than host calls. Apart, so that a host call is a jump.
///
/// # Safety
///
/// As [`dispatch`].
#[cold]
#[inline(never)]
unsafe extern "C" fn serve_rest<T: 'static>(engine: *mut CallEngine) -> u32 {
    // SAFETY: the caller's promises.
    unsafe {
        let store = NonNull::new_unchecked((*engine).store.cast::<StoreInner<T>>());
        let exit = (*engine).exit;
        let served = catch_unwind(AssertUnwindSafe(|| {
            match exit {
                ExitCode::BUILTIN => {
                    (*store.as_ptr()).core.counters.builtins += 1;
                    serve_builtin(store, engine)
                }
                ExitCode::CHECK_LOOP | ExitCode::CHECK_ENTRY => {
                    // Frames are walked from here.
                    (*engine).sps.guest |= CheckTag::of(exit);
                    interrupt::serve_check(store, engine)
                }
                ExitCode::CHECK_FUEL => {
                    (*engine).sps.guest |= CheckTag::of(exit);
                    fuel::serve_region(&mut (*store.as_ptr()).core, engine)
                }
                _ => listener::serve(&(*store.as_ptr()).core, &*engine).map(|()| None),
            }
        }));
        let core = &mut (*store.as_ptr()).core;
        match served {
            Ok(Ok(None)) => return 0,
            Ok(Ok(Some(suspension))) => core.suspension = Some(suspension),
            Ok(Err(error)) => core.failure = Some(Failure::Error(error)),
            Err(panic) => core.failure = Some(Failure::Panic(panic)),
        }
        // The guest may have run meanwhile.
        (*engine).exit = exit;
        1
    }
}

/// Serves a builtin. One that takes long looks up now and then, and may be suspended.
///
/// # Errors
///
/// A trap, or what the limiter or the callback of the epoch deadline say.
///
/// # Safety
///
/// As [`dispatch`].
unsafe fn serve_builtin<T: 'static>(
    store: NonNull<StoreInner<T>>,
    engine: *mut CallEngine,
) -> Result<Option<Suspension>> {
    // SAFETY: the caller's promises. Other threads write to the flag only.
    unsafe {
        let mut call = builtins::Call::new(engine);
        loop {
            let (core, limiter) = (*store.as_ptr()).split();
            let progress = builtins::serve(core, limiter, &mut call, &(*engine).interrupt);
            let stop = match progress {
                Ok(Progress::Done(result)) => {
                    if let Some(result) = result {
                        (*engine).ints[0] = result;
                    }
                    return Ok(None);
                }
                Ok(Progress::Paused) => interrupt::serve(store)?,
                Err(error) if error.trap() == Some(Trap::OutOfFuel) => Some(Stop::OutOfFuel),
                Err(error) => return Err(error),
            };
            let Some(stop) = stop else { continue };
            let core = &(*store.as_ptr()).core;
            let suspension = || {
                call.put_back(engine);
                Suspension::Builtin(stop)
            };
            if let Some(suspension) = suspend_or_trap(core, engine, stop, suspension)? {
                return Ok(Some(suspension));
            }
        }
    }
}
