//! Pronto: a WebAssembly runtime for programs that embed it.
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
pub use engine::engine::Engine;
pub use engine::errors::{ExportError, ImportError};
pub use engine::extern_::{Export, Extern};
pub use engine::externref::ExternRef;
pub use engine::func::Func;
pub use engine::global::Global;
pub use engine::host::IntoFunc;
pub use engine::instance::Instance;
pub use engine::limits::{ResourceLimiter, StoreLimits, StoreLimitsBuilder};
pub use engine::linker::Linker;
pub use engine::listener::{FunctionListener, ListenedFunc};
pub use engine::memory::{Memory, MemoryAccessError};
pub use engine::module::Module;
pub use engine::pre::InstancePre;
pub use engine::store::Store;
pub use engine::table::Table;
pub use engine::typed::TypedFunc;
pub use engine::types::{
    ExportType, ExternType, GlobalType, ImportType, MemoryType, Mutability, TableType,
};
pub use engine::values::{Ref, V128, Val};
pub use engine::wasm_ty::{WasmParams, WasmResults, WasmRet, WasmTy};
pub use error::{Context, Error, FrameInfo, I32Exit, Result, Trap, WasmBacktrace};
pub use ir::types::{FuncType, ValType};

/// The name that wasmi gives to [`Trap`].
#[doc(hidden)]
pub type TrapCode = Trap;
