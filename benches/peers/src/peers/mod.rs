//! The runtimes.

#[cfg(feature = "pronto")]
mod pronto;
#[cfg(feature = "wasmer")]
mod wasmer;
#[cfg(feature = "wasmi")]
mod wasmi;
#[cfg(feature = "wasmtime")]
mod wasmtime;

use crate::Options;
use crate::peer::{Bench, Peer};
use anyhow::Result;

/// The runtimes that take part in `bench`, Pronto first.
pub fn all(bench: Bench, options: &Options) -> Result<Vec<Box<dyn Peer>>> {
    let mut peers: Vec<Box<dyn Peer>> = Vec::new();
    #[cfg(feature = "pronto")]
    peers.extend(pronto::all()?);
    #[cfg(feature = "wasmtime")]
    peers.extend(wasmtime::all()?);
    #[cfg(feature = "wasmer")]
    peers.extend(wasmer::all());
    #[cfg(feature = "wasmi")]
    peers.extend(wasmi::all());
    peers.retain(|peer| peer.benches().contains(&bench) && options.wants_peer(peer.name()));
    Ok(peers)
}
