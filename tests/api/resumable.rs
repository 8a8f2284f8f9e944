//! Resumable calls, in wasmi's shape.

use pronto::{
    Config, Engine, Error, FuncType, Instance, Linker, ResumableCall, Store, Trap,
    TypedResumableCall, Val, ValType,
};

use crate::support::{each, module};

const GUEST: &str = r#"(module
    (import "h" "fail" (func $fail (param i32) (result i32)))
    (import "h" "ask" (func $ask (param i32) (result i32)))
    (func (export "two") (param i32) (result i32)
        (i32.add (call $fail (local.get 0)) (call $fail (i32.const 7))))
    (func (export "ask") (param i32) (result i32) (call $ask (local.get 0)))
    (func (export "trap") unreachable)
    (func (export "spin") (param $n i32) (result i32)
        (loop (br_if 0 (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
        (i32.const 5)))"#;

#[derive(Debug)]
struct Wanted(i32);

impl std::fmt::Display for Wanted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "wants {}", self.0)
    }
}

impl std::error::Error for Wanted {}

fn guest(engine: &Engine) -> (Store<()>, Instance) {
    let mut linker = Linker::new(engine);
    linker
        .func_wrap("h", "fail", |n: i32| Err::<i32, _>(Error::new(Wanted(n))))
        .unwrap();
    let int = FuncType::new([ValType::I32], [ValType::I32]);
    linker.func_suspending("h", "ask", int).unwrap();
    let mut store = Store::new(engine, ());
    let module = module(engine, GUEST);
    let instance = linker.instantiate(&mut store, &module).unwrap();
    (store, instance)
}

#[test]
fn a_failed_host_function_can_be_answered() {
    each(|engine| {
        let (mut store, instance) = guest(engine);
        let two = instance.get_func(&mut store, "two").unwrap();
        let mut outputs = [Val::I32(0)];
        let mut call = two
            .call_resumable(&mut store, &[Val::I32(3)], &mut outputs)
            .unwrap();
        for wanted in [3, 7] {
            let ResumableCall::HostTrap(trap) = call else {
                panic!("{call:?}");
            };
            let error = trap.host_error().downcast_ref::<Wanted>().unwrap();
            assert_eq!(error.0, wanted);
            assert_eq!(trap.host_func().ty(&store).results(), [ValType::I32]);
            let answer = [Val::I32(wanted * 10)];
            call = trap.resume(&mut store, &answer, &mut outputs).unwrap();
        }
        assert!(matches!(call, ResumableCall::Finished));
        assert_eq!(outputs[0].i32(), Some(100));
    });
}

#[test]
fn typed_calls_can_be_answered() {
    each(|engine| {
        let (mut store, instance) = guest(engine);
        let two = instance
            .get_typed_func::<i32, i32>(&mut store, "two")
            .unwrap();
        let TypedResumableCall::HostTrap(trap) = two.call_resumable(&mut store, 3).unwrap() else {
            panic!("it fails");
        };
        assert!(trap.host_error().is::<Wanted>());
        let call = trap.resume(&mut store, &[Val::I32(1)]).unwrap();
        let TypedResumableCall::HostTrap(trap) = call else {
            panic!("it fails again");
        };
        let call = trap.resume(&mut store, &[Val::I32(2)]).unwrap();
        assert!(matches!(call, TypedResumableCall::Finished(3)));
        let ask = instance
            .get_typed_func::<i32, i32>(&mut store, "ask")
            .unwrap();
        let TypedResumableCall::HostTrap(trap) = ask.call_resumable(&mut store, 3).unwrap() else {
            panic!("it is suspended");
        };
        assert!(!trap.host_func().ty(&store).params().is_empty());
        let call = trap.resume(&mut store, &[Val::I32(4)]).unwrap();
        assert!(matches!(call, TypedResumableCall::Finished(4)));
    });
}

#[test]
fn what_cannot_be_resumed_is_an_error() {
    each(|engine| {
        let (mut store, instance) = guest(engine);
        let trap = instance.get_func(&mut store, "trap").unwrap();
        let error = trap.call_resumable(&mut store, &[], &mut []).unwrap_err();
        assert_eq!(error.trap(), Some(Trap::UnreachableCodeReached));
        let two = instance.get_func(&mut store, "two").unwrap();
        let mut outputs = [Val::I32(0)];
        for inputs in [&[][..], &[Val::I64(0)]] {
            let call = two.call_resumable(&mut store, &[Val::I32(3)], &mut outputs);
            let ResumableCall::HostTrap(trap) = call.unwrap() else {
                panic!("it fails");
            };
            assert!(trap.resume(&mut store, inputs, &mut outputs).is_err());
        }
        assert!(
            two.call_resumable(&mut store, &[Val::I32(3)], &mut [])
                .is_err()
        );
        let call = two.call_resumable(&mut store, &[Val::I32(3)], &mut outputs);
        let ResumableCall::HostTrap(trap) = call.unwrap() else {
            panic!("it fails");
        };
        assert!(trap.into_host_error().is::<Wanted>());
    });
}

#[test]
fn fuel_can_be_refilled() {
    each(|engine| {
        let mut config: Config = engine.config().clone();
        let engine = Engine::new(config.consume_fuel(true)).unwrap();
        let (mut store, instance) = guest(&engine);
        let spin = instance
            .get_typed_func::<i32, i32>(&mut store, "spin")
            .unwrap();
        let mut call = spin.call_resumable(&mut store, 1000).unwrap();
        let mut refills = 0;
        let result = loop {
            match call {
                TypedResumableCall::Finished(result) => break result,
                TypedResumableCall::OutOfFuel(waiting) => {
                    let left = store.get_fuel().unwrap();
                    store.set_fuel(left + 100).unwrap();
                    refills += 1;
                    call = waiting.resume(&mut store).unwrap();
                }
                TypedResumableCall::HostTrap(trap) => panic!("{trap:?}"),
            }
        };
        assert_eq!(result, 5);
        assert!(refills > 10, "{refills}");
    });
}
