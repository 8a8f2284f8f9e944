//! The module in a file: reading it, and saying what is wrong with it.

use crate::report::Failure;
use crate::symbols::demangle;
use pronto::{Error, format_err};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::Path;
use wasmparser::{KnownCustom, Name, NameSectionReader, Parser, Payload, TypeRef};

/// What `file` holds, in the binary format.
pub(crate) fn read_module(file: &Path) -> Result<Vec<u8>, Failure> {
    let bytes = std::fs::read(file).map_err(|err| unreadable(file, err))?;
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

fn unreadable(file: &Path, err: std::io::Error) -> Failure {
    let hint = match err.kind() {
        std::io::ErrorKind::NotFound if file.extension().is_none() => {
            Some("the first argument that is not an option is the file to run".to_owned())
        }
        _ => None,
    };
    Failure::Error(Error::new(err).context("cannot read it"), hint)
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
