//! The buffer that records are written to.

use std::ops::{Deref, Range};

use super::op::Op;
use crate::error::{OutOfMemory, try_renew, try_reserve};

const WHAT: &str = "a function's records";

/// A record, and the offset in the module of the operator behind it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Record {
    pub(crate) op: Op,
    pub(crate) pos: u32,
}

/// The records of one function, and before them those of functions that are still to be emitted.
/// These end with jumps, which are never taken back or changed, so that nobody sees more of them.
///
/// The buffer stays from function to function, and behind `len` are records of earlier ones. So
/// writing one is an index that is checked, and no call: what [`Vec::push`] does on the way to a
/// larger buffer would cost every visitor that inlines it the registers for it.
#[derive(Debug, Default)]
pub(crate) struct Records {
    buffer: Vec<Record>,
    /// Where those end that are kept, and the function begins.
    kept: usize,
    len: usize,
}

impl Deref for Records {
    type Target = [Record];

    #[inline]
    fn deref(&self) -> &[Record] {
        &self.buffer[self.kept..self.len]
    }
}

impl Records {
    /// Forgets what is not kept, and makes room for the records that a body of so many bytes
    /// usually has. What is not written costs nothing; a buffer that grows is copied.
    ///
    /// # Errors
    ///
    /// If the host has no memory.
    pub(super) fn start(&mut self, bytes: usize) -> Result<(), OutOfMemory> {
        /// Records that there is memory for at once: those of most functions.
        const FIRST: usize = 2048;
        const BYTES_PER_RECORD: usize = 2;
        self.len = self.kept;
        let usual = FIRST.max(bytes / BYTES_PER_RECORD);
        // What earlier functions wrote need not be written again.
        if self.kept == 0 && self.buffer.capacity() < usual {
            try_renew(&mut self.buffer, usual, WHAT)?;
        }
        Ok(())
    }

    /// Keeps the records of the function, which is at its end. Returns where they are.
    pub(super) fn keep(&mut self) -> Range<usize> {
        debug_assert!(
            matches!(
                self.last(1),
                Some(Op::Return | Op::Unreachable | Op::Br(_) | Op::BrTable { .. })
            ),
            "a function ends with a jump"
        );
        let start = std::mem::replace(&mut self.kept, self.len);
        start..self.len
    }

    pub(super) fn kept(&self, at: Range<usize>) -> &[Record] {
        &self.buffer[at]
    }

    /// Keeps none.
    pub(super) fn forget(&mut self) {
        self.kept = 0;
    }

    /// Makes room for `count` more, which [`Self::push`] relies on.
    ///
    /// # Errors
    ///
    /// If the host has no memory.
    #[inline]
    pub(super) fn reserve(&mut self, count: usize) -> Result<(), OutOfMemory> {
        if self.buffer.len() - self.len < count {
            return self.grow(count);
        }
        Ok(())
    }

    #[cold]
    fn grow(&mut self, count: usize) -> Result<(), OutOfMemory> {
        let nothing = Record {
            op: Op::Drop,
            pos: 0,
        };
        let len = self.len + count;
        let more = len.saturating_sub(self.buffer.len());
        try_reserve(&mut self.buffer, more, WHAT)?;
        // What is not needed yet is not written either: a small module's life is page faults.
        self.buffer.resize(len, nothing);
        Ok(())
    }

    #[inline(always)]
    pub(super) fn push(&mut self, op: Op, pos: u32) {
        self.buffer[self.len] = Record { op, pos };
        self.len += 1;
    }

    /// Takes back the last `count` records.
    #[inline(always)]
    pub(super) fn pop(&mut self, count: usize) {
        debug_assert!(count <= self.len - self.kept);
        self.len -= count;
    }

    /// The `nth` record from the end, counted from 1.
    #[inline(always)]
    pub(super) fn last(&self, nth: usize) -> Option<Op> {
        Some(self.buffer.get(self.len.wrapping_sub(nth))?.op)
    }

    /// The last record, with its offset.
    #[inline]
    pub(super) fn last_record(&self) -> Option<Record> {
        self.buffer.get(self.len.wrapping_sub(1)).copied()
    }

    /// The last record, to change.
    #[inline(always)]
    pub(super) fn last_mut(&mut self) -> Option<&mut Op> {
        Some(&mut self.buffer.get_mut(self.len.wrapping_sub(1))?.op)
    }

    /// Another operation in the place of a record.
    pub(super) fn replace(&mut self, at: usize, op: Op) {
        self.buffer[self.kept + at].op = op;
    }

    /// Takes back the last record but one.
    pub(super) fn pop_second(&mut self) {
        self.buffer[self.len - 2] = self.buffer[self.len - 1];
        self.len -= 1;
    }
}
