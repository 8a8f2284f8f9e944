//! Float moves and arithmetic.

use super::Amd64;
use super::regs::{Cc, Features, R10, R11, XMM14, XMM15};
use crate::asm::isa::{FloatRhs, Rhs};
use crate::asm::regs::{Fpr, Gpr};
use crate::ir::op::{FloatBin, FloatCmp, FloatUn, IntBin, IntCmp};
use crate::ir::types::{Size, Width};

/// Immediate of `roundss`: also "do not report inexact results".
const ROUND_NEAREST: i8 = 8;
const ROUND_FLOOR: i8 = 9;
const ROUND_CEIL: i8 = 10;
const ROUND_TRUNC: i8 = 11;

impl Amd64 {
    /// `dst = src`, whole. Keeps the flags.
    #[inline]
    pub(super) fn float_mov(&mut self, _width: Width, dst: Fpr, src: Fpr) {
        if dst != src {
            emit!(self; movaps Rx(dst), Rx(src));
        }
    }

    /// `dst = bits`. Keeps the flags.
    pub(super) fn float_const(&mut self, size: Size, dst: Fpr, bits: u64) {
        if bits == 0 {
            return self.float_zero(dst);
        }
        self.int_const(size, R11, bits);
        emit!(self, w(size); movd Rx(dst), Rd(R11));
    }

    /// `dst = 0`. Keeps the flags.
    pub(super) fn float_zero(&mut self, dst: Fpr) {
        emit!(self; xorps Rx(dst), Rx(dst));
    }

    /// Before an instruction that leaves the upper part of `dst` as it was: so that it does not
    /// wait for what computed that.
    pub(super) fn cut_dependency(&mut self, dst: Fpr, src: Fpr) {
        if dst != src {
            self.float_zero(dst);
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
        match op {
            FloatBin::Add | FloatBin::Mul => {
                if rhs == FloatRhs::Reg(dst) {
                    self.arith(op, size, dst, dst, FloatRhs::Reg(lhs));
                } else {
                    self.arith(op, size, dst, lhs, rhs);
                }
            }
            FloatBin::Sub | FloatBin::Div => self.arith(op, size, dst, lhs, rhs),
            FloatBin::Min | FloatBin::Max => {
                let rhs = self.float_rhs(size, rhs, XMM15);
                if rhs == dst {
                    self.min_max(op, size, dst, lhs);
                } else {
                    self.float_mov(Width::W64, dst, lhs);
                    self.min_max(op, size, dst, rhs);
                }
            }
            FloatBin::Copysign => {
                let rhs = self.float_rhs(size, rhs, XMM14);
                self.copysign(size, dst, lhs, rhs);
            }
        }
    }

    /// The operand in a register: its own, or `scratch`.
    fn float_rhs(&mut self, size: Size, rhs: FloatRhs, scratch: Fpr) -> Fpr {
        match rhs {
            FloatRhs::Reg(reg) => reg,
            FloatRhs::Slot(disp) => {
                emit!(self, fp(size), sib_disp(); movss Rx(scratch), [rsp + disp]);
                scratch
            }
        }
    }

    /// `dst = lhs op rhs`, for the four basic operations.
    fn arith(&mut self, op: FloatBin, size: Size, dst: Fpr, lhs: Fpr, rhs: FloatRhs) {
        if dst != lhs && self.has(Features::AVX) {
            return self.arith_avx(op, size, dst, lhs, rhs);
        }
        let mut rhs = rhs;
        if dst != lhs && rhs == FloatRhs::Reg(dst) {
            self.float_mov(Width::W64, XMM15, dst);
            rhs = FloatRhs::Reg(XMM15);
        }
        self.float_mov(Width::W64, dst, lhs);
        macro_rules! arith {
            ($ins:ident) => {
                match rhs {
                    FloatRhs::Reg(rhs) => emit!(self, fp(size); $ins Rx(dst), Rx(rhs)),
                    FloatRhs::Slot(disp) => {
                        emit!(self, fp(size), sib_disp(); $ins Rx(dst), [rsp + disp]);
                    }
                }
            };
        }
        match op {
            FloatBin::Add => arith!(addss),
            FloatBin::Sub => arith!(subss),
            FloatBin::Mul => arith!(mulss),
            FloatBin::Div => arith!(divss),
            FloatBin::Min | FloatBin::Max | FloatBin::Copysign => {
                unreachable!("float_bin handles these")
            }
        }
    }

    fn arith_avx(&mut self, op: FloatBin, size: Size, dst: Fpr, lhs: Fpr, rhs: FloatRhs) {
        macro_rules! arith {
            ($ins:ident) => {
                match rhs {
                    FloatRhs::Reg(rhs) => emit!(self, fp(size); $ins Rx(dst), Rx(lhs), Rx(rhs)),
                    FloatRhs::Slot(disp) => {
                        emit!(self, fp(size), sib_disp(); $ins Rx(dst), Rx(lhs), [rsp + disp]);
                    }
                }
            };
        }
        match op {
            FloatBin::Add => arith!(vaddss),
            FloatBin::Sub => arith!(vsubss),
            FloatBin::Mul => arith!(vmulss),
            FloatBin::Div => arith!(vdivss),
            FloatBin::Min | FloatBin::Max | FloatBin::Copysign => {
                unreachable!("float_bin handles these")
            }
        }
    }

    /// `dst = min(dst, rhs)` or `max`. The machine's own instructions return the second operand
    /// when one is NaN or both are zero, so those cases go apart.
    fn min_max(&mut self, op: FloatBin, size: Size, dst: Fpr, rhs: Fpr) {
        let min = op == FloatBin::Min;
        self.ucomis(size, dst, rhs);
        let differ = self.skip_if(Cc::NotEqual);
        let nan = self.skip_if(Cc::Parity);
        // Equal: the same bits but for the signs of zeros.
        if min {
            emit!(self; orps Rx(dst), Rx(rhs));
        } else {
            emit!(self; andps Rx(dst), Rx(rhs));
        }
        let equal_done = self.skip_always();
        self.land(nan);
        emit!(self, fp(size); addss Rx(dst), Rx(rhs));
        let nan_done = self.skip_always();
        self.land(differ);
        if min {
            emit!(self, fp(size); minss Rx(dst), Rx(rhs));
        } else {
            emit!(self, fp(size); maxss Rx(dst), Rx(rhs));
        }
        self.land(equal_done);
        self.land(nan_done);
    }

    /// `dst = |lhs|` with the sign of `rhs`.
    fn copysign(&mut self, size: Size, dst: Fpr, lhs: Fpr, rhs: Fpr) {
        self.sign_mask(size, XMM15);
        self.float_mov(Width::W64, XMM14, rhs);
        emit!(self; andps xmm14, xmm15);
        emit!(self; andnps xmm15, Rx(lhs));
        emit!(self; orps xmm15, xmm14);
        self.float_mov(Width::W64, dst, XMM15);
    }

    /// `dst =` the sign bit.
    fn sign_mask(&mut self, size: Size, dst: Fpr) {
        emit!(self; pcmpeqd Rx(dst), Rx(dst));
        match size {
            Size::S32 => emit!(self; pslld Rx(dst), BYTE 31),
            Size::S64 => emit!(self; psllq Rx(dst), BYTE 63),
        }
    }

    /// `dst =` all bits but the sign.
    fn magnitude_mask(&mut self, size: Size, dst: Fpr) {
        emit!(self; pcmpeqd Rx(dst), Rx(dst));
        match size {
            Size::S32 => emit!(self; psrld Rx(dst), BYTE 1),
            Size::S64 => emit!(self; psrlq Rx(dst), BYTE 1),
        }
    }

    /// `dst = op src`
    pub(super) fn float_un(&mut self, op: FloatUn, size: Size, dst: Fpr, src: Fpr) {
        // The mask goes into `dst` if that is free, else into scratch.
        let (mask, other) = if dst == src {
            (XMM15, XMM15)
        } else {
            (dst, src)
        };
        match op {
            FloatUn::Abs => {
                self.magnitude_mask(size, mask);
                emit!(self; andps Rx(dst), Rx(other));
            }
            FloatUn::Neg => {
                self.sign_mask(size, mask);
                emit!(self; xorps Rx(dst), Rx(other));
            }
            FloatUn::Sqrt => {
                self.cut_dependency(dst, src);
                emit!(self, fp(size); sqrtss Rx(dst), Rx(src));
            }
            FloatUn::Ceil | FloatUn::Floor | FloatUn::Trunc | FloatUn::Nearest => {
                if self.has(Features::SSE41) {
                    self.round(op, size, dst, src);
                } else {
                    self.round_sse2(op, size, dst, src);
                }
            }
        }
    }

    fn round(&mut self, op: FloatUn, size: Size, dst: Fpr, src: Fpr) {
        let how = match op {
            FloatUn::Nearest => ROUND_NEAREST,
            FloatUn::Floor => ROUND_FLOOR,
            FloatUn::Ceil => ROUND_CEIL,
            FloatUn::Trunc => ROUND_TRUNC,
            FloatUn::Abs | FloatUn::Neg | FloatUn::Sqrt => unreachable!("these do not round"),
        };
        self.cut_dependency(dst, src);
        match size {
            Size::S32 => emit!(self; roundss Rx(dst), Rx(src), BYTE how),
            Size::S64 => emit!(self; roundsd Rx(dst), Rx(src), BYTE how),
        }
    }

    /// Numbers from 2^23 (2^52) on are integers already; smaller ones go through an `i64`.
    fn round_sse2(&mut self, op: FloatUn, size: Size, dst: Fpr, src: Fpr) {
        let (least_integer, sign) = match size {
            Size::S32 => (0x4b00_0000, 31),
            Size::S64 => (0x4330_0000_0000_0000, 63),
        };
        self.float_to_bits(size, R11, src);
        emit!(self, w(size); btr Rd(R11), BYTE sign);
        self.int_const(size, R10, least_integer);
        self.int_cmp(IntCmp::LtU, size, R11, Rhs::Reg(R10));
        let large = self.skip_if(Cc::AboveEqual);
        if op == FloatUn::Nearest {
            emit!(self, fp(size); cvtss2si r11, Rx(src));
        } else {
            self.cvtt(size, R11, src);
        }
        self.float_from_i64(size, XMM15, R11);
        match op {
            FloatUn::Floor => self.adjust(IntBin::Sub, size, XMM15, src),
            FloatUn::Ceil => self.adjust(IntBin::Add, size, src, XMM15),
            FloatUn::Trunc | FloatUn::Nearest => {}
            FloatUn::Abs | FloatUn::Neg | FloatUn::Sqrt => unreachable!("these do not round"),
        }
        // The result has the sign of the operand, also if it is zero.
        self.sign_mask(size, XMM14);
        emit!(self; andps xmm14, Rx(src));
        emit!(self; orps xmm15, xmm14);
        self.float_mov(Width::W64, dst, XMM15);
        let done = self.skip_always();
        self.land(large);
        // Integers, infinities and NaNs; the addition makes these quiet.
        self.float_zero(XMM15);
        self.float_mov(Width::W64, dst, src);
        emit!(self, fp(size); addss Rx(dst), xmm15);
        self.land(done);
    }

    /// If `a > b`, corrects the integer in `r11` by one; makes a float of it in `xmm15`.
    fn adjust(&mut self, op: IntBin, size: Size, a: Fpr, b: Fpr) {
        self.ucomis(size, a, b);
        emit!(self; seta r10b);
        emit!(self; movzx r10d, r10b);
        self.int_bin(op, Size::S64, R11, R11, Rhs::Reg(R10));
        self.float_from_i64(size, XMM15, R11);
    }

    fn float_from_i64(&mut self, size: Size, dst: Fpr, src: Gpr) {
        self.float_zero(dst);
        emit!(self, fp(size); cvtsi2ss Rx(dst), Rq(src));
    }

    /// Sets the flags for `cmp`: for "less" with the operands exchanged, so that the condition
    /// is one of those that do not hold when unordered.
    pub(super) fn float_cmp(&mut self, cmp: FloatCmp, size: Size, lhs: Fpr, rhs: Fpr) {
        match cmp {
            FloatCmp::Lt | FloatCmp::Le => self.ucomis(size, rhs, lhs),
            FloatCmp::Eq | FloatCmp::Ne | FloatCmp::Gt | FloatCmp::Ge => {
                self.ucomis(size, lhs, rhs);
            }
        }
    }

    #[inline]
    pub(super) fn ucomis(&mut self, size: Size, lhs: Fpr, rhs: Fpr) {
        match size {
            Size::S32 => emit!(self; ucomiss Rx(lhs), Rx(rhs)),
            Size::S64 => emit!(self; ucomisd Rx(lhs), Rx(rhs)),
        }
    }
}
