//! How much of the host's stack is left.
#![allow(
    unsafe_code,
    reason = "asks the system for the bounds of a thread's stack"
)]

use std::cell::Cell;

/// Room that a host function finds on the host's stack at the least, on threads that have it.
const ROOM: usize = 256 * 1024;

thread_local! {
    /// Calls that would begin below this address are refused; 0: not known yet.
    static LIMIT: Cell<usize> = const { Cell::new(0) };
}

/// Whether the host's stack has room for one more nested call.
///
/// Of a small stack, a quarter is kept free in place of the usual room.
pub(crate) fn has_room() -> bool {
    let mark = 0_u8;
    let here = &raw const mark as usize;
    LIMIT.with(|limit| {
        if limit.get() == 0 {
            limit.set(bounds().map_or(1, |(low, len)| low + ROOM.min(len / 4)));
        }
        here >= limit.get()
    })
}

/// Lowest address and size of this thread's stack.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn bounds() -> Option<(usize, usize)> {
    // SAFETY: the attributes are initialised by the first call, and destroyed by the last.
    unsafe {
        let mut attributes = std::mem::zeroed();
        if libc::pthread_getattr_np(libc::pthread_self(), &mut attributes) != 0 {
            return None;
        }
        let (mut low, mut len) = (std::ptr::null_mut(), 0);
        let found = libc::pthread_attr_getstack(&attributes, &mut low, &mut len) == 0;
        libc::pthread_attr_destroy(&mut attributes);
        found.then_some((low as usize, len))
    }
}

/// Lowest address and size of this thread's stack.
#[cfg(target_vendor = "apple")]
fn bounds() -> Option<(usize, usize)> {
    // SAFETY: asks about the current thread.
    unsafe {
        let thread = libc::pthread_self();
        let len = libc::pthread_get_stacksize_np(thread);
        Some((libc::pthread_get_stackaddr_np(thread) as usize - len, len))
    }
}

/// Not known on this system.
#[cfg(not(any(target_os = "linux", target_os = "android", target_vendor = "apple")))]
fn bounds() -> Option<(usize, usize)> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_threads_have_room() {
        for size in [64 * 1024, 8 << 20] {
            let thread = std::thread::Builder::new().stack_size(size);
            let (room, (low, len)) = thread
                .spawn(|| (has_room(), bounds().unwrap()))
                .unwrap()
                .join()
                .unwrap();
            assert!(room);
            assert!(low > 0 && len >= size);
        }
    }

    #[test]
    fn deep_recursion_is_noticed() {
        fn recurse(depth: usize) -> usize {
            let bytes = [depth as u8; 4096];
            let deepest = if has_room() {
                recurse(depth + 1)
            } else {
                depth
            };
            std::hint::black_box(bytes);
            deepest
        }
        let thread = std::thread::Builder::new().stack_size(2 << 20);
        let depth = thread.spawn(|| recurse(0)).unwrap().join().unwrap();
        assert!((50..512).contains(&depth), "{depth}");
    }
}
