//! Guests that are run step by step.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use pronto::{
    Caller, Engine, Error, Execution, Exit, ExternRef, Func, FuncType, HostCall, Instance, Linker,
    Result, Store, Trap, Val, ValType,
};

use crate::support::{each, instantiate, module};

/// Asks the host for values of every type, in registers and beyond, with operands and locals live
/// meanwhile.
const GUEST: &str = r#"(module
    (import "h" "int" (func $int (param i32) (result i32)))
    (import "h" "many" (func $many
        (param i32 i64 f32 f64 funcref externref i64 i64 i64 i64 f64)
        (result f64 externref i32 i64 f32 funcref i64 f64)))
    (memory (export "memory") 1)
    (global $log (export "log") (mut i64) (i64.const 0))
    (elem declare func $leaf)
    (func $leaf (export "leaf") (result i32) (i32.const 11))
    ;; n + (n-1) + ... + 1, where each summand comes from the host.
    (func $sum (export "sum") (param $n i32) (result i32)
        (if (result i32) (i32.eqz (local.get $n))
            (then (i32.const 0))
            (else (i32.add
                (call $int (local.get $n))
                (call $sum (i32.sub (local.get $n) (i32.const 1)))))))
    (func (export "trap") (param i32) (result i32)
        (i32.div_u (i32.const 100) (call $int (local.get 0))))
    (func (export "deep") (param i32) (result i32)
        (drop (call $int (local.get 0)))
        (call $forever))
    (func $forever (result i32) (i32.add (call $forever) (i32.const 1)))
    (func (export "grow") (result i32)
        (i32.store (i32.const 8) (i32.const 77))
        (drop (call $int (i32.const 0)))
        (i32.add (memory.size) (i32.load (i32.const 8))))
    (func (export "many") (param f64 externref)
        (result f64 externref i32 i64 f32 funcref i64 f64)
        (local $keep f64)
        (local.set $keep (f64.add (local.get 0) (f64.const 1)))
        (call $many (i32.const -1) (i64.const -2) (f32.const 3.5) (local.get 0) (ref.func $leaf)
            (local.get 1) (i64.const 7) (i64.const 8) (i64.const 9) (i64.const 10)
            (local.get $keep))))"#;

fn many_type() -> FuncType {
    use ValType::{ExternRef, F32, F64, FuncRef, I32, I64};
    FuncType::new(
        [
            I32, I64, F32, F64, FuncRef, ExternRef, I64, I64, I64, I64, F64,
        ],
        [F64, ExternRef, I32, I64, F32, FuncRef, I64, F64],
    )
}

fn linker(engine: &Engine) -> Linker<()> {
    let mut linker = Linker::new(engine);
    let int = FuncType::new([ValType::I32], [ValType::I32]);
    linker.func_suspending("h", "int", int).unwrap();
    linker.func_suspending("h", "many", many_type()).unwrap();
    linker
}

fn guest(engine: &Engine) -> (Store<()>, Instance) {
    let mut store = Store::new(engine, ());
    let module = module(engine, GUEST);
    let instance = linker(engine).instantiate(&mut store, &module).unwrap();
    (store, instance)
}

fn start(store: &mut Store<()>, instance: &Instance, name: &str, params: &[Val]) -> Execution {
    let func = instance.get_func(&mut *store, name).unwrap();
    func.start(store, params).unwrap()
}

#[track_caller]
fn host_call(exit: Exit) -> HostCall {
    match exit {
        Exit::HostCall(call) => call,
        exit => panic!("no host call: {exit:?}"),
    }
}

#[track_caller]
fn returned(exit: Exit) -> Vec<Val> {
    match exit {
        Exit::Returned(values) => values,
        exit => panic!("has not returned: {exit:?}"),
    }
}

#[track_caller]
fn trapped(exit: Exit) -> Error {
    match exit {
        Exit::Trap(error) => error,
        exit => panic!("has not trapped: {exit:?}"),
    }
}

/// Answers every call of `int` with its argument, until the guest returns.
fn finish(store: &mut Store<()>, execution: &mut Execution) -> i32 {
    loop {
        match execution.run(&mut *store).unwrap() {
            Exit::HostCall(call) => execution.resume(&mut *store, call.params()).unwrap(),
            exit => break returned(exit)[0].unwrap_i32(),
        }
    }
}

#[test]
fn host_calls_are_served_by_whoever_runs() {
    each(|engine| {
        let (mut store, instance) = guest(engine);
        let mut execution = start(&mut store, &instance, "sum", &[Val::I32(4)]);
        for n in [4, 3, 2, 1] {
            let call = host_call(execution.run(&mut store).unwrap());
            assert_eq!((call.module(), call.name()), ("h", "int"));
            assert_eq!(call.params()[0].i32(), Some(n));
            assert_eq!(execution.awaited(), Some(&[ValType::I32][..]));
            assert_eq!(execution.backtrace(&store).frames().len(), 5 - n as usize);
            execution.resume(&mut store, &[Val::I32(n * 10)]).unwrap();
        }
        let results = returned(execution.run(&mut store).unwrap());
        assert_eq!(results[0].i32(), Some(100));
        assert!(execution.is_ended() && execution.backtrace(&store).frames().is_empty());
    });
}

#[test]
fn values_of_every_type_cross() {
    each(|engine| {
        let (mut store, instance) = guest(engine);
        let object = ExternRef::new(String::from("object"));
        let params = [Val::from(0.25_f64), Val::from(object.clone())];
        let mut execution = start(&mut store, &instance, "many", &params);
        let call = host_call(execution.run(&mut store).unwrap());
        let ty = call.func().ty(&store);
        assert_eq!(ty, many_type());
        let given = call.params();
        assert_eq!(given[0].i32(), Some(-1));
        assert_eq!(given[1].i64(), Some(-2));
        assert_eq!(given[2].f32(), Some(3.5));
        assert_eq!(given[3].f64(), Some(0.25));
        let leaf = *given[4].unwrap_func_ref().unwrap();
        assert!(ExternRef::ptr_eq(
            given[5].unwrap_extern_ref().unwrap(),
            &object
        ));
        for (n, value) in (7..).zip(&given[6..10]) {
            assert_eq!(value.i64(), Some(n));
        }
        assert_eq!(given[10].f64(), Some(1.25));
        // Another guest runs meanwhile.
        let leaf = leaf.typed::<(), i32>(&store).unwrap();
        assert_eq!(leaf.call(&mut store, ()).unwrap(), 11);
        let other = ExternRef::new(7);
        let results = [
            Val::from(-0.5_f64),
            Val::from(other.clone()),
            Val::I32(-3),
            Val::I64(i64::MIN),
            Val::from(9.25_f32),
            Val::from(*leaf.func()),
            Val::I64(i64::MAX),
            Val::F64(0x7ff4_0000_0000_0001),
        ];
        execution.resume(&mut store, &results).unwrap();
        assert_eq!(leaf.call(&mut store, ()).unwrap(), 11);
        let got = returned(execution.run(&mut store).unwrap());
        assert_eq!(got[0].f64(), Some(-0.5));
        assert!(ExternRef::ptr_eq(
            got[1].unwrap_extern_ref().unwrap(),
            &other
        ));
        assert_eq!(got[2].i32(), Some(-3));
        assert_eq!(got[3].i64(), Some(i64::MIN));
        assert_eq!(got[4].f32(), Some(9.25));
        assert!(got[5].unwrap_func_ref().is_some());
        assert_eq!(got[6].i64(), Some(i64::MAX));
        assert!(matches!(got[7], Val::F64(0x7ff4_0000_0000_0001)));
    });
}

#[test]
fn many_are_suspended_in_one_store_and_finish_in_any_order() {
    each(|engine| {
        let (mut store, instance) = guest(engine);
        let mut executions: Vec<_> = (0..50)
            .map(|n| start(&mut store, &instance, "sum", &[Val::I32(n)]))
            .collect();
        for (n, execution) in executions.iter_mut().enumerate().rev() {
            let exit = execution.run(&mut store).unwrap();
            assert_eq!(n == 0, matches!(exit, Exit::Returned(_)));
        }
        // Each goes one step further, in an order that visits all.
        let mut steps = 0;
        for n in (0..).map(|n| n * 7 % 50) {
            let execution = &mut executions[n];
            if execution.is_ended() {
                if executions.iter().all(Execution::is_ended) {
                    break;
                }
                continue;
            }
            execution.resume(&mut store, &[Val::I32(n as i32)]).unwrap();
            steps += 1;
            if let Exit::Returned(values) = execution.run(&mut store).unwrap() {
                assert_eq!(values[0].i32(), Some((n * n) as i32));
            }
        }
        assert_eq!(steps, 50 * 49 / 2);
    });
}

#[test]
fn a_guest_finishes_on_another_thread() {
    fn is_send<T: Send>(value: T) -> T {
        value
    }
    each(|engine| {
        let (mut store, instance) = guest(engine);
        let mut execution = start(&mut store, &instance, "sum", &[Val::I32(30)]);
        for _ in 0..10 {
            let call = host_call(execution.run(&mut store).unwrap());
            execution.resume(&mut store, call.params()).unwrap();
        }
        let moved = is_send((store, execution));
        let thread = std::thread::spawn(move || {
            let (mut store, mut execution) = moved;
            let result = finish(&mut store, &mut execution);
            (store, result)
        });
        let (mut store, result) = thread.join().unwrap();
        assert_eq!(result, 465);
        let mut execution = start(&mut store, &instance, "sum", &[Val::I32(2)]);
        assert_eq!(finish(&mut store, &mut execution), 3);
    });
}

#[test]
fn memory_that_has_grown_meanwhile() {
    each(|engine| {
        let (mut store, instance) = guest(engine);
        let mut execution = start(&mut store, &instance, "grow", &[]);
        host_call(execution.run(&mut store).unwrap());
        let memory = instance.get_memory(&mut store, "memory").unwrap();
        memory.grow(&mut store, 100).unwrap();
        execution.resume(&mut store, &[Val::I32(0)]).unwrap();
        let results = returned(execution.run(&mut store).unwrap());
        assert_eq!(results[0].i32(), Some(101 + 77));
    });
}

#[test]
fn traps_of_a_resumed_guest_have_its_backtrace() {
    each(|engine| {
        let (mut store, instance) = guest(engine);
        let mut execution = start(&mut store, &instance, "trap", &[Val::I32(0)]);
        host_call(execution.run(&mut store).unwrap());
        execution.resume(&mut store, &[Val::I32(0)]).unwrap();
        let error = trapped(execution.run(&mut store).unwrap());
        assert_eq!(error.trap(), Some(Trap::IntegerDivisionByZero));
        let frames = error.backtrace().unwrap().frames();
        assert_eq!(frames.len(), 1);
        assert!(frames[0].module_offset().is_some());
        assert!(execution.is_ended());
        let mut execution = start(&mut store, &instance, "sum", &[Val::I32(3)]);
        assert_eq!(finish(&mut store, &mut execution), 6);
    });
}

#[test]
fn a_stack_that_overflows_within_an_execution() {
    each(|engine| {
        let (mut store, instance) = guest(engine);
        let forever = instance.get_func(&mut store, "deep").unwrap();
        let mut waiting = start(&mut store, &instance, "sum", &[Val::I32(3)]);
        host_call(waiting.run(&mut store).unwrap());
        for _ in 0..3 {
            let mut execution = forever.start(&mut store, &[Val::I32(0)]).unwrap();
            host_call(execution.run(&mut store).unwrap());
            execution.resume(&mut store, &[Val::I32(0)]).unwrap();
            let error = trapped(execution.run(&mut store).unwrap());
            assert_eq!(error.trap(), Some(Trap::StackOverflow));
            let backtrace = error.backtrace().unwrap();
            assert!(backtrace.frames().len() > 50);
        }
        waiting.resume(&mut store, &[Val::I32(3)]).unwrap();
        assert_eq!(finish(&mut store, &mut waiting), 6);
    });
}

#[test]
fn errors_that_a_guest_is_resumed_with() {
    each(|engine| {
        let (mut store, instance) = guest(engine);
        let mut execution = start(&mut store, &instance, "sum", &[Val::I32(2)]);
        assert!(
            execution.resume_with_error(Trap::Interrupt).is_err(),
            "not begun"
        );
        host_call(execution.run(&mut store).unwrap());
        execution.resume(&mut store, &[Val::I32(1)]).unwrap();
        host_call(execution.run(&mut store).unwrap());
        execution.resume_with_error(std::fmt::Error).unwrap();
        let error = trapped(execution.run(&mut store).unwrap());
        assert!(error.is::<std::fmt::Error>());
        assert_eq!(error.backtrace().unwrap().frames().len(), 2);
        assert!(
            execution.resume_with_error(std::fmt::Error).is_err(),
            "ended"
        );
    });
}

#[test]
fn misuse_is_an_error_and_changes_nothing() {
    each(|engine| {
        #[track_caller]
        fn says<T: std::fmt::Debug>(result: Result<T>, what: &str) {
            let error = result.unwrap_err().to_string();
            assert!(error.contains(what), "{error}");
        }
        let (mut store, instance) = guest(engine);
        let (mut other, foreign) = guest(engine);
        let sum = instance.get_func(&mut store, "sum").unwrap();
        says(sum.start(&mut store, &[]), "expected 1 arguments");
        says(sum.start(&mut store, &[Val::I64(0)]), "argument");
        says(sum.start(&mut other, &[Val::I32(0)]), "wrong store");

        let mut execution = sum.start(&mut store, &[Val::I32(2)]).unwrap();
        says(
            execution.resume(&mut store, &[Val::I32(0)]),
            "does not wait",
        );
        says(execution.run(&mut other), "wrong store");
        host_call(execution.run(&mut store).unwrap());
        says(execution.run(&mut store), "waits for the results");
        says(execution.resume(&mut store, &[]), "expected 1 results");
        says(
            execution.resume(&mut store, &[Val::I64(0)]),
            "a result is of type",
        );
        says(execution.resume(&mut other, &[Val::I32(0)]), "wrong store");
        says(execution.cancel(&mut other), "wrong store");
        execution.resume(&mut store, &[Val::I32(2)]).unwrap();
        says(
            execution.resume(&mut store, &[Val::I32(2)]),
            "does not wait",
        );
        says(execution.run(&mut other), "wrong store");
        assert_eq!(finish(&mut store, &mut execution), 3);
        says(execution.run(&mut store), "has ended");
        says(execution.resume(&mut store, &[]), "has ended");

        let object = Val::from(ExternRef::new(()));
        let mut execution = start(&mut store, &instance, "many", &[Val::F64(0), object]);
        host_call(execution.run(&mut store).unwrap());
        let stranger = foreign.get_func(&mut other, "leaf").unwrap();
        let mut results: Vec<_> = many_type()
            .results()
            .iter()
            .map(|&ty| Val::default_for_ty(ty))
            .collect();
        results[5] = stranger.into();
        says(execution.resume(&mut store, &results), "wrong store");
        results[5] = Val::FuncRef(None);
        execution.resume(&mut store, &results).unwrap();
        returned(execution.run(&mut store).unwrap());
    });
}

#[test]
fn what_is_dropped_or_cancelled_leaves_the_store_usable() {
    each(|engine| {
        let (mut store, instance) = guest(engine);
        let call = instance
            .get_typed_func::<(), i32>(&mut store, "leaf")
            .unwrap();
        for n in 0..200 {
            let mut execution = start(&mut store, &instance, "sum", &[Val::I32(9)]);
            for _ in 0..n % 4 {
                let call = host_call(execution.run(&mut store).unwrap());
                execution.resume(&mut store, call.params()).unwrap();
            }
            if n % 2 == 0 {
                execution.cancel(&mut store).unwrap();
                assert!(execution.is_ended());
                execution.cancel(&mut store).unwrap();
            }
            drop(execution);
            assert_eq!(call.call(&mut store, ()).unwrap(), 11);
        }
        // After its store.
        let mut execution = start(&mut store, &instance, "sum", &[Val::I32(9)]);
        host_call(execution.run(&mut store).unwrap());
        drop(store);
        let (mut other, _) = guest(engine);
        assert!(execution.run(&mut other).is_err());
    });
}

#[test]
fn a_suspending_function_needs_an_execution() {
    each(|engine| {
        let (mut store, instance) = guest(engine);
        let sum = instance
            .get_typed_func::<i32, i32>(&mut store, "sum")
            .unwrap();
        let error = sum.call(&mut store, 1).unwrap_err();
        assert!(error.to_string().contains("cannot be suspended"), "{error}");
        assert!(error.trap().is_none());
        assert_eq!(error.backtrace().unwrap().frames().len(), 1);
        assert_eq!(sum.call(&mut store, 0).unwrap(), 0);
        // Called by the host, there is no guest at all.
        let ty = FuncType::new([ValType::I32], [ValType::I32]);
        let func = Func::suspending(&mut store, &ty);
        let mut results = [Val::I32(0)];
        assert!(func.call(&mut store, &[Val::I32(0)], &mut results).is_err());
        let mut execution = func.start(&mut store, &[Val::I32(6)]).unwrap();
        let call = host_call(execution.run(&mut store).unwrap());
        assert_eq!((call.name(), call.params()[0].i32()), ("", Some(6)));
        execution.resume(&mut store, &[Val::I32(7)]).unwrap();
        let results = returned(execution.run(&mut store).unwrap());
        assert_eq!(results[0].i32(), Some(7));
    });
}

/// A guest that asks the host, which calls a guest, which asks the host.
const NESTED: &str = r#"(module
    (import "h" "wait" (func $wait (param i32) (result i32)))
    (import "h" "call" (func $call (param i32) (result i32)))
    (func (export "inner") (param i32) (result i32) (call $wait (local.get 0)))
    (func (export "plain") (param i32) (result i32)
        (i32.mul (local.get 0) (i32.const 2)))
    (func (export "outer") (param i32) (result i32)
        (i32.add (call $call (local.get 0)) (call $wait (local.get 0)))))"#;

fn nested<T: Send + 'static>(
    engine: &Engine,
    data: T,
    call: impl Fn(Caller<'_, T>, i32) -> Result<i32> + Send + Sync + 'static,
) -> (Store<T>, Func) {
    let mut linker = Linker::new(engine);
    let int = FuncType::new([ValType::I32], [ValType::I32]);
    linker.func_suspending("h", "wait", int).unwrap();
    linker.func_wrap("h", "call", call).unwrap();
    let mut store = Store::new(engine, data);
    let module = module(engine, NESTED);
    let instance = linker.instantiate(&mut store, &module).unwrap();
    let outer = instance.get_func(&mut store, "outer").unwrap();
    (store, outer)
}

fn export<T>(caller: &mut Caller<'_, T>, name: &str) -> Func {
    caller.get_export(name).unwrap().into_func().unwrap()
}

#[test]
fn an_inner_call_cannot_be_suspended_but_the_outer_one_can() {
    each(|engine| {
        let (mut store, outer) = nested(engine, (), |mut caller, n| {
            let inner = export(&mut caller, "inner").typed::<i32, i32>(&caller)?;
            let error = inner.call(&mut caller, n).unwrap_err();
            assert!(error.to_string().contains("cannot be suspended"), "{error}");
            let plain = export(&mut caller, "plain").typed::<i32, i32>(&caller)?;
            plain.call(&mut caller, n)
        });
        let mut execution = outer.start(&mut store, &[Val::I32(5)]).unwrap();
        let call = host_call(execution.run(&mut store).unwrap());
        execution.resume(&mut store, call.params()).unwrap();
        let results = returned(execution.run(&mut store).unwrap());
        assert_eq!(results[0].i32(), Some(15));
    });
}

#[test]
fn executions_within_host_functions() {
    each(|engine| {
        // The host function starts an execution, runs it to its end, and keeps another.
        let (mut store, outer) = nested::<Vec<Execution>>(engine, Vec::new(), |mut caller, n| {
            let inner = export(&mut caller, "inner");
            let mut kept = inner.start(&mut caller, &[Val::I32(n + 1)])?;
            host_call(kept.run(&mut caller)?);
            let mut execution = inner.start(&mut caller, &[Val::I32(n)])?;
            let call = host_call(execution.run(&mut caller)?);
            execution.resume(&mut caller, call.params())?;
            let results = returned(execution.run(&mut caller)?);
            caller.data_mut().push(kept);
            Ok(results[0].unwrap_i32())
        });
        let mut results = [Val::I32(0)];
        // `wait` cannot be called in the end, since this is no execution.
        assert!(
            outer
                .call(&mut store, &[Val::I32(4)], &mut results)
                .is_err()
        );
        let mut execution = outer.start(&mut store, &[Val::I32(4)]).unwrap();
        host_call(execution.run(&mut store).unwrap());
        let mut kept = std::mem::take(store.data_mut());
        assert_eq!(kept.len(), 2);
        for kept in kept.iter_mut().rev() {
            kept.resume(&mut store, &[Val::I32(9)]).unwrap();
            let results = returned(kept.run(&mut store).unwrap());
            assert_eq!(results[0].i32(), Some(9));
        }
        execution.resume(&mut store, &[Val::I32(100)]).unwrap();
        let results = returned(execution.run(&mut store).unwrap());
        assert_eq!(results[0].i32(), Some(104));
    });
}

#[test]
fn values_in_place_of_an_error() {
    each(|engine| {
        // The host function has called guests before it fails, so another was called last.
        let (mut store, outer) = nested(engine, (), |mut caller, n| {
            let plain = export(&mut caller, "plain").typed::<i32, i32>(&caller)?;
            plain.call(&mut caller, n)?;
            let inner = export(&mut caller, "inner").typed::<i32, i32>(&caller)?;
            assert!(inner.call(&mut caller, n).is_err());
            Err(Error::new(std::fmt::Error))
        });
        let mut execution = outer.start(&mut store, &[Val::I32(4)]).unwrap();
        let error = match execution.run(&mut store).unwrap() {
            Exit::HostError(error) => error,
            exit => panic!("{exit:?}"),
        };
        assert!(error.error().is::<std::fmt::Error>());
        assert_eq!(error.error().backtrace().unwrap().frames().len(), 1);
        assert_eq!(error.func().ty(&store).params(), [ValType::I32]);
        execution.resume(&mut store, &[Val::I32(1000)]).unwrap();
        let call = host_call(execution.run(&mut store).unwrap());
        assert_eq!(call.name(), "wait");
        execution.resume(&mut store, &[Val::I32(1)]).unwrap();
        let results = returned(execution.run(&mut store).unwrap());
        assert_eq!(results[0].i32(), Some(1001));
    });
}

#[test]
fn a_panic_of_a_host_function_ends_the_execution() {
    each(|engine| {
        let (mut store, outer) = nested(engine, (), |_, _| panic!("of the host"));
        let mut execution = outer.start(&mut store, &[Val::I32(4)]).unwrap();
        let run = std::panic::AssertUnwindSafe(|| execution.run(&mut store));
        let panic = std::panic::catch_unwind(run).unwrap_err();
        assert_eq!(panic.downcast_ref::<&str>(), Some(&"of the host"));
        assert!(execution.is_ended());
        assert!(execution.run(&mut store).is_err());
        let (mut store, instance) = instantiate(engine, r#"(module (func (export "f")))"#);
        let func = instance.get_typed_func::<(), ()>(&mut store, "f").unwrap();
        func.call(&mut store, ()).unwrap();
    });
}

/// Counts how many are alive.
struct Counted(Arc<AtomicUsize>);

impl Counted {
    fn new(count: &Arc<AtomicUsize>) -> Self {
        count.fetch_add(1, Relaxed);
        Self(count.clone())
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}

#[test]
fn references_on_a_suspended_stack_stay_alive() {
    each(|engine| {
        let (mut store, instance) = guest(engine);
        let alive = Arc::new(AtomicUsize::new(0));
        let object = ExternRef::new(Counted::new(&alive));
        let params = [Val::F64(0), Val::from(object)];
        let mut execution = start(&mut store, &instance, "many", &params);
        drop(params);
        let call = host_call(execution.run(&mut store).unwrap());
        assert!(call.params()[5].unwrap_extern_ref().is_some());
        drop(call);
        assert_eq!(alive.load(Relaxed), 1);
        drop((execution, store));
        assert_eq!(alive.load(Relaxed), 0);
    });
}
