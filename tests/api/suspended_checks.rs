//! Guests that are stopped by checks, and go on.

use std::time::Duration;

use pronto::{
    Caller, Config, Engine, Execution, Exit, Instance, InterruptHandle, Linker, Result, Store,
    Trap, UpdateDeadline, Val,
};

use crate::support::{each, module};

/// Engines whose guests can be interrupted.
fn each_interruptible(test: impl Fn(&Engine)) {
    each(|engine| {
        let mut config = engine.config().clone();
        test(&Engine::new(config.epoch_interruption(true)).unwrap());
    });
}

/// A loop and a call tree that keep values of all kinds alive over their checks, and a bulk
/// operation that takes several parts.
const GUEST: &str = r#"(module
    (memory (export "memory") 64)
    (func (export "loop") (param $n i32) (result i64)
        (local $a i64) (local $b f64) (local $c f32)
        (loop $l
            (local.set $a (i64.add (local.get $a) (i64.extend_i32_u (local.get $n))))
            (local.set $b (f64.add (local.get $b) (f64.const 0.5)))
            (local.set $c (f32.add (local.get $c) (f32.const 1)))
            (br_if $l (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
        (i64.add (local.get $a) (i64.add
            (i64.trunc_f64_s (local.get $b)) (i64.trunc_f32_s (local.get $c)))))
    (func $tree (export "tree")
        (param $n i32) (param i64 i64 i64 i64 i64 i64 i64) (param $d f64) (result i64)
        (if (result i64) (i32.eqz (local.get $n))
            (then (i64.add (local.get 7)
                (i64.add (local.get 6) (i64.trunc_f64_s (local.get $d)))))
            (else (i64.add
                (call $tree (i32.sub (local.get $n) (i32.const 1)) (i64.const 1) (i64.const 2)
                    (i64.const 3) (i64.const 4) (i64.const 5) (i64.const 6) (i64.const 7)
                    (f64.const 8))
                (call $tree (i32.sub (local.get $n) (i32.const 1)) (i64.const 1) (i64.const 2)
                    (i64.const 3) (i64.const 4) (i64.const 5) (i64.const 60) (i64.const 70)
                    (f64.const 80))))))
    (func (export "fill") (param $len i32) (result i32)
        (memory.fill (i32.const 16) (i32.const 1) (local.get $len))
        (i32.load8_u (i32.add (local.get $len) (i32.const 15)))))"#;

fn guest<T: 'static>(engine: &Engine, data: T) -> (Store<T>, Instance) {
    let mut store = Store::new(engine, data);
    let module = module(engine, GUEST);
    let instance = Linker::new(engine)
        .instantiate(&mut store, &module)
        .unwrap();
    (store, instance)
}

fn tree_args(n: i32) -> Vec<Val> {
    let mut args = vec![Val::I32(n)];
    args.extend((1..8).map(Val::I64));
    args.push(Val::from(8.0_f64));
    args
}

/// What each function is called with.
fn cases() -> [(&'static str, Vec<Val>); 3] {
    [
        ("loop", vec![Val::I32(5000)]),
        ("tree", tree_args(9)),
        ("fill", vec![Val::I32(60 * 65536)]),
    ]
}

/// Runs a guest to its end, and makes each of its checks stop it.
fn run_stopped<T: 'static>(
    store: &mut Store<T>,
    execution: &mut Execution,
    mut each: impl FnMut(&mut Store<T>),
) -> (Vec<Val>, usize) {
    let mut stops = 0;
    loop {
        each(store);
        match execution.run(&mut *store).unwrap() {
            Exit::Returned(values) => return (values, stops),
            Exit::Interrupted | Exit::Yielded => stops += 1,
            exit => panic!("{exit:?}"),
        }
        assert!(!execution.backtrace(&*store).frames().is_empty());
    }
}

#[test]
fn an_interrupted_guest_goes_on() {
    each_interruptible(|engine| {
        let (mut store, instance) = guest(engine, ());
        let handle = store.interrupt_handle().unwrap();
        for (name, args) in cases() {
            let func = instance.get_func(&mut store, name).unwrap();
            let mut expected = [Val::I32(0)];
            func.call(&mut store, &args, &mut expected).unwrap();
            let mut execution = func.start(&mut store, &args).unwrap();
            let (values, stops) = run_stopped(&mut store, &mut execution, |_| handle.interrupt());
            assert_eq!(format!("{values:?}"), format!("{expected:?}"), "{name}");
            assert!(stops > 10, "{name}: {stops}");
            handle.clear();
        }
    });
}

#[test]
fn a_deadline_stops_at_every_check_until_the_next_is_set() {
    each_interruptible(|engine| {
        let (mut store, instance) = guest(engine, ());
        let func = instance.get_func(&mut store, "loop").unwrap();
        let mut execution = func.start(&mut store, &[Val::I32(1000)]).unwrap();
        store.set_epoch_deadline(1);
        engine.increment_epoch();
        for _ in 0..500 {
            assert!(matches!(
                execution.run(&mut store).unwrap(),
                Exit::Interrupted
            ));
        }
        store.set_epoch_deadline(1);
        assert!(matches!(
            execution.run(&mut store).unwrap(),
            Exit::Returned(_)
        ));
    });
}

#[test]
fn a_callback_lets_the_guest_yield() {
    each_interruptible(|engine| {
        let (mut store, instance) = guest(engine, 0);
        store.epoch_deadline_callback(|mut store| {
            *store.data_mut() += 1;
            Ok(UpdateDeadline::Yield(0))
        });
        for (name, args) in cases() {
            let func = instance.get_func(&mut store, name).unwrap();
            store.set_epoch_deadline(0);
            let mut execution = func.start(&mut store, &args).unwrap();
            *store.data_mut() = 0;
            let (values, stops) = run_stopped(&mut store, &mut execution, |_| ());
            assert_eq!(stops, *store.data());
            assert!(stops > 10, "{name}: {stops}");
            // A call goes on.
            let mut expected = [Val::I32(0)];
            func.call(&mut store, &args, &mut expected).unwrap();
            assert_eq!(format!("{values:?}"), format!("{expected:?}"), "{name}");
        }
    });
}

#[test]
fn stopped_guests_take_turns() {
    each_interruptible(|engine| {
        let (mut store, instance) = guest(engine, ());
        store.epoch_deadline_callback(|_| Ok(UpdateDeadline::Yield(0)));
        store.set_epoch_deadline(0);
        let mut waiting: Vec<(String, Execution)> = Vec::new();
        for (name, args) in cases() {
            let func = instance.get_func(&mut store, name).unwrap();
            let mut expected = [Val::I32(0)];
            func.call(&mut store, &args, &mut expected).unwrap();
            for _ in 0..3 {
                let execution = func.start(&mut store, &args).unwrap();
                waiting.push((format!("{expected:?}"), execution));
            }
        }
        while !waiting.is_empty() {
            waiting.retain_mut(
                |(expected, execution)| match execution.run(&mut store).unwrap() {
                    Exit::Returned(values) => {
                        assert_eq!(format!("{values:?}"), *expected);
                        false
                    }
                    _ => true,
                },
            );
        }
    });
}

#[test]
fn an_interrupted_guest_can_end_by_a_trap() {
    each_interruptible(|engine| {
        let (mut store, instance) = guest(engine, ());
        let handle = store.interrupt_handle().unwrap();
        for (name, args) in cases() {
            let func = instance.get_func(&mut store, name).unwrap();
            let mut execution = func.start(&mut store, &args).unwrap();
            handle.interrupt();
            assert!(matches!(
                execution.run(&mut store).unwrap(),
                Exit::Interrupted
            ));
            assert!(!handle.is_interrupted(), "it is served");
            execution.resume_with_error(Trap::Interrupt).unwrap();
            match execution.run(&mut store).unwrap() {
                Exit::Trap(error) => {
                    assert_eq!(error.trap(), Some(Trap::Interrupt));
                    assert_eq!(error.backtrace().unwrap().frames().len(), 1, "{name}");
                }
                exit => panic!("{exit:?}"),
            }
        }
    });
}

/// An execution within a host function cannot swallow a request that is meant for the outer call.
#[test]
fn a_request_is_not_served_by_an_inner_execution() {
    each_interruptible(|engine| {
        let mut linker: Linker<u32> = Linker::new(engine);
        let host = |mut caller: Caller<'_, u32>| -> Result<()> {
            let inner = caller.get_export("inner").unwrap().into_func().unwrap();
            let mut execution = inner.start(&mut caller, &[])?;
            for _ in 0..3 {
                assert!(matches!(execution.run(&mut caller)?, Exit::Interrupted));
            }
            *caller.data_mut() += 1;
            Ok(())
        };
        linker.func_wrap("h", "f", host).unwrap();
        let module = module(
            engine,
            r#"(module (import "h" "f" (func $f))
                (func (export "inner") (loop (br 0)))
                (func (export "outer") (call $f) (loop (br 0))))"#,
        );
        let mut store = Store::new(engine, 0);
        let instance = linker.instantiate(&mut store, &module).unwrap();
        let outer = instance.get_func(&mut store, "outer").unwrap();
        let handle = store.interrupt_handle().unwrap();
        let soon = |handle: InterruptHandle| {
            std::thread::spawn(move || {
                std::thread::sleep(Duration::from_millis(5));
                handle.interrupt();
            })
        };
        let thread = soon(handle.clone());
        let error = outer.call(&mut store, &[], &mut []).unwrap_err();
        assert_eq!(error.trap(), Some(Trap::Interrupt));
        thread.join().unwrap();
        let thread = soon(handle.clone());
        let mut execution = outer.start(&mut store, &[]).unwrap();
        assert!(matches!(
            execution.run(&mut store).unwrap(),
            Exit::Interrupted
        ));
        thread.join().unwrap();
        assert_eq!(*store.data(), 2);
        assert!(!handle.is_interrupted());
    });
}

#[test]
fn a_stack_that_is_full_is_no_interruption() {
    each_interruptible(|engine| {
        let mut config = engine.config().clone();
        let config: &mut Config = config.max_wasm_stack(64 * 1024);
        let engine = Engine::new(config).unwrap();
        let (mut store, instance) = guest(&engine, ());
        store.set_epoch_deadline(1);
        engine.increment_epoch();
        let func = instance.get_func(&mut store, "tree").unwrap();
        let mut execution = func.start(&mut store, &tree_args(1 << 20)).unwrap();
        let mut stops = 0;
        let error = loop {
            match execution.run(&mut store).unwrap() {
                Exit::Interrupted => stops += 1,
                Exit::Trap(error) => break error,
                exit => panic!("{exit:?}"),
            }
        };
        assert_eq!(error.trap(), Some(Trap::StackOverflow));
        assert!(stops > 100, "{stops}");
    });
}

/// Refilled bit by bit: the same result, for the same fuel.
#[test]
fn a_guest_without_fuel_goes_on_after_a_refill() {
    each_interruptible(|engine| {
        let mut config = engine.config().clone();
        let engine = Engine::new(config.consume_fuel(true)).unwrap();
        let (mut store, instance) = guest(&engine, ());
        for (name, args) in cases() {
            let func = instance.get_func(&mut store, name).unwrap();
            let mut expected = [Val::I32(0)];
            store.set_fuel(u64::MAX).unwrap();
            func.call(&mut store, &args, &mut expected).unwrap();
            let cost = u64::MAX - store.get_fuel().unwrap();
            store.set_fuel(0).unwrap();
            let mut execution = func.start(&mut store, &args).unwrap();
            let portion = cost / 20;
            let (mut given, mut stops) = (0, 0);
            let values = loop {
                match execution.run(&mut store).unwrap() {
                    Exit::Returned(values) => break values,
                    Exit::OutOfFuel => {
                        assert!(!execution.backtrace(&store).frames().is_empty());
                        let left = store.get_fuel().unwrap();
                        store.set_fuel(left + portion).unwrap();
                        (given, stops) = (given + portion, stops + 1);
                    }
                    exit => panic!("{exit:?}"),
                }
            };
            assert_eq!(format!("{values:?}"), format!("{expected:?}"), "{name}");
            assert_eq!(given - store.get_fuel().unwrap(), cost, "{name}");
            assert!(stops >= 20, "{name}: {stops}");
        }
    });
}
