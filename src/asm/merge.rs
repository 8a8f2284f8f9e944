//! Branches and merges.
//!
//! Where control flow merges, everything below the label is at home or constant; the label's
//! first argument is in the first argument register of its class, the others are at home. A
//! block whose label is branched to sends everything home when it starts, so that a branch has
//! nothing to do but place the label's arguments. No state is saved for a label.

use super::code::CodeLabel;
use super::compile::Pass;
use super::isa::{Cell, Checked, Cond, ImmUse, Isa, Rhs};
use super::regs::{Gpr, Reg, RegSet};
use super::stack::{Loc, Owner};
use crate::ir::func::{Label, LabelArgs};
use crate::ir::op::{IntCmp, Op, Src};
use crate::ir::types::{LabelIdx, Size, ValType};

/// A condition that a record leaves for the next one.
#[derive(Clone, Copy, Debug)]
pub(super) enum Test {
    /// In the flags.
    Cond(Cond),
    /// Holds if `(reg == 0) == zero`.
    Zero { size: Size, reg: Gpr, zero: bool },
    /// Holds if bit number `bit` is 0 and `zero` is set, or neither. For branches alone.
    Bit { reg: Gpr, bit: u8, zero: bool },
}

impl Test {
    pub(super) fn negated(self) -> Self {
        match self {
            Self::Cond(cond) => Self::Cond(cond.negated()),
            Self::Zero { size, reg, zero } => Self::Zero {
                size,
                reg,
                zero: !zero,
            },
            Self::Bit { reg, bit, zero } => Self::Bit {
                reg,
                bit,
                zero: !zero,
            },
        }
    }
}

impl<'a, I: Isa> Pass<'a, I> {
    /// Hands a condition to the next record if that can use it as it is; else pushes 0 or 1.
    pub(super) fn test(&mut self, mut test: Test) {
        loop {
            match self.peek() {
                Some(Op::Eqz(Size::S32, Src::Stack)) => {
                    self.skip();
                    test = test.negated();
                }
                Some(Op::BrIf(label, Src::Stack)) => {
                    self.skip();
                    return self.branch_to(test, label);
                }
                Some(Op::If { or_else, .. }) => {
                    self.skip();
                    return self.start_if(test, or_else);
                }
                Some(Op::Select) => {
                    self.skip();
                    let cond = self.flags(test);
                    // The flags are all that is left of the compared values.
                    self.st.regs.held = RegSet::EMPTY;
                    return self.select_on(cond);
                }
                _ => break,
            }
        }
        let dying = match test {
            Test::Zero { reg, .. } | Test::Bit { reg, .. } => RegSet::one(reg.into()),
            Test::Cond(_) => RegSet::EMPTY,
        };
        let cond = self.flags(test);
        let dst = self.dst(ValType::I32, dying);
        self.isa.set(cond, dst.gpr());
        self.finish(ValType::I32, dst);
    }

    /// Puts a condition into the flags.
    pub(super) fn flags(&mut self, test: Test) -> Cond {
        match test {
            Test::Cond(cond) => cond,
            Test::Zero { size, reg, zero } => {
                let cmp = if zero { IntCmp::Eq } else { IntCmp::Ne };
                debug_assert!(I::imm_fits(ImmUse::Cmp, size, 0));
                self.isa.int_cmp(cmp, size, reg, Rhs::Imm(0));
                Cond::Int(cmp)
            }
            Test::Bit { .. } => unreachable!("made for a branch that needs no flags"),
        }
    }

    pub(super) fn branch_on(&mut self, test: Test, label: CodeLabel) {
        match test {
            Test::Cond(cond) => self.isa.branch(cond, label),
            Test::Zero { size, reg, zero } => self.isa.branch_zero(size, reg, zero, label),
            Test::Bit { reg, bit, zero } => self.isa.branch_bit(reg, bit, zero, label),
        }
    }

    pub(super) fn label_info(&self, label: LabelIdx) -> &'a Label {
        &self.func.labels[label.index()]
    }

    #[inline]
    fn arity(&self, label: &Label) -> usize {
        self.cx.module.label_args(&label.args).len()
    }

    /// Whether a branch to `label` takes no operands along.
    pub(super) fn takes_nothing(&self, label: LabelIdx) -> bool {
        self.arity(self.label_info(label)) == 0
    }

    /// Whether the operand stack is as high as it is at `label`.
    pub(super) fn is_height_of(&self, label: LabelIdx) -> bool {
        self.height() == self.label_info(label).height as usize
    }

    /// The register of a label's first argument.
    fn first_arg(&self, ty: ValType) -> Reg {
        if ty.is_float() {
            self.file.float_args[0].into()
        } else {
            self.file.int_args[0].into()
        }
    }

    /// Sends an operand home. From the top down only, as pending reads are listed so.
    fn send_home(&mut self, depth: usize, keep_constant: bool) {
        self.isa.buf().reserve();
        let operand = self.st.operands[depth];
        let disp = self.home(depth);
        let home = Cell::Slot(disp);
        let width = operand.width();
        match operand.loc() {
            Loc::Home(_) | Loc::Reg { clean: true, .. } => {}
            Loc::Const(_) if keep_constant => {}
            Loc::Const(bits) => {
                self.store_constant(operand.ty(), home, bits);
                self.st.operands[depth] = operand.at(Loc::Home(disp));
            }
            Loc::Reg { reg, clean: false } => {
                self.isa.store_cell(width, home, reg);
                self.st.operands[depth] = operand.at(Loc::Reg { reg, clean: true });
            }
            Loc::Local { local, next } => {
                let state = &mut self.st.locals[local as usize];
                state.pending = next;
                match state.reg {
                    Some(reg) => self.isa.store_cell(width, home, reg),
                    None => {
                        let src = Cell::Slot(state.home);
                        self.isa.copy_cell(width, home, src);
                    }
                }
                self.st.operands[depth] = operand.at(Loc::Home(disp));
            }
        }
    }

    /// Sends all operands home but constants. Keeps the flags.
    fn send_all_home(&mut self) {
        for depth in (self.st.canonical..self.height()).rev() {
            self.send_home(depth, true);
        }
        self.st.canonical = self.height();
    }

    /// Places the top `count` operands as a label's arguments, in their own homes. Keeps the
    /// flags.
    #[inline]
    fn place_args(&mut self, count: usize) {
        if count > 0 {
            self.place_some_args(count);
        }
    }

    #[inline(never)]
    fn place_some_args(&mut self, count: usize) {
        let first = self.height() - count;
        for depth in (first + 1..self.height()).rev() {
            self.send_home(depth, false);
        }
        let operand = self.st.operands[first];
        let reg = self.first_arg(operand.ty());
        if matches!(operand.loc(), Loc::Reg { reg: at, .. } if at == reg) {
            return;
        }
        self.evict(reg);
        if let Loc::Local { local, next } = operand.loc() {
            self.st.locals[local as usize].pending = next;
        }
        self.load_into(reg, operand);
        if let Loc::Reg { reg: old, .. } = operand.loc() {
            self.st.regs.release(old);
        }
        self.st.regs.set_owner(reg, Owner::Operand(first as u32));
        self.st.operands[first] = operand.at(Loc::Reg { reg, clean: false });
        self.st.canonical = self.st.canonical.min(first);
    }

    /// Copies placed arguments from their homes to those that `label` has for them.
    fn shift_args(&mut self, label: &Label, count: usize) {
        let from = self.height() - count;
        let to = label.height as usize;
        if from == to {
            return;
        }
        for arg in 1..count {
            self.isa.buf().reserve();
            let width = self.st.operands[from + arg].width();
            let (dst, src) = (self.home(to + arg), self.home(from + arg));
            self.isa.copy_cell(width, Cell::Slot(dst), Cell::Slot(src));
        }
    }

    /// The state at a label: nothing in registers but its first argument.
    pub(super) fn merge(&mut self, label: &Label) {
        self.truncate(label.height as usize);
        debug_assert!(
            self.is_canonical(),
            "operands below a label are at home or constant"
        );
        self.drop_registers();
        self.st.bounds.clear();
        if label.args != LabelArgs::None {
            self.push_args(label);
        }
        self.st.canonical = label.height as usize;
        self.live = true;
        if self.cx.options.poison {
            let free = self.st.regs.allocatable.without(self.st.regs.used);
            self.isa.clobber(free);
        }
    }

    /// Pushes a label's arguments, as they are placed.
    #[inline(never)]
    fn push_args(&mut self, label: &Label) {
        let module = self.cx.module;
        for (at, &ty) in module.label_args(&label.args).iter().enumerate() {
            if at == 0 {
                let reg = self.first_arg(ty);
                self.push_reg(ty, reg);
            } else {
                let home = self.home(self.height());
                self.push(ty, Loc::Home(home));
            }
        }
    }

    pub(super) fn is_canonical(&self) -> bool {
        let from = self.st.canonical.min(self.height());
        self.st.operands[from..]
            .iter()
            .all(|operand| match operand.loc() {
                Loc::Const(_) | Loc::Home(_) | Loc::Reg { clean: true, .. } => true,
                Loc::Local { .. } | Loc::Reg { .. } => false,
            })
    }

    /// Forgets the operands from a depth on.
    fn truncate(&mut self, depth: usize) {
        while self.height() > depth {
            self.pop();
        }
    }

    #[inline(never)]
    pub(super) fn block(&mut self, label: LabelIdx) {
        if self.label_info(label).preds > 0 {
            self.send_all_home();
        }
    }

    #[inline(never)]
    pub(super) fn loop_head(&mut self, index: LabelIdx) {
        let label = self.label_info(index);
        if label.preds == 0 {
            return;
        }
        self.place_args(self.arity(label));
        self.send_below(label.height as usize);
        self.isa.buf().reserve();
        self.isa.align_loop(!self.func.targets.is_empty());
        self.isa.buf().bind(Self::code_label(index));
        self.merge(label);
        if self.cx.options.interruptible {
            self.isa.buf().reserve();
            let check = self.check(Checked::Loop);
            self.isa.check_interrupt(check.attention);
            self.isa.buf().bind(check.passed);
        }
        self.note_loop(index);
    }

    /// Sends the operands below a depth home; those above are placed already.
    fn send_below(&mut self, depth: usize) {
        for at in (self.st.canonical..depth).rev() {
            self.send_home(at, true);
        }
        self.st.canonical = self.st.canonical.max(depth).min(self.height());
    }

    #[inline(never)]
    pub(super) fn if_(&mut self, or_else: LabelIdx) {
        let cond = self.pop();
        let reg = self.read_gpr(cond);
        self.start_if(
            Test::Zero {
                size: Size::S32,
                reg,
                zero: false,
            },
            or_else,
        );
    }

    fn start_if(&mut self, test: Test, or_else: LabelIdx) {
        let label = self.label_info(or_else);
        let count = self.height() - label.height as usize;
        let test = if count == 0 {
            test
        } else {
            Test::Cond(self.flags(test))
        };
        self.place_args(count);
        self.send_below(label.height as usize);
        self.branch_on(test.negated(), Self::code_label(or_else));
    }

    #[inline(never)]
    pub(super) fn label(&mut self, index: LabelIdx) {
        let label = self.label_info(index);
        self.short_loop = None;
        if self.live {
            self.place_args(self.arity(label));
        }
        self.isa.buf().bind(Self::code_label(index));
        self.merge(label);
    }

    #[inline(never)]
    pub(super) fn br(&mut self, index: LabelIdx) {
        if self.branch_back(index, None) {
            return;
        }
        let label = self.label_info(index);
        let count = self.arity(label);
        self.place_args(count);
        self.shift_args(label, count);
        self.isa.jump(Self::code_label(index));
        self.live = false;
    }

    #[inline(never)]
    pub(super) fn br_if(&mut self, label: LabelIdx, src: Src) {
        let cond = self.pop_src(src, ValType::I32);
        let reg = self.read_gpr(cond);
        self.branch_to(
            Test::Zero {
                size: Size::S32,
                reg,
                zero: false,
            },
            label,
        );
    }

    fn branch_to(&mut self, test: Test, index: LabelIdx) {
        if self.branch_back(index, Some(test)) {
            return;
        }
        let label = self.label_info(index);
        let count = self.arity(label);
        if count == 0 {
            return self.branch_on(test, Self::code_label(index));
        }
        // Placing may need the register that is tested.
        let cond = self.flags(test);
        self.place_args(count);
        if count == 1 || self.height() == label.height as usize + count {
            return self.isa.branch(cond, Self::code_label(index));
        }
        let skip = self.isa.buf().new_label();
        self.isa.branch(cond.negated(), skip);
        self.shift_args(label, count);
        self.isa.jump(Self::code_label(index));
        self.isa.buf().bind(skip);
    }

    #[inline(never)]
    pub(super) fn br_table(&mut self, first: u32, count: u32) {
        let func = self.func;
        let targets = &func.targets[first as usize..(first + count) as usize];
        let index = self.pop();
        let mut index = self.own(index);
        let arity = self.arity(self.label_info(targets[0]));
        if arity > 0 {
            let ty = self.st.operands[self.height() - arity].ty();
            let first_arg = self.first_arg(ty);
            if index == first_arg {
                let other = self.alloc(RegSet::INTS);
                self.mov(other, index, crate::ir::types::Width::W32);
                index = other;
            }
            self.place_args(arity);
        }
        let mut labels = std::mem::take(&mut self.st.targets);
        labels.clear();
        let direct = arity <= 1;
        for &target in targets {
            let moved = self.height() != self.label_info(target).height as usize + arity;
            let label = if direct || !moved {
                Self::code_label(target)
            } else {
                self.isa.buf().new_label()
            };
            labels.push(label);
        }
        self.isa.branch_table(index.gpr(), &labels);
        for (&target, &label) in targets.iter().zip(&labels) {
            if label != Self::code_label(target) {
                self.isa.buf().reserve();
                self.isa.buf().bind(label);
                let info = self.label_info(target);
                self.shift_args(info, arity);
                self.isa.jump(Self::code_label(target));
            }
        }
        self.st.targets = labels;
        self.live = false;
    }
}
