//! Float instructions. `fmin`, `fmax` and the roundings treat NaN and zeros as WebAssembly does.

use super::regs::{FTMP, TMP};
use super::{Arm64, emit, rd};
use crate::asm::isa::FloatRhs;
use crate::asm::regs::Fpr;
use crate::ir::op::{FloatBin, FloatCmp, FloatUn};
use crate::ir::types::Size::{self, S32, S64};
use crate::ir::types::Width;

/// The eight bits of `fmov`'s immediate, if the float is one: a sign, three bits of exponent
/// around 0 and four of fraction.
fn float_imm(size: Size, bits: u64) -> Option<u32> {
    let (fraction, exponent, ones) = match size {
        S32 => (19, bits >> 25 & 0x3f, 0x1f),
        S64 => (48, bits >> 54 & 0x1ff, 0xff),
    };
    // The exponent is 0111..1 or 1000..0, up to the two bits that the immediate keeps.
    if bits & ((1 << fraction) - 1) != 0 || (exponent != ones && exponent != ones + 1) {
        return None;
    }
    let sign = match size {
        S32 => bits >> 31 & 1,
        S64 => bits >> 63,
    };
    let low = bits >> fraction & 0x3f;
    Some((sign << 7 | (exponent & 1) << 6 | low) as u32)
}

impl Arm64 {
    /// `dst = src`
    #[inline]
    pub(super) fn float_mov(&mut self, width: Width, dst: Fpr, src: Fpr) {
        if dst == src {
            return;
        }
        match width {
            Width::W32 | Width::W64 => emit!(self; fmov D(dst), D(src)),
            Width::W128 => emit!(self; mov V(dst).B16, V(src).B16),
        }
    }

    pub(super) fn float_const(&mut self, size: Size, dst: Fpr, bits: u64) {
        let bits = match size {
            S32 => u64::from(bits as u32),
            S64 => bits,
        };
        if bits == 0 {
            emit!(self; movi D(dst), 0);
        } else if let Some(imm) = float_imm(size, bits) {
            let fmov = match size {
                S32 => 0x1e20_1000,
                S64 => 0x1e60_1000,
            };
            self.word(fmov | imm << 13 | rd(dst));
        } else {
            self.int_const(size, TMP, bits);
            self.bits_to_float(size, dst, TMP);
        }
    }

    /// `dst = lhs op rhs`
    pub(super) fn float_bin(
        &mut self,
        op: FloatBin,
        size: Size,
        dst: Fpr,
        lhs: Fpr,
        rhs: FloatRhs,
    ) {
        let rhs = match rhs {
            FloatRhs::Reg(r) => r,
            FloatRhs::Slot(_) => unreachable!("SLOT_OPERANDS is false"),
        };
        macro_rules! alu {
            ($ins:ident) => {
                match size {
                    S32 => emit!(self; $ins S(dst), S(lhs), S(rhs)),
                    S64 => emit!(self; $ins D(dst), D(lhs), D(rhs)),
                }
            };
        }
        match op {
            FloatBin::Add => alu!(fadd),
            FloatBin::Sub => alu!(fsub),
            FloatBin::Mul => alu!(fmul),
            FloatBin::Div => alu!(fdiv),
            FloatBin::Min => alu!(fmin),
            FloatBin::Max => alu!(fmax),
            FloatBin::Copysign => self.copysign(size, dst, lhs, rhs),
        }
    }

    /// `dst = lhs` with the sign of `rhs`: that bit alone is inserted from above.
    fn copysign(&mut self, size: Size, dst: Fpr, lhs: Fpr, rhs: Fpr) {
        match size {
            S32 => emit!(self; ushr V(FTMP).S2, V(rhs).S2, 31),
            S64 => emit!(self; ushr D(FTMP), D(rhs), 63),
        }
        self.float_mov(Width::W64, dst, lhs);
        match size {
            S32 => emit!(self; sli V(dst).S2, V(FTMP).S2, 31),
            S64 => emit!(self; sli D(dst), D(FTMP), 63),
        }
    }

    /// `dst = op src`
    pub(super) fn float_un(&mut self, op: FloatUn, size: Size, dst: Fpr, src: Fpr) {
        macro_rules! un {
            ($ins:ident) => {
                match size {
                    S32 => emit!(self; $ins S(dst), S(src)),
                    S64 => emit!(self; $ins D(dst), D(src)),
                }
            };
        }
        match op {
            FloatUn::Abs => un!(fabs),
            FloatUn::Neg => un!(fneg),
            FloatUn::Ceil => un!(frintp),
            FloatUn::Floor => un!(frintm),
            FloatUn::Trunc => un!(frintz),
            FloatUn::Nearest => un!(frintn),
            FloatUn::Sqrt => un!(fsqrt),
        }
    }

    /// Sets the flags; which comparison they serve makes no difference here.
    pub(super) fn float_cmp(&mut self, _cmp: FloatCmp, size: Size, lhs: Fpr, rhs: Fpr) {
        match size {
            S32 => emit!(self; fcmp S(lhs), S(rhs)),
            S64 => emit!(self; fcmp D(lhs), D(rhs)),
        }
    }
}
