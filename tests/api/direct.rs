//! Calls that keep their few integers in registers between host and guest: what else is in
//! registers then, and every way in which they end.

use std::panic::{AssertUnwindSafe, catch_unwind};

use pronto::{
    AsContextMut, CallHook, Caller, Config, Engine, Error, Exit, Func, FuncType, Instance, Linker,
    Memory, Store, Trap, TypedFunc, Val, ValType,
};

use crate::support::{each, instantiate, module};

/// Each `run` adds ten locals up that live across its calls, what the host answers, and what is
/// in the last page of a memory that the host makes larger meanwhile.
const GUEST: &str = r#"(module
    (import "h" "none" (func $none))
    (import "h" "zero" (func $zero (result i64)))
    (import "h" "one" (func $one (param i64) (result i64)))
    (import "h" "two" (func $two (param i32 i64) (result i64)))
    (import "h" "three" (func $three (param i64 i32 i64) (result i32)))
    (import "h" "four" (func $four (param i64 i64 i64 i64) (result i64)))
    (memory (export "memory") 1 9)
    (func $last (result i64)
        (i64.load (i32.sub (i32.shl (memory.size) (i32.const 16)) (i32.const 8))))
    (func (export "run") (param $n i64) (result i64)
        (local $a i64) (local $b i64) (local $c i64) (local $d i64) (local $e i64) (local $f i64)
        (local $g i64) (local $h i64) (local $i i64) (local $j i64) (local $left i32)
        (local.set $left (i32.const 2))
        (local.set $a (i64.mul (local.get $n) (i64.const 1)))
        (local.set $b (i64.mul (local.get $n) (i64.const 10)))
        (local.set $c (i64.mul (local.get $n) (i64.const 100)))
        (local.set $d (i64.mul (local.get $n) (i64.const 1000)))
        (local.set $e (i64.mul (local.get $n) (i64.const 10000)))
        (local.set $f (i64.mul (local.get $n) (i64.const 100000)))
        (local.set $g (i64.mul (local.get $n) (i64.const 1000000)))
        (local.set $h (i64.mul (local.get $n) (i64.const 10000000)))
        (local.set $i (i64.mul (local.get $n) (i64.const 100000000)))
        (loop $again
            (call $none)
            (local.set $j (i64.add (local.get $j) (call $zero)))
            (local.set $j (i64.add (local.get $j) (call $one (local.get $a))))
            (local.set $j (i64.add (local.get $j)
                (call $two (i32.wrap_i64 (local.get $a)) (local.get $b))))
            (local.set $j (i64.add (local.get $j) (i64.extend_i32_u
                (call $three (local.get $a) (i32.wrap_i64 (local.get $b)) (local.get $c)))))
            (local.set $j (i64.add (local.get $j)
                (call $four (local.get $a) (local.get $b) (local.get $c) (local.get $d))))
            (local.set $j (i64.add (local.get $j) (call $last)))
            (br_if $again (local.tee $left (i32.sub (local.get $left) (i32.const 1)))))
        (i64.add (local.get $j) (i64.add (i64.add (i64.add (local.get $a) (local.get $b))
            (i64.add (local.get $c) (local.get $d))) (i64.add (i64.add (i64.add (local.get $e)
            (local.get $f)) (i64.add (local.get $g) (local.get $h))) (local.get $i)))))
    (func (export "clobber") (param $n i64) (result i64)
        (local $a i64) (local $b i64) (local $c i64) (local $d i64) (local $e i64)
        (loop $again
            (local.set $a (i64.add (local.get $a) (i64.const 3)))
            (local.set $b (i64.xor (local.get $b) (local.get $a)))
            (local.set $c (i64.add (local.get $c) (local.get $b)))
            (local.set $d (i64.sub (local.get $d) (local.get $c)))
            (local.set $e (i64.add (local.get $e) (call $last)))
            (br_if $again (i64.ne (i64.const 0)
                (local.tee $n (i64.sub (local.get $n) (i64.const 1))))))
        (local.get $d))
    (func (export "recurse") (param $n i32) (result i64)
        (i64.add (call $two (local.get $n) (i64.const 1)) (i64.const 1)))
    (func (export "trap") (param i32) (result i64)
        (i64.extend_i32_u (i32.div_u (i32.const 6) (local.get 0)))))"#;

#[derive(Default)]
struct Host {
    clobber: Option<TypedFunc<i64, i64>>,
    recurse: Option<TypedFunc<i32, i64>>,
    memory: Option<Memory>,
    /// `one` fails so often.
    failures: u32,
}

/// Runs a guest that needs every register, and makes the memory larger.
fn disturb(caller: &mut Caller<'_, Host>) {
    let Host {
        clobber, memory, ..
    } = *caller.data();
    clobber.unwrap().call(&mut *caller, 4).unwrap();
    let memory = memory.unwrap();
    if memory.grow(&mut *caller, 1).is_ok() {
        let end = memory.data_size(&*caller);
        let page = (end >> 16) as u8;
        memory.write(&mut *caller, end - 8, &[page]).unwrap();
    }
}

#[derive(Debug)]
struct Refused;

impl std::fmt::Display for Refused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("refused")
    }
}

impl std::error::Error for Refused {}

fn two(mut caller: Caller<'_, Host>, a: i32, b: i64) -> Result<i64, Error> {
    disturb(&mut caller);
    let recurse = caller.data().recurse.unwrap();
    match (a, b) {
        (-1 | 100, 1) => Err(Error::new(Refused)),
        (-2, 1) => panic!("the host gives up"),
        (0, 1) => Ok(0),
        (left, 1) => recurse.call(&mut caller, left - 1),
        _ => Ok(i64::from(a) + 2 * b),
    }
}

fn guest(engine: &Engine) -> (Store<Host>, Instance) {
    let mut linker: Linker<Host> = Linker::new(engine);
    linker
        .func_wrap("h", "none", |mut caller: Caller<'_, Host>| {
            disturb(&mut caller);
        })
        .unwrap();
    linker.func_wrap("h", "zero", || 7i64).unwrap();
    linker
        .func_wrap("h", "one", |mut caller: Caller<'_, Host>, a: i64| {
            disturb(&mut caller);
            let failures = &mut caller.data_mut().failures;
            if *failures > 0 {
                *failures -= 1;
                return Err(Error::new(Refused));
            }
            Ok(3 * a)
        })
        .unwrap();
    linker.func_wrap("h", "two", two).unwrap();
    linker
        .func_wrap("h", "three", |a: i64, b: i32, c: i64| -> u32 {
            (a + i64::from(b) + c) as u32
        })
        .unwrap();
    linker
        .func_wrap("h", "four", |a: i64, b: i64, c: i64, d: i64| a + b + c + d)
        .unwrap();
    let mut store = Store::new(engine, Host::default());
    let instance = linker
        .instantiate(&mut store, &module(engine, GUEST))
        .unwrap();
    let host = Host {
        clobber: instance.get_typed_func(&store, "clobber").ok(),
        recurse: instance.get_typed_func(&store, "recurse").ok(),
        memory: instance.get_memory(&store, "memory"),
        failures: 0,
    };
    *store.data_mut() = host;
    (store, instance)
}

/// What `run` answers, if the memory has so many pages at the ends of its two turns.
fn expected(n: i64, pages: [i64; 2]) -> i64 {
    let turn = 7 + 3 * n + (n + 20 * n) + 111 * n + 1111 * n;
    2 * turn + pages.iter().sum::<i64>() + 111_111_111 * n
}

/// Pages after `run` has called the host so often, which began with one.
const GROWN: [i64; 2] = [4, 7];

#[test]
fn what_is_in_registers_stays() {
    each(|engine| {
        let (mut store, instance) = guest(engine);
        let run = instance.get_typed_func::<i64, i64>(&store, "run").unwrap();
        assert_eq!(run.call(&mut store, 5).unwrap(), expected(5, GROWN));
        // The memory is as large as it can be after two more.
        assert_eq!(run.call(&mut store, 6).unwrap(), expected(6, [9, 9]));
    });
}

#[test]
fn a_guest_whose_host_function_failed_goes_on() {
    each(|engine| {
        let (mut store, instance) = guest(engine);
        let run = instance.get_func(&store, "run").unwrap();
        store.data_mut().failures = 2;
        let mut run = run.start(&mut store, &[Val::I64(5)]).unwrap();
        for _ in 0..2 {
            let Exit::HostError(error) = run.run(&mut store).unwrap() else {
                panic!("the host function fails");
            };
            assert!(error.error().is::<Refused>());
            run.resume(&mut store, &[Val::I64(15)]).unwrap();
        }
        let Exit::Returned(results) = run.run(&mut store).unwrap() else {
            panic!("the guest returns");
        };
        assert_eq!(results[0].i64(), Some(expected(5, GROWN)));
    });
}

#[test]
fn guests_and_hosts_by_turns() {
    each(|engine| {
        let (mut store, instance) = guest(engine);
        let recurse = instance
            .get_typed_func::<i32, i64>(&store, "recurse")
            .unwrap();
        for depth in [0, 1, 40] {
            let sum = recurse.call(&mut store, depth).unwrap();
            assert_eq!(sum, i64::from(depth) + 1);
        }
        let error = recurse.call(&mut store, 130).unwrap_err();
        assert!(error.is::<Refused>());
    });
}

#[test]
fn every_end_leaves_the_store_as_it_was() {
    each(|engine| {
        let (mut store, instance) = guest(engine);
        let recurse = instance
            .get_typed_func::<i32, i64>(&store, "recurse")
            .unwrap();
        let trap = instance.get_typed_func::<i32, i64>(&store, "trap").unwrap();
        for _ in 0..3 {
            let error = trap.call(&mut store, 0).unwrap_err();
            assert_eq!(error.trap(), Some(Trap::IntegerDivisionByZero));
            assert!(recurse.call(&mut store, -1).unwrap_err().is::<Refused>());
            let panic = catch_unwind(AssertUnwindSafe(|| recurse.call(&mut store, -2)));
            assert_eq!(
                panic.unwrap_err().downcast_ref::<&str>(),
                Some(&"the host gives up")
            );
            assert_eq!(trap.call(&mut store, 2).unwrap(), 3);
            assert_eq!(recurse.call(&mut store, 2).unwrap(), 3);
        }
    });
}

/// A host function that the host calls: no guest runs when it calls one.
#[test]
fn a_host_function_between_host_and_guest() {
    each(|engine| {
        let (mut store, instance) = guest(engine);
        let run = instance.get_typed_func::<i64, i64>(&store, "run").unwrap();
        let between = Func::wrap(&mut store, move |mut caller: Caller<'_, Host>, n: i64| {
            let first = run.call(&mut caller, n)?;
            let second = run.call(caller.as_context_mut(), n)?;
            Ok::<_, Error>(second - first)
        });
        let between = between.typed::<i64, i64>(&store).unwrap();
        let wanted = expected(5, [9, 9]) - expected(5, GROWN);
        assert_eq!(between.call(&mut store, 5).unwrap(), wanted);
        assert_eq!(run.call(&mut store, 5).unwrap(), expected(5, [9, 9]));
    });
}

/// A hook that comes later is told of host functions that were linked before.
#[test]
fn a_hook_sees_the_calls() {
    each(|engine| {
        let (mut store, instance) = guest(engine);
        let run = instance.get_typed_func::<i64, i64>(&store, "run").unwrap();
        run.call(&mut store, 5).unwrap();
        let seen = std::sync::Arc::new(std::sync::atomic::AtomicU32::new(0));
        let counter = seen.clone();
        store.call_hook(move |_, transition| {
            if transition == CallHook::CallingHost {
                counter.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            }
            Ok(())
        });
        assert_eq!(run.call(&mut store, 5).unwrap(), expected(5, [9, 9]));
        assert_eq!(seen.load(std::sync::atomic::Ordering::Relaxed), 12);
    });
}

/// A call in `f` of a guest whose host function writes down where it was called from.
#[inline(never)]
fn call_within_a_known_function(f: &TypedFunc<i32, i32>, store: &mut Store<String>) -> i32 {
    f.call(store, 7).unwrap() + 1
}

/// The host's frames can be walked from a host function to whoever called its guest.
#[test]
fn the_hosts_frames_lead_through_the_guest() {
    each(|engine| {
        let wat = r#"(module (import "h" "note" (func $note (param i32) (result i32)))
            (func (export "f") (param i32) (result i32)
                (i32.add (call $note (local.get 0)) (i32.const 1))))"#;
        let mut store = Store::new(engine, String::new());
        let note = Func::wrap(&mut store, |mut caller: Caller<'_, String>, n: i32| {
            *caller.data_mut() = std::backtrace::Backtrace::force_capture().to_string();
            n
        });
        let instance = Instance::new(&mut store, &module(engine, wat), &[note.into()]).unwrap();
        let f = instance.get_typed_func::<i32, i32>(&store, "f").unwrap();
        // The first call of a store goes another way.
        for _ in 0..2 {
            assert_eq!(call_within_a_known_function(&f, &mut store), 9);
            let frames = store.data();
            assert!(frames.contains("call_within_a_known_function"), "{frames}");
            assert!(frames.contains("support::each"), "{frames}");
        }
    });
}

/// Calls with what tells an execution wherever the host's stack was not written.
#[inline(never)]
fn call_above_marks(f: &TypedFunc<i32, i32>, store: &mut Store<()>, mark: u64) -> Option<Error> {
    fn write_below(mark: u64) {
        std::hint::black_box([mark; 1024]);
    }
    std::hint::black_box(write_below as fn(u64))(mark);
    f.call(store, 7).err()
}

/// What an earlier execution has left on the host's stack makes a call no execution.
#[test]
fn a_call_is_never_taken_for_an_execution() {
    each(|engine| {
        let wat = r#"(module (import "h" "wait" (func $wait (param i32) (result i32)))
            (func (export "f") (param i32) (result i32) (call $wait (local.get 0))))"#;
        let mut linker = Linker::new(engine);
        let ty = FuncType::new([ValType::I32], [ValType::I32]);
        linker.func_suspending("h", "wait", ty).unwrap();
        let mut store = Store::new(engine, ());
        let instance = linker
            .instantiate(&mut store, &module(engine, wat))
            .unwrap();
        let f = instance.get_typed_func::<i32, i32>(&store, "f").unwrap();
        // The first call of a store goes another way.
        for mark in [1, 1, 3] {
            let error = call_above_marks(&f, &mut store, mark).unwrap();
            assert!(error.to_string().contains("cannot be suspended"), "{error}");
            let mut run = f.start(&mut store, 7).unwrap();
            assert!(matches!(run.run(&mut store), Ok(Exit::HostCall(_))));
        }
    });
}

/// What lives across a call is where it was, though every register was needed meanwhile.
#[test]
fn the_hosts_values_live_across_calls() {
    each(|engine| {
        let (mut store, instance) = guest(engine);
        let run = instance.get_typed_func::<i64, i64>(&store, "run").unwrap();
        let trap = instance.get_typed_func::<i32, i64>(&store, "trap").unwrap();
        let mut values: [u64; 12] = std::array::from_fn(|n| 1 << (5 * n));
        let mut sum = 0.5;
        for n in 0..4 {
            // Each is a local of this function that the calls must not change.
            let [a, b, c, d, e, f, g, h, i, j, k, l] = values;
            run.call(&mut store, n).unwrap();
            assert_eq!(trap.call(&mut store, 2).unwrap(), 3);
            assert!(trap.call(&mut store, 0).is_err());
            sum += n as f64;
            values = [b, c, d, e, f, g, h, i, j, k, l, a];
        }
        assert_eq!(values, std::array::from_fn(|n| 1 << (5 * ((n + 4) % 12))));
        assert_eq!(sum, 6.5);
    });
}

/// Each call pays the same, the first of a store and those after it, and after one that could not.
#[test]
fn every_call_pays() {
    for guard in [false, true] {
        let mut config = Config::new();
        config.signals_based_traps(guard).consume_fuel(true);
        let engine = Engine::new(&config).unwrap();
        let wat = r#"(module (memory 1) (func (export "f") (param $n i32) (result i32)
            (loop $l (i32.store (i32.const 8)
                    (i32.add (i32.load (i32.const 8)) (local.get $n)))
                (br_if $l (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
            (i32.load (i32.const 8))))"#;
        let (mut store, instance) = instantiate(&engine, wat);
        let f = instance.get_typed_func::<i32, i32>(&store, "f").unwrap();
        let mut price = None;
        for sum in [6, 12, 18] {
            store.set_fuel(1000).unwrap();
            assert_eq!(f.call(&mut store, 3).unwrap(), sum);
            let paid = 1000 - store.get_fuel().unwrap();
            assert!(paid > 0 && paid == *price.get_or_insert(paid));
        }
        store.set_fuel(1).unwrap();
        let error = f.call(&mut store, 3).unwrap_err();
        assert_eq!(error.trap(), Some(Trap::OutOfFuel));
        store.set_fuel(1000).unwrap();
        f.call(&mut store, 3).unwrap();
        assert_eq!(Some(1000 - store.get_fuel().unwrap()), price);
    }
}
