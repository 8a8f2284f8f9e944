//! The host has no memory left.

use std::error::Error as StdError;
use std::fmt;

/// The host could not allocate what a guest or a module needs. What was asked for has not
/// happened; everything else can be used as before.
///
/// Allocations whose size a module or a guest chooses end in this error. Small ones of a fixed
/// size, and those that the validator and Rust's maps make, abort the process as they do in any
/// Rust program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutOfMemory {
    what: &'static str,
    bytes: usize,
}

impl OutOfMemory {
    pub(crate) fn new(what: &'static str, bytes: usize) -> Self {
        Self { what, bytes }
    }

    /// Bytes that were asked for.
    pub fn requested_allocation_size(&self) -> usize {
        self.bytes
    }
}

impl fmt::Display for OutOfMemory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "out of memory: {}, {} bytes", self.what, self.bytes)
    }
}

impl StdError for OutOfMemory {}

/// Room for `count` more items, which `what` is about.
///
/// # Errors
///
/// If the host has no memory.
#[inline]
pub(crate) fn try_reserve<V>(
    items: &mut Vec<V>,
    count: usize,
    what: &'static str,
) -> Result<(), OutOfMemory> {
    // Apart from the common case, which is a comparison.
    #[cold]
    fn grow<V>(items: &mut Vec<V>, count: usize, what: &'static str) -> Result<(), OutOfMemory> {
        let bytes = items
            .len()
            .saturating_add(count)
            .saturating_mul(size_of::<V>());
        let grown = items.try_reserve(count);
        grown.map_err(|_| OutOfMemory::new(what, bytes))
    }
    if items.capacity() - items.len() >= count {
        return Ok(());
    }
    grow(items, count, what)
}

/// Room for `count` items in a vector whose items are not needed any more. What it had is given
/// back first: `realloc` would copy all of it, and so touch pages that were never written.
///
/// # Errors
///
/// If the host has no memory.
pub(crate) fn try_renew<V>(
    items: &mut Vec<V>,
    count: usize,
    what: &'static str,
) -> Result<(), OutOfMemory> {
    items.clear();
    if items.capacity() < count {
        // At least twice as much, so that it happens seldom.
        let count = count.max(2 * items.capacity());
        *items = Vec::new();
        *items = try_with_capacity(count, what)?;
    }
    Ok(())
}

/// An empty vector with room for `count` items.
///
/// # Errors
///
/// If the host has no memory.
pub(crate) fn try_with_capacity<V>(
    count: usize,
    what: &'static str,
) -> Result<Vec<V>, OutOfMemory> {
    let mut items = Vec::new();
    let made = items.try_reserve_exact(count);
    made.map_err(|_| OutOfMemory::new(what, count.saturating_mul(size_of::<V>())))?;
    Ok(items)
}

/// The items in a box of their own.
///
/// # Errors
///
/// If the host has no memory.
pub(crate) fn try_box<V: Clone>(items: &[V], what: &'static str) -> Result<Box<[V]>, OutOfMemory> {
    let mut copy = try_with_capacity(items.len(), what)?;
    copy.extend_from_slice(items);
    Ok(copy.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_renewed_list_is_empty_and_has_room() {
        let mut items = vec![1u8, 2, 3];
        let capacity = items.capacity();
        assert_eq!(try_renew(&mut items, capacity, "items"), Ok(()));
        assert_eq!((items.len(), items.capacity()), (0, capacity));
        items.push(4);
        assert_eq!(try_renew(&mut items, capacity + 1, "items"), Ok(()));
        assert!(items.is_empty() && items.capacity() >= 2 * capacity);
    }

    #[test]
    fn a_list_that_cannot_be_renewed_can_be_used_again() {
        let mut items = vec![1u64];
        let refused = try_renew(&mut items, usize::MAX / 16, "items").unwrap_err();
        assert_eq!(refused.requested_allocation_size(), usize::MAX / 16 * 8);
        assert!(items.is_empty());
        assert_eq!(try_renew(&mut items, 1, "items"), Ok(()));
    }
}
