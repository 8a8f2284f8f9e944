//! Placing operands: pushing, popping, bringing values into registers, spilling.

use super::compile::Pass;
use super::isa::{Cell, FloatRhs, ImmUse, Isa, Rhs};
use super::regs::{Fpr, Gpr, Reg, RegSet};
use super::stack::{Loc, NONE, Operand, Owner, class};
use crate::ir::op::{Op, Src};
use crate::ir::types::{LocalIdx, Size, ValType, Width};

impl<I: Isa> Pass<'_, I> {
    pub(super) fn height(&self) -> usize {
        self.st.operands.len()
    }

    /// Home of the operand at a depth, counted from the bottom.
    pub(super) fn home(&self, depth: usize) -> i32 {
        self.st.operand_base + self.st.operand_cell * depth as i32
    }

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
    #[inline]
    pub(super) fn pop(&mut self) -> Operand {
        let Some(operand) = self.st.operands.pop() else {
            unreachable!("lowering balanced the operand stack")
        };
        match operand.loc() {
            Loc::Const(_) | Loc::Home(_) => {}
            Loc::Local { local, next } => self.st.locals[local as usize].pending = next,
            Loc::Reg { reg, .. } => {
                self.st.regs.release(reg);
                self.st.regs.held.insert(reg);
            }
        }
        self.st.canonical = self.st.canonical.min(self.height());
        operand
    }

    /// A record's last operand. `ty` is that of a constant.
    #[inline]
    pub(super) fn pop_src(&mut self, src: Src, ty: ValType) -> Operand {
        match src {
            Src::Stack => self.pop(),
            Src::Const(value) => Operand::new(ty, Loc::Const(extended(value, ty))),
            Src::Local(LocalIdx(local)) => {
                let ty = self.st.locals[local as usize].ty;
                Operand::new(ty, Loc::Local { local, next: NONE })
            }
        }
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
            match regs.owner[reg.index()] {
                Owner::Nobody | Owner::Local(_) => {
                    deepest = Some((0, reg));
                    break;
                }
                Owner::Operand(depth) => {
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
        if !self.st.regs.used.contains(reg) {
            return;
        }
        match self.st.regs.owner[reg.index()] {
            Owner::Nobody => {}
            Owner::Local(local) => self.st.locals[local as usize].cache = None,
            Owner::Operand(depth) => {
                let depth = depth as usize;
                let home = self.home(depth);
                let operand = self.st.operands[depth];
                if operand.loc() == (Loc::Reg { reg, clean: false }) {
                    self.isa
                        .store_cell(operand.ty().width(), Cell::Slot(home), reg);
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
    #[inline]
    pub(super) fn read(&mut self, operand: Operand) -> Reg {
        match operand.loc() {
            Loc::Reg { reg, .. } => reg,
            Loc::Local { local, .. } => self.read_local(local),
            Loc::Const(_) | Loc::Home(_) => {
                let reg = self.alloc(class(operand.ty()));
                self.load_into(reg, operand);
                reg
            }
        }
    }

    #[inline]
    pub(super) fn read_gpr(&mut self, operand: Operand) -> Gpr {
        self.read(operand).gpr()
    }

    #[inline]
    pub(super) fn read_fpr(&mut self, operand: Operand) -> Fpr {
        self.read(operand).fpr()
    }

    /// A register that holds a local. An unpinned local's stays as its copy.
    fn read_local(&mut self, local: u32) -> Reg {
        let state = self.st.locals[local as usize];
        if let Some(reg) = state.pin.or(state.cache) {
            self.st.regs.held.insert(reg);
            return reg;
        }
        let reg = self.alloc(class(state.ty));
        self.isa
            .load_cell(state.ty.width(), reg, Cell::Slot(state.home));
        self.st.regs.set_owner(reg, Owner::Local(local));
        self.st.locals[local as usize].cache = Some(reg);
        reg
    }

    /// Puts the operand's value into `dst`, which nobody owns. Keeps the flags.
    pub(super) fn load_into(&mut self, dst: Reg, operand: Operand) {
        match operand.loc() {
            Loc::Const(bits) => self.constant(dst, operand.ty(), bits),
            Loc::Reg { reg, .. } => self.mov(dst, reg, operand.ty().width()),
            Loc::Home(home) => {
                self.isa
                    .load_cell(operand.ty().width(), dst, Cell::Slot(home));
            }
            Loc::Local { local, .. } => {
                let state = self.st.locals[local as usize];
                match state.pin.or(state.cache) {
                    Some(reg) => self.mov(dst, reg, state.ty.width()),
                    None => {
                        self.isa
                            .load_cell(state.ty.width(), dst, Cell::Slot(state.home));
                    }
                }
            }
        }
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
    pub(super) fn read_lhs(&mut self, operand: Operand) -> Reg {
        if I::SLOT_OPERANDS
            && let Loc::Local { local, .. } = operand.loc()
        {
            let state = self.st.locals[local as usize];
            if state.pin.or(state.cache).is_none() {
                return self.own(operand);
            }
        }
        self.read(operand)
    }

    /// The operand as the right side of an integer instruction.
    #[inline]
    pub(super) fn rhs(&mut self, operand: Operand, user: ImmUse, size: Size) -> Rhs {
        match operand.loc() {
            Loc::Const(bits) => {
                let imm = signed(bits, size);
                if I::imm_fits(user, size, imm) {
                    return Rhs::Imm(imm);
                }
                Rhs::Reg(self.read_gpr(operand))
            }
            Loc::Reg { reg, .. } => Rhs::Reg(reg.gpr()),
            Loc::Local { .. } | Loc::Home(_) => match self.memory_operand(operand) {
                Some(disp) => Rhs::Slot(disp),
                None => Rhs::Reg(self.read_gpr(operand)),
            },
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
    fn memory_operand(&self, operand: Operand) -> Option<i32> {
        if !I::SLOT_OPERANDS {
            return None;
        }
        match operand.loc() {
            Loc::Home(disp) => Some(disp),
            Loc::Local { local, .. } => {
                let state = &self.st.locals[local as usize];
                if state.pin.or(state.cache).is_some() {
                    None
                } else {
                    Some(state.home)
                }
            }
            Loc::Const(_) | Loc::Reg { .. } => None,
        }
    }

    /// Where the result of the record at hand goes: into the local that the next record sets,
    /// if that is pinned; else over an operand that dies here, in the order of `prefer`; else
    /// into a free register. [`Self::finish`] must follow.
    #[inline]
    pub(super) fn dst(&mut self, ty: ValType, prefer: [Option<Reg>; 2]) -> Reg {
        if let Some(Op::LocalSet(local, Src::Stack) | Op::LocalTee(local)) = self.peek()
            && let Some(pin) = self.st.locals[local.index()].pin
        {
            self.before_set(local);
            self.sink = Some(local);
            return pin;
        }
        for reg in prefer.into_iter().flatten() {
            if self.st.regs.is_temporary(reg) && reg.is_float() == ty.is_float() {
                return reg;
            }
        }
        self.alloc(class(ty))
    }

    /// Pushes the result that lies where [`Self::dst`] said.
    #[inline]
    pub(super) fn finish(&mut self, ty: ValType, dst: Reg) {
        let Some(local) = self.sink.take() else {
            self.push_reg(ty, dst);
            return;
        };
        if let Some(Op::LocalTee(_)) = self.peek() {
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
            let loc = match (state.pin.or(state.cache), free) {
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
        if let Some(pin) = state.pin {
            self.load_into(pin, value);
            return;
        }
        let home = Cell::Slot(state.home);
        if let Some(old) = state.cache {
            self.evict(old);
        }
        if let Some(bits) = value.constant() {
            self.store_constant(state.ty, home, bits);
            return;
        }
        let reg = self.read(value);
        self.isa.store_cell(state.ty.width(), home, reg);
        if self.st.regs.is_temporary(reg) {
            self.st.regs.set_owner(reg, Owner::Local(local.0));
            self.st.locals[local.index()].cache = Some(reg);
        }
    }

    /// Stores the constant with these bits.
    pub(super) fn store_constant(&mut self, ty: ValType, cell: Cell, bits: u64) {
        let size = if ty.width() == Width::W32 {
            Size::S32
        } else {
            Size::S64
        };
        self.isa.store_cell_const(size, cell, bits);
    }

    /// Stores the operand's value to a cell that is not its own home. Keeps the flags.
    pub(super) fn store_operand(&mut self, cell: Cell, operand: Operand) {
        let width = operand.ty().width();
        match operand.loc() {
            Loc::Const(bits) => self.store_constant(operand.ty(), cell, bits),
            Loc::Reg { reg, .. } => self.isa.store_cell(width, cell, reg),
            Loc::Home(home) => self.isa.copy_cell(width, cell, Cell::Slot(home)),
            Loc::Local { local, .. } => {
                let state = self.st.locals[local as usize];
                match state.pin.or(state.cache) {
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
fn extended(value: i32, ty: ValType) -> u64 {
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
