//! The code buffer that `dynasm!` writes to, with labels, fix-ups, trap sites and relocations.
//!
//! One buffer holds one function at a time, hot in cache; the driver appends each finished
//! function to the module's code. Labels are numbers: binding stores an offset, and the fix-ups
//! are patched in one go at the end of the function.
#![allow(
    unsafe_code,
    reason = "bytes are written through a raw pointer: reserve() bounds them"
)]

use super::abi::TrapCode;
use super::sites::Sites;
use crate::error::{OutOfMemory, try_renew, try_reserve};

/// A place in the code of the current function, bound or not yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct CodeLabel(pub(crate) u32);

/// What code is aligned to at most: a cache line.
pub(crate) const LINE: usize = 64;

/// Bytes that may be written after one [`CodeBuf::reserve`].
pub(crate) const RESERVE: usize = 512;

/// Bytes of a new buffer.
const FIRST: usize = 64 * 1024;

const UNBOUND: u32 = u32::MAX;

const WHAT: &str = "a function's code";

/// A field of an instruction that waits for a label. What `kind` means is the backend's affair.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fixup {
    pub(crate) pos: u32,
    pub(crate) label: CodeLabel,
    pub(crate) kind: u8,
}

/// A trap that is raised out of line, after the function's body.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ColdTrap {
    pub(crate) label: CodeLabel,
    pub(crate) trap: TrapCode,
    /// Offset in the module of the operator that traps.
    pub(crate) wasm_pos: u32,
}

/// A direct call that waits for its callee's place.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reloc {
    /// Offset of the field to patch.
    pub(crate) pos: u32,
    /// Index of the function that is called.
    pub(crate) func: u32,
}

/// Ties a code offset to an offset in the module, for backtraces: the address after a call or
/// after a trap's site, or that of a memory access that may fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Site {
    pub(crate) code: u32,
    pub(crate) wasm: u32,
}

/// # Invariants
///
/// `cur` points into the allocation that this buffer owns as `bytes`, whose length is 0. At `full`
/// [`RESERVE`] bytes are left in it; before the first function it is null. Between two calls of
/// [`Self::reserve`] at most [`RESERVE`] bytes are written. If there is no memory for more, what is in the buffer means nothing:
/// emitters, which cannot fail, write over its end.
///
/// What most instructions need comes first, as in [`State`](super::compile::State).
#[derive(Debug)]
#[repr(C)]
pub(crate) struct CodeBuf {
    cur: *mut u8,
    full: *mut u8,
    bytes: Vec<u8>,
    /// Offset in the module of the operator being emitted.
    pub(crate) wasm_pos: u32,
    /// Where a label was bound last, to which code may come from elsewhere.
    bound: u32,
    labels: Vec<u32>,
    pub(crate) fixups: Vec<Fixup>,
    pub(crate) sites: Sites,
    pub(crate) colds: Vec<ColdTrap>,
    pub(crate) relocs: Vec<Reloc>,
    /// Records, and labels with targets, that the lists have room for at least.
    room: (usize, usize),
    /// What the first byte is to be aligned to, at most [`LINE`].
    pub(crate) alignment: u32,
    /// Bytes that there was no memory for.
    exhausted: Option<usize>,
}

// SAFETY: `cur` and `full` point into `bytes`, which the buffer owns.
unsafe impl Send for CodeBuf {}

impl CodeBuf {
    pub(crate) fn new() -> Self {
        let mut bytes = Vec::new();
        Self {
            cur: bytes.as_mut_ptr(),
            full: std::ptr::null_mut(),
            bytes,
            labels: Vec::new(),
            room: (0, 0),
            bound: UNBOUND,
            fixups: Vec::new(),
            colds: Vec::new(),
            relocs: Vec::new(),
            sites: Sites::new(),
            alignment: 1,
            wasm_pos: 0,
            exhausted: None,
        }
    }

    /// Forgets the function that the buffer held.
    pub(crate) fn clear(&mut self) {
        self.cur = self.bytes.as_mut_ptr();
        self.reserve();
        self.exhausted = None;
        self.labels.clear();
        self.fixups.clear();
        self.colds.clear();
        self.relocs.clear();
        self.alignment = 1;
        self.bound = UNBOUND;
        self.sites.start(0);
    }

    /// Makes room for what a function of so many records, labels and targets of `br_table`s usually
    /// needs, beside its code. [`Self::clear`] is to follow.
    ///
    /// # Errors
    ///
    /// If the host has no memory.
    pub(crate) fn make_room(
        &mut self,
        records: usize,
        labels: usize,
        targets: usize,
    ) -> Result<(), OutOfMemory> {
        let (most, more) = self.room;
        if records > most || labels + targets > more {
            self.renew_lists(records.max(most), more.max(labels + targets))?;
        }
        Ok(())
    }

    #[cold]
    fn renew_lists(&mut self, records: usize, labels: usize) -> Result<(), OutOfMemory> {
        // If it fails, some lists have none.
        self.room = (0, 0);
        if self.bytes.capacity() == 0 {
            try_reserve(&mut self.bytes, FIRST, WHAT)?;
            self.cur = self.bytes.as_mut_ptr();
            self.full = full(&mut self.bytes);
        }
        try_renew(&mut self.labels, records + labels, WHAT)?;
        try_renew(&mut self.fixups, records + labels, WHAT)?;
        try_renew(&mut self.colds, records, WHAT)?;
        try_renew(&mut self.relocs, records, WHAT)?;
        self.sites.make_room(records)?;
        self.room = (records, labels);
        Ok(())
    }

    /// # Errors
    ///
    /// If there was no memory for the code.
    pub(crate) fn check(&self) -> Result<(), OutOfMemory> {
        match self.exhausted {
            None => Ok(()),
            Some(bytes) => Err(OutOfMemory::new(WHAT, bytes)),
        }
    }

    /// Makes room for [`RESERVE`] bytes. The shared pass calls it once per record, and before
    /// each step of a loop whose length the module chooses.
    #[inline]
    pub(crate) fn reserve(&mut self) {
        if self.cur > self.full {
            self.grow();
        }
    }

    #[cold]
    fn grow(&mut self) {
        let len = self.offset() as usize;
        // SAFETY: the first `len` bytes were written, and `len` is within the capacity.
        unsafe { self.bytes.set_len(len) };
        let more = self.bytes.capacity().max(FIRST);
        if self.exhausted.is_some() || self.bytes.try_reserve(more).is_err() {
            assert!(!self.full.is_null(), "`make_room` comes first");
            self.exhausted = Some(len + more);
            // SAFETY: shrinking.
            unsafe { self.bytes.set_len(0) };
            self.cur = self.full;
            return;
        }
        // SAFETY: `len` is within the capacity.
        self.cur = unsafe { self.bytes.as_mut_ptr().add(len) };
        // SAFETY: shrinking.
        unsafe { self.bytes.set_len(0) };
        self.full = full(&mut self.bytes);
    }

    /// Where the next byte goes, from the start of the function.
    #[inline]
    pub(crate) fn offset(&self) -> u32 {
        (self.cur as usize - self.bytes.as_ptr() as usize) as u32
    }

    /// The code so far.
    pub(crate) fn code(&self) -> &[u8] {
        // SAFETY: the first `offset` bytes were written.
        unsafe { std::slice::from_raw_parts(self.bytes.as_ptr(), self.offset() as usize) }
    }

    /// The code so far, to patch.
    pub(crate) fn code_mut(&mut self) -> &mut [u8] {
        let len = self.offset() as usize;
        // SAFETY: the first `offset` bytes were written.
        unsafe { std::slice::from_raw_parts_mut(self.bytes.as_mut_ptr(), len) }
    }

    #[inline]
    fn write<const N: usize>(&mut self, bytes: [u8; N]) {
        debug_assert!(self.offset() as usize + N <= self.bytes.capacity());
        // SAFETY: the last `reserve` left room for RESERVE bytes, and no emitter writes more.
        unsafe {
            self.cur.cast::<[u8; N]>().write_unaligned(bytes);
            self.cur = self.cur.add(N);
        }
    }

    /// Appends the lowest `len` bytes of `bits`, and leaves rubbish behind them.
    #[inline]
    pub(crate) fn put(&mut self, bits: u128, len: usize) {
        debug_assert!(len <= 16 && self.offset() as usize + 16 <= self.bytes.capacity());
        // SAFETY: as in `write`; the rubbish is within RESERVE too.
        unsafe {
            self.cur
                .cast::<[u8; 16]>()
                .write_unaligned(bits.to_le_bytes());
            self.cur = self.cur.add(len);
        }
    }

    /// Appends an instruction: `prefix` unless it is 0, then the lowest bytes of `head`, then
    /// those of `tail`, as many as are said. Leaves rubbish behind them.
    #[inline(always)]
    pub(crate) fn put_instruction(
        &mut self,
        prefix: u8,
        (head, head_len): (u64, usize),
        (tail, tail_len): (u32, usize),
    ) {
        debug_assert!(head_len <= 8 && tail_len <= 4);
        debug_assert!(self.offset() as usize + 16 <= self.bytes.capacity());
        // SAFETY: as in `write`; the rubbish is within RESERVE too.
        unsafe {
            let mut cur = self.cur;
            cur.write(prefix);
            cur = cur.add(usize::from(prefix != 0));
            cur.cast::<[u8; 8]>().write_unaligned(head.to_le_bytes());
            cur = cur.add(head_len);
            cur.cast::<[u8; 4]>().write_unaligned(tail.to_le_bytes());
            self.cur = cur.add(tail_len);
        }
    }

    /// A label to bind later.
    #[inline]
    pub(crate) fn new_label(&mut self) -> CodeLabel {
        self.labels.push(UNBOUND);
        CodeLabel(self.labels.len() as u32 - 1)
    }

    /// Makes the labels from 0 to `count`, in a buffer that has none.
    pub(crate) fn new_labels(&mut self, count: usize) {
        debug_assert!(self.labels.is_empty());
        self.labels.resize(count, UNBOUND);
    }

    /// Binds a label to the current offset.
    #[inline]
    pub(crate) fn bind(&mut self, label: CodeLabel) {
        let here = self.offset();
        self.labels[label.0 as usize] = here;
        self.bound = here;
    }

    /// Whether the next instruction comes after the last one only.
    #[inline]
    pub(crate) fn goes_on(&self) -> bool {
        self.bound != self.offset()
    }

    /// Offset of a label, if it is bound.
    #[inline]
    pub(crate) fn label_offset(&self, label: CodeLabel) -> Option<u32> {
        match self.labels[label.0 as usize] {
            UNBOUND => None,
            offset => Some(offset),
        }
    }

    /// Notes that the field at `pos` needs the label.
    #[inline]
    pub(crate) fn fixup(&mut self, pos: u32, label: CodeLabel, kind: u8) {
        self.fixups.push(Fixup { pos, label, kind });
    }

    /// A label that raises `trap` for the current operator; its code follows the body.
    #[inline]
    pub(crate) fn trap(&mut self, trap: TrapCode) -> CodeLabel {
        let label = self.new_label();
        self.colds.push(ColdTrap {
            label,
            trap,
            wasm_pos: self.wasm_pos,
        });
        label
    }

    /// Ties the current code offset to the current operator.
    #[inline]
    pub(crate) fn site(&mut self) {
        self.site_at(self.offset());
    }

    /// Ties a code offset to the current operator. No call but the last of an emitter, so that
    /// the emitter saves no registers.
    #[inline(never)]
    pub(crate) fn site_at(&mut self, code: u32) {
        self.sites.push(Site {
            code,
            wasm: self.wasm_pos,
        });
    }

    /// Notes that the field at `pos` takes the place of `func`.
    #[inline]
    pub(crate) fn reloc(&mut self, pos: u32, func: u32) {
        self.relocs.push(Reloc { pos, func });
    }

    // The names that `dynasm!` calls.

    #[inline]
    pub(crate) fn push(&mut self, byte: u8) {
        self.write([byte]);
    }

    #[inline]
    pub(crate) fn push_u16(&mut self, value: u16) {
        self.write(value.to_le_bytes());
    }

    #[inline]
    pub(crate) fn push_i32(&mut self, value: i32) {
        self.write(value.to_le_bytes());
    }

    /// Copies a constant byte string.
    #[inline]
    pub(crate) fn extend(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.write([byte]);
        }
    }

    #[inline]
    pub(crate) fn push_u32(&mut self, value: u32) {
        self.write(value.to_le_bytes());
    }
}

/// Where [`RESERVE`] bytes of the capacity are left.
fn full(bytes: &mut Vec<u8>) -> *mut u8 {
    bytes.as_mut_ptr().wrapping_add(bytes.capacity() - RESERVE)
}

#[cfg(test)]
mod tests {
    use super::CodeBuf;

    #[test]
    fn lists_have_room_after_one_had_none() {
        let mut buf = CodeBuf::new();
        buf.make_room(10, 1, 0).unwrap();
        buf.make_room(usize::MAX / 64, 1, 0).unwrap_err();
        buf.make_room(10, 1, 0).unwrap();
        let least = [buf.labels.capacity(), buf.fixups.capacity()];
        assert!(least.into_iter().all(|capacity| capacity >= 11));
        let least = [buf.colds.capacity(), buf.relocs.capacity()];
        assert!(least.into_iter().all(|capacity| capacity >= 10));
    }
}
