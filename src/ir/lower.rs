//! Validates and lowers one function body in one decode.
//!
//! The reader decodes an operator and calls [`Visitor`], which calls the validator, then the
//! [`Recorder`]. The recorder may therefore take everything for granted that validity implies.
//! What it knows of the machine: nothing.

use wasmparser::{BinaryReader, FrameKind, FrameStack, FuncValidatorAllocations, VisitOperator};

use super::control::Frame;
use super::decode::{Body, invalid, pos};
use super::func::{Func, Label, LabelArgs, Local};
use super::module::ModuleInfo;
use super::op::{Div, FloatBin, FloatCmp, FloatUn, IntBin, IntCmp, IntUn, Op, Shift};
use super::sections::val_type;
use super::types::Size::{S32, S64};
use super::types::{LabelIdx, TypeIdx, ValType};
use crate::error::Error;

/// Greatest number of operands on the stack of a function. Bounds the frame, and what a body of a
/// few bytes can make us allocate: one call may push a thousand results.
const MAX_OPERANDS: u32 = 1_000_000;

/// Lowers function after function, keeping its buffers.
#[derive(Default)]
pub(crate) struct Lowering {
    allocs: FuncValidatorAllocations,
    frames: Vec<Frame>,
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
        let mut reader = BinaryReader::new_features(&bytes[body.range], start, features);
        out.clear();
        out.index = body.validator.index;
        out.ty = body.validator.ty;
        out.body_pos = pos(start);

        let mut validator = body
            .validator
            .into_validator(std::mem::take(&mut self.allocs));
        define_locals(module, &mut reader, &mut validator, out)?;
        // One record per byte, and a return: the loop below never grows the buffers.
        out.ops.reserve(reader.bytes_remaining() + 2);
        out.pos.reserve(reader.bytes_remaining() + 2);

        let mut recorder = Recorder::new(module, &mut self.frames, out);
        while !reader.eof() {
            let offset = reader.original_position();
            recorder.pos = pos(offset);
            let visited = reader.visit_operator(&mut Visitor {
                validator: validator.visitor(offset),
                recorder: &mut recorder,
            });
            if let Err(error) | Ok(Err(error)) = visited {
                return Err(recorder.error(error));
            }
            let height = validator.operand_stack_height();
            debug_assert!(!recorder.live() || recorder.height == height);
            if height > MAX_OPERANDS {
                return Err(Error::unsupported(
                    recorder.pos as usize,
                    "more than a million operands",
                ));
            }
        }
        let end = reader.original_position();
        reader
            .finish_expression(&validator.visitor(end))
            .map_err(invalid)?;
        self.allocs = validator.into_allocations();
        Ok(())
    }
}

/// Reads the declarations of locals into the validator and into `out`, after the parameters.
fn define_locals(
    module: &ModuleInfo,
    reader: &mut BinaryReader<'_>,
    validator: &mut wasmparser::FuncValidator<wasmparser::ValidatorResources>,
    out: &mut Func,
) -> Result<(), Error> {
    let params = module.types[out.ty as usize].params();
    out.params = params.len() as u32;
    out.locals.extend(params.iter().map(|ty| Local {
        ty: *ty,
        weight: 0,
        zeroed: false,
    }));
    for _ in 0..reader.read_var_u32().map_err(invalid)? {
        let offset = reader.original_position();
        let count: u32 = reader.read().map_err(invalid)?;
        let ty = reader.read().map_err(invalid)?;
        // Checks that the type is valid and the sum of the counts is reasonable.
        validator
            .define_locals(offset, count, ty)
            .map_err(invalid)?;
        let local = Local {
            ty: val_type(offset, ty)?,
            weight: 0,
            zeroed: false,
        };
        out.locals
            .extend(std::iter::repeat_n(local, count as usize));
    }
    out.v128 = out.locals.iter().any(|local| local.ty == ValType::V128);
    Ok(())
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
    /// 0 in live code; in dead code 1 + the number of open blocks that began there.
    pub(super) dead: u32,
    /// Operands on the stack, in live code.
    pub(super) height: u32,
    /// Offset in the module of the current operator.
    pub(super) pos: u32,
    /// Loops around the current operator.
    pub(super) depth: u32,
    /// 8^depth, capped.
    pub(super) weight: u32,
    /// Whether every operator so far is executed once, in order.
    pub(super) entry: bool,
    unsupported: Option<&'static str>,
}

impl<'m> Recorder<'m> {
    fn new(module: &'m ModuleInfo, frames: &'m mut Vec<Frame>, out: &'m mut Func) -> Self {
        let ty = TypeIdx(out.ty);
        let results = module.types[ty.index()].results();
        out.labels.push(Label {
            height: 0,
            args: LabelArgs::results(ty, results),
            preds: 0,
        });
        frames.clear();
        frames.push(Frame::function(LabelIdx(0), results.len() as u32));
        Self {
            module,
            out,
            frames,
            dead: 0,
            height: 0,
            pos: 0,
            depth: 0,
            weight: 1,
            entry: true,
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

    #[inline]
    pub(super) fn pushed(&mut self, count: u32) {
        self.height += count;
        self.out.max_height = self.out.max_height.max(self.height);
    }

    /// Records an operator that pushes one value and pops none.
    #[inline]
    pub(super) fn push(&mut self, op: Op) {
        if self.live() {
            self.pushed(1);
            self.record(op);
        }
    }

    #[inline]
    fn unary(&mut self, op: Op) {
        if self.live() {
            self.record(op);
        }
    }

    #[inline]
    fn binary(&mut self, op: Op) {
        if self.live() {
            self.height -= 1;
            self.record(op);
        }
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

/// The visitor's methods: operators of these proposals go to the recorder's method of the same
/// name, all others are not supported.
macro_rules! visit {
    ($(@$proposal:ident $op:ident $({ $($arg:ident: $ty:ty),* })? => $visit:ident ($($ann:tt)*))*) => {$(
        #[inline]
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
        $self.validator.$visit($($arg.clone()),*)?;
        $self.recorder.$visit($($arg),*);
        Ok(())
    }};
}

#[allow(
    clippy::clone_on_copy,
    reason = "one macro for immediates that are Copy and not"
)]
impl<'a, V> VisitOperator<'a> for Visitor<'_, '_, V>
where
    V: VisitOperator<'a, Output = wasmparser::Result<()>>,
{
    type Output = wasmparser::Result<()>;

    wasmparser::for_each_visit_operator!(visit);
}

/// Operators without immediates that pop operands and push a result: name, then record.
macro_rules! plain_ops {
    ($arity:ident: $($visit:ident => $op:expr;)*) => {
        impl Recorder<'_> {$(
            #[inline]
            fn $visit(&mut self) {
                self.$arity($op);
            }
        )*}
    };
}

plain_ops! { unary:
    visit_i32_clz => Op::IntUn(IntUn::Clz, S32);
    visit_i32_ctz => Op::IntUn(IntUn::Ctz, S32);
    visit_i32_popcnt => Op::IntUn(IntUn::Popcnt, S32);
    visit_i64_clz => Op::IntUn(IntUn::Clz, S64);
    visit_i64_ctz => Op::IntUn(IntUn::Ctz, S64);
    visit_i64_popcnt => Op::IntUn(IntUn::Popcnt, S64);
    visit_i32_extend8_s => Op::IntUn(IntUn::Extend8S, S32);
    visit_i32_extend16_s => Op::IntUn(IntUn::Extend16S, S32);
    visit_i64_extend8_s => Op::IntUn(IntUn::Extend8S, S64);
    visit_i64_extend16_s => Op::IntUn(IntUn::Extend16S, S64);
    visit_i64_extend32_s => Op::IntUn(IntUn::Extend32S, S64);
    visit_i64_eqz => Op::Eqz(S64);

    visit_f32_abs => Op::FloatUn(FloatUn::Abs, S32);
    visit_f32_neg => Op::FloatUn(FloatUn::Neg, S32);
    visit_f32_ceil => Op::FloatUn(FloatUn::Ceil, S32);
    visit_f32_floor => Op::FloatUn(FloatUn::Floor, S32);
    visit_f32_trunc => Op::FloatUn(FloatUn::Trunc, S32);
    visit_f32_nearest => Op::FloatUn(FloatUn::Nearest, S32);
    visit_f32_sqrt => Op::FloatUn(FloatUn::Sqrt, S32);
    visit_f64_abs => Op::FloatUn(FloatUn::Abs, S64);
    visit_f64_neg => Op::FloatUn(FloatUn::Neg, S64);
    visit_f64_ceil => Op::FloatUn(FloatUn::Ceil, S64);
    visit_f64_floor => Op::FloatUn(FloatUn::Floor, S64);
    visit_f64_trunc => Op::FloatUn(FloatUn::Trunc, S64);
    visit_f64_nearest => Op::FloatUn(FloatUn::Nearest, S64);
    visit_f64_sqrt => Op::FloatUn(FloatUn::Sqrt, S64);

    visit_i32_wrap_i64 => Op::Wrap;
    visit_i64_extend_i32_s => Op::Extend { signed: true };
    visit_i64_extend_i32_u => Op::Extend { signed: false };
    visit_i32_trunc_f32_s => Op::Trunc { from: S32, to: S32, signed: true, sat: false };
    visit_i32_trunc_f32_u => Op::Trunc { from: S32, to: S32, signed: false, sat: false };
    visit_i32_trunc_f64_s => Op::Trunc { from: S64, to: S32, signed: true, sat: false };
    visit_i32_trunc_f64_u => Op::Trunc { from: S64, to: S32, signed: false, sat: false };
    visit_i64_trunc_f32_s => Op::Trunc { from: S32, to: S64, signed: true, sat: false };
    visit_i64_trunc_f32_u => Op::Trunc { from: S32, to: S64, signed: false, sat: false };
    visit_i64_trunc_f64_s => Op::Trunc { from: S64, to: S64, signed: true, sat: false };
    visit_i64_trunc_f64_u => Op::Trunc { from: S64, to: S64, signed: false, sat: false };
    visit_i32_trunc_sat_f32_s => Op::Trunc { from: S32, to: S32, signed: true, sat: true };
    visit_i32_trunc_sat_f32_u => Op::Trunc { from: S32, to: S32, signed: false, sat: true };
    visit_i32_trunc_sat_f64_s => Op::Trunc { from: S64, to: S32, signed: true, sat: true };
    visit_i32_trunc_sat_f64_u => Op::Trunc { from: S64, to: S32, signed: false, sat: true };
    visit_i64_trunc_sat_f32_s => Op::Trunc { from: S32, to: S64, signed: true, sat: true };
    visit_i64_trunc_sat_f32_u => Op::Trunc { from: S32, to: S64, signed: false, sat: true };
    visit_i64_trunc_sat_f64_s => Op::Trunc { from: S64, to: S64, signed: true, sat: true };
    visit_i64_trunc_sat_f64_u => Op::Trunc { from: S64, to: S64, signed: false, sat: true };
    visit_f32_convert_i32_s => Op::Convert { from: S32, to: S32, signed: true };
    visit_f32_convert_i32_u => Op::Convert { from: S32, to: S32, signed: false };
    visit_f32_convert_i64_s => Op::Convert { from: S64, to: S32, signed: true };
    visit_f32_convert_i64_u => Op::Convert { from: S64, to: S32, signed: false };
    visit_f64_convert_i32_s => Op::Convert { from: S32, to: S64, signed: true };
    visit_f64_convert_i32_u => Op::Convert { from: S32, to: S64, signed: false };
    visit_f64_convert_i64_s => Op::Convert { from: S64, to: S64, signed: true };
    visit_f64_convert_i64_u => Op::Convert { from: S64, to: S64, signed: false };
    visit_f32_demote_f64 => Op::Demote;
    visit_f64_promote_f32 => Op::Promote;
    visit_i32_reinterpret_f32 => Op::FloatToBits(S32);
    visit_i64_reinterpret_f64 => Op::FloatToBits(S64);
    visit_f32_reinterpret_i32 => Op::BitsToFloat(S32);
    visit_f64_reinterpret_i64 => Op::BitsToFloat(S64);

    visit_ref_is_null => Op::RefIsNull;
}

plain_ops! { binary:
    visit_i32_add => Op::IntBin(IntBin::Add, S32);
    visit_i32_sub => Op::IntBin(IntBin::Sub, S32);
    visit_i32_mul => Op::IntBin(IntBin::Mul, S32);
    visit_i32_and => Op::IntBin(IntBin::And, S32);
    visit_i32_or => Op::IntBin(IntBin::Or, S32);
    visit_i32_xor => Op::IntBin(IntBin::Xor, S32);
    visit_i64_add => Op::IntBin(IntBin::Add, S64);
    visit_i64_sub => Op::IntBin(IntBin::Sub, S64);
    visit_i64_mul => Op::IntBin(IntBin::Mul, S64);
    visit_i64_and => Op::IntBin(IntBin::And, S64);
    visit_i64_or => Op::IntBin(IntBin::Or, S64);
    visit_i64_xor => Op::IntBin(IntBin::Xor, S64);

    visit_i32_shl => Op::Shift(Shift::Shl, S32);
    visit_i32_shr_s => Op::Shift(Shift::ShrS, S32);
    visit_i32_shr_u => Op::Shift(Shift::ShrU, S32);
    visit_i32_rotl => Op::Shift(Shift::Rotl, S32);
    visit_i32_rotr => Op::Shift(Shift::Rotr, S32);
    visit_i64_shl => Op::Shift(Shift::Shl, S64);
    visit_i64_shr_s => Op::Shift(Shift::ShrS, S64);
    visit_i64_shr_u => Op::Shift(Shift::ShrU, S64);
    visit_i64_rotl => Op::Shift(Shift::Rotl, S64);
    visit_i64_rotr => Op::Shift(Shift::Rotr, S64);

    visit_i32_div_s => Op::Div(Div::DivS, S32);
    visit_i32_div_u => Op::Div(Div::DivU, S32);
    visit_i32_rem_s => Op::Div(Div::RemS, S32);
    visit_i32_rem_u => Op::Div(Div::RemU, S32);
    visit_i64_div_s => Op::Div(Div::DivS, S64);
    visit_i64_div_u => Op::Div(Div::DivU, S64);
    visit_i64_rem_s => Op::Div(Div::RemS, S64);
    visit_i64_rem_u => Op::Div(Div::RemU, S64);

    visit_i32_eq => Op::IntCmp(IntCmp::Eq, S32);
    visit_i32_ne => Op::IntCmp(IntCmp::Ne, S32);
    visit_i32_lt_s => Op::IntCmp(IntCmp::LtS, S32);
    visit_i32_lt_u => Op::IntCmp(IntCmp::LtU, S32);
    visit_i32_gt_s => Op::IntCmp(IntCmp::GtS, S32);
    visit_i32_gt_u => Op::IntCmp(IntCmp::GtU, S32);
    visit_i32_le_s => Op::IntCmp(IntCmp::LeS, S32);
    visit_i32_le_u => Op::IntCmp(IntCmp::LeU, S32);
    visit_i32_ge_s => Op::IntCmp(IntCmp::GeS, S32);
    visit_i32_ge_u => Op::IntCmp(IntCmp::GeU, S32);
    visit_i64_eq => Op::IntCmp(IntCmp::Eq, S64);
    visit_i64_ne => Op::IntCmp(IntCmp::Ne, S64);
    visit_i64_lt_s => Op::IntCmp(IntCmp::LtS, S64);
    visit_i64_lt_u => Op::IntCmp(IntCmp::LtU, S64);
    visit_i64_gt_s => Op::IntCmp(IntCmp::GtS, S64);
    visit_i64_gt_u => Op::IntCmp(IntCmp::GtU, S64);
    visit_i64_le_s => Op::IntCmp(IntCmp::LeS, S64);
    visit_i64_le_u => Op::IntCmp(IntCmp::LeU, S64);
    visit_i64_ge_s => Op::IntCmp(IntCmp::GeS, S64);
    visit_i64_ge_u => Op::IntCmp(IntCmp::GeU, S64);

    visit_f32_add => Op::FloatBin(FloatBin::Add, S32);
    visit_f32_sub => Op::FloatBin(FloatBin::Sub, S32);
    visit_f32_mul => Op::FloatBin(FloatBin::Mul, S32);
    visit_f32_div => Op::FloatBin(FloatBin::Div, S32);
    visit_f32_min => Op::FloatBin(FloatBin::Min, S32);
    visit_f32_max => Op::FloatBin(FloatBin::Max, S32);
    visit_f32_copysign => Op::FloatBin(FloatBin::Copysign, S32);
    visit_f64_add => Op::FloatBin(FloatBin::Add, S64);
    visit_f64_sub => Op::FloatBin(FloatBin::Sub, S64);
    visit_f64_mul => Op::FloatBin(FloatBin::Mul, S64);
    visit_f64_div => Op::FloatBin(FloatBin::Div, S64);
    visit_f64_min => Op::FloatBin(FloatBin::Min, S64);
    visit_f64_max => Op::FloatBin(FloatBin::Max, S64);
    visit_f64_copysign => Op::FloatBin(FloatBin::Copysign, S64);

    visit_f32_eq => Op::FloatCmp(FloatCmp::Eq, S32);
    visit_f32_ne => Op::FloatCmp(FloatCmp::Ne, S32);
    visit_f32_lt => Op::FloatCmp(FloatCmp::Lt, S32);
    visit_f32_gt => Op::FloatCmp(FloatCmp::Gt, S32);
    visit_f32_le => Op::FloatCmp(FloatCmp::Le, S32);
    visit_f32_ge => Op::FloatCmp(FloatCmp::Ge, S32);
    visit_f64_eq => Op::FloatCmp(FloatCmp::Eq, S64);
    visit_f64_ne => Op::FloatCmp(FloatCmp::Ne, S64);
    visit_f64_lt => Op::FloatCmp(FloatCmp::Lt, S64);
    visit_f64_gt => Op::FloatCmp(FloatCmp::Gt, S64);
    visit_f64_le => Op::FloatCmp(FloatCmp::Le, S64);
    visit_f64_ge => Op::FloatCmp(FloatCmp::Ge, S64);
}
