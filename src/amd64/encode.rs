//! The forms that most code consists of, encoded by a few selects and one or two stores.
//!
//! `emit!` takes any instruction, but builds it in its longest form, cuts it down, and repeats the
//! code for that at each use. What is here is shared by all instructions of a form.

use super::Amd64;
use crate::asm::isa::{Addr, Cell};
use crate::asm::regs::{Gpr, Reg};
use crate::ir::types::Size;

/// What of an instruction does not depend on its operands, a byte each: the REX prefix without
/// bits of registers, one or two bytes of opcode, a prefix that stands before all or 0. Above
/// them, how many bits of these belong before ModRM.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Opcode(u64);

const REX: u8 = 0x40;
const REX_W: u64 = 8;
const REX_R: u32 = 4;
const REX_X: u32 = 2;
const REX_B: u32 = 1;
const PREFIX: u32 = 24;
const HEAD_BITS: u32 = 32;

impl Opcode {
    /// An opcode of one byte.
    pub(super) const fn one(byte: u8) -> Self {
        Self(REX as u64 | (byte as u64) << 8 | 16 << HEAD_BITS)
    }

    /// An opcode behind `0F`.
    pub(super) const fn two(byte: u8) -> Self {
        Self(REX as u64 | 0x0f << 8 | (byte as u64) << 16 | 24 << HEAD_BITS)
    }

    /// With a prefix that completes the opcode.
    pub(super) const fn prefix(self, byte: u8) -> Self {
        Self(self.0 | (byte as u64) << PREFIX)
    }

    /// The 64-bit form.
    pub(super) const fn wide(self) -> Self {
        Self(self.0 | REX_W)
    }

    #[inline(always)]
    pub(super) const fn size(self, size: Size) -> Self {
        match size {
            Size::S32 => self,
            Size::S64 => self.wide(),
        }
    }
}

/// ModRM, perhaps SIB; the bits that REX has of them; what of a displacement or immediate follows.
#[derive(Clone, Copy)]
struct Operands {
    rex: u32,
    bytes: u32,
    len: u32,
    tail: i32,
    tail_len: u32,
}

const MOD_REG: u32 = 0xc0;
/// In ModRM: a SIB byte follows. In SIB, as index: there is none.
const SIB: u32 = 4;
const RSP: u32 = 4;

/// The `reg` field of ModRM, or the digit that stands there.
#[inline(always)]
fn reg_field(reg: u32) -> u32 {
    (reg & 7) << 3
}

#[inline(always)]
fn rex_r(reg: u32) -> u32 {
    (reg >> 3) * REX_R
}

/// ModRM's mode for a displacement, and how many bytes that has. Without one, only if `droppable`.
#[inline(always)]
fn displacement(disp: i32, droppable: bool) -> (u32, u32) {
    let short = u32::from(disp as i8 as i32 == disp);
    let some = u32::from(disp != 0 || !droppable);
    ((some << 7) >> short, 3 + some - 3 * short)
}

impl Operands {
    #[inline(always)]
    fn reg(reg: u32, rm: u32) -> Self {
        Self {
            rex: rex_r(reg) | rm >> 3,
            bytes: MOD_REG | reg_field(reg) | rm & 7,
            len: 1,
            tail: 0,
            tail_len: 0,
        }
    }

    /// `[rsp + disp]`
    #[inline(always)]
    fn slot(reg: u32, disp: i32) -> Self {
        let (mode, tail_len) = displacement(disp, true);
        Self {
            rex: rex_r(reg),
            bytes: mode | reg_field(reg) | SIB | (SIB << 3 | RSP) << 8,
            len: 2,
            tail: disp,
            tail_len,
        }
    }

    /// `[base + disp]`, with any base.
    #[inline(always)]
    fn based(reg: u32, base: u32, disp: i32) -> Self {
        let low = base & 7;
        let (mode, tail_len) = displacement(disp, low != 5);
        Self {
            rex: rex_r(reg) | base >> 3,
            bytes: mode | reg_field(reg) | low | (SIB << 3 | RSP) << 8,
            len: 1 + u32::from(low == RSP),
            tail: disp,
            tail_len,
        }
    }

    /// `[base + index + disp]`
    #[inline(always)]
    fn indexed(reg: u32, base: u32, index: u32, disp: i32) -> Self {
        let (mode, tail_len) = displacement(disp, base & 7 != 5);
        Self {
            rex: rex_r(reg) | ((index >> 3) * REX_X) | ((base >> 3) * REX_B),
            bytes: mode | reg_field(reg) | SIB | ((index & 7) << 3 | base & 7) << 8,
            len: 2,
            tail: disp,
            tail_len,
        }
    }
}

/// The number that an instruction knows a register by.
#[inline(always)]
pub(super) fn number(reg: Reg) -> u8 {
    reg.index() as u8 & 15
}

const MEMORY: u32 = super::regs::R15.0 as u32;
const ENGINE: u32 = super::regs::R14.0 as u32;

impl Amd64 {
    #[inline(always)]
    fn put(&mut self, op: Opcode, operands: Operands) {
        let bits = op.0 >> HEAD_BITS;
        let head = op.0 & 0xff_ffff | u64::from(operands.rex) | u64::from(operands.bytes) << bits;
        let needless = u32::from(head as u8 == REX);
        let len = (bits / 8) as u32 + operands.len - needless;
        self.buf.put_instruction(
            (op.0 >> PREFIX) as u8,
            (head >> (8 * needless), len as usize),
            (operands.tail as u32, operands.tail_len as usize),
        );
    }

    /// `op reg, rm`, or with a digit for `reg`.
    #[inline(always)]
    pub(super) fn op_reg(&mut self, op: Opcode, reg: u8, rm: u8) {
        self.put(op, Operands::reg(reg.into(), rm.into()));
    }

    /// `op rm, imm`: the last `len` bytes of the instruction are those of the immediate.
    #[inline(always)]
    pub(super) fn op_imm(&mut self, op: Opcode, digit: u8, rm: Gpr, imm: i32, len: u32) {
        let mut operands = Operands::reg(digit.into(), rm.0.into());
        (operands.tail, operands.tail_len) = (imm, len);
        self.put(op, operands);
    }

    /// `op reg, [rsp + disp]`
    #[inline(always)]
    pub(super) fn op_slot(&mut self, op: Opcode, reg: u8, disp: i32) {
        self.put(op, Operands::slot(reg.into(), disp));
    }

    /// `op reg, [base + disp]`
    #[inline(always)]
    pub(super) fn op_based(&mut self, op: Opcode, reg: u8, base: Gpr, disp: i32) {
        self.put(op, Operands::based(reg.into(), base.0.into(), disp));
    }

    /// `op reg, [base + index]`
    #[inline(always)]
    pub(super) fn op_sum(&mut self, op: Opcode, reg: u8, base: Gpr, index: Gpr) {
        let (base, index) = (base.0.into(), index.0.into());
        self.put(op, Operands::indexed(reg.into(), base, index, 0));
    }

    /// `op reg, cell`
    #[inline]
    pub(super) fn op_cell(&mut self, op: Opcode, reg: Reg, cell: Cell) {
        let reg = number(reg).into();
        match cell {
            Cell::Slot(disp) => self.put(op, Operands::slot(reg, disp)),
            Cell::Engine(disp) => self.put(op, Operands::based(reg, ENGINE, disp)),
        }
    }

    /// `op reg, memory[addr]`
    #[inline(always)]
    pub(super) fn op_memory(&mut self, op: Opcode, reg: Reg, addr: Addr) {
        debug_assert!(i32::try_from(addr.offset).is_ok());
        let (reg, disp) = (number(reg).into(), addr.offset as i32);
        let operands = match addr.index {
            Some(index) => Operands::indexed(reg, MEMORY, index.0.into(), disp),
            None => Operands::based(reg, MEMORY, disp),
        };
        self.put(op, operands);
    }
}
