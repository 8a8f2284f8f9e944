//! Branches and calls at the limits of what instructions reach.

use super::encoding::disassemble;
use super::isa;
use crate::arm64::Arm64;
use crate::asm::abi::{MemoryMode, TrapCode};
use crate::asm::isa::{Cond, Isa};
use crate::asm::regs::Gpr;
use crate::ir::op::IntCmp;
use crate::ir::types::FuncIdx;
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
fn branches_on_bits_at_their_limit() {
    const REACH: u32 = 1 << 15;
    for (number, distance) in [(0, REACH - 4), (0, REACH), (1, REACH), (2, REACH)] {
        let mut isa = attempt(number);
        let label = isa.buf().new_label();
        isa.branch_bit(Gpr(3), 40, false, label);
        fill(&mut isa, distance);
        isa.buf().bind(label);
        let reach = Isa::finish(&mut isa);
        assert_eq!(reach, number != 0 || distance < REACH);
        match number {
            0 if reach => assert_eq!(target(&mut isa, 0), i64::from(distance)),
            // The opposite branch goes over a far one.
            1 => {
                assert_eq!(target(&mut isa, 0), 8);
                assert_eq!(target(&mut isa, 4), i64::from(distance));
            }
            2 => assert_eq!(target(&mut isa, 0), 24),
            _ => {}
        }
    }
    for (number, at, words) in [(0, REACH, 1), (0, REACH + 4, 2), (1, REACH + 4, 2)] {
        let mut isa = attempt(number);
        let label = isa.buf().new_label();
        isa.buf().bind(label);
        fill(&mut isa, at);
        isa.branch_bit(Gpr(3), 0, true, label);
        let end = isa.buf().offset();
        assert!(Isa::finish(&mut isa));
        assert_eq!((end - at) / 4, words);
        assert_eq!(target(&mut isa, end - 4), 0);
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
        isa.buf().reserve();
        isa.buf().bind(cold);
        isa.trap_site(TrapCode::Unreachable);
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
    let put = |code: &mut [u8], pos: usize| {
        code[pos..pos + 4].copy_from_slice(&0x9400_0000u32.to_le_bytes());
    };
    put(&mut code, 0);
    Arm64::patch_call(&mut code, 0, BRANCH_REACH - 4);
    assert_eq!(disassemble(&code[..4]), ["bl $+0x7fffffc"]);
    put(&mut code, BRANCH_REACH);
    Arm64::patch_call(&mut code, BRANCH_REACH, 0);
    let call = &code[BRANCH_REACH..BRANCH_REACH + 4];
    assert_eq!(disassemble(call), ["bl $-0x8000000"]);
}

/// The instructions that go to `distance`.
fn wide(distance: i64, go: &str) -> [String; 5] {
    [
        "adr x16, $+0x0".to_string(),
        format!("mov w15, #{:#x}", distance & 0xffff),
        format!("movk w15, #{:#x}, lsl #16", distance >> 16 & 0xffff),
        "add x16, x16, w15, sxtw".to_string(),
        go.to_string(),
    ]
}

#[test]
fn veneers_reach_everything() {
    let mut code = module(64);
    for target in [0x7fff_0000, 0, 0x1234_5678] {
        Arm64::veneer(&mut code, 8, target);
        let distance = target as i64 - 8;
        assert_eq!(disassemble(&code[8..28]), wide(distance, "br x16"));
    }
    assert_eq!(Arm64::VENEER, 20);
}

#[test]
fn calls_in_huge_functions_reach_everything() {
    let mut isa = attempt(2);
    isa.call_direct(FuncIdx(3));
    assert!(isa.buf().sites.iter().map(|site| site.code).eq([20]));
    let mut code = isa.buf().code().to_vec();
    for target in [0x7fff_0000, 0, 0x1234_5678] {
        Arm64::patch_call(&mut code, 0, target);
        assert_eq!(disassemble(&code), wide(target as i64, "blr x16"));
    }
}

/// Too large for the linker to promise that an island is near: emitted again, as a huge one.
#[test]
fn half_of_a_calls_reach_is_huge() {
    for number in [0, 1, 2] {
        let mut isa = attempt(number);
        fill(&mut isa, Arm64::CALL_REACH as u32 / 2);
        assert!(Isa::finish(&mut isa));
        isa.buf().reserve();
        isa.word(NOP);
        assert_eq!(Isa::finish(&mut isa), number == 2);
    }
}

/// Where a `bl` leads in the end: to the function itself, or by way of a veneer.
fn callee(code: &[u8], pos: usize) -> usize {
    let field = u32::from_le_bytes(code[pos..pos + 4].try_into().expect("a word"));
    let target = pos.wrapping_add_signed((((field << 6) as i32) >> 4) as isize);
    let text = disassemble(&code[target..target + 4]);
    if text[0] != "adr x16, $+0x0" {
        return target;
    }
    let half = |at: usize| {
        i64::from(u32::from_le_bytes(code[at..at + 4].try_into().unwrap()) >> 5 & 0xffff)
    };
    let distance = (half(target + 8) << 16 | half(target + 4)) as i32;
    assert_eq!(
        disassemble(&code[target..target + 20]),
        wide(i64::from(distance), "br x16")
    );
    target.wrapping_add_signed(distance as isize)
}

#[test]
fn islands_are_between_functions() {
    let (entries, relocs, code) = crate::asm::link::tests::linked::<Arm64>(|isa, func| {
        isa.call_direct(FuncIdx(func));
    });
    for (pos, func) in relocs {
        assert_eq!(callee(&code, pos), entries[func]);
    }
}
