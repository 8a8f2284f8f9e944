//! Imports: of all four kinds, between instances, and what goes wrong with them.

use pronto::{
    Caller, Engine, Func, FuncType, Global, GlobalType, ImportError, Instance, Linker, Memory,
    MemoryType, Module, Mutability, Ref, Store, Table, TableType, Trap, Val, ValType,
};

use crate::support::{each, module};

const PROVIDER: &str = r#"(module
    (memory (export "memory") 1 4)
    (table (export "table") 4 8 funcref)
    (global $counter (export "counter") (mut i32) (i32.const 10))
    (global (export "constant") i64 (i64.const 77))
    (elem (i32.const 0) $bump)
    (func $bump (export "bump") (param i32) (result i32)
        (global.set $counter (i32.add (global.get $counter) (local.get 0)))
        (i32.store8 (i32.const 100) (global.get $counter))
        (global.get $counter)))"#;

const USER: &str = r#"(module
    (import "p" "memory" (memory 1))
    (import "p" "table" (table 4 funcref))
    (import "p" "counter" (global $counter (mut i32)))
    (import "p" "constant" (global $constant i64))
    (import "p" "bump" (func $bump (param i32) (result i32)))
    (type $t (func (param i32) (result i32)))
    (global $copy (export "copy") i64 (global.get $constant))
    (elem (i32.const 1) $own)
    (data (i32.const 200) "user")
    (func $own (param i32) (result i32) (i32.mul (local.get 0) (i32.const 1000)))
    (func (export "bump") (param i32) (result i32) (call $bump (local.get 0)))
    (func (export "indirect") (param i32 i32) (result i32)
        (call_indirect (type $t) (local.get 0) (local.get 1)))
    (func (export "counter") (result i32) (global.get $counter))
    (func (export "read") (param i32) (result i32) (i32.load8_u (local.get 0)))
    (func (export "grow") (result i32) (memory.grow (i32.const 1))))"#;

#[test]
fn all_four_kinds_are_shared() {
    each(|engine| {
        let mut store = Store::new(engine, ());
        let mut linker = Linker::new(engine);
        let provider = linker
            .instantiate(&mut store, &module(engine, PROVIDER))
            .unwrap();
        linker.instance(&mut store, "p", provider).unwrap();
        let user = linker
            .instantiate(&mut store, &module(engine, USER))
            .unwrap();
        macro_rules! call {
            ($instance:ident $name:literal $params:expr) => {{
                let func = $instance.get_typed_func::<_, i32>(&store, $name).unwrap();
                func.call(&mut store, $params).unwrap()
            }};
        }
        assert_eq!(call!(user "bump" 5), 15);
        assert_eq!(call!(user "counter" ()), 15);
        assert_eq!(call!(user "read" 100), 15);
        assert_eq!(call!(user "indirect" (2, 0)), 17);
        assert_eq!(call!(user "indirect" (2, 1)), 2000);
        let counter = provider.get_global(&store, "counter").unwrap();
        counter.set(&mut store, Val::I32(-1)).unwrap();
        assert_eq!(call!(user "counter" ()), -1);
        let memory = provider.get_memory(&store, "memory").unwrap();
        assert_eq!(&memory.data(&store)[200..204], b"user");
        // What one instance grows, the other sees.
        assert_eq!(call!(user "grow" ()), 1);
        assert_eq!(memory.size(&store), 2);
        memory.write(&mut store, 70_000, &[9]).unwrap();
        assert_eq!(call!(user "read" 70_000), 9);
        assert_eq!(call!(provider "bump" 1), 0);
        assert_eq!(call!(user "read" 100), 0);
        assert_eq!(
            user.get_global(&store, "copy").unwrap().get(&store).i64(),
            Some(77)
        );
        // Elements that the user wrote are called from the provider's table by the host.
        let table = provider.get_table(&store, "table").unwrap();
        let Some(Ref::Func(Some(own))) = table.get(&store, 1) else {
            panic!("the user's element is missing");
        };
        assert_eq!(
            own.typed::<i32, i32>(&store)
                .unwrap()
                .call(&mut store, 3)
                .unwrap(),
            3000
        );
    });
}

#[test]
fn hosts_items_are_imported() {
    each(|engine| {
        let mut store = Store::new(engine, ());
        let memory = Memory::new(&mut store, MemoryType::new(2, Some(3))).unwrap();
        let ty = TableType::new(ValType::FuncRef, 4, None);
        let table = Table::new(&mut store, ty, Ref::Func(None)).unwrap();
        let var = GlobalType::new(ValType::I32, Mutability::Var);
        let counter = Global::new(&mut store, var, Val::I32(1)).unwrap();
        let constant = GlobalType::new(ValType::I64, Mutability::Const);
        let constant = Global::new(&mut store, constant, Val::I64(5)).unwrap();
        let bump = Func::wrap(&mut store, |n: i32| n + 1);
        table.set(&mut store, 0, bump.into()).unwrap();
        let items = [
            memory.into(),
            table.into(),
            counter.into(),
            constant.into(),
            bump.into(),
        ];
        let user = Instance::new(&mut store, &module(engine, USER), &items).unwrap();
        let indirect = user
            .get_typed_func::<(i32, i32), i32>(&store, "indirect")
            .unwrap();
        assert_eq!(indirect.call(&mut store, (41, 0)).unwrap(), 42);
        assert_eq!(indirect.call(&mut store, (41, 1)).unwrap(), 41_000);
        let error = indirect.call(&mut store, (41, 2)).unwrap_err();
        assert_eq!(error.trap(), Some(Trap::IndirectCallToNull));
        let bump = user.get_typed_func::<i32, i32>(&store, "bump").unwrap();
        assert_eq!(bump.call(&mut store, 1).unwrap(), 2);
        let error = Instance::new(&mut store, &module(engine, USER), &items[..4]).unwrap_err();
        assert_eq!(error.to_string(), "expected 5 imports, found 4");
    });
}

fn import_error(engine: &Engine, import: &str) -> (String, ImportError) {
    let mut store = Store::new(engine, ());
    let mut linker = Linker::new(engine);
    let provider = linker
        .instantiate(&mut store, &module(engine, PROVIDER))
        .unwrap();
    linker.instance(&mut store, "p", provider).unwrap();
    linker.func_wrap("h", "f", |_: i32| 0_i64).unwrap();
    let module = module(engine, &format!("(module (import {import}))"));
    let error = linker.instantiate(&mut store, &module).unwrap_err();
    (error.to_string(), error.downcast().unwrap())
}

#[test]
fn import_errors() {
    each(|engine| {
        let (text, error) = import_error(engine, r#""p" "nope" (func (param i32))"#);
        assert_eq!(
            text,
            "unknown import: `p::nope` has not been defined, expected function (i32) -> ()"
        );
        assert!(matches!(error, ImportError::Unknown { name, .. } if &*name == "nope"));
        let (text, _) = import_error(engine, r#""q" "memory" (memory 1)"#);
        assert!(text.starts_with("unknown import: `q::memory`"), "{text}");
        let wrong = [
            (
                r#""p" "bump" (func (param i64) (result i32))"#,
                "function (i32) -> (i32)",
            ),
            (r#""p" "bump" (memory 1)"#, "function (i32) -> (i32)"),
            (
                r#""h" "f" (func (param i32) (result i32))"#,
                "function (i32) -> (i64)",
            ),
            (r#""h" "f" (global i32)"#, "function (i32) -> (i64)"),
            (r#""p" "memory" (memory 2)"#, "memory 1..=4"),
            (r#""p" "memory" (memory 1 3)"#, "memory 1..=4"),
            (r#""p" "table" (table 5 funcref)"#, "table of funcref 4..=8"),
            (
                r#""p" "table" (table 1 7 funcref)"#,
                "table of funcref 4..=8",
            ),
            (
                r#""p" "table" (table 1 externref)"#,
                "table of funcref 4..=8",
            ),
            (r#""p" "counter" (global i32)"#, "global mut i32"),
            (r#""p" "counter" (global (mut i64))"#, "global mut i32"),
            (r#""p" "constant" (global (mut i64))"#, "global i64"),
        ];
        for (import, has) in wrong {
            let (text, error) = import_error(engine, import);
            assert!(text.starts_with("incompatible import type for `"), "{text}");
            let ImportError::Incompatible { found, .. } = error else {
                panic!("{import}: {error}");
            };
            assert_eq!(found.to_string(), has, "{import}");
        }
    });
}

#[test]
fn linker_names() {
    each(|engine| {
        let mut linker: Linker<()> = Linker::new(engine);
        linker.func_wrap("a", "f", || 1).unwrap();
        let error = linker.func_wrap("a", "f", || 2).unwrap_err();
        assert_eq!(error.to_string(), "import of `a::f` defined twice");
        linker.alias("a", "f", "b", "g").unwrap();
        assert!(linker.alias("a", "nope", "b", "h").is_err());
        linker.alias_module("a", "c").unwrap();
        assert!(linker.alias_module("a", "c").is_err());
        linker
            .allow_shadowing(true)
            .func_wrap("a", "f", || 3)
            .unwrap();
        let mut store = Store::new(engine, ());
        let mut get = |module, name| {
            let func = linker.get(&mut store, module, name)?.into_func()?;
            Some(
                func.typed::<(), i32>(&store)
                    .unwrap()
                    .call(&mut store, ())
                    .unwrap(),
            )
        };
        assert_eq!(get("a", "f"), Some(3));
        assert_eq!(get("b", "g"), Some(1));
        assert_eq!(get("c", "f"), Some(1));
        assert_eq!(get("b", "f"), None);
        assert_eq!(get("d", "f"), None);
    });
}

#[test]
fn unknown_imports_as_traps() {
    each(|engine| {
        let unknown = module(
            engine,
            r#"(module (import "x" "y" (func $y (param i64) (result f32)))
                (import "x" "known" (func $known (result i32)))
                (func (export "known") (result i32) call $known)
                (func (export "unknown") (drop (call $y (i64.const 0)))))"#,
        );
        let mut linker: Linker<()> = Linker::new(engine);
        linker.func_wrap("x", "known", || 6).unwrap();
        linker.define_unknown_imports_as_traps(&unknown).unwrap();
        let mut store = Store::new(engine, ());
        let instance = linker.instantiate(&mut store, &unknown).unwrap();
        let known = instance.get_typed_func::<(), i32>(&store, "known").unwrap();
        assert_eq!(known.call(&mut store, ()).unwrap(), 6);
        let func = instance
            .get_typed_func::<(), ()>(&store, "unknown")
            .unwrap();
        let error = func.call(&mut store, ()).unwrap_err();
        assert!(error.is::<ImportError>());
        assert!(
            error
                .to_string()
                .starts_with("unknown import: `x::y` has not been defined")
        );
        let memory = module(engine, r#"(module (import "x" "m" (memory 1)))"#);
        assert!(linker.define_unknown_imports_as_traps(&memory).is_err());
    });
}

#[test]
fn instantiates_many_times() {
    each(|engine| {
        let mut linker: Linker<i32> = Linker::new(engine);
        linker
            .func_wrap("h", "f", |caller: Caller<'_, i32>| *caller.data())
            .unwrap();
        let counter = module(
            engine,
            r#"(module (import "h" "f" (func $f (result i32)))
                (global $g (mut i32) (i32.const 0)) (memory 1)
                (func (export "next") (result i32)
                    (global.set $g (i32.add (global.get $g) (i32.const 1)))
                    (i32.store (i32.const 0) (i32.add (i32.load (i32.const 0)) (i32.const 100)))
                    (i32.add (i32.add (global.get $g) (i32.load (i32.const 0))) (call $f))))"#,
        );
        let pre = linker.instantiate_pre(&counter).unwrap();
        assert!(Module::same(pre.module(), &counter));
        let mut stores: Vec<_> = (1..=3).map(|n| Store::new(engine, n * 1000)).collect();
        for store in &mut stores {
            for _ in 0..20 {
                let instance = pre.instantiate(&mut *store).unwrap();
                let next = instance.get_typed_func::<(), i32>(&*store, "next").unwrap();
                assert_eq!(next.call(&mut *store, ()).unwrap(), 101 + *store.data());
                assert_eq!(next.call(&mut *store, ()).unwrap(), 202 + *store.data());
            }
        }
    });
}

#[test]
fn commands_and_reactors() {
    each(|engine| {
        let mut store = Store::new(engine, ());
        let mut linker = Linker::new(engine);
        let counting = |extra: &str| {
            let wat = format!(
                r#"(module (global $g (mut i32) (i32.const 0)) (memory (export "memory") 1) {extra}
                    (func (export "next") (result i32)
                        (global.set $g (i32.add (global.get $g) (i32.const 1))) (global.get $g)))"#
            );
            module(engine, &wat)
        };
        let command = counting(r#"(func (export "_start"))"#);
        let reactor = counting(r#"(func (export "_initialize") (global.set $g (i32.const 50)))"#);
        linker.module(&mut store, "command", &command).unwrap();
        linker.module(&mut store, "reactor", &reactor).unwrap();
        let mut next = |module| {
            let func = linker
                .get(&mut store, module, "next")
                .unwrap()
                .into_func()
                .unwrap();
            func.typed::<(), i32>(&store)
                .unwrap()
                .call(&mut store, ())
                .unwrap()
        };
        assert_eq!([next("command"), next("command")], [1, 1]);
        assert_eq!([next("reactor"), next("reactor")], [51, 52]);
        assert!(linker.get(&mut store, "command", "memory").is_none());
        assert!(linker.get(&mut store, "reactor", "memory").is_some());
        let bad = module(engine, r#"(module (func (export "_start") (param i32)))"#);
        assert!(linker.module(&mut store, "bad", &bad).is_err());
    });
}

#[test]
fn start_functions_and_failed_instantiations() {
    each(|engine| {
        let mut store = Store::new(engine, 0);
        let mut linker: Linker<i32> = Linker::new(engine);
        linker
            .func_wrap("h", "note", |mut caller: Caller<'_, i32>, n: i32| {
                *caller.data_mut() += n
            })
            .unwrap();
        let ty = TableType::new(ValType::FuncRef, 4, None);
        let table = Table::new(&mut store, ty, Ref::Func(None)).unwrap();
        linker.define(&store, "h", "table", table).unwrap();
        let memory = Memory::new(&mut store, MemoryType::new(1, None)).unwrap();
        linker.define(&store, "h", "memory", memory).unwrap();
        let head = r#"(import "h" "note" (func $note (param i32)))
            (import "h" "table" (table 4 funcref)) (import "h" "memory" (memory 1))
            (func $f (result i32) i32.const 123)"#;

        let good = format!("(module {head} (start $s) (func $s i32.const 5 call $note))");
        linker
            .instantiate(&mut store, &module(engine, &good))
            .unwrap();
        assert_eq!(*store.data(), 5);

        // The second segment does not fit: the first stays, data and start do not happen.
        let bad = format!(
            r#"(module {head} (elem (i32.const 0) $f) (elem (i32.const 4) $f)
                (data (i32.const 0) "x") (start $s) (func $s i32.const 5 call $note))"#
        );
        let error = linker
            .instantiate(&mut store, &module(engine, &bad))
            .unwrap_err();
        assert_eq!(error.trap(), Some(Trap::TableOutOfBounds));
        assert_eq!(*store.data(), 5);
        assert_eq!(memory.data(&store)[0], 0);
        let Some(Ref::Func(Some(func))) = table.get(&store, 0) else {
            panic!("the first segment was written");
        };
        let func = func.typed::<(), i32>(&store).unwrap();
        assert_eq!(func.call(&mut store, ()).unwrap(), 123);

        let bad = format!(
            r#"(module {head} (elem (i32.const 1) $f)
                (data (i32.const 0) "x") (data (i32.const 65535) "xy"))"#
        );
        let error = linker
            .instantiate(&mut store, &module(engine, &bad))
            .unwrap_err();
        assert_eq!(error.trap(), Some(Trap::MemoryOutOfBounds));
        assert_eq!(memory.data(&store)[0], b'x');
        assert!(!table.get(&store, 1).unwrap().is_null());

        let bad = format!("(module {head} (start $s) (func $s unreachable))");
        let error = linker
            .instantiate(&mut store, &module(engine, &bad))
            .unwrap_err();
        assert_eq!(error.trap(), Some(Trap::UnreachableCodeReached));
        assert_eq!(func.call(&mut store, ()).unwrap(), 123);
    });
}

/// Signatures are compared by number: those of another module of the engine must agree.
#[test]
fn signatures_agree_between_modules() {
    each(|engine| {
        let mut store = Store::new(engine, ());
        let mut linker = Linker::new(engine);
        let callee = module(
            engine,
            r#"(module (type (func (result i64))) (type (func (param f32)))
                (type $t (func (param i32) (result i32)))
                (table (export "table") 3 funcref) (elem (i32.const 0) $a $b)
                (func $a (type $t) (i32.add (local.get 0) (i32.const 1)))
                (func $b (result i64) i64.const 3))"#,
        );
        let instance = linker.instantiate(&mut store, &callee).unwrap();
        linker.instance(&mut store, "c", instance).unwrap();
        let caller = module(
            engine,
            r#"(module (type $t (func (param i32) (result i32)))
                (import "c" "table" (table 3 funcref))
                (func (export "call") (param i32) (result i32)
                    (call_indirect (type $t) (i32.const 4) (local.get 0))))"#,
        );
        let instance = linker.instantiate(&mut store, &caller).unwrap();
        let call = instance.get_typed_func::<i32, i32>(&store, "call").unwrap();
        assert_eq!(call.call(&mut store, 0).unwrap(), 5);
        assert_eq!(
            call.call(&mut store, 1).unwrap_err().trap(),
            Some(Trap::BadSignature)
        );
        assert_eq!(
            call.call(&mut store, 2).unwrap_err().trap(),
            Some(Trap::IndirectCallToNull)
        );
        let ty = FuncType::new([ValType::I32], [ValType::I32]);
        let host = Func::new(&mut store, ty, |_, params, results| {
            results[0] = Val::I32(params[0].unwrap_i32() * 2);
            Ok(())
        });
        let table = linker
            .get(&mut store, "c", "table")
            .unwrap()
            .into_table()
            .unwrap();
        table.set(&mut store, 2, host.into()).unwrap();
        assert_eq!(call.call(&mut store, 2).unwrap(), 8);
    });
}
