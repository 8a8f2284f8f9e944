//! How soon an instance stands: from bytes, and from a module that has been prepared.

use crate::modules::{self, Module};
use crate::peer::{Bench, Peer, Prepared, Running};
use crate::table::{Table, optional};
use crate::{Options, clock, peers};
use anyhow::Result;

/// The kernel and the real module that are started.
const SMALL: &str = "interp";
const LARGE: &str = "esbuild";

pub fn measure(options: &Options) -> Result<Table> {
    let peers = peers::all(Bench::Startup, options)?;
    let modules: Vec<_> = [modules::kernel(SMALL)?, modules::real_one(LARGE)?]
        .into_iter()
        .flatten()
        .filter(|module| options.wants(&module.name))
        .collect();
    let rounds = options.rounds.unwrap_or(9);
    let mut table = Table::new(
        "Start-up: microseconds (CPU time)",
        ["µs"]
            .into_iter()
            .chain(peers.iter().map(|peer| peer.name())),
    );
    for module in &modules {
        eprintln!("startup {}", module.name);
        let big = module.code > 1_000_000;
        // Kept instances reserve address space, and a large module's take memory.
        let batch = if big { 4 } else { 32 };
        let label = format!("{} ({:.1} kB)", module.name, module.wasm.len() as f64 / 1e3);
        let mut bytes = vec![Vec::new(); peers.len()];
        let mut prepared = vec![Vec::new(); peers.len()];
        let mut dropped = vec![Vec::new(); peers.len()];
        let ready: Vec<_> = peers
            .iter()
            .map(|peer| {
                takes_part(peer.as_ref(), module, options).then(|| prepare(peer.as_ref(), module))
            })
            .collect();
        for round in 0..rounds {
            for (i, peer) in peers.iter().enumerate() {
                let Some(Ok(ready)) = &ready[i] else { continue };
                if !big || round < 3 {
                    let batch = if big { 1 } else { 16 };
                    bytes[i].push(clock::seconds_each(batch, true, || {
                        start(peer.as_ref(), module)
                    }));
                }
                prepared[i].push(clock::seconds_each(batch, true, || ready.instantiate()));
                dropped[i].push(clock::seconds_each(batch, false, || ready.instantiate()));
            }
        }
        for (what, times) in [
            ("bytes → instance", bytes),
            ("prepared → instance", prepared),
            ("prepared → instance → dropped", dropped),
        ] {
            let cells = times
                .into_iter()
                .map(|times| optional((!times.is_empty()).then(|| clock::median(times) * 1e6)));
            table.row([format!("{what}, {label}")].into_iter().chain(cells));
        }
        for (peer, ready) in peers.iter().zip(&ready) {
            if let Some(Err(error)) = ready {
                eprintln!("  {}: {error:#}", peer.name());
            }
        }
    }
    if !options.markdown {
        table.print(false);
    }
    for row in &mut table.rows {
        row[0].push_str(", µs");
    }
    Ok(table)
}

fn takes_part(peer: &dyn Peer, module: &Module, options: &Options) -> bool {
    module.code <= peer.limit() || options.slow
}

fn prepare(peer: &dyn Peer, module: &Module) -> Result<Box<dyn Prepared>> {
    peer.compile(&module.wasm)?.prepare()
}

fn start(peer: &dyn Peer, module: &Module) -> Result<Box<dyn Running>> {
    prepare(peer, module)?.instantiate()
}
