//! How many instructions kernels take, where a counting emulator runs this program (`arm64/run`), and how large their
//! code is. Counts say nothing of what an instruction costs, but they repeat exactly, on a machine one does not have.

use crate::peer::{Bench, Peer};
use crate::table::{Table, number, optional};
use crate::{Options, clock, modules, peers};
use anyhow::{Context, Result, ensure};
use std::path::Path;

/// The runtime that the others are divided by.
const BASE: &str = "Cranelift";

/// The number of a system call that no kernel has, at which the emulator's plug-in (`arm64/count.c`) writes its count.
const MARK: libc::c_long = 0x5072_6f6e;

/// Instructions so far.
fn executed(counter: &Path) -> Result<u64> {
    // SAFETY: there is no such system call, so it fails.
    unsafe { libc::syscall(MARK) };
    let text = std::fs::read_to_string(counter).with_context(|| counter.display().to_string())?;
    text.parse().context("a count")
}

/// One kernel on one runtime.
struct Count {
    sum: i64,
    instructions: u64,
    code: usize,
}

fn count(peer: &dyn Peer, wasm: &[u8], counter: &Path) -> Result<Count> {
    let compiled = peer.compile(wasm)?;
    let code = compiled.code_bytes().context("machine code")?;
    let mut running = compiled.prepare()?.instantiate()?;
    let start = executed(counter)?;
    let sum = running.run(1)?;
    Ok(Count {
        sum,
        instructions: executed(counter)? - start,
        code,
    })
}

pub fn measure(options: &Options) -> Result<Table> {
    let counter = options.counter.as_deref().context(
        "this needs --counter FILE, which a counting emulator writes: see benches/peers/arm64/run",
    )?;
    let mut peers = peers::all(Bench::Run, options)?;
    // Only those that make machine code.
    peers.retain(|peer| peer.benches().contains(&Bench::Compile) && peer.name() != "wasmi");
    let names: Vec<&str> = peers.iter().map(|peer| peer.name()).collect();
    let base = names.iter().position(|name| *name == BASE);
    let heads = ["kernel", "Cranelift, millions", "bytes"]
        .into_iter()
        .map(str::to_owned)
        .chain(names.iter().map(|name| (*name).to_owned()))
        .chain(names.iter().map(|name| format!("{name}, bytes")));
    let mut table = Table::new("Kernels: instructions executed and bytes of code", heads);
    let mut ratios = vec![Vec::new(); 2 * peers.len()];
    let mut kernels = modules::kernels()?;
    kernels.retain(|kernel| options.wants(&kernel.name));
    for kernel in &kernels {
        eprintln!("count {}", kernel.name);
        let counts = peers
            .iter()
            .map(|peer| {
                count(peer.as_ref(), &kernel.wasm, counter)
                    .with_context(|| format!("{} on {}", kernel.name, peer.name()))
            })
            .collect::<Result<Vec<_>>>()?;
        ensure!(
            counts.iter().all(|count| count.sum == counts[0].sum),
            "{}: the checksums differ",
            kernel.name
        );
        let unit = |values: Vec<f64>| -> Vec<f64> {
            let unit = base.map_or(1.0, |base| values[base]);
            values.into_iter().map(|value| value / unit).collect()
        };
        let instructions = unit(counts.iter().map(|c| c.instructions as f64).collect());
        let bytes = unit(counts.iter().map(|c| c.code as f64).collect());
        let figures: Vec<f64> = instructions.into_iter().chain(bytes).collect();
        let of_base = |value: fn(&Count) -> f64| optional(base.map(|base| value(&counts[base])));
        table.row(
            [
                kernel.name.clone(),
                of_base(|count| count.instructions as f64 / 1e6),
                of_base(|count| count.code as f64),
            ]
            .into_iter()
            .chain(figures.iter().copied().map(number)),
        );
        for (figure, all) in figures.into_iter().zip(&mut ratios) {
            all.push(figure);
        }
    }
    let means: Vec<String> = ratios
        .into_iter()
        .map(|all| optional(clock::geomean(all)))
        .collect();
    if !options.markdown {
        table.row(
            ["geomean".to_owned(), String::new(), String::new()]
                .into_iter()
                .chain(means.iter().cloned()),
        );
        table.print(false);
    }
    let mut summary = Table::new("Count", [""].into_iter().chain(names.iter().copied()));
    for (what, at) in [("instructions", 0), ("bytes of code", peers.len())] {
        let means = means[at..at + peers.len()].iter().cloned();
        let what = format!("{what} ÷ Cranelift's, geomean of {} kernels", kernels.len());
        summary.row([what].into_iter().chain(means));
    }
    Ok(summary)
}
