//! What engines and stores count.
//!
//! A store's counters are its own and plain numbers, counted at exits that are slow already or end
//! something. Host calls are neither: they are counted by a dispatcher of their own, in the place of
//! the usual one, if the configuration asks for it.
#![allow(unsafe_code, reason = "stands before the dispatcher")]

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

use super::caller::Caller;
use super::context::{StoreContext, StoreContextMut};
use super::engine::Engine;
use super::fuel;
use super::poison;
use super::run::{self, Failure};
use super::store::{Store, StoreCore, StoreInner};
use super::suspend::{Stop, Suspension};
use crate::asm::abi::{CallEngine, ExitCode};
use crate::error::Trap;

/// What an engine has compiled so far: from [`Engine::counters`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct EngineCounters {
    /// Modules. Those that were refused do not count, nor does what they have.
    pub modules: u64,
    /// Functions that they define.
    pub functions: u64,
    /// Bytes of the modules.
    pub wasm_bytes: u64,
    /// Bytes of their machine code.
    pub code_bytes: u64,
}

/// What guests of a store did so far that concerns the host: from [`Store::counters`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct StoreCounters {
    /// Calls of host functions by guests. Always 0 without
    /// [`Config::count_host_calls`](crate::Config::count_host_calls).
    pub host_calls: u64,
    /// Operators that the engine does for the guest: growing, filling, copying, and tables other
    /// than by calls. One that stops half-way counts again when it goes on.
    pub builtins: u64,
    /// How often a guest was suspended to wait for the results of a host function.
    pub waits: u64,
    /// Guests that trapped, for want of fuel or by interruption excepted.
    pub traps: u64,
    /// Guests that ended by an error of the host: of a host function (also one that passes on a
    /// trap), a limiter, a hook or a callback.
    pub host_errors: u64,
    /// How often there was less fuel than what came next cost, whether the guest was ended or
    /// suspended.
    pub out_of_fuel: u64,
    /// How often a guest was interrupted, ended or suspended.
    pub interruptions: u64,
    /// How often a guest let others run.
    pub yields: u64,
    /// Growths of memories that succeeded, by guests and by the host.
    pub memory_grows: u64,
    /// Growths of tables, likewise.
    pub table_grows: u64,
    /// Growths of either that were refused.
    pub refused_grows: u64,
}

impl StoreCounters {
    fn stopped(&mut self, stop: Stop) {
        *match stop {
            Stop::Interrupted => &mut self.interruptions,
            Stop::Yielded => &mut self.yields,
            Stop::OutOfFuel => &mut self.out_of_fuel,
        } += 1;
    }

    /// An execution is suspended.
    pub(crate) fn suspended(&mut self, suspension: &Suspension) {
        match suspension {
            Suspension::Results(_) | Suspension::Future(_) => self.waits += 1,
            Suspension::Check(stop, _) | Suspension::Builtin(stop) => self.stopped(*stop),
        }
    }

    /// The growth of a memory or a table, which `of` counts.
    pub(crate) fn grown<E>(
        &mut self,
        grown: &Result<Option<u64>, E>,
        of: fn(&mut Self) -> &mut u64,
    ) {
        match grown {
            Ok(Some(_)) => *of(self) += 1,
            Ok(None) | Err(_) => self.refused_grows += 1,
        }
    }

    pub(crate) fn memories(&mut self) -> &mut u64 {
        &mut self.memory_grows
    }

    pub(crate) fn tables(&mut self) -> &mut u64 {
        &mut self.table_grows
    }
}

impl StoreCore {
    /// A guest that left by `exit` ends by it, and by [`StoreCore::failure`].
    #[cold]
    pub(crate) fn count_end(&mut self, exit: ExitCode) {
        let counters = &mut self.counters;
        let trap = match &self.failure {
            _ if exit.trap().is_some() => return counters.traps += 1,
            _ if exit == ExitCode::HOST_CALL => None,
            Some(Failure::Error(error)) => error.trap(),
            Some(Failure::Panic(_)) | None => None,
        };
        match trap {
            None => counters.host_errors += 1,
            Some(Trap::Interrupt) => counters.stopped(Stop::Interrupted),
            Some(Trap::OutOfFuel) => counters.stopped(Stop::OutOfFuel),
            Some(_) => counters.traps += 1,
        }
    }
}

/// The dispatcher of engines that count host calls, before that of the other arguments.
///
/// # Safety
///
/// As [`run::dispatch`].
pub(super) unsafe extern "C" fn dispatch<T: 'static, const POISON: bool, const FUEL: bool>(
    engine: *mut CallEngine,
) -> u32 {
    // SAFETY: the caller's promises; no reference is kept while the host function runs.
    unsafe {
        if (*engine).exit == ExitCode::HOST_CALL {
            let core = &raw mut (*(*engine).store.cast::<StoreInner<T>>()).core;
            (*core).counters.host_calls += 1;
        }
        match (POISON, FUEL) {
            (false, false) => run::dispatch::<T>(engine),
            (true, false) => poison::dispatch::<T>(engine),
            (_, true) => fuel::dispatch::<T, POISON>(engine),
        }
    }
}

/// Where an engine counts, from any thread.
#[derive(Debug, Default)]
pub(crate) struct Compiled {
    modules: AtomicU64,
    functions: AtomicU64,
    wasm_bytes: AtomicU64,
    code_bytes: AtomicU64,
}

impl Compiled {
    /// A module with so many functions and bytes.
    pub(crate) fn add(&self, functions: usize, wasm: usize, code: usize) {
        self.modules.fetch_add(1, Relaxed);
        self.functions.fetch_add(functions as u64, Relaxed);
        self.wasm_bytes.fetch_add(wasm as u64, Relaxed);
        self.code_bytes.fetch_add(code as u64, Relaxed);
    }
}

impl Engine {
    /// What the engine has compiled so far. While another thread compiles, the numbers may be of
    /// different moments.
    ///
    /// ```
    /// use pronto::{Engine, Module};
    ///
    /// let engine = Engine::default();
    /// Module::new(&engine, b"\0asm\x01\0\0\0")?;
    /// assert_eq!((engine.counters().modules, engine.counters().wasm_bytes), (1, 8));
    /// # Ok::<(), pronto::Error>(())
    /// ```
    pub fn counters(&self) -> EngineCounters {
        let compiled = self.compiled();
        EngineCounters {
            modules: compiled.modules.load(Relaxed),
            functions: compiled.functions.load(Relaxed),
            wasm_bytes: compiled.wasm_bytes.load(Relaxed),
            code_bytes: compiled.code_bytes.load(Relaxed),
        }
    }
}

/// What whoever has a store says of its counters.
macro_rules! counters {
    (|$this:ident| $core:expr) => {
        /// What the store's guests did so far.
        pub fn counters(&self) -> StoreCounters {
            let $this = self;
            $core.counters
        }
    };
}

impl<T: 'static> Store<T> {
    counters!(|this| this.inner().core);
}

impl<T: 'static> StoreContext<'_, T> {
    counters!(|this| this.core());
}

impl<T: 'static> StoreContextMut<'_, T> {
    counters!(|this| this.core());
}

impl<T: 'static> Caller<'_, T> {
    counters!(|this| this.context().core());
}
