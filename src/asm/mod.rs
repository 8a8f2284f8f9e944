//! What both backends share: the single emission pass, operand places, the code buffer, the ABI.
//!
//! Nothing here knows a machine. A backend is an [`isa::Isa`].

pub(crate) mod abi;
pub(crate) mod code;
pub(crate) mod driver;
pub(crate) mod isa;
pub(crate) mod regs;
