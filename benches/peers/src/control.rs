//! What it costs that the host can stop its guest: kernels with fuel, and with epochs, beside the same without.

use crate::peer::Bench;
use crate::table::{Table, number, optional};
use crate::{Options, clock, modules, peers, run};
use anyhow::{Context, Result};

pub fn measure(options: &Options) -> Result<Table> {
    let peers = peers::all(Bench::Control, options)?;
    let names: Vec<String> = peers.iter().map(|peer| peer.name().to_owned()).collect();
    let mut pairs = Vec::new();
    for (at, peer) in peers.iter().enumerate() {
        if let Some(base) = peer.base() {
            let base = names.iter().position(|name| name == base);
            pairs.push((at, base.context("a peer without what it is compared with")?));
        }
    }
    let heads = |first: &str| {
        let controlled = pairs.iter().map(|(at, _)| names[*at].clone());
        [first.to_owned()].into_iter().chain(controlled)
    };
    let mut kernels = modules::kernels()?;
    kernels.retain(|kernel| options.wants(&kernel.name));
    let mut table = Table::new(
        "Kernels: time ÷ that without control (CPU time)",
        heads("kernel"),
    );
    let mut ratios = vec![Vec::new(); pairs.len()];
    for kernel in &kernels {
        eprintln!("control {}", kernel.name);
        let mut running = run::instances(kernel, &peers)?;
        let rounds = options.rounds.unwrap_or(11);
        let times = run::times(&kernel.name, &names, &mut running, rounds)?;
        let mut row = vec![kernel.name.clone()];
        for (&(at, base), ratios) in pairs.iter().zip(&mut ratios) {
            let ratio = times[at] / times[base];
            row.push(number(ratio));
            ratios.push(ratio);
        }
        table.row(row);
    }
    let means: Vec<String> = ratios
        .into_iter()
        .map(|ratios| optional(clock::geomean(ratios)))
        .collect();
    table.row(
        ["geomean".to_owned()]
            .into_iter()
            .chain(means.iter().cloned()),
    );
    if !options.markdown {
        table.print(false);
    }
    let mut summary = Table::new("Control", heads(""));
    let what = format!(
        "control: time ÷ that without, geomean of {} kernels",
        kernels.len()
    );
    summary.row([what].into_iter().chain(means));
    Ok(summary)
}
