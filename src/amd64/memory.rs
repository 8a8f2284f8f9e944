//! Frame cells, linear memory, and what lies in instances.

use super::Amd64;
use super::encode::{Opcode, number};
use super::int::LEA;
use super::regs::{Cc, R11};
use crate::asm::abi::{INSTANCE, MEMORY_BASE, MEMORY_BOUND, MEMORY0, MemoryMode, TrapCode};
use crate::asm::isa::{Addr, Cell, InstanceItem, StoreSrc};
use crate::asm::regs::{Gpr, Reg};
use crate::ir::op::{Load, Store};
use crate::ir::types::{PAGE_SIZE, Size, Width};

const MOV_LOAD: Opcode = Opcode::one(0x8b);
const MOV_STORE: Opcode = Opcode::one(0x89);
const MOV_STORE_IMM: Opcode = Opcode::one(0xc7);
const MOVZX8: Opcode = Opcode::two(0xb6);
const MOVZX16: Opcode = Opcode::two(0xb7);
const MOVSX8: Opcode = Opcode::two(0xbe);
const MOVSX16: Opcode = Opcode::two(0xbf);
const MOVSXD: Opcode = Opcode::one(0x63).wide();
const MOVUPS_LOAD: Opcode = Opcode::two(0x10);
const MOVUPS_STORE: Opcode = Opcode::two(0x11);
/// Prefixes that make `movups` one of `movss` and `movsd`.
const SINGLE: u8 = 0xf3;
const DOUBLE: u8 = 0xf2;
/// Operands of 16 bits.
const HALF: u8 = 0x66;

fn load_opcode(op: Load) -> Opcode {
    match op {
        Load::I32 | Load::I64U32 => MOV_LOAD,
        Load::I64 => MOV_LOAD.wide(),
        Load::I64S32 => MOVSXD,
        Load::I32U8 | Load::I64U8 => MOVZX8,
        Load::I32S8 => MOVSX8,
        Load::I64S8 => MOVSX8.wide(),
        Load::I32U16 | Load::I64U16 => MOVZX16,
        Load::I32S16 => MOVSX16,
        Load::I64S16 => MOVSX16.wide(),
        Load::F32 => MOVUPS_LOAD.prefix(SINGLE),
        Load::F64 => MOVUPS_LOAD.prefix(DOUBLE),
    }
}

fn store_opcode(op: Store) -> Opcode {
    match op {
        Store::I32 | Store::Int32 => MOV_STORE,
        Store::I64 => MOV_STORE.wide(),
        Store::Int8 => Opcode::one(0x88),
        Store::Int16 => MOV_STORE.prefix(HALF),
        Store::F32 => MOVUPS_STORE.prefix(SINGLE),
        Store::F64 => MOVUPS_STORE.prefix(DOUBLE),
    }
}

/// `mov` or `movss` and its like, between a register and memory: by width, and whether the register
/// is one for floats.
const fn moves(int: Opcode, vector: Opcode) -> [[Opcode; 2]; 3] {
    let mut moves = [[vector; 2]; 3];
    moves[Width::W32 as usize] = [int, vector.prefix(SINGLE)];
    moves[Width::W64 as usize] = [int.wide(), vector.prefix(DOUBLE)];
    moves
}

fn load_move(width: Width, dst: Reg) -> Opcode {
    const LOADS: [[Opcode; 2]; 3] = moves(MOV_LOAD, MOVUPS_LOAD);
    LOADS[width as usize][usize::from(dst.is_float())]
}

fn store_move(width: Width, src: Reg) -> Opcode {
    const STORES: [[Opcode; 2]; 3] = moves(MOV_STORE, MOVUPS_STORE);
    STORES[width as usize][usize::from(src.is_float())]
}

/// Where an opcode has a digit instead of a register.
const DIGIT_0: Reg = Reg::int(Gpr(0));

impl Amd64 {
    // Cells. All keep the flags and `r10`.

    pub(super) fn load_cell(&mut self, width: Width, dst: Reg, src: Cell) {
        self.op_cell(load_move(width, dst), dst, src);
    }

    pub(super) fn store_cell(&mut self, width: Width, dst: Cell, src: Reg) {
        self.op_cell(store_move(width, src), src, dst);
    }

    pub(super) fn store_cell_const(&mut self, size: Size, dst: Cell, value: u64) {
        let imm = value as i32;
        if size == Size::S64 && imm as i64 as u64 != value {
            self.int_const(size, R11, value);
            return self.store_cell(Width::W64, dst, R11.into());
        }
        self.op_cell(MOV_STORE_IMM.size(size), DIGIT_0, dst);
        self.buf.push_i32(imm);
    }

    pub(super) fn copy_cell(&mut self, width: Width, dst: Cell, src: Cell) {
        let scratch = match width {
            Width::W32 | Width::W64 => Reg::int(R11),
            Width::W128 => Reg::float(super::regs::XMM15),
        };
        self.load_cell(width, scratch, src);
        self.store_cell(width, dst, scratch);
    }

    // Linear memory.

    /// Traps with `MemoryOutOfBounds` unless `index + end` is within memory 0.
    pub(super) fn check(&mut self, index: Option<Gpr>, end: u64) {
        let near = i32::try_from(end).ok();
        match (index, near) {
            (Some(index), Some(end)) => {
                self.op_based(LEA.wide(), R11.0, index, end);
            }
            (Some(index), None) => {
                self.int_const(Size::S64, R11, end);
                emit!(self; add r11, Rq(index));
            }
            (None, Some(end)) if self.mode == MemoryMode::Explicit => {
                emit!(self, imm8(); cmp r13, DWORD end);
                return self.trap_if(Cc::Below, TrapCode::MemoryOutOfBounds);
            }
            (None, _) => self.int_const(Size::S64, R11, end),
        }
        match self.mode {
            MemoryMode::Explicit => emit!(self; cmp r11, r13),
            MemoryMode::Guard => {
                emit!(self, disp(); mov r10, [r14 + INSTANCE]);
                emit!(self, disp(); mov r10, [r10 + MEMORY0]);
                emit!(self, disp(); cmp r11, [r10 + MEMORY_BOUND]);
            }
        }
        self.trap_if(Cc::Above, TrapCode::MemoryOutOfBounds);
    }

    /// After an access that began at `start` and may fault there.
    #[inline]
    fn accessed(&mut self, start: u32) {
        if self.mode == MemoryMode::Guard {
            self.buf.site_at(start);
        }
    }

    /// `dst = memory[addr]`
    #[inline]
    pub(super) fn load(&mut self, op: Load, dst: Reg, addr: Addr) {
        let start = self.buf.offset();
        self.op_memory(load_opcode(op), dst, addr);
        self.accessed(start);
    }

    /// `memory[addr] = src`
    #[inline]
    pub(super) fn store(&mut self, op: Store, src: StoreSrc, addr: Addr) {
        let start = self.buf.offset();
        match src {
            StoreSrc::Reg(src) => self.op_memory(store_opcode(op), src, addr),
            StoreSrc::Imm(imm) => self.store_imm(op, imm as i32, addr),
        }
        self.accessed(start);
    }

    fn store_imm(&mut self, op: Store, imm: i32, addr: Addr) {
        let mov = match op {
            Store::I32 | Store::F32 | Store::Int32 => MOV_STORE_IMM,
            Store::I64 | Store::F64 => MOV_STORE_IMM.wide(),
            Store::Int16 => MOV_STORE_IMM.prefix(HALF),
            Store::Int8 => Opcode::one(0xc6),
        };
        self.op_memory(mov, DIGIT_0, addr);
        match op {
            Store::Int8 => self.buf.push(imm as u8),
            Store::Int16 => self.buf.push_u16(imm as u16),
            Store::I32 | Store::F32 | Store::Int32 | Store::I64 | Store::F64 => {
                self.buf.push_i32(imm);
            }
        }
    }

    /// `dst =` pages of a memory
    pub(super) fn memory_size(&mut self, memory: InstanceItem, dst: Gpr) {
        let disp = self.item(memory) + MEMORY_BOUND;
        emit!(self, disp(); mov Rq(dst), [r11 + disp]);
        emit!(self; shr Rq(dst), BYTE PAGE_SIZE.trailing_zeros() as i8);
    }

    // Instances.

    /// Makes `r11` plus the returned displacement the address of a thing.
    #[inline]
    pub(super) fn item(&mut self, item: InstanceItem) -> i32 {
        emit!(self, disp(); mov r11, [r14 + INSTANCE]);
        if item.imported {
            let disp = item.offset;
            emit!(self, disp(); mov r11, [r11 + disp]);
            return 0;
        }
        item.offset
    }

    #[inline]
    pub(super) fn global_get(&mut self, width: Width, global: InstanceItem, dst: Reg) {
        let disp = self.item(global);
        let op = load_move(width, dst);
        self.op_based(op, number(dst), R11, disp);
    }

    #[inline]
    pub(super) fn global_set(&mut self, width: Width, global: InstanceItem, src: Reg) {
        let disp = self.item(global);
        let op = store_move(width, src);
        self.op_based(op, number(src), R11, disp);
    }

    /// `dst =` address of a function's record
    pub(super) fn func_ref(&mut self, func: InstanceItem, dst: Gpr) {
        let disp = func.offset;
        emit!(self, disp(); mov r11, [r14 + INSTANCE]);
        if func.imported {
            emit!(self, disp(); mov Rq(dst), [r11 + disp]);
        } else {
            emit!(self, disp(); lea Rq(dst), [r11 + disp]);
        }
    }

    /// Loads the memory roles for the instance whose address is in `r10`, which is overwritten.
    pub(super) fn load_memory_roles(&mut self) {
        emit!(self, disp(); mov r10, [r10 + MEMORY0]);
        emit!(self, disp(); mov r15, [r10 + MEMORY_BASE]);
        if self.mode == MemoryMode::Explicit {
            emit!(self, disp(); mov r13, [r10 + MEMORY_BOUND]);
        }
    }
}
