//! Guests that other threads stop.

use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::sync::mpsc;
use std::time::Duration;

use pronto::{
    Caller, Config, Engine, FunctionListener, Instance, InterruptHandle, Linker, ListenedFunc,
    Result, Store, Trap, UpdateDeadline, Val,
};

use crate::support::{each, module};

/// Engines whose guests can be interrupted.
fn each_interruptible(test: impl Fn(&Engine)) {
    each(|engine| {
        let mut config = engine.config().clone();
        test(&Engine::new(config.epoch_interruption(true)).unwrap());
    });
}

fn guest<T: Default + 'static>(engine: &Engine, wat: &str) -> (Store<T>, Instance) {
    let mut store = Store::new(engine, T::default());
    let linker = Linker::new(engine);
    let instance = linker
        .instantiate(&mut store, &module(engine, wat))
        .unwrap();
    (store, instance)
}

const ENDLESS: &str = r#"(module
    (memory 1) (table $t 1 funcref) (elem (i32.const 0) $tree)
    (global $n (mut i32) (i32.const 0))
    (func (export "loop") (loop (br 0)))
    (func (export "loop_if") (param i32)
        (loop (br_if 0 (i32.ne (local.get 0) (i32.const -1)))))
    (func (export "nested") (local i32)
        (loop (local.set 0 (i32.const 1000))
            (loop (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
            (br 0)))
    (func $tree (export "tree") (param i32)
        (if (local.get 0) (then
            (call $tree (i32.sub (local.get 0) (i32.const 1)))
            (call $tree (i32.sub (local.get 0) (i32.const 1))))))
    (func $wide (export "wide") (param i32)
        (if (local.get 0) (then
            (call_indirect (param i32) (i32.sub (local.get 0) (i32.const 1)) (i32.const 0))
            (call_indirect (param i32) (i32.sub (local.get 0) (i32.const 1)) (i32.const 0)))))
    (func (export "work") (param i32) (result i32)
        (loop (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
        (i32.const 7)))"#;

/// Stops `handle` from another thread, after the guest has begun (as far as one can know).
fn interrupt_soon(handle: InterruptHandle) -> std::thread::JoinHandle<()> {
    std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(5));
        handle.interrupt();
    })
}

#[test]
fn a_handle_stops_loops_and_call_trees() {
    each_interruptible(|engine| {
        let (mut store, instance) = guest::<()>(engine, ENDLESS);
        let handle = store.interrupt_handle().unwrap();
        for (name, params) in [
            ("loop", vec![]),
            ("loop_if", vec![Val::I32(0)]),
            ("nested", vec![]),
            ("tree", vec![Val::I32(200)]),
            ("wide", vec![Val::I32(200)]),
        ] {
            let func = instance.get_func(&mut store, name).unwrap();
            let thread = interrupt_soon(handle.clone());
            let error = func.call(&mut store, &params, &mut []).unwrap_err();
            assert_eq!(error.trap(), Some(Trap::Interrupt), "{name}");
            let frames = error.backtrace().unwrap().frames();
            assert!(
                !frames.is_empty() && frames[0].module_offset().is_some(),
                "{name}"
            );
            thread.join().unwrap();
            assert!(!handle.is_interrupted());
            let work = instance
                .get_typed_func::<i32, i32>(&mut store, "work")
                .unwrap();
            assert_eq!(work.call(&mut store, 1000).unwrap(), 7);
        }
    });
}

#[test]
fn a_request_waits_for_a_guest_and_can_be_taken_back() {
    each_interruptible(|engine| {
        let (mut store, instance) = guest::<()>(engine, ENDLESS);
        let handle = store.interrupt_handle().unwrap();
        let work = instance
            .get_typed_func::<i32, i32>(&mut store, "work")
            .unwrap();
        handle.interrupt();
        let error = work.call(&mut store, 1).unwrap_err();
        assert_eq!(error.trap(), Some(Trap::Interrupt));
        assert_eq!(work.call(&mut store, 1).unwrap(), 7);
        handle.interrupt();
        handle.clear();
        assert_eq!(work.call(&mut store, 1).unwrap(), 7);
        drop(store);
        handle.interrupt();
    });
}

#[test]
fn only_interruptible_stores_have_handles() {
    each(|engine| {
        let mut store = Store::new(engine, ());
        assert!(store.interrupt_handle().is_err());
        store.epoch_deadline_trap();
        engine.increment_epoch();
    });
}

#[test]
#[should_panic(expected = "epoch_interruption")]
fn a_deadline_needs_interruption() {
    Store::new(&Engine::default(), ()).set_epoch_deadline(1);
}

/// A host function that swallows errors cannot keep its guest alive.
#[test]
fn a_request_ends_the_outermost_call() {
    each_interruptible(|engine| {
        let mut linker: Linker<u32> = Linker::new(engine);
        linker
            .func_wrap("h", "f", |mut caller: Caller<'_, u32>| {
                let inner = caller.get_export("inner").unwrap().into_func().unwrap();
                assert!(inner.call(&mut caller, &[], &mut []).is_err());
                *caller.data_mut() += 1;
            })
            .unwrap();
        let module = module(
            engine,
            r#"(module (import "h" "f" (func $f))
                (func (export "inner") (loop (br 0)))
                (func (export "outer") (loop (call $f) (br 0))))"#,
        );
        let mut store = Store::new(engine, 0);
        let instance = linker.instantiate(&mut store, &module).unwrap();
        let outer = instance.get_func(&mut store, "outer").unwrap();
        let thread = interrupt_soon(store.interrupt_handle().unwrap());
        let error = outer.call(&mut store, &[], &mut []).unwrap_err();
        assert_eq!(error.trap(), Some(Trap::Interrupt));
        assert_eq!(*store.data(), 1);
        thread.join().unwrap();
    });
}

#[test]
fn host_functions_ask_and_wait() {
    each_interruptible(|engine| {
        let mut linker: Linker<()> = Linker::new(engine);
        linker
            .func_wrap("h", "sleep", |caller: Caller<'_, ()>| -> Result<()> {
                if caller.interrupt_handle()?.wait(Duration::from_secs(3600)) {
                    return Err(Trap::Interrupt.into());
                }
                Ok(())
            })
            .unwrap();
        let wat = r#"(module (import "h" "sleep" (func $s)) (func (export "sleep") (call $s)))"#;
        let mut store = Store::new(engine, ());
        let instance = linker
            .instantiate(&mut store, &module(engine, wat))
            .unwrap();
        let sleep = instance.get_func(&mut store, "sleep").unwrap();
        let thread = interrupt_soon(store.interrupt_handle().unwrap());
        let error = sleep.call(&mut store, &[], &mut []).unwrap_err();
        assert_eq!(error.trap(), Some(Trap::Interrupt));
        thread.join().unwrap();
    });
}

#[test]
fn epochs_trap() {
    each_interruptible(|engine| {
        let (mut store, instance) = guest::<()>(engine, ENDLESS);
        let (mut other, other_instance) = guest::<()>(engine, ENDLESS);
        let endless = instance.get_func(&mut store, "loop").unwrap();
        let work = instance
            .get_typed_func::<i32, i32>(&mut store, "work")
            .unwrap();
        store.set_epoch_deadline(3);
        other.set_epoch_deadline(1_000_000_000);
        engine.increment_epoch();
        engine.increment_epoch();
        assert_eq!(work.call(&mut store, 10).unwrap(), 7);
        engine.increment_epoch();
        // It stays over.
        for _ in 0..2 {
            let error = work.call(&mut store, 10).unwrap_err();
            assert_eq!(error.trap(), Some(Trap::Interrupt));
        }
        store.set_epoch_deadline(1);
        assert_eq!(work.call(&mut store, 10).unwrap(), 7);
        let ticker = engine.clone();
        let thread = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(5));
            ticker.increment_epoch();
        });
        let error = endless.call(&mut store, &[], &mut []).unwrap_err();
        assert_eq!(error.trap(), Some(Trap::Interrupt));
        thread.join().unwrap();
        let work = other_instance
            .get_typed_func::<i32, i32>(&mut other, "work")
            .unwrap();
        assert_eq!(work.call(&mut other, 10).unwrap(), 7);
    });
}

#[test]
fn the_callback_decides() {
    each_interruptible(|engine| {
        let (mut store, instance) = guest::<Vec<&'static str>>(engine, ENDLESS);
        let endless = instance.get_func(&mut store, "loop").unwrap();
        store.set_epoch_deadline(0);
        store.epoch_deadline_callback(|mut store| {
            store.data_mut().push("asked");
            Ok(match store.data().len() {
                1 | 2 => UpdateDeadline::Continue(0),
                _ => UpdateDeadline::Interrupt,
            })
        });
        let error = endless.call(&mut store, &[], &mut []).unwrap_err();
        assert_eq!(error.trap(), Some(Trap::Interrupt));
        assert_eq!(store.data(), &["asked"; 3]);

        store.set_epoch_deadline(0);
        store.epoch_deadline_callback(|_| Err(pronto::Error::msg("mine")));
        let error = endless.call(&mut store, &[], &mut []).unwrap_err();
        assert_eq!(error.to_string(), "mine");

        store.set_epoch_deadline(0);
        store.epoch_deadline_callback(|_| panic!("mine"));
        let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            let _ = endless.call(&mut store, &[], &mut []);
        }));
        assert_eq!(*caught.unwrap_err().downcast::<&str>().unwrap(), "mine");
        store.epoch_deadline_trap();
        let error = endless.call(&mut store, &[], &mut []).unwrap_err();
        assert_eq!(error.trap(), Some(Trap::Interrupt));
    });
}

/// A guest whose every check leaves computes what it does undisturbed: pins, operands, arguments
/// in registers and beyond.
#[test]
fn checks_keep_every_register() {
    let ints: String = (0..20).map(|n| format!("(local.get {n}) ")).collect();
    let mixed = r#"(module (memory 1)
        (func $leaf (param i32 i64 f32 f64 i32 i64 i64 i32 i32) (result f64)
            (local i32 i32 i64 f64 f64 f32)
            (local.set 9 (i32.const 10))
            (f64.const 0.5) (i64.const 3)
            (loop (param i64) (result i64)
                (local.set 10 (i32.add (local.get 10) (local.get 0)))
                (local.set 11 (i64.add (local.get 11) (i64.mul (local.get 1) (local.get 5))))
                (local.set 12 (f64.add (local.get 12) (local.get 3)))
                (local.set 13 (f64.sub (local.get 13) (f64.promote_f32 (local.get 2))))
                (local.set 14 (f32.add (local.get 14) (local.get 2)))
                (local.set 8 (i32.xor (local.get 8) (i32.add (local.get 4) (local.get 7))))
                (i64.add (i64.const 1))
                (br_if 0 (local.tee 9 (i32.sub (local.get 9) (i32.const 1)))))
            (f64.convert_i64_s) (f64.add)
            (f64.add (f64.convert_i32_s (local.get 10)))
            (f64.add (f64.convert_i64_s (i64.add (local.get 11) (local.get 6))))
            (f64.add (local.get 12)) (f64.add (local.get 13))
            (f64.add (f64.promote_f32 (local.get 14)))
            (f64.add (f64.convert_i32_s (local.get 8))))
        (func $many (param INTS) (result i64)
            (local i64)
            (call $nothing)
            (loop
                (local.set 20 (i64.add (local.get 20)
                    (i64.sub (local.get 19) (i64.mul (local.get 7) (local.get 18)))))
                (local.set 0 (i64.sub (local.get 0) (i64.const 1)))
                (br_if 0 (i64.ne (local.get 0) (i64.const 0))))
            (local.get 20))
        (func $nothing (call $less)) (func $less)
        (func $fib (param i32) (result i32)
            (if (result i32) (i32.lt_s (local.get 0) (i32.const 2)) (then (local.get 0))
                (else (i32.add (call $fib (i32.sub (local.get 0) (i32.const 1)))
                    (call $fib (i32.sub (local.get 0) (i32.const 2)))))))
        (func (export "callback") (param PARAMS) (result i64) (call $many ARGS))
        (func (export "run") (param i64) (result f64)
            (local i64)
            (loop
                (local.set 1 (i64.add (local.get 1) (call $many (i64.const 3)
                    (i64.const 1) (i64.const 2) (i64.const 3) (i64.const 4) (i64.const 5)
                    (i64.const 6) (i64.const 7) (i64.const 8) (i64.const 9) (i64.const 10)
                    (i64.const 11) (i64.const 12) (i64.const 13) (i64.const 14) (i64.const 15)
                    (i64.const 16) (i64.const 17) (i64.const 18) (i64.const 19))))
                (memory.fill (i32.const 0) (i32.const 1) (i32.const 9))
                (local.set 1 (i64.add (local.get 1) (i64.extend_i32_s (i32.load (i32.const 6)))))
                (local.set 1 (i64.add (local.get 1) (i64.extend_i32_s (call $fib (i32.const 8)))))
                (local.set 0 (i64.sub (local.get 0) (i64.const 1)))
                (br_if 0 (i64.gt_s (local.get 0) (i64.const 0))))
            (f64.add (f64.convert_i64_s (local.get 1))
                (call $leaf (i32.const 3) (i64.const 5) (f32.const 1.5) (f64.const 2.25)
                    (i32.const 7) (i64.const 11) (i64.const 13) (i32.const 17) (i32.const 19)))))"#;
    let wat = mixed
        .replace("INTS", &"i64 ".repeat(20))
        .replace("PARAMS", &"i64 ".repeat(20))
        .replace("ARGS", &ints);
    each(|engine| {
        let (mut store, instance) = guest::<()>(engine, &wat);
        let run = instance
            .get_typed_func::<i64, f64>(&mut store, "run")
            .unwrap();
        let expected = run.call(&mut store, 3).unwrap();
        let mut config = engine.config().clone();
        let engine = Engine::new(config.epoch_interruption(true)).unwrap();
        let (mut store, instance) = guest::<u32>(&engine, &wat);
        let run = instance
            .get_typed_func::<i64, f64>(&mut store, "run")
            .unwrap();
        assert_eq!(run.call(&mut store, 3).unwrap(), expected);
        store.set_epoch_deadline(0);
        store.epoch_deadline_callback(move |mut store| {
            *store.data_mut() += 1;
            // The guest that it calls wants the same places for its arguments.
            store.set_epoch_deadline(u64::MAX);
            let callback = instance.get_func(&mut store, "callback").unwrap();
            let params: Vec<Val> = (0..20).map(|n| Val::I64(n + 1)).collect();
            callback.call(&mut store, &params, &mut [Val::I64(0)])?;
            Ok(UpdateDeadline::Continue(0))
        });
        assert_eq!(run.call(&mut store, 3).unwrap(), expected);
        assert!(*store.data() > 200, "{}", store.data());
    });
}

/// A full stack is told from a request, and the other way round.
#[test]
fn overflow_is_still_found() {
    let wat = r#"(module
        (func $f (export "f") (param i64) (result i64)
            (i64.add (i64.const 1) (call $f (local.get 0)))))"#;
    each_interruptible(|engine| {
        let (mut store, instance) = guest::<()>(engine, wat);
        let func = instance
            .get_typed_func::<i64, i64>(&mut store, "f")
            .unwrap();
        for deadline in [None, Some(u64::MAX), Some(0)] {
            if let Some(deadline) = deadline {
                store.set_epoch_deadline(deadline);
                store.epoch_deadline_callback(|_| Ok(UpdateDeadline::Continue(0)));
            }
            let error = func.call(&mut store, 0).unwrap_err();
            assert_eq!(error.trap(), Some(Trap::StackOverflow));
            assert!(error.backtrace().unwrap().frames().len() > 10);
        }
    });
}

/// Bulk operations stop on the way, and go on where they were.
#[test]
fn bulk_operations_pause() {
    let wat = r#"(module (memory 64) (table $t 200000 funcref) (elem declare func $f) (func $f)
        (func (export "fill")
            (memory.fill (i32.const 3) (i32.const 5) (i32.const 4000000)))
        (func (export "up")
            (memory.copy (i32.const 1000) (i32.const 0) (i32.const 4000000)))
        (func (export "down")
            (memory.copy (i32.const 0) (i32.const 1000) (i32.const 4000000)))
        (func (export "table")
            (table.fill (i32.const 1) (ref.func $f) (i32.const 150000))
            (table.copy (i32.const 40000) (i32.const 0) (i32.const 120000)))
        (func (export "outside")
            (memory.fill (i32.const 0) (i32.const 9) (i32.const 4194305)))
        (func (export "get") (param i32) (result i32)
            (ref.is_null (table.get (local.get 0)))))"#;
    each_interruptible(|engine| {
        let (mut store, instance) = guest::<u32>(engine, wat);
        let memory = instance.get_memory(&mut store, "memory");
        assert!(memory.is_none());
        store.set_epoch_deadline(0);
        store.epoch_deadline_callback(|mut store| {
            *store.data_mut() += 1;
            Ok(UpdateDeadline::Continue(0))
        });
        for (name, pauses) in [("fill", 15), ("up", 15), ("down", 15), ("table", 7)] {
            *store.data_mut() = 0;
            let func = instance.get_func(&mut store, name).unwrap();
            func.call(&mut store, &[], &mut []).unwrap();
            assert!(*store.data() >= pauses, "{name}: {}", store.data());
        }
        let outside = instance.get_func(&mut store, "outside").unwrap();
        let error = outside.call(&mut store, &[], &mut []).unwrap_err();
        assert_eq!(error.trap(), Some(Trap::MemoryOutOfBounds));
        let get = instance
            .get_typed_func::<i32, i32>(&mut store, "get")
            .unwrap();
        for (index, null) in [
            (0, 1),
            (1, 0),
            (39_999, 0),
            (40_000, 1),
            (40_001, 0),
            (159_999, 0),
        ] {
            assert_eq!(get.call(&mut store, index).unwrap(), null, "{index}");
        }
    });
}

/// The parts of a copy within one memory overlap as the whole does.
#[test]
fn copies_in_parts_overlap_rightly() {
    let wat = r#"(module (memory (export "memory") 32)
        (func (export "copy") (param i32 i32 i32)
            (memory.copy (local.get 0) (local.get 1) (local.get 2))))"#;
    each_interruptible(|engine| {
        let (mut store, instance) = guest::<()>(engine, wat);
        let memory = instance.get_memory(&mut store, "memory").unwrap();
        let copy = instance
            .get_typed_func::<(i32, i32, i32), ()>(&mut store, "copy")
            .unwrap();
        for (dst, src) in [(1, 0), (0, 1), (300_000, 5), (5, 300_000), (7, 7)] {
            let len = 700_001;
            let bytes: Vec<u8> = (0..1_100_000u32).map(|n| ((n * 7) >> 3) as u8).collect();
            memory.write(&mut store, 0, &bytes).unwrap();
            store.set_epoch_deadline(0);
            store.epoch_deadline_callback(|_| Ok(UpdateDeadline::Continue(0)));
            copy.call(&mut store, (dst, src, len)).unwrap();
            let mut expected = bytes.clone();
            expected.copy_within(src as usize..(src + len) as usize, dst as usize);
            assert!(
                memory.data(&store)[..bytes.len()] == expected,
                "{dst} {src}"
            );
        }
    });
}

/// Listeners hear of the calls that an interruption ends, and of no others.
#[test]
fn listeners_hear_the_end() {
    static OPEN: AtomicU32 = AtomicU32::new(0);
    struct Count;
    impl FunctionListener for Count {
        fn before(&self, _: &ListenedFunc<'_>, _: &[Val]) {
            OPEN.fetch_add(1, Relaxed);
        }
        fn after(&self, _: &ListenedFunc<'_>, _: &[Val]) {
            OPEN.fetch_sub(1, Relaxed);
        }
        fn abort(&self, _: &ListenedFunc<'_>, _: Option<&pronto::Error>) {
            OPEN.fetch_sub(1, Relaxed);
        }
    }
    let mut config = Config::new();
    config.epoch_interruption(true).function_listener(Count);
    let engine = Engine::new(&config).unwrap();
    let (mut store, instance) = guest::<()>(&engine, ENDLESS);
    for name in ["tree", "wide", "loop_if"] {
        let func = instance.get_func(&mut store, name).unwrap();
        for calls in 0..20 {
            let mut left = calls;
            store.set_epoch_deadline(0);
            store.epoch_deadline_callback(move |_| {
                left -= 1;
                Ok(match left {
                    ..=0 => UpdateDeadline::Interrupt,
                    _ => UpdateDeadline::Continue(0),
                })
            });
            assert!(func.call(&mut store, &[Val::I32(100)], &mut []).is_err());
            assert_eq!(OPEN.load(Relaxed), 0);
        }
    }
}

/// Requests from many threads, while stores come and go.
#[test]
fn threads_and_short_lives() {
    let engine = Engine::new(Config::new().epoch_interruption(true)).unwrap();
    let (send, receive) = mpsc::channel::<InterruptHandle>();
    let ticker = engine.clone();
    let thread = std::thread::spawn(move || {
        for handle in receive {
            ticker.increment_epoch();
            handle.interrupt();
            ticker.increment_epoch();
        }
    });
    for _ in 0..200 {
        let (mut store, instance) = guest::<()>(&engine, ENDLESS);
        store.set_epoch_deadline(1_000_000);
        let endless = instance.get_func(&mut store, "loop").unwrap();
        send.send(store.interrupt_handle().unwrap()).unwrap();
        let error = endless.call(&mut store, &[], &mut []).unwrap_err();
        assert_eq!(error.trap(), Some(Trap::Interrupt));
        send.send(store.interrupt_handle().unwrap()).unwrap();
    }
    drop(send);
    thread.join().unwrap();
}
