//! Conversions between integers and floats.

use super::int::{HS, NE, VS};
use super::regs::{FTMP, FTMP2};
use super::{Arm64, emit};
use crate::asm::abi::TrapCode;
use crate::asm::isa::TruncOp;
use crate::asm::regs::{Fpr, Gpr};
use crate::ir::types::Size::{self, S32, S64};

impl Arm64 {
    /// `dst =` the lower half of `src`, extended.
    pub(super) fn extend(&mut self, signed: bool, dst: Gpr, src: Gpr) {
        if signed {
            emit!(self; sxtw X(dst), W(src));
        } else {
            emit!(self; mov W(dst), W(src));
        }
    }

    /// `dst = src`, rounded towards zero. Traps: `BadConversionToInteger` for NaN,
    /// `IntegerOverflow`. The machine's own conversion saturates.
    pub(super) fn trunc(&mut self, op: TruncOp, dst: Gpr, src: Fpr) {
        if op.sat {
            return self.saturate(op.from, op.to, op.signed, dst, src);
        }
        match op.from {
            S32 => emit!(self; fcmp S(src), S(src)),
            S64 => emit!(self; fcmp D(src), D(src)),
        }
        let nan = self.buf.trap(TrapCode::BadConversionToInteger);
        self.branch_code(VS, nan);
        match op.to {
            S32 => self.trunc_to_32(op, dst, src),
            S64 => self.trunc_to_64(op, dst, src),
        }
    }

    /// `dst = src`, not NaN, by way of 64 bits: what 32 cannot hold differs from its lower half.
    fn trunc_to_32(&mut self, op: TruncOp, dst: Gpr, src: Fpr) {
        self.saturate(op.from, S64, true, dst, src);
        if op.signed {
            emit!(self; cmp XSP(dst), W(dst), sxtw);
        } else {
            emit!(self; cmp XSP(dst), W(dst), uxtw);
        }
        let overflow = self.buf.trap(TrapCode::IntegerOverflow);
        self.branch_code(NE, overflow);
        if op.signed {
            self.extend(false, dst, dst);
        }
    }

    /// `dst = src`, not NaN. In range, the result converts back to `src` without its fraction,
    /// which rules out all saturation but that at the power of two just above the range: then the
    /// result is the greatest integer, which no float of `src`'s size truncates to.
    fn trunc_to_64(&mut self, op: TruncOp, dst: Gpr, src: Fpr) {
        self.saturate(op.from, S64, op.signed, dst, src);
        self.convert(S64, op.from, op.signed, FTMP, dst);
        match op.from {
            S32 => emit!(self; frintz S(FTMP2), S(src); fcmp S(FTMP2), S(FTMP)),
            S64 => emit!(self; frintz D(FTMP2), D(src); fcmp D(FTMP2), D(FTMP)),
        }
        let overflow = self.buf.trap(TrapCode::IntegerOverflow);
        // If they are not equal, the flag that the sum with one would set is set instead.
        if op.signed {
            emit!(self; ccmn X(dst), 1, 0b0001, eq);
            self.branch_code(VS, overflow);
        } else {
            emit!(self; ccmn X(dst), 1, 0b0010, eq);
            self.branch_code(HS, overflow);
        }
    }

    /// `dst = src` rounded towards zero, the nearest there is, or 0 for NaN.
    fn saturate(&mut self, from: Size, to: Size, signed: bool, dst: Gpr, src: Fpr) {
        match (from, to, signed) {
            (S32, S32, true) => emit!(self; fcvtzs W(dst), S(src)),
            (S32, S32, false) => emit!(self; fcvtzu W(dst), S(src)),
            (S32, S64, true) => emit!(self; fcvtzs X(dst), S(src)),
            (S32, S64, false) => emit!(self; fcvtzu X(dst), S(src)),
            (S64, S32, true) => emit!(self; fcvtzs W(dst), D(src)),
            (S64, S32, false) => emit!(self; fcvtzu W(dst), D(src)),
            (S64, S64, true) => emit!(self; fcvtzs X(dst), D(src)),
            (S64, S64, false) => emit!(self; fcvtzu X(dst), D(src)),
        }
    }

    /// `dst = src`, rounded to the nearest.
    pub(super) fn convert(&mut self, from: Size, to: Size, signed: bool, dst: Fpr, src: Gpr) {
        match (from, to, signed) {
            (S32, S32, true) => emit!(self; scvtf S(dst), W(src)),
            (S32, S32, false) => emit!(self; ucvtf S(dst), W(src)),
            (S32, S64, true) => emit!(self; scvtf D(dst), W(src)),
            (S32, S64, false) => emit!(self; ucvtf D(dst), W(src)),
            (S64, S32, true) => emit!(self; scvtf S(dst), X(src)),
            (S64, S32, false) => emit!(self; ucvtf S(dst), X(src)),
            (S64, S64, true) => emit!(self; scvtf D(dst), X(src)),
            (S64, S64, false) => emit!(self; ucvtf D(dst), X(src)),
        }
    }

    pub(super) fn demote(&mut self, dst: Fpr, src: Fpr) {
        emit!(self; fcvt S(dst), D(src));
    }

    pub(super) fn promote(&mut self, dst: Fpr, src: Fpr) {
        emit!(self; fcvt D(dst), S(src));
    }

    pub(super) fn float_to_bits(&mut self, size: Size, dst: Gpr, src: Fpr) {
        match size {
            S32 => emit!(self; fmov W(dst), S(src)),
            S64 => emit!(self; fmov X(dst), D(src)),
        }
    }

    pub(super) fn bits_to_float(&mut self, size: Size, dst: Fpr, src: Gpr) {
        match size {
            S32 => emit!(self; fmov S(dst), W(src)),
            S64 => emit!(self; fmov D(dst), X(src)),
        }
    }
}
