//! Validates and lowers one function body in one decode.
//!
//! The reader decodes an operator and calls [`Visitor`], which calls the validator, then the
//! [`Recorder`]. The recorder may therefore take everything for granted that validity implies.
//! What it knows of the machine: nothing.

use wasmparser::{
    BinaryReader, BlockType, FrameKind, FrameStack, FuncValidatorAllocations, ModuleArity,
    VisitOperator, WasmFeatures,
};

use super::control::Frame;
use super::decode::{Body, invalid, pos};
use super::func::{Func, Label, LabelArgs};
use super::locals::LocalMap;
use super::module::ModuleInfo;
use super::op::{Op, Src};
use super::operators::{Window, visit_usual};
use super::types::{LabelIdx, TypeIdx};
use crate::error::Error;

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
    /// Validates `body` (of the module that is `bytes`) and writes its records to `out`.
    ///
    /// # Errors
    ///
    /// If the body is invalid, or uses what is not supported.
    pub(crate) fn lower(
        &mut self,
        module: &ModuleInfo,
        bytes: &[u8],
        body: Body,
        out: &mut Func,
    ) -> Result<(), Error> {
        let start = body.range.start as u64;
        let features = body.validator.features;
        let code = &bytes[body.range];
        let mut reader = BinaryReader::new_features(code, start, features);
        out.clear();
        out.index = body.validator.index;
        out.ty = body.validator.ty;
        out.body_pos = pos(start);

        let mut validator = body
            .validator
            .into_validator(std::mem::take(&mut self.allocs));
        let params = module.types[out.ty as usize].params();
        self.locals
            .define(params, &mut reader, &mut validator, out)?;
        // One record per byte, and a return: the loop below never grows the buffers.
        out.ops.reserve(reader.bytes_remaining() + 2);
        out.pos.reserve(reader.bytes_remaining() + 2);

        let mut at = reader.current_position();
        let mut recorder = Recorder::new(module, &mut self.frames, &mut self.locals, out);
        recorder.budget = BUDGET + BUDGET_PER_BYTE * code.len() as u64;
        while at < code.len() {
            let offset = start + at as u64;
            recorder.pos = pos(offset);
            let mut visitor = Visitor {
                validator: validator.visitor(offset),
                recorder: &mut recorder,
            };
            let (len, visited) = visit(&code[at..], offset, features, &mut visitor);
            drop(visitor);
            visited.map_err(|error| recorder.error(error))?;
            at += len;
            recorder.height = validator.operand_stack_height();
            if recorder.height > recorder.out.max_height {
                recorder.grow()?;
            }
        }
        let end = start + at as u64;
        BinaryReader::new(&code[at..], end)
            .finish_expression(&validator.visitor(end))
            .map_err(invalid)?;
        self.allocs = validator.into_allocations();
        Ok(())
    }
}

/// Decodes the operator at the start of `code` and visits it; its length, and what the visitor says.
#[inline]
fn visit<'a, V>(
    code: &'a [u8],
    offset: u64,
    features: WasmFeatures,
    visitor: &mut Visitor<'_, '_, V>,
) -> (usize, wasmparser::Result<()>)
where
    V: VisitOperator<'a, Output = wasmparser::Result<()>> + FrameStack + ModuleArity,
{
    // What follows the function's end is the reader's to reject.
    let open = !visitor.recorder.frames.is_empty();
    if open
        && let Some(window) = Window::new(code)
        && let Some(visited) = visit_usual(window, visitor)
    {
        return visited;
    }
    let mut reader = BinaryReader::new_features(code, offset, features);
    let visited = reader.visit_operator(visitor).and_then(|visited| visited);
    (reader.current_position(), visited)
}

impl Func {
    fn clear(&mut self) {
        let Self {
            index: _,
            ty: _,
            body_pos: _,
            ops,
            pos,
            labels,
            targets,
            locals,
            params: _,
            max_height,
            v128,
            call_weight,
        } = self;
        ops.clear();
        pos.clear();
        labels.clear();
        targets.clear();
        locals.clear();
        *max_height = 0;
        *v128 = false;
        *call_weight = 0;
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
    /// Operands on the stack before the current operator, as the validator counts them.
    pub(super) height: u32,
    /// Offset in the module of the current operator.
    pub(super) pos: u32,
    /// Loops around the current operator.
    pub(super) depth: u32,
    /// 8^depth, capped.
    pub(super) weight: u32,
    /// Whether every operator so far is executed once, in order.
    pub(super) entry: bool,
    /// Values that calls, blocks and branches may yet move.
    budget: u64,
    unsupported: Option<&'static str>,
}

impl<'m> Recorder<'m> {
    fn new(
        module: &'m ModuleInfo,
        frames: &'m mut Vec<Frame>,
        locals: &'m mut LocalMap,
        out: &'m mut Func,
    ) -> Self {
        let ty = TypeIdx(out.ty);
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
            budget: 0,
            unsupported: None,
        }
    }

    #[inline]
    pub(super) fn live(&self) -> bool {
        self.dead == 0
    }

    #[inline]
    pub(super) fn record(&mut self, op: Op) {
        self.out.ops.push(op);
        self.out.pos.push(self.pos);
    }

    /// Takes back the last `count` records.
    pub(super) fn unrecord(&mut self, count: usize) {
        let len = self.out.ops.len() - count;
        self.out.ops.truncate(len);
        self.out.pos.truncate(len);
    }

    /// The operand on top, taken back if it is a small constant or was just read from a local.
    #[inline]
    pub(super) fn take_src(&mut self) -> Src {
        let src = match self.out.ops.last() {
            Some(&Op::LocalGet(local)) => Src::Local(local),
            Some(&Op::I32Const(value)) => Src::Const(value),
            Some(&Op::I64Const(value)) if i32::try_from(value).is_ok() => Src::Const(value as i32),
            _ => return Src::Stack,
        };
        self.unrecord(1);
        src
    }

    /// Records an operator without other effects here.
    #[inline]
    pub(super) fn plain(&mut self, op: Op) {
        if self.live() {
            self.record(op);
        }
    }

    /// The stack is higher than ever before.
    #[cold]
    fn grow(&mut self) -> Result<(), Error> {
        if self.height > MAX_OPERANDS {
            let what = "more than a million operands";
            return Err(Error::unsupported(self.pos as usize, what));
        }
        if self.live() {
            self.out.max_height = self.height;
        }
        Ok(())
    }

    /// Ends lowering at an operator that is valid but not supported.
    #[cold]
    fn unsupported(&mut self, operator: &'static str) -> wasmparser::Result<()> {
        self.unsupported = Some(operator);
        // The reader's loop ends on its own kind of error only; `error` replaces it.
        BinaryReader::new(&[], u64::from(self.pos))
            .read_u8()
            .map(|_| ())
    }

    #[cold]
    fn error(&self, error: wasmparser::Error) -> Error {
        match self.unsupported {
            Some(operator) => Error::unsupported(self.pos as usize, operator),
            None => invalid(error),
        }
    }
}

/// Gives each operator to the validator, then to the recorder.
struct Visitor<'r, 'm, V> {
    validator: V,
    recorder: &'r mut Recorder<'m>,
}

impl<V: FrameStack> FrameStack for Visitor<'_, '_, V> {
    #[inline]
    fn current_frame(&self) -> Option<FrameKind> {
        self.validator.current_frame()
    }
}

/// Operators of few bytes can move thousands of values. These methods run before the validator,
/// which looks at each value: indices may be wrong, which is its to say.
impl<V: ModuleArity> Visitor<'_, '_, V> {
    fn charge(&mut self, values: u64) -> wasmparser::Result<()> {
        match self.recorder.budget.checked_sub(values) {
            Some(left) => self.recorder.budget = left,
            None => return self.recorder.unsupported(BUDGET_SPENT),
        }
        Ok(())
    }

    fn charge_type(&mut self, ty: u32) -> wasmparser::Result<()> {
        let ty = self.recorder.module.types.get(ty as usize);
        self.charge(ty.map_or(0, |ty| ty.all().len() as u64))
    }

    fn charge_call(&mut self, func: u32) -> wasmparser::Result<()> {
        match self.recorder.module.funcs.get(func as usize) {
            Some(ty) => self.charge_type(ty.0),
            None => Ok(()),
        }
    }

    fn charge_block(&mut self, ty: BlockType) -> wasmparser::Result<()> {
        match ty {
            BlockType::Empty | BlockType::Type(_) => Ok(()),
            BlockType::FuncType(ty) => self.charge_type(ty),
        }
    }

    /// Charges for branches that go where one with this depth goes, or as far.
    fn charge_branches(&mut self, depth: u32, count: u32) -> wasmparser::Result<()> {
        let Some((BlockType::FuncType(ty), _)) = self.validator.label_block(depth) else {
            return Ok(());
        };
        let ty = self.recorder.module.types.get(ty as usize);
        let values = ty.map_or(0, |ty| ty.all().len() as u64);
        self.charge(values * u64::from(count))
    }
}

/// The visitor's methods, which are calls even from the hot loop: inlining them there costs more
/// in registers than it saves (1.32 of validation's time instead of 1.21). Operators of these
/// proposals go to the recorder's method of the same name, all others are not supported.
macro_rules! visit {
    ($(@$proposal:ident $op:ident $({ $($arg:ident: $ty:ty),* })? => $visit:ident ($($ann:tt)*))*) => {$(
        fn $visit(&mut self $($(, $arg: $ty)*)?) -> Self::Output {
            visit!(@$proposal self $op $visit $($($arg),*)?)
        }
    )*};
    (@mvp $($rest:tt)*) => { visit!(supported $($rest)*) };
    (@sign_extension $($rest:tt)*) => { visit!(supported $($rest)*) };
    (@saturating_float_to_int $($rest:tt)*) => { visit!(supported $($rest)*) };
    (@bulk_memory $($rest:tt)*) => { visit!(supported $($rest)*) };
    (@reference_types $($rest:tt)*) => { visit!(supported $($rest)*) };
    (@$proposal:ident $self:ident $op:ident $visit:ident $($arg:ident),*) => {{
        $self.validator.$visit($($arg),*)?;
        $self.recorder.unsupported(stringify!($op))
    }};
    (supported $self:ident $op:ident $visit:ident $($arg:ident),*) => {{
        visit!(charge $self $op $($arg),*);
        $self.validator.$visit($($arg.clone()),*)?;
        $self.recorder.$visit($($arg),*);
        Ok(())
    }};
    // Operators that move as many values as a type says.
    (charge $self:ident Br $depth:ident) => { $self.charge_branches($depth, 1)? };
    (charge $self:ident BrIf $depth:ident) => { $self.charge_branches($depth, 1)? };
    (charge $self:ident BrTable $table:ident) => {
        $self.charge_branches($table.default(), $table.len())?
    };
    (charge $self:ident Call $func:ident) => { $self.charge_call($func)? };
    (charge $self:ident CallIndirect $ty:ident, $table:ident) => { $self.charge_type($ty)? };
    (charge $self:ident Block $ty:ident) => { $self.charge_block($ty)? };
    (charge $self:ident Loop $ty:ident) => { $self.charge_block($ty)? };
    (charge $self:ident If $ty:ident) => { $self.charge_block($ty)? };
    (charge $self:ident $op:ident $($arg:ident),*) => {};
}

#[allow(
    clippy::clone_on_copy,
    reason = "one macro for immediates that are Copy and not"
)]
impl<'a, V> VisitOperator<'a> for Visitor<'_, '_, V>
where
    V: VisitOperator<'a, Output = wasmparser::Result<()>> + ModuleArity,
{
    type Output = wasmparser::Result<()>;

    wasmparser::for_each_visit_operator!(visit);
}
