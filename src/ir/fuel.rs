//! Fuel: what operators cost, and where a function pays for them.
//!
//! A function pays for a *region* when it begins: a run of operators that are executed one after
//! the other, up to the next place that control may leave or come to. Where regions lie follows
//! from the decoded operators alone, so the same module pays the same on every machine.

use super::lower::Recorder;
use super::op::Op;
use crate::error::OutOfMemory;

/// What a guest pays for, in units of fuel: see
/// [`Config::fuel_costs`](crate::Config::fuel_costs).
///
/// `nop`, `drop`, `block`, `loop`, `else`, `end`, `return` and `unreachable` are free.
///
/// ```
/// use pronto::{Config, Engine, FuelCosts};
///
/// let mut costs = FuelCosts::default();
/// costs.call = 10;
/// let engine = Engine::new(Config::new().consume_fuel(true).fuel_costs(costs))?;
/// # drop(engine);
/// # Ok::<(), pronto::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FuelCosts {
    /// Each operator that no other field names: constants, locals and globals, arithmetic on
    /// integers, comparisons, references. Default: 1.
    pub base: u16,
    /// Integer division and remainder. Default: 1.
    pub division: u16,
    /// Arithmetic on floats, comparison and conversion. Default: 1.
    pub float: u16,
    /// A load or store. Default: 1.
    pub memory: u16,
    /// `br`, `br_if`, `br_table`, `if`. At least 1, since all loops have one. Default: 1.
    pub branch: u16,
    /// `call` and `call_indirect`. At least 1, since all recursion has one. Default: 1.
    pub call: u16,
    /// How many bytes are one unit where an operator works on many: in `memory.fill`, `copy`,
    /// `init` and `grow`, in those of tables (an element is 8 bytes), and in a function that
    /// begins (a declared local is 8 bytes). It is paid beside `base` or `call`; a growth that is
    /// refused, by the type, the limiter or the system, costs nothing beside them, even if the
    /// limiter's error ends the call. 0: nothing is paid. Default: 64.
    pub bulk_bytes: u32,
}

impl Default for FuelCosts {
    fn default() -> Self {
        Self {
            base: 1,
            division: 1,
            float: 1,
            memory: 1,
            branch: 1,
            call: 1,
            bulk_bytes: 64,
        }
    }
}

impl FuelCosts {
    /// What `count` things of `size` bytes cost in bulk.
    pub(crate) fn bulk(&self, count: u64, size: u64) -> u64 {
        match self.bulk_bytes {
            0 => 0,
            // Counts are below 2^33, sizes at most a page.
            bytes => (count * size).div_ceil(bytes.into()),
        }
    }

    /// What an operator costs, by its first byte.
    fn of(&self, code: u8) -> u16 {
        match code {
            // unreachable, nop, block, loop, else, end, return, drop
            0x00..=0x03 | 0x05 | 0x0b | 0x0f | 0x1a => 0,
            0x04 | 0x0c..=0x0e => self.branch,
            0x10 | 0x11 => self.call,
            0x28..=0x3e => self.memory,
            0x6d..=0x70 | 0x7f..=0x82 => self.division,
            0x5b..=0x66 | 0x8b..=0xa6 | 0xa8..=0xab | 0xae..=0xbb => self.float,
            _ => self.base,
        }
    }
}

/// What each operator costs, in a form to look it up.
#[derive(Clone, Debug)]
pub(crate) struct Costs {
    by_code: [u16; 256],
    pub(crate) table: FuelCosts,
}

/// First byte of the operators that are saturating conversions or work in bulk.
const PREFIX: u8 = 0xfc;
/// Of the former: the second byte is at most this.
const LAST_CONVERSION: u8 = 0x07;

impl Costs {
    pub(crate) fn new(table: FuelCosts) -> Self {
        let mut by_code = [0; 256];
        for (cost, code) in by_code.iter_mut().zip(0..=u8::MAX) {
            *cost = table.of(code);
        }
        Self { by_code, table }
    }

    /// What the operator costs that `code` begins with.
    fn of(&self, code: &[u8]) -> u16 {
        match *code {
            [PREFIX, ..=LAST_CONVERSION, ..] => self.table.float,
            [first, ..] => self.by_code[usize::from(first)],
            [] => 0,
        }
    }
}

/// Pays no more at once: what machines can subtract, and two regions still fit into.
const MAX_REGION: u32 = 1 << 30;

/// Adds up the region at hand.
pub(super) struct Meter<'m> {
    costs: &'m Costs,
    /// What the region costs so far.
    cost: u32,
    /// Number of the record that pays for it, if `cost` is not 0.
    record: usize,
}

impl<'m> Meter<'m> {
    /// For a function with so many locals beside its parameters, which begins.
    ///
    /// # Errors
    ///
    /// If the host has no memory.
    pub(super) fn begin(
        costs: &'m Costs,
        locals: u32,
        recorder: &mut Recorder<'_>,
    ) -> Result<Self, OutOfMemory> {
        let mut meter = Self {
            costs,
            cost: 0,
            record: 0,
        };
        recorder.out.records.reserve(1)?;
        // At most 50,000 locals.
        meter.pay(recorder, costs.table.bulk(locals.into(), 8) as u32);
        Ok(meter)
    }

    fn pay(&mut self, recorder: &mut Recorder<'_>, cost: u32) {
        if cost == 0 {
            return;
        }
        if self.cost == 0 {
            self.record = recorder.out.records.len();
            recorder.record(Op::Fuel(0));
        }
        self.cost += cost;
        if self.cost >= MAX_REGION {
            self.end_region(recorder);
        }
    }

    /// The operator that `code` begins with is about to be visited.
    #[inline]
    pub(super) fn before(&mut self, recorder: &mut Recorder<'_>, code: &[u8]) {
        if recorder.live() {
            let cost = self.costs.of(code);
            self.pay(recorder, cost.into());
        }
    }

    /// It has been visited: ends the region if control may leave or come here.
    #[inline]
    pub(super) fn after(&mut self, recorder: &mut Recorder<'_>) {
        let last = recorder.out.records.last_record();
        if last.is_some_and(|last| last.pos == recorder.pos && last.op.ends_region()) {
            self.end_region(recorder);
        }
    }

    fn end_region(&mut self, recorder: &mut Recorder<'_>) {
        if self.cost > 0 {
            let records = &mut recorder.out.records;
            records.replace(self.record, Op::Fuel(self.cost));
            self.cost = 0;
        }
    }
}

impl Op {
    fn ends_region(self) -> bool {
        match self {
            Self::Loop(_)
            | Self::If { .. }
            | Self::Label(_)
            | Self::Br(_)
            | Self::BrIf(..)
            | Self::BrTable { .. }
            | Self::Return
            | Self::Unreachable
            | Self::Call(_)
            | Self::CallIndirect { .. }
            | Self::Builtin(_) => true,
            Self::I32Const(_)
            | Self::I64Const(_)
            | Self::F32Const(_)
            | Self::F64Const(_)
            | Self::RefNull(_)
            | Self::RefFunc(_)
            | Self::RefIsNull
            | Self::LocalGet(_)
            | Self::LocalSet(..)
            | Self::LocalTee(_)
            | Self::GlobalGet(_)
            | Self::GlobalSet(_)
            | Self::Drop
            | Self::Select
            | Self::IntBin(..)
            | Self::Shift(..)
            | Self::Div(..)
            | Self::IntCmp(..)
            | Self::Eqz(..)
            | Self::IntUn(..)
            | Self::FloatBin(..)
            | Self::FloatUn(..)
            | Self::FloatCmp(..)
            | Self::Wrap
            | Self::Extend { .. }
            | Self::Trunc { .. }
            | Self::Convert { .. }
            | Self::Demote
            | Self::Promote
            | Self::FloatToBits(_)
            | Self::BitsToFloat(_)
            | Self::Load { .. }
            | Self::Store { .. }
            | Self::MemorySize(_)
            | Self::Block(_)
            | Self::Fuel(_) => false,
        }
    }
}
