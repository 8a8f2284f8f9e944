//! Mappings that an engine keeps for its next memories and stacks.
//!
//! Making one, touching it and unmapping it are five calls of the system and several faults, which
//! is more than the rest of a small module's start. Only Linux empties pages in place.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::mapping::{Mapping, page_size};
use super::registry::{GUARDS, Registration};
use crate::asm::abi::GUARD_RESERVATION;
use crate::error::Result;

/// As many mappings of each kind are kept: not more than a few hundred GiB of addresses, and no
/// memory behind them.
const MAX_KEPT: usize = 64;

/// What an engine keeps.
#[derive(Default)]
pub(crate) struct Pool {
    reservations: Mutex<Vec<Reservation>>,
    exact: Mutex<Vec<Mapping>>,
    stacks: Mutex<Vec<Mapping>>,
}

/// Address space for a memory in `Guard` mode: a guard page, then [`GUARD_RESERVATION`] bytes of
/// which the first `len` are accessible.
pub(crate) struct Reservation {
    mapping: Mapping,
    len: usize,
    _registration: Registration,
}

fn lock<T>(kept: &Mutex<Vec<T>>) -> MutexGuard<'_, Vec<T>> {
    kept.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Reservation {
    fn new() -> Result<Self> {
        let reserve = GUARD_RESERVATION as usize;
        let mapping = Mapping::reserve(page_size() + reserve)?;
        let start = mapping.base().as_ptr() as usize + page_size();
        Ok(Self {
            mapping,
            len: 0,
            _registration: GUARDS.add(start..start + reserve),
        })
    }

    /// Address of the first byte.
    pub(crate) fn start(&self) -> *mut u8 {
        self.mapping.base().as_ptr().wrapping_add(page_size())
    }

    /// Makes exactly the first `len` bytes accessible, a multiple of the page size.
    ///
    /// # Errors
    ///
    /// If the system has no memory; everything stays as it was.
    pub(crate) fn resize(&mut self, len: usize) -> Result<()> {
        let page = page_size();
        if len >= self.len {
            self.mapping.commit(page + self.len..page + len)?;
        } else {
            self.mapping.forbid(page + len..page + self.len)?;
        }
        self.len = len;
        Ok(())
    }
}

impl Pool {
    /// A reservation whose first `len` bytes are accessible and zero.
    ///
    /// # Errors
    ///
    /// If the system has no memory or address space.
    pub(crate) fn reservation(&self, len: usize) -> Result<Reservation> {
        let mut kept = lock(&self.reservations);
        let same = kept.iter().rposition(|kept| kept.len == len);
        let found = match same {
            Some(at) => Some(kept.swap_remove(at)),
            None => kept.pop(),
        };
        drop(kept);
        let mut reservation = match found {
            Some(reservation) => reservation,
            None => Reservation::new()?,
        };
        reservation.resize(len)?;
        Ok(reservation)
    }

    /// Keeps a reservation that no memory uses any more, without its contents.
    pub(crate) fn keep_reservation(&self, mut reservation: Reservation) {
        let page = page_size();
        let used = page..page + reservation.len;
        if lock(&self.reservations).len() < MAX_KEPT && reservation.mapping.discard(used) {
            lock(&self.reservations).push(reservation);
        }
    }

    /// Exactly `len` accessible bytes, which are zero.
    ///
    /// # Errors
    ///
    /// If the system has no memory.
    pub(crate) fn exact(&self, len: usize) -> Result<Mapping> {
        let mut kept = lock(&self.exact);
        match kept.iter().rposition(|kept| kept.len() == len) {
            Some(at) => Ok(kept.swap_remove(at)),
            None => Mapping::zeroed(len),
        }
    }

    /// Keeps a mapping of [`Self::exact`], without its contents, in the place of older ones.
    pub(crate) fn keep_exact(&self, mut mapping: Mapping) {
        if mapping.discard(0..mapping.len()) {
            let mut kept = lock(&self.exact);
            let older = (kept.len() == MAX_KEPT).then(|| kept.remove(0));
            kept.push(mapping);
            drop(kept);
            drop(older);
        }
    }

    /// A mapping of `len` bytes, all of which but the first and the last page are accessible. What
    /// is in them means nothing.
    ///
    /// # Errors
    ///
    /// If the system has no memory.
    pub(crate) fn stack(&self, len: usize) -> Result<Mapping> {
        // All stacks of an engine have one size.
        if let Some(mapping) = lock(&self.stacks).pop() {
            assert_eq!(mapping.len(), len, "stacks of one engine");
            return Ok(mapping);
        }
        let mut mapping = Mapping::reserve(len)?;
        mapping.commit(page_size()..len - page_size())?;
        Ok(mapping)
    }

    /// Keeps a stack's mapping that no store uses any more.
    pub(crate) fn keep_stack(&self, mut mapping: Mapping) {
        /// Less than what most calls need, so that the next ones find their pages.
        const WARM: usize = 32 * 1024;

        let page = page_size();
        let cold = mapping.len().saturating_sub(WARM);
        let cold = page..page.max(cold - cold % page);
        if lock(&self.stacks).len() < MAX_KEPT && mapping.discard(cold) {
            lock(&self.stacks).push(mapping);
        }
    }
}

/// The engine's pool, for what gives back to it.
pub(crate) type PoolRef = Arc<Pool>;

#[cfg(test)]
#[allow(unsafe_code, reason = "writes to the pages")]
mod tests {
    use super::*;

    #[test]
    fn reservations_come_back_empty() {
        let pool = Pool::default();
        let page = page_size();
        let reservation = pool.reservation(4 * page).unwrap();
        let start = reservation.start();
        // SAFETY: within the accessible part.
        unsafe { start.add(3 * page).write(5) };
        pool.keep_reservation(reservation);
        for len in [4, 1, 6, 0, 4] {
            let reservation = pool.reservation(len * page).unwrap();
            assert_eq!(reservation.len, len * page);
            #[cfg(target_os = "linux")]
            assert_eq!(reservation.start(), start, "the one that was kept");
            for at in 0..len {
                let byte = reservation.start().wrapping_add(at * page);
                // SAFETY: within the accessible part.
                unsafe {
                    assert_eq!(byte.read(), 0);
                    byte.write(7);
                }
            }
            pool.keep_reservation(reservation);
        }
    }

    #[test]
    fn exact_mappings_come_back_empty() {
        let pool = Pool::default();
        let page = page_size();
        for pages in (1..MAX_KEPT + 5).chain([3, 7, 7]) {
            let mapping = pool.exact(pages * page).unwrap();
            assert_eq!(mapping.len(), pages * page);
            let last = mapping.base().as_ptr().wrapping_add(pages * page - 1);
            // SAFETY: within the mapping.
            unsafe {
                assert_eq!(last.read(), 0);
                last.write(1);
            }
            pool.keep_exact(mapping);
            assert!(lock(&pool.exact).len() <= MAX_KEPT);
        }
    }

    #[test]
    fn few_are_kept() {
        let pool = Pool::default();
        let all: Vec<_> = (0..MAX_KEPT + 3)
            .map(|_| pool.reservation(page_size()).unwrap())
            .collect();
        for reservation in all {
            pool.keep_reservation(reservation);
        }
        assert!(lock(&pool.reservations).len() <= MAX_KEPT);
    }

    #[test]
    fn stacks_stay_usable() {
        let pool = Pool::default();
        let page = page_size();
        for _ in 0..3 {
            let len = 32 * page;
            let mapping = pool.stack(len).unwrap();
            for at in [page, len - page - 1] {
                // SAFETY: within the accessible part.
                unsafe { mapping.base().add(at).write(1) };
            }
            pool.keep_stack(mapping);
        }
    }
}
