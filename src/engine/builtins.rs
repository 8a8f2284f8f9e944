//! Operations that compiled code leaves to the dispatcher.
//!
//! Each checks all its ranges before it writes anything (spec 4.4.7 and 4.4.8).
#![allow(unsafe_code, reason = "writes linear memories")]

use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;

use super::counters::StoreCounters;
use super::instance;
use super::memory::LimiterRef;
use super::store::StoreCore;
use super::table;
use crate::asm::abi::{CallEngine, INT_ARGS};
use crate::error::{Result, Trap};
use crate::ir::op::Builtin;
use crate::ir::types::{DataIdx, ElemIdx, MemIdx, PAGE_SIZE, TableIdx, ValType};

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

/// In the number of a builtin that goes on: its size has been paid for. No builtin has this bit.
const PAID: u32 = 1 << 31;

/// Bytes of a table's element.
const ELEMENT: u64 = 8;

/// Whether a builtin has an `i32` result.
pub(crate) fn gives_i32(code: u32) -> bool {
    matches!(code, MEMORY_GROW | TABLE_SIZE | TABLE_GROW)
}

/// A builtin that a guest asks for.
#[derive(Clone, Copy)]
pub(crate) struct Call {
    code: u32,
    /// Index of the instance that asks.
    this: usize,
    args: Args,
    /// Whether the guest has paid for its size.
    paid: bool,
}

/// How far a builtin came.
pub(crate) enum Progress {
    /// Done, with its result if it has one.
    Done(Option<u64>),
    /// It stopped on the way since somebody asks for attention; the [`Call`] is what remains.
    Paused,
}

impl Call {
    /// Makes what remains the arguments of the builtin that the guest asks for.
    ///
    /// # Safety
    ///
    /// As [`Self::new`].
    pub(crate) unsafe fn put_back(&self, engine: *mut CallEngine) {
        // SAFETY: the caller's promise.
        unsafe {
            (*engine).exit_arg = self.code | if self.paid { PAID } else { 0 };
            (*engine).ints = self.args.0;
        }
    }

    /// # Safety
    ///
    /// A builtin thunk of `engine`, which is alive, has just left.
    pub(crate) unsafe fn new(engine: *const CallEngine) -> Self {
        // SAFETY: the caller's promise; the current instance is one of the store's.
        unsafe {
            let code = (*engine).exit_arg;
            Self {
                code: code & !PAID,
                this: (*(*engine).instance).data as usize,
                args: Args((*engine).ints),
                paid: code & PAID != 0,
            }
        }
    }
}

/// Serves a builtin, and pauses it when `asked` is not zero.
///
/// # Errors
///
/// A trap, or what the limiter says.
///
/// # Safety
///
/// A guest of the store asks for it.
pub(crate) unsafe fn serve(
    core: &mut StoreCore,
    limiter: LimiterRef<'_>,
    call: &mut Call,
    asked: &AtomicUsize,
) -> Result<Progress> {
    let (this, args) = (call.this, call.args);
    let result = match call.code {
        MEMORY_GROW => {
            let memory = core.instances[this].memories[args.index(1)] as usize;
            let delta = args.u32(0);
            let cost = match core.memories[memory].may_grow(delta) {
                true => core.bulk_cost(delta, PAGE_SIZE),
                false => 0,
            };
            core.charge(cost)?;
            let grown = core.memories[memory].grow(limiter, delta);
            core.counters.grown(&grown, StoreCounters::memories);
            Some(core.grown(grown, cost)?)
        }
        TABLE_GROW => {
            let table = core.instances[this].tables[args.index(2)] as usize;
            let (init, delta) = (args.0[0], args.u32(1));
            let cost = match core.tables[table].may_grow(delta) {
                true => core.bulk_cost(delta, ELEMENT),
                false => 0,
            };
            core.charge(cost)?;
            // SAFETY: validated code passes references of the table's type.
            let grown = unsafe { core.tables[table].grow(limiter, delta, init) };
            core.counters.grown(&grown, StoreCounters::tables);
            Some(core.grown(grown, cost)?)
        }
        // SAFETY: validated code passes references of the tables' types.
        MEMORY_FILL | MEMORY_COPY | TABLE_FILL | TABLE_COPY => unsafe {
            return Ok(serve_bulk(core, call, asked)?);
        },
        code @ (MEMORY_INIT | DATA_DROP) => {
            serve_memory(core, this, code, args)?;
            None
        }
        // SAFETY: as above.
        code => unsafe { serve_table(core, this, code, args)? },
    };
    Ok(Progress::Done(result))
}

impl StoreCore {
    /// Result of a growth that was charged for. One that did not happen costs nothing, whether the
    /// guest goes on or its limiter's error ends it.
    fn grown(&mut self, grown: Result<Option<u64>>, cost: u64) -> Result<u64> {
        if !matches!(grown, Ok(Some(_))) {
            self.give_back(cost);
        }
        Ok(grown?.unwrap_or(FAILED))
    }
}

/// Bytes of a memory that are written between two looks at what others ask.
const MEMORY_PART: u64 = 256 * 1024;
/// Elements of a table, likewise.
const TABLE_PART: u64 = 32 * 1024;

/// Serves what may take long, part by part. All is checked before the first.
///
/// # Safety
///
/// References among the arguments are of the table's type.
unsafe fn serve_bulk(
    core: &mut StoreCore,
    call: &mut Call,
    asked: &AtomicUsize,
) -> Result<Progress, Trap> {
    loop {
        let Call {
            code,
            this,
            args,
            paid,
        } = *call;
        let (to, from, len) = (args.u32(0), args.u32(1), args.u32(2));
        let tables = matches!(code, TABLE_FILL | TABLE_COPY);
        let data = &core.instances[this];
        let items = if tables { &data.tables } else { &data.memories };
        // A fill has one index only.
        let (dst, src) = match code {
            MEMORY_FILL | TABLE_FILL => (items[args.index(3)], 0),
            _ => (items[args.index(3)], items[args.index(4)]),
        };
        let part = len.min(if tables { TABLE_PART } else { MEMORY_PART });
        let rest = len - part;
        // A copy upwards begins at the end, lest it overwrite what is to be copied.
        let copies = matches!(code, MEMORY_COPY | TABLE_COPY);
        let upwards = copies && to > from;
        let skip = if upwards { rest } else { 0 };
        let check = if tables { check_table } else { check_memory };
        check(core, dst, to, len)?;
        if copies {
            check(core, src, from, len)?;
        }
        if !paid {
            core.charge(core.bulk_cost(len, if tables { ELEMENT } else { 1 }))?;
            call.paid = true;
        }
        match code {
            MEMORY_FILL => memory_fill(core, dst, to, from as u8, part)?,
            MEMORY_COPY => memory_copy(core, (dst, to + skip), (src, from + skip), part)?,
            // SAFETY: the caller's promise.
            TABLE_FILL => unsafe { core.tables[dst as usize].set(to, part, |_| args.0[1])? },
            _ => table::copy(&mut core.tables, (dst, to + skip), (src, from + skip), part)?,
        }
        if rest == 0 {
            return Ok(Progress::Done(None));
        }
        call.args.0[2] = rest;
        if !upwards {
            call.args.0[0] = to + part;
        }
        if !upwards && copies {
            call.args.0[1] = from + part;
        }
        if asked.load(Relaxed) != 0 {
            return Ok(Progress::Paused);
        }
    }
}

fn check_memory(core: &StoreCore, memory: u32, at: u64, len: u64) -> Result<(), Trap> {
    let bytes = core.memories[memory as usize].bytes();
    let range = table::range(at, len, bytes);
    range.map(|_| ()).ok_or(Trap::MemoryOutOfBounds)
}

fn check_table(core: &StoreCore, table: u32, at: u64, len: u64) -> Result<(), Trap> {
    core.tables[table as usize].check(at, len)
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

fn serve_memory(core: &mut StoreCore, this: usize, code: u32, args: Args) -> Result<()> {
    let data = &core.instances[this];
    let memory = |n: usize| data.memories[args.index(n)];
    let (to, from, len) = (args.u32(0), args.u32(1), args.u32(2));
    match code {
        MEMORY_INIT => {
            let (memory, index) = (memory(4), args.index(3) as u32);
            check_memory(core, memory, to, len)?;
            let bytes = data.segment(index).len();
            table::range(from, len, bytes).ok_or(Trap::MemoryOutOfBounds)?;
            core.charge(core.bulk_cost(len, 1))?;
            let segment = core.instances[this].segment(index);
            let to = (memory, to);
            Ok(instance::write_memory(
                &core.memories,
                to,
                segment,
                from,
                len,
            )?)
        }
        DATA_DROP => {
            let dropped = &mut core.instances[this].dropped_datas;
            Ok(dropped.insert(args.index(0) as u32)?)
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
) -> Result<Option<u64>> {
    let data = &core.instances[this];
    let table = |n: usize| data.tables[args.index(n)];
    let (to, from, len) = (args.u32(0), args.u32(1), args.u32(2));
    match code {
        TABLE_GET => {
            let elem = core.tables[table(1) as usize].get(to);
            return Ok(Some(elem.ok_or(Trap::TableOutOfBounds)?));
        }
        TABLE_SIZE => return Ok(Some(core.tables[table(0) as usize].len())),
        TABLE_SET => {
            let table = table(2);
            // SAFETY: the caller's promise.
            unsafe { core.tables[table as usize].set(to, 1, |_| args.0[1])? };
        }
        TABLE_INIT => {
            let (table, elem) = (table(4), ElemIdx(args.index(3) as u32));
            check_table(core, table, to, len)?;
            table::range(from, len, data.elements(elem)).ok_or(Trap::TableOutOfBounds)?;
            core.charge(core.bulk_cost(len, ELEMENT))?;
            instance::write_table(core, this, (table, to), elem, from, len)?;
        }
        ELEM_DROP => core.instances[this]
            .dropped_elems
            .insert(args.index(0) as u32)?,
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
