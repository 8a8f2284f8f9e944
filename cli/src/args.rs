//! The command line.

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use pronto::Config;
use pronto_wasi::{DirPerms, FilePerms};
use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// Runs WebAssembly programs.
#[derive(Parser)]
#[command(
    name = "pronto",
    version,
    max_term_width = 100,
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true,
    override_usage = "pronto [run] [OPTIONS] FILE [ARGS]...\n       pronto COMMAND",
    after_help = EXIT_CODES,
)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) run: Run,
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
}

const EXIT_CODES: &str = "\
Exit status: the program's own; 134 if it trapped; 2 if the command line is wrong; 1 if anything \
else went wrong.";

/// What to do.
#[derive(Subcommand)]
pub(crate) enum Command {
    /// Run a program (the default)
    Run(Run),
    /// Run scripts of the specification's test suite
    Wast(Wast),
    /// Show what the compiler makes of a module: the code of each function, beside its records
    Objdump(Objdump),
    /// Print a completion script
    #[command(hide = true)]
    Completions {
        /// The shell to complete in
        shell: Shell,
    },
    /// Print the manual page
    #[command(hide = true)]
    Man,
}

/// How to run a program.
#[derive(Args, Default)]
#[command(override_usage = "pronto [run] [OPTIONS] FILE [ARGS]...", after_help = EXIT_CODES)]
pub(crate) struct Run {
    #[command(flatten)]
    pub(crate) engine: EngineOptions,

    /// Give the program a directory, under its own or another name, to read and write or
    /// (with `:ro`) to read
    #[arg(long = "dir", value_name = "HOST[::GUEST][:ro]", value_parser = parse_dir)]
    pub(crate) dirs: Vec<GivenDir>,

    /// Give the program an environment variable, with the value it has here or another
    #[arg(long = "env", value_name = "NAME[=VALUE]")]
    pub(crate) env: Vec<String>,

    /// Give the program a socket that listens on a TCP address; descriptors count from 3, after
    /// the directories
    #[arg(long = "tcplisten", value_name = "ADDRESS", value_parser = parse_address)]
    pub(crate) listeners: Vec<SocketAddr>,

    /// Call an exported function with the arguments, and print its results one per line
    #[arg(long, value_name = "FUNCTION")]
    pub(crate) invoke: Option<String>,

    /// End the program after a time, as `10s`, `1m 30s` or `250ms`, whatever it does then
    #[arg(long, value_name = "DURATION", value_parser = humantime::parse_duration)]
    pub(crate) timeout: Option<Duration>,

    /// Print how long each step took
    #[arg(short, long)]
    pub(crate) verbose: bool,

    /// A WebAssembly module, binary or text, and the program's arguments; options of `pronto` come
    /// before
    #[arg(
        value_names = ["FILE", "ARGS"],
        required = true,
        trailing_var_arg = true,
        allow_hyphen_values = true,
        value_hint = clap::ValueHint::FilePath,
    )]
    pub(crate) file_and_args: Vec<OsString>,
}

impl Run {
    /// The names of the commands, which no file is taken for.
    const COMMANDS: [&str; 6] = ["run", "wast", "objdump", "completions", "man", "help"];

    /// What a command line of a file and the program's arguments asks for, if it is one: most
    /// are, and to set the parser up takes as long as to run a small program.
    pub(crate) fn plain(line: impl IntoIterator<Item = OsString>) -> Option<Self> {
        let file_and_args: Vec<OsString> = line.into_iter().skip(1).collect();
        let first = file_and_args.first()?.to_str()?;
        if first.is_empty() || first.starts_with('-') || Self::COMMANDS.contains(&first) {
            return None;
        }
        Some(Self {
            file_and_args,
            ..Self::default()
        })
    }
}

/// Which scripts to run.
#[derive(Args)]
#[command(after_help = "Exit status: 0 if everything was as the scripts expect; else 1.")]
pub(crate) struct Wast {
    #[command(flatten)]
    pub(crate) engine: EngineOptions,

    /// Name each line before it runs
    #[arg(short, long)]
    pub(crate) verbose: bool,

    /// The scripts
    #[arg(value_name = "FILE", required = true, value_hint = clap::ValueHint::FilePath)]
    pub(crate) files: Vec<PathBuf>,
}

/// What to show of which module.
#[derive(Args)]
#[command(after_help = OBJDUMP)]
pub(crate) struct Objdump {
    /// The machine to compile for, whatever this one is
    #[arg(long, value_name = "MACHINE")]
    pub(crate) arch: Option<Arch>,

    /// Show this function only: its name, one that it is exported under, or its index, imports
    /// counted first; may be repeated
    #[arg(long = "func", value_name = "NAME|INDEX")]
    pub(crate) funcs: Vec<String>,

    /// How accesses outside the memory are found
    #[arg(long, value_name = "MODE", default_value = "guard")]
    memory: MemoryMode,

    /// Whether to use colours
    #[arg(long, value_name = "WHEN", default_value = "auto")]
    pub(crate) color: Color,

    /// A WebAssembly module, binary or text
    #[arg(value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    pub(crate) file: PathBuf,
}

const OBJDUMP: &str = "\
Below each record, which has the offset of its operator in the module, stands the code that was \
written for it. A record without code was done along with a later one, or with the one before. Code \
has offsets of its own, and beside calls, traps and accesses that may fault stands the offset of their \
operator again. What a direct call goes to is known only when a module is linked; instructions that \
not every such machine has are used only when a program runs.";

impl Objdump {
    pub(crate) fn explicit(&self) -> bool {
        matches!(self.memory, MemoryMode::Explicit)
    }
}

/// A machine that code can be generated for.
#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum Arch {
    /// x86-64
    Amd64,
    /// AArch64
    Arm64,
}

/// When to use colours.
#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum Color {
    /// If they are seen
    Auto,
    Always,
    Never,
}

/// How code is compiled.
#[derive(Args, Default)]
pub(crate) struct EngineOptions {
    /// How accesses outside the memory are found: by a check of each, or by a fault
    #[arg(long, value_name = "MODE")]
    memory: Option<MemoryMode>,

    /// Bytes of stack for the program, as `65536`, `512K` or `16M`
    #[arg(long, value_name = "BYTES", value_parser = parse_bytes)]
    max_wasm_stack: Option<usize>,

    /// Switch a proposal on or off: bulk-memory, extended-const, multi-value, reference-types
    #[arg(long = "wasm", value_name = "FEATURE[=y|n]", value_parser = parse_feature)]
    features: Vec<(Feature, bool)>,
}

#[derive(Clone, Copy, ValueEnum)]
enum MemoryMode {
    Explicit,
    Guard,
}

#[derive(Clone, Copy, ValueEnum)]
enum Feature {
    BulkMemory,
    ExtendedConst,
    MultiValue,
    ReferenceTypes,
}

impl EngineOptions {
    pub(crate) fn config(&self) -> Config {
        let mut config = Config::new();
        if let Some(mode) = self.memory {
            config.signals_based_traps(matches!(mode, MemoryMode::Guard));
        }
        if let Some(size) = self.max_wasm_stack {
            config.max_wasm_stack(size);
        }
        for (feature, on) in &self.features {
            match feature {
                Feature::BulkMemory => config.wasm_bulk_memory(*on),
                Feature::ExtendedConst => config.wasm_extended_const(*on),
                Feature::MultiValue => config.wasm_multi_value(*on),
                Feature::ReferenceTypes => config.wasm_reference_types(*on),
            };
        }
        config
    }
}

/// A directory that the program is given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct GivenDir {
    pub(crate) host: String,
    pub(crate) guest: String,
    pub(crate) dir_perms: DirPerms,
    pub(crate) file_perms: FilePerms,
}

fn parse_dir(text: &str) -> Result<GivenDir, String> {
    let (paths, dir_perms, file_perms) = match text.strip_suffix(":ro") {
        Some(paths) => (paths, DirPerms::READ, FilePerms::READ),
        None => (text, DirPerms::all(), FilePerms::all()),
    };
    let (host, guest) = paths.split_once("::").unwrap_or((paths, paths));
    if host.is_empty() || guest.is_empty() {
        return Err("expected HOST, HOST::GUEST, or either with `:ro`".to_owned());
    }
    let (host, guest) = (host.to_owned(), guest.to_owned());
    Ok(GivenDir {
        host,
        guest,
        dir_perms,
        file_perms,
    })
}

fn parse_address(text: &str) -> Result<SocketAddr, String> {
    let wrong = "expected an IP address and a port, as `127.0.0.1:8080` or `[::1]:8080`";
    text.parse().map_err(|_| wrong.to_owned())
}

/// A number of bytes, which may end in `K`, `M` or `G`.
fn parse_bytes(text: &str) -> Result<usize, String> {
    let (digits, shift) = match text.strip_suffix(['K', 'M', 'G']) {
        Some(digits) if text.ends_with('K') => (digits, 10),
        Some(digits) if text.ends_with('M') => (digits, 20),
        Some(digits) => (digits, 30),
        None => (text, 0),
    };
    let wrong = || "expected a number of bytes, as `65536`, `512K` or `16M`".to_owned();
    let number: usize = digits.parse().map_err(|_| wrong())?;
    number.checked_mul(1 << shift).ok_or_else(wrong)
}

fn parse_feature(text: &str) -> Result<(Feature, bool), String> {
    let (name, on) = match text.split_once('=') {
        None => (text, true),
        Some((name, "y" | "yes" | "true")) => (name, true),
        Some((name, "n" | "no" | "false")) => (name, false),
        Some((_, value)) => return Err(format!("expected `y` or `n`, not `{value}`")),
    };
    let known = Feature::value_variants()
        .iter()
        .filter_map(Feature::to_possible_value);
    let known: Vec<String> = known.map(|value| value.get_name().to_owned()).collect();
    let feature = Feature::from_str(name, false);
    Ok((
        feature.map_err(|_| format!("expected one of: {}", known.join(", ")))?,
        on,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_definition_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn directories_have_names_and_permissions() {
        let dir = |text: &str| {
            parse_dir(text).map(|dir| (dir.host, dir.guest, dir.dir_perms == DirPerms::all()))
        };
        let given = |host: &str, guest: &str, all: bool| Ok((host.into(), guest.into(), all));
        assert_eq!(dir("a"), given("a", "a", true));
        assert_eq!(dir("a::/b"), given("a", "/b", true));
        assert_eq!(dir("a:ro"), given("a", "a", false));
        assert_eq!(dir("a:b::/c:ro"), given("a:b", "/c", false));
        for wrong in ["", "::", "a::", "::b", ":ro"] {
            assert!(dir(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn bytes_have_units() {
        let right = [
            ("0", 0),
            ("65536", 1 << 16),
            ("512K", 1 << 19),
            ("16M", 1 << 24),
            ("1G", 1 << 30),
        ];
        for (text, bytes) in right {
            assert_eq!(parse_bytes(text), Ok(bytes));
        }
        for wrong in ["", "M", "1.5M", "-1", "1m", "1MB", "18446744073709551615K"] {
            assert!(parse_bytes(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn everything_after_the_file_is_the_programs() {
        let cli = Cli::parse_from(["pronto", "-v", "a.wasm", "--dir", "x", "--", "-v"]);
        assert!(cli.command.is_none() && cli.run.verbose && cli.run.dirs.is_empty());
        assert_eq!(cli.run.file_and_args, ["a.wasm", "--dir", "x", "--", "-v"]);
        let cli = Cli::parse_from(["pronto", "run", "a.wasm", "run"]);
        let Some(Command::Run(run)) = cli.command else {
            panic!("`run` is a command")
        };
        assert_eq!(run.file_and_args, ["a.wasm", "run"]);
    }

    #[test]
    fn a_plain_line_is_what_the_parser_makes_of_it() {
        let lines = [
            &["a.wasm"][..],
            &["a.wasm", "--dir", "x", "--", "-v"],
            &["a b", "", "run"],
        ];
        for line in lines {
            let line = || ["pronto"].iter().chain(line).map(OsString::from);
            let (plain, cli) = (Run::plain(line()).unwrap(), Cli::parse_from(line()));
            assert!(cli.command.is_none());
            assert_eq!(plain.file_and_args, cli.run.file_and_args);
        }
        let commands = Cli::command();
        let names: Vec<&str> = commands
            .get_subcommands()
            .map(clap::Command::get_name)
            .chain(["help"])
            .collect();
        assert_eq!(names, Run::COMMANDS);
        for name in names.into_iter().chain(["", "-v", "--", "--dir"]) {
            assert!(Run::plain(["pronto", name, "a"].map(OsString::from)).is_none());
        }
        assert!(Run::plain([OsString::from("pronto")]).is_none());
    }

    #[test]
    fn features_switch() {
        assert!(matches!(
            parse_feature("multi-value"),
            Ok((Feature::MultiValue, true))
        ));
        assert!(matches!(
            parse_feature("bulk-memory=n"),
            Ok((Feature::BulkMemory, false))
        ));
        assert!(parse_feature("gc").is_err());
        assert!(parse_feature("multi-value=maybe").is_err());
    }
}
