//! Linear memory, cells of frames and of the call engine, and the parts of an instance.

use super::int::{HI, LO, arith_imm};
use super::regs::{BOUND, CALLEE, ENGINE, FTMP, MEM, SP, TMP, ZERO};
use super::{Arm64, emit, rd, rm, rn};
use crate::asm::abi::{self, MemoryMode, TrapCode};
use crate::asm::isa::{Addr, Cell, InstanceItem, StoreSrc};
use crate::asm::regs::{Gpr, Reg};
use crate::ir::op::{Load, Store};
use crate::ir::types::Size::{self, S32, S64};
use crate::ir::types::Width;

/// A load or store, without its registers and address.
#[derive(Clone, Copy)]
pub(super) struct Access {
    word: u32,
    /// The binary logarithm of its width in bytes.
    scale: u32,
}

impl Access {
    /// `size` is bits 31..30 of the instruction, `opc` 23..22.
    const fn int(size: u32, opc: u32) -> Self {
        Self {
            word: 0x3800_0000 | size << 30 | opc << 22,
            scale: size,
        }
    }

    const fn float(size: u32, opc: u32) -> Self {
        Self {
            word: 0x3c00_0000 | size << 30 | opc << 22,
            scale: size,
        }
    }

    pub(super) const LDR_W: Self = Self::int(2, 1);
    pub(super) const LDR_X: Self = Self::int(3, 1);
    const STR_W: Self = Self::int(2, 0);
    pub(super) const STR_X: Self = Self::int(3, 0);
    const LDR_S: Self = Self::float(2, 1);
    const LDR_D: Self = Self::float(3, 1);
    const STR_S: Self = Self::float(2, 0);
    const STR_D: Self = Self::float(3, 0);
    const LDR_Q: Self = Self {
        word: 0x3cc0_0000,
        scale: 4,
    };
    const STR_Q: Self = Self {
        word: 0x3c80_0000,
        scale: 4,
    };

    fn load(width: Width, float: bool) -> Self {
        match (width, float) {
            (Width::W32, false) => Self::LDR_W,
            (Width::W64, false) => Self::LDR_X,
            (Width::W32, true) => Self::LDR_S,
            (Width::W64, true) => Self::LDR_D,
            (Width::W128, _) => Self::LDR_Q,
        }
    }

    fn store(width: Width, float: bool) -> Self {
        match (width, float) {
            (Width::W32, false) => Self::STR_W,
            (Width::W64, false) => Self::STR_X,
            (Width::W32, true) => Self::STR_S,
            (Width::W64, true) => Self::STR_D,
            (Width::W128, _) => Self::STR_Q,
        }
    }

    fn of_load(op: Load) -> Self {
        match op {
            Load::I32 | Load::I64U32 => Self::LDR_W,
            Load::I64 => Self::LDR_X,
            Load::F32 => Self::LDR_S,
            Load::F64 => Self::LDR_D,
            Load::I32U8 | Load::I64U8 => Self::int(0, 1),
            Load::I32U16 | Load::I64U16 => Self::int(1, 1),
            Load::I64S8 => Self::int(0, 2),
            Load::I64S16 => Self::int(1, 2),
            Load::I64S32 => Self::int(2, 2),
            Load::I32S8 => Self::int(0, 3),
            Load::I32S16 => Self::int(1, 3),
        }
    }

    fn of_store(op: Store) -> Self {
        match op {
            Store::I32 | Store::Int32 => Self::STR_W,
            Store::I64 => Self::STR_X,
            Store::F32 => Self::STR_S,
            Store::F64 => Self::STR_D,
            Store::Int8 => Self::int(0, 0),
            Store::Int16 => Self::int(1, 0),
        }
    }

    /// The same store from an integer register.
    fn of_int(self) -> Self {
        Self {
            word: self.word & !(1 << 26),
            scale: self.scale,
        }
    }

    /// The instruction for `base + disp`, if it has one. Base 31 is `sp`.
    #[inline]
    fn at(self, reg: u8, base: Gpr, disp: u32) -> Option<u32> {
        let word = self.word | rn(base) | rd(reg);
        let scaled = disp >> self.scale;
        if scaled < 1 << 12 && scaled << self.scale == disp {
            Some(word | 1 << 24 | scaled << 10)
        } else if disp < 1 << 8 {
            Some(word | disp << 12)
        } else {
            None
        }
    }

    /// The instruction for `base + index`. Base 31 is `sp`.
    #[inline]
    fn indexed(self, reg: u8, base: Gpr, index: Gpr) -> u32 {
        self.word | 1 << 21 | 0x6800 | rm(index) | rn(base) | rd(reg)
    }
}

/// A register's number in its class.
fn number(reg: Reg) -> u8 {
    if reg.is_float() {
        reg.fpr().0
    } else {
        reg.gpr().0
    }
}

impl Arm64 {
    /// The instruction that accesses `base + disp`, after those that it needs before. `disp` is
    /// below 2^31. Clobbers `TMP` if `disp` is out of the instruction's reach, and `CALLEE`
    /// too if it is above 2^24 and `base` is `TMP`. Keeps the flags.
    fn prepare(&mut self, op: Access, reg: u8, base: Gpr, disp: u32) -> u32 {
        if let Some(word) = op.at(reg, base, disp) {
            return word;
        }
        if disp < 1 << 24
            && let Some(word) = op.at(reg, TMP, disp & 0xfff)
        {
            self.offset(TMP, base, i64::from(disp & !0xfff), CALLEE);
            return word;
        }
        let index = if base == TMP { CALLEE } else { TMP };
        self.int_const(S64, index, u64::from(disp));
        op.indexed(reg, base, index)
    }

    /// Accesses `base + disp`; see [`Self::prepare`].
    #[inline]
    pub(super) fn access(&mut self, op: Access, reg: u8, base: Gpr, disp: u32) {
        let word = self.prepare(op, reg, base, disp);
        self.word(word);
    }

    pub(super) fn load_cell(&mut self, width: Width, dst: Reg, src: Cell) {
        let (base, disp) = cell(src);
        let op = Access::load(width, dst.is_float());
        self.access(op, number(dst), base, disp);
    }

    pub(super) fn store_cell(&mut self, width: Width, dst: Cell, src: Reg) {
        let (base, disp) = cell(dst);
        let op = Access::store(width, src.is_float());
        self.access(op, number(src), base, disp);
    }

    pub(super) fn store_cell_const(&mut self, size: Size, dst: Cell, value: u64) {
        let (op, value) = match size {
            S32 => (Access::STR_W, u64::from(value as u32)),
            S64 => (Access::STR_X, value),
        };
        let (base, disp) = cell(dst);
        let src = if value == 0 { ZERO } else { CALLEE };
        if value != 0 {
            self.int_const(size, src, value);
        }
        self.access(op, src.0, base, disp);
    }

    pub(super) fn copy_cell(&mut self, width: Width, dst: Cell, src: Cell) {
        let reg = match width {
            Width::W32 | Width::W64 => Reg::int(CALLEE),
            Width::W128 => Reg::float(FTMP),
        };
        self.load_cell(width, reg, src);
        self.store_cell(width, dst, reg);
    }

    /// Traps unless `index + end` is within memory 0: `MemoryOutOfBounds`.
    pub(super) fn check(&mut self, index: Option<Gpr>, end: u64) {
        let trap = self.buf.trap(TrapCode::MemoryOutOfBounds);
        let bound = match self.mode {
            MemoryMode::Explicit => BOUND,
            MemoryMode::Guard => {
                emit!(self
                    ; ldr callee, [engine, abi::INSTANCE as u32]
                    ; ldr callee, [callee, abi::MEMORY0 as u32]
                    ; ldr callee, [callee, abi::MEMORY_BOUND as u32]
                );
                CALLEE
            }
        };
        match index {
            Some(index) => {
                self.add_end(index, end);
                emit!(self; cmp tmp, X(bound));
                self.branch_code(HI, trap);
            }
            None => {
                if let Some((field, false)) = arith_imm(S64, end as i64) {
                    self.word(0xf100_0000 | field | rn(bound) | rd(ZERO)); // cmp bound, end
                } else {
                    self.int_const(S64, TMP, end);
                    emit!(self; cmp X(bound), tmp);
                }
                self.branch_code(LO, trap);
            }
        }
    }

    /// `TMP = index + end`, which is at most 2^33 + 16. Keeps `CALLEE`.
    fn add_end(&mut self, index: Gpr, end: u64) {
        if end < 1 << 24 {
            self.offset(TMP, index, end as i64, TMP);
        } else {
            self.int_const(S64, TMP, end);
            emit!(self; add tmp, tmp, X(index));
        }
    }

    /// The instruction that accesses a checked address, after those that it needs before.
    fn prepare_addr(&mut self, op: Access, reg: u8, addr: Addr) -> u32 {
        let Some(index) = addr.index else {
            return self.prepare(op, reg, MEM, addr.offset);
        };
        if addr.offset == 0 {
            return op.indexed(reg, MEM, index);
        }
        if op.at(reg, TMP, addr.offset).is_none()
            && arith_imm(S64, i64::from(addr.offset)).is_some()
        {
            self.offset(TMP, index, i64::from(addr.offset), TMP);
            return op.indexed(reg, MEM, TMP);
        }
        emit!(self; add tmp, mem, X(index));
        self.prepare(op, reg, TMP, addr.offset)
    }

    /// Accesses a checked address; in `Guard` mode it may fault instead.
    fn access_addr(&mut self, op: Access, reg: u8, addr: Addr) {
        let word = self.prepare_addr(op, reg, addr);
        if self.mode == MemoryMode::Guard {
            self.buf.site();
        }
        self.word(word);
    }

    pub(super) fn load(&mut self, op: Load, dst: Reg, addr: Addr) {
        self.access_addr(Access::of_load(op), number(dst), addr);
    }

    pub(super) fn store(&mut self, op: Store, src: StoreSrc, addr: Addr) {
        let op = Access::of_store(op);
        match src {
            StoreSrc::Reg(reg) => self.access_addr(op, number(reg), addr),
            // 0 is the only constant that `imm_fits` allows.
            StoreSrc::Imm(_) => self.access_addr(op.of_int(), ZERO.0, addr),
        }
    }

    /// `dst =` pages of a memory.
    pub(super) fn memory_size(&mut self, memory: InstanceItem, dst: Gpr) {
        let (base, disp) = self.item(memory);
        self.access(Access::LDR_X, dst.0, base, disp + abi::MEMORY_BOUND as u32);
        emit!(self; lsr X(dst), X(dst), 16);
    }

    pub(super) fn global_get(&mut self, width: Width, global: InstanceItem, dst: Reg) {
        let (base, disp) = self.item(global);
        let op = Access::load(width, dst.is_float());
        self.access(op, number(dst), base, disp);
    }

    pub(super) fn global_set(&mut self, width: Width, global: InstanceItem, src: Reg) {
        let (base, disp) = self.item(global);
        let op = Access::store(width, src.is_float());
        self.access(op, number(src), base, disp);
    }

    /// `dst =` address of a function's record.
    pub(super) fn func_ref(&mut self, func: InstanceItem, dst: Gpr) {
        self.load_instance();
        if func.imported {
            self.access(Access::LDR_X, dst.0, TMP, func.offset as u32);
        } else {
            self.offset(dst, TMP, i64::from(func.offset), CALLEE);
        }
    }

    /// `TMP =` the current instance.
    fn load_instance(&mut self) {
        emit!(self; ldr tmp, [engine, abi::INSTANCE as u32]);
    }

    /// Base (always `TMP`) and displacement of a place in the current instance.
    fn item(&mut self, item: InstanceItem) -> (Gpr, u32) {
        self.load_instance();
        if !item.imported {
            return (TMP, item.offset as u32);
        }
        self.access(Access::LDR_X, TMP.0, TMP, item.offset as u32);
        (TMP, 0)
    }

    /// `dst =` the pointer at a place in the current instance.
    pub(super) fn load_pointer(&mut self, dst: Gpr, offset: i32) {
        self.load_instance();
        self.access(Access::LDR_X, dst.0, TMP, offset as u32);
    }
}

/// Base and displacement of a cell.
fn cell(cell: Cell) -> (Gpr, u32) {
    match cell {
        Cell::Slot(disp) => (SP, disp as u32),
        Cell::Engine(disp) => (ENGINE, disp as u32),
    }
}
