//! The guest's memory. Every pointer a guest gives is checked once, here, and becomes a
//! [`Span`]; after that it is an index that fits. Nothing is assumed of alignment, and
//! spans may overlap: all access copies bytes or borrows the memory as a whole.

use super::errno::{Errno, Result};
use std::io::{IoSlice, IoSliceMut};
use std::ops::Range;

/// The most parts a scattered read or write may have, as on other systems.
const MAX_IOVECS: u32 = 1024;

/// The most bytes one read or write moves; a longer one is a short one.
const MAX_TRANSFER: usize = 0x7fff_f000;

/// The longest path, as on other systems.
const MAX_PATH: u32 = 4095;

/// Part of the memory it was checked against. A memory never shrinks, so it stays valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    start: usize,
    end: usize,
}

impl Span {
    pub(crate) fn len(self) -> usize {
        self.end - self.start
    }

    /// The `len` bytes at `offset` in it.
    pub(crate) fn part(self, offset: usize, len: usize) -> Self {
        let start = self.start + offset;
        assert!(start + len <= self.end, "part of a span lies in the span");
        Self {
            start,
            end: start + len,
        }
    }

    /// Its first `len` bytes, or all if it is shorter.
    fn first(self, len: usize) -> Self {
        Self {
            start: self.start,
            end: self.start + len.min(self.len()),
        }
    }

    fn range(self) -> Range<usize> {
        self.start..self.end
    }
}

/// The bytes of the memory that the calling instance exports.
pub(crate) struct Guest<'a>(&'a mut [u8]);

impl<'a> Guest<'a> {
    pub(crate) fn new(memory: &'a mut [u8]) -> Self {
        Self(memory)
    }

    /// The `len` bytes at `ptr`.
    pub(crate) fn span(&self, ptr: u32, len: u32) -> Result<Span> {
        let start = ptr as usize;
        let end = start.checked_add(len as usize).ok_or(Errno::Fault)?;
        if end > self.0.len() {
            return Err(Errno::Fault);
        }
        Ok(Span { start, end })
    }

    /// The array of `count` records of `size` bytes at `ptr`.
    pub(crate) fn array(&self, ptr: u32, count: u32, size: u32) -> Result<Span> {
        let len = count.checked_mul(size).ok_or(Errno::Fault)?;
        self.span(ptr, len)
    }

    pub(crate) fn bytes(&self, span: Span) -> &[u8] {
        &self.0[span.range()]
    }

    pub(crate) fn bytes_mut(&mut self, span: Span) -> &mut [u8] {
        &mut self.0[span.range()]
    }

    /// Writes `bytes` at the start of `span`, which they fit.
    pub(crate) fn put(&mut self, span: Span, bytes: &[u8]) {
        self.bytes_mut(span)[..bytes.len()].copy_from_slice(bytes);
    }

    /// Writes how many bytes were moved at `span`.
    pub(crate) fn put_len(&mut self, span: Span, len: usize) -> Result {
        let len = u32::try_from(len).map_err(|_| Errno::Overflow)?;
        self.put(span, &len.to_le_bytes());
        Ok(())
    }

    /// Writes `bytes` at `ptr`.
    pub(crate) fn put_at(&mut self, ptr: u32, bytes: &[u8]) -> Result {
        let len = u32::try_from(bytes.len()).map_err(|_| Errno::Overflow)?;
        let span = self.span(ptr, len)?;
        self.put(span, bytes);
        Ok(())
    }

    /// The path at `ptr`: UTF-8, and no longer than a path may be.
    pub(crate) fn path(&self, ptr: u32, len: u32) -> Result<&str> {
        let span = self.span(ptr, len)?;
        if len > MAX_PATH {
            return Err(Errno::Nametoolong);
        }
        str::from_utf8(self.bytes(span)).map_err(|_| Errno::Ilseq)
    }

    /// The spans that `count` iovecs at `ptr` name, without empty ones and cut to what one
    /// call moves.
    pub(crate) fn iovecs(&self, ptr: u32, count: u32) -> Result<Vec<Span>> {
        if count > MAX_IOVECS {
            return Err(Errno::Inval);
        }
        let array = self.array(ptr, count, 8)?;
        let mut spans = Vec::with_capacity(count as usize);
        let mut left = MAX_TRANSFER;
        for i in 0..count as usize {
            let iovec = self.bytes(array.part(i * 8, 8));
            let span = self.span(u32_at(iovec, 0), u32_at(iovec, 4))?.first(left);
            left -= span.len();
            if span.len() > 0 {
                spans.push(span);
            }
        }
        Ok(spans)
    }

    /// What `spans` hold, for a gathered write.
    pub(crate) fn gather(&self, spans: &[Span]) -> Vec<IoSlice<'_>> {
        spans
            .iter()
            .map(|span| IoSlice::new(self.bytes(*span)))
            .collect()
    }

    /// The bytes of `spans`, for a scattered read. Where two overlap, only the first span is
    /// given: a read may be short, but two slices must not share bytes.
    pub(crate) fn scatter(&mut self, spans: &[Span]) -> Vec<IoSliceMut<'_>> {
        if let [span] = spans {
            return vec![IoSliceMut::new(self.bytes_mut(*span))];
        }
        let mut order: Vec<usize> = (0..spans.len()).collect();
        order.sort_unstable_by_key(|&i| spans[i].start);
        let overlap = order
            .windows(2)
            .any(|pair| spans[pair[0]].end > spans[pair[1]].start);
        if overlap {
            return vec![IoSliceMut::new(self.bytes_mut(spans[0]))];
        }
        let mut slices: Vec<Option<IoSliceMut<'_>>> = spans.iter().map(|_| None).collect();
        let mut rest = &mut *self.0;
        let mut consumed = 0;
        for i in order {
            let (_, after) = rest.split_at_mut(spans[i].start - consumed);
            let (slice, after) = after.split_at_mut(spans[i].len());
            slices[i] = Some(IoSliceMut::new(slice));
            consumed = spans[i].end;
            rest = after;
        }
        slices.into_iter().flatten().collect()
    }
}

/// The little-endian number at `offset` of `bytes`, which has it.
pub(crate) fn u16_at(bytes: &[u8], offset: usize) -> u16 {
    u16::from_le_bytes([bytes[offset], bytes[offset + 1]])
}

/// The little-endian number at `offset` of `bytes`, which has it.
pub(crate) fn u32_at(bytes: &[u8], offset: usize) -> u32 {
    let mut word = [0; 4];
    word.copy_from_slice(&bytes[offset..offset + 4]);
    u32::from_le_bytes(word)
}

/// The little-endian number at `offset` of `bytes`, which has it.
pub(crate) fn u64_at(bytes: &[u8], offset: usize) -> u64 {
    let mut word = [0; 8];
    word.copy_from_slice(&bytes[offset..offset + 8]);
    u64::from_le_bytes(word)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A memory of 64 bytes with `iovecs` written at 0.
    fn memory(iovecs: &[(u32, u32)]) -> Vec<u8> {
        let mut bytes: Vec<u8> = (0..64).collect();
        for (i, (ptr, len)) in iovecs.iter().enumerate() {
            bytes[i * 8..][..4].copy_from_slice(&ptr.to_le_bytes());
            bytes[i * 8 + 4..][..4].copy_from_slice(&len.to_le_bytes());
        }
        bytes
    }

    #[test]
    fn pointers_outside_are_faults() {
        let mut bytes = memory(&[]);
        let guest = Guest::new(&mut bytes);
        assert!(guest.span(60, 4).is_ok());
        assert!(guest.span(64, 0).is_ok());
        assert_eq!(guest.span(61, 4), Err(Errno::Fault));
        assert_eq!(guest.span(65, 0), Err(Errno::Fault));
        assert_eq!(guest.span(u32::MAX, u32::MAX), Err(Errno::Fault));
        assert_eq!(guest.array(0, u32::MAX, 48), Err(Errno::Fault));
        assert_eq!(guest.iovecs(0, 1025), Err(Errno::Inval));
        assert_eq!(guest.path(0, 65), Err(Errno::Fault));
    }

    #[test]
    fn paths_are_short_utf8() {
        let mut bytes = vec![b'a'; 8192];
        bytes[8000] = 0xff;
        let guest = Guest::new(&mut bytes);
        assert_eq!(guest.path(0, 4095).map(str::len), Ok(4095));
        assert_eq!(guest.path(0, 4096), Err(Errno::Nametoolong));
        assert_eq!(guest.path(7999, 2), Err(Errno::Ilseq));
    }

    #[test]
    fn iovecs_scatter_in_their_order() {
        let mut bytes = memory(&[(40, 4), (63, 0), (32, 4), (36, 2)]);
        let mut guest = Guest::new(&mut bytes);
        let spans = guest.iovecs(0, 4).unwrap();
        let slices = guest.scatter(&spans);
        let firsts: Vec<u8> = slices.iter().map(|slice| slice[0]).collect();
        assert_eq!(firsts, [40, 32, 36]);
    }

    #[test]
    fn overlapping_iovecs_read_into_the_first() {
        let mut bytes = memory(&[(40, 4), (43, 4)]);
        let mut guest = Guest::new(&mut bytes);
        let spans = guest.iovecs(0, 2).unwrap();
        assert_eq!(guest.gather(&spans).len(), 2);
        let slices = guest.scatter(&spans);
        assert_eq!(slices.len(), 1);
        assert_eq!(&*slices[0], [40, 41, 42, 43]);
    }

    #[test]
    fn iovec_outside_is_a_fault() {
        let mut bytes = memory(&[(40, 4), (62, 4)]);
        let guest = Guest::new(&mut bytes);
        assert_eq!(guest.iovecs(0, 2), Err(Errno::Fault));
    }
}
