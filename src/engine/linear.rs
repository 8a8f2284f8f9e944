//! The pages behind a linear memory.

use std::ptr::NonNull;

use super::mapping::{Mapping, page_size};
use super::registry::{GUARDS, Registration};
use crate::asm::abi::{GUARD_RESERVATION, MemoryMode};
use crate::error::Result;

/// Pages behind a memory, accessible up to its size.
pub(crate) enum LinearMemory {
    /// Exactly the memory's pages, or none. They move as it grows.
    Exact(Option<Mapping>),
    /// [`GUARD_RESERVATION`] bytes of address space, with a guard page before them.
    Guarded {
        mapping: Mapping,
        len: usize,
        _registration: Registration,
    },
}

impl LinearMemory {
    /// # Errors
    ///
    /// If the system has no memory or address space.
    pub(crate) fn new(mode: MemoryMode, bytes: usize) -> Result<Self> {
        let mut memory = match mode {
            MemoryMode::Explicit => Self::Exact(None),
            MemoryMode::Guard => {
                let reserve = GUARD_RESERVATION as usize;
                let mapping = Mapping::reserve(page_size() + reserve)?;
                let start = mapping.base().as_ptr() as usize + page_size();
                Self::Guarded {
                    mapping,
                    len: 0,
                    _registration: GUARDS.add(start..start + reserve),
                }
            }
        };
        memory.grow(bytes)?;
        Ok(memory)
    }

    /// Makes the memory larger: `bytes` is a multiple of the wasm page and at most 4 GiB.
    ///
    /// # Errors
    ///
    /// If the system has no memory; everything stays as it was.
    pub(crate) fn grow(&mut self, bytes: usize) -> Result<()> {
        match self {
            Self::Exact(_) if bytes == 0 => Ok(()),
            Self::Exact(Some(mapping)) => mapping.grow(bytes),
            Self::Exact(none) => {
                *none = Some(Mapping::zeroed(bytes)?);
                Ok(())
            }
            Self::Guarded { mapping, len, .. } => {
                mapping.commit(page_size() + *len..page_size() + bytes)?;
                *len = bytes;
                Ok(())
            }
        }
    }

    /// Address of the first byte.
    pub(crate) fn base(&self) -> NonNull<u8> {
        match self {
            Self::Exact(None) => NonNull::<u128>::dangling().cast(),
            Self::Exact(Some(mapping)) => mapping.base(),
            Self::Guarded { mapping, .. } => {
                let base = mapping.base().as_ptr().wrapping_add(page_size());
                NonNull::new(base).unwrap_or(NonNull::dangling())
            }
        }
    }
}
