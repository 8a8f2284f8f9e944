//! What the integer emitters compute, over boundary values and ways in which registers coincide.

use super::machine::{Program, State};
use super::{Amd64, feature_sets};
use crate::asm::abi::{MemoryMode, TrapCode};
use crate::asm::isa::{Cell, Cond, DivChecks, Isa, Rhs};
use crate::asm::regs::{Fpr, Gpr};
use crate::ir::op::{Div, FloatCmp, IntBin, IntCmp, IntUn, Shift};
use crate::ir::types::{Size, Width};

const SIZES: [Size; 2] = [Size::S32, Size::S64];

/// Destination, left and right operand: all different, equal in pairs, all the same, and
/// registers whose encodings are special.
const TRIPLES: [[u8; 3]; 12] = [
    [0, 2, 3],
    [0, 0, 3],
    [0, 3, 0],
    [0, 3, 3],
    [0, 0, 0],
    [5, 12, 13],
    [12, 5, 5],
    [13, 13, 12],
    [13, 12, 13],
    [8, 7, 6],
    [6, 6, 9],
    [9, 1, 9],
];

fn values(size: Size) -> Vec<u64> {
    let mut values = Vec::new();
    for shift in [0, 1, 7, 8, 15, 16, 31, 32, 33, 62, 63] {
        let bit = 1u64 << shift;
        values.extend([bit, bit - 1, bit.wrapping_neg(), !bit]);
    }
    values.extend([
        0,
        u64::MAX,
        3,
        5,
        0x0123_4567_89ab_cdef,
        0xaaaa_aaaa_aaaa_aaaa,
    ]);
    if size == Size::S32 {
        for value in &mut values {
            *value = u64::from(*value as u32);
        }
    }
    values.sort_unstable();
    values.dedup();
    values
}

fn mask(size: Size, value: u64) -> u64 {
    match size {
        Size::S32 => u64::from(value as u32),
        Size::S64 => value,
    }
}

fn signed(size: Size, value: u64) -> i64 {
    match size {
        Size::S32 => i64::from(value as i32),
        Size::S64 => value as i64,
    }
}

fn program(features: u32, emit: impl FnOnce(&mut Amd64)) -> Program {
    Program::new(features, MemoryMode::Explicit, emit)
}

/// Runs a program of two operands; checks that no other register changed.
fn run(program: &Program, [dst, lhs, rhs]: [u8; 3], a: u64, b: u64) -> Result<u64, TrapCode> {
    let mut state = State::default();
    for (at, reg) in state.gpr.iter_mut().enumerate() {
        *reg = 0x1111_1111_1111_1111 * at as u64;
    }
    state.gpr[usize::from(rhs)] = b;
    state.gpr[usize::from(lhs)] = a;
    let before = state.clone();
    if let Some(trap) = program.run(&mut state) {
        return Err(trap);
    }
    for at in (0..16).filter(|at| ![4, 10, 11, usize::from(dst)].contains(at)) {
        assert_eq!(state.gpr[at], before.gpr[at], "register {at}");
    }
    Ok(state.gpr[usize::from(dst)])
}

fn bin(op: IntBin, size: Size, a: u64, b: u64) -> u64 {
    let result = match op {
        IntBin::Add => a.wrapping_add(b),
        IntBin::Sub => a.wrapping_sub(b),
        IntBin::Mul => a.wrapping_mul(b),
        IntBin::And => a & b,
        IntBin::Or => a | b,
        IntBin::Xor => a ^ b,
    };
    mask(size, result)
}

#[test]
fn int_bin() {
    use IntBin::{Add, And, Mul, Or, Sub, Xor};
    let imms = [
        0,
        1,
        -1,
        2,
        3,
        4,
        5,
        8,
        9,
        127,
        128,
        -128,
        -129,
        255,
        0xffff,
        0x7fff_ffff,
        -0x8000_0000,
        0xffff_ffff,
    ];
    for op in [Add, Sub, Mul, And, Or, Xor] {
        for size in SIZES {
            for regs in TRIPLES {
                let [dst, lhs, rhs] = regs.map(Gpr);
                let by_reg = program(0, |isa| isa.int_bin(op, size, dst, lhs, Rhs::Reg(rhs)));
                let by_slot = program(0, |isa| {
                    isa.store_cell(Width::W64, Cell::Slot(16), rhs.into());
                    isa.int_bin(op, size, dst, lhs, Rhs::Slot(16));
                });
                for (at, &a) in values(size).iter().enumerate() {
                    for &b in values(size).iter().skip(at % 5).step_by(5) {
                        let b = if lhs == rhs { a } else { b };
                        let expected = Ok(bin(op, size, a, b));
                        assert_eq!(run(&by_reg, regs, a, b), expected, "{op:?} {a:x} {b:x}");
                        assert_eq!(run(&by_slot, regs, a, b), expected, "{op:?} {a:x} {b:x}");
                    }
                }
                for imm in imms {
                    let imm = if size == Size::S32 {
                        i64::from(imm as i32)
                    } else {
                        imm
                    };
                    if !Amd64::imm_fits(crate::asm::isa::ImmUse::Bin(op), size, imm) {
                        continue;
                    }
                    let by_imm = program(0, |isa| isa.int_bin(op, size, dst, lhs, Rhs::Imm(imm)));
                    for &a in &values(size) {
                        let expected = Ok(bin(op, size, a, imm as u64));
                        let regs = [regs[0], regs[1], regs[1]];
                        assert_eq!(run(&by_imm, regs, a, a), expected, "{op:?} {a:x} {imm:x}");
                    }
                }
            }
        }
    }
}

fn shifted(op: Shift, size: Size, a: u64, count: u64) -> u64 {
    let count = count as u32;
    match size {
        Size::S32 => {
            let a = a as u32;
            u64::from(match op {
                Shift::Shl => a.wrapping_shl(count),
                Shift::ShrU => a.wrapping_shr(count),
                Shift::ShrS => (a as i32).wrapping_shr(count) as u32,
                Shift::Rotl => a.rotate_left(count % 32),
                Shift::Rotr => a.rotate_right(count % 32),
            })
        }
        Size::S64 => match op {
            Shift::Shl => a.wrapping_shl(count),
            Shift::ShrU => a.wrapping_shr(count),
            Shift::ShrS => (a as i64).wrapping_shr(count) as u64,
            Shift::Rotl => a.rotate_left(count % 64),
            Shift::Rotr => a.rotate_right(count % 64),
        },
    }
}

#[test]
fn shifts() {
    use Shift::{Rotl, Rotr, Shl, ShrS, ShrU};
    for features in feature_sets() {
        for op in [Shl, ShrS, ShrU, Rotl, Rotr] {
            for (size, bits) in [(Size::S32, 32), (Size::S64, 64)] {
                for mut regs in TRIPLES.into_iter().chain([[1, 1, 1], [1, 3, 1], [3, 1, 1]]) {
                    let isa = super::amd64(MemoryMode::Explicit, features);
                    if let Some(fixed) = isa.shift_count(op) {
                        regs[2] = fixed.0;
                    }
                    let [dst, lhs, count] = regs.map(Gpr);
                    let variable = program(features, |isa| {
                        isa.shift(op, size, dst, lhs, Rhs::Reg(count));
                    });
                    for &a in &values(size) {
                        for b in [0, 1, 2, 31, 32, 33, 63, 64, 0xffff_ffff, 0x1_0000_0005] {
                            let b = if lhs == count { a } else { mask(size, b) };
                            let expected = Ok(shifted(op, size, a, b));
                            let result = run(&variable, regs, a, b);
                            assert_eq!(result, expected, "{op:?} {size:?} {a:x} {b:x} {regs:?}");
                        }
                    }
                    for count in [0, 1, 2, 3, 7, 8, bits / 2, bits - 1] {
                        let fixed = program(features, |isa| {
                            isa.shift(op, size, dst, lhs, Rhs::Imm(count));
                        });
                        for &a in &values(size) {
                            let expected = Ok(shifted(op, size, a, count as u64));
                            let result = run(&fixed, [regs[0], regs[1], regs[1]], a, a);
                            assert_eq!(result, expected, "{op:?} {size:?} {a:x} {count}");
                        }
                    }
                }
            }
        }
    }
}

fn divided(op: Div, size: Size, a: u64, b: u64) -> Result<u64, TrapCode> {
    if b == 0 {
        return Err(TrapCode::IntegerDivisionByZero);
    }
    let (x, y) = (i128::from(signed(size, a)), i128::from(signed(size, b)));
    let (least, result) = match size {
        Size::S32 => (i128::from(i32::MIN), x / y),
        Size::S64 => (i128::from(i64::MIN), x / y),
    };
    let result = match op {
        Div::DivS if result == -least => return Err(TrapCode::IntegerOverflow),
        Div::DivS => result as u64,
        Div::RemS => (x % y) as u64,
        Div::DivU => a / b,
        Div::RemU => a % b,
    };
    Ok(mask(size, result))
}

#[test]
fn divisions() {
    for op in [Div::DivS, Div::DivU, Div::RemS, Div::RemU] {
        for size in SIZES {
            for rhs in [1, 3, 5, 8, 12, 13] {
                for zero in [false, true] {
                    for minus_one in [false, true] {
                        let checks = DivChecks { zero, minus_one };
                        let dst = match op {
                            Div::DivS | Div::DivU => 0,
                            Div::RemS | Div::RemU => 2,
                        };
                        let program = program(0, |isa| {
                            isa.div(op, size, checks, Gpr(dst), Gpr(0), Gpr(rhs));
                        });
                        for &a in &values(size) {
                            for &b in &values(size) {
                                let possible = (zero || b != 0)
                                    && (minus_one || signed(size, b) != -1)
                                    || b != 0 && matches!(op, Div::DivU | Div::RemU);
                                if possible {
                                    let mut state = State::default();
                                    state.gpr[0] = a;
                                    state.gpr[usize::from(rhs)] = b;
                                    let result = match program.run(&mut state) {
                                        Some(trap) => Err(trap),
                                        None => Ok(state.gpr[usize::from(dst)]),
                                    };
                                    let expected = divided(op, size, a, b);
                                    assert_eq!(result, expected, "{op:?} {size:?} {a:x} {b:x}");
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn unary(op: IntUn, size: Size, a: u64) -> u64 {
    let narrow = a as u32;
    let result = match (op, size) {
        (IntUn::Clz, Size::S32) => u64::from(narrow.leading_zeros()),
        (IntUn::Clz, Size::S64) => u64::from(a.leading_zeros()),
        (IntUn::Ctz, Size::S32) => u64::from(narrow.trailing_zeros()),
        (IntUn::Ctz, Size::S64) => u64::from(a.trailing_zeros()),
        (IntUn::Popcnt, _) => u64::from(a.count_ones()),
        (IntUn::Extend8S, _) => a as i8 as u64,
        (IntUn::Extend16S, _) => a as i16 as u64,
        (IntUn::Extend32S, _) => a as i32 as u64,
    };
    mask(size, result)
}

#[test]
fn int_un() {
    use IntUn::{Clz, Ctz, Extend8S, Extend16S, Extend32S, Popcnt};
    for features in feature_sets() {
        for op in [Clz, Ctz, Popcnt, Extend8S, Extend16S, Extend32S] {
            for size in SIZES {
                for regs in TRIPLES {
                    let [dst, src, _] = regs;
                    let program = program(features, |isa| {
                        isa.int_un(op, size, Gpr(dst), Gpr(src));
                    });
                    for &a in &values(size) {
                        let expected =
                            Ok(unary(op, if op == Extend32S { Size::S64 } else { size }, a));
                        assert_eq!(
                            run(&program, [dst, src, src], a, a),
                            expected,
                            "{op:?} {a:x}"
                        );
                    }
                }
            }
        }
    }
}

fn holds(cmp: IntCmp, size: Size, a: u64, b: u64) -> bool {
    let (x, y) = (signed(size, a), signed(size, b));
    match cmp {
        IntCmp::Eq => a == b,
        IntCmp::Ne => a != b,
        IntCmp::LtS => x < y,
        IntCmp::LtU => a < b,
        IntCmp::GtS => x > y,
        IntCmp::GtU => a > b,
        IntCmp::LeS => x <= y,
        IntCmp::LeU => a <= b,
        IntCmp::GeS => x >= y,
        IntCmp::GeU => a >= b,
    }
}

/// `rax = cond`, by way of a branch.
pub(super) fn branch_to_flag(isa: &mut Amd64, cond: Cond) {
    let (yes, done) = (isa.buf.new_label(), isa.buf.new_label());
    isa.branch(cond, yes);
    isa.int_const(Size::S32, Gpr(0), 0);
    isa.jump(done);
    isa.buf.bind(yes);
    isa.int_const(Size::S32, Gpr(0), 1);
    isa.buf.bind(done);
}

#[test]
fn comparisons() {
    use IntCmp::{Eq, GeS, GeU, GtS, GtU, LeS, LeU, LtS, LtU, Ne};
    for cmp in [Eq, Ne, LtS, LtU, GtS, GtU, LeS, LeU, GeS, GeU] {
        for size in SIZES {
            let cond = Cond::Int(cmp);
            let (a_reg, b_reg) = (Gpr(3), Gpr(12));
            let set = program(0, |isa| {
                isa.int_cmp(cmp, size, a_reg, Rhs::Reg(b_reg));
                isa.set(cond, Gpr(0));
            });
            let branch = program(0, |isa| {
                isa.store_cell(Width::W64, Cell::Slot(0), b_reg.into());
                isa.int_cmp(cmp, size, a_reg, Rhs::Slot(0));
                branch_to_flag(isa, cond);
            });
            let not = program(0, |isa| {
                isa.int_cmp(cmp, size, a_reg, Rhs::Reg(b_reg));
                branch_to_flag(isa, cond.negated());
            });
            for &a in &values(size) {
                for &b in &values(size) {
                    let expected = u64::from(holds(cmp, size, a, b));
                    let regs = [0, a_reg.0, b_reg.0];
                    assert_eq!(run(&set, regs, a, b), Ok(expected), "{cmp:?} {a:x} {b:x}");
                    assert_eq!(run(&branch, regs, a, b), Ok(expected));
                    assert_eq!(run(&not, regs, a, b), Ok(1 - expected));
                }
            }
            for imm in [
                0,
                1,
                -1,
                127,
                128,
                -128,
                -129,
                i64::from(i32::MIN),
                i64::from(i32::MAX),
            ] {
                let program = program(0, |isa| {
                    isa.int_cmp(cmp, size, a_reg, Rhs::Imm(imm));
                    isa.set(cond, Gpr(0));
                });
                for &a in &values(size) {
                    let expected = u64::from(holds(cmp, size, a, mask(size, imm as u64)));
                    let regs = [0, a_reg.0, a_reg.0];
                    assert_eq!(
                        run(&program, regs, a, a),
                        Ok(expected),
                        "{cmp:?} {a:x} {imm}"
                    );
                }
            }
        }
    }
}

#[test]
fn selects() {
    let floats = [
        (1.0, 2.0),
        (2.0, 1.0),
        (1.0, 1.0),
        (f64::NAN, 1.0),
        (1.0, f64::NAN),
    ];
    use FloatCmp::{Eq, Ge, Gt, Le, Lt, Ne};
    for cmp in [Eq, Ne, Lt, Gt, Le, Ge] {
        for cond in [Cond::Float(cmp), Cond::NotFloat(cmp)] {
            for regs in TRIPLES {
                let [dst, a, b] = regs;
                let int = program(0, |isa| {
                    isa.float_cmp(cmp, Size::S64, Fpr(8), Fpr(9));
                    isa.select(cond, Size::S64, Gpr(dst), Gpr(a), Gpr(b));
                });
                let float = program(0, |isa| {
                    isa.float_cmp(cmp, Size::S64, Fpr(8), Fpr(9));
                    let [dst, a, b] = regs.map(|reg| Fpr(reg % 8));
                    isa.float_select(cond, Width::W128, dst, a, b);
                });
                let set = program(0, |isa| {
                    isa.float_cmp(cmp, Size::S64, Fpr(8), Fpr(9));
                    isa.set(cond, Gpr(dst));
                });
                let branch = program(0, |isa| {
                    isa.float_cmp(cmp, Size::S64, Fpr(8), Fpr(9));
                    branch_to_flag(isa, cond);
                });
                for (x, y) in floats {
                    let holds = match cmp {
                        Eq => x == y,
                        Ne => x != y,
                        Lt => x < y,
                        Gt => x > y,
                        Le => x <= y,
                        Ge => x >= y,
                    };
                    let holds = holds == matches!(cond, Cond::Float(_));
                    let mut state = State::default();
                    for at in 0..16 {
                        state.gpr[at] = 100 + at as u64;
                        state.xmm[at] = [200 + at as u64, 300 + at as u64];
                    }
                    state.xmm[8][0] = x.to_bits();
                    state.xmm[9][0] = y.to_bits();
                    let chosen = usize::from(if holds { a } else { b });
                    let [mut s1, mut s2, mut s3, mut s4] = [(); 4].map(|()| state.clone());
                    assert_eq!(int.run(&mut s1), None);
                    assert_eq!(s1.gpr[usize::from(dst)], 100 + chosen as u64);
                    assert_eq!(float.run(&mut s2), None);
                    let chosen = chosen as u64 % 8;
                    assert_eq!(s2.xmm[usize::from(dst % 8)], [200 + chosen, 300 + chosen]);
                    assert_eq!(set.run(&mut s3), None);
                    assert_eq!(
                        s3.gpr[usize::from(dst)],
                        u64::from(holds),
                        "{cond:?} {x} {y}"
                    );
                    assert_eq!(branch.run(&mut s4), None);
                    assert_eq!(s4.gpr[0], u64::from(holds));
                }
            }
        }
    }
}
