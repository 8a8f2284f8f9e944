//! A box that others may point into.
#![allow(unsafe_code, reason = "owns through a raw pointer")]

use std::ptr::NonNull;

/// Owns a value at a fixed address that compiled code and other records point to, so unlike a
/// `Box` it claims no exclusive access.
#[derive(Debug)]
pub(crate) struct Owned<V>(NonNull<V>);

// SAFETY: as a `Box`.
unsafe impl<V: Send> Send for Owned<V> {}
// SAFETY: gives out no reference.
unsafe impl<V> Sync for Owned<V> {}

impl<V> Owned<V> {
    pub(crate) fn new(value: V) -> Self {
        Self(NonNull::from(Box::leak(Box::new(value))))
    }

    pub(crate) fn ptr(&self) -> NonNull<V> {
        self.0
    }
}

impl<V> Drop for Owned<V> {
    fn drop(&mut self) {
        // SAFETY: it came from a box, and what points to it lives no longer than this.
        drop(unsafe { Box::from_raw(self.0.as_ptr()) });
    }
}
