//! Roles of the registers, and what the shared pass may use.
//!
//! `x18` is the platform's and `x29` stays the host's frame pointer; neither is ever touched.

use crate::asm::abi::MemoryMode;
use crate::asm::regs::{Fpr, Gpr, Reg, RegFile, RegSet};

/// The call engine.
pub(super) const ENGINE: Gpr = Gpr(28);
/// Base of memory 0.
pub(super) const MEM: Gpr = Gpr(27);
/// Length of memory 0, in `Explicit` mode.
pub(super) const BOUND: Gpr = Gpr(26);
/// Scratch of every emitter.
pub(super) const TMP: Gpr = Gpr(16);
/// The callee's record at a call through a reference and at the trap of one; scratch elsewhere.
pub(super) const CALLEE: Gpr = Gpr(17);
/// The table index at an indirect call; scratch elsewhere.
pub(super) const INDEX: Gpr = Gpr(15);
/// The return address. The prologue stores it, so a body may overwrite it.
pub(super) const LINK: Gpr = Gpr(30);
/// The stack pointer, where an instruction's field means that.
pub(super) const SP: Gpr = Gpr(31);
/// The zero register, where an instruction's field means that.
pub(super) const ZERO: Gpr = Gpr(31);

/// Scratch of every emitter.
pub(super) const FTMP: Fpr = Fpr(31);
pub(super) const FTMP2: Fpr = Fpr(30);

const fn ints<const N: usize>(regs: [u8; N]) -> [Gpr; N] {
    let mut out = [ZERO; N];
    let mut i = 0;
    while i < N {
        out[i] = Gpr(regs[i]);
        i += 1;
    }
    out
}

const fn floats<const N: usize>(regs: [u8; N]) -> [Fpr; N] {
    let mut out = [FTMP; N];
    let mut i = 0;
    while i < N {
        out[i] = Fpr(regs[i]);
        i += 1;
    }
    out
}

/// `x0..x14` and `v0..v7`, `v16..v23`.
const OPERANDS: RegSet = {
    let mut regs = [Reg::int(Gpr(0)); 31];
    let mut i = 0;
    while i < 15 {
        regs[i] = Reg::int(Gpr(i as u8));
        i += 1;
    }
    while i < 31 {
        let n = (i - 15) as u8;
        regs[i] = Reg::float(Fpr(if n < 8 { n } else { n + 8 }));
        i += 1;
    }
    RegSet::of(&regs)
};

const fn file(saved_pins: &'static [Gpr]) -> RegFile {
    RegFile {
        int_args: ints([0, 1, 2, 3, 4, 5]),
        float_args: floats([0, 1, 2, 3, 4, 5, 6, 7]),
        operands: OPERANDS,
        saved_pins,
        // Arguments first, so that they stay where they arrive; six remain for operands.
        leaf_pins: const { &ints([1, 2, 3, 4, 5, 14, 13, 12, 11]) },
        float_pins: const { &floats([8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29]) },
    }
}

static EXPLICIT: RegFile = file(const { &ints([19, 20, 21, 22, 23, 24, 25]) });
/// Without a bound to keep, its register pins one more local.
static GUARD: RegFile = file(const { &ints([19, 20, 21, 22, 23, 24, 25, 26]) });

/// Code that pays keeps its fuel in `x25`.
static METERED_EXPLICIT: RegFile = file(const { &ints([19, 20, 21, 22, 23, 24]) });
static METERED_GUARD: RegFile = file(const { &ints([19, 20, 21, 22, 23, 24, 26]) });

pub(super) fn file_of(mode: MemoryMode, metered: bool) -> &'static RegFile {
    match (mode, metered) {
        (MemoryMode::Explicit, false) => &EXPLICIT,
        (MemoryMode::Guard, false) => &GUARD,
        (MemoryMode::Explicit, true) => &METERED_EXPLICIT,
        (MemoryMode::Guard, true) => &METERED_GUARD,
    }
}
