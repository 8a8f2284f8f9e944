//! Stores: everything that guests allocate, and the host's data beside it.
#![allow(
    unsafe_code,
    reason = "a store is reached through a raw pointer, since compiled code holds one as well"
)]

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::num::NonZeroU64;
use std::ptr::NonNull;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::context::{StoreContext, StoreContextMut};
use super::counters::StoreCounters;
use super::engine::Engine;
use super::externref::ExternTable;
use super::global::GlobalData;
use super::hook::Hook;
use super::host::HostFuncHandle;
use super::instance::InstanceData;
use super::interrupt::{DeadlineCallback, Interrupts, Signal};
use super::limits::ResourceLimiter;
use super::machine::Machine;
use super::memory::MemoryData;
use super::module::ModuleInner;
use super::run::{Failure, dispatcher};
use super::suspend::Suspension;
use super::table::TableData;
use crate::error::{Error, Result};

/// Tells stores apart. Never reused.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct StoreId(NonZeroU64);

impl StoreId {
    fn next() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let id = NEXT.fetch_add(1, Ordering::Relaxed);
        match NonZeroU64::new(id) {
            Some(id) => Self(id),
            None => unreachable!("2^64 stores were made"),
        }
    }
}

impl fmt::Debug for StoreId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "store {}", self.0)
    }
}

/// Holds instances and all that belongs to them, and data of the host.
///
/// What a store holds is freed with the store. [`Func`](crate::Func), [`Memory`](crate::Memory)
/// and their like are handles into one; they are used together with it.
///
/// A store can move to another thread between calls.
pub struct Store<T: 'static> {
    inner: NonNull<StoreInner<T>>,
}

// SAFETY: a store owns what it points to, and hands out access to it by its own borrow. What is
// not `T` has no ties to a thread: closures and external values are `Send + Sync`.
unsafe impl<T: Send> Send for Store<T> {}
// SAFETY: as above; shared access only reads.
unsafe impl<T: Sync> Sync for Store<T> {}

type Limiter<T> = Box<dyn (FnMut(&mut T) -> &mut dyn ResourceLimiter) + Send + Sync>;

/// # Invariants
///
/// Lives at one address until its store is dropped. While a guest runs, no reference to it
/// exists; host functions make short-lived ones through [`StoreContextMut`].
#[repr(C)]
pub(crate) struct StoreInner<T: 'static> {
    pub(crate) core: StoreCore,
    pub(crate) data: T,
    pub(crate) limiter: Option<Limiter<T>>,
    /// Decides when the epoch deadline is over; none: it traps.
    pub(crate) deadline: Option<DeadlineCallback<T>>,
    /// Is told of transitions between host and guest.
    pub(crate) hook: Option<Hook<T>>,
}

/// The part of a store that does not depend on the type of its data.
pub(crate) struct StoreCore {
    pub(crate) id: StoreId,
    pub(crate) engine: Engine,
    pub(crate) machine: Machine,
    pub(crate) instances: Vec<InstanceData>,
    pub(crate) memories: Vec<MemoryData>,
    pub(crate) tables: Vec<TableData>,
    pub(crate) globals: Vec<GlobalData>,
    /// Host functions that handles or tables may refer to, by address.
    pub(crate) host_funcs: HashMap<usize, HostFuncHandle>,
    pub(crate) externs: ExternTable,
    /// Modules whose code may run here, by the end of their code.
    pub(crate) code: BTreeMap<usize, Arc<ModuleInner>>,
    /// If guests can be interrupted.
    pub(crate) interrupts: Option<Interrupts>,
    pub(crate) counters: StoreCounters,
    /// Why the dispatcher left, if the guest ends by it.
    pub(crate) failure: Option<Failure>,
    /// Why the dispatcher left, if the guest can go on.
    pub(crate) suspension: Option<Suspension>,
}

impl<T> StoreInner<T> {
    /// The core, and the limiter if there is one.
    pub(crate) fn split(&mut self) -> (&mut StoreCore, Option<&mut dyn ResourceLimiter>) {
        let limiter = match &mut self.limiter {
            Some(limiter) => Some(limiter(&mut self.data)),
            None => None,
        };
        (&mut self.core, limiter)
    }
}

impl<T: 'static> Store<T> {
    /// An empty store.
    pub fn new(engine: &Engine, data: T) -> Self {
        let id = StoreId::next();
        let signal = engine.config().interruptible;
        let signal = signal.then(|| Arc::new(Signal::new()));
        let inner = Box::new(StoreInner {
            core: StoreCore {
                id,
                machine: Machine::new(engine, dispatcher::<T>(engine), signal.clone()),
                interrupts: signal.map(|signal| Interrupts::new(engine, id, signal)),
                engine: engine.clone(),
                instances: Vec::new(),
                memories: Vec::new(),
                tables: Vec::new(),
                globals: Vec::new(),
                host_funcs: HashMap::new(),
                externs: ExternTable::default(),
                code: BTreeMap::new(),
                counters: StoreCounters::default(),
                failure: None,
                suspension: None,
            },
            data,
            limiter: None,
            deadline: None,
            hook: None,
        });
        let inner = Box::into_raw(inner);
        // SAFETY: it was just made.
        unsafe { (*inner).core.machine.set_store(inner.cast()) };
        Self {
            // SAFETY: a box is not null.
            inner: unsafe { NonNull::new_unchecked(inner) },
        }
    }

    /// The engine.
    pub fn engine(&self) -> &Engine {
        &self.inner().core.engine
    }

    /// The host's data.
    pub fn data(&self) -> &T {
        &self.inner().data
    }

    /// The host's data, to change.
    pub fn data_mut(&mut self) -> &mut T {
        &mut self.inner_mut().data
    }

    /// Drops the store and gives back the host's data.
    pub fn into_data(self) -> T {
        let inner = self.inner;
        std::mem::forget(self);
        // SAFETY: `inner` came from a box, and the store that would free it was forgotten.
        let inner = unsafe { Box::from_raw(inner.as_ptr()) };
        inner.data
    }

    /// Asks `limiter` before anything is allocated for guests.
    ///
    /// ```
    /// use pronto::{Engine, Store, StoreLimits, StoreLimitsBuilder};
    ///
    /// struct Host {
    ///     limits: StoreLimits,
    /// }
    /// let limits = StoreLimitsBuilder::new().memory_size(64 << 20).instances(1).build();
    /// let mut store = Store::new(&Engine::default(), Host { limits });
    /// store.limiter(|host| &mut host.limits);
    /// ```
    pub fn limiter(
        &mut self,
        limiter: impl (FnMut(&mut T) -> &mut dyn ResourceLimiter) + Send + Sync + 'static,
    ) {
        self.inner_mut().limiter = Some(Box::new(limiter));
    }

    pub(crate) fn inner(&self) -> &StoreInner<T> {
        // SAFETY: the store owns it, and shared borrows of the store only read.
        unsafe { self.inner.as_ref() }
    }

    pub(crate) fn inner_mut(&mut self) -> &mut StoreInner<T> {
        // SAFETY: the store owns it and is borrowed exclusively.
        unsafe { self.inner.as_mut() }
    }

    pub(crate) fn context(&self) -> StoreContext<'_, T> {
        // SAFETY: the store keeps it alive and is borrowed.
        unsafe { StoreContext::from_raw(self.inner) }
    }

    pub(crate) fn context_mut(&mut self) -> StoreContextMut<'_, T> {
        // SAFETY: the store keeps it alive and is borrowed exclusively.
        unsafe { StoreContextMut::from_raw(self.inner) }
    }
}

impl<T: 'static> Drop for Store<T> {
    fn drop(&mut self) {
        // SAFETY: it came from a box that nothing else frees.
        drop(unsafe { Box::from_raw(self.inner.as_ptr()) });
    }
}

impl<T: Default + 'static> Default for Store<T> {
    fn default() -> Self {
        Self::new(&Engine::default(), T::default())
    }
}

impl<T: fmt::Debug + 'static> fmt::Debug for Store<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store")
            .field("id", &self.inner().core.id)
            .field("data", self.data())
            .finish_non_exhaustive()
    }
}

impl StoreCore {
    /// # Errors
    ///
    /// If a handle of store `id` is not of this store.
    #[inline]
    pub(crate) fn check(&self, id: StoreId) -> Result<()> {
        if self.id == id {
            return Ok(());
        }
        Err(wrong_store())
    }

    /// # Panics
    ///
    /// If a handle of store `id` is not of this store.
    #[inline]
    pub(crate) fn assert(&self, id: StoreId) {
        assert!(self.id == id, "object used with the wrong store");
    }
}

#[cold]
pub(crate) fn wrong_store() -> Error {
    Error::msg("object used with the wrong store")
}
