//! Branches and calls at the limits of what instructions reach.

use super::encoding::disassemble;
use super::isa;
use crate::arm64::Arm64;
use crate::asm::abi::{MemoryMode, TrapCode};
use crate::asm::isa::{Cond, Isa};
use crate::asm::regs::Gpr;
use crate::ir::op::IntCmp;
use crate::ir::types::Size::S32;

const NOP: u32 = 0xd503_201f;
const COND_REACH: u32 = 1 << 20;
const BRANCH_REACH: usize = 1 << 27;

fn attempt(number: u32) -> Arm64 {
    let mut isa = isa(MemoryMode::Explicit);
    isa.begin(number);
    isa
}

fn fill(isa: &mut Arm64, to: u32) {
    while isa.buf().offset() < to {
        isa.buf().reserve();
        isa.word(NOP);
    }
}

/// Where a branch at `pos` goes, by what the disassembler says.
fn target(isa: &mut Arm64, pos: u32) -> i64 {
    let code = &isa.buf().code()[pos as usize..pos as usize + 4];
    let text = disassemble(code).remove(0);
    let (_, distance) = text.rsplit_once('$').expect("a branch");
    let (sign, digits) = distance.split_at(3);
    let distance = i64::from_str_radix(digits, 16).expect("a distance");
    i64::from(pos) + if sign == "-0x" { -distance } else { distance }
}

/// A forward branch over `distance` bytes; whether it reaches.
fn forward(number: u32, distance: u32, conditional: bool) -> (bool, Arm64) {
    let mut isa = attempt(number);
    let label = isa.buf().new_label();
    if conditional {
        isa.branch(Cond::Int(IntCmp::Eq), label);
    } else {
        isa.branch_zero(S32, Gpr(3), false, label);
    }
    fill(&mut isa, distance);
    isa.buf().bind(label);
    let reach = Isa::finish(&mut isa);
    (reach, isa)
}

#[test]
fn conditional_branches_at_their_limit() {
    for conditional in [false, true] {
        let (reach, mut isa) = forward(0, COND_REACH - 4, conditional);
        assert!(reach);
        assert_eq!(target(&mut isa, 0), i64::from(COND_REACH) - 4);
        let (reach, _) = forward(0, COND_REACH, conditional);
        assert!(!reach);
        let (reach, mut isa) = forward(1, COND_REACH, conditional);
        assert!(reach);
        // The opposite branch goes over a far one.
        assert_eq!(target(&mut isa, 0), 8);
        assert_eq!(target(&mut isa, 4), i64::from(COND_REACH));
    }
}

#[test]
fn backward_branches_choose_their_form() {
    for number in [0, 1, 2] {
        for (at, words) in [(COND_REACH, 1), (COND_REACH + 4, 2)] {
            let mut isa = attempt(number);
            let label = isa.buf().new_label();
            isa.buf().bind(label);
            fill(&mut isa, at);
            isa.branch_zero(S32, Gpr(3), true, label);
            let end = isa.buf().offset();
            let reach = Isa::finish(&mut isa);
            if words == 1 {
                assert!(reach);
                assert_eq!((end - at, target(&mut isa, at)), (4, 0));
            } else {
                assert_eq!(reach, number != 0);
            }
            if words == 2 && number == 1 {
                assert_eq!((end - at, target(&mut isa, at + 4)), (8, 0));
            }
        }
    }
}

#[test]
fn traps_of_long_functions_reach() {
    for number in [0, 1, 2] {
        let mut isa = attempt(number);
        isa.buf().reserve();
        let cold = isa.buf().trap(TrapCode::Unreachable);
        isa.branch_zero(S32, Gpr(0), true, cold);
        fill(&mut isa, COND_REACH + 64);
        let stub = isa.buf().new_label();
        isa.buf().reserve();
        isa.buf().bind(cold);
        isa.trap_site(stub);
        isa.buf().bind(stub);
        isa.trap_stub(TrapCode::Unreachable);
        assert_eq!(Isa::finish(&mut isa), number != 0);
    }
}

/// A code buffer as a module's, mostly untouched pages.
fn module(len: usize) -> Vec<u8> {
    vec![0; len]
}

#[test]
fn calls_at_their_limit() {
    let mut code = module(BRANCH_REACH + 64);
    assert!(Arm64::patch_call(&mut code, 0, BRANCH_REACH - 4));
    assert_eq!(disassemble(&code[..4]), ["bl $+0x7fffffc"]);
    assert!(!Arm64::patch_call(&mut code, 0, BRANCH_REACH));
    assert!(Arm64::patch_call(&mut code, BRANCH_REACH, 0));
    let call = &code[BRANCH_REACH..BRANCH_REACH + 4];
    assert_eq!(disassemble(call), ["bl $-0x8000000"]);
    assert!(!Arm64::patch_call(&mut code, BRANCH_REACH + 4, 0));
}

#[test]
fn veneers_reach_everything() {
    let mut code = module(64);
    for target in [0x7fff_0000, 0, 0x1234_5678] {
        let at = Arm64::veneer(&mut code, target);
        let distance = target as i64 - at as i64;
        assert_eq!(
            disassemble(&code[at..]),
            [
                "adr x16, $+0x0".to_string(),
                format!("mov w15, #{:#x}", distance & 0xffff),
                format!("movk w15, #{:#x}, lsl #16", distance >> 16 & 0xffff),
                "add x16, x16, w15, sxtw".to_string(),
                "br x16".to_string(),
            ]
        );
    }
}
