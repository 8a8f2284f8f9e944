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

/// An instruction of at most 16 bytes. Little-endian: the first byte is the lowest of `bits`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Inst {
    bits: u128,
    len: u32,
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
        let low = (1 << (8 * at)) - 1;
        self.bits = self.bits & low | (self.bits >> (8 * count)) & !low;
        self.len -= count;
        self
    }

    /// Where a REX prefix stands.
    #[inline(always)]
    fn rex_at(self) -> u32 {
        u32::from(matches!(self.byte(0), 0x66 | 0xf2 | 0xf3))
    }

    #[inline(always)]
    fn without_rex(self) -> Self {
        let at = self.rex_at();
        if self.byte(at) == REX && !self.keep_rex {
            self.remove(at, 1)
        } else {
            self
        }
    }

    /// The two-byte VEX prefix, where index and base are low registers.
    #[inline(always)]
    fn with_short_vex(self) -> Self {
        if self.byte(0) != VEX3 || self.byte(1) & 0x7f != 0x61 || self.byte(2) & 0x80 != 0 {
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
        let (at, bit) = match self.byte(0) {
            VEX3 => (2, 0x80),
            _ => (self.rex_at(), REX_W),
        };
        debug_assert!(at == 2 || self.byte(at) & 0xf8 == REX);
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
        let at = self.len - 2;
        self.flip(at, cc as u8)
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
        if i32::from(imm as i8) == imm {
            // Of the opcodes that have both forms, bit 1 chooses.
            self = self.flip(self.len - 6, 2);
            self.len -= 3;
            self.bits &= (1 << (8 * self.len)) - 1;
        }
        self
    }

    /// A shift or rotation by one has a form without the immediate.
    #[inline(always)]
    pub(super) fn count(mut self) -> Self {
        if self.byte(self.len - 1) == 1 {
            self = self.flip(self.len - 3, 0x10);
            self.len -= 1;
            self.bits &= (1 << (8 * self.len)) - 1;
        }
        self
    }

    /// Shortens the displacement of `[base + disp]` at the end. The base is none that needs a
    /// SIB byte or a displacement (its low bits are not those of `rsp` or `rbp`).
    #[inline(always)]
    pub(super) fn disp(self) -> Self {
        self.shorten_disp(self.len - 5, 0, true)
    }

    /// As [`Self::disp`], with an immediate of `imm` bytes behind.
    #[inline(always)]
    pub(super) fn disp_imm(self, imm: u32) -> Self {
        self.shorten_disp(self.len - 5 - imm, imm, true)
    }

    /// Shortens the displacement of `[base + index + disp]` or `[rsp + disp]` at the end. The low
    /// bits of the base are not those of `rbp`.
    #[inline(always)]
    pub(super) fn sib_disp(self) -> Self {
        self.shorten_disp(self.len - 6, 0, true)
    }

    /// As [`Self::sib_disp`], with an immediate of `imm` bytes behind.
    #[inline(always)]
    pub(super) fn sib_disp_imm(self, imm: u32) -> Self {
        self.shorten_disp(self.len - 6 - imm, imm, true)
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
    fn shorten_disp(self, modrm: u32, imm: u32, droppable: bool) -> Self {
        let at = self.len - 4 - imm;
        let disp = (self.bits >> (8 * at)) as i32;
        if disp == 0 && droppable {
            self.flip(modrm, 0x80).remove(at, 4)
        } else if i32::from(disp as i8) == disp {
            self.flip(modrm, 0xc0).remove(at + 1, 3)
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
        self.append(u64::from(byte), 1);
    }

    #[inline(always)]
    pub(super) fn push_i8(&mut self, value: i8) {
        self.append(u64::from(value as u8), 1);
    }

    #[inline(always)]
    pub(super) fn push_i16(&mut self, value: i16) {
        self.append(u64::from(value as u16), 2);
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
            self.push(byte);
        }
    }
}
