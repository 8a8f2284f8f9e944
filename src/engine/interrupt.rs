//! Interruption: other threads ask a store's guest to stop, and the store decides what follows.
//!
//! Whoever asks raises two words of the call engine: the stack limit, which every function that
//! calls others compares with anyway, and a flag that the heads of loops read. What was asked is
//! found behind a lock when the guest leaves to the dispatcher.
#![allow(unsafe_code, reason = "writes to call engines of other threads")]

use std::collections::BTreeMap;
use std::fmt;
use std::ptr::NonNull;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::backtrace::Frames;
use super::context::StoreContextMut;
use super::engine::Engine;
use super::store::{Store, StoreId, StoreInner};
use super::suspend::{Stop, Suspension, suspend_or_trap};
use crate::asm::abi::{CallEngine, ExitCode, MoreCell};
use crate::error::{Error, Result, Trap};

/// What a guest does that has reached its store's epoch deadline; see
/// [`Store::epoch_deadline_callback`](crate::Store::epoch_deadline_callback).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum UpdateDeadline {
    /// It goes on; the next deadline is so many ticks after the current epoch. 0: it is over at
    /// once, so that the next loop or call asks again.
    Continue(u64),
    /// It lets others run, and then goes on as with `Continue`: [`Execution::run`] returns
    /// [`Exit::Yielded`], and an async call gives way to other tasks. A guest that cannot be
    /// suspended goes on at once.
    ///
    /// [`Execution::run`]: crate::Execution::run
    /// [`Exit::Yielded`]: crate::Exit::Yielded
    Yield(u64),
    /// It is stopped: by [`Trap::Interrupt`], or as [`Exit::Interrupted`](crate::Exit::Interrupted).
    Interrupt,
}

/// Stops the guest of one store, from any thread: see
/// [`Store::interrupt_handle`](crate::Store::interrupt_handle).
///
/// A request stays until it is served: by the guest that runs, which is stopped by
/// [`Trap::Interrupt`], or else by the next that runs. It ends the outermost call, with every call
/// that the guest and the host have made within it. An [`Execution`](crate::Execution) is not
/// ended: it returns [`Exit::Interrupted`](crate::Exit::Interrupted), and can go on.
#[derive(Clone)]
pub struct InterruptHandle {
    signal: Arc<Signal>,
}

impl InterruptHandle {
    pub(crate) fn new(signal: Arc<Signal>) -> Self {
        Self { signal }
    }

    /// Asks the guest to stop. Does nothing if the store is gone.
    pub fn interrupt(&self) {
        self.signal.raise(|asked| asked.interrupt = true);
    }

    /// Takes a request back that was not served yet.
    pub fn clear(&self) {
        self.signal.lower(|asked| asked.interrupt = false);
    }

    /// Whether a request waits to be served. Host functions that take long ask now and then, and
    /// return early.
    pub fn is_interrupted(&self) -> bool {
        self.signal.lock().asked.interrupt
    }

    /// Waits for a request, at most so long: for host functions that would sleep. Whether there is
    /// one.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use pronto::{Config, Engine, Store};
    ///
    /// let engine = Engine::new(Config::new().epoch_interruption(true))?;
    /// let handle = Store::new(&engine, ()).interrupt_handle()?;
    /// assert!(!handle.wait(Duration::from_millis(1)));
    /// handle.interrupt();
    /// assert!(handle.wait(Duration::from_secs(3600)));
    /// # Ok::<(), pronto::Error>(())
    /// ```
    pub fn wait(&self, duration: Duration) -> bool {
        let end = Instant::now().checked_add(duration);
        let mut state = self.signal.lock();
        while !state.asked.interrupt {
            // A wait that has no end in this clock takes years at a time.
            let left = end.map_or(Duration::from_secs(1 << 25), |end| {
                end.saturating_duration_since(Instant::now())
            });
            if left.is_zero() {
                return false;
            }
            let waited = self.signal.raised.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        true
    }
}

impl fmt::Debug for InterruptHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InterruptHandle")
            .field("interrupted", &self.is_interrupted())
            .finish()
    }
}

/// What was asked and not served yet.
#[derive(Clone, Copy, Default)]
struct Asked {
    interrupt: bool,
    /// The deadline is over.
    epoch: bool,
}

impl Asked {
    fn any(self) -> bool {
        self.interrupt || self.epoch
    }
}

/// The words of a call engine that other threads write.
///
/// # Invariants
///
/// They are alive while the [`Signal`] refers to them.
#[derive(Clone, Copy)]
struct Words {
    limit: NonNull<AtomicUsize>,
    flag: NonNull<AtomicUsize>,
}

// SAFETY: both are atomic.
unsafe impl Send for Words {}

struct State {
    asked: Asked,
    /// Of the store's call engine, while it has one.
    words: Option<Words>,
    /// The stack limit when nothing is asked.
    limit: usize,
}

/// Where a store hears of requests.
pub(crate) struct Signal {
    state: Mutex<State>,
    raised: Condvar,
}

impl Signal {
    pub(crate) fn new() -> Self {
        Self {
            state: Mutex::new(State {
                asked: Asked::default(),
                words: None,
                limit: 0,
            }),
            raised: Condvar::new(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn raise(&self, ask: impl FnOnce(&mut Asked)) {
        let mut state = self.lock();
        ask(&mut state.asked);
        state.publish();
        drop(state);
        self.raised.notify_all();
    }

    fn lower(&self, serve: impl FnOnce(&mut Asked)) {
        let mut state = self.lock();
        serve(&mut state.asked);
        state.publish();
    }

    /// Makes requests reach a call engine.
    ///
    /// # Safety
    ///
    /// `engine` is alive until [`Self::detach`].
    pub(crate) unsafe fn attach(&self, engine: *mut CallEngine) {
        // SAFETY: the caller's promise.
        let (words_limit, flag) =
            unsafe { (&raw mut (*engine).stack_limit, &raw mut (*engine).interrupt) };
        let words = NonNull::new(words_limit).zip(NonNull::new(flag));
        let mut state = self.lock();
        state.words = words.map(|(limit, flag)| Words { limit, flag });
        state.publish();
    }

    /// The call engine runs on a stack that ends there.
    pub(crate) fn set_limit(&self, limit: usize) {
        let mut state = self.lock();
        state.limit = limit;
        state.publish();
    }

    pub(crate) fn detach(&self) {
        self.lock().words = None;
    }

    /// The outermost call has ended, or stopped: a request to stop it is served.
    pub(crate) fn served(&self) {
        self.lower(|asked| asked.interrupt = false);
    }
}

impl State {
    /// Tells the guest whether something is asked.
    fn publish(&self) {
        let Some(Words { limit, flag }) = self.words else {
            return;
        };
        let any = self.asked.any();
        let (new_limit, new_flag) = if any {
            (usize::MAX, usize::MAX)
        } else {
            (self.limit, 0)
        };
        // SAFETY: the type's invariants.
        unsafe {
            limit.as_ref().store(new_limit, Relaxed);
            flag.as_ref().store(new_flag, Relaxed);
        }
    }
}

/// The engine's epoch, and the stores that wait for one.
#[derive(Default)]
pub(crate) struct Epochs(Mutex<Waiting>);

#[derive(Default)]
struct Waiting {
    now: u64,
    stores: BTreeMap<(u64, StoreId), Arc<Signal>>,
}

impl Epochs {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next epoch: tells the stores whose deadline it is.
    pub(crate) fn increment(&self) {
        let mut waiting = self.lock();
        let waiting = &mut *waiting;
        waiting.now += 1;
        while let Some(entry) = waiting.stores.first_entry()
            && entry.key().0 <= waiting.now
        {
            let signal = entry.remove();
            signal.raise(|asked| asked.epoch = true);
        }
    }
}

/// A store's side of interruption.
pub(crate) struct Interrupts {
    pub(crate) signal: Arc<Signal>,
    engine: Engine,
    store: StoreId,
    deadline: Option<u64>,
}

impl Interrupts {
    pub(crate) fn new(engine: &Engine, store: StoreId, signal: Arc<Signal>) -> Self {
        Self {
            signal,
            engine: engine.clone(),
            store,
            deadline: None,
        }
    }

    /// Sets the deadline, in ticks from now.
    pub(crate) fn set_deadline(&mut self, ticks: u64) {
        let mut waiting = self.engine.epochs().lock();
        if let Some(deadline) = self.deadline {
            waiting.stores.remove(&(deadline, self.store));
        }
        let deadline = waiting.now.saturating_add(ticks);
        self.deadline = Some(deadline);
        if ticks == 0 {
            return self.signal.raise(|asked| asked.epoch = true);
        }
        let key = (deadline, self.store);
        waiting.stores.insert(key, self.signal.clone());
        self.signal.lower(|asked| asked.epoch = false);
    }
}

impl Drop for Interrupts {
    fn drop(&mut self) {
        if let Some(deadline) = self.deadline {
            let mut waiting = self.engine.epochs().lock();
            waiting.stores.remove(&(deadline, self.store));
        }
    }
}

/// Decides what a guest does that has reached its store's deadline.
pub(crate) type DeadlineCallback<T> =
    Box<dyn FnMut(StoreContextMut<'_, T>) -> Result<UpdateDeadline> + Send + Sync>;

/// Serves what other threads ask of a guest. It is not looked at again before the guest runs.
///
/// # Errors
///
/// What the callback says.
///
/// # Safety
///
/// `store` is live, nothing refers to it, and its guest has left.
pub(crate) unsafe fn serve<T: 'static>(store: NonNull<StoreInner<T>>) -> Result<Option<Stop>> {
    // SAFETY: the caller's promise.
    let inner = unsafe { &mut *store.as_ptr() };
    let Some(interrupts) = &inner.core.interrupts else {
        return Ok(None);
    };
    let asked = interrupts.signal.lock().asked;
    if asked.interrupt {
        return Ok(Some(Stop::Interrupted));
    }
    if !asked.epoch {
        return Ok(None);
    }
    // Taken out, since it may reach the store.
    let Some(mut callback) = inner.deadline.take() else {
        return Ok(Some(Stop::Interrupted));
    };
    // SAFETY: as above; no reference is left.
    let update = callback(unsafe { StoreContextMut::from_raw(store) });
    // SAFETY: the callback has ended.
    let inner = unsafe { &mut *store.as_ptr() };
    inner.deadline.get_or_insert(callback);
    let (ticks, stop) = match update? {
        UpdateDeadline::Interrupt => return Ok(Some(Stop::Interrupted)),
        UpdateDeadline::Continue(ticks) => (ticks, None),
        UpdateDeadline::Yield(ticks) => (ticks, Some(Stop::Yielded)),
    };
    if let Some(interrupts) = &mut inner.core.interrupts {
        interrupts.set_deadline(ticks);
    }
    Ok(stop)
}

/// Serves the exit of a check.
///
/// # Errors
///
/// As [`serve`]; a trap, if the stack is full or the guest cannot be suspended.
///
/// # Safety
///
/// As [`serve`]; the exit was a check of `engine`, which is the store's.
pub(crate) unsafe fn serve_check<T: 'static>(
    store: NonNull<StoreInner<T>>,
    engine: *mut CallEngine,
) -> Result<Option<Suspension>> {
    // SAFETY: the caller's promises.
    unsafe {
        let core = &(*store.as_ptr()).core;
        let mut more = 0;
        if (*engine).exit == ExitCode::CHECK_ENTRY {
            let frame = Frames::new(core, &*engine).next();
            match frame.filter(|frame| !frame.overflows(core.machine.limit())) {
                Some(frame) => more = frame.more_params(),
                None => return Err(Trap::StackOverflow.into()),
            }
        }
        // The function has not taken its parameters yet, and the callback may call others.
        let more: Box<[MoreCell]> = (&(*engine).more)[..more].into();
        let stop = serve(store)?;
        (&mut (*engine).more)[..more.len()].copy_from_slice(&more);
        let Some(stop) = stop else { return Ok(None) };
        let core = &(*store.as_ptr()).core;
        suspend_or_trap(core, engine, stop, || Suspension::Check(stop, more))
    }
}

/// What a store, borrowed or not, says of interruption.
macro_rules! store_methods {
    () => {
        /// Sets the epoch deadline: a guest that runs when the engine's epoch is so many ticks
        /// beyond the current one is stopped by [`Trap::Interrupt`], or what
        /// [`Store::epoch_deadline_callback`](crate::Store::epoch_deadline_callback) says. A
        /// deadline that is over stays so until the next is set; a new store has none.
        ///
        /// # Panics
        ///
        /// Without [`Config::epoch_interruption`](crate::Config::epoch_interruption).
        pub fn set_epoch_deadline(&mut self, ticks_beyond_current: u64) {
            match &mut self.inner_mut().core.interrupts {
                Some(interrupts) => interrupts.set_deadline(ticks_beyond_current),
                None => panic!("{}", not_configured()),
            }
        }

        /// A guest that reaches the epoch deadline is stopped by [`Trap::Interrupt`], which is the
        /// default.
        pub fn epoch_deadline_trap(&mut self) {
            self.inner_mut().deadline = None;
        }

        /// A handle that stops this store's guest from any thread.
        ///
        /// # Errors
        ///
        /// Without [`Config::epoch_interruption`](crate::Config::epoch_interruption), which makes
        /// code that can be stopped.
        pub fn interrupt_handle(&self) -> Result<InterruptHandle> {
            let interrupts = self.inner().core.interrupts.as_ref();
            let interrupts = interrupts.ok_or_else(not_configured)?;
            Ok(InterruptHandle::new(interrupts.signal.clone()))
        }
    };
}

impl<T: 'static> Store<T> {
    store_methods!();

    /// Asks `callback` what a guest does that reaches the epoch deadline. It is called on the
    /// guest's thread, with the store; a guest that it calls itself is not interrupted by that
    /// deadline only if it sets the next one first.
    ///
    /// ```
    /// use pronto::{Config, Engine, Store, UpdateDeadline};
    ///
    /// let engine = Engine::new(Config::new().epoch_interruption(true))?;
    /// let mut store = Store::new(&engine, 10);
    /// store.set_epoch_deadline(1);
    /// store.epoch_deadline_callback(|mut store| {
    ///     *store.data_mut() -= 1;
    ///     Ok(match *store.data() {
    ///         0 => UpdateDeadline::Interrupt,
    ///         _ => UpdateDeadline::Continue(1),
    ///     })
    /// });
    /// # Ok::<(), pronto::Error>(())
    /// ```
    pub fn epoch_deadline_callback(
        &mut self,
        callback: impl FnMut(StoreContextMut<'_, T>) -> Result<UpdateDeadline> + Send + Sync + 'static,
    ) {
        self.inner_mut().deadline = Some(Box::new(callback));
    }

    /// Makes a guest that reaches the epoch deadline let others run, and go on until the next
    /// deadline, `delta` ticks later: see [`UpdateDeadline::Yield`].
    pub fn epoch_deadline_async_yield_and_update(&mut self, delta: u64) {
        self.epoch_deadline_callback(move |_| Ok(UpdateDeadline::Yield(delta)));
    }
}

impl<T: 'static> StoreContextMut<'_, T> {
    store_methods!();
}

#[cold]
fn not_configured() -> Error {
    Error::msg("interruption needs `Config::epoch_interruption`")
}
