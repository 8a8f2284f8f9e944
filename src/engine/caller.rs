//! What a host function sees of the call.
#![allow(
    unsafe_code,
    reason = "the calling instance is known by its address in compiled code"
)]

use std::fmt;
use std::ptr::NonNull;

use super::context::{AsContext, AsContextMut, StoreContext, StoreContextMut};
use super::engine::Engine;
use super::extern_::Extern;
use super::instance::Instance;
use super::interrupt::InterruptHandle;
use crate::asm::abi::VmInstance;
use crate::error::Result;

/// The store, and the instance that calls: first parameter of host functions that want it.
///
/// ```
/// use pronto::{Caller, Engine, Linker};
///
/// let mut linker: Linker<u32> = Linker::new(&Engine::default());
/// linker.func_wrap("host", "count", |mut caller: Caller<'_, u32>| *caller.data_mut() += 1)?;
/// # Ok::<(), pronto::Error>(())
/// ```
pub struct Caller<'a, T: 'static> {
    store: StoreContextMut<'a, T>,
    instance: Option<NonNull<VmInstance>>,
}

// SAFETY: the instance is only read together with the store that it belongs to.
unsafe impl<T: Send> Send for Caller<'_, T> {}
// SAFETY: as above.
unsafe impl<T: Sync> Sync for Caller<'_, T> {}

impl<'a, T: 'static> Caller<'a, T> {
    /// # Safety
    ///
    /// `instance` is null or an instance of the store.
    #[inline]
    pub(crate) unsafe fn new(store: StoreContextMut<'a, T>, instance: *mut VmInstance) -> Self {
        Self {
            store,
            instance: NonNull::new(instance),
        }
    }

    /// The host's data.
    pub fn data(&self) -> &T {
        self.store.data()
    }

    /// The host's data, to change.
    pub fn data_mut(&mut self) -> &mut T {
        self.store.data_mut()
    }

    /// The engine.
    pub fn engine(&self) -> &Engine {
        self.store.engine()
    }

    /// A handle that tells whether the guest shall stop: for host functions that take long. See
    /// [`Store::interrupt_handle`](crate::Store::interrupt_handle).
    ///
    /// # Errors
    ///
    /// Without [`Config::epoch_interruption`](crate::Config::epoch_interruption).
    pub fn interrupt_handle(&self) -> Result<InterruptHandle> {
        self.store.interrupt_handle()
    }

    pub(crate) fn context(&self) -> &StoreContextMut<'a, T> {
        &self.store
    }

    pub(crate) fn context_mut(&mut self) -> &mut StoreContextMut<'a, T> {
        &mut self.store
    }

    /// The instance that calls; none if the host itself calls the function.
    pub(crate) fn instance(&self) -> Option<Instance> {
        let instance = self.instance?;
        // SAFETY: an instance of the store, which is alive.
        let index = unsafe { instance.as_ref() }.data as usize;
        Some(Instance::from_index(self.store.core(), index as u32))
    }

    /// An export of the instance that calls. `None` if it has no such export, or if the host
    /// itself calls the function.
    pub fn get_export(&self, name: &str) -> Option<Extern> {
        self.instance()?.get_export(self, name)
    }
}

impl<T: 'static> AsContext for Caller<'_, T> {
    type Data = T;

    fn as_context(&self) -> StoreContext<'_, T> {
        self.store.as_context()
    }
}

impl<T: 'static> AsContextMut for Caller<'_, T> {
    fn as_context_mut(&mut self) -> StoreContextMut<'_, T> {
        self.store.reborrow()
    }
}

impl<T: fmt::Debug> fmt::Debug for Caller<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Caller")
            .field("data", self.data())
            .finish_non_exhaustive()
    }
}
