//! Pronto.
#![deny(unsafe_code)]
pub(crate) mod asm;
pub(crate) mod ir;
