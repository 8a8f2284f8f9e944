//! Frames, calls and traps.

use super::Amd64;
use super::regs::{Cc, R11, XMM15};
use crate::asm::abi::{
    BUILTIN, CHECK, EXIT, EXIT_ARG, ExitCode, INSTANCE, INTERRUPT, LISTENER, REF_CODE,
    REF_INSTANCE, REF_SIG, SMALL_FRAME, STACK_LIMIT, TABLE_ELEMS, TABLE_LEN, TRAPS, TrapCode,
};
use crate::asm::code::CodeLabel;
use crate::asm::isa::{Cell, Checked, Frame, InstanceItem};
use crate::asm::regs::Reg;
use crate::ir::types::{FuncIdx, Size, Width};

/// More cells than this are zeroed by a loop.
const UNROLLED_CELLS: u32 = 16;

/// What `call` pushes.
const RETURN_ADDRESS: u32 = 8;

/// Bytes of an indirect entry, which the direct one follows.
pub(super) const INDIRECT_ENTRY: usize = 13;

impl Amd64 {
    // Frames.

    /// `r11` is the callee's record. Leaves its instance in `r10`.
    pub(super) fn indirect_entry(&mut self, switch: CodeLabel) {
        let start = self.buf.offset() as usize;
        emit!(self, disp(); mov r10, [r11 + REF_INSTANCE]);
        emit!(self, disp(); cmp r10, [r14 + INSTANCE]);
        self.jump_if(Cc::NotEqual, switch);
        debug_assert_eq!(self.buf.offset() as usize, start + INDIRECT_ENTRY);
    }

    pub(super) fn switch_thunk(&mut self, entry: CodeLabel) {
        emit!(self, disp(); push QWORD [r14 + INSTANCE]);
        emit!(self, disp(); mov [r14 + INSTANCE], r10);
        self.load_memory_roles();
        emit!(self; .u8 0xe8);
        self.rel32(entry);
        emit!(self; pop r10);
        emit!(self, disp(); mov [r14 + INSTANCE], r10);
        self.load_memory_roles();
        emit!(self; ret);
    }

    pub(super) fn prologue(&mut self, frame: &Frame) {
        let size = frame.size - RETURN_ADDRESS;
        if frame.check {
            if frame.size as usize <= SMALL_FRAME {
                emit!(self, disp(); cmp rsp, [r14 + STACK_LIMIT]);
            } else {
                self.int_const(Size::S64, R11, u64::from(size));
                emit!(self; neg r11);
                emit!(self; add r11, rsp);
                // No carry: `rsp` is smaller than the frame.
                self.full_if(Cc::AboveEqual, frame);
                emit!(self, disp(); cmp r11, [r14 + STACK_LIMIT]);
            }
            self.full_if(Cc::Below, frame);
            if let Some(full) = frame.full {
                self.buf.bind(full.passed);
            }
        }
        if size == 8 {
            emit!(self; push rax);
        } else if let Ok(size) = i32::try_from(size) {
            emit!(self, imm8(); sub rsp, DWORD size);
        } else {
            self.int_const(Size::S64, R11, u64::from(size));
            emit!(self; sub rsp, r11);
        }
        for &(reg, disp) in &frame.saves {
            self.store_cell(Width::W64, Cell::Slot(disp), reg.into());
        }
    }

    fn full_if(&mut self, cc: Cc, frame: &Frame) {
        match frame.full {
            Some(full) => self.jump_if(cc, full.attention),
            None => self.trap_if(cc, TrapCode::StackOverflow),
        }
    }

    pub(super) fn epilogue(&mut self, frame: &Frame) {
        let size = frame.size - RETURN_ADDRESS;
        for &(reg, disp) in &frame.saves {
            self.load_cell(Width::W64, reg.into(), Cell::Slot(disp));
        }
        if size == 8 {
            emit!(self; pop r11);
        } else if let Ok(size) = i32::try_from(size) {
            emit!(self, imm8(); add rsp, DWORD size);
        } else {
            self.int_const(Size::S64, R11, u64::from(size));
            emit!(self; add rsp, r11);
        }
        emit!(self; ret);
    }

    pub(super) fn zero_slots(&mut self, disp: i32, cells: u32) {
        let zero = Reg::float(XMM15);
        self.float_zero(XMM15);
        let odd = cells % 2;
        if odd == 1 {
            self.store_cell(Width::W64, Cell::Slot(disp), zero);
        }
        let (first, last) = (disp + 8 * odd as i32, disp + 8 * cells as i32);
        if cells <= UNROLLED_CELLS {
            for at in (first..last).step_by(16) {
                self.store_cell(Width::W128, Cell::Slot(at), zero);
            }
            return;
        }
        emit!(self, sib_disp(); lea r11, [rsp + first]);
        emit!(self, sib_disp(); lea r10, [rsp + last]);
        let next = self.buf.new_label();
        self.buf.bind(next);
        emit!(self; movups [r11], xmm15);
        emit!(self; add r11, BYTE 16);
        emit!(self; cmp r11, r10);
        self.jump_if(Cc::Below, next);
    }

    // Calls.

    pub(super) fn call_direct(&mut self, func: FuncIdx) {
        self.buf.push(0xe8);
        let field = self.buf.offset();
        self.buf.reloc(field, func.0);
        self.buf.push_i32(0);
        self.buf.site();
    }

    pub(super) fn call_import(&mut self, import: i32) {
        emit!(self, disp(); mov r11, [r14 + INSTANCE]);
        emit!(self, disp(); mov r11, [r11 + import]);
        self.call_ref();
    }

    /// Calls the function whose record is in `r11`.
    fn call_ref(&mut self) {
        emit!(self, disp(); call QWORD [r11 + REF_CODE]);
        self.buf.site();
    }

    /// Calls `table[r10]`. When `IndirectCall` is raised, `r11` is the callee's record.
    pub(super) fn call_indirect(&mut self, table: InstanceItem, sig: i32) {
        let disp = self.item(table);
        let len = disp + TABLE_LEN;
        emit!(self, disp(); cmp r10, [r11 + len]);
        self.trap_if(Cc::AboveEqual, TrapCode::TableOutOfBounds);
        let elems = disp + TABLE_ELEMS;
        emit!(self, disp(); mov r11, [r11 + elems]);
        emit!(self; mov r11, [r11 + 8 * r10]);
        emit!(self, disp(); mov r10, [r14 + INSTANCE]);
        emit!(self, disp(); mov r10d, [r10 + sig]);
        emit!(self, disp(); cmp [r11 + REF_SIG], r10d);
        self.trap_if(Cc::NotEqual, TrapCode::IndirectCall);
        self.call_ref();
    }

    pub(super) fn call_builtin(&mut self, code: u32) {
        self.store_cell_const(Size::S32, Cell::Engine(EXIT_ARG), u64::from(code));
        emit!(self, disp(); call QWORD [r14 + BUILTIN]);
        self.buf.site();
    }

    pub(super) fn call_listener(&mut self, after: bool, func: FuncIdx) {
        let exit = if after {
            ExitCode::LISTENER_AFTER
        } else {
            ExitCode::LISTENER_BEFORE
        };
        self.store_cell_const(Size::S32, Cell::Engine(EXIT), u64::from(exit.0));
        self.store_cell_const(Size::S32, Cell::Engine(EXIT_ARG), u64::from(func.0));
        emit!(self, disp(); call QWORD [r14 + LISTENER]);
        self.buf.site();
    }

    // Checks.

    pub(super) fn check_interrupt(&mut self, attention: CodeLabel) {
        // Any address is more than 0 and less than the maximum. With an immediate instead, the
        // comparison would not be fused with the branch.
        emit!(self, disp(); cmp r14, [r14 + INTERRUPT]);
        self.jump_if(Cc::Below, attention);
    }

    pub(super) fn charge(&mut self, cost: u32, attention: CodeLabel) {
        emit!(self, imm8(); sub r12, DWORD cost as i32);
        self.jump_if(Cc::Below, attention);
    }

    /// An entry makes a frame of 16 bytes first, with the return address on top.
    pub(super) fn leave_check(&mut self, what: Checked, passed: CodeLabel) {
        let entry = what == Checked::Entry;
        let exit = match what {
            Checked::Entry => {
                emit!(self; push rax);
                ExitCode::CHECK_ENTRY
            }
            Checked::Loop => ExitCode::CHECK_LOOP,
            Checked::Fuel(cost) => {
                self.store_cell_const(Size::S32, Cell::Engine(EXIT_ARG), u64::from(cost));
                ExitCode::CHECK_FUEL
            }
        };
        self.store_cell_const(Size::S32, Cell::Engine(EXIT), u64::from(exit.0));
        emit!(self, disp(); call QWORD [r14 + CHECK]);
        self.buf.site();
        if entry {
            emit!(self; pop r11);
        }
        self.jump(passed);
    }

    // Traps.

    pub(super) fn trap_site(&mut self, trap: TrapCode) {
        let disp = TRAPS + 8 * trap as i32;
        emit!(self, disp(); call QWORD [r14 + disp]);
        self.buf.site();
    }
}
