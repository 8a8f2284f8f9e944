//! Everything that the suite holds and this harness does not run, with the reason.

/// Files that need a proposal beyond version 2.0, or SIMD, by folder and name.
const FILES: &[(&str, &str, &str)] = &[(
    "mutable-global",
    "linking.wast",
    "an old copy: segments that do not fit were link errors, and nothing was written",
)];

/// Single lines, by folder, file and line.
const LINES: &[(&str, &str, usize, &str)] = &[
    (
        "bulk-memory",
        "table-sub.wast",
        1,
        "typed function references",
    ),
    (
        "bulk-memory",
        "table_init.wast",
        2272,
        "arrays of the GC proposal",
    ),
    (
        "bulk-memory",
        "table_init.wast",
        2286,
        "a call of the module before",
    ),
    (
        "reference-types",
        "unreached-invalid.wast",
        539,
        "valid since typed references",
    ),
];

/// Why a file is not run.
pub(crate) fn file(folder: &str, name: &str) -> Option<&'static str> {
    FILES
        .iter()
        .find(|skip| skip.0 == folder && skip.1 == name)
        .map(|skip| skip.2)
}

/// Why a line of a file is not run.
pub(crate) fn line(folder: &str, name: &str, line: usize) -> Option<&'static str> {
    LINES
        .iter()
        .find(|skip| skip.0 == folder && skip.1 == name && skip.2 == line)
        .map(|skip| skip.3)
}
