//! What every numeric operator means, written anew from the specification in plain Rust: the
//! other side of each comparison in this folder.
//!
//! Values are bits in a `u64`; the upper half of a 32-bit value is zero.

use pronto::Trap;

/// Types of operands and results.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Ty {
    I32,
    I64,
    F32,
    F64,
}

use Ty::{F32, F64, I32, I64};

impl Ty {
    pub(crate) fn is_float(self) -> bool {
        matches!(self, F32 | F64)
    }

    /// The part of `bits` that a value of this type has.
    pub(crate) fn trim(self, bits: u64) -> u64 {
        match self {
            I32 | F32 => bits & 0xffff_ffff,
            I64 | F64 => bits,
        }
    }

    pub(crate) fn is_nan(self, bits: u64) -> bool {
        match self {
            F32 => f32::from_bits(bits as u32).is_nan(),
            F64 => f64::from_bits(bits).is_nan(),
            I32 | I64 => false,
        }
    }
}

pub(crate) type Outcome = Result<u64, Trap>;

/// An operator: its encoding and its meaning.
#[derive(Clone, Copy)]
pub(crate) struct Op {
    pub(crate) name: &'static str,
    pub(crate) code: &'static [u8],
    pub(crate) params: &'static [Ty],
    pub(crate) result: Ty,
    pub(crate) eval: fn(&[u64]) -> Outcome,
}

impl Op {
    /// Whether the result's NaN bits are the specification's to choose (arithmetic), and not
    /// copied (`neg`, `abs`, `copysign`, `reinterpret`).
    pub(crate) fn free_nan(&self) -> bool {
        let copies = ["abs", "neg", "copysign", "reinterpret"];
        self.result.is_float() && !copies.iter().any(|word| self.name.contains(word))
    }
}

fn f32_of(bits: u64) -> f32 {
    f32::from_bits(bits as u32)
}

fn f64_of(bits: u64) -> f64 {
    f64::from_bits(bits)
}

/// How a Rust value becomes bits.
trait Bits {
    fn bits(self) -> Outcome;
}

macro_rules! bits {
    ($($ty:ty, $value:ident => $bits:expr;)*) => {
        $(impl Bits for $ty {
            fn bits(self) -> Outcome {
                let $value = self;
                Ok($bits)
            }
        })*
    };
}

bits! {
    bool, v => u64::from(v);
    u32, v => u64::from(v);
    i32, v => u64::from(v as u32);
    u64, v => v;
    i64, v => v as u64;
    f32, v => u64::from(v.to_bits());
    f64, v => v.to_bits();
}

impl<T: Bits> Bits for Result<T, Trap> {
    fn bits(self) -> Outcome {
        self.and_then(T::bits)
    }
}

/// Rows: `"name", code, [operand types] -> result, |operands in Rust types| meaning;`
macro_rules! ops {
    ($($name:literal, [$($code:literal)+], ($($arg:ident: $ty:ident $rust:ident),+) -> $res:ident, $body:expr;)*) => {
        &[$(Op {
            name: $name,
            code: &[$($code),+],
            params: &[$(Ty::$ty),+],
            result: Ty::$res,
            eval: |args| {
                let mut args = args.iter().copied();
                $(let $arg = ops!(@read $rust, args.next().expect("an operand"));)+
                Bits::bits($body)
            },
        }),*]
    };
    (@read u32, $bits:expr) => { $bits as u32 };
    (@read i32, $bits:expr) => { $bits as i32 };
    (@read u64, $bits:expr) => { $bits };
    (@read i64, $bits:expr) => { $bits as i64 };
    (@read f32, $bits:expr) => { f32_of($bits) };
    (@read f64, $bits:expr) => { f64_of($bits) };
}

const DIV_ZERO: Trap = Trap::IntegerDivisionByZero;
const OVERFLOW: Trap = Trap::IntegerOverflow;

/// Every numeric operator of version 2.0 outside SIMD.
#[rustfmt::skip]
pub(crate) const OPS: &[Op] = ops! {
    "i32.eqz",    [0x45], (a: I32 u32) -> I32, a == 0;
    "i32.eq",     [0x46], (a: I32 u32, b: I32 u32) -> I32, a == b;
    "i32.ne",     [0x47], (a: I32 u32, b: I32 u32) -> I32, a != b;
    "i32.lt_s",   [0x48], (a: I32 i32, b: I32 i32) -> I32, a < b;
    "i32.lt_u",   [0x49], (a: I32 u32, b: I32 u32) -> I32, a < b;
    "i32.gt_s",   [0x4a], (a: I32 i32, b: I32 i32) -> I32, a > b;
    "i32.gt_u",   [0x4b], (a: I32 u32, b: I32 u32) -> I32, a > b;
    "i32.le_s",   [0x4c], (a: I32 i32, b: I32 i32) -> I32, a <= b;
    "i32.le_u",   [0x4d], (a: I32 u32, b: I32 u32) -> I32, a <= b;
    "i32.ge_s",   [0x4e], (a: I32 i32, b: I32 i32) -> I32, a >= b;
    "i32.ge_u",   [0x4f], (a: I32 u32, b: I32 u32) -> I32, a >= b;
    "i64.eqz",    [0x50], (a: I64 u64) -> I32, a == 0;
    "i64.eq",     [0x51], (a: I64 u64, b: I64 u64) -> I32, a == b;
    "i64.ne",     [0x52], (a: I64 u64, b: I64 u64) -> I32, a != b;
    "i64.lt_s",   [0x53], (a: I64 i64, b: I64 i64) -> I32, a < b;
    "i64.lt_u",   [0x54], (a: I64 u64, b: I64 u64) -> I32, a < b;
    "i64.gt_s",   [0x55], (a: I64 i64, b: I64 i64) -> I32, a > b;
    "i64.gt_u",   [0x56], (a: I64 u64, b: I64 u64) -> I32, a > b;
    "i64.le_s",   [0x57], (a: I64 i64, b: I64 i64) -> I32, a <= b;
    "i64.le_u",   [0x58], (a: I64 u64, b: I64 u64) -> I32, a <= b;
    "i64.ge_s",   [0x59], (a: I64 i64, b: I64 i64) -> I32, a >= b;
    "i64.ge_u",   [0x5a], (a: I64 u64, b: I64 u64) -> I32, a >= b;
    "f32.eq",     [0x5b], (a: F32 f32, b: F32 f32) -> I32, a == b;
    "f32.ne",     [0x5c], (a: F32 f32, b: F32 f32) -> I32, a != b;
    "f32.lt",     [0x5d], (a: F32 f32, b: F32 f32) -> I32, a < b;
    "f32.gt",     [0x5e], (a: F32 f32, b: F32 f32) -> I32, a > b;
    "f32.le",     [0x5f], (a: F32 f32, b: F32 f32) -> I32, a <= b;
    "f32.ge",     [0x60], (a: F32 f32, b: F32 f32) -> I32, a >= b;
    "f64.eq",     [0x61], (a: F64 f64, b: F64 f64) -> I32, a == b;
    "f64.ne",     [0x62], (a: F64 f64, b: F64 f64) -> I32, a != b;
    "f64.lt",     [0x63], (a: F64 f64, b: F64 f64) -> I32, a < b;
    "f64.gt",     [0x64], (a: F64 f64, b: F64 f64) -> I32, a > b;
    "f64.le",     [0x65], (a: F64 f64, b: F64 f64) -> I32, a <= b;
    "f64.ge",     [0x66], (a: F64 f64, b: F64 f64) -> I32, a >= b;
    "i32.clz",    [0x67], (a: I32 u32) -> I32, a.leading_zeros();
    "i32.ctz",    [0x68], (a: I32 u32) -> I32, a.trailing_zeros();
    "i32.popcnt", [0x69], (a: I32 u32) -> I32, a.count_ones();
    "i32.add",    [0x6a], (a: I32 u32, b: I32 u32) -> I32, a.wrapping_add(b);
    "i32.sub",    [0x6b], (a: I32 u32, b: I32 u32) -> I32, a.wrapping_sub(b);
    "i32.mul",    [0x6c], (a: I32 u32, b: I32 u32) -> I32, a.wrapping_mul(b);
    "i32.div_s",  [0x6d], (a: I32 i32, b: I32 i32) -> I32,
        if b == 0 { Err(DIV_ZERO) } else { a.checked_div(b).ok_or(OVERFLOW) };
    "i32.div_u",  [0x6e], (a: I32 u32, b: I32 u32) -> I32, a.checked_div(b).ok_or(DIV_ZERO);
    "i32.rem_s",  [0x6f], (a: I32 i32, b: I32 i32) -> I32,
        if b == 0 { Err(DIV_ZERO) } else { Ok(a.wrapping_rem(b)) };
    "i32.rem_u",  [0x70], (a: I32 u32, b: I32 u32) -> I32, a.checked_rem(b).ok_or(DIV_ZERO);
    "i32.and",    [0x71], (a: I32 u32, b: I32 u32) -> I32, a & b;
    "i32.or",     [0x72], (a: I32 u32, b: I32 u32) -> I32, a | b;
    "i32.xor",    [0x73], (a: I32 u32, b: I32 u32) -> I32, a ^ b;
    "i32.shl",    [0x74], (a: I32 u32, b: I32 u32) -> I32, a << (b % 32);
    "i32.shr_s",  [0x75], (a: I32 i32, b: I32 u32) -> I32, a >> (b % 32);
    "i32.shr_u",  [0x76], (a: I32 u32, b: I32 u32) -> I32, a >> (b % 32);
    "i32.rotl",   [0x77], (a: I32 u32, b: I32 u32) -> I32, a.rotate_left(b % 32);
    "i32.rotr",   [0x78], (a: I32 u32, b: I32 u32) -> I32, a.rotate_right(b % 32);
    "i64.clz",    [0x79], (a: I64 u64) -> I64, u64::from(a.leading_zeros());
    "i64.ctz",    [0x7a], (a: I64 u64) -> I64, u64::from(a.trailing_zeros());
    "i64.popcnt", [0x7b], (a: I64 u64) -> I64, u64::from(a.count_ones());
    "i64.add",    [0x7c], (a: I64 u64, b: I64 u64) -> I64, a.wrapping_add(b);
    "i64.sub",    [0x7d], (a: I64 u64, b: I64 u64) -> I64, a.wrapping_sub(b);
    "i64.mul",    [0x7e], (a: I64 u64, b: I64 u64) -> I64, a.wrapping_mul(b);
    "i64.div_s",  [0x7f], (a: I64 i64, b: I64 i64) -> I64,
        if b == 0 { Err(DIV_ZERO) } else { a.checked_div(b).ok_or(OVERFLOW) };
    "i64.div_u",  [0x80], (a: I64 u64, b: I64 u64) -> I64, a.checked_div(b).ok_or(DIV_ZERO);
    "i64.rem_s",  [0x81], (a: I64 i64, b: I64 i64) -> I64,
        if b == 0 { Err(DIV_ZERO) } else { Ok(a.wrapping_rem(b)) };
    "i64.rem_u",  [0x82], (a: I64 u64, b: I64 u64) -> I64, a.checked_rem(b).ok_or(DIV_ZERO);
    "i64.and",    [0x83], (a: I64 u64, b: I64 u64) -> I64, a & b;
    "i64.or",     [0x84], (a: I64 u64, b: I64 u64) -> I64, a | b;
    "i64.xor",    [0x85], (a: I64 u64, b: I64 u64) -> I64, a ^ b;
    "i64.shl",    [0x86], (a: I64 u64, b: I64 u64) -> I64, a << (b % 64);
    "i64.shr_s",  [0x87], (a: I64 i64, b: I64 u64) -> I64, a >> (b % 64);
    "i64.shr_u",  [0x88], (a: I64 u64, b: I64 u64) -> I64, a >> (b % 64);
    "i64.rotl",   [0x89], (a: I64 u64, b: I64 u64) -> I64, a.rotate_left((b % 64) as u32);
    "i64.rotr",   [0x8a], (a: I64 u64, b: I64 u64) -> I64, a.rotate_right((b % 64) as u32);
    "f32.abs",    [0x8b], (a: F32 u32) -> F32, a & 0x7fff_ffff;
    "f32.neg",    [0x8c], (a: F32 u32) -> F32, a ^ 0x8000_0000;
    "f32.ceil",   [0x8d], (a: F32 f32) -> F32, a.ceil();
    "f32.floor",  [0x8e], (a: F32 f32) -> F32, a.floor();
    "f32.trunc",  [0x8f], (a: F32 f32) -> F32, a.trunc();
    "f32.nearest",[0x90], (a: F32 f32) -> F32, a.round_ties_even();
    "f32.sqrt",   [0x91], (a: F32 f32) -> F32, a.sqrt();
    "f32.add",    [0x92], (a: F32 f32, b: F32 f32) -> F32, a + b;
    "f32.sub",    [0x93], (a: F32 f32, b: F32 f32) -> F32, a - b;
    "f32.mul",    [0x94], (a: F32 f32, b: F32 f32) -> F32, a * b;
    "f32.div",    [0x95], (a: F32 f32, b: F32 f32) -> F32, a / b;
    "f32.min",    [0x96], (a: F32 f32, b: F32 f32) -> F32, min(f64::from(a), f64::from(b)) as f32;
    "f32.max",    [0x97], (a: F32 f32, b: F32 f32) -> F32, max(f64::from(a), f64::from(b)) as f32;
    "f32.copysign",[0x98], (a: F32 u32, b: F32 u32) -> F32, a & 0x7fff_ffff | b & 0x8000_0000;
    "f64.abs",    [0x99], (a: F64 u64) -> F64, a & (u64::MAX >> 1);
    "f64.neg",    [0x9a], (a: F64 u64) -> F64, a ^ 1 << 63;
    "f64.ceil",   [0x9b], (a: F64 f64) -> F64, a.ceil();
    "f64.floor",  [0x9c], (a: F64 f64) -> F64, a.floor();
    "f64.trunc",  [0x9d], (a: F64 f64) -> F64, a.trunc();
    "f64.nearest",[0x9e], (a: F64 f64) -> F64, a.round_ties_even();
    "f64.sqrt",   [0x9f], (a: F64 f64) -> F64, a.sqrt();
    "f64.add",    [0xa0], (a: F64 f64, b: F64 f64) -> F64, a + b;
    "f64.sub",    [0xa1], (a: F64 f64, b: F64 f64) -> F64, a - b;
    "f64.mul",    [0xa2], (a: F64 f64, b: F64 f64) -> F64, a * b;
    "f64.div",    [0xa3], (a: F64 f64, b: F64 f64) -> F64, a / b;
    "f64.min",    [0xa4], (a: F64 f64, b: F64 f64) -> F64, min(a, b);
    "f64.max",    [0xa5], (a: F64 f64, b: F64 f64) -> F64, max(a, b);
    "f64.copysign",[0xa6], (a: F64 u64, b: F64 u64) -> F64, a & (u64::MAX >> 1) | b & 1 << 63;
    "i32.wrap_i64",      [0xa7], (a: I64 u64) -> I32, a as u32;
    "i32.trunc_f32_s",   [0xa8], (a: F32 f32) -> I32, trunc(f64::from(a), I32_S);
    "i32.trunc_f32_u",   [0xa9], (a: F32 f32) -> I32, trunc(f64::from(a), I32_U);
    "i32.trunc_f64_s",   [0xaa], (a: F64 f64) -> I32, trunc(a, I32_S);
    "i32.trunc_f64_u",   [0xab], (a: F64 f64) -> I32, trunc(a, I32_U);
    "i64.extend_i32_s",  [0xac], (a: I32 i32) -> I64, i64::from(a);
    "i64.extend_i32_u",  [0xad], (a: I32 u32) -> I64, u64::from(a);
    "i64.trunc_f32_s",   [0xae], (a: F32 f32) -> I64, trunc(f64::from(a), I64_S);
    "i64.trunc_f32_u",   [0xaf], (a: F32 f32) -> I64, trunc(f64::from(a), I64_U);
    "i64.trunc_f64_s",   [0xb0], (a: F64 f64) -> I64, trunc(a, I64_S);
    "i64.trunc_f64_u",   [0xb1], (a: F64 f64) -> I64, trunc(a, I64_U);
    "f32.convert_i32_s", [0xb2], (a: I32 i32) -> F32, a as f32;
    "f32.convert_i32_u", [0xb3], (a: I32 u32) -> F32, a as f32;
    "f32.convert_i64_s", [0xb4], (a: I64 i64) -> F32, a as f32;
    "f32.convert_i64_u", [0xb5], (a: I64 u64) -> F32, a as f32;
    "f32.demote_f64",    [0xb6], (a: F64 f64) -> F32, a as f32;
    "f64.convert_i32_s", [0xb7], (a: I32 i32) -> F64, f64::from(a);
    "f64.convert_i32_u", [0xb8], (a: I32 u32) -> F64, f64::from(a);
    "f64.convert_i64_s", [0xb9], (a: I64 i64) -> F64, a as f64;
    "f64.convert_i64_u", [0xba], (a: I64 u64) -> F64, a as f64;
    "f64.promote_f32",   [0xbb], (a: F32 f32) -> F64, f64::from(a);
    "i32.reinterpret_f32", [0xbc], (a: F32 u32) -> I32, a;
    "i64.reinterpret_f64", [0xbd], (a: F64 u64) -> I64, a;
    "f32.reinterpret_i32", [0xbe], (a: I32 u32) -> F32, a;
    "f64.reinterpret_i64", [0xbf], (a: I64 u64) -> F64, a;
    "i32.extend8_s",     [0xc0], (a: I32 u32) -> I32, i32::from(a as i8);
    "i32.extend16_s",    [0xc1], (a: I32 u32) -> I32, i32::from(a as i16);
    "i64.extend8_s",     [0xc2], (a: I64 u64) -> I64, i64::from(a as i8);
    "i64.extend16_s",    [0xc3], (a: I64 u64) -> I64, i64::from(a as i16);
    "i64.extend32_s",    [0xc4], (a: I64 u64) -> I64, i64::from(a as i32);
    "i32.trunc_sat_f32_s", [0xfc 0], (a: F32 f32) -> I32, a as i32;
    "i32.trunc_sat_f32_u", [0xfc 1], (a: F32 f32) -> I32, a as u32;
    "i32.trunc_sat_f64_s", [0xfc 2], (a: F64 f64) -> I32, a as i32;
    "i32.trunc_sat_f64_u", [0xfc 3], (a: F64 f64) -> I32, a as u32;
    "i64.trunc_sat_f32_s", [0xfc 4], (a: F32 f32) -> I64, a as i64;
    "i64.trunc_sat_f32_u", [0xfc 5], (a: F32 f32) -> I64, a as u64;
    "i64.trunc_sat_f64_s", [0xfc 6], (a: F64 f64) -> I64, a as i64;
    "i64.trunc_sat_f64_u", [0xfc 7], (a: F64 f64) -> I64, a as u64;
    "select i32", [0x1b], (a: I32 u32, b: I32 u32, c: I32 u32) -> I32, if c != 0 { a } else { b };
    "select i64", [0x1b], (a: I64 u64, b: I64 u64, c: I32 u32) -> I64, if c != 0 { a } else { b };
    "select f32", [0x1b], (a: F32 u32, b: F32 u32, c: I32 u32) -> F32, if c != 0 { a } else { b };
    "select f64", [0x1b], (a: F64 u64, b: F64 u64, c: I32 u32) -> F64, if c != 0 { a } else { b };
};

fn min(a: f64, b: f64) -> f64 {
    if a.is_nan() || b.is_nan() {
        f64::NAN
    } else if a == b {
        // -0 is the smaller zero.
        f64::from_bits(a.to_bits() | b.to_bits() & 1 << 63)
    } else if a < b {
        a
    } else {
        b
    }
}

fn max(a: f64, b: f64) -> f64 {
    -min(-a, -b)
}

/// Least and greatest integer part, both as exact floats, the greatest one exclusive.
type Range = (f64, f64, fn(f64) -> u64);

const I32_S: Range = (-2147483648.0, 2147483648.0, |x| u64::from(x as i32 as u32));
const I32_U: Range = (0.0, 4294967296.0, |x| u64::from(x as u32));
const I64_S: Range = (-9223372036854775808.0, 9223372036854775808.0, |x| {
    x as i64 as u64
});
const I64_U: Range = (0.0, 18446744073709551616.0, |x| x as u64);

fn trunc(value: f64, (least, end, convert): Range) -> Outcome {
    let whole = value.trunc();
    if value.is_nan() {
        Err(Trap::BadConversionToInteger)
    } else if whole < least || whole >= end {
        Err(OVERFLOW)
    } else {
        Ok(convert(whole))
    }
}

/// Values at which the operators of each type are worth trying.
pub(crate) fn interesting(ty: Ty) -> &'static [u64] {
    match ty {
        I32 => &I32_VALUES,
        I64 => &I64_VALUES,
        F32 => &F32_VALUES,
        F64 => &F64_VALUES,
    }
}

#[rustfmt::skip]
static I32_VALUES: [u64; 20] = [
    0, 1, 2, 3, 5, 31, 32, 33, 0x7f, 0x80, 0xff, 0x8000, 0xffff, 0x7fff_ffff,
    0x8000_0000, 0x8000_0001, 0xffff_ff80, 0xffff_fffe, 0xffff_ffff, 0xdead_beef,
];

#[rustfmt::skip]
static I64_VALUES: [u64; 22] = [
    0, 1, 2, 3, 31, 32, 63, 64, 65, 0x80, 0x8000, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff,
    0x1_0000_0000, 0x1_0000_0001, 0x7fff_ffff_ffff_ffff, 0x8000_0000_0000_0000,
    0xffff_ffff_8000_0000, 0xffff_ffff_ffff_fffe, 0xffff_ffff_ffff_ffff, 0xdead_beef_cafe_f00d,
];

#[rustfmt::skip]
static F32_VALUES: [u64; 26] = [
    0x0000_0000, 0x8000_0000, 0x3f80_0000, 0xbf80_0000, 0x3f00_0000, 0x3fc0_0000, 0x4020_0000,
    0xbf00_0000, 0x0000_0001, 0x8000_0001, 0x7f7f_ffff, 0xff7f_ffff, 0x7f80_0000, 0xff80_0000,
    0x7fc0_0000, 0xffc0_0000, 0x7fa0_0000, 0x4f00_0000, 0xcf00_0000, 0x4f80_0000, 0x5f00_0000,
    0xdf00_0000, 0x5f80_0000, 0x4eff_ffff, 0x4b80_0001, 0x4048_f5c3,
];

#[rustfmt::skip]
static F64_VALUES: [u64; 34] = [
    0x0000_0000_0000_0000, 0x8000_0000_0000_0000, 0x3ff0_0000_0000_0000, 0xbff0_0000_0000_0000,
    0x3fe0_0000_0000_0000, 0x3ff8_0000_0000_0000, 0x4004_0000_0000_0000, 0xbfe0_0000_0000_0000,
    0x0000_0000_0000_0001, 0x8000_0000_0000_0001, 0x7fef_ffff_ffff_ffff, 0xffef_ffff_ffff_ffff,
    0x7ff0_0000_0000_0000, 0xfff0_0000_0000_0000, 0x7ff8_0000_0000_0000, 0xfff8_0000_0000_0000,
    0x7ff4_0000_0000_0000, 0x41df_ffff_ffc0_0000, 0x41e0_0000_0000_0000, 0xc1e0_0000_0000_0000,
    0xc1e0_0000_001f_ffff, 0xc1e0_0000_0020_0000, 0x41ef_ffff_ffe0_0000, 0x41ef_ffff_ffff_ffff,
    0x41f0_0000_0000_0000, 0x43e0_0000_0000_0000, 0xc3e0_0000_0000_0000, 0xc3e0_0000_0000_0001,
    0x43f0_0000_0000_0000, 0x43df_ffff_ffff_ffff, 0x4330_0000_0000_0001, 0x47ef_ffff_f000_0000,
    0xbfef_ffff_ffff_ffff, 0x4009_21fb_5444_2d18,
];
