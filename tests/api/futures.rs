//! Async host functions and async calls, polled by hand.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::task::{Context, Poll, Waker};

use pronto::{
    Caller, Engine, Error, Exit, Func, FuncType, Instance, Linker, Result, Store, Trap, TypedFunc,
    Val, ValType,
};

use crate::support::{each, module};

/// Polls to the end, and counts the polls.
fn poll_all<F: Future>(future: F) -> (F::Output, usize) {
    let mut future = pin!(future);
    let mut context = Context::from_waker(Waker::noop());
    for polls in 1.. {
        if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
            return (output, polls);
        }
    }
    unreachable!("it is polled for ever")
}

fn is_send<T: Send>(value: T) -> T {
    value
}

/// Is pending so often.
async fn pending(mut times: i32) {
    poll_fn(|_| {
        times -= 1;
        if times < 0 {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    })
    .await;
}

const GUEST: &str = r#"(module
    (import "h" "wait" (func $wait (param i32) (result i32)))
    (import "h" "add" (func $add (param i32 f64) (result f64 i64)))
    (import "h" "fail" (func $fail (param i32)))
    (func (export "sum") (param $n i32) (result i32) (local $sum i32)
        (loop $l
            (local.set $sum (i32.add (local.get $sum) (call $wait (local.get $n))))
            (br_if $l (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
        (local.get $sum))
    (func (export "add") (param i32 f64) (result f64 i64)
        (call $add (local.get 0) (local.get 1)))
    (func (export "fail") (param i32) (call $fail (local.get 0)))
    (func (export "plain") (param i32) (result i32) (i32.mul (local.get 0) (i32.const 3)))
    (func $recurse (export "recurse") (param i32) (result i32)
        (i32.add (call $wait (i32.const -1)) (local.get 0)))
    (func (export "trap") (param i32) (result i32)
        (i32.div_s (local.get 0) (call $wait (i32.const 0)))))"#;

/// How many host futures are alive.
type Alive = Arc<AtomicUsize>;

struct Guard(Alive);

impl Guard {
    fn new(alive: &Alive) -> Self {
        alive.fetch_add(1, Relaxed);
        Self(alive.clone())
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}

fn linker(engine: &Engine) -> Linker<Alive> {
    let mut linker: Linker<Alive> = Linker::new(engine);
    linker
        .func_wrap_async(
            "h",
            "wait",
            |mut caller: Caller<'_, Alive>, (n,): (i32,)| {
                Box::new(async move {
                    let _guard = Guard::new(caller.data());
                    if n < 0 {
                        let export = caller.get_export("recurse").unwrap();
                        let recurse = export.into_func().unwrap().typed::<i32, i32>(&caller)?;
                        return recurse.call_async(&mut caller, 1).await;
                    }
                    pending(n).await;
                    // The store can be used meanwhile and afterwards.
                    let export = caller.get_export("plain").unwrap();
                    let plain = export.into_func().unwrap().typed::<i32, i32>(&caller)?;
                    let direct = plain.call(&mut caller, n)?;
                    pending(1).await;
                    let waited = plain.call_async(&mut caller, n).await?;
                    assert_eq!(direct, waited);
                    Ok(waited)
                })
            },
        )
        .unwrap();
    linker
        .func_wrap_async("h", "add", |_: Caller<'_, Alive>, (a, b): (i32, f64)| {
            Box::new(async move {
                pending(a).await;
                (f64::from(a) + b, i64::from(a))
            })
        })
        .unwrap();
    linker
        .func_wrap_async("h", "fail", |_: Caller<'_, Alive>, (n,): (i32,)| {
            Box::new(async move {
                pending(n).await;
                Err::<(), _>(Error::new(std::fmt::Error))
            })
        })
        .unwrap();
    linker
}

fn guest(engine: &Engine) -> (Store<Alive>, Instance) {
    let mut store = Store::new(engine, Alive::default());
    let module = module(engine, GUEST);
    let instance = linker(engine).instantiate(&mut store, &module).unwrap();
    (store, instance)
}

fn sum(store: &mut Store<Alive>, instance: &Instance) -> TypedFunc<i32, i32> {
    instance.get_typed_func(store, "sum").unwrap()
}

#[test]
fn calls_wait_for_host_functions() {
    each(|engine| {
        let (mut store, instance) = guest(engine);
        let sum = sum(&mut store, &instance);
        let (result, polls) = poll_all(is_send(sum.call_async(&mut store, 4)));
        assert_eq!(result.unwrap(), 30);
        // Each host call is pending n + 1 times.
        assert_eq!(polls, 1 + 5 + 4 + 3 + 2);
        let add = instance.get_func(&mut store, "add").unwrap();
        let mut results = [Val::I32(0), Val::I32(0)];
        let params = [Val::I32(2), Val::from(0.5_f64)];
        let call = is_send(add.call_async(&mut store, &params, &mut results));
        let (result, polls) = poll_all(call);
        result.unwrap();
        assert_eq!((results[0].f64(), results[1].i64()), (Some(2.5), Some(2)));
        assert_eq!(polls, 3);
    });
}

/// At each of its awaits; the store and the instance can be used afterwards.
#[test]
fn a_call_can_be_dropped_at_every_await() {
    each(|engine| {
        let (mut store, instance) = guest(engine);
        let sum = sum(&mut store, &instance);
        let alive = store.data().clone();
        let (_, total) = poll_all(sum.call_async(&mut store, 3));
        for polls in 0..total {
            let mut call = Box::pin(sum.call_async(&mut store, 3));
            let mut context = Context::from_waker(Waker::noop());
            for _ in 0..polls {
                assert!(call.as_mut().poll(&mut context).is_pending());
            }
            assert_eq!(alive.load(Relaxed), usize::from(polls > 0));
            drop(call);
            assert_eq!(alive.load(Relaxed), 0);
            assert_eq!(poll_all(sum.call_async(&mut store, 2)).0.unwrap(), 9);
        }
        // One that is forgotten keeps its stack, but harms nobody.
        let mut call = Box::pin(sum.call_async(&mut store, 3));
        assert!(
            call.as_mut()
                .poll(&mut Context::from_waker(Waker::noop()))
                .is_pending()
        );
        std::mem::forget(call);
        assert_eq!(poll_all(sum.call_async(&mut store, 2)).0.unwrap(), 9);
    });
}

#[test]
fn errors_and_traps() {
    each(|engine| {
        let (mut store, instance) = guest(engine);
        let fail = instance
            .get_typed_func::<i32, ()>(&mut store, "fail")
            .unwrap();
        for n in [0, 3] {
            let error = poll_all(fail.call_async(&mut store, n)).0.unwrap_err();
            assert!(error.is::<std::fmt::Error>());
            assert_eq!(error.backtrace().unwrap().frames().len(), 1);
        }
        let trap = instance
            .get_typed_func::<i32, i32>(&mut store, "trap")
            .unwrap();
        let error = poll_all(trap.call_async(&mut store, 5)).0.unwrap_err();
        assert_eq!(error.trap(), Some(Trap::IntegerDivisionByZero));
        assert_eq!(error.backtrace().unwrap().frames().len(), 1);
        let error = trap.call(&mut store, 5).unwrap_err();
        assert!(error.to_string().contains("cannot wait"), "{error}");
        let func = *trap.func();
        let call = func.call_async(&mut store, &[Val::I64(0)], &mut []);
        assert!(poll_all(call).0.is_err());
    });
}

/// Async calls within async host functions without end: every poll goes through all of them.
#[test]
fn endless_nesting_is_a_stack_overflow() {
    each(|engine| {
        let mut config = engine.config().clone();
        let engine = Engine::new(config.max_wasm_stack(16 * 1024)).unwrap();
        let (mut store, instance) = guest(&engine);
        let recurse = instance
            .get_typed_func::<i32, i32>(&mut store, "recurse")
            .unwrap();
        let alive = store.data().clone();
        let (result, _) = poll_all(recurse.call_async(&mut store, 0));
        assert_eq!(result.unwrap_err().trap(), Some(Trap::StackOverflow));
        assert_eq!(alive.load(Relaxed), 0);
        let sum = sum(&mut store, &instance);
        assert_eq!(poll_all(sum.call_async(&mut store, 2)).0.unwrap(), 9);
    });
}

#[test]
fn the_start_function_waits() {
    each(|engine| {
        let wat = r#"(module
            (import "h" "wait" (func $wait (param i32) (result i32)))
            (global $g (export "g") (mut i32) (i32.const 0))
            (func (export "plain") (param i32) (result i32) (i32.const 5))
            (func $start (global.set $g (call $wait (i32.const 2))))
            (start $start))"#;
        let (module, linker) = (module(engine, wat), linker(engine));
        let mut store = Store::new(engine, Alive::default());
        assert!(linker.instantiate(&mut store, &module).is_err());
        let (instance, polls) = poll_all(is_send(linker.instantiate_async(&mut store, &module)));
        let global = instance.unwrap().get_global(&mut store, "g").unwrap();
        assert_eq!(global.get(&mut store).i32(), Some(5));
        assert_eq!(polls, 4);
        let pre = linker.instantiate_pre(&module).unwrap();
        assert!(
            poll_all(is_send(pre.instantiate_async(&mut store)))
                .0
                .is_ok()
        );
    });
}

#[test]
fn instances_wait_for_their_start_function() {
    each(|engine| {
        let wat = r#"(module
            (import "h" "wait" (func $wait (param i32) (result i32)))
            (global (export "g") (mut i32) (i32.const 0))
            (func $start (global.set 0 (call $wait (i32.const 2))))
            (start $start))"#;
        let module = module(engine, wat);
        let mut store = Store::new(engine, ());
        let wait = Func::wrap_async(&mut store, |_: Caller<'_, ()>, n: i32| {
            Box::new(async move {
                pending(n).await;
                n * 7
            })
        });
        let imports = [wait.into()];
        assert!(Instance::new(&mut store, &module, &imports).is_err());
        let new = Instance::new_async(&mut store, &module, &imports);
        let (instance, polls) = poll_all(is_send(new));
        let global = instance.unwrap().get_global(&store, "g").unwrap();
        assert_eq!((global.get(&store).i32(), polls), (Some(14), 3));
        // One that is given up leaves a store that works.
        let mut new = Box::pin(Instance::new_async(&mut store, &module, &imports));
        let mut context = Context::from_waker(Waker::noop());
        assert!(new.as_mut().poll(&mut context).is_pending());
        drop(new);
        let new = Instance::new_async(&mut store, &module, &imports);
        assert!(poll_all(new).0.is_ok());
        // What is no import is found first.
        let (error, polls) = poll_all(Instance::new_async(&mut store, &module, &[]));
        let error = error.unwrap_err().to_string();
        assert_eq!((error.as_str(), polls), ("expected 1 imports, found 0", 1));
        let other = Func::wrap(&mut Store::new(engine, ()), || ());
        let foreign = poll_all(Instance::new_async(&mut store, &module, &[other.into()]));
        assert!(foreign.0.is_err());
    });
}

#[test]
fn the_host_calls_its_own_async_function() {
    each(|engine| {
        let mut store = Store::new(engine, 7);
        let func = Func::wrap_async(&mut store, |mut caller: Caller<'_, i32>, n: i32| {
            Box::new(async move {
                pending(2).await;
                *caller.data_mut() += n;
                *caller.data()
            })
        });
        let typed = func.typed::<i32, i32>(&store).unwrap();
        assert!(typed.call(&mut store, 1).is_err());
        let (result, polls) = poll_all(typed.call_async(&mut store, 5));
        assert_eq!((result.unwrap(), polls), (12, 3));
    });
}

#[test]
fn executions_wait_and_yield_to_others() {
    each(|engine| {
        let mut config = engine.config().clone();
        let engine = Engine::new(config.epoch_interruption(true)).unwrap();
        let mut linker = linker(&engine);
        let int = FuncType::new([ValType::I32], [ValType::I32]);
        linker.func_suspending("h", "ask", int).unwrap();
        let module = module(
            &engine,
            r#"(module
                (import "h" "wait" (func $wait (param i32) (result i32)))
                (import "h" "ask" (func $ask (param i32) (result i32)))
                (func (export "plain") (param i32) (result i32) (local.get 0))
                (func (export "spin") (param i32)
                    (loop (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1))))))
                (func (export "f") (param i32) (result i32)
                    (call $ask (call $wait (local.get 0)))))"#,
        );
        let mut store = Store::new(&engine, Alive::default());
        let instance = linker.instantiate(&mut store, &module).unwrap();
        let f = instance.get_func(&mut store, "f").unwrap();
        let mut execution = f.start(&mut store, &[Val::I32(3)]).unwrap();
        let (exit, polls) = poll_all(is_send(execution.run_async(&mut store)));
        assert!(matches!(exit.unwrap(), Exit::HostCall(call) if call.params()[0].i32() == Some(3)));
        assert_eq!(polls, 5);
        execution.resume(&mut store, &[Val::I32(8)]).unwrap();
        let (exit, _) = poll_all(execution.run_async(&mut store));
        assert!(matches!(exit.unwrap(), Exit::Returned(values) if values[0].i32() == Some(8)));
        // A suspending function has nobody to ask in a call.
        let call = f.typed::<i32, i32>(&store).unwrap();
        assert!(poll_all(call.call_async(&mut store, 0)).0.is_err());

        // What was asked of a host function whose future is dropped can still be answered.
        let mut execution = f.start(&mut store, &[Val::I32(3)]).unwrap();
        let mut run = Box::pin(execution.run_async(&mut store));
        assert!(
            run.as_mut()
                .poll(&mut Context::from_waker(Waker::noop()))
                .is_pending()
        );
        drop(run);
        execution.resume(&mut store, &[Val::I32(4)]).unwrap();
        assert!(matches!(
            execution.run(&mut store).unwrap(),
            Exit::HostCall(_)
        ));

        store.epoch_deadline_async_yield_and_update(0);
        store.set_epoch_deadline(0);
        let spin = instance
            .get_typed_func::<i32, ()>(&mut store, "spin")
            .unwrap();
        let (result, polls) = poll_all(spin.call_async(&mut store, 100));
        result.unwrap();
        assert!(polls > 50, "{polls}");
        store.epoch_deadline_trap();
        store.set_epoch_deadline(0);
        let error = poll_all(spin.call_async(&mut store, 100)).0.unwrap_err();
        assert_eq!(error.trap(), Some(Trap::Interrupt));
        assert!(!error.backtrace().unwrap().frames().is_empty());
    });
}

/// Each call is polled on another thread than before.
#[test]
fn futures_move_between_threads() {
    each(|engine| {
        let (mut store, instance) = guest(engine);
        let sum = sum(&mut store, &instance);
        let mut call: Pin<Box<dyn Future<Output = Result<i32>> + Send>> =
            Box::pin(async move { sum.call_async(&mut store, 5).await });
        let result = loop {
            let thread = std::thread::spawn(move || {
                let poll = call.as_mut().poll(&mut Context::from_waker(Waker::noop()));
                (call, poll)
            });
            let (back, poll) = thread.join().unwrap();
            call = back;
            if let Poll::Ready(result) = poll {
                break result;
            }
        };
        assert_eq!(result.unwrap(), 45);
    });
}

/// Many guests of many stores, all pending at once.
#[test]
fn many_pending_at_once() {
    each(|engine| {
        let module = module(engine, GUEST);
        let linker = linker(engine);
        let mut calls: Vec<_> = (1..200)
            .map(|n| {
                let mut store = Store::new(engine, Alive::default());
                let instance = linker.instantiate(&mut store, &module).unwrap();
                let sum = sum(&mut store, &instance);
                Box::pin(async move { sum.call_async(&mut store, n % 9 + 1).await.unwrap() })
            })
            .collect();
        let mut context = Context::from_waker(Waker::noop());
        let mut results = 0;
        while !calls.is_empty() {
            calls.retain_mut(|call| match call.as_mut().poll(&mut context) {
                Poll::Ready(result) => {
                    results += result;
                    false
                }
                Poll::Pending => true,
            });
        }
        let expected: i32 = (1..200)
            .map(|n| n % 9 + 1)
            .map(|n| 3 * n * (n + 1) / 2)
            .sum();
        assert_eq!(results, expected);
    });
}

#[test]
fn dynamic_functions_wait() {
    each(|engine| {
        let mut linker: Linker<Alive> = Linker::new(engine);
        let int = FuncType::new([ValType::I32], [ValType::I32]);
        linker
            .func_new_async("h", "wait", int.clone(), |caller, params, results| {
                Box::new(async move {
                    let _guard = Guard::new(caller.data());
                    let n = params[0].unwrap_i32();
                    pending(n).await;
                    results[0] = match n {
                        3 => Val::I64(0),
                        n => Val::I32(n * 2),
                    };
                    Ok(())
                })
            })
            .unwrap();
        let module = module(
            engine,
            r#"(module (import "h" "wait" (func $wait (param i32) (result i32)))
                (func (export "f") (param i32) (result i32)
                    (i32.add (call $wait (local.get 0)) (call $wait (i32.const 1)))))"#,
        );
        let mut store = Store::new(engine, Alive::default());
        let instance = linker.instantiate(&mut store, &module).unwrap();
        let f = instance
            .get_typed_func::<i32, i32>(&mut store, "f")
            .unwrap();
        let alive = store.data().clone();
        let (result, polls) = poll_all(is_send(f.call_async(&mut store, 5)));
        assert_eq!((result.unwrap(), polls), (12, 7));
        let error = poll_all(f.call_async(&mut store, 3)).0.unwrap_err();
        assert!(error.to_string().contains("a result is of type"), "{error}");
        let mut call = Box::pin(f.call_async(&mut store, 5));
        let mut context = Context::from_waker(Waker::noop());
        assert!(call.as_mut().poll(&mut context).is_pending());
        drop(call);
        assert_eq!(alive.load(Relaxed), 0);
        assert!(f.call(&mut store, 0).is_err());
        let own = Func::new_async(&mut store, int, |_, params, results| {
            Box::new(async move {
                results[0] = params[0].clone();
                Ok(())
            })
        });
        let own = own.typed::<i32, i32>(&store).unwrap();
        assert_eq!(poll_all(own.call_async(&mut store, 8)).0.unwrap(), 8);
    });
}
