//! Compiles a module's functions with one backend and places them in code memory.

use super::abi::{InstanceLayout, MemoryMode};
use super::code::Site;
use super::isa::{Isa, IsaOptions};
use crate::error::Error;
use crate::ir::decode::Body;
use crate::ir::module::ModuleInfo;
use crate::ir::types::FuncIdx;

/// How to compile.
#[derive(Clone, Copy)]
pub(crate) struct CompileOptions<'a> {
    pub(crate) isa: IsaOptions,
    /// Threads to use, at least 1.
    pub(crate) threads: usize,
    /// Functions whose entry and exit are reported.
    pub(crate) listen: Option<&'a (dyn Fn(FuncIdx) -> bool + Sync)>,
}

/// Machine code of a module, not yet in executable memory. Position-independent.
#[derive(Debug, Default)]
pub(crate) struct ModuleCode {
    pub(crate) bytes: Vec<u8>,
    /// Per defined function, in ascending order of `start`.
    pub(crate) funcs: Vec<FuncCode>,
}

/// Where one function lies in its module's code.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FuncCode {
    /// First byte; the indirect entry, if the function has one.
    pub(crate) start: u32,
    /// The entry for direct calls.
    pub(crate) entry: u32,
    pub(crate) end: u32,
    /// The switch thunk's first byte (its frame is 16 bytes), or `end` if there is none.
    pub(crate) switch: u32,
    /// Bytes of the frame, with the return address.
    pub(crate) frame: u32,
}
