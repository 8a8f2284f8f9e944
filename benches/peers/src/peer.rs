//! What a runtime has to offer to be measured.

use crate::wasi;
use anyhow::Result;

/// A runtime in one configuration: one thread compiles, nothing is cached on disk, the rest is as it comes.
pub trait Peer {
    fn name(&self) -> &'static str;

    /// What it is good for. An interpreter whose `compile` translates lazily has no compile time to compare.
    fn benches(&self) -> &'static [Bench] {
        &[
            Bench::Compile,
            Bench::Run,
            Bench::Call,
            Bench::Startup,
            Bench::Control,
            Bench::Program,
        ]
    }

    /// The runtime that this one differs from in how the host controls the guest only.
    fn base(&self) -> Option<&'static str> {
        None
    }

    /// Bytes of code above which a module takes it too many seconds, or gigabytes.
    fn limit(&self) -> usize {
        usize::MAX
    }

    fn compile(&self, wasm: &[u8]) -> Result<Box<dyn Compiled>>;

    /// The instance of `wasm`, which imports the functions of [`crate::call`], with `other` as the module that
    /// provides the function which one instance imports from another.
    fn calls(&self, wasm: &[u8], other: &[u8]) -> Result<Box<dyn Calls>>;

    /// Runs the program `wasm` from its bytes to its end.
    fn program(&self, wasm: &[u8], given: wasi::State) -> Result<wasi::State>;
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Bench {
    Compile,
    Run,
    Call,
    Startup,
    Control,
    Program,
}

pub trait Compiled {
    /// Bytes of machine code, where the runtime makes some and tells.
    fn code_bytes(&self) -> Option<usize>;

    /// All that can be done before the first instance. Imported functions trap.
    fn prepare(self: Box<Self>) -> Result<Box<dyn Prepared>>;
}

pub trait Prepared {
    /// A store of its own with one instance in it.
    fn instantiate(&self) -> Result<Box<dyn Running>>;
}

pub trait Running {
    /// Calls the export `run: i32 -> i64`.
    fn run(&mut self, scale: i32) -> Result<i64>;
}

pub trait Calls {
    /// `count` typed calls of the export `nop: i32 -> i32`.
    fn enter(&mut self, count: i32) -> Result<()>;

    /// One call of the export `name: i32 -> i32`.
    fn guest(&mut self, name: &str, count: i32) -> Result<i32>;
}
