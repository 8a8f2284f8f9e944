//! What the benches share.
#![allow(dead_code, reason = "each bench uses a part of it")]

use std::path::{Path, PathBuf};

use pronto::{Config, Engine, Module};

/// Engines by how they keep the guest within its memory; one thread compiles.
pub(crate) fn engines() -> [(&'static str, Engine); 2] {
    [("guard", true), ("checks", false)].map(|(name, guard)| {
        let mut config = Config::new();
        config
            .signals_based_traps(guard)
            .parallel_compilation(false);
        (name, Engine::new(&config).expect("an engine"))
    })
}

/// The modules in `benches/DIR`, by name: the kernels, or what `fetch-modules` has fetched.
pub(crate) fn wasm_files(dir: &str) -> Vec<(String, Vec<u8>)> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("benches")
        .join(dir);
    let Ok(entries) = std::fs::read_dir(&dir) else {
        return Vec::new();
    };
    let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    paths.retain(|path| {
        path.extension()
            .is_some_and(|extension| extension == "wasm")
    });
    paths.sort();
    let read = |path: PathBuf| {
        let name = path.file_stem()?.to_string_lossy().into_owned();
        Some((name, std::fs::read(&path).ok()?))
    };
    paths.into_iter().filter_map(read).collect()
}

/// The kernel of this name.
pub(crate) fn kernel(name: &str) -> Vec<u8> {
    let kernels = wasm_files("kernels");
    let found = kernels.into_iter().find(|(other, _)| other == name);
    found.expect("a kernel of the repository").1
}

/// A module from its text.
pub(crate) fn module(engine: &Engine, text: &str) -> Module {
    let wasm = wat::parse_str(text).expect("text that parses");
    Module::new(engine, wasm).expect("a valid module")
}
