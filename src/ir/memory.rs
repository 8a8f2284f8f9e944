//! Linear memory and tables.

use wasmparser::{MemArg, MemArgTarget};

use super::lower::Recorder;
use super::op::{Builtin, Load, Op, Store};
use super::types::{DataIdx, ElemIdx, MemIdx, TableIdx};

impl Recorder<'_> {
    #[inline]
    fn builtin(&mut self, builtin: Builtin) {
        if self.live() {
            self.note_call();
            self.record(Op::Builtin(builtin));
        }
    }

    #[inline]
    pub(super) fn load(&mut self, load: Load, arg: &MemArg) {
        if self.live() {
            let (mem, offset) = access(arg);
            let addr = self.take_src();
            self.record(Op::Load {
                load,
                mem,
                offset,
                addr,
            });
        }
    }

    #[inline]
    pub(super) fn store(&mut self, store: Store, arg: &MemArg) {
        if self.live() {
            let (mem, offset) = access(arg);
            let value = self.take_src();
            let addr = self.take_below(value);
            self.record(Op::Store {
                store,
                mem,
                offset,
                addr,
                value: value.pack(),
            });
        }
    }

    pub(super) fn visit_memory_size(&mut self, memory: u32) {
        self.plain(Op::MemorySize(MemIdx(memory)));
    }
}

/// The memory and offset of an access.
#[inline]
fn access(arg: &MemArg) -> (u8, u32) {
    let MemArgTarget::Memory(mem) = arg.target else {
        unreachable!("an array, which no feature allows");
    };
    let (Ok(mem), Ok(offset)) = (u8::try_from(mem), u32::try_from(arg.offset)) else {
        unreachable!("the validator limits memories, and the offsets of 32-bit ones");
    };
    (mem, offset)
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
