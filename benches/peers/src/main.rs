//! Measures Pronto beside the runtimes that a user would otherwise pick.
//!
//! Everything a table compares is measured in one process, in turns, in CPU time of the process; a figure is the
//! median over the turns. Absolute times say something about the machine too: compare ratios.

mod call;
mod clock;
mod compile;
mod control;
mod count;
#[cfg(feature = "pronto")]
mod latency;
mod liftoff;
mod linear;
#[cfg(feature = "pronto")]
mod machines;
mod modules;
mod peer;
mod peers;
mod programs;
mod readme;
mod run;
mod startup;
#[cfg(feature = "pronto")]
mod suspended;
mod table;
#[cfg(feature = "pronto")]
mod threads;
mod wasi;

use anyhow::{Result, bail};
use std::path::PathBuf;

const USAGE: &str = "\
usage: peers COMMAND [options] [FILTER..]

  compile    real modules: bytes to code (`benches/fetch-modules` first)
  run        kernels: time, with the checksums compared
  call       calls between host and guest, and within the guest
  startup    bytes to instance, prepared module to instance
  control    kernels: what fuel and epochs cost
  latency    how soon a guest stops that another thread interrupts
  suspended  10 000 guests that wait at once: memory and time, beside wasmtime's fibers
  linear     compile time of generated modules as they double in size
  machines   real modules: Pronto's compile time for x86-64 and for arm64
  count      kernels: instructions executed, under a counting emulator (`arm64/run` builds and starts all that)
  programs   whole programs, from bytes to exit (`cli/tests/real/fetch` first)
  all        compile, run, call, startup and programs
  readme     all and linear, as the table of the project's README

  --markdown         print the summary as a Markdown table
  --peers A,B        only these (names as printed, in lower case)
  --rounds N         turns per figure
  --slow             give every runtime the big modules too
  --counter FILE     where the emulator's plug-in writes its count
  FILTER             only modules or kernels whose names contain one of these
";

/// What the command line asks for.
pub struct Options {
    pub markdown: bool,
    pub slow: bool,
    pub rounds: Option<usize>,
    pub peers: Option<Vec<String>>,
    pub counter: Option<PathBuf>,
    pub filters: Vec<String>,
}

impl Options {
    pub fn wants(&self, name: &str) -> bool {
        self.filters.is_empty()
            || self
                .filters
                .iter()
                .any(|filter| name.contains(filter.as_str()))
    }

    pub fn wants_peer(&self, name: &str) -> bool {
        self.peers.as_ref().is_none_or(|peers| {
            peers
                .iter()
                .any(|peer| name.to_lowercase().contains(peer.as_str()))
        })
    }
}

fn parse(mut args: impl Iterator<Item = String>) -> Result<Options> {
    let mut options = Options {
        markdown: false,
        slow: false,
        rounds: None,
        peers: None,
        counter: None,
        filters: Vec::new(),
    };
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--markdown" => options.markdown = true,
            "--slow" => options.slow = true,
            "--rounds" => options.rounds = args.next().map(|n| n.parse()).transpose()?,
            "--peers" => {
                options.peers = args
                    .next()
                    .map(|list| list.to_lowercase().split(',').map(str::to_owned).collect())
            }
            "--counter" => options.counter = args.next().map(PathBuf::from),
            flag if flag.starts_with('-') => bail!("unknown option {flag}\n\n{USAGE}"),
            _ => options.filters.push(arg),
        }
    }
    Ok(options)
}

fn main() -> Result<()> {
    let mut args = std::env::args().skip(1);
    let command = args.next().unwrap_or_default();
    if command == compile::PEAK {
        return compile::print_peak(args);
    }
    #[cfg(feature = "pronto")]
    if command == suspended::ONE {
        return suspended::print_one(args.next());
    }
    let options = parse(args)?;
    if command == "readme" {
        return readme::write(options);
    }
    let summaries = match command.as_str() {
        "compile" => vec![compile::measure(&options)?],
        "run" => vec![run::measure(&options)?],
        "call" => vec![call::measure(&options)?],
        "startup" => vec![startup::measure(&options)?],
        "control" => vec![control::measure(&options)?],
        "count" => vec![count::measure(&options)?],
        #[cfg(feature = "pronto")]
        "latency" => vec![latency::measure(&options)?],
        #[cfg(feature = "pronto")]
        "suspended" => vec![suspended::measure(&options)?],
        #[cfg(feature = "pronto")]
        "machines" => vec![machines::measure(&options)?],
        "linear" => vec![linear::measure(&options)?],
        "programs" => vec![programs::measure(&options)?],
        "all" => vec![
            compile::measure(&options)?,
            run::measure(&options)?,
            call::measure(&options)?,
            startup::measure(&options)?,
            programs::measure(&options)?,
        ],
        _ => {
            print!("{USAGE}");
            return Ok(());
        }
    };
    table::merge(summaries).print(options.markdown);
    Ok(())
}
