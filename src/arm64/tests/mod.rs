//! What the emitters write, by disassembly, and on the machine itself what it does.

mod encoding;
mod encoding_control;
mod encoding_memory;
#[cfg(target_arch = "aarch64")]
mod machine;
mod reach;
#[cfg(target_arch = "aarch64")]
mod run_calls;
#[cfg(target_arch = "aarch64")]
mod run_control;
#[cfg(target_arch = "aarch64")]
mod run_floats;
#[cfg(target_arch = "aarch64")]
mod run_ints;
#[cfg(target_arch = "aarch64")]
mod run_memory;
#[cfg(target_arch = "aarch64")]
mod run_thunks;

use super::Arm64;
use crate::asm::abi::MemoryMode;
use crate::asm::isa::{Isa, IsaOptions};

fn isa(mode: MemoryMode) -> Arm64 {
    let mut isa = Arm64::new(IsaOptions {
        mode,
        poison: false,
        interruptible: false,
        metered: false,
        canonical_nans: false,
        features: 0,
    });
    isa.begin(0);
    isa.buf().reserve();
    isa
}
