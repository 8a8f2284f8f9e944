//! Frames and calls.

use super::int::{HS, LO, NE};
use super::memory::Access;
use super::regs::{CALLEE, INDEX, LINK, SP, TMP, ZERO};
use super::{Arm64, emit};
use crate::asm::abi::{self, ExitCode, MemoryMode, SMALL_FRAME, TrapCode};
use crate::asm::code::CodeLabel;
use crate::asm::isa::{Cell, Checked, Frame, InstanceItem};
use crate::ir::types::FuncIdx;
use crate::ir::types::Size::{S32, S64};

/// The furthest pair of registers that `stp` and `ldp` reach.
const PAIR_REACH: u32 = 504;

/// The most registers that a function saves besides the return address.
const MAX_SAVES: usize = 8;

/// Cells up to which zeroing is straight code.
const UNROLLED_CELLS: u32 = 64;

impl Arm64 {
    /// Compares the callee's instance with the current one.
    pub(super) fn indirect_entry(&mut self, switch: CodeLabel) {
        emit!(self
            ; ldr tmp, [callee, abi::REF_INSTANCE as u32]
            ; ldr index, [engine, abi::INSTANCE as u32]
            ; cmp tmp, index
        );
        self.branch_code(NE, switch);
    }

    /// Runs `entry` in the callee's instance, and comes back to the caller's.
    pub(super) fn switch_thunk(&mut self, entry: CodeLabel) {
        emit!(self
            ; ldr index, [engine, abi::INSTANCE as u32]
            ; ldr tmp, [callee, abi::REF_INSTANCE as u32]
            ; stp index, x30, [sp, -16]!
            ; str tmp, [engine, abi::INSTANCE as u32]
        );
        self.load_roles();
        self.call_label(entry);
        emit!(self
            ; ldp tmp, x30, [sp], 16
            ; str tmp, [engine, abi::INSTANCE as u32]
        );
        self.load_roles();
        emit!(self; ret);
    }

    /// Sets the memory's role registers for the instance in `TMP`, which it clobbers.
    fn load_roles(&mut self) {
        emit!(self; ldr tmp, [tmp, abi::MEMORY0 as u32]);
        match self.mode {
            MemoryMode::Explicit => emit!(self; ldp mem, bound, [tmp, abi::MEMORY_BASE]),
            MemoryMode::Guard => emit!(self; ldr mem, [tmp, abi::MEMORY_BASE as u32]),
        }
    }

    /// A frame of one pair takes one instruction; with nothing to save, what lies in the other
    /// cell makes no difference.
    pub(super) fn prologue(&mut self, frame: &Frame) {
        if frame.check {
            self.check_stack(frame);
        }
        if frame.size == 16 {
            let other = frame.saves.first().map_or(ZERO, |save| save.0);
            return emit!(self; stp X(other), x30, [sp, -16]!);
        }
        self.offset(SP, SP, -i64::from(frame.size), INDEX);
        self.move_saved(frame, false);
    }

    /// Compares the frame's end with the limit. Trap: `StackOverflow`.
    fn check_stack(&mut self, frame: &Frame) {
        let size = frame.size;
        let full = match frame.full {
            Some(full) => full.attention,
            None => {
                let trap = self.buf.trap(TrapCode::StackOverflow);
                self.overflow = Some(trap);
                trap
            }
        };
        emit!(self; ldr tmp, [engine, abi::STACK_LIMIT as u32]);
        if size as usize <= SMALL_FRAME {
            emit!(self; cmp sp, tmp, uxtx);
        } else {
            self.offset(CALLEE, SP, -i64::from(size), INDEX);
            emit!(self; cmp callee, tmp);
        }
        self.branch_code(LO, full);
        if let Some(full) = frame.full {
            self.buf.bind(full.passed);
        }
    }

    pub(super) fn epilogue(&mut self, frame: &Frame) {
        if frame.size == 16 {
            let other = frame.saves.first().map_or(TMP, |save| save.0);
            emit!(self; ldp X(other), x30, [sp], 16);
        } else {
            self.move_saved(frame, true);
            self.offset(SP, SP, i64::from(frame.size), INDEX);
        }
        emit!(self; ret);
    }

    /// Stores or loads the saved registers and the return address, in pairs where they adjoin.
    fn move_saved(&mut self, frame: &Frame, load: bool) {
        let mut all = [(LINK, frame.size - 8); 1 + MAX_SAVES];
        for (save, &(reg, disp)) in all.iter_mut().zip(&frame.saves) {
            *save = (reg, disp as u32);
        }
        let saves = &mut all[..frame.saves.len() + 1];
        saves.sort_unstable_by_key(|save| save.1);
        let (lowest, highest) = (saves[0].1, frame.size - 16);
        let (base, start) = if highest <= PAIR_REACH || saves.len() == 1 {
            (SP, 0)
        } else {
            self.offset(TMP, SP, i64::from(lowest), INDEX);
            (TMP, lowest)
        };
        let mut rest = &*saves;
        while let &[(reg, disp), ref tail @ ..] = rest {
            let disp = disp - start;
            rest = match tail {
                &[(next, at), ref tail @ ..] if at - start == disp + 8 && disp <= PAIR_REACH => {
                    if load {
                        emit!(self; ldp X(reg), X(next), [XSP(base), disp as i32]);
                    } else {
                        emit!(self; stp X(reg), X(next), [XSP(base), disp as i32]);
                    }
                    tail
                }
                _ => {
                    let op = if load { Access::LDR_X } else { Access::STR_X };
                    self.access(op, reg.0, base, disp);
                    tail
                }
            };
        }
    }

    /// Zeroes `cells` cells from `sp + disp` on. Clobbers `TMP`, `CALLEE`, `FTMP`.
    pub(super) fn zero_slots(&mut self, disp: i32, cells: u32) {
        let disp = disp as u32;
        if cells == 0 {
            return;
        }
        if cells == 2 && disp <= PAIR_REACH {
            return emit!(self; stp xzr, xzr, [sp, disp as i32]);
        }
        if cells == 1 {
            return self.access(Access::STR_X, 31, SP, disp);
        }
        self.offset(TMP, SP, i64::from(disp), TMP);
        emit!(self; movi v31.d2, 0);
        let blocks = cells / 4;
        if cells <= UNROLLED_CELLS {
            for _ in 0..blocks {
                emit!(self; stp q31, q31, [tmp], 32);
            }
        } else {
            self.int_const(S32, CALLEE, u64::from(blocks));
            emit!(self
                ; stp q31, q31, [tmp], 32
                ; subs w17, w17, 1
                ; b.ne -8
            );
        }
        if cells & 2 != 0 {
            emit!(self; str q31, [tmp], 16);
        }
        if cells & 1 != 0 {
            emit!(self; str xzr, [tmp]);
        }
    }

    /// `CALLEE` is the callee's record at the call.
    pub(super) fn call_import(&mut self, import: i32) {
        self.load_pointer(CALLEE, import);
        self.call_ref();
    }

    /// Calls the function whose record is in `CALLEE`.
    fn call_ref(&mut self) {
        emit!(self
            ; ldr tmp, [callee, abi::REF_CODE as u32]
            ; blr tmp
        );
        self.buf.site();
    }

    /// Bound, then one comparison of signatures that covers null too. `CALLEE` is the callee's
    /// record at the call and at the trap. Traps: `TableOutOfBounds`, `IndirectCall`.
    pub(super) fn call_indirect(&mut self, table: InstanceItem, sig: i32) {
        const _: () = assert!(abi::TABLE_LEN == abi::TABLE_ELEMS + 8);
        // The instance stays in `LINK`, which is free in a body.
        emit!(self; ldr x30, [engine, abi::INSTANCE as u32]);
        let place = (table.offset + abi::TABLE_ELEMS) as u32;
        if table.imported {
            self.access(Access::LDR_X, TMP.0, LINK, table.offset as u32);
            emit!(self; ldp tmp, callee, [tmp, abi::TABLE_ELEMS]);
        } else if place <= PAIR_REACH {
            emit!(self; ldp tmp, callee, [x30, place as i32]);
        } else {
            self.offset(TMP, LINK, i64::from(place), CALLEE);
            emit!(self; ldp tmp, callee, [tmp]);
        }
        emit!(self; cmp index, callee);
        let bounds = self.buf.trap(TrapCode::TableOutOfBounds);
        self.branch_code(HS, bounds);
        emit!(self; ldr callee, [tmp, index, lsl 3]);
        self.access(Access::LDR_W, INDEX.0, LINK, sig as u32);
        emit!(self
            ; ldr tmp32, [callee, abi::REF_SIG as u32]
            ; cmp tmp32, w15
        );
        let signature = self.buf.trap(TrapCode::IndirectCall);
        self.branch_code(NE, signature);
        self.call_ref();
    }

    /// Clobbers `TMP` besides what the dispatcher does.
    pub(super) fn call_builtin(&mut self, code: u32) {
        self.int_const(S32, TMP, u64::from(code));
        emit!(self
            ; str tmp32, [engine, abi::EXIT_ARG as u32]
            ; ldr tmp, [engine, abi::BUILTIN as u32]
            ; blr tmp
        );
        self.buf.site();
    }

    /// The status and its argument are one doubleword.
    pub(super) fn call_listener(&mut self, after: bool, func: FuncIdx) {
        const _: () = assert!(abi::EXIT % 8 == 0 && abi::EXIT_ARG == abi::EXIT + 4);
        let exit = if after {
            ExitCode::LISTENER_AFTER
        } else {
            ExitCode::LISTENER_BEFORE
        };
        self.int_const(S64, TMP, u64::from(func.0) << 32 | u64::from(exit.0));
        emit!(self
            ; str tmp, [engine, abi::EXIT as u32]
            ; ldr tmp, [engine, abi::LISTENER as u32]
            ; blr tmp
        );
        self.buf.site();
    }

    /// Clobbers `TMP`.
    pub(super) fn check_interrupt(&mut self, attention: CodeLabel) {
        emit!(self; ldr tmp32, [engine, abi::INTERRUPT as u32]);
        self.branch_zero(S32, TMP, false, attention);
    }

    /// Clobbers `TMP`.
    pub(super) fn charge(&mut self, cost: u32, attention: CodeLabel) {
        if cost < 1 << 12 {
            emit!(self; subs x25, x25, cost);
        } else {
            self.int_const(S32, TMP, u64::from(cost));
            emit!(self; subs x25, x25, tmp);
        }
        self.branch_code(LO, attention);
    }

    /// `LINK` is free in a body; an entry makes a frame of 16 bytes for it, as any frame has it.
    pub(super) fn leave_check(&mut self, what: Checked, passed: CodeLabel) {
        let entry = what == Checked::Entry;
        let exit = match what {
            Checked::Entry => {
                emit!(self; stp xzr, x30, [sp, -16]!);
                ExitCode::CHECK_ENTRY
            }
            Checked::Loop => ExitCode::CHECK_LOOP,
            Checked::Fuel(cost) => {
                self.store_cell_const(S32, Cell::Engine(abi::EXIT_ARG), u64::from(cost));
                ExitCode::CHECK_FUEL
            }
        };
        self.int_const(S32, TMP, u64::from(exit.0));
        emit!(self
            ; str tmp32, [engine, abi::EXIT as u32]
            ; ldr tmp, [engine, abi::CHECK as u32]
            ; blr tmp
        );
        self.buf.site();
        if entry {
            emit!(self; ldp tmp, x30, [sp], 16);
        }
        self.jump(passed);
    }
}
