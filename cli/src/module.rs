//! The module in a file: reading it, and saying what is wrong with it.

use crate::report::Failure;
use crate::symbols::demangle;
use pronto::{Error, format_err};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::Path;
use wasmparser::{ExternalKind, KnownCustom, Name, NameSectionReader, Parser, Payload, TypeRef};

/// What `file` holds, in the binary format.
pub(crate) fn read_module(file: &Path) -> Result<Vec<u8>, Failure> {
    let bytes = std::fs::read(file).map_err(|err| Error::new(err).context("cannot read it"))?;
    if bytes.starts_with(b"\0asm") {
        return Ok(bytes);
    }
    let is_text = std::str::from_utf8(&bytes).is_ok_and(|text| !text.trim().is_empty());
    if !is_text {
        let none = format_err!("it is not a WebAssembly module, binary or text");
        return Err(none.into());
    }
    wat::parse_bytes(&bytes)
        .map(Cow::into_owned)
        .map_err(|mut err| {
            err.set_path(file);
            format_err!("it is not a WebAssembly module: {err}").into()
        })
}

/// How much of what a module holds.
pub(crate) fn contents(wasm: &[u8]) -> String {
    let (mut imports, mut functions, mut code) = (0, 0, 0);
    for payload in Parser::new(0).parse_all(wasm) {
        match payload {
            Ok(Payload::ImportSection(section)) => imports = section.count(),
            Ok(Payload::CodeSectionStart { count, size, .. }) => (functions, code) = (count, size),
            _ => {}
        }
    }
    format!("{imports} imports, {functions} functions, {code} bytes of code")
}

/// The functions that a valid module exports: their indices and names.
pub(crate) fn exported_functions(wasm: &[u8]) -> Vec<(u32, &str)> {
    let mut exported = Vec::new();
    for payload in Parser::new(0).parse_all(wasm).flatten() {
        if let Payload::ExportSection(section) = payload {
            let exports = section.into_iter().flatten();
            let funcs = exports.filter(|export| export.kind == ExternalKind::Func);
            exported.extend(funcs.map(|export| (export.index, export.name)));
        }
    }
    exported
}

/// Why a module is not taken, and what the reader may have meant.
pub(crate) fn rejected(wasm: &[u8], err: Error) -> Failure {
    const COMPONENT: &[u8] = b"\0asm\x0d\0\x01\0";
    if wasm.starts_with(COMPONENT) {
        let err = format_err!("it is a component, and only core modules run");
        return Failure::hint(
            err,
            "build it for `wasm32-wasip1` rather than `wasm32-wasip2`",
        );
    }
    match function_at(wasm, &err.to_string()) {
        Some(function) => err.context(format!("in {function}")).into(),
        None => err.into(),
    }
}

/// The function that an error's text places itself in: `... at offset 0x4b0: ...`.
fn function_at(wasm: &[u8], error: &str) -> Option<String> {
    let (_, digits) = error.split_once("at offset 0x")?;
    let end = digits.find(|c: char| !c.is_ascii_hexdigit());
    let offset = u64::from_str_radix(&digits[..end.unwrap_or(digits.len())], 16).ok()?;
    let (mut names, mut index, mut found) = (BTreeMap::new(), 0, None);
    for payload in Parser::new(0).parse_all(wasm).flatten() {
        match payload {
            Payload::ImportSection(section) => {
                let imports = section.into_imports().flatten();
                index += imports.filter(|import| is_function(import.ty)).count();
            }
            Payload::CodeSectionEntry(body) => {
                if body.range().contains(&offset) {
                    found = Some(index);
                }
                index += 1;
            }
            Payload::CustomSection(section) => {
                if let KnownCustom::Name(section) = section.as_known() {
                    names.extend(function_names(section));
                }
            }
            _ => {}
        }
    }
    let found = found?;
    Some(match names.get(&found) {
        Some(name) => format!("function {found} (`{name}`)"),
        None => format!("function {found}"),
    })
}

fn is_function(ty: TypeRef) -> bool {
    matches!(ty, TypeRef::Func(_) | TypeRef::FuncExact(_))
}

/// Functions by index, as people know them.
fn function_names(section: NameSectionReader<'_>) -> BTreeMap<usize, String> {
    let mut names = BTreeMap::new();
    for subsection in section.into_iter().flatten() {
        if let Name::Function(map) = subsection {
            let map = map.into_iter().flatten();
            names.extend(map.map(|naming| (naming.index as usize, demangle(naming.name))));
        }
    }
    names
}
