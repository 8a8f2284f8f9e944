//! The arm64 backend: A64 instructions of ARMv8.0 for what the shared pass asks.
//!
//! Code assembles on any host; only [`entry`] and [`fault`] are tied to the machine. Nothing here knows
//! WebAssembly's stack or the engine.
//!
//! `dynasm!` encodes the instructions whose fields are registers and small numbers. Those whose
//! condition, immediate or width is data are put together from their encoding, as words.

mod call;
mod control;
mod convert;
#[cfg(target_arch = "aarch64")]
pub(crate) mod entry;
#[cfg(target_arch = "aarch64")]
pub(crate) mod fault;
mod float;
#[cfg(target_arch = "aarch64")]
pub(crate) mod icache;
mod int;
mod memory;
mod regs;
#[cfg(test)]
mod tests;

use crate::asm::abi::{MemoryMode, TrapCode};
use crate::asm::code::{CodeBuf, CodeLabel};
use crate::asm::isa::{
    Addr, Cell, Checked, Compound, Cond, DivChecks, FixedDiv, FloatRhs, Frame, ImmUse,
    InstanceItem, Isa, IsaOptions, Rhs, StoreSrc, TruncOp,
};
use crate::asm::regs::{Fpr, Gpr, Reg, RegFile, RegSet};
use crate::ir::op::{Div, FloatBin, FloatCmp, FloatUn, IntBin, IntCmp, IntUn, Load, Shift, Store};
use crate::ir::types::{FuncIdx, Size, Width};
use control::Reach;

/// Assembles instructions, with names for the registers that have roles.
macro_rules! emit {
    ($e:expr; $($ins:tt)*) => {
        ::dynasm::dynasm!($e.buf
            ; .arch aarch64
            ; .alias engine, x28
            ; .alias mem, x27
            ; .alias bound, x26
            ; .alias callee, x17
            ; .alias tmp, x16
            ; .alias tmp32, w16
            ; .alias index, x15
            ; $($ins)*)
    };
}
use emit;

/// Writes A64 code for one function at a time.
#[derive(Debug)]
pub(crate) struct Arm64 {
    buf: CodeBuf,
    mode: MemoryMode,
    reach: Reach,
    /// Where the prologue's stack check goes: before the frame holds the return address.
    overflow: Option<CodeLabel>,
}

impl Arm64 {
    /// Writes an instruction.
    #[inline]
    fn word(&mut self, word: u32) {
        self.buf.push_u32(word);
    }
}

/// The `sf` bit of integer instructions.
#[inline]
fn sf(size: Size) -> u32 {
    u32::from(size == Size::S64) << 31
}

/// A register in the fields that end at bits 0, 5 and 16.
#[inline]
fn rd(reg: impl Into<u8>) -> u32 {
    u32::from(reg.into() & 31)
}

#[inline]
fn rn(reg: impl Into<u8>) -> u32 {
    rd(reg) << 5
}

#[inline]
fn rm(reg: impl Into<u8>) -> u32 {
    rd(reg) << 16
}

/// Each method is the inherent one of the same name.
macro_rules! delegate {
    ($(fn $name:ident($($arg:ident: $ty:ty),*);)*) => {$(
        #[inline]
        fn $name(&mut self, $($arg: $ty),*) {
            Self::$name(self, $($arg),*);
        }
    )*};
}

impl Isa for Arm64 {
    const SLOT_OPERANDS: bool = false;
    const COMPOUND_OPERANDS: bool = true;
    const BIT_BRANCHES: bool = true;
    const FIXED_DIV: Option<FixedDiv> = None;
    const CALL_INDEX: Gpr = regs::INDEX;
    const CALL_REACH: usize = control::CALL_REACH;
    const VENEER: usize = 4 * control::WIDE_WORDS;

    fn new(options: IsaOptions) -> Self {
        Self {
            buf: CodeBuf::new(),
            mode: options.mode,
            reach: Reach::Near,
            overflow: None,
        }
    }

    fn regs(options: &IsaOptions) -> &'static RegFile {
        regs::file_of(options.mode, options.metered)
    }

    #[inline]
    fn buf(&mut self) -> &mut CodeBuf {
        &mut self.buf
    }

    fn begin(&mut self, attempt: u32) {
        self.buf.clear();
        self.reach = Reach::of(attempt);
        self.overflow = None;
    }

    fn finish(&mut self) -> bool {
        self.buf.check().is_err() || Self::finish(self)
    }

    fn patch_call(code: &mut [u8], pos: usize, target: usize) {
        control::patch_call(code, pos, target);
    }

    fn veneer(code: &mut [u8], pos: usize, target: usize) {
        control::veneer(code, pos, target);
    }

    #[inline]
    fn imm_fits(user: ImmUse, size: Size, imm: i64) -> bool {
        int::imm_fits(user, size, imm)
    }

    #[inline]
    fn shift_count(&self, _op: Shift) -> Option<Gpr> {
        None
    }

    #[rustfmt::skip]
    delegate! {
        fn indirect_entry(switch: CodeLabel);
        fn switch_thunk(entry: CodeLabel);
        fn prologue(frame: &Frame);
        fn epilogue(frame: &Frame);
        fn zero_slots(disp: i32, cells: u32);

        fn mov(size: Size, dst: Gpr, src: Gpr);
        fn float_mov(width: Width, dst: Fpr, src: Fpr);
        fn exchange(a: Reg, b: Reg);
        fn int_const(size: Size, dst: Gpr, value: u64);
        fn float_const(size: Size, dst: Fpr, bits: u64);
        fn load_cell(width: Width, dst: Reg, src: Cell);
        fn store_cell(width: Width, dst: Cell, src: Reg);
        fn store_cell_const(size: Size, dst: Cell, value: u64);
        fn copy_cell(width: Width, dst: Cell, src: Cell);

        fn int_bin(op: IntBin, size: Size, dst: Gpr, lhs: Gpr, rhs: Rhs);
        fn int_compound(op: IntBin, size: Size, dst: Gpr, lhs: Gpr, rhs: Compound);
        fn shift(op: Shift, size: Size, dst: Gpr, lhs: Gpr, count: Rhs);
        fn div(op: Div, size: Size, checks: DivChecks, dst: Gpr, lhs: Gpr, rhs: Gpr);
        fn int_un(op: IntUn, size: Size, dst: Gpr, src: Gpr);
        fn int_cmp(cmp: IntCmp, size: Size, lhs: Gpr, rhs: Rhs);
        fn set(cond: Cond, dst: Gpr);
        fn select(cond: Cond, size: Size, dst: Gpr, a: Gpr, b: Gpr);
        fn float_select(cond: Cond, width: Width, dst: Fpr, a: Fpr, b: Fpr);

        fn float_bin(op: FloatBin, size: Size, dst: Fpr, lhs: Fpr, rhs: FloatRhs);
        fn float_un(op: FloatUn, size: Size, dst: Fpr, src: Fpr);
        fn float_cmp(cmp: FloatCmp, size: Size, lhs: Fpr, rhs: Fpr);

        fn extend(signed: bool, dst: Gpr, src: Gpr);
        fn trunc(op: TruncOp, dst: Gpr, src: Fpr);
        fn convert(from: Size, to: Size, signed: bool, dst: Fpr, src: Gpr);
        fn demote(dst: Fpr, src: Fpr);
        fn promote(dst: Fpr, src: Fpr);
        fn float_to_bits(size: Size, dst: Gpr, src: Fpr);
        fn bits_to_float(size: Size, dst: Fpr, src: Gpr);

        fn check(index: Option<Gpr>, end: u64);
        fn load(op: Load, dst: Reg, addr: Addr);
        fn store(op: Store, src: StoreSrc, addr: Addr);
        fn memory_size(memory: InstanceItem, dst: Gpr);

        fn global_get(width: Width, global: InstanceItem, dst: Reg);
        fn global_set(width: Width, global: InstanceItem, src: Reg);
        fn func_ref(func: InstanceItem, dst: Gpr);

        fn jump(label: CodeLabel);
        fn branch(cond: Cond, label: CodeLabel);
        fn branch_zero(size: Size, src: Gpr, zero: bool, label: CodeLabel);
        fn branch_bit(src: Gpr, bit: u8, zero: bool, label: CodeLabel);
        fn branch_table(index: Gpr, targets: &[CodeLabel]);

        fn call_direct(func: FuncIdx);
        fn call_import(import: i32);
        fn call_indirect(table: InstanceItem, sig: i32);
        fn call_builtin(code: u32);
        fn call_listener(after: bool, func: FuncIdx);
        fn align_loop(tables: bool);
        fn check_interrupt(attention: CodeLabel);
        fn charge(cost: u32, attention: CodeLabel);
        fn leave_check(what: Checked, passed: CodeLabel);

        fn trap_site(trap: TrapCode);

        fn clobber(regs: RegSet);
        fn assert_zero_extended(reg: Gpr);
    }
}
