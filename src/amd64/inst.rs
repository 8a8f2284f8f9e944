//! One instruction on its way from `dynasm!` to the code buffer.
//!
//! `dynasm!` encodes operands that are only known at run time in their longest form: always a REX
//! prefix, 32-bit displacements and immediates. An [`Inst`] collects the bytes in a register, and
//! its methods cut them down to what the operands need, or turn the 32-bit form of an instruction
//! into the 64-bit one. All positions are constants once this is inlined: what remains at run
//! time is a few selects without branches.

use super::regs::Cc;
use crate::asm::regs::Gpr;
use crate::ir::types::Size;

const REX: u8 = 0x40;
const REX_W: u8 = 0x08;
const VEX3: u8 = 0xc4;
const VEX2: u8 = 0xc5;

/// Of [`Inst::rex`]: none was written yet.
const NO_REX: u32 = u32::MAX;
/// Of [`Inst::rex`]: the first byte that depends on an operand is another.
const OTHER: u32 = u32::MAX - 1;

/// An instruction of at most 16 bytes. Little-endian: the first byte is the lowest of `bits`.
/// What is above `len` bytes does not matter.
#[derive(Clone, Copy, Debug)]
pub(super) struct Inst {
    bits: u128,
    len: u32,
    /// Where the REX prefix stands that `dynasm!` writes for registers given at run time: 0 or,
    /// behind another prefix, 1.
    rex: u32,
    keep_rex: bool,
}

/// Methods between `new` and `finish` expect the form that `dynasm!` chooses for registers given
/// at run time, and say which operand must come last in the encoding.
impl Inst {
    #[inline(always)]
    pub(super) fn new() -> Self {
        Self {
            bits: 0,
            len: 0,
            rex: NO_REX,
            keep_rex: false,
        }
    }

    /// The shortest equivalent: its bytes and how many.
    #[inline(always)]
    pub(super) fn finish(self) -> (u128, usize) {
        let short = self.without_rex().with_short_vex();
        (short.bits, short.len as usize)
    }

    #[inline(always)]
    fn byte(self, at: u32) -> u8 {
        (self.bits >> (8 * at)) as u8
    }

    #[inline(always)]
    fn flip(mut self, at: u32, bits: u8) -> Self {
        self.bits ^= u128::from(bits) << (8 * at);
        self
    }

    /// Cuts `count` bytes out.
    #[inline(always)]
    fn remove(mut self, at: u32, count: u32) -> Self {
        let low = (1u128 << (8 * at)) - 1;
        self.bits = self.bits & low | (self.bits >> (8 * count)) & !low;
        self.len -= count;
        self
    }

    #[inline(always)]
    fn without_rex(self) -> Self {
        if self.rex <= 1 && self.byte(self.rex) == REX && !self.keep_rex {
            self.remove(self.rex, 1)
        } else {
            self
        }
    }

    /// The two-byte VEX prefix, where index and base are low registers.
    #[inline(always)]
    fn with_short_vex(self) -> Self {
        if self.rex <= 1 || self.byte(0) != VEX3 {
            return self;
        }
        if self.byte(1) & 0x7f != 0x61 || self.byte(2) & 0x80 != 0 {
            return self;
        }
        let mut short = self.remove(0, 1);
        let byte = self.byte(1) & 0x80 | self.byte(2);
        short.bits = short.bits & !0xffff | u128::from(byte) << 8 | u128::from(VEX2);
        short
    }

    /// Makes a 32-bit integer instruction one of `size`.
    #[inline(always)]
    pub(super) fn w(self, size: Size) -> Self {
        let (at, bit) = if self.rex <= 1 {
            (self.rex, REX_W)
        } else {
            debug_assert_eq!(self.byte(0), VEX3);
            (2, 0x80)
        };
        match size {
            Size::S32 => self,
            Size::S64 => self.flip(at, bit),
        }
    }

    /// Makes a scalar single-precision instruction (`F3`) one of `size` (`F2`).
    #[inline(always)]
    pub(super) fn fp(self, size: Size) -> Self {
        let at = match self.byte(0) {
            VEX3 => 2,
            VEX2 => 1,
            _ => 0,
        };
        match size {
            Size::S32 => self,
            Size::S64 => self.flip(at, 1),
        }
    }

    /// Puts the condition into an instruction on condition "overflow" that ends in its ModRM.
    #[inline(always)]
    pub(super) fn cc(self, cc: Cc) -> Self {
        self.op_reg(cc as u8)
    }

    /// Changes bits of the opcode in front of a ModRM that comes last.
    #[inline(always)]
    pub(super) fn op_reg(self, bits: u8) -> Self {
        self.flip(self.len - 2, bits)
    }

    /// Changes the digit in ModRM's middle that completes an opcode whose digit is 0, with `imm`
    /// bytes of immediate behind.
    #[inline(always)]
    pub(super) fn digit(self, digit: u8, imm: u32) -> Self {
        self.flip(self.len - 1 - imm, digit << 3)
    }

    /// Keeps the prefix without which `reg`'s low byte would be `ah`, `ch`, `dh` or `bh`.
    #[inline(always)]
    pub(super) fn byte_reg(mut self, reg: Gpr) -> Self {
        self.keep_rex = matches!(reg.0, 4..8);
        self
    }

    /// A 32-bit immediate at the end becomes an 8-bit one if it fits.
    #[inline(always)]
    pub(super) fn imm8(mut self) -> Self {
        let imm = (self.bits >> (8 * (self.len - 4))) as i32;
        let fits = i32::from(imm as i8) == imm;
        // Of the opcodes that have both forms, bit 1 chooses.
        self = self.flip(self.len - 6, u8::from(fits) << 1);
        self.len -= 3 * u32::from(fits);
        self
    }

    /// Shortens the displacement of `[base + disp]` at the end. The base is none that needs a
    /// SIB byte or a displacement (its low bits are not those of `rsp` or `rbp`).
    #[inline(always)]
    pub(super) fn disp(self) -> Self {
        self.shorten_disp(self.len - 5, 0, true)
    }

    /// Shortens the displacement of `[base + index + disp]` or `[rsp + disp]` at the end. The low
    /// bits of the base are not those of `rbp`.
    #[inline(always)]
    pub(super) fn sib_disp(self) -> Self {
        self.shorten_disp(self.len - 6, 0, true)
    }

    /// Shortens `[reg + disp]` at the end, with any register.
    #[inline(always)]
    pub(super) fn reg_disp(self) -> Self {
        let sib = self.len - 5;
        let base = self.byte(sib) & 7;
        let short = self.shorten_disp(sib - 1, 0, base != 5);
        if base == 4 {
            return short;
        }
        short.flip(sib - 1, base ^ 4).remove(sib, 1)
    }

    /// Drops the needless displacement of `[base + index]` at the end, unless the base needs one.
    #[inline(always)]
    pub(super) fn no_disp(mut self) -> Self {
        if self.byte(self.len - 2) & 7 == 5 {
            return self;
        }
        self.len -= 1;
        self.flip(self.len - 2, 0x40)
    }

    /// The 32-bit displacement between the address bytes and `imm` bytes of immediate loses 3 or,
    /// if it is 0 and `droppable`, all 4 bytes.
    #[inline(always)]
    fn shorten_disp(mut self, modrm: u32, imm: u32, droppable: bool) -> Self {
        let at = self.len - 4 - imm;
        let disp = (self.bits >> (8 * at)) as i32;
        let short = i32::from(disp as i8) == disp;
        let none = disp == 0 && droppable;
        // ModRM's mode goes from 2 to 1 or 0.
        let mode = (u8::from(short) * 0xc0) ^ (u8::from(none) << 6);
        self = self.flip(modrm, mode);
        if imm == 0 {
            self.len -= 3 * u32::from(short) + u32::from(none);
            self
        } else if none {
            self.remove(at, 4)
        } else if short {
            self.remove(at + 1, 3)
        } else {
            self
        }
    }

    // The names that `dynasm!` calls.

    #[inline(always)]
    fn append(&mut self, value: u64, bytes: u32) {
        self.bits |= u128::from(value) << (8 * self.len);
        self.len += bytes;
        debug_assert!(self.len <= 16);
    }

    #[inline(always)]
    pub(super) fn push(&mut self, byte: u8) {
        if self.rex == NO_REX {
            let prefix = matches!(self.byte(0), 0x66 | 0xf2 | 0xf3);
            self.rex = match self.len {
                0 => 0,
                1 if prefix => 1,
                _ => OTHER,
            };
        }
        self.append(u64::from(byte), 1);
    }

    #[inline(always)]
    pub(super) fn push_i8(&mut self, value: i8) {
        self.append(u64::from(value as u8), 1);
    }

    #[inline(always)]
    pub(super) fn push_i32(&mut self, value: i32) {
        self.append(u64::from(value as u32), 4);
    }

    #[inline(always)]
    pub(super) fn push_i64(&mut self, value: i64) {
        self.append(value as u64, 8);
    }

    #[inline(always)]
    pub(super) fn extend(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.append(u64::from(byte), 1);
        }
    }
}
