//! The x86-64 backend: what each record becomes, in bytes.
//!
//! It must not know wasm, operand places or the engine; it answers [`Isa`], one family per file.
//!
//! Roles of registers: `rsp` value stack, `r14` call engine, `r15` memory base, `r13` memory bound
//! (`Explicit` mode), `r12` fuel (in code that pays). `r10`, `r11`, `xmm14` and `xmm15` are scratch in every method, but the moves
//! leave `r10` alone: it holds the table index while a call's arguments are placed.
#![deny(clippy::wildcard_enum_match_arm)]

/// Emits one instruction in its shortest form. `Rd`, `Rb`, `Rx` take registers given at run time;
/// what follows `$e` are methods of [`inst::Inst`] that adapt it.
macro_rules! emit {
    ($e:expr $(, $fix:ident($($arg:expr),*))*; $($ins:tt)*) => {{
        #[allow(unused_mut, reason = "every dynasm! instruction pushes")]
        let mut inst = $crate::amd64::inst::Inst::new();
        dynasm::dynasm!(inst ; .arch x64 ; $($ins)*);
        let (bits, len) = inst$(.$fix($($arg),*))*.finish();
        $e.buf.put(bits, len);
    }};
}

mod call;
mod control;
mod convert;
mod encode;
#[cfg(all(target_arch = "x86_64", unix))]
pub(crate) mod entry;
#[cfg(all(target_arch = "x86_64", unix))]
pub(crate) mod fault;
mod float;
mod inst;
mod int;
mod memory;
mod regs;
#[cfg(test)]
mod tests;

use regs::Features;
#[cfg(target_arch = "x86_64")]
pub(crate) use regs::host_features;

use crate::asm::abi::{MemoryMode, TrapCode};
use crate::asm::code::{CodeBuf, CodeLabel};
use crate::asm::isa::{
    Addr, Cell, Checked, Cond, DivChecks, FixedDiv, FloatRhs, Frame, ImmUse, InstanceItem, Isa,
    IsaOptions, Rhs, StoreSrc, TruncOp,
};
use crate::asm::regs::{Fpr, Gpr, Reg, RegFile, RegSet};
use crate::ir::op::{Div, FloatBin, FloatCmp, FloatUn, IntBin, IntCmp, IntUn, Load, Shift, Store};
use crate::ir::types::{FuncIdx, Size, Width};

/// Emits x86-64 code.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct Amd64 {
    /// What the zero flag tells of, by `int::zero_of`, or [`int::NO_ZERO`].
    zero: u64,
    buf: CodeBuf,
    mode: MemoryMode,
    features: Features,
}

impl Amd64 {
    fn has(&self, feature: Features) -> bool {
        self.features.contains(feature)
    }
}

/// Methods of the trait that are inherent methods of the same name, in the files of the families.
macro_rules! delegate {
    ($(fn $name:ident(&mut $self:ident $(, $arg:ident: $ty:ty)*);)*) => {$(
        #[inline]
        fn $name(&mut $self $(, $arg: $ty)*) {
            Amd64::$name($self $(, $arg)*);
        }
    )*};
}

impl Isa for Amd64 {
    const SLOT_OPERANDS: bool = true;
    const COMPOUND_OPERANDS: bool = false;
    const BIT_BRANCHES: bool = false;
    const FIXED_DIV: Option<FixedDiv> = Some(FixedDiv {
        lhs: regs::RAX,
        clobber: regs::RDX,
        quotient: regs::RAX,
        remainder: regs::RDX,
    });
    const CALL_INDEX: Gpr = regs::R10;
    const CALL_REACH: usize = i32::MAX as usize;
    const VENEER: usize = 5;

    fn new(options: IsaOptions) -> Self {
        Self {
            buf: CodeBuf::new(),
            mode: options.mode,
            features: Features::from_bits_truncate(options.features),
            zero: int::NO_ZERO,
        }
    }

    fn regs(options: &IsaOptions) -> &'static RegFile {
        regs::reg_file(options.mode, options.metered)
    }

    #[inline]
    fn buf(&mut self) -> &mut CodeBuf {
        &mut self.buf
    }

    fn begin(&mut self, _attempt: u32) {
        self.buf.clear();
        self.zero = int::NO_ZERO;
    }

    fn finish(&mut self) -> bool {
        if self.buf.check().is_ok() {
            self.patch_fixups();
        }
        true
    }

    fn patch_call(code: &mut [u8], pos: usize, target: usize) {
        Self::patch_rel32(code, pos, target);
    }

    fn veneer(code: &mut [u8], pos: usize, target: usize) {
        Self::write_jump(code, pos, target);
    }

    fn imm_fits(user: ImmUse, size: Size, imm: i64) -> bool {
        Self::fits(user, size, imm)
    }

    fn shift_count(&self, op: Shift) -> Option<Gpr> {
        self.count_register(op)
    }

    #[rustfmt::skip]
    delegate! {
        // Frames: call.rs
        fn indirect_entry(&mut self, switch: CodeLabel);
        fn switch_thunk(&mut self, entry: CodeLabel);
        fn prologue(&mut self, frame: &Frame);
        fn epilogue(&mut self, frame: &Frame);
        fn zero_slots(&mut self, disp: i32, cells: u32);
        // Moves: memory.rs, but between registers: int.rs, float.rs
        fn mov(&mut self, size: Size, dst: Gpr, src: Gpr);
        fn float_mov(&mut self, width: Width, dst: Fpr, src: Fpr);
        fn exchange(&mut self, a: Reg, b: Reg);
        fn int_const(&mut self, size: Size, dst: Gpr, value: u64);
        fn float_const(&mut self, size: Size, dst: Fpr, bits: u64);
        fn load_cell(&mut self, width: Width, dst: Reg, src: Cell);
        fn store_cell(&mut self, width: Width, dst: Cell, src: Reg);
        fn store_cell_const(&mut self, size: Size, dst: Cell, value: u64);
        fn copy_cell(&mut self, width: Width, dst: Cell, src: Cell);
        // Integers: int.rs, but conditions: control.rs
        fn int_bin(&mut self, op: IntBin, size: Size, dst: Gpr, lhs: Gpr, rhs: Rhs);
        fn shift(&mut self, op: Shift, size: Size, dst: Gpr, lhs: Gpr, count: Rhs);
        fn div(&mut self, op: Div, size: Size, checks: DivChecks, dst: Gpr, lhs: Gpr, rhs: Gpr);
        fn int_un(&mut self, op: IntUn, size: Size, dst: Gpr, src: Gpr);
        fn int_cmp(&mut self, cmp: IntCmp, size: Size, lhs: Gpr, rhs: Rhs);
        fn set(&mut self, cond: Cond, dst: Gpr);
        fn select(&mut self, cond: Cond, size: Size, dst: Gpr, a: Gpr, b: Gpr);
        fn float_select(&mut self, cond: Cond, width: Width, dst: Fpr, a: Fpr, b: Fpr);
        // Floats: float.rs
        fn float_bin(&mut self, op: FloatBin, size: Size, dst: Fpr, lhs: Fpr, rhs: FloatRhs);
        fn float_un(&mut self, op: FloatUn, size: Size, dst: Fpr, src: Fpr);
        fn float_cmp(&mut self, cmp: FloatCmp, size: Size, lhs: Fpr, rhs: Fpr);
        // Conversions: convert.rs
        fn extend(&mut self, signed: bool, dst: Gpr, src: Gpr);
        fn trunc(&mut self, op: TruncOp, dst: Gpr, src: Fpr);
        fn convert(&mut self, from: Size, to: Size, signed: bool, dst: Fpr, src: Gpr);
        fn demote(&mut self, dst: Fpr, src: Fpr);
        fn promote(&mut self, dst: Fpr, src: Fpr);
        fn float_to_bits(&mut self, size: Size, dst: Gpr, src: Fpr);
        fn bits_to_float(&mut self, size: Size, dst: Fpr, src: Gpr);
        // Linear memory, instances: memory.rs
        fn check(&mut self, index: Option<Gpr>, end: u64);
        fn load(&mut self, op: Load, dst: Reg, addr: Addr);
        fn store(&mut self, op: Store, src: StoreSrc, addr: Addr);
        fn memory_size(&mut self, memory: InstanceItem, dst: Gpr);
        fn global_get(&mut self, width: Width, global: InstanceItem, dst: Reg);
        fn global_set(&mut self, width: Width, global: InstanceItem, src: Reg);
        fn func_ref(&mut self, func: InstanceItem, dst: Gpr);
        // Control: control.rs
        fn jump(&mut self, label: CodeLabel);
        fn branch(&mut self, cond: Cond, label: CodeLabel);
        fn branch_zero(&mut self, size: Size, src: Gpr, zero: bool, label: CodeLabel);
        fn branch_table(&mut self, index: Gpr, targets: &[CodeLabel]);
        // Calls, traps: call.rs
        fn call_direct(&mut self, func: FuncIdx);
        fn call_import(&mut self, import: i32);
        fn call_indirect(&mut self, table: InstanceItem, sig: i32);
        fn call_builtin(&mut self, code: u32);
        fn call_listener(&mut self, after: bool, func: FuncIdx);
        fn align_loop(&mut self, tables: bool);
        fn check_interrupt(&mut self, attention: CodeLabel);
        fn charge(&mut self, cost: u32, attention: CodeLabel);
        fn leave_check(&mut self, what: Checked, passed: CodeLabel);
        fn trap_site(&mut self, trap: TrapCode);
        // Debugging aids: control.rs
        fn clobber(&mut self, regs: RegSet);
        fn assert_zero_extended(&mut self, reg: Gpr);
    }
}
