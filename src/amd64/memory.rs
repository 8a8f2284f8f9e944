//! Frame cells, linear memory, and what lies in instances.

use super::Amd64;
use super::regs::{Cc, R11};
use crate::asm::abi::{INSTANCE, MEMORY_BASE, MEMORY_BOUND, MEMORY0, MemoryMode, TrapCode};
use crate::asm::isa::{Addr, Cell, InstanceItem, StoreSrc};
use crate::asm::regs::{Gpr, Reg};
use crate::ir::op::{Load, Store};
use crate::ir::types::{PAGE_SIZE, Size, Width};

/// Instructions that differ in some bits of the opcode and in the size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// `mov`, `movsxd`
    Mov,
    /// Loads: `movzx`, `movsx`. Stores: 16 bits.
    Narrow,
    Float,
}

// Bits of opcodes, against the one that is written out.
const MOVSXD: u8 = 0x8b ^ 0x63;
const BYTE: u8 = 0x89 ^ 0x88;
const WORD: u8 = 0xb6 ^ 0xb7;
const SIGNED: u8 = 0xb6 ^ 0xbe;

fn load_form(op: Load) -> (Form, u8, Size) {
    match op {
        Load::I32 | Load::I64U32 => (Form::Mov, 0, Size::S32),
        Load::I64 => (Form::Mov, 0, Size::S64),
        Load::I64S32 => (Form::Mov, MOVSXD, Size::S64),
        Load::I32U8 | Load::I64U8 => (Form::Narrow, 0, Size::S32),
        Load::I32S8 => (Form::Narrow, SIGNED, Size::S32),
        Load::I64S8 => (Form::Narrow, SIGNED, Size::S64),
        Load::I32U16 | Load::I64U16 => (Form::Narrow, WORD, Size::S32),
        Load::I32S16 => (Form::Narrow, WORD | SIGNED, Size::S32),
        Load::I64S16 => (Form::Narrow, WORD | SIGNED, Size::S64),
        Load::F32 => (Form::Float, 0, Size::S32),
        Load::F64 => (Form::Float, 0, Size::S64),
    }
}

fn store_form(op: Store) -> (Form, u8, Size) {
    match op {
        Store::I32 | Store::Int32 => (Form::Mov, 0, Size::S32),
        Store::I64 => (Form::Mov, 0, Size::S64),
        Store::Int8 => (Form::Mov, BYTE, Size::S32),
        Store::Int16 => (Form::Narrow, 0, Size::S32),
        Store::F32 => (Form::Float, 0, Size::S32),
        Store::F64 => (Form::Float, 0, Size::S64),
    }
}

/// The size of an operand that is no vector.
fn scalar(width: Width) -> Option<Size> {
    match width {
        Width::W32 => Some(Size::S32),
        Width::W64 => Some(Size::S64),
        Width::W128 => None,
    }
}

impl Amd64 {
    // Cells. All keep the flags and `r10`.

    pub(super) fn load_cell(&mut self, width: Width, dst: Reg, src: Cell) {
        macro_rules! load {
            ($fix:ident($arg:expr), $ins:ident $reg:ident($dst:ident)) => {
                match src {
                    Cell::Slot(disp) => {
                        emit!(self, $fix($arg), sib_disp(); $ins $reg($dst), [rsp + disp]);
                    }
                    Cell::Engine(disp) => {
                        emit!(self, $fix($arg), disp(); $ins $reg($dst), [r14 + disp]);
                    }
                }
            };
        }
        match scalar(width) {
            Some(size) if dst.is_float() => {
                let dst = dst.fpr();
                load!(fp(size), movss Rx(dst));
            }
            Some(size) => {
                let dst = dst.gpr();
                load!(w(size), mov Rd(dst));
            }
            None => {
                let dst = dst.fpr();
                load!(fp(Size::S32), movups Rx(dst));
            }
        }
    }

    pub(super) fn store_cell(&mut self, width: Width, dst: Cell, src: Reg) {
        macro_rules! store {
            ($fix:ident($arg:expr), $ins:ident $reg:ident($src:ident)) => {
                match dst {
                    Cell::Slot(disp) => {
                        emit!(self, $fix($arg), sib_disp(); $ins [rsp + disp], $reg($src));
                    }
                    Cell::Engine(disp) => {
                        emit!(self, $fix($arg), disp(); $ins [r14 + disp], $reg($src));
                    }
                }
            };
        }
        match scalar(width) {
            Some(size) if src.is_float() => {
                let src = src.fpr();
                store!(fp(size), movss Rx(src));
            }
            Some(size) => {
                let src = src.gpr();
                store!(w(size), mov Rd(src));
            }
            None => {
                let src = src.fpr();
                store!(fp(Size::S32), movups Rx(src));
            }
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

    /// After an access that began at `start` and may fault there.
    #[inline]
    fn accessed(&mut self, start: u32) {
        if self.mode == MemoryMode::Guard {
            self.buf.site_at(start);
        }
    }

    /// `dst = memory[addr]`
    pub(super) fn load(&mut self, op: Load, dst: Reg, addr: Addr) {
        let start = self.buf.offset();
        debug_assert!(i32::try_from(addr.offset).is_ok());
        let disp = addr.offset as i32;
        macro_rules! load {
            ($fix:ident($arg:expr), $bits:expr, $ins:ident $reg:ident($dst:ident), $bytes:ident) => {
                match addr.index {
                    Some(index) => {
                        emit!(self, $fix($arg), op_sib($bits), sib_disp();
                            $ins $reg($dst), $bytes [r15 + Rq(index) + disp]);
                    }
                    None => {
                        emit!(self, $fix($arg), op_disp($bits), disp();
                            $ins $reg($dst), $bytes [r15 + disp]);
                    }
                }
            };
        }
        let (form, bits, size) = load_form(op);
        match form {
            Form::Mov => {
                let dst = dst.gpr();
                load!(w(size), bits, mov Rd(dst), DWORD);
            }
            Form::Narrow => {
                let dst = dst.gpr();
                load!(w(size), bits, movzx Rd(dst), BYTE);
            }
            Form::Float => {
                let dst = dst.fpr();
                load!(fp(size), bits, movss Rx(dst), DWORD);
            }
        }
        self.accessed(start);
    }

    /// `memory[addr] = src`
    pub(super) fn store(&mut self, op: Store, src: StoreSrc, addr: Addr) {
        debug_assert!(i32::try_from(addr.offset).is_ok());
        match src {
            StoreSrc::Reg(src) => self.store_reg(op, src, addr),
            StoreSrc::Imm(imm) => self.store_imm(op, imm as i32, addr),
        }
    }

    fn store_reg(&mut self, op: Store, src: Reg, addr: Addr) {
        let start = self.buf.offset();
        let disp = addr.offset as i32;
        macro_rules! store {
            ($fix:ident($arg:expr), $bits:expr, $ins:ident $bytes:ident, $reg:ident($src:ident)) => {
                match addr.index {
                    Some(index) => {
                        emit!(self, $fix($arg), op_sib($bits), sib_disp();
                            $ins $bytes [r15 + Rq(index) + disp], $reg($src));
                    }
                    None => {
                        emit!(self, $fix($arg), op_disp($bits), disp();
                            $ins $bytes [r15 + disp], $reg($src));
                    }
                }
            };
        }
        let (form, bits, size) = store_form(op);
        match form {
            Form::Mov => {
                let src = src.gpr();
                store!(w(size), bits, mov DWORD, Rd(src));
            }
            Form::Narrow => {
                let src = src.gpr();
                store!(w(size), bits, mov WORD, Rw(src));
            }
            Form::Float => {
                let src = src.fpr();
                store!(fp(size), bits, movss DWORD, Rx(src));
            }
        }
        self.accessed(start);
    }

    fn store_imm(&mut self, op: Store, imm: i32, addr: Addr) {
        let start = self.buf.offset();
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
        self.accessed(start);
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
        match scalar(width) {
            Some(size) if dst.is_float() => {
                let dst = dst.fpr();
                emit!(self, fp(size), disp(); movss Rx(dst), [r11 + disp]);
            }
            Some(size) => {
                let dst = dst.gpr();
                emit!(self, w(size), disp(); mov Rd(dst), [r11 + disp]);
            }
            None => {
                let dst = dst.fpr();
                emit!(self, disp(); movups Rx(dst), [r11 + disp]);
            }
        }
    }

    pub(super) fn global_set(&mut self, width: Width, global: InstanceItem, src: Reg) {
        let disp = self.item(global);
        match scalar(width) {
            Some(size) if src.is_float() => {
                let src = src.fpr();
                emit!(self, fp(size), disp(); movss [r11 + disp], Rx(src));
            }
            Some(size) => {
                let src = src.gpr();
                emit!(self, w(size), disp(); mov [r11 + disp], Rd(src));
            }
            None => {
                let src = src.fpr();
                emit!(self, disp(); movups [r11 + disp], Rx(src));
            }
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
