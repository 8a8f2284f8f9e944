//! A plugin with a limit on its time: it is stopped, may be given more, and is then given up.
//!
//! `cargo run --example time_limit`

use std::time::Duration;

use pronto::{Config, Engine, Exit, Instance, Linker, Module, Result, Store, Trap, Val};

const TICK: Duration = Duration::from_millis(5);

/// `count` ends some day; `forever` does not.
const PLUGIN: &str = r#"(module
    (func (export "count") (param $n i64) (result i64) (local $i i64)
        (loop $l
            (local.set $i (i64.add (local.get $i) (i64.const 1)))
            (br_if $l (i64.lt_u (local.get $i) (local.get $n))))
        (local.get $i))
    (func (export "forever") (loop $l (br $l))))"#;

/// Runs a function for so many ticks at the most, and says after which it returned.
fn run(
    store: &mut Store<()>,
    instance: Instance,
    name: &str,
    params: &[Val],
    ticks: u32,
) -> Result<Option<u32>> {
    let func = instance.get_func(&mut *store, name).expect("an export");
    let mut execution = func.start(&mut *store, params)?;
    for tick in 0..ticks {
        store.set_epoch_deadline(1);
        match execution.run(&mut *store)? {
            Exit::Returned(_) => return Ok(Some(tick)),
            Exit::Interrupted => {
                println!("{name}: after tick {tick} {}", execution.backtrace(&*store))
            }
            exit => println!("{name}: {exit:?}"),
        }
    }
    execution.cancel(store)?;
    Ok(None)
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

    let module = Module::new(&engine, wat::parse_str(PLUGIN)?)?;
    let mut store = Store::new(&engine, ());
    let instance = Linker::new(&engine).instantiate(&mut store, &module)?;

    let ended = run(&mut store, instance, "count", &[Val::I64(1000)], 1000)?;
    assert!(ended.is_some(), "it has time enough");
    let ended = run(&mut store, instance, "forever", &[], 3)?;
    assert!(ended.is_none(), "it never ends");

    // As a plain call, it is a trap.
    let forever = instance.get_typed_func::<(), ()>(&mut store, "forever")?;
    store.set_epoch_deadline(1);
    let error = forever.call(&mut store, ()).expect_err("it never ends");
    assert_eq!(error.trap(), Some(Trap::Interrupt));
    println!("{error:?}");
    Ok(())
}

#[test]
fn runs() {
    main().expect("the example runs");
}
