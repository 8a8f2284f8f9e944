//! Pages from the system, near the program's own code where there is room.
//!
//! A branch whose target is far away is predicted later than one to its neighbourhood: the tables
//! of the processor keep the lower bits of targets. Code between host and guest branches to and fro.
#![allow(unsafe_code, reason = "maps pages at chosen addresses")]

use std::io;
use std::ops::{Deref, DerefMut, Range};

use memmap2::{MmapMut, MmapRaw};

/// A mapping that nothing else refers to, which can be read and executed.
#[derive(Debug)]
pub(super) struct Pages {
    start: *mut u8,
    len: usize,
    /// Who unmaps it, if that is not for this to do.
    owner: Option<MmapRaw>,
}

/// One that can be read and written.
#[derive(Debug)]
pub(super) struct PagesMut(Pages);

// SAFETY: it owns the pages.
unsafe impl Send for Pages {}
// SAFETY: shared access only reads.
unsafe impl Sync for Pages {}

impl PagesMut {
    /// Zeros.
    ///
    /// # Errors
    ///
    /// If the system refuses.
    pub(super) fn new(len: usize) -> io::Result<Self> {
        #[cfg(target_os = "linux")]
        if let Some(start) = near::map(len) {
            let owner = None;
            return Ok(Self(Pages { start, len, owner }));
        }
        let map = MmapRaw::from(MmapMut::map_anon(len)?);
        Ok(Self(Pages {
            start: map.as_mut_ptr(),
            len,
            owner: Some(map),
        }))
    }

    /// The pages, to be executed and not written any more.
    ///
    /// # Errors
    ///
    /// If the system refuses.
    pub(super) fn make_exec(self) -> io::Result<Pages> {
        self.0.protect(libc::PROT_READ | libc::PROT_EXEC)?;
        Ok(self.0)
    }

    /// Asks for huge pages. A system that has none does without.
    #[cfg(target_os = "linux")]
    pub(super) fn prefer_huge(&self) {
        self.advise(0..self.len(), libc::MADV_HUGEPAGE);
    }

    /// Asks for pages that are about to be written. A kernel that cannot do it provides each at its
    /// first write.
    #[cfg(target_os = "linux")]
    pub(super) fn populate(&self, range: Range<usize>) {
        self.advise(range, libc::MADV_POPULATE_WRITE);
    }

    #[cfg(target_os = "linux")]
    fn advise(&self, range: Range<usize>, advice: i32) {
        /// Pages have this size or a multiple of it; the system wants the beginning of one.
        const MIN_PAGE: usize = 4096;
        assert!(range.start <= range.end && range.end <= self.len());
        let start = range.start & !(MIN_PAGE - 1);
        // SAFETY: pages of this mapping; neither advice changes what they hold.
        unsafe { libc::madvise(self.0.start.add(start).cast(), range.end - start, advice) };
    }
}

impl Pages {
    /// The pages, to be written and not executed any more.
    ///
    /// # Errors
    ///
    /// If the system refuses.
    pub(super) fn make_mut(self) -> io::Result<PagesMut> {
        self.protect(libc::PROT_READ | libc::PROT_WRITE)?;
        Ok(PagesMut(self))
    }

    fn protect(&self, access: i32) -> io::Result<()> {
        // SAFETY: pages of this mapping, to which its owner makes no reference meanwhile.
        let refused = unsafe { libc::mprotect(self.start.cast(), self.len, access) };
        if refused != 0 {
            return Err(io::Error::last_os_error());
        }
        Ok(())
    }
}

impl Drop for Pages {
    fn drop(&mut self) {
        if self.owner.is_none() {
            // SAFETY: owned by this. The system does not refuse to unmap what is mapped.
            let refused = unsafe { libc::munmap(self.start.cast(), self.len) };
            debug_assert_eq!(refused, 0);
        }
    }
}

impl Deref for Pages {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        // SAFETY: it owns so many bytes, which can be read.
        unsafe { std::slice::from_raw_parts(self.start, self.len) }
    }
}

impl Deref for PagesMut {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl DerefMut for PagesMut {
    fn deref_mut(&mut self) -> &mut [u8] {
        // SAFETY: it owns so many bytes, which can be written.
        unsafe { std::slice::from_raw_parts_mut(self.0.start, self.0.len) }
    }
}

#[cfg(target_os = "linux")]
mod near {
    use std::hash::{BuildHasher, RandomState};
    use std::hint::black_box;
    use std::sync::{Mutex, MutexGuard, PoisonError};

    /// Mappings lie so far below this program's code, where an executable has nothing: its heap
    /// grows above.
    const NEAREST: usize = 64 << 20;
    const FARTHEST: usize = 2 << 30;

    /// The first is up to so much farther away than it need be, so that the place of code is no
    /// more known than it was.
    const RANDOM: usize = 1 << 30;

    /// Mappings begin on such boundaries, those with room for a huge page on one of these.
    const SMALL_ALIGN: usize = 64 << 10;
    const ALIGN: usize = 2 << 20;

    /// How often another place is tried, if one is taken: under an emulator much of what is near is.
    const TRIES: usize = 16;

    /// Where the last mapping was, or 0.
    fn last() -> MutexGuard<'static, usize> {
        static LAST: Mutex<usize> = Mutex::new(0);
        LAST.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A new mapping, or `None` if there is no room.
    pub(super) fn map(len: usize) -> Option<*mut u8> {
        (0..TRIES).find_map(|_| {
            let found = map_at(place(len)?, len);
            if found.is_none() {
                // Somebody else's, which may be large: the next place is far from it.
                *last() = 0;
            }
            found
        })
    }

    /// The next place, from above to below.
    fn place(len: usize) -> Option<usize> {
        // Hidden from the optimizer, which would ask the linker for an address that far away.
        let code = black_box(map as *const () as usize);
        let lowest = code.checked_sub(FARTHEST)?;
        let below = |last: usize| {
            let align = if len < ALIGN { SMALL_ALIGN } else { ALIGN };
            let at = last.checked_sub(len)? & !(align - 1);
            (at >= lowest).then_some(at)
        };
        let mut last = last();
        let at = below(*last).or_else(|| {
            let random = RandomState::new().hash_one(len) as usize % RANDOM;
            below(code - NEAREST - random)
        })?;
        *last = at;
        Some(at)
    }

    /// A mapping there, or somewhere else if the kernel is an old one.
    fn map_at(start: usize, len: usize) -> Option<*mut u8> {
        // SAFETY: a new anonymous mapping, in the place of no other.
        let found = unsafe {
            libc::mmap(
                start as *mut libc::c_void,
                len,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_FIXED_NOREPLACE,
                -1,
                0,
            )
        };
        (found != libc::MAP_FAILED).then_some(found.cast())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Mutex, MutexGuard, PoisonError};

    use super::*;

    /// One test at a time needs what room there is: under an emulator, pages that can be anywhere
    /// may be near too.
    fn room() -> MutexGuard<'static, ()> {
        static ROOM: Mutex<()> = Mutex::new(());
        ROOM.lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[test]
    fn pages_are_written_and_executed_by_turns() {
        let mut pages = PagesMut::new(100_000).unwrap();
        assert!(pages.iter().all(|&byte| byte == 0));
        pages[99_999] = 7;
        let start = pages.as_ptr();
        let pages = pages.make_exec().unwrap();
        assert_eq!((pages.as_ptr(), pages[99_999]), (start, 7));
        let mut pages = pages.make_mut().unwrap();
        pages[0] = 8;
        assert_eq!((pages.as_ptr(), pages[99_999]), (start, 7));
    }

    /// In an executable that can be anywhere, as those of tests are.
    #[cfg(all(target_os = "linux", target_pointer_width = "64"))]
    #[test]
    fn pages_are_near_the_program() {
        let _room = room();
        let program = pages_are_near_the_program as *const () as usize;
        let all = [1, 65_536, 65_537, 10 << 20, 1].map(|len| PagesMut::new(len).unwrap());
        for pages in &all {
            let start = pages.as_ptr() as usize;
            assert!(program.abs_diff(start) < 4 << 30);
            assert!(start.is_multiple_of(if pages.len() < 2 << 20 {
                65_536
            } else {
                2 << 20
            }));
        }
    }

    /// All places that come next are somebody else's.
    #[cfg(all(target_os = "linux", target_pointer_width = "64"))]
    #[test]
    fn pages_are_near_beside_others() {
        const OTHERS: usize = 64 << 20;
        let _room = room();
        let program = pages_are_near_beside_others as *const () as usize;
        let first = PagesMut::new(1).unwrap();
        let below = first.as_ptr() as usize - OTHERS;
        // SAFETY: a new anonymous mapping, in the place of no other.
        let others = unsafe {
            let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
            let flags = flags | libc::MAP_FIXED_NOREPLACE;
            libc::mmap(below as *mut libc::c_void, OTHERS, 0, flags, -1, 0)
        };
        // Another test may be there already.
        for _ in 0..10 {
            let pages = PagesMut::new(1).unwrap();
            assert!(pages.0.owner.is_none());
            assert!(program.abs_diff(pages.as_ptr() as usize) < 4 << 30);
        }
        if others != libc::MAP_FAILED {
            // SAFETY: nothing refers to it.
            assert_eq!(unsafe { libc::munmap(others, OTHERS) }, 0);
        }
    }

    /// More than is near.
    #[cfg(all(target_os = "linux", target_pointer_width = "64"))]
    #[test]
    fn pages_are_anywhere_else_where_none_are_near() {
        let _room = room();
        let mut pages = PagesMut::new(3 << 30).unwrap();
        pages[0] = 1;
        assert!(pages.0.owner.is_some());
    }
}
