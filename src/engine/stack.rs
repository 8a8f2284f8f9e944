//! The stack that guests run on.
#![allow(unsafe_code, reason = "computes addresses in a mapping")]

use super::mapping::{Mapping, page_size};
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
#[derive(Debug)]
pub(crate) struct ValueStack {
    mapping: Mapping,
    len: usize,
}

impl ValueStack {
    /// # Errors
    ///
    /// If the system has no memory.
    pub(crate) fn new(usable: usize) -> Result<Self> {
        let page = page_size();
        let len = (usable + STACK_RESERVE).next_multiple_of(page);
        let mut mapping = Mapping::reserve(len + 2 * page)?;
        mapping.commit(page..page + len)?;
        Ok(Self { mapping, len })
    }

    fn bottom(&self) -> usize {
        self.mapping.base().as_ptr() as usize + page_size()
    }

    /// Where the first frame ends.
    pub(crate) fn top(&self) -> *mut u8 {
        // SAFETY: within the mapping.
        unsafe { self.mapping.base().as_ptr().add(page_size() + self.len) }
    }

    /// For `CallEngine::stack_limit`.
    pub(crate) fn limit(&self) -> usize {
        self.bottom() + STACK_RESERVE
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_usable_down_to_the_guard() {
        let stack = ValueStack::new(10_000).unwrap();
        assert!(stack.top() as usize - stack.limit() >= 10_000);
        assert!((stack.top() as usize).is_multiple_of(16));
        for at in [stack.top().wrapping_sub(1), stack.bottom() as *mut u8] {
            // SAFETY: both are in the accessible part.
            unsafe { at.write(1) };
        }
    }
}
