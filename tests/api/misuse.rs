//! Handles that are used with another store or engine.

use std::panic::{AssertUnwindSafe, catch_unwind};

use pronto::{Engine, ExternRef, Func, Instance, Linker, Store, Val};

use crate::support::{each, module};

const GUEST: &str = r#"(module (func (export "f") (param externref funcref))
    (memory (export "m") 1) (global (export "g") (mut funcref) (ref.null func))
    (table (export "t") 1 funcref))"#;

/// Asserts that a result is the error of a handle in the wrong store.
macro_rules! wrong_store {
    ($($result:expr;)*) => {$(
        let error = $result.map(drop).unwrap_err();
        assert_eq!(error.to_string(), "object used with the wrong store");
    )*};
}

#[test]
fn engines() {
    each(|engine| {
        let other = Engine::default();
        let guest = module(engine, GUEST);
        let mut store: Store<()> = Store::new(&other, ());
        assert!(Instance::new(&mut store, &guest, &[]).is_err());
        assert!(Linker::new(&other).instantiate(&mut store, &guest).is_err());
        assert!(Linker::new(engine).instantiate(&mut store, &guest).is_err());
        let pre = Linker::new(engine).instantiate_pre(&guest).unwrap();
        assert!(pre.instantiate(&mut store).is_err());
        assert!(Linker::<()>::new(&other).instantiate_pre(&guest).is_err());
    });
}

#[test]
fn handles_of_another_store() {
    each(|engine| {
        let mut store = Store::new(engine, ());
        let mut other: Store<()> = Store::new(engine, ());
        let instance = Instance::new(&mut store, &module(engine, GUEST), &[]).unwrap();
        let func = instance.get_func(&store, "f").unwrap();
        let typed = func
            .typed::<(Option<ExternRef>, Option<Func>), ()>(&store)
            .unwrap();
        let global = instance.get_global(&store, "g").unwrap();
        let table = instance.get_table(&store, "t").unwrap();
        let memory = instance.get_memory(&store, "m").unwrap();
        let nulls = [Val::ExternRef(None), Val::FuncRef(None)];
        func.call(&mut store, &nulls, &mut []).unwrap();
        wrong_store! {
            func.call(&mut other, &nulls, &mut []);
            typed.call(&mut other, (None, None));
            global.set(&mut other, Val::FuncRef(None));
            table.set(&mut other, 0, pronto::Ref::Func(None));
            memory.grow(&mut other, 1);
        }
        // What cannot return an error panics.
        let panics = |call: &dyn Fn()| catch_unwind(AssertUnwindSafe(call)).is_err();
        assert!(panics(&|| _ = memory.data(&other)));
        assert!(panics(&|| drop(global.get(&other))));
        assert!(panics(&|| _ = table.size(&other)));
        assert!(panics(&|| drop(func.ty(&other))));
        assert!(panics(&|| _ = instance.get_export(&other, "f")));
    });
}

#[test]
fn values_of_another_store() {
    each(|engine| {
        let mut store = Store::new(engine, ());
        let mut other: Store<()> = Store::new(engine, ());
        let alien = Func::wrap(&mut other, || ());
        let instance = Instance::new(&mut store, &module(engine, GUEST), &[]).unwrap();
        let func = instance.get_func(&store, "f").unwrap();
        let typed = func
            .typed::<(Option<ExternRef>, Option<Func>), ()>(&store)
            .unwrap();
        let global = instance.get_global(&store, "g").unwrap();
        let table = instance.get_table(&store, "t").unwrap();
        let returned = Func::wrap(&mut store, move || Some(alien));
        wrong_store! {
            func.call(&mut store, &[Val::ExternRef(None), alien.into()], &mut []);
            typed.call(&mut store, (None, Some(alien)));
            global.set(&mut store, alien.into());
            table.set(&mut store, 0, alien.into());
            returned.call(&mut store, &[], &mut [Val::I32(0)]);
        }
        func.call(&mut store, &[Val::ExternRef(None), func.into()], &mut [])
            .unwrap();
    });
}

#[test]
fn imports_of_another_store() {
    each(|engine| {
        let mut store = Store::new(engine, ());
        let mut other: Store<()> = Store::new(engine, ());
        let alien = Func::wrap(&mut other, || ());
        let importer = module(engine, r#"(module (import "a" "b" (func)))"#);
        let mut linker: Linker<()> = Linker::new(engine);
        wrong_store! { linker.define(&store, "a", "b", alien); }
        linker.define(&other, "a", "b", alien).unwrap();
        let pre = linker.instantiate_pre(&importer).unwrap();
        wrong_store! {
            linker.instantiate(&mut store, &importer);
            pre.instantiate(&mut store);
            Instance::new(&mut store, &importer, &[alien.into()]);
        }
        pre.instantiate(&mut other).unwrap();
    });
}
