//! Tests of the emitters: what they encode (on any host), and what that does (on x86-64).
#![allow(
    clippy::wildcard_enum_match_arm,
    reason = "the disassembler's enums have hundreds of variants"
)]

#[cfg(all(target_arch = "x86_64", unix))]
mod checks;
#[cfg(all(target_arch = "x86_64", unix))]
mod direct;
mod disasm;
mod encoding;
#[cfg(all(target_arch = "x86_64", unix))]
mod entry;
mod forms;
mod loops;
#[cfg(all(target_arch = "x86_64", unix))]
mod machine;
mod places;
#[cfg(all(target_arch = "x86_64", unix))]
mod run_float;
#[cfg(all(target_arch = "x86_64", unix))]
mod run_int;
#[cfg(all(target_arch = "x86_64", unix))]
mod world;

use super::{Amd64, Features};
use crate::asm::abi::MemoryMode;
use crate::asm::isa::{Isa, IsaOptions};
use crate::asm::regs::{Fpr, Gpr};

/// Integer registers that the shared pass may hand to an emitter.
pub(super) const GPRS: [Gpr; 11] = [
    Gpr(0),
    Gpr(1),
    Gpr(2),
    Gpr(3),
    Gpr(5),
    Gpr(6),
    Gpr(7),
    Gpr(8),
    Gpr(9),
    Gpr(12),
    Gpr(13),
];

pub(super) const MODES: [MemoryMode; 2] = [MemoryMode::Explicit, MemoryMode::Guard];

pub(super) fn fprs() -> impl Iterator<Item = Fpr> + Clone {
    (0..14).map(Fpr)
}

/// A backend with room for the next instructions.
pub(super) fn amd64(mode: MemoryMode, features: u32) -> Amd64 {
    let mut isa = Amd64::new(IsaOptions {
        mode,
        poison: false,
        interruptible: false,
        metered: false,
        canonical_nans: false,
        features,
    });
    isa.begin(0);
    isa.buf().reserve();
    isa
}

/// Everything, nothing, and all but the float instructions with three operands.
pub(super) fn feature_sets() -> [u32; 3] {
    let all = Features::all();
    [
        all.bits(),
        Features::empty().bits(),
        all.difference(Features::AVX).bits(),
    ]
}
