//! What both backends share: the single emission pass, operand places, the code buffer, the ABI.
//!
//! Nothing here knows a machine. A backend is an [`isa::Isa`].

pub(crate) mod abi;
mod arith;
mod call;
pub(crate) mod code;
pub(crate) mod compile;
mod compound;
pub(crate) mod driver;
mod frame;
pub(crate) mod isa;
pub(crate) mod link;
pub(crate) mod map;
mod memory;
mod merge;
mod pages;
mod parallel;
mod place;
pub(crate) mod regs;
mod repeat;
pub(crate) mod sites;
mod stack;
mod walk;
pub(crate) mod worker;
