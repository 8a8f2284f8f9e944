//! Calls, builtins, returns: moving operands to where the ABI wants them.

use super::abi::{Place, Places};
use super::compile::Pass;
use super::frame::more;
use super::isa::{Cell, Isa};
use super::regs::{Reg, RegSet};
use super::stack::{Loc, Operand, Owner};
use crate::ir::op::Builtin;
use crate::ir::types::{FuncIdx, FuncType, TableIdx, TypeIdx, ValType};

impl<I: Isa> Pass<'_, I> {
    #[inline(never)]
    pub(super) fn call(&mut self, func: FuncIdx) {
        let module = self.cx.module;
        let ty = module.func_type(func);
        self.place_call_args(ty.params());
        if module.is_import(func) {
            self.isa.call_import(self.cx.layout.import(func));
        } else {
            self.isa.call_direct(func);
        }
        self.take_results(ty, module.is_import(func));
    }

    #[inline(never)]
    pub(super) fn call_indirect(&mut self, ty: TypeIdx, table: TableIdx) {
        let index = self.pop();
        self.load_into(I::CALL_INDEX.into(), index);
        if self.cx.options.poison {
            self.isa.assert_zero_extended(I::CALL_INDEX);
        }
        let sig = &self.cx.module.types[ty.index()];
        self.place_call_args(sig.params());
        let table = self.table(table);
        self.isa.call_indirect(table, self.cx.layout.sig(ty));
        self.take_results(sig, true);
    }

    /// The operands are integers and few, so all travel in registers; so do the indices.
    #[inline(never)]
    pub(super) fn builtin(&mut self, builtin: Builtin) {
        let count = builtin.operands();
        self.spill_below(count);
        self.st.places.clear();
        self.st.places.extend((0..count).map(Place::Int));
        self.place_operands();
        for (at, index) in builtin.indices().into_iter().flatten().enumerate() {
            let reg = Reg::int(self.file.int_args[count + at]);
            self.constant(reg, ValType::I32, u64::from(index));
        }
        self.forget_registers();
        self.isa.call_builtin(builtin.code());
        self.reload_float_pins();
        if let Some(ty) = builtin.result() {
            let reg = self.file.int_args[0].into();
            self.normalize(ty, reg);
            self.push_reg(ty, reg);
        }
    }

    #[inline(never)]
    pub(super) fn return_(&mut self) {
        let module = self.cx.module;
        let ty = &module.types[self.func.ty as usize];
        let mut places = Places::results();
        self.st.places.clear();
        self.st
            .places
            .extend(ty.results().iter().map(|&ty| places.next(ty)));
        self.place_operands();
        self.live = false;
        self.isa.buf().reserve();
        // A short way out is repeated, a longer one shared.
        let long = self.listened || !self.st.frame.saves.is_empty();
        match self.epilogue {
            Some(label) if long => self.isa.jump(label),
            Some(_) | None => {
                let label = self.isa.buf().new_label();
                self.isa.buf().bind(label);
                self.epilogue = Some(label);
                self.leave_function();
            }
        }
    }

    /// Spills what does not survive a call and puts the top operands where parameters go.
    fn place_call_args(&mut self, params: &[ValType]) {
        self.spill_below(params.len());
        let mut places = Places::params();
        self.st.places.clear();
        self.st
            .places
            .extend(params.iter().map(|&ty| places.next(ty)));
        self.place_operands();
        self.forget_registers();
    }

    /// Sends home every operand in a register, but the top `count`, and the pinned floats.
    fn spill_below(&mut self, count: usize) {
        let first = (self.height() - count) as u32;
        let used = self.st.regs.used;
        for reg in used {
            if let Owner::Operand(depth) = self.st.regs.owner[reg.index()]
                && depth < first
            {
                self.evict(reg);
            }
        }
        for at in 0..self.st.float_pins.len() {
            let state = self.st.locals[self.st.float_pins[at] as usize];
            if let Some(pin) = state.pin {
                self.isa
                    .store_cell(state.ty.width(), Cell::Slot(state.home), pin);
            }
        }
        self.isa.buf().reserve();
    }

    fn reload_float_pins(&mut self) {
        self.isa.buf().reserve();
        for at in 0..self.st.float_pins.len() {
            let state = self.st.locals[self.st.float_pins[at] as usize];
            if let Some(pin) = state.pin {
                self.isa
                    .load_cell(state.ty.width(), pin, Cell::Slot(state.home));
            }
        }
    }

    /// No register survives the call to come, nor is any needed for it but the arguments'.
    fn forget_registers(&mut self) {
        let used = self.st.regs.used;
        for reg in used {
            self.evict(reg);
        }
        self.st.regs.held = RegSet::EMPTY;
        self.isa.buf().reserve();
    }

    fn register(&self, place: Place) -> Option<Reg> {
        match place {
            Place::Int(at) => Some(self.file.int_args[at].into()),
            Place::Float(at) => Some(self.file.float_args[at].into()),
            Place::More(_) => None,
        }
    }

    /// Pops as many operands as there are `places` and moves them there, all at once: first
    /// those that go to memory, then between registers, then what is loaded.
    fn place_operands(&mut self) {
        self.st.moves.clear();
        let places = std::mem::take(&mut self.st.places);
        let mut loads = std::mem::take(&mut self.st.loads);
        for &place in places.iter().rev() {
            let operand = self.pop();
            match self.register(place) {
                Some(dst) => match self.in_register(operand) {
                    Some(src) => self.st.moves.push((dst, src, operand.ty().width())),
                    None => loads.push((dst, operand)),
                },
                None => {
                    let Place::More(cell) = place else { continue };
                    self.isa.buf().reserve();
                    self.store_operand(more(cell), operand);
                }
            }
        }
        self.resolve_moves();
        for (dst, operand) in loads.drain(..) {
            self.isa.buf().reserve();
            self.load_into(dst, operand);
        }
        self.st.places = places;
        self.st.loads = loads;
    }

    /// The register that holds the operand already.
    fn in_register(&self, operand: Operand) -> Option<Reg> {
        match operand.loc() {
            Loc::Reg { reg, .. } => Some(reg),
            Loc::Local { local, .. } => {
                let state = &self.st.locals[local as usize];
                state.pin.or(state.cache)
            }
            Loc::Const(_) | Loc::Home(_) => None,
        }
    }

    /// Zero-extends an `i32` that the host may have written.
    fn normalize(&mut self, ty: ValType, reg: Reg) {
        if ty == ValType::I32 {
            self.isa.extend(false, reg.gpr(), reg.gpr());
        }
    }

    /// Pushes a call's results. Those in memory go home at once: the area is not theirs.
    /// `foreign`: the callee may be a host function.
    fn take_results(&mut self, ty: &FuncType, foreign: bool) {
        self.reload_float_pins();
        let mut places = Places::results();
        for &ty in ty.results() {
            let place = places.next(ty);
            match (self.register(place), place) {
                (Some(reg), _) => {
                    if foreign {
                        self.normalize(ty, reg);
                    }
                    self.push_reg(ty, reg);
                }
                (None, Place::More(cell)) => {
                    self.isa.buf().reserve();
                    let home = self.home(self.height());
                    self.isa.copy_cell(ty.width(), Cell::Slot(home), more(cell));
                    self.push(ty, Loc::Home(home));
                }
                (None, Place::Int(_) | Place::Float(_)) => {}
            }
        }
        if self.cx.options.poison {
            let free = self.st.regs.allocatable.without(self.st.regs.used);
            self.isa.buf().reserve();
            self.isa.clobber(free);
        }
    }
}
