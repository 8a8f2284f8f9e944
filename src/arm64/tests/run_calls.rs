//! Frames, and calls of every kind, between emitted functions.

use std::sync::atomic::AtomicUsize;

use super::machine::{Machine, Regs};
use super::run_control::machines;
use crate::arm64::Arm64;
use crate::arm64::regs::file_of;
use crate::asm::abi::{MemoryMode, TrapCode, VmFuncRef, VmInstance, VmMemory};
use crate::asm::isa::{Cell, Frame, InstanceItem, Isa};
use crate::asm::regs::Gpr;
use crate::ir::types::FuncIdx;
use crate::ir::types::Size::S64;
use crate::ir::types::Width;

const SP: Gpr = Gpr(31);
const CALLEE: Gpr = Gpr(17);
const INDEX: Gpr = Gpr(15);

/// A frame of that size with so many saved registers below the return address.
fn frame(size: u32, saves: usize, check: bool) -> Frame {
    let pins = &file_of(MemoryMode::Explicit, false).saved_pins;
    let first = size as i32 - 8 - 8 * saves as i32;
    let places = (0..).map(|i| first + 8 * i);
    Frame {
        size,
        saves: pins[..saves].iter().copied().zip(places).collect(),
        check,
        full: None,
    }
}

/// Emits a call of what `body` emits as a function, and leaves.
fn around(isa: &mut Arm64, body: impl FnOnce(&mut Arm64)) {
    let (func, done) = (isa.buf().new_label(), isa.buf().new_label());
    isa.call_label(func);
    isa.jump(done);
    isa.buf().bind(func);
    body(isa);
    isa.buf().bind(done);
}

#[test]
fn frames() {
    let sizes = [
        16, 32, 496, 512, 528, 2048, 2064, 4096, 4112, 32768, 0x10_0000, 0x100_0010,
    ];
    for mut machine in machines() {
        let mut frames = Vec::new();
        for size in sizes {
            let most = ((size - 8) / 8).min(7) as usize;
            for saves in [0, 1, 2, 3, 7].into_iter().filter(|saves| *saves <= most) {
                frames.push(frame(size, saves, saves != 1));
            }
        }
        let codes = machine.assemble_all(frames.iter().map(|frame| {
            move |isa: &mut Arm64| {
                around(isa, |isa| {
                    isa.prologue(frame);
                    isa.offset(Gpr(0), SP, 0, INDEX);
                    let top = Cell::Slot(frame.size as i32 - 8);
                    isa.load_cell(Width::W64, Gpr(1).into(), top);
                    for &(reg, disp) in &frame.saves {
                        isa.load_cell(Width::W64, Gpr(2).into(), Cell::Slot(disp));
                        isa.int_const(S64, reg, 5);
                    }
                    isa.epilogue(frame);
                });
            }
        }));
        for (frame, code) in frames.iter().zip(&codes) {
            let regs = Regs::distinct();
            let out = machine.run(code, &regs);
            assert_eq!(out.trap, None, "{frame:?}");
            assert_eq!(out.sp, machine.stack_top());
            assert!(out.changed.iter().all(|reg| *reg <= 2), "{:?}", out.changed);
            assert_eq!(out.regs.x[0] as usize, out.sp - frame.size as usize);
            // The return address is where the unwinder looks for it.
            let returns = out.regs.x[1] as usize - code.addr(0);
            assert_eq!(
                code.word(returns as u32 - 4) >> 26,
                match machine.attempt {
                    2 => 0xd61f_0000 >> 26, // br
                    _ => 0x9400_0000 >> 26, // bl
                }
            );
            if let Some((reg, _)) = frame.saves.last() {
                assert_eq!(out.regs.x[2], regs.get(*reg));
            }
        }
    }
}

#[test]
fn odd_places_of_saved_registers() {
    let mut machine = Machine::new(MemoryMode::Explicit);
    let frame = Frame {
        size: 4096,
        saves: vec![(Gpr(19), 8), (Gpr(20), 4000), (Gpr(21), 16), (Gpr(22), 512)],
        check: true,
        full: None,
    };
    let code = machine.assemble(|isa| {
        around(isa, |isa| {
            isa.prologue(&frame);
            for &(reg, _) in &frame.saves {
                isa.int_const(S64, reg, 5);
            }
            isa.epilogue(&frame);
        });
    });
    let out = machine.run(&code, &Regs::distinct());
    assert_eq!((out.sp, out.changed.len()), (machine.stack_top(), 0));
}

#[test]
fn the_stack_is_checked_before_it_is_used() {
    for mut machine in machines() {
        for size in [16, 2048, 2064, 65536, 0x100_0010] {
            let frame = frame(size, 1, true);
            let code = machine.assemble(|isa| {
                around(isa, |isa| {
                    isa.prologue(&frame);
                    isa.epilogue(&frame);
                });
            });
            let top = machine.stack_top();
            // Small frames compare `sp` alone.
            let lowest = if size <= 2048 {
                top
            } else {
                top - size as usize
            };
            machine.engine.stack_limit = AtomicUsize::new(lowest);
            assert_eq!(machine.run(&code, &Regs::distinct()).trap, None);
            machine.stack_bytes(top - 64, 64).fill(0x77);
            for limit in [lowest + 1, usize::MAX] {
                machine.engine.stack_limit = AtomicUsize::new(limit);
                let out = machine.run(&code, &Regs::distinct());
                assert_eq!(
                    out.trap,
                    Some((TrapCode::StackOverflow, code.sites[0].code))
                );
                assert_eq!((out.sp, out.changed.len()), (top, 0));
                assert!(
                    machine
                        .stack_bytes(top - 64, 64)
                        .iter()
                        .all(|byte| *byte == 0x77)
                );
                // The handler finds the return address here.
                let returns = machine.engine.callee as usize - code.addr(0);
                assert_eq!(returns as u32 % 4, 0);
                assert_ne!(code.sites[0].code, returns as u32);
                assert!(returns < code.sites[0].code as usize);
            }
        }
    }
}

/// Two instances with memories of their own, for calls from one to the other.
struct Instances {
    /// The memory that the machine begins with.
    near: (u64, u64),
    memory: Box<VmMemory>,
    instance: Box<VmInstance>,
}

impl Instances {
    fn new(machine: &Machine) -> Self {
        let mut memory = Box::new(VmMemory {
            base: 0x1234_0000 as *mut u8,
            bound: 0x56_0000,
        });
        let instance = Box::new(VmInstance {
            memory0: &raw mut *memory,
            data: std::ptr::null_mut(),
        });
        Self {
            near: (machine.memory.base as u64, machine.memory.bound),
            memory,
            instance,
        }
    }

    fn far(&mut self) -> *mut VmInstance {
        &raw mut *self.instance
    }
}

/// A function with an indirect entry: `x0 = x27`, `x1 = x26`, `x2 = x17`, `x3 =` instance, and all
/// that it may change is changed.
fn escaping_function(isa: &mut Arm64) {
    let (switch, entry) = (isa.buf().new_label(), isa.buf().new_label());
    isa.buf().reserve();
    isa.indirect_entry(switch);
    isa.buf().bind(entry);
    let frame = frame(48, 2, true);
    isa.prologue(&frame);
    isa.mov(S64, Gpr(0), Gpr(27));
    isa.mov(S64, Gpr(1), Gpr(26));
    isa.mov(S64, Gpr(2), CALLEE);
    isa.load_cell(
        Width::W64,
        Gpr(3).into(),
        Cell::Engine(crate::asm::abi::INSTANCE),
    );
    isa.int_const(S64, Gpr(19), 0);
    isa.epilogue(&frame);
    isa.buf().bind(switch);
    isa.switch_thunk(entry);
}

/// Asserts what a call of [`escaping_function`] through `record` left.
fn assert_called(machine: &Machine, regs: &Regs, record: &VmFuncRef, memory: (u64, u64)) {
    assert_eq!(regs.x[0], memory.0);
    if machine.mode == MemoryMode::Explicit {
        assert_eq!(regs.x[1], memory.1);
    }
    assert_eq!(regs.x[2], &raw const *record as u64);
    assert_eq!(regs.x[3], record.instance as u64);
}

fn machines_in_both_modes() -> impl Iterator<Item = Machine> {
    [MemoryMode::Explicit, MemoryMode::Guard]
        .into_iter()
        .flat_map(|mode| {
            [0, 2].map(|attempt| {
                let mut machine = Machine::new(mode);
                machine.attempt = attempt;
                machine
            })
        })
}

#[test]
fn imports() {
    for mut machine in machines_in_both_modes() {
        let mut instances = Instances::new(&machine);
        let far_memory = (0x1234_0000, 0x56_0000);
        assert_eq!(far_memory.1, instances.memory.bound);
        for import in [32, 4096, 32768] {
            let code = machine.assemble(|isa| {
                let start = isa.buf().offset();
                assert!(start < 400);
                isa.call_import(import);
                let done = isa.buf().new_label();
                isa.jump(done);
                while isa.buf().offset() < 512 {
                    isa.word(0xd503_201f);
                }
                escaping_function(isa);
                isa.buf().bind(done);
            });
            let near = machine.engine.instance;
            for (instance, memory) in [(near, instances.near), (instances.far(), far_memory)] {
                let record = Box::new(VmFuncRef {
                    code: code.addr(512),
                    instance,
                    sig: 0,
                    index: 0,
                });
                machine.put(import as usize, &raw const *record as u64);
                let out = machine.run(&code, &Regs::distinct());
                assert_called(&machine, &out.regs, &record, memory);
                assert!(out.changed.iter().all(|reg| *reg <= 3), "{:?}", out.changed);
                assert_eq!(out.sp, machine.stack_top());
                assert_eq!(machine.engine.instance, near);
            }
        }
    }
}

#[test]
fn indirect_calls() {
    for mut machine in machines_in_both_modes() {
        let mut instances = Instances::new(&machine);
        let near = machine.engine.instance;
        for (offset, imported, sig) in [
            (64, false, 24),
            (504, false, 4096),
            (512, false, 16384),
            (32768, true, 32764),
        ] {
            let table = InstanceItem { offset, imported };
            let code = machine.assemble(|isa| {
                isa.mov(S64, INDEX, Gpr(14));
                isa.call_indirect(table, sig);
                let done = isa.buf().new_label();
                isa.jump(done);
                while isa.buf().offset() < 600 {
                    isa.word(0xd503_201f);
                }
                escaping_function(isa);
                isa.buf().bind(done);
            });
            let record = |instance, sig| {
                Box::new(VmFuncRef {
                    code: code.addr(600),
                    instance,
                    sig,
                    index: 0,
                })
            };
            machine.put(sig as usize & !7, 0x99 << (8 * (sig & 7)));
            let good = record(near, 0x99);
            let far = record(instances.far(), 0x99);
            let other = record(near, 0x98);
            let elems = [&good, &far, &other].map(|record| &raw const **record as u64);
            let place = [elems.as_ptr() as u64, 3];
            if imported {
                machine.put(offset as usize, place.as_ptr() as u64);
            } else {
                machine.put(offset as usize, place[0]);
                machine.put(offset as usize + 8, place[1]);
            }
            let mut call = |index: u64| {
                let mut regs = Regs::distinct();
                regs.x[14] = index;
                let out = machine.run(&code, &regs);
                assert_eq!(out.sp, machine.stack_top());
                out
            };
            let out = call(0);
            assert_eq!(out.trap, None);
            let near_regs = out.regs;
            let out = call(1);
            assert_eq!(out.trap, None);
            let far_regs = out.regs;
            let (mismatch, beyond) = (call(2).trap, [3, 0xffff_ffff].map(|i| call(i).trap));
            assert_eq!(mismatch.map(|trap| trap.0), Some(TrapCode::IndirectCall));
            for trap in beyond {
                assert_eq!(trap.map(|trap| trap.0), Some(TrapCode::TableOutOfBounds));
            }
            call(2);
            assert_eq!(machine.engine.callee, &raw const *other);
            assert_called(&machine, &near_regs, &good, instances.near);
            assert_called(&machine, &far_regs, &far, (0x1234_0000, 0x56_0000));
            assert_eq!(machine.engine.instance, near);
        }
    }
}

#[test]
fn direct_calls_are_linked() {
    let mut isa = super::isa(MemoryMode::Explicit);
    Isa::call_direct(&mut isa, FuncIdx(7));
    let reloc = isa.buf().relocs[0];
    assert_eq!((reloc.pos, reloc.func), (0, 7));
    let site = isa.buf().sites.iter().next();
    assert_eq!(site.map(|site| site.code), Some(4));
}
