//! How fast the code is: kernels, with their checksums compared.

use crate::modules::Module;
use crate::peer::{Bench, Peer, Running};
use crate::table::{Table, number, optional};
use crate::{Options, clock, modules, peers};
use anyhow::{Context, Result, ensure};

/// The runtime that the others are divided by.
const BASE: &str = "Cranelift";

pub fn measure(options: &Options) -> Result<Table> {
    let peers = peers::all(Bench::Run, options)?;
    let names: Vec<String> = peers.iter().map(|peer| peer.name().to_owned()).collect();
    let base = names.iter().position(|name| name == BASE);
    let mut kernels = modules::kernels()?;
    kernels.retain(|kernel| options.wants(&kernel.name));
    let mut ratios = vec![Vec::new(); peers.len()];
    let heads = |first: &[&str]| {
        first
            .iter()
            .map(|&s| s.to_owned())
            .chain(names.iter().cloned())
            .collect::<Vec<_>>()
    };
    let unit = if base.is_some() {
        "time ÷ Cranelift's"
    } else {
        "milliseconds"
    };
    let mut table = Table::new(
        format!("Kernels: {unit} (CPU time)"),
        heads(&["kernel", "Cranelift ms"]),
    );
    for kernel in &kernels {
        eprintln!("run {}", kernel.name);
        let mut running = instances(kernel, &peers)?;
        let times = times(
            &kernel.name,
            &names,
            &mut running,
            options.rounds.unwrap_or(5),
        )?;
        let unit = base.map_or(1e-3, |base| times[base]);
        let mut row = vec![
            kernel.name.clone(),
            optional(base.map(|base| times[base] * 1e3)),
        ];
        row.extend(times.iter().map(|time| number(time / unit)));
        table.row(row);
        times
            .iter()
            .zip(&mut ratios)
            .for_each(|(time, ratios)| ratios.push(time / unit));
    }
    let means: Vec<String> = ratios
        .into_iter()
        .map(|ratios| optional(clock::geomean(ratios)))
        .collect();
    table.row(
        ["geomean".to_owned(), String::new()]
            .into_iter()
            .chain(means.iter().cloned()),
    );
    if !options.markdown {
        table.print(false);
    }
    let mut summary = Table::new("Run", heads(&[""]));
    summary.row(
        [format!("run: {unit}, geomean of {} kernels", kernels.len())]
            .into_iter()
            .chain(means),
    );
    Ok(summary)
}

/// An instance of a kernel on each runtime.
pub fn instances(kernel: &Module, peers: &[Box<dyn Peer>]) -> Result<Vec<Box<dyn Running>>> {
    let instance = |peer: &dyn Peer| {
        let prepared = peer
            .compile(&kernel.wasm)
            .and_then(|compiled| compiled.prepare());
        prepared
            .and_then(|prepared| prepared.instantiate())
            .with_context(|| format!("{} on {}", kernel.name, peer.name()))
    };
    peers.iter().map(|peer| instance(peer.as_ref())).collect()
}

/// Seconds per runtime: the medians of rounds in which each takes its turn.
pub fn times(
    kernel: &str,
    names: &[String],
    running: &mut [Box<dyn Running>],
    rounds: usize,
) -> Result<Vec<f64>> {
    let mut times = vec![Vec::new(); running.len()];
    let mut expected = None;
    for _ in 0..rounds {
        for (i, instance) in running.iter_mut().enumerate() {
            let start = clock::now();
            let sum = instance
                .run(1)
                .with_context(|| format!("{kernel} on {}", names[i]))?;
            times[i].push((clock::now() - start).as_secs_f64());
            // Memory persists, so a later round may differ from the first, but not between runtimes.
            if i == 0 {
                expected = Some(sum);
            }
            ensure!(
                expected == Some(sum),
                "{kernel}: {} says {sum}, {} says {expected:?}",
                names[i],
                names[0]
            );
        }
    }
    Ok(times.into_iter().map(clock::median).collect())
}
