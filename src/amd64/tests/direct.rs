//! Calls that keep their few integers in registers.
#![allow(unsafe_code, reason = "calls code")]

use super::MODES;
use super::machine::{Program, State};
use super::world::{Builder, World};
use crate::amd64::Amd64;
use crate::amd64::entry::{call_inline, call_inline_metered};
use crate::asm::abi::{DirectArg, MemoryMode, TrapCode};
use crate::asm::isa::Rhs;
use crate::asm::regs::Gpr;
use crate::ir::op::IntBin;
use crate::ir::types::Size;

const RAX: Gpr = Gpr(0);
const RCX: Gpr = Gpr(1);
const RDX: Gpr = Gpr(2);
const R12: Gpr = Gpr(12);

/// Changes every register that a guest may change before it leaves.
fn spoil_all(isa: &mut Amd64) {
    for reg in (0..16).filter(|reg| ![4, 14].contains(reg)) {
        isa.int_const(Size::S64, Gpr(reg), 0xbad);
    }
}

/// The first argument without the others.
fn subtract(isa: &mut Amd64) {
    isa.int_bin(IntBin::Sub, Size::S64, RAX, RAX, Rhs::Reg(RCX));
    isa.int_bin(IntBin::Sub, Size::S64, RAX, RAX, Rhs::Reg(RDX));
}

/// Guests keep the pins, and only what they may change is restored; a guest that leaves keeps nothing.
#[test]
fn enter_direct_keeps_the_host_registers() {
    for mode in MODES {
        let mut builder = Builder::new(mode);
        let roles: &[u8] = match mode {
            MemoryMode::Explicit => &[13, 15],
            MemoryMode::Guard => &[15],
        };
        let returns = builder.func(16, |isa| {
            for &reg in roles {
                isa.int_const(Size::S64, Gpr(reg), 0xbad);
            }
            subtract(isa);
        });
        let traps = builder.func(16, |isa| {
            spoil_all(isa);
            isa.trap_site(TrapCode::Unreachable);
        });
        let mut world = World::new(mode, builder);
        let caller = Program::new(0, mode, |isa| {
            emit!(isa; call rax);
        });
        for (func, left) in [(returns, 0), (traps, 1)] {
            let mut state = State::default();
            for at in 0..16 {
                state.gpr[at] = at as u64;
            }
            state.gpr[0] = world.thunks.enter_direct as usize as u64;
            state.gpr[7] = &raw mut *world.engine as u64;
            state.gpr[6] = world.record(0, func) as u64;
            [state.gpr[8], state.gpr[1], state.gpr[2]] = [1000, 100, 10];
            state.gpr[9] = world.top() as u64;
            assert_eq!(caller.run(&mut state), None);
            for at in [3, 5, 12, 13, 14, 15] {
                assert_eq!(state.gpr[at], at as u64);
            }
            assert_eq!(state.gpr[2], left);
            assert_eq!(world.engine.sps.host, 0);
            if left == 0 {
                assert_eq!(state.gpr[0], 890);
            } else {
                assert_eq!(world.engine.exit.trap(), Some(TrapCode::Unreachable));
            }
        }
    }
}

/// The same within a Rust function, which has more values than registers across the calls; and the
/// fuel's register goes both ways.
#[test]
fn call_inline_keeps_the_host_registers() {
    for (mode, metered) in MODES
        .into_iter()
        .flat_map(|mode| [(mode, false), (mode, true)])
    {
        let mut builder = Builder::new(mode);
        let returns = builder.func(16, |isa| {
            for reg in [6, 7, 8, 10, 11, 15] {
                isa.int_const(Size::S64, Gpr(reg), 0xbad);
            }
            subtract(isa);
            if metered {
                isa.int_bin(IntBin::Add, Size::S64, R12, R12, Rhs::Reg(RCX));
            }
        });
        let traps = builder.func(16, |isa| {
            spoil_all(isa);
            isa.trap_site(TrapCode::Unreachable);
        });
        let mut world = World::new(mode, builder);
        let enter = world.thunks.enter_direct;
        let (engine, base) = (&raw mut *world.engine, world.top());
        let mut call = |func| {
            let record = world.record(0, func);
            let args = [1000, 100, 10].map(DirectArg::new);
            // SAFETY: a guest's function with three arguments, and what it runs on.
            unsafe {
                if metered {
                    call_inline_metered(enter, engine, record, args, base)
                } else {
                    call_inline(enter, engine, record, args, base)
                }
            }
        };
        let values: [u64; 10] = std::array::from_fn(|n| std::hint::black_box(n as u64));
        let [a, b, c, d, e, f, g, h, i, j] = values;
        let answer = call(returns);
        assert_eq!((answer.value, answer.left), (890, 0));
        assert_eq!([a, b, c, d, e, f, g, h, i, j], values);
        let answer = call(traps);
        assert_eq!(answer.left, 1);
        assert_eq!([j, i, h, g, f, e, d, c, b, a].map(|n| 9 - n), values);
        let answer = call(returns);
        assert_eq!((answer.value, answer.left), (890, 0));
        assert_eq!([a, b, c, d, e, f, g, h, i, j], values);
        // The trap left what its register held.
        assert_eq!(world.engine.fuel, if metered { 0xbad + 100 } else { 0xbad });
        assert_eq!(world.engine.exit.trap(), Some(TrapCode::Unreachable));
    }
}
