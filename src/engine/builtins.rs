//! Operations that compiled code leaves to the dispatcher.
//!
//! Each checks all its ranges before it writes anything (spec 4.4.7 and 4.4.8).
#![allow(unsafe_code, reason = "writes linear memories")]

use super::instance;
use super::memory::LimiterRef;
use super::store::StoreCore;
use super::table;
use crate::asm::abi::CallEngine;
use crate::error::{Result, Trap};
use crate::ir::op::Builtin;
use crate::ir::types::{DataIdx, ElemIdx, MemIdx, TableIdx, ValType};

const MEMORY_GROW: u32 = Builtin::MemoryGrow(MemIdx(0)).code();
const MEMORY_FILL: u32 = Builtin::MemoryFill(MemIdx(0)).code();
const MEMORY_COPY: u32 = Builtin::MemoryCopy {
    dst: MemIdx(0),
    src: MemIdx(0),
}
.code();
const MEMORY_INIT: u32 = Builtin::MemoryInit {
    data: DataIdx(0),
    mem: MemIdx(0),
}
.code();
const DATA_DROP: u32 = Builtin::DataDrop(DataIdx(0)).code();
const TABLE_GET: u32 = Builtin::TableGet(TableIdx(0), ValType::FuncRef).code();
const TABLE_SET: u32 = Builtin::TableSet(TableIdx(0)).code();
const TABLE_SIZE: u32 = Builtin::TableSize(TableIdx(0)).code();
const TABLE_GROW: u32 = Builtin::TableGrow(TableIdx(0)).code();
const TABLE_FILL: u32 = Builtin::TableFill(TableIdx(0)).code();
const TABLE_COPY: u32 = Builtin::TableCopy {
    dst: TableIdx(0),
    src: TableIdx(0),
}
.code();
const TABLE_INIT: u32 = Builtin::TableInit {
    elem: ElemIdx(0),
    table: TableIdx(0),
}
.code();
const ELEM_DROP: u32 = Builtin::ElemDrop(ElemIdx(0)).code();

/// Result of a growth that failed.
const FAILED: u64 = u32::MAX as u64;

/// Whether a builtin has an `i32` result.
pub(crate) fn gives_i32(code: u32) -> bool {
    matches!(code, MEMORY_GROW | TABLE_SIZE | TABLE_GROW)
}

/// Serves the builtin that `engine` asks for.
///
/// # Errors
///
/// A trap, or what the limiter says.
///
/// # Safety
///
/// A builtin thunk of `engine`, which is that of the store, has just left.
pub(crate) unsafe fn serve(
    core: &mut StoreCore,
    limiter: LimiterRef<'_>,
    engine: &mut CallEngine,
) -> Result<()> {
    let args = engine.ints;
    let arg = |n: usize| args[n] as u32;
    let wide = |n: usize| u64::from(args[n] as u32);
    // SAFETY: the current instance is one of the store's.
    let this = unsafe { (*engine.instance).data } as usize;
    let data = &core.instances[this];
    let memory = |n: usize| data.memories[arg(n) as usize];
    let table = |n: usize| data.tables[arg(n) as usize];
    match engine.exit_arg {
        MEMORY_GROW => {
            let memory = memory(1) as usize;
            let old = core.memories[memory].grow(limiter, wide(0))?;
            engine.ints[0] = old.unwrap_or(FAILED);
        }
        MEMORY_FILL => memory_fill(core, memory(3), wide(0), arg(1) as u8, wide(2))?,
        MEMORY_COPY => {
            let (to, from) = ((memory(3), wide(0)), (memory(4), wide(1)));
            memory_copy(core, to, from, wide(2))?;
        }
        MEMORY_INIT => {
            let segment = data.segment(arg(3));
            let to = (memory(4), wide(0));
            instance::write_memory(&core.memories, to, segment, wide(1), wide(2))?;
        }
        DATA_DROP => core.instances[this].dropped_datas.insert(arg(0)),
        TABLE_GET => {
            let elem = core.tables[table(1) as usize].get(wide(0));
            engine.ints[0] = elem.ok_or(Trap::TableOutOfBounds)?;
        }
        TABLE_SIZE => engine.ints[0] = core.tables[table(0) as usize].len(),
        TABLE_GROW => {
            let table = table(2) as usize;
            // SAFETY: validated code passes references of the table's type.
            let old = unsafe { core.tables[table].grow(limiter, wide(1), args[0])? };
            engine.ints[0] = old.unwrap_or(FAILED);
        }
        code @ (TABLE_SET | TABLE_FILL) => {
            let set = code == TABLE_SET;
            let (table, len) = if set {
                (table(2), 1)
            } else {
                (table(3), wide(2))
            };
            // SAFETY: validated code passes references of the table's type.
            unsafe { core.tables[table as usize].set(wide(0), len, |_| args[1])? };
        }
        TABLE_COPY => {
            let (to, from) = ((table(3), wide(0)), (table(4), wide(1)));
            table::copy(&mut core.tables, to, from, wide(2))?;
        }
        TABLE_INIT => {
            let (elem, to) = (ElemIdx(arg(3)), (table(4), wide(0)));
            instance::write_table(core, this, to, elem, wide(1), wide(2))?;
        }
        ELEM_DROP => core.instances[this].dropped_elems.insert(arg(0)),
        code => unreachable!("no builtin has number {code}"),
    }
    Ok(())
}

fn memory_fill(core: &StoreCore, memory: u32, dst: u64, value: u8, len: u64) -> Result<(), Trap> {
    let (base, bytes) = core.memories[memory as usize].raw();
    let range = table::range(dst, len, bytes).ok_or(Trap::MemoryOutOfBounds)?;
    // SAFETY: within the memory, and the guest does not run.
    unsafe { base.add(range.start).write_bytes(value, range.len()) };
    Ok(())
}

fn memory_copy(
    core: &StoreCore,
    (dst, dst_at): (u32, u64),
    (src, src_at): (u32, u64),
    len: u64,
) -> Result<(), Trap> {
    let (dst, dst_bytes) = core.memories[dst as usize].raw();
    let (src, src_bytes) = core.memories[src as usize].raw();
    let to = table::range(dst_at, len, dst_bytes).ok_or(Trap::MemoryOutOfBounds)?;
    let from = table::range(src_at, len, src_bytes).ok_or(Trap::MemoryOutOfBounds)?;
    // SAFETY: both within their memories, and the guest does not run.
    unsafe { dst.add(to.start).copy_from(src.add(from.start), to.len()) };
    Ok(())
}
