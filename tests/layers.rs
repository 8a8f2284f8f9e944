//! The order of the layers: who may know whom.
//!
//! `engine` -> `amd64`, `arm64` -> `asm` -> `ir` -> `error`. The two machines never name each
//! other, `ir` never names a register, and `wasi` and `cli` use only the public interface.

use std::fs;
use std::path::{Path, PathBuf};

/// What each folder (or file) of `src` may name, itself aside. Files not listed here, `lib.rs`
/// first, stand above all and may name anything.
const MAY_NAME: &[(&str, &[&str])] = &[
    ("error", &[]),
    ("ir", &["error"]),
    ("asm", &["ir", "error"]),
    ("amd64", &["asm", "ir", "error"]),
    ("arm64", &["asm", "ir", "error"]),
    ("engine", &["amd64", "arm64", "asm", "ir", "error"]),
];

const LAYERS: [&str; 6] = ["error", "ir", "asm", "amd64", "arm64", "engine"];

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn rust_files(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            rust_files(&path, files);
        } else if path.extension().is_some_and(|ext| ext == "rs") {
            files.push(path);
        }
    }
}

/// Source files below `folder`, with their text.
fn sources(folder: &str) -> Vec<(PathBuf, String)> {
    let mut files = Vec::new();
    rust_files(&root().join(folder), &mut files);
    files.sort();
    assert!(!files.is_empty(), "no sources in {folder}");
    files
        .into_iter()
        .map(|path| {
            let text = fs::read_to_string(&path).expect("a text file");
            let path = path.strip_prefix(root()).expect("below the root");
            (path.to_path_buf(), text)
        })
        .collect()
}

/// Lines of code: without comments, up to the file's unit tests.
fn code(text: &str) -> impl Iterator<Item = (usize, &str)> {
    (1..)
        .zip(text.lines())
        .take_while(|(_, line)| !line.starts_with("#[cfg(test)]"))
        .filter(|(_, line)| !line.trim_start().starts_with("//"))
}

/// Layers that a line names by a path from the crate's root.
fn named(line: &str) -> Vec<&str> {
    line.match_indices("crate::")
        .map(|(at, word)| &line[at + word.len()..])
        .flat_map(|rest| {
            // `use crate::{ir::op::Op, asm};` is not this project's style, but would count.
            let group = rest.strip_prefix('{').map(|rest| rest.split(','));
            match group {
                Some(parts) => parts.collect(),
                None => vec![rest],
            }
        })
        .map(|path| {
            let path = path.trim_start();
            let end = path
                .find(|c: char| !c.is_alphanumeric() && c != '_')
                .unwrap_or(path.len());
            &path[..end]
        })
        .filter(|name| LAYERS.contains(name))
        .collect()
}

#[test]
fn layers_name_only_what_is_below() {
    let mut wrong = Vec::new();
    let mut uses = 0;
    for (path, text) in sources("src") {
        let layer = path.components().nth(1).expect("below src");
        let layer = Path::new(&layer).file_stem().expect("a name");
        let Some((layer, may)) = MAY_NAME.iter().find(|(name, _)| layer == *name) else {
            continue;
        };
        for (number, line) in code(&text) {
            for name in named(line) {
                uses += 1;
                if name != *layer && !may.contains(&name) {
                    wrong.push(format!("{}:{number}: {}", path.display(), line.trim()));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(uses > 30, "only {uses} uses found: the search is broken");
}

#[test]
fn the_search_finds_what_it_should() {
    assert_eq!(named("use crate::asm::regs::Gpr;"), ["asm"]);
    assert_eq!(
        named("    let x = crate::engine::Store::new();"),
        ["engine"]
    );
    assert_eq!(named("use crate::{ir::op::Op, amd64};"), ["ir", "amd64"]);
    assert_eq!(named("use crate::errors::Other;"), [""; 0]);
}

#[test]
fn ir_names_no_machine() {
    let words = [
        "Gpr", "Fpr", "RegSet", "amd64", "arm64", "x86_64", "aarch64", "unsafe",
    ];
    for (path, text) in sources("src/ir") {
        for (number, line) in code(&text) {
            for word in words {
                assert!(
                    !line.contains(word),
                    "{}:{number} names {word}: {line}",
                    path.display()
                );
            }
        }
    }
}

#[test]
fn machines_do_not_name_each_other() {
    for (folder, words) in [
        ("src/amd64", ["arm64", "aarch64"]),
        ("src/arm64", ["amd64", "x86_64"]),
    ] {
        for (path, text) in sources(folder) {
            for (number, line) in code(&text) {
                assert!(
                    !words.iter().any(|word| line.contains(word)),
                    "{}:{number}: {line}",
                    path.display()
                );
            }
        }
    }
}

#[test]
fn files_are_small() {
    for folder in ["src", "wasi", "cli", "tools", "tests"] {
        for (path, text) in sources(folder) {
            let lines = text.lines().count();
            assert!(lines <= 600, "{}: {lines} lines", path.display());
        }
    }
}
