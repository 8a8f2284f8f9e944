//! Guests that pay.

use pronto::{
    Caller, Config, Engine, Exit, FuelCosts, Instance, Linker, Result, Store, StoreLimits,
    StoreLimitsBuilder, Trap, Val,
};

use crate::support::{each, module};

/// Engines whose guests pay.
fn each_metered(costs: FuelCosts, test: impl Fn(&Engine)) {
    each(|engine| {
        for interruptible in [false, true] {
            let mut config = engine.config().clone();
            config
                .consume_fuel(true)
                .fuel_costs(costs)
                .epoch_interruption(interruptible);
            test(&Engine::new(&config).unwrap());
        }
    });
}

/// Only what has a size costs fuel, and calls and branches, which must.
fn bulk_only() -> FuelCosts {
    let mut costs = FuelCosts::default();
    (costs.base, costs.division, costs.float, costs.memory) = (0, 0, 0, 0);
    costs
}

fn guest(engine: &Engine, wat: &str) -> (Store<Vec<u64>>, Instance) {
    let mut store = Store::new(engine, Vec::new());
    store.set_fuel(u64::MAX).unwrap();
    let mut linker = Linker::new(engine);
    linker
        .func_wrap("host", "note", |mut caller: Caller<'_, Vec<u64>>| {
            let fuel = caller.get_fuel().unwrap();
            caller.data_mut().push(fuel);
        })
        .unwrap();
    linker
        .func_wrap(
            "host",
            "charge",
            |mut caller: Caller<'_, Vec<u64>>, n: u64| -> Result<u64> { caller.consume_fuel(n) },
        )
        .unwrap();
    let module = module(engine, wat);
    let instance = linker.instantiate(&mut store, &module).unwrap();
    (store, instance)
}

fn integer(value: &Val) -> i64 {
    match value {
        Val::I32(value) => i64::from(*value),
        Val::I64(value) => *value,
        _ => panic!("no integer: {value:?}"),
    }
}

/// Calls with so much fuel: the result or trap, and what is left.
fn run(
    store: &mut Store<Vec<u64>>,
    instance: Instance,
    name: &str,
    params: &[Val],
    fuel: u64,
) -> (Result<Vec<i64>, Option<Trap>>, u64) {
    store.set_fuel(fuel).unwrap();
    let func = instance.get_func(&mut *store, name).unwrap();
    let mut results = vec![Val::I32(0); func.ty(&*store).results().len()];
    let called = func.call(&mut *store, params, &mut results);
    let outcome = called.map(|()| results.iter().map(integer).collect());
    (
        outcome.map_err(|error| error.trap()),
        store.get_fuel().unwrap(),
    )
}

const WORK: &str = r#"(module
    (import "host" "note" (func $note))
    (import "host" "charge" (func $charge (param i64) (result i64)))
    (memory 1 4) (table $t 4 8 funcref) (elem (i32.const 0) $fac $fac)
    (data $d "some bytes") (elem $e func $fac $fac)
    (func $fac (export "fac") (param i64) (result i64)
        (if (result i64) (i64.eqz (local.get 0))
            (then (i64.const 1))
            (else (i64.mul (local.get 0)
                (call $fac (i64.sub (local.get 0) (i64.const 1)))))))
    ;; Values in registers and at home across each payment; a loop with parameters and results.
    (func (export "gcd") (param i32 i32) (result i32 i32) (local i32)
        (local.get 0) (local.get 1)
        (loop $next (param i32 i32) (result i32)
            (local.set 1) (local.set 0)
            (local.set 2 (i32.add (local.get 2) (i32.const 1)))
            (local.get 1) (i32.rem_u (local.get 0) (local.get 1))
            (br_if $next (i32.rem_u (local.get 0) (local.get 1)))
            (drop))
        (local.get 2))
    (func (export "table") (param i32) (result i32) (local i32)
        (loop $again
            (block $c (block $b (block $a (br_table $a $b $c (i32.rem_u (local.get 0) (i32.const 3))))
                (local.set 1 (i32.add (local.get 1) (i32.const 1))) (br $c))
                (local.set 1 (i32.add (local.get 1) (i32.const 10))))
            (br_if $again (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
        (local.get 1))
    (func (export "indirect") (param i64) (result i64)
        (call_indirect (param i64) (result i64) (local.get 0) (i32.const 1)))
    (func (export "bulk") (param i32) (result i32)
        (memory.fill (i32.const 0) (i32.const 1) (local.get 0))
        (memory.copy (i32.const 64) (i32.const 0) (local.get 0))
        (memory.init $d (i32.const 0) (i32.const 0) (i32.const 10))
        (table.copy (i32.const 0) (i32.const 1) (i32.const 2))
        (table.init $e (i32.const 2) (i32.const 0) (i32.const 2))
        (i32.load8_u (local.get 0)))
    (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0)))
    (func (export "endless") (loop (br 0)))
    (func (export "twice") (call $note) (nop) (call $note))
    (func (export "charge") (param i64) (result i64) (call $charge (local.get 0)))
    (func (export "trap") (result i32) (drop (i32.div_u (i32.const 1) (i32.const 0))) (i32.const 9))
    (func (export "nothing")))"#;

/// Calls, their results, and what they cost: counted by hand.
fn calls() -> Vec<(&'static str, Vec<Val>, Vec<i64>, u64)> {
    vec![
        ("nothing", vec![], vec![], 0),
        // Each call but the last: 3, then 6 up to the next call and 1 behind it.
        ("fac", vec![Val::I64(5)], vec![120], 5 * (3 + 5 + 1) + 3 + 1),
        (
            "indirect",
            vec![Val::I64(2)],
            vec![2],
            3 + 2 * (3 + 5 + 1) + 3 + 1,
        ),
    ]
}

#[test]
fn what_calls_cost() {
    each_metered(FuelCosts::default(), |engine| {
        let (mut store, instance) = guest(engine, WORK);
        for (name, params, results, cost) in calls() {
            let (outcome, left) = run(&mut store, instance, name, &params, u64::MAX);
            assert_eq!(outcome, Ok(results.clone()), "{name}");
            assert_eq!(u64::MAX - left, cost, "{name}");
            // Exactly that is enough.
            let (outcome, left) = run(&mut store, instance, name, &params, cost);
            assert_eq!((outcome, left), (Ok(results), 0), "{name}");
            if cost > 0 {
                let (outcome, _) = run(&mut store, instance, name, &params, cost - 1);
                assert_eq!(outcome, Err(Some(Trap::OutOfFuel)), "{name}");
            }
        }
    });
}

/// With too little, a guest stops where it can pay no more, and keeps what it did not spend.
#[test]
fn every_amount_that_is_too_little() {
    each_metered(FuelCosts::default(), |engine| {
        let (mut store, instance) = guest(engine, WORK);
        for (name, params) in [
            ("gcd", vec![Val::I32(1071), Val::I32(462)]),
            ("table", vec![Val::I32(7)]),
            ("fac", vec![Val::I64(6)]),
            ("bulk", vec![Val::I32(640)]),
        ] {
            let (outcome, left) = run(&mut store, instance, name, &params, u64::MAX);
            let cost = u64::MAX - left;
            let results = outcome.unwrap();
            assert!((20..200).contains(&cost), "{name}: {cost}");
            let mut spent = 0;
            for fuel in 0..cost {
                let (outcome, left) = run(&mut store, instance, name, &params, fuel);
                assert_eq!(outcome, Err(Some(Trap::OutOfFuel)), "{name}, {fuel}");
                assert!(left <= fuel && fuel - left >= spent, "{name}, {fuel}");
                spent = fuel - left;
            }
            let (outcome, left) = run(&mut store, instance, name, &params, cost);
            assert_eq!((outcome, left), (Ok(results), 0), "{name}");
        }
    });
}

#[test]
fn endless_loops_end() {
    each_metered(FuelCosts::default(), |engine| {
        let (mut store, instance) = guest(engine, WORK);
        store.set_fuel(1000).unwrap();
        let func = instance.get_func(&mut store, "endless").unwrap();
        let error = func.call(&mut store, &[], &mut []).unwrap_err();
        assert_eq!(error.trap(), Some(Trap::OutOfFuel));
        let frames = error.backtrace().unwrap().frames();
        assert_eq!(frames.len(), 1);
        assert!(frames[0].module_offset().is_some());
        assert_eq!(store.get_fuel().unwrap(), 0);
    });
}

#[test]
fn operators_with_sizes_pay_for_them() {
    each_metered(bulk_only(), |engine| {
        let (mut store, instance) = guest(engine, WORK);
        let mut cost = |name: &str, n: i32| {
            let (outcome, left) = run(&mut store, instance, name, &[Val::I32(n)], u64::MAX);
            (outcome, u64::MAX - left)
        };
        // Fill and copy, 10 bytes, two tables' parts of 2 elements.
        assert_eq!(cost("bulk", 640), (Ok(vec![1]), 10 + 10 + 3));
        assert_eq!(cost("bulk", 641), (Ok(vec![1]), 11 + 11 + 3));
        // Beyond the memory: the bounds are looked at first.
        let out_of_bounds = Err(Some(Trap::MemoryOutOfBounds));
        assert_eq!(cost("bulk", 65_537), (out_of_bounds, 0));
        assert_eq!(
            cost("bulk", 65_500),
            (Err(Some(Trap::MemoryOutOfBounds)), 1024)
        );
        // Growth is paid if it happens.
        assert_eq!(cost("grow", 4), (Ok(vec![-1]), 0));
        assert_eq!(cost("grow", -1), (Ok(vec![-1]), 0));
        assert_eq!(cost("grow", 0), (Ok(vec![1]), 0));
        assert_eq!(cost("grow", 2), (Ok(vec![1]), 2048));
    });
}

#[test]
fn a_bulk_operation_that_cannot_pay_does_nothing() {
    each_metered(bulk_only(), |engine| {
        let (mut store, instance) = guest(engine, WORK);
        let memory = instance.get_memory(&mut store, "memory");
        assert!(memory.is_none());
        let (outcome, left) = run(&mut store, instance, "bulk", &[Val::I32(640)], 9);
        assert_eq!((outcome, left), (Err(Some(Trap::OutOfFuel)), 9));
        let (outcome, left) = run(&mut store, instance, "grow", &[Val::I32(2)], 2047);
        assert_eq!((outcome, left), (Err(Some(Trap::OutOfFuel)), 2047));
        let (outcome, _) = run(&mut store, instance, "grow", &[Val::I32(0)], 0);
        assert_eq!(outcome, Ok(vec![1]));
    });
}

#[test]
fn a_growth_that_is_refused_is_free() {
    each_metered(bulk_only(), |engine| {
        let limits = StoreLimitsBuilder::new().memory_size(65_536).build();
        let mut store: Store<StoreLimits> = Store::new(engine, limits);
        store.limiter(|limits| limits);
        store.set_fuel(5000).unwrap();
        let module = module(
            engine,
            r#"(module (memory 1)
                (func (export "grow") (result i32) (memory.grow (i32.const 1))))"#,
        );
        let instance = Instance::new(&mut store, &module, &[]).unwrap();
        let grow = instance.get_typed_func::<(), i32>(&mut store, "grow");
        assert_eq!(grow.unwrap().call(&mut store, ()).unwrap(), -1);
        assert_eq!(store.get_fuel().unwrap(), 5000);
    });
}

/// As if the limiter had said no: what was not done is not paid for, whatever ends it.
#[test]
fn a_growth_that_the_limiter_ends_is_free() {
    each_metered(bulk_only(), |engine| {
        let wat = r#"(module (memory 1) (table 1 externref)
            (func (export "memory") (result i32) (memory.grow (i32.const 1)))
            (func (export "table") (result i32)
                (table.grow (ref.null extern) (i32.const 640))))"#;
        let limits = StoreLimitsBuilder::new()
            .memory_size(65_536)
            .table_elements(1)
            .trap_on_grow_failure(true);
        let mut store: Store<StoreLimits> = Store::new(engine, limits.build());
        store.limiter(|limits| limits);
        let instance = Instance::new(&mut store, &module(engine, wat), &[]).unwrap();
        for (name, cost) in [("memory", 1024), ("table", 80)] {
            let grow = instance.get_typed_func::<(), i32>(&store, name).unwrap();
            store.set_fuel(5000).unwrap();
            let error = grow.call(&mut store, ()).unwrap_err();
            assert!(error.to_string().contains("forcing trap"), "{error}");
            assert_eq!(store.get_fuel().unwrap(), 5000);
            // Who cannot pay does not get as far as the limiter.
            store.set_fuel(cost - 1).unwrap();
            let error = grow.call(&mut store, ()).unwrap_err();
            assert_eq!(error.trap(), Some(Trap::OutOfFuel));
            assert_eq!(store.get_fuel().unwrap(), cost - 1);
        }
    });
}

#[test]
fn hosts_see_what_is_left_and_charge() {
    each_metered(FuelCosts::default(), |engine| {
        let (mut store, instance) = guest(engine, WORK);
        let (outcome, left) = run(&mut store, instance, "twice", &[], 10);
        assert_eq!((outcome, left), (Ok(vec![]), 8));
        assert_eq!(*store.data(), [9, 8]);
        let charge = |store: &mut _, n, fuel| run(store, instance, "charge", &[Val::I64(n)], fuel);
        assert_eq!(charge(&mut store, 5, 10), (Ok(vec![3]), 3));
        assert_eq!(charge(&mut store, 8, 10), (Ok(vec![0]), 0));
        let out_of_fuel = Err(Some(Trap::OutOfFuel));
        assert_eq!(charge(&mut store, 9, 10), (out_of_fuel, 8));
    });
}

#[test]
fn a_trap_has_paid_for_its_region() {
    each_metered(FuelCosts::default(), |engine| {
        let (mut store, instance) = guest(engine, WORK);
        let outcome = run(&mut store, instance, "trap", &[], 10);
        assert_eq!(outcome, (Err(Some(Trap::IntegerDivisionByZero)), 6));
    });
}

#[test]
fn fuel_survives_the_first_call_and_failed_ones() {
    each_metered(FuelCosts::default(), |engine| {
        let mut store = Store::new(engine, ());
        assert_eq!(store.get_fuel().unwrap(), 0);
        store.set_fuel(7).unwrap();
        assert_eq!(store.consume_fuel(2).unwrap(), 5);
        let error = store.consume_fuel(6).unwrap_err();
        assert_eq!(error.trap(), Some(Trap::OutOfFuel));
        let module = module(
            engine,
            r#"(module (func $f (export "f") (call $g)) (func $g (drop (i32.const 1)))
                (start $f))"#,
        );
        let instance = Instance::new(&mut store, &module, &[]).unwrap();
        assert_eq!(store.get_fuel().unwrap(), 3);
        let f = instance.get_typed_func::<(), ()>(&mut store, "f").unwrap();
        f.call(&mut store, ()).unwrap();
        for _ in 0..3 {
            // The call is paid, but not what it calls.
            let error = f.call(&mut store, ()).unwrap_err();
            assert_eq!(error.trap(), Some(Trap::OutOfFuel));
            assert_eq!(store.get_fuel().unwrap(), 0);
        }
    });
}

#[test]
fn declared_locals_cost_as_bytes_do() {
    each_metered(bulk_only(), |engine| {
        let locals = "i64 ".repeat(80);
        let wat = format!(r#"(module (func (export "f") (local {locals})))"#);
        let (mut store, instance) = guest(engine, &wat);
        let outcome = run(&mut store, instance, "f", &[], 11);
        assert_eq!(outcome, (Ok(vec![]), 1));
    });
}

#[test]
fn without_the_configuration_fuel_is_an_error() {
    each(|engine| {
        let mut store = Store::new(engine, ());
        for error in [
            store.get_fuel().unwrap_err(),
            store.set_fuel(1).unwrap_err(),
            store.consume_fuel(0).unwrap_err(),
        ] {
            assert!(error.to_string().contains("Config::consume_fuel"));
            assert_eq!(error.trap(), None);
        }
    });
}

#[test]
fn costs_that_would_allow_endless_loops_are_refused() {
    let mut costs = FuelCosts::default();
    costs.branch = 0;
    assert!(Engine::new(Config::new().fuel_costs(costs)).is_err());
    costs = FuelCosts::default();
    costs.call = 0;
    assert!(Engine::new(Config::new().fuel_costs(costs)).is_err());
}

/// However small the portions, the results and the total are those of a call that is never short.
#[test]
fn refills_go_on_exactly() {
    each_metered(FuelCosts::default(), |engine| {
        let (mut store, instance) = guest(engine, WORK);
        for (name, params) in [
            ("gcd", vec![Val::I32(1071), Val::I32(462)]),
            ("table", vec![Val::I32(7)]),
            ("fac", vec![Val::I64(6)]),
            ("bulk", vec![Val::I32(640)]),
        ] {
            let (outcome, left) = run(&mut store, instance, name, &params, u64::MAX);
            let (results, cost) = (outcome.unwrap(), u64::MAX - left);
            let func = instance.get_func(&mut store, name).unwrap();
            for first in 0..=cost {
                let mut given = first;
                store.set_fuel(first).unwrap();
                let mut execution = func.start(&mut store, &params).unwrap();
                let values = loop {
                    match execution.run(&mut store).unwrap() {
                        Exit::Returned(values) => break values,
                        Exit::OutOfFuel => {
                            assert!(given < cost, "{name}, {first}");
                            let left = store.get_fuel().unwrap();
                            store.set_fuel(left + 1).unwrap();
                            given += 1;
                        }
                        exit => panic!("{name}, {first}: {exit:?}"),
                    }
                };
                let values = values.iter().map(integer).collect::<Vec<_>>();
                assert_eq!(values, results, "{name}, {first}");
                let spent = given - store.get_fuel().unwrap();
                assert_eq!(spent, cost, "{name}, {first}");
            }
        }
    });
}
