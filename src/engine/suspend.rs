//! How a guest is suspended: why it stops, what is kept, and the machine on another stack.
//!
//! A guest can be suspended if no Rust function lies between it and whoever runs it as an
//! [`Execution`](crate::Execution): that one leaves a mark where `enter` keeps the host's stack
//! pointer of before, and the dispatcher looks for it.
#![allow(unsafe_code, reason = "reads and writes call engines")]

use std::ptr::NonNull;
use std::sync::atomic::Ordering::Relaxed;

use super::future::HostFuture;
use super::host::HostFunc;
use super::run::Dispatch;
use super::stack::ValueStack;
use super::store::{StoreCore, StoreInner};
use crate::asm::abi::{CallEngine, MoreCell, StackPointers, VmInstance};
use crate::error::{Result, Trap};

/// A check, or a long builtin, found that the guest shall not go on for now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    /// By an [`InterruptHandle`](crate::InterruptHandle) or at the epoch deadline.
    Interrupted,
    /// To let others run.
    Yielded,
    /// There is less fuel than what comes next costs.
    OutOfFuel,
}

impl Stop {
    /// What becomes of a guest that cannot be suspended: the trap, or `None` if it goes on.
    pub(crate) fn trap(self) -> Option<Trap> {
        match self {
            Self::Interrupted => Some(Trap::Interrupt),
            Self::Yielded => None,
            Self::OutOfFuel => Some(Trap::OutOfFuel),
        }
    }
}

/// Why the dispatcher left with a guest that can go on later.
pub(crate) enum Suspension {
    /// A suspending host function wants its results from the embedder.
    Results(NonNull<HostFunc>),
    /// An async host function has begun.
    Future(HostFuture),
    /// A check said stop, before the function took its arguments beyond registers: these are
    /// kept.
    Check(Stop, Box<[MoreCell]>),
    /// A builtin looked up on its way; what remains is in the call engine.
    Builtin(Stop),
}

/// Words of the host's frame of an activation, as far as the outer stack pointer at the most.
const FRAME: usize = 32;

/// In place of the host's frame of an activation, while the host calls its own functions.
pub(crate) static NO_FRAME: [usize; FRAME] = [0; FRAME];

/// Who runs the innermost activation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Runner {
    /// A call, whose Rust function waits for its end.
    Call,
    /// An execution.
    Execution,
    /// An execution that also waits for async host functions.
    Async,
}

impl Runner {
    /// What [`StackPointers::host`] is before the activation; no stack pointer is odd. A call with
    /// nothing before it may leave it out.
    fn mark(self) -> usize {
        match self {
            Self::Call => 0,
            Self::Execution => 1,
            Self::Async => 3,
        }
    }

    /// Calls the dispatcher as if the guest had just left to it.
    ///
    /// # Safety
    ///
    /// `engine` is in the state of such an exit.
    pub(crate) unsafe fn dispatch(self, dispatch: Dispatch, engine: *mut CallEngine) -> u32 {
        let frame = [self.mark(); FRAME];
        // SAFETY: the caller's promise; the frame lives as long as the call.
        unsafe {
            (*engine).sps.host = frame.as_ptr() as usize;
            let outcome = dispatch(engine);
            (*engine).sps.host = self.mark();
            outcome
        }
    }

    /// Whoever runs the guest that has just left.
    ///
    /// # Safety
    ///
    /// `engine` is the call engine of a store with this core, whose dispatcher runs.
    pub(crate) unsafe fn of(core: &StoreCore, engine: *const CallEngine) -> Self {
        if core.machine.on_own_stack() {
            return Self::Call;
        }
        // SAFETY: the caller's promise: `sps.host` is the host's frame of the activation.
        let outer = unsafe {
            let at = (*engine).sps.host + core.engine.thunks().outer_host_sp;
            (at as *const usize).read()
        };
        let runner = [Self::Execution, Self::Async];
        let found = runner.into_iter().find(|runner| runner.mark() == outer);
        found.unwrap_or(Self::Call)
    }
}

/// Suspends a guest that shall stop, as `suspension` says, if it can be. `None`: it goes on.
///
/// # Errors
///
/// A trap, if it cannot be suspended.
///
/// # Safety
///
/// As [`Runner::of`].
pub(crate) unsafe fn suspend_or_trap(
    core: &StoreCore,
    engine: *const CallEngine,
    stop: Stop,
    suspension: impl FnOnce() -> Suspension,
) -> Result<Option<Suspension>> {
    // SAFETY: the caller's promise.
    if unsafe { Runner::of(core, engine) } != Runner::Call {
        return Ok(Some(suspension()));
    }
    match stop.trap() {
        Some(trap) => Err(trap.into()),
        None => Ok(None),
    }
}

/// The machine of a store on the stack of an execution, until this is dropped.
pub(crate) struct Switched<T: 'static> {
    store: NonNull<StoreInner<T>>,
    engine: *mut CallEngine,
    /// What a call would have been given: null if the store has no stack yet.
    ready: *mut CallEngine,
    sps: StackPointers,
    instance: *mut VmInstance,
    top: usize,
    limit: usize,
    nested: bool,
}

impl<T: 'static> Switched<T> {
    /// Changes to `stack`, for `runner`.
    ///
    /// # Safety
    ///
    /// `store` is live and exclusively the caller's, its machine is prepared, and no guest of it
    /// runs but those that wait for this one.
    pub(crate) unsafe fn new(
        store: NonNull<StoreInner<T>>,
        stack: &ValueStack,
        runner: Runner,
    ) -> Self {
        // SAFETY: the caller's promises.
        unsafe {
            let core = &mut (*store.as_ptr()).core;
            let engine = core.machine.prepared();
            let machine = &mut core.machine;
            let outer = Self {
                store,
                engine,
                ready: machine.engine,
                sps: (*engine).sps,
                instance: (*engine).instance,
                top: machine.top(),
                limit: machine.limit,
                nested: machine.nested,
            };
            machine.nested |= outer.sps.guest != outer.top;
            machine.engine = engine;
            (*engine).sps = StackPointers {
                host: runner.mark(),
                guest: stack.top() as usize,
            };
            (*engine).instance = std::ptr::null_mut();
            set_stack(core, engine, stack.top() as usize, stack.limit());
            outer
        }
    }

    pub(crate) fn engine(&self) -> *mut CallEngine {
        self.engine
    }
}

impl<T: 'static> Drop for Switched<T> {
    fn drop(&mut self) {
        // SAFETY: the promises of `new`; the guest has left.
        unsafe {
            let core = &mut (*self.store.as_ptr()).core;
            core.machine.engine = self.ready;
            core.machine.nested = self.nested;
            (*self.engine).sps = self.sps;
            (*self.engine).instance = self.instance;
            set_stack(core, self.engine, self.top, self.limit);
        }
    }
}

/// # Safety
///
/// `engine` is that of the store.
unsafe fn set_stack(core: &mut StoreCore, engine: *mut CallEngine, top: usize, limit: usize) {
    core.machine.idle.guest = top;
    core.machine.limit = limit;
    match &core.interrupts {
        Some(interrupts) => interrupts.signal.set_limit(limit),
        // SAFETY: the caller's promise.
        None => unsafe { (*engine).stack_limit.store(limit, Relaxed) },
    }
}
