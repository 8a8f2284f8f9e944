//! Integer instructions, and the immediates that they take.

use super::regs::{FTMP2, TMP, ZERO};
use super::{Arm64, emit, rd, rm, rn, sf};
use crate::asm::abi::TrapCode;
use crate::asm::isa::{Compound, Cond, DivChecks, ImmUse, Rhs};
use crate::asm::regs::{Fpr, Gpr, Reg};
use crate::ir::op::{Div, FloatCmp, IntBin, IntCmp, IntUn, Shift};
use crate::ir::types::Size::{self, S32, S64};
use crate::ir::types::Width;

/// Whether an instruction takes the immediate, so that it costs nothing more.
#[inline]
pub(super) fn imm_fits(user: ImmUse, size: Size, imm: i64) -> bool {
    match user {
        ImmUse::Bin(IntBin::Add | IntBin::Sub) | ImmUse::Cmp => arith_imm(size, imm).is_some(),
        ImmUse::Bin(IntBin::Mul) => false,
        ImmUse::Bin(IntBin::Xor) if imm == -1 => true,
        ImmUse::Bin(IntBin::And | IntBin::Or | IntBin::Xor) => logical_imm(size, imm).is_some(),
        ImmUse::Store => imm == 0,
    }
}

/// The immediate of an `add` or `sub`, as its field (at bit 10), and whether the instruction
/// must be the opposite one: 12 bits, or 12 bits shifted by 12, of either sign.
#[inline]
pub(super) fn arith_imm(size: Size, imm: i64) -> Option<(u32, bool)> {
    let imm = match size {
        S32 => i64::from(imm as i32),
        S64 => imm,
    };
    let magnitude = imm.unsigned_abs();
    let field = if magnitude < 1 << 12 {
        magnitude as u32
    } else if magnitude < 1 << 24 && magnitude & 0xfff == 0 {
        1 << 12 | (magnitude >> 12) as u32
    } else {
        return None;
    };
    Some((field << 10, imm < 0))
}

/// The immediate of `and`, `orr` and `eor`, as its fields `N:immr:imms` (at bit 10): a run of ones
/// in an element of 2, 4, ... 64 bits, rotated, and the element repeated over the register.
pub(super) fn logical_imm(size: Size, imm: i64) -> Option<u32> {
    let value = match size {
        S32 => u64::from(imm as u32) * 0x1_0000_0001,
        S64 => imm as u64,
    };
    if value == 0 || value == u64::MAX {
        return None;
    }
    let mut width = 64;
    while width > 2 {
        let half = width / 2;
        if (value ^ value >> half) & (u64::MAX >> (64 - half)) != 0 {
            break;
        }
        width = half;
    }
    let mask = u64::MAX >> (64 - width);
    let element = value & mask;
    // Where a one follows a zero, going round: the start of a run.
    let starts = element & !(element << 1 | element >> (width - 1)) & mask;
    if !starts.is_power_of_two() {
        return None;
    }
    let immr = (width - starts.trailing_zeros()) % width;
    let imms = (!(width - 1) << 1 & 0x3f) | (element.count_ones() - 1);
    let n = u32::from(width == 64);
    Some((n << 12 | immr << 6 | imms) << 10)
}

/// The condition's number in instructions. After `fcmp`, less is N, equal is ZC, greater is C,
/// unordered is CV: each comparison and each negation of one is a single condition.
#[inline]
pub(super) fn cond_code(cond: Cond) -> u32 {
    match cond {
        Cond::Int(cmp) => match cmp {
            IntCmp::Eq => 0b0000,
            IntCmp::Ne => 0b0001,
            IntCmp::GeU => 0b0010,
            IntCmp::LtU => 0b0011,
            IntCmp::GtU => 0b1000,
            IntCmp::LeU => 0b1001,
            IntCmp::GeS => 0b1010,
            IntCmp::LtS => 0b1011,
            IntCmp::GtS => 0b1100,
            IntCmp::LeS => 0b1101,
        },
        Cond::Float(cmp) => match cmp {
            FloatCmp::Eq => 0b0000, // eq
            FloatCmp::Ne => 0b0001, // ne
            FloatCmp::Lt => 0b0100, // mi
            FloatCmp::Le => 0b1001, // ls
            FloatCmp::Ge => 0b1010, // ge
            FloatCmp::Gt => 0b1100, // gt
        },
        Cond::NotFloat(cmp) => cond_code(Cond::Float(cmp)) ^ 1,
    }
}

// Numbers of conditions.
pub(super) const EQ: u32 = 0b0000;
pub(super) const NE: u32 = 0b0001;
pub(super) const HS: u32 = 0b0010;
pub(super) const LO: u32 = 0b0011;
pub(super) const VS: u32 = 0b0110;
pub(super) const HI: u32 = 0b1000;

const MOVN: u32 = 0x1280_0000;
const MOVZ: u32 = 0x5280_0000;
const MOVK: u32 = 0x7280_0000;
const ADD: u32 = 0x1100_0000;
const SUB: u32 = 0x5100_0000;
const AND: u32 = 0x1200_0000;
const ORR: u32 = 0x3200_0000;
const EOR: u32 = 0x5200_0000;
/// Of `add` and `sub`: sets the flags.
const FLAGS: u32 = 1 << 29;
const ADD_REG: u32 = 0x0b00_0000;
const SUB_REG: u32 = 0x4b00_0000;
const AND_REG: u32 = 0x0a00_0000;
const ORR_REG: u32 = 0x2a00_0000;
const EOR_REG: u32 = 0x4a00_0000;
/// Of these three: complements the right operand.
const NOT: u32 = 1 << 21;
/// Of those two: sign-extends the lower half of the right operand. Register 31 is `sp` then.
const SXTW: u32 = 1 << 21 | 6 << 13;
const MADD: u32 = 0x1b00_0000;
const MSUB: u32 = 0x1b00_8000;
const CSEL: u32 = 0x1a80_0000;
const CSINC: u32 = 0x1a80_0400;

impl Arm64 {
    /// `dst = src`
    #[inline]
    pub(super) fn mov(&mut self, size: Size, dst: Gpr, src: Gpr) {
        match size {
            S32 => emit!(self; mov W(dst), W(src)),
            S64 if dst == src => {}
            S64 => emit!(self; mov X(dst), X(src)),
        }
    }

    pub(super) fn exchange(&mut self, a: Reg, b: Reg) {
        if a.is_float() {
            let (a, b) = (a.fpr(), b.fpr());
            emit!(self
                ; mov V(FTMP2).B16, V(a).B16
                ; mov V(a).B16, V(b).B16
                ; mov V(b).B16, V(FTMP2).B16
            );
        } else {
            let (a, b) = (a.gpr(), b.gpr());
            emit!(self
                ; mov tmp, X(a)
                ; mov X(a), X(b)
                ; mov X(b), tmp
            );
        }
    }

    /// One instruction for 16 bits anywhere, their complement, or a logical immediate; else one
    /// for each 16 bits that differ from the rest.
    pub(super) fn int_const(&mut self, size: Size, dst: Gpr, value: u64) {
        // A 32-bit instruction zeroes the upper half.
        let low = value as u32;
        if size == S64 && value != u64::from(low) {
            return self.wide_const(dst, value);
        }
        let (high, low) = (low >> 16, low & 0xffff);
        match (high, low) {
            (0, _) => self.word(MOVZ | low << 5 | rd(dst)),
            (0xffff, _) => self.word(MOVN | (low ^ 0xffff) << 5 | rd(dst)),
            (_, 0) => self.word(MOVZ | 1 << 21 | high << 5 | rd(dst)),
            (_, 0xffff) => self.word(MOVN | 1 << 21 | (high ^ 0xffff) << 5 | rd(dst)),
            _ => {
                if let Some(field) = logical_imm(S32, i64::from(high << 16 | low)) {
                    return self.word(ORR | field | rn(ZERO) | rd(dst));
                }
                self.word(MOVZ | low << 5 | rd(dst));
                self.word(MOVK | 1 << 21 | high << 5 | rd(dst));
            }
        }
    }

    /// The same for what has bits in the upper half.
    #[inline(never)]
    fn wide_const(&mut self, dst: Gpr, value: u64) {
        const PARTS: u32 = 4;
        let wide = sf(S64) | rd(dst);
        let part = |i: u32| (value >> (16 * i)) as u32 & 0xffff;
        let zeros = (0..PARTS).filter(|&i| part(i) == 0).count() as u32;
        let ones = (0..PARTS).filter(|&i| part(i) == 0xffff).count() as u32;
        if zeros.max(ones) + 1 < PARTS
            && let Some(field) = logical_imm(S64, value as i64)
        {
            return self.word(ORR | field | rn(ZERO) | wide);
        }
        if value == u64::MAX {
            return self.word(MOVN | wide);
        }
        let (mut op, rest) = if ones > zeros {
            (MOVN, 0xffff)
        } else {
            (MOVZ, 0)
        };
        for i in (0..PARTS).filter(|&i| part(i) != rest) {
            let bits = if op == MOVN {
                part(i) ^ 0xffff
            } else {
                part(i)
            };
            self.word(op | i << 21 | bits << 5 | wide);
            op = MOVK;
        }
    }

    /// `dst = lhs op rhs`
    pub(super) fn int_bin(&mut self, op: IntBin, size: Size, dst: Gpr, lhs: Gpr, rhs: Rhs) {
        macro_rules! alu {
            ($ins:ident, $rhs:ident) => {
                match size {
                    S32 => emit!(self; $ins W(dst), W(lhs), W($rhs)),
                    S64 => emit!(self; $ins X(dst), X(lhs), X($rhs)),
                }
            };
        }
        match rhs {
            Rhs::Reg(r) => match op {
                IntBin::Add => alu!(add, r),
                IntBin::Sub => alu!(sub, r),
                IntBin::Mul => alu!(mul, r),
                IntBin::And => alu!(and, r),
                IntBin::Or => alu!(orr, r),
                IntBin::Xor => alu!(eor, r),
            },
            Rhs::Imm(imm) => match op {
                IntBin::Add => self.add_imm(size, false, dst, lhs, imm),
                IntBin::Sub => self.add_imm(size, true, dst, lhs, imm),
                IntBin::Mul => unreachable!("imm_fits allows no immediate here"),
                IntBin::And => self.logical(AND, size, dst, lhs, imm),
                IntBin::Or => self.logical(ORR, size, dst, lhs, imm),
                IntBin::Xor if imm == -1 => {
                    self.int_compound(IntBin::Or, size, dst, ZERO, Compound::Not(lhs));
                }
                IntBin::Xor => self.logical(EOR, size, dst, lhs, imm),
            },
            Rhs::Slot(_) => unreachable!("SLOT_OPERANDS is false"),
        }
    }

    /// `dst = lhs op rhs`
    pub(super) fn int_compound(
        &mut self,
        op: IntBin,
        size: Size,
        dst: Gpr,
        lhs: Gpr,
        rhs: Compound,
    ) {
        let word = match op {
            IntBin::Add => ADD_REG,
            IntBin::Sub => SUB_REG,
            IntBin::And => AND_REG,
            IntBin::Or => ORR_REG,
            IntBin::Xor => EOR_REG,
            IntBin::Mul => unreachable!("no operand of a product is compound"),
        };
        let operands = sf(size) | rn(lhs) | rd(dst);
        let word = match rhs {
            Compound::Shifted(shift, reg, count) => {
                let bits = match size {
                    S32 => 32,
                    S64 => 64,
                };
                let (kind, count) = match shift {
                    Shift::Shl => (0, count),
                    Shift::ShrU => (1, count),
                    Shift::ShrS => (2, count),
                    Shift::Rotr => (3, count),
                    Shift::Rotl => (3, (bits - count) % bits),
                };
                word | kind << 22 | u32::from(count) << 10 | rm(reg) | operands
            }
            Compound::Not(reg) => word | NOT | rm(reg) | operands,
            Compound::SignExtended(reg) => word | SXTW | rm(reg) | operands,
            Compound::Product(a, b) => {
                let word = if op == IntBin::Sub { MSUB } else { MADD };
                word | sf(size) | rm(b) | rn(lhs) << 5 | rn(a) | rd(dst)
            }
        };
        self.word(word);
    }

    /// `dst = lhs + imm`, or `lhs - imm`. Register 31 is `sp`.
    #[inline]
    fn add_imm(&mut self, size: Size, minus: bool, dst: Gpr, lhs: Gpr, imm: i64) {
        let (field, negative) = arith_imm(size, imm).expect("imm_fits allowed it");
        let op = if minus == negative { ADD } else { SUB };
        self.word(op | sf(size) | field | rn(lhs) | rd(dst));
    }

    /// `dst = lhs op imm`
    #[inline]
    fn logical(&mut self, op: u32, size: Size, dst: Gpr, lhs: Gpr, imm: i64) {
        let field = logical_imm(size, imm).expect("imm_fits allowed it");
        self.word(op | sf(size) | field | rn(lhs) | rd(dst));
    }

    /// `dst = src + disp`, whatever `disp` is. Register 31 is `sp`. Clobbers `scratch` when
    /// `disp` needs more than 24 bits. Keeps the flags.
    pub(super) fn offset(&mut self, dst: Gpr, src: Gpr, disp: i64, scratch: Gpr) {
        if arith_imm(S64, disp).is_some() {
            if disp != 0 || dst != src {
                self.add_imm(S64, false, dst, src, disp);
            }
        } else if disp.unsigned_abs() < 1 << 24 {
            let low = disp % (1 << 12);
            self.add_imm(S64, false, dst, src, disp - low);
            self.add_imm(S64, false, dst, dst, low);
        } else {
            self.int_const(S64, scratch, disp.unsigned_abs());
            if disp < 0 {
                emit!(self; sub XSP(dst), XSP(src), X(scratch), uxtx);
            } else {
                emit!(self; add XSP(dst), XSP(src), X(scratch), uxtx);
            }
        }
    }

    /// `dst = lhs op count`
    pub(super) fn shift(&mut self, op: Shift, size: Size, dst: Gpr, lhs: Gpr, count: Rhs) {
        macro_rules! shift {
            ($ins:ident, $count:expr) => {
                match size {
                    S32 => emit!(self; $ins W(dst), W(lhs), $count),
                    S64 => emit!(self; $ins X(dst), X(lhs), $count),
                }
            };
        }
        macro_rules! shift_reg {
            ($ins:ident, $count:ident) => {
                match size {
                    S32 => emit!(self; $ins W(dst), W(lhs), W($count)),
                    S64 => emit!(self; $ins X(dst), X(lhs), X($count)),
                }
            };
        }
        match count {
            Rhs::Reg(r) => match op {
                Shift::Shl => shift_reg!(lsl, r),
                Shift::ShrS => shift_reg!(asr, r),
                Shift::ShrU => shift_reg!(lsr, r),
                Shift::Rotr => shift_reg!(ror, r),
                // Only the low bits of the count matter, and their negation is right in 32 bits.
                Shift::Rotl => {
                    emit!(self; neg tmp32, W(r));
                    shift_reg!(ror, TMP);
                }
            },
            Rhs::Imm(imm) => {
                let bits = match size {
                    S32 => 32,
                    S64 => 64,
                };
                let n = imm as u32 % bits;
                match op {
                    Shift::Shl => shift!(lsl, n),
                    Shift::ShrS => shift!(asr, n),
                    Shift::ShrU => shift!(lsr, n),
                    Shift::Rotr => shift!(ror, n),
                    Shift::Rotl => shift!(ror, (bits - n) % bits),
                }
            }
            Rhs::Slot(_) => unreachable!("SLOT_OPERANDS is false"),
        }
    }

    /// `dst = lhs op rhs`. Traps: `IntegerDivisionByZero`, `IntegerOverflow`.
    pub(super) fn div(
        &mut self,
        op: Div,
        size: Size,
        checks: DivChecks,
        dst: Gpr,
        lhs: Gpr,
        rhs: Gpr,
    ) {
        if checks.zero {
            let trap = self.buf.trap(TrapCode::IntegerDivisionByZero);
            self.branch_zero(size, rhs, true, trap);
        }
        // The smallest integer minus one overflows, and nothing else does.
        if checks.minus_one && op == Div::DivS {
            match size {
                S32 => emit!(self; cmn WSP(rhs), 1; ccmp W(lhs), 1, 0, eq),
                S64 => emit!(self; cmn XSP(rhs), 1; ccmp X(lhs), 1, 0, eq),
            }
            let trap = self.buf.trap(TrapCode::IntegerOverflow);
            self.branch_code(VS, trap);
        }
        match (op, size) {
            (Div::DivS, S32) => emit!(self; sdiv W(dst), W(lhs), W(rhs)),
            (Div::DivS, S64) => emit!(self; sdiv X(dst), X(lhs), X(rhs)),
            (Div::DivU, S32) => emit!(self; udiv W(dst), W(lhs), W(rhs)),
            (Div::DivU, S64) => emit!(self; udiv X(dst), X(lhs), X(rhs)),
            (Div::RemS, S32) => {
                emit!(self; sdiv tmp32, W(lhs), W(rhs); msub W(dst), tmp32, W(rhs), W(lhs));
            }
            (Div::RemS, S64) => {
                emit!(self; sdiv tmp, X(lhs), X(rhs); msub X(dst), tmp, X(rhs), X(lhs));
            }
            (Div::RemU, S32) => {
                emit!(self; udiv tmp32, W(lhs), W(rhs); msub W(dst), tmp32, W(rhs), W(lhs));
            }
            (Div::RemU, S64) => {
                emit!(self; udiv tmp, X(lhs), X(rhs); msub X(dst), tmp, X(rhs), X(lhs));
            }
        }
    }

    /// `dst = op src`
    pub(super) fn int_un(&mut self, op: IntUn, size: Size, dst: Gpr, src: Gpr) {
        match (op, size) {
            (IntUn::Clz, S32) => emit!(self; clz W(dst), W(src)),
            (IntUn::Clz, S64) => emit!(self; clz X(dst), X(src)),
            (IntUn::Ctz, S32) => emit!(self; rbit W(dst), W(src); clz W(dst), W(dst)),
            (IntUn::Ctz, S64) => emit!(self; rbit X(dst), X(src); clz X(dst), X(dst)),
            (IntUn::Popcnt, size) => {
                match size {
                    S32 => emit!(self; fmov S(FTMP2), W(src)),
                    S64 => emit!(self; fmov D(FTMP2), X(src)),
                }
                emit!(self
                    ; cnt V(FTMP2).B8, V(FTMP2).B8
                    ; addv B(FTMP2), V(FTMP2).B8
                    ; fmov W(dst), S(FTMP2)
                );
            }
            (IntUn::Extend8S, S32) => emit!(self; sxtb W(dst), W(src)),
            (IntUn::Extend8S, S64) => emit!(self; sxtb X(dst), W(src)),
            (IntUn::Extend16S, S32) => emit!(self; sxth W(dst), W(src)),
            (IntUn::Extend16S, S64) => emit!(self; sxth X(dst), W(src)),
            (IntUn::Extend32S, S32) => emit!(self; mov W(dst), W(src)),
            (IntUn::Extend32S, S64) => emit!(self; sxtw X(dst), W(src)),
        }
    }

    /// Sets the flags; which comparison they serve makes no difference here.
    pub(super) fn int_cmp(&mut self, _cmp: IntCmp, size: Size, lhs: Gpr, rhs: Rhs) {
        match rhs {
            Rhs::Reg(r) => match size {
                S32 => emit!(self; cmp W(lhs), W(r)),
                S64 => emit!(self; cmp X(lhs), X(r)),
            },
            Rhs::Imm(imm) => {
                let (field, negative) = arith_imm(size, imm).expect("imm_fits allowed it");
                let op = if negative { ADD } else { SUB };
                self.word(op | FLAGS | sf(size) | field | rn(lhs) | rd(ZERO));
            }
            Rhs::Slot(_) => unreachable!("SLOT_OPERANDS is false"),
        }
    }

    /// `dst = cond ? 1 : 0`
    pub(super) fn set(&mut self, cond: Cond, dst: Gpr) {
        let code = cond_code(cond) ^ 1;
        self.word(CSINC | rm(ZERO) | code << 12 | rn(ZERO) | rd(dst));
    }

    /// `dst = cond ? a : b`
    pub(super) fn select(&mut self, cond: Cond, size: Size, dst: Gpr, a: Gpr, b: Gpr) {
        self.word(CSEL | sf(size) | rm(b) | cond_code(cond) << 12 | rn(a) | rd(dst));
    }

    /// `dst = cond ? a : b`
    pub(super) fn float_select(&mut self, cond: Cond, width: Width, dst: Fpr, a: Fpr, b: Fpr) {
        let code = cond_code(cond);
        let fcsel = match width {
            Width::W32 => 0x1e20_0c00,
            Width::W64 => 0x1e60_0c00,
            Width::W128 => return self.vector_select(code, dst, a, b),
        };
        self.word(fcsel | rm(b) | code << 12 | rn(a) | rd(dst));
    }

    /// `dst = code ? a : b`: a move of one, and a jump over the move of the other.
    fn vector_select(&mut self, code: u32, dst: Fpr, a: Fpr, b: Fpr) {
        let (code, other) = if dst == b { (code ^ 1, a) } else { (code, b) };
        if dst != a && dst != b {
            emit!(self; mov V(dst).B16, V(a).B16);
        }
        self.skip_code(code, 1);
        emit!(self; mov V(dst).B16, V(other).B16);
    }
}
