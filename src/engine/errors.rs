//! What goes wrong between modules and the host, as types.

use std::error::Error as StdError;
use std::fmt;

use super::types::ExternType;
use crate::ir::types::FuncType;

/// An export that is not what was asked for.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum ExportError {
    /// The instance exports nothing of that name.
    Missing {
        /// The name.
        name: Box<str>,
    },
    /// It is not of the kind that was asked for.
    WrongKind {
        /// The name.
        name: Box<str>,
        /// What was asked for, as in `function`.
        expected: &'static str,
        /// What it is.
        found: &'static str,
    },
    /// It is a function of another type.
    WrongSignature {
        /// The name, if the function was asked for by name.
        name: Option<Box<str>>,
        /// The type that was asked for.
        expected: FuncType,
        /// The type that it has.
        found: FuncType,
    },
}

impl fmt::Display for ExportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing { name } => write!(f, "there is no export `{name}`"),
            Self::WrongKind {
                name,
                expected,
                found,
            } => write!(f, "export `{name}` is a {found}, not a {expected}"),
            Self::WrongSignature {
                name: Some(name),
                expected,
                found,
            } => write!(f, "function `{name}` has type {found}, expected {expected}"),
            Self::WrongSignature {
                name: None,
                expected,
                found,
            } => write!(f, "the function has type {found}, expected {expected}"),
        }
    }
}

impl StdError for ExportError {}

/// An import that cannot be satisfied.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum ImportError {
    /// Nothing of that name is defined.
    Unknown {
        /// The module that was asked for.
        module: Box<str>,
        /// The name in that module.
        name: Box<str>,
        /// The type that it must have.
        expected: ExternType,
    },
    /// What is defined there does not match.
    Incompatible {
        /// The module that was asked for.
        module: Box<str>,
        /// The name in that module.
        name: Box<str>,
        /// The type that it must have.
        expected: ExternType,
        /// The type that it has.
        found: ExternType,
    },
}

impl fmt::Display for ImportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown {
                module,
                name,
                expected,
            } => write!(
                f,
                "unknown import: `{module}::{name}` has not been defined, expected {expected}"
            ),
            Self::Incompatible {
                module,
                name,
                expected,
                found,
            } => write!(
                f,
                "incompatible import type for `{module}::{name}`: expected {expected}, \
                 found {found}"
            ),
        }
    }
}

impl StdError for ImportError {}
