//! Jumps, conditions, fix-ups.

use super::Amd64;
use super::regs::{Cc, R11, Test};
use crate::asm::abi::TrapCode;
use crate::asm::code::{CodeLabel, LINE};
use crate::asm::isa::{Cond, Rhs};
use crate::asm::regs::{Fpr, Gpr, RegSet};
use crate::ir::op::IntCmp;
use crate::ir::types::{Size, Width};

/// What heads of loops are aligned to where there is no jump table.
const LOOP: u32 = 32;

/// Instructions of 1, 2, 3, … bytes that do nothing (Intel SDM, volume 2, `NOP`).
const NOPS: [u128; 9] = [
    0x90,
    0x90_66,
    0x00_1f_0f,
    0x00_40_1f_0f,
    0x00_00_44_1f_0f,
    0x00_00_44_1f_0f_66,
    0x00_00_00_00_80_1f_0f,
    0x00_00_00_00_00_84_1f_0f,
    0x00_00_00_00_00_84_1f_0f_66,
];

/// Tables of at most so many targets become comparisons.
const SHORT_TABLE: usize = 4;

/// What registers are filled with that nobody may read.
const RUBBISH: u64 = 0xdead_beef_dead_beef;

/// A jump over the code that follows it, at most 127 bytes.
#[must_use]
pub(super) struct Skip(u32);

impl Amd64 {
    // Fix-ups: a 32-bit field holds an addend, to which the distance from the field itself to
    // the label is added: -4 for jumps, which count from the end of the field, and the distance
    // from the table's start for entries of a table.

    /// The 32-bit field that ends an instruction and will tell the distance to `label`.
    #[inline]
    pub(super) fn rel32(&mut self, label: CodeLabel) {
        let pos = self.buf.offset();
        self.buf.fixup(pos, label, 0);
        self.buf.push_i32(-4);
    }

    pub(super) fn patch_fixups(&mut self) {
        let fixups = std::mem::take(&mut self.buf.fixups);
        for fixup in &fixups {
            let Some(target) = self.buf.label_offset(fixup.label) else {
                unreachable!("the shared pass binds every label that it uses");
            };
            let distance = target.wrapping_sub(fixup.pos) as i32;
            let at = fixup.pos as usize;
            add_to_field(self.buf.code_mut(), at, distance);
        }
        self.buf.fixups = fixups;
    }

    /// Points the `call` or `jmp` whose field is at `pos` to `target`.
    pub(super) fn patch_rel32(code: &mut [u8], pos: usize, target: usize) {
        let distance = target as i64 - (pos as i64 + 4);
        let distance = i32::try_from(distance).expect("a module's code is smaller than 2 GiB");
        code[pos..pos + 4].copy_from_slice(&distance.to_le_bytes());
    }

    /// Writes a jump to `target`.
    pub(super) fn write_jump(code: &mut [u8], pos: usize, target: usize) {
        code[pos] = 0xe9;
        Self::patch_rel32(code, pos + 1, target);
    }

    /// The distance to a bound label if an 8-bit field at the end of a 2-byte jump can hold it.
    #[inline]
    fn short_distance(&self, label: CodeLabel) -> Option<u8> {
        let target = self.buf.label_offset(label)?;
        let distance = i64::from(target) - i64::from(self.buf.offset() + 2);
        i8::try_from(distance).ok().map(|distance| distance as u8)
    }

    #[inline]
    pub(super) fn jump(&mut self, label: CodeLabel) {
        if let Some(distance) = self.short_distance(label) {
            self.buf.push(0xeb);
            self.buf.push(distance);
        } else {
            self.buf.push(0xe9);
            self.rel32(label);
        }
    }

    #[inline]
    pub(super) fn jump_if(&mut self, cc: Cc, label: CodeLabel) {
        if let Some(distance) = self.short_distance(label) {
            self.buf.push(0x70 | cc as u8);
            self.buf.push(distance);
        } else {
            self.buf.push_u16(0x800f | (cc as u16) << 8);
            self.rel32(label);
        }
    }

    #[inline]
    pub(super) fn trap_if(&mut self, cc: Cc, trap: TrapCode) {
        let label = self.buf.trap(trap);
        self.buf.push_u16(0x800f | (cc as u16) << 8);
        self.rel32(label);
    }

    pub(super) fn trap_always(&mut self, trap: TrapCode) {
        let label = self.buf.trap(trap);
        self.jump(label);
    }

    #[inline]
    pub(super) fn skip_if(&mut self, cc: Cc) -> Skip {
        self.buf.push(0x70 | cc as u8);
        self.buf.push(0);
        Skip(self.buf.offset())
    }

    pub(super) fn skip_always(&mut self) -> Skip {
        self.buf.push(0xeb);
        self.buf.push(0);
        Skip(self.buf.offset())
    }

    /// Where a [`Skip`] goes to.
    #[inline]
    pub(super) fn land(&mut self, skip: Skip) {
        let distance = self.buf.offset() - skip.0;
        debug_assert!(distance < 128);
        self.buf.code_mut()[skip.0 as usize - 1] = distance as u8;
    }

    pub(super) fn branch(&mut self, cond: Cond, label: CodeLabel) {
        match Test::of(cond) {
            Test::One(cc) => self.jump_if(cc, label),
            Test::Equal => {
                let unordered = self.skip_if(Cc::Parity);
                self.jump_if(Cc::Equal, label);
                self.land(unordered);
            }
            Test::NotEqual => {
                self.jump_if(Cc::NotEqual, label);
                self.jump_if(Cc::Parity, label);
            }
        }
    }

    pub(super) fn branch_zero(&mut self, size: Size, src: Gpr, zero: bool, label: CodeLabel) {
        self.test_zero(size, src);
        self.jump_if(if zero { Cc::Equal } else { Cc::NotEqual }, label);
    }

    /// Makes the next instruction the head of a loop. A short loop costs up to 40 % more if it lies
    /// in two lines of the cache. With a jump table behind the head, as interpreters have it, the
    /// jump's target is foreseen far better (Zen 5) if both are in one.
    pub(super) fn align_loop(&mut self, tables: bool) {
        let to = if tables { LINE as u32 } else { LOOP };
        self.buf.alignment = self.buf.alignment.max(to);
        let mut gap = (self.buf.offset().next_multiple_of(to) - self.buf.offset()) as usize;
        while gap > 0 {
            let len = gap.min(NOPS.len());
            self.buf.put(NOPS[len - 1], len);
            gap -= len;
        }
    }

    pub(super) fn branch_table(&mut self, index: Gpr, targets: &[CodeLabel]) {
        let Some((&default, listed)) = targets.split_last() else {
            unreachable!("a table has a default target");
        };
        if targets.len() <= SHORT_TABLE {
            for (at, &target) in listed.iter().enumerate() {
                self.int_cmp(IntCmp::Eq, Size::S32, index, Rhs::Imm(at as i64));
                self.jump_if(Cc::Equal, target);
            }
            return self.jump(default);
        }
        let table = self.buf.new_label();
        self.int_const(Size::S32, R11, listed.len() as u64);
        emit!(self; cmp Rd(index), r11d);
        emit!(self, cc(Cc::Above); cmovo Rd(index), r11d);
        emit!(self; .u8 0x4c, 0x8d, 0x1d); // lea r11, [rip + table]
        self.rel32(table);
        emit!(self; movsxd r10, DWORD [r11 + 4 * Rq(index)]);
        emit!(self; add r10, r11);
        emit!(self; jmp r10);
        self.buf.bind(table);
        for (at, &target) in targets.iter().enumerate() {
            self.buf.reserve();
            let pos = self.buf.offset();
            self.buf.fixup(pos, target, 0);
            self.buf.push_i32(4 * at as i32);
        }
        self.buf.reserve();
    }

    // Conditions as values.

    /// `dst = cond ? 1 : 0`
    pub(super) fn set(&mut self, cond: Cond, dst: Gpr) {
        match Test::of(cond) {
            Test::One(cc) => self.set_byte(cc, dst),
            Test::Equal => {
                self.set_byte(Cc::NotParity, R11);
                self.set_byte(Cc::Equal, dst);
                emit!(self, byte_reg(dst); and Rb(dst), r11b);
            }
            Test::NotEqual => {
                self.set_byte(Cc::Parity, R11);
                self.set_byte(Cc::NotEqual, dst);
                emit!(self, byte_reg(dst); or Rb(dst), r11b);
            }
        }
        emit!(self, byte_reg(dst); movzx Rd(dst), Rb(dst));
    }

    fn set_byte(&mut self, cc: Cc, dst: Gpr) {
        emit!(self, byte_reg(dst), cc(cc); seto Rb(dst));
    }

    #[inline]
    fn mov_if(&mut self, cc: Cc, size: Size, dst: Gpr, src: Gpr) {
        emit!(self, w(size), cc(cc); cmovo Rd(dst), Rd(src));
    }

    /// `dst = cond ? a : b`
    pub(super) fn select(&mut self, cond: Cond, size: Size, dst: Gpr, a: Gpr, b: Gpr) {
        let (first, second) = match Test::of(cond) {
            Test::One(cc) if dst == a => return self.mov_if(cc.negated(), size, dst, b),
            Test::One(cc) => {
                self.mov(size, dst, b);
                return self.mov_if(cc, size, dst, a);
            }
            // In both cases "not equal" and "parity" move the same value over the other.
            Test::Equal => (a, b),
            Test::NotEqual => (b, a),
        };
        let work = if dst == second { R11 } else { dst };
        self.mov(size, work, first);
        self.mov_if(Cc::NotEqual, size, work, second);
        self.mov_if(Cc::Parity, size, work, second);
        self.mov(size, dst, work);
    }

    /// `dst = cond ? a : b`
    pub(super) fn float_select(&mut self, cond: Cond, width: Width, dst: Fpr, a: Fpr, b: Fpr) {
        let (keep, other, cond) = if dst == b {
            (b, a, cond.negated())
        } else {
            (a, b, cond)
        };
        // `dst = cond ? keep : other`
        self.float_mov(width, dst, keep);
        match Test::of(cond) {
            Test::One(cc) => {
                let done = self.skip_if(cc);
                self.float_mov(width, dst, other);
                self.land(done);
            }
            Test::Equal => {
                let unordered = self.skip_if(Cc::Parity);
                let done = self.skip_if(Cc::Equal);
                self.land(unordered);
                self.float_mov(width, dst, other);
                self.land(done);
            }
            Test::NotEqual => {
                let different = self.skip_if(Cc::NotEqual);
                let unordered = self.skip_if(Cc::Parity);
                self.float_mov(width, dst, other);
                self.land(different);
                self.land(unordered);
            }
        }
    }

    // Debugging aids.

    /// Keeps the flags.
    pub(super) fn clobber(&mut self, regs: RegSet) {
        if regs.is_empty() {
            return;
        }
        self.int_const(Size::S64, R11, RUBBISH);
        for reg in regs {
            if reg.is_float() {
                let dst = reg.fpr();
                emit!(self; movq Rx(dst), r11);
            } else {
                self.mov(Size::S64, reg.gpr(), R11);
            }
        }
    }

    /// Keeps every register but scratch.
    pub(super) fn assert_zero_extended(&mut self, reg: Gpr) {
        self.mov(Size::S32, R11, reg);
        emit!(self; cmp r11, Rq(reg));
        self.trap_if(Cc::NotEqual, TrapCode::BadAddress);
    }
}

fn add_to_field(code: &mut [u8], at: usize, distance: i32) {
    let Some(Ok(field)) = code.get_mut(at..at + 4).map(<&mut [u8; 4]>::try_from) else {
        unreachable!("a field to patch is within the code");
    };
    *field = i32::from_le_bytes(*field)
        .wrapping_add(distance)
        .to_le_bytes();
}
