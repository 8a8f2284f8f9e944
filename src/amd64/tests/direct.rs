//! Calls that keep their few integers in registers.

use super::MODES;
use super::machine::{Program, State};
use super::world::{Builder, World};
use crate::asm::abi::{MemoryMode, TrapCode};
use crate::asm::isa::Rhs;
use crate::asm::regs::Gpr;
use crate::ir::op::IntBin;
use crate::ir::types::Size;

const RAX: Gpr = Gpr(0);
const RCX: Gpr = Gpr(1);
const RDX: Gpr = Gpr(2);

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
            isa.int_bin(IntBin::Sub, Size::S64, RAX, RAX, Rhs::Reg(RCX));
            isa.int_bin(IntBin::Sub, Size::S64, RAX, RAX, Rhs::Reg(RDX));
        });
        let traps = builder.func(16, |isa| {
            for reg in [3, 5, 12, 13, 15] {
                isa.int_const(Size::S64, Gpr(reg), 0xbad);
            }
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
            assert_eq!(world.engine.host_sp, 0);
            if left == 0 {
                assert_eq!(state.gpr[0], 890);
            } else {
                assert_eq!(world.engine.exit.trap(), Some(TrapCode::Unreachable));
            }
        }
    }
}
