//! Shows what the compiler makes of a module: the code of each function, beside its records.

use crate::args::{Arch, Color, Objdump};
use crate::module::{exported_functions, read_module, rejected};
use crate::report::{Failure, report};
use crate::symbols::demangle;
use pronto::format_err;
use pronto::inspect::{InspectOptions, InspectedFunc, Target, Work, inspect};
use pronto_tools::disasm::{self, Line};
use std::collections::BTreeMap;
use std::io::{self, BufWriter, IsTerminal, Write};

/// Shows the functions of a module. The status to end with.
pub(crate) fn objdump(given: &Objdump) -> i32 {
    match show(given) {
        Ok(()) => 0,
        // Whoever reads has seen enough.
        Err(Failure::Error(err, _)) if is_broken_pipe(&err) => 0,
        Err(failure) => report(&given.file, &failure),
    }
}

fn is_broken_pipe(err: &pronto::Error) -> bool {
    err.downcast_ref::<io::Error>()
        .is_some_and(|err| err.kind() == io::ErrorKind::BrokenPipe)
}

fn show(given: &Objdump) -> Result<(), Failure> {
    let wasm = read_module(&given.file)?;
    let target = match given.arch {
        Some(Arch::Amd64) => Target::Amd64,
        Some(Arch::Arm64) => Target::Arm64,
        None if cfg!(target_arch = "aarch64") => Target::Arm64,
        None => Target::Amd64,
    };
    let options = InspectOptions {
        target,
        explicit: given.explicit(),
        interruptible: false,
        canonical_nans: false,
        fuel: None,
        features: 0,
    };
    let funcs = inspect(&wasm, options).map_err(|err| rejected(&wasm, err))?;
    let wanted = wanted(&funcs, &given.funcs, &wasm)?;
    if funcs.is_empty() {
        eprintln!("note: `{}`: it defines no functions", given.file.display());
    }
    let stdout = io::stdout();
    let color = match given.color {
        Color::Auto => {
            let unwanted = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
            stdout.is_terminal() && !unwanted
        }
        Color::Always => true,
        Color::Never => false,
    };
    let mut out = Out {
        out: BufWriter::new(stdout.lock()),
        color,
    };
    for func in wanted {
        out.func(func, target).map_err(pronto::Error::new)?;
    }
    Ok(out.out.flush().map_err(pronto::Error::new)?)
}

/// The functions that `names` choose; all if there are none.
fn wanted<'a>(
    funcs: &'a [InspectedFunc],
    names: &[String],
    wasm: &[u8],
) -> Result<Vec<&'a InspectedFunc>, Failure> {
    if names.is_empty() {
        return Ok(funcs.iter().collect());
    }
    let exports = exported_functions(wasm);
    let named = |func: &InspectedFunc, name: &String| is_named(func, name, &exports);
    let unknown = names
        .iter()
        .filter(|name| !funcs.iter().any(|func| named(func, name)));
    let unknown: Vec<&str> = unknown.map(String::as_str).collect();
    if unknown.is_empty() {
        let wanted = funcs
            .iter()
            .filter(|func| names.iter().any(|name| named(func, name)));
        return Ok(wanted.collect());
    }
    let none = format_err!("it defines no function `{}`", unknown.join("` or `"));
    let indices = match (funcs.first(), funcs.last()) {
        (Some(first), Some(last)) => format!("{} to {}", first.index, last.index),
        _ => "none".to_owned(),
    };
    let hint = format!("indices of functions with code: {indices}, imports come first");
    Err(Failure::hint(none, hint))
}

/// Whether `wanted` is the function's index, or a name of it: one of its exports, or as the module
/// has it or as its language does.
fn is_named(func: &InspectedFunc, wanted: &str, exports: &[(u32, &str)]) -> bool {
    let wanted = wanted.strip_prefix('$').unwrap_or(wanted);
    wanted.parse() == Ok(func.index)
        || exports.contains(&(func.index, wanted))
        || func
            .name
            .as_deref()
            .is_some_and(|name| name == wanted || demangle(name) == wanted)
}

const TITLE: &str = "1";
const IR: &str = "36";
const OFFSET: &str = "90";
const LABEL: &str = "33";
const MNEMONIC: &str = "32";

/// Where the text goes.
struct Out<W> {
    out: W,
    color: bool,
}

impl<W: Write> Out<W> {
    /// `text` in a colour, if colours are seen.
    fn paint(&self, color: &str, text: &str) -> String {
        if self.color && !text.is_empty() {
            format!("\x1b[{color}m{text}\x1b[0m")
        } else {
            text.to_owned()
        }
    }

    fn func(&mut self, func: &InspectedFunc, target: Target) -> io::Result<()> {
        let name = func.name.as_deref().map(demangle);
        let name = name.map(|name| format!(" ${name}")).unwrap_or_default();
        let machine = match target {
            Target::Amd64 => "amd64",
            Target::Arm64 => "arm64",
        };
        let (records, bytes) = (func.records.len(), func.code.len());
        let title = format!(
            "function {}{name}: {records} records, {bytes} bytes of {machine} code",
            func.index
        );
        let title = self.paint(TITLE, &title);
        writeln!(self.out, "{title}")?;
        self.pieces(func, target)?;
        writeln!(self.out)
    }

    /// What is known of the function; then its code in pieces, each below the records that it does.
    fn pieces(&mut self, func: &InspectedFunc, target: Target) -> io::Result<()> {
        let ir: Vec<&str> = func.ir.lines().collect();
        let (known, records) = ir.split_at(ir.len().saturating_sub(func.records.len()));
        for line in known {
            writeln!(self.out, "{:10}{}", "", self.paint(IR, line))?;
        }
        let lines = disasm::lines(func, target);
        let origins = origins(func, &lines);
        let mut lines = lines.iter().peekable();
        for (nth, piece) in func.pieces.iter().enumerate() {
            match &piece.what {
                Work::Records(range) => {
                    for line in &records[range.clone()] {
                        self.record(line)?;
                    }
                }
                Work::Other(what) => {
                    let line = format!("{:#8x}  ;; {what}", piece.pos);
                    writeln!(self.out, "{}", self.paint(OFFSET, &line))?;
                }
            }
            let next = func.pieces.get(nth + 1);
            let end = next.map_or(func.code.len(), |next| next.start);
            while let Some(line) = lines.next_if(|line| line.pos < end) {
                self.instruction(line, origins.get(&line.pos).copied())?;
            }
        }
        Ok(())
    }

    /// A record, with the offset of its operator in the module.
    fn record(&mut self, line: &str) -> io::Result<()> {
        let start = line.find("  ").filter(|start| *start >= 6);
        let (offset, record) = line.split_at(start.unwrap_or_default());
        let offset = self.paint(OFFSET, offset);
        writeln!(self.out, "{offset}{}", self.paint(IR, record))
    }

    /// An instruction. Beside one that can stop the guest stands `origin`, the offset in the module
    /// of the operator that it stops at.
    fn instruction(&mut self, line: &Line, origin: Option<u32>) -> io::Result<()> {
        let label = format!("{:<5}", line.label.as_deref().unwrap_or_default());
        let (mnemonic, operands) = line.text.split_once(' ').unwrap_or((&line.text, ""));
        let mnemonic = match operands {
            "" => mnemonic.to_owned(),
            _ => format!("{mnemonic:<7} "),
        };
        let origin = origin.map(|offset| format!("{offset:#x}"));
        writeln!(
            self.out,
            "{}  {}  {}{}{operands}",
            self.paint(OFFSET, &format!("{:>8}", origin.unwrap_or_default())),
            self.paint(OFFSET, &format!("{:>5x}", line.pos)),
            self.paint(LABEL, &label),
            self.paint(MNEMONIC, &mnemonic),
        )
    }
}

/// Per place of an instruction: the offset in the module of its operator, where it is known.
fn origins(func: &InspectedFunc, lines: &[Line]) -> BTreeMap<usize, u32> {
    let mut origins = BTreeMap::new();
    for &(code, wasm) in &func.sites {
        let code = code as usize;
        // A site is the address behind a call, or that of an access that may fault.
        let next = lines.partition_point(|line| line.pos < code);
        let before = next.checked_sub(1).map(|before| &lines[before]);
        let call =
            before.filter(|line| line.text.starts_with("call") || line.text.starts_with("bl"));
        origins.insert(call.map_or(code, |line| line.pos), wasm);
    }
    origins
}
