//! Accesses to linear memory, cells and the instance, at every reach of their encodings.

use super::machine::{MEMORY_SPACE, Machine, Regs};
use crate::arm64::Arm64;
use crate::asm::abi::{self, CallEngine, MemoryMode, TrapCode};
use crate::asm::isa::{Addr, Cell, InstanceItem, StoreSrc};
use crate::asm::regs::{Fpr, Gpr, Reg};
use crate::ir::op::{Load, Store};
use crate::ir::types::Size::{S32, S64};
use crate::ir::types::Width;

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

const WIDTHS: [(Width, usize); 3] = [(Width::W32, 4), (Width::W64, 8), (Width::W128, 16)];

/// Around the limits of 8 unscaled bits, 12 scaled ones, 12 shifted ones and 24 bits.
const OFFSETS: [u32; 22] = [
    0,
    1,
    8,
    255,
    256,
    257,
    4092,
    4095,
    4096,
    8190,
    8192,
    16380,
    16384,
    32760,
    32768,
    65537,
    0xff_f000,
    0xff_f001,
    0xff_fff8,
    0x100_0000,
    0x1234_5678,
    0x7fff_fff0,
];

const INDICES: [Option<u64>; 4] = [None, Some(0), Some(0x1_2345), Some(0xffff_ffff)];

/// A pattern whose narrow parts have their top bits set.
const BYTES: [u8; 16] = [
    0x81, 0x92, 0xa3, 0xb4, 0xc5, 0xd6, 0xe7, 0xf8, 0x89, 0x9a, 0xab, 0xbc, 0xcd, 0xde, 0xef, 0xf0,
];

fn loaded(op: Load) -> u64 {
    let bits = u64::from_le_bytes(BYTES[..8].try_into().unwrap());
    match op {
        Load::I32 | Load::F32 | Load::I64U32 => bits & 0xffff_ffff,
        Load::I64 | Load::F64 => bits,
        Load::I32U8 | Load::I64U8 => bits & 0xff,
        Load::I32U16 | Load::I64U16 => bits & 0xffff,
        Load::I32S8 => u64::from(bits as i8 as u32),
        Load::I32S16 => u64::from(bits as i16 as u32),
        Load::I64S8 => bits as i8 as u64,
        Load::I64S16 => bits as i16 as u64,
        Load::I64S32 => bits as i32 as u64,
    }
}

/// The register for a value, an index, and whether the first is a float.
fn regs_for(float: bool, round: usize) -> (Reg, Gpr) {
    let index = Gpr([1, 14, 2][round % 3]);
    if float {
        (Reg::float(Fpr([0, 29][round % 2])), index)
    } else {
        // Sometimes the address's own register.
        (Reg::int(Gpr([0, 14, 19][round % 3])), index)
    }
}

fn get(regs: &Regs, reg: Reg) -> [u64; 2] {
    if reg.is_float() {
        regs.v[usize::from(reg.fpr().0)]
    } else {
        [regs.get(reg.gpr()), 0]
    }
}

fn places() -> impl Iterator<Item = (u32, Option<u64>)> {
    OFFSETS
        .into_iter()
        .flat_map(|offset| INDICES.map(|index| (offset, index)))
}

#[test]
fn loads() {
    let mut machine = Machine::new(MemoryMode::Explicit);
    for op in LOADS {
        let float = op.ty().is_float();
        let emits = places().enumerate().map(|(round, (offset, index))| {
            move |isa: &mut Arm64| {
                let (dst, reg) = regs_for(float, round);
                let index = index.map(|_| reg);
                isa.load(op, dst, Addr { index, offset });
            }
        });
        let codes = machine.assemble_all(emits);
        for ((round, (offset, index)), code) in places().enumerate().zip(&codes) {
            let at = offset as usize + index.unwrap_or(0) as usize;
            machine.memory()[at..at + 16].copy_from_slice(&BYTES);
            let (dst, reg) = regs_for(float, round);
            let mut regs = Regs::distinct();
            regs.set(reg, index.unwrap_or(0xdead_0000_0000));
            let out = machine.run(code, &regs);
            let result = get(&out.only(&machine, dst).regs, dst);
            assert_eq!(result, [loaded(op), 0], "{op:?} {offset:#x} {index:x?}");
            machine.memory()[at..at + 16].fill(0);
        }
    }
}

#[test]
fn stores() {
    let mut machine = Machine::new(MemoryMode::Explicit);
    for op in STORES {
        let float = matches!(op, Store::F32 | Store::F64);
        for constant in [false, true] {
            let emits = places().enumerate().map(|(round, (offset, index))| {
                move |isa: &mut Arm64| {
                    let (src, reg) = regs_for(float, round);
                    let src = if constant {
                        StoreSrc::Imm(0)
                    } else {
                        StoreSrc::Reg(src)
                    };
                    let index = index.map(|_| reg);
                    isa.store(op, src, Addr { index, offset });
                }
            });
            let codes = machine.assemble_all(emits);
            for ((round, (offset, index)), code) in places().enumerate().zip(&codes) {
                let at = offset as usize + index.unwrap_or(0) as usize;
                machine.memory()[at..at + 16].copy_from_slice(&BYTES);
                let (src, reg) = regs_for(float, round);
                let mut regs = Regs::distinct();
                regs.set(reg, index.unwrap_or(0xdead_0000_0000));
                let value = if constant { 0 } else { get(&regs, src)[0] };
                let out = machine.run(code, &regs);
                assert!(out.changed.is_empty());
                let mut expected = BYTES;
                let bytes = op.bytes() as usize;
                expected[..bytes].copy_from_slice(&value.to_le_bytes()[..bytes]);
                let memory = &mut machine.memory()[at..at + 16];
                assert_eq!(memory, expected, "{op:?} {offset:#x} {index:x?}");
                memory.fill(0);
            }
        }
    }
}

#[test]
fn checks() {
    let ends = [
        1, 8, 4095, 4096, 4097, 0x1_0000, 0xff_f000, 0xff_ffff, 0x100_0000,
    ];
    let far = [
        0x7fff_ffff,
        0x8000_0000,
        0xffff_ffff,
        0x1_0000_0000,
        0x1_0000_0010,
    ];
    let ends: Vec<u64> = ends.into_iter().chain(far).collect();
    for mode in [MemoryMode::Explicit, MemoryMode::Guard] {
        let mut machine = Machine::new(mode);
        let with = |index: Option<Gpr>| {
            let check = move |&end: &u64| move |isa: &mut Arm64| isa.check(index, end);
            machine.assemble_all(ends.iter().map(check))
        };
        let (indexed, constant) = (with(Some(Gpr(14))), with(None));
        for (i, &end) in ends.iter().enumerate() {
            for index in [0, 1, 0xffff, 0xffff_ffff] {
                for near in [-1, 0, 1] {
                    let bound = (end + index).wrapping_add_signed(near);
                    machine.memory.bound = bound;
                    let mut regs = Regs::distinct();
                    regs.set(Gpr(14), index);
                    let oob = Some(TrapCode::MemoryOutOfBounds);
                    let out = machine.run(&indexed[i], &regs);
                    let trap = out.trap.map(|trap| trap.0);
                    assert_eq!(
                        trap,
                        oob.filter(|_| end + index > bound),
                        "{end:#x} {index:#x}"
                    );
                    let out = machine.run(&constant[i], &regs);
                    let trap = out.trap.map(|trap| trap.0);
                    assert_eq!(trap, oob.filter(|_| end > bound), "{end:#x}");
                    assert!(out.changed.is_empty());
                }
            }
        }
    }
}

#[test]
fn accesses_are_sites_in_guard_mode() {
    for (mode, count) in [(MemoryMode::Explicit, 0), (MemoryMode::Guard, 3)] {
        let machine = Machine::new(mode);
        let code = machine.assemble(|isa| {
            for offset in [0, 0x1_0001, 0x7fff_0001] {
                let index = Some(Gpr(1));
                isa.load(Load::I64, Gpr(0).into(), Addr { index, offset });
            }
        });
        assert_eq!(code.sites.len(), count);
        for site in &code.sites {
            // A load of `x0`, whatever its address.
            assert_eq!(code.word(site.code) & 0xfec0_001f, 0xf840_0000);
        }
    }
}

#[test]
fn cells() {
    let mut machine = Machine::new(MemoryMode::Explicit);
    let engine_cells = [
        abi::MORE,
        abi::MORE + 8,
        abi::MORE + 8 * (abi::MORE_CELLS as i32 - 2),
        abi::MORE + 8 * 1777,
    ];
    let slots = [
        0, 8, 248, 256, 264, 4096, 16376, 16384, 32760, 32768, 65520, 65536, 0xff_fff8,
    ];
    let slots = slots.into_iter().chain([0x100_0000, 0x200_0008]);
    let cells: Vec<Cell> = slots
        .map(Cell::Slot)
        .chain(engine_cells.map(Cell::Engine))
        .collect();
    // The frame is below the stack's top.
    let depth = 0x210_0000;
    for (width, bytes) in WIDTHS {
        let kinds = [Reg::int(Gpr(14)), Reg::int(Gpr(15)), Reg::float(Fpr(8))];
        let kinds = kinds.into_iter().filter(|reg| reg.is_float() || bytes < 16);
        for reg in kinds {
            let emits = cells.iter().map(|&cell| {
                move |isa: &mut Arm64| {
                    isa.offset(Gpr(31), Gpr(31), -depth, Gpr(15));
                    if reg == Gpr(15).into() {
                        isa.mov(S64, Gpr(15), Gpr(3));
                    }
                    isa.store_cell(width, cell, reg);
                    isa.copy_cell(width, Cell::Slot(0x20_0000), cell);
                    if reg.is_float() {
                        isa.float_const(S64, reg.fpr(), 0);
                    } else {
                        isa.int_const(S64, reg.gpr(), 0);
                    }
                    isa.load_cell(width, reg, Cell::Slot(0x20_0000));
                    isa.store_cell_const(S32, cell, 0xfff_1234);
                    isa.load_cell(Width::W64, Gpr(0).into(), cell);
                    isa.store_cell_const(S64, cell, 0x1234_5678_9abc_def0);
                    isa.load_cell(Width::W64, Gpr(1).into(), cell);
                    isa.store_cell_const(S64, cell, 0);
                    isa.load_cell(Width::W64, Gpr(2).into(), cell);
                    isa.offset(Gpr(31), Gpr(31), depth, Gpr(17));
                }
            });
            let codes = machine.assemble_all(emits);
            for (cell, code) in cells.iter().zip(&codes) {
                let regs = Regs::distinct();
                let out = machine.run(code, &regs);
                assert_eq!(out.sp, machine.stack_top());
                let value = if reg.is_float() {
                    regs.v[8]
                } else {
                    [regs.x[14], 0]
                };
                let value = if reg == Gpr(15).into() {
                    [regs.x[3], 0]
                } else {
                    value
                };
                let mut expected = [0u8; 16];
                expected[..8].copy_from_slice(&value[0].to_le_bytes());
                expected[8..].copy_from_slice(&value[1].to_le_bytes());
                expected[bytes..].fill(0);
                let result = get(&out.regs, reg);
                let result = u128::from(result[0]) | u128::from(result[1]) << 64;
                assert_eq!(result, u128::from_le_bytes(expected), "{reg:?} {cell:?}");
                assert_eq!(out.regs.x[0] as u32, 0xfff_1234);
                assert_eq!(out.regs.x[1], 0x1234_5678_9abc_def0);
                assert_eq!(out.regs.x[2], 0);
            }
        }
    }
    assert!(abi::MORE as usize + 8 * abi::MORE_CELLS <= size_of::<CallEngine>());
}

#[test]
fn globals() {
    let mut machine = Machine::new(MemoryMode::Explicit);
    let mut outside = [0u64; 2];
    for imported in [false, true] {
        for offset in [16, 504, 512, 32752, 32768, 65520 - 16] {
            let item = InstanceItem { offset, imported };
            for (width, bytes) in WIDTHS {
                for reg in [Reg::int(Gpr(13)), Reg::float(Fpr(20))] {
                    if bytes == 16 && !reg.is_float() {
                        continue;
                    }
                    let other = if reg.is_float() {
                        Fpr(3).into()
                    } else {
                        Gpr(3).into()
                    };
                    let code = machine.assemble(|isa| {
                        isa.global_set(width, item, reg);
                        isa.global_get(width, item, other);
                    });
                    if imported {
                        machine.put(offset as usize, outside.as_mut_ptr() as u64);
                    }
                    let regs = Regs::distinct();
                    let out = machine.run(&code, &regs);
                    let (before, after) = (get(&regs, reg), get(&out.regs, other));
                    match width {
                        Width::W32 => assert_eq!(after, [before[0] & 0xffff_ffff, 0]),
                        Width::W64 => assert_eq!(after, [before[0], 0]),
                        Width::W128 => assert_eq!(after, before),
                    }
                    let stored = if imported {
                        outside[0]
                    } else {
                        machine.instance_cell(offset as usize)
                    };
                    assert_eq!(stored as u32, before[0] as u32);
                }
            }
        }
    }
}

#[test]
fn sizes_and_records() {
    let mut machine = Machine::new(MemoryMode::Explicit);
    let instance = machine.engine.instance as u64;
    for offset in [32, 4096, 0x1_0000 - 16] {
        let item = InstanceItem {
            offset,
            imported: false,
        };
        let through = InstanceItem {
            offset,
            imported: true,
        };
        let code = machine.assemble(|isa| {
            isa.func_ref(item, Gpr(0));
            isa.func_ref(through, Gpr(1));
            isa.memory_size(through, Gpr(2));
        });
        let memory = &raw const *machine.memory as u64;
        machine.put(offset as usize, memory);
        let out = machine.run(&code, &Regs::distinct()).regs;
        assert_eq!(out.x[0], instance + offset as u64);
        assert_eq!(out.x[1], memory);
        assert_eq!(out.x[2], (MEMORY_SPACE >> 16) as u64);
    }
    let item = InstanceItem {
        offset: 48,
        imported: false,
    };
    machine.put(48 + abi::MEMORY_BOUND as usize, 1 << 32);
    let code = machine.assemble(|isa| isa.memory_size(item, Gpr(2)));
    assert_eq!(machine.run(&code, &Regs::distinct()).regs.x[2], 65536);
}

#[test]
fn zeroed_slots() {
    let mut machine = Machine::new(MemoryMode::Explicit);
    let top = machine.stack_top();
    let cases: Vec<(i32, u32)> = [0, 8, 248, 512, 1000, 1008, 4096, 40_000, 0x100_0008]
        .into_iter()
        .flat_map(|disp| [0, 1, 2, 3, 4, 5, 7, 8, 33, 64, 65, 66, 67, 200].map(|n| (disp, n)))
        .collect();
    let depth = 0x110_0000i64;
    let codes = machine.assemble_all(cases.iter().map(|&(disp, cells)| {
        move |isa: &mut Arm64| {
            isa.offset(Gpr(31), Gpr(31), -depth, Gpr(17));
            isa.zero_slots(disp, cells);
            isa.offset(Gpr(31), Gpr(31), depth, Gpr(17));
        }
    }));
    for (&(disp, cells), code) in cases.iter().zip(&codes) {
        let offset = top - depth as usize + disp as usize - 16;
        let stack = machine.stack_bytes(offset, 32 + 8 * cells as usize);
        stack.fill(0xee);
        let out = machine.run(code, &Regs::distinct());
        assert!(out.changed.is_empty(), "{:?}", out.changed);
        let stack = machine.stack_bytes(offset, 32 + 8 * cells as usize);
        let end = stack.len() - 16;
        assert!(
            stack[..16].iter().all(|byte| *byte == 0xee),
            "{disp} {cells}"
        );
        assert!(
            stack[16..end].iter().all(|byte| *byte == 0),
            "{disp} {cells}"
        );
        assert!(
            stack[end..].iter().all(|byte| *byte == 0xee),
            "{disp} {cells}"
        );
    }
}
