//! What engines and stores count.

use pronto::{
    Caller, Config, Engine, Error, Exit, Func, FuncType, Instance, Linker, Module, Result, Store,
    StoreCounters, StoreLimits, StoreLimitsBuilder, Trap, UpdateDeadline, Val, ValType,
};

use crate::support::{each, module};

const GUEST: &str = r#"(module
    (import "h" "f" (func $f (param i32) (result i32)))
    (memory (export "m") 1 4) (table (export "t") 2 9 funcref)
    (func (export "call") (param i32) (result i32) (call $f (call $f (local.get 0))))
    (func (export "grow") (param i32) (result i32)
        (drop (table.grow (ref.null func) (local.get 0))) (memory.grow (local.get 0)))
    (func (export "fill") (param i32) (memory.fill (i32.const 0) (i32.const 1) (local.get 0)))
    (func (export "div") (param i32) (result i32) (i32.div_u (i32.const 9) (local.get 0)))
    (func $deep (export "deep") (call $deep))
    (func (export "endless") (loop (br 0))))"#;

/// A guest whose host function gives its argument, and fails for 0.
fn guest(engine: &Engine) -> (Store<StoreLimits>, Instance) {
    let limits = StoreLimitsBuilder::new().memory_size(3 * 65536).build();
    let mut store = Store::new(engine, limits);
    store.limiter(|limits| limits);
    let f = Func::wrap(
        &mut store,
        |caller: Caller<'_, StoreLimits>, n: i32| -> Result<i32> {
            // The call at hand is counted.
            if caller.counters().host_calls == 0 {
                assert!(!counts(caller.engine()));
            }
            if n == 0 {
                Err(Error::msg("none"))
            } else {
                Ok(n)
            }
        },
    );
    let instance = Instance::new(&mut store, &module(engine, GUEST), &[f.into()]).unwrap();
    (store, instance)
}

fn counts(engine: &Engine) -> bool {
    format!("{:?}", engine.config()).contains("count_host_calls: true")
}

fn each_way(test: impl Fn(&Engine, bool)) {
    each(|engine| {
        for (count, fuel) in [(false, false), (true, false), (false, true), (true, true)] {
            let mut config = engine.config().clone();
            config.consume_fuel(fuel).count_host_calls(count);
            config.epoch_interruption(true);
            test(&Engine::new(&config).unwrap(), count);
        }
    });
}

/// Calls a function with an argument or none: whether it returned.
fn call(store: &mut Store<StoreLimits>, instance: Instance, name: &str, arg: i32) -> bool {
    let _ = store.set_fuel(1 << 40);
    let func = instance.get_func(&mut *store, name).unwrap();
    let ty = func.ty(&*store);
    let mut results = vec![Val::I32(0); ty.results().len()];
    let args = [Val::I32(arg)];
    func.call(store, &args[..ty.params().len()], &mut results)
        .is_ok()
}

#[test]
fn stores_count_exits() {
    each_way(|engine, count| {
        let (mut store, instance) = guest(engine);
        assert_eq!(store.counters(), StoreCounters::default());
        let mut expected = StoreCounters::default();

        assert!(call(&mut store, instance, "call", 5));
        assert!(!call(&mut store, instance, "call", 0));
        expected.host_calls = if count { 3 } else { 0 };
        expected.host_errors = 1;
        assert_eq!(store.counters(), expected);

        // Both grow; then the memory meets its limit, and then both their maximum.
        for arg in [1, 2, 7] {
            assert!(call(&mut store, instance, "grow", arg));
        }
        expected.builtins = 6;
        (expected.memory_grows, expected.table_grows) = (1, 2);
        expected.refused_grows = 3;
        assert_eq!(store.counters(), expected);
        let memory = instance.get_memory(&store, "m").unwrap();
        assert!(memory.grow(&mut store, 1).is_ok());
        assert!(memory.grow(&mut store, 1).is_err());
        let table = instance.get_table(&store, "t").unwrap();
        assert!(table.grow(&mut store, 1, pronto::Ref::Func(None)).is_ok());
        (expected.memory_grows, expected.table_grows) = (2, 3);
        expected.refused_grows = 4;
        assert_eq!(store.counters(), expected);

        assert!(!call(&mut store, instance, "div", 0));
        assert!(call(&mut store, instance, "div", 3));
        assert!(!call(&mut store, instance, "deep", 0));
        assert!(call(&mut store, instance, "fill", 10));
        assert!(!call(&mut store, instance, "fill", -1));
        expected.traps = 3;
        expected.builtins = 8;
        assert_eq!(store.counters(), expected);
    });
}

#[test]
fn stores_count_stops() {
    each_way(|engine, _| {
        let (mut store, instance) = guest(engine);
        let mut expected = StoreCounters::default();
        store.interrupt_handle().unwrap().interrupt();
        assert!(!call(&mut store, instance, "endless", 0));
        expected.interruptions = 1;
        assert_eq!(store.counters(), expected);

        // An execution that is stopped, goes on, and is ended: each stop counts once.
        let endless = instance.get_func(&mut store, "endless").unwrap();
        let mut execution = endless.start(&mut store, &[]).unwrap();
        for _ in 0..2 {
            store.interrupt_handle().unwrap().interrupt();
            let exit = execution.run(&mut store).unwrap();
            assert!(matches!(exit, Exit::Interrupted));
        }
        execution.resume_with_error(Trap::Interrupt).unwrap();
        assert!(matches!(execution.run(&mut store).unwrap(), Exit::Trap(_)));
        expected.interruptions = 3;
        assert_eq!(store.counters(), expected);

        store.epoch_deadline_callback(|_| Ok(UpdateDeadline::Yield(1)));
        store.set_epoch_deadline(0);
        let mut execution = endless.start(&mut store, &[]).unwrap();
        assert!(matches!(execution.run(&mut store).unwrap(), Exit::Yielded));
        expected.yields = 1;
        assert_eq!(store.counters(), expected);

        if store.set_fuel(10).is_ok() {
            assert!(matches!(
                execution.run(&mut store).unwrap(),
                Exit::OutOfFuel
            ));
            store.set_fuel(10).unwrap();
            assert!(endless.call(&mut store, &[], &mut []).is_err());
            expected.out_of_fuel = 2;
            assert_eq!(store.counters(), expected);
        }
    });
}

#[test]
fn stores_count_waits() {
    each_way(|engine, count| {
        let mut linker = Linker::new(engine);
        let ty = FuncType::new([ValType::I32], [ValType::I32]);
        linker.func_suspending("h", "f", ty).unwrap();
        let mut store = Store::new(engine, ());
        let _ = store.set_fuel(1000);
        let guest = module(engine, GUEST);
        let instance = linker.instantiate(&mut store, &guest).unwrap();
        let func = instance.get_func(&mut store, "call").unwrap();
        let mut execution = func.start(&mut store, &[Val::I32(1)]).unwrap();
        assert!(matches!(execution.run(&mut store), Ok(Exit::HostCall(_))));
        execution.resume(&mut store, &[Val::I32(2)]).unwrap();
        assert!(matches!(execution.run(&mut store), Ok(Exit::HostCall(_))));
        execution.resume_with_error(Error::msg("no")).unwrap();
        assert!(matches!(execution.run(&mut store), Ok(Exit::Trap(_))));
        let counters = store.counters();
        assert_eq!((counters.waits, counters.host_errors), (2, 1));
        assert_eq!(counters.host_calls, if count { 2 } else { 0 });
    });
}

#[test]
fn a_hook_and_a_counter_go_together() {
    each(|engine| {
        let mut config = engine.config().clone();
        let engine = Engine::new(config.count_host_calls(true)).unwrap();
        let mut store = Store::new(&engine, 0);
        store.call_hook(|mut store, _| {
            *store.data_mut() += 1;
            Ok(())
        });
        let f = Func::wrap(&mut store, |n: i32| n + 1);
        let instance = Instance::new(&mut store, &module(&engine, GUEST), &[f.into()]).unwrap();
        let call = instance.get_typed_func::<i32, i32>(&store, "call").unwrap();
        assert_eq!(call.call(&mut store, 5).unwrap(), 7);
        assert_eq!((store.counters().host_calls, *store.data()), (2, 6));
    });
}

#[test]
fn engines_count_what_they_compile() {
    let engine = Engine::new(Config::new().parallel_compilation(false)).unwrap();
    let wasm = wat::parse_str(GUEST).unwrap();
    let module = Module::new(&engine, &wasm).unwrap();
    assert!(Module::new(&engine, b"\0asm").is_err());
    let counters = engine.counters();
    assert_eq!((counters.modules, counters.functions), (1, 6));
    assert_eq!(counters.wasm_bytes, wasm.len() as u64);
    assert_eq!(counters.code_bytes, module.text().len() as u64);
    let clone = engine.clone();
    std::thread::spawn(move || Module::new(&clone, &wasm).unwrap())
        .join()
        .unwrap();
    assert_eq!(engine.counters().modules, 2);
}
