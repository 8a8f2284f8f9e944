//! Shows what the compiler makes of a module: the records of each function, and its code.

use crate::args::{Arch, Color, Objdump};
use crate::module::{read_module, rejected};
use crate::report::{Failure, report};

use crate::symbols::demangle;
use pronto::format_err;
use pronto::inspect::{InspectOptions, InspectedFunc, Target, inspect};
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
    let wanted: Vec<&InspectedFunc> = funcs
        .iter()
        .filter(|func| given.funcs.is_empty() || given.funcs.iter().any(|f| is_named(func, f)))
        .collect();
    if wanted.is_empty() && !given.funcs.is_empty() {
        let none = format_err!("it defines no function `{}`", given.funcs.join("` or `"));
        let indices = match (funcs.first(), funcs.last()) {
            (Some(first), Some(last)) => format!("{} to {}", first.index, last.index),
            _ => "none".to_owned(),
        };
        let hint = format!("indices of functions with code: {indices}, imports come first");
        return Err(Failure::hint(none, hint));
    }
    let stdout = io::stdout();
    let color = match given.color {
        Color::Auto => stdout.is_terminal() && std::env::var_os("NO_COLOR").is_none(),
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

/// Whether `wanted` is the function's index or name, as the module has it or as its language does.
fn is_named(func: &InspectedFunc, wanted: &str) -> bool {
    wanted.parse() == Ok(func.index)
        || func.name.as_deref().is_some_and(|name| {
            let wanted = wanted.strip_prefix('$').unwrap_or(wanted);
            name == wanted || demangle(name) == wanted
        })
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
        self.ir(func)?;
        writeln!(self.out)?;
        self.code(func, target)?;
        writeln!(self.out)
    }

    /// What is known of the function, then its records, each with the offset of its operator in
    /// the module.
    fn ir(&mut self, func: &InspectedFunc) -> io::Result<()> {
        let lines: Vec<&str> = func.ir.lines().collect();
        let (known, records) = lines.split_at(lines.len().saturating_sub(func.records.len()));
        for line in known {
            writeln!(self.out, "{:10}{}", "", self.paint(IR, line))?;
        }
        for line in records {
            let start = line.find("  ").filter(|start| *start >= 6);
            let (offset, record) = line.split_at(start.unwrap_or_default());
            let offset = self.paint(OFFSET, offset);
            writeln!(self.out, "{offset}{}", self.paint(IR, record))?;
        }
        Ok(())
    }

    /// The instructions. Beside those that can stop the guest stands the offset of what they do in
    /// the module.
    fn code(&mut self, func: &InspectedFunc, target: Target) -> io::Result<()> {
        let lines = disasm::lines(func, target);
        let origins = origins(func, &lines);
        for line in lines {
            let label = format!("{:<5}", line.label.as_deref().unwrap_or_default());
            let (mnemonic, operands) = line.text.split_once(' ').unwrap_or((&line.text, ""));
            let origin = origins.get(&line.pos);
            let origin = origin.map(|offset| format!("{offset:#x}"));
            writeln!(
                self.out,
                "{}  {}  {}{:<7} {operands}",
                self.paint(OFFSET, &format!("{:>8}", origin.unwrap_or_default())),
                self.paint(OFFSET, &format!("{:>5x}", line.pos)),
                self.paint(LABEL, &label),
                self.paint(MNEMONIC, mnemonic),
            )?;
        }
        Ok(())
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
