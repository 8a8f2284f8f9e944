//! Modules in the text format, and what becomes of them.

mod decode;
mod fuel;
mod hostile;
mod lower;
mod verify;

use wasmparser::WasmFeatures;

use self::verify::verify;
use super::decode::{DEFAULT_FEATURES, Decoded, decode};
use super::func::Func;
use super::lower::Lowering;
use super::module::ModuleInfo;
use crate::error::Error;

fn decode_wat(wat: &str) -> ModuleInfo {
    let bytes = wat::parse_str(wat).unwrap();
    decode(&bytes, DEFAULT_FEATURES).unwrap().info
}

/// Decodes and lowers all of a module.
fn lower_all(bytes: &[u8], features: WasmFeatures) -> Result<Vec<Func>, Error> {
    let Decoded { info, mut bodies } = decode(bytes, features)?;
    let mut lowering = Lowering::default();
    let mut funcs = Vec::new();
    bodies.try_each(|body| {
        let mut func = Func::default();
        lowering.lower(&info, bytes, &body, None, &mut func)?;
        verify(&info, &func);
        funcs.push(func);
        Ok(())
    })?;
    Ok(funcs)
}

/// The first function that the module defines.
fn lower_wat(wat: &str) -> Func {
    let bytes = wat::parse_str(wat).unwrap();
    let funcs = lower_all(&bytes, DEFAULT_FEATURES).unwrap();
    funcs.into_iter().next().unwrap()
}

/// Asserts the records of the first function, one a line.
#[track_caller]
fn assert_records(wat: &str, expected: &str) {
    let func = lower_wat(wat);
    let records: Vec<String> = func
        .records
        .iter()
        .map(|record| record.op.to_string())
        .collect();
    let lines = expected.lines().map(str::trim);
    let expected: Vec<&str> = lines.filter(|line| !line.is_empty()).collect();
    assert_eq!(records, expected);
}
