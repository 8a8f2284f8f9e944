//! Integer moves and arithmetic.

use super::Amd64;
use super::encode::Opcode;
use super::regs::{Cc, Features, R10, R11, RAX, RCX, RDX};
use crate::asm::abi::TrapCode;
use crate::asm::isa::{DivChecks, ImmUse, Rhs};
use crate::asm::regs::{Gpr, Reg};
use crate::ir::op::{Div, IntBin, IntCmp, IntUn, Shift};
use crate::ir::types::{Size, Width};

/// A register of a size, and where the instruction ends that left its flags: one word, which is
/// read as it was written.
#[inline]
fn zero_of(size: Size, reg: Gpr, end: u32) -> u64 {
    u64::from(end) | u64::from(reg.0) << 32 | (size as u64) << 40
}

/// No register.
pub(super) const NO_ZERO: u64 = u64::MAX;

/// Instructions of one form, by their number in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
enum Alu {
    Add = 0,
    Or = 1,
    And = 4,
    Sub = 5,
    Xor = 6,
    Cmp = 7,
}

impl Alu {
    /// None multiplies.
    #[inline]
    fn of(op: IntBin) -> Option<Self> {
        match op {
            IntBin::Add => Some(Self::Add),
            IntBin::Sub => Some(Self::Sub),
            IntBin::Mul => None,
            IntBin::And => Some(Self::And),
            IntBin::Or => Some(Self::Or),
            IntBin::Xor => Some(Self::Xor),
        }
    }

    /// `op rm, reg`
    fn opcode(self) -> Opcode {
        Opcode::one(0x01 | (self as u8) << 3)
    }

    /// `op reg, rm`
    fn opcode_rm(self) -> Opcode {
        Opcode::one(0x03 | (self as u8) << 3)
    }
}

pub(super) const LEA: Opcode = Opcode::one(0x8d);
const MOV: Opcode = Opcode::one(0x89);
const TEST: Opcode = Opcode::one(0x85);
const IMUL: Opcode = Opcode::two(0xaf);

/// The digit that tells shifts and rotations apart.
fn shift_digit(op: Shift) -> u8 {
    match op {
        Shift::Rotl => 0,
        Shift::Rotr => 1,
        Shift::Shl => 4,
        Shift::ShrU => 5,
        Shift::ShrS => 7,
    }
}

impl Amd64 {
    /// `dst = src`. Keeps the flags.
    #[inline]
    pub(super) fn mov(&mut self, size: Size, dst: Gpr, src: Gpr) {
        if dst != src {
            self.op_reg(MOV.size(size), src.0, dst.0);
        }
    }

    pub(super) fn exchange(&mut self, a: Reg, b: Reg) {
        if a.is_float() {
            let (a, b) = (a.fpr(), b.fpr());
            emit!(self; movaps xmm15, Rx(a));
            self.float_mov(Width::W128, a, b);
            emit!(self; movaps Rx(b), xmm15);
        } else {
            let (a, b) = (a.gpr(), b.gpr());
            emit!(self; xchg Rq(a), Rq(b));
        }
    }

    /// `dst = value`. Keeps the flags.
    pub(super) fn int_const(&mut self, size: Size, dst: Gpr, value: u64) {
        let value = match size {
            Size::S32 => value as u32 as u64,
            Size::S64 => value,
        };
        if u32::try_from(value).is_ok() {
            emit!(self; mov Rd(dst), DWORD value as i32);
        } else if i64::from(value as i32) == value as i64 {
            emit!(self; mov Rq(dst), DWORD value as i32);
        } else {
            emit!(self; mov Rq(dst), QWORD value as i64);
        }
    }

    pub(super) fn fits(user: ImmUse, size: Size, imm: i64) -> bool {
        let mask = user == ImmUse::Bin(IntBin::And) && imm == i64::from(u32::MAX);
        size == Size::S32 || mask || i64::from(imm as i32) == imm
    }

    /// `dst = lhs op rhs`
    #[inline(always)]
    pub(super) fn int_bin(&mut self, op: IntBin, size: Size, dst: Gpr, lhs: Gpr, rhs: Rhs) {
        match rhs {
            Rhs::Reg(rhs) => self.int_bin_reg(op, size, dst, lhs, rhs),
            Rhs::Imm(imm) => self.int_bin_imm(op, size, dst, lhs, imm),
            Rhs::Slot(disp) => self.int_bin_slot(op, size, dst, lhs, disp),
        }
    }

    /// `dst = lhs op rhs`
    fn int_bin_reg(&mut self, op: IntBin, size: Size, dst: Gpr, lhs: Gpr, rhs: Gpr) {
        let Some(alu) = Alu::of(op) else {
            let (lhs, rhs) = if dst == rhs { (rhs, lhs) } else { (lhs, rhs) };
            self.mov(size, dst, lhs);
            return self.op_reg(IMUL.size(size), dst.0, rhs.0);
        };
        if dst == lhs {
            self.alu_reg(alu, size, dst, rhs);
        } else if dst == rhs {
            if alu == Alu::Sub {
                emit!(self, w(size); neg Rd(dst));
                self.alu_reg(Alu::Add, size, dst, lhs);
            } else {
                self.alu_reg(alu, size, dst, lhs);
            }
        } else if alu == Alu::Add {
            self.lea_sum(size, dst, lhs, rhs);
        } else {
            self.mov(size, dst, lhs);
            self.alu_reg(alu, size, dst, rhs);
        }
    }

    /// `dst = lhs op cell`
    fn int_bin_slot(&mut self, op: IntBin, size: Size, dst: Gpr, lhs: Gpr, disp: i32) {
        self.mov(size, dst, lhs);
        match Alu::of(op) {
            Some(alu) => self.alu_slot(alu, size, dst, disp),
            None => self.op_slot(IMUL.size(size), dst.0, disp),
        }
    }

    /// `dst = lhs op imm`
    fn int_bin_imm(&mut self, op: IntBin, size: Size, dst: Gpr, lhs: Gpr, imm: i64) {
        let sum = imm as i32;
        match Alu::of(op) {
            None => self.mul_imm(size, dst, lhs, sum),
            Some(Alu::And) => self.and_imm(size, dst, lhs, imm),
            Some(Alu::Add) => self.sum(size, dst, lhs, sum),
            // The least number has no opposite.
            Some(Alu::Sub) if sum != i32::MIN => self.sum(size, dst, lhs, -sum),
            Some(alu) => {
                self.mov(size, dst, lhs);
                self.alu_imm(alu, size, dst, sum);
            }
        }
    }

    /// `dst = lhs + imm`
    #[inline]
    fn sum(&mut self, size: Size, dst: Gpr, lhs: Gpr, imm: i32) {
        match imm {
            _ if dst != lhs => self.op_based(LEA.size(size), dst.0, lhs, imm),
            // `inc` and `dec`, which are shorter.
            1 | -1 => {
                let digit = u8::from(imm < 0);
                self.op_imm(Opcode::one(0xff).size(size), digit, dst, 0, 0);
                self.leaves(Alu::Add, size, dst);
            }
            _ => self.alu_imm(Alu::Add, size, dst, imm),
        }
    }

    /// `dst = dst op rhs`
    #[inline]
    fn alu_reg(&mut self, op: Alu, size: Size, dst: Gpr, rhs: Gpr) {
        self.op_reg(op.opcode().size(size), rhs.0, dst.0);
        self.leaves(op, size, dst);
    }

    /// `op` is the instruction before: unless it was a comparison, the zero flag tells whether
    /// `dst` is zero.
    #[inline]
    fn leaves(&mut self, op: Alu, size: Size, dst: Gpr) {
        if op != Alu::Cmp {
            self.zero = zero_of(size, dst, self.buf.offset());
        }
    }

    /// Makes the zero flag tell whether `src` is zero, if it does not: nothing may have come in
    /// between, by a label neither. The other flags are those of no certain instruction.
    #[inline]
    pub(super) fn test_zero(&mut self, size: Size, src: Gpr) {
        let known = self.zero == zero_of(size, src, self.buf.offset());
        if !known || !self.buf.goes_on() {
            self.test(size, src);
        }
    }

    /// `dst = dst op imm`
    #[inline]
    fn alu_imm(&mut self, op: Alu, size: Size, dst: Gpr, imm: i32) {
        let (opcode, len) = if imm as i8 as i32 == imm {
            (0x83, 1)
        } else {
            (0x81, 4)
        };
        self.op_imm(Opcode::one(opcode).size(size), op as u8, dst, imm, len);
        self.leaves(op, size, dst);
    }

    /// `dst = dst op cell`
    #[inline]
    fn alu_slot(&mut self, op: Alu, size: Size, dst: Gpr, disp: i32) {
        self.op_slot(op.opcode_rm().size(size), dst.0, disp);
        self.leaves(op, size, dst);
    }

    /// `dst = a + b`. Keeps the flags.
    fn lea_sum(&mut self, size: Size, dst: Gpr, a: Gpr, b: Gpr) {
        // A base with the low bits of rbp would need a displacement.
        let (base, index) = if a.0 & 7 == 5 { (b, a) } else { (a, b) };
        self.op_sum(LEA.size(size), dst.0, base, index);
    }

    /// `dst = lhs * imm`
    fn mul_imm(&mut self, size: Size, dst: Gpr, lhs: Gpr, imm: i32) {
        match imm {
            3 => emit!(self, w(size), no_disp(); lea Rd(dst), [Rq(lhs) + 2 * Rq(lhs)]),
            5 => emit!(self, w(size), no_disp(); lea Rd(dst), [Rq(lhs) + 4 * Rq(lhs)]),
            9 => emit!(self, w(size), no_disp(); lea Rd(dst), [Rq(lhs) + 8 * Rq(lhs)]),
            _ => emit!(self, w(size), imm8(); imul Rd(dst), Rd(lhs), DWORD imm),
        }
    }

    /// `dst = lhs & imm`
    fn and_imm(&mut self, size: Size, dst: Gpr, lhs: Gpr, imm: i64) {
        // A mask without the upper half's bits clears that half, as a 32-bit result does.
        let size = if imm >= 0 { Size::S32 } else { size };
        match (imm, size) {
            (0xff, _) => emit!(self, byte_reg(lhs); movzx Rd(dst), Rb(lhs)),
            (0xffff, _) => emit!(self; movzx Rd(dst), Rw(lhs)),
            (0xffff_ffff, _) => emit!(self; mov Rd(dst), Rd(lhs)),
            _ => {
                self.mov(size, dst, lhs);
                self.alu_imm(Alu::And, size, dst, imm as i32);
            }
        }
    }

    /// Without BMI2, shifts take a variable count from `cl`; rotates always do.
    pub(super) fn count_register(&self, op: Shift) -> Option<Gpr> {
        match op {
            Shift::Shl | Shift::ShrS | Shift::ShrU if self.has(Features::BMI2) => None,
            Shift::Shl | Shift::ShrS | Shift::ShrU | Shift::Rotl | Shift::Rotr => Some(RCX),
        }
    }

    /// `dst = lhs op count`
    pub(super) fn shift(&mut self, op: Shift, size: Size, dst: Gpr, lhs: Gpr, count: Rhs) {
        let count = match count {
            Rhs::Imm(count) => return self.shift_imm(op, size, dst, lhs, count as i8),
            Rhs::Reg(count) => count,
            Rhs::Slot(disp) => {
                emit!(self, sib_disp(); mov r11d, [rsp + disp]);
                R11
            }
        };
        if self.count_register(op).is_some() {
            debug_assert_eq!(count, RCX);
            return self.shift_cl(op, size, dst, lhs);
        }
        match op {
            Shift::Shl => emit!(self, w(size); shlx Rd(dst), Rd(lhs), Rd(count)),
            Shift::ShrS => emit!(self, w(size); sarx Rd(dst), Rd(lhs), Rd(count)),
            Shift::ShrU => emit!(self, w(size); shrx Rd(dst), Rd(lhs), Rd(count)),
            Shift::Rotl | Shift::Rotr => unreachable!("rotates have a count register"),
        }
    }

    /// `dst = lhs op cl`
    fn shift_cl(&mut self, op: Shift, size: Size, dst: Gpr, lhs: Gpr) {
        let work = if dst == RCX { R11 } else { dst };
        self.mov(size, work, lhs);
        emit!(self, w(size), digit(shift_digit(op), 0); rol Rd(work), cl);
        self.mov(size, dst, work);
    }

    /// `dst = lhs op count`
    fn shift_imm(&mut self, op: Shift, size: Size, dst: Gpr, lhs: Gpr, count: i8) {
        let bits = match size {
            Size::S32 => 32,
            Size::S64 => 64,
        };
        let left = if op == Shift::Rotl {
            bits - count
        } else {
            count
        };
        match op {
            _ if count == 0 => return self.mov(size, dst, lhs),
            Shift::Shl if count == 1 && dst != lhs => return self.lea_sum(size, dst, lhs, lhs),
            Shift::Rotl | Shift::Rotr if dst != lhs && self.has(Features::BMI2) => {
                return emit!(self, w(size); rorx Rd(dst), Rd(lhs), BYTE left);
            }
            Shift::Shl | Shift::ShrS | Shift::ShrU | Shift::Rotl | Shift::Rotr => {}
        }
        self.mov(size, dst, lhs);
        if op == Shift::Shl && count == 1 {
            return self.alu_reg(Alu::Add, size, dst, dst);
        }
        let (opcode, len) = if count == 1 { (0xd1, 0) } else { (0xc1, 1) };
        let opcode = Opcode::one(opcode).size(size);
        self.op_imm(opcode, shift_digit(op), dst, count.into(), len);
    }

    /// `dst = rax op rhs`; clobbers `rax` and `rdx`.
    /// Traps: `IntegerDivisionByZero`, `IntegerOverflow` (`DivS` of the least number by -1).
    pub(super) fn div(
        &mut self,
        op: Div,
        size: Size,
        checks: DivChecks,
        dst: Gpr,
        lhs: Gpr,
        rhs: Gpr,
    ) {
        debug_assert!(lhs == RAX && rhs != RAX && rhs != RDX);
        debug_assert!(
            dst == if matches!(op, Div::DivS | Div::DivU) {
                RAX
            } else {
                RDX
            }
        );
        match op {
            Div::DivU | Div::RemU => {
                if checks.zero {
                    emit!(self, w(size); test Rd(rhs), Rd(rhs));
                    self.trap_if(Cc::Equal, TrapCode::IntegerDivisionByZero);
                }
                emit!(self; xor edx, edx);
                emit!(self, w(size); div Rd(rhs));
            }
            Div::DivS | Div::RemS => self.div_signed(op == Div::DivS, size, checks, rhs),
        }
    }

    fn div_signed(&mut self, quotient: bool, size: Size, checks: DivChecks, rhs: Gpr) {
        let ordinary = match (checks.zero, checks.minus_one) {
            (true, true) => {
                // One comparison tells both -1 and 0 from the rest.
                emit!(self, w(size), reg_disp(); lea r11d, [DWORD Rq(rhs) + 1]);
                emit!(self, w(size), imm8(); cmp Rd(R11), DWORD 1);
                let ordinary = self.skip_if(Cc::Above);
                self.trap_if(Cc::Equal, TrapCode::IntegerDivisionByZero);
                Some(ordinary)
            }
            (true, false) => {
                emit!(self, w(size); test Rd(rhs), Rd(rhs));
                self.trap_if(Cc::Equal, TrapCode::IntegerDivisionByZero);
                None
            }
            (false, true) => {
                emit!(self, w(size), imm8(); cmp Rd(rhs), DWORD -1);
                Some(self.skip_if(Cc::NotEqual))
            }
            (false, false) => None,
        };
        let done = ordinary.map(|ordinary| {
            if quotient {
                emit!(self, w(size); neg Rd(RAX));
                self.trap_if(Cc::Overflow, TrapCode::IntegerOverflow);
            } else {
                emit!(self; xor edx, edx);
            }
            let done = self.skip_always();
            self.land(ordinary);
            done
        });
        match size {
            Size::S32 => emit!(self; cdq),
            Size::S64 => emit!(self; cqo),
        }
        emit!(self, w(size); idiv Rd(rhs));
        if let Some(done) = done {
            self.land(done);
        }
    }

    /// `dst = op src`
    pub(super) fn int_un(&mut self, op: IntUn, size: Size, dst: Gpr, src: Gpr) {
        match op {
            IntUn::Clz if self.has(Features::LZCNT) => {
                emit!(self, w(size); lzcnt Rd(dst), Rd(src));
            }
            IntUn::Clz => {
                // 31 - position is 31 ^ position; 63 and 127 make zero's result 32 and 64.
                let (zero, flip) = match size {
                    Size::S32 => (63, 31),
                    Size::S64 => (127, 63),
                };
                self.int_const(Size::S32, R11, zero);
                emit!(self, w(size); bsr Rd(dst), Rd(src));
                self.mov_if_zero(size, dst, R11);
                emit!(self, w(size), imm8(); xor Rd(dst), DWORD flip);
            }
            IntUn::Ctz if self.has(Features::BMI1) => {
                emit!(self, w(size); tzcnt Rd(dst), Rd(src));
            }
            IntUn::Ctz => {
                let zero = match size {
                    Size::S32 => 32,
                    Size::S64 => 64,
                };
                self.int_const(Size::S32, R11, zero);
                emit!(self, w(size); bsf Rd(dst), Rd(src));
                self.mov_if_zero(size, dst, R11);
            }
            IntUn::Popcnt if self.has(Features::POPCNT) => {
                emit!(self, w(size); popcnt Rd(dst), Rd(src));
            }
            IntUn::Popcnt => self.popcnt(size, dst, src),
            IntUn::Extend8S => emit!(self, byte_reg(src), w(size); movsx Rd(dst), Rb(src)),
            IntUn::Extend16S => emit!(self, w(size); movsx Rd(dst), Rw(src)),
            IntUn::Extend32S => emit!(self; movsxd Rq(dst), Rd(src)),
        }
    }

    fn mov_if_zero(&mut self, size: Size, dst: Gpr, src: Gpr) {
        emit!(self, w(size); cmove Rd(dst), Rd(src));
    }

    /// Population count in parallel: sums of 2, 4, 8 bits, then of the bytes by multiplication.
    fn popcnt(&mut self, size: Size, dst: Gpr, src: Gpr) {
        let (shift, ones) = match size {
            Size::S32 => (24, u64::from(u32::MAX)),
            Size::S64 => (56, u64::MAX),
        };
        let (x, mask) = (R10, R11);
        self.mov(size, x, src);
        self.shift_imm(Shift::ShrU, size, x, x, 1);
        self.int_const(size, mask, ones / 3);
        self.int_bin(IntBin::And, size, x, x, Rhs::Reg(mask));
        self.int_bin(IntBin::Sub, size, dst, src, Rhs::Reg(x));
        self.int_const(size, mask, ones / 5);
        self.mov(size, x, dst);
        self.shift_imm(Shift::ShrU, size, x, x, 2);
        self.int_bin(IntBin::And, size, x, x, Rhs::Reg(mask));
        self.int_bin(IntBin::And, size, dst, dst, Rhs::Reg(mask));
        self.int_bin(IntBin::Add, size, dst, dst, Rhs::Reg(x));
        self.mov(size, x, dst);
        self.shift_imm(Shift::ShrU, size, x, x, 4);
        self.int_bin(IntBin::Add, size, dst, dst, Rhs::Reg(x));
        self.int_const(size, mask, ones / 17);
        self.int_bin(IntBin::And, size, dst, dst, Rhs::Reg(mask));
        self.int_const(size, mask, ones / 255);
        self.int_bin(IntBin::Mul, size, dst, dst, Rhs::Reg(mask));
        self.shift_imm(Shift::ShrU, size, dst, dst, shift);
    }

    /// Compares with zero.
    #[inline]
    pub(super) fn test(&mut self, size: Size, reg: Gpr) {
        self.op_reg(TEST.size(size), reg.0, reg.0);
    }

    /// Sets the flags for `cmp`.
    #[inline]
    pub(super) fn int_cmp(&mut self, cmp: IntCmp, size: Size, lhs: Gpr, rhs: Rhs) {
        match rhs {
            Rhs::Imm(0) if matches!(cmp, IntCmp::Eq | IntCmp::Ne) => self.test_zero(size, lhs),
            // The same flags as those of a comparison with zero.
            Rhs::Imm(0) => self.test(size, lhs),
            Rhs::Imm(imm) => self.alu_imm(Alu::Cmp, size, lhs, imm as i32),
            Rhs::Reg(rhs) => self.alu_reg(Alu::Cmp, size, lhs, rhs),
            Rhs::Slot(disp) => self.alu_slot(Alu::Cmp, size, lhs, disp),
        }
    }
}
