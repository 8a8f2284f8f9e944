//! The single emission pass: its state, and how a function begins and ends. [`super::walk`] is what
//! lies between.
//!
//! The pass owns where values are; the backend owns how instructions look.

use std::slice;

use super::abi::{InstanceLayout, MemoryMode, Place, TrapCode};
use super::code::{CodeBuf, CodeLabel};
use super::frame::ZeroedHomes;
use super::isa::{CheckLabels, Checked, Frame, Isa, IsaOptions};
use super::memory::CheckedLocals;
use super::regs::{Reg, RegFile};
use super::repeat::ShortLoop;
use super::stack::{LocalState, Operand, Registers};
use crate::error::{OutOfMemory, try_renew};
use crate::ir::fuel::Costs;
use crate::ir::func::Lowered;
use crate::ir::module::ModuleInfo;
use crate::ir::records::Record;
use crate::ir::types::{ValType, Width};

/// What every function of a module shares.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Context<'a> {
    pub(crate) module: &'a ModuleInfo,
    pub(crate) layout: &'a InstanceLayout,
    pub(crate) options: IsaOptions,
    /// What operators cost, if the code is to pay for them.
    pub(crate) costs: Option<&'a Costs>,
}

/// State of the function at hand; its buffers are kept from function to function.
///
/// What most records need comes first: instructions are shorter that reach it.
#[derive(Debug, Default)]
#[repr(C)]
pub(super) struct State {
    pub(super) operands: Vec<Operand>,
    /// Operands below this depth are at home or constant (a register may hold a copy).
    pub(super) canonical: usize,
    pub(super) locals: Vec<LocalState>,
    pub(super) operand_base: i32,
    pub(super) operand_cell: i32,
    pub(super) regs: Registers,
    pub(super) bounds: CheckedLocals,
    /// Locals that are pinned and to be zeroed.
    pub(super) zeroed_pins: Vec<u32>,
    /// Locals that are pinned to float registers.
    pub(super) float_pins: Vec<u32>,
    pub(super) zeroed: ZeroedHomes,
    /// Cells of the other homes of locals.
    pub(super) other_cells: u32,
    pub(super) frame: Frame,
    /// (dst, src, width); see `Pass::resolve_moves`.
    pub(super) moves: Vec<(Reg, Reg, Width)>,
    /// Work lists, empty between records.
    pub(super) loads: Vec<(Reg, Operand)>,
    pub(super) places: Vec<Place>,
    pub(super) targets: Vec<CodeLabel>,
    /// Of the function at hand.
    checks: Vec<Check>,
}

/// The code of a record starts here.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RecordStart {
    pub(crate) code: u32,
    /// Index of the record.
    pub(crate) record: usize,
}

/// What a piece of code out of line is for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum OutOfLine {
    Trap(TrapCode),
    Check(Checked),
}

/// A check, whose way to the dispatcher is still to be written.
#[derive(Debug)]
struct Check {
    labels: CheckLabels,
    what: Checked,
    wasm_pos: u32,
}

/// Emits functions, one after the other.
pub(crate) struct Emitter<I> {
    pub(crate) isa: I,
    state: State,
}

/// Where the parts of an emitted function lie, from its first byte.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Emitted {
    pub(crate) entry: u32,
    /// First byte after the prologue.
    pub(crate) body: u32,
    /// First byte of what is out of line.
    pub(crate) cold: u32,
    pub(crate) switch: u32,
    pub(crate) frame: u32,
}

impl<I: Isa> Emitter<I> {
    pub(crate) fn new(options: IsaOptions) -> Self {
        Self {
            isa: I::new(options),
            state: State::default(),
        }
    }

    /// Emits `func` into the backend's buffer. Notes where the code of each record starts, if
    /// someone wants to know; a record that has none was done along with the one before.
    ///
    /// # Errors
    ///
    /// If the host has no memory.
    pub(crate) fn emit(
        &mut self,
        cx: &Context<'_>,
        func: &Lowered<'_>,
        listened: bool,
        mut starts: Option<&mut Vec<RecordStart>>,
    ) -> Result<Emitted, OutOfMemory> {
        self.make_room(cx, func)?;
        for attempt in 0.. {
            self.isa.begin(attempt);
            let mut pass = Pass {
                isa: &mut self.isa,
                st: &mut self.state,
                cx,
                func,
                rest: func.records.iter(),
                file: I::regs(&cx.options),
                listened,
                unchecked: cx.options.mode == MemoryMode::Guard && !cx.options.poison,
                live: true,
                epilogue: None,
                short_loop: None,
                growth: func.records.len(),
            };
            let emitted = pass.run(starts.as_deref_mut());
            if self.isa.finish() {
                self.isa.buf().check()?;
                return Ok(emitted);
            }
        }
        unreachable!("a machine has some branch that reaches")
    }

    /// What of the emitted function is out of line: where it starts, the operator in the module
    /// that it belongs to, and what it is for.
    pub(crate) fn out_of_line(&mut self) -> impl Iterator<Item = (u32, u32, OutOfLine)> {
        let buf: &CodeBuf = self.isa.buf();
        let traps = buf.colds.iter();
        let traps = traps.map(|cold| (cold.label, cold.wasm_pos, OutOfLine::Trap(cold.trap)));
        let checks = self.state.checks.iter();
        let checks = checks.map(|check| {
            let what = OutOfLine::Check(check.what);
            (check.labels.attention, check.wasm_pos, what)
        });
        traps
            .chain(checks)
            .filter_map(|(label, pos, what)| Some((buf.label_offset(label)?, pos, what)))
    }

    /// What grows with the function, but for its code, is not to grow while it is emitted.
    fn make_room(&mut self, cx: &Context<'_>, func: &Lowered<'_>) -> Result<(), OutOfMemory> {
        let (mut records, targets) = (func.records.len(), func.targets.len());
        if cx.options.interruptible {
            // Half of them in the copies of short loops.
            records *= 2;
        }
        let buf = self.isa.buf();
        buf.make_room(records, func.labels.len(), targets)?;
        let st = &mut self.state;
        let what = "a function's values";
        if cx.options.metered || cx.options.interruptible {
            try_renew(&mut st.checks, records, what)?;
        }
        try_renew(&mut st.operands, func.facts.max_height as usize, what)?;
        try_renew(&mut st.locals, func.locals.len(), what)?;
        try_renew(&mut st.targets, targets, what)
    }
}

/// One function's emission.
pub(super) struct Pass<'a, I> {
    pub(super) isa: &'a mut I,
    pub(super) st: &'a mut State,
    pub(super) cx: &'a Context<'a>,
    pub(super) func: &'a Lowered<'a>,
    /// The records behind the one at hand.
    pub(super) rest: slice::Iter<'a, Record>,
    pub(super) file: &'static RegFile,
    pub(super) listened: bool,
    /// Whether addresses that are not constant need no check if their offset is small.
    pub(super) unchecked: bool,
    /// Whether the code at hand can be reached by falling through.
    pub(super) live: bool,
    /// A shared way out, once there is one.
    pub(super) epilogue: Option<CodeLabel>,
    pub(super) short_loop: Option<ShortLoop>,
    /// Records that copies of short loops may still come to.
    pub(super) growth: usize,
}

impl<I: Isa> Pass<'_, I> {
    /// Apart from the loop around it, out of which the compiler would move all that it finds.
    #[inline(never)]
    fn run(&mut self, starts: Option<&mut Vec<RecordStart>>) -> Emitted {
        let func = self.func;
        self.begin();
        self.st.canonical = 0;
        self.st.bounds.clear();
        self.st.checks.clear();
        let buf = self.isa.buf();
        buf.wasm_pos = func.facts.body_pos;
        buf.sites.start(func.facts.body_pos);
        buf.new_labels(func.labels.len());
        let escapes = self.cx.module.escapes[func.facts.func_idx().index()];
        let (switch, entry_label) = (buf.new_label(), buf.new_label());
        buf.reserve();
        if escapes {
            self.isa.indirect_entry(switch);
        }
        let entry = self.isa.buf().offset();
        self.isa.buf().bind(entry_label);
        self.enter_function();
        let body = self.isa.buf().offset();
        match starts {
            None => self.emit_records(),
            Some(starts) => self.emit_noted(starts),
        }
        let cold = self.isa.buf().offset();
        self.cold_traps();
        self.cold_checks();
        self.isa.buf().bind(switch);
        let switch_at = self.isa.buf().offset();
        if escapes {
            self.isa.buf().reserve();
            self.isa.switch_thunk(entry_label);
        }
        Emitted {
            entry,
            body,
            cold,
            switch: switch_at,
            frame: self.st.frame.size,
        }
    }

    /// The code label of a label of the function: they were made first, in order.
    pub(super) fn code_label(label: crate::ir::types::LabelIdx) -> CodeLabel {
        CodeLabel(label.0)
    }

    pub(super) fn unreachable(&mut self) {
        self.isa.trap_site(TrapCode::Unreachable);
        self.live = false;
    }

    /// Traps are raised out of line: a site each, which its address tells from the others.
    fn cold_traps(&mut self) {
        let colds = std::mem::take(&mut self.isa.buf().colds);
        for cold in &colds {
            let buf = self.isa.buf();
            buf.reserve();
            buf.wasm_pos = cold.wasm_pos;
            buf.bind(cold.label);
            self.isa.trap_site(cold.trap);
        }
        self.isa.buf().colds = colds;
    }

    /// Notes a check of the current operator.
    pub(super) fn check(&mut self, what: Checked) -> CheckLabels {
        let buf = self.isa.buf();
        let labels = CheckLabels {
            attention: buf.new_label(),
            passed: buf.new_label(),
        };
        self.st.checks.push(Check {
            labels,
            what,
            wasm_pos: buf.wasm_pos,
        });
        labels
    }

    fn cold_checks(&mut self) {
        let checks = std::mem::take(&mut self.st.checks);
        for check in &checks {
            let buf = self.isa.buf();
            buf.reserve();
            buf.wasm_pos = check.wasm_pos;
            buf.bind(check.labels.attention);
            self.isa.leave_check(check.what, check.labels.passed);
        }
        self.st.checks = checks;
    }

    /// Pays for a region. One that has come back with more fuel pays anew.
    pub(super) fn fuel(&mut self, cost: u32) {
        let labels = self.check(Checked::Fuel(cost));
        self.isa.buf().bind(labels.passed);
        self.isa.charge(cost, labels.attention);
    }

    pub(super) fn push_const(&mut self, ty: ValType, bits: u64) {
        self.push(ty, super::stack::Loc::Const(bits));
    }
}
