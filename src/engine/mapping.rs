//! Pages from the system, for linear memories and value stacks.
#![allow(unsafe_code, reason = "maps and unmaps pages")]

use std::io;
use std::ops::Range;
use std::ptr::NonNull;
use std::sync::OnceLock;

use crate::error::{Error, Result};

/// Pages of one mapping. Dropping it unmaps them.
#[derive(Debug)]
pub(crate) struct Mapping {
    base: NonNull<u8>,
    len: usize,
}

// SAFETY: it owns the pages.
unsafe impl Send for Mapping {}
// SAFETY: access to the pages is its users' affair.
unsafe impl Sync for Mapping {}

/// The system's page size.
pub(crate) fn page_size() -> usize {
    static SIZE: OnceLock<usize> = OnceLock::new();
    *SIZE.get_or_init(|| {
        // SAFETY: has no preconditions.
        let size = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
        usize::try_from(size).unwrap_or(4096)
    })
}

fn failed(what: &str, len: usize) -> Error {
    Error::new(io::Error::last_os_error()).context(format!("{what} of {len} bytes failed"))
}

impl Mapping {
    fn map(len: usize, protection: i32, flags: i32) -> Result<Self> {
        // SAFETY: a new anonymous mapping, anywhere.
        let base = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                len,
                protection,
                libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | flags,
                -1,
                0,
            )
        };
        match NonNull::new(base.cast::<u8>()) {
            Some(base) if base.as_ptr().cast() != libc::MAP_FAILED => Ok(Self { base, len }),
            _ => Err(failed("mapping", len)),
        }
    }

    /// Reserves address space that nothing can access yet.
    ///
    /// # Errors
    ///
    /// If there is none.
    pub(crate) fn reserve(len: usize) -> Result<Self> {
        Self::map(len, libc::PROT_NONE, libc::MAP_NORESERVE)
    }

    /// Pages of zeros to read and write.
    ///
    /// # Errors
    ///
    /// If the system has none.
    pub(crate) fn zeroed(len: usize) -> Result<Self> {
        Self::map(len, libc::PROT_READ | libc::PROT_WRITE, 0)
    }

    /// Makes whole pages of a reservation accessible.
    ///
    /// # Errors
    ///
    /// If the system has none.
    pub(crate) fn commit(&mut self, range: Range<usize>) -> Result<()> {
        self.protect(range, libc::PROT_READ | libc::PROT_WRITE)
    }

    /// Makes whole pages inaccessible again.
    ///
    /// # Errors
    ///
    /// If the system refuses.
    pub(crate) fn forbid(&mut self, range: Range<usize>) -> Result<()> {
        self.protect(range, libc::PROT_NONE)
    }

    fn protect(&mut self, range: Range<usize>, protection: i32) -> Result<()> {
        assert!(range.start <= range.end && range.end <= self.len);
        if range.is_empty() {
            return Ok(());
        }
        // SAFETY: within the mapping.
        let result = unsafe {
            let start = self.base.as_ptr().add(range.start);
            libc::mprotect(start.cast(), range.len(), protection)
        };
        if result != 0 {
            return Err(failed("committing", range.len()));
        }
        Ok(())
    }

    /// Gives whole pages back to the system, so that they are zero when they are next accessed.
    /// False if the system cannot: then they stay as they are.
    pub(crate) fn discard(&mut self, range: Range<usize>) -> bool {
        assert!(range.start <= range.end && range.end <= self.len);
        #[cfg(target_os = "linux")]
        {
            // SAFETY: within the mapping, whose contents nobody needs.
            let result = unsafe {
                let start = self.base.as_ptr().add(range.start);
                libc::madvise(start.cast(), range.len(), libc::MADV_DONTNEED)
            };
            result == 0
        }
        #[cfg(not(target_os = "linux"))]
        {
            false
        }
    }

    /// Bytes of the mapping.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Makes a mapping of [`Self::zeroed`] larger; it may move.
    ///
    /// # Errors
    ///
    /// If the system has no more pages; the mapping stays as it was.
    pub(crate) fn grow(&mut self, len: usize) -> Result<()> {
        assert!(len >= self.len);
        #[cfg(target_os = "linux")]
        {
            // SAFETY: the mapping is ours; nothing points into it but what its user updates.
            let base = unsafe {
                libc::mremap(
                    self.base.as_ptr().cast(),
                    self.len,
                    len,
                    libc::MREMAP_MAYMOVE,
                )
            };
            match NonNull::new(base.cast::<u8>()) {
                Some(base) if base.as_ptr().cast() != libc::MAP_FAILED => {
                    self.base = base;
                    self.len = len;
                    Ok(())
                }
                _ => Err(failed("growing to a mapping", len)),
            }
        }
        #[cfg(not(target_os = "linux"))]
        {
            let new = Self::zeroed(len)?;
            // SAFETY: two mappings, the new one not smaller.
            unsafe {
                new.base
                    .as_ptr()
                    .copy_from_nonoverlapping(self.base.as_ptr(), self.len);
            }
            *self = new;
            Ok(())
        }
    }

    pub(crate) fn base(&self) -> NonNull<u8> {
        self.base
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: the mapping is ours, and whoever used it is gone.
        let result = unsafe { libc::munmap(self.base.as_ptr().cast(), self.len) };
        debug_assert_eq!(result, 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commits_and_grows() {
        let page = page_size();
        let mut mapping = Mapping::reserve(16 * page).unwrap();
        mapping.commit(page..3 * page).unwrap();
        // SAFETY: these pages are accessible.
        unsafe {
            mapping.base().add(page).write(1);
            mapping.base().add(3 * page - 1).write(2);
        }

        let mut mapping = Mapping::zeroed(page).unwrap();
        // SAFETY: within the mapping.
        unsafe { mapping.base().add(page - 1).write(7) };
        mapping.grow(1000 * page).unwrap();
        // SAFETY: within the mapping.
        unsafe {
            assert_eq!(mapping.base().add(page - 1).read(), 7);
            assert_eq!(mapping.base().add(1000 * page - 1).read(), 0);
        }
    }

    #[test]
    fn refusal_is_an_error() {
        let error = Mapping::zeroed(usize::MAX / 2).unwrap_err();
        assert!(error.is::<io::Error>());
    }
}
