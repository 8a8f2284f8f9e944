//! The pages behind a linear memory.

use std::ptr::NonNull;

use super::mapping::Mapping;
use super::pool::{PoolRef, Reservation};
use crate::asm::abi::MemoryMode;
use crate::error::Result;

/// Pages behind a memory, accessible up to its size.
pub(crate) enum LinearMemory {
    /// Exactly the memory's pages, or none. They move as it grows, and go back in the end.
    Exact(Option<Mapping>, PoolRef),
    /// Part of a reservation, which goes back to where it came from.
    Guarded(Option<Reservation>, PoolRef),
}

impl LinearMemory {
    /// # Errors
    ///
    /// If the system has no memory or address space.
    pub(crate) fn new(mode: MemoryMode, pool: &PoolRef, bytes: usize) -> Result<Self> {
        Ok(match mode {
            MemoryMode::Explicit if bytes == 0 => Self::Exact(None, pool.clone()),
            MemoryMode::Explicit => Self::Exact(Some(pool.exact(bytes)?), pool.clone()),
            MemoryMode::Guard => Self::Guarded(Some(pool.reservation(bytes)?), pool.clone()),
        })
    }

    /// Makes the memory larger: `bytes` is a multiple of the wasm page and at most 4 GiB.
    ///
    /// # Errors
    ///
    /// If the system has no memory; everything stays as it was.
    pub(crate) fn grow(&mut self, bytes: usize) -> Result<()> {
        match self {
            Self::Exact(..) if bytes == 0 => Ok(()),
            Self::Exact(Some(mapping), _) => mapping.grow(bytes),
            Self::Exact(none, pool) => {
                *none = Some(pool.exact(bytes)?);
                Ok(())
            }
            Self::Guarded(Some(reservation), _) => reservation.resize(bytes),
            Self::Guarded(None, _) => unreachable!("only a dropped memory has none"),
        }
    }

    /// Address of the first byte.
    pub(crate) fn base(&self) -> NonNull<u8> {
        match self {
            Self::Exact(None, _) | Self::Guarded(None, _) => NonNull::<u128>::dangling().cast(),
            Self::Exact(Some(mapping), _) => mapping.base(),
            Self::Guarded(Some(reservation), _) => {
                NonNull::new(reservation.start()).unwrap_or(NonNull::dangling())
            }
        }
    }
}

impl Drop for LinearMemory {
    fn drop(&mut self) {
        match self {
            Self::Exact(mapping, pool) => {
                if let Some(mapping) = mapping.take() {
                    pool.keep_exact(mapping);
                }
            }
            Self::Guarded(reservation, pool) => {
                if let Some(reservation) = reservation.take() {
                    pool.keep_reservation(reservation);
                }
            }
        }
    }
}
