//! Address ranges that the signal handler searches: compiled code, and guarded memories.
//!
//! Readers take no lock and allocate nothing, as a signal handler must. A range that a fault can
//! lie in is there before the code runs and until after it has run, so a reader always sees it.
#![allow(unsafe_code, reason = "follows pointers to leaked chunks")]

use std::ops::Range;
use std::sync::Mutex;
use std::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};

/// Compiled code.
pub(crate) static CODE: Ranges = Ranges::new();
/// What is reserved for linear memories.
pub(crate) static GUARDS: Ranges = Ranges::new();

/// A set of ranges that is read without locks.
pub(crate) struct Ranges {
    first: AtomicPtr<Chunk>,
    /// Slots that hold no range.
    free: Mutex<Vec<&'static Slot>>,
}

const SLOTS: usize = 128;

/// Never freed, so that readers may hold on to it.
struct Chunk {
    slots: [Slot; SLOTS],
    next: Option<&'static Chunk>,
}

/// A range, or none if `start` is 0.
struct Slot {
    start: AtomicUsize,
    end: AtomicUsize,
}

/// A range's membership in the set, which ends with it.
pub(crate) struct Registration {
    set: &'static Ranges,
    slot: &'static Slot,
}

impl Ranges {
    const fn new() -> Self {
        Self {
            first: AtomicPtr::new(std::ptr::null_mut()),
            free: Mutex::new(Vec::new()),
        }
    }

    /// Adds a range, which does not start at address 0.
    pub(crate) fn add(&'static self, range: Range<usize>) -> Registration {
        let mut free = self.free.lock().unwrap_or_else(|e| e.into_inner());
        if free.is_empty() {
            self.grow(&mut free);
        }
        let Some(slot) = free.pop() else {
            unreachable!("a chunk has slots");
        };
        slot.end.store(range.end, Ordering::Relaxed);
        slot.start.store(range.start, Ordering::Release);
        Registration { set: self, slot }
    }

    fn grow(&self, free: &mut Vec<&'static Slot>) {
        let chunk: &'static Chunk = Box::leak(Box::new(Chunk {
            slots: [const {
                Slot {
                    start: AtomicUsize::new(0),
                    end: AtomicUsize::new(0),
                }
            }; SLOTS],
            next: self.head(),
        }));
        free.extend(&chunk.slots);
        self.first
            .store(std::ptr::from_ref(chunk).cast_mut(), Ordering::Release);
    }

    fn head(&self) -> Option<&'static Chunk> {
        // SAFETY: null, or a leaked chunk that is never changed but through its atomics.
        unsafe { self.first.load(Ordering::Acquire).as_ref() }
    }

    /// Whether some range holds `addr`.
    pub(crate) fn contains(&self, addr: usize) -> bool {
        let mut chunk = self.head();
        while let Some(Chunk { slots, next }) = chunk {
            if slots.iter().any(|slot| slot.contains(addr)) {
                return true;
            }
            chunk = *next;
        }
        false
    }
}

impl Slot {
    fn contains(&self, addr: usize) -> bool {
        let start = self.start.load(Ordering::Acquire);
        let end = self.end.load(Ordering::Acquire);
        // A slot that changes hands between the loads is not the range of a running guest.
        start != 0 && start <= addr && addr < end && self.start.load(Ordering::Relaxed) == start
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        let mut free = self.set.free.lock().unwrap_or_else(|e| e.into_inner());
        self.slot.start.store(0, Ordering::Release);
        free.push(self.slot);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_what_is_registered() {
        static SET: Ranges = Ranges::new();
        assert!(!SET.contains(5));
        let many: Vec<_> = (1..1000).map(|n| SET.add(n * 10..n * 10 + 5)).collect();
        assert!(SET.contains(10) && SET.contains(9994));
        assert!(!SET.contains(15) && !SET.contains(9));
        drop(many);
        assert!(!SET.contains(10));
        let again = SET.add(7..9);
        assert!(SET.contains(8));
        drop(again);
        assert!(!SET.contains(8));
    }
}
