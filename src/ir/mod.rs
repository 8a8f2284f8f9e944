//! What a module means: decoding, validation and lowering in one pass. No machine, no unsafe.

#![deny(clippy::wildcard_enum_match_arm)]

mod alike;
mod const_expr;
mod control;
pub(crate) mod decode;
pub(crate) mod display;
pub(crate) mod fuel;
pub(crate) mod func;
pub(crate) mod limits;
mod locals;
pub(crate) mod lower;
mod memory;
pub(crate) mod module;
pub(crate) mod names;
pub(crate) mod op;
mod operators;
pub(crate) mod records;
mod resources;
mod sections;
#[cfg(test)]
mod tests;
pub(crate) mod types;
mod variables;
