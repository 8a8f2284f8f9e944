//! Shows compiled functions to debuggers, through the interface that GDB has for compilers
//! within a process: a list of symbol files in memory, and a function that is called at each
//! change of it, in which the debugger has a breakpoint.
#![allow(
    unsafe_code,
    non_upper_case_globals,
    reason = "two symbols with fixed names, and a list of raw pointers"
)]

mod elf;

use std::ptr::NonNull;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::module::ModuleInner;
use crate::error::Result;

/// One symbol file.
#[repr(C)]
struct Entry {
    next: *mut Entry,
    prev: *mut Entry,
    file: *const u8,
    len: u64,
}

/// What the debugger reads.
#[repr(C)]
struct Descriptor {
    version: u32,
    action: u32,
    /// The entry that was changed.
    relevant: *mut Entry,
    first: *mut Entry,
}

const REGISTER: u32 = 1;
const UNREGISTER: u32 = 2;

#[unsafe(no_mangle)]
static mut __jit_debug_descriptor: Descriptor = Descriptor {
    version: 1,
    action: 0,
    relevant: std::ptr::null_mut(),
    first: std::ptr::null_mut(),
};

#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn __jit_debug_register_code() {
    // A call of a function that does nothing at all could be left out.
    std::hint::black_box(());
}

/// Held by whoever touches the descriptor and the entries.
static LIST: Mutex<()> = Mutex::new(());

fn lock() -> MutexGuard<'static, ()> {
    LIST.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Tells the debugger of a change. The lock is held.
fn report(action: u32, entry: *mut Entry) {
    let descriptor = &raw mut __jit_debug_descriptor;
    // SAFETY: under the lock nobody else touches it, but a debugger, while all stands still.
    unsafe {
        (&raw mut (*descriptor).action).write_volatile(action);
        (&raw mut (*descriptor).relevant).write_volatile(entry);
        __jit_debug_register_code();
        (&raw mut (*descriptor).relevant).write_volatile(std::ptr::null_mut());
    }
}

/// A module's place in the list, which ends with it.
///
/// # Invariants
///
/// `entry` came from a box, is in the list, and refers to `_file`.
pub(crate) struct Registration {
    entry: NonNull<Entry>,
    _file: Box<[u8]>,
}

// SAFETY: the entry is touched under the lock only, and belongs to no thread.
unsafe impl Send for Registration {}
// SAFETY: as above; there is nothing to read.
unsafe impl Sync for Registration {}

impl Registration {
    /// Shows the functions of a module.
    ///
    /// # Errors
    ///
    /// If the module is too large for a symbol file.
    pub(crate) fn new(module: &ModuleInner) -> Result<Self> {
        let file = elf::symbol_file(module)?.into_boxed_slice();
        let _lock = lock();
        let descriptor = &raw mut __jit_debug_descriptor;
        // SAFETY: under the lock, entries in the list are alive and touched by nobody else.
        unsafe {
            let next = (*descriptor).first;
            let entry = Box::into_raw(Box::new(Entry {
                next,
                prev: std::ptr::null_mut(),
                file: file.as_ptr(),
                len: file.len() as u64,
            }));
            if !next.is_null() {
                (*next).prev = entry;
            }
            (*descriptor).first = entry;
            report(REGISTER, entry);
            Ok(Self {
                entry: NonNull::new_unchecked(entry),
                _file: file,
            })
        }
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        let _lock = lock();
        let entry = self.entry.as_ptr();
        // SAFETY: as in `new`; the entry came from a box.
        unsafe {
            let Entry { next, prev, .. } = *entry;
            if !next.is_null() {
                (*next).prev = prev;
            }
            if prev.is_null() {
                __jit_debug_descriptor.first = next;
            } else {
                (*prev).next = next;
            }
            report(UNREGISTER, entry);
            drop(Box::from_raw(entry));
        }
    }
}
