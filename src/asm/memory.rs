//! Linear memory, globals, references: addresses and their checks.

use super::abi::{GUARD_OFFSET, MemoryMode};
use super::compile::Pass;
use super::isa::{Addr, ImmUse, InstanceItem, Isa, Rhs, StoreSrc};
use super::regs::RegSet;
use super::stack::{Loc, Operand};
use crate::ir::op::{Below, IntBin, Load, Src, Store};
use crate::ir::types::{FuncIdx, GlobalIdx, MemIdx, PAGE_SIZE, Size, TableIdx, ValType};

const _: () = assert!(GUARD_OFFSET <= MAX_OFFSET);

/// Offsets below this fit every machine's addressing, with one more instruction at the most.
const MAX_OFFSET: u64 = 1 << 31;

/// Locals known to be addresses with this many bytes of memory behind them.
///
/// Holds within a straight region: any merge forgets all, any write to the local forgets it.
/// Memory never shrinks, so calls forget nothing.
#[derive(Debug, Default)]
#[repr(C)]
pub(super) struct CheckedLocals {
    len: usize,
    next: usize,
    /// (local, end)
    entries: [(u32, u64); 4],
}

impl CheckedLocals {
    pub(super) fn clear(&mut self) {
        self.len = 0;
        self.next = 0;
    }

    fn covers(&self, local: u32, end: u64) -> bool {
        self.entries[..self.len]
            .iter()
            .any(|&(l, e)| l == local && e >= end)
    }

    fn remember(&mut self, local: u32, end: u64) {
        self.forget_local(local);
        if self.len < self.entries.len() {
            self.entries[self.len] = (local, end);
            self.len += 1;
        } else {
            self.entries[self.next] = (local, end);
            self.next = (self.next + 1) % self.entries.len();
        }
    }

    #[inline]
    pub(super) fn forget_local(&mut self, local: u32) {
        if self.len > 0 {
            self.forget(local);
        }
    }

    fn forget(&mut self, local: u32) {
        if let Some(at) = self.entries[..self.len]
            .iter()
            .position(|&(l, _)| l == local)
        {
            self.len -= 1;
            self.entries[at] = self.entries[self.len];
            self.next = 0;
        }
    }
}

impl<I: Isa> Pass<'_, I> {
    /// An address for an access of `bytes` at `offset`, checked if it must be.
    #[inline(always)]
    fn address(&mut self, addr: Operand, offset: u32, bytes: u64) -> Addr {
        if self.unchecked && addr.constant().is_none() && u64::from(offset) < GUARD_OFFSET {
            return Addr {
                index: Some(self.read_gpr(addr)),
                offset,
            };
        }
        self.checked_address(addr, offset, bytes)
    }

    #[inline(never)]
    fn checked_address(&mut self, addr: Operand, offset: u32, bytes: u64) -> Addr {
        let offset = u64::from(offset);
        if let Some(bits) = addr.constant() {
            return self.constant_address(bits + offset, bytes);
        }
        let local = match addr.loc() {
            Loc::Local { local, .. } => Some(local),
            Loc::Const(_) | Loc::Reg { .. } | Loc::Home(_) => None,
        };
        let index = self.read_gpr(addr);
        if self.cx.options.poison {
            self.isa.assert_zero_extended(index);
        }
        let end = offset + bytes;
        let guarded = self.cx.options.mode == MemoryMode::Guard && offset < GUARD_OFFSET;
        if !guarded && !local.is_some_and(|local| self.st.bounds.covers(local, end)) {
            self.isa.check(Some(index), end);
            if let Some(local) = local {
                self.st.bounds.remember(local, end);
            }
        }
        if offset < MAX_OFFSET {
            return Addr {
                index: Some(index),
                offset: offset as u32,
            };
        }
        let sum = self.alloc(RegSet::INTS).gpr();
        self.isa.int_const(Size::S64, sum, offset);
        self.isa
            .int_bin(IntBin::Add, Size::S64, sum, sum, Rhs::Reg(index));
        Addr {
            index: Some(sum),
            offset: 0,
        }
    }

    fn constant_address(&mut self, addr: u64, bytes: u64) -> Addr {
        let end = addr + bytes;
        let memory = self.cx.module.memories.first();
        let least = memory.map_or(0, |limits| limits.min.saturating_mul(PAGE_SIZE));
        let guarded = self.cx.options.mode == MemoryMode::Guard && addr < GUARD_OFFSET;
        if end > least && !guarded {
            self.isa.check(None, end);
        }
        if addr < MAX_OFFSET {
            return Addr {
                index: None,
                offset: addr as u32,
            };
        }
        let index = self.alloc(RegSet::INTS).gpr();
        self.isa.int_const(Size::S64, index, addr);
        Addr {
            index: Some(index),
            offset: 0,
        }
    }

    #[inline(never)]
    pub(super) fn load(&mut self, load: Load, offset: u32, addr: Src) {
        let addr = match addr {
            Src::Local(local) if self.unchecked && u64::from(offset) < GUARD_OFFSET => Addr {
                index: Some(self.read_local(local).gpr()),
                offset,
            },
            Src::Local(_) | Src::Const(_) | Src::Stack => {
                let addr = self.pop_src(addr, ValType::I32);
                self.address(addr, offset, load.bytes())
            }
        };
        let index = addr
            .index
            .map_or(RegSet::EMPTY, |reg| RegSet::one(reg.into()));
        let dst = self.dst(load.ty(), index);
        self.isa.load(load, dst, addr);
        self.finish(load.ty(), dst);
    }

    #[inline(never)]
    pub(super) fn store(&mut self, mut store: Store, offset: u32, addr: Below, value: Src) {
        // Of a constant, only the bytes that are stored matter.
        let value = self.pop_src(value, ValType::I64);
        let mut src = None;
        if let Some(bits) = value.constant() {
            // A float constant is stored as the integer with its bits.
            let (kind, size, imm) = match store {
                Store::F32 | Store::I32 => (Store::I32, Size::S32, i64::from(bits as u32 as i32)),
                Store::F64 | Store::I64 => (Store::I64, Size::S64, bits as i64),
                Store::Int8 => (store, Size::S32, i64::from(bits as u8 as i8)),
                Store::Int16 => (store, Size::S32, i64::from(bits as u16 as i16)),
                Store::Int32 => (store, Size::S32, i64::from(bits as u32 as i32)),
            };
            if I::imm_fits(ImmUse::Store, size, imm) {
                store = kind;
                src = Some(StoreSrc::Imm(imm));
            }
        }
        let src = match src {
            Some(src) => src,
            None => StoreSrc::Reg(self.read(value)),
        };
        let addr = self.pop_below(addr);
        let addr = self.address(addr, offset, store.bytes());
        self.isa.store(store, src, addr);
    }

    #[inline(never)]
    pub(super) fn memory_size(&mut self, memory: MemIdx) {
        let item = InstanceItem {
            offset: self.cx.layout.memory(memory),
            imported: memory.0 < self.cx.module.imported_memories,
        };
        let dst = self.dst(ValType::I32, RegSet::EMPTY);
        self.isa.memory_size(item, dst.gpr());
        self.finish(ValType::I32, dst);
    }

    fn global(&self, global: GlobalIdx) -> (InstanceItem, ValType) {
        let item = InstanceItem {
            offset: self.cx.layout.global(global),
            imported: global.0 < self.cx.module.imported_globals,
        };
        (item, self.cx.module.globals[global.index()].ty.ty)
    }

    #[inline(never)]
    pub(super) fn global_get(&mut self, global: GlobalIdx) {
        let (item, ty) = self.global(global);
        let dst = self.dst(ty, RegSet::EMPTY);
        self.isa.global_get(ty.width(), item, dst);
        self.finish(ty, dst);
    }

    #[inline(never)]
    pub(super) fn global_set(&mut self, global: GlobalIdx) {
        let (item, ty) = self.global(global);
        let value = self.pop();
        let src = self.read(value);
        self.isa.global_set(ty.width(), item, src);
    }

    #[inline(never)]
    pub(super) fn ref_func(&mut self, func: FuncIdx) {
        let imported = self.cx.module.is_import(func);
        let offset = if imported {
            self.cx.layout.import(func)
        } else {
            let Some(offset) = self.cx.layout.func_ref(func) else {
                unreachable!("a function named by ref.func escapes")
            };
            offset
        };
        let dst = self.dst(ValType::FuncRef, RegSet::EMPTY);
        self.isa
            .func_ref(InstanceItem { offset, imported }, dst.gpr());
        self.finish(ValType::FuncRef, dst);
    }

    pub(super) fn table(&self, table: TableIdx) -> InstanceItem {
        InstanceItem {
            offset: self.cx.layout.table(table),
            imported: table.0 < self.cx.module.imported_tables,
        }
    }
}
