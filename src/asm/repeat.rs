//! Short loops of interruptible code are written several times, so that one check serves as many
//! rounds: `loop; A; br_if loop` becomes `head: check; A; exit unless; A; exit unless; A; head if;
//! exit:`.
//!
//! The records are emitted anew for each copy, from the state at the loop's head, so nothing but
//! their number changes. A body in which a label is bound would bind it twice: it stays as it is.
//! So does one that calls: what it calls may take its time, and is to be the last if someone asks.

use super::code::CodeLabel;
use super::compile::Pass;
use super::isa::Isa;
use super::merge::Test;
use crate::ir::types::LabelIdx;

/// The copies of a loop have together about so many records at most.
const RECORDS: usize = 48;

/// A check serves at most so many rounds.
const COPIES: usize = 4;

/// A loop in which no label has been bound and nothing called so far.
#[derive(Clone, Copy, Debug)]
pub(super) struct ShortLoop {
    label: LabelIdx,
    /// The first record behind its head.
    first: usize,
    /// Copies that are still to be written, once the first has been.
    left: Option<usize>,
    /// Behind the last copy, if another one leaves there.
    exit: Option<CodeLabel>,
}

impl<I: Isa> Pass<'_, I> {
    /// A loop begins here, at the next record.
    pub(super) fn note_loop(&mut self, index: LabelIdx) {
        let once = self.cx.options.interruptible && self.label_info(index).preds == 1;
        self.short_loop = (once && self.takes_nothing(index)).then_some(ShortLoop {
            label: index,
            first: self.next_record(),
            left: None,
            exit: None,
        });
    }

    /// The branch back to a loop, which the record at hand ends in, on a condition or always. False
    /// if it is a branch like any other.
    #[inline]
    pub(super) fn branch_back(&mut self, index: LabelIdx, test: Option<Test>) -> bool {
        match self.short_loop {
            Some(short) if short.label == index => self.repeat(short, test),
            _ => false,
        }
    }

    #[inline(never)]
    fn repeat(&mut self, mut short: ShortLoop, test: Option<Test>) -> bool {
        if !self.is_height_of(short.label) {
            return false;
        }
        let left = match short.left {
            Some(left) => left,
            None => self.copies(self.next_record() - short.first),
        };
        if left == 0 {
            self.close(short, test);
            return true;
        }
        short.left = Some(left - 1);
        if let Some(test) = test {
            let exit = *short.exit.get_or_insert_with(|| self.isa.buf().new_label());
            self.branch_on(test.negated(), exit);
        }
        self.short_loop = Some(short);
        self.go_to(short.first);
        self.merge(self.label_info(short.label));
        true
    }

    /// How many copies a body of so many records is to have behind the first.
    fn copies(&mut self, records: usize) -> usize {
        let copies = (RECORDS / records).clamp(1, COPIES) - 1;
        let copies = copies.min(self.growth / records);
        self.growth -= copies * records;
        copies
    }

    /// Ends the last copy.
    fn close(&mut self, short: ShortLoop, test: Option<Test>) {
        let head = Self::code_label(short.label);
        match test {
            Some(test) => self.branch_on(test, head),
            None => {
                self.isa.jump(head);
                self.live = false;
            }
        }
        if let Some(exit) = short.exit {
            debug_assert!(self.is_canonical(), "as at the loop's head");
            // Copies of operands at home may be in other registers there.
            self.drop_registers();
            self.isa.buf().bind(exit);
        }
        self.short_loop = None;
    }
}
