//! A contract that pays for what it does, is short of fuel half-way, and goes on after a refill.

use pronto::{Caller, Config, Engine, Exit, FuelCosts, Linker, Module, Result, Store, Val};

/// Doubles an account `n` times, and tells the ledger each balance.
const CONTRACT: &str = r#"(module
    (import "ledger" "write" (func $write (param i64)))
    (func (export "double") (param $balance i64) (param $n i32) (result i64)
        (loop $again
            (local.set $balance (i64.add (local.get $balance) (local.get $balance)))
            (call $write (local.get $balance))
            (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
        (local.get $balance)))"#;

/// What an entry in the ledger costs beside the call.
const ENTRY: u64 = 50;

fn main() -> Result<()> {
    let mut costs = FuelCosts::default();
    costs.call = 10;
    let mut config = Config::new();
    config
        .consume_fuel(true)
        .fuel_costs(costs)
        .canonicalize_nans(true);
    let engine = Engine::new(&config)?;
    let module = Module::new(&engine, wat::parse_str(CONTRACT).expect("a valid text"))?;

    let mut linker = Linker::new(&engine);
    linker.func_wrap(
        "ledger",
        "write",
        |mut caller: Caller<'_, Vec<i64>>, balance: i64| -> Result<()> {
            // Work of the host is paid by the guest, too.
            caller.consume_fuel(ENTRY)?;
            caller.data_mut().push(balance);
            Ok(())
        },
    )?;

    let mut store = Store::new(&engine, Vec::new());
    let instance = linker.instantiate(&mut store, &module)?;
    let double = instance.get_func(&mut store, "double").expect("an export");
    let params = [Val::I64(3), Val::I32(5)];

    // With plenty: what does it cost?
    let plenty = 1_000_000;
    store.set_fuel(plenty)?;
    let mut results = [Val::I64(0)];
    double.call(&mut store, &params, &mut results)?;
    let cost = plenty - store.get_fuel()?;
    println!("the contract costs {cost} and leaves {:?}", results[0]);
    assert_eq!(results[0].i64(), Some(96));

    // In portions that pay for an entry and a little more: it stops wherever it cannot pay, and
    // goes on there. In the end it has spent the same and written the same.
    let portion = 70;
    let mut given = 0;
    store.data_mut().clear();
    store.set_fuel(0)?;
    let mut execution = double.start(&mut store, &params)?;
    loop {
        match execution.run(&mut store)? {
            Exit::OutOfFuel => {
                given += portion;
                let left = store.get_fuel()?;
                store.set_fuel(left + portion)?;
            }
            // The host function was short: its error is withdrawn, and it is paid now.
            Exit::HostError(error) if error.error().trap().is_some() => {
                given += ENTRY;
                let balance = 3 << (store.data().len() + 1);
                store.data_mut().push(balance);
                execution.resume(&mut store, &[])?;
            }
            Exit::Returned(results) => {
                assert_eq!(results[0].i64(), Some(96));
                break;
            }
            exit => panic!("{exit:?}"),
        }
    }
    let spent = given - store.get_fuel()?;
    println!(
        "in portions of {portion} it costs {spent}; the ledger: {:?}",
        store.data()
    );
    assert_eq!(spent, cost);
    assert_eq!(*store.data(), [6, 12, 24, 48, 96]);
    Ok(())
}

#[test]
fn runs() {
    main().expect("the example runs");
}
