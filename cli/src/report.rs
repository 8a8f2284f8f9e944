//! What went wrong, said so that one knows what to do.

use crate::symbols::{Symbols, demangle};
use pronto::{Error, FrameInfo, Module, Trap, WasmBacktrace};
use std::fmt::Write;
use std::path::Path;

/// What a guest's trap ends the command with: the status a shell gives for SIGABRT.
pub(crate) const TRAPPED: i32 = 134;

/// The status for a wrong command line.
const USAGE: i32 = 2;

/// Why a program did not run to its end.
pub(crate) enum Failure {
    /// The command line asks for what cannot be.
    Usage(String),
    /// Something else, with what to do about it, if anything can be said.
    Error(Error, Option<String>),
}

impl Failure {
    pub(crate) fn hint(error: Error, hint: impl Into<String>) -> Self {
        Self::Error(error, Some(hint.into()))
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Error(error, None)
    }
}

/// Says what went wrong with `file`. The status to end with.
pub(crate) fn report(file: &Path, failure: &Failure) -> i32 {
    let (error, hint) = match failure {
        Failure::Usage(message) => {
            eprintln!("error: {message}\n\nFor more information, try '--help'.");
            return USAGE;
        }
        Failure::Error(error, hint) => (error, hint),
    };
    eprintln!("error: `{}`: {}", file.display(), chain(error));
    if let Some(hint) = hint {
        eprintln!("{hint}");
    }
    1
}

/// Says why the guest was stopped, and where. The status to end with.
pub(crate) fn report_trap(file: &Path, module: &Module, wasm: &[u8], error: &Error) -> i32 {
    if let Some(status) = error.exit_status() {
        return status;
    }
    // Whoever interrupted it has said why.
    if error.trap() != Some(Trap::Interrupt) {
        eprintln!("error: `{}`: {}", file.display(), chain(error));
    }
    if let Some(backtrace) = error.backtrace() {
        let symbols = Symbols::new(module, wasm);
        eprintln!("{}", print_backtrace(file, backtrace, &symbols));
        if !symbols.has_lines() {
            eprintln!("note: a module built with `-g` also tells files and lines");
        }
    }
    match error.trap() {
        Some(Trap::StackOverflow) => {
            eprintln!("note: `--max-wasm-stack BYTES` gives the program more stack");
            TRAPPED
        }
        Some(_) => TRAPPED,
        None => 1,
    }
}

/// An error and what caused it, in one line.
pub(crate) fn chain(error: &Error) -> String {
    let causes: Vec<String> = error.chain().map(ToString::to_string).collect();
    causes.join(": ")
}

fn print_backtrace(file: &Path, backtrace: &WasmBacktrace, symbols: &Symbols<'_>) -> String {
    let mut text = "backtrace, innermost call first:".to_owned();
    for (n, frame) in backtrace.frames().iter().enumerate() {
        let _ = write!(text, "\n{n:>4}: {}", describe(file, frame));
        for (name, place) in symbols.places(frame) {
            let name = name.map(|name| format!("{name} ")).unwrap_or_default();
            let _ = write!(text, "\n          {name}at {place}");
        }
    }
    text
}

/// The module, function and offset of a frame.
fn describe(file: &Path, frame: &FrameInfo) -> String {
    let module = frame.module_name().map(str::to_owned).unwrap_or_else(|| {
        file.file_name()
            .map(|name| name.to_string_lossy().into_owned())
            .unwrap_or_default()
    });
    let function = match frame.func_name() {
        Some(name) => demangle(name),
        None => format!("<function {}>", frame.func_index()),
    };
    match frame.module_offset() {
        Some(offset) => format!("{module}!{function} at offset {offset:#x}"),
        None => format!("{module}!{function}"),
    }
}
