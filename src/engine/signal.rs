//! Turns faults of guests at the guard regions of memories into traps.
#![allow(unsafe_code, reason = "handles signals")]

use std::ffi::c_void;
use std::mem::MaybeUninit;
use std::sync::OnceLock;

use super::native;
use super::registry::{CODE, GUARDS};
use crate::asm::abi::TrapCode;
use crate::error::{Error, Result};

/// Linux reports accesses to inaccessible pages by SIGSEGV, macOS by SIGBUS.
const SIGNALS: [i32; 2] = [libc::SIGSEGV, libc::SIGBUS];

/// What handled the signals before. Written before our handlers are installed.
static PREVIOUS: OnceLock<[libc::sigaction; 2]> = OnceLock::new();

/// Installs the handlers, once per process.
///
/// # Errors
///
/// If the system refuses.
pub(crate) fn install() -> Result<()> {
    static INSTALLED: OnceLock<Result<(), i32>> = OnceLock::new();
    let result = INSTALLED.get_or_init(|| {
        let previous = SIGNALS.map(|signal| {
            let mut action = MaybeUninit::uninit();
            // SAFETY: only asks.
            unsafe {
                match libc::sigaction(signal, std::ptr::null(), action.as_mut_ptr()) {
                    0 => Ok(action.assume_init()),
                    _ => Err(last_error()),
                }
            }
        });
        let [segv, bus] = previous;
        PREVIOUS.get_or_init(|| match (segv, bus) {
            (Ok(segv), Ok(bus)) => [segv, bus],
            // SAFETY: zeros are the default action.
            _ => unsafe { std::mem::zeroed() },
        });
        segv.and(bus)?;
        for signal in SIGNALS {
            // SAFETY: the handler does only what a signal handler may.
            unsafe {
                let mut action: libc::sigaction = std::mem::zeroed();
                action.sa_sigaction = handle as *const () as usize;
                // The alternate stack where a thread has one: a host that overflows its stack
                // must reach the previous handler. NODEFER: a fault in that is its own.
                action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK | libc::SA_NODEFER;
                libc::sigemptyset(&mut action.sa_mask);
                if libc::sigaction(signal, &action, std::ptr::null_mut()) != 0 {
                    return Err(last_error());
                }
            }
        }
        Ok(())
    });
    result.map_err(|code| {
        let error = std::io::Error::from_raw_os_error(code);
        Error::new(error).context("cannot handle memory faults")
    })
}

fn last_error() -> i32 {
    std::io::Error::last_os_error().raw_os_error().unwrap_or(0)
}

/// The handler. It may run on the value stack, which keeps room for it.
unsafe extern "C" fn handle(signal: i32, info: *mut libc::siginfo_t, context: *mut c_void) {
    // SAFETY: the system passes valid pointers; only compiled code has a call engine in the role
    // register, and its faults at a guard are sites of memory accesses.
    unsafe {
        if CODE.contains(native::fault_pc(context)) && GUARDS.contains((*info).si_addr() as usize) {
            native::redirect_to_trap(context, TrapCode::MemoryOutOfBounds);
            return;
        }
        pass_on(signal, info, context);
    }
}

/// Does what would have been done without us.
///
/// # Safety
///
/// The arguments are those of a signal handler.
unsafe fn pass_on(signal: i32, info: *mut libc::siginfo_t, context: *mut c_void) {
    let Some(previous) = PREVIOUS.get() else {
        return;
    };
    let previous = &previous[usize::from(signal != SIGNALS[0])];
    // SAFETY: what was installed before takes these arguments.
    unsafe {
        match previous.sa_sigaction {
            libc::SIG_IGN if was_sent(info) => {}
            // The instruction is run again, and faults again, now without us. A fault cannot be
            // ignored: the system treats that as the default.
            libc::SIG_DFL | libc::SIG_IGN => {
                let mut default: libc::sigaction = std::mem::zeroed();
                default.sa_sigaction = libc::SIG_DFL;
                libc::sigaction(signal, &default, std::ptr::null_mut());
                if was_sent(info) {
                    libc::raise(signal);
                }
            }
            handler if previous.sa_flags & libc::SA_SIGINFO != 0 => {
                type Handler = unsafe extern "C" fn(i32, *mut libc::siginfo_t, *mut c_void);
                let handler = std::mem::transmute::<usize, Handler>(handler);
                handler(signal, info, context);
            }
            handler => {
                let handler = std::mem::transmute::<usize, unsafe extern "C" fn(i32)>(handler);
                handler(signal);
            }
        }
    }
}

/// Whether some process sent the signal: it is not a fault, and will not come again by itself.
///
/// # Safety
///
/// `info` is a signal handler's.
unsafe fn was_sent(info: *const libc::siginfo_t) -> bool {
    // SAFETY: the caller's promise.
    let code = unsafe { (*info).si_code };
    code <= 0 || code == libc::SI_USER
}
