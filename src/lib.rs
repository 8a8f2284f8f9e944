//! Pronto: a WebAssembly runtime for programs that embed it.
//!
//! It compiles a module in one pass over its bytes, runs it as native code on a stack of its own,
//! and serves whatever the guest needs from the host in one place.
//!
//! ```
//! use pronto::{Caller, Engine, Linker, Module, Result, Store};
//!
//! fn main() -> Result<()> {
//!     let engine = Engine::default();
//!     // (module
//!     //   (import "host" "hello" (func $hello (param i32)))
//!     //   (func (export "run") (call $hello (i32.const 42))))
//!     let wasm = b"\0asm\x01\0\0\0\x01\x08\x02\x60\x01\x7f\0\x60\0\0\x02\x0e\x01\x04host\x05hello\0\0\
//!         \x03\x02\x01\x01\x07\x07\x01\x03run\0\x01\x0a\x08\x01\x06\0\x41\x2a\x10\0\x0b";
//!     let module = Module::new(&engine, wasm)?;
//!
//!     // Host functions see the store's data.
//!     let mut linker = Linker::new(&engine);
//!     linker.func_wrap("host", "hello", |mut caller: Caller<'_, Vec<i32>>, value: i32| {
//!         caller.data_mut().push(value);
//!     })?;
//!
//!     let mut store = Store::new(&engine, Vec::new());
//!     let instance = linker.instantiate(&mut store, &module)?;
//!     let run = instance.get_typed_func::<(), ()>(&mut store, "run")?;
//!     run.call(&mut store, ())?;
//!     assert_eq!(store.data(), &[42]);
//!     Ok(())
//! }
//! ```
//!
//! # Features
//!
//! | feature | default | |
//! |---|---|---|
//! | `backtrace` | yes | wasm backtraces in errors |
//! | `parallel` | yes | compiles functions on several threads |
//! | `wat` | | [`Module::new`] takes the text format as well |
//! | `anyhow` | | `From<pronto::Error> for anyhow::Error` |
//! | `gdb` | | `Config::debug_info`: names of guest functions for GDB and LLDB |
//! | `profiling` | | `Config::profiler`: names of guest functions for `perf` and its like |
//!
//! # Not supported yet
//!
//! Vectors (`v128`), tail calls, exceptions, several memories, 64-bit memories, threads, typed
//! references and GC: a module that uses them is an error with the offset of the operator.
//! Serialized modules are absent from the API. The component model is out of scope.
#![doc(test(attr(deny(warnings))))]
#![deny(unsafe_code)]

pub(crate) mod amd64;
pub(crate) mod arm64;
pub(crate) mod asm;
pub(crate) mod engine;
pub(crate) mod error;
pub mod inspect;
pub(crate) mod ir;

pub use engine::caller::Caller;
pub use engine::config::Config;
pub use engine::context::{AsContext, AsContextMut, StoreContext, StoreContextMut};
pub use engine::counters::{EngineCounters, StoreCounters};
pub use engine::engine::Engine;
pub use engine::errors::{ExportError, ImportError};
pub use engine::execution::{Execution, Exit, HostCall, HostError};
pub use engine::extern_::{Export, Extern};
pub use engine::externref::ExternRef;
pub use engine::func::Func;
pub use engine::global::Global;
pub use engine::hook::CallHook;
pub use engine::host::IntoFunc;
pub use engine::instance::Instance;
pub use engine::interrupt::{InterruptHandle, UpdateDeadline};
pub use engine::limits::{ResourceLimiter, StoreLimits, StoreLimitsBuilder};
pub use engine::linker::Linker;
pub use engine::listener::{FunctionListener, ListenedFunc};
pub use engine::memory::{Memory, MemoryAccessError};
pub use engine::module::Module;
pub use engine::pre::InstancePre;
#[cfg(feature = "profiling")]
pub use engine::profiler::ProfilingStrategy;
pub use engine::resumable::{
    ResumableCall, ResumableCallHostTrap, ResumableCallOutOfFuel, TypedResumableCall,
    TypedResumableCallHostTrap, TypedResumableCallOutOfFuel,
};
pub use engine::store::Store;
pub use engine::table::Table;
pub use engine::typed::TypedFunc;
pub use engine::types::{
    ExportType, ExternType, GlobalType, ImportType, MemoryType, Mutability, TableType,
};
pub use engine::values::{Ref, V128, Val};
pub use engine::wasm_ty::{WasmParams, WasmResults, WasmRet, WasmTy};
pub use error::{Context, Error, FrameInfo, I32Exit, OutOfMemory, Result, Trap, WasmBacktrace};
pub use ir::fuel::FuelCosts;
pub use ir::limits::{
    AvgBytesPerFunctionLimit, EnforcedLimit, EnforcedLimits, EnforcedLimitsError,
};
pub use ir::types::{FuncType, ValType};

/// The name that wasmi gives to [`Trap`].
#[doc(hidden)]
pub type TrapCode = Trap;

/// The example in the README runs.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
pub struct Readme;
