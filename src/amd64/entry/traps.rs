//! Where traps go: see [`CallEngine::traps`](crate::asm::abi::CallEngine::traps).

use std::arch::naked_asm;

use super::leave;
use crate::asm::abi::{CALLEE, EXIT, EXIT_PC, ExitCode, FUEL, GUEST_SP, HOST_SP, TrapCode};

/// Handlers of traps: a site's return address is on top of the stack. `$frame` is how far below
/// what remains the trapping frame begins.
macro_rules! traps {
    ($($name:ident = $trap:ident - $frame:literal;)*) => {
        $(
            #[unsafe(naked)]
            unsafe extern "C" fn $name() {
                naked_asm!(
                    ".cfi_startproc",
                    guest_side!(),
                    "pop rax",
                    // In code that pays; elsewhere nobody reads it.
                    "mov [r14 + {FUEL}], r12",
                    "mov [r14 + {EXIT_PC}], rax",
                    "lea rax, [rsp - {frame}]",
                    "mov [r14 + {GUEST_SP}], rax",
                    "mov [r14 + {CALLEE}], r11",
                    "mov dword ptr [r14 + {EXIT}], {exit}",
                    "jmp {leave}",
                    ".cfi_endproc",
                    EXIT_PC = const EXIT_PC,
                    GUEST_SP = const GUEST_SP,
                    HOST_SP = const HOST_SP,
                    CALLEE = const CALLEE,
                    FUEL = const FUEL,
                    EXIT = const EXIT,
                    frame = const $frame,
                    exit = const ExitCode::TRAP.0 + TrapCode::$trap as u32,
                    leave = sym leave,
                )
            }
        )*

        /// The handlers, by [`TrapCode`].
        pub(super) fn traps() -> [usize; TrapCode::ALL.len()] {
            let mut traps = [0; TrapCode::ALL.len()];
            $(traps[TrapCode::$trap as usize] = $name as unsafe extern "C" fn() as usize;)*
            traps
        }
    };
}

traps! {
    trap_unreachable = Unreachable - 0;
    trap_memory_out_of_bounds = MemoryOutOfBounds - 0;
    trap_table_out_of_bounds = TableOutOfBounds - 0;
    trap_indirect_call = IndirectCall - 0;
    trap_integer_overflow = IntegerOverflow - 0;
    trap_integer_division_by_zero = IntegerDivisionByZero - 0;
    trap_bad_conversion_to_integer = BadConversionToInteger - 0;
    // The frame does not exist yet: it looks as if it had room for the return address only.
    trap_stack_overflow = StackOverflow - 8;
    trap_bad_address = BadAddress - 0;
}
