//! Borrowed stores, as functions take and pass them.
#![allow(
    unsafe_code,
    reason = "a store is reached through a raw pointer, since compiled code holds one as well"
)]

use std::fmt;
use std::marker::PhantomData;
use std::ptr::NonNull;

use super::engine::Engine;
use super::store::{Store, StoreCore, StoreInner};

/// A shared borrow of a [`Store`].
///
/// # Invariants
///
/// `inner` is a live store for `'a`, and nothing writes to it meanwhile.
pub struct StoreContext<'a, T: 'static> {
    inner: NonNull<StoreInner<T>>,
    store: PhantomData<&'a StoreInner<T>>,
}

/// An exclusive borrow of a [`Store`].
///
/// # Invariants
///
/// `inner` is a live store for `'a`, reached only through this meanwhile, except by compiled code
/// and what that calls while a method of this runs it. It is not a reference so that no
/// reference to the store exists while the guest runs.
pub struct StoreContextMut<'a, T: 'static> {
    inner: NonNull<StoreInner<T>>,
    store: PhantomData<&'a mut StoreInner<T>>,
}

// SAFETY: as a `&Store<T>`.
unsafe impl<T: Sync> Send for StoreContext<'_, T> {}
// SAFETY: as a `&Store<T>`.
unsafe impl<T: Sync> Sync for StoreContext<'_, T> {}
// SAFETY: as a `&mut Store<T>`.
unsafe impl<T: Send> Send for StoreContextMut<'_, T> {}
// SAFETY: as a `&mut Store<T>`.
unsafe impl<T: Sync> Sync for StoreContextMut<'_, T> {}

impl<T> Clone for StoreContext<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for StoreContext<'_, T> {}

impl<'a, T> StoreContext<'a, T> {
    /// # Safety
    ///
    /// The type's invariants hold for `inner` and `'a`.
    pub(crate) unsafe fn from_raw(inner: NonNull<StoreInner<T>>) -> Self {
        Self {
            inner,
            store: PhantomData,
        }
    }

    pub(crate) fn inner(&self) -> &'a StoreInner<T> {
        // SAFETY: the type's invariants.
        unsafe { self.inner.as_ref() }
    }

    pub(crate) fn core(&self) -> &'a StoreCore {
        &self.inner().core
    }

    /// The host's data.
    pub fn data(&self) -> &'a T {
        &self.inner().data
    }

    /// The engine.
    pub fn engine(&self) -> &'a Engine {
        &self.core().engine
    }
}

impl<'a, T> StoreContextMut<'a, T> {
    /// # Safety
    ///
    /// The type's invariants hold for `inner` and `'a`.
    #[inline]
    pub(crate) unsafe fn from_raw(inner: NonNull<StoreInner<T>>) -> Self {
        Self {
            inner,
            store: PhantomData,
        }
    }

    #[inline]
    pub(crate) fn inner(&self) -> &StoreInner<T> {
        // SAFETY: the type's invariants.
        unsafe { self.inner.as_ref() }
    }

    #[inline]
    pub(crate) fn inner_mut(&mut self) -> &mut StoreInner<T> {
        // SAFETY: the type's invariants.
        unsafe { self.inner.as_mut() }
    }

    /// The store for the whole of the borrow.
    pub(crate) fn into_inner(mut self) -> &'a mut StoreInner<T> {
        // SAFETY: the type's invariants; `self` is given up.
        unsafe { self.inner.as_mut() }
    }

    #[inline]
    pub(crate) fn as_ptr(&self) -> NonNull<StoreInner<T>> {
        self.inner
    }

    #[inline]
    pub(crate) fn core(&self) -> &StoreCore {
        &self.inner().core
    }

    #[inline]
    pub(crate) fn core_mut(&mut self) -> &mut StoreCore {
        &mut self.inner_mut().core
    }

    pub(crate) fn reborrow(&mut self) -> StoreContextMut<'_, T> {
        StoreContextMut {
            inner: self.inner,
            store: PhantomData,
        }
    }

    /// The host's data.
    pub fn data(&self) -> &T {
        &self.inner().data
    }

    /// The host's data, to change.
    pub fn data_mut(&mut self) -> &mut T {
        &mut self.inner_mut().data
    }

    /// The engine.
    pub fn engine(&self) -> &Engine {
        &self.core().engine
    }
}

impl<T: fmt::Debug> fmt::Debug for StoreContext<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("StoreContext").field(self.data()).finish()
    }
}

impl<T: fmt::Debug> fmt::Debug for StoreContextMut<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("StoreContextMut").field(self.data()).finish()
    }
}

/// What gives shared access to a store: a [`Store`], a [`Caller`](crate::Caller), a context, or a
/// reference to one.
pub trait AsContext {
    /// The store's data.
    type Data: 'static;

    /// The store.
    fn as_context(&self) -> StoreContext<'_, Self::Data>;
}

/// What gives exclusive access to a store; see [`AsContext`].
pub trait AsContextMut: AsContext {
    /// The store.
    fn as_context_mut(&mut self) -> StoreContextMut<'_, Self::Data>;
}

impl<T: 'static> AsContext for Store<T> {
    type Data = T;

    #[inline]
    fn as_context(&self) -> StoreContext<'_, T> {
        self.context()
    }
}

impl<T: 'static> AsContextMut for Store<T> {
    #[inline]
    fn as_context_mut(&mut self) -> StoreContextMut<'_, T> {
        self.context_mut()
    }
}

impl<T: 'static> AsContext for StoreContext<'_, T> {
    type Data = T;

    fn as_context(&self) -> StoreContext<'_, T> {
        *self
    }
}

impl<T: 'static> AsContext for StoreContextMut<'_, T> {
    type Data = T;

    fn as_context(&self) -> StoreContext<'_, T> {
        // SAFETY: borrows `self`, which has exclusive access.
        unsafe { StoreContext::from_raw(self.inner) }
    }
}

impl<T: 'static> AsContextMut for StoreContextMut<'_, T> {
    #[inline]
    fn as_context_mut(&mut self) -> StoreContextMut<'_, T> {
        self.reborrow()
    }
}

impl<C: AsContext> AsContext for &C {
    type Data = C::Data;

    fn as_context(&self) -> StoreContext<'_, C::Data> {
        C::as_context(self)
    }
}

impl<C: AsContext> AsContext for &mut C {
    type Data = C::Data;

    fn as_context(&self) -> StoreContext<'_, C::Data> {
        C::as_context(self)
    }
}

impl<C: AsContextMut> AsContextMut for &mut C {
    #[inline]
    fn as_context_mut(&mut self) -> StoreContextMut<'_, C::Data> {
        C::as_context_mut(self)
    }
}

impl<'a, C: AsContext> From<&'a C> for StoreContext<'a, C::Data> {
    fn from(context: &'a C) -> Self {
        context.as_context()
    }
}

impl<'a, C: AsContext> From<&'a mut C> for StoreContext<'a, C::Data> {
    fn from(context: &'a mut C) -> Self {
        C::as_context(context)
    }
}

impl<'a, C: AsContextMut> From<&'a mut C> for StoreContextMut<'a, C::Data> {
    fn from(context: &'a mut C) -> Self {
        context.as_context_mut()
    }
}
