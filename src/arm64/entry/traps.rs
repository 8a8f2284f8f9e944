//! Handlers of traps: where a site goes that raises one.

use std::arch::naked_asm;
use std::mem::offset_of;

use super::leave;
use crate::asm::abi::{CallEngine, ExitCode, TrapCode};

/// Leaves by a trap. Keeps the fuel; in code that does not pay, nobody reads it.
macro_rules! leave_by_trap {
    ($callee:literal) => {
        concat!(
            "
            mov x16, sp
            str x16, [x28, {guest_sp}]
            str x25, [x28, {fuel}]
            str x30, [x28, {exit_pc}]
            mov w16, {status}
            str w16, [x28, {exit}]
            str ",
            $callee,
            ", [x28, {callee}]\nb {leave}"
        )
    };
}

/// The handler of trap `K`, reached with the site's address in `x30`.
#[unsafe(naked)]
unsafe extern "C" fn trap<const K: u32>() {
    thunk!(ExitCode::TRAP.0 + K; leave_by_trap!("x17"))
}

/// As [`trap`], before the function has a frame: makes one of 16 bytes, with the return address,
/// which is in `x17`.
#[unsafe(naked)]
unsafe extern "C" fn stack_overflow() {
    thunk!(ExitCode::TRAP.0 + TrapCode::StackOverflow as u32;
        "stp xzr, x17, [sp, #-16]!",
        leave_by_trap!("xzr")
    )
}

/// By [`TrapCode`].
pub(super) static TRAPS: [unsafe extern "C" fn(); TrapCode::ALL.len()] = [
    trap::<{ TrapCode::Unreachable as u32 }>,
    trap::<{ TrapCode::MemoryOutOfBounds as u32 }>,
    trap::<{ TrapCode::TableOutOfBounds as u32 }>,
    trap::<{ TrapCode::IndirectCall as u32 }>,
    trap::<{ TrapCode::IntegerOverflow as u32 }>,
    trap::<{ TrapCode::IntegerDivisionByZero as u32 }>,
    trap::<{ TrapCode::BadConversionToInteger as u32 }>,
    stack_overflow,
    trap::<{ TrapCode::BadAddress as u32 }>,
];

const _: () = assert!(TrapCode::StackOverflow as usize == 7);
