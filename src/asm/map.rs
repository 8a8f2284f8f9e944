//! Pages for what a module keeps. Those for code are written first and executable afterwards, never
//! both.

use std::collections::VecDeque;
use std::ops::{Deref, DerefMut};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::pages::{Pages, PagesMut};
use crate::error::{Error, Result};

/// Mappings at least so large ask for huge pages: a large module is written and run without a
/// fault for every few kilobytes of it.
const HUGE: usize = 2 << 20;

/// Such mappings are at least so large, as a smaller one need not contain a whole huge page.
const MIN_HUGE: usize = 4 << 20;

/// Mappings of modules that are gone, which are kept for the next ones.
#[derive(Default)]
pub(crate) struct KeptPages(Mutex<VecDeque<PageBytes>>);

/// The least that is mapped for code.
const SMALL: usize = 64 * 1024;

/// As many bytes are kept, in the place of older ones.
const MAX_KEPT: usize = 8 << 20;

/// A mapping is used for code that needs a fourth of it or more.
const MAX_WASTE: usize = 4;

impl KeptPages {
    fn lock(&self) -> MutexGuard<'_, VecDeque<PageBytes>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Room for about `capacity` bytes of code. What is not written costs no memory.
    ///
    /// # Errors
    ///
    /// If the system refuses.
    pub(crate) fn take(&self, capacity: usize) -> Result<PageBytes> {
        if capacity == 0 {
            return Ok(PageBytes::default());
        }
        let capacity = capacity.max(SMALL);
        let kept = self.find(capacity);
        kept.map_or_else(|| PageBytes::with_capacity(capacity), Ok)
    }

    /// Room for `len` bytes, which will all be written.
    ///
    /// # Errors
    ///
    /// If the system refuses.
    pub(crate) fn take_exact(&self, len: usize) -> Result<PageBytes> {
        self.find(len).map_or_else(|| PageBytes::exact(len), Ok)
    }

    /// The latest that has room for so much, and not far too much.
    fn find(&self, capacity: usize) -> Option<PageBytes> {
        let fits = |kept: &PageBytes| (capacity..=MAX_WASTE * capacity).contains(&kept.capacity());
        let mut all = self.lock();
        let at = all.iter().rposition(fits)?;
        all.remove(at)
    }

    /// Takes back code that nothing runs any more: its pages are no longer executable.
    pub(crate) fn keep(&self, code: CodeMemory) {
        let CodeMemory {
            map,
            len,
            populated,
        } = code;
        if let Some(Ok(map)) = map.map(Pages::make_mut) {
            self.keep_bytes(PageBytes {
                map: Some(map),
                len,
                populated,
            });
        }
    }

    /// Takes back bytes that nobody needs any more.
    pub(crate) fn keep_bytes(&self, mut bytes: PageBytes) {
        if bytes.populated > MAX_KEPT {
            return;
        }
        bytes.len = 0;
        let mut all = self.lock();
        all.push_back(bytes);
        let mut total: usize = all.iter().map(|kept| kept.populated).sum();
        while total > MAX_KEPT
            && let Some(oldest) = all.pop_front()
        {
            total -= oldest.populated;
        }
    }
}

/// Bytes in pages of their own. Those of code become the [`CodeMemory`] as they are.
#[derive(Debug, Default)]
pub(crate) struct PageBytes {
    map: Option<PagesMut>,
    len: usize,
    /// Where the pages end that may be there: those asked for, those ever written, and all of those
    /// of small code, which seldom fills them.
    populated: usize,
}

/// Pages are asked for ahead of writing, which is half the cost of a fault each: an eighth of what
/// is there, but not less and not more than so many bytes.
const MIN_AHEAD: usize = 32 * 1024;
const MAX_AHEAD: usize = 128 * 1024;

impl PageBytes {
    /// Room for about `capacity` bytes. What is not written costs no memory.
    ///
    /// # Errors
    ///
    /// If the system refuses.
    pub(crate) fn with_capacity(capacity: usize) -> Result<Self> {
        let mut bytes = Self::default();
        bytes.reserve(capacity)?;
        Ok(bytes)
    }

    /// Room for `len` bytes, whose pages are asked for at once.
    ///
    /// # Errors
    ///
    /// If the system refuses.
    fn exact(len: usize) -> Result<Self> {
        let map = PagesMut::new(len).map_err(failed)?;
        #[cfg(target_os = "linux")]
        map.populate(0..len);
        Ok(Self {
            map: Some(map),
            len: 0,
            populated: len,
        })
    }

    fn capacity(&self) -> usize {
        self.map.as_ref().map_or(0, |map| map.len())
    }

    fn reserve(&mut self, capacity: usize) -> Result<()> {
        if capacity <= self.capacity() {
            return Ok(());
        }
        let huge = cfg!(target_os = "linux") && capacity >= HUGE;
        let capacity = if huge {
            capacity.max(MIN_HUGE)
        } else {
            capacity
        };
        let mut map = PagesMut::new(capacity).map_err(failed)?;
        #[cfg(target_os = "linux")]
        if huge {
            map.prefer_huge();
        }
        map[..self.len].copy_from_slice(self);
        self.populated = if capacity > SMALL { self.len } else { capacity };
        self.map = Some(map);
        Ok(())
    }

    /// The bytes up to `len` are about to be written. Asks for their pages, and for some more if there
    /// is room; huge ones come by faults, of which each is worth it.
    fn populate(&mut self, len: usize) {
        let ahead = match self.capacity() {
            HUGE.. => 0,
            _ => (len / 8).clamp(MIN_AHEAD, MAX_AHEAD),
        };
        let (start, end) = (self.populated, (len + ahead).min(self.capacity()));
        #[cfg(target_os = "linux")]
        if let Some(map) = &self.map
            && ahead > 0
        {
            map.populate(start..end);
        }
        self.populated = end;
    }

    /// All that there is room for, used or not.
    pub(crate) fn room(&mut self) -> &mut [u8] {
        self.map.as_deref_mut().unwrap_or_default()
    }

    /// Says that the first `len` bytes of the room are used.
    pub(crate) fn set_len(&mut self, len: usize) {
        assert!(len <= self.capacity());
        self.len = len;
        self.populated = self.populated.max(len);
    }

    /// Appends bytes.
    ///
    /// # Errors
    ///
    /// If the system has no room for them.
    pub(crate) fn extend_from_slice(&mut self, bytes: &[u8]) -> Result<()> {
        let len = self.len + bytes.len();
        if len > self.capacity() {
            self.reserve((2 * self.capacity()).max(len))?;
        }
        if len > self.populated {
            self.populate(len);
        }
        if let Some(map) = &mut self.map {
            map[self.len..len].copy_from_slice(bytes);
        }
        self.len = len;
        Ok(())
    }
}

impl Deref for PageBytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.map.as_ref().map_or(&[], |map| &map[..self.len])
    }
}

impl DerefMut for PageBytes {
    fn deref_mut(&mut self) -> &mut [u8] {
        self.map
            .as_mut()
            .map_or(&mut [], |map| &mut map[..self.len])
    }
}

fn failed(error: std::io::Error) -> Error {
    Error::new(error).context("no memory for a module")
}

/// A module's code, ready to run.
#[derive(Debug, Default)]
pub(crate) struct CodeMemory {
    /// None if there is no code.
    map: Option<Pages>,
    len: usize,
    populated: usize,
}

impl CodeMemory {
    /// Makes code executable. `sync` makes the instruction caches of all processors see it.
    ///
    /// # Errors
    ///
    /// If the system refuses.
    pub(crate) fn new(code: PageBytes, sync: fn(*const u8, usize)) -> Result<Self> {
        let PageBytes { len, populated, .. } = code;
        let map = match code.map {
            Some(map) if len > 0 => Some(map.make_exec().map_err(failed)?),
            Some(_) | None => None,
        };
        let memory = Self {
            map,
            len,
            populated,
        };
        sync(memory.bytes().as_ptr(), len);
        Ok(memory)
    }

    /// The code.
    pub(crate) fn bytes(&self) -> &[u8] {
        self.map.as_ref().map_or(&[], |map| &map[..self.len])
    }

    /// Address of the first byte.
    pub(crate) fn start(&self) -> usize {
        self.bytes().as_ptr() as usize
    }

    /// Address after the last byte.
    pub(crate) fn end(&self) -> usize {
        self.start() + self.bytes().len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_the_bytes() {
        let mut code = PageBytes::with_capacity(10).unwrap();
        for byte in 0..50 {
            code.extend_from_slice(&[byte; 100]).unwrap();
        }
        assert_eq!(code.len(), 5000);
        code[4999] = 0xc3;
        let memory = CodeMemory::new(code, |_, len| assert_eq!(len, 5000)).unwrap();
        assert_eq!(memory.bytes()[..101], [&[0; 100][..], &[1]].concat());
        assert_eq!(memory.bytes()[4998..], [49, 0xc3]);
        assert_eq!(memory.end() - memory.start(), 5000);
        let none = CodeMemory::new(PageBytes::default(), |_, _| ()).unwrap();
        assert!(none.bytes().is_empty());
    }

    fn code(pages: &KeptPages, capacity: usize, len: usize) -> CodeMemory {
        let mut code = pages.take(capacity).unwrap();
        assert!(code.is_empty());
        code.extend_from_slice(&vec![0xc3; len]).unwrap();
        CodeMemory::new(code, |_, _| ()).unwrap()
    }

    #[test]
    fn code_gets_the_pages_of_earlier_code() {
        let pages = KeptPages::default();
        for (capacity, len) in [(100, 5000), (300_000, 200_000), (HUGE + 1, HUGE + 1)] {
            let first = code(&pages, capacity, len);
            let start = first.start();
            pages.keep(first);
            let second = code(&pages, capacity / 2, 3);
            assert_eq!((second.start(), second.bytes()), (start, &[0xc3; 3][..]));
            pages.keep(second);
            let third = code(&pages, capacity, len);
            assert_eq!(third.start(), start);
            assert!(third.bytes().iter().all(|&byte| byte == 0xc3));
            assert!(pages.lock().is_empty());
        }
    }

    #[test]
    fn small_code_does_not_get_large_pages() {
        let pages = KeptPages::default();
        pages.keep(code(&pages, 1 << 20, 5000));
        assert!(pages.take(SMALL).unwrap().capacity() < 1 << 20);
        assert_eq!(
            pages.take((1 << 20) / MAX_WASTE).unwrap().capacity(),
            1 << 20
        );
    }

    #[test]
    fn bytes_get_the_pages_of_earlier_bytes() {
        let pages = KeptPages::default();
        for len in [SMALL, 200_000, HUGE + 1] {
            let mut bytes = pages.take_exact(len).unwrap();
            bytes.extend_from_slice(&vec![7; len]).unwrap();
            assert_eq!(bytes.capacity(), len);
            let start = bytes.as_ptr();
            pages.keep_bytes(bytes);
            let again = pages.take_exact(len - 1).unwrap();
            assert_eq!((again.len(), again.map.unwrap().as_ptr()), (0, start));
        }
    }

    #[test]
    fn only_so_many_bytes_are_kept() {
        let pages = KeptPages::default();
        let kept = || {
            pages
                .lock()
                .iter()
                .map(|kept| kept.populated)
                .sum::<usize>()
        };
        let all = [(); 3].map(|()| code(&pages, 3_000_000, 1_000_000));
        let last = all[2].start();
        for code in all {
            pages.keep(code);
            assert!(kept() <= MAX_KEPT);
        }
        let start = |kept: &PageBytes| kept.map.as_ref().map(|map| map.as_ptr() as usize);
        assert!(pages.lock().iter().any(|kept| start(kept) == Some(last)));
        let all = [(); 200].map(|()| code(&pages, 1, 1));
        for code in all {
            pages.keep(code);
        }
        assert!((MAX_KEPT - SMALL..=MAX_KEPT).contains(&kept()));
        pages.keep(code(&pages, MAX_KEPT + 1, MAX_KEPT + 1));
        assert!((MAX_KEPT - SMALL..=MAX_KEPT).contains(&kept()));
    }

    /// What threads write to the room, and what was written before, is kept all the same.
    #[test]
    fn whatever_was_written_counts() {
        let pages = KeptPages::default();
        let kept = || {
            pages
                .lock()
                .iter()
                .map(|kept| kept.populated)
                .sum::<usize>()
        };
        for len in [1_000_000, 7_000_000] {
            let mut bytes = PageBytes::with_capacity(len).unwrap();
            bytes.room().fill(1);
            bytes.set_len(len);
            pages.keep_bytes(bytes);
            assert!((len..=len + HUGE).contains(&kept()));
            let again = pages.take_exact(len / 2).unwrap();
            assert!(again.is_empty());
            pages.keep_bytes(again);
            assert!((len..=len + HUGE).contains(&kept()));
            pages.lock().clear();
        }
    }
}
