//! Calls from the host: typed and dynamic, every type, more values than registers.

use pronto::{Error, ExportError, Extern, Func, FuncType, Store, Trap, Val, ValType};

use crate::support::{each, instantiate, store};

#[test]
fn typed() {
    each(|engine| {
        let (mut store, instance) = instantiate(
            engine,
            r#"(module
                (func (export "add") (param i32 i32) (result i32)
                    local.get 0 local.get 1 i32.add)
                (func (export "swap") (param f32 i64 f64 i32) (result i32 f64 i64 f32)
                    local.get 3 local.get 2 local.get 1 local.get 0)
                (func (export "nothing")))"#,
        );
        let add = instance
            .get_typed_func::<(i32, i32), i32>(&store, "add")
            .unwrap();
        assert_eq!(add.call(&mut store, (2, 3)).unwrap(), 5);
        assert_eq!(add.call(&mut store, (i32::MAX, 1)).unwrap(), i32::MIN);
        let add = instance
            .get_typed_func::<(u32, i32), u32>(&store, "add")
            .unwrap();
        assert_eq!(add.call(&mut store, (u32::MAX, 0)).unwrap(), u32::MAX);

        type Four<A, B, C, D> = (A, B, C, D);
        let swap = instance
            .get_typed_func::<Four<f32, i64, f64, i32>, Four<i32, f64, i64, f32>>(&store, "swap")
            .unwrap();
        let swapped = swap
            .call(&mut store, (1.5, i64::MIN, f64::INFINITY, -7))
            .unwrap();
        assert_eq!(swapped, (-7, f64::INFINITY, i64::MIN, 1.5));

        let nothing = instance
            .get_typed_func::<(), ()>(&store, "nothing")
            .unwrap();
        nothing.call(&mut store, ()).unwrap();
        assert_eq!(nothing.func().ty(&store), FuncType::new([], []));
    });
}

#[test]
fn float_bits_survive() {
    each(|engine| {
        let (mut store, instance) = instantiate(
            engine,
            r#"(module
                (func (export "f32") (param f32) (result f32) local.get 0)
                (func (export "f64") (param f64) (result f64) local.get 0))"#,
        );
        for bits in [0x7fa0_0001, 0xffc0_0000, 0x8000_0000] {
            let mut results = [Val::I32(0)];
            let func = instance.get_func(&store, "f32").unwrap();
            func.call(&mut store, &[Val::F32(bits)], &mut results)
                .unwrap();
            assert!(matches!(results[0], Val::F32(found) if found == bits));
            let bits = u64::from(bits) << 32 | 1;
            let func = instance.get_func(&store, "f64").unwrap();
            func.call(&mut store, &[Val::F64(bits)], &mut results)
                .unwrap();
            assert!(matches!(results[0], Val::F64(found) if found == bits));
        }
    });
}

/// 16 of each number type, mixed: registers and the area beyond them.
#[test]
fn many_parameters_and_results() {
    let types = [ValType::I32, ValType::I64, ValType::F32, ValType::F64];
    let list: Vec<_> = types.iter().copied().cycle().take(64).collect();
    let names: Vec<_> = list.iter().map(ValType::to_string).collect();
    let names = names.join(" ");
    let gets: String = (0..64).rev().map(|n| format!("local.get {n} ")).collect();
    let reversed: Vec<_> = list.iter().rev().map(ValType::to_string).collect();
    let wat = format!(
        r#"(module (func (export "reverse") (param {names}) (result {}) {gets}))"#,
        reversed.join(" ")
    );
    let params: Vec<_> = (1..=64)
        .zip(&list)
        .map(|(n, ty)| match ty {
            ValType::I32 => Val::I32(-n),
            ValType::I64 => Val::I64(i64::from(n) << 40),
            ValType::F32 => Val::from(n as f32 + 0.5),
            _ => Val::from(f64::from(n) * 1e100),
        })
        .collect();
    each(|engine| {
        let (mut store, instance) = instantiate(engine, &wat);
        let reverse = instance.get_func(&store, "reverse").unwrap();
        let mut results = vec![Val::I32(0); 64];
        for _ in 0..2 {
            reverse.call(&mut store, &params, &mut results).unwrap();
            for (found, expected) in results.iter().rev().zip(&params) {
                assert_eq!(format!("{found:?}"), format!("{expected:?}"));
            }
        }
    });
}

#[test]
fn sixteen_typed() {
    each(|engine| {
        let (mut store, instance) = instantiate(
            engine,
            &format!(
                r#"(module (func (export "sum") (param {}) (result i64)
                    local.get 0 {}))"#,
                "i64 ".repeat(16),
                (1..16)
                    .map(|n| format!("local.get {n} i64.add "))
                    .collect::<String>()
            ),
        );
        type Sixteen = (
            (
                i64,
                i64,
                i64,
                i64,
                i64,
                i64,
                i64,
                i64,
                i64,
                i64,
                i64,
                i64,
                i64,
                i64,
                i64,
                i64,
            ),
            i64,
        );
        fn get<P: pronto::WasmParams, R: pronto::WasmResults>(
            store: &Store<()>,
            func: Func,
            _: std::marker::PhantomData<(P, R)>,
        ) -> pronto::TypedFunc<P, R> {
            func.typed(store).unwrap()
        }
        let func = instance.get_func(&store, "sum").unwrap();
        let sum = get(&store, func, std::marker::PhantomData::<Sixteen>);
        let params = (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16);
        assert_eq!(sum.call(&mut store, params).unwrap(), 136);
    });
}

#[test]
fn export_errors_are_distinct() {
    each(|engine| {
        let (store, instance) = instantiate(
            engine,
            r#"(module (memory (export "memory") 1) (func (export "f") (param i32)))"#,
        );
        let error = |name| {
            let error = instance
                .get_typed_func::<i64, i32>(&store, name)
                .unwrap_err();
            (error.to_string(), error.downcast::<ExportError>().unwrap())
        };
        let (text, missing) = error("nope");
        assert_eq!(text, "there is no export `nope`");
        assert!(matches!(missing, ExportError::Missing { name } if &*name == "nope"));
        let (text, kind) = error("memory");
        assert_eq!(text, "export `memory` is a memory, not a function");
        assert!(matches!(
            kind,
            ExportError::WrongKind {
                expected: "function",
                ..
            }
        ));
        let (text, signature) = error("f");
        assert_eq!(
            text,
            "function `f` has type (i32) -> (), expected (i64) -> (i32)"
        );
        let ExportError::WrongSignature {
            name,
            expected,
            found,
        } = signature
        else {
            panic!("{signature:?}");
        };
        assert_eq!(name.as_deref(), Some("f"));
        assert_eq!(expected, FuncType::new([ValType::I64], [ValType::I32]));
        assert_eq!(found, FuncType::new([ValType::I32], []));

        let func = instance.get_func(&store, "f").unwrap();
        let error = func.typed::<(), ()>(&store).unwrap_err();
        assert!(matches!(
            error.downcast_ref(),
            Some(ExportError::WrongSignature { name: None, .. })
        ));
        assert!(instance.get_func(&store, "memory").is_none());
        assert!(instance.get_memory(&store, "f").is_none());
    });
}

#[test]
fn dynamic_calls_check_their_arguments() {
    each(|engine| {
        let (mut store, instance) = instantiate(
            engine,
            r#"(module (func (export "f") (param i32) (result i32) local.get 0))"#,
        );
        let func = instance.get_func(&store, "f").unwrap();
        let mut call = |params: &[Val], results: &mut [Val]| {
            func.call(&mut store, params, results)
                .map_err(|error| error.to_string())
        };
        let mut one = [Val::I64(0)];
        call(&[Val::I32(9)], &mut one).unwrap();
        assert_eq!(one[0].i32(), Some(9));
        let wrong_count = "expected 1 arguments and 1 results, got 0 and 1";
        assert_eq!(call(&[], &mut one).unwrap_err(), wrong_count);
        assert!(call(&[Val::I32(0)], &mut []).is_err());
        let wrong_type = "an argument is of type i64, expected i32";
        assert_eq!(call(&[Val::I64(0)], &mut one).unwrap_err(), wrong_type);
    });
}

#[test]
fn exports_are_listed() {
    each(|engine| {
        let (store, instance) = instantiate(
            engine,
            r#"(module (func (export "f")) (memory (export "m") 1 2)
                (table (export "t") 3 funcref) (global (export "g") (mut i64) (i64.const 5)))"#,
        );
        let types: Vec<_> = instance
            .exports(&store)
            .map(|export| format!("{}: {}", export.name(), export.ty(&store)))
            .collect();
        let expected = [
            "f: function () -> ()",
            "m: memory 1..=2",
            "t: table of funcref 3..",
            "g: global mut i64",
        ];
        assert_eq!(types, expected);
        let module = instance.module(&store);
        let types: Vec<_> = module
            .exports()
            .map(|export| format!("{}: {}", export.name(), export.ty()))
            .collect();
        assert_eq!(types, expected);
        assert!(module.get_export("t").unwrap().table().is_some());
        assert!(matches!(
            instance.get_export(&store, "g"),
            Some(Extern::Global(_))
        ));
    });
}

#[test]
fn recursion_and_many_calls() {
    each(|engine| {
        let (mut store, instance) = instantiate(
            engine,
            r#"(module (func $fib (export "fib") (param i32) (result i32)
                local.get 0 i32.const 2 i32.lt_u
                if (result i32) local.get 0
                else
                    local.get 0 i32.const 1 i32.sub call $fib
                    local.get 0 i32.const 2 i32.sub call $fib
                    i32.add
                end))"#,
        );
        let fib = instance.get_typed_func::<i32, i32>(&store, "fib").unwrap();
        assert_eq!(fib.call(&mut store, 20).unwrap(), 6765);
        for n in 0..1000 {
            assert_eq!(fib.call(&mut store, n % 2).unwrap(), n % 2);
        }
    });
}

#[test]
fn the_host_calls_its_own_functions() {
    each(|engine| {
        let mut store = store(engine);
        let add = Func::wrap(&mut store, |a: i64, b: f32| (a + 1, b * 2.0));
        let typed = add.typed::<(i64, f32), (i64, f32)>(&store).unwrap();
        assert_eq!(typed.call(&mut store, (1, 2.0)).unwrap(), (2, 4.0));
        let fail = Func::wrap(&mut store, || -> Result<(), Error> {
            Err(Trap::IntegerOverflow.into())
        });
        let error = fail.call(&mut store, &[], &mut []).unwrap_err();
        assert_eq!(error.trap(), Some(Trap::IntegerOverflow));
        assert!(error.backtrace().is_none());
        let mut results = [Val::I32(0), Val::I32(0)];
        add.call(&mut store, &[Val::I64(5), 1.5_f32.into()], &mut results)
            .unwrap();
        assert_eq!((results[0].i64(), results[1].f32()), (Some(6), Some(3.0)));
    });
}
