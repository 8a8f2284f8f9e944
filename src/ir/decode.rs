//! Decodes a module: every section, with the validator beside it; bodies are left for lowering.

use std::ops::Range;

use wasmparser::{FuncToValidate, ValidatorResources};

use super::module::ModuleInfo;
use crate::error::Error;

/// A function body that waits to be lowered.
pub(crate) struct Body {
    pub(crate) validator: FuncToValidate<ValidatorResources>,
    /// Bytes of the body in the module, from its locals on.
    pub(crate) range: Range<usize>,
}

/// A decoded module.
pub(crate) struct Decoded {
    pub(crate) info: ModuleInfo,
    pub(crate) bodies: Vec<Body>,
}
