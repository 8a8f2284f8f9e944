//! What errors tell of the guest's calls.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use pronto::{
    AsContext, CallHook, Caller, Config, Engine, Exit, Func, Linker, Result, Store, UpdateDeadline,
    WasmBacktrace,
};

use crate::support::{each, instantiate, module};

#[test]
fn names_and_offsets() {
    let wat = r#"(module $guest
        (func $leaf (param i32) (result i32) i32.const 1 local.get 0 i32.div_u)
        (func (param i32) (result i32) local.get 0 call $leaf)
        (func $outer (export "run") (param i32) (result i32) nop nop local.get 0 call 1))"#;
    let bytes = wat::parse_str(wat).unwrap();
    each(|engine| {
        let (mut store, instance) = instantiate(engine, wat);
        let run = instance.get_typed_func::<i32, i32>(&store, "run").unwrap();
        let error = run.call(&mut store, 0).unwrap_err();
        let backtrace = error.downcast_ref::<WasmBacktrace>().unwrap();
        let frames = backtrace.frames();
        let names: Vec<_> = frames.iter().map(|frame| frame.func_name()).collect();
        assert_eq!(names, [Some("leaf"), None, Some("outer")]);
        let indices: Vec<_> = frames.iter().map(|frame| frame.func_index()).collect();
        assert_eq!(indices, [0, 1, 2]);
        assert!(
            frames
                .iter()
                .all(|frame| frame.module_name() == Some("guest"))
        );
        let ops: Vec<_> = frames
            .iter()
            .map(|frame| bytes[frame.module_offset().unwrap()])
            .collect();
        let (div_u, call) = (0x6e, 0x10);
        assert_eq!(ops, [div_u, call, call]);
        assert!(frames[2].func_offset().unwrap() > frames[1].func_offset().unwrap());
        let text = format!("{error:?}");
        assert!(
            text.starts_with("wasm trap: integer divide by zero\n\nwasm backtrace:"),
            "{text}"
        );
        assert!(text.contains("guest!leaf\n"), "{text}");
        assert!(text.contains("guest!<wasm function 1>\n"), "{text}");
        assert_eq!(error.to_string(), "wasm trap: integer divide by zero");
    });
}

/// Calls between instances pass through the switch of instances, and through the host.
#[test]
fn across_instances_and_the_host() {
    each(|engine| {
        let mut linker: Linker<()> = Linker::new(engine);
        linker
            .func_wrap("host", "call", |mut caller: Caller<'_, ()>| -> Result<()> {
                let func = caller.get_export("inner").unwrap().into_func().unwrap();
                func.call(&mut caller, &[], &mut [])
            })
            .unwrap();
        let mut store = Store::new(engine, ());
        let first = module(
            engine,
            r#"(module $first (import "host" "call" (func $call))
                (func $inner (export "inner") unreachable)
                (func $middle (export "middle") call $call))"#,
        );
        let first = linker.instantiate(&mut store, &first).unwrap();
        linker.instance(&mut store, "first", first).unwrap();
        let second = module(
            engine,
            r#"(module $second (import "first" "middle" (func $middle))
                (table 1 funcref) (elem (i32.const 0) $middle)
                (func $direct (export "direct") call $middle)
                (func $indirect (export "indirect") i32.const 0 call_indirect))"#,
        );
        let second = linker.instantiate(&mut store, &second).unwrap();
        for name in ["direct", "indirect"] {
            let func = second.get_func(&store, name).unwrap();
            let error = func.call(&mut store, &[], &mut []).unwrap_err();
            let frames = error.backtrace().unwrap().frames();
            let names: Vec<_> = frames
                .iter()
                .map(|frame| (frame.module_name().unwrap(), frame.func_name().unwrap()))
                .collect();
            assert_eq!(
                names,
                [("first", "inner"), ("first", "middle"), ("second", name)]
            );
        }
    });
}

#[test]
fn builtins_and_faults() {
    let wat = r#"(module (memory 1)
        (func $a (export "fill") (memory.fill (i32.const 65536) (i32.const 0) (i32.const 1)))
        (func $b (export "load") (param i32) (drop (i32.load (local.get 0)))))"#;
    let bytes = wat::parse_str(wat).unwrap();
    each(|engine| {
        let (mut store, instance) = instantiate(engine, wat);
        let fill = instance.get_typed_func::<(), ()>(&store, "fill").unwrap();
        let load = instance.get_typed_func::<i32, ()>(&store, "load").unwrap();
        let errors = [fill.call(&mut store, ()), load.call(&mut store, -1)];
        for (error, (name, op)) in errors.into_iter().zip([("a", 0xfc), ("b", 0x28)]) {
            let error = error.unwrap_err();
            let [frame] = error.backtrace().unwrap().frames() else {
                panic!("{error:?}");
            };
            assert_eq!(frame.func_name(), Some(name));
            assert_eq!(bytes[frame.module_offset().unwrap()], op);
        }
    });
}

#[test]
fn deep_stacks_are_cut() {
    each(|engine| {
        let (mut store, instance) = instantiate(
            engine,
            r#"(module (func $down (export "down") (param i32)
                local.get 0 if local.get 0 i32.const 1 i32.sub call $down else unreachable end))"#,
        );
        let down = instance.get_typed_func::<i32, ()>(&store, "down").unwrap();
        let error = down.call(&mut store, 9).unwrap_err();
        assert_eq!(error.backtrace().unwrap().frames().len(), 10);
        assert!(!error.backtrace().unwrap().to_string().ends_with("..."));
        let error = down.call(&mut store, 1000).unwrap_err();
        assert_eq!(error.backtrace().unwrap().frames().len(), 64);
        assert!(error.backtrace().unwrap().to_string().ends_with("..."));
    });
}

#[test]
fn can_be_turned_off() {
    let engine = Engine::new(Config::new().wasm_backtrace(false)).unwrap();
    let (mut store, instance) = instantiate(&engine, r#"(module (func (export "f") unreachable))"#);
    let func = instance.get_func(&store, "f").unwrap();
    let error = func.call(&mut store, &[], &mut []).unwrap_err();
    assert!(error.trap().is_some() && error.backtrace().is_none());
}

/// Names of the guest's calls at this moment, innermost first.
fn captured(store: impl AsContext) -> String {
    let backtrace = WasmBacktrace::capture(store);
    let names = backtrace.frames().iter().map(|frame| {
        assert!(frame.module_offset().is_some());
        frame.func_name().unwrap()
    });
    names.collect::<Vec<_>>().join(" ")
}

const NESTED: &str = r#"(module
    (import "h" "f" (func $f (param i32)))
    (func $inner (export "inner") (param i32) (call $f (local.get 0)) (nop))
    (func $outer (export "outer") (param i32) (call $inner (local.get 0)))
    (func $trap (export "trap") unreachable))"#;

/// What the guest's function [`NESTED`] calls notes the calls, and calls `outer` within.
fn note_and_nest(mut caller: Caller<'_, Vec<String>>, depth: i32) -> Result<()> {
    let calls = captured(&caller);
    caller.data_mut().push(calls);
    if depth > 0 {
        let outer = caller.get_export("outer").unwrap().into_func().unwrap();
        let outer = outer.typed::<i32, ()>(&caller)?;
        outer.call(&mut caller, depth - 1)?;
        let calls = captured(&caller);
        caller.data_mut().push(calls);
    }
    Ok(())
}

#[test]
fn captured_by_host_functions() {
    each(|engine| {
        let mut store = Store::new(engine, Vec::new());
        let mut linker = Linker::new(engine);
        linker.func_wrap("h", "f", note_and_nest).unwrap();
        let instance = linker
            .instantiate(&mut store, &module(engine, NESTED))
            .unwrap();
        assert_eq!(captured(&store), "");
        let outer = instance.get_typed_func::<i32, ()>(&store, "outer").unwrap();
        outer.call(&mut store, 1).unwrap();
        let (once, twice) = ("inner outer", "inner outer inner outer");
        assert_eq!(*store.data(), [once, twice, once]);
        assert_eq!(captured(&store), "");
        // The host may call its function itself.
        store.data_mut().clear();
        let own = Func::wrap(&mut store, note_and_nest);
        own.call(&mut store, &[0.into()], &mut []).unwrap();
        assert_eq!(*store.data(), [""]);
        // An execution has a stack of its own.
        let outer = instance.get_func(&store, "outer").unwrap();
        let mut execution = outer.start(&mut store, &[1.into()]).unwrap();
        assert!(matches!(execution.run(&mut store), Ok(Exit::Returned(_))));
        assert_eq!(store.data()[1..], [once, twice, once]);
        assert_eq!(captured(&store), "");
    });
}

/// Where a guest has been is still on its stack when it has returned; nothing may walk it.
#[test]
fn captured_by_hooks() {
    each(|engine| {
        let mut store = Store::new(engine, Vec::new());
        let mut linker: Linker<Vec<String>> = Linker::new(engine);
        linker.func_wrap("h", "f", |_: i32| ()).unwrap();
        let instance = linker
            .instantiate(&mut store, &module(engine, NESTED))
            .unwrap();
        let trap = instance.get_func(&store, "trap").unwrap();
        store.call_hook(move |mut store, transition| {
            let calls = captured(&store);
            store.data_mut().push(calls);
            if transition == CallHook::ReturningFromWasm {
                let error = trap.call(&mut store, &[], &mut []).unwrap_err();
                let frames = error.backtrace().unwrap().frames();
                let names: Vec<_> = frames.iter().map(|frame| frame.func_name()).collect();
                assert_eq!(names, [Some("trap")]);
            }
            Ok(())
        });
        let outer = instance.get_typed_func::<i32, ()>(&store, "outer").unwrap();
        let seen = ["", "inner outer", "inner outer", ""];
        outer.call(&mut store, 0).unwrap();
        assert_eq!(*store.data(), seen);
        let func = instance.get_func(&store, "outer").unwrap();
        let mut execution = func.start(&mut store, &[0.into()]).unwrap();
        assert!(matches!(execution.run(&mut store), Ok(Exit::Returned(_))));
        assert_eq!(store.data()[4..], seen);
    });
}

/// A sampling profiler: another thread ends epochs, and the guest's thread looks where it is.
#[test]
fn sampled() {
    let wat = r#"(module
        (func $inner (param i32)
            (loop (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1))))))
        (func $leaf (param i32) (result i32) (i32.mul (local.get 0) (local.get 0)))
        (func $outer (export "outer") (param i32) (local i32)
            (loop
                (call $inner (i32.const 50))
                (local.set 1 (i32.const 50))
                (loop (br_if 0 (local.tee 1 (i32.sub (local.get 1) (i32.const 1)))))
                (drop (call $leaf (local.get 0)))
                (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))))"#;
    each(|engine| {
        let mut config = engine.config().clone();
        let engine = Engine::new(config.epoch_interruption(true)).unwrap();
        let mut store = Store::new(&engine, BTreeMap::<String, u32>::new());
        let instance = Linker::new(&engine)
            .instantiate(&mut store, &module(&engine, wat))
            .unwrap();
        store.set_epoch_deadline(1);
        store.epoch_deadline_callback(|mut store| {
            let calls = captured(&store);
            *store.data_mut().entry(calls).or_default() += 1;
            Ok(UpdateDeadline::Continue(1))
        });
        let outer = instance.get_typed_func::<i32, ()>(&store, "outer").unwrap();
        let done = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !done.load(Relaxed) {
                    std::thread::sleep(Duration::from_micros(100));
                    engine.increment_epoch();
                }
            });
            // The guest always goes on, to its end.
            while !["outer", "inner outer"]
                .iter()
                .all(|calls| store.data().contains_key(*calls))
            {
                outer.call(&mut store, 10_000).unwrap();
            }
            done.store(true, Relaxed);
        });
        assert_eq!(store.data().len(), 2, "{:?}", store.data());
    });
}
