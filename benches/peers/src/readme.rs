//! The measured table of the project's README, from one run.

use crate::table::{self, Table};
use crate::{Options, call, compile, linear, programs, run, startup};
use anyhow::{Context, Result, ensure};
use std::path::Path;
use std::process::Command;

/// Real modules of each language and size; the first four are what targets are stated for.
const MODULES: [&str; 14] = [
    "esbuild",
    "sqlite",
    "ruby",
    "lightningcss",
    "as-sha256",
    "box2d",
    "brotli",
    "clang-format",
    "gofmt",
    "graphviz",
    "jq",
    "oxc",
    "quickjs",
    "zig-fmt",
];

const BEGIN: &str = "<!-- measured:begin -->\n";
const END: &str = "<!-- measured:end -->";

const LOCK: &str = include_str!("../Cargo.lock");

/// Measures everything and puts the table into the README.
pub fn write(options: Options) -> Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let readme = root.join("README.md");
    let text = std::fs::read_to_string(&readme)?;
    let (before, rest) = text.split_once(BEGIN).context("a mark for the beginning")?;
    let (_, after) = rest.split_once(END).context("a mark for the end")?;
    let head = head(&root)?;
    let table = measure(options)?.text(true);
    std::fs::write(
        readme,
        format!("{before}{BEGIN}{head}\n{table}{END}{after}"),
    )?;
    Ok(())
}

fn measure(mut options: Options) -> Result<Table> {
    ensure!(options.filters.is_empty(), "`readme` takes no filters");
    options.markdown = true;
    // First, since what it runs may have to be fetched yet.
    let programs = programs::measure(&options)?;
    options.filters = MODULES.map(str::to_owned).to_vec();
    let compile = compile::measure(&options)?;
    options.filters.clear();
    let others = [
        run::measure(&options)?,
        programs,
        call::measure(&options)?,
        startup::measure(&options)?,
    ];
    options.peers = Some(vec!["pronto".to_owned()]);
    let linear = linear::measure(&options)?;
    Ok(table::merge(
        [compile]
            .into_iter()
            .chain(others)
            .chain([linear])
            .collect(),
    ))
}

/// What was measured, and where.
fn head(root: &Path) -> Result<String> {
    let commit =
        output(
            Command::new("git")
                .current_dir(root)
                .args(["rev-parse", "--short", "HEAD"]),
        )?;
    let rust = output(Command::new("rustc").arg("--version"))?;
    let rust = rust
        .split_whitespace()
        .nth(1)
        .unwrap_or_default()
        .to_owned();
    let cpus = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let cpu = cpus
        .lines()
        .find_map(|line| line.strip_prefix("model name"));
    let cpu = cpu.map_or("an unknown processor", |name| {
        name.trim_start_matches(['\t', ':', ' '])
    });
    let threads = std::thread::available_parallelism()?;
    Ok(format!(
        "Medians of one run (`cd benches/peers && cargo run --release -- readme` wrote this), each figure beside its\n\
         peers': wasmtime {} (Cranelift, Winch), Wasmer {}, wasmi {}; {threads} threads of {cpu}, Rust {rust}, commit {commit}.\n",
        version("wasmtime"),
        version("wasmer"),
        version("wasmi"),
    ))
}

/// The version of a crate that these benches are built with.
fn version(name: &str) -> &'static str {
    let entry = LOCK.split("[[package]]").find(|entry| {
        let mut lines = entry.lines().skip(1);
        lines.next() == Some(&format!("name = \"{name}\""))
    });
    let line = entry.and_then(|entry| entry.lines().nth(2));
    let version = line.and_then(|line| line.strip_prefix("version = \""));
    version.map_or("", |version| version.trim_end_matches('"'))
}

fn output(command: &mut Command) -> Result<String> {
    let output = command.output().with_context(|| format!("{command:?}"))?;
    ensure!(output.status.success(), "{command:?} failed");
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}
