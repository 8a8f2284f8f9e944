//! What a module means: decoding, validation and lowering in one pass. No machine, no unsafe.

pub(crate) mod decode;
pub(crate) mod func;
pub(crate) mod lower;
pub(crate) mod module;
pub(crate) mod op;
pub(crate) mod types;
