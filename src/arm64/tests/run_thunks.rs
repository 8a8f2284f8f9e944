//! The code between host and guest.
#![allow(unsafe_code, reason = "calls emitted code")]

use std::cell::Cell as StdCell;
use std::sync::atomic::Ordering::Relaxed;

use super::machine::{Machine, Regs};
use crate::arm64::regs::file_of;
use crate::arm64::{Arm64, entry};
use crate::asm::abi::{self, CallEngine, Enter, ExitCode, MemoryMode, TrapCode, VmFuncRef};
use crate::asm::isa::{Cell, Checked, Frame, Isa};
use crate::asm::regs::{Fpr, Gpr};
use crate::ir::types::Size::S64;
use crate::ir::types::{FuncIdx, Width};

type Dispatch = fn(&mut CallEngine) -> u32;

thread_local! {
    static DISPATCH: StdCell<Dispatch> = const { StdCell::new(|_| 1) };
    static EXITS: StdCell<u32> = const { StdCell::new(0) };
}

unsafe extern "C" fn dispatch(engine: *mut CallEngine) -> u32 {
    EXITS.set(EXITS.get() + 1);
    // Registers that the guest believes in are rubbish after this.
    // SAFETY: by the thunk's contract, and no register is written that C preserves.
    unsafe {
        std::arch::asm!(
            "movi v0.16b, 0x11", "movi v7.16b, 0x11", "movi v16.16b, 0x11", "mov x0, 0", "mov x7, 0",
            out("v0") _, out("v7") _, out("v16") _, out("x0") _, out("x7") _,
        );
        DISPATCH.get()(&mut *engine)
    }
}

/// A function that sets every pin, leaves as `exit` says, and adds up the pins, `x0` and `x1`.
fn function(isa: &mut Arm64, exit: impl Fn(&mut Arm64)) {
    let pins = file_of(isa.mode, false).saved_pins;
    let frame = Frame {
        size: 96,
        saves: pins.iter().copied().zip((0..).map(|i| 8 * i)).collect(),
        check: true,
        full: None,
    };
    isa.buf().reserve();
    isa.prologue(&frame);
    for (i, &pin) in pins.iter().enumerate() {
        isa.int_const(S64, pin, 1 << (8 * i));
    }
    isa.buf().reserve();
    exit(isa);
    isa.buf().reserve();
    for &pin in pins {
        let add = crate::ir::op::IntBin::Add;
        isa.int_bin(add, S64, Gpr(0), Gpr(0), crate::asm::isa::Rhs::Reg(pin));
    }
    isa.epilogue(&frame);
}

/// The sum of the pins in [`function`].
fn pins(mode: MemoryMode) -> u64 {
    match mode {
        MemoryMode::Explicit => 0x01_0101_0101_0101,
        MemoryMode::Guard => 0x0101_0101_0101_0101,
    }
}

struct Guest {
    machine: Machine,
    code: super::machine::Code,
    record: Box<VmFuncRef>,
    thunks: abi::Thunks,
}

/// Where [`Guest`] puts its function: behind what the harness begins with.
const START: u32 = 1024;

impl Guest {
    fn new(mode: MemoryMode, exit: impl Fn(&mut Arm64)) -> Self {
        let mut machine = Machine::new(mode);
        let code = machine.assemble(|isa| {
            while isa.buf().offset() < START {
                isa.buf().reserve();
                isa.word(0xd503_201f);
            }
            function(isa, &exit);
        });
        let thunks = entry::thunks(mode, false);
        machine.engine.dispatch = dispatch as *const () as usize;
        machine.engine.builtin = thunks.builtin;
        machine.engine.listener = thunks.listener;
        machine.engine.check = thunks.check;
        let record = Box::new(VmFuncRef {
            code: code.addr(START),
            instance: machine.engine.instance,
            sig: 0,
            index: 0,
        });
        Self {
            machine,
            code,
            record,
            thunks,
        }
    }

    fn engine(&mut self) -> &mut CallEngine {
        &mut self.machine.engine
    }

    /// Enters, and checks that the host's registers survive.
    fn enter(&mut self) {
        self.enter_by(self.thunks.enter);
    }

    fn enter_by(&mut self, enter: Enter) {
        // The handlers are those of the engine, not of the harness.
        self.machine.engine.traps = self.thunks.traps;
        self.machine.engine.instance = std::ptr::null_mut();
        self.machine.engine.sps.host = 0x1234;
        let top = self.machine.stack_top();
        let (engine, record) = (&raw mut *self.machine.engine, &raw const *self.record);
        // SAFETY: all three are what the thunk asks for.
        keeps_registers(|| unsafe { enter(engine, record, top) });
        assert_eq!(self.machine.engine.sps.host, 0x1234);
    }

    fn resume(&mut self) {
        let resume = self.thunks.resume;
        let engine = &raw mut *self.machine.engine;
        // SAFETY: the engine has left in an exit.
        keeps_registers(|| unsafe { resume(engine) });
    }
}

/// Calls `f` with a value in a float register that functions preserve.
fn keeps_registers(f: impl FnOnce()) {
    let kept = std::hint::black_box([1.5f64, 2.5, 3.5, 4.5, 5.5, 6.5, 7.5, 8.5]);
    let scaled = kept.map(|value| value * std::hint::black_box(3.0));
    f();
    for (scaled, value) in scaled.iter().zip(std::hint::black_box(kept)) {
        assert_eq!(*scaled, value * 3.0);
    }
}

#[test]
fn enters_and_returns() {
    for mode in [MemoryMode::Explicit, MemoryMode::Guard] {
        let mut guest = Guest::new(mode, |isa| {
            // All of the arguments, and the roles.
            for i in 1..6 {
                let rhs = crate::asm::isa::Rhs::Reg(Gpr(i));
                isa.int_bin(crate::ir::op::IntBin::Add, S64, Gpr(0), Gpr(0), rhs);
            }
            isa.mov(S64, Gpr(1), Gpr(27));
            isa.float_mov(Width::W128, Fpr(0), Fpr(6));
            isa.float_mov(Width::W128, Fpr(1), Fpr(7));
        });
        guest.engine().ints = [1, 20, 300, 4000, 50_000, 600_000];
        guest.engine().floats = std::array::from_fn(|i| [i as u64, !i as u64]);
        guest.engine().exit = ExitCode::BUILTIN;
        guest.enter();
        let base = guest.machine.memory.base as u64;
        let instance = guest.record.instance;
        let engine = guest.engine();
        assert_eq!(engine.exit, ExitCode::RETURNED);
        assert_eq!(engine.ints[0], 654_321 + pins(mode));
        assert_eq!(engine.ints[1], base);
        assert_eq!(engine.floats[..2], [[6, !6], [7, !7]]);
        assert_eq!(engine.instance, instance);
    }
}

/// Leaves by the builtin thunk.
fn builtin(isa: &mut Arm64) {
    isa.int_const(S64, Gpr(0), 11);
    isa.int_const(S64, Gpr(5), 66);
    isa.float_const(S64, Fpr(7), 0x77);
    isa.call_builtin(5);
}

fn assert_builtin(engine: &CallEngine) {
    assert_eq!((engine.exit, engine.exit_arg), (ExitCode::BUILTIN, 5));
    assert_eq!(
        (engine.ints[0], engine.ints[5], engine.floats[7]),
        (11, 66, [0x77, 0])
    );
}

#[test]
fn exits_are_served() {
    for mode in [MemoryMode::Explicit, MemoryMode::Guard] {
        let mut guest = Guest::new(mode, |isa| {
            builtin(isa);
            isa.mov(S64, Gpr(2), Gpr(1));
        });
        DISPATCH.set(|engine| {
            assert_builtin(engine);
            engine.ints[0] = 1000;
            engine.ints[1] = 2000;
            0
        });
        EXITS.set(0);
        guest.enter();
        assert_eq!(EXITS.get(), 1);
        assert_eq!(guest.engine().exit, ExitCode::RETURNED);
        assert_eq!(guest.engine().ints[..2], [1000 + pins(mode), 2000]);
    }
}

#[test]
fn exits_wait_and_resume() {
    for mode in [MemoryMode::Explicit, MemoryMode::Guard] {
        let mut guest = Guest::new(mode, |isa| {
            builtin(isa);
            isa.mov(S64, Gpr(1), Gpr(27));
        });
        DISPATCH.set(|_| 1);
        guest.enter();
        assert_builtin(guest.engine());
        // The return address is on top of the thunk's frame, below that of the function.
        let frame = guest.engine().sps.guest + guest.thunks.exit_frame;
        assert_eq!(guest.machine.stack_top(), frame + 96);
        let bytes = guest.machine.stack_bytes(frame - 8, 8);
        let returns = usize::from_le_bytes(bytes.try_into().unwrap());
        let site = guest.code.sites[0].code;
        assert_eq!(returns, guest.code.addr(site));
        // Meanwhile the memory has moved.
        guest.machine.memory.base = 0x5_0000 as *mut u8;
        guest.engine().ints[0] = 7;
        guest.resume();
        assert_eq!(guest.engine().exit, ExitCode::RETURNED);
        assert_eq!(guest.engine().ints[..2], [7 + pins(mode), 0x5_0000]);
    }
}

/// Sets all registers but the pins, checks, and adds them up in those of the results.
fn check(isa: &mut Arm64, what: Checked) {
    let floats = (0..30).map(Fpr);
    for at in 0..15 {
        isa.int_const(S64, Gpr(at), 1 << (2 * at + 34));
    }
    for (at, reg) in floats.clone().enumerate() {
        isa.buf().reserve();
        isa.float_const(S64, reg, f64::from(1u32 << at).to_bits());
    }
    let passed = isa.buf().new_label();
    isa.leave_check(what, passed);
    isa.buf().bind(passed);
    for at in 1..15 {
        isa.buf().reserve();
        let rhs = crate::asm::isa::Rhs::Reg(Gpr(at));
        isa.int_bin(crate::ir::op::IntBin::Or, S64, Gpr(0), Gpr(0), rhs);
    }
    for reg in floats.skip(1) {
        isa.buf().reserve();
        let rhs = crate::asm::isa::FloatRhs::Reg(reg);
        isa.float_bin(crate::ir::op::FloatBin::Add, S64, Fpr(0), Fpr(0), rhs);
    }
    isa.buf().reserve();
    isa.mov(S64, Gpr(1), Gpr(0));
    isa.int_const(S64, Gpr(0), 0);
}

#[test]
fn checks_keep_every_register() {
    fn spoil(engine: &mut CallEngine) {
        engine.ints.fill(77);
        engine.floats.fill([77; 2]);
    }
    for mode in [MemoryMode::Explicit, MemoryMode::Guard] {
        for (what, exit) in [
            (Checked::Entry, ExitCode::CHECK_ENTRY),
            (Checked::Loop, ExitCode::CHECK_LOOP),
            (Checked::Fuel(77), ExitCode::CHECK_FUEL),
        ] {
            let entry = what == Checked::Entry;
            for leaves in [false, true] {
                let mut guest = Guest::new(mode, |isa| check(isa, what));
                DISPATCH.set(if leaves {
                    |_| 1
                } else {
                    |engine| {
                        spoil(engine);
                        0
                    }
                });
                guest.enter();
                if leaves {
                    assert_eq!(guest.engine().exit, exit);
                    let frame = guest.engine().sps.guest + guest.thunks.check_frame;
                    let own = if entry { 16 } else { 0 };
                    assert_eq!(guest.machine.stack_top(), frame + own + 96);
                    spoil(guest.engine());
                    guest.resume();
                }
                assert_eq!(guest.engine().exit, ExitCode::RETURNED);
                let sum: u64 = (0..15).map(|at| 1 << (2 * at + 34)).sum();
                assert_eq!(guest.engine().ints[..2], [pins(mode), sum]);
                let float = f64::from_bits(guest.engine().floats[0][0]);
                assert_eq!(float, f64::from((1u32 << 30) - 1));
            }
        }
    }
}

#[test]
fn listeners_keep_arguments() {
    for wait in [0, 1] {
        for mode in [MemoryMode::Explicit, MemoryMode::Guard] {
            let mut guest = Guest::new(mode, |isa| {
                isa.call_listener(true, FuncIdx(0x12_3456));
                for i in 1..6 {
                    let rhs = crate::asm::isa::Rhs::Reg(Gpr(i));
                    isa.int_bin(crate::ir::op::IntBin::Add, S64, Gpr(0), Gpr(0), rhs);
                }
                isa.float_mov(Width::W128, Fpr(1), Fpr(7));
            });
            DISPATCH.set(if wait == 1 { |_| 1 } else { |_| 0 });
            guest.engine().ints = [1, 20, 300, 4000, 50_000, 600_000];
            guest.engine().floats = [[8, 9]; 8];
            guest.enter();
            if wait == 1 {
                assert_eq!(guest.engine().exit, ExitCode::LISTENER_AFTER);
                assert_eq!(guest.engine().exit_arg, 0x12_3456);
                guest.resume();
            }
            assert_eq!(guest.engine().exit, ExitCode::RETURNED);
            assert_eq!(guest.engine().ints[0], 654_321 + pins(mode));
            assert_eq!(guest.engine().floats[1], [8, 9]);
        }
    }
}

#[test]
fn host_functions_are_called_by_their_record() {
    for mode in [MemoryMode::Explicit, MemoryMode::Guard] {
        let mut guest = Guest::new(mode, |isa| isa.call_import(64));
        let host = Box::new(VmFuncRef {
            code: guest.thunks.host_call,
            instance: std::ptr::null_mut(),
            sig: 3,
            index: 4,
        });
        guest.machine.put(64, &raw const *host as u64);
        DISPATCH.set(|engine| {
            assert_eq!(engine.exit, ExitCode::HOST_CALL);
            // SAFETY: it is the record of the host function.
            assert_eq!(unsafe { (*engine.callee).index }, 4);
            // The host may run other things in the engine.
            engine.instance = std::ptr::null_mut();
            engine.sps.guest = 0;
            engine.ints[0] += 5;
            0
        });
        guest.engine().ints[0] = 37;
        guest.enter();
        assert_eq!(guest.engine().ints[0], 42 + pins(mode));
        let instance = guest.record.instance;
        assert_eq!(guest.engine().instance, instance);
        // Straight from the host, without an instance.
        guest.record = host;
        guest.engine().ints[0] = 1;
        guest.enter();
        assert_eq!(guest.engine().ints[0], 6);
    }
}

/// The thunks for functions without floats pass over the cells of floats.
#[test]
fn calls_without_floats() {
    const UNTOUCHED: [u64; 2] = [0x5a5a, 0xa5a5];
    for mode in [MemoryMode::Explicit, MemoryMode::Guard] {
        let mut guest = Guest::new(mode, |isa| isa.call_import(64));
        let host = Box::new(VmFuncRef {
            code: guest.thunks.host_call_ints,
            instance: std::ptr::null_mut(),
            sig: 3,
            index: 4,
        });
        guest.machine.put(64, &raw const *host as u64);
        DISPATCH.set(|engine| {
            assert_eq!(engine.exit, ExitCode::HOST_CALL);
            assert_eq!(engine.ints, [1, 2, 3, 4, 5, 6]);
            assert_eq!(engine.floats, [UNTOUCHED; 8]);
            engine.ints[..2].copy_from_slice(&[50, 6]);
            0
        });
        guest.engine().ints = [1, 2, 3, 4, 5, 6];
        guest.engine().floats = [UNTOUCHED; 8];
        guest.enter_by(guest.thunks.enter_ints);
        assert_eq!(guest.engine().ints[..2], [50 + pins(mode), 6]);
        assert_eq!(guest.engine().floats, [UNTOUCHED; 8]);
    }
}

#[test]
fn traps_leave() {
    for mode in [MemoryMode::Explicit, MemoryMode::Guard] {
        for trap in TrapCode::ALL {
            if trap == TrapCode::StackOverflow {
                continue;
            }
            let mut guest = Guest::new(mode, |isa| {
                isa.int_const(S64, Gpr(17), 0x1700);
                let at = isa.buf().trap(trap);
                isa.jump(at);
            });
            guest.enter();
            assert_eq!(guest.engine().exit.trap(), Some(trap));
            assert_eq!(guest.engine().callee as usize, 0x1700);
            // The first site is the stack check's.
            let site = guest.code.addr(guest.code.sites[1].code);
            assert_eq!(guest.engine().exit_pc, site);
            assert_eq!(guest.machine.stack_top() - guest.engine().sps.guest, 96);
        }
    }
}

#[test]
fn a_full_stack_leaves_with_a_frame() {
    for mode in [MemoryMode::Explicit, MemoryMode::Guard] {
        let mut guest = Guest::new(mode, |_| {});
        let limit = guest.engine().stack_limit.load(Relaxed);
        *guest.engine().stack_limit.get_mut() = usize::MAX;
        guest.enter();
        assert_eq!(guest.engine().exit.trap(), Some(TrapCode::StackOverflow));
        let site = guest.code.addr(guest.code.sites[0].code);
        assert_eq!(guest.engine().exit_pc, site);
        let top = guest.machine.stack_top();
        assert_eq!(top - guest.engine().sps.guest, 16);
        // The return address is that of the thunk, not of the trap's site.
        let bytes = guest.machine.stack_bytes(top - 8, 8);
        let returns = usize::from_le_bytes(bytes.try_into().unwrap());
        assert!(!(guest.code.addr(0)..guest.code.addr(START + 4096)).contains(&returns));
        // The engine can be used again.
        *guest.engine().stack_limit.get_mut() = limit;
        guest.engine().ints[0] = 2;
        guest.enter();
        assert_eq!(guest.engine().ints[0], 2 + pins(mode));
    }
}

#[test]
fn the_harness_itself() {
    let mut machine = Machine::new(MemoryMode::Explicit);
    let code = machine.assemble(|isa| isa.load_cell(Width::W64, Gpr(1).into(), Cell::Engine(0)));
    let out = machine.run(&code, &Regs::distinct());
    assert_eq!(out.regs.x[1], machine.engine.instance as u64);
    assert_eq!(out.changed, [1]);
}
