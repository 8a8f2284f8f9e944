//! Runs what emitters wrote, between code that loads and stores every register.
#![allow(unsafe_code, reason = "calls code that it has just written")]

use super::{Amd64, amd64};
use crate::amd64::regs::R11;
use crate::asm::abi::{MemoryMode, TrapCode};
use crate::asm::isa::Isa;
use crate::asm::regs::{Fpr, Gpr};
use crate::ir::types::Size;

/// Registers before and after, by number. `rsp`, `r10` and `r11` belong to the machine.
#[repr(C)]
#[derive(Clone, Debug, Default)]
pub(super) struct State {
    pub(super) gpr: [u64; 16],
    pub(super) xmm: [[u64; 2]; 16],
    /// One more than the code of the trap that was raised.
    trap: u64,
}

const XMM: i32 = std::mem::offset_of!(State, xmm) as i32;
const TRAP: i32 = std::mem::offset_of!(State, trap) as i32;
const RDI: (Gpr, i32) = (Gpr(7), 8 * 7);

/// Every integer register but `rsp` and `rdi`, and where the state has it.
fn gprs() -> impl Iterator<Item = (Gpr, i32)> {
    let others = (0..16u8).filter(|&reg| reg != 4 && reg != 7);
    others.map(|reg| (Gpr(reg), 8 * i32::from(reg)))
}

fn xmms() -> impl Iterator<Item = (Fpr, i32)> {
    (0..16u8).map(|reg| (Fpr(reg), XMM + 16 * i32::from(reg)))
}

/// Bytes of frame that the code may use, from `rsp` on.
pub(super) const FRAME: i32 = 256;

pub(super) struct Program(memmap2::Mmap);

impl Program {
    /// Raises the traps of `emit` as results of [`Self::run`].
    pub(super) fn new(features: u32, mode: MemoryMode, emit: impl FnOnce(&mut Amd64)) -> Self {
        let mut isa = amd64(mode, features);
        let end = isa.buf.new_label();
        open(&mut isa);
        isa.buf.reserve();
        emit(&mut isa);
        isa.buf.reserve();
        isa.int_const(Size::S32, R11, 0);
        isa.buf.bind(end);
        close(&mut isa);
        for cold in std::mem::take(&mut isa.buf.colds) {
            isa.buf.reserve();
            isa.buf.bind(cold.label);
            isa.int_const(Size::S32, R11, cold.trap as u64 + 1);
            isa.jump(end);
        }
        assert!(isa.finish());
        Self(map(isa.buf.code()))
    }

    pub(super) fn run(&self, state: &mut State) -> Option<TrapCode> {
        let entry = self.0.as_ptr();
        // SAFETY: the code follows the C calling convention, as `open` and `close` see to.
        let entry: extern "sysv64" fn(*mut State) = unsafe { std::mem::transmute(entry) };
        entry(state);
        let trap = state.trap.checked_sub(1)?;
        Some(TrapCode::ALL[trap as usize])
    }
}

pub(super) fn map(code: &[u8]) -> memmap2::Mmap {
    let mut map = memmap2::MmapMut::map_anon(code.len()).expect("memory for code");
    map.copy_from_slice(code);
    map.make_exec().expect("executable memory")
}

fn open(isa: &mut Amd64) {
    emit!(isa; push rbp);
    emit!(isa; push rbx);
    emit!(isa; push r12);
    emit!(isa; push r13);
    emit!(isa; push r14);
    emit!(isa; push r15);
    emit!(isa; push rdi);
    emit!(isa; sub rsp, DWORD FRAME);
    for (reg, disp) in xmms() {
        emit!(isa; movups Rx(reg), [rdi + disp]);
    }
    for (reg, disp) in gprs().chain([RDI]) {
        emit!(isa; mov Rq(reg), [rdi + disp]);
    }
}

fn close(isa: &mut Amd64) {
    emit!(isa; add rsp, DWORD FRAME);
    emit!(isa; xchg [rsp], rdi);
    for (reg, disp) in xmms() {
        emit!(isa; movups [rdi + disp], Rx(reg));
    }
    for (reg, disp) in gprs() {
        emit!(isa; mov [rdi + disp], Rq(reg));
    }
    emit!(isa; mov [rdi + TRAP], r11);
    emit!(isa; pop rax);
    emit!(isa; mov [rdi + RDI.1], rax);
    emit!(isa; pop r15);
    emit!(isa; pop r14);
    emit!(isa; pop r13);
    emit!(isa; pop r12);
    emit!(isa; pop rbx);
    emit!(isa; pop rbp);
    emit!(isa; ret);
}
