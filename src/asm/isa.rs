//! What the shared pass asks of a machine.
//!
//! Methods take registers and immediates, never places: the pass has put every operand where the
//! machine wants it. Emitters cannot fail. `dst` may be the same register as any source unless a
//! method says otherwise. A 32-bit result always zeroes the upper half of its register.

use super::abi::{MemoryMode, TrapCode};
use super::code::{CodeBuf, CodeLabel};
use super::regs::{Fpr, Gpr, Reg, RegFile, RegSet};
use crate::ir::op::{Div, FloatBin, FloatCmp, FloatUn, IntBin, IntCmp, IntUn, Load, Shift, Store};
use crate::ir::types::{FuncIdx, Size, Width};

/// What code is generated for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct IsaOptions {
    pub(crate) mode: MemoryMode,
    /// Debugging aid: fills dead upper halves and clobbered registers with rubbish, and checks
    /// that addresses are zero-extended.
    pub(crate) poison: bool,
    /// Whether loops and functions ask if another thread wants them to stop.
    pub(crate) interruptible: bool,
    /// Whether the NaNs that arithmetic makes have the same bits on every machine.
    pub(crate) canonical_nans: bool,
    /// Whether a register holds the fuel that is left.
    pub(crate) metered: bool,
    /// Optional instructions of the target, as bits that the backend defines.
    pub(crate) features: u32,
}

/// Right operand of an integer instruction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rhs {
    Reg(Gpr),
    /// One that [`Isa::imm_fits`] allowed. For 32-bit operations: sign-extended.
    Imm(i64),
    /// The cell at `sp + disp`, if [`Isa::SLOT_OPERANDS`].
    Slot(i32),
}

/// Right operand that an integer instruction computes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Compound {
    /// A register shifted by less than the size; rotated for `and`, `or` and `xor` only.
    Shifted(Shift, Gpr, u8),
    /// The complement of a register, for `and`, `or` and `xor`.
    Not(Gpr),
    /// The product of two, for `add` and `sub`.
    Product(Gpr, Gpr),
    /// The lower half of one, sign-extended, for 64-bit `add` and `sub`.
    SignExtended(Gpr),
}

/// Right operand of a float instruction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FloatRhs {
    Reg(Fpr),
    /// The cell at `sp + disp`, if [`Isa::SLOT_OPERANDS`].
    Slot(i32),
}

/// Who asks whether an immediate fits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ImmUse {
    Bin(IntBin),
    Cmp,
    /// The value of a store to linear memory.
    Store,
}

/// What the flags say, after [`Isa::int_cmp`] or [`Isa::float_cmp`] with the same comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cond {
    Int(IntCmp),
    Float(FloatCmp),
    /// The float comparison does not hold (unlike its opposite, true when unordered).
    NotFloat(FloatCmp),
}

impl Cond {
    pub(crate) fn negated(self) -> Self {
        match self {
            Self::Int(cmp) => Self::Int(cmp.negated()),
            Self::Float(cmp) => Self::NotFloat(cmp),
            Self::NotFloat(cmp) => Self::Float(cmp),
        }
    }
}

/// A cell outside linear memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cell {
    /// `sp + disp`
    Slot(i32),
    /// `call engine + disp`
    Engine(i32),
}

/// A checked address in memory 0: `base + index + offset`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Addr {
    /// Zero-extended.
    pub(crate) index: Option<Gpr>,
    /// Below 2^31.
    pub(crate) offset: u32,
}

/// What a store writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StoreSrc {
    Reg(Reg),
    /// One that [`Isa::imm_fits`] allowed.
    Imm(i64),
}

/// A machine whose division has fixed registers. The pass puts the dividend into `lhs`, frees
/// `lhs` and `clobber`, keeps the divisor out of both, and takes the result from where it lies.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FixedDiv {
    pub(crate) lhs: Gpr,
    pub(crate) clobber: Gpr,
    pub(crate) quotient: Gpr,
    pub(crate) remainder: Gpr,
}

/// Which checks a division needs; a constant divisor needs none or few.
#[derive(Clone, Copy, Debug)]
pub(crate) struct DivChecks {
    /// The divisor may be 0.
    pub(crate) zero: bool,
    /// The divisor may be -1 (signed operations).
    pub(crate) minus_one: bool,
}

/// `iN.trunc_fM`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TruncOp {
    pub(crate) from: Size,
    pub(crate) to: Size,
    pub(crate) signed: bool,
    pub(crate) sat: bool,
}

/// A function's frame; see the drawing in [`super::abi`].
#[derive(Clone, Debug, Default)]
pub(crate) struct Frame {
    /// In bytes, a multiple of 16, with the return address.
    pub(crate) size: u32,
    /// Callee-saved registers that the function uses, and where it keeps their old values.
    pub(crate) saves: Vec<(Gpr, i32)>,
    /// Whether the prologue compares with the stack limit: not for leaves with small frames.
    pub(crate) check: bool,
    /// Where it goes if that finds the stack full; none: it traps.
    pub(crate) full: Option<CheckLabels>,
}

/// What a check is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Checked {
    /// A loop's head asks whether another thread wants it to stop.
    Loop,
    /// A function's entry asks that and whether the stack is full, before it has a frame.
    Entry,
    /// A region has cost so much fuel, which was not there.
    Fuel(u32),
}

/// A check whose way to the dispatcher is out of line.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CheckLabels {
    /// Where it goes if there is something to attend to.
    pub(crate) attention: CodeLabel,
    /// Where the function goes on: behind the check, or at one that is to be repeated.
    pub(crate) passed: CodeLabel,
}

/// A place in the current instance: the thing itself, or for an import a pointer to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct InstanceItem {
    /// From the start of the `VmInstance`.
    pub(crate) offset: i32,
    pub(crate) imported: bool,
}

/// A machine.
pub(crate) trait Isa: Sized {
    /// Whether integer and float instructions take a frame cell as their right operand.
    const SLOT_OPERANDS: bool;
    /// Whether there is [`Self::int_compound`].
    const COMPOUND_OPERANDS: bool;
    /// Whether there is [`Self::branch_bit`].
    const BIT_BRANCHES: bool;
    /// Set if division has fixed registers.
    const FIXED_DIV: Option<FixedDiv>;
    /// Holds the table index at [`Self::call_indirect`]. Never in a [`RegFile`], and untouched by
    /// the methods under "Moves", which place the call's arguments meanwhile.
    const CALL_INDEX: Gpr;
    /// Direct calls reach any function in a module's code of at most so many bytes. In a function
    /// larger than half of that, they reach further: anything there can be.
    const CALL_REACH: usize;
    /// Bytes of a veneer.
    const VENEER: usize;

    fn new(options: IsaOptions) -> Self;
    fn regs(options: &IsaOptions) -> &'static RegFile;
    fn buf(&mut self) -> &mut CodeBuf;
    /// Clears the buffer for a function. The first attempt, 0, uses the shortest branches.
    fn begin(&mut self, attempt: u32);
    /// Patches the fix-ups, once every label is bound. False if branches do not reach: then the
    /// function is to be emitted again, as the next attempt.
    fn finish(&mut self) -> bool;
    /// Points the call at `pos` in a module's code to `target`.
    fn patch_call(code: &mut [u8], pos: usize, target: usize);
    /// Writes a jump to `pos` that reaches any `target`, for calls that cannot. Only a call's
    /// scratch registers may change on the way.
    fn veneer(code: &mut [u8], pos: usize, target: usize);

    // Frames.
    /// The entry for calls through a reference: if the callee register's instance is not the
    /// current one, goes to `switch`; otherwise falls through to the function's own entry.
    fn indirect_entry(&mut self, switch: CodeLabel);
    /// Out of line, at `switch`: changes the instance, calls `entry`, changes back, returns.
    /// Its frame is 16 bytes: the return address on top, the caller's instance below it.
    fn switch_thunk(&mut self, entry: CodeLabel);
    /// Checks the stack (before any store), allocates the frame, stores the saved registers.
    /// Touches no argument register.
    fn prologue(&mut self, frame: &Frame);
    /// Restores, frees, returns. Touches no result register.
    fn epilogue(&mut self, frame: &Frame);
    /// Zeroes `cells` cells from `sp + disp` on. Touches no argument or pinnable register.
    fn zero_slots(&mut self, disp: i32, cells: u32);

    // Moves.
    fn mov(&mut self, size: Size, dst: Gpr, src: Gpr);
    fn float_mov(&mut self, width: Width, dst: Fpr, src: Fpr);
    /// Exchanges two registers of one class, whole.
    fn exchange(&mut self, a: Reg, b: Reg);
    /// Keeps the flags.
    fn int_const(&mut self, size: Size, dst: Gpr, value: u64);
    /// Keeps the flags.
    fn float_const(&mut self, size: Size, dst: Fpr, bits: u64);
    fn load_cell(&mut self, width: Width, dst: Reg, src: Cell);
    fn store_cell(&mut self, width: Width, dst: Cell, src: Reg);
    /// Stores any constant. Keeps the flags.
    fn store_cell_const(&mut self, size: Size, dst: Cell, value: u64);
    /// Copies through a scratch register. Keeps the flags.
    fn copy_cell(&mut self, width: Width, dst: Cell, src: Cell);

    // Integers.
    fn imm_fits(user: ImmUse, size: Size, imm: i64) -> bool;
    /// `dst = lhs op rhs`
    fn int_bin(&mut self, op: IntBin, size: Size, dst: Gpr, lhs: Gpr, rhs: Rhs);
    /// `dst = lhs op rhs`, if [`Self::COMPOUND_OPERANDS`].
    fn int_compound(&mut self, op: IntBin, size: Size, dst: Gpr, lhs: Gpr, rhs: Compound) {
        unreachable!("{op:?} {size:?} {dst:?} {lhs:?} {rhs:?}: COMPOUND_OPERANDS is false")
    }
    /// The register that must hold a variable count, if the machine insists.
    fn shift_count(&self, op: Shift) -> Option<Gpr>;
    /// `dst = lhs op count`; immediate counts are already taken modulo the size. A `dst` that is
    /// the fixed count register is allowed.
    fn shift(&mut self, op: Shift, size: Size, dst: Gpr, lhs: Gpr, count: Rhs);
    /// `dst = lhs op rhs`; see [`FixedDiv`].
    fn div(&mut self, op: Div, size: Size, checks: DivChecks, dst: Gpr, lhs: Gpr, rhs: Gpr);
    /// `dst = op src`
    fn int_un(&mut self, op: IntUn, size: Size, dst: Gpr, src: Gpr);
    /// Sets the flags for `cmp`.
    fn int_cmp(&mut self, cmp: IntCmp, size: Size, lhs: Gpr, rhs: Rhs);
    /// `dst = cond ? 1 : 0`
    fn set(&mut self, cond: Cond, dst: Gpr);
    /// `dst = cond ? a : b`
    fn select(&mut self, cond: Cond, size: Size, dst: Gpr, a: Gpr, b: Gpr);
    /// `dst = cond ? a : b`
    fn float_select(&mut self, cond: Cond, width: Width, dst: Fpr, a: Fpr, b: Fpr);

    // Floats.
    /// `dst = lhs op rhs`
    fn float_bin(&mut self, op: FloatBin, size: Size, dst: Fpr, lhs: Fpr, rhs: FloatRhs);
    /// `dst = op src`
    fn float_un(&mut self, op: FloatUn, size: Size, dst: Fpr, src: Fpr);
    /// Sets the flags for `cmp`.
    fn float_cmp(&mut self, cmp: FloatCmp, size: Size, lhs: Fpr, rhs: Fpr);

    // Conversions.
    /// Zeroes (or for `signed` sign-extends into) the upper half.
    fn extend(&mut self, signed: bool, dst: Gpr, src: Gpr);
    /// Raises its traps itself.
    fn trunc(&mut self, op: TruncOp, dst: Gpr, src: Fpr);
    fn convert(&mut self, from: Size, to: Size, signed: bool, dst: Fpr, src: Gpr);
    fn demote(&mut self, dst: Fpr, src: Fpr);
    fn promote(&mut self, dst: Fpr, src: Fpr);
    fn float_to_bits(&mut self, size: Size, dst: Gpr, src: Fpr);
    fn bits_to_float(&mut self, size: Size, dst: Fpr, src: Gpr);

    // Linear memory. In `Guard` mode, `load` and `store` note a site at their access.
    /// Traps unless `index + end` (at most 2^32 + 16, no wrap in 64 bits) is within memory 0. With no
    /// index, `end` itself. Works in both modes (in `Guard` mode the bound comes from memory).
    fn check(&mut self, index: Option<Gpr>, end: u64);
    fn load(&mut self, op: Load, dst: Reg, addr: Addr);
    fn store(&mut self, op: Store, src: StoreSrc, addr: Addr);
    /// `dst =` pages of a memory.
    fn memory_size(&mut self, memory: InstanceItem, dst: Gpr);

    // Instances.
    fn global_get(&mut self, width: Width, global: InstanceItem, dst: Reg);
    fn global_set(&mut self, width: Width, global: InstanceItem, src: Reg);
    /// `dst =` address of a function's record.
    fn func_ref(&mut self, func: InstanceItem, dst: Gpr);

    // Control.
    fn jump(&mut self, label: CodeLabel);
    fn branch(&mut self, cond: Cond, label: CodeLabel);
    /// Goes to `label` if `(src == 0) == zero`.
    fn branch_zero(&mut self, size: Size, src: Gpr, zero: bool, label: CodeLabel);
    /// Goes to `label` if bit number `bit` of `src` is 0 and `zero` is set, or neither, if
    /// [`Self::BIT_BRANCHES`].
    fn branch_bit(&mut self, src: Gpr, bit: u8, zero: bool, label: CodeLabel) {
        unreachable!("{src:?} {bit} {zero} {label:?}: BIT_BRANCHES is false")
    }
    /// Goes to `targets[index]`, or to the last one if there are not so many. `index` may be
    /// overwritten. Reserves space itself.
    fn branch_table(&mut self, index: Gpr, targets: &[CodeLabel]);

    // Calls. Arguments are in place; each notes the site after itself.
    fn call_direct(&mut self, func: FuncIdx);
    /// `import` is where the instance keeps the pointer to the record.
    fn call_import(&mut self, import: i32);
    /// Calls `table[CALL_INDEX]` after the checks; `sig` is the offset of the signature's number
    /// in the instance. Touches no argument register before the call.
    fn call_indirect(&mut self, table: InstanceItem, sig: i32);
    /// Leaves to the dispatcher with a builtin's number.
    fn call_builtin(&mut self, code: u32);
    /// Leaves to a listener: `exit` and the function's index. Keeps every argument register.
    fn call_listener(&mut self, after: bool, func: FuncIdx);

    /// Fills up to a place where the head of a loop lies well. `tables`: the function branches by
    /// tables.
    fn align_loop(&mut self, tables: bool);

    // Checks.
    /// Goes to `attention` if [`super::abi::CallEngine::interrupt`] is set.
    fn check_interrupt(&mut self, attention: CodeLabel);
    /// Takes `cost` (below 2^31) from the fuel's register; goes to `attention` if there was less, with
    /// what is left modulo 2^64.
    fn charge(&mut self, cost: u32, attention: CodeLabel);
    /// Out of line: leaves to the dispatcher, and goes on at `passed`. Keeps every register but
    /// scratch.
    fn leave_check(&mut self, what: Checked, passed: CodeLabel);

    // Traps.
    /// Raises a trap where it stands, through [`super::abi::CallEngine::traps`], and notes the
    /// site.
    fn trap_site(&mut self, trap: TrapCode);

    // Debugging aids of `IsaOptions::poison`.
    /// Fills registers with rubbish.
    fn clobber(&mut self, regs: RegSet);
    /// Raises [`TrapCode::BadAddress`] if the upper half of a 32-bit value is not zero.
    fn assert_zero_extended(&mut self, reg: Gpr);
}

#[cfg(test)]
pub(crate) mod tests {
    /// The emitters of the trait that none of the sources calls.
    pub(crate) fn emitters_missing_in(sources: &[&str]) -> Vec<&'static str> {
        /// They emit nothing.
        const OTHERS: [&str; 7] = [
            "new",
            "regs",
            "buf",
            "begin",
            "finish",
            "imm_fits",
            "shift_count",
        ];
        let (_, isa) = include_str!("isa.rs")
            .split_once("trait Isa")
            .expect("the trait");
        let (isa, _) = isa.split_once("\n}").expect("its end");
        let lines = isa.lines().filter_map(|line| line.strip_prefix("    fn "));
        let names: Vec<_> = lines.filter_map(|line| line.split('(').next()).collect();
        assert!(names.len() > 60);
        let called = |name: &&str| {
            [format!("isa.{name}("), format!("::{name}(")]
                .iter()
                .any(|call| sources.iter().any(|source| source.contains(call.as_str())))
        };
        let emitters = names.into_iter().filter(|name| !OTHERS.contains(name));
        emitters.filter(|name| !called(name)).collect()
    }
}
