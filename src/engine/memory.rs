//! Linear memories.
#![allow(
    unsafe_code,
    reason = "memories are shared with compiled code, which moves and resizes them"
)]

use std::fmt;
use std::ptr::NonNull;

use super::context::{AsContext, AsContextMut, StoreContext, StoreContextMut};
use super::counters::StoreCounters;
use super::limits::ResourceLimiter;
use super::linear::LinearMemory;
use super::owned::Owned;
use super::store::{StoreCore, StoreId, StoreInner};
use super::types::MemoryType;
use crate::asm::abi::VmMemory;
use crate::error::{Error, Result, try_reserve};
use crate::ir::types::PAGE_SIZE;

/// A linear memory of a store: a handle.
///
/// ```
/// use pronto::{Engine, Memory, MemoryType, Store};
///
/// let mut store = Store::new(&Engine::default(), ());
/// let memory = Memory::new(&mut store, MemoryType::new(1, Some(2)))?;
/// memory.write(&mut store, 5, b"hello")?;
/// assert_eq!(&memory.data(&store)[5..10], b"hello");
/// assert_eq!(memory.grow(&mut store, 1)?, 1);
/// assert!(memory.grow(&mut store, 1).is_err());
/// # Ok::<(), pronto::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Memory {
    store: StoreId,
    index: u32,
}

/// An access from the host outside a memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct MemoryAccessError;

impl fmt::Display for MemoryAccessError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("out of bounds memory access")
    }
}

impl std::error::Error for MemoryAccessError {}

/// Pages of a memory with 32-bit addresses.
pub(crate) const MAX_PAGES: u64 = 1 << 16;

/// # Invariants
///
/// `vm` lives as long as the store, and describes the accessible part of `linear`.
pub(crate) struct MemoryData {
    pub(crate) vm: NonNull<VmMemory>,
    linear: LinearMemory,
    ty: MemoryType,
    /// Of a memory that the host has made.
    _own: Option<Owned<VmMemory>>,
}

// SAFETY: `vm` is part of the store that owns this.
unsafe impl Send for MemoryData {}
// SAFETY: shared access only reads.
unsafe impl Sync for MemoryData {}

/// Asks the limiter whether something may grow; see [`ResourceLimiter`].
pub(crate) type LimiterRef<'a> = Option<&'a mut dyn ResourceLimiter>;

impl MemoryData {
    /// A memory of its least size. Compiled code reaches it through `vm`, or through a record of
    /// its own if there is none.
    ///
    /// # Errors
    ///
    /// If the limiter refuses, or the system has no memory.
    ///
    /// # Safety
    ///
    /// `vm` can be written, and lives as long as the store.
    pub(crate) unsafe fn new(
        core: &StoreCore,
        mut limiter: LimiterRef<'_>,
        ty: MemoryType,
        vm: Option<NonNull<VmMemory>>,
    ) -> Result<Self> {
        if ty.minimum() > MAX_PAGES {
            return Err(Error::msg(format!(
                "a memory of {} pages is too large",
                ty.minimum()
            )));
        }
        let bytes = (ty.minimum() * PAGE_SIZE) as usize;
        if let Some(limiter) = &mut limiter
            && !limiter.memory_growing(0, bytes, max_bytes(&ty))?
        {
            return Err(Error::msg(format!(
                "memory minimum size of {} pages exceeds memory limits",
                ty.minimum()
            )));
        }
        let mode = core.engine.config().mode;
        let linear = LinearMemory::new(mode, core.engine.pool(), bytes)?;
        let record = VmMemory {
            base: linear.base().as_ptr(),
            bound: bytes as u64,
        };
        let (vm, own) = match vm {
            Some(vm) => (vm, None),
            None => {
                let own = Owned::new(record);
                (own.ptr(), Some(own))
            }
        };
        // SAFETY: the caller gives it, or it was just made.
        unsafe { vm.write(record) };
        Ok(Self {
            vm,
            linear,
            ty,
            _own: own,
        })
    }

    fn vm(&self) -> VmMemory {
        // SAFETY: the type's invariants.
        unsafe { self.vm.read() }
    }

    /// Size in bytes.
    pub(crate) fn bytes(&self) -> usize {
        self.vm().bound as usize
    }

    pub(crate) fn pages(&self) -> u64 {
        self.vm().bound / PAGE_SIZE
    }

    /// The type, with the size that it has now as the least.
    pub(crate) fn current_type(&self) -> (u64, Option<u64>) {
        (self.pages(), self.ty.maximum())
    }

    /// Address and size.
    pub(crate) fn raw(&self) -> (*mut u8, usize) {
        let vm = self.vm();
        (vm.base, vm.bound as usize)
    }

    /// Whether its type allows so many more pages.
    pub(crate) fn may_grow(&self, delta: u64) -> bool {
        self.pages().saturating_add(delta) <= self.max_pages()
    }

    fn max_pages(&self) -> u64 {
        self.ty.maximum().unwrap_or(MAX_PAGES).min(MAX_PAGES)
    }

    /// Grows by `delta` pages. The old size; `None` if the limiter, the type, or the system
    /// refuse.
    ///
    /// # Errors
    ///
    /// Those of the limiter.
    pub(crate) fn grow(&mut self, mut limiter: LimiterRef<'_>, delta: u64) -> Result<Option<u64>> {
        let old = self.pages();
        if delta == 0 {
            return Ok(Some(old));
        }
        let pages = old.saturating_add(delta);
        let bytes = usize::try_from(pages.saturating_mul(PAGE_SIZE)).unwrap_or(usize::MAX);
        if let Some(limiter) = &mut limiter
            && !limiter.memory_growing(self.bytes(), bytes, max_bytes(&self.ty))?
        {
            return Ok(None);
        }
        let result = if pages > self.max_pages() {
            Err(Error::msg("memory maximum size exceeded"))
        } else {
            self.linear.grow(bytes)
        };
        if let Err(error) = result {
            if let Some(limiter) = limiter {
                limiter.memory_grow_failed(error)?;
            }
            return Ok(None);
        }
        // SAFETY: the type's invariants. Compiled code that has cached the record reads it again
        // before it goes on.
        unsafe {
            self.vm.write(VmMemory {
                base: self.linear.base().as_ptr(),
                bound: bytes as u64,
            });
        }
        Ok(Some(old))
    }
}

fn max_bytes(ty: &MemoryType) -> Option<usize> {
    usize::try_from(ty.maximum()?.saturating_mul(PAGE_SIZE)).ok()
}

impl Memory {
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

    /// A memory of its least size, full of zeros.
    ///
    /// # Errors
    ///
    /// If the least size is above the greatest, if the store's limiter refuses, or if the system
    /// has no memory.
    pub fn new(mut store: impl AsContextMut, ty: MemoryType) -> Result<Self> {
        let mut store = store.as_context_mut();
        if ty
            .maximum()
            .is_some_and(|max| max < ty.minimum() || max > MAX_PAGES)
        {
            return Err(Error::msg("the memory's limits contradict each other"));
        }
        let (core, mut limiter) = store.inner_mut().split();
        check_count(
            core.memories.len(),
            1,
            limiter.as_deref().map(|l| l.memories()),
            "memory",
        )?;
        // SAFETY: it makes its own record.
        let data = unsafe { MemoryData::new(core, limiter.take(), ty, None)? };
        try_reserve(&mut core.memories, 1, "a store's memories")?;
        core.memories.push(data);
        Ok(Self::from_index(core, core.memories.len() as u32 - 1))
    }

    fn get<'a>(&self, core: &'a StoreCore) -> &'a MemoryData {
        core.assert(self.store);
        &core.memories[self.index as usize]
    }

    /// Type of the memory; its minimum is the size that it has now.
    ///
    /// # Panics
    ///
    /// If the memory belongs to another store.
    pub fn ty(&self, store: impl AsContext) -> MemoryType {
        let data = self.get(store.as_context().core());
        let (min, max) = data.current_type();
        MemoryType::new(min as u32, max.map(|max| max as u32))
    }

    /// The bytes.
    ///
    /// # Panics
    ///
    /// If the memory belongs to another store.
    pub fn data<'a, T: 'static>(&self, store: impl Into<StoreContext<'a, T>>) -> &'a [u8] {
        let (base, len) = self.get(store.into().core()).raw();
        // SAFETY: the memory's bytes; nothing changes them while the store is borrowed.
        unsafe { std::slice::from_raw_parts(base, len) }
    }

    /// The bytes, to change.
    ///
    /// # Panics
    ///
    /// If the memory belongs to another store.
    pub fn data_mut<'a, T: 'static>(
        &self,
        store: impl Into<StoreContextMut<'a, T>>,
    ) -> &'a mut [u8] {
        self.data_and_store_mut(store).0
    }

    /// The bytes and the host's data, to change both.
    ///
    /// # Panics
    ///
    /// If the memory belongs to another store.
    pub fn data_and_store_mut<'a, T: 'static>(
        &self,
        store: impl Into<StoreContextMut<'a, T>>,
    ) -> (&'a mut [u8], &'a mut T) {
        let StoreInner { core, data, .. } = store.into().into_inner();
        let (base, len) = self.get(core).raw();
        // SAFETY: the memory's bytes, which are apart from the store's record; the store is
        // borrowed exclusively.
        (unsafe { std::slice::from_raw_parts_mut(base, len) }, data)
    }

    /// Copies bytes at `offset` to `buffer`.
    ///
    /// # Errors
    ///
    /// If they are not all within the memory.
    ///
    /// # Panics
    ///
    /// If the memory belongs to another store.
    pub fn read(
        &self,
        store: impl AsContext,
        offset: usize,
        buffer: &mut [u8],
    ) -> Result<(), MemoryAccessError> {
        let context = store.as_context();
        let bytes = self
            .data(context)
            .get(offset..)
            .and_then(|bytes| bytes.get(..buffer.len()));
        buffer.copy_from_slice(bytes.ok_or(MemoryAccessError)?);
        Ok(())
    }

    /// Copies `buffer` to `offset`.
    ///
    /// # Errors
    ///
    /// If that is not all within the memory.
    ///
    /// # Panics
    ///
    /// If the memory belongs to another store.
    pub fn write(
        &self,
        mut store: impl AsContextMut,
        offset: usize,
        buffer: &[u8],
    ) -> Result<(), MemoryAccessError> {
        let bytes = self.data_mut(store.as_context_mut());
        let bytes = bytes
            .get_mut(offset..)
            .and_then(|bytes| bytes.get_mut(..buffer.len()));
        bytes.ok_or(MemoryAccessError)?.copy_from_slice(buffer);
        Ok(())
    }

    /// Size in pages of 64 KiB.
    ///
    /// # Panics
    ///
    /// If the memory belongs to another store.
    pub fn size(&self, store: impl AsContext) -> u64 {
        self.get(store.as_context().core()).pages()
    }

    /// Size in bytes.
    ///
    /// # Panics
    ///
    /// If the memory belongs to another store.
    pub fn data_size(&self, store: impl AsContext) -> usize {
        self.get(store.as_context().core()).bytes()
    }

    /// Address of the first byte, until the memory grows.
    ///
    /// # Panics
    ///
    /// If the memory belongs to another store.
    pub fn data_ptr(&self, store: impl AsContext) -> *mut u8 {
        self.get(store.as_context().core()).raw().0
    }

    /// Grows the memory by `delta` pages. The old size.
    ///
    /// # Errors
    ///
    /// If the type's maximum, the store's limiter or the system do not allow it, or if the memory
    /// belongs to another store.
    pub fn grow(&self, mut store: impl AsContextMut, delta: u64) -> Result<u64> {
        let mut store = store.as_context_mut();
        store.core().check(self.store)?;
        let (core, limiter) = store.inner_mut().split();
        let grown = core.memories[self.index as usize].grow(limiter, delta);
        core.counters.grown(&grown, StoreCounters::memories);
        match grown? {
            Some(old) => Ok(old),
            None => Err(Error::msg(format!(
                "failed to grow memory by {delta} pages"
            ))),
        }
    }
}

/// # Errors
///
/// If `new` items more than `have` are too many.
pub(crate) fn check_count(have: usize, new: usize, limit: Option<usize>, what: &str) -> Result<()> {
    let limit = limit.unwrap_or(u32::MAX as usize);
    if have.saturating_add(new) <= limit {
        return Ok(());
    }
    Err(Error::msg(format!(
        "resource limit exceeded: {what} count too high at {limit}"
    )))
}
