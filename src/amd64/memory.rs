//! Frame cells, linear memory, and what lies in instances.

use super::Amd64;
use super::regs::{Cc, R11};
use crate::asm::abi::{INSTANCE, MEMORY_BASE, MEMORY_BOUND, MEMORY0, MemoryMode, TrapCode};
use crate::asm::isa::{Addr, Cell, InstanceItem, StoreSrc};
use crate::asm::regs::{Gpr, Reg};
use crate::ir::op::{Load, Store};
use crate::ir::types::{PAGE_SIZE, Size, Width};

impl Amd64 {
    // Cells. All keep the flags and `r10`.

    pub(super) fn load_cell(&mut self, width: Width, dst: Reg, src: Cell) {
        macro_rules! load {
            ($ins:ident, $reg:ident, $dst:expr) => {{
                let dst = $dst;
                match src {
                    Cell::Slot(disp) => emit!(self, sib_disp(); $ins $reg(dst), [rsp + disp]),
                    Cell::Engine(disp) => emit!(self, disp(); $ins $reg(dst), [r14 + disp]),
                }
            }};
        }
        match (width, dst.is_float()) {
            (Width::W32, false) => load!(mov, Rd, dst.gpr()),
            (Width::W64, false) => load!(mov, Rq, dst.gpr()),
            (Width::W32, true) => load!(movss, Rx, dst.fpr()),
            (Width::W64, true) => load!(movsd, Rx, dst.fpr()),
            (Width::W128, _) => load!(movups, Rx, dst.fpr()),
        }
    }

    pub(super) fn store_cell(&mut self, width: Width, dst: Cell, src: Reg) {
        macro_rules! store {
            ($ins:ident, $reg:ident, $src:expr) => {{
                let src = $src;
                match dst {
                    Cell::Slot(disp) => emit!(self, sib_disp(); $ins [rsp + disp], $reg(src)),
                    Cell::Engine(disp) => emit!(self, disp(); $ins [r14 + disp], $reg(src)),
                }
            }};
        }
        match (width, src.is_float()) {
            (Width::W32, false) => store!(mov, Rd, src.gpr()),
            (Width::W64, false) => store!(mov, Rq, src.gpr()),
            (Width::W32, true) => store!(movss, Rx, src.fpr()),
            (Width::W64, true) => store!(movsd, Rx, src.fpr()),
            (Width::W128, _) => store!(movups, Rx, src.fpr()),
        }
    }

    pub(super) fn store_cell_const(&mut self, size: Size, dst: Cell, value: u64) {
        let imm = value as i32;
        if size == Size::S64 && imm as i64 as u64 != value {
            self.int_const(size, R11, value);
            return self.store_cell(Width::W64, dst, R11.into());
        }
        match (size, dst) {
            (Size::S32, Cell::Slot(disp)) => {
                emit!(self, sib_disp_imm(4); mov DWORD [rsp + disp], DWORD imm);
            }
            (Size::S64, Cell::Slot(disp)) => {
                emit!(self, sib_disp_imm(4); mov QWORD [rsp + disp], DWORD imm);
            }
            (Size::S32, Cell::Engine(disp)) => {
                emit!(self, disp_imm(4); mov DWORD [r14 + disp], DWORD imm);
            }
            (Size::S64, Cell::Engine(disp)) => {
                emit!(self, disp_imm(4); mov QWORD [r14 + disp], DWORD imm);
            }
        }
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
                emit!(self, reg_disp(); lea r11, [Rq(index) + end]);
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

    /// Before an access: checks the index where that is asked for, and notes the site of an
    /// instruction that may fault.
    fn access(&mut self, addr: Addr) {
        debug_assert!(i32::try_from(addr.offset).is_ok());
        if self.mode == MemoryMode::Guard {
            self.buf.site();
        }
    }

    /// `dst = memory[addr]`
    pub(super) fn load(&mut self, op: Load, dst: Reg, addr: Addr) {
        self.access(addr);
        let disp = addr.offset as i32;
        macro_rules! load {
            ($ins:ident $reg:ident($dst:expr), $bytes:ident) => {{
                let dst = $dst;
                match addr.index {
                    Some(index) => {
                        emit!(self, sib_disp(); $ins $reg(dst), $bytes [r15 + Rq(index) + disp]);
                    }
                    None => emit!(self, disp(); $ins $reg(dst), $bytes [r15 + disp]),
                }
            }};
        }
        match op {
            Load::I32 | Load::I64U32 => load!(mov Rd(dst.gpr()), DWORD),
            Load::I64 => load!(mov Rq(dst.gpr()), QWORD),
            Load::F32 => load!(movss Rx(dst.fpr()), DWORD),
            Load::F64 => load!(movsd Rx(dst.fpr()), QWORD),
            Load::I32S8 => load!(movsx Rd(dst.gpr()), BYTE),
            Load::I32U8 | Load::I64U8 => load!(movzx Rd(dst.gpr()), BYTE),
            Load::I32S16 => load!(movsx Rd(dst.gpr()), WORD),
            Load::I32U16 | Load::I64U16 => load!(movzx Rd(dst.gpr()), WORD),
            Load::I64S8 => load!(movsx Rq(dst.gpr()), BYTE),
            Load::I64S16 => load!(movsx Rq(dst.gpr()), WORD),
            Load::I64S32 => load!(movsxd Rq(dst.gpr()), DWORD),
        }
    }

    /// `memory[addr] = src`
    pub(super) fn store(&mut self, op: Store, src: StoreSrc, addr: Addr) {
        self.access(addr);
        match src {
            StoreSrc::Reg(src) => self.store_reg(op, src, addr),
            StoreSrc::Imm(imm) => self.store_imm(op, imm as i32, addr),
        }
    }

    fn store_reg(&mut self, op: Store, src: Reg, addr: Addr) {
        let disp = addr.offset as i32;
        macro_rules! store {
            ($ins:ident $bytes:ident, $reg:ident($src:expr)) => {{
                let src = $src;
                match addr.index {
                    Some(index) => {
                        emit!(self, sib_disp(); $ins $bytes [r15 + Rq(index) + disp], $reg(src));
                    }
                    None => emit!(self, disp(); $ins $bytes [r15 + disp], $reg(src)),
                }
            }};
        }
        match op {
            Store::I32 | Store::Int32 => store!(mov DWORD, Rd(src.gpr())),
            Store::I64 => store!(mov QWORD, Rq(src.gpr())),
            Store::F32 => store!(movss DWORD, Rx(src.fpr())),
            Store::F64 => store!(movsd QWORD, Rx(src.fpr())),
            Store::Int8 => store!(mov BYTE, Rb(src.gpr())),
            Store::Int16 => store!(mov WORD, Rw(src.gpr())),
        }
    }

    fn store_imm(&mut self, op: Store, imm: i32, addr: Addr) {
        let disp = addr.offset as i32;
        macro_rules! store {
            ($bytes:ident, $imm_bytes:literal, $imm:expr) => {{
                let imm = $imm;
                match addr.index {
                    Some(index) => {
                        emit!(self, sib_disp_imm($imm_bytes);
                            mov $bytes [r15 + Rq(index) + disp], imm);
                    }
                    None => emit!(self, disp_imm($imm_bytes); mov $bytes [r15 + disp], imm),
                }
            }};
        }
        match op {
            Store::I32 | Store::F32 | Store::Int32 => store!(DWORD, 4, imm),
            Store::I64 | Store::F64 => store!(QWORD, 4, imm),
            Store::Int8 => store!(BYTE, 1, imm as i8),
            Store::Int16 => store!(WORD, 2, imm as i16),
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
    pub(super) fn item(&mut self, item: InstanceItem) -> i32 {
        emit!(self, disp(); mov r11, [r14 + INSTANCE]);
        if item.imported {
            let disp = item.offset;
            emit!(self, disp(); mov r11, [r11 + disp]);
            return 0;
        }
        item.offset
    }

    pub(super) fn global_get(&mut self, width: Width, global: InstanceItem, dst: Reg) {
        let disp = self.item(global);
        macro_rules! load {
            ($ins:ident $reg:ident($dst:expr)) => {{
                let dst = $dst;
                emit!(self, disp(); $ins $reg(dst), [r11 + disp]);
            }};
        }
        match (width, dst.is_float()) {
            (Width::W32, false) => load!(mov Rd(dst.gpr())),
            (Width::W64, false) => load!(mov Rq(dst.gpr())),
            (Width::W32, true) => load!(movss Rx(dst.fpr())),
            (Width::W64, true) => load!(movsd Rx(dst.fpr())),
            (Width::W128, _) => load!(movups Rx(dst.fpr())),
        }
    }

    pub(super) fn global_set(&mut self, width: Width, global: InstanceItem, src: Reg) {
        let disp = self.item(global);
        macro_rules! store {
            ($ins:ident $reg:ident($src:expr)) => {{
                let src = $src;
                emit!(self, disp(); $ins [r11 + disp], $reg(src));
            }};
        }
        match (width, src.is_float()) {
            (Width::W32, false) => store!(mov Rd(src.gpr())),
            (Width::W64, false) => store!(mov Rq(src.gpr())),
            (Width::W32, true) => store!(movss Rx(src.fpr())),
            (Width::W64, true) => store!(movsd Rx(src.fpr())),
            (Width::W128, _) => store!(movups Rx(src.fpr())),
        }
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
