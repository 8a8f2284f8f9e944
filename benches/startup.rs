//! How soon does an instance stand: from bytes, and from a module that is compiled and linked?
#![allow(missing_docs, reason = "criterion's macros")]

mod support;

use std::hint::black_box;

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use pronto::{Engine, Instance, InstancePre, Linker, Module, Store};

fn pre(engine: &Engine, wasm: &[u8]) -> InstancePre<()> {
    let module = Module::new(engine, wasm).expect("a valid module");
    let mut linker = Linker::new(engine);
    linker
        .define_unknown_imports_as_traps(&module)
        .expect("functions only");
    linker.instantiate_pre(&module).expect("imports that fit")
}

fn instantiate(pre: &InstancePre<()>) -> (Store<()>, Instance) {
    let mut store = Store::new(pre.module().engine(), ());
    let instance = pre.instantiate(&mut store).expect("an instance");
    (store, instance)
}

fn startup(c: &mut Criterion) {
    let wasm = support::kernel("interp");
    let mut large = support::wasm_files("modules");
    large.retain(|(name, _)| name == "esbuild");
    for (mode, engine) in support::engines() {
        let mut group = c.benchmark_group(format!("startup/{mode}"));
        // What is made is dropped outside the time, in batches that address space allows.
        group.bench_function("small, from bytes", |b| {
            b.iter_batched(
                || (),
                |()| instantiate(&pre(&engine, black_box(&wasm))),
                BatchSize::NumIterations(16),
            );
        });
        let small = pre(&engine, &wasm);
        group.bench_function("small, prepared", |b| {
            b.iter_batched(
                || (),
                |()| instantiate(&small),
                BatchSize::NumIterations(16),
            );
        });
        for (name, wasm) in &large {
            let large = pre(&engine, wasm);
            group.sample_size(10);
            group.bench_function(format!("{name}, prepared"), |b| {
                b.iter_batched(|| (), |()| instantiate(&large), BatchSize::NumIterations(4));
            });
        }
        group.finish();
    }
}

criterion_group!(benches, startup);
criterion_main!(benches);
