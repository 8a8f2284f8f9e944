//! Registers as the shared pass sees them: numbers in two classes, and sets of them.

use std::num::NonZeroU8;

/// A general-purpose register, by its number in the instruction encoding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Gpr(pub(crate) u8);

/// A floating-point and vector register, by its number in the instruction encoding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fpr(pub(crate) u8);

impl From<Gpr> for u8 {
    fn from(reg: Gpr) -> Self {
        reg.0
    }
}

impl From<Fpr> for u8 {
    fn from(reg: Fpr) -> Self {
        reg.0
    }
}

/// A register of either class: by [`Self::index`], 0..32 are [`Gpr`], 32..64 are [`Fpr`].
///
/// The bit above the index is always set, so that an `Option<Reg>` is a byte too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Reg(NonZeroU8);

const FIRST_FPR: u8 = 32;
const MARK: u8 = 64;

impl Reg {
    const fn new(index: u8) -> Self {
        match NonZeroU8::new(index | MARK) {
            Some(marked) => Self(marked),
            None => unreachable!(),
        }
    }

    pub(crate) const fn int(reg: Gpr) -> Self {
        Self::new(reg.0)
    }

    pub(crate) const fn float(reg: Fpr) -> Self {
        Self::new(reg.0 | FIRST_FPR)
    }

    /// The register with this [`Self::index`].
    #[inline]
    pub(crate) fn from_index(index: usize) -> Self {
        Self::new(index as u8 & (MARK - 1))
    }

    pub(crate) const fn is_float(self) -> bool {
        self.0.get() & FIRST_FPR != 0
    }

    /// The integer register. The caller knows the class.
    #[inline]
    pub(crate) fn gpr(self) -> Gpr {
        debug_assert!(!self.is_float());
        Gpr(self.0.get() & (FIRST_FPR - 1))
    }

    /// The float register. The caller knows the class.
    #[inline]
    pub(crate) fn fpr(self) -> Fpr {
        debug_assert!(self.is_float());
        Fpr(self.0.get() & (FIRST_FPR - 1))
    }

    /// Position in a table over both classes, below 64.
    #[inline]
    pub(crate) const fn index(self) -> usize {
        (self.0.get() & (MARK - 1)) as usize
    }
}

impl From<Gpr> for Reg {
    fn from(reg: Gpr) -> Self {
        Self::int(reg)
    }
}

impl From<Fpr> for Reg {
    fn from(reg: Fpr) -> Self {
        Self::float(reg)
    }
}

/// A set of registers of both classes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct RegSet(u64);

impl RegSet {
    pub(crate) const EMPTY: Self = Self(0);
    pub(crate) const INTS: Self = Self(0xffff_ffff);
    pub(crate) const FLOATS: Self = Self(0xffff_ffff << FIRST_FPR);

    /// The set of the given registers.
    pub(crate) const fn of(regs: &[Reg]) -> Self {
        let mut bits = 0;
        let mut i = 0;
        while i < regs.len() {
            bits |= 1 << regs[i].index();
            i += 1;
        }
        Self(bits)
    }

    pub(crate) const fn one(reg: Reg) -> Self {
        Self(1 << reg.index())
    }

    pub(crate) fn is_empty(self) -> bool {
        self.0 == 0
    }

    pub(crate) fn len(self) -> usize {
        self.0.count_ones() as usize
    }

    #[inline]
    pub(crate) fn contains(self, reg: Reg) -> bool {
        self.0 & Self::one(reg).0 != 0
    }

    #[inline]
    pub(crate) fn insert(&mut self, reg: Reg) {
        self.0 |= Self::one(reg).0;
    }

    #[inline]
    pub(crate) fn remove(&mut self, reg: Reg) {
        self.0 &= !Self::one(reg).0;
    }

    pub(crate) fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub(crate) fn intersection(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    pub(crate) fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// The lowest register of the set.
    pub(crate) fn first(self) -> Option<Reg> {
        if self.0 == 0 {
            None
        } else {
            Some(Reg::new(self.0.trailing_zeros() as u8))
        }
    }
}

impl Iterator for RegSet {
    type Item = Reg;

    fn next(&mut self) -> Option<Reg> {
        let reg = self.first()?;
        self.0 &= self.0 - 1;
        Some(reg)
    }
}

/// Which registers a backend lends to the shared pass, for one memory mode.
///
/// Registers in none of these sets are roles or the backend's own scratch.
#[derive(Debug)]
pub(crate) struct RegFile {
    /// Integer arguments of wasm functions, first to last; the first two carry results, the
    /// first a label's first argument. All are also in `operands`.
    pub(crate) int_args: [Gpr; 6],
    /// Float arguments; the first two carry results, the first a label's first argument.
    pub(crate) float_args: [Fpr; 8],
    /// Caller-saved registers of both classes, for operands.
    pub(crate) operands: RegSet,
    /// Callee-saved integer registers, in the order in which locals are pinned to them.
    pub(crate) saved_pins: &'static [Gpr],
    /// Operand registers that leaf functions may pin integer locals to, best first.
    pub(crate) leaf_pins: &'static [Gpr],
    /// Caller-saved float registers outside `operands` that pin float locals, best first.
    pub(crate) float_pins: &'static [Fpr],
}
