//! What a store needs to run guests: a call engine, a stack, and the thunks.
#![allow(unsafe_code, reason = "owns a call engine that compiled code works on")]

use std::alloc::{Layout, alloc};
use std::mem::offset_of;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use super::engine::Engine;
use super::fuel::Tank;
use super::interrupt::Signal;
use super::run::{Activation, Dispatch, dispatches_all};
use super::stack::ValueStack;
use crate::asm::abi::{CallEngine, Enter, EnterDirect, Resume, StackPointers};
use crate::error::{OutOfMemory, Result};

/// What a store needs to run guests. The call engine is made when it is first needed, the stack at
/// the first call; executions bring their own.
///
/// # Invariants
///
/// `state` is null or owned by this. `engine` is null, or `state` set up to run on the stack from
/// `top` to `limit`: on `stack`, or on that of the execution that runs. `plain` and
/// `metered` are null, or `state` while there is a stack.
pub(crate) struct Machine {
    pub(super) engine: *mut CallEngine,
    /// `engine`, if guests do not pay, and no hook is told of their calls.
    pub(super) plain: *mut CallEngine,
    /// `engine`, if guests pay, and no hook is told.
    pub(super) metered: *mut CallEngine,
    pub(super) state: *mut CallEngine,
    pub(super) enter: Enter,
    pub(super) enter_ints: Enter,
    pub(super) enter_direct: EnterDirect,
    pub(super) resume: Resume,
    stack: Option<ValueStack>,
    /// Where the first activation of `stack` lies, which is always the same.
    pub(super) base: usize,
    /// While nobody runs anything: 0, and the top of the stack in use.
    pub(super) idle: StackPointers,
    /// Of that stack.
    pub(super) limit: usize,
    /// That stack is an execution's, which a host function runs that a guest has called.
    pub(super) nested: bool,
    pub(super) dispatch: Dispatch,
    /// See [`CallEngine::dispatch_all`].
    dispatch_all: bool,
    /// The thunks are not the engine's.
    hooked: bool,
    /// The `StoreInner` that this is part of.
    store: *mut (),
    /// Told of the call engine, if guests can be interrupted.
    signal: Option<Arc<Signal>>,
    pub(super) tank: Tank,
}

// SAFETY: it owns what it points to.
unsafe impl Send for Machine {}
// SAFETY: shared access only reads.
unsafe impl Sync for Machine {}

impl Machine {
    pub(crate) fn new(engine: &Engine, dispatch: Dispatch, signal: Option<Arc<Signal>>) -> Self {
        Self {
            engine: std::ptr::null_mut(),
            plain: std::ptr::null_mut(),
            metered: std::ptr::null_mut(),
            state: std::ptr::null_mut(),
            enter: engine.thunks().enter,
            enter_ints: engine.thunks().enter_ints,
            enter_direct: engine.thunks().enter_direct,
            resume: engine.thunks().resume,
            stack: None,
            base: 0,
            idle: StackPointers::default(),
            limit: 0,
            nested: false,
            dispatch,
            dispatch_all: dispatches_all(engine.config()),
            hooked: false,
            store: std::ptr::null_mut(),
            signal,
            tank: Tank::default(),
        }
    }

    /// Tells it where the store is that it is part of, before the first call.
    pub(crate) fn set_store(&mut self, store: *mut ()) {
        self.store = store;
    }

    /// The call engine.
    ///
    /// # Errors
    ///
    /// If there is no memory for a stack.
    #[inline]
    pub(crate) fn engine(&mut self, engine: &Engine) -> Result<*mut CallEngine> {
        if self.engine.is_null() {
            self.set_up(engine)?;
        }
        Ok(self.engine)
    }

    #[cold]
    fn set_up(&mut self, engine: &Engine) -> Result<()> {
        let stack = ValueStack::new(engine.config().max_wasm_stack, engine.pool())?;
        let state = self.prepare(engine)?;
        self.idle.guest = stack.top() as usize;
        self.limit = stack.limit();
        self.base = self.top() - size_of::<Activation>();
        // SAFETY: owned by this, and no guest runs.
        unsafe {
            (*state).sps = self.idle;
            (self.base as *mut Activation).write(Activation {
                guest_sp: self.top(),
                instance: std::ptr::null_mut(),
            });
        }
        match &self.signal {
            Some(signal) => signal.set_limit(self.limit),
            // SAFETY: as above.
            None => unsafe { (*state).stack_limit.store(self.limit, Relaxed) },
        }
        self.stack = Some(stack);
        self.engine = state;
        match (self.hooked, engine.config().consume_fuel) {
            (false, false) => self.plain = state,
            (false, true) => self.metered = state,
            (true, _) => {}
        }
        Ok(())
    }

    /// The call engine, though there may be no stack for it.
    ///
    /// # Errors
    ///
    /// If there is no memory.
    pub(super) fn prepare(&mut self, engine: &Engine) -> Result<*mut CallEngine> {
        if !self.state.is_null() {
            return Ok(self.state);
        }
        let thunks = engine.thunks();
        let layout = Layout::new::<CallEngine>();
        // SAFETY: of this layout; zeros, and nothing in `more`, are a call engine: integers and null
        // pointers.
        let mut state = unsafe {
            let state = alloc(layout);
            if state.is_null() {
                return Err(OutOfMemory::new("a store's call engine", layout.size()).into());
            }
            state.write_bytes(0, offset_of!(CallEngine, more));
            Box::from_raw(state.cast::<CallEngine>())
        };
        state.dispatch = self.dispatch as usize;
        state.dispatch_all = self.dispatch_all.into();
        state.store = self.store;
        state.builtin = thunks.builtin;
        state.listener = thunks.listener;
        state.check = thunks.check;
        state.traps = thunks.traps;
        state.fuel = self.tank.first;
        self.state = Box::into_raw(state);
        if let Some(signal) = &self.signal {
            // SAFETY: detached before it is freed.
            unsafe { signal.attach(self.state) };
        }
        Ok(self.state)
    }

    /// The call engine, which was [prepared](Self::prepare).
    pub(super) fn prepared(&self) -> *mut CallEngine {
        debug_assert!(!self.state.is_null());
        self.state
    }

    /// Puts functions in the place of the engine's thunks, and shows the dispatcher every host call.
    pub(super) fn set_thunks(
        &mut self,
        enter: Enter,
        enter_ints: Enter,
        enter_direct: EnterDirect,
        resume: Resume,
        dispatch: Dispatch,
    ) {
        self.hooked = true;
        self.plain = std::ptr::null_mut();
        self.metered = std::ptr::null_mut();
        self.enter = enter;
        self.enter_ints = enter_ints;
        self.enter_direct = enter_direct;
        self.resume = resume;
        self.dispatch = dispatch;
        self.dispatch_all = true;
        if !self.state.is_null() {
            // SAFETY: owned by this, and no guest runs.
            unsafe {
                (*self.state).dispatch = dispatch as usize;
                (*self.state).dispatch_all = 1;
            }
        }
    }

    /// Whether the stack in use is the store's own, on which no execution runs.
    pub(super) fn on_own_stack(&self) -> bool {
        self.stack
            .as_ref()
            .is_some_and(|stack| stack.top() as usize == self.top())
    }

    /// Where the stack is full.
    pub(crate) fn limit(&self) -> usize {
        self.limit
    }

    /// The stack's top.
    pub(crate) fn top(&self) -> usize {
        self.idle.guest
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        if !self.state.is_null() {
            if let Some(signal) = &self.signal {
                signal.detach();
            }
            // SAFETY: it came from a box, and no guest runs.
            drop(unsafe { Box::from_raw(self.state) });
        }
    }
}
