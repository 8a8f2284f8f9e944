//! What a second thread is worth to Pronto: time on the wall, which other processes disturb.

use crate::clock;
use anyhow::Result;
use pronto::{Config, Engine, Module};
use std::time::Instant;

fn engine(parallel: bool) -> Result<Engine> {
    let mut config = Config::new();
    config.parallel_compilation(parallel);
    Ok(Engine::new(&config)?)
}

/// Seconds of compiling on one thread, and on as many as the machine has.
pub fn seconds(wasm: &[u8], rounds: usize) -> Result<[f64; 2]> {
    let engines = [engine(false)?, engine(true)?];
    let mut times = [Vec::new(), Vec::new()];
    for _ in 0..rounds {
        for (engine, times) in engines.iter().zip(&mut times) {
            let start = Instant::now();
            let module = Module::from_binary(engine, wasm)?;
            times.push(start.elapsed().as_secs_f64());
            drop(module);
        }
    }
    Ok(times.map(clock::median))
}
