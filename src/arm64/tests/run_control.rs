//! Branches, tables and traps, in all forms of branches.

use super::machine::{Machine, Regs};
use super::run_ints::{CMPS, cmp, values};
use crate::arm64::Arm64;
use crate::arm64::regs::file_of;
use crate::asm::abi::{MemoryMode, TrapCode};
use crate::asm::isa::{Cond, DivChecks, Isa, Rhs};
use crate::asm::regs::{Fpr, Gpr, Reg, RegSet};
use crate::ir::op::{Div, FloatCmp, IntCmp};
use crate::ir::types::Size::{S32, S64};

/// The last attempt: no branch reaches far.
const HUGE: u32 = 2;

pub(super) fn machines() -> [Machine; 3] {
    [0, 1, HUGE].map(|attempt| {
        let mut machine = Machine::new(MemoryMode::Explicit);
        machine.attempt = attempt;
        machine
    })
}

/// `x0 = taken ? 1 : 2`, around a branch that `emit` writes.
fn taken(isa: &mut Arm64, emit: impl FnOnce(&mut Arm64, crate::asm::code::CodeLabel)) {
    let (yes, done) = (isa.buf().new_label(), isa.buf().new_label());
    emit(isa, yes);
    isa.int_const(S32, Gpr(0), 2);
    isa.jump(done);
    isa.buf().bind(yes);
    isa.int_const(S32, Gpr(0), 1);
    isa.buf().bind(done);
}

#[test]
fn branches() {
    for mut machine in machines() {
        for size in [S32, S64] {
            let codes = machine.assemble_all(CMPS.map(|op| {
                move |isa: &mut Arm64| {
                    taken(isa, |isa, label| {
                        isa.int_cmp(op, size, Gpr(1), Rhs::Reg(Gpr(2)));
                        isa.branch(Cond::Int(op), label);
                    });
                }
            }));
            for (op, code) in CMPS.into_iter().zip(&codes) {
                for a in values() {
                    for b in values().into_iter().step_by(4).chain([a]) {
                        let mut regs = Regs::distinct();
                        regs.set(Gpr(1), a);
                        regs.set(Gpr(2), b);
                        let out = machine.run(code, &regs);
                        let result = out.only(&machine, Gpr(0)).regs.x[0];
                        let expected = if cmp(op, size, a, b) { 1 } else { 2 };
                        assert_eq!(result, expected, "{op:?} {size:?} {a:#x} {b:#x}");
                    }
                }
            }
        }
    }
}

#[test]
fn branches_on_unordered_floats() {
    let ops = [
        FloatCmp::Eq,
        FloatCmp::Ne,
        FloatCmp::Lt,
        FloatCmp::Gt,
        FloatCmp::Le,
        FloatCmp::Ge,
    ];
    for mut machine in machines() {
        for op in ops {
            for (cond, holds) in [
                (Cond::Float(op), op == FloatCmp::Ne),
                (Cond::NotFloat(op), op != FloatCmp::Ne),
            ] {
                let code = machine.assemble(|isa| {
                    taken(isa, |isa, label| {
                        isa.float_cmp(op, S64, Fpr(0), Fpr(1));
                        isa.branch(cond, label);
                    });
                });
                let mut regs = Regs::distinct();
                regs.set_float(Fpr(0), 1f64.to_bits());
                regs.set_float(Fpr(1), f64::NAN.to_bits());
                let out = machine.run(&code, &regs).regs;
                assert_eq!(out.x[0], if holds { 1 } else { 2 }, "{cond:?}");
            }
        }
    }
}

#[test]
fn branches_on_zero() {
    for mut machine in machines() {
        for size in [S32, S64] {
            for zero in [true, false] {
                let code = machine.assemble(|isa| {
                    taken(isa, |isa, label| {
                        isa.branch_zero(size, Gpr(14), zero, label)
                    });
                });
                for a in values() {
                    let mut regs = Regs::distinct();
                    regs.set(Gpr(14), a);
                    let is_zero = a == 0 || size == S32 && a as u32 == 0;
                    let out = machine.run(&code, &regs);
                    let result = out.only(&machine, Gpr(0)).regs.x[0];
                    assert_eq!(result, if is_zero == zero { 1 } else { 2 }, "{a:#x}");
                }
            }
        }
    }
}

#[test]
fn loops_branch_back() {
    for mut machine in machines() {
        let code = machine.assemble(|isa| {
            let head = isa.buf().new_label();
            isa.int_const(S64, Gpr(0), 0);
            isa.buf().bind(head);
            isa.int_bin(crate::ir::op::IntBin::Add, S64, Gpr(0), Gpr(0), Rhs::Imm(3));
            isa.int_cmp(IntCmp::LtU, S64, Gpr(0), Rhs::Imm(300));
            isa.branch(Cond::Int(IntCmp::LtU), head);
        });
        let out = machine.run(&code, &Regs::distinct());
        assert_eq!(out.only(&machine, Gpr(0)).regs.x[0], 300);
    }
}

#[test]
fn tables() {
    for mut machine in machines() {
        for count in [1u64, 2, 3, 4, 5, 6, 100, 5000] {
            let code = machine.assemble(|isa| {
                let targets: Vec<_> = (0..count).map(|_| isa.buf().new_label()).collect();
                isa.branch_table(Gpr(1), &targets);
                let done = isa.buf().new_label();
                for (i, &target) in targets.iter().enumerate() {
                    isa.buf().reserve();
                    isa.buf().bind(target);
                    isa.int_const(S32, Gpr(0), i as u64);
                    isa.jump(done);
                }
                isa.buf().bind(done);
            });
            let indices = [0, 1, 2, 3, 4, 5, 98, 99, 100, 4998, 4999, 5000, 0xffff_ffff];
            for index in indices {
                let mut regs = Regs::distinct();
                regs.x[1] = index;
                let out = machine.run(&code, &regs);
                assert_eq!(out.regs.x[0], index.min(count - 1), "{index} of {count}");
                assert!(out.changed.iter().all(|reg| *reg <= 1));
            }
        }
    }
}

#[test]
fn traps_tell_their_sites() {
    let checks = DivChecks {
        zero: true,
        minus_one: true,
    };
    for mut machine in machines() {
        let code = machine.assemble(|isa| {
            for pos in [10, 20] {
                isa.buf().wasm_pos = pos;
                isa.div(Div::DivS, S32, checks, Gpr(0), Gpr(1), Gpr(2));
                isa.mov(S64, Gpr(2), Gpr(3));
            }
        });
        // Two sites for each division: overflow after zero.
        let expect = [
            (1, 0, 7, Some((TrapCode::IntegerDivisionByZero, 0))),
            (
                1 << 31,
                0xffff_ffff,
                7,
                Some((TrapCode::IntegerOverflow, 1)),
            ),
            (1, 1, 0, Some((TrapCode::IntegerDivisionByZero, 2))),
            (
                1 << 31,
                1,
                0xffff_ffff,
                Some((TrapCode::IntegerOverflow, 3)),
            ),
            (1, 1, 1, None),
        ];
        assert_eq!(code.sites.len(), 4);
        for (lhs, first, second, trap) in expect {
            let mut regs = Regs::distinct();
            (regs.x[1], regs.x[2], regs.x[3]) = (lhs, first, second);
            let out = machine.run(&code, &regs);
            let expected = trap.map(|(trap, at): (_, usize)| (trap, code.sites[at].code));
            assert_eq!(out.trap, expected);
            assert_eq!(out.sp, machine.stack_top());
        }
    }
}

#[test]
fn traps_keep_the_callee() {
    for mut machine in machines() {
        let code = machine.assemble(|isa| {
            isa.mov(S64, Gpr(17), Gpr(1));
            let trap = isa.buf().trap(TrapCode::IndirectCall);
            isa.branch_zero(S32, Gpr(0), true, trap);
        });
        let mut regs = Regs::distinct();
        regs.x[0] = 0;
        let out = machine.run(&code, &regs);
        assert_eq!(out.trap.map(|trap| trap.0), Some(TrapCode::IndirectCall));
        assert_eq!(machine.engine.callee as u64, regs.x[1]);
    }
}

#[test]
fn zero_extension_is_asserted() {
    for mut machine in machines() {
        let code = machine.assemble(|isa| isa.assert_zero_extended(Gpr(5)));
        for (value, bad) in [
            (0, false),
            (0xffff_ffff, false),
            (1 << 32, true),
            (!0, true),
        ] {
            let mut regs = Regs::distinct();
            regs.x[5] = value;
            let out = machine.run(&code, &regs);
            let trap = out.trap.map(|trap| trap.0);
            assert_eq!(trap, bad.then_some(TrapCode::BadAddress), "{value:#x}");
            assert!(out.changed.is_empty());
        }
    }
}

#[test]
fn clobbering_fills_what_it_is_told_to() {
    let mut machine = Machine::new(MemoryMode::Explicit);
    let some = [Reg::int(Gpr(0)), Reg::int(Gpr(25)), Reg::float(Fpr(29))];
    let code = machine.assemble(|isa| {
        isa.int_cmp(IntCmp::Eq, S64, Gpr(1), Rhs::Imm(0));
        isa.clobber(RegSet::of(&some));
        isa.set(Cond::Int(IntCmp::Eq), Gpr(2));
    });
    let mut regs = Regs::distinct();
    regs.x[1] = 0;
    let out = machine.run(&code, &regs);
    assert_eq!(out.changed, [0, 2, 25, 61]);
    assert_eq!(out.regs.x[2], 1, "the flags are kept");
    assert_eq!(out.regs.x[25], 0xaaaa_aaaa_aaaa_aaaa);
    // As many as there are fit what one record may write.
    let code = machine.assemble(|isa| {
        let file = file_of(MemoryMode::Guard, false);
        isa.buf().reserve();
        isa.clobber(file.operands);
    });
    assert!(machine.run(&code, &regs).trap.is_none());
}
