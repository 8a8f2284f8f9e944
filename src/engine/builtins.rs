//! Operations that compiled code leaves to the dispatcher.
//!
//! Each checks all its ranges before it writes anything (spec 4.4.7 and 4.4.8).
#![allow(unsafe_code, reason = "writes linear memories")]

use super::instance;
use super::memory::LimiterRef;
use super::store::StoreCore;
use super::table;
use crate::asm::abi::{CallEngine, INT_ARGS};
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
    // SAFETY: the current instance is one of the store's.
    let this = unsafe { (*engine.instance).data } as usize;
    let args = Args(engine.ints);
    let result = match engine.exit_arg {
        MEMORY_GROW => {
            let memory = core.instances[this].memories[args.index(1)];
            let old = core.memories[memory as usize].grow(limiter, args.u32(0))?;
            Some(old.unwrap_or(FAILED))
        }
        TABLE_GROW => {
            let table = core.instances[this].tables[args.index(2)];
            let (init, delta) = (args.0[0], args.u32(1));
            // SAFETY: validated code passes references of the table's type.
            let old = unsafe { core.tables[table as usize].grow(limiter, delta, init)? };
            Some(old.unwrap_or(FAILED))
        }
        code @ (MEMORY_FILL | MEMORY_COPY | MEMORY_INIT | DATA_DROP) => {
            serve_memory(core, this, code, args)?;
            None
        }
        // SAFETY: validated code passes references of the tables' types.
        code => unsafe { serve_table(core, this, code, args)? },
    };
    if let Some(result) = result {
        engine.ints[0] = result;
    }
    Ok(())
}

/// Integer arguments: operands, then indices.
#[derive(Clone, Copy)]
struct Args([u64; INT_ARGS]);

impl Args {
    /// An `i32` operand; the upper half of its register may be anything.
    fn u32(self, n: usize) -> u64 {
        u64::from(self.0[n] as u32)
    }

    fn index(self, n: usize) -> usize {
        self.0[n] as u32 as usize
    }
}

fn serve_memory(core: &mut StoreCore, this: usize, code: u32, args: Args) -> Result<(), Trap> {
    let data = &core.instances[this];
    let memory = |n: usize| data.memories[args.index(n)];
    let (to, from, len) = (args.u32(0), args.u32(1), args.u32(2));
    match code {
        MEMORY_FILL => memory_fill(core, memory(3), to, from as u8, len),
        MEMORY_COPY => memory_copy(core, (memory(3), to), (memory(4), from), len),
        MEMORY_INIT => {
            let segment = data.segment(args.index(3) as u32);
            instance::write_memory(&core.memories, (memory(4), to), segment, from, len)
        }
        DATA_DROP => {
            core.instances[this]
                .dropped_datas
                .insert(args.index(0) as u32);
            Ok(())
        }
        code => unreachable!("builtin {code} is not one of memories"),
    }
}

/// The result, if the builtin has one.
///
/// # Safety
///
/// References among the arguments are of the table's type.
unsafe fn serve_table(
    core: &mut StoreCore,
    this: usize,
    code: u32,
    args: Args,
) -> Result<Option<u64>, Trap> {
    let data = &core.instances[this];
    let table = |n: usize| data.tables[args.index(n)];
    let (to, from, len) = (args.u32(0), args.u32(1), args.u32(2));
    match code {
        TABLE_GET => {
            let elem = core.tables[table(1) as usize].get(to);
            return elem.map(Some).ok_or(Trap::TableOutOfBounds);
        }
        TABLE_SIZE => return Ok(Some(core.tables[table(0) as usize].len())),
        TABLE_SET | TABLE_FILL => {
            let set = code == TABLE_SET;
            let (table, len) = if set { (table(2), 1) } else { (table(3), len) };
            // SAFETY: the caller's promise.
            unsafe { core.tables[table as usize].set(to, len, |_| args.0[1])? };
        }
        TABLE_COPY => {
            let (to, from) = ((table(3), to), (table(4), from));
            table::copy(&mut core.tables, to, from, len)?;
        }
        TABLE_INIT => {
            let elem = ElemIdx(args.index(3) as u32);
            instance::write_table(core, this, (table(4), to), elem, from, len)?;
        }
        ELEM_DROP => core.instances[this]
            .dropped_elems
            .insert(args.index(0) as u32),
        code => unreachable!("no builtin has number {code}"),
    }
    Ok(None)
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
