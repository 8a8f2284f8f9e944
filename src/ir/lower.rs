//! Validates and lowers one function body in one decode.
//!
//! An operator is decoded by its line in [`super::operators`], or by the reader, and visits
//! [`Lowerer`], which calls the validator, then the [`Recorder`]. The recorder may therefore take
//! everything for granted that validity implies. What it knows of the machine: nothing.

mod visit;

use std::sync::Arc;

use wasmparser::{BinaryReader, FuncValidator, FuncValidatorAllocations};

use self::visit::Reading;
use super::control::Frame;
use super::decode::{Body, invalid, pos};
use super::fuel::{Costs, Meter};
use super::func::{Facts, Func, Label, LabelArgs};
use super::limits::EnforcedLimit;
use super::locals::LocalMap;
use super::module::ModuleInfo;
use super::op::{Below, Op, Src};
use super::operators::{Ahead, Operators};
use super::resources::Resources;
use super::types::{LabelIdx, TypeIdx};
use crate::error::{Error, OutOfMemory, try_reserve};

/// Greatest number of operands on the stack of a function. Bounds the frame, and what a body of a
/// few bytes can make us allocate: one call may push a thousand results.
const MAX_OPERANDS: u32 = 1_000_000;

/// How many values the calls, blocks and branches of a body may move. Real code moves less than
/// one for two bytes; yet two bytes can move two thousand, and a `br_table` that for each target.
const BUDGET: u64 = 16_384;
const BUDGET_PER_BYTE: u64 = 8;
const BUDGET_SPENT: &str = "a body that moves many more values than it has bytes";

/// Lowers function after function, keeping its buffers.
#[derive(Default)]
pub(crate) struct Lowering {
    allocs: FuncValidatorAllocations,
    frames: Vec<Frame>,
    locals: LocalMap,
}

impl Lowering {
    /// Validates `body` (of the module that is `bytes`) and writes its records to `out`. With
    /// `costs`, some of the records pay for others.
    ///
    /// # Errors
    ///
    /// If the body is invalid, or uses what is not supported.
    pub(crate) fn lower(
        &mut self,
        module: &ModuleInfo,
        bytes: &[u8],
        body: &Body,
        costs: Option<&Costs>,
        out: &mut Func,
    ) -> Result<(), Error> {
        let range = body.range();
        let (start, end) = (range.start, range.end);
        let facts = Facts {
            index: body.index,
            ty: body.ty,
            body_pos: pos(start as u64),
            ..Facts::default()
        };
        out.start(facts, end - start)?;

        let validator = body.validator();
        let mut reader =
            BinaryReader::new_features(&bytes[range], start as u64, validator.features);
        let mut validator = validator.into_validator(std::mem::take(&mut self.allocs));
        self.locals
            .define(module, &mut reader, &mut validator, out)?;

        let at = pos(reader.original_position());
        let budget = BUDGET + BUDGET_PER_BYTE * (end - start) as u64;
        let locals = self.locals.declared(out.facts.params);
        let mut recorder = Recorder::new(module, &mut self.frames, &mut self.locals, out);
        recorder.pos = at;
        let meter = match costs {
            Some(costs) => Some(Meter::begin(costs, locals, &mut recorder)?),
            None => None,
        };
        let mut body = Lowerer {
            validator: &mut validator,
            recorder,
            meter,
            module: bytes,
            code: &bytes[..end],
            next: at,
            max_height: 0,
            max_nesting: module.limits.nesting(),
            budget,
            failure: None,
        };
        while body.next < pos(end as u64) {
            if body.meter.is_some() {
                body.steps::<true>();
            } else {
                body.steps::<false>();
            }
        }
        body.finish()?;
        self.allocs = validator.into_allocations();
        Ok(())
    }
}

impl Func {
    /// Forgets the function before; the next one's body has so many bytes.
    ///
    /// # Errors
    ///
    /// If the host has no memory.
    fn start(&mut self, facts: Facts, bytes: usize) -> Result<(), OutOfMemory> {
        self.facts = facts;
        self.labels.clear();
        self.targets.clear();
        self.locals.clear();
        self.records.start(bytes)
    }
}

/// Writes the records of one function.
pub(super) struct Recorder<'m> {
    pub(super) module: &'m ModuleInfo,
    pub(super) out: &'m mut Func,
    /// Blocks around the current operator, without those that began in dead code.
    pub(super) frames: &'m mut Vec<Frame>,
    pub(super) locals: &'m mut LocalMap,
    /// 0 in live code; in dead code 1 + the number of open blocks that began there.
    pub(super) dead: u32,
    /// Operands on the stack before the current operator, if it opens a block.
    pub(super) height: u32,
    /// Offset in the module of the current operator.
    pub(super) pos: u32,
    /// Loops around the current operator.
    pub(super) depth: u32,
    /// 8^depth, capped.
    pub(super) weight: u32,
    /// Whether every operator so far is executed once, in order.
    pub(super) entry: bool,
}

impl<'m> Recorder<'m> {
    fn new(
        module: &'m ModuleInfo,
        frames: &'m mut Vec<Frame>,
        locals: &'m mut LocalMap,
        out: &'m mut Func,
    ) -> Self {
        let ty = TypeIdx(out.facts.ty);
        let results = module.types[ty.index()].results();
        out.labels.push(Label {
            height: 0,
            args: LabelArgs::results(ty, results),
            preds: 0,
        });
        frames.clear();
        frames.push(Frame::function(LabelIdx(0)));
        Self {
            module,
            out,
            frames,
            locals,
            dead: 0,
            height: 0,
            pos: 0,
            depth: 0,
            weight: 1,
            entry: true,
        }
    }

    /// Makes room for so many operators, each of which makes at most so many records. Out of line,
    /// for the sake of the loop that calls it.
    ///
    /// # Errors
    ///
    /// If the host has no memory.
    #[inline(never)]
    fn reserve(&mut self, operators: usize, records: usize) -> Result<(), OutOfMemory> {
        /// An `if` makes two.
        const LABELS: usize = 2;
        let what = "a function's blocks";
        try_reserve(&mut self.out.labels, LABELS * operators, what)?;
        try_reserve(self.frames, operators, what)?;
        self.out.records.reserve(records * operators)
    }

    #[inline]
    pub(super) fn live(&self) -> bool {
        self.dead == 0
    }

    #[inline]
    pub(super) fn record(&mut self, op: Op) {
        self.out.records.push(op, self.pos);
    }

    /// Takes back the last `count` records.
    pub(super) fn unrecord(&mut self, count: usize) {
        self.out.records.pop(count);
    }

    /// The operand on top, taken back if it is a small constant or was just read from a local.
    #[inline]
    pub(super) fn take_src(&mut self) -> Src {
        let src = match self.out.records.last(1) {
            Some(Op::LocalGet(local)) => Src::Local(local),
            Some(Op::I32Const(value)) => Src::Const(value),
            Some(Op::I64Const(value)) if i32::try_from(value).is_ok() => Src::Const(value as i32),
            _ => return Src::Stack,
        };
        self.unrecord(1);
        src
    }

    /// The operand below one that was taken back, if it was just read from a local.
    #[inline]
    pub(super) fn take_below(&mut self, src: Src) -> Below {
        if src != Src::Stack
            && let Some(Op::LocalGet(local)) = self.out.records.last(1)
        {
            self.unrecord(1);
            return Below::new(local);
        }
        Below::STACK
    }

    /// Records an operator that takes two operands, with what is known of them.
    #[inline(always)]
    pub(super) fn two_operands(&mut self, op: impl FnOnce(Below, Src) -> Op) {
        if self.live() {
            let src = self.take_src();
            let below = self.take_below(src);
            self.record(op(below, src));
        }
    }

    /// Records an operator without other effects here.
    #[inline]
    pub(super) fn plain(&mut self, op: Op) {
        if self.live() {
            self.record(op);
        }
    }
}

/// A body on its way through the validator and the recorder. What every operator needs comes first:
/// instructions are shorter that reach it.
#[repr(C)]
struct Lowerer<'m> {
    validator: &'m mut FuncValidator<Arc<Resources>>,
    module: &'m [u8],
    /// Where the operator after the one at hand is.
    next: u32,
    /// Greatest height of the stack so far, but in dead code.
    max_height: u32,
    recorder: Recorder<'m>,
    /// The module up to the body's end.
    code: &'m [u8],
    /// Values that calls, blocks and branches may yet move.
    budget: u64,
    /// How many blocks may lie in each other.
    max_nesting: u32,
    /// Counts what operators cost, if somebody asks.
    meter: Option<Meter<'m>>,
    /// Why lowering ends before its time.
    failure: Option<Error>,
}

/// Where the next operator is after one that failed: nowhere.
const FAILED: u32 = u32::MAX;

impl<'m> Lowerer<'m> {
    /// Where the body ends.
    fn end(&self) -> u32 {
        pos(self.code.len() as u64)
    }

    fn reader(&self, at: u32) -> BinaryReader<'m> {
        let features = *self.validator.features();
        BinaryReader::new_features(&self.code[at as usize..], at.into(), features)
    }

    /// Takes the next operators, as many as there is room for their records.
    fn steps<const METERED: bool>(&mut self) {
        /// Bytes of operators, each of which makes at most two records, and one that pays.
        const BYTES: u32 = 256;

        let end = self.end().min(self.next.saturating_add(BYTES));
        let operators = end.saturating_sub(self.next) as usize;
        if let Err(error) = self.recorder.reserve(operators, 2 + usize::from(METERED)) {
            return self.end_with(error.into());
        }
        let mut ahead = Ahead::new(self.window());
        while self.next < end {
            self.recorder.pos = self.next;
            if METERED && let Some(meter) = &mut self.meter {
                meter.before(&mut self.recorder, &self.module[self.next as usize..]);
            }
            // It may reach beyond the body's end; an operator that does has failed.
            ahead = ahead.visit(self);
            if METERED && let Some(meter) = &mut self.meter {
                meter.after(&mut self.recorder);
            }
            debug_assert!(
                self.validator.operand_stack_height() <= self.max_height
                    || !self.recorder.live()
                    || self.next == FAILED,
                "an operator has pushed that is said not to"
            );
        }
    }

    /// The stack is higher than ever before.
    #[cold]
    #[inline(never)]
    fn grow(&mut self) {
        let height = self.validator.operand_stack_height();
        if height > MAX_OPERANDS {
            self.fail_unsupported("more than a million operands");
        }
        if self.recorder.live() {
            self.max_height = height;
        }
    }

    #[cold]
    fn fail_unsupported(&mut self, what: &str) {
        self.end_with(Error::unsupported(self.recorder.pos as usize, what));
    }

    /// Ends lowering at the operator at hand, unless it has ended.
    #[cold]
    fn end_with(&mut self, error: Error) {
        self.next = FAILED;
        self.failure.get_or_insert(error);
    }

    /// Ends lowering at a block that is too deep.
    #[cold]
    fn too_deep(&mut self) -> wasmparser::Result<()> {
        let depth = u64::from(self.validator.control_stack_height());
        let at = (self.recorder.pos, Some(self.recorder.out.facts.index));
        let limits = &self.recorder.module.limits;
        if let Err(error) = limits.check(EnforcedLimit::Nesting, depth, at) {
            self.end_with(error);
        }
        Self::stop()
    }

    /// An operator that is cut off is that first: [`Self::finish`] finds it.
    #[cold]
    #[inline(never)]
    fn fail(&mut self, error: wasmparser::Error) {
        if self.next <= self.end() || self.next == FAILED {
            self.next = FAILED;
            if self.failure.is_none() {
                self.failure = Some(invalid(error));
            }
        }
    }

    /// Ends lowering at an operator that is valid but not supported.
    #[cold]
    fn unsupported(&mut self, what: &str) -> wasmparser::Result<()> {
        self.fail_unsupported(what);
        Self::stop()
    }

    /// The reader's loop ends on its own kind of error only; the failure precedes it.
    #[cold]
    fn stop() -> wasmparser::Result<()> {
        BinaryReader::new(&[], 0).read_u8().map(|_| ())
    }

    /// After the function's `end` nothing may come, which is the reader's to say.
    #[cold]
    fn closed(&mut self) -> wasmparser::Result<()> {
        let next = self.recorder.pos + 1;
        if next == self.end() {
            return Ok(());
        }
        self.reader(next).visit_operator(&mut Reading(self))?
    }

    /// All operators have been visited, or one has failed.
    fn finish(&mut self) -> Result<(), Error> {
        if self.next != self.end() && self.next != FAILED {
            // The last operator's immediates go beyond the end: the reader tells how.
            let read = self.reader(self.recorder.pos);
            match read.peek_operator(&*self) {
                Ok(_) => unreachable!("its end is beyond what is read"),
                Err(error) => return Err(invalid(error)),
            }
        }
        if let Some(error) = self.failure.take() {
            return Err(error);
        }
        self.recorder.out.facts.max_height = self.max_height;
        self.recorder.locals.finish(self.recorder.out);
        let end = self.end();
        self.reader(end)
            .finish_expression(&self.validator.visitor(end.into()))
            .map_err(invalid)
    }
}
