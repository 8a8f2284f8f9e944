//! Tables of references.
#![allow(unsafe_code, reason = "tables are shared with compiled code")]

use std::ptr::NonNull;

use super::context::{AsContext, AsContextMut};
use super::counters::StoreCounters;
use super::func::{self, Func};
use super::memory::{LimiterRef, check_count};
use super::owned::Owned;
use super::store::{StoreCore, StoreId};
use super::types::TableType;
use super::values::{Ref, Val};
use crate::asm::abi::VmTable;
use crate::error::{Error, OutOfMemory, Result, Trap, try_reserve};
use crate::ir::types::ValType;

/// A table of a store: a handle.
///
/// ```
/// use pronto::{Engine, Func, Ref, Store, Table, TableType, ValType};
///
/// let mut store = Store::new(&Engine::default(), ());
/// let ty = TableType::new(ValType::FuncRef, 2, None);
/// let table = Table::new(&mut store, ty, Ref::Func(None))?;
/// let func = Func::wrap(&mut store, || 7);
/// table.set(&mut store, 1, func.into())?;
/// assert!(table.get(&store, 0).unwrap().is_null());
/// assert!(!table.get(&store, 1).unwrap().is_null());
/// assert!(table.get(&store, 2).is_none());
/// # Ok::<(), pronto::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Table {
    store: StoreId,
    index: u32,
}

/// The largest table, in elements.
pub(crate) const MAX_ELEMENTS: u64 = 10_000_000;

/// # Invariants
///
/// `vm` lives as long as the store and describes `elems`, which is changed only here and through
/// `vm`. Elements are references of the store as compiled code holds them in tables: see
/// [`TableData::to_elem`].
pub(crate) struct TableData {
    pub(crate) vm: NonNull<VmTable>,
    elems: Vec<u64>,
    ty: TableType,
    /// Of a table that the host has made.
    _own: Option<Owned<VmTable>>,
}

// SAFETY: `vm` is part of the store that owns this.
unsafe impl Send for TableData {}
// SAFETY: shared access only reads.
unsafe impl Sync for TableData {}

impl TableData {
    /// A table of its least size, full of the reference `init`. Compiled code reaches it through
    /// `vm`, or through a record of its own if there is none.
    ///
    /// # Errors
    ///
    /// If the limiter refuses, or the system has no memory.
    ///
    /// # Safety
    ///
    /// `vm` can be written, and lives as long as the store; `init` is a reference of the table's
    /// type.
    pub(crate) unsafe fn new(
        mut limiter: LimiterRef<'_>,
        ty: TableType,
        init: u64,
        vm: Option<NonNull<VmTable>>,
    ) -> Result<Self> {
        let len = ty.minimum() as usize;
        let max = ty.maximum().map(|max| max as usize);
        if let Some(limiter) = &mut limiter
            && !limiter.table_growing(0, len, max)?
        {
            return Err(Error::msg(format!(
                "table minimum size of {len} elements exceeds table limits"
            )));
        }
        let (vm, own) = match vm {
            Some(vm) => (vm, None),
            None => {
                let own = Owned::new(VmTable {
                    elems: std::ptr::null_mut(),
                    len: 0,
                });
                (own.ptr(), Some(own))
            }
        };
        let mut table = Self {
            vm,
            elems: Vec::new(),
            ty,
            _own: own,
        };
        table.resize(len as u64, init)?;
        Ok(table)
    }

    /// A reference as tables hold it.
    fn to_elem(&self, bits: u64) -> u64 {
        if bits == 0 && self.ty.element() == ValType::FuncRef {
            return func::null_ref();
        }
        bits
    }

    /// A reference as compiled code holds it outside tables.
    fn elem_bits(&self, elem: u64) -> u64 {
        if elem == func::null_ref() && self.ty.element() == ValType::FuncRef {
            return 0;
        }
        elem
    }

    /// Makes it larger, filled up with the reference `init`.
    fn resize(&mut self, len: u64, init: u64) -> Result<()> {
        let add = len.saturating_sub(self.len());
        if len > MAX_ELEMENTS {
            return Err(Error::msg(format!(
                "a table of {len} elements is too large"
            )));
        }
        let bytes = len as usize * size_of::<u64>();
        self.elems
            .try_reserve_exact(add as usize)
            .map_err(|_| OutOfMemory::new("a table", bytes))?;
        let init = self.to_elem(init);
        self.elems.resize(len as usize, init);
        // SAFETY: the type's invariants. Compiled code reads the record at each access.
        unsafe {
            self.vm.write(VmTable {
                elems: self.elems.as_mut_ptr(),
                len,
            });
        }
        Ok(())
    }

    pub(crate) fn len(&self) -> u64 {
        self.elems.len() as u64
    }

    pub(crate) fn element(&self) -> ValType {
        self.ty.element()
    }

    /// The size that it has now, and the greatest.
    pub(crate) fn current_type(&self) -> (u64, Option<u64>) {
        (self.len(), self.ty.maximum())
    }

    /// The reference at `index`.
    pub(crate) fn get(&self, index: u64) -> Option<u64> {
        let elem = self.elems.get(usize::try_from(index).ok()?)?;
        Some(self.elem_bits(*elem))
    }

    /// # Errors
    ///
    /// If not all of `len` elements from `index` on are within the table.
    pub(crate) fn check(&self, index: u64, len: u64) -> Result<(), Trap> {
        let range = range(index, len, self.elems.len());
        range.map(|_| ()).ok_or(Trap::TableOutOfBounds)
    }

    /// Sets `len` elements from `index` on to the references that `bits` gives for 0, 1, ...
    ///
    /// # Errors
    ///
    /// If they are not all within the table; then nothing is set.
    ///
    /// # Safety
    ///
    /// They are references of the table's type and store.
    pub(crate) unsafe fn set(
        &mut self,
        index: u64,
        len: u64,
        mut bits: impl FnMut(usize) -> u64,
    ) -> Result<(), Trap> {
        let range = range(index, len, self.elems.len()).ok_or(Trap::TableOutOfBounds)?;
        for (n, at) in range.enumerate() {
            self.elems[at] = self.to_elem(bits(n));
        }
        Ok(())
    }

    /// Whether its type allows so many more elements.
    pub(crate) fn may_grow(&self, delta: u64) -> bool {
        let max = self.ty.maximum().unwrap_or(MAX_ELEMENTS);
        self.len().saturating_add(delta) <= max.min(MAX_ELEMENTS)
    }

    /// Grows by `delta` elements of the reference `init`. The old size; `None` if the limiter, the
    /// type, or the system refuse.
    ///
    /// # Errors
    ///
    /// Those of the limiter.
    ///
    /// # Safety
    ///
    /// `init` is a reference of the table's type and store.
    pub(crate) unsafe fn grow(
        &mut self,
        mut limiter: LimiterRef<'_>,
        delta: u64,
        init: u64,
    ) -> Result<Option<u64>> {
        let old = self.len();
        if delta == 0 {
            return Ok(Some(old));
        }
        let len = old.saturating_add(delta);
        let max = self.ty.maximum();
        if let Some(limiter) = &mut limiter
            && !limiter.table_growing(old as usize, len as usize, max.map(|max| max as usize))?
        {
            return Ok(None);
        }
        let result = if max.is_some_and(|max| len > max) {
            Err(Error::msg("table maximum size exceeded"))
        } else {
            self.resize(len, init)
        };
        if let Err(error) = result {
            if let Some(limiter) = limiter {
                limiter.table_grow_failed(error)?;
            }
            return Ok(None);
        }
        Ok(Some(old))
    }
}

/// The positions from `index` on, if all are below `bound`.
pub(crate) fn range(index: u64, len: u64, bound: usize) -> Option<std::ops::Range<usize>> {
    let end = index.checked_add(len)?;
    (end <= bound as u64).then_some(index as usize..end as usize)
}

/// Copies elements between tables of one type, which may be the same.
///
/// # Errors
///
/// If they are not all within the tables; then nothing is copied.
pub(crate) fn copy(
    tables: &mut [TableData],
    (dst, dst_index): (u32, u64),
    (src, src_index): (u32, u64),
    len: u64,
) -> Result<(), Trap> {
    let (dst, src) = (dst as usize, src as usize);
    let to = range(dst_index, len, tables[dst].elems.len()).ok_or(Trap::TableOutOfBounds)?;
    let from = range(src_index, len, tables[src].elems.len()).ok_or(Trap::TableOutOfBounds)?;
    match tables.get_disjoint_mut([dst, src]) {
        Ok([dst, src]) => dst.elems[to].copy_from_slice(&src.elems[from]),
        Err(_) => tables[dst].elems.copy_within(from, to.start),
    }
    Ok(())
}

impl Table {
    pub(crate) fn from_index(core: &StoreCore, index: u32) -> Self {
        Self {
            store: core.id,
            index,
        }
    }

    pub(crate) fn store(&self) -> StoreId {
        self.store
    }

    pub(crate) fn index(&self) -> u32 {
        self.index
    }

    /// A table of its least size, full of `init`.
    ///
    /// # Errors
    ///
    /// If `init` is not of the element type or belongs to another store, if the least size is
    /// above the greatest, if the store's limiter refuses, or if there is no memory.
    pub fn new(mut store: impl AsContextMut, ty: TableType, init: Ref) -> Result<Self> {
        let mut store = store.as_context_mut();
        if ty.maximum().is_some_and(|max| max < ty.minimum()) {
            return Err(Error::msg("the table's limits contradict each other"));
        }
        let bits = bits_of(init, ty.element(), store.core_mut())?;
        let (core, mut limiter) = store.inner_mut().split();
        check_count(
            core.tables.len(),
            1,
            limiter.as_deref().map(|l| l.tables()),
            "table",
        )?;
        // SAFETY: it makes its own record; the reference was checked.
        let data = unsafe { TableData::new(limiter.take(), ty, bits, None)? };
        try_reserve(&mut core.tables, 1, "a store's tables")?;
        core.tables.push(data);
        Ok(Self::from_index(core, core.tables.len() as u32 - 1))
    }

    fn data<'a>(&self, core: &'a StoreCore) -> &'a TableData {
        core.assert(self.store);
        &core.tables[self.index as usize]
    }

    /// Type of the table; its minimum is the size that it has now.
    ///
    /// # Panics
    ///
    /// If the table belongs to another store.
    pub fn ty(&self, store: impl AsContext) -> TableType {
        let data = self.data(store.as_context().core());
        let (min, max) = data.current_type();
        TableType::new(data.element(), min as u32, max.map(|max| max as u32))
    }

    /// How many elements it has.
    ///
    /// # Panics
    ///
    /// If the table belongs to another store.
    pub fn size(&self, store: impl AsContext) -> u64 {
        self.data(store.as_context().core()).len()
    }

    /// The element at `index`, if there is one.
    ///
    /// # Panics
    ///
    /// If the table belongs to another store.
    pub fn get(&self, store: impl AsContext, index: u64) -> Option<Ref> {
        let store = store.as_context();
        let data = self.data(store.core());
        let bits = data.get(index)?;
        Some(match data.element() {
            // SAFETY: an element of a table of functions of this store.
            ValType::FuncRef => Ref::Func(unsafe { Func::from_bits(bits, store.core()) }),
            _ => Ref::Extern(store.core().externs.get(bits)),
        })
    }

    /// Sets the element at `index`.
    ///
    /// # Errors
    ///
    /// If there is none, if `value` is not of the element type, or if either belongs to another
    /// store.
    pub fn set(&self, store: impl AsContextMut, index: u64, value: Ref) -> Result<()> {
        self.fill(store, index, value, 1)
    }

    /// Grows the table by `delta` elements of `init`. The old size.
    ///
    /// # Errors
    ///
    /// If the type's maximum, the store's limiter or the system do not allow it, if `init` is not
    /// of the element type, or if either belongs to another store.
    pub fn grow(&self, mut store: impl AsContextMut, delta: u64, init: Ref) -> Result<u64> {
        let mut store = store.as_context_mut();
        store.core().check(self.store)?;
        let element = self.data(store.core()).element();
        let bits = bits_of(init, element, store.core_mut())?;
        let (core, limiter) = store.inner_mut().split();
        // SAFETY: the reference was checked.
        let grown = unsafe { core.tables[self.index as usize].grow(limiter, delta, bits) };
        core.counters.grown(&grown, StoreCounters::tables);
        match grown? {
            Some(old) => Ok(old),
            None => Err(Error::msg(format!(
                "failed to grow table by {delta} elements"
            ))),
        }
    }

    /// Sets `len` elements from `index` on.
    ///
    /// # Errors
    ///
    /// If there are not so many, if `value` is not of the element type, or if either belongs to
    /// another store.
    pub fn fill(
        &self,
        mut store: impl AsContextMut,
        index: u64,
        value: Ref,
        len: u64,
    ) -> Result<()> {
        let mut store = store.as_context_mut();
        let core = store.core_mut();
        core.check(self.store)?;
        let bits = bits_of(value, self.data(core).element(), core)?;
        // SAFETY: the reference was checked.
        unsafe { core.tables[self.index as usize].set(index, len, |_| bits)? };
        Ok(())
    }

    /// Copies `len` elements of `src` from `src_index` on to `dst`.
    ///
    /// # Errors
    ///
    /// If there are not so many, if the types of elements differ, or if a table belongs to another
    /// store.
    pub fn copy(
        mut store: impl AsContextMut,
        dst: &Table,
        dst_index: u64,
        src: &Table,
        src_index: u64,
        len: u64,
    ) -> Result<()> {
        let mut store = store.as_context_mut();
        let core = store.core_mut();
        core.check(dst.store)?;
        core.check(src.store)?;
        if dst.data(core).element() != src.data(core).element() {
            return Err(Error::msg("tables do not have the same element type"));
        }
        let (dst, src) = ((dst.index, dst_index), (src.index, src_index));
        Ok(copy(&mut core.tables, dst, src, len)?)
    }
}

/// A reference of type `ty` as compiled code holds it.
fn bits_of(value: Ref, ty: ValType, core: &mut StoreCore) -> Result<u64> {
    let value = Val::from(value);
    value.check(ty, "the element")?;
    Ok(value.to_cells(core)?[0])
}
