//! Calls, builtins, returns: moving operands to where the ABI wants them.

use super::abi::{INT_ARGS, Place, Places};
use super::compile::Pass;
use super::frame::more;
use super::isa::{Cell, Isa};
use super::regs::{Reg, RegSet};
use super::stack::{Loc, NONE, Operand, Owner};
use crate::ir::op::Builtin;
use crate::ir::types::{FuncIdx, FuncType, TableIdx, TypeIdx, ValType};

impl<I: Isa> Pass<'_, I> {
    #[inline(never)]
    pub(super) fn call(&mut self, func: FuncIdx) {
        let module = self.cx.module;
        let ty = module.func_type(func);
        self.place_call_args(ty);
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
        self.place_call_args(sig);
        let table = self.table(table);
        self.isa.call_indirect(table, self.cx.layout.sig(ty));
        self.take_results(sig, true);
    }

    /// The operands are integers and few, so all travel in registers; so do the indices.
    #[inline(never)]
    pub(super) fn builtin(&mut self, builtin: Builtin) {
        let count = builtin.operands();
        self.spill_below(count);
        let ints = [ValType::I64; INT_ARGS];
        self.place_operands(&ints[..count], false, Places::params());
        for (at, index) in builtin.indices().into_iter().flatten().enumerate() {
            let reg = Reg::int(self.file.int_args[count + at]);
            self.constant(reg, ValType::I32, u64::from(index));
        }
        self.forget_registers();
        self.isa.call_builtin(builtin.code());
        self.move_float_pins(false);
        if let Some(ty) = builtin.result() {
            self.take_int(ty, true);
        }
    }

    #[inline(never)]
    pub(super) fn return_(&mut self) {
        let module = self.cx.module;
        let ty = &module.types[self.func.facts.ty as usize];
        self.place_operands(ty.results(), ty.has_float_results(), Places::results());
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
    #[inline(always)]
    fn place_call_args(&mut self, ty: &FuncType) {
        let params = ty.params();
        self.spill_below(params.len());
        self.place_operands(params, ty.has_float_params(), Places::params());
        self.forget_registers();
    }

    /// Sends home every operand in a register, but the top `count`, and the pinned floats.
    #[inline(always)]
    fn spill_below(&mut self, count: usize) {
        self.short_loop = None;
        let first = (self.height() - count) as u32;
        if first > 0 {
            self.spill_operands(first);
        }
        self.move_float_pins(true);
    }

    /// Sends home every operand in a register below this depth.
    #[inline(never)]
    fn spill_operands(&mut self, first: u32) {
        for reg in self.st.regs.used {
            if let Some(Owner::Operand(depth)) = self.st.regs.owner(reg)
                && depth < first
            {
                self.evict(reg);
            }
        }
        self.isa.buf().reserve();
    }

    /// Stores the pinned floats to their homes, or loads them from there.
    #[inline(always)]
    fn move_float_pins(&mut self, store: bool) {
        if !self.st.float_pins.is_empty() {
            self.move_each_float_pin(store);
        }
    }

    #[inline(never)]
    fn move_each_float_pin(&mut self, store: bool) {
        self.isa.buf().reserve();
        for at in 0..self.st.float_pins.len() {
            let state = self.st.locals[self.st.float_pins[at] as usize];
            let (width, home) = (state.ty.width(), Cell::Slot(state.home));
            match state.pin() {
                Some(pin) if store => self.isa.store_cell(width, home, pin),
                Some(pin) => self.isa.load_cell(width, pin, home),
                None => {}
            }
        }
        self.isa.buf().reserve();
    }

    /// No register survives the call to come, nor is any needed for it but the arguments'.
    /// Only copies of locals are left.
    fn forget_registers(&mut self) {
        for reg in self.st.regs.used {
            match self.st.regs.owner(reg) {
                Some(Owner::Local(local)) => self.st.locals[local as usize].reg = None,
                Some(Owner::Operand(_)) | None => unreachable!("operands are spilled or placed"),
            }
        }
        self.st.regs.used = RegSet::EMPTY;
        self.st.regs.held = RegSet::EMPTY;
        self.isa.buf().reserve();
    }

    #[inline]
    fn register(&self, place: Place) -> Option<Reg> {
        match place {
            Place::Int(at) => Some(self.file.int_args[at].into()),
            Place::Float(at) => Some(self.file.float_args[at].into()),
            Place::More(_) => None,
        }
    }

    /// Pops an operand of each type and moves them to the `places` for these types, all at once.
    /// `floats`: some of them are.
    fn place_operands(&mut self, types: &[ValType], floats: bool, mut places: Places) {
        self.isa.buf().reserve();
        self.st.places.clear();
        if floats || !places.in_ints(types.len()) {
            let places = types.iter().map(|&ty| places.next(ty));
            self.st.places.extend(places);
            self.place_each::<false>(types.len());
        } else {
            self.place_each::<true>(types.len());
        }
    }

    /// The same for operands whose places are known. `INTS`: that is, registers in order.
    #[inline(never)]
    fn place_each<const INTS: bool>(&mut self, count: usize) {
        let first = self.height() - count;
        self.st.canonical = self.st.canonical.min(first);
        for at in (0..count).rev() {
            let operand = self.pop_unheld();
            let place = if INTS { Place::Int(at) } else { self.place(at) };
            let Some(dst) = self.register(place) else {
                self.store_arg(place, operand);
                continue;
            };
            let src = self.in_register(operand);
            if src == Some(dst) {
                continue;
            }
            if !self.vacate(dst, first as u32) {
                return self.cross_operands(operand, at);
            }
            match src {
                Some(src) => self.mov(dst, src, operand.width()),
                None => self.load_into(dst, operand),
            }
        }
    }

    /// Where the operand of a number goes: `st.places` says it, or is empty for the usual ones.
    #[inline]
    fn place(&self, at: usize) -> Place {
        self.st.places.get(at).copied().unwrap_or(Place::Int(at))
    }

    fn store_arg(&mut self, place: Place, operand: Operand) {
        let Place::More(cell) = place else { return };
        self.isa.buf().reserve();
        self.store_operand(more(cell), operand);
    }

    /// Makes `dst` free to be written, unless operands from depth `first` on may need it.
    #[inline]
    fn vacate(&mut self, dst: Reg, first: u32) -> bool {
        match self.st.regs.owner(dst) {
            None => self.st.regs.allocatable.contains(dst),
            Some(Owner::Operand(_)) => false,
            Some(Owner::Local(local)) => {
                let state = &mut self.st.locals[local as usize];
                let needed = state.pending != NONE && state.pending >= first;
                if !needed {
                    state.reg = None;
                    self.st.regs.release(dst);
                }
                !needed
            }
        }
    }

    /// Moves `operand`, whose number is `at`, and all below to places some of which hold another
    /// of them: first those that go to memory, then between registers, then what is loaded.
    #[inline(never)]
    fn cross_operands(&mut self, mut operand: Operand, mut at: usize) {
        self.st.moves.clear();
        let mut loads = std::mem::take(&mut self.st.loads);
        loop {
            let place = self.place(at);
            match (self.register(place), self.in_register(operand)) {
                (None, _) => self.store_arg(place, operand),
                (Some(dst), Some(src)) => {
                    self.st.moves.push((dst, src, operand.width()));
                }
                (Some(dst), None) => loads.push((dst, operand)),
            }
            if at == 0 {
                break;
            }
            at -= 1;
            operand = self.pop();
        }
        self.resolve_moves();
        for (dst, operand) in loads.drain(..) {
            self.isa.buf().reserve();
            self.load_into(dst, operand);
        }
        self.st.loads = loads;
    }

    /// Zero-extends an `i32` that the host may have written.
    fn normalize(&mut self, ty: ValType, reg: Reg) {
        if ty == ValType::I32 {
            self.isa.extend(false, reg.gpr(), reg.gpr());
        }
    }

    /// Loads the pinned floats and pushes a call's results. `foreign`: the callee may be a host
    /// function.
    #[inline(always)]
    fn take_results(&mut self, ty: &FuncType, foreign: bool) {
        self.isa.buf().reserve();
        self.move_float_pins(false);
        match *ty.results() {
            [] => {}
            [ty] if !ty.is_float() => self.take_int(ty, foreign),
            _ => self.take_each(ty.results(), foreign),
        }
        if self.cx.options.poison {
            let free = self.st.regs.allocatable.without(self.st.regs.used);
            self.isa.buf().reserve();
            self.isa.clobber(free);
        }
    }

    /// Pushes the only result, in the first integer register.
    #[inline]
    fn take_int(&mut self, ty: ValType, foreign: bool) {
        let reg = self.file.int_args[0].into();
        if foreign {
            self.normalize(ty, reg);
        }
        self.push_reg(ty, reg);
    }

    /// Pushes results. Those in memory go home at once: the area is not theirs.
    #[inline(never)]
    fn take_each(&mut self, types: &[ValType], foreign: bool) {
        let mut places = Places::results();
        for &ty in types {
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
    }
}
