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
