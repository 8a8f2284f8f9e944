//! Frames: which locals are pinned, where homes lie, how a function begins and ends.

use super::abi::{self, Place, Places, SMALL_FRAME};
use super::compile::Pass;
use super::isa::{Cell, Isa};
use super::regs::{Gpr, Reg, RegSet};
use super::stack::{LocalState, NONE};
use crate::ir::types::{Size, ValType, Width};

/// The most registers of one class that locals are pinned to.
const MAX_PINS: usize = 16;

/// Integer registers that no pin takes from the operands. A division with fixed registers needs
/// that many at once: two fixed ones, the divisor, and where the dividend was.
const MIN_OPERANDS: usize = 4;

/// Saving and restoring a callee-saved register costs as much as this many uses of a home.
const SAVE_COST: u32 = 2;

/// The locals of greatest weight, heaviest first.
struct Heaviest {
    len: usize,
    max: usize,
    /// (weight, local)
    locals: [(u32, u32); MAX_PINS],
}

impl Heaviest {
    fn new(max: usize) -> Self {
        Self {
            len: 0,
            max: max.min(MAX_PINS),
            locals: [(0, 0); MAX_PINS],
        }
    }

    fn offer(&mut self, weight: u32, local: u32) {
        if self.len == self.max {
            if self.max == 0 || self.locals[self.len - 1].0 >= weight {
                return;
            }
            self.len -= 1;
        }
        let mut at = self.len;
        while at > 0 && self.locals[at - 1].0 < weight {
            self.locals[at] = self.locals[at - 1];
            at -= 1;
        }
        self.locals[at] = (weight, local);
        self.len += 1;
    }

    fn get(&self) -> &[(u32, u32)] {
        &self.locals[..self.len]
    }
}

impl<I: Isa> Pass<'_, I> {
    /// Pins locals, lays out the frame, and resets everything that belongs to one function.
    pub(super) fn begin(&mut self) {
        let st = &mut *self.st;
        st.locals.clear();
        st.locals
            .extend(self.func.locals.iter().map(|local| LocalState {
                ty: local.ty,
                pin: None,
                cache: None,
                home: 0,
                pending: NONE,
            }));
        st.operands.clear();
        st.frame.saves.clear();
        st.float_pins.clear();
        st.regs.used = RegSet::EMPTY;
        st.regs.held = RegSet::EMPTY;
        st.regs.allocatable = self.file.operands;
        self.pin_ints();
        self.pin_floats();
        self.lay_out();
    }

    fn pin_ints(&mut self) {
        let ints = self.file.operands.intersection(RegSet::INTS).count();
        let leaf: &[Gpr] = if self.func.is_leaf() {
            let spare = ints - MIN_OPERANDS;
            &self.file.leaf_pins[..spare.min(self.file.leaf_pins.len())]
        } else {
            &[]
        };
        let saved = self.file.saved_pins;
        let mut heaviest = Heaviest::new(leaf.len() + saved.len());
        for (index, local) in (0u32..).zip(&self.func.locals) {
            if local.weight > 0 && !local.ty.is_float() {
                heaviest.offer(local.weight, index);
            }
        }
        // Those beyond the free registers must earn the save.
        let chosen = heaviest.get();
        let count = chosen
            .iter()
            .enumerate()
            .take_while(|(rank, (weight, _))| *rank < leaf.len() || *weight > SAVE_COST)
            .count();
        let chosen = &chosen[..count];
        let mut pins = RegSet::EMPTY;
        for &reg in leaf.iter().chain(saved).take(count) {
            pins.insert(reg.into());
        }
        self.st.regs.allocatable = self.st.regs.allocatable.without(pins);
        // A parameter that arrives in one of the registers stays there.
        let mut places = Places::params();
        for index in 0..self.func.params {
            let ty = self.func.locals[index as usize].ty;
            if let Place::Int(at) = places.next(ty) {
                let reg = Reg::int(self.file.int_args[at]);
                if pins.contains(reg) && chosen.iter().any(|(_, local)| *local == index) {
                    self.st.locals[index as usize].pin = Some(reg);
                    pins.remove(reg);
                }
            }
        }
        let mut order = leaf.iter().chain(saved).map(|&reg| Reg::int(reg));
        for &(_, local) in chosen {
            let state = &mut self.st.locals[local as usize];
            if state.pin.is_none() {
                state.pin = order.find(|&reg| pins.contains(reg));
            }
        }
        for &reg in saved {
            let reg_used = leaf.len() + saved.iter().position(|&r| r == reg).unwrap_or(0) < count;
            if reg_used {
                self.st.frame.saves.push((reg, 0));
            }
        }
    }

    fn pin_floats(&mut self) {
        let mut heaviest = Heaviest::new(self.file.float_pins.len());
        // Every float register is caller-saved: each call costs a store and a load.
        let least = self.func.call_weight.saturating_mul(2);
        for (index, local) in (0u32..).zip(&self.func.locals) {
            if local.weight > least && matches!(local.ty, ValType::F32 | ValType::F64) {
                heaviest.offer(local.weight, index);
            }
        }
        for (&(_, local), &reg) in heaviest.get().iter().zip(self.file.float_pins) {
            self.st.locals[local as usize].pin = Some(reg.into());
            self.st.float_pins.push(local);
        }
    }

    /// Homes of locals first, for short displacements; then operands, saves, return address.
    fn lay_out(&mut self) {
        let leaf = self.func.is_leaf();
        let st = &mut *self.st;
        let mut at = 0;
        for (state, local) in st.locals.iter_mut().zip(&self.func.locals) {
            let homeless = match state.pin {
                Some(reg) => leaf || !reg.is_float(),
                None => local.weight == 0,
            };
            if !homeless {
                state.home = at;
                at += 8 * local.ty.cells() as i32;
            }
        }
        st.operand_base = at;
        st.operand_cell = if self.func.v128 { 16 } else { 8 };
        at += st.operand_cell * self.func.max_height as i32;
        let saves = 8 * st.frame.saves.len() as i32;
        st.frame.size = ((at + saves) as u32 + 8).next_multiple_of(16);
        // Next to the return address, with what alignment leaves free below them.
        at = st.frame.size as i32 - 8 - saves;
        for (_, disp) in &mut st.frame.saves {
            *disp = at;
            at += 8;
        }
        st.frame.check = !leaf || st.frame.size as usize > SMALL_FRAME;
    }

    /// The prologue: frame, saves, parameters, zeroed locals.
    pub(super) fn enter_function(&mut self) {
        let interruptible = self.cx.options.interruptible && self.st.frame.check;
        self.st.frame.full = interruptible.then(|| self.check(true));
        self.isa.prologue(&self.st.frame);
        if self.listened {
            self.isa.call_listener(false, self.func.func_idx());
        }
        self.zero_homes();
        self.store_params();
        self.move_params();
        self.zero_pins();
        let float_args = self.file.float_args;
        let int_args = self.file.int_args;
        self.poison_free(int_args.map(Reg::int), float_args.map(Reg::float));
    }

    fn poison_free(&mut self, ints: [Reg; 6], floats: [Reg; 8]) {
        if self.cx.options.poison {
            let args = RegSet::of(&ints).union(RegSet::of(&floats));
            let free = args.intersection(self.st.regs.allocatable);
            self.isa.buf().reserve();
            self.isa.clobber(free);
        }
    }

    /// Zeroes the homes of locals that need it, run by run.
    fn zero_homes(&mut self) {
        let mut run: Option<(i32, u32)> = None;
        for index in 0..self.func.locals.len() {
            let (local, state) = (self.func.locals[index], self.st.locals[index]);
            if !local.zeroed || state.pin.is_some() {
                continue;
            }
            let cells = local.ty.cells();
            run = match run {
                Some((start, len)) if start + 8 * len as i32 == state.home => {
                    Some((start, len + cells))
                }
                done => {
                    self.zero_run(done);
                    Some((state.home, cells))
                }
            };
        }
        self.zero_run(run);
    }

    fn zero_run(&mut self, run: Option<(i32, u32)>) {
        match run {
            None => {}
            Some((start, 1)) => self.isa.store_cell_const(Size::S64, Cell::Slot(start), 0),
            Some((start, cells)) => self.isa.zero_slots(start, cells),
        }
        self.isa.buf().reserve();
    }

    fn zero_pins(&mut self) {
        for index in 0..self.func.locals.len() {
            let local = self.func.locals[index];
            if let (true, Some(reg)) = (local.zeroed, self.st.locals[index].pin) {
                self.constant(reg, local.ty, 0);
            }
        }
    }

    /// Stores parameters that live at home, so that their registers are free afterwards.
    fn store_params(&mut self) {
        let mut places = Places::params();
        for index in 0..self.func.params as usize {
            let state = self.st.locals[index];
            let place = places.next(state.ty);
            if state.pin.is_some() || self.func.locals[index].weight == 0 {
                continue;
            }
            self.isa.buf().reserve();
            let (width, home) = (state.ty.width(), Cell::Slot(state.home));
            match place {
                Place::Int(at) => {
                    self.isa
                        .store_cell(width, home, self.file.int_args[at].into());
                }
                Place::Float(at) => {
                    self.isa
                        .store_cell(width, home, self.file.float_args[at].into());
                }
                Place::More(cell) => self.isa.copy_cell(width, home, more(cell)),
            }
        }
    }

    /// Moves parameters into the registers that they are pinned to.
    fn move_params(&mut self) {
        let mut places = Places::params();
        self.st.moves.clear();
        for index in 0..self.func.params as usize {
            let state = self.st.locals[index];
            let place = places.next(state.ty);
            let Some(pin) = state.pin else { continue };
            match place {
                Place::Int(at) => {
                    self.st
                        .moves
                        .push((pin, self.file.int_args[at].into(), state.ty.width()));
                }
                Place::Float(at) => {
                    self.st
                        .moves
                        .push((pin, self.file.float_args[at].into(), state.ty.width()));
                }
                Place::More(_) => {}
            }
        }
        self.resolve_moves();
        let mut places = Places::params();
        for index in 0..self.func.params as usize {
            let state = self.st.locals[index];
            if let (Place::More(cell), Some(pin)) = (places.next(state.ty), state.pin) {
                self.isa.buf().reserve();
                self.isa.load_cell(state.ty.width(), pin, more(cell));
            }
        }
    }

    /// Leaves the function; the results are in place.
    pub(super) fn leave_function(&mut self) {
        if self.listened {
            self.isa.call_listener(true, self.func.func_idx());
        }
        self.isa.epilogue(&self.st.frame);
    }

    /// Does `self.st.moves` at once: (dst, src, width), no two with the same `dst`.
    pub(super) fn resolve_moves(&mut self) {
        let mut moves = std::mem::take(&mut self.st.moves);
        moves.retain(|(dst, src, _)| dst != src);
        while !moves.is_empty() {
            self.isa.buf().reserve();
            let sources = moves.iter().fold(RegSet::EMPTY, |mut set, (_, src, _)| {
                set.insert(*src);
                set
            });
            if let Some(at) = moves.iter().position(|(dst, _, _)| !sources.contains(*dst)) {
                let (dst, src, width) = moves.swap_remove(at);
                self.mov(dst, src, width);
                continue;
            }
            // Only cycles are left. Exchanging puts one value where it belongs, and whoever
            // wanted a value from either register finds it in the other.
            let (a, b, _) = moves.swap_remove(0);
            self.isa.exchange(a, b);
            for (_, src, _) in &mut moves {
                if *src == a {
                    *src = b;
                } else if *src == b {
                    *src = a;
                }
            }
            moves.retain(|(dst, src, _)| dst != src);
        }
        self.st.moves = moves;
    }

    /// `dst = src`, within a class.
    pub(super) fn mov(&mut self, dst: Reg, src: Reg, width: Width) {
        if dst == src {
            return;
        }
        if dst.is_float() {
            self.isa.float_mov(width, dst.fpr(), src.fpr());
        } else {
            let size = if width == Width::W32 {
                Size::S32
            } else {
                Size::S64
            };
            self.isa.mov(size, dst.gpr(), src.gpr());
        }
    }

    /// `dst =` the constant with these bits. Keeps the flags.
    pub(super) fn constant(&mut self, dst: Reg, ty: ValType, bits: u64) {
        let size = if ty.width() == Width::W32 {
            Size::S32
        } else {
            Size::S64
        };
        if dst.is_float() {
            self.isa.float_const(size, dst.fpr(), bits);
        } else {
            self.isa.int_const(size, dst.gpr(), bits);
        }
    }
}

/// A cell of the area for further arguments and results.
pub(super) fn more(cell: usize) -> Cell {
    Cell::Engine(abi::MORE + 8 * cell as i32)
}
