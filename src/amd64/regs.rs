//! Registers, conditions and optional instructions of x86-64.

use crate::asm::abi::MemoryMode;
use crate::asm::isa::Cond;
use crate::asm::regs::{Fpr, Gpr, Reg, RegFile, RegSet};
use crate::ir::op::{FloatCmp, IntCmp};

pub(super) const RAX: Gpr = Gpr(0);
pub(super) const RCX: Gpr = Gpr(1);
pub(super) const RDX: Gpr = Gpr(2);
pub(super) const RBX: Gpr = Gpr(3);
pub(super) const RBP: Gpr = Gpr(5);
pub(super) const RSI: Gpr = Gpr(6);
pub(super) const RDI: Gpr = Gpr(7);
pub(super) const R8: Gpr = Gpr(8);
pub(super) const R9: Gpr = Gpr(9);
/// Second scratch register, and the table index at an indirect call.
pub(super) const R10: Gpr = Gpr(10);
/// First scratch register, and the callee at a call through a reference.
pub(super) const R11: Gpr = Gpr(11);
/// A pin, or the fuel that is left.
pub(super) const R12: Gpr = Gpr(12);
pub(super) const R13: Gpr = Gpr(13);

/// The call engine.
pub(super) const R14: Gpr = Gpr(14);
/// The memory base.
pub(super) const R15: Gpr = Gpr(15);

pub(super) const XMM14: Fpr = Fpr(14);
pub(super) const XMM15: Fpr = Fpr(15);

const OPERANDS: RegSet = RegSet::of(&[
    Reg::int(RAX),
    Reg::int(RCX),
    Reg::int(RDX),
    Reg::int(RSI),
    Reg::int(RDI),
    Reg::int(R8),
    Reg::float(Fpr(0)),
    Reg::float(Fpr(1)),
    Reg::float(Fpr(2)),
    Reg::float(Fpr(3)),
    Reg::float(Fpr(4)),
    Reg::float(Fpr(5)),
    Reg::float(Fpr(6)),
    Reg::float(Fpr(7)),
]);

const EXPLICIT: RegFile = RegFile {
    int_args: [RAX, RCX, RDX, RSI, RDI, R8],
    float_args: [
        Fpr(0),
        Fpr(1),
        Fpr(2),
        Fpr(3),
        Fpr(4),
        Fpr(5),
        Fpr(6),
        Fpr(7),
    ],
    operands: OPERANDS,
    saved_pins: &[RBX, RBP, R12, R9],
    leaf_pins: &[R8, RDI, RSI],
    float_pins: &[Fpr(8), Fpr(9), Fpr(10), Fpr(11), Fpr(12), Fpr(13)],
};

static EXPLICIT_FILE: RegFile = EXPLICIT;

/// Without a memory bound to hold, `r13` is one more pin.
static GUARD_FILE: RegFile = RegFile {
    saved_pins: &[RBX, RBP, R12, R9, R13],
    ..EXPLICIT
};

/// Code that pays keeps its fuel in `r12`.
static METERED_EXPLICIT_FILE: RegFile = RegFile {
    saved_pins: &[RBX, RBP, R9],
    ..EXPLICIT
};

static METERED_GUARD_FILE: RegFile = RegFile {
    saved_pins: &[RBX, RBP, R9, R13],
    ..EXPLICIT
};

pub(super) fn reg_file(mode: MemoryMode, metered: bool) -> &'static RegFile {
    match (mode, metered) {
        (MemoryMode::Explicit, false) => &EXPLICIT_FILE,
        (MemoryMode::Guard, false) => &GUARD_FILE,
        (MemoryMode::Explicit, true) => &METERED_EXPLICIT_FILE,
        (MemoryMode::Guard, true) => &METERED_GUARD_FILE,
    }
}

/// A condition code of the machine, by its number in the encoding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Cc {
    Overflow = 0x0,
    NotOverflow = 0x1,
    Below = 0x2,
    AboveEqual = 0x3,
    Equal = 0x4,
    NotEqual = 0x5,
    BelowEqual = 0x6,
    Above = 0x7,
    Sign = 0x8,
    NotSign = 0x9,
    Parity = 0xa,
    NotParity = 0xb,
    Less = 0xc,
    GreaterEqual = 0xd,
    LessEqual = 0xe,
    Greater = 0xf,
}

impl Cc {
    pub(super) fn negated(self) -> Self {
        match self {
            Self::Overflow => Self::NotOverflow,
            Self::NotOverflow => Self::Overflow,
            Self::Below => Self::AboveEqual,
            Self::AboveEqual => Self::Below,
            Self::Equal => Self::NotEqual,
            Self::NotEqual => Self::Equal,
            Self::BelowEqual => Self::Above,
            Self::Above => Self::BelowEqual,
            Self::Sign => Self::NotSign,
            Self::NotSign => Self::Sign,
            Self::Parity => Self::NotParity,
            Self::NotParity => Self::Parity,
            Self::Less => Self::GreaterEqual,
            Self::GreaterEqual => Self::Less,
            Self::LessEqual => Self::Greater,
            Self::Greater => Self::LessEqual,
        }
    }
}

/// What to test for a [`Cond`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Test {
    One(Cc),
    /// "Equal" and "not parity": equal and ordered.
    Equal,
    /// "Not equal" or "parity": different or unordered.
    NotEqual,
}

impl Test {
    /// Floats are compared so that "less" reads as "above": see `float_cmp`. "Above" and "above
    /// or equal" are false when unordered, their opposites true.
    pub(super) fn of(cond: Cond) -> Self {
        match cond {
            Cond::Int(cmp) => Self::One(int_cc(cmp)),
            Cond::Float(FloatCmp::Eq) | Cond::NotFloat(FloatCmp::Ne) => Self::Equal,
            Cond::Float(FloatCmp::Ne) | Cond::NotFloat(FloatCmp::Eq) => Self::NotEqual,
            Cond::Float(FloatCmp::Lt | FloatCmp::Gt) => Self::One(Cc::Above),
            Cond::Float(FloatCmp::Le | FloatCmp::Ge) => Self::One(Cc::AboveEqual),
            Cond::NotFloat(FloatCmp::Lt | FloatCmp::Gt) => Self::One(Cc::BelowEqual),
            Cond::NotFloat(FloatCmp::Le | FloatCmp::Ge) => Self::One(Cc::Below),
        }
    }
}

fn int_cc(cmp: IntCmp) -> Cc {
    match cmp {
        IntCmp::Eq => Cc::Equal,
        IntCmp::Ne => Cc::NotEqual,
        IntCmp::LtS => Cc::Less,
        IntCmp::LtU => Cc::Below,
        IntCmp::GtS => Cc::Greater,
        IntCmp::GtU => Cc::Above,
        IntCmp::LeS => Cc::LessEqual,
        IntCmp::LeU => Cc::BelowEqual,
        IntCmp::GeS => Cc::GreaterEqual,
        IntCmp::GeU => Cc::AboveEqual,
    }
}

bitflags::bitflags! {
    /// Instructions beyond SSE2 that code may use; the bits of `IsaOptions::features`.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub(crate) struct Features: u32 {
        /// `roundss`, `roundsd`
        const SSE41 = 1 << 0;
        const POPCNT = 1 << 1;
        const LZCNT = 1 << 2;
        /// `tzcnt`
        const BMI1 = 1 << 3;
        /// `shlx`, `shrx`, `sarx`, `rorx`
        const BMI2 = 1 << 4;
        /// Float instructions with three operands.
        const AVX = 1 << 5;
    }
}

/// What this machine has, for `IsaOptions::features`.
#[cfg(target_arch = "x86_64")]
pub(crate) fn host_features() -> u32 {
    let mut features = Features::empty();
    features.set(Features::SSE41, is_x86_feature_detected!("sse4.1"));
    features.set(Features::POPCNT, is_x86_feature_detected!("popcnt"));
    features.set(Features::LZCNT, is_x86_feature_detected!("lzcnt"));
    features.set(Features::BMI1, is_x86_feature_detected!("bmi1"));
    features.set(Features::BMI2, is_x86_feature_detected!("bmi2"));
    features.set(Features::AVX, is_x86_feature_detected!("avx"));
    features.bits()
}
