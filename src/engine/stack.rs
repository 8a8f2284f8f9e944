//! The stack that guests run on.
#![allow(unsafe_code, reason = "a stack moves between threads with its store")]

use super::mapping::{Mapping, page_size};
use super::pool::PoolRef;
use crate::asm::abi::STACK_RESERVE;
use crate::error::Result;

/// A stack with a guard page at each end.
///
/// ```text
///   top      16-aligned
///   ...      usable by frames
///   limit    frames may not reach below; STACK_RESERVE bytes for what does not ask
///   guard
/// ```
pub(crate) struct ValueStack {
    /// `None` once it has gone back to the pool.
    mapping: Option<Mapping>,
    bottom: *mut u8,
    len: usize,
    pool: PoolRef,
}

// SAFETY: it owns the pages.
unsafe impl Send for ValueStack {}
// SAFETY: gives out addresses only.
unsafe impl Sync for ValueStack {}

impl ValueStack {
    /// # Errors
    ///
    /// If the system has no memory.
    pub(crate) fn new(usable: usize, pool: &PoolRef) -> Result<Self> {
        let page = page_size();
        let len = (usable + STACK_RESERVE).next_multiple_of(page);
        let mapping = pool.stack(len + 2 * page)?;
        Ok(Self {
            bottom: mapping.base().as_ptr().wrapping_add(page),
            mapping: Some(mapping),
            len,
            pool: pool.clone(),
        })
    }

    /// Where the first frame ends.
    pub(crate) fn top(&self) -> *mut u8 {
        self.bottom.wrapping_add(self.len)
    }

    /// For `CallEngine::stack_limit`.
    pub(crate) fn limit(&self) -> usize {
        self.bottom as usize + STACK_RESERVE
    }
}

impl Drop for ValueStack {
    fn drop(&mut self) {
        if let Some(mapping) = self.mapping.take() {
            self.pool.keep_stack(mapping);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_usable_down_to_the_guard() {
        let stack = ValueStack::new(10_000, &PoolRef::default()).unwrap();
        assert!(stack.top() as usize - stack.limit() >= 10_000);
        assert!((stack.top() as usize).is_multiple_of(16));
        for at in [stack.top().wrapping_sub(1), stack.bottom] {
            // SAFETY: both are in the accessible part.
            unsafe { at.write(1) };
        }
    }
}
