//! The backend of the machine that this crate is compiled for.

use crate::asm::abi::InstanceLayout;
use crate::asm::driver::{self, CompileOptions, ModuleCode};
use crate::asm::worker;
use crate::error::Result;
use crate::ir::decode::Bodies;
use crate::ir::module::ModuleInfo;

#[cfg(target_arch = "x86_64")]
mod machine {
    pub(crate) use crate::amd64::Amd64 as Native;
    pub(crate) use crate::amd64::entry::{call_inline, call_inline_metered, thunks};
    pub(crate) use crate::amd64::fault::{fault_pc, redirect_to_trap};
    pub(crate) use crate::amd64::host_features as features;

    /// Processors keep instruction and data caches in step.
    pub(crate) fn sync_icache(_start: *const u8, _len: usize) {}

    /// What ELF files call it.
    #[cfg(any(feature = "gdb", feature = "profiling"))]
    pub(crate) const ELF_MACHINE: u16 = 62;
}

#[cfg(target_arch = "aarch64")]
mod machine {
    pub(crate) use crate::arm64::Arm64 as Native;
    pub(crate) use crate::arm64::entry::{call_inline, call_inline_metered, thunks};
    pub(crate) use crate::arm64::fault::{fault_pc, redirect_to_trap};
    pub(crate) use crate::arm64::icache::sync_icache;

    /// The code uses nothing beyond the base instructions.
    pub(crate) fn features() -> u32 {
        0
    }

    /// What ELF files call it.
    #[cfg(any(feature = "gdb", feature = "profiling"))]
    pub(crate) const ELF_MACHINE: u16 = 183;
}

#[cfg(any(feature = "gdb", feature = "profiling"))]
pub(crate) use machine::ELF_MACHINE;
use machine::Native;
pub(crate) use machine::{
    call_inline, call_inline_metered, fault_pc, features, redirect_to_trap, sync_icache, thunks,
};

/// What an engine keeps for its next modules.
pub(crate) type Workers = worker::Workers<Native>;

/// Compiles a module for this machine.
///
/// # Errors
///
/// The first that validation finds.
pub(crate) fn compile(
    module: &ModuleInfo,
    bytes: &[u8],
    bodies: Bodies<'_>,
    layout: &InstanceLayout,
    options: &CompileOptions<'_>,
    workers: &Workers,
) -> Result<ModuleCode> {
    driver::compile::<Native>(module, bytes, bodies, layout, options, workers)
}
