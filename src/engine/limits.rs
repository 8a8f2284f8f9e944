//! Limits on what a store may allocate.

use crate::error::{Error, Result};

/// Is asked before a store allocates for its guests; see
/// [`Store::limiter`](crate::Store::limiter).
pub trait ResourceLimiter {
    /// Whether a memory may grow from `current` to `desired` bytes; `maximum` is that of its
    /// type, in bytes. A new memory grows from 0.
    ///
    /// `Ok(false)` makes the growth fail: `memory.grow` gives -1, an instantiation an error.
    ///
    /// # Errors
    ///
    /// An error ends the guest's call with it.
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> Result<bool>;

    /// A growth that was allowed has failed, for want of real memory or for the type's maximum.
    ///
    /// # Errors
    ///
    /// An error ends the guest's call with it.
    fn memory_grow_failed(&mut self, error: Error) -> Result<()> {
        let _ = error;
        Ok(())
    }

    /// As [`Self::memory_growing`], for a table, in elements.
    ///
    /// # Errors
    ///
    /// An error ends the guest's call with it.
    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> Result<bool>;

    /// As [`Self::memory_grow_failed`], for a table.
    ///
    /// # Errors
    ///
    /// An error ends the guest's call with it.
    fn table_grow_failed(&mut self, error: Error) -> Result<()> {
        let _ = error;
        Ok(())
    }

    /// How many instances the store may hold.
    fn instances(&self) -> usize {
        DEFAULT_COUNT
    }

    /// How many tables the store may hold.
    fn tables(&self) -> usize {
        DEFAULT_COUNT
    }

    /// How many memories the store may hold.
    fn memories(&self) -> usize {
        DEFAULT_COUNT
    }
}

const DEFAULT_COUNT: usize = 10_000;

/// A [`ResourceLimiter`] of fixed limits, made by [`StoreLimitsBuilder`].
///
/// ```
/// use pronto::{Engine, Memory, MemoryType, Store, StoreLimits, StoreLimitsBuilder};
///
/// let limits = StoreLimitsBuilder::new().memory_size(1 << 20).build();
/// let mut store: Store<StoreLimits> = Store::new(&Engine::default(), limits);
/// store.limiter(|limits| limits);
/// assert!(Memory::new(&mut store, MemoryType::new(16, None)).is_ok());
/// assert!(Memory::new(&mut store, MemoryType::new(17, None)).is_err());
/// ```
#[derive(Clone, Debug)]
pub struct StoreLimits {
    memory_size: Option<usize>,
    table_elements: Option<usize>,
    instances: usize,
    tables: usize,
    memories: usize,
    trap_on_grow_failure: bool,
}

impl Default for StoreLimits {
    fn default() -> Self {
        Self {
            memory_size: None,
            table_elements: None,
            instances: DEFAULT_COUNT,
            tables: DEFAULT_COUNT,
            memories: DEFAULT_COUNT,
            trap_on_grow_failure: false,
        }
    }
}

impl StoreLimits {
    fn growing(
        &self,
        what: &str,
        desired: usize,
        limit: Option<usize>,
        maximum: Option<usize>,
    ) -> Result<bool> {
        let allowed = [limit, maximum].iter().flatten().all(|&max| desired <= max);
        if !allowed && self.trap_on_grow_failure {
            return Err(Error::msg(format!(
                "forcing trap when growing {what} to {desired}"
            )));
        }
        Ok(allowed)
    }

    fn failed(&self, error: Error) -> Result<()> {
        if self.trap_on_grow_failure {
            Err(error.context("forcing a trap on growth failure"))
        } else {
            Ok(())
        }
    }
}

impl ResourceLimiter for StoreLimits {
    fn memory_growing(
        &mut self,
        _current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> Result<bool> {
        self.growing("memory", desired, self.memory_size, maximum)
    }

    fn memory_grow_failed(&mut self, error: Error) -> Result<()> {
        self.failed(error)
    }

    fn table_growing(
        &mut self,
        _current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> Result<bool> {
        self.growing("table", desired, self.table_elements, maximum)
    }

    fn table_grow_failed(&mut self, error: Error) -> Result<()> {
        self.failed(error)
    }

    fn instances(&self) -> usize {
        self.instances
    }

    fn tables(&self) -> usize {
        self.tables
    }

    fn memories(&self) -> usize {
        self.memories
    }
}

/// Builds [`StoreLimits`].
#[derive(Clone, Debug, Default)]
pub struct StoreLimitsBuilder(StoreLimits);

impl StoreLimitsBuilder {
    /// No limits but 10 000 of each kind of item.
    pub fn new() -> Self {
        Self::default()
    }

    /// Bytes of each memory.
    #[must_use]
    pub fn memory_size(mut self, limit: usize) -> Self {
        self.0.memory_size = Some(limit);
        self
    }

    /// Elements of each table.
    #[must_use]
    pub fn table_elements(mut self, limit: usize) -> Self {
        self.0.table_elements = Some(limit);
        self
    }

    /// How many instances.
    #[must_use]
    pub fn instances(mut self, limit: usize) -> Self {
        self.0.instances = limit;
        self
    }

    /// How many tables.
    #[must_use]
    pub fn tables(mut self, limit: usize) -> Self {
        self.0.tables = limit;
        self
    }

    /// How many memories.
    #[must_use]
    pub fn memories(mut self, limit: usize) -> Self {
        self.0.memories = limit;
        self
    }

    /// Whether a growth that fails ends the guest's call, where -1 would be its result.
    #[must_use]
    pub fn trap_on_grow_failure(mut self, trap: bool) -> Self {
        self.0.trap_on_grow_failure = trap;
        self
    }

    /// The limits.
    pub fn build(self) -> StoreLimits {
        self.0
    }
}
