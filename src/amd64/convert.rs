//! Conversions between number types.

use super::Amd64;
use super::regs::{Cc, R10, R11, XMM14, XMM15};
use crate::asm::abi::TrapCode;
use crate::asm::isa::{Rhs, TruncOp};
use crate::asm::regs::{Fpr, Gpr};
use crate::ir::op::Shift;
use crate::ir::types::{Size, Width};

impl Amd64 {
    /// Zeroes (or for `signed` sign-extends into) the upper half. Keeps the flags.
    pub(super) fn extend(&mut self, signed: bool, dst: Gpr, src: Gpr) {
        if signed {
            emit!(self; movsxd Rq(dst), Rd(src));
        } else {
            emit!(self; mov Rd(dst), Rd(src));
        }
    }

    /// `dst =` integer part of `src`.
    /// Traps, unless saturating: `BadConversionToInteger` (NaN), `IntegerOverflow`.
    pub(super) fn trunc(&mut self, op: TruncOp, dst: Gpr, src: Fpr) {
        match (op.to, op.signed) {
            (Size::S32, _) => self.trunc_32(op, dst, src),
            (Size::S64, true) => self.trunc_i64(op, dst, src),
            (Size::S64, false) => self.trunc_u64(op, dst, src),
        }
    }

    /// `dst =` integer part as an `i64`; -2^63 if that cannot hold it, or for NaN.
    pub(super) fn cvtt(&mut self, from: Size, dst: Gpr, src: Fpr) {
        emit!(self, fp(from); cvttss2si Rq(dst), Rx(src));
    }

    /// NaN is one trap, anything else that reaches this another.
    fn trunc_trap(&mut self, from: Size, src: Fpr) {
        self.ucomis(from, src, src);
        self.trap_if(Cc::Parity, TrapCode::BadConversionToInteger);
        self.trap_always(TrapCode::IntegerOverflow);
    }

    /// An `i64` shows whether the integer part fits.
    fn trunc_32(&mut self, op: TruncOp, dst: Gpr, src: Fpr) {
        self.cvtt(op.from, R11, src);
        self.extend(false, dst, R11);
        if op.signed {
            emit!(self; movsxd r10, r11d);
            emit!(self; cmp r10, r11);
        } else {
            emit!(self; cmp Rq(dst), r11);
        }
        let fits = self.skip_if(Cc::Equal);
        if !op.sat {
            self.trunc_trap(op.from, src);
            return self.land(fits);
        }
        // NaN compares as "below" and "parity", like numbers below zero but for "parity".
        self.float_zero(XMM15);
        emit!(self; xor Rd(dst), Rd(dst));
        self.ucomis(op.from, src, XMM15);
        if op.signed {
            let nan = self.skip_if(Cc::Parity);
            emit!(self; mov Rd(dst), DWORD i32::MAX);
            emit!(self; adc Rd(dst), BYTE 0);
            self.land(nan);
        } else {
            let negative = self.skip_if(Cc::BelowEqual);
            emit!(self; dec Rd(dst));
            self.land(negative);
        }
        self.land(fits);
    }

    fn trunc_i64(&mut self, op: TruncOp, dst: Gpr, src: Fpr) {
        self.cvtt(op.from, dst, src);
        // Overflows for -2^63 only.
        emit!(self, imm8(); cmp Rq(dst), DWORD 1);
        let fits = self.skip_if(Cc::NotOverflow);
        if op.sat {
            self.float_zero(XMM15);
            self.ucomis(op.from, src, XMM15);
            let nan = self.skip_if(Cc::Parity);
            let negative = self.skip_if(Cc::Below);
            emit!(self; not Rq(dst));
            let positive = self.skip_always();
            self.land(nan);
            emit!(self; xor Rd(dst), Rd(dst));
            self.land(negative);
            self.land(positive);
        } else {
            // -2^63 itself is in range.
            self.float_const(op.from, XMM15, two_to_63(op.from) | sign_bit(op.from));
            self.ucomis(op.from, src, XMM15);
            self.trap_if(Cc::Parity, TrapCode::BadConversionToInteger);
            self.trap_if(Cc::NotEqual, TrapCode::IntegerOverflow);
        }
        self.land(fits);
    }

    fn trunc_u64(&mut self, op: TruncOp, dst: Gpr, src: Fpr) {
        self.cvtt(op.from, dst, src);
        emit!(self; test Rq(dst), Rq(dst));
        let fits = self.skip_if(Cc::NotSign);
        self.float_const(op.from, XMM15, two_to_63(op.from));
        self.ucomis(op.from, src, XMM15);
        let low = if op.sat {
            emit!(self; mov Rd(dst), DWORD 0); // keeps the flags
            Some(self.skip_if(Cc::Below))
        } else {
            self.trap_if(Cc::Parity, TrapCode::BadConversionToInteger);
            self.trap_if(Cc::Below, TrapCode::IntegerOverflow);
            None
        };
        self.float_mov(Width::W64, XMM14, src);
        emit!(self, fp(op.from); subss xmm14, xmm15);
        self.cvtt(op.from, dst, XMM14);
        if op.sat {
            // From 2^64 on all bits are set, below the highest one.
            emit!(self; mov r11, Rq(dst));
            emit!(self; sar r11, BYTE 63);
            emit!(self; or Rq(dst), r11);
        } else {
            emit!(self; test Rq(dst), Rq(dst));
            self.trap_if(Cc::Sign, TrapCode::IntegerOverflow);
        }
        emit!(self; bts Rq(dst), BYTE 63);
        if let Some(low) = low {
            self.land(low);
        }
        self.land(fits);
    }

    /// `dst =` nearest float of `src`
    pub(super) fn convert(&mut self, from: Size, to: Size, signed: bool, dst: Fpr, src: Gpr) {
        self.float_zero(dst);
        match (from, signed) {
            (Size::S32, true) => emit!(self, fp(to); cvtsi2ss Rx(dst), Rd(src)),
            // A zero-extended u32 is a positive i64.
            (Size::S32, false) | (Size::S64, true) => {
                emit!(self, fp(to); cvtsi2ss Rx(dst), Rq(src));
            }
            (Size::S64, false) => self.convert_u64(to, dst, src),
        }
    }

    /// Numbers from 2^63 on are halved first. The bit that this loses goes into the lowest one
    /// that stays, so that the conversion rounds as it would have with all bits.
    fn convert_u64(&mut self, to: Size, dst: Fpr, src: Gpr) {
        emit!(self; test Rq(src), Rq(src));
        let large = self.skip_if(Cc::Sign);
        emit!(self, fp(to); cvtsi2ss Rx(dst), Rq(src));
        let done = self.skip_always();
        self.land(large);
        self.mov(Size::S64, R11, src);
        self.mov(Size::S32, R10, src);
        self.shift(Shift::ShrU, Size::S64, R11, R11, Rhs::Imm(1));
        emit!(self; and r10d, BYTE 1);
        emit!(self; or r11, r10);
        emit!(self, fp(to); cvtsi2ss Rx(dst), r11);
        emit!(self, fp(to); addss Rx(dst), Rx(dst));
        self.land(done);
    }

    /// `f32` from `f64`
    pub(super) fn demote(&mut self, dst: Fpr, src: Fpr) {
        self.cut_dependency(dst, src);
        emit!(self; cvtsd2ss Rx(dst), Rx(src));
    }

    /// `f64` from `f32`
    pub(super) fn promote(&mut self, dst: Fpr, src: Fpr) {
        self.cut_dependency(dst, src);
        emit!(self; cvtss2sd Rx(dst), Rx(src));
    }

    /// Keeps the flags.
    pub(super) fn float_to_bits(&mut self, size: Size, dst: Gpr, src: Fpr) {
        emit!(self, w(size); movd Rd(dst), Rx(src));
    }

    /// Keeps the flags.
    pub(super) fn bits_to_float(&mut self, size: Size, dst: Fpr, src: Gpr) {
        emit!(self, w(size); movd Rx(dst), Rd(src));
    }
}

/// The bits of 2^63 as a float.
fn two_to_63(size: Size) -> u64 {
    match size {
        Size::S32 => 0x5f00_0000,
        Size::S64 => 0x43e0_0000_0000_0000,
    }
}

fn sign_bit(size: Size) -> u64 {
    match size {
        Size::S32 => 1 << 31,
        Size::S64 => 1 << 63,
    }
}
