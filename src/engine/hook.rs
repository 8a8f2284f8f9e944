//! Reports of transitions between host and guest.
//!
//! A store without a hook runs none of this: a hook puts functions of its own in the place of the
//! machine's thunks.
#![allow(
    unsafe_code,
    reason = "stands between compiled code and the dispatcher"
)]

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr::NonNull;

use super::backtrace::CheckTag;
use super::context::StoreContextMut;
use super::engine::Engine;
use super::run::{self, Failure};
use super::store::{Store, StoreInner};
use super::suspend::NO_FRAME;
use crate::asm::abi::{
    Answer, CallEngine, DirectArg, ExitCode, MORE_CELLS, MoreCell, StackPointers, VmFuncRef,
};
use crate::error::Result;

/// A transition between host and guest; see [`Store::call_hook`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallHook {
    /// The host is about to run a guest: by a call, or because an execution goes on.
    CallingWasm,
    /// The guest has returned, has failed or is suspended.
    ReturningFromWasm,
    /// A guest is about to call a host function.
    CallingHost,
    /// The host function has returned or failed, or has suspended the guest.
    ReturningFromHost,
}

impl CallHook {
    /// Whether the host runs from now on.
    pub fn entering_host(&self) -> bool {
        matches!(self, Self::ReturningFromWasm | Self::CallingHost)
    }

    /// Whether a guest runs from now on.
    pub fn exiting_host(&self) -> bool {
        matches!(self, Self::CallingWasm | Self::ReturningFromHost)
    }
}

/// What is told of transitions.
pub(crate) type Hook<T> =
    Box<dyn FnMut(StoreContextMut<'_, T>, CallHook) -> Result<()> + Send + Sync>;

impl<T: 'static> Store<T> {
    /// Tells `hook` of each transition between host and guest. Transitions nest: each
    /// `CallingWasm` is followed by its `ReturningFromWasm`, each `CallingHost` by its
    /// `ReturningFromHost`. An async host function returns when it has made its future; while that
    /// is pending no guest runs.
    ///
    /// An error ends the guest's call, in place of what it would have ended with. What the hook
    /// itself does with guests is not reported.
    ///
    /// ```
    /// use pronto::{CallHook, Engine, Store};
    ///
    /// let mut store = Store::new(&Engine::default(), 0);
    /// store.call_hook(|mut store, transition| {
    ///     if transition == CallHook::CallingHost {
    ///         *store.data_mut() += 1;
    ///     }
    ///     Ok(())
    /// });
    /// ```
    pub fn call_hook(
        &mut self,
        hook: impl FnMut(StoreContextMut<'_, T>, CallHook) -> Result<()> + Send + Sync + 'static,
    ) {
        let inner = self.inner_mut();
        inner.hook = Some(Box::new(hook));
        let machine = &mut inner.core.machine;
        machine.set_thunks(
            enter::<T>,
            enter_ints::<T>,
            enter_direct::<T>,
            resume::<T>,
            dispatch::<T>,
        );
    }
}

/// Words of the call engine that a guest run by the hook changes.
struct Kept {
    exit: ExitCode,
    exit_arg: u32,
    exit_pc: usize,
    callee: *const VmFuncRef,
    sps: StackPointers,
    more: Box<[MoreCell]>,
    ints: [u64; crate::asm::abi::INT_ARGS],
    floats: [[u64; 2]; crate::asm::abi::FLOAT_ARGS],
}

impl Kept {
    /// # Safety
    ///
    /// `engine` can be read.
    unsafe fn new(engine: *const CallEngine, more: usize) -> Self {
        // SAFETY: the caller's promise.
        unsafe {
            Self {
                exit: (*engine).exit,
                exit_arg: (*engine).exit_arg,
                exit_pc: (*engine).exit_pc,
                callee: (*engine).callee,
                sps: (*engine).sps,
                more: (&(*engine).more)[..more].into(),
                ints: (*engine).ints,
                floats: (*engine).floats,
            }
        }
    }

    /// # Safety
    ///
    /// `engine` can be written.
    unsafe fn put_back(&self, engine: *mut CallEngine) {
        // SAFETY: the caller's promise.
        unsafe {
            (*engine).exit = self.exit;
            (*engine).exit_arg = self.exit_arg;
            (*engine).exit_pc = self.exit_pc;
            (*engine).callee = self.callee;
            (*engine).sps = self.sps;
            (&mut (*engine).more)[..self.more.len()].copy_from_slice(&self.more);
            (*engine).ints = self.ints;
            (*engine).floats = self.floats;
        }
    }
}

/// Cells beyond registers that a call of a function may use.
fn cells(engine: &Engine, sig: u32) -> usize {
    let ty = engine.sig_type(sig);
    2 * ty.params().len().max(ty.results().len())
}

/// Tells the hook. What travels between guest and host stays as it is. Whether it failed: then the
/// store knows why. `away`: where the engine says that the guest left it has been since, or will be.
///
/// # Safety
///
/// `engine` is that of a store of `T`, and no guest runs.
unsafe fn failed<T: 'static>(
    engine: *mut CallEngine,
    what: CallHook,
    more: usize,
    away: bool,
) -> bool {
    // SAFETY: the caller's promise; no reference to the store is kept while the hook runs.
    unsafe {
        let store = NonNull::new_unchecked((*engine).store.cast::<StoreInner<T>>());
        // Taken out, since it may reach the store.
        let Some(mut hook) = (*store.as_ptr()).hook.take() else {
            return false;
        };
        let kept = Kept::new(engine, more.min(MORE_CELLS));
        if away && (*engine).sps.guest < (*store.as_ptr()).core.machine.top() {
            (*engine).sps.guest |= CheckTag::AWAY;
        }
        // The hook's own calls shall not begin where the guest's do, which may lie there yet.
        if kept.sps.host == 0 {
            (*engine).sps.host = (&raw const NO_FRAME) as usize;
        }
        let core = &mut (*store.as_ptr()).core;
        let (failure, suspension) = (core.failure.take(), core.suspension.take());
        let told = catch_unwind(AssertUnwindSafe(|| {
            hook(StoreContextMut::from_raw(store), what)
        }));
        (*store.as_ptr()).hook.get_or_insert(hook);
        kept.put_back(engine);
        let core = &mut (*store.as_ptr()).core;
        let new = match told {
            Ok(Ok(())) => {
                (core.failure, core.suspension) = (failure, suspension);
                return false;
            }
            Ok(Err(error)) => Failure::Error(error),
            Err(panic) => Failure::Panic(panic),
        };
        core.failure = Some(new);
        true
    }
}

/// Runs a guest between the two reports. `more`: as for [`failed`]; `resumed`: it has run before.
///
/// # Safety
///
/// As `enter` or `run`, which `run` is.
unsafe fn between<T: 'static>(
    engine: *mut CallEngine,
    more: usize,
    resumed: bool,
    run: impl FnOnce(),
) {
    // SAFETY: the caller's promise.
    unsafe {
        if failed::<T>(engine, CallHook::CallingWasm, more, resumed) {
            (*engine).exit = ExitCode::HOOK;
            return;
        }
        run();
        if failed::<T>(engine, CallHook::ReturningFromWasm, more, true)
            && (*engine).exit == ExitCode::RETURNED
        {
            (*engine).exit = ExitCode::HOOK;
        }
    }
}

/// The engine of a store.
///
/// # Safety
///
/// `engine` is that of a store of `T`.
unsafe fn engine_of<T: 'static>(engine: *const CallEngine) -> Engine {
    // SAFETY: the caller's promise.
    unsafe {
        (*(*engine).store.cast::<StoreInner<T>>())
            .core
            .engine
            .clone()
    }
}

unsafe extern "C" fn enter<T: 'static>(
    engine: *mut CallEngine,
    func: *const VmFuncRef,
    top: usize,
) {
    // SAFETY: as the thunk in whose place this is.
    unsafe {
        let of = engine_of::<T>(engine);
        let more = cells(&of, (*func).sig);
        let run = || (of.thunks().enter)(engine, func, top);
        between::<T>(engine, more, false, run);
    }
}

unsafe extern "C" fn enter_ints<T: 'static>(
    engine: *mut CallEngine,
    func: *const VmFuncRef,
    top: usize,
) {
    // SAFETY: as the thunk in whose place this is.
    unsafe {
        let of = engine_of::<T>(engine);
        let more = cells(&of, (*func).sig);
        let run = || (of.thunks().enter_ints)(engine, func, top);
        between::<T>(engine, more, false, run);
    }
}

unsafe extern "C" fn enter_direct<T: 'static>(
    engine: *mut CallEngine,
    func: *const VmFuncRef,
    c: DirectArg,
    b: DirectArg,
    a: DirectArg,
    top: usize,
) -> Answer {
    // SAFETY: as the thunk in whose place this is.
    unsafe {
        let of = engine_of::<T>(engine);
        let mut value = 0;
        between::<T>(engine, 0, false, || {
            let answer = (of.thunks().enter_direct)(engine, func, c, b, a, top);
            if answer.left == 0 {
                value = answer.value;
                (*engine).exit = ExitCode::RETURNED;
            }
        });
        let left = u64::from((*engine).exit != ExitCode::RETURNED);
        Answer { value, left }
    }
}

unsafe extern "C" fn resume<T: 'static>(engine: *mut CallEngine) {
    // SAFETY: as the thunk in whose place this is. Which function returns in the end is not known
    // here.
    unsafe {
        let of = engine_of::<T>(engine);
        between::<T>(engine, MORE_CELLS, true, || (of.thunks().resume)(engine));
    }
}

/// The dispatcher of a store with a hook.
unsafe extern "C" fn dispatch<T: 'static>(engine: *mut CallEngine) -> u32 {
    // SAFETY: as the dispatcher in whose place this is.
    unsafe {
        let of = engine_of::<T>(engine);
        let dispatch = run::dispatcher::<T>(&of);
        if (*engine).exit != ExitCode::HOST_CALL {
            return dispatch(engine);
        }
        let more = cells(&of, (*(*engine).callee).sig);
        if failed::<T>(engine, CallHook::CallingHost, more, false) {
            return 1;
        }
        // A host function that has called guests has changed it.
        let callee = (*engine).callee;
        let outcome = dispatch(engine);
        (*engine).callee = callee;
        (*engine).exit = ExitCode::HOST_CALL;
        outcome
            | u32::from(failed::<T>(
                engine,
                CallHook::ReturningFromHost,
                more,
                false,
            ))
    }
}
