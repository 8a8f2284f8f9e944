//! Makes instruction caches see new code.
#![allow(unsafe_code, reason = "cache maintenance is assembly")]

use std::arch::asm;
#[cfg(target_vendor = "apple")]
use std::ffi::c_void;

/// Makes `len` bytes of new code at `ptr` visible to the instruction fetch of every thread.
#[cfg(target_vendor = "apple")]
pub(crate) fn sync_icache(ptr: *const u8, len: usize) {
    unsafe extern "C" {
        fn sys_icache_invalidate(start: *mut c_void, len: usize);
    }
    // SAFETY: maintenance of caches reads and writes nothing.
    unsafe { sys_icache_invalidate(ptr.cast_mut().cast(), len) };
}

/// Makes `len` bytes of new code at `ptr`, which is mapped, visible to the instruction fetch of
/// every thread.
#[cfg(not(target_vendor = "apple"))]
pub(crate) fn sync_icache(ptr: *const u8, len: usize) {
    let (start, end) = (ptr as usize, ptr as usize + len);
    let ctr: u64;
    // SAFETY: reads a register that says how long cache lines are; the system lets us.
    unsafe { asm!("mrs {}, ctr_el0", out(reg) ctr, options(nomem, nostack, preserves_flags)) };
    let (code_line, data_line) = (4 << (ctr & 15), 4 << (ctr >> 16 & 15));
    for at in (start & !(data_line - 1)..end).step_by(data_line) {
        // SAFETY: cleans a cache line of mapped memory.
        unsafe { asm!("dc cvau, {}", in(reg) at, options(nostack, preserves_flags)) };
    }
    // SAFETY: a barrier.
    unsafe { asm!("dsb ish", options(nostack, preserves_flags)) };
    for at in (start & !(code_line - 1)..end).step_by(code_line) {
        // SAFETY: drops a line of mapped memory from the instruction caches.
        unsafe { asm!("ic ivau, {}", in(reg) at, options(nostack, preserves_flags)) };
    }
    // SAFETY: barriers.
    unsafe { asm!("dsb ish", "isb", options(nostack, preserves_flags)) };
    #[cfg(target_os = "linux")]
    sync_threads();
}

/// Makes the other threads of the process drop the instructions that they fetched ahead, which
/// may be those that the same address held before.
#[cfg(target_os = "linux")]
fn sync_threads() {
    use std::sync::Once;
    const SYNC_CORE: libc::c_int = 1 << 5;
    const REGISTER_SYNC_CORE: libc::c_int = 1 << 6;
    static REGISTER: Once = Once::new();
    // Kernels before 4.16 have none; there, the return from the system call that made the code
    // executable is the best that there is.
    // SAFETY: the call touches no memory of ours.
    REGISTER.call_once(|| unsafe {
        libc::syscall(libc::SYS_membarrier, REGISTER_SYNC_CORE, 0, 0);
    });
    // SAFETY: as above.
    unsafe { libc::syscall(libc::SYS_membarrier, SYNC_CORE, 0, 0) };
}
