//! Errors and traps: known to all other modules.

use std::fmt;

/// Any failure of this crate.
#[derive(Debug)]
pub struct Error(Box<str>);

impl Error {
    /// A module that is malformed or invalid at byte `pos`.
    pub(crate) fn invalid(pos: usize, message: impl fmt::Display) -> Self {
        Self(format!("invalid module at offset {pos:#x}: {message}").into())
    }

    /// A valid module at byte `pos` that asks for what this version does not do.
    pub(crate) fn unsupported(pos: usize, what: impl fmt::Display) -> Self {
        Self(format!("not supported at offset {pos:#x}: {what}").into())
    }
}
