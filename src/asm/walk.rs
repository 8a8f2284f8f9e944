//! The walk over a function's records, and what emits each kind of them: a line each.

use super::compile::{Pass, RecordStart};
use super::isa::Isa;
use super::regs::RegSet;
use crate::ir::op::{Op, Src};
use crate::ir::records::Record;
use crate::ir::types::{Size, ValType};

/// Functions of at most so many records branch on bits, where the machine can.
const BIT_BRANCH_RECORDS: usize = 1000;

/// Emits a record of one kind.
type Emit<I> = fn(&mut Pass<'_, I>, &Op);

/// Lines of: kind, fields, how the pass emits it. Makes the table of functions, one for each kind.
macro_rules! emitters {
    ($pass:ident: $($kind:ident $(($($field:tt)*))? $({ $($named:tt)* })? => $emit:expr;)*) => {
        /// [`Op`] without the fields.
        #[derive(Clone, Copy)]
        enum Kind {
            $($kind,)*
        }

        impl Kind {
            const COUNT: usize = [$(Self::$kind),*].len();

            #[inline(always)]
            fn of(op: &Op) -> Self {
                match op {
                    $(Op::$kind { .. } => Self::$kind,)*
                }
            }
        }

        impl<I: Isa> Pass<'_, I> {
            const EMIT: [Emit<I>; Kind::COUNT] = [$(
                |$pass, op| {
                    let Op::$kind $(($($field)*))? $({ $($named)* })? = *op else {
                        unreachable!("chosen by its kind")
                    };
                    $emit;
                },
            )*];
        }
    };
}

emitters! { pass:
    I32Const(value) => pass.push_const(ValType::I32, u64::from(value as u32));
    I64Const(value) => pass.push_const(ValType::I64, value as u64);
    F32Const(bits) => pass.push_const(ValType::F32, u64::from(bits));
    F64Const(bits) => pass.push_const(ValType::F64, bits);
    RefNull(ty) => pass.push_const(ty, 0);
    RefFunc(func) => pass.ref_func(func);
    RefIsNull => pass.eqz(Size::S64, Src::Stack);
    LocalGet(local) => pass.push_local(local);
    LocalSet(local, src) => pass.set_local(local, src);
    LocalTee(local) => pass.tee_local(local);
    GlobalGet(global) => pass.global_get(global);
    GlobalSet(global) => pass.global_set(global);
    Drop => pass.pop();
    Select => pass.select();
    IntBin(op, size, below, src) => pass.int_bin(op, size, below, src);
    Shift(op, size, below, src) => pass.shift(op, size, below, src);
    Div(op, size) => pass.div(op, size);
    IntCmp(cmp, size, below, src) => pass.int_cmp(cmp, size, below, src);
    Eqz(size, src) => pass.eqz(size, src);
    IntUn(op, size) => pass.int_un(op, size);
    FloatBin(op, size, below, src) => pass.float_bin(op, size, below, src);
    FloatUn(op, size) => pass.float_un(op, size);
    FloatCmp(cmp, size) => pass.float_cmp(cmp, size);
    Wrap => pass.extend(false, ValType::I32);
    Extend { signed } => pass.extend(signed, ValType::I64);
    Trunc { from, to, signed, sat } => pass.trunc(from, to, signed, sat);
    Convert { from, to, signed } => pass.convert(from, to, signed);
    Demote => pass.demote();
    Promote => pass.promote();
    FloatToBits(size) => pass.float_to_bits(size);
    BitsToFloat(size) => pass.bits_to_float(size);
    Load { load, offset, addr, .. } => pass.load(load, offset, addr);
    Store { store, offset, addr, value, .. } => pass.store(store, offset, addr, value.unpack());
    MemorySize(memory) => pass.memory_size(memory);
    Builtin(builtin) => pass.builtin(builtin);
    Fuel(cost) => pass.fuel(cost);
    Block(label) => pass.block(label);
    Loop(label) => pass.loop_head(label);
    If { or_else, .. } => pass.if_(or_else);
    Label(label) => pass.label(label);
    Br(label) => pass.br(label);
    BrIf(label, src) => pass.br_if(label, src);
    BrTable { first, count } => pass.br_table(first, count);
    Return => pass.return_();
    Unreachable => pass.unreachable();
    Call(func) => pass.call(func);
    CallIndirect { ty, table } => pass.call_indirect(ty, table);
}

impl<I: Isa> Pass<'_, I> {
    /// Emits all records.
    #[inline(never)]
    pub(super) fn emit_records(&mut self) {
        let mut emit = self.next_emit();
        while let Some(record) = self.rest.next() {
            // Which kind comes next cannot be foreseen, and the processor waits until the jump to
            // what emits it is known. So it is looked up before this one is emitted, not after.
            let (behind, next_emit) = (self.rest.as_slice().as_ptr(), self.next_emit());
            self.emit_record(record, emit);
            emit = if self.rest.as_slice().as_ptr() == behind {
                next_emit
            } else {
                self.next_emit()
            };
        }
    }

    #[inline(always)]
    fn next_emit(&self) -> Emit<I> {
        match self.rest.as_slice().first() {
            Some(record) => Self::EMIT[Kind::of(&record.op) as usize],
            None => |_, _| (),
        }
    }

    #[inline(always)]
    fn emit_record(&mut self, record: &Record, emit: Emit<I>) {
        let buf = self.isa.buf();
        buf.reserve();
        buf.wasm_pos = record.pos;
        emit(self, &record.op);
        self.st.regs.held = RegSet::EMPTY;
    }

    /// Emits all records, and notes where the code of each starts. One that has none was done along
    /// with the one before.
    pub(super) fn emit_noted(&mut self, starts: &mut Vec<RecordStart>) {
        starts.clear();
        loop {
            let code = self.isa.buf().offset();
            let (emit, index) = (self.next_emit(), self.next_record());
            let Some(record) = self.rest.next() else {
                return;
            };
            starts.push(RecordStart {
                code,
                record: index,
            });
            self.emit_record(record, emit);
        }
    }

    /// Index of the next record.
    pub(super) fn next_record(&self) -> usize {
        self.func.records.len() - self.rest.len()
    }

    /// Goes on, or back, to the record with this index.
    pub(super) fn go_to(&mut self, record: usize) {
        self.rest = self.func.records[record..].iter();
    }

    /// The record after the one at hand.
    #[inline]
    pub(super) fn peek(&self) -> Option<Op> {
        Some(self.rest.as_slice().first()?.op)
    }

    /// The record that takes a condition which the one at hand makes, behind its negations. None
    /// in functions so long that a branch on a bit may not reach.
    pub(super) fn peek_branch(&self) -> Option<Op> {
        if self.func.records.len() > BIT_BRANCH_RECORDS {
            return None;
        }
        let mut rest = self.rest.clone().map(|record| record.op);
        rest.find(|op| !matches!(op, Op::Eqz(_, Src::Stack)))
    }

    /// Passes over the next record, which the one at hand has done.
    #[inline]
    pub(super) fn skip(&mut self) {
        self.rest.next();
    }
}
