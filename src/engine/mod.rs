//! Running: the public types, the dispatcher, memory, instances.
//!
//! What it knows of compiled code is in `asm::abi`; which machine that is for, only `native` knows.

mod backtrace;
mod builtins;
pub(crate) mod caller;
pub(crate) mod config;
mod contents;
pub(crate) mod context;
pub(crate) mod counters;
mod direct;
#[allow(clippy::module_inception, reason = "named for the type in it")]
pub(crate) mod engine;
pub(crate) mod errors;
pub(crate) mod execution;
pub(crate) mod extern_;
pub(crate) mod externref;
pub(crate) mod fuel;
pub(crate) mod func;
mod future;
#[cfg(feature = "gdb")]
mod gdb;
pub(crate) mod global;
pub(crate) mod hook;
pub(crate) mod host;
mod host_stack;
pub(crate) mod instance;
mod instantiate;
pub(crate) mod interrupt;
pub(crate) mod limits;
mod linear;
pub(crate) mod linker;
pub(crate) mod listener;
mod machine;
mod mapping;
pub(crate) mod memory;
pub(crate) mod module;
mod native;
mod owned;
mod poison;
mod pool;
pub(crate) mod pre;
#[cfg(feature = "profiling")]
pub(crate) mod profiler;
mod registry;
pub(crate) mod resumable;
mod run;
mod signal;
mod stack;
mod step;
pub(crate) mod store;
mod suspend;
#[cfg(any(feature = "gdb", feature = "profiling"))]
mod symbols;
pub(crate) mod table;
pub(crate) mod typed;
pub(crate) mod types;
pub(crate) mod values;
pub(crate) mod wasm_ty;
