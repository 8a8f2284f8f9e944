//! Async calls that yield when they have spent so much fuel.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::task::{Context, Poll, Wake, Waker};

use pronto::{Caller, Engine, Error, Exit, Instance, Linker, Store, Trap, TypedFunc, Val};

use crate::support::{each, module};

const GUEST: &str = r#"(module
    (import "h" "note" (func $note))
    (memory 2)
    (func $work (param i32 i32 i32 i32 i32 i32 i32 i64) (result i64)
        (i32.store (i32.and (local.get 6) (i32.const 0xfff0)) (local.get 1))
        (i64.add (local.get 7) (i64.extend_i32_u (i32.mul (local.get 0) (local.get 5)))))
    (func (export "run") (param $n i32) (result i64) (local $sum i64)
        (loop $l
            (if (i32.eqz (i32.rem_u (local.get $n) (i32.const 10))) (then (call $note)))
            (local.set $sum (call $work (local.get $n) (i32.const 1) (i32.const 2) (i32.const 3)
                (i32.const 4) (local.get $n) (local.get $n) (local.get $sum)))
            (br_if $l (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
        (local.get $sum))
    (func (export "fill") (param i32)
        (memory.fill (i32.const 0) (i32.const 7) (local.get 0))
        (memory.fill (i32.const 1) (i32.const 9) (i32.const 1))))"#;

/// No run of operators of the guest costs more.
const MOST: u64 = 30;
const FUEL: u64 = 1_000_000;

/// What the host has seen of the fuel.
type Seen = Vec<u64>;

fn guest(engine: &Engine) -> (Store<Seen>, Instance) {
    let mut linker = Linker::new(engine);
    let note = |mut caller: Caller<'_, Seen>| {
        let fuel = caller.get_fuel().unwrap();
        caller.data_mut().push(fuel);
    };
    linker.func_wrap("h", "note", note).unwrap();
    let mut store = Store::new(engine, Seen::new());
    store.set_fuel(FUEL).unwrap();
    let module = module(engine, GUEST);
    let instance = linker.instantiate(&mut store, &module).unwrap();
    (store, instance)
}

fn metered(test: impl Fn(&Engine)) {
    each(|engine| {
        let mut config = engine.config().clone();
        test(&Engine::new(config.consume_fuel(true)).unwrap());
    });
}

#[derive(Default)]
struct Wakes(AtomicU64);

impl Wake for Wakes {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Relaxed);
    }
}

/// Polls to the end. How often it was pending, each time after waking its task.
fn poll_all<O>(future: impl Future<Output = O>) -> (O, u64) {
    let mut future = pin!(future);
    let wakes = Arc::new(Wakes::default());
    let waker = Waker::from(wakes.clone());
    let mut context = Context::from_waker(&waker);
    for pending in 0.. {
        assert_eq!(wakes.0.load(Relaxed), pending);
        if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
            return (output, pending);
        }
    }
    unreachable!("it is polled for ever")
}

fn run(store: &Store<Seen>, instance: Instance) -> TypedFunc<i32, i64> {
    instance.get_typed_func(store, "run").unwrap()
}

/// A call without yields: what it gives, what the host sees of the fuel, and what it spends.
fn plain(store: &mut Store<Seen>, instance: Instance) -> (i64, Seen, u64) {
    store.set_fuel(FUEL).unwrap();
    let sum = run(store, instance).call(&mut *store, 200).unwrap();
    let spent = FUEL - store.get_fuel().unwrap();
    (sum, std::mem::take(store.data_mut()), spent)
}

#[test]
fn once_an_interval() {
    metered(|engine| {
        let (mut store, instance) = guest(engine);
        let (sum, seen, spent) = plain(&mut store, instance);
        assert!(spent > 1000);
        let intervals = [
            1,
            7,
            MOST,
            50,
            1000,
            spent - 1,
            spent,
            spent + 1,
            FUEL,
            u64::MAX,
        ];
        for interval in intervals {
            store.fuel_async_yield_interval(Some(interval)).unwrap();
            store.set_fuel(FUEL).unwrap();
            let run = run(&store, instance);
            let (result, yields) = poll_all(run.call_async(&mut store, 200));
            assert_eq!(result.unwrap(), sum);
            assert_eq!(FUEL - store.get_fuel().unwrap(), spent, "{interval}");
            assert_eq!(std::mem::take(store.data_mut()), seen, "{interval}");
            let expected = spent.div_ceil(interval) - 1;
            if interval >= MOST {
                assert_eq!(yields, expected, "{interval}");
            } else {
                assert!(
                    yields >= spent / (2 * MOST) && yields <= expected,
                    "{yields}"
                );
            }
        }
        // No more.
        store.fuel_async_yield_interval(None).unwrap();
        let (result, yields) = poll_all(run(&store, instance).call_async(&mut store, 200));
        assert_eq!((result.unwrap(), yields), (sum, 0));
        assert_eq!(store.get_fuel().unwrap(), FUEL - 2 * spent);
    });
}

/// The interval goes on from call to call.
#[test]
fn short_calls_add_up() {
    metered(|engine| {
        let (mut store, instance) = guest(engine);
        let run = run(&store, instance);
        store.fuel_async_yield_interval(Some(100)).unwrap();
        let mut yields = 0;
        for _ in 0..100 {
            let (result, pending) = poll_all(run.call_async(&mut store, 1));
            result.unwrap();
            yields += pending;
        }
        let spent = FUEL - store.get_fuel().unwrap();
        assert_eq!(yields, spent.div_ceil(100) - 1);
    });
}

#[test]
fn the_end_of_all_fuel_is_where_it_was() {
    metered(|engine| {
        let (mut store, instance) = guest(engine);
        let (.., spent) = plain(&mut store, instance);
        for missing in [1, 2, 17, 100, spent] {
            let mut outcomes = Vec::new();
            for interval in [None, Some(1), Some(50), Some(spent)] {
                store.fuel_async_yield_interval(interval).unwrap();
                store.set_fuel(spent - missing).unwrap();
                let run = run(&store, instance);
                let (result, _) = poll_all(run.call_async(&mut store, 200));
                let trap = result.map_err(|error: Error| error.trap());
                assert_eq!(trap, Err(Some(Trap::OutOfFuel)));
                outcomes.push(store.get_fuel().unwrap());
            }
            outcomes.dedup();
            assert_eq!(outcomes.len(), 1, "{outcomes:?}");
        }
    });
}

#[test]
fn other_ways_to_run() {
    metered(|engine| {
        let (mut store, instance) = guest(engine);
        let (sum, seen, spent) = plain(&mut store, instance);
        store.fuel_async_yield_interval(Some(100)).unwrap();
        // A call goes on.
        assert_eq!(plain(&mut store, instance), (sum, seen.clone(), spent));
        // An execution tells.
        store.set_fuel(FUEL).unwrap();
        let mut execution = run(&store, instance).start(&mut store, 200).unwrap();
        let mut yields = 0;
        let results = loop {
            match execution.run(&mut store).unwrap() {
                Exit::Yielded => yields += 1,
                Exit::Returned(results) => break results,
                exit => panic!("{exit:?}"),
            }
        };
        assert!(matches!(results[..], [Val::I64(result)] if result == sum));
        assert_eq!(yields, spent.div_ceil(100) - 1);
        assert_eq!(FUEL - store.get_fuel().unwrap(), spent);
        assert_eq!(std::mem::take(store.data_mut()), seen);
    });
}

/// What is paid at once is followed by one yield, however much it was.
#[test]
fn bulk_operations() {
    metered(|engine| {
        let (mut store, instance) = guest(engine);
        let fill = instance.get_typed_func::<i32, ()>(&store, "fill").unwrap();
        let mut cost = |interval: Option<u64>| {
            store.fuel_async_yield_interval(interval).unwrap();
            store.set_fuel(FUEL).unwrap();
            let (result, yields) = poll_all(fill.call_async(&mut store, 100_000));
            result.unwrap();
            // What the next call pays it finds missing.
            let (result, more) = poll_all(fill.call_async(&mut store, 0));
            result.unwrap();
            (yields + more, store.get_fuel().unwrap())
        };
        let (yields, left) = cost(None);
        assert_eq!(yields, 0);
        assert!(FUEL - left > 1500);
        assert_eq!(cost(Some(1000)), (1, left));
        // More than there is: nothing is taken.
        store.set_fuel(1000).unwrap();
        let (result, _) = poll_all(fill.call_async(&mut store, 100_000));
        assert_eq!(result.unwrap_err().trap(), Some(Trap::OutOfFuel));
        assert!(store.get_fuel().unwrap() > 900);
    });
}

#[test]
fn what_is_no_interval() {
    let mut plain = Store::new(&Engine::default(), ());
    assert!(plain.fuel_async_yield_interval(Some(1)).is_err());
    metered(|engine| {
        let (mut store, _) = guest(engine);
        assert!(store.fuel_async_yield_interval(Some(0)).is_err());
        assert_eq!(store.get_fuel().unwrap(), FUEL);
    });
}
