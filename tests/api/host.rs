//! Host functions: every shape, errors, panics, calls back into the guest.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};

use pronto::{
    Caller, Context, Engine, Error, ExternRef, Func, FuncType, I32Exit, Linker, Module, Result,
    Store, Trap, Val, ValType,
};

use crate::support::{each, module};

/// An error of the host's.
#[derive(Debug, PartialEq)]
struct Custom(u32);

impl fmt::Display for Custom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "custom error {}", self.0)
    }
}

impl std::error::Error for Custom {}

/// Host functions of every shape, and a guest that calls each.
fn shapes(engine: &Engine) -> (Linker<u32>, Module) {
    let mut linker: Linker<u32> = Linker::new(engine);
    linker
        .func_wrap("h", "none", |mut c: Caller<'_, u32>| *c.data_mut() += 1)
        .unwrap()
        .func_wrap("h", "unsigned", |a: u32, b: u64| (b, a))
        .unwrap()
        .func_wrap("h", "result", |a: f32| -> Result<f64> {
            Ok(f64::from(a) * 2.0)
        })
        .unwrap()
        .func_wrap("h", "tuple", |c: Caller<'_, u32>, a: i32| {
            (a, *c.data(), 0.5_f32, 0.25_f64)
        })
        .unwrap();
    let ty = FuncType::new([ValType::I32, ValType::F64], [ValType::F64, ValType::I32]);
    linker
        .func_new("h", "dynamic", ty, |mut caller, params, results| {
            *caller.data_mut() += 10;
            results.clone_from_slice(params);
            results.reverse();
            Ok(())
        })
        .unwrap();
    let guest = r#"(module
        (import "h" "none" (func $none))
        (import "h" "unsigned" (func $unsigned (param i32 i64) (result i64 i32)))
        (import "h" "result" (func $result (param f32) (result f64)))
        (import "h" "tuple" (func $tuple (param i32) (result i32 i32 f32 f64)))
        (import "h" "dynamic" (func $dynamic (param i32 f64) (result f64 i32)))
        (func (export "none") call $none call $none)
        (func (export "unsigned") (param i32 i64) (result i64 i32)
            local.get 0 local.get 1 call $unsigned)
        (func (export "result") (param f32) (result f64) local.get 0 call $result)
        (func (export "tuple") (param i32) (result i32 i32 f32 f64) local.get 0 call $tuple)
        (func (export "dynamic") (param i32 f64) (result f64 i32)
            local.get 0 local.get 1 call $dynamic))"#;
    (linker, module(engine, guest))
}

#[test]
fn every_shape() {
    each(|engine| {
        let (linker, module) = shapes(engine);
        let mut store = Store::new(engine, 0);
        let instance = linker.instantiate(&mut store, &module).unwrap();
        macro_rules! call {
            ($name:literal, $params:expr => $results:ty) => {{
                let func = instance
                    .get_typed_func::<_, $results>(&store, $name)
                    .unwrap();
                func.call(&mut store, $params).unwrap()
            }};
        }
        call!("none", () => ());
        assert_eq!(*store.data(), 2);
        let (b, a) = call!("unsigned", (u32::MAX, u64::MAX) => (u64, u32));
        assert_eq!((a, b), (u32::MAX, u64::MAX));
        assert_eq!(call!("result", 1.25_f32 => f64), 2.5);
        let tuple = call!("tuple", -3 => (i32, i32, f32, f64));
        assert_eq!(tuple, (-3, 2, 0.5, 0.25));
        assert_eq!(call!("dynamic", (7, 1e300) => (f64, i32)), (1e300, 7));
        assert_eq!(store.into_data(), 12);
    });
}

#[test]
fn sixteen_parameters() {
    each(|engine| {
        let mut linker: Linker<()> = Linker::new(engine);
        linker
            .func_wrap(
                "h",
                "f",
                |a: i32,
                 b: i64,
                 c: f32,
                 d: f64,
                 e: i32,
                 f: i64,
                 g: f32,
                 h: f64,
                 i: i32,
                 j: i64,
                 k: f32,
                 l: f64,
                 m: i32,
                 n: i64,
                 o: f32,
                 p: f64| {
                    let ints = [a.into(), b, e.into(), f, i.into(), j, m.into(), n];
                    let floats = [c.into(), d, g.into(), h, k.into(), l, o.into(), p];
                    let weigh = |n: usize| n as i64 + 1;
                    let ints: i64 = (0..8).map(|n| ints[n] * weigh(n)).sum();
                    let floats: f64 = (0..8).map(|n| floats[n] * weigh(n) as f64).sum();
                    (ints, floats)
                },
            )
            .unwrap();
        let types = "i32 i64 f32 f64 ".repeat(4);
        let values: String = (0..16)
            .map(|n| format!("{}.const {} ", ["i32", "i64", "f32", "f64"][n % 4], n + 1))
            .collect();
        let module = module(
            engine,
            &format!(
                r#"(module (import "h" "f" (func $f (param {types}) (result i64 f64)))
                    (func (export "run") (result i64 f64) {values} call $f))"#
            ),
        );
        let mut store = Store::new(engine, ());
        let instance = linker.instantiate(&mut store, &module).unwrap();
        let run = instance
            .get_typed_func::<(), (i64, f64)>(&store, "run")
            .unwrap();
        let ints = [1, 2, 5, 6, 9, 10, 13, 14]
            .iter()
            .zip(1..)
            .map(|(v, w)| v * w)
            .sum();
        let floats = [3, 4, 7, 8, 11, 12, 15, 16]
            .iter()
            .zip(1..)
            .map(|(v, w)| v * w)
            .sum::<i32>();
        assert_eq!(run.call(&mut store, ()).unwrap(), (ints, floats.into()));
    });
}

const CALLER: &str = r#"(module
    (import "h" "f" (func $f (param i32) (result i32)))
    (func (export "run") (param i32) (result i32) local.get 0 call $f i32.const 100 i32.add))"#;

#[test]
fn errors_keep_their_type() {
    each(|engine| {
        let mut linker: Linker<()> = Linker::new(engine);
        linker
            .func_wrap("h", "f", |n: i32| -> Result<i32> {
                match n {
                    0 => Err(Custom(7).into()),
                    1 => Err(Custom(8)).context("in the host"),
                    2 => Err(I32Exit(42).into()),
                    3 => {
                        std::fs::read("/does/not/exist")?;
                        Ok(0)
                    }
                    4 => Err(Trap::UnreachableCodeReached.into()),
                    n => Ok(n),
                }
            })
            .unwrap();
        let mut store = Store::new(engine, ());
        let instance = linker
            .instantiate(&mut store, &module(engine, CALLER))
            .unwrap();
        let run = instance.get_typed_func::<i32, i32>(&store, "run").unwrap();
        for _ in 0..3 {
            let mut fail = |n| run.call(&mut store, n).unwrap_err();
            let error = fail(0);
            assert_eq!(error.downcast_ref(), Some(&Custom(7)));
            assert_eq!(error.trap(), None);
            assert_eq!(error.backtrace().unwrap().frames().len(), 1);
            let error = fail(1);
            assert_eq!(error.to_string(), "in the host");
            assert_eq!(error.downcast::<Custom>().unwrap(), Custom(8));
            assert_eq!(fail(2).exit_status(), Some(42));
            assert!(fail(3).is::<std::io::Error>());
            assert_eq!(fail(4).trap(), Some(Trap::UnreachableCodeReached));
            assert_eq!(run.call(&mut store, 5).unwrap(), 105);
        }
    });
}

#[test]
fn panics_reach_the_caller() {
    each(|engine| {
        let mut linker: Linker<()> = Linker::new(engine);
        linker
            .func_wrap("h", "f", |n: i32| {
                if n == 0 {
                    std::panic::resume_unwind(Box::new("stop here"));
                }
                n
            })
            .unwrap();
        let mut store = Store::new(engine, ());
        let instance = linker
            .instantiate(&mut store, &module(engine, CALLER))
            .unwrap();
        let run = instance.get_typed_func::<i32, i32>(&store, "run").unwrap();
        for _ in 0..3 {
            let panic = catch_unwind(AssertUnwindSafe(|| run.call(&mut store, 0))).unwrap_err();
            assert_eq!(*panic.downcast::<&str>().unwrap(), "stop here");
            assert_eq!(run.call(&mut store, 1).unwrap(), 101);
        }
    });
}

const REENTER: &str = r#"(module
    (import "h" "f" (func $f (param i32 i64 f64) (result i64)))
    (memory (export "memory") 1)
    (func (export "run") (param i32) (result i64) (local i64)
        local.get 0 i64.extend_i32_s i64.const 1000 i64.mul local.set 1
        local.get 0 i64.const 7 f64.const 0.5 call $f
        ;; what was live across the call, and memory through the reloaded base
        local.get 1 i64.add
        (i64.load8_u (i32.const 65535)) i64.add))"#;

#[test]
fn hosts_call_back() {
    each(|engine| {
        let mut linker: Linker<Vec<i32>> = Linker::new(engine);
        linker
            .func_wrap(
                "h",
                "f",
                |mut caller: Caller<'_, Vec<i32>>, n: i32, seven: i64, half: f64| -> Result<i64> {
                    assert_eq!((seven, half), (7, 0.5));
                    caller.data_mut().push(n);
                    if n == 0 {
                        return Ok(0);
                    }
                    let run = caller.get_export("run").unwrap().into_func().unwrap();
                    let memory = caller.get_export("memory").unwrap().into_memory().unwrap();
                    memory.grow(&mut caller, 1)?;
                    memory.data_mut(&mut caller)[65535] = 1;
                    let run = run.typed::<i32, i64>(&caller)?;
                    Ok(run.call(&mut caller, n - 1)? + 10)
                },
            )
            .unwrap();
        let mut store = Store::new(engine, Vec::new());
        let instance = linker
            .instantiate(&mut store, &module(engine, REENTER))
            .unwrap();
        let run = instance.get_typed_func::<i32, i64>(&store, "run").unwrap();
        // 0 + 1000 + 2000 + 3000, 3 * 10, and 1 for each load.
        assert_eq!(run.call(&mut store, 3).unwrap(), 6034);
        assert_eq!(store.data(), &[3, 2, 1, 0]);
        let memory = instance.get_memory(&store, "memory").unwrap();
        assert_eq!(memory.size(&store), 4);
    });
}

#[test]
fn failures_cross_activations() {
    each(|engine| {
        let mut linker: Linker<()> = Linker::new(engine);
        linker
            .func_wrap(
                "h",
                "f",
                |mut caller: Caller<'_, ()>, n: i32| -> Result<i32> {
                    let get = |caller: &Caller<'_, ()>, name| {
                        let func = caller.get_export(name).unwrap().into_func().unwrap();
                        func.typed::<i32, i32>(caller)
                    };
                    match n {
                        0 => get(&caller, "trap")?.call(&mut caller, 0),
                        // The host survives the guest's trap.
                        1 => match get(&caller, "trap")?.call(&mut caller, 0) {
                            Err(error) if error.trap() == Some(Trap::IntegerDivisionByZero) => {
                                Ok(77)
                            }
                            other => panic!("{other:?}"),
                        },
                        2 => Err(Custom(2).into()),
                        3 => std::panic::resume_unwind(Box::new(3)),
                        n => get(&caller, "run")?.call(&mut caller, n - 4),
                    }
                },
            )
            .unwrap();
        let module = module(
            engine,
            r#"(module
                (import "h" "f" (func $f (param i32) (result i32)))
                (func (export "trap") (param i32) (result i32)
                    i32.const 1 local.get 0 i32.div_u)
                (func (export "run") (param i32) (result i32)
                    local.get 0 call $f i32.const 1 i32.add))"#,
        );
        let mut store = Store::new(engine, ());
        let instance = linker.instantiate(&mut store, &module).unwrap();
        let run = instance.get_typed_func::<i32, i32>(&store, "run").unwrap();
        for depth in [0, 1, 5] {
            let frames = depth as usize + 1;
            let error = run.call(&mut store, depth * 4).unwrap_err();
            assert_eq!(error.trap(), Some(Trap::IntegerDivisionByZero));
            assert_eq!(error.backtrace().unwrap().frames().len(), frames + 1);
            assert_eq!(run.call(&mut store, depth * 4 + 1).unwrap(), 78 + depth);
            let error = run.call(&mut store, depth * 4 + 2).unwrap_err();
            assert!(error.is::<Custom>());
            assert_eq!(error.backtrace().unwrap().frames().len(), frames);
            let call = AssertUnwindSafe(|| run.call(&mut store, depth * 4 + 3));
            assert_eq!(
                *catch_unwind(call).unwrap_err().downcast::<i32>().unwrap(),
                3
            );
        }
    });
}

#[test]
fn references_pass_through() {
    each(|engine| {
        let mut linker: Linker<()> = Linker::new(engine);
        linker
            .func_wrap(
                "h",
                "f",
                |mut caller: Caller<'_, ()>,
                 func: Option<Func>,
                 value: Option<ExternRef>|
                 -> Result<_> {
                    let func = match func {
                        Some(func) => func.typed::<(), i32>(&caller)?.call(&mut caller, ())?,
                        None => -1,
                    };
                    let number = value
                        .as_ref()
                        .map(|v| *v.data().downcast_ref::<i32>().unwrap());
                    Ok((func, number.unwrap_or(-1), value))
                },
            )
            .unwrap();
        let module = module(
            engine,
            r#"(module
                (import "h" "f" (func $f (param funcref externref) (result i32 i32 externref)))
                (func $nine (export "nine") (result i32) i32.const 9)
                (func (export "run") (param funcref externref) (result i32 i32 externref)
                    local.get 0 local.get 1 call $f)
                (func (export "own") (result i32 i32 externref)
                    ref.func $nine ref.null extern call $f))"#,
        );
        let mut store = Store::new(engine, ());
        let instance = linker.instantiate(&mut store, &module).unwrap();
        let eight = Func::wrap(&mut store, || 8);
        let run = instance
            .get_typed_func::<(Option<Func>, Option<ExternRef>), (i32, i32, Option<ExternRef>)>(
                &store, "run",
            )
            .unwrap();
        let value = ExternRef::new(5);
        let (a, b, back) = run
            .call(&mut store, (Some(eight), Some(value.clone())))
            .unwrap();
        assert_eq!((a, b), (8, 5));
        assert!(ExternRef::ptr_eq(&back.unwrap(), &value));
        let (a, b, back) = run.call(&mut store, (None, None)).unwrap();
        assert_eq!((a, b, back.is_none()), (-1, -1, true));
        let mut results = [Val::I32(0), Val::I32(0), Val::I32(0)];
        let own = instance.get_func(&store, "own").unwrap();
        own.call(&mut store, &[], &mut results).unwrap();
        assert_eq!(results[0].i32(), Some(9));
        let params = [
            instance.get_func(&store, "nine").unwrap().into(),
            value.into(),
        ];
        run.func().call(&mut store, &params, &mut results).unwrap();
        assert_eq!((results[0].i32(), results[1].i32()), (Some(9), Some(5)));
    });
}

#[test]
fn dynamic_results_are_checked() {
    each(|engine| {
        let mut store = Store::new(engine, ());
        let ty = FuncType::new([], [ValType::I32]);
        let func = Func::new(&mut store, ty.clone(), |_, _, results| {
            results[0] = Val::I64(1);
            Ok(())
        });
        let error: Error = func.call(&mut store, &[], &mut [Val::I32(0)]).unwrap_err();
        assert_eq!(
            format!("{error:#}"),
            "function attempted to return an incompatible value: \
             a result is of type i64, expected i32"
        );
        // Results begin as zero.
        let func = Func::new(&mut store, ty, |_, _, _| Ok(()));
        let mut results = [Val::I32(5)];
        func.call(&mut store, &[], &mut results).unwrap();
        assert_eq!(results[0].i32(), Some(0));
    });
}
