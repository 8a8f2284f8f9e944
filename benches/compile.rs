//! How fast do bytes become code? A validator alone is the floor.
//!
//! Measures one kernel, and whatever `benches/fetch-modules` has fetched.
#![allow(missing_docs, reason = "criterion's macros")]

mod support;

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use pronto::Module;
use wasmparser::{Validator, WasmFeatures};

/// Larger modules would take criterion minutes, and tell nothing else.
const MAX_SIZE: usize = 5_000_000;

fn compile(c: &mut Criterion) {
    let mut modules = support::wasm_files("modules");
    modules.retain(|(_, wasm)| wasm.len() <= MAX_SIZE);
    modules.insert(0, ("interp".to_owned(), support::kernel("interp")));
    for (name, wasm) in &modules {
        let mut group = c.benchmark_group(format!("compile/{name}"));
        group.sample_size(10);
        group.throughput(Throughput::Bytes(wasm.len() as u64));
        group.bench_function("validate", |b| {
            let features = WasmFeatures::WASM2.union(WasmFeatures::EXTENDED_CONST);
            b.iter(|| {
                let types = Validator::new_with_features(features).validate_all(black_box(wasm));
                types.expect("a valid module")
            });
        });
        for (mode, engine) in support::engines() {
            group.bench_function(mode, |b| {
                b.iter(|| Module::new(&engine, black_box(wasm)).expect("a valid module"));
            });
        }
        group.finish();
    }
}

criterion_group!(benches, compile);
criterion_main!(benches);
