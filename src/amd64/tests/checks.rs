//! Checks leave and go on with every register as it was.

use super::world::{Builder, World};
use super::{Amd64, MODES};
use crate::amd64::regs::reg_file;
use crate::asm::abi::{CallEngine, ExitCode, MemoryMode};
use crate::asm::isa::{Checked, FloatRhs, Rhs};
use crate::asm::regs::{Fpr, Gpr, RegSet};
use crate::ir::op::{FloatBin, IntBin};
use crate::ir::types::Size;

/// Every integer register that a function may use, the first result last.
fn ints(mode: MemoryMode) -> impl Iterator<Item = Gpr> {
    let file = reg_file(mode, false);
    let operands = file.operands.intersection(RegSet::INTS).into_iter();
    let rest = operands.map(|reg| reg.gpr()).filter(|reg| *reg != Gpr(0));
    rest.chain(file.saved_pins.iter().copied()).chain([Gpr(0)])
}

/// Sets all registers, checks, and adds them up.
fn check(isa: &mut Amd64, mode: MemoryMode, what: Checked) {
    for (at, reg) in ints(mode).enumerate() {
        isa.int_const(Size::S64, reg, 1 << (4 * at));
    }
    for at in 0..14 {
        isa.buf.reserve();
        isa.float_const(Size::S64, Fpr(at), f64::from(1 << at).to_bits());
    }
    let passed = isa.buf.new_label();
    isa.leave_check(what, passed);
    isa.buf.bind(passed);
    for reg in ints(mode).filter(|reg| *reg != Gpr(0)) {
        isa.int_bin(IntBin::Add, Size::S64, Gpr(0), Gpr(0), Rhs::Reg(reg));
    }
    for at in 1..14 {
        isa.buf.reserve();
        let rhs = FloatRhs::Reg(Fpr(at));
        isa.float_bin(FloatBin::Add, Size::S64, Fpr(0), Fpr(0), rhs);
    }
}

fn spoil(engine: &mut CallEngine) {
    engine.ints.fill(77);
    engine.floats.fill([77; 2]);
}

#[test]
fn checks_keep_every_register() {
    for mode in MODES {
        for (what, exit) in [
            (Checked::Entry, ExitCode::CHECK_ENTRY),
            (Checked::Loop, ExitCode::CHECK_LOOP),
            (Checked::Fuel(77), ExitCode::CHECK_FUEL),
        ] {
            let entry = what == Checked::Entry;
            for leaves in [false, true] {
                let mut builder = Builder::new(mode);
                let func = builder.func(16, |isa| check(isa, mode, what));
                let mut world = World::new(mode, builder);
                world.engine.check = world.thunks.check;
                world.serve_with(if leaves {
                    |_| 1
                } else {
                    |engine| {
                        spoil(engine);
                        0
                    }
                });
                world.call(func);
                if leaves {
                    assert_eq!(world.engine.exit, exit);
                    // With the return address, what an entry pushes is a frame of 16 bytes.
                    let frame = 16 + if entry { 8 } else { 0 };
                    let sp = world.engine.sps.guest + world.thunks.check_frame;
                    assert_eq!(sp + frame, world.top());
                    spoil(&mut world.engine);
                    world.resume();
                }
                assert_eq!(world.engine.exit, ExitCode::RETURNED);
                let sum = ints(mode).enumerate().map(|(at, _)| 1 << (4 * at)).sum();
                assert_eq!(world.engine.ints[0], sum);
                assert_eq!(f64::from_bits(world.engine.floats[0][0]), 16383.0);
            }
        }
    }
}
