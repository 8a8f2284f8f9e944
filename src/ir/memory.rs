//! Linear memory and tables.

use wasmparser::{MemArg, MemArgTarget};

use super::lower::Recorder;
use super::op::{Builtin, Load, Op, Store};
use super::types::{DataIdx, ElemIdx, MemIdx, TableIdx};

impl Recorder<'_> {
    #[inline]
    fn load(&mut self, load: Load, arg: &MemArg) {
        if self.live() {
            self.record(Op::Load(load, memory(arg), arg.offset));
        }
    }

    #[inline]
    fn store(&mut self, store: Store, arg: &MemArg) {
        if self.live() {
            self.height -= 2;
            self.record(Op::Store(store, memory(arg), arg.offset));
        }
    }

    #[inline]
    fn builtin(&mut self, builtin: Builtin) {
        if self.live() {
            self.height -= builtin.operands() as u32;
            self.pushed(builtin.result().is_some().into());
            self.note_call();
            self.record(Op::Builtin(builtin));
        }
    }

    pub(super) fn visit_memory_size(&mut self, memory: u32) {
        self.push(Op::MemorySize(MemIdx(memory)));
    }
}

#[inline]
fn memory(arg: &MemArg) -> MemIdx {
    match arg.target {
        MemArgTarget::Memory(memory) => MemIdx(memory),
        MemArgTarget::Array(_) => unreachable!("an array, which no feature allows"),
    }
}

/// Loads and stores: name, then what is recorded.
macro_rules! accesses {
    ($($visit:ident => $method:ident($op:expr);)*) => {
        impl Recorder<'_> {$(
            #[inline]
            pub(super) fn $visit(&mut self, arg: MemArg) {
                self.$method($op, &arg);
            }
        )*}
    };
}

accesses! {
    visit_i32_load => load(Load::I32);
    visit_i64_load => load(Load::I64);
    visit_f32_load => load(Load::F32);
    visit_f64_load => load(Load::F64);
    visit_i32_load8_s => load(Load::I32S8);
    visit_i32_load8_u => load(Load::I32U8);
    visit_i32_load16_s => load(Load::I32S16);
    visit_i32_load16_u => load(Load::I32U16);
    visit_i64_load8_s => load(Load::I64S8);
    visit_i64_load8_u => load(Load::I64U8);
    visit_i64_load16_s => load(Load::I64S16);
    visit_i64_load16_u => load(Load::I64U16);
    visit_i64_load32_s => load(Load::I64S32);
    visit_i64_load32_u => load(Load::I64U32);
    visit_i32_store => store(Store::I32);
    visit_i64_store => store(Store::I64);
    visit_f32_store => store(Store::F32);
    visit_f64_store => store(Store::F64);
    visit_i32_store8 => store(Store::Int8);
    visit_i32_store16 => store(Store::Int16);
    visit_i64_store8 => store(Store::Int8);
    visit_i64_store16 => store(Store::Int16);
    visit_i64_store32 => store(Store::Int32);
}

/// Operators that the dispatcher serves: name and immediates, then the builtin.
macro_rules! builtins {
    ($($visit:ident($($arg:ident),*) => $builtin:expr;)*) => {
        impl Recorder<'_> {$(
            pub(super) fn $visit(&mut self, $($arg: u32),*) {
                self.builtin($builtin);
            }
        )*}
    };
}

builtins! {
    visit_memory_grow(mem) => Builtin::MemoryGrow(MemIdx(mem));
    visit_memory_fill(mem) => Builtin::MemoryFill(MemIdx(mem));
    visit_memory_copy(dst, src) => Builtin::MemoryCopy { dst: MemIdx(dst), src: MemIdx(src) };
    visit_memory_init(data, mem) => Builtin::MemoryInit { data: DataIdx(data), mem: MemIdx(mem) };
    visit_data_drop(data) => Builtin::DataDrop(DataIdx(data));
    visit_table_set(table) => Builtin::TableSet(TableIdx(table));
    visit_table_size(table) => Builtin::TableSize(TableIdx(table));
    visit_table_grow(table) => Builtin::TableGrow(TableIdx(table));
    visit_table_fill(table) => Builtin::TableFill(TableIdx(table));
    visit_table_copy(dst, src) => Builtin::TableCopy { dst: TableIdx(dst), src: TableIdx(src) };
    visit_table_init(elem, table) => Builtin::TableInit { elem: ElemIdx(elem), table: TableIdx(table) };
    visit_elem_drop(elem) => Builtin::ElemDrop(ElemIdx(elem));
}

impl Recorder<'_> {
    pub(super) fn visit_table_get(&mut self, table: u32) {
        let elem = self.module.tables[table as usize].ty.elem;
        self.builtin(Builtin::TableGet(TableIdx(table), elem));
    }
}
