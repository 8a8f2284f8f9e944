//! Operands that are computed within the instruction that takes them, on machines that have such.
//!
//! A record whose result is only the right operand of the operation behind it hands it over here,
//! before it takes a register for it. Tests of one bit go into branches likewise.

use super::compile::Pass;
use super::isa::{Compound, Isa};
use super::merge::Test;
use super::regs::RegSet;
use super::stack::Operand;
use crate::ir::op::{Below, IntBin, Op, Shift, Src};
use crate::ir::types::{Size, ValType};

impl Compound {
    /// Whether `op` takes this.
    fn suits(self, op: IntBin) -> bool {
        let sum = matches!(op, IntBin::Add | IntBin::Sub);
        let logical = matches!(op, IntBin::And | IntBin::Or | IntBin::Xor);
        match self {
            Self::Shifted(Shift::Rotl | Shift::Rotr, ..) | Self::Not(_) => logical,
            Self::Shifted(Shift::Shl | Shift::ShrS | Shift::ShrU, ..) => sum || logical,
            Self::Product(..) | Self::SignExtended(_) => sum,
        }
    }

    fn regs(self) -> RegSet {
        match self {
            Self::Shifted(_, reg, _) | Self::Not(reg) | Self::SignExtended(reg) => {
                RegSet::one(reg.into())
            }
            Self::Product(a, b) => RegSet::of(&[a.into(), b.into()]),
        }
    }
}

impl<I: Isa> Pass<'_, I> {
    /// Emits the next record with `rhs` as its right operand, if it is an operation of `size`
    /// that takes the value at hand, and the machine can do both at once.
    pub(super) fn compound(&mut self, size: Size, rhs: Compound) -> bool {
        if !I::COMPOUND_OPERANDS {
            return false;
        }
        let Some(Op::IntBin(op, next, Below::STACK, src)) = self.peek() else {
            return false;
        };
        // An operand that the record names stands behind the value at hand.
        let in_place = match src {
            Src::Stack => true,
            Src::Local(_) => op.commutes(),
            Src::Const(_) => false,
        };
        if next != size || !in_place || !rhs.suits(op) {
            return false;
        }
        self.skip();
        let ty = match size {
            Size::S32 => ValType::I32,
            Size::S64 => ValType::I64,
        };
        let lhs = self.pop_src(src, ty);
        let lhs = self.read_lhs(lhs);
        let dst = self.dst(ty, RegSet::one(lhs).union(rhs.regs()));
        self.isa.int_compound(op, size, dst.gpr(), lhs.gpr(), rhs);
        self.finish(ty, dst);
        true
    }

    /// Whether the next record branches on the condition at hand, with nothing to place.
    fn branches_next(&self) -> bool {
        match self.peek_branch() {
            Some(Op::BrIf(label, Src::Stack)) => self.takes_nothing(label),
            Some(Op::If { or_else, .. }) => self.is_height_of(or_else),
            _ => false,
        }
    }

    /// Does `operand & mask` with the branch behind it, if that is a test of one bit.
    pub(super) fn bit_test(&mut self, operand: Operand, mask: u64, zero: bool) -> bool {
        if !I::BIT_BRANCHES || !mask.is_power_of_two() || !self.branches_next() {
            return false;
        }
        let reg = self.read_gpr(operand);
        let bit = mask.trailing_zeros() as u8;
        // Of the negations, `test` knows those of conditions.
        let wide = self.peek() == Some(Op::Eqz(Size::S64, Src::Stack));
        if wide {
            self.skip();
        }
        let zero = zero != wide;
        self.test(Test::Bit { reg, bit, zero });
        true
    }
}
