//! One run of an execution's guest: in, out, and what it left.
//!
//! It knows nothing of who may run what, which [`Execution`](crate::Execution) has checked.
#![allow(unsafe_code, reason = "enters compiled code on another stack")]

use std::ptr::NonNull;
use std::sync::Arc;

use super::backtrace::{CheckTag, Frames};
use super::execution::{HostCall, HostError};
use super::fuel;
use super::func::Func;
use super::future::HostFuture;
use super::host::{self, HostFunc};
use super::poison;
use super::run::{self, Activation, Failure};
use super::store::{StoreCore, StoreInner};
use super::suspend::{Runner, Stop, Suspension};
use super::values::Val;
use crate::asm::abi::{CallEngine, ExitCode, INT_ARGS, MoreCell, Places, VmFuncRef, VmInstance};
use crate::error::Error;
use crate::ir::types::{FuncType, ValType};

/// Why a step of an execution ended. Results are still in the call engine.
pub(crate) enum Step {
    Returned,
    HostCall(HostCall),
    HostError(HostError),
    Stopped(Stop),
    /// Of this host function.
    Future(Func, HostFuture),
    Failed(Error),
}

/// Values as compiled code holds them.
pub(crate) type Cells = Vec<[u64; 2]>;

pub(crate) enum State {
    /// With its arguments.
    New(Cells),
    /// For results of these types.
    Waiting(Frozen, Arc<FuncType>),
    Ready(Frozen, Next),
    Ended,
}

/// Words of the call engine while the guest does not run.
#[derive(Clone, Copy)]
pub(crate) struct Frozen {
    /// With a [`CheckTag`].
    pub(crate) guest_sp: usize,
    instance: *mut VmInstance,
    pub(crate) exit: ExitCode,
}

/// How a suspended guest goes on.
pub(crate) enum Next {
    /// With the results of a host function.
    Results(Arc<FuncType>, Cells),
    /// From a check, with these arguments beyond registers.
    Check(Box<[MoreCell]>),
    /// With what remains of a builtin.
    Builtin { code: u32, ints: [u64; INT_ARGS] },
    /// It ends.
    Error(Error),
}

impl Frozen {
    /// # Safety
    ///
    /// `engine` is one whose guest has just left.
    unsafe fn new(engine: *const CallEngine) -> Self {
        // SAFETY: the caller's promise.
        unsafe {
            Self {
                guest_sp: (*engine).sps.guest,
                instance: (*engine).instance,
                exit: (*engine).exit,
            }
        }
    }

    /// # Safety
    ///
    /// `engine` runs on the stack that this was left on.
    unsafe fn thaw(self, engine: *mut CallEngine) {
        // SAFETY: the caller's promise.
        unsafe {
            (*engine).sps.guest = self.guest_sp;
            (*engine).instance = self.instance;
            (*engine).exit = self.exit;
        }
    }
}

/// A run of a guest on its stack.
pub(crate) struct Run<'a, T: 'static> {
    pub(crate) store: NonNull<StoreInner<T>>,
    pub(crate) func: NonNull<VmFuncRef>,
    pub(crate) params: &'a [ValType],
    /// Of the stack.
    pub(crate) top: usize,
    pub(crate) runner: Runner,
}

impl<T: 'static> Run<'_, T> {
    /// Where the activation of the execution lies.
    fn base(&self) -> usize {
        self.top - size_of::<Activation>()
    }

    fn core(&self) -> *mut StoreCore {
        // SAFETY: a live store; no reference is made.
        unsafe { &raw mut (*self.store.as_ptr()).core }
    }

    /// Runs the guest to its next exit. The execution's state then.
    ///
    /// # Safety
    ///
    /// `engine` is that of the store, switched to the stack that the guest was left on in `state`,
    /// if it has begun; the function is one of the store, with these parameters.
    pub(crate) unsafe fn run(self, engine: *mut CallEngine, state: State) -> (Step, State) {
        // SAFETY: the caller's promises.
        unsafe {
            match state {
                State::New(args) => self.begin(engine, &args),
                State::Ready(frozen, Next::Error(error)) => {
                    frozen.thaw(engine);
                    (*self.core()).failure = Some(Failure::Error(error));
                    // What else stops a guest was counted when it did.
                    if frozen.exit == ExitCode::HOST_CALL {
                        (*self.core()).count_end(frozen.exit);
                    }
                    return self.failed(engine);
                }
                State::Ready(frozen, next) => {
                    frozen.thaw(engine);
                    fuel::go_on(&*self.core(), engine);
                    if !self.go_on(engine, next) {
                        (*engine).sps.guest = CheckTag::split((*engine).sps.guest).0;
                        ((*self.core()).machine.resume)(engine);
                    }
                }
                State::Waiting(..) | State::Ended => unreachable!("only what can run is run"),
            }
            self.left(engine)
        }
    }

    /// Runs a guest from its beginning.
    ///
    /// # Safety
    ///
    /// As [`Self::run`]; the arguments are of the function's type.
    unsafe fn begin(&self, engine: *mut CallEngine, args: &[[u64; 2]]) {
        // SAFETY: the caller's promises.
        unsafe {
            let places = Places::params();
            let written = host::write_values(engine, places, self.params, |n| Ok(args[n]));
            debug_assert!(written.is_ok());
            (self.base() as *mut Activation).write(Activation {
                guest_sp: self.top,
                instance: std::ptr::null_mut(),
            });
            let enter = (*self.core()).machine.enter;
            enter(engine, self.func.as_ptr(), self.base());
        }
    }

    /// Prepares a suspended guest to go on. Whether it has left already.
    ///
    /// # Safety
    ///
    /// As [`Self::run`], after [`Frozen::thaw`].
    unsafe fn go_on(&self, engine: *mut CallEngine, next: Next) -> bool {
        // SAFETY: the caller's promises.
        unsafe {
            match next {
                Next::Results(ty, cells) => {
                    poison::write_results(&*self.core(), engine, ty.results(), &cells);
                    false
                }
                Next::Check(more) => {
                    (&mut (*engine).more)[..more.len()].copy_from_slice(&more);
                    false
                }
                Next::Builtin { code, ints } => {
                    (*engine).exit_arg = code;
                    (*engine).ints = ints;
                    let dispatch = (*self.core()).machine.dispatch;
                    self.runner.dispatch(dispatch, engine) != 0
                }
                Next::Error(_) => unreachable!("such a guest does not go on"),
            }
        }
    }

    /// The guest has left: why, and what becomes of the execution.
    ///
    /// # Safety
    ///
    /// As [`Self::run`].
    unsafe fn left(&self, engine: *mut CallEngine) -> (Step, State) {
        // SAFETY: the caller's promises.
        unsafe {
            let core = self.core();
            if (*engine).exit == ExitCode::RETURNED {
                return (Step::Returned, State::Ended);
            }
            let frozen = Frozen::new(engine);
            if let Some(suspension) = (*core).suspension.take() {
                (*core).counters.suspended(&suspension);
                return self.suspended(engine, frozen, suspension);
            }
            if (*engine).exit == ExitCode::HOST_CALL
                && matches!((*core).failure, Some(Failure::Error(_)))
                && let Some(Failure::Error(mut error)) = (*core).failure.take()
            {
                let core = &*core;
                locate(core, &mut error, || Frames::new(core, &*engine));
                let callee = NonNull::new_unchecked((*engine).callee.cast_mut());
                let func = Func::from_record(core, callee);
                let ty = core.engine.sig_type(callee.as_ref().sig);
                let step = Step::HostError(HostError { func, error });
                return (step, State::Waiting(frozen, ty));
            }
            (*core).count_end((*engine).exit);
            self.failed(engine)
        }
    }

    /// # Safety
    ///
    /// As [`Self::run`]; the guest has left for good.
    unsafe fn failed(&self, engine: *mut CallEngine) -> (Step, State) {
        // SAFETY: the caller's promises.
        let error = unsafe { run::failed(self.core(), engine, self.base()) };
        (Step::Failed(error), State::Ended)
    }

    /// # Safety
    ///
    /// As [`Self::run`].
    unsafe fn suspended(
        &self,
        engine: *mut CallEngine,
        frozen: Frozen,
        suspension: Suspension,
    ) -> (Step, State) {
        // SAFETY: the caller's promises; the callee of a host call is the head of a host function.
        unsafe {
            let core = &*self.core();
            let (stop, next) = match suspension {
                Suspension::Results(host) => {
                    let (call, ty) = host_call(core, engine, host);
                    return (Step::HostCall(call), State::Waiting(frozen, ty));
                }
                Suspension::Future(future) => {
                    let callee = NonNull::new_unchecked((*engine).callee.cast_mut());
                    let func = Func::from_record(core, callee);
                    let ty = core.engine.sig_type(callee.as_ref().sig);
                    return (Step::Future(func, future), State::Waiting(frozen, ty));
                }
                Suspension::Check(stop, more) => (stop, Next::Check(more)),
                Suspension::Builtin(stop) => {
                    let (code, ints) = ((*engine).exit_arg, (*engine).ints);
                    (stop, Next::Builtin { code, ints })
                }
            };
            if stop == Stop::Interrupted
                && !core.machine.nested
                && let Some(interrupts) = &core.interrupts
            {
                interrupts.signal.served();
            }
            (Step::Stopped(stop), State::Ready(frozen, next))
        }
    }
}

/// Tells an error where the guest is, if it shall know.
pub(crate) fn locate<'a>(core: &StoreCore, error: &mut Error, frames: impl FnOnce() -> Frames<'a>) {
    if core.engine.config().backtrace && error.backtrace().is_none() {
        error.set_backtrace(frames().collect_backtrace());
    }
}

/// What a guest asks of a suspending host function, and the function's type.
///
/// # Safety
///
/// It has just called it, with the arguments that `engine` holds.
unsafe fn host_call(
    core: &StoreCore,
    engine: *const CallEngine,
    host: NonNull<HostFunc>,
) -> (HostCall, Arc<FuncType>) {
    // SAFETY: the caller's promises; the record of a host function is its head.
    unsafe {
        let ty = core.engine.sig_type(host.as_ref().func_ref.sig);
        let mut params = Vec::with_capacity(ty.params().len());
        host::read_values(engine, Places::params(), ty.params(), |ty, cells| {
            params.push(Val::from_cells(ty, cells, core));
        });
        let call = HostCall {
            func: Func::from_record(core, host.cast()),
            name: host::name(host),
            params,
        };
        (call, ty)
    }
}
