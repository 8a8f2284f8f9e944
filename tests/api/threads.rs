//! Engines, modules and stores on several threads.

use pronto::{Caller, Linker, Store, Trap};

use crate::support::{each, module};

#[test]
fn stores_move_between_threads() {
    each(|engine| {
        let mut linker: Linker<Vec<i32>> = Linker::new(engine);
        linker
            .func_wrap("h", "f", |mut caller: Caller<'_, Vec<i32>>, n: i32| {
                caller.data_mut().push(n);
            })
            .unwrap();
        let module = module(
            engine,
            r#"(module (import "h" "f" (func $f (param i32))) (memory 1)
                (func (export "run") (param i32) (result i32)
                    local.get 0 call $f
                    (i32.store (i32.const 0)
                        (i32.add (i32.load (i32.const 0)) (local.get 0)))
                    (i32.load (i32.const 0)))
                (func (export "trap") (param i32) (result i32)
                    (i32.load (i32.sub (local.get 0) (i32.const 100)))))"#,
        );
        let mut store = Store::new(engine, Vec::new());
        let instance = linker.instantiate(&mut store, &module).unwrap();
        for n in 1..=4 {
            let thread = std::thread::spawn(move || {
                let run = instance.get_typed_func::<i32, i32>(&store, "run").unwrap();
                let trap = instance.get_typed_func::<i32, i32>(&store, "trap").unwrap();
                let error = trap.call(&mut store, n).unwrap_err();
                assert_eq!(error.trap(), Some(Trap::MemoryOutOfBounds));
                assert_eq!(run.call(&mut store, n).unwrap(), (1..=n).sum::<i32>());
                store
            });
            store = thread.join().unwrap();
        }
        assert_eq!(store.into_data(), [1, 2, 3, 4]);
    });
}

#[test]
fn one_module_on_many_threads() {
    each(|engine| {
        let module = module(
            engine,
            r#"(module (memory 1)
                (func (export "run") (param i32) (result i32)
                    loop
                        (i32.store (i32.const 8) (i32.add (i32.load (i32.const 8)) (i32.const 1)))
                        (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1))))
                    end
                    (i32.load (i32.const 8)))
                (func (export "trap") (param i32) (result i32)
                    (i32.load (i32.sub (local.get 0) (i32.const 100)))))"#,
        );
        std::thread::scope(|scope| {
            for n in 1..=4 {
                let module = &module;
                scope.spawn(move || {
                    for _ in 0..50 {
                        let mut store = Store::new(module.engine(), ());
                        let instance = pronto::Instance::new(&mut store, module, &[]).unwrap();
                        let run = instance.get_typed_func::<i32, i32>(&store, "run").unwrap();
                        assert_eq!(run.call(&mut store, n * 100).unwrap(), n * 100);
                        let trap = instance.get_typed_func::<i32, i32>(&store, "trap").unwrap();
                        assert!(trap.call(&mut store, n).is_err());
                    }
                });
            }
        });
    });
}

#[test]
fn handles_are_send_and_sync() {
    fn check<V: Send + Sync>() {}
    check::<pronto::Engine>();
    check::<pronto::Module>();
    check::<pronto::Linker<std::cell::Cell<u8>>>();
    check::<pronto::InstancePre<std::cell::Cell<u8>>>();
    check::<pronto::Store<u8>>();
    check::<pronto::Func>();
    check::<pronto::TypedFunc<i32, i32>>();
    check::<pronto::Memory>();
    check::<pronto::Extern>();
    check::<pronto::Val>();
    check::<pronto::Error>();
}
