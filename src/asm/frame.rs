//! Frames: which locals are pinned, where homes lie, how a function begins and ends.

use super::abi::{self, Place, Places, SMALL_FRAME};
use super::compile::Pass;
use super::isa::{Cell, Checked, Isa};
use super::regs::{Gpr, Reg, RegSet};
use super::stack::{LocalState, NONE};
use crate::ir::types::{Size, ValType, Width};

/// The most registers of one class that locals are pinned to.
const MAX_PINS: usize = 16;

/// So many are always looked for: without a loop, the comparisons with them cost half as much.
const FEW: usize = 4;

/// Integer registers that no pin takes from the operands. A division with fixed registers needs
/// that many at once: two fixed ones, the divisor, and where the dividend was.
const MIN_OPERANDS: usize = 4;

/// Saving and restoring a callee-saved register costs as much as this many uses of a home.
const SAVE_COST: u32 = 2;

/// The locals of greatest weight, heaviest first.
struct Heaviest {
    /// How many are wanted.
    max: usize,
    /// A weight, and below it the complement of the local's index: of two that weigh the same the
    /// first comes first.
    keys: [u64; MAX_PINS],
    /// Locals that weigh anything, and those that are worth [`SAVE_COST`].
    used: usize,
    heavy: usize,
}

impl Heaviest {
    fn new(max: usize) -> Self {
        Self {
            max: max.min(MAX_PINS),
            keys: [0; MAX_PINS],
            used: 0,
            heavy: 0,
        }
    }

    /// Compares with all, without a branch: which of two is heavier cannot be foreseen.
    #[inline(always)]
    fn offer(&mut self, weight: u32, local: u32) {
        self.used += usize::from(weight > 0);
        self.heavy += usize::from(weight > SAVE_COST);
        let mut key = u64::from(weight) << 32 | u64::from(!local);
        let mut sift = |slot: &mut u64| (*slot, key) = ((*slot).max(key), (*slot).min(key));
        let (few, more) = self.keys.split_at_mut(FEW);
        few.iter_mut().for_each(&mut sift);
        if self.max > FEW {
            more[..self.max - FEW].iter_mut().for_each(&mut sift);
        }
    }

    fn first(&self, count: usize) -> impl Iterator<Item = u32> + Clone {
        self.keys.iter().take(count).map(|&key| !(key as u32))
    }
}

/// The homes that the prologue zeroes: one run.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct ZeroedHomes {
    start: i32,
    cells: u32,
}

impl<I: Isa> Pass<'_, I> {
    /// Pins locals, lays out the frame, and resets everything that belongs to one function.
    #[inline(never)]
    pub(super) fn begin(&mut self) {
        let func = self.func;
        let leaf: &[Gpr] = if func.facts.is_leaf() {
            let spare = self.file.operands.intersection(RegSet::INTS).len() - MIN_OPERANDS;
            &self.file.leaf_pins[..spare.min(self.file.leaf_pins.len())]
        } else {
            &[]
        };
        let st = &mut self.st;
        st.operands.clear();
        st.zeroed_pins.clear();
        st.float_pins.clear();
        st.regs.used = RegSet::EMPTY;
        st.regs.held = RegSet::EMPTY;
        st.regs.allocatable = self.file.operands;
        st.locals.clear();
        st.locals.extend(func.locals.iter().map(|local| LocalState {
            ty: local.ty,
            reg: None,
            pinned: false,
            home: 0,
            pending: NONE,
        }));
        let mut ints = Heaviest::new(leaf.len() + self.file.saved_pins.len());
        if func.facts.floats {
            self.weigh::<true>(&mut ints);
        } else {
            self.weigh::<false>(&mut ints);
        }
        let saved = self.pin_ints(leaf, &ints);
        if func.facts.floats {
            self.pin_floats();
            self.lay_out::<true>(saved);
        } else {
            self.lay_out::<false>(saved);
        }
    }

    /// Offers the integer locals, and counts the cells of homes if none is pinned. `FLOATS`: there
    /// may be floats among the locals.
    #[inline(always)]
    fn weigh<const FLOATS: bool>(&mut self, ints: &mut Heaviest) {
        let (mut zeroed, mut other) = (0, 0);
        for (index, local) in (0u32..).zip(self.func.locals) {
            let cells = if FLOATS { local.ty.cells() } else { 1 };
            zeroed += cells * u32::from(local.zeroed());
            other += cells * u32::from(local.set_first & (local.weight > 0));
            if !(FLOATS && local.ty.is_float()) {
                ints.offer(local.weight, index);
            }
        }
        self.st.zeroed.cells = zeroed;
        self.st.other_cells = other;
    }

    /// Pins the float locals of greatest weight.
    #[inline(never)]
    fn pin_floats(&mut self) {
        let mut floats = Heaviest::new(self.file.float_pins.len());
        // Every float register is caller-saved: each call costs a store and a load.
        let least = self.func.facts.call_weight.saturating_mul(2);
        for (index, local) in (0u32..).zip(self.func.locals) {
            if local.ty.is_float() && local.ty != ValType::V128 && local.weight > least {
                floats.offer(local.weight, index);
            }
        }
        for (local, &reg) in floats.first(floats.used).zip(self.file.float_pins) {
            self.pin(local, reg.into());
            self.st.float_pins.push(local);
        }
    }

    /// Makes `reg` the local throughout the function.
    #[inline]
    fn pin(&mut self, local: u32, reg: Reg) {
        let state = &mut self.st.locals[local as usize];
        state.reg = Some(reg);
        state.pinned = true;
        let cells = state.ty.cells();
        let needs_home = reg.is_float() && !self.func.facts.is_leaf();
        let zeroed = self.func.locals[local as usize].zeroed();
        if zeroed {
            self.st.zeroed_pins.push(local);
        }
        self.st.zeroed.cells -= cells * u32::from(zeroed);
        self.st.other_cells += cells * u32::from(needs_home);
        self.st.other_cells -= cells * u32::from(!zeroed);
    }

    /// Pins the integer locals of greatest weight, to the registers of `leaf` first. Returns how
    /// many callee-saved ones that takes.
    fn pin_ints(&mut self, leaf: &[Gpr], ints: &Heaviest) -> usize {
        // Those beyond the free registers must earn the save.
        let count = ints.heavy.max(ints.used.min(leaf.len())).min(ints.max);
        if !leaf.is_empty() {
            self.pin_in_leaf(leaf, ints.first(count));
            return count.saturating_sub(leaf.len());
        }
        for (local, &reg) in ints.first(count).zip(self.file.saved_pins) {
            self.pin(local, reg.into());
        }
        count
    }

    #[inline(never)]
    fn pin_in_leaf(&mut self, leaf: &[Gpr], chosen: impl Iterator<Item = u32> + Clone) {
        let order = leaf.iter().chain(self.file.saved_pins);
        let mut order = order.map(|&reg| Reg::int(reg));
        let mut regs = RegSet::EMPTY;
        for (reg, _) in order.clone().zip(chosen.clone()) {
            regs.insert(reg);
        }
        let allocatable = &mut self.st.regs.allocatable;
        *allocatable = allocatable.without(regs);
        // A parameter that arrives in one of the registers stays there.
        let mut places = Places::params();
        for index in 0..self.func.facts.params {
            let place = places.next(self.func.locals[index as usize].ty);
            let Place::Int(at) = place else { continue };
            let reg = Reg::int(self.file.int_args[at]);
            if regs.contains(reg) && chosen.clone().any(|local| local == index) {
                self.pin(index, reg);
                regs.remove(reg);
            }
        }
        for local in chosen {
            if !self.st.locals[local as usize].pinned
                && let Some(reg) = order.find(|&reg| regs.contains(reg))
            {
                self.pin(local, reg);
            }
        }
    }

    /// Homes of locals first, for short displacements: those to zero last of them. Then operands,
    /// saves (so many), return address. `FLOATS`: as for [`Self::weigh`].
    #[inline(always)]
    fn lay_out<const FLOATS: bool>(&mut self, saved: usize) {
        let leaf = self.func.facts.is_leaf();
        let st = &mut self.st;
        st.zeroed.start = 8 * st.other_cells as i32;
        let homes = st.other_cells + st.zeroed.cells;
        let (mut other, mut at) = (0, st.zeroed.start);
        let locals = if homes > 0 { self.func.locals } else { &[] };
        for (state, local) in st.locals.iter_mut().zip(locals) {
            // Without a branch: who has a home cannot be foreseen.
            let float_home = FLOATS & local.ty.is_float() & !leaf;
            let has_home = (local.weight > 0) & (!state.pinned | float_home);
            let cells = if FLOATS { local.ty.cells() as i32 } else { 1 };
            let size = 8 * cells * i32::from(has_home);
            let zeroed = local.zeroed() & !state.pinned;
            state.home = if zeroed { at } else { other };
            at += size * i32::from(zeroed);
            other += size * i32::from(!zeroed);
        }
        st.operand_base = at;
        st.operand_cell = if self.func.facts.v128 { 16 } else { 8 };
        at += st.operand_cell * self.func.facts.max_height as i32;
        let saves = 8 * saved as i32;
        st.frame.size = ((at + saves) as u32 + 8).next_multiple_of(16);
        // Next to the return address, with what alignment leaves free below them.
        at = st.frame.size as i32 - 8 - saves;
        st.frame.saves.clear();
        let cells = (at..).step_by(8);
        let regs = self.file.saved_pins[..saved].iter().copied();
        st.frame.saves.extend(regs.zip(cells));
        st.frame.check = !leaf || st.frame.size as usize > SMALL_FRAME;
    }

    /// The prologue: frame, saves, parameters, zeroed locals.
    pub(super) fn enter_function(&mut self) {
        let interruptible = self.cx.options.interruptible && self.st.frame.check;
        self.st.frame.full = interruptible.then(|| self.check(Checked::Entry));
        self.isa.prologue(&self.st.frame);
        if self.listened {
            self.isa.call_listener(false, self.func.facts.func_idx());
        }
        self.zero_homes();
        self.take_params();
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

    /// Zeroes the homes of locals that need it.
    fn zero_homes(&mut self) {
        let ZeroedHomes { start, cells } = self.st.zeroed;
        match cells {
            0 => {}
            1 => self.isa.store_cell_const(Size::S64, Cell::Slot(start), 0),
            _ => self.isa.zero_slots(start, cells),
        }
        self.isa.buf().reserve();
    }

    fn zero_pins(&mut self) {
        for at in 0..self.st.zeroed_pins.len() {
            let state = self.st.locals[self.st.zeroed_pins[at] as usize];
            if let Some(reg) = state.pin() {
                self.constant(reg, state.ty, 0);
            }
        }
    }

    /// Stores parameters that live at home, so that their registers are free afterwards, and
    /// moves the others into the registers that they are pinned to.
    fn take_params(&mut self) {
        let mut places = Places::params();
        self.st.moves.clear();
        let mut pinned_more = false;
        for index in 0..self.func.facts.params as usize {
            let state = self.st.locals[index];
            let place = places.next(state.ty);
            if self.func.locals[index].weight == 0 {
                continue;
            }
            let (width, home) = (state.ty.width(), Cell::Slot(state.home));
            let src = match place {
                Place::Int(at) => Reg::int(self.file.int_args[at]),
                Place::Float(at) => Reg::float(self.file.float_args[at]),
                Place::More(_) if state.pinned => {
                    pinned_more = true;
                    continue;
                }
                Place::More(cell) => {
                    self.isa.buf().reserve();
                    self.isa.copy_cell(width, home, more(cell));
                    continue;
                }
            };
            match state.pin() {
                Some(pin) if pin == src => {}
                Some(pin) if self.file.operands.contains(pin) => {
                    self.st.moves.push((pin, src, width));
                }
                // No parameter arrives there.
                Some(pin) => {
                    self.isa.buf().reserve();
                    self.mov(pin, src, width);
                }
                None => {
                    self.isa.buf().reserve();
                    self.isa.store_cell(width, home, src);
                }
            }
        }
        self.resolve_moves();
        if pinned_more {
            self.load_pinned_params();
        }
    }

    /// Loads pinned parameters that did not arrive in registers.
    fn load_pinned_params(&mut self) {
        let mut places = Places::params();
        for index in 0..self.func.facts.params as usize {
            let state = self.st.locals[index];
            if let (Place::More(cell), Some(pin)) = (places.next(state.ty), state.pin()) {
                self.isa.buf().reserve();
                self.isa.load_cell(state.ty.width(), pin, more(cell));
            }
        }
    }

    /// Leaves the function; the results are in place.
    pub(super) fn leave_function(&mut self) {
        if self.listened {
            self.isa.call_listener(true, self.func.facts.func_idx());
        }
        self.isa.epilogue(&self.st.frame);
    }

    /// Does `self.st.moves` at once: (dst, src, width), no two with the same `dst`.
    pub(super) fn resolve_moves(&mut self) {
        if self.st.moves.is_empty() {
            return;
        }
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
            self.isa.mov(width.size(), dst.gpr(), src.gpr());
        }
    }

    /// `dst =` the constant with these bits. Keeps the flags.
    pub(super) fn constant(&mut self, dst: Reg, ty: ValType, bits: u64) {
        let size = ty.width().size();
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
