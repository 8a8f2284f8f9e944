//! How fast bytes become code, how much code, and with how much memory.

use crate::modules::{self, Module};
use crate::peer::{Bench, Peer};
use crate::table::{Table, number, optional};
#[cfg(feature = "pronto")]
use crate::threads;
use crate::{Options, clock, liftoff, peers};
use anyhow::{Context, Result, ensure};
use std::process::Command;

/// The hidden subcommand that a child process runs to measure the peak of one compilation.
pub const PEAK: &str = "peak-of";

/// The column of V8's single-pass compiler, which no [`Peer`] is.
const LIFTOFF: &str = "V8 Liftoff";

/// The floor: a validator alone.
const VALIDATE: &str = "validate";

/// Seconds that a batch of small modules takes, about.
const BATCH: f64 = 0.004;

/// What one runtime did with one module.
struct Figure {
    seconds: f64,
    code_bytes: Option<usize>,
    peak_kb: Option<f64>,
}

struct Line<'a> {
    module: &'a Module,
    validate: f64,
    figures: Vec<Option<Figure>>,
    /// Of V8's single-pass compiler.
    liftoff: Option<f64>,
    /// How many times as fast Pronto is on all of the machine's threads as on one.
    speedup: Option<f64>,
}

pub fn measure(options: &Options) -> Result<Table> {
    let peers = peers::all(Bench::Compile, options)?;
    let mut modules = modules::real()?;
    modules.retain(|module| options.wants(&module.name));
    ensure!(!modules.is_empty(), "no modules: run benches/fetch-modules");
    let mut lines = Vec::new();
    for module in &modules {
        eprintln!(
            "compile {} ({} kB of code)",
            module.name,
            module.code / 1000
        );
        lines.push(line(module, &peers, options));
    }
    if !options.markdown {
        details(&peers, &lines);
    }
    Ok(summary(&peers, &lines))
}

fn line<'a>(module: &'a Module, peers: &[Box<dyn Peer>], options: &Options) -> Line<'a> {
    let rounds = options.rounds.unwrap_or(5);
    let batch = (400_000 / module.code.max(1)).clamp(1, 100);
    let mut validate = Vec::new();
    // Within a turn: on a shared machine, whole turns take longer than others.
    let mut ratios = vec![Vec::new(); peers.len()];
    let mut figures: Vec<Option<Figure>> = peers
        .iter()
        .map(|peer| first(peer.as_ref(), module, options))
        .collect();
    for _ in 0..rounds {
        let floor = clock::seconds_each(batch, true, || modules::validate(&module.wasm));
        validate.push(floor);
        for ((peer, figure), ratios) in peers.iter().zip(&figures).zip(&mut ratios) {
            let Some(figure) = figure else { continue };
            // What takes seconds is not noisy: the first time stands.
            if figure.seconds < 2.0 {
                let batch = ((BATCH / figure.seconds) as usize).clamp(1, batch);
                let seconds = clock::seconds_each(batch, true, || peer.compile(&module.wasm));
                ratios.push(seconds / floor);
            }
        }
    }
    let validate = clock::median(validate);
    for (figure, ratios) in figures.iter_mut().zip(ratios) {
        if let (Some(figure), false) = (figure, ratios.is_empty()) {
            figure.seconds = clock::median(ratios) * validate;
        }
    }
    Line {
        module,
        validate,
        figures,
        liftoff: liftoff::seconds(module, rounds),
        speedup: speedup(module, rounds),
    }
}

#[cfg(feature = "pronto")]
fn speedup(module: &Module, rounds: usize) -> Option<f64> {
    let [one, all] = threads::seconds(&module.wasm, rounds).ok()?;
    Some(one / all)
}

#[cfg(not(feature = "pronto"))]
fn speedup(_module: &Module, _rounds: usize) -> Option<f64> {
    None
}

/// The first compilation, which also tells whether the runtime takes the module at all.
fn first(peer: &dyn Peer, module: &Module, options: &Options) -> Option<Figure> {
    if module.code > peer.limit() && !options.slow {
        return None;
    }
    let start = clock::now();
    let compiled = peer.compile(&module.wasm);
    let mut seconds = (clock::now() - start).as_secs_f64();
    match compiled {
        Ok(compiled) => {
            let code_bytes = compiled.code_bytes();
            drop(compiled);
            if seconds < BATCH {
                // What came first found the caches cold.
                seconds = seconds.min(clock::seconds(|| peer.compile(&module.wasm)));
            }
            let peak_kb = peak(peer.name(), module);
            Some(Figure {
                seconds,
                code_bytes,
                peak_kb,
            })
        }
        Err(error) => {
            eprintln!("  {}: {error:#}", peer.name());
            None
        }
    }
}

fn head(peers: &[Box<dyn Peer>], first: &[&str]) -> Vec<String> {
    first
        .iter()
        .map(|&head| head.to_owned())
        .chain(peers.iter().map(|peer| peer.name().to_owned()))
        .collect()
}

fn details(peers: &[Box<dyn Peer>], lines: &[Line]) {
    let mut time = Table::new(
        "Compile time ÷ validation of the same bytes (CPU time, one thread)",
        head(
            peers,
            &["module", "language", "code kB", "validate ms", "MB/s"],
        ),
    );
    let mut size = Table::new(
        "Machine code ÷ code section",
        head(peers, &["module", "code kB"]),
    );
    let mut memory = Table::new(
        "Peak memory of a compilation, MB",
        head(peers, &["module", "module MB"]),
    );
    for line in lines {
        let Module {
            name,
            language,
            code,
            wasm,
            ..
        } = line.module;
        let kb = number(*code as f64 / 1e3);
        let cells = |of: &dyn Fn(&Figure) -> Option<f64>| {
            line.figures
                .iter()
                .map(|f| optional(f.as_ref().and_then(of)))
                .collect::<Vec<_>>()
        };
        let mut row = vec![
            name.clone(),
            language.clone(),
            kb.clone(),
            number(line.validate * 1e3),
            number(*code as f64 / line.validate / 1e6),
        ];
        row.extend(cells(&|figure| Some(figure.seconds / line.validate)));
        time.row(row);
        size.row([name.clone(), kb].into_iter().chain(cells(&|figure| {
            Some(figure.code_bytes? as f64 / *code as f64)
        })));
        let mb = number(wasm.len() as f64 / 1e6);
        memory.row(
            [name.clone(), mb]
                .into_iter()
                .chain(cells(&|figure| Some(figure.peak_kb? / 1e3))),
        );
    }
    time.print(false);
    size.print(false);
    memory.print(false);
    beside(peers, lines).print(false);
}

/// Of a module on the first runtime: peak memory ÷ (module + code).
fn peak_in_proportion(line: &Line, figure: &Figure) -> Option<f64> {
    let bytes = line.module.wasm.len() + figure.code_bytes?;
    Some(figure.peak_kb? * 1024.0 / bytes as f64)
}

/// What has no column in the other tables: each row compares with the first peer.
fn beside(peers: &[Box<dyn Peer>], lines: &[Line]) -> Table {
    let first = peers.first().map_or("", |peer| peer.name());
    let mut table = Table::new(
        "V8 Liftoff, threads, and memory in proportion",
        [
            "module".to_owned(),
            "Liftoff ÷ validate".to_owned(),
            format!("Liftoff ÷ {first}"),
            "one thread ÷ all".to_owned(),
            format!("{first}: peak ÷ (module + code)"),
        ],
    );
    let mut columns = [const { Vec::new() }; 4];
    for line in lines {
        let figure = line.figures.first().and_then(Option::as_ref);
        let values = [
            line.liftoff.map(|liftoff| liftoff / line.validate),
            line.liftoff
                .zip(figure)
                .map(|(liftoff, f)| liftoff / f.seconds),
            line.speedup,
            figure.and_then(|figure| peak_in_proportion(line, figure)),
        ];
        for (column, value) in columns.iter_mut().zip(values) {
            column.extend(value);
        }
        let cells = values.map(optional);
        table.row([line.module.name.clone()].into_iter().chain(cells));
    }
    let means = columns.map(|column| optional(clock::geomean(column)));
    table.row(["geometric mean".to_owned()].into_iter().chain(means));
    table
}

/// A row for each module, then geometric means. A runtime that sat out some modules says over how
/// many its mean is.
fn summary(peers: &[Box<dyn Peer>], lines: &[Line]) -> Table {
    let heads = head(peers, &[""]).into_iter().chain([LIFTOFF.to_owned()]);
    let mut table = Table::new("Compile", heads);
    for line in lines {
        let Module {
            name,
            language,
            code,
            ..
        } = line.module;
        let mb = number(*code as f64 / 1e6);
        let label = format!("compile ÷ validate: {name} ({language}, {mb} MB of code)");
        let of = |seconds: Option<f64>| optional(seconds.map(|seconds| seconds / line.validate));
        let seconds = line.figures.iter().map(|f| f.as_ref().map(|f| f.seconds));
        let cells = seconds.chain([line.liftoff]).map(of);
        table.row([label].into_iter().chain(cells));
    }
    let mean = |values: Vec<f64>| match values.len() {
        count if count == 0 || count == lines.len() => optional(clock::geomean(values)),
        count => format!("{} ({count} of them)", optional(clock::geomean(values))),
    };
    let liftoff = lines
        .iter()
        .filter_map(|line| Some(line.liftoff? / line.validate));
    let liftoff = mean(liftoff.collect());
    let mut row = |label: String, of: &dyn Fn(&Line, &Figure) -> Option<f64>, last: String| {
        let of_peer = |i: usize| {
            let values = lines
                .iter()
                .filter_map(|line| of(line, line.figures[i].as_ref()?));
            mean(values.collect())
        };
        let cells = (0..peers.len()).map(of_peer).chain([last]);
        table.row([label].into_iter().chain(cells));
    };
    let none = || "-".to_owned();
    row(
        format!("compile ÷ validate, geomean of {} modules", lines.len()),
        &|line, figure| Some(figure.seconds / line.validate),
        liftoff,
    );
    row(
        "compile, MB of code section a second".to_owned(),
        &|line, figure| Some(line.module.code as f64 / figure.seconds / 1e6),
        none(),
    );
    row(
        "machine code ÷ code section".to_owned(),
        &|line, figure| Some(figure.code_bytes? as f64 / line.module.code as f64),
        none(),
    );
    row(
        "peak memory of a compilation ÷ (module + code)".to_owned(),
        &peak_in_proportion,
        none(),
    );
    table
}

/// Kilobytes by which a compilation raises the peak of a fresh process, but for what it reads of the
/// program itself: that is there once, however much is compiled.
fn peak(peer: &str, module: &Module) -> Option<f64> {
    let output = Command::new(std::env::current_exe().ok()?)
        .arg(PEAK)
        .arg(peer)
        .arg(&module.path)
        .output()
        .ok()?;
    String::from_utf8(output.stdout).ok()?.trim().parse().ok()
}

/// The child's side of [`peak`].
pub fn print_peak(mut args: impl Iterator<Item = String>) -> Result<()> {
    let (name, path) = (
        args.next().context("a runtime")?,
        args.next().context("a path")?,
    );
    let options = Options {
        markdown: false,
        slow: true,
        rounds: None,
        peers: None,
        counter: None,
        filters: Vec::new(),
    };
    let peers = peers::all(Bench::Compile, &options)?;
    let wasm = std::fs::read(path)?;
    // Sets the peak to what is resident now.
    std::fs::write("/proc/self/clear_refs", "5")?;
    let before = anonymous_kb()?;
    if name == VALIDATE {
        modules::validate(&wasm)?;
    } else {
        let peer = peers
            .iter()
            .find(|peer| peer.name() == name)
            .context("an unknown runtime")?;
        let _kept = peer.compile(&wasm)?;
    }
    // The status is counted in batches of pages, which hide those of a small module; a difference
    // within one status is right.
    let above = (status_kb("VmHWM")? - status_kb("VmRSS")?).max(0.0);
    println!("{}", anonymous_kb()? + above - before);
    Ok(())
}

/// Kilobytes of this process that are no file's.
fn anonymous_kb() -> Result<f64> {
    kb("/proc/self/smaps_rollup", "Anonymous")
}

/// A figure of this process, in kilobytes.
pub fn status_kb(field: &str) -> Result<f64> {
    kb("/proc/self/status", field)
}

fn kb(file: &str, field: &str) -> Result<f64> {
    let figures = std::fs::read_to_string(file)?;
    let line = figures
        .lines()
        .find(|line| line.starts_with(field))
        .context("a field of the status")?;
    Ok(line
        .split_whitespace()
        .nth(1)
        .context("its value")?
        .parse()?)
}
