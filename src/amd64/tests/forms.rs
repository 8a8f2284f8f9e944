//! The forms that are encoded by hand, over all registers and the limits of displacements; branches and the entries of
//! calls through references; and that no emitter is missing from what is read back.

use iced_x86::{Code, Instruction, Mnemonic, Register};

use super::disasm::{assert_memory, assert_tight, check_code, check_in, decode, reg_of};
use super::disasm::{ints, touch};
use super::{Amd64, GPRS, MODES, amd64};
use crate::amd64::encode::Opcode;
use crate::asm::abi::{
    CHECK, EXIT, EXIT_ARG, ExitCode, INSTANCE, INTERRUPT, MEMORY_BASE, MEMORY_BOUND, MEMORY0,
    MemoryMode, REF_INSTANCE,
};
use crate::asm::code::CodeLabel;
use crate::asm::isa::{Addr, Cell, Checked, Cond, InstanceItem, Isa, Rhs};
use crate::asm::regs::{Fpr, Gpr, Reg};
use crate::ir::op::{FloatCmp, IntBin, IntCmp};
use crate::ir::types::Size;

const DISPS: [i32; 10] = [0, 1, 127, 128, -1, -128, -129, 4096, i32::MAX, i32::MIN];

/// An opcode that reads its operand into a register, what it is, and how many bytes it reads.
fn opcodes() -> [(Opcode, Code, Code, usize); 6] {
    let (mov, imul) = (Opcode::one(0x8b), Opcode::two(0xaf));
    let float = Opcode::two(0x10);
    [
        (mov, Code::Mov_r32_rm32, Code::Mov_r32_rm32, 4),
        (mov.wide(), Code::Mov_r64_rm64, Code::Mov_r64_rm64, 8),
        (imul, Code::Imul_r32_rm32, Code::Imul_r32_rm32, 4),
        (
            imul.size(Size::S64),
            Code::Imul_r64_rm64,
            Code::Imul_r64_rm64,
            8,
        ),
        (
            float.prefix(0xf2),
            Code::Movsd_xmm_xmmm64,
            Code::Movsd_xmm_xmmm64,
            8,
        ),
        (
            float.prefix(0xf3),
            Code::Movss_xmm_xmmm32,
            Code::Movss_xmm_xmmm32,
            4,
        ),
    ]
}

/// The one instruction that `emit` writes.
fn one(emit: impl FnOnce(&mut Amd64)) -> Instruction {
    let mut isa = amd64(MemoryMode::Explicit, 0);
    emit(&mut isa);
    let code = decode(isa.buf.code());
    assert_eq!(code.len(), 1);
    assert_tight(isa.buf.code(), &code[0]);
    code[0]
}

fn base(reg: u8) -> Register {
    Register::RAX + u32::from(reg)
}

fn number(register: Register) -> usize {
    reg_of(register).expect("a register").index() & 15
}

#[test]
fn registers() {
    for (op, code, ..) in opcodes() {
        for (reg, rm) in (0..16u8).flat_map(|reg| (0..16u8).map(move |rm| (reg, rm))) {
            let found = one(|isa| isa.op_reg(op, reg, rm));
            assert_eq!(found.code(), code);
            assert_eq!(number(found.op0_register()), usize::from(reg));
            assert_eq!(number(found.op1_register()), usize::from(rm));
        }
    }
}

#[test]
fn immediates() {
    let add = |byte, len| (Opcode::one(byte), len);
    for (op, len) in [add(0x81, 4), add(0x83, 1)] {
        for (rm, wide) in (0..16u8).flat_map(|rm| [(rm, false), (rm, true)]) {
            for imm in DISPS {
                // `assert_tight` wants the short form where there is one.
                if (len == 1) != i8::try_from(imm).is_ok() {
                    continue;
                }
                let op = if wide { op.wide() } else { op };
                let found = one(|isa| isa.op_imm(op, 5, Gpr(rm), imm, len));
                assert_eq!(found.mnemonic(), Mnemonic::Sub);
                assert_eq!(number(found.op0_register()), usize::from(rm));
                assert_eq!(found.op0_register().is_gpr64(), wide);
                assert_eq!(found.immediate(1) as i32, imm);
            }
        }
    }
}

#[test]
fn displacements() {
    let none = Register::None;
    for (op, _, code, bytes) in opcodes() {
        let read = |found: Instruction, reg: u8, base, index, disp| {
            assert_eq!(found.code(), code);
            assert_eq!(number(found.op0_register()), usize::from(reg));
            assert_memory(&found, base, index, disp, bytes);
        };
        for (reg, disp) in (0..16u8).flat_map(|reg| DISPS.map(|disp| (reg, disp))) {
            let slot = one(|isa| isa.op_slot(op, reg, disp));
            read(slot, reg, Register::RSP, none, disp);
            for at in 0..16 {
                let based = one(|isa| isa.op_based(op, reg, Gpr(at), disp));
                read(based, reg, base(at), none, disp);
            }
            let float = bytes != 0 && code == Code::Movsd_xmm_xmmm64;
            let operand = if float {
                Reg::float(Fpr(reg))
            } else {
                Reg::int(Gpr(reg))
            };
            for (cell, at) in [
                (Cell::Slot(disp), Register::RSP),
                (Cell::Engine(disp), Register::R14),
            ] {
                let found = one(|isa| isa.op_cell(op, operand, cell));
                read(found, reg, at, none, disp);
            }
            let Ok(offset) = u32::try_from(disp) else {
                continue;
            };
            // `rsp` is no index.
            for at in (0..16).filter(|&at| at != 4) {
                let index = Some(Gpr(at));
                let found = one(|isa| isa.op_memory(op, operand, Addr { index, offset }));
                read(found, reg, Register::R15, base(at), disp);
            }
            let index = None;
            let found = one(|isa| isa.op_memory(op, operand, Addr { index, offset }));
            read(found, reg, Register::R15, none, disp);
        }
        for (at, index) in (0..16).flat_map(|at| (0..16).map(move |index| (at, index))) {
            if index != 4 {
                let found = one(|isa| isa.op_sum(op, 9, Gpr(at), Gpr(index)));
                // Without a scale, a pair may be read back in either order.
                read(found, 9, base(at), base(index), 0);
            }
        }
    }
}

/// The branches to one label that `emit` writes, behind a nop each.
fn branches(emit: impl FnOnce(&mut Amd64, CodeLabel)) -> Vec<Instruction> {
    let mut isa = amd64(MemoryMode::Explicit, 0);
    let label = isa.buf.new_label();
    emit(&mut isa, label);
    let end = isa.buf.offset();
    isa.buf.bind(label);
    assert!(isa.finish());
    let code = decode(isa.buf.code());
    for branch in code.iter().filter(|code| code.len() == 6) {
        assert_eq!(branch.near_branch_target(), u64::from(end));
    }
    code
}

fn mnemonics(code: &[Instruction]) -> Vec<Mnemonic> {
    code.iter().map(Instruction::mnemonic).collect()
}

#[test]
fn conditional_branches() {
    use Mnemonic::{Ja, Jae, Jb, Jbe, Je, Jg, Jge, Jl, Jle, Jne, Jp};
    let ints = [
        (IntCmp::Eq, Je),
        (IntCmp::Ne, Jne),
        (IntCmp::LtS, Jl),
        (IntCmp::LtU, Jb),
        (IntCmp::GtS, Jg),
        (IntCmp::GtU, Ja),
        (IntCmp::LeS, Jle),
        (IntCmp::LeU, Jbe),
        (IntCmp::GeS, Jge),
        (IntCmp::GeU, Jae),
    ];
    for (cmp, jump) in ints {
        let code = branches(|isa, label| isa.branch(Cond::Int(cmp), label));
        assert_eq!(mnemonics(&code), [jump]);
    }
    // After `ucomis` in the order that the comparison wants, unordered is below and equal, and parity.
    let equal = vec![Jp, Je];
    let different = vec![Jne, Jp];
    for (cond, wanted) in [
        (Cond::Float(FloatCmp::Eq), equal.clone()),
        (Cond::NotFloat(FloatCmp::Eq), different.clone()),
        (Cond::Float(FloatCmp::Ne), different),
        (Cond::NotFloat(FloatCmp::Ne), equal),
        (Cond::Float(FloatCmp::Lt), vec![Ja]),
        (Cond::NotFloat(FloatCmp::Lt), vec![Jbe]),
        (Cond::Float(FloatCmp::Gt), vec![Ja]),
        (Cond::NotFloat(FloatCmp::Gt), vec![Jbe]),
        (Cond::Float(FloatCmp::Le), vec![Jae]),
        (Cond::NotFloat(FloatCmp::Le), vec![Jb]),
        (Cond::Float(FloatCmp::Ge), vec![Jae]),
        (Cond::NotFloat(FloatCmp::Ge), vec![Jb]),
    ] {
        let code = branches(|isa, label| isa.branch(cond, label));
        assert_eq!(mnemonics(&code), wanted, "{cond:?}");
        // A jump on parity that comes first goes over the other.
        if wanted[0] == Jp {
            let end = code[1].next_ip();
            assert_eq!(code[0].near_branch_target(), end);
        }
    }
    for (src, zero) in GPRS.into_iter().flat_map(|src| [(src, true), (src, false)]) {
        for size in [Size::S32, Size::S64] {
            let code = branches(|isa, label| isa.branch_zero(size, src, zero, label));
            let jump = if zero { Je } else { Jne };
            assert_eq!(mnemonics(&code), [Mnemonic::Test, jump]);
            assert_eq!(code[0].op0_register(), code[0].op1_register());
            assert_eq!(number(code[0].op0_register()), usize::from(src.0));
            assert_eq!(code[0].op0_register().is_gpr64(), size == Size::S64);
        }
    }
}

/// Mnemonic, base and displacement of an instruction.
fn shape(code: &Instruction) -> (Mnemonic, Register, i32) {
    let disp = code.memory_displacement64() as i32;
    (code.mnemonic(), code.memory_base(), disp)
}

#[test]
fn entries_through_references() {
    let (r10, r11, r14, r15) = (Register::R10, Register::R11, Register::R14, Register::R15);
    let mut isa = amd64(MemoryMode::Explicit, 0);
    let switch = isa.buf.new_label();
    isa.indirect_entry(switch);
    isa.buf.bind(switch);
    assert!(isa.finish());
    let scratch = ints(&[Gpr(10), Gpr(11)]);
    let code = check_code(isa.buf.code(), &touch(&scratch, &[Gpr(10).into()]));
    assert_eq!(shape(&code[0]), (Mnemonic::Mov, r11, REF_INSTANCE));
    assert_eq!(shape(&code[1]), (Mnemonic::Cmp, r14, INSTANCE));
    assert_eq!(code[0].op0_register(), code[1].op0_register());
    assert_eq!(code[2].mnemonic(), Mnemonic::Jne);
    for mode in MODES {
        let roles = [Gpr(15), Gpr(13)].map(Reg::int);
        let roles = match mode {
            MemoryMode::Explicit => &roles[..],
            MemoryMode::Guard => &roles[..1],
        };
        let written = [&[Reg::int(Gpr(4))], roles].concat();
        let code = check_in(mode, 0, &touch(&scratch, &written), |isa| {
            let entry = isa.buf.new_label();
            isa.buf.bind(entry);
            isa.switch_thunk(entry);
            assert!(isa.finish());
        });
        let half = [
            (Mnemonic::Mov, r14, INSTANCE),
            (Mnemonic::Mov, r10, MEMORY0),
        ];
        let call = code
            .iter()
            .position(|code| code.mnemonic() == Mnemonic::Call)
            .expect("a call");
        assert_eq!(shape(&code[0]), (Mnemonic::Push, r14, INSTANCE));
        assert_eq!(code[call].near_branch_target(), 0);
        assert_eq!(code[call + 1].mnemonic(), Mnemonic::Pop);
        assert_eq!(code[call + 1].op0_register(), r10);
        for part in [&code[1..call], &code[call + 2..code.len() - 1]] {
            assert_eq!([shape(&part[0]), shape(&part[1])], half);
            assert_eq!(part[0].op1_register(), r10);
            let memory = part[1].op0_register();
            let loads: Vec<_> = part[2..].iter().map(shape).collect();
            let bound = (Mnemonic::Mov, memory, MEMORY_BOUND);
            let base = (Mnemonic::Mov, memory, MEMORY_BASE);
            match mode {
                MemoryMode::Explicit => assert_eq!(loads.len(), 2),
                MemoryMode::Guard => assert_eq!(loads.len(), 1),
            }
            for load in &part[2..] {
                let wanted = if load.op0_register() == r15 {
                    base
                } else {
                    bound
                };
                assert_eq!(shape(load), wanted);
            }
        }
        assert_eq!(code.last().expect("code").code(), Code::Retnq);
    }
}

#[test]
fn calls_through_tables() {
    for imported in [false, true] {
        for (offset, sig) in [(64, 16), (0, 0), (1 << 20, 1 << 16)] {
            let mut isa = amd64(MemoryMode::Explicit, 0);
            isa.call_indirect(InstanceItem { offset, imported }, sig);
            assert_eq!(isa.buf.colds.len(), 2);
            let code = check_code(isa.buf.code(), &touch(&[], &[]));
            let compares = code.iter().filter(|code| code.mnemonic() == Mnemonic::Cmp);
            assert_eq!(compares.count(), 2);
            let scaled = code
                .iter()
                .filter(|code| code.memory_index() == Register::R10);
            assert!(scaled.map(Instruction::memory_index_scale).eq([8]));
        }
    }
}

/// What follows `eax = eax - 5`, up to a branch.
fn behind_a_difference(emit: impl FnOnce(&mut Amd64, CodeLabel)) -> Vec<Mnemonic> {
    let code = branches(|isa, label| {
        let five = Rhs::Imm(5);
        isa.int_bin(IntBin::Sub, Size::S32, Gpr(0), Gpr(0), five);
        emit(isa, label);
    });
    mnemonics(&code[1..])
}

#[test]
fn zero_is_tested_once() {
    let used = [Mnemonic::Je];
    let tested = [Mnemonic::Test, Mnemonic::Je];
    let zero = |isa: &mut Amd64, label| isa.branch_zero(Size::S32, Gpr(0), true, label);
    assert_eq!(behind_a_difference(zero), used);
    let equal = |isa: &mut Amd64, label| {
        isa.int_cmp(IntCmp::Eq, Size::S32, Gpr(0), Rhs::Imm(0));
        isa.branch(Cond::Int(IntCmp::Eq), label);
    };
    assert_eq!(behind_a_difference(equal), used);
    let size = |isa: &mut Amd64, label| isa.branch_zero(Size::S64, Gpr(0), true, label);
    assert_eq!(behind_a_difference(size), tested);
    let register = |isa: &mut Amd64, label| isa.branch_zero(Size::S32, Gpr(1), true, label);
    assert_eq!(behind_a_difference(register), tested);
    let joined = |isa: &mut Amd64, label| {
        let here = isa.buf.new_label();
        isa.buf.bind(here);
        isa.branch_zero(Size::S32, Gpr(0), true, label);
    };
    assert_eq!(behind_a_difference(joined), tested);
    let sign = |isa: &mut Amd64, label| {
        isa.int_cmp(IntCmp::LtS, Size::S32, Gpr(0), Rhs::Imm(0));
        isa.branch(Cond::Int(IntCmp::LtS), label);
    };
    assert_eq!(behind_a_difference(sign), [Mnemonic::Test, Mnemonic::Jl]);
    // Of a function before this one.
    let mut isa = amd64(MemoryMode::Explicit, 0);
    isa.int_bin(IntBin::Sub, Size::S32, Gpr(0), Gpr(0), Rhs::Imm(5));
    let end = isa.buf.offset();
    isa.begin(0);
    (0..end).for_each(|_| isa.buf.push(0x90));
    let label = isa.buf.new_label();
    isa.branch_zero(Size::S32, Gpr(0), true, label);
    let code = decode(isa.buf.code());
    assert_eq!(mnemonics(&code[end as usize..]), tested);
}

#[test]
fn checks_for_attention() {
    let code = branches(|isa, label| isa.check_interrupt(label));
    assert_eq!(shape(&code[0]), (Mnemonic::Cmp, Register::R14, INTERRUPT));
    assert_eq!(code[0].op0_register(), Register::R14);
    assert_eq!(code[1].mnemonic(), Mnemonic::Jb);
    for (what, exit) in [
        (Checked::Loop, ExitCode::CHECK_LOOP),
        (Checked::Entry, ExitCode::CHECK_ENTRY),
        (Checked::Fuel(300), ExitCode::CHECK_FUEL),
    ] {
        let mut isa = amd64(MemoryMode::Explicit, 0);
        let passed = isa.buf.new_label();
        isa.buf.bind(passed);
        isa.leave_check(what, passed);
        assert!(isa.finish());
        let code = decode(isa.buf.code());
        let store = usize::from(what != Checked::Loop);
        if let Checked::Fuel(cost) = what {
            assert_eq!(shape(&code[0]), (Mnemonic::Mov, Register::R14, EXIT_ARG));
            assert_eq!(code[0].immediate(1), u64::from(cost));
        }
        assert_eq!(shape(&code[store]), (Mnemonic::Mov, Register::R14, EXIT));
        assert_eq!(code[store].immediate(1), u64::from(exit.0));
        let call = (Mnemonic::Call, Register::R14, CHECK);
        assert_eq!(shape(&code[store + 1]), call);
        assert_eq!(code.last().expect("code").near_branch_target(), 0);
        let stack: Vec<_> = code
            .iter()
            .map(|code| code.stack_pointer_increment())
            .collect();
        let kept = stack.iter().sum::<i32>() + 8; // the call's own, which its return undoes
        assert_eq!(kept, 0, "{stack:?}");
    }
}

#[test]
fn charges() {
    for cost in [1, 127, 128, 1 << 30] {
        let code = branches(|isa, label| isa.charge(cost, label));
        assert_eq!(code[0].mnemonic(), Mnemonic::Sub);
        assert_eq!(code[0].op0_register(), Register::R12);
        assert_eq!(code[0].immediate(1), u64::from(cost));
        assert_eq!(code[1].mnemonic(), Mnemonic::Jb);
    }
}

#[test]
fn every_emitter_is_read_back() {
    let sources = [
        include_str!("encoding.rs"),
        include_str!("places.rs"),
        include_str!("forms.rs"),
        include_str!("loops.rs"),
    ];
    let missing = crate::asm::isa::tests::emitters_missing_in(&sources);
    // Not this machine's: see `Isa::COMPOUND_OPERANDS` and `Isa::BIT_BRANCHES`.
    assert_eq!(missing, ["int_compound", "branch_bit"]);
    let forms = include_str!("../encode.rs").lines();
    let forms = forms.filter_map(|line| line.trim().strip_prefix("pub(super) fn op_"));
    let names: Vec<_> = forms.filter_map(|form| form.split('(').next()).collect();
    assert!(names.len() > 5);
    for name in names {
        assert!(sources[2].contains(&format!("isa.op_{name}(")), "op_{name}");
    }
}
