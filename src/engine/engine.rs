//! What modules and stores share: the configuration and the numbering of signatures.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, RwLock};

use super::config::Config;
use super::counters::Compiled;
use super::interrupt::Epochs;
use super::native;
use super::pool::PoolRef;
use crate::asm::abi::{MemoryMode, NULL_SIG, Thunks};
use crate::asm::isa::IsaOptions;
use crate::error::{OutOfMemory, Result, try_reserve, try_with_capacity};
use crate::ir::fuel::Costs;
use crate::ir::types::FuncType;

/// Compiles modules and runs them. Modules, stores and linkers belong to an engine and work only
/// with others of the same engine.
///
/// What is gone leaves an engine memory for what comes next: up to 8 MiB of the pages of modules, the
/// buffers that they were compiled with, and the mappings of 64 memories and 64 stacks, of which a
/// few pages are in memory. It goes with the engine's last handle.
///
/// A clone is another handle to the same engine; it can be used from any thread.
#[derive(Clone)]
pub struct Engine {
    inner: Arc<EngineInner>,
}

// A listener that panics leaves an engine as it was.
impl std::panic::UnwindSafe for Engine {}
impl std::panic::RefUnwindSafe for Engine {}

struct EngineInner {
    config: Config,
    thunks: Thunks,
    isa: IsaOptions,
    costs: Option<Costs>,
    sigs: RwLock<Signatures>,
    workers: native::Workers,
    epochs: Epochs,
    pool: PoolRef,
    compiled: Compiled,
}

/// Numbers function types, so that compiled code compares them by number.
#[derive(Default)]
struct Signatures {
    numbers: HashMap<Arc<FuncType>, u32>,
    types: Vec<Arc<FuncType>>,
}

impl Engine {
    /// An engine with a configuration.
    ///
    /// # Errors
    ///
    /// If the configuration contradicts itself, or asks for what this system does not have.
    pub fn new(config: &Config) -> Result<Self> {
        config.check()?;
        if config.mode == MemoryMode::Guard {
            super::signal::install()?;
        }
        #[cfg(feature = "profiling")]
        super::profiler::start(config.profiler)?;
        Ok(Self {
            inner: Arc::new(EngineInner {
                thunks: native::thunks(config.mode, config.consume_fuel),
                isa: IsaOptions {
                    mode: config.mode,
                    poison: config.poison,
                    interruptible: config.interruptible,
                    metered: config.consume_fuel,
                    canonical_nans: config.canonical_nans,
                    features: native::features(),
                },
                costs: config.consume_fuel.then(|| Costs::new(config.fuel_costs)),
                config: config.clone(),
                sigs: RwLock::default(),
                workers: native::Workers::default(),
                epochs: Epochs::default(),
                pool: PoolRef::default(),
                compiled: Compiled::default(),
            }),
        })
    }

    /// The configuration that the engine was made with.
    pub fn config(&self) -> &Config {
        &self.inner.config
    }

    /// Whether both are handles to one engine.
    pub fn same(a: &Self, b: &Self) -> bool {
        Arc::ptr_eq(&a.inner, &b.inner)
    }

    /// Begins the next epoch: guests of stores whose deadline it is are interrupted, on whatever
    /// threads they run. See
    /// [`Store::set_epoch_deadline`](crate::Store::set_epoch_deadline). It takes a lock, so it is
    /// not for signal handlers.
    pub fn increment_epoch(&self) {
        self.inner.epochs.increment();
    }

    pub(crate) fn epochs(&self) -> &Epochs {
        &self.inner.epochs
    }

    pub(crate) fn thunks(&self) -> &Thunks {
        &self.inner.thunks
    }

    pub(crate) fn isa(&self) -> IsaOptions {
        self.inner.isa
    }

    /// What operators cost, if guests pay.
    pub(crate) fn costs(&self) -> Option<&Costs> {
        self.inner.costs.as_ref()
    }

    /// What compiles functions.
    pub(crate) fn workers(&self) -> &native::Workers {
        &self.inner.workers
    }

    /// Where what is compiled is counted.
    pub(crate) fn compiled(&self) -> &Compiled {
        &self.inner.compiled
    }

    /// Where memories and stacks come from.
    pub(crate) fn pool(&self) -> &PoolRef {
        &self.inner.pool
    }

    /// The number of a signature.
    pub(crate) fn sig(&self, ty: &FuncType) -> u32 {
        let sigs = self.inner.sigs.read().unwrap_or_else(|e| e.into_inner());
        if let Some(&sig) = sigs.numbers.get(ty) {
            return sig;
        }
        drop(sigs);
        let mut sigs = self.inner.sigs.write().unwrap_or_else(|e| e.into_inner());
        sigs.add(ty)
    }

    /// The numbers of many signatures.
    ///
    /// # Errors
    ///
    /// If the host has no memory.
    pub(crate) fn sigs(&self, types: &[FuncType]) -> Result<Box<[u32]>> {
        let what = "a module's types";
        let mut numbers = try_with_capacity(types.len(), what)?;
        let mut sigs = self.inner.sigs.write().unwrap_or_else(|e| e.into_inner());
        sigs.reserve(types.len(), what)?;
        numbers.extend(types.iter().map(|ty| sigs.add(ty)));
        Ok(numbers.into())
    }

    /// The signature of a number that this engine has given.
    pub(crate) fn sig_type(&self, sig: u32) -> Arc<FuncType> {
        let sigs = self.inner.sigs.read().unwrap_or_else(|e| e.into_inner());
        sigs.types[sig as usize].clone()
    }
}

impl Signatures {
    fn reserve(&mut self, count: usize, what: &'static str) -> Result<(), OutOfMemory> {
        try_reserve(&mut self.types, count, what)?;
        let reserved = self.numbers.try_reserve(count);
        let bytes = count * size_of::<(Arc<FuncType>, u32)>();
        reserved.map_err(|_| OutOfMemory::new(what, bytes))
    }

    fn add(&mut self, ty: &FuncType) -> u32 {
        if let Some(&sig) = self.numbers.get(ty) {
            return sig;
        }
        let sig = self.types.len() as u32;
        assert!(sig < NULL_SIG, "2^32 signatures do not fit into memory");
        let ty = Arc::new(ty.clone());
        self.types.push(ty.clone());
        self.numbers.insert(ty, sig);
        sig
    }
}

/// With the default configuration.
impl Default for Engine {
    fn default() -> Self {
        match Self::new(&Config::new()) {
            Ok(engine) => engine,
            Err(error) => panic!("the default configuration does not work here: {error:?}"),
        }
    }
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Engine").field(&self.inner.config).finish()
    }
}
