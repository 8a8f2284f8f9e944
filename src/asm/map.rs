//! Pages for code: written first, executable afterwards, never both.

use std::ops::{Deref, DerefMut};
use std::sync::{Mutex, MutexGuard, PoisonError};

use memmap2::{Mmap, MmapMut};

use crate::error::{Error, Result};

/// Mappings at least so large ask for huge pages: a large module is written and run without a
/// fault for every few kilobytes of it.
const HUGE: usize = 2 << 20;

/// Such mappings are at least so large, as a smaller one need not contain a whole huge page.
const MIN_HUGE: usize = 4 << 20;

/// Mappings for the code of small modules, which are kept for the next ones.
#[derive(Default)]
pub(crate) struct CodePages(Mutex<Vec<MmapMut>>);

/// Bytes of a mapping for a small module's code, and how many are kept.
const SMALL: usize = 64 * 1024;
const MAX_KEPT: usize = 64;

impl CodePages {
    fn lock(&self) -> MutexGuard<'_, Vec<MmapMut>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Room for about `capacity` bytes. What is not written costs no memory.
    ///
    /// # Errors
    ///
    /// If the system refuses.
    pub(crate) fn take(&self, capacity: usize) -> Result<CodeBytes> {
        if capacity > SMALL {
            return CodeBytes::with_capacity(capacity);
        }
        let Some(map) = self.lock().pop() else {
            return CodeBytes::with_capacity(if capacity == 0 { 0 } else { SMALL });
        };
        Ok(CodeBytes {
            populated: map.len(),
            map: Some(map),
            len: 0,
        })
    }

    /// Takes back code that nothing runs any more: its pages are no longer executable.
    pub(crate) fn keep(&self, code: CodeMemory) {
        if let Some(map) = code.map
            && map.len() == SMALL
            && self.lock().len() < MAX_KEPT
            && let Ok(map) = map.make_mut()
        {
            self.lock().push(map);
        }
    }
}

/// Code while it is written: pages of its own, which become the [`CodeMemory`] as they are.
#[derive(Debug, Default)]
pub(crate) struct CodeBytes {
    map: Option<MmapMut>,
    len: usize,
    /// Where the pages end that are there, or are left to faults: all of those of small code,
    /// which seldom fills them, and of code with huge pages.
    populated: usize,
}

/// Pages are asked for ahead of writing, so many bytes at a time: half the cost of a fault each.
const AHEAD: usize = 128 * 1024;

impl CodeBytes {
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
        let mut map = MmapMut::map_anon(capacity).map_err(failed)?;
        #[cfg(target_os = "linux")]
        if huge {
            // A kernel without huge pages does without.
            let _ = map.advise(memmap2::Advice::HugePage);
        }
        map[..self.len].copy_from_slice(self);
        let ahead = capacity > SMALL && !huge;
        self.populated = if ahead { self.len } else { capacity };
        self.map = Some(map);
        Ok(())
    }

    /// Makes sure that the pages up to `len` are there, and some more if there is room.
    fn populate(&mut self, len: usize) {
        #[cfg(target_os = "linux")]
        if let Some(map) = &self.map {
            let end = (len + AHEAD).min(map.len());
            let start = self.populated;
            // A kernel that cannot do it provides each page at its first write.
            let _ = map.advise_range(memmap2::Advice::PopulateWrite, start, end - start);
            self.populated = end;
        }
    }

    /// All that there is room for, used or not.
    pub(crate) fn room(&mut self) -> &mut [u8] {
        self.map.as_deref_mut().unwrap_or_default()
    }

    /// Says that the first `len` bytes of the room are used.
    pub(crate) fn set_len(&mut self, len: usize) {
        assert!(len <= self.capacity());
        self.len = len;
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

impl Deref for CodeBytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.map.as_ref().map_or(&[], |map| &map[..self.len])
    }
}

impl DerefMut for CodeBytes {
    fn deref_mut(&mut self) -> &mut [u8] {
        self.map
            .as_mut()
            .map_or(&mut [], |map| &mut map[..self.len])
    }
}

fn failed(error: std::io::Error) -> Error {
    Error::new(error).context("no memory for compiled code")
}

/// A module's code, ready to run.
#[derive(Debug, Default)]
pub(crate) struct CodeMemory {
    /// None if there is no code.
    map: Option<Mmap>,
    len: usize,
}

impl CodeMemory {
    /// Makes code executable. `sync` makes the instruction caches of all processors see it.
    ///
    /// # Errors
    ///
    /// If the system refuses.
    pub(crate) fn new(code: CodeBytes, sync: fn(*const u8, usize)) -> Result<Self> {
        let len = code.len;
        let map = match code.map {
            Some(map) if len > 0 => Some(map.make_exec().map_err(failed)?),
            Some(_) | None => None,
        };
        let memory = Self { map, len };
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
        let mut code = CodeBytes::with_capacity(10).unwrap();
        for byte in 0..50 {
            code.extend_from_slice(&[byte; 100]).unwrap();
        }
        assert_eq!(code.len(), 5000);
        code[4999] = 0xc3;
        let memory = CodeMemory::new(code, |_, len| assert_eq!(len, 5000)).unwrap();
        assert_eq!(memory.bytes()[..101], [&[0; 100][..], &[1]].concat());
        assert_eq!(memory.bytes()[4998..], [49, 0xc3]);
        assert_eq!(memory.end() - memory.start(), 5000);
        let none = CodeMemory::new(CodeBytes::default(), |_, _| ()).unwrap();
        assert!(none.bytes().is_empty());
    }

    #[test]
    fn small_code_gets_the_pages_of_earlier_code() {
        let pages = CodePages::default();
        let mut code = pages.take(100).unwrap();
        code.extend_from_slice(&[1; 5000]).unwrap();
        let code = CodeMemory::new(code, |_, _| ()).unwrap();
        let start = code.start();
        pages.keep(code);
        let mut code = pages.take(200).unwrap();
        assert!(code.is_empty());
        code.extend_from_slice(&[2; 3]).unwrap();
        let code = CodeMemory::new(code, |_, _| ()).unwrap();
        assert_eq!((code.start(), code.bytes()), (start, &[2; 3][..]));
        // Code that outgrows them, and large code, has pages of its own.
        pages.keep(code);
        let mut code = pages.take(1).unwrap();
        code.extend_from_slice(&vec![3; SMALL + 1]).unwrap();
        pages.keep(CodeMemory::new(code, |_, _| ()).unwrap());
        assert!(pages.lock().is_empty());
        assert!(pages.take(SMALL + 1).unwrap().capacity() > SMALL);
    }
}
