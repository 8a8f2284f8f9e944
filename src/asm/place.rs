//! Placing operands: pushing, popping, bringing values into registers, spilling.

use super::compile::Pass;
use super::isa::{Cell, FloatRhs, ImmUse, Isa, Rhs};
use super::regs::{Fpr, Gpr, Reg, RegSet};
use super::stack::{Loc, NONE, Operand, Owner, class};
use crate::ir::op::{Below, Op, Src};
use crate::ir::types::{LocalIdx, Size, ValType, Width};

impl<I: Isa> Pass<'_, I> {
    pub(super) fn height(&self) -> usize {
        self.st.operands.len()
    }

    /// Home of the operand at a depth, counted from the bottom.
    pub(super) fn home(&self, depth: usize) -> i32 {
        self.st.operand_base + self.st.operand_cell * depth as i32
    }

    #[inline]
    pub(super) fn push(&mut self, ty: ValType, loc: Loc) {
        self.st.operands.push(Operand::new(ty, loc));
    }

    /// Pushes a value that lies in a register of its own.
    #[inline]
    pub(super) fn push_reg(&mut self, ty: ValType, reg: Reg) {
        let depth = self.height() as u32;
        self.st.regs.set_owner(reg, Owner::Operand(depth));
        self.push(ty, Loc::Reg { reg, clean: false });
    }

    /// Pushes a read of a local, to happen when the value is used.
    #[inline]
    pub(super) fn push_local(&mut self, local: LocalIdx) {
        let depth = self.height() as u32;
        let state = &mut self.st.locals[local.index()];
        let (ty, next) = (state.ty, state.pending);
        state.pending = depth;
        self.push(
            ty,
            Loc::Local {
                local: local.0,
                next,
            },
        );
    }

    /// Pops the top operand. Its register, if it has one, is held until the record ends.
    #[inline(always)]
    pub(super) fn pop(&mut self) -> Operand {
        let operand = self.pop_unheld();
        if let Loc::Reg { reg, .. } = operand.loc() {
            self.st.regs.held.insert(reg);
        }
        self.st.canonical = self.st.canonical.min(self.height());
        operand
    }

    /// Pops the top operand and holds nothing. The caller sees to `canonical`.
    #[inline(always)]
    pub(super) fn pop_unheld(&mut self) -> Operand {
        let Some(operand) = self.st.operands.pop() else {
            unreachable!("lowering balanced the operand stack")
        };
        match operand.loc() {
            Loc::Const(_) | Loc::Home(_) => {}
            Loc::Local { local, next } => self.st.locals[local as usize].pending = next,
            Loc::Reg { reg, .. } => self.st.regs.release(reg),
        }
        operand
    }

    /// A record's last operand. `ty` is that of a constant.
    #[inline(always)]
    pub(super) fn pop_src(&mut self, src: Src, ty: ValType) -> Operand {
        match src {
            Src::Stack => self.pop(),
            Src::Const(value) => Operand::new(ty, Loc::Const(extended(value, ty))),
            Src::Local(local) => self.local_operand(local),
        }
    }

    /// The operand below a record's last one.
    #[inline(always)]
    pub(super) fn pop_below(&mut self, below: Below) -> Operand {
        match below.local() {
            Some(local) => self.local_operand(local),
            None => self.pop(),
        }
    }

    /// An operand that reads a local without having been on the operand stack.
    #[inline(always)]
    fn local_operand(&self, LocalIdx(local): LocalIdx) -> Operand {
        let ty = self.st.locals[local as usize].ty;
        Operand::new(ty, Loc::Local { local, next: NONE })
    }

    /// A free register of a class, spilling if need be. Held until the record ends.
    #[inline]
    pub(super) fn alloc(&mut self, class: RegSet) -> Reg {
        let reg = match self.st.regs.free(class).first() {
            Some(reg) => reg,
            None => self.evict_any(class),
        };
        self.st.regs.held.insert(reg);
        reg
    }

    /// Frees a register that the record at hand does not hold: a copy of a local if there is
    /// one, else the deepest operand's.
    #[cold]
    fn evict_any(&mut self, class: RegSet) -> Reg {
        let regs = &self.st.regs;
        let mut deepest = None;
        for reg in regs.allocatable.intersection(class).without(regs.held) {
            match regs.owner(reg) {
                None | Some(Owner::Local(_)) => {
                    deepest = Some((0, reg));
                    break;
                }
                Some(Owner::Operand(depth)) => {
                    if deepest.is_none_or(|(least, _)| depth < least) {
                        deepest = Some((depth, reg));
                    }
                }
            }
        }
        let Some((_, reg)) = deepest else {
            unreachable!("no record holds as many registers as there are")
        };
        self.evict(reg);
        reg
    }

    /// Takes a register from its owner: a copy of a local is forgotten, an operand goes home.
    pub(super) fn evict(&mut self, reg: Reg) {
        match self.st.regs.owner(reg) {
            None => return,
            Some(Owner::Local(local)) => self.st.locals[local as usize].reg = None,
            Some(Owner::Operand(depth)) => {
                let depth = depth as usize;
                let home = self.home(depth);
                let operand = self.st.operands[depth];
                if operand.loc() == (Loc::Reg { reg, clean: false }) {
                    self.isa.store_cell(operand.width(), Cell::Slot(home), reg);
                }
                self.st.operands[depth] = operand.at(Loc::Home(home));
            }
        }
        self.st.regs.release(reg);
    }

    /// Takes a certain register for the record at hand.
    pub(super) fn take(&mut self, reg: Reg) {
        self.evict(reg);
        self.st.regs.held.insert(reg);
    }

    /// A register that holds the operand, to be read only.
    #[inline(always)]
    pub(super) fn read(&mut self, operand: Operand) -> Reg {
        match self.in_register(operand) {
            Some(reg) => {
                self.st.regs.held.insert(reg);
                reg
            }
            None => self.bring(operand),
        }
    }

    /// A register that holds the value that a local has now.
    #[inline(always)]
    pub(super) fn read_local(&mut self, local: LocalIdx) -> Reg {
        let state = &self.st.locals[local.index()];
        match state.reg {
            Some(reg) => {
                self.st.regs.held.insert(reg);
                reg
            }
            None => {
                let (local, next) = (local.0, NONE);
                self.bring(Operand::new(state.ty, Loc::Local { local, next }))
            }
        }
    }

    /// The register that holds the operand already.
    #[inline(always)]
    pub(super) fn in_register(&self, operand: Operand) -> Option<Reg> {
        match operand.loc() {
            Loc::Reg { reg, .. } => Some(reg),
            Loc::Local { local, .. } => self.st.locals[local as usize].reg,
            Loc::Const(_) | Loc::Home(_) => None,
        }
    }

    /// Brings an operand that is in no register into one. A local's stays there as its copy.
    #[inline(never)]
    fn bring(&mut self, operand: Operand) -> Reg {
        let reg = self.alloc(class(operand.ty()));
        self.load_into(reg, operand);
        if let Loc::Local { local, .. } = operand.loc() {
            self.st.regs.set_owner(reg, Owner::Local(local));
            self.st.locals[local as usize].reg = Some(reg);
        }
        reg
    }

    #[inline]
    pub(super) fn read_gpr(&mut self, operand: Operand) -> Gpr {
        self.read(operand).gpr()
    }

    #[inline]
    pub(super) fn read_fpr(&mut self, operand: Operand) -> Fpr {
        self.read(operand).fpr()
    }

    /// Puts the operand's value into `dst`, which nobody owns. Keeps the flags.
    pub(super) fn load_into(&mut self, dst: Reg, operand: Operand) {
        let width = operand.width();
        let home = match operand.loc() {
            Loc::Const(bits) => return self.constant(dst, operand.ty(), bits),
            Loc::Reg { reg, .. } => return self.mov(dst, reg, width),
            Loc::Home(home) => home,
            Loc::Local { local, .. } => {
                let state = self.st.locals[local as usize];
                if let Some(reg) = state.reg {
                    return self.mov(dst, reg, width);
                }
                state.home
            }
        };
        self.isa.load_cell(width, dst, Cell::Slot(home));
    }

    /// A register that holds the operand and that the record may overwrite.
    pub(super) fn own(&mut self, operand: Operand) -> Reg {
        if let Loc::Reg { reg, .. } = operand.loc()
            && self.st.regs.is_temporary(reg)
        {
            return reg;
        }
        let reg = self.alloc(class(operand.ty()));
        self.load_into(reg, operand);
        reg
    }

    /// Left operand of an instruction that overwrites it on a two-address machine: a local that
    /// is in no register is loaded to where the result goes instead of being kept as a copy.
    #[inline(always)]
    pub(super) fn read_lhs(&mut self, operand: Operand) -> Reg {
        match self.in_register(operand) {
            Some(reg) => {
                self.st.regs.held.insert(reg);
                reg
            }
            None if I::SLOT_OPERANDS => self.own(operand),
            None => self.bring(operand),
        }
    }

    /// The operand as the right side of an integer instruction.
    #[inline(always)]
    pub(super) fn rhs(&mut self, operand: Operand, user: ImmUse, size: Size) -> Rhs {
        if let Some(bits) = operand.constant() {
            let imm = signed(bits, size);
            if I::imm_fits(user, size, imm) {
                return Rhs::Imm(imm);
            }
        }
        match self.memory_operand(operand) {
            Some(disp) => Rhs::Slot(disp),
            None => Rhs::Reg(self.read_gpr(operand)),
        }
    }

    /// The operand as the right side of a float instruction.
    pub(super) fn float_rhs(&mut self, operand: Operand) -> FloatRhs {
        match self.memory_operand(operand) {
            Some(disp) => FloatRhs::Slot(disp),
            None => FloatRhs::Reg(self.read_fpr(operand)),
        }
    }

    /// The frame cell that an instruction can read the operand from, if it lies in no register
    /// and the machine has such instructions.
    #[inline(always)]
    fn memory_operand(&self, operand: Operand) -> Option<i32> {
        if !I::SLOT_OPERANDS {
            return None;
        }
        match operand.loc() {
            Loc::Home(disp) => Some(disp),
            Loc::Local { local, .. } => {
                let state = &self.st.locals[local as usize];
                state.reg.is_none().then_some(state.home)
            }
            Loc::Const(_) | Loc::Reg { .. } => None,
        }
    }

    /// Whether the next record sets a local that is pinned.
    pub(super) fn sets_pin_next(&self) -> bool {
        match self.peek() {
            Some(Op::LocalSet(local, Src::Stack) | Op::LocalTee(local)) => {
                self.st.locals[local.index()].pin().is_some()
            }
            _ => false,
        }
    }

    /// Where the result of the record at hand goes: into the local that the next record sets,
    /// if that is pinned; else over an operand that dies here and is among `prefer`; else
    /// into a free register. [`Self::finish`] must follow.
    #[inline(always)]
    pub(super) fn dst(&mut self, ty: ValType, prefer: RegSet) -> Reg {
        if let Some(Op::LocalSet(local, Src::Stack) | Op::LocalTee(local)) = self.peek()
            && let Some(pin) = self.st.locals[local.index()].pin()
        {
            self.before_set(local);
            return pin;
        }
        let class = class(ty);
        let dying = prefer.intersection(self.st.regs.temporary());
        match dying.intersection(class).first() {
            Some(reg) => reg,
            None => self.alloc(class),
        }
    }

    /// Pushes the result that lies where [`Self::dst`] said.
    #[inline(always)]
    pub(super) fn finish(&mut self, ty: ValType, dst: Reg) {
        if self.st.regs.allocatable.contains(dst) {
            self.push_reg(ty, dst);
        } else {
            self.finish_local();
        }
    }

    /// The result is the local that the next record sets.
    #[inline(never)]
    fn finish_local(&mut self) {
        if let Some(Op::LocalTee(local)) = self.peek() {
            self.push_local(local);
        }
        self.skip();
    }

    /// Makes every operand that waits for `local` independent of it, and forgets what was known
    /// of its old value.
    #[inline]
    pub(super) fn before_set(&mut self, local: LocalIdx) {
        self.st.bounds.forget_local(local.0);
        if self.st.locals[local.index()].pending != NONE {
            self.read_pending(local);
        }
    }

    #[cold]
    fn read_pending(&mut self, local: LocalIdx) {
        let state = self.st.locals[local.index()];
        let width = state.ty.width();
        let mut at = std::mem::replace(&mut self.st.locals[local.index()].pending, NONE);
        while at != NONE {
            self.isa.buf().reserve();
            let depth = at as usize;
            let Loc::Local { next, .. } = self.st.operands[depth].loc() else {
                unreachable!("the list holds pending reads only")
            };
            at = next;
            let home = self.home(depth);
            let free = self.st.regs.free(class(state.ty)).first();
            let loc = match (state.reg, free) {
                (Some(src), Some(reg)) => {
                    self.mov(reg, src, width);
                    self.st.regs.set_owner(reg, Owner::Operand(depth as u32));
                    Loc::Reg { reg, clean: false }
                }
                (Some(src), None) => {
                    self.isa.store_cell(width, Cell::Slot(home), src);
                    Loc::Home(home)
                }
                (None, _) => {
                    self.isa
                        .copy_cell(width, Cell::Slot(home), Cell::Slot(state.home));
                    Loc::Home(home)
                }
            };
            self.st.operands[depth] = Operand::new(state.ty, loc);
        }
    }

    /// `local.set` and `local.tee`, where the value was not made in place.
    #[inline(never)]
    pub(super) fn set_local(&mut self, local: LocalIdx, src: Src) {
        let ty = self.st.locals[local.index()].ty;
        let value = self.pop_src(src, ty);
        if matches!(value.loc(), Loc::Local { local: same, .. } if same == local.0) {
            return;
        }
        self.before_set(local);
        let state = self.st.locals[local.index()];
        if let Some(pin) = state.pin() {
            self.load_into(pin, value);
            return;
        }
        if let Some(old) = state.reg {
            self.st.locals[local.index()].reg = None;
            self.st.regs.release(old);
        }
        let home = Cell::Slot(state.home);
        if let Some(bits) = value.constant() {
            self.store_constant(state.ty, home, bits);
            return;
        }
        let reg = self.read(value);
        self.isa.store_cell(state.ty.width(), home, reg);
        if self.st.regs.is_temporary(reg) {
            self.st.regs.set_owner(reg, Owner::Local(local.0));
            self.st.locals[local.index()].reg = Some(reg);
        }
    }

    #[inline(never)]
    pub(super) fn tee_local(&mut self, local: LocalIdx) {
        self.set_local(local, Src::Stack);
        self.push_local(local);
    }

    /// Stores the constant with these bits.
    pub(super) fn store_constant(&mut self, ty: ValType, cell: Cell, bits: u64) {
        self.isa.store_cell_const(ty.width().size(), cell, bits);
    }

    /// Stores the operand's value to a cell that is not its own home. Keeps the flags.
    pub(super) fn store_operand(&mut self, cell: Cell, operand: Operand) {
        let width = operand.width();
        match operand.loc() {
            Loc::Const(bits) => self.store_constant(operand.ty(), cell, bits),
            Loc::Reg { reg, .. } => self.isa.store_cell(width, cell, reg),
            Loc::Home(home) => self.isa.copy_cell(width, cell, Cell::Slot(home)),
            Loc::Local { local, .. } => {
                let state = self.st.locals[local as usize];
                match state.reg {
                    Some(reg) => self.isa.store_cell(width, cell, reg),
                    None => self.isa.copy_cell(width, cell, Cell::Slot(state.home)),
                }
            }
        }
    }

    /// Forgets all copies of locals in registers, and where clean operands lie besides home.
    /// Every operand is home, constant or pending on a pinned local.
    pub(super) fn drop_registers(&mut self) {
        let used = self.st.regs.used;
        for reg in used {
            self.evict(reg);
        }
        self.st.regs.held = RegSet::EMPTY;
    }
}

/// The bits of a small constant of a type.
#[inline]
pub(super) fn extended(value: i32, ty: ValType) -> u64 {
    match ty.width() {
        Width::W32 => u64::from(value as u32),
        Width::W64 | Width::W128 => value as u64,
    }
}

/// An immediate as the instruction sees it: 32-bit ones sign-extended.
fn signed(bits: u64, size: Size) -> i64 {
    match size {
        Size::S32 => i64::from(bits as u32 as i32),
        Size::S64 => bits as i64,
    }
}
