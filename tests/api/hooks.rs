//! Reports of transitions between host and guest.

use pronto::{
    CallHook, Caller, Engine, Error, Exit, Func, FuncType, Instance, Linker, Result, Store, Trap,
    Val, ValType,
};

use crate::support::{each, module};

#[derive(Default)]
struct Host {
    seen: String,
    /// The hook fails when it has seen so much.
    until: Option<String>,
    /// What the hook calls each time.
    within: Option<Func>,
}

const GUEST: &str = r#"(module
    (import "h" "f" (func $f (param i64 f64 i64 i64 i64 i64 i64 i64 i64)
        (result f64 i64 i64 i64 i64)))
    (import "h" "fail" (func $fail))
    (import "h" "ask" (func $ask (param i32) (result i32)))
    (func $sum (export "sum") (param i64 f64 i64 i64 i64 i64 i64 i64 i64)
        (result f64 i64 i64 i64 i64)
        (call $f (local.get 0) (local.get 1) (local.get 2) (local.get 3) (local.get 4)
            (local.get 5) (local.get 6) (local.get 7) (local.get 8)))
    (func (export "clobber") (param i64 i64 i64 i64 i64 i64 i64 i64 f64)
        (result i64 i64 i64 i64 f64)
        (i64.const -1) (i64.const -2) (i64.const -3) (i64.const -4) (f64.const -5))
    (func (export "plain") (param i32) (result i32) (local.get 0))
    (func (export "fail") (call $fail))
    (func (export "trap") unreachable)
    (func (export "ask") (param i32) (result i32)
        (i32.add (call $ask (local.get 0)) (i32.const 1))))"#;

fn letter(transition: CallHook) -> char {
    match transition {
        CallHook::CallingWasm => '(',
        CallHook::ReturningFromWasm => ')',
        CallHook::CallingHost => '[',
        CallHook::ReturningFromHost => ']',
    }
}

fn guest(engine: &Engine) -> (Store<Host>, Instance) {
    let mut linker: Linker<Host> = Linker::new(engine);
    linker
        .func_wrap(
            "h",
            "f",
            |mut caller: Caller<'_, Host>,
             a: i64,
             b: f64,
             c: i64,
             d: i64,
             e: i64,
             f: i64,
             g: i64,
             h: i64,
             i: i64|
             -> Result<(f64, i64, i64, i64, i64)> {
                let plain = caller.get_export("plain").unwrap().into_func().unwrap();
                let plain = plain.typed::<i32, i32>(&caller)?;
                assert_eq!(plain.call(&mut caller, 3)?, 3);
                Ok((b, a + c, d + e, f + g, h + i))
            },
        )
        .unwrap();
    linker
        .func_wrap("h", "fail", || Err::<(), _>(Error::new(std::fmt::Error)))
        .unwrap();
    let int = FuncType::new([ValType::I32], [ValType::I32]);
    linker.func_suspending("h", "ask", int).unwrap();
    let module = module(engine, GUEST);
    let mut store = Store::new(engine, Host::default());
    let instance = linker.instantiate(&mut store, &module).unwrap();
    store.call_hook(|mut store, transition| {
        store.data_mut().seen.push(letter(transition));
        if let Some(within) = store.data().within {
            let params: Vec<_> = (0..8).map(Val::I64).chain([Val::F64(0)]).collect();
            let mut results = vec![Val::I32(0); 5];
            within.call(&mut store, &params, &mut results)?;
            assert_eq!(results[3].i64(), Some(-4));
        }
        match &store.data().until {
            Some(until) if *until == store.data().seen => Err(Error::msg("the hook says no")),
            _ => Ok(()),
        }
    });
    (store, instance)
}

fn sum(store: &mut Store<Host>, instance: Instance) -> Result<String> {
    let sum = instance.get_func(&mut *store, "sum").unwrap();
    let mut params: Vec<_> = (1..=8).map(Val::I64).collect();
    params.insert(1, Val::from(0.5_f64));
    let mut results = vec![Val::I32(0); 5];
    sum.call(store, &params, &mut results)?;
    Ok(format!("{:?} {:?}", results[0].f64(), &results[1..]))
}

const SUMS: &str = "Some(0.5) [I64(3), I64(7), I64(11), I64(15)]";

#[test]
fn transitions_are_told_in_order() {
    each(|engine| {
        let (mut store, instance) = guest(engine);
        assert_eq!(sum(&mut store, instance).unwrap(), SUMS);
        assert_eq!(store.data().seen, "([()])");
        store.data_mut().seen.clear();
        for (name, seen) in [("trap", "()"), ("fail", "([])")] {
            let func = instance.get_func(&mut store, name).unwrap();
            let error = func.call(&mut store, &[], &mut []).unwrap_err();
            assert_eq!(error.backtrace().unwrap().frames().len(), 1, "{name}");
            assert_eq!(error.trap().is_some(), name == "trap");
            assert_eq!(std::mem::take(&mut store.data_mut().seen), seen, "{name}");
        }
        assert!(CallHook::CallingHost.entering_host() && CallHook::CallingWasm.exiting_host());
    });
}

#[test]
fn a_hook_can_call_guests() {
    each(|engine| {
        let (mut store, instance) = guest(engine);
        store.data_mut().within = instance.get_func(&store, "clobber");
        assert_eq!(sum(&mut store, instance).unwrap(), SUMS);
        assert_eq!(store.data().seen, "([()])");
        let trap = instance.get_func(&mut store, "trap").unwrap();
        let error = trap.call(&mut store, &[], &mut []).unwrap_err();
        assert_eq!(error.trap(), Some(Trap::UnreachableCodeReached));
        assert_eq!(error.backtrace().unwrap().frames().len(), 1);
    });
}

#[test]
fn the_error_of_a_hook_ends_the_call() {
    each(|engine| {
        let (mut store, instance) = guest(engine);
        let all = "([()])";
        for end in 1..=all.len() {
            store.data_mut().seen.clear();
            store.data_mut().until = Some(all[..end].into());
            let error = sum(&mut store, instance).unwrap_err();
            assert_eq!(error.to_string(), "the hook says no", "{end}");
            // What has begun is ended.
            let seen = &store.data().seen;
            let count = |letter| seen.matches(letter).count();
            assert!(
                count('(') - count(')') <= 1 && count('[') - count(']') <= 1,
                "{seen}"
            );
        }
        store.data_mut().until = None;
        assert_eq!(sum(&mut store, instance).unwrap(), SUMS);
        // In place of a trap.
        store.data_mut().seen.clear();
        store.data_mut().until = Some("()".into());
        let trap = instance.get_func(&mut store, "trap").unwrap();
        let error = trap.call(&mut store, &[], &mut []).unwrap_err();
        assert_eq!(error.to_string(), "the hook says no");
    });
}

#[test]
fn executions_are_told_of_as_they_run() {
    each(|engine| {
        let (mut store, instance) = guest(engine);
        store.data_mut().within = instance.get_func(&store, "clobber");
        let ask = instance.get_func(&mut store, "ask").unwrap();
        let mut execution = ask.start(&mut store, &[Val::I32(6)]).unwrap();
        assert_eq!(store.data().seen, "");
        match execution.run(&mut store).unwrap() {
            Exit::HostCall(call) => assert_eq!(call.params()[0].i32(), Some(6)),
            exit => panic!("{exit:?}"),
        }
        assert_eq!(store.data().seen, "([])");
        execution.resume(&mut store, &[Val::I32(70)]).unwrap();
        match execution.run(&mut store).unwrap() {
            Exit::Returned(values) => assert_eq!(values[0].i32(), Some(71)),
            exit => panic!("{exit:?}"),
        }
        assert_eq!(store.data().seen, "([])()");
    });
}

#[test]
fn a_panic_of_a_hook_reaches_the_caller() {
    each(|engine| {
        let (mut store, instance) = guest(engine);
        store.call_hook(|_, transition| match transition {
            CallHook::CallingHost => panic!("of the hook"),
            _ => Ok(()),
        });
        let run = std::panic::AssertUnwindSafe(|| sum(&mut store, instance));
        let panic = std::panic::catch_unwind(run).unwrap_err();
        assert_eq!(panic.downcast_ref::<&str>(), Some(&"of the hook"));
        store.call_hook(|_, _| Ok(()));
        assert_eq!(sum(&mut store, instance).unwrap(), SUMS);
    });
}
