//! Globals.
#![allow(unsafe_code, reason = "globals are shared with compiled code")]

use std::ptr::NonNull;

use super::context::{AsContext, AsContextMut};
use super::owned::Owned;
use super::store::{StoreCore, StoreId};
use super::types::{GlobalType, Mutability};
use super::values::Val;
use crate::error::{Error, Result};

/// A global of a store: a handle.
#[derive(Clone, Copy, Debug)]
pub struct Global {
    store: StoreId,
    index: u32,
}

/// Where compiled code keeps a global's value.
#[repr(C, align(16))]
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cells(pub(crate) [u64; 2]);

/// # Invariants
///
/// `cells` lives as long as the store, and holds a value of type `ty`.
pub(crate) struct GlobalData {
    pub(crate) cells: NonNull<Cells>,
    pub(crate) ty: GlobalType,
    /// Of a global that the host has made.
    pub(crate) _own: Option<Owned<Cells>>,
}

// SAFETY: `cells` is part of the store that owns this.
unsafe impl Send for GlobalData {}
// SAFETY: shared access only reads.
unsafe impl Sync for GlobalData {}

impl Global {
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

    /// A global that holds `value`.
    ///
    /// # Errors
    ///
    /// If `value` is not of the type, or belongs to another store.
    pub fn new(mut store: impl AsContextMut, ty: GlobalType, value: Val) -> Result<Self> {
        let mut store = store.as_context_mut();
        let core = store.core_mut();
        value.check(ty.content(), "the global's value")?;
        let own = Owned::new(Cells(value.to_cells(core)?));
        core.globals.push(GlobalData {
            cells: own.ptr(),
            ty,
            _own: Some(own),
        });
        Ok(Self::from_index(core, core.globals.len() as u32 - 1))
    }

    /// Type of the global.
    ///
    /// # Panics
    ///
    /// If the global belongs to another store.
    pub fn ty(&self, store: impl AsContext) -> GlobalType {
        let store = store.as_context();
        store.core().assert(self.store);
        store.core().globals[self.index as usize].ty.clone()
    }

    /// The value. (It takes `&mut store` as well as `&store`.)
    ///
    /// # Panics
    ///
    /// If the global belongs to another store.
    pub fn get(&self, store: impl AsContext) -> Val {
        let store = store.as_context();
        let core = store.core();
        core.assert(self.store);
        let data = &core.globals[self.index as usize];
        // SAFETY: the invariants of `GlobalData`.
        unsafe { Val::from_cells(data.ty.content(), data.cells.read().0, core) }
    }

    /// Sets the value.
    ///
    /// # Errors
    ///
    /// If the global cannot change, if `value` is not of its type, or if either belongs to
    /// another store.
    pub fn set(&self, mut store: impl AsContextMut, value: Val) -> Result<()> {
        let mut store = store.as_context_mut();
        let core = store.core_mut();
        core.check(self.store)?;
        let data = &core.globals[self.index as usize];
        if data.ty.mutability() == Mutability::Const {
            return Err(Error::msg("immutable global cannot be set"));
        }
        value.check(data.ty.content(), "the global's value")?;
        let cells = data.cells;
        let value = Cells(value.to_cells(core)?);
        // SAFETY: the invariants of `GlobalData`.
        unsafe { cells.write(value) };
        Ok(())
    }
}
