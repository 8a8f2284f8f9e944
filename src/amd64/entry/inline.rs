//! Calls of guests from the midst of a Rust function.

use std::arch::asm;

use crate::amd64::call::INDIRECT_ENTRY;
use crate::asm::abi::{
    Answer, CallEngine, DIRECT_ARGS, DirectArg, EnterDirect, FUEL, HOST_SP, INSTANCE, MEMORY_BASE,
    MEMORY_BOUND, MEMORY0, VmFuncRef,
};

macro_rules! call_inline {
    ($(#[$doc:meta])* $name:ident: $frame:literal, $load_fuel:literal, $restore:literal) => {
        $(#[$doc])*
        #[inline(always)]
        pub(crate) unsafe fn $name(
            _: EnterDirect,
            engine: *mut CallEngine,
            func: *const VmFuncRef,
            [a, b, c]: [DirectArg; DIRECT_ARGS],
            base: usize,
        ) -> Answer {
            let (value, left);
            // SAFETY: the caller's promises. What is written below `rsp` is the frame; all registers
            // that a guest or `leave` changes are named, but for those that are as they were.
            unsafe {
                asm!(
                    "mov [rsp - 24], rbx",
                    "mov [rsp - 16], rbp",
                    "lea r12, [rip + 2f]",
                    "mov [rsp - 8], r12",
                    concat!("lea ", $frame, ", [rsp - 64]"),
                    concat!("mov [r14 + {HOST_SP}], ", $frame),
                    "mov [r14 + {INSTANCE}], r10",
                    "mov r10, [r10 + {MEMORY0}]",
                    "mov r15, [r10 + {MEMORY_BASE}]",
                    // Where the memory's bound has no register this is a pin, which nobody reads.
                    "mov r13, [r10 + {MEMORY_BOUND}]",
                    $load_fuel,
                    "mov rsp, rsi",
                    "call rdi",
                    "xor edx, edx",
                    concat!("lea rsp, [", $frame, " + 64]"),
                    $restore,
                    "2: /* {FUEL} */",
                    HOST_SP = const HOST_SP,
                    INSTANCE = const INSTANCE,
                    MEMORY0 = const MEMORY0,
                    MEMORY_BASE = const MEMORY_BASE,
                    MEMORY_BOUND = const MEMORY_BOUND,
                    FUEL = const FUEL,
                    inout("rax") a => value,
                    inout("rcx") b => _,
                    inout("rdx") c => left,
                    in("rsi") base,
                    // What the indirect entry would compare is known.
                    in("rdi") (*func).code + INDIRECT_ENTRY,
                    in("r10") (*func).instance,
                    inout("r14") engine => _,
                    out("r12") _,
                    out("r13") _,
                    out("r15") _,
                    clobber_abi("sysv64"),
                );
            }
            Answer { value, left }
        }
    };
}

call_inline! {
    /// Does what [`Thunks::enter_direct`] does, without a call of it: a call more, and every register
    /// saved that the caller may not need, would take half as long again. The host's frame is the
    /// same as the thunks', so they leave and unwind to here as they would to the caller of `enter`.
    /// In it:
    ///
    /// - The return address is that of the end of this code, where `leave` goes.
    /// - `rbx` and `rbp`, which the caller cannot be told that they change. A guest that returns has
    ///   kept them; `leave` needs them.
    /// - Not what [`StackPointers::host`] was, nor the registers that the caller is told to change.
    ///   `leave` loads what it finds there, so the caller must set it.
    ///
    /// # Safety
    ///
    /// No guest of `engine` runs. `func` is a guest's function of at most so many integers, with at
    /// most one integer as its result. `base` is the value stack's top, 16-aligned.
    ///
    /// [`StackPointers::host`]: crate::asm::abi::StackPointers::host
    /// [`Thunks::enter_direct`]: crate::asm::abi::Thunks::enter_direct
    call_inline: "r12", "", ""
}
call_inline! {
    /// As [`call_inline`], with fuel.
    ///
    /// # Safety
    ///
    /// As [`call_inline`].
    call_inline_metered:
    "rbx",
    "mov r12, [r14 + {FUEL}]",
    "
    mov rbx, [rsp - 24]
    mov [r14 + {FUEL}], r12
    "
}
