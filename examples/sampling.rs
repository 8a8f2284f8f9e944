//! A sampling profiler for guests: a clock ends epochs, and at each the guest's calls are counted. It finds guests at
//! heads of loops and beginnings of functions.
//!
//! `cargo run --release --example sampling`

use std::collections::BTreeMap;
use std::time::Duration;

use pronto::{Config, Engine, Linker, Module, Result, Store, UpdateDeadline, WasmBacktrace};

const TICK: Duration = Duration::from_millis(1);

/// Looks for a number whose Collatz sequence is long: most of the time is spent in `steps`.
const GUEST: &str = r#"(module
    (func $steps (param $n i64) (result i32) (local $steps i32)
        (loop $again
            (local.set $n (select
                (i64.add (i64.mul (local.get $n) (i64.const 3)) (i64.const 1))
                (i64.shr_u (local.get $n) (i64.const 1))
                (i32.wrap_i64 (i64.and (local.get $n) (i64.const 1)))))
            (local.set $steps (i32.add (local.get $steps) (i32.const 1)))
            (br_if $again (i64.gt_u (local.get $n) (i64.const 1))))
        (local.get $steps))
    (func $longest (export "longest") (param $up_to i64) (result i32) (local $best i32) (local $s i32)
        (loop $again
            (local.set $s (call $steps (local.get $up_to)))
            (local.set $best (select (local.get $s) (local.get $best)
                (i32.gt_u (local.get $s) (local.get $best))))
            (local.set $up_to (i64.sub (local.get $up_to) (i64.const 1)))
            (br_if $again (i64.gt_u (local.get $up_to) (i64.const 1))))
        (local.get $best)))"#;

/// How often the guest was found in each chain of calls, outermost first.
type Samples = BTreeMap<String, u32>;

fn sample(samples: &mut Samples, backtrace: &WasmBacktrace) {
    let calls = backtrace.frames().iter().rev();
    let names: Vec<_> = calls.map(|call| call.func_name().unwrap_or("?")).collect();
    *samples.entry(names.join(";")).or_default() += 1;
}

fn main() -> Result<()> {
    let engine = Engine::new(Config::new().epoch_interruption(true))?;
    let clock = engine.clone();
    std::thread::spawn(move || {
        loop {
            std::thread::sleep(TICK);
            clock.increment_epoch();
        }
    });

    let mut store = Store::new(&engine, Samples::new());
    store.set_epoch_deadline(1);
    store.epoch_deadline_callback(|mut store| {
        let backtrace = WasmBacktrace::capture(&store);
        sample(store.data_mut(), &backtrace);
        Ok(UpdateDeadline::Continue(1))
    });

    let module = Module::new(&engine, wat::parse_str(GUEST)?)?;
    let instance = Linker::new(&engine).instantiate(&mut store, &module)?;
    let longest = instance.get_typed_func::<i64, i32>(&mut store, "longest")?;
    assert_eq!(longest.call(&mut store, 300_000)?, 442);

    // As flame graphs want it.
    for (calls, samples) in store.data() {
        println!("{calls} {samples}");
    }
    assert!(store.data().contains_key("longest;steps"));
    Ok(())
}

#[test]
fn runs() {
    main().expect("the example runs");
}
