//! Validates and lowers one function body in one decode.

use super::decode::Body;
use super::func::Func;
use super::module::ModuleInfo;
use crate::error::Error;

/// Lowers function after function, keeping its buffers.
#[derive(Default)]
pub(crate) struct Lowering {}

impl Lowering {
    /// Validates `body` (of the module that is `bytes`) and writes its records to `out`.
    ///
    /// # Errors
    ///
    /// If the body is invalid, or uses what is not supported.
    pub(crate) fn lower(
        &mut self,
        module: &ModuleInfo,
        bytes: &[u8],
        body: Body,
        out: &mut Func,
    ) -> Result<(), Error> {
        let _ = (module, bytes, body, out);
        unreachable!()
    }
}
