//! Whole calls through the thunks, in both memory modes.
#![allow(unsafe_code, reason = "reads the value stack, handles a signal")]

use std::sync::atomic::Ordering::Relaxed;

use super::machine::{Program, State};
use super::world::{Builder, Instance, SIG, TABLE, World, item};
use super::{Amd64, MODES};
use crate::amd64::regs::reg_file;
use crate::asm::abi::{
    CallEngine, ExitCode, MORE, MemoryMode, STACK_RESERVE, TrapCode, VmFuncRef, VmInstance,
};
use crate::asm::isa::{Addr, Cell, InstanceItem, Rhs};
use crate::asm::regs::{Fpr, Gpr};
use crate::ir::op::{FloatBin, IntBin, Load};
use crate::ir::types::{FuncIdx, Size, Width};

const RAX: Gpr = Gpr(0);
const RCX: Gpr = Gpr(1);
const RDX: Gpr = Gpr(2);

const FIRST_BYTE: Addr = Addr {
    index: None,
    offset: 0,
};

/// `rax` = all integer arguments, each weighted; `xmm0` = likewise.
fn combine_args(isa: &mut Amd64) {
    for at in 1..6 {
        let reg = reg_file(MemoryMode::Explicit, false).int_args[at];
        isa.int_bin(IntBin::Mul, Size::S64, RAX, RAX, Rhs::Imm(10));
        isa.int_bin(IntBin::Add, Size::S64, RAX, RAX, Rhs::Reg(reg));
    }
    isa.float_const(Size::S64, Fpr(15), 10f64.to_bits());
    isa.float_mov(Width::W64, Fpr(13), Fpr(15));
    for at in 1..8 {
        isa.float_bin(
            FloatBin::Mul,
            Size::S64,
            Fpr(0),
            Fpr(0),
            crate::asm::isa::FloatRhs::Reg(Fpr(13)),
        );
        isa.float_bin(
            FloatBin::Add,
            Size::S64,
            Fpr(0),
            Fpr(0),
            crate::asm::isa::FloatRhs::Reg(Fpr(at)),
        );
    }
    isa.int_const(Size::S32, RCX, 99);
    isa.float_const(Size::S64, Fpr(1), 0.5f64.to_bits());
}

fn set_args(engine: &mut CallEngine) {
    engine.ints = [1, 2, 3, 4, 5, 6];
    for (at, cell) in engine.floats.iter_mut().enumerate() {
        cell[0] = (at as f64 + 1.0).to_bits();
    }
}

fn assert_combined(engine: &CallEngine) {
    assert_eq!(engine.exit, ExitCode::RETURNED);
    assert_eq!(engine.ints[..2], [123_456, 99]);
    assert_eq!(f64::from_bits(engine.floats[0][0]), 12_345_678.0);
    assert_eq!(f64::from_bits(engine.floats[1][0]), 0.5);
}

#[test]
fn arguments_and_results() {
    for mode in MODES {
        let mut builder = Builder::new(mode);
        let func = builder.func(16, combine_args);
        let mut world = World::new(mode, builder);
        set_args(&mut world.engine);
        world.call(func);
        assert_combined(&world.engine);
        let instance = &raw mut *world.instances[0];
        assert_eq!(world.engine.instance, instance.cast::<VmInstance>());
    }
}

#[test]
fn enter_keeps_the_host_registers() {
    for mode in MODES {
        let mut builder = Builder::new(mode);
        let func = builder.func(16, |isa| {
            for reg in [3, 5, 12, 13, 15] {
                isa.int_const(Size::S64, Gpr(reg), 0xbad);
            }
        });
        let mut world = World::new(mode, builder);
        let caller = Program::new(0, mode, |isa| {
            emit!(isa; call rax);
        });
        for enter in [world.thunks.enter, world.thunks.enter_ints] {
            let mut state = State::default();
            for at in 0..16 {
                state.gpr[at] = at as u64;
            }
            state.gpr[0] = enter as usize as u64;
            state.gpr[7] = &raw mut *world.engine as u64;
            state.gpr[6] = world.record(0, func) as u64;
            state.gpr[2] = world.top() as u64;
            assert_eq!(caller.run(&mut state), None);
            for at in [3, 5, 12, 13, 14, 15] {
                assert_eq!(state.gpr[at], at as u64);
            }
            assert_eq!(world.engine.exit, ExitCode::RETURNED);
        }
    }
}

/// Fills the pins, does `middle`, and adds the pins up in `rdx`.
fn with_pins(isa: &mut Amd64, mode: MemoryMode, middle: impl FnOnce(&mut Amd64)) {
    let pins = reg_file(mode, false).saved_pins;
    for (at, &pin) in pins.iter().enumerate() {
        isa.int_const(Size::S64, pin, 1000 << (4 * at));
    }
    middle(isa);
    isa.int_const(Size::S64, RDX, 0);
    for &pin in pins {
        isa.int_bin(IntBin::Add, Size::S64, RDX, RDX, Rhs::Reg(pin));
    }
}

fn pin_sum(mode: MemoryMode) -> u64 {
    let pins = reg_file(mode, false).saved_pins.len();
    (0..pins).map(|at| 1000 << (4 * at)).sum()
}

/// Result 0: what the host returned, and the pins' sum.
fn call_host(isa: &mut Amd64, mode: MemoryMode) {
    with_pins(isa, mode, |isa| isa.call_import(item!(import)));
    isa.int_bin(IntBin::Add, Size::S64, RAX, RAX, Rhs::Reg(RDX));
    isa.load(Load::I32U8, RDX.into(), FIRST_BYTE);
    isa.int_bin(IntBin::Add, Size::S64, RAX, RAX, Rhs::Reg(RDX));
}

fn serve_host_call(engine: &mut CallEngine) -> u32 {
    assert_eq!(engine.exit, ExitCode::HOST_CALL);
    // SAFETY: set by the thunk to the record that was called.
    assert_eq!(unsafe { (*engine.callee).index }, 5);
    assert_eq!(engine.ints, [1, 2, 3, 4, 5, 6]);
    assert_eq!(f64::from_bits(engine.floats[7][0]), 8.0);
    engine.ints[0] = 50_000_000;
    engine.ints[1] = 6;
    engine.floats[0][0] = 2.5f64.to_bits();
    // What another activation in the same engine leaves behind.
    engine.sps.guest = 1;
    engine.instance = std::ptr::null_mut();
    0
}

#[test]
fn host_calls() {
    for mode in MODES {
        let mut builder = Builder::new(mode);
        let func = builder.func(32, |isa| call_host(isa, mode));
        let mut world = World::new(mode, builder);
        world.serve_with(serve_host_call);
        set_args(&mut world.engine);
        world.call(func);
        assert_eq!(world.engine.exit, ExitCode::RETURNED);
        assert_eq!(world.engine.ints[0], 50_000_001 + pin_sum(mode));
        assert_eq!(world.engine.ints[1], 6);
        assert_eq!(f64::from_bits(world.engine.floats[0][0]), 2.5);
    }
}

/// The thunks for functions without floats pass over the cells of floats.
#[test]
fn calls_without_floats() {
    const UNTOUCHED: [u64; 2] = [0x5a5a, 0xa5a5];
    for mode in MODES {
        let mut builder = Builder::new(mode);
        let func = builder.func(32, |isa| call_host(isa, mode));
        let mut world = World::new(mode, builder);
        world.host.code = world.thunks.host_call_ints;
        world.serve_with(|engine| {
            assert_eq!(engine.exit, ExitCode::HOST_CALL);
            assert_eq!(engine.ints, [1, 2, 3, 4, 5, 6]);
            assert_eq!(engine.floats, [UNTOUCHED; 8]);
            engine.ints[..2].copy_from_slice(&[50_000_000, 6]);
            0
        });
        set_args(&mut world.engine);
        world.engine.floats = [UNTOUCHED; 8];
        let (record, top) = (world.record(0, func), world.top());
        // SAFETY: as in `World::call`.
        unsafe { (world.thunks.enter_ints)(&mut *world.engine, record, top) };
        assert_eq!(world.engine.exit, ExitCode::RETURNED);
        assert_eq!(world.engine.ints[0], 50_000_001 + pin_sum(mode));
        assert_eq!(world.engine.ints[1], 6);
        assert_eq!(world.engine.floats, [UNTOUCHED; 8]);
    }
}

#[test]
fn a_host_function_is_entered_without_an_instance() {
    for mode in MODES {
        let mut world = World::new(mode, Builder::new(mode));
        world.serve_with(serve_host_call);
        set_args(&mut world.engine);
        let (host, top) = (&raw const *world.host, world.top());
        // SAFETY: the record of a host function, with its thunk as code.
        unsafe { (world.thunks.enter)(&mut *world.engine, host, top) };
        assert_eq!(world.engine.exit, ExitCode::RETURNED);
        assert_eq!(world.engine.ints[..2], [50_000_000, 6]);
    }
}

#[test]
fn exits_that_leave_are_resumed() {
    for mode in MODES {
        let mut builder = Builder::new(mode);
        let func = builder.func(32, |isa| call_host(isa, mode));
        let other = builder.func(16, combine_args);
        let mut world = World::new(mode, builder);
        world.serve_with(|_| 1);
        set_args(&mut world.engine);
        world.call(func);
        let left = (
            world.engine.exit,
            world.engine.sps.guest,
            world.engine.instance,
        );
        assert_eq!(left.0, ExitCode::HOST_CALL);
        assert_eq!(world.engine.ints, [1, 2, 3, 4, 5, 6]);
        // The pins, then the return address; the frame begins above.
        let saved = 8 * (reg_file(mode, false).saved_pins.len() + 1);
        let top = world.top();
        assert_eq!(left.1 + saved + 32, top);
        // Below the suspended frames there is room for others.
        let record = world.record(1, other);
        set_args(&mut world.engine);
        // SAFETY: as in `World::call`.
        unsafe { (world.thunks.enter)(&mut *world.engine, record, (left.1 - 64) & !15) };
        assert_combined(&world.engine);
        (
            world.engine.exit,
            world.engine.sps.guest,
            world.engine.instance,
        ) = left;
        world.engine.ints[..2].copy_from_slice(&[70_000_000, 7]);
        world.resume();
        assert_eq!(world.engine.exit, ExitCode::RETURNED);
        assert_eq!(world.engine.ints[0], 70_000_001 + pin_sum(mode));
        assert_eq!(world.engine.ints[1], 7);
    }
}

#[test]
fn builtins_see_their_number_and_may_move_memory() {
    static MOVED: [u8; 16] = [42; 16];
    for mode in MODES {
        let mut builder = Builder::new(mode);
        let func = builder.func(16, |isa| {
            isa.call_builtin(9);
            isa.load(Load::I32U8, RCX.into(), FIRST_BYTE);
            let memory = InstanceItem {
                offset: item!(memory),
                imported: false,
            };
            isa.memory_size(memory, RDX);
            isa.int_bin(IntBin::Add, Size::S64, RAX, RAX, Rhs::Reg(RDX));
        });
        let mut world = World::new(mode, builder);
        world.serve_with(|engine| {
            assert_eq!((engine.exit, engine.exit_arg), (ExitCode::BUILTIN, 9));
            // SAFETY: the instance of the code that runs.
            let memory = unsafe { &mut *(*engine.instance).memory0 };
            memory.base = MOVED.as_ptr().cast_mut();
            memory.bound = 3 << 16;
            engine.ints[0] = 5;
            0
        });
        world.call(func);
        assert_eq!(world.engine.ints[..2], [5 + 3, 42]);
    }
}

#[test]
fn listeners_keep_the_arguments() {
    for mode in MODES {
        for leaves in [false, true] {
            let mut builder = Builder::new(mode);
            let func = builder.func(16, |isa| {
                with_pins(isa, mode, |isa| {
                    isa.store_cell(Width::W64, Cell::Engine(MORE), RDX.into());
                    isa.call_listener(false, FuncIdx(3));
                    isa.load_cell(Width::W64, RDX.into(), Cell::Engine(MORE));
                    combine_args(isa);
                    isa.call_listener(true, FuncIdx(4));
                });
                isa.store_cell(Width::W64, Cell::Engine(MORE + 8), RDX.into());
            });
            let mut world = World::new(mode, builder);
            fn stay(engine: &mut CallEngine) -> u32 {
                let exits = [
                    (ExitCode::LISTENER_BEFORE, 3),
                    (ExitCode::LISTENER_AFTER, 4),
                ];
                assert!(exits.contains(&(engine.exit, engine.exit_arg)));
                0
            }
            world.serve_with(if leaves {
                |engine| stay(engine) + 1
            } else {
                stay
            });
            set_args(&mut world.engine);
            world.call(func);
            if leaves {
                assert_eq!(world.engine.exit, ExitCode::LISTENER_BEFORE);
                world.resume();
                assert_eq!(world.engine.exit, ExitCode::LISTENER_AFTER);
                world.resume();
            }
            assert_combined(&world.engine);
            assert_eq!(world.more(1), pin_sum(mode));
        }
    }
}

#[test]
fn traps_tell_their_site() {
    for mode in MODES {
        for trap in TrapCode::ALL {
            let mut builder = Builder::new(mode);
            let func = builder.func(48, |isa| {
                isa.int_const(Size::S64, Gpr(11), 0x77);
                isa.trap_always(trap);
            });
            let mut world = World::new(mode, builder);
            world.call(func);
            assert_eq!(world.engine.exit.trap(), Some(trap));
            assert!(world.sites.contains(&world.exit_offset()));
            assert_eq!(world.engine.callee as usize, 0x77);
            let frame = if trap == TrapCode::StackOverflow {
                8
            } else {
                0
            };
            let sp = world.engine.sps.guest + frame;
            assert_eq!(sp, world.top() - 48);
        }
    }
}

#[test]
fn recursion_ends_in_a_stack_overflow() {
    for mode in MODES {
        for size in [16, 2048, 4096, 1 << 20, 0xffff_fff0] {
            let mut builder = Builder::new(mode);
            let func = builder.func(size, |isa| isa.call_direct(FuncIdx(0)));
            let mut world = World::new(mode, builder);
            world.call(func);
            let engine = &world.engine;
            assert_eq!(engine.exit.trap(), Some(TrapCode::StackOverflow));
            // Nothing was written below the reserve.
            let limit = engine.stack_limit.load(Relaxed);
            assert!(engine.sps.guest > limit - STACK_RESERVE);
            // The frame that could not be is 16 bytes big, its return address on top.
            assert_eq!(engine.sps.guest % 16, 0);
            let outer = engine.sps.guest + 16;
            // SAFETY: within the value stack.
            let back = unsafe { *((outer - 8) as *const usize) };
            if outer == world.top() {
                assert!(size > 1 << 16, "one frame of that size fits");
            } else {
                let back = back - world.code.as_ptr() as usize;
                assert!(world.sites.contains(&(back as u32)));
                assert_eq!((world.top() - outer) % size as usize, 0);
            }
        }
    }
}

/// Calls the function in cell 0 of the table, with the first bytes of memory before and after.
fn call_table(isa: &mut Amd64, table: InstanceItem) {
    isa.load(Load::I32U8, RDX.into(), FIRST_BYTE);
    isa.store_cell(Width::W64, Cell::Engine(MORE), RDX.into());
    isa.mov(Size::S64, Gpr(10), RAX);
    isa.call_indirect(table, item!(sigs));
    isa.store_cell(Width::W64, Cell::Engine(MORE + 8), RAX.into());
    isa.load(Load::I32U8, RDX.into(), FIRST_BYTE);
    isa.store_cell(Width::W64, Cell::Engine(MORE + 16), RDX.into());
    isa.int_const(Size::S64, RDX, 65_537);
    isa.check(Some(RCX), 8);
}

#[test]
fn indirect_calls_change_the_instance_and_back() {
    for mode in MODES {
        for imported in [false, true] {
            let table = InstanceItem {
                offset: if imported {
                    item!(table_import)
                } else {
                    TABLE.offset
                },
                imported,
            };
            let mut builder = Builder::new(mode);
            let caller = builder.func(32, |isa| call_table(isa, table));
            let callee = builder.func(16, |isa| {
                isa.load(Load::I32U8, RAX.into(), FIRST_BYTE);
                isa.int_const(Size::S32, RCX, 65_528);
                isa.check(Some(RCX), 8);
            });
            let mut world = World::new(mode, builder);
            let target = world.record(1, callee);
            world.instances[0].elems[2] = target as u64;
            world.engine.ints[0] = 2;
            world.call(caller);
            assert_eq!(world.engine.exit, ExitCode::RETURNED);
            assert_eq!([0, 1, 2].map(|cell| world.more(cell)), [1, 2, 1]);
            let own = &raw mut *world.instances[0];
            assert_eq!(world.engine.instance, own.cast::<VmInstance>());

            // Beyond the table.
            world.engine.ints[0] = 4;
            world.call(caller);
            assert_eq!(world.engine.exit.trap(), Some(TrapCode::TableOutOfBounds));

            // Of another signature.
            let wrong = VmFuncRef {
                sig: SIG + 1,
                // SAFETY: the record is alive.
                ..unsafe { *target }
            };
            world.instances[0].elems[3] = &raw const wrong as u64;
            world.engine.ints[0] = 3;
            world.call(caller);
            assert_eq!(world.engine.exit.trap(), Some(TrapCode::IndirectCall));
            assert_eq!(world.engine.callee, &raw const wrong);
        }
    }
}

#[test]
fn globals_and_references_are_found_in_the_instance() {
    for mode in MODES {
        let mut builder = Builder::new(mode);
        let global = |at: i32| InstanceItem {
            offset: item!(globals) + 16 * at,
            imported: false,
        };
        let func = builder.func(16, |isa| {
            isa.global_get(Width::W64, global(0), RCX.into());
            isa.global_get(Width::W128, global(1), Fpr(0).into());
            isa.global_set(Width::W128, global(0), Fpr(0).into());
            let own = InstanceItem {
                offset: item!(func),
                imported: false,
            };
            isa.func_ref(own, RAX);
            isa.store_cell(Width::W64, Cell::Engine(MORE), RAX.into());
            let import = InstanceItem {
                offset: item!(import),
                imported: true,
            };
            isa.func_ref(import, RAX);
        });
        let mut world = World::new(mode, builder);
        world.call(func);
        let own: *const Instance = &raw const *world.instances[0];
        assert_eq!(world.engine.ints[..2], [&raw const *world.host as u64, 7]);
        assert_eq!(world.engine.floats[0], [9, 10]);
        assert_eq!(world.instances[0].globals, [[9, 10], [9, 10]]);
        assert_eq!(world.more(0), own as u64 + item!(func) as u64);
    }
}

#[cfg(any(target_os = "linux", target_os = "macos"))]
mod faults {
    use std::ffi::{c_int, c_void};
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use crate::amd64::fault::{fault_engine, fault_pc, redirect_to_trap};

    static ENGINE: AtomicUsize = AtomicUsize::new(0);
    static FAULT_PC: AtomicUsize = AtomicUsize::new(0);

    type Handler = unsafe extern "C" fn(c_int, *mut libc::siginfo_t, *mut c_void);

    static PREVIOUS: [AtomicUsize; 2] = [const { AtomicUsize::new(0) }; 2];
    const SIGNALS: [c_int; 2] = [libc::SIGSEGV, libc::SIGBUS];

    /// Passes on what is not the test's own fault: other tests run in this process.
    unsafe extern "C" fn handler(signal: c_int, info: *mut libc::siginfo_t, context: *mut c_void) {
        // SAFETY: in a signal handler.
        let engine = unsafe { fault_engine(context) } as usize;
        if engine == ENGINE.load(Ordering::SeqCst) {
            // SAFETY: as above, and the test's fault is in compiled code.
            unsafe {
                FAULT_PC.store(fault_pc(context), Ordering::SeqCst);
                return redirect_to_trap(context, TrapCode::MemoryOutOfBounds);
            }
        }
        let previous = PREVIOUS[usize::from(signal != SIGNALS[0])].load(Ordering::SeqCst);
        if previous <= 1 {
            std::process::abort();
        }
        // SAFETY: what was installed before, by Rust or by another test, takes these arguments.
        unsafe { std::mem::transmute::<usize, Handler>(previous)(signal, info, context) }
    }

    #[test]
    fn a_fault_becomes_a_trap() {
        let mut builder = Builder::new(MemoryMode::Guard);
        let func = builder.func(64, |isa| {
            let addr = Addr {
                index: Some(RAX),
                offset: 64,
            };
            isa.load(Load::I64, RCX.into(), addr);
        });
        let mut world = World::new(MemoryMode::Guard, builder);
        // SAFETY: a mapping of its own, without access.
        let guard = unsafe {
            let flags = libc::MAP_PRIVATE | libc::MAP_ANON;
            libc::mmap(std::ptr::null_mut(), 1 << 16, libc::PROT_NONE, flags, -1, 0)
        };
        assert_ne!(guard, libc::MAP_FAILED);
        world.instances[0].memory.base = guard.cast();
        world.engine.ints[0] = 128;
        ENGINE.store(&raw mut *world.engine as usize, Ordering::SeqCst);
        for (signal, previous) in SIGNALS.into_iter().zip(&PREVIOUS) {
            // SAFETY: the handler suits SA_SIGINFO.
            unsafe {
                let mut action: libc::sigaction = std::mem::zeroed();
                let mut old = action;
                action.sa_sigaction = handler as Handler as usize;
                action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK;
                assert_eq!(libc::sigaction(signal, &action, &mut old), 0);
                previous.store(old.sa_sigaction, Ordering::SeqCst);
            }
        }
        world.call(func);
        assert_eq!(world.engine.exit.trap(), Some(TrapCode::MemoryOutOfBounds));
        assert_eq!(world.engine.exit_pc, FAULT_PC.load(Ordering::SeqCst));
        assert!(world.sites.contains(&world.exit_offset()));
        let top = world.top();
        assert_eq!(world.engine.sps.guest, top - 64);
    }
}
