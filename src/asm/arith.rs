//! Numeric records: bring operands where the instruction wants them, emit it, push the result.

use super::compile::Pass;
use super::isa::{Compound, Cond, DivChecks, ImmUse, Isa, Rhs, TruncOp};
use super::merge::Test;
use super::place::extended;
use super::regs::{Gpr, Reg, RegSet};
use super::stack::{Loc, Operand, class};
use crate::ir::op::{Below, Div, FloatBin, FloatCmp, FloatUn, IntBin, IntCmp, IntUn, Shift, Src};
use crate::ir::types::{Size, ValType};

/// Positive, with the topmost bit of the payload alone.
const CANONICAL_F32: u32 = 0x7fc0_0000;
const CANONICAL_F64: u64 = 0x7ff8_0000_0000_0000;

fn int(size: Size) -> ValType {
    match size {
        Size::S32 => ValType::I32,
        Size::S64 => ValType::I64,
    }
}

fn float(size: Size) -> ValType {
    match size {
        Size::S32 => ValType::F32,
        Size::S64 => ValType::F64,
    }
}

/// The bit that negative numbers have.
fn sign(size: Size) -> u64 {
    match size {
        Size::S32 => 1 << 31,
        Size::S64 => 1 << 63,
    }
}

fn rhs_reg(rhs: Rhs) -> RegSet {
    match rhs {
        Rhs::Reg(reg) => RegSet::one(reg.into()),
        Rhs::Imm(_) | Rhs::Slot(_) => RegSet::EMPTY,
    }
}

impl<I: Isa> Pass<'_, I> {
    #[inline(never)]
    pub(super) fn int_bin(&mut self, op: IntBin, size: Size, below: Below, src: Src) {
        if let Src::Const(value) = src {
            let lhs = self.pop_below(below);
            return self.int_bin_const(op, size, lhs, value);
        }
        let (mut rhs, mut lhs) = (self.pop_src(src, int(size)), self.pop_below(below));
        if op.commutes() && lhs.is_late() && !rhs.is_late() {
            (lhs, rhs) = (rhs, lhs);
        }
        if op == IntBin::Mul
            && let Some(bits) = rhs.constant()
            && bits.is_power_of_two()
        {
            return self.shift_by(Shift::Shl, size, lhs, u64::from(bits.trailing_zeros()));
        }
        if op == IntBin::And
            && let Some(bits) = rhs.constant()
            && self.bit_test(lhs, bits, false)
        {
            return;
        }
        self.int_bin_any(op, size, lhs, rhs);
    }

    /// `lhs op value`, where the usual constant is an immediate.
    #[inline(always)]
    fn int_bin_const(&mut self, op: IntBin, size: Size, lhs: Operand, value: i32) {
        let ty = int(size);
        let bits = extended(value, ty);
        if op == IntBin::Mul && bits.is_power_of_two() {
            return self.shift_by(Shift::Shl, size, lhs, u64::from(bits.trailing_zeros()));
        }
        if op == IntBin::And && self.bit_test(lhs, bits, false) {
            return;
        }
        let imm = i64::from(value);
        if !I::imm_fits(ImmUse::Bin(op), size, imm) {
            return self.int_bin_any(op, size, lhs, Operand::new(ty, Loc::Const(bits)));
        }
        let lhs = self.read_lhs(lhs);
        if op == IntBin::Xor && value == -1 && self.compound(size, Compound::Not(lhs.gpr())) {
            return;
        }
        let dst = self.dst(ty, RegSet::one(lhs));
        self.isa
            .int_bin(op, size, dst.gpr(), lhs.gpr(), Rhs::Imm(imm));
        self.finish(ty, dst);
    }

    fn int_bin_any(&mut self, op: IntBin, size: Size, lhs: Operand, rhs: Operand) {
        let rhs = self.rhs(rhs, ImmUse::Bin(op), size);
        let lhs = self.read_lhs(lhs);
        if op == IntBin::Mul
            && let Rhs::Reg(rhs) = rhs
            && self.compound(size, Compound::Product(lhs.gpr(), rhs))
        {
            return;
        }
        let mut dying = RegSet::one(lhs);
        if op.commutes() {
            dying = dying.union(rhs_reg(rhs));
        }
        let dst = self.dst(int(size), dying);
        self.isa.int_bin(op, size, dst.gpr(), lhs.gpr(), rhs);
        self.finish(int(size), dst);
    }

    #[inline(never)]
    pub(super) fn shift(&mut self, op: Shift, size: Size, below: Below, src: Src) {
        if let Src::Const(count) = src {
            let lhs = self.pop_below(below);
            return self.shift_by(op, size, lhs, count as u64);
        }
        let (count, lhs) = (self.pop_src(src, int(size)), self.pop_below(below));
        if let Some(bits) = count.constant() {
            return self.shift_by(op, size, lhs, bits);
        }
        let lhs = match self.isa.shift_count(op) {
            None => {
                let count = self.read(count);
                (self.read_lhs(lhs), count)
            }
            Some(fixed) => self.fix_count(fixed.into(), count, lhs),
        };
        let (lhs, count) = lhs;
        let dst = self.dst(int(size), RegSet::one(lhs));
        self.isa
            .shift(op, size, dst.gpr(), lhs.gpr(), Rhs::Reg(count.gpr()));
        self.finish(int(size), dst);
    }

    /// Puts a count into the register that the machine insists on, the left operand elsewhere.
    fn fix_count(&mut self, fixed: Reg, count: Operand, mut lhs: Operand) -> (Reg, Reg) {
        self.take(fixed);
        if matches!(lhs.loc(), Loc::Reg { reg, .. } if reg == fixed) {
            let other = self.alloc(RegSet::INTS);
            self.load_into(other, lhs);
            lhs = lhs.at(Loc::Reg {
                reg: other,
                clean: false,
            });
        }
        self.load_into(fixed, count);
        (self.read_lhs(lhs), fixed)
    }

    fn shift_by(&mut self, op: Shift, size: Size, lhs: Operand, count: u64) {
        let count = match size {
            Size::S32 => count & 31,
            Size::S64 => count & 63,
        };
        let lhs = self.read_lhs(lhs);
        if self.compound(size, Compound::Shifted(op, lhs.gpr(), count as u8)) {
            return;
        }
        let dst = self.dst(int(size), RegSet::one(lhs));
        self.isa
            .shift(op, size, dst.gpr(), lhs.gpr(), Rhs::Imm(count as i64));
        self.finish(int(size), dst);
    }

    #[inline(never)]
    pub(super) fn div(&mut self, op: Div, size: Size) {
        let (rhs, lhs) = (self.pop(), self.pop());
        if let Some(divisor) = rhs.constant()
            && divisor.is_power_of_two()
            && matches!(op, Div::DivU | Div::RemU)
        {
            return self.div_by_power(op, size, lhs, divisor);
        }
        let minus_one = match size {
            Size::S32 => u64::from(u32::MAX),
            Size::S64 => u64::MAX,
        };
        let checks = DivChecks {
            zero: rhs.constant().is_none_or(|bits| bits == 0),
            minus_one: rhs.constant().is_none_or(|bits| bits == minus_one),
        };
        let Some(fixed) = I::FIXED_DIV else {
            let (rhs, lhs) = (self.read_gpr(rhs), self.read_gpr(lhs));
            let dst = self.dst(int(size), RegSet::of(&[lhs.into(), rhs.into()]));
            self.isa.div(op, size, checks, dst.gpr(), lhs, rhs);
            self.finish(int(size), dst);
            return;
        };
        let (fixed_lhs, clobber) = (Reg::int(fixed.lhs), Reg::int(fixed.clobber));
        self.take(fixed_lhs);
        self.take(clobber);
        let rhs = self.divisor([fixed_lhs, clobber], rhs);
        self.load_into(fixed_lhs, lhs);
        let dst = match op {
            Div::DivS | Div::DivU => fixed.quotient,
            Div::RemS | Div::RemU => fixed.remainder,
        };
        self.isa.div(op, size, checks, dst, fixed.lhs, rhs);
        self.push_reg(int(size), dst.into());
    }

    /// The divisor in a register other than the fixed ones.
    fn divisor(&mut self, fixed: [Reg; 2], rhs: Operand) -> Gpr {
        match rhs.loc() {
            Loc::Reg { reg, .. } if fixed.contains(&reg) => {
                let other = self.alloc(RegSet::INTS);
                self.load_into(other, rhs);
                other.gpr()
            }
            Loc::Reg { .. } | Loc::Const(_) | Loc::Local { .. } | Loc::Home(_) => {
                self.read_gpr(rhs)
            }
        }
    }

    /// Unsigned division by 2^k is a shift, its remainder a mask.
    fn div_by_power(&mut self, op: Div, size: Size, lhs: Operand, divisor: u64) {
        if op == Div::DivU {
            let count = u64::from(divisor.trailing_zeros());
            return self.shift_by(Shift::ShrU, size, lhs, count);
        }
        let mask = lhs.at(Loc::Const(divisor - 1));
        let rhs = self.rhs(mask, ImmUse::Bin(IntBin::And), size);
        let lhs = self.read_lhs(lhs);
        let dst = self.dst(int(size), RegSet::one(lhs).union(rhs_reg(rhs)));
        self.isa
            .int_bin(IntBin::And, size, dst.gpr(), lhs.gpr(), rhs);
        self.finish(int(size), dst);
    }

    #[inline(never)]
    pub(super) fn int_un(&mut self, op: IntUn, size: Size) {
        let src = self.pop();
        let src = self.read(src);
        let dst = self.dst(int(size), RegSet::one(src));
        self.isa.int_un(op, size, dst.gpr(), src.gpr());
        self.finish(int(size), dst);
    }

    #[inline(never)]
    pub(super) fn int_cmp(&mut self, mut cmp: IntCmp, size: Size, below: Below, src: Src) {
        let (lhs, rhs) = match src {
            Src::Const(value) if I::imm_fits(ImmUse::Cmp, size, value.into()) => {
                let lhs = self.pop_below(below);
                if value == 0
                    && matches!(cmp, IntCmp::LtS | IntCmp::GeS)
                    && self.bit_test(lhs, sign(size), cmp == IntCmp::GeS)
                {
                    return;
                }
                (self.read(lhs), Rhs::Imm(value.into()))
            }
            Src::Const(_) | Src::Stack | Src::Local(_) => {
                let (mut rhs, mut lhs) = (self.pop_src(src, int(size)), self.pop_below(below));
                if lhs.is_late() && !rhs.is_late() {
                    (lhs, rhs) = (rhs, lhs);
                    cmp = cmp.swapped();
                }
                (self.read(lhs), self.rhs(rhs, ImmUse::Cmp, size))
            }
        };
        self.isa.int_cmp(cmp, size, lhs.gpr(), rhs);
        self.test(Test::Cond(Cond::Int(cmp)));
    }

    #[inline(never)]
    pub(super) fn eqz(&mut self, size: Size, src: Src) {
        let operand = self.pop_src(src, int(size));
        let reg = self.read_gpr(operand);
        self.test(Test::Zero {
            size,
            reg,
            zero: true,
        });
    }

    #[inline(never)]
    pub(super) fn float_bin(&mut self, op: FloatBin, size: Size, below: Below, src: Src) {
        let (rhs, lhs) = (self.pop_src(src, float(size)), self.pop_below(below));
        let rhs = self.float_rhs(rhs);
        let lhs = self.read_lhs(lhs);
        let dst = self.dst(float(size), RegSet::one(lhs));
        self.isa.float_bin(op, size, dst.fpr(), lhs.fpr(), rhs);
        match op {
            FloatBin::Add | FloatBin::Sub | FloatBin::Mul | FloatBin::Div => {
                self.canonicalize(size, dst);
            }
            FloatBin::Min | FloatBin::Max => self.canonicalize(size, dst),
            // It moves bits.
            FloatBin::Copysign => {}
        }
        self.finish(float(size), dst);
    }

    /// If `reg` is some NaN, makes it the canonical one.
    fn canonicalize(&mut self, size: Size, reg: Reg) {
        if !self.cx.options.canonical_nans {
            return;
        }
        let bits = match size {
            Size::S32 => u64::from(CANONICAL_F32),
            Size::S64 => CANONICAL_F64,
        };
        self.isa.buf().reserve();
        let number = self.isa.buf().new_label();
        // Only a NaN is not at least itself.
        self.isa.float_cmp(FloatCmp::Ge, size, reg.fpr(), reg.fpr());
        self.isa.branch(Cond::Float(FloatCmp::Ge), number);
        self.isa.float_const(size, reg.fpr(), bits);
        self.isa.buf().bind(number);
    }

    #[inline(never)]
    pub(super) fn float_un(&mut self, op: FloatUn, size: Size) {
        let src = self.pop();
        let src = self.read(src);
        let dst = self.dst(float(size), RegSet::one(src));
        self.isa.float_un(op, size, dst.fpr(), src.fpr());
        match op {
            FloatUn::Ceil | FloatUn::Floor | FloatUn::Trunc | FloatUn::Nearest | FloatUn::Sqrt => {
                self.canonicalize(size, dst);
            }
            // They change the sign only.
            FloatUn::Abs | FloatUn::Neg => {}
        }
        self.finish(float(size), dst);
    }

    #[inline(never)]
    pub(super) fn float_cmp(&mut self, cmp: FloatCmp, size: Size) {
        let (rhs, lhs) = (self.pop(), self.pop());
        let (rhs, lhs) = (self.read_fpr(rhs), self.read_fpr(lhs));
        self.isa.float_cmp(cmp, size, lhs, rhs);
        self.test(Test::Cond(Cond::Float(cmp)));
    }

    /// `wrap` to `i32`, or `extend` to `i64`.
    #[inline(never)]
    pub(super) fn extend(&mut self, signed: bool, to: ValType) {
        let src = self.pop();
        if let Some(bits) = src.constant() {
            let low = bits as u32;
            let bits = if signed {
                i64::from(low as i32) as u64
            } else {
                u64::from(low)
            };
            return self.push(to, Loc::Const(bits));
        }
        let src = self.read(src);
        // What is in a register is zero-extended.
        if !signed && to == ValType::I64 && self.st.regs.is_temporary(src) && !self.sets_pin_next()
        {
            return self.push_reg(to, src);
        }
        if signed && self.compound(Size::S64, Compound::SignExtended(src.gpr())) {
            return;
        }
        let dst = self.dst(to, RegSet::one(src));
        self.isa.extend(signed, dst.gpr(), src.gpr());
        self.finish(to, dst);
    }

    #[inline(never)]
    pub(super) fn trunc(&mut self, from: Size, to: Size, signed: bool, sat: bool) {
        let src = self.pop();
        let src = self.read_fpr(src);
        let dst = self.dst(int(to), RegSet::EMPTY);
        self.isa.trunc(
            TruncOp {
                from,
                to,
                signed,
                sat,
            },
            dst.gpr(),
            src,
        );
        self.finish(int(to), dst);
    }

    #[inline(never)]
    pub(super) fn convert(&mut self, from: Size, to: Size, signed: bool) {
        let src = self.pop();
        let src = self.read_gpr(src);
        let dst = self.dst(float(to), RegSet::EMPTY);
        self.isa.convert(from, to, signed, dst.fpr(), src);
        self.finish(float(to), dst);
    }

    #[inline(never)]
    pub(super) fn demote(&mut self) {
        let src = self.pop();
        let src = self.read(src);
        let dst = self.dst(ValType::F32, RegSet::one(src));
        self.isa.demote(dst.fpr(), src.fpr());
        self.canonicalize(Size::S32, dst);
        self.finish(ValType::F32, dst);
    }

    #[inline(never)]
    pub(super) fn promote(&mut self) {
        let src = self.pop();
        let src = self.read(src);
        let dst = self.dst(ValType::F64, RegSet::one(src));
        self.isa.promote(dst.fpr(), src.fpr());
        self.canonicalize(Size::S64, dst);
        self.finish(ValType::F64, dst);
    }

    #[inline(never)]
    pub(super) fn float_to_bits(&mut self, size: Size) {
        let src = self.pop();
        let src = self.read_fpr(src);
        let dst = self.dst(int(size), RegSet::EMPTY);
        self.isa.float_to_bits(size, dst.gpr(), src);
        self.finish(int(size), dst);
    }

    #[inline(never)]
    pub(super) fn bits_to_float(&mut self, size: Size) {
        let src = self.pop();
        let src = self.read_gpr(src);
        let dst = self.dst(float(size), RegSet::EMPTY);
        self.isa.bits_to_float(size, dst.fpr(), src);
        self.finish(float(size), dst);
    }

    #[inline(never)]
    pub(super) fn select(&mut self) {
        let cond = self.pop();
        let reg = self.read_gpr(cond);
        let cond = self.flags(Test::Zero {
            size: Size::S32,
            reg,
            zero: false,
        });
        self.st.regs.held = RegSet::EMPTY;
        self.select_on(cond);
    }

    /// `select` on what the flags say.
    pub(super) fn select_on(&mut self, cond: Cond) {
        let (b, a) = (self.pop(), self.pop());
        let ty = a.ty();
        let (b, a) = (self.read(b), self.read(a));
        let dst = self.dst(ty, RegSet::of(&[a, b]));
        if class(ty) == RegSet::FLOATS {
            self.isa
                .float_select(cond, ty.width(), dst.fpr(), a.fpr(), b.fpr());
        } else {
            let size = if ty == ValType::I32 {
                Size::S32
            } else {
                Size::S64
            };
            self.isa.select(cond, size, dst.gpr(), a.gpr(), b.gpr());
        }
        self.finish(ty, dst);
    }
}
