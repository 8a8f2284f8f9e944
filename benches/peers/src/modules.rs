//! The modules that are measured, and what the format says of them.

use anyhow::{Context, Result};
use std::path::{Path, PathBuf};
use wasmparser::{Parser, Payload, Validator, WasmFeatures};

/// The script that fetches the real modules, which is also the list of them.
const LIST: &str = include_str!("../../fetch-modules");

pub struct Module {
    pub name: String,
    /// The language it was written in, mostly.
    pub language: String,
    pub path: PathBuf,
    pub wasm: Vec<u8>,
    /// Bytes of the code section.
    pub code: usize,
}

impl Module {
    fn load(path: PathBuf, language: &str) -> Result<Self> {
        let wasm = std::fs::read(&path).with_context(|| path.display().to_string())?;
        let code = code_size(&wasm)?;
        let name = path
            .file_stem()
            .context("a file name")?
            .to_string_lossy()
            .into_owned();
        Ok(Self {
            name,
            language: language.to_owned(),
            path,
            wasm,
            code,
        })
    }
}

fn benches() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("the directory of the benches")
}

/// The real modules that have been fetched, the smallest code first.
pub fn real() -> Result<Vec<Module>> {
    let mut modules = real_where(|_| true)?;
    modules.sort_by_key(|module| module.code);
    Ok(modules)
}

/// The real module of this name, if it has been fetched.
pub fn real_one(name: &str) -> Result<Option<Module>> {
    Ok(real_where(|other| other == name)?.pop())
}

fn real_where(wanted: impl Fn(&str) -> bool) -> Result<Vec<Module>> {
    let mut modules = Vec::new();
    for line in LIST
        .lines()
        .skip_while(|line| !line.contains("<<'LIST'"))
        .skip(1)
        .take_while(|line| *line != "LIST")
    {
        let mut fields = line.split_whitespace();
        let (name, language) = (
            fields.next().context("a name")?,
            fields.next().context("a language")?,
        );
        let path = benches().join(format!("modules/{name}.wasm"));
        if wanted(name) && path.exists() {
            modules.push(Module::load(path, language)?);
        }
    }
    Ok(modules)
}

/// The kernel of this name.
pub fn kernel(name: &str) -> Result<Option<Module>> {
    Ok(kernels()?.into_iter().find(|module| module.name == name))
}

/// The kernels, by name.
pub fn kernels() -> Result<Vec<Module>> {
    let mut paths: Vec<_> = std::fs::read_dir(benches().join("kernels"))?
        .map(|entry| Ok(entry?.path()))
        .collect::<Result<_>>()?;
    paths.retain(|path| {
        path.extension()
            .is_some_and(|extension| extension == "wasm")
    });
    paths.sort();
    paths
        .into_iter()
        .map(|path| Module::load(path, "C"))
        .collect()
}

pub fn code_size(wasm: &[u8]) -> Result<usize> {
    for payload in Parser::new(0).parse_all(wasm) {
        if let Payload::CodeSectionStart { size, .. } = payload? {
            return Ok(size as usize);
        }
    }
    Ok(0)
}

/// WebAssembly 2.0 without vectors, and extended constants: what every real module here keeps to.
pub fn validate(wasm: &[u8]) -> Result<()> {
    let features = WasmFeatures::WASM2
        .difference(WasmFeatures::SIMD)
        .union(WasmFeatures::EXTENDED_CONST);
    Validator::new_with_features(features).validate_all(wasm)?;
    Ok(())
}
