//! Branches and how far they reach, fix-ups, traps, debugging aids.

use super::int::{EQ, cond_code};
use super::regs::{INDEX, LINK, TMP};
use super::{Arm64, emit, rd, rn, sf};
use crate::asm::abi::{self, TrapCode};
use crate::asm::code::CodeLabel;
use crate::asm::isa::Cond;
use crate::asm::regs::{Gpr, RegSet};
use crate::ir::types::FuncIdx;
use crate::ir::types::Size::{self, S32, S64};

/// Which branches reach any place in the function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reach {
    /// Below 1 MiB: conditional ones. Those on bits, which reach 32 KiB, are for short functions.
    Near,
    /// Below 64 MiB: `b` and `bl`.
    Far,
    /// Any size: none does, the distance is computed.
    Huge,
}

impl Reach {
    pub(super) fn of(attempt: u32) -> Self {
        match attempt {
            0 => Self::Near,
            1 => Self::Far,
            _ => Self::Huge,
        }
    }
}

// Kinds of fix-ups.
/// The distance of a `b` or `bl`.
const BRANCH: u8 = 0;
/// The distance of a conditional branch.
const COND: u8 = 1;
/// An entry of a branch table: the distance from the table, which the entry holds the distance
/// to from itself.
const TABLE: u8 = 2;
/// A [`Arm64::wide_jump`].
const WIDE: u8 = 3;
/// The distance of a branch on a bit.
const BIT: u8 = 4;

const B: u32 = 0x1400_0000;
const BL: u32 = 0x9400_0000;
const B_COND: u32 = 0x5400_0000;
const CBZ: u32 = 0x3400_0000;
const TBZ: u32 = 0x3600_0000;

/// Tables of at most so many targets become comparisons.
const SHORT_TABLE: usize = 4;

/// Instructions of a [`Arm64::wide_jump`].
pub(super) const WIDE_WORDS: usize = 5;

/// What a `bl` reaches forward; backward it is one more word.
pub(super) const CALL_REACH: usize = 1 << 27;

const BR_TMP: u32 = 0xd61f_0200;
const BLR_TMP: u32 = 0xd63f_0200;

/// The field of a `b` or `bl`, if the distance fits.
fn branch_field(distance: i64) -> Option<u32> {
    let words = distance >> 2;
    (-(1 << 25)..1 << 25)
        .contains(&words)
        .then_some(words as u32 & 0x3ff_ffff)
}

/// The field of a conditional branch, if the distance fits.
fn cond_field(distance: i64) -> Option<u32> {
    let words = distance >> 2;
    (-(1 << 18)..1 << 18)
        .contains(&words)
        .then_some((words as u32 & 0x7_ffff) << 5)
}

/// The field of a branch on a bit, if the distance fits.
fn bit_field(distance: i64) -> Option<u32> {
    let words = distance >> 2;
    (-(1 << 13)..1 << 13)
        .contains(&words)
        .then_some((words as u32 & 0x3fff) << 5)
}

/// The instructions that go to `distance` from the first of them, or call what is there.
fn wide_words(distance: i64, go: u32) -> [u32; WIDE_WORDS] {
    let part = |i: u32| (distance >> (16 * i)) as u32 & 0xffff;
    [
        0x1000_0000 | rd(TMP),                  // adr tmp, .
        0x5280_0000 | part(0) << 5 | rd(INDEX), // movz index32, low
        0x72a0_0000 | part(1) << 5 | rd(INDEX), // movk index32, high, lsl 16
        0x8b2f_c000 | rn(TMP) | rd(TMP),        // add tmp, tmp, index32, sxtw
        go,
    ]
}

const _: () = assert!(
    INDEX.0 == 15 && TMP.0 == 16,
    "wide_words adds w15, and goes to x16"
);

/// Points the call at `pos` to `target`: a `bl`, or the words of [`Arm64::call_direct`].
pub(super) fn patch_call(code: &mut [u8], pos: usize, target: usize) {
    let distance = target as i64 - pos as i64;
    if u32::from_le_bytes(*word_at(code, pos)) & BL != BL {
        return put_words(code, pos, wide_words(distance, BLR_TMP));
    }
    let field = branch_field(distance).expect("the linker keeps callees within reach");
    *word_at(code, pos) = (BL | field).to_le_bytes();
}

/// Writes a jump from `pos` to `target`.
pub(super) fn veneer(code: &mut [u8], pos: usize, target: usize) {
    let distance = target as i64 - pos as i64;
    put_words(code, pos, wide_words(distance, BR_TMP));
}

fn put_words(code: &mut [u8], pos: usize, words: [u32; WIDE_WORDS]) {
    for (i, word) in words.into_iter().enumerate() {
        *word_at(code, pos + 4 * i) = word.to_le_bytes();
    }
}

/// The word at `pos`.
fn word_at(code: &mut [u8], pos: usize) -> &mut [u8; 4] {
    (&mut code[pos..pos + 4])
        .try_into()
        .expect("a word is four bytes")
}

/// None if the distance is out of reach.
fn patch(code: &mut [u8], pos: usize, kind: u8, distance: i64) -> Option<()> {
    let word = word_at(code, pos);
    let old = u32::from_le_bytes(*word);
    let new = match kind {
        BRANCH => old | branch_field(distance)?,
        COND => old | cond_field(distance)?,
        BIT => old | bit_field(distance)?,
        TABLE => old.wrapping_add(distance as u32),
        WIDE => {
            put_words(code, pos, wide_words(distance, BR_TMP));
            return Some(());
        }
        other => unreachable!("no fix-up has kind {other}"),
    };
    *word = new.to_le_bytes();
    Some(())
}

impl Arm64 {
    /// Patches the fix-ups. False if one is out of reach, or a call might be.
    pub(super) fn finish(&mut self) -> bool {
        if self.reach != Reach::Huge && self.buf.offset() as usize > CALL_REACH / 2 {
            return false;
        }
        let fixups = std::mem::take(&mut self.buf.fixups);
        let reach = fixups.iter().all(|fixup| {
            let target = self.buf.label_offset(fixup.label);
            let target = target.expect("every label that is used gets bound");
            let distance = i64::from(target) - i64::from(fixup.pos);
            let pos = fixup.pos as usize;
            patch(self.buf.code_mut(), pos, fixup.kind, distance).is_some()
        });
        self.buf.fixups = fixups;
        reach
    }

    /// Notes that the instruction or table entry that follows needs the label.
    #[inline]
    fn needs(&mut self, label: CodeLabel, kind: u8) {
        let pos = self.buf.offset();
        self.buf.fixup(pos, label, kind);
    }

    /// Distance from here to a label that is bound.
    #[inline]
    fn distance(&self, label: CodeLabel) -> Option<i64> {
        let target = self.buf.label_offset(label)?;
        Some(i64::from(target) - i64::from(self.buf.offset()))
    }

    /// A jump to anywhere. Clobbers `TMP` and `INDEX`.
    fn wide_jump(&mut self, label: CodeLabel) {
        self.needs(label, WIDE);
        for word in wide_words(0, BR_TMP) {
            self.word(word);
        }
    }

    /// A `bl`, or in a huge function instructions that call anything. The callee's frame begins
    /// with the scratch registers free.
    pub(super) fn call_direct(&mut self, func: FuncIdx) {
        let pos = self.buf.offset();
        self.buf.reloc(pos, func.0);
        if self.reach == Reach::Huge {
            for word in wide_words(0, BLR_TMP) {
                self.word(word);
            }
        } else {
            self.word(BL);
        }
        self.buf.site();
    }

    /// Clobbers `TMP` and `INDEX` in a huge function.
    #[inline]
    pub(super) fn jump(&mut self, label: CodeLabel) {
        self.branch_always(B, label);
    }

    /// `bl` to a label of the function.
    pub(super) fn call_label(&mut self, label: CodeLabel) {
        if self.reach == Reach::Huge {
            let distance = 4 + 4 * WIDE_WORDS as u32;
            emit!(self; adr x30, distance as i32);
        }
        self.branch_always(BL, label);
    }

    #[inline]
    fn branch_always(&mut self, op: u32, label: CodeLabel) {
        if self.reach == Reach::Huge {
            return self.wide_jump(label);
        }
        if let Some(field) = self.distance(label).and_then(branch_field) {
            return self.word(op | field);
        }
        self.needs(label, BRANCH);
        self.word(op);
    }

    pub(super) fn branch(&mut self, cond: Cond, label: CodeLabel) {
        self.branch_code(cond_code(cond), label);
    }

    /// Branches on the condition of that number.
    #[inline]
    pub(super) fn branch_code(&mut self, code: u32, label: CodeLabel) {
        self.branch_if(B_COND | code, 1, label);
    }

    /// Goes to `label` if `(src == 0) == zero`.
    pub(super) fn branch_zero(&mut self, size: Size, src: Gpr, zero: bool, label: CodeLabel) {
        let op = CBZ | sf(size) | u32::from(!zero) << 24 | rd(src);
        self.branch_if(op, 1 << 24, label);
    }

    /// Goes to `label` if bit number `bit` of `src` is 0 and `zero` is set, or neither.
    pub(super) fn branch_bit(&mut self, src: Gpr, bit: u8, zero: bool, label: CodeLabel) {
        const NEGATE: u32 = 1 << 24;
        let bit = u32::from(bit >> 5) << 31 | u32::from(bit & 31) << 19;
        let op = TBZ | bit | u32::from(!zero) << 24 | rd(src);
        let distance = self.distance(label);
        if let Some(field) = distance.and_then(bit_field) {
            return self.word(op | field);
        }
        match self.reach {
            Reach::Near if distance.is_none() => {
                self.needs(label, BIT);
                return self.word(op);
            }
            Reach::Near | Reach::Far => self.skip(op ^ NEGATE, 1),
            Reach::Huge => self.skip(op ^ NEGATE, WIDE_WORDS as u32),
        }
        self.jump(label);
    }

    /// A conditional branch; flipping the bit `negate` makes it the opposite.
    #[inline]
    fn branch_if(&mut self, op: u32, negate: u32, label: CodeLabel) {
        if let Some(field) = self.distance(label).and_then(cond_field) {
            return self.word(op | field);
        }
        match self.reach {
            Reach::Near => {
                self.needs(label, COND);
                return self.word(op);
            }
            Reach::Far => self.skip(op ^ negate, 1),
            Reach::Huge => self.skip(op ^ negate, WIDE_WORDS as u32),
        }
        self.jump(label);
    }

    /// A conditional branch over some instructions.
    fn skip(&mut self, op: u32, words: u32) {
        self.word(op | (words + 1) << 5);
    }

    /// Skips some instructions on the condition of that number.
    pub(super) fn skip_code(&mut self, code: u32, words: u32) {
        self.skip(B_COND | code, words);
    }

    /// Where loops lie is a matter of the processor: nothing is known that would suit most.
    pub(super) fn align_loop(&mut self, _tables: bool) {}

    /// Goes to `targets[index]` or the last, through a table of distances that follows.
    pub(super) fn branch_table(&mut self, index: Gpr, targets: &[CodeLabel]) {
        let (&last, rest) = targets.split_last().expect("a table has a default");
        if targets.len() <= SHORT_TABLE {
            for (at, &target) in rest.iter().enumerate() {
                if at == 0 {
                    self.branch_zero(S32, index, true, target);
                } else {
                    emit!(self; cmp WSP(index), at as u32);
                    self.branch_code(EQ, target);
                }
            }
            return self.jump(last);
        }
        self.int_const(S32, TMP, rest.len() as u64);
        emit!(self
            ; cmp W(index), tmp32
            ; csel tmp32, W(index), tmp32, lo
            ; adr callee, 16
            ; ldrsw tmp, [callee, tmp, lsl 2]
            ; add tmp, tmp, callee
            ; br tmp
        );
        let table = self.buf.offset();
        for &target in targets {
            self.buf.reserve();
            self.needs(target, TABLE);
            // Backwards, if there is no memory for the code.
            let entry = self.buf.offset().wrapping_sub(table);
            self.word(entry);
        }
    }

    /// Raises a trap with the address of its site in `LINK`: the address after itself. Only the
    /// stack check comes before the frame has taken the return address; there it goes to
    /// `CALLEE`.
    pub(super) fn trap_site(&mut self, trap: TrapCode) {
        let here = self.buf.offset();
        let overflow = self.overflow.and_then(|at| self.buf.label_offset(at));
        if overflow == Some(here) {
            emit!(self; mov callee, X(LINK));
        }
        let handler = abi::TRAPS as u32 + 8 * trap as u32;
        emit!(self
            ; ldr tmp, [engine, handler]
            ; blr tmp
        );
        self.buf.site();
    }

    /// Fills registers with rubbish. Keeps the flags.
    pub(super) fn clobber(&mut self, regs: RegSet) {
        for reg in regs {
            if reg.is_float() {
                let reg = reg.fpr();
                emit!(self; movi V(reg).B16, 0xaa);
            } else {
                self.int_const(S64, reg.gpr(), 0xaaaa_aaaa_aaaa_aaaa);
            }
        }
    }

    /// Traps if the upper half of a 32-bit value is not zero: `BadAddress`. Keeps the flags.
    pub(super) fn assert_zero_extended(&mut self, reg: Gpr) {
        emit!(self; lsr tmp, X(reg), 32);
        let trap = self.buf.trap(TrapCode::BadAddress);
        self.branch_zero(S64, TMP, false, trap);
    }
}
