//! Integer emitters against Rust's integers.

use std::rc::Rc;

use super::machine::{Machine, Regs};
use crate::arm64::Arm64;
use crate::asm::abi::{MemoryMode, TrapCode};
use crate::asm::isa::{Cond, DivChecks, ImmUse, Isa, Rhs};
use crate::asm::regs::{Fpr, Gpr};
use crate::ir::op::{Div, IntBin, IntCmp, IntUn, Shift};
use crate::ir::types::Size::{self, S32, S64};

const SIZES: [Size; 2] = [S32, S64];

const BINS: [IntBin; 6] = [
    IntBin::Add,
    IntBin::Sub,
    IntBin::Mul,
    IntBin::And,
    IntBin::Or,
    IntBin::Xor,
];

const SHIFTS: [Shift; 5] = [
    Shift::Shl,
    Shift::ShrS,
    Shift::ShrU,
    Shift::Rotl,
    Shift::Rotr,
];

pub(super) const CMPS: [IntCmp; 10] = [
    IntCmp::Eq,
    IntCmp::Ne,
    IntCmp::LtS,
    IntCmp::LtU,
    IntCmp::GtS,
    IntCmp::GtU,
    IntCmp::LeS,
    IntCmp::LeU,
    IntCmp::GeS,
    IntCmp::GeU,
];

/// Which of `dst`, `lhs`, `rhs` are one register; low, argument-free and callee-saved ones.
const ALIASES: [[u8; 3]; 6] = [
    [0, 1, 2],
    [3, 3, 4],
    [5, 14, 5],
    [19, 9, 9],
    [7, 7, 7],
    [25, 0, 13],
];

pub(super) fn values() -> Vec<u64> {
    let mut values = vec![
        0,
        1,
        2,
        3,
        7,
        31,
        32,
        33,
        63,
        64,
        100,
        0x7fff_ffff,
        0x8000_0000,
    ];
    values.extend([
        0xffff_fffe,
        0xffff_ffff,
        0x1_0000_0000,
        0x1_8000_0000,
        0x1234_5678,
    ]);
    values.extend([
        0x0123_4567_89ab_cdef,
        0xfedc_ba98_7654_3210,
        i64::MAX as u64,
    ]);
    values.extend([i64::MIN as u64, i64::MIN as u64 + 1, u64::MAX - 1, u64::MAX]);
    values
}

/// What a register of that size holds for a value: 32-bit ones are zero-extended.
fn canonical(size: Size, value: u64) -> u64 {
    match size {
        S32 => u64::from(value as u32),
        S64 => value,
    }
}

fn signed(size: Size, value: u64) -> i64 {
    match size {
        S32 => i64::from(value as i32),
        S64 => value as i64,
    }
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
    canonical(size, result)
}

fn shift(op: Shift, size: Size, a: u64, count: u64) -> u64 {
    let n = count as u32;
    let result = match size {
        S32 => u64::from(match op {
            Shift::Shl => (a as u32).wrapping_shl(n),
            Shift::ShrS => (a as i32).wrapping_shr(n) as u32,
            Shift::ShrU => (a as u32).wrapping_shr(n),
            Shift::Rotl => (a as u32).rotate_left(n % 32),
            Shift::Rotr => (a as u32).rotate_right(n % 32),
        }),
        S64 => match op {
            Shift::Shl => a.wrapping_shl(n),
            Shift::ShrS => (a as i64).wrapping_shr(n) as u64,
            Shift::ShrU => a.wrapping_shr(n),
            Shift::Rotl => a.rotate_left(n % 64),
            Shift::Rotr => a.rotate_right(n % 64),
        },
    };
    canonical(size, result)
}

/// The result, or the trap.
fn div(op: Div, size: Size, a: u64, b: u64) -> Result<u64, TrapCode> {
    let (sa, sb) = (signed(size, a), signed(size, b));
    let (a, b) = (canonical(size, a), canonical(size, b));
    if b == 0 {
        return Err(TrapCode::IntegerDivisionByZero);
    }
    let least = match size {
        S32 => i64::from(i32::MIN),
        S64 => i64::MIN,
    };
    let result = match op {
        Div::DivS if sa == least && sb == -1 => return Err(TrapCode::IntegerOverflow),
        Div::DivS => (sa / sb) as u64,
        Div::DivU => a / b,
        Div::RemS => sa.wrapping_rem(sb) as u64,
        Div::RemU => a % b,
    };
    Ok(canonical(size, result))
}

pub(super) fn cmp(cmp: IntCmp, size: Size, a: u64, b: u64) -> bool {
    let (sa, sb) = (signed(size, a), signed(size, b));
    let (a, b) = (canonical(size, a), canonical(size, b));
    match cmp {
        IntCmp::Eq => a == b,
        IntCmp::Ne => a != b,
        IntCmp::LtS => sa < sb,
        IntCmp::LtU => a < b,
        IntCmp::GtS => sa > sb,
        IntCmp::GtU => a > b,
        IntCmp::LeS => sa <= sb,
        IntCmp::LeU => a <= b,
        IntCmp::GeS => sa >= sb,
        IntCmp::GeU => a >= b,
    }
}

/// Immediates around every boundary of the encodings.
pub(super) fn immediates() -> Vec<i64> {
    let mut all = vec![
        0,
        1,
        -1,
        0xfff,
        0x1000,
        0x1001,
        0xfff_000,
        0xfff_001,
        0x1_000_000,
    ];
    all.extend([
        0xff,
        0xff00,
        0x7fff_ffff,
        0x5555_5555,
        0x0f0f_0f0f,
        0x1234_5678,
        0xffff_0000,
    ]);
    all.extend([
        0x7ff8_0000_0000_0000,
        i64::MIN,
        i64::MAX,
        0x0000_ffff_0000_ffff,
    ]);
    all.extend(all.clone().iter().map(|imm| imm.wrapping_neg()));
    all
}

/// Code, and what it makes of two registers.
struct Case<'a> {
    name: String,
    dst: Gpr,
    lhs: Gpr,
    rhs: Gpr,
    emit: Box<dyn Fn(&mut Arm64) + 'a>,
    expect: Rc<Expect<'a>>,
}

type Expect<'a> = dyn Fn(u64, u64) -> Result<u64, TrapCode> + 'a;

#[derive(Default)]
struct Cases<'a>(Vec<Case<'a>>);

impl<'a> Cases<'a> {
    /// `emit(dst, lhs, rhs)` in all aliasings.
    fn binary(
        &mut self,
        name: &str,
        emit: impl Fn(&mut Arm64, Gpr, Gpr, Gpr) + Copy + 'a,
        expect: impl Fn(u64, u64) -> Result<u64, TrapCode> + 'a,
    ) {
        let expect: Rc<Expect<'a>> = Rc::new(expect);
        for [dst, lhs, rhs] in ALIASES.map(|regs| regs.map(Gpr)) {
            self.0.push(Case {
                name: format!("{name} {dst:?} {lhs:?} {rhs:?}"),
                dst,
                lhs,
                rhs,
                emit: Box::new(move |isa| emit(isa, dst, lhs, rhs)),
                expect: Rc::clone(&expect),
            });
        }
    }

    /// `emit(dst, src)`, in place and not.
    fn unary(
        &mut self,
        name: &str,
        emit: impl Fn(&mut Arm64, Gpr, Gpr) + Copy + 'a,
        expect: impl Fn(u64) -> u64 + 'a,
    ) {
        let expect: Rc<Expect<'a>> = Rc::new(move |a, _| Ok(expect(a)));
        for [dst, src] in [[0, 1], [9, 9], [20, 14]].map(|regs| regs.map(Gpr)) {
            self.0.push(Case {
                name: format!("{name} {dst:?} {src:?}"),
                dst,
                lhs: src,
                rhs: src,
                emit: Box::new(move |isa| emit(isa, dst, src)),
                expect: Rc::clone(&expect),
            });
        }
    }

    /// Runs each case on all values.
    fn run(self) {
        let mut machine = Machine::new(MemoryMode::Explicit);
        let codes = machine.assemble_all(self.0.iter().map(|case| &case.emit));
        for (case, code) in self.0.iter().zip(&codes) {
            for a in values() {
                for b in values() {
                    if case.lhs == case.rhs && a != b {
                        continue;
                    }
                    let mut regs = Regs::distinct();
                    regs.set(case.lhs, a);
                    regs.set(case.rhs, b);
                    let out = machine.run(code, &regs);
                    let result = match out.trap {
                        Some((trap, _)) => Err(trap),
                        None => Ok(out.only(&machine, case.dst).regs.get(case.dst)),
                    };
                    assert_eq!(result, (case.expect)(a, b), "{} {a:#x} {b:#x}", case.name);
                }
            }
        }
    }
}

#[test]
fn binary_operations() {
    let mut cases = Cases::default();
    for size in SIZES {
        for op in BINS {
            cases.binary(
                &format!("{op:?} {size:?}"),
                move |isa, dst, lhs, rhs| Isa::int_bin(isa, op, size, dst, lhs, Rhs::Reg(rhs)),
                move |a, b| Ok(bin(op, size, a, b)),
            );
        }
    }
    cases.run();
}

#[test]
fn binary_operations_with_immediates() {
    let mut cases = Cases::default();
    for size in SIZES {
        for op in BINS {
            for imm in immediates() {
                let imm = signed(size, imm as u64);
                if Arm64::imm_fits(ImmUse::Bin(op), size, imm) {
                    cases.unary(
                        &format!("{op:?} {size:?} {imm:#x}"),
                        move |isa, dst, src| Isa::int_bin(isa, op, size, dst, src, Rhs::Imm(imm)),
                        move |a| bin(op, size, a, imm as u64),
                    );
                }
            }
        }
    }
    assert!(cases.0.len() > 300, "most immediates fit something");
    cases.run();
}

#[test]
fn shifts() {
    let mut cases = Cases::default();
    for size in SIZES {
        for op in SHIFTS {
            cases.binary(
                &format!("{op:?} {size:?}"),
                move |isa, dst, lhs, rhs| Isa::shift(isa, op, size, dst, lhs, Rhs::Reg(rhs)),
                move |a, b| Ok(shift(op, size, a, b)),
            );
            let bits = if size == S32 { 32 } else { 64 };
            for count in [0, 1, 8, bits / 2, bits - 1] {
                cases.unary(
                    &format!("{op:?} {size:?} {count}"),
                    move |isa, dst, src| Isa::shift(isa, op, size, dst, src, Rhs::Imm(count)),
                    move |a| shift(op, size, a, count as u64),
                );
            }
        }
    }
    cases.run();
}

#[test]
fn divisions() {
    let checks = DivChecks {
        zero: true,
        minus_one: true,
    };
    let mut cases = Cases::default();
    for size in SIZES {
        for op in [Div::DivS, Div::DivU, Div::RemS, Div::RemU] {
            cases.binary(
                &format!("{op:?} {size:?}"),
                move |isa, dst, lhs, rhs| Isa::div(isa, op, size, checks, dst, lhs, rhs),
                move |a, b| div(op, size, a, b),
            );
        }
    }
    cases.run();
}

fn un(op: IntUn, size: Size, a: u64) -> u64 {
    let (narrow, wide) = (a as u32, size == S64);
    let result = match op {
        IntUn::Clz if wide => u64::from(a.leading_zeros()),
        IntUn::Clz => u64::from(narrow.leading_zeros()),
        IntUn::Ctz if wide => u64::from(a.trailing_zeros()),
        IntUn::Ctz => u64::from(narrow.trailing_zeros()),
        IntUn::Popcnt if wide => u64::from(a.count_ones()),
        IntUn::Popcnt => u64::from(narrow.count_ones()),
        IntUn::Extend8S => a as i8 as u64,
        IntUn::Extend16S => a as i16 as u64,
        IntUn::Extend32S => a as i32 as u64,
    };
    canonical(size, result)
}

#[test]
fn unary_operations() {
    let ops = [
        IntUn::Clz,
        IntUn::Ctz,
        IntUn::Popcnt,
        IntUn::Extend8S,
        IntUn::Extend16S,
        IntUn::Extend32S,
    ];
    let mut cases = Cases::default();
    for size in SIZES {
        for op in ops {
            cases.unary(
                &format!("{op:?} {size:?}"),
                move |isa, dst, src| Isa::int_un(isa, op, size, dst, src),
                move |a| un(op, size, a),
            );
        }
    }
    cases.run();
}

#[test]
fn moves_and_extensions() {
    let mut cases = Cases::default();
    cases.unary(
        "mov 32",
        |isa, d, s| Isa::mov(isa, S32, d, s),
        |a| canonical(S32, a),
    );
    cases.unary("mov 64", |isa, d, s| Isa::mov(isa, S64, d, s), |a| a);
    cases.unary(
        "zero",
        |isa, d, s| Isa::extend(isa, false, d, s),
        |a| canonical(S32, a),
    );
    cases.unary(
        "sign",
        |isa, d, s| Isa::extend(isa, true, d, s),
        |a| a as i32 as u64,
    );
    cases.run();
}

#[test]
fn exchanges() {
    let mut machine = Machine::new(MemoryMode::Explicit);
    let (a, b) = (Gpr(0), Gpr(14));
    let code = machine.assemble(|isa| Isa::exchange(isa, a.into(), b.into()));
    let regs = Regs::distinct();
    let out = machine.run(&code, &regs);
    assert_eq!(out.changed, [0, 14]);
    assert_eq!(
        (out.regs.get(a), out.regs.get(b)),
        (regs.get(b), regs.get(a))
    );

    let (a, b) = (Fpr(0), Fpr(29));
    let code = machine.assemble(|isa| Isa::exchange(isa, a.into(), b.into()));
    let out = machine.run(&code, &regs);
    assert_eq!(out.changed, [32, 61]);
    assert_eq!((out.regs.v[0], out.regs.v[29]), (regs.v[29], regs.v[0]));
}

#[test]
fn constants() {
    let mut all: Vec<u64> = values();
    all.extend(immediates().iter().map(|imm| *imm as u64));
    for i in 0..4 {
        for part in [1u64, 0x8000, 0xfffe, 0xffff] {
            all.extend([part << (16 * i), !(part << (16 * i))]);
            all.push(0x1234_5678_9abc_def0 & !(0xffff << (16 * i)) | part << (16 * i));
        }
    }
    let mut machine = Machine::new(MemoryMode::Explicit);
    for size in SIZES {
        let bodies = all
            .iter()
            .map(|&value| move |isa: &mut Arm64| Isa::int_const(isa, size, Gpr(3), value));
        let codes = machine.assemble_all(bodies);
        for (code, &value) in codes.iter().zip(&all) {
            let out = machine.run(code, &Regs::distinct());
            let result = out.only(&machine, Gpr(3)).regs.get(Gpr(3));
            assert_eq!(result, canonical(size, value), "{size:?} {value:#x}");
        }
    }
}

#[test]
fn comparisons() {
    let mut cases = Cases::default();
    for size in SIZES {
        for op in CMPS {
            cases.binary(
                &format!("{op:?} {size:?}"),
                move |isa, dst, lhs, rhs| {
                    Isa::int_cmp(isa, op, size, lhs, Rhs::Reg(rhs));
                    Isa::set(isa, Cond::Int(op), dst);
                },
                move |a, b| Ok(u64::from(cmp(op, size, a, b))),
            );
            for imm in [0, 1, -1, 4095, -4095, 4096, 0xff_f000, -0xff_f000] {
                assert!(Arm64::imm_fits(ImmUse::Cmp, size, imm));
                cases.unary(
                    &format!("{op:?} {size:?} {imm}"),
                    move |isa, dst, src| {
                        Isa::int_cmp(isa, op, size, src, Rhs::Imm(imm));
                        Isa::set(isa, Cond::Int(op), dst);
                    },
                    move |a| u64::from(cmp(op, size, a, imm as u64)),
                );
            }
        }
    }
    cases.run();
}

#[test]
fn selects() {
    let mut cases = Cases::default();
    for size in SIZES {
        cases.binary(
            &format!("select {size:?}"),
            move |isa, dst, a, b| {
                Isa::int_cmp(isa, IntCmp::GtU, size, a, Rhs::Reg(b));
                Isa::select(isa, Cond::Int(IntCmp::GtU), size, dst, a, b);
            },
            move |a, b| Ok(canonical(size, a).max(canonical(size, b))),
        );
    }
    cases.run();
}
