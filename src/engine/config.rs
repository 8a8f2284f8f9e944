//! How an engine compiles and runs.

use std::fmt;
use std::sync::Arc;

use wasmparser::WasmFeatures;

use super::listener::FunctionListener;
#[cfg(feature = "profiling")]
use super::profiler::ProfilingStrategy;
use crate::asm::abi::MemoryMode;
use crate::error::{Error, Result};
use crate::ir::decode::DEFAULT_FEATURES;
use crate::ir::fuel::FuelCosts;
use crate::ir::limits::EnforcedLimits;

/// How an [`Engine`](crate::Engine) compiles and runs.
///
/// ```
/// use pronto::{Config, Engine};
///
/// let engine = Engine::new(Config::new().max_wasm_stack(256 * 1024))?;
/// # drop(engine);
/// # Ok::<(), pronto::Error>(())
/// ```
#[derive(Clone)]
pub struct Config {
    pub(crate) mode: MemoryMode,
    pub(crate) max_wasm_stack: usize,
    pub(crate) parallel: bool,
    pub(crate) backtrace: bool,
    pub(crate) poison: bool,
    pub(crate) interruptible: bool,
    pub(crate) canonical_nans: bool,
    pub(crate) consume_fuel: bool,
    pub(crate) fuel_costs: FuelCosts,
    pub(crate) features: WasmFeatures,
    pub(crate) limits: EnforcedLimits,
    pub(crate) count_host_calls: bool,
    pub(crate) listener: Option<Arc<dyn FunctionListener>>,
    #[cfg(feature = "profiling")]
    pub(crate) profiler: ProfilingStrategy,
    #[cfg(feature = "gdb")]
    pub(crate) debug_info: bool,
}

/// Whether this system lets the engine turn memory faults into traps.
const SIGNALS: bool = cfg!(all(
    unix,
    any(target_arch = "x86_64", target_arch = "aarch64")
));

impl Config {
    /// The defaults.
    pub fn new() -> Self {
        Self {
            mode: if SIGNALS {
                MemoryMode::Guard
            } else {
                MemoryMode::Explicit
            },
            max_wasm_stack: 1 << 20,
            parallel: true,
            backtrace: cfg!(feature = "backtrace"),
            poison: false,
            interruptible: false,
            canonical_nans: false,
            consume_fuel: false,
            fuel_costs: FuelCosts::default(),
            features: DEFAULT_FEATURES,
            limits: EnforcedLimits::new(),
            count_host_calls: false,
            listener: None,
            #[cfg(feature = "profiling")]
            profiler: ProfilingStrategy::None,
            #[cfg(feature = "gdb")]
            debug_info: false,
        }
    }

    /// Whether accesses outside a memory are found by a fault (with 6 GiB of address space
    /// reserved for each memory, and a handler for SIGSEGV and SIGBUS that passes on what is not
    /// its own), or by a check of each access (without either).
    ///
    /// Default: true where the system allows it.
    pub fn signals_based_traps(&mut self, enable: bool) -> &mut Self {
        self.mode = if enable {
            MemoryMode::Guard
        } else {
            MemoryMode::Explicit
        };
        self
    }

    /// Bytes of stack for the guest, per store. Default: 1 MiB.
    pub fn max_wasm_stack(&mut self, size: usize) -> &mut Self {
        self.max_wasm_stack = size;
        self
    }

    /// Whether to compile the functions of large modules on several threads (with the feature
    /// `parallel`). Default: true.
    pub fn parallel_compilation(&mut self, enable: bool) -> &mut Self {
        self.parallel = enable;
        self
    }

    /// Whether errors carry a [`WasmBacktrace`](crate::WasmBacktrace). Default: whether the crate's
    /// feature `backtrace` is on.
    pub fn wasm_backtrace(&mut self, enable: bool) -> &mut Self {
        self.backtrace = enable;
        self
    }

    /// Whether guests can be stopped from other threads, by epochs
    /// ([`Engine::increment_epoch`](crate::Engine::increment_epoch)) and by
    /// [`InterruptHandle`](crate::InterruptHandle)s: loops look at a flag then. Default: false.
    ///
    /// Between two looks lies at most: each operator of one function once, with what leaf
    /// functions it calls do without loops; or 256 KiB of a `memory.fill` or `memory.copy`, 32 768
    /// elements of a `table.fill` or `table.copy`; or one `memory.init`, `table.init` or growth of a
    /// table as a whole; or a host function, which can ask for itself
    /// ([`Caller::interrupt_handle`](crate::Caller::interrupt_handle)).
    pub fn epoch_interruption(&mut self, enable: bool) -> &mut Self {
        self.interruptible = enable;
        self
    }

    /// Whether a NaN that arithmetic makes is always the canonical one, positive and with the
    /// topmost bit of its payload alone. The specification leaves its sign, and for operands that are
    /// NaNs its payload, to the machine: with this and the same inputs, a guest computes the same
    /// bits on every machine. It costs a comparison and a branch for each such operator.
    /// Default: false.
    pub fn canonicalize_nans(&mut self, enable: bool) -> &mut Self {
        self.canonical_nans = enable;
        self
    }

    /// Whether guests spend fuel, and stop when there is none: with [`Trap::OutOfFuel`]. A new
    /// store has none; see [`Store::set_fuel`](crate::Store::set_fuel). Default: false.
    ///
    /// What is spent depends on the module and its inputs alone, not on the machine or how memory
    /// accesses are checked. A guest pays when it enters a run of operators that are executed one
    /// after the other: it never does what it has not paid for, and has paid, at a call of the
    /// host, for all up to that call and nothing else. A run that traps half-way was paid as a whole.
    ///
    /// [`Trap::OutOfFuel`]: crate::Trap::OutOfFuel
    pub fn consume_fuel(&mut self, enable: bool) -> &mut Self {
        self.consume_fuel = enable;
        self
    }

    /// What guests pay for, with [`Config::consume_fuel`].
    pub fn fuel_costs(&mut self, costs: FuelCosts) -> &mut Self {
        self.fuel_costs = costs;
        self
    }

    fn feature(&mut self, feature: WasmFeatures, enable: bool) -> &mut Self {
        self.features.set(feature, enable);
        self
    }

    /// Bulk memory operations. Default: true.
    pub fn wasm_bulk_memory(&mut self, enable: bool) -> &mut Self {
        self.feature(WasmFeatures::BULK_MEMORY, enable)
    }

    /// Reference types; they need bulk memory operations. Default: true.
    pub fn wasm_reference_types(&mut self, enable: bool) -> &mut Self {
        self.feature(WasmFeatures::REFERENCE_TYPES, enable)
    }

    /// Several results of functions and blocks, parameters of blocks. Default: true.
    pub fn wasm_multi_value(&mut self, enable: bool) -> &mut Self {
        self.feature(WasmFeatures::MULTI_VALUE, enable)
    }

    /// Arithmetic in constant expressions. Default: true.
    pub fn wasm_extended_const(&mut self, enable: bool) -> &mut Self {
        self.feature(WasmFeatures::EXTENDED_CONST, enable)
    }

    /// Limits on the modules that are compiled: their size, that of their code, how much of what
    /// they declare. A module beyond one is an
    /// [`EnforcedLimitsError`](crate::EnforcedLimitsError) that says which, what the module has and
    /// where: `limit exceeded at offset 0x3a: function 7: 2001 locals, allowed are at most 2000`.
    /// Default: [`EnforcedLimits::new`], none.
    pub fn enforced_limits(&mut self, limits: EnforcedLimits) -> &mut Self {
        self.limits = limits;
        self
    }

    /// Whether stores count calls of host functions, in
    /// [`StoreCounters::host_calls`](crate::StoreCounters::host_calls). What else they count is
    /// slow already or ends something; this makes each host call a little slower. Default: false.
    pub fn count_host_calls(&mut self, enable: bool) -> &mut Self {
        self.count_host_calls = enable;
        self
    }

    /// Reports calls of guest functions to `listener`: those that it chooses when a module is
    /// compiled. Functions that it does not choose cost nothing.
    pub fn function_listener(&mut self, listener: impl FunctionListener) -> &mut Self {
        self.listener = Some(Arc::new(listener));
        self
    }

    /// Tells a profiler of the system where compiled functions lie. An engine that cannot open the
    /// profiler's file is an error, and so is a module that cannot be written to it. Default: none.
    #[cfg(feature = "profiling")]
    pub fn profiler(&mut self, strategy: ProfilingStrategy) -> &mut Self {
        self.profiler = strategy;
        self
    }

    /// Whether debuggers of the system see compiled functions: their names (`module[function]`), by
    /// the interface of GDB, which LLDB has as well (`settings set plugin.jit-loader.gdb.enable on`).
    /// Lines and variables they do not see. Default: false.
    ///
    /// A process has one such interface: with the feature `gdb`, this crate does not link with
    /// another that defines `__jit_debug_descriptor`.
    #[cfg(feature = "gdb")]
    pub fn debug_info(&mut self, enable: bool) -> &mut Self {
        self.debug_info = enable;
        self
    }

    /// Debugging aid for this crate itself: fills registers and upper halves that no code may
    /// rely on with rubbish.
    #[doc(hidden)]
    pub fn debug_poison(&mut self, enable: bool) -> &mut Self {
        self.poison = enable;
        self
    }

    /// Refuses combinations that cannot work.
    pub(crate) fn check(&self) -> Result<()> {
        if self.mode == MemoryMode::Guard && !SIGNALS {
            return Err(Error::msg("this system has no signal-based traps"));
        }
        if self.features.contains(WasmFeatures::REFERENCE_TYPES)
            && !self.features.contains(WasmFeatures::BULK_MEMORY)
        {
            return Err(Error::msg(
                "`wasm_reference_types` needs `wasm_bulk_memory`",
            ));
        }
        if self.fuel_costs.branch == 0 || self.fuel_costs.call == 0 {
            return Err(Error::msg("branches and calls cannot cost no fuel"));
        }
        if self.max_wasm_stack < 4096 || self.max_wasm_stack > 1 << 40 {
            return Err(Error::msg(format!(
                "a stack of {} bytes is not possible",
                self.max_wasm_stack
            )));
        }
        Ok(())
    }
}

impl Default for Config {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config")
            .field("mode", &self.mode)
            .field("max_wasm_stack", &self.max_wasm_stack)
            .field("parallel", &self.parallel)
            .field("backtrace", &self.backtrace)
            .field("epoch_interruption", &self.interruptible)
            .field("canonicalize_nans", &self.canonical_nans)
            .field("consume_fuel", &self.consume_fuel)
            .field("features", &self.features)
            .field("limits", &self.limits)
            .field("count_host_calls", &self.count_host_calls)
            .field("listener", &self.listener.is_some())
            .finish_non_exhaustive()
    }
}
