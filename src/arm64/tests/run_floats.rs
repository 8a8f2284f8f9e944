//! Float emitters and conversions against Rust's floats.

use super::machine::{Machine, Regs};
use crate::arm64::Arm64;
use crate::asm::abi::{MemoryMode, TrapCode};
use crate::asm::isa::{Cond, FloatRhs, Isa, Rhs, TruncOp};
use crate::asm::regs::{Fpr, Gpr};
use crate::ir::op::{FloatBin, FloatCmp, FloatUn, IntCmp};
use crate::ir::types::Size::{self, S32, S64};
use crate::ir::types::Width;

const SIZES: [Size; 2] = [S32, S64];

const BINS: [FloatBin; 7] = [
    FloatBin::Add,
    FloatBin::Sub,
    FloatBin::Mul,
    FloatBin::Div,
    FloatBin::Min,
    FloatBin::Max,
    FloatBin::Copysign,
];

const UNS: [FloatUn; 7] = [
    FloatUn::Abs,
    FloatUn::Neg,
    FloatUn::Ceil,
    FloatUn::Floor,
    FloatUn::Trunc,
    FloatUn::Nearest,
    FloatUn::Sqrt,
];

const CMPS: [FloatCmp; 6] = [
    FloatCmp::Eq,
    FloatCmp::Ne,
    FloatCmp::Lt,
    FloatCmp::Gt,
    FloatCmp::Le,
    FloatCmp::Ge,
];

/// Which of `dst`, `lhs`, `rhs` are one register.
const ALIASES: [[u8; 3]; 5] = [[0, 1, 2], [16, 16, 23], [8, 29, 8], [5, 9, 9], [7, 7, 7]];

/// Floats around what conversions and roundings find hard, as bits.
fn values(size: Size) -> Vec<u64> {
    let mut all = vec![
        0.0, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 2.5, 3.7, 31.0, 1e10, 1e20, 1e300,
    ];
    for bits in [23, 24, 31, 32, 52, 53, 62, 63, 64] {
        let power = 2f64.powi(bits);
        all.extend([
            power,
            power - 1.0,
            power - 0.5,
            power + 1.0,
            power.next_down(),
        ]);
        all.extend([power.next_up(), f64::from((power as f32).next_down())]);
        all.push(f64::from((power as f32).next_up()));
    }
    all.extend([f64::MIN_POSITIVE, 5e-324, 1e-40, f64::MAX, f64::INFINITY]);
    all.extend(all.clone().iter().map(|value| -value));
    let mut bits: Vec<u64> = match size {
        S32 => all
            .iter()
            .map(|v| u64::from((*v as f32).to_bits()))
            .collect(),
        S64 => all.iter().map(|v| v.to_bits()).collect(),
    };
    match size {
        S32 => bits.extend([
            0x7fc0_0000,
            0xffc0_0000,
            0x7fa0_0000,
            0x7f80_0001,
            0xffff_ffff,
        ]),
        S64 => bits.extend([
            0x7ff8 << 48,
            0xfff8 << 48,
            0x7ff4 << 48,
            0x7ff0 << 48 | 1,
            !0,
        ]),
    }
    bits.sort_unstable();
    bits.dedup();
    bits
}

/// Results of arithmetic are equal if the bits are, or both are NaN and ours is an arithmetic one
/// (canonical, if no operand was another NaN).
fn same(size: Size, ours: u64, expected: u64, operands: &[u64]) -> bool {
    let (quiet, canonical) = match size {
        S32 => (0x7fc0_0000, 0x7fff_ffff),
        S64 => (0x7ff8 << 48, u64::MAX >> 1),
    };
    if !nan(size, expected) {
        return ours == expected;
    }
    let odd = |bits: &u64| nan(size, *bits) && bits & canonical != quiet;
    if operands.iter().any(odd) {
        ours & quiet == quiet
    } else {
        ours & canonical == quiet
    }
}

fn nan(size: Size, bits: u64) -> bool {
    match size {
        S32 => f32::from_bits(bits as u32).is_nan(),
        S64 => f64::from_bits(bits).is_nan(),
    }
}

macro_rules! reference {
    ($bin:ident, $un:ident, $cmp:ident, $float:ident, $bits:ident) => {
        fn $bin(op: FloatBin, a: u64, b: u64) -> u64 {
            let (a, b) = ($float::from_bits(a as $bits), $float::from_bits(b as $bits));
            let extreme = |least: bool| {
                if a.is_nan() || b.is_nan() {
                    $float::NAN
                } else if a == b {
                    // The zeros differ in their sign.
                    if a.is_sign_negative() == least { a } else { b }
                } else if (a < b) == least {
                    a
                } else {
                    b
                }
            };
            let result = match op {
                FloatBin::Add => a + b,
                FloatBin::Sub => a - b,
                FloatBin::Mul => a * b,
                FloatBin::Div => a / b,
                FloatBin::Min => extreme(true),
                FloatBin::Max => extreme(false),
                FloatBin::Copysign => a.copysign(b),
            };
            u64::from(result.to_bits())
        }

        fn $un(op: FloatUn, a: u64) -> u64 {
            let a = $float::from_bits(a as $bits);
            let result = match op {
                FloatUn::Abs => a.abs(),
                FloatUn::Neg => -a,
                FloatUn::Ceil => a.ceil(),
                FloatUn::Floor => a.floor(),
                FloatUn::Trunc => a.trunc(),
                FloatUn::Nearest => a.round_ties_even(),
                FloatUn::Sqrt => a.sqrt(),
            };
            u64::from(result.to_bits())
        }

        fn $cmp(op: FloatCmp, a: u64, b: u64) -> bool {
            let (a, b) = ($float::from_bits(a as $bits), $float::from_bits(b as $bits));
            match op {
                FloatCmp::Eq => a == b,
                FloatCmp::Ne => a != b,
                FloatCmp::Lt => a < b,
                FloatCmp::Gt => a > b,
                FloatCmp::Le => a <= b,
                FloatCmp::Ge => a >= b,
            }
        }
    };
}

reference!(bin_32, un_32, cmp_32, f32, u32);
reference!(bin_64, un_64, cmp_64, f64, u64);

fn bin(op: FloatBin, size: Size, a: u64, b: u64) -> u64 {
    match size {
        S32 => bin_32(op, a, b),
        S64 => bin_64(op, a, b),
    }
}

fn un(op: FloatUn, size: Size, a: u64) -> u64 {
    match size {
        S32 => un_32(op, a),
        S64 => un_64(op, a),
    }
}

fn cmp(op: FloatCmp, size: Size, a: u64, b: u64) -> bool {
    match size {
        S32 => cmp_32(op, a, b),
        S64 => cmp_64(op, a, b),
    }
}

/// The lower bits that a float of that size fills.
fn cut(size: Size, bits: u64) -> u64 {
    match size {
        S32 => bits & 0xffff_ffff,
        S64 => bits,
    }
}

#[test]
fn binary_operations() {
    let mut machine = Machine::new(MemoryMode::Explicit);
    for size in SIZES {
        let pairs = || {
            BINS.into_iter()
                .flat_map(|op| ALIASES.map(|regs| (op, regs.map(Fpr))))
        };
        let codes = machine.assemble_all(pairs().map(|(op, [dst, lhs, rhs])| {
            move |isa: &mut Arm64| Isa::float_bin(isa, op, size, dst, lhs, FloatRhs::Reg(rhs))
        }));
        for ((op, [dst, lhs, rhs]), code) in pairs().zip(&codes) {
            for a in values(size) {
                for b in values(size).into_iter().step_by(5).chain([a]) {
                    if lhs == rhs && a != b {
                        continue;
                    }
                    let mut regs = Regs::distinct();
                    regs.set_float(lhs, a);
                    regs.set_float(rhs, b);
                    let out = machine.run(code, &regs);
                    let ours = cut(size, out.only(&machine, dst).regs.float(dst));
                    let expected = bin(op, size, a, b);
                    let same = if op == FloatBin::Copysign {
                        ours == expected
                    } else {
                        same(size, ours, expected, &[a, b])
                    };
                    assert!(
                        same,
                        "{op:?} {size:?} {a:#x} {b:#x}: {ours:#x}, not {expected:#x}"
                    );
                }
            }
        }
    }
}

#[test]
fn unary_operations() {
    let mut machine = Machine::new(MemoryMode::Explicit);
    for size in SIZES {
        let all = || {
            UNS.into_iter()
                .flat_map(|op| [(op, Fpr(3), Fpr(20)), (op, Fpr(9), Fpr(9))])
        };
        let codes = machine.assemble_all(
            all().map(|(op, dst, src)| move |isa: &mut Arm64| isa.float_un(op, size, dst, src)),
        );
        for ((op, dst, src), code) in all().zip(&codes) {
            for a in values(size) {
                let mut regs = Regs::distinct();
                regs.set_float(src, a);
                let out = machine.run(code, &regs);
                let ours = cut(size, out.only(&machine, dst).regs.float(dst));
                let expected = un(op, size, a);
                let same = if matches!(op, FloatUn::Abs | FloatUn::Neg) {
                    ours == expected
                } else {
                    same(size, ours, expected, &[a])
                };
                assert!(same, "{op:?} {size:?} {a:#x}: {ours:#x}, not {expected:#x}");
            }
        }
    }
}

#[test]
fn comparisons() {
    let mut machine = Machine::new(MemoryMode::Explicit);
    let (a, b) = (Fpr(1), Fpr(30 - 1));
    for size in SIZES {
        let codes = machine.assemble_all(CMPS.map(|op| {
            move |isa: &mut Arm64| {
                isa.float_cmp(op, size, a, b);
                isa.set(Cond::Float(op), Gpr(0));
                isa.set(Cond::NotFloat(op), Gpr(1));
                isa.select(Cond::Float(op), S64, Gpr(2), Gpr(3), Gpr(4));
                isa.float_select(Cond::NotFloat(op), Width::W64, Fpr(2), Fpr(3), Fpr(4));
                isa.float_select(Cond::Float(op), Width::W32, Fpr(5), Fpr(5), Fpr(6));
            }
        }));
        for (op, code) in CMPS.into_iter().zip(&codes) {
            for x in values(size) {
                for y in values(size) {
                    let mut regs = Regs::distinct();
                    regs.set_float(a, x);
                    regs.set_float(b, y);
                    let out = machine.run(code, &regs).regs;
                    let holds = cmp(op, size, x, y);
                    assert_eq!(out.x[0], u64::from(holds), "{op:?} {size:?} {x:#x} {y:#x}");
                    assert_eq!(out.x[1], u64::from(!holds), "{op:?} {size:?} {x:#x} {y:#x}");
                    assert_eq!(out.x[2], if holds { regs.x[3] } else { regs.x[4] });
                    assert_eq!(out.v[2][0], if holds { regs.v[4][0] } else { regs.v[3][0] });
                    let narrow = if holds { regs.v[5][0] } else { regs.v[6][0] };
                    assert_eq!(cut(S32, out.v[5][0]), cut(S32, narrow));
                }
            }
        }
    }
}

#[test]
fn vector_selects() {
    let mut machine = Machine::new(MemoryMode::Explicit);
    let aliases = [[0u8, 1, 2], [3, 3, 4], [5, 6, 5], [7, 7, 7]];
    let codes = machine.assemble_all(aliases.map(|[dst, a, b]| {
        move |isa: &mut Arm64| {
            isa.int_cmp(IntCmp::Eq, S64, Gpr(0), Rhs::Imm(7));
            isa.float_select(Cond::Int(IntCmp::Eq), Width::W128, Fpr(dst), Fpr(a), Fpr(b));
        }
    }));
    for ([dst, a, b], code) in aliases.iter().zip(&codes) {
        for value in [7, 8] {
            let mut regs = Regs::distinct();
            regs.x[0] = value;
            let out = machine.run(code, &regs);
            let chosen = if value == 7 { a } else { b };
            let result = out.only(&machine, Fpr(*dst)).regs.v[usize::from(*dst)];
            assert_eq!(
                result,
                regs.v[usize::from(*chosen)],
                "{dst} {a} {b} {value}"
            );
        }
    }
}

#[test]
fn moves() {
    let mut machine = Machine::new(MemoryMode::Explicit);
    for (width, bits) in [(Width::W32, 32), (Width::W64, 64), (Width::W128, 128)] {
        let code = machine.assemble(|isa| isa.float_mov(width, Fpr(8), Fpr(29)));
        let regs = Regs::distinct();
        let out = machine.run(&code, &regs);
        let after = out.only(&machine, Fpr(8)).regs.v[8];
        let whole = |v: [u64; 2]| u128::from(v[0]) | u128::from(v[1]) << 64;
        let mask = u128::MAX >> (128 - bits);
        assert_eq!(whole(after) & mask, whole(regs.v[29]) & mask, "{width:?}");
    }
}

#[test]
fn constants() {
    let mut machine = Machine::new(MemoryMode::Explicit);
    for size in SIZES {
        let mut all = values(size);
        for value in [2.0f64, 31.0, 0.125, 1.9375, -1.0, -0.2421875, 32.0, 1.03125] {
            all.push(match size {
                S32 => u64::from((value as f32).to_bits()),
                S64 => value.to_bits(),
            });
        }
        let codes = machine.assemble_all(
            all.iter()
                .map(|&bits| move |isa: &mut Arm64| isa.float_const(size, Fpr(9), bits)),
        );
        for (&bits, code) in all.iter().zip(&codes) {
            let out = machine.run(code, &Regs::distinct());
            let result = out.only(&machine, Fpr(9)).regs.float(Fpr(9));
            assert_eq!(cut(size, result), bits, "{size:?}");
        }
    }
}

/// What a conversion to an integer gives or raises. Rust's saturate.
fn trunc(op: TruncOp, bits: u64) -> Result<u64, TrapCode> {
    let value = match op.from {
        S32 => f64::from(f32::from_bits(bits as u32)),
        S64 => f64::from_bits(bits),
    };
    let (result, least, above) = match (op.to, op.signed) {
        (S32, true) => (u64::from(value as i32 as u32), -2147483648.0, 2147483648.0),
        (S32, false) => (u64::from(value as u32), 0.0, 4294967296.0),
        (S64, true) => (
            value as i64 as u64,
            -9223372036854775808.0,
            9223372036854775808.0,
        ),
        (S64, false) => (value as u64, 0.0, 18446744073709551616.0),
    };
    if op.sat {
        Ok(result)
    } else if value.is_nan() {
        Err(TrapCode::BadConversionToInteger)
    } else if value.trunc() < least || value.trunc() >= above {
        Err(TrapCode::IntegerOverflow)
    } else {
        Ok(result)
    }
}

#[test]
fn truncations() {
    let mut ops = Vec::new();
    for from in SIZES {
        for to in SIZES {
            for (signed, sat) in [(true, true), (true, false), (false, true), (false, false)] {
                ops.push(TruncOp {
                    from,
                    to,
                    signed,
                    sat,
                });
            }
        }
    }
    let mut machine = Machine::new(MemoryMode::Explicit);
    let (dst, src) = (Gpr(14), Fpr(23));
    let codes = machine.assemble_all(
        ops.iter()
            .map(|&op| move |isa: &mut Arm64| isa.trunc(op, dst, src)),
    );
    for (&op, code) in ops.iter().zip(&codes) {
        for bits in values(op.from) {
            let mut regs = Regs::distinct();
            regs.set_float(src, bits);
            let out = machine.run(code, &regs);
            let result = match out.trap {
                Some((trap, _)) => Err(trap),
                None => Ok(out.only(&machine, dst).regs.get(dst)),
            };
            assert_eq!(result, trunc(op, bits), "{op:?} {bits:#x}");
        }
    }
}

#[test]
fn conversions() {
    let mut machine = Machine::new(MemoryMode::Explicit);
    for from in SIZES {
        for to in SIZES {
            for signed in [true, false] {
                let code = machine.assemble(|isa| isa.convert(from, to, signed, Fpr(0), Gpr(0)));
                for value in super::run_ints::values() {
                    let mut regs = Regs::distinct();
                    regs.x[0] = value;
                    let out = machine.run(&code, &regs);
                    let result = cut(to, out.only(&machine, Fpr(0)).regs.float(Fpr(0)));
                    let expected = match (from, to, signed) {
                        (S32, S32, true) => u64::from((value as i32 as f32).to_bits()),
                        (S32, S32, false) => u64::from((value as u32 as f32).to_bits()),
                        (S32, S64, true) => (value as i32 as f64).to_bits(),
                        (S32, S64, false) => (value as u32 as f64).to_bits(),
                        (S64, S32, true) => u64::from((value as i64 as f32).to_bits()),
                        (S64, S32, false) => u64::from((value as f32).to_bits()),
                        (S64, S64, true) => (value as i64 as f64).to_bits(),
                        (S64, S64, false) => (value as f64).to_bits(),
                    };
                    assert_eq!(result, expected, "{from:?} {to:?} {signed} {value:#x}");
                }
            }
        }
    }
}

#[test]
fn between_floats_and_as_bits() {
    let mut machine = Machine::new(MemoryMode::Explicit);
    let code = machine.assemble(|isa| {
        isa.demote(Fpr(1), Fpr(0));
        isa.promote(Fpr(3), Fpr(2));
        isa.float_to_bits(S32, Gpr(1), Fpr(2));
        isa.float_to_bits(S64, Gpr(2), Fpr(0));
        isa.bits_to_float(S32, Fpr(4), Gpr(1));
        isa.bits_to_float(S64, Fpr(5), Gpr(2));
    });
    for wide in values(S64) {
        for narrow in values(S32) {
            let mut regs = Regs::distinct();
            regs.set_float(Fpr(0), wide);
            regs.set_float(Fpr(2), narrow | 0x1234_5678 << 32);
            let out = machine.run(&code, &regs).regs;
            let demoted = u64::from((f64::from_bits(wide) as f32).to_bits());
            assert!(same(S32, cut(S32, out.v[1][0]), demoted, &[]) || nan(S64, wide));
            let promoted = f64::from(f32::from_bits(narrow as u32)).to_bits();
            assert!(same(S64, out.v[3][0], promoted, &[]) || nan(S32, narrow));
            assert_eq!((out.x[1], out.x[2]), (narrow, wide));
            assert_eq!((out.v[4][0], out.v[5][0]), (narrow, wide));
        }
    }
}
