//! Linear memory, instances, branches and calls, read back.

use iced_x86::{Code, FlowControl, Instruction, Mnemonic, Register};

use super::disasm::{assert_memory, check, check_code, check_in, decode, reg_of, touch};
use super::{Amd64, GPRS, MODES, amd64, fprs};
use crate::amd64::regs::Cc;
use crate::asm::abi::{BUILTIN, EXIT, EXIT_ARG, ExitCode, LISTENER, MemoryMode, TRAPS, TrapCode};
use crate::asm::code::CodeLabel;
use crate::asm::isa::{Addr, Frame, InstanceItem, Isa, StoreSrc};
use crate::asm::regs::{Gpr, Reg};
use crate::ir::op::{Load, Store};
use crate::ir::types::{FuncIdx, Size, Width};

const OFFSETS: [u32; 8] = [0, 1, 127, 128, 255, 4096, 0x7fff_fff0, 0x7fff_ffff];
const LOADS: [Load; 14] = [
    Load::I32,
    Load::I64,
    Load::F32,
    Load::F64,
    Load::I32S8,
    Load::I32U8,
    Load::I32S16,
    Load::I32U16,
    Load::I64S8,
    Load::I64U8,
    Load::I64S16,
    Load::I64U16,
    Load::I64S32,
    Load::I64U32,
];
const STORES: [Store; 7] = [
    Store::I32,
    Store::I64,
    Store::F32,
    Store::F64,
    Store::Int8,
    Store::Int16,
    Store::Int32,
];

fn addrs() -> impl Iterator<Item = Addr> {
    let indices = GPRS.into_iter().map(Some).chain([None]);
    indices.flat_map(|index| {
        OFFSETS
            .into_iter()
            .map(move |offset| Addr { index, offset })
    })
}

fn assert_access(code: &Instruction, addr: Addr, bytes: u64) {
    let index = match addr.index {
        Some(reg) => Register::RAX + u32::from(reg.0),
        None => Register::None,
    };
    assert_memory(
        code,
        Register::R15,
        index,
        addr.offset as i32,
        bytes as usize,
    );
}

#[test]
fn loads_and_stores() {
    for addr in addrs() {
        let index = addr.index.map(Reg::int);
        let reads: Vec<Reg> = index.into_iter().collect();
        for op in LOADS {
            let dsts: Vec<Reg> = match op {
                Load::F32 | Load::F64 => fprs().map(Reg::float).collect(),
                _ => GPRS.map(Reg::int).to_vec(),
            };
            for dst in dsts {
                let code = check(0, &touch(&reads, &[dst]), |isa| isa.load(op, dst, addr));
                assert_eq!(code.len(), 1);
                assert_access(&code[0], addr, op.bytes());
                assert_eq!(reg_of(code[0].op0_register()), Some(dst));
            }
        }
        for op in STORES {
            let float = matches!(op, Store::F32 | Store::F64);
            let srcs: Vec<Reg> = if float {
                fprs().map(Reg::float).collect()
            } else {
                GPRS.map(Reg::int).to_vec()
            };
            for src in srcs {
                let reads = [&reads[..], &[src]].concat();
                let code = check(0, &touch(&reads, &[]), |isa| {
                    isa.store(op, StoreSrc::Reg(src), addr);
                });
                assert_eq!(code.len(), 1);
                assert_access(&code[0], addr, op.bytes());
                assert_eq!(reg_of(code[0].op1_register()), Some(src));
            }
            for imm in [
                0,
                1,
                -1,
                127,
                -128,
                0x7f00,
                i32::MAX as i64,
                i32::MIN as i64,
            ] {
                let code = check(0, &touch(&reads, &[]), |isa| {
                    isa.store(op, StoreSrc::Imm(imm), addr);
                });
                assert_eq!(code.len(), 1);
                assert_access(&code[0], addr, op.bytes());
                let unused = 64 - 8 * op.bytes();
                assert_eq!(code[0].immediate(1) << unused, (imm as u64) << unused);
            }
        }
    }
}

#[test]
fn accesses_have_sites_in_guard_mode() {
    let addr = Addr {
        index: Some(Gpr(0)),
        offset: 8,
    };
    for mode in MODES {
        let mut isa = amd64(mode, 0);
        isa.mov(Size::S32, Gpr(0), Gpr(1));
        let load = isa.buf.offset();
        isa.load(Load::I64, Gpr(2).into(), addr);
        let store = isa.buf.offset();
        isa.store(Store::I64, StoreSrc::Imm(5), addr);
        let sites: Vec<u32> = isa.buf.sites.iter().map(|site| site.code).collect();
        match mode {
            MemoryMode::Explicit => assert_eq!(sites, []),
            MemoryMode::Guard => assert_eq!(sites, [load, store]),
        }
    }
}

#[test]
fn checks() {
    let ends = [
        1,
        8,
        127,
        128,
        0x7fff_fff8,
        0x7fff_ffff,
        0x8000_0000,
        0xffff_ffff,
        1 << 32,
        (1 << 32) + 16,
    ];
    for mode in MODES {
        for end in ends {
            for index in GPRS.into_iter().map(Some).chain([None]) {
                let reads: Vec<Reg> = index.into_iter().map(Reg::int).collect();
                let code = check_in(mode, 0, &touch(&reads, &[]), |isa| isa.check(index, end));
                let immediate = code.iter().find_map(|code| match code.mnemonic() {
                    Mnemonic::Lea => Some(code.memory_displacement64()),
                    Mnemonic::Mov if code.memory_base() == Register::None => {
                        Some(code.immediate(1))
                    }
                    Mnemonic::Cmp
                        if code.op_count() == 2 && code.op1_register() == Register::None =>
                    {
                        code.try_immediate(1).ok()
                    }
                    _ => None,
                });
                assert_eq!(immediate, Some(end));
            }
        }
    }
}

#[test]
fn instances() {
    for imported in [false, true] {
        for offset in [0, 16, 112, 128, 1 << 20] {
            let item = InstanceItem { offset, imported };
            for reg in GPRS {
                check(0, &touch(&[], &[reg.into()]), |isa| {
                    isa.memory_size(item, reg)
                });
                check(0, &touch(&[], &[reg.into()]), |isa| isa.func_ref(item, reg));
            }
            let ints = GPRS.into_iter().map(Reg::int);
            for reg in ints.chain(fprs().map(Reg::float)) {
                for width in [Width::W32, Width::W64] {
                    check(0, &touch(&[], &[reg]), |isa| {
                        isa.global_get(width, item, reg)
                    });
                    check(0, &touch(&[reg], &[]), |isa| {
                        isa.global_set(width, item, reg)
                    });
                }
            }
            for reg in fprs().map(Reg::float) {
                check(0, &touch(&[], &[reg]), |isa| {
                    isa.global_get(Width::W128, item, reg);
                });
                check(0, &touch(&[reg], &[]), |isa| {
                    isa.global_set(Width::W128, item, reg);
                });
            }
        }
    }
}

/// `count` bytes of code.
fn pad(isa: &mut Amd64, count: u32) {
    for _ in 0..count {
        isa.buf.reserve();
        isa.buf.push(0x90);
    }
}

#[test]
fn branches_reach_their_labels() {
    for distance in [
        0, 1, 100, 122, 123, 124, 125, 126, 127, 128, 129, 130, 131, 140, 70_000,
    ] {
        let mut isa = amd64(MemoryMode::Explicit, 0);
        let (back, forward) = (isa.buf.new_label(), isa.buf.new_label());
        isa.buf.bind(back);
        pad(&mut isa, distance);
        let at = isa.buf.offset();
        isa.jump_if(Cc::Below, back);
        let conditional = isa.buf.offset();
        isa.jump(back);
        let backward = isa.buf.offset();
        isa.jump(forward);
        isa.jump_if(Cc::Sign, forward);
        pad(&mut isa, distance);
        isa.buf.bind(forward);
        let end = isa.buf.offset();
        pad(&mut isa, 1);
        assert!(isa.finish());
        let code = decode(isa.buf.code());
        let branches: Vec<_> = code
            .iter()
            .filter(|code| code.flow_control() != FlowControl::Next)
            .collect();
        let targets: Vec<u64> = branches
            .iter()
            .map(|code| code.near_branch_target())
            .collect();
        assert_eq!(targets, [0, 0, end.into(), end.into()]);
        // Backward branches are short where they can be.
        assert_eq!(conditional - at == 2, at <= 126);
        assert_eq!(backward - conditional == 2, conditional <= 126);
    }
}

#[test]
fn branch_tables() {
    for count in [1, 2, 3, 4, 5, 6, 300] {
        for index in GPRS {
            let mut isa = amd64(MemoryMode::Explicit, 0);
            let targets: Vec<CodeLabel> = (0..count).map(|_| isa.buf.new_label()).collect();
            isa.branch_table(index, &targets);
            let end = isa.buf.offset();
            for &target in &targets {
                isa.buf.reserve();
                isa.buf.bind(target);
                isa.buf.push(0x90);
            }
            assert!(isa.finish());
            let code = isa.buf.code();
            let wanted: Vec<u32> = (end..end + count).collect();
            if count <= 4 {
                let code = check_code(code, &touch(&[index.into()], &[]));
                let branches = code.iter().map(Instruction::near_branch_target);
                let targets: Vec<u32> =
                    branches.filter(|&at| at != 0).map(|at| at as u32).collect();
                assert_eq!(targets, wanted);
                continue;
            }
            let table = (end - 4 * count) as usize;
            check_code(&code[..table], &touch(&[], &[index.into()]));
            let entries = code[table..end as usize].chunks(4);
            let entries: Vec<u32> = entries
                .map(|entry| table as u32 + u32::from_le_bytes(entry.try_into().expect("4 bytes")))
                .collect();
            assert_eq!(entries, wanted);
        }
    }
}

#[test]
fn frames() {
    for size in [
        16,
        32,
        128,
        144,
        2048,
        2064,
        1 << 20,
        i32::MAX as u32 & !15,
        !15,
    ] {
        for check in [false, true] {
            let saves = [(Gpr(3), 0), (Gpr(12), 8)];
            let frame = Frame {
                size,
                saves: if size > 16 {
                    saves.to_vec()
                } else {
                    Vec::new()
                },
                check,
                full: None,
            };
            let mut isa = amd64(MemoryMode::Explicit, 0);
            isa.prologue(&frame);
            let prologue = isa.buf.offset() as usize;
            isa.epilogue(&frame);
            let saved: Vec<Reg> = frame.saves.iter().map(|&(reg, _)| reg.into()).collect();
            let stack = Reg::int(Gpr(4));
            let code = isa.buf.code();
            let first = [&saved[..], &[stack, Reg::int(Gpr(0))]].concat();
            check_code(&code[..prologue], &touch(&first, &[stack]));
            let last = [&saved[..], &[stack]].concat();
            let epilogue = check_code(&code[prologue..], &touch(&[], &last));
            assert_eq!(epilogue.last().expect("code").code(), Code::Retnq);
            assert_eq!(isa.buf.colds.is_empty(), !check);
        }
    }
}

#[test]
fn zeroed_cells() {
    for cells in [1, 2, 3, 16, 17, 18, 1 << 20] {
        for disp in [0, 8, 128, 1 << 20] {
            let code = check(0, &touch(&[], &[]), |isa| isa.zero_slots(disp, cells));
            let stores = code
                .iter()
                .filter(|code| code.memory_base() == Register::RSP);
            let mut next = disp as u64;
            for store in stores {
                assert_eq!(store.memory_displacement64(), next);
                next += store.memory_size().size() as u64;
                if store.mnemonic() == Mnemonic::Lea {
                    next = disp as u64 + 8 * u64::from(cells);
                }
            }
            assert_eq!(next, disp as u64 + 8 * u64::from(cells));
        }
    }
}

#[test]
fn calls_note_their_sites() {
    let table = InstanceItem {
        offset: 64,
        imported: false,
    };
    let calls: [&dyn Fn(&mut Amd64); 7] = [
        &|isa| isa.call_direct(FuncIdx(7)),
        &|isa| isa.call_import(48),
        &|isa| isa.call_indirect(table, 16),
        &|isa| isa.call_builtin(3),
        &|isa| isa.call_listener(false, FuncIdx(7)),
        &|isa| isa.call_listener(true, FuncIdx(7)),
        &|isa| isa.trap_site(TrapCode::Unreachable),
    ];
    for call in calls {
        let mut isa = amd64(MemoryMode::Explicit, 0);
        call(&mut isa);
        let sites: Vec<u32> = isa.buf.sites.iter().map(|site| site.code).collect();
        assert_eq!(sites, [isa.buf.offset()]);
        let code = check_code(isa.buf.code(), &touch(&[], &[]));
        let last = code.last().expect("a call");
        assert_eq!(last.mnemonic(), Mnemonic::Call);
    }
}

#[test]
fn exits_pass_their_numbers() {
    let stored = |code: &[Instruction]| -> Vec<(u64, u64)> {
        let stores = code.iter().filter(|code| code.mnemonic() == Mnemonic::Mov);
        stores
            .map(|store| (store.memory_displacement64(), store.immediate(1)))
            .collect()
    };
    let builtin = check(0, &touch(&[], &[]), |isa| isa.call_builtin(11));
    assert_eq!(stored(&builtin), [(EXIT_ARG as u64, 11)]);
    let call = |code: &[Instruction]| code.last().expect("a call").memory_displacement64();
    assert_eq!(call(&builtin), BUILTIN as u64);
    for (after, exit) in [
        (false, ExitCode::LISTENER_BEFORE),
        (true, ExitCode::LISTENER_AFTER),
    ] {
        let code = check(0, &touch(&[], &[]), |isa| {
            isa.call_listener(after, FuncIdx(70_000));
        });
        let expected = [(EXIT as u64, exit.0.into()), (EXIT_ARG as u64, 70_000)];
        assert_eq!(stored(&code), expected);
        assert_eq!(call(&code), LISTENER as u64);
    }
    for trap in TrapCode::ALL {
        let code = check(0, &touch(&[], &[]), |isa| isa.trap_site(trap));
        assert_eq!(call(&code), TRAPS as u64 + 8 * trap as u64);
    }
}

#[test]
fn calls_and_veneers_reach_their_target() {
    let mut code = vec![0xe8, 0, 0, 0, 0, 0xc3, 0, 0, 0, 0, 0];
    for target in [0, 3, 5 + i32::MAX as usize] {
        Amd64::patch_call(&mut code, 1, target);
        assert_eq!(decode(&code[..5])[0].near_branch_target(), target as u64);
    }
    Amd64::veneer(&mut code, 6, 3);
    let jump = &decode(&code[6..])[0];
    assert_eq!(jump.near_branch_target().wrapping_add(6), 3);
    assert_eq!(jump.len(), Amd64::VENEER);
}

/// The linker's islands, on a machine whose calls need none.
#[test]
fn islands_are_between_functions() {
    let (entries, relocs, code) = crate::asm::link::tests::linked::<Amd64>(|isa, func| {
        isa.call_direct(FuncIdx(func));
    });
    for (pos, callee) in relocs {
        let call = &decode(&code[pos - 1..pos + 4])[0];
        let mut target = call.near_branch_target().wrapping_add(pos as u64 - 1) as usize;
        if code[target] == 0xe9 {
            let jump = &decode(&code[target..target + 5])[0];
            target = jump.near_branch_target().wrapping_add(target as u64) as usize;
        }
        assert_eq!(target, entries[callee]);
    }
}

#[test]
fn poison_fills_and_asserts() {
    let mut isa = amd64(MemoryMode::Explicit, 0);
    let regs = crate::amd64::regs::reg_file(MemoryMode::Explicit, false).operands;
    isa.clobber(regs);
    let written: Vec<Reg> = regs.collect();
    check_code(isa.buf.code(), &touch(&[], &written).keeping_flags());
    for reg in GPRS {
        let code = check(0, &touch(&[reg.into()], &[]), |isa| {
            isa.assert_zero_extended(reg);
        });
        assert_eq!(code[1].code(), Code::Cmp_r64_rm64);
    }
}
