//! What a module means: decoding, validation and lowering in one pass. No machine, no unsafe.

mod const_expr;
mod control;
pub(crate) mod decode;
pub(crate) mod func;
pub(crate) mod lower;
mod memory;
pub(crate) mod module;
mod names;
pub(crate) mod op;
mod operators;
mod sections;
#[cfg(test)]
mod tests;
pub(crate) mod types;
mod variables;
