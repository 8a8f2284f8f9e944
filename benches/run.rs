//! How fast is the code? Kernels in C, each with memory guarded and with memory checked.
#![allow(missing_docs, reason = "criterion's macros")]

mod support;

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use pronto::{Instance, Module, Store, TypedFunc};

fn run(c: &mut Criterion) {
    for (name, wasm) in &support::wasm_files("kernels") {
        let mut group = c.benchmark_group(format!("run/{name}"));
        group.sample_size(10);
        for (mode, engine) in support::engines() {
            let module = Module::new(&engine, wasm).expect("a valid module");
            let mut store = Store::new(&engine, ());
            let instance = Instance::new(&mut store, &module, &[]).expect("an instance");
            let run: TypedFunc<i32, i64> = instance
                .get_typed_func(&mut store, "run")
                .expect("the kernels' export");
            group.bench_function(mode, |b| {
                b.iter(|| run.call(&mut store, black_box(1)).expect("no trap"));
            });
        }
        group.finish();
    }
}

criterion_group!(benches, run);
criterion_main!(benches);
