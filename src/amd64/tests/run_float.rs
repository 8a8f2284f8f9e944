//! What the float emitters and conversions compute, over boundary values.

use super::machine::{Program, State};
use super::{Amd64, feature_sets};
use crate::asm::abi::{MemoryMode, TrapCode};
use crate::asm::isa::{Cell, FloatRhs, TruncOp};
use crate::asm::regs::{Fpr, Gpr};
use crate::ir::op::{FloatBin, FloatUn};
use crate::ir::types::{Size, Width};

const SIZES: [Size; 2] = [Size::S32, Size::S64];

const TRIPLES: [[u8; 3]; 7] = [
    [0, 1, 2],
    [0, 0, 2],
    [0, 2, 0],
    [3, 4, 4],
    [5, 5, 5],
    [8, 9, 13],
    [13, 1, 13],
];

/// Floats of a size, as bits: around every power of two that matters, and every kind of NaN.
fn values(size: Size) -> Vec<u64> {
    let mut values = Vec::new();
    let mut around = |x: f64| {
        let steps: &[i64] = &[-2, -1, 0, 1, 2];
        for &step in steps {
            let bits = match size {
                Size::S32 => ((x as f32).to_bits() as i64 + step) as u32 as u64,
                Size::S64 => (x.to_bits() as i64 + step) as u64,
            };
            values.push(bits);
        }
    };
    for power in [
        -1, 0, 1, 2, 7, 22, 23, 24, 30, 31, 32, 51, 52, 53, 62, 63, 64, 65,
    ] {
        let x = 2f64.powi(power);
        for x in [
            x,
            -x,
            1.5 * x,
            -1.5 * x,
            x + 0.5,
            -x - 0.5,
            x - 1.0,
            1.0 - x,
        ] {
            around(x);
        }
    }
    around(2.5);
    around(-3.5);
    let special: &[u64] = match size {
        Size::S32 => &[
            0,
            1,
            0x8000_0000,
            0x8000_0001,
            0x007f_ffff,
            0x7f80_0000,
            0xff80_0000,
            0x7fc0_0000,
            0xffc0_0000,
            0x7f80_0001,
            0xffa0_0000,
            0x7fff_ffff,
            0x7f7f_ffff,
            0xff7f_ffff,
        ],
        Size::S64 => &[
            0,
            1,
            1 << 63,
            1 << 63 | 1,
            0x000f_ffff_ffff_ffff,
            0x7ff0_0000_0000_0000,
            0xfff0_0000_0000_0000,
            0x7ff8_0000_0000_0000,
            0xfff8_0000_0000_0000,
            0x7ff0_0000_0000_0001,
            0xfff4_0000_0000_0000,
            0x7fff_ffff_ffff_ffff,
            0x7fef_ffff_ffff_ffff,
            0xffef_ffff_ffff_ffff,
        ],
    };
    values.extend(special);
    values.sort_unstable();
    values.dedup();
    values
}

fn float(size: Size, bits: u64) -> f64 {
    match size {
        Size::S32 => f64::from(f32::from_bits(bits as u32)),
        Size::S64 => f64::from_bits(bits),
    }
}

/// The sign, and the bit that makes a NaN quiet.
fn nan_bits(size: Size) -> (u64, u64) {
    match size {
        Size::S32 => (1 << 31, 0x7fc0_0000),
        Size::S64 => (1 << 63, 0x7ff8_0000_0000_0000),
    }
}

/// Whether `result` is what the specification allows where a NaN results: canonical if all NaN
/// operands are, else any quiet one.
fn nan_allowed(size: Size, operands: &[u64], result: u64) -> bool {
    let (sign, canonical) = nan_bits(size);
    let all_canonical = operands
        .iter()
        .all(|&bits| !float(size, bits).is_nan() || bits & !sign == canonical);
    if all_canonical {
        result & !sign == canonical
    } else {
        result & canonical == canonical
    }
}

fn narrow(size: Size, bits: u64) -> u64 {
    match size {
        Size::S32 => u64::from(bits as u32),
        Size::S64 => bits,
    }
}

fn program(features: u32, emit: impl FnOnce(&mut Amd64)) -> Program {
    Program::new(features, MemoryMode::Explicit, emit)
}

fn start() -> State {
    let mut state = State::default();
    for at in 0..16 {
        state.gpr[at] = 0x1111_1111_1111_1111 * at as u64;
        state.xmm[at] = [0x2222_2222_2222_2222 * (at as u64 & 7), 7];
    }
    state
}

fn run(program: &Program, size: Size, [dst, lhs, rhs]: [u8; 3], a: u64, b: u64) -> u64 {
    let mut state = start();
    state.xmm[usize::from(rhs)][0] = b;
    state.xmm[usize::from(lhs)][0] = a;
    let before = state.clone();
    assert_eq!(program.run(&mut state), None);
    for at in (0..14).filter(|&at| at != usize::from(dst)) {
        assert_eq!(state.xmm[at], before.xmm[at], "register {at}");
    }
    narrow(size, state.xmm[usize::from(dst)][0])
}

fn bin(op: FloatBin, size: Size, a: u64, b: u64) -> u64 {
    macro_rules! bin {
        ($float:ident, $int:ident) => {{
            let (x, y) = ($float::from_bits(a as $int), $float::from_bits(b as $int));
            let result = match op {
                FloatBin::Add => x + y,
                FloatBin::Sub => x - y,
                FloatBin::Mul => x * y,
                FloatBin::Div => x / y,
                FloatBin::Copysign => x.copysign(y),
                FloatBin::Min | FloatBin::Max if x.is_nan() || y.is_nan() => $float::NAN,
                FloatBin::Min if x == y => $float::from_bits(x.to_bits() | y.to_bits()),
                FloatBin::Max if x == y => $float::from_bits(x.to_bits() & y.to_bits()),
                FloatBin::Min => x.min(y),
                FloatBin::Max => x.max(y),
            };
            result.to_bits() as u64
        }};
    }
    match size {
        Size::S32 => bin!(f32, u32),
        Size::S64 => bin!(f64, u64),
    }
}

#[test]
fn float_bin() {
    use FloatBin::{Add, Copysign, Div, Max, Min, Mul, Sub};
    for features in feature_sets() {
        for op in [Add, Sub, Mul, Div, Min, Max, Copysign] {
            for size in SIZES {
                let values = values(size);
                for regs in TRIPLES {
                    let [dst, lhs, rhs] = regs.map(Fpr);
                    let by_reg = program(features, |isa| {
                        isa.float_bin(op, size, dst, lhs, FloatRhs::Reg(rhs));
                    });
                    let by_slot = program(features, |isa| {
                        isa.store_cell(Width::W64, Cell::Slot(8), rhs.into());
                        isa.float_bin(op, size, dst, lhs, FloatRhs::Slot(8));
                    });
                    for (at, &a) in values.iter().enumerate() {
                        // Not all pairs: a part of them, and each with zeros and a NaN.
                        let part = values.iter().skip(at % 13).step_by(13);
                        for &b in part.chain(&[0, nan_bits(size).0, nan_bits(size).1]) {
                            let b = if lhs == rhs { a } else { b };
                            let expected = bin(op, size, a, b);
                            for program in [&by_reg, &by_slot] {
                                let result = run(program, size, regs, a, b);
                                let nan = float(size, expected).is_nan() && op != Copysign;
                                assert!(
                                    result == expected && !nan
                                        || nan && nan_allowed(size, &[a, b], result),
                                    "{op:?} {size:?} {a:x} {b:x}: {result:x} not {expected:x}"
                                );
                            }
                        }
                    }
                }
            }
        }
    }
}

fn unary(op: FloatUn, size: Size, a: u64) -> u64 {
    let sign = nan_bits(size).0;
    macro_rules! unary {
        ($float:ident, $int:ident) => {{
            let x = $float::from_bits(a as $int);
            let result = match op {
                FloatUn::Abs => return a & !sign,
                FloatUn::Neg => return a ^ sign,
                FloatUn::Ceil => x.ceil(),
                FloatUn::Floor => x.floor(),
                FloatUn::Trunc => x.trunc(),
                FloatUn::Nearest => x.round_ties_even(),
                FloatUn::Sqrt => x.sqrt(),
            };
            result.to_bits() as u64
        }};
    }
    match size {
        Size::S32 => unary!(f32, u32),
        Size::S64 => unary!(f64, u64),
    }
}

#[test]
fn float_un() {
    use FloatUn::{Abs, Ceil, Floor, Nearest, Neg, Sqrt, Trunc};
    for features in feature_sets() {
        for op in [Abs, Neg, Ceil, Floor, Trunc, Nearest, Sqrt] {
            for size in SIZES {
                for [dst, src, _] in TRIPLES {
                    let program = program(features, |isa| {
                        isa.float_un(op, size, Fpr(dst), Fpr(src));
                    });
                    for &a in &values(size) {
                        let expected = unary(op, size, a);
                        let result = run(&program, size, [dst, src, src], a, a);
                        let nan = float(size, expected).is_nan() && !matches!(op, Abs | Neg);
                        assert!(
                            result == expected && !nan || nan && nan_allowed(size, &[a], result),
                            "{op:?} {size:?} {a:x}: {result:x} not {expected:x}"
                        );
                    }
                }
            }
        }
    }
}

fn truncated(op: TruncOp, bits: u64) -> Result<u64, TrapCode> {
    let x = float(op.from, bits);
    let (least, most) = match (op.to, op.signed) {
        (Size::S32, true) => (i128::from(i32::MIN), i128::from(i32::MAX)),
        (Size::S32, false) => (0, i128::from(u32::MAX)),
        (Size::S64, true) => (i128::from(i64::MIN), i128::from(i64::MAX)),
        (Size::S64, false) => (0, i128::from(u64::MAX)),
    };
    if x.is_nan() && !op.sat {
        return Err(TrapCode::BadConversionToInteger);
    }
    // Saturates, and is 0 for NaN.
    let result = x as i128;
    if !op.sat && !(least..=most).contains(&result) {
        return Err(TrapCode::IntegerOverflow);
    }
    Ok(narrow(op.to, result.clamp(least, most) as u64))
}

#[test]
fn trunc() {
    for from in SIZES {
        for to in SIZES {
            for (signed, sat) in [(false, false), (false, true), (true, false), (true, true)] {
                let op = TruncOp {
                    from,
                    to,
                    signed,
                    sat,
                };
                for (dst, src) in [(0, 0), (5, 13), (12, 8), (9, 3), (6, 1)] {
                    let program = program(0, |isa| isa.trunc(op, Gpr(dst), Fpr(src)));
                    for &a in &values(from) {
                        let mut state = start();
                        state.xmm[usize::from(src)][0] = a;
                        let before = state.clone();
                        let result = match program.run(&mut state) {
                            Some(trap) => Err(trap),
                            None => Ok(state.gpr[usize::from(dst)]),
                        };
                        assert_eq!(result, truncated(op, a), "{op:?} {a:x}");
                        assert_eq!(state.xmm[..14], before.xmm[..14]);
                    }
                }
            }
        }
    }
}

fn integers() -> Vec<u64> {
    let mut values = vec![0, u64::MAX, 0x0123_4567_89ab_cdef];
    for shift in 0..64 {
        let bit = 1u64 << shift;
        values.extend([bit, bit - 1, bit + 1, bit.wrapping_neg(), !bit]);
        // Halfway between neighbouring floats of either size, and just beside.
        for place in [24u32, 53] {
            if let Some(low) = (shift as u32).checked_sub(place) {
                let half = 1u64 << low;
                values.extend([
                    bit | half,
                    bit | half | 1,
                    (bit | half) - 1,
                    bit | (3 * half),
                ]);
            }
        }
    }
    values
}

#[test]
fn convert() {
    for from in SIZES {
        for to in SIZES {
            for signed in [false, true] {
                for (dst, src) in [(0, 0), (13, 5), (8, 12), (3, 9)] {
                    let program = program(0, |isa| {
                        isa.convert(from, to, signed, Fpr(dst), Gpr(src));
                    });
                    for a in integers() {
                        let a = narrow(from, a);
                        let expected = match (from, to, signed) {
                            (Size::S32, Size::S32, true) => (a as i32 as f32).to_bits() as u64,
                            (Size::S32, Size::S64, true) => f64::from(a as i32).to_bits(),
                            (Size::S64, Size::S32, true) => (a as i64 as f32).to_bits() as u64,
                            (Size::S64, Size::S64, true) => (a as i64 as f64).to_bits(),
                            (_, Size::S32, false) => (a as f32).to_bits() as u64,
                            (_, Size::S64, false) => (a as f64).to_bits(),
                        };
                        let mut state = start();
                        state.gpr[usize::from(src)] = a;
                        assert_eq!(program.run(&mut state), None);
                        let result = narrow(to, state.xmm[usize::from(dst)][0]);
                        assert_eq!(result, expected, "{from:?} {to:?} {signed} {a:x}");
                        assert_eq!(state.gpr[usize::from(src)], a);
                    }
                }
            }
        }
    }
}

#[test]
fn between_floats_and_bits() {
    for [dst, src, _] in TRIPLES {
        let demote = program(0, |isa| isa.demote(Fpr(dst), Fpr(src)));
        for &a in &values(Size::S64) {
            let expected = u64::from((f64::from_bits(a) as f32).to_bits());
            let result = run(&demote, Size::S32, [dst, src, src], a, a);
            assert!(
                result == expected
                    || f64::from_bits(a).is_nan() && result & 0x7fc0_0000 == 0x7fc0_0000
            );
        }
        let promote = program(0, |isa| isa.promote(Fpr(dst), Fpr(src)));
        for &a in &values(Size::S32) {
            let x = f32::from_bits(a as u32);
            let result = run(&promote, Size::S64, [dst, src, src], a, a);
            assert!(
                result == f64::from(x).to_bits() || x.is_nan() && f64::from_bits(result).is_nan()
            );
        }
        for size in SIZES {
            let there_and_back = program(0, |isa| {
                isa.float_to_bits(size, Gpr(dst.min(3)), Fpr(src));
                isa.bits_to_float(size, Fpr(dst), Gpr(dst.min(3)));
            });
            for &a in &values(size) {
                assert_eq!(run(&there_and_back, size, [dst, src, src], a, a), a);
            }
        }
    }
    for size in SIZES {
        for bits in values(size) {
            let constant = program(0, |isa| isa.float_const(size, Fpr(9), bits));
            assert_eq!(run(&constant, size, [9, 1, 1], 0, 0), bits);
        }
    }
}
