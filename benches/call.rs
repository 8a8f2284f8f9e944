//! What does a call cost: from host to guest, from guest to host, within the guest?
//!
//! The guest's loops make [`COUNT`] calls each.
#![allow(missing_docs, reason = "criterion's macros")]

mod support;

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use pronto::{Linker, Store, TypedFunc, Val};

const COUNT: i32 = 1000;

/// Each export but `nop` calls something as often as its argument says.
const GUEST: &str = r#"
(module
  (type $unary (func (param i32) (result i32)))
  (import "host" "nop" (func $host (type $unary)))
  (table funcref (elem $id $same))
  (func $id (export "nop") (type $unary) local.get 0)
  (func $same (type $unary) local.get 0)
  (func (export "wasm to wasm, direct") (param $n i32) (result i32) (local $x i32)
    (loop $l
      (local.set $x (call $id (local.get $x)))
      (br_if $l (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (local.get $x))
  (func (export "wasm to wasm, indirect") (param $n i32) (result i32) (local $x i32)
    (loop $l
      (local.set $x
        (call_indirect (type $unary) (local.get $x) (i32.and (local.get $n) (i32.const 1))))
      (br_if $l (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (local.get $x))
  (func (export "wasm to host") (param $n i32) (result i32) (local $x i32)
    (loop $l
      (local.set $x (call $host (local.get $x)))
      (br_if $l (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (local.get $x)))
"#;

const LOOPS: [&str; 3] = [
    "wasm to wasm, direct",
    "wasm to wasm, indirect",
    "wasm to host",
];

fn call(c: &mut Criterion) {
    for (mode, engine) in support::engines() {
        let mut group = c.benchmark_group(format!("call/{mode}"));
        let mut linker = Linker::new(&engine);
        linker
            .func_wrap("host", "nop", |x: i32| x)
            .expect("a new name");
        let mut store = Store::new(&engine, ());
        let instance = linker
            .instantiate(&mut store, &support::module(&engine, GUEST))
            .expect("an instance");
        let nop: TypedFunc<i32, i32> = instance
            .get_typed_func(&mut store, "nop")
            .expect("an export");
        group.bench_function("host to wasm, typed", |b| {
            b.iter(|| nop.call(&mut store, black_box(7)).expect("no trap"));
        });
        group.bench_function("host to wasm, untyped", |b| {
            let mut results = [Val::I32(0)];
            b.iter(|| {
                let called = nop
                    .func()
                    .call(&mut store, &[Val::I32(black_box(7))], &mut results);
                called.expect("no trap");
            });
        });
        group.throughput(Throughput::Elements(COUNT as u64));
        for export in LOOPS {
            let function: TypedFunc<i32, i32> = instance
                .get_typed_func(&mut store, export)
                .expect("an export");
            group.bench_function(export, |b| {
                b.iter(|| function.call(&mut store, COUNT).expect("no trap"));
            });
        }
        group.finish();
    }
}

criterion_group!(benches, call);
criterion_main!(benches);
