//! The operators by number: how their usual forms are decoded, and what is recorded for those that
//! only compute.
//!
//! wasmparser's reader decodes every form of every operator; it costs as much as validation. Of
//! real code, nineteen operators in twenty have immediates of few bytes; these are decoded here,
//! from one word. What is not in the table, or not in its usual form, goes to the reader, and so
//! does whatever is malformed: the reader finds the words.

use std::marker::PhantomData;

use wasmparser::{BlockType, Ieee32, MemArg, MemArgTarget, VisitOperator};

use super::alike::Alike;
use super::lower::Recorder;
use super::op::{Div, FloatBin, FloatCmp, FloatUn, IntBin, IntCmp, IntUn, Load, Op, Shift, Store};
use super::types::Size::{S32, S64};
use super::types::ValType::{F32, F64, I32, I64};

/// An operator's first bytes, the opcode lowest.
#[derive(Clone, Copy)]
pub(super) struct Window(u64);

impl Window {
    /// What is at `at`; `None` near the end of the module.
    #[inline(always)]
    pub(super) fn new(module: &[u8], at: u32) -> Option<Self> {
        let word = module.get(at as usize..at as usize + 8)?;
        Some(Self(u64::from_le_bytes(word.try_into().ok()?)))
    }

    #[inline(always)]
    fn code(self) -> u8 {
        self.0 as u8
    }

    /// LEB128 after the opcode, and how many bytes it has.
    #[inline(always)]
    fn unsigned(self) -> Option<(u32, u32)> {
        let word = (self.0 >> 8) as u32;
        if word & 0x80 == 0 {
            Some((word & 0x7f, 1))
        } else if word & 0x8000 == 0 {
            Some((word & 0x7f | word >> 1 & 0x3f80, 2))
        } else {
            self.unsigned_long()
        }
    }

    /// The same for three to five bytes: linkers leave room for the largest number.
    #[inline(never)]
    fn unsigned_long(self) -> Option<(u32, u32)> {
        let (value, len) = self.leb128()?;
        Some((u32::try_from(value).ok()?, len)).filter(|_| len <= 5)
    }

    /// The groups of up to seven bytes, without a sign.
    #[inline(always)]
    fn leb128(self) -> Option<(u64, u32)> {
        let word = self.0 >> 8;
        let last = (!word & 0x80_8080_8080_8080).trailing_zeros();
        if last == 64 {
            return None;
        }
        // The bits up to the last group's, seven for each byte.
        let bits = word & (u64::MAX >> (63 - last)) & 0x7f_7f7f_7f7f_7f7f;
        let bits = (bits & 0x007f_007f_007f_007f) | (bits & 0x7f00_7f00_7f00_7f00) >> 1;
        let bits = (bits & 0x0000_3fff_0000_3fff) | (bits & 0x3fff_0000_3fff_0000) >> 2;
        let bits = (bits & 0x0fff_ffff) | (bits & 0x0fff_ffff_0000_0000) >> 4;
        Some((bits, last / 8 + 1))
    }

    #[inline(always)]
    fn signed(self) -> Option<(i32, u32)> {
        let word = (self.0 >> 8) as u32;
        if word & 0x80 == 0 {
            Some(((word << 25) as i32 >> 25, 1))
        } else if word & 0x8000 == 0 {
            let word = word & 0x7f | word >> 1 & 0x3f80;
            Some(((word << 18) as i32 >> 18, 2))
        } else {
            self.signed_long()
        }
    }

    #[inline(never)]
    fn signed_long(self) -> Option<(i32, u32)> {
        let (value, len) = self.long_signed()?;
        Some((i32::try_from(value).ok()?, len)).filter(|_| len <= 5)
    }

    #[inline(always)]
    fn long_signed(self) -> Option<(i64, u32)> {
        let (value, len) = self.leb128()?;
        let unused = 64 - 7 * len;
        Some((((value << unused) as i64) >> unused, len))
    }

    #[inline(always)]
    fn float32(self) -> Option<(Ieee32, u32)> {
        Some((f32::from_bits((self.0 >> 8) as u32).into(), 4))
    }

    /// Alignment without flags, then the offset.
    #[inline(always)]
    fn memarg(self, max_align: u8) -> Option<(MemArg, u32)> {
        let align = (self.0 >> 8) as u8;
        if align >= 0x10 {
            return None;
        }
        let (offset, len) = Self(self.0 >> 8).unsigned()?;
        let arg = MemArg {
            align,
            max_align,
            offset: offset.into(),
            target: MemArgTarget::Memory(0),
            ordering: None,
        };
        Some((arg, 1 + len))
    }

    #[inline(always)]
    fn block_type(self) -> Option<(BlockType, u32)> {
        use wasmparser::ValType::{F32, F64, I32, I64};

        let ty = match (self.0 >> 8) as u8 {
            0x40 => return Some((BlockType::Empty, 1)),
            0x7f => I32,
            0x7e => I64,
            0x7d => F32,
            0x7c => F64,
            _ => return None,
        };
        Some((BlockType::Type(ty), 1))
    }
}

/// What the operators of a body go to, one after the other.
pub(super) trait Operators<'a>: VisitOperator<'a> {
    /// Visits the operator at hand, which is not in its usual form.
    fn unusual(&mut self);

    /// The operator at hand, which is about to be visited, has so many bytes. Returns those behind
    /// it, or none near the end of the module.
    fn advance(&mut self, bytes: u32) -> Option<Window>;

    /// The first bytes of the operator to visit next; none near the end of the module.
    fn window(&self) -> Option<Window>;

    /// The operator at hand was visited.
    fn visited(&mut self, output: Self::Output);

    /// It may have pushed more operands than it took.
    fn pushed(&mut self);

    /// Visits an operator as all that are alike, or by the method for it alone.
    fn visit_alike<T: Alike>(
        &mut self,
        op: T,
        immediate: T::Immediate,
        alone: fn(&mut Self, T::Immediate) -> Self::Output,
    ) -> Self::Output;
}

/// An operator that is still to be decoded and visited: its first bytes, and how.
///
/// Which operator comes next cannot be foreseen, and the processor waits until the jump to its
/// visitor is known. So it is looked up before the one at hand is visited, not after.
pub(super) struct Ahead<V> {
    window: Window,
    visit: Visit<V>,
}

/// Decodes the operator in the window and visits it. Returns the one behind it.
type Visit<V> = fn(Window, &mut V) -> Ahead<V>;

impl<'a, V: Operators<'a>> Ahead<V> {
    /// The operator in the window.
    #[inline(always)]
    pub(super) fn new(window: Option<Window>) -> Self {
        match window {
            Some(window) => Self {
                window,
                visit: Usual::VISIT[usize::from(window.code())],
            },
            None => Self {
                window: Window(0),
                visit: |_, visitor| Self::unusual(visitor),
            },
        }
    }

    /// Decodes and visits the operator. Returns the one behind it.
    #[inline(always)]
    pub(super) fn visit(self, visitor: &mut V) -> Self {
        (self.visit)(self.window, visitor)
    }

    #[cold]
    #[inline(never)]
    fn unusual(visitor: &mut V) -> Self {
        visitor.unusual();
        visitor.pushed();
        Self::new(visitor.window())
    }
}

struct Usual<V>(PhantomData<V>);

/// What operators that are alike go through, whatever they compute. A function for each of them would
/// be shorter, but all together are too many for the processor's cache of instructions.
impl<'a, V: Operators<'a>> Usual<V> {
    #[inline(never)]
    fn alike<T: Alike<Immediate = ()>>(
        visitor: &mut V,
        op: T,
        alone: fn(&mut V, ()) -> V::Output,
    ) -> Ahead<V> {
        let ahead = Ahead::new(visitor.advance(1));
        let visited = visitor.visit_alike(op, (), alone);
        visitor.visited(visited);
        ahead
    }

    #[inline(never)]
    fn access<T: Alike<Immediate = MemArg>>(
        window: Window,
        visitor: &mut V,
        op: T,
        max_align: u8,
        alone: fn(&mut V, MemArg) -> V::Output,
    ) -> Ahead<V> {
        let Some((arg, len)) = window.memarg(max_align) else {
            return Ahead::unusual(visitor);
        };
        let ahead = Ahead::new(visitor.advance(1 + len));
        let visited = visitor.visit_alike(op, arg, alone);
        visitor.visited(visited);
        ahead
    }
}

/// Lines of: opcode, visitor's method, immediates, and for an operator that only computes what is
/// recorded, or `with` what it is among those that are [`Alike`]. Makes the table of functions, one
/// for each opcode; and methods of [`Recorder`].
macro_rules! operators {
    ($($code:literal $visit:ident($($immediate:tt)*) $(with $op:expr)? $(=> $record:expr)?;)*) => {
        impl<'a, V: Operators<'a>> Usual<V> {
            const VISIT: [Visit<V>; 256] = {
                let mut visit: [Visit<V>; 256] = [|_, visitor| Ahead::unusual(visitor); 256];
                $(visit[$code] = |window, visitor| {
                    let ahead = operators!(@visit window visitor $visit $($immediate)* $(with $op)?);
                    operators!(@pushed visitor $($immediate)* $(with $op)? $(=> $record)?);
                    ahead
                };)*
                visit
            };
        }

        impl Recorder<'_> {$(
            operators!(@record $visit $($immediate)* $(with $op)? $(=> $record)?);
        )*}
    };
    (@visit $window:ident $visitor:ident $visit:ident with $op:expr) => {{
        let Window(_) = $window;
        Self::alike($visitor, $op, |visitor, ()| visitor.$visit())
    }};
    (@visit $window:ident $visitor:ident $visit:ident memarg $max_align:literal with $op:expr) => {
        Self::access($window, $visitor, $op, $max_align, |visitor, arg| visitor.$visit(arg))
    };
    (@visit $window:ident $visitor:ident $visit:ident) => {{
        let Window(_) = $window;
        let ahead = Ahead::new($visitor.advance(1));
        let visited = $visitor.$visit();
        $visitor.visited(visited);
        ahead
    }};
    (@visit $window:ident $visitor:ident $visit:ident $immediate:ident) => {
        match $window.$immediate() {
            Some((value, len)) => {
                let ahead = Ahead::new($visitor.advance(1 + len));
                let visited = $visitor.$visit(value);
                $visitor.visited(visited);
                ahead
            }
            None => Ahead::unusual($visitor),
        }
    };
    // What only computes takes an operand for its result, if not more.
    (@pushed $visitor:ident $(memarg $max_align:literal)? with $op:expr) => {};
    (@pushed $visitor:ident => $record:expr) => {};
    (@pushed $visitor:ident $($immediate:ident)?) => { $visitor.pushed() };
    (@record $visit:ident => $record:expr) => {
        #[inline]
        pub(super) fn $visit(&mut self) {
            self.plain($record);
        }
    };
    (@record $visit:ident with $op:expr) => {
        pub(super) fn $visit(&mut self) {
            $op.record(self, ());
        }
    };
    (@record $visit:ident memarg $max_align:literal with $op:expr) => {
        pub(super) fn $visit(&mut self, arg: MemArg) {
            $op.record(self, arg);
        }
    };
    (@record $visit:ident $($immediate:ident)?) => {};
}

#[rustfmt::skip]
operators! {
    0x00 visit_unreachable();
    0x01 visit_nop();
    0x02 visit_block(block_type);
    0x03 visit_loop(block_type);
    0x04 visit_if(block_type);

    0x0b visit_end();
    0x0c visit_br(unsigned);
    0x0d visit_br_if(unsigned);
    0x0f visit_return();
    0x10 visit_call(unsigned);

    0x1a visit_drop();
    0x1b visit_select();

    0x20 visit_local_get(unsigned);
    0x21 visit_local_set(unsigned);
    0x22 visit_local_tee(unsigned);
    0x23 visit_global_get(unsigned);
    0x24 visit_global_set(unsigned);

    0x28 visit_i32_load(memarg 2) with (Load::I32, I32);
    0x29 visit_i64_load(memarg 3) with (Load::I64, I64);
    0x2a visit_f32_load(memarg 2) with (Load::F32, F32);
    0x2b visit_f64_load(memarg 3) with (Load::F64, F64);
    0x2c visit_i32_load8_s(memarg 0) with (Load::I32S8, I32);
    0x2d visit_i32_load8_u(memarg 0) with (Load::I32U8, I32);
    0x2e visit_i32_load16_s(memarg 1) with (Load::I32S16, I32);
    0x2f visit_i32_load16_u(memarg 1) with (Load::I32U16, I32);
    0x30 visit_i64_load8_s(memarg 0) with (Load::I64S8, I64);
    0x31 visit_i64_load8_u(memarg 0) with (Load::I64U8, I64);
    0x32 visit_i64_load16_s(memarg 1) with (Load::I64S16, I64);
    0x33 visit_i64_load16_u(memarg 1) with (Load::I64U16, I64);
    0x34 visit_i64_load32_s(memarg 2) with (Load::I64S32, I64);
    0x35 visit_i64_load32_u(memarg 2) with (Load::I64U32, I64);

    0x36 visit_i32_store(memarg 2) with (Store::I32, I32);
    0x37 visit_i64_store(memarg 3) with (Store::I64, I64);
    0x38 visit_f32_store(memarg 2) with (Store::F32, F32);
    0x39 visit_f64_store(memarg 3) with (Store::F64, F64);
    0x3a visit_i32_store8(memarg 0) with (Store::Int8, I32);
    0x3b visit_i32_store16(memarg 1) with (Store::Int16, I32);
    0x3c visit_i64_store8(memarg 0) with (Store::Int8, I64);
    0x3d visit_i64_store16(memarg 1) with (Store::Int16, I64);
    0x3e visit_i64_store32(memarg 2) with (Store::Int32, I64);
    0x41 visit_i32_const(signed);
    0x42 visit_i64_const(long_signed);
    0x43 visit_f32_const(float32);

    0x45 visit_i32_eqz();
    0x46 visit_i32_eq() with (IntCmp::Eq, S32);
    0x47 visit_i32_ne() with (IntCmp::Ne, S32);
    0x48 visit_i32_lt_s() with (IntCmp::LtS, S32);
    0x49 visit_i32_lt_u() with (IntCmp::LtU, S32);
    0x4a visit_i32_gt_s() with (IntCmp::GtS, S32);
    0x4b visit_i32_gt_u() with (IntCmp::GtU, S32);
    0x4c visit_i32_le_s() with (IntCmp::LeS, S32);
    0x4d visit_i32_le_u() with (IntCmp::LeU, S32);
    0x4e visit_i32_ge_s() with (IntCmp::GeS, S32);
    0x4f visit_i32_ge_u() with (IntCmp::GeU, S32);

    0x50 visit_i64_eqz();
    0x51 visit_i64_eq() with (IntCmp::Eq, S64);
    0x52 visit_i64_ne() with (IntCmp::Ne, S64);
    0x53 visit_i64_lt_s() with (IntCmp::LtS, S64);
    0x54 visit_i64_lt_u() with (IntCmp::LtU, S64);
    0x55 visit_i64_gt_s() with (IntCmp::GtS, S64);
    0x56 visit_i64_gt_u() with (IntCmp::GtU, S64);
    0x57 visit_i64_le_s() with (IntCmp::LeS, S64);
    0x58 visit_i64_le_u() with (IntCmp::LeU, S64);
    0x59 visit_i64_ge_s() with (IntCmp::GeS, S64);
    0x5a visit_i64_ge_u() with (IntCmp::GeU, S64);

    0x5b visit_f32_eq() => Op::FloatCmp(FloatCmp::Eq, S32);
    0x5c visit_f32_ne() => Op::FloatCmp(FloatCmp::Ne, S32);
    0x5d visit_f32_lt() => Op::FloatCmp(FloatCmp::Lt, S32);
    0x5e visit_f32_gt() => Op::FloatCmp(FloatCmp::Gt, S32);
    0x5f visit_f32_le() => Op::FloatCmp(FloatCmp::Le, S32);
    0x60 visit_f32_ge() => Op::FloatCmp(FloatCmp::Ge, S32);

    0x61 visit_f64_eq() => Op::FloatCmp(FloatCmp::Eq, S64);
    0x62 visit_f64_ne() => Op::FloatCmp(FloatCmp::Ne, S64);
    0x63 visit_f64_lt() => Op::FloatCmp(FloatCmp::Lt, S64);
    0x64 visit_f64_gt() => Op::FloatCmp(FloatCmp::Gt, S64);
    0x65 visit_f64_le() => Op::FloatCmp(FloatCmp::Le, S64);
    0x66 visit_f64_ge() => Op::FloatCmp(FloatCmp::Ge, S64);

    0x67 visit_i32_clz() => Op::IntUn(IntUn::Clz, S32);
    0x68 visit_i32_ctz() => Op::IntUn(IntUn::Ctz, S32);
    0x69 visit_i32_popcnt() => Op::IntUn(IntUn::Popcnt, S32);

    0x6a visit_i32_add() with (IntBin::Add, S32);
    0x6b visit_i32_sub() with (IntBin::Sub, S32);
    0x6c visit_i32_mul() with (IntBin::Mul, S32);
    0x6d visit_i32_div_s() => Op::Div(Div::DivS, S32);
    0x6e visit_i32_div_u() => Op::Div(Div::DivU, S32);
    0x6f visit_i32_rem_s() => Op::Div(Div::RemS, S32);
    0x70 visit_i32_rem_u() => Op::Div(Div::RemU, S32);
    0x71 visit_i32_and() with (IntBin::And, S32);
    0x72 visit_i32_or() with (IntBin::Or, S32);
    0x73 visit_i32_xor() with (IntBin::Xor, S32);
    0x74 visit_i32_shl() with (Shift::Shl, S32);
    0x75 visit_i32_shr_s() with (Shift::ShrS, S32);
    0x76 visit_i32_shr_u() with (Shift::ShrU, S32);
    0x77 visit_i32_rotl() with (Shift::Rotl, S32);
    0x78 visit_i32_rotr() with (Shift::Rotr, S32);

    0x79 visit_i64_clz() => Op::IntUn(IntUn::Clz, S64);
    0x7a visit_i64_ctz() => Op::IntUn(IntUn::Ctz, S64);
    0x7b visit_i64_popcnt() => Op::IntUn(IntUn::Popcnt, S64);

    0x7c visit_i64_add() with (IntBin::Add, S64);
    0x7d visit_i64_sub() with (IntBin::Sub, S64);
    0x7e visit_i64_mul() with (IntBin::Mul, S64);
    0x7f visit_i64_div_s() => Op::Div(Div::DivS, S64);
    0x80 visit_i64_div_u() => Op::Div(Div::DivU, S64);
    0x81 visit_i64_rem_s() => Op::Div(Div::RemS, S64);
    0x82 visit_i64_rem_u() => Op::Div(Div::RemU, S64);
    0x83 visit_i64_and() with (IntBin::And, S64);
    0x84 visit_i64_or() with (IntBin::Or, S64);
    0x85 visit_i64_xor() with (IntBin::Xor, S64);
    0x86 visit_i64_shl() with (Shift::Shl, S64);
    0x87 visit_i64_shr_s() with (Shift::ShrS, S64);
    0x88 visit_i64_shr_u() with (Shift::ShrU, S64);
    0x89 visit_i64_rotl() with (Shift::Rotl, S64);
    0x8a visit_i64_rotr() with (Shift::Rotr, S64);

    0x8b visit_f32_abs() => Op::FloatUn(FloatUn::Abs, S32);
    0x8c visit_f32_neg() => Op::FloatUn(FloatUn::Neg, S32);
    0x8d visit_f32_ceil() => Op::FloatUn(FloatUn::Ceil, S32);
    0x8e visit_f32_floor() => Op::FloatUn(FloatUn::Floor, S32);
    0x8f visit_f32_trunc() => Op::FloatUn(FloatUn::Trunc, S32);
    0x90 visit_f32_nearest() => Op::FloatUn(FloatUn::Nearest, S32);
    0x91 visit_f32_sqrt() => Op::FloatUn(FloatUn::Sqrt, S32);

    0x92 visit_f32_add() with (FloatBin::Add, S32);
    0x93 visit_f32_sub() with (FloatBin::Sub, S32);
    0x94 visit_f32_mul() with (FloatBin::Mul, S32);
    0x95 visit_f32_div() with (FloatBin::Div, S32);
    0x96 visit_f32_min() with (FloatBin::Min, S32);
    0x97 visit_f32_max() with (FloatBin::Max, S32);
    0x98 visit_f32_copysign() with (FloatBin::Copysign, S32);

    0x99 visit_f64_abs() => Op::FloatUn(FloatUn::Abs, S64);
    0x9a visit_f64_neg() => Op::FloatUn(FloatUn::Neg, S64);
    0x9b visit_f64_ceil() => Op::FloatUn(FloatUn::Ceil, S64);
    0x9c visit_f64_floor() => Op::FloatUn(FloatUn::Floor, S64);
    0x9d visit_f64_trunc() => Op::FloatUn(FloatUn::Trunc, S64);
    0x9e visit_f64_nearest() => Op::FloatUn(FloatUn::Nearest, S64);
    0x9f visit_f64_sqrt() => Op::FloatUn(FloatUn::Sqrt, S64);

    0xa0 visit_f64_add() with (FloatBin::Add, S64);
    0xa1 visit_f64_sub() with (FloatBin::Sub, S64);
    0xa2 visit_f64_mul() with (FloatBin::Mul, S64);
    0xa3 visit_f64_div() with (FloatBin::Div, S64);
    0xa4 visit_f64_min() with (FloatBin::Min, S64);
    0xa5 visit_f64_max() with (FloatBin::Max, S64);
    0xa6 visit_f64_copysign() with (FloatBin::Copysign, S64);

    0xa7 visit_i32_wrap_i64() => Op::Wrap;
    0xa8 visit_i32_trunc_f32_s() => Op::Trunc { from: S32, to: S32, signed: true, sat: false };
    0xa9 visit_i32_trunc_f32_u() => Op::Trunc { from: S32, to: S32, signed: false, sat: false };
    0xaa visit_i32_trunc_f64_s() => Op::Trunc { from: S64, to: S32, signed: true, sat: false };
    0xab visit_i32_trunc_f64_u() => Op::Trunc { from: S64, to: S32, signed: false, sat: false };
    0xac visit_i64_extend_i32_s() => Op::Extend { signed: true };
    0xad visit_i64_extend_i32_u() => Op::Extend { signed: false };
    0xae visit_i64_trunc_f32_s() => Op::Trunc { from: S32, to: S64, signed: true, sat: false };
    0xaf visit_i64_trunc_f32_u() => Op::Trunc { from: S32, to: S64, signed: false, sat: false };
    0xb0 visit_i64_trunc_f64_s() => Op::Trunc { from: S64, to: S64, signed: true, sat: false };
    0xb1 visit_i64_trunc_f64_u() => Op::Trunc { from: S64, to: S64, signed: false, sat: false };
    0xb2 visit_f32_convert_i32_s() => Op::Convert { from: S32, to: S32, signed: true };
    0xb3 visit_f32_convert_i32_u() => Op::Convert { from: S32, to: S32, signed: false };
    0xb4 visit_f32_convert_i64_s() => Op::Convert { from: S64, to: S32, signed: true };
    0xb5 visit_f32_convert_i64_u() => Op::Convert { from: S64, to: S32, signed: false };
    0xb6 visit_f32_demote_f64() => Op::Demote;
    0xb7 visit_f64_convert_i32_s() => Op::Convert { from: S32, to: S64, signed: true };
    0xb8 visit_f64_convert_i32_u() => Op::Convert { from: S32, to: S64, signed: false };
    0xb9 visit_f64_convert_i64_s() => Op::Convert { from: S64, to: S64, signed: true };
    0xba visit_f64_convert_i64_u() => Op::Convert { from: S64, to: S64, signed: false };
    0xbb visit_f64_promote_f32() => Op::Promote;
    0xbc visit_i32_reinterpret_f32() => Op::FloatToBits(S32);
    0xbd visit_i64_reinterpret_f64() => Op::FloatToBits(S64);
    0xbe visit_f32_reinterpret_i32() => Op::BitsToFloat(S32);
    0xbf visit_f64_reinterpret_i64() => Op::BitsToFloat(S64);

    0xc0 visit_i32_extend8_s() => Op::IntUn(IntUn::Extend8S, S32);
    0xc1 visit_i32_extend16_s() => Op::IntUn(IntUn::Extend16S, S32);
    0xc2 visit_i64_extend8_s() => Op::IntUn(IntUn::Extend8S, S64);
    0xc3 visit_i64_extend16_s() => Op::IntUn(IntUn::Extend16S, S64);
    0xc4 visit_i64_extend32_s() => Op::IntUn(IntUn::Extend32S, S64);

    0xd1 visit_ref_is_null() => Op::RefIsNull;
}

/// Operators of two bytes that only compute.
macro_rules! plain_ops {
    ($($visit:ident => $op:expr;)*) => {
        impl Recorder<'_> {$(
            pub(super) fn $visit(&mut self) {
                self.plain($op);
            }
        )*}
    };
}

#[rustfmt::skip]
plain_ops! {
    visit_i32_trunc_sat_f32_s => Op::Trunc { from: S32, to: S32, signed: true, sat: true };
    visit_i32_trunc_sat_f32_u => Op::Trunc { from: S32, to: S32, signed: false, sat: true };
    visit_i32_trunc_sat_f64_s => Op::Trunc { from: S64, to: S32, signed: true, sat: true };
    visit_i32_trunc_sat_f64_u => Op::Trunc { from: S64, to: S32, signed: false, sat: true };
    visit_i64_trunc_sat_f32_s => Op::Trunc { from: S32, to: S64, signed: true, sat: true };
    visit_i64_trunc_sat_f32_u => Op::Trunc { from: S32, to: S64, signed: false, sat: true };
    visit_i64_trunc_sat_f64_s => Op::Trunc { from: S64, to: S64, signed: true, sat: true };
    visit_i64_trunc_sat_f64_u => Op::Trunc { from: S64, to: S64, signed: false, sat: true };
}
