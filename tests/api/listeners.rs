//! Function listeners.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex};

use pronto::{
    Caller, Config, Engine, Error, Exit, FunctionListener, Instance, Linker, ListenedFunc, Result,
    Store, Trap, Val,
};

use crate::support::module;

/// Notes calls of functions whose name does not begin with `quiet`.
#[derive(Clone, Default)]
struct Noting(Arc<Mutex<Vec<String>>>);

impl Noting {
    fn note(&self, what: &str, func: &ListenedFunc<'_>, detail: String) {
        let name = func.name().unwrap_or("?");
        self.0
            .lock()
            .unwrap()
            .push(format!("{what} {name}{detail}"));
    }

    fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.0.lock().unwrap())
    }
}

fn list(values: &[Val]) -> String {
    values.iter().map(|value| format!(" {value:?}")).collect()
}

impl FunctionListener for Noting {
    fn listens(&self, func: &ListenedFunc<'_>) -> bool {
        !func.name().is_some_and(|name| name.starts_with("quiet"))
    }

    fn before(&self, func: &ListenedFunc<'_>, params: &[Val]) {
        assert_eq!(params.len(), func.ty().params().len());
        self.note(">", func, list(params));
    }

    fn after(&self, func: &ListenedFunc<'_>, results: &[Val]) {
        assert_eq!(results.len(), func.ty().results().len());
        self.note("<", func, list(results));
    }

    fn abort(&self, func: &ListenedFunc<'_>, error: Option<&Error>) {
        let error = error.map_or("panic".into(), Error::to_string);
        self.note("!", func, format!(": {error}"));
    }
}

const GUEST: &str = r#"(module
    (import "h" "f" (func $host (param i32) (result i32)))
    (func $leaf (param i32 f64) (result f64 i32) local.get 1 local.get 0)
    (func $quiet (param i32) (result i32)
        local.get 0 f64.const 0.5 call $leaf f64.convert_i32_s f64.add i32.trunc_f64_s)
    (func $run (export "run") (param i32) (result i32)
        local.get 0 call $quiet call $host i32.const 10 i32.add)
    (func $many (export "many") (param i64 i64 i64 i64 i64 i64 i64 i64) (result i64 i64 i64)
        local.get 0 local.get 6 local.get 7)
    (func $recurse (export "recurse") call $recurse))"#;

/// Both memory modes, with a listener and an instance.
fn each(test: impl Fn(&Noting, Store<()>, Instance)) {
    for guard in [false, true] {
        let noting = Noting::default();
        let mut config = Config::new();
        config
            .signals_based_traps(guard)
            .function_listener(noting.clone());
        let engine = Engine::new(&config).unwrap();
        let mut linker: Linker<()> = Linker::new(&engine);
        linker
            .func_wrap(
                "h",
                "f",
                |mut caller: Caller<'_, ()>, n: i32| -> Result<i32> {
                    match n {
                        1 => Err(Trap::Interrupt.into()),
                        2 => std::panic::resume_unwind(Box::new(())),
                        3 => {
                            let run = caller.get_export("run").unwrap().into_func().unwrap();
                            let run = run.typed::<i32, i32>(&caller)?;
                            Ok(run.call(&mut caller, 1).map_or(0, |n| n))
                        }
                        n => Ok(n),
                    }
                },
            )
            .unwrap();
        let mut store = Store::new(&engine, ());
        let instance = linker
            .instantiate(&mut store, &module(&engine, GUEST))
            .unwrap();
        test(&noting, store, instance);
    }
}

#[test]
fn before_and_after() {
    each(|noting, mut store, instance| {
        let run = instance.get_typed_func::<i32, i32>(&store, "run").unwrap();
        for _ in 0..2 {
            assert_eq!(run.call(&mut store, 7).unwrap(), 17);
            let expected = [
                "> run I32(7)",
                "> leaf I32(7) F64(4602678819172646912)",
                "< leaf F64(4602678819172646912) I32(7)",
                "< run I32(17)",
            ];
            assert_eq!(noting.take(), expected);
        }
        let many = instance.get_func(&store, "many").unwrap();
        let params: Vec<_> = (0..8).map(Val::I64).collect();
        let mut results = [Val::I64(0), Val::I64(0), Val::I64(0)];
        many.call(&mut store, &params, &mut results).unwrap();
        assert_eq!(list(&results), " I64(0) I64(6) I64(7)");
        assert_eq!(
            noting.take(),
            [
                format!("> many{}", list(&params)),
                "< many I64(0) I64(6) I64(7)".into()
            ]
        );
    });
}

#[test]
fn abort() {
    each(|noting, mut store, instance| {
        let run = instance.get_typed_func::<i32, i32>(&store, "run").unwrap();
        assert_eq!(
            run.call(&mut store, 1).unwrap_err().trap(),
            Some(Trap::Interrupt)
        );
        let notes = noting.take();
        assert_eq!(notes.last().unwrap(), "! run: wasm trap: interrupt");
        assert_eq!(notes.iter().filter(|note| note.starts_with('!')).count(), 1);
        catch_unwind(AssertUnwindSafe(|| run.call(&mut store, 2))).unwrap_err();
        assert_eq!(noting.take().last().unwrap(), "! run: panic");
        // Only the inner activation is ended.
        assert_eq!(run.call(&mut store, 3).unwrap(), 10);
        let notes = noting.take();
        let ends: Vec<_> = notes
            .iter()
            .filter(|n| n.contains("run") && !n.starts_with('>'))
            .collect();
        assert_eq!(ends, ["! run: wasm trap: interrupt", "< run I32(10)"]);
    });
}

#[test]
fn every_call_that_began_ends() {
    each(|noting, mut store, instance| {
        let recurse = instance
            .get_typed_func::<(), ()>(&store, "recurse")
            .unwrap();
        let error = recurse.call(&mut store, ()).unwrap_err();
        assert_eq!(error.trap(), Some(Trap::StackOverflow));
        let notes = noting.take();
        let began = notes.iter().filter(|note| *note == "> recurse").count();
        let ended = notes
            .iter()
            .filter(|note| *note == "! recurse: wasm trap: call stack exhausted");
        assert!(began > 1000);
        assert_eq!(ended.count(), began);
    });
}

/// A listener that panics ends the call as a host function does.
#[test]
fn panics() {
    struct Panicking;

    impl FunctionListener for Panicking {
        fn before(&self, _: &ListenedFunc<'_>, params: &[Val]) {
            assert_ne!(params[0].unwrap_i32(), 1, "before");
        }
        fn after(&self, _: &ListenedFunc<'_>, results: &[Val]) {
            assert_ne!(results[0].unwrap_i32(), 2, "after");
        }
        fn abort(&self, _: &ListenedFunc<'_>, _: Option<&Error>) {}
    }

    let engine = Engine::new(Config::new().function_listener(Panicking)).unwrap();
    let (mut store, instance) = crate::support::instantiate(
        &engine,
        r#"(module (func (export "f") (param i32) (result i32) local.get 0))"#,
    );
    let func = instance.get_typed_func::<i32, i32>(&store, "f").unwrap();
    for n in 0..4 {
        let outcome = catch_unwind(AssertUnwindSafe(|| func.call(&mut store, n).unwrap()));
        assert_eq!(outcome.ok(), [Some(0), None, None, Some(3)][n as usize]);
    }
}

#[test]
fn executions_end_once() {
    each(|noting, mut store, instance| {
        let run = instance.get_func(&store, "run").unwrap();
        for (end, note) in [
            ("resume", "< run I32(15)"),
            ("error", "! run: wasm trap: interrupt"),
            ("cancel", "! run: panic"),
        ] {
            let mut execution = run.start(&mut store, &[Val::I32(1)]).unwrap();
            let exit = execution.run(&mut store).unwrap();
            assert!(matches!(exit, Exit::HostError(_)));
            match end {
                "resume" => execution.resume(&mut store, &[Val::I32(5)]).unwrap(),
                "error" => execution.resume_with_error(Trap::Interrupt).unwrap(),
                _ => execution.cancel(&mut store).unwrap(),
            }
            if !execution.is_ended() {
                execution.run(&mut store).unwrap();
            }
            let notes = noting.take();
            let ends = notes.iter().filter(|note| !note.starts_with('>'));
            let ends: Vec<_> = ends.filter(|note| note.contains("run")).collect();
            assert_eq!(ends, [note], "{end}");
        }
    });
}
