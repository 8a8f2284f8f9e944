//! Tables from both sides: functions and host values, bulk operations.

use pronto::{
    Engine, ExternRef, Func, Instance, Linker, Ref, Store, Table, TableType, Trap, ValType,
    WasmParams, WasmResults,
};

use crate::support::{each, instantiate, module};

const FUNCTIONS: &str = r#"(module (type $t (func (result i32)))
    (table $t (export "t") 4 10 funcref) (table $u 4 funcref)
    (elem $e func $one $two) (elem (i32.const 3) func $two)
    (func $one (export "one") (result i32) i32.const 1)
    (func $two (result i32) i32.const 2)
    (func (export "call") (param i32) (result i32) (call_indirect $t (type $t) (local.get 0)))
    (func (export "get") (param i32) (result funcref) (table.get $t (local.get 0)))
    (func (export "null") (param i32) (result i32) (ref.is_null (table.get $t (local.get 0))))
    (func (export "set") (param i32 funcref) (table.set $t (local.get 0) (local.get 1)))
    (func (export "grow") (param funcref i32) (result i32)
        (table.grow $t (local.get 0) (local.get 1)))
    (func (export "size") (result i32) (table.size $t))
    (func (export "fill") (param i32 funcref i32)
        (table.fill $t (local.get 0) (local.get 1) (local.get 2)))
    (func (export "init") (param i32 i32 i32)
        (table.init $t $e (local.get 0) (local.get 1) (local.get 2)))
    (func (export "copy") (param i32 i32 i32)
        (table.copy $t $t (local.get 0) (local.get 1) (local.get 2)))
    (func (export "through") (param i32 i32 i32)
        (table.copy $u $t (i32.const 0) (local.get 1) (local.get 2))
        (table.copy $t $u (local.get 0) (i32.const 0) (local.get 2)))
    (func (export "drop") (elem.drop $e)))"#;

/// An instance of [`FUNCTIONS`].
struct Guest {
    store: Store<()>,
    instance: Instance,
    table: Table,
}

impl Guest {
    fn new(engine: &Engine) -> Self {
        let (store, instance) = instantiate(engine, FUNCTIONS);
        let table = instance.get_table(&store, "t").unwrap();
        Self {
            store,
            instance,
            table,
        }
    }

    fn call<P: WasmParams, R: WasmResults>(&mut self, name: &str, params: P) -> Result<R, Trap> {
        let func = self.instance.get_typed_func(&self.store, name).unwrap();
        func.call(&mut self.store, params)
            .map_err(|error| error.trap().unwrap())
    }

    /// What calls of each element give: 0 for null, -1 past the end.
    fn elements(&mut self) -> Vec<i32> {
        let call = |n| match self.call("call", n) {
            Ok(result) => result,
            Err(Trap::IndirectCallToNull) => 0,
            Err(Trap::TableOutOfBounds) => -1,
            Err(trap) => panic!("{trap}"),
        };
        (0..).map(call).take_while(|&result| result >= 0).collect()
    }
}

const OUT_OF_BOUNDS: Result<(), Trap> = Err(Trap::TableOutOfBounds);

#[test]
fn init_copy_and_drop() {
    each(|engine| {
        let mut guest = Guest::new(engine);
        assert_eq!(guest.elements(), [0, 0, 0, 2]);
        assert_eq!(guest.call("null", 0), Ok(1));
        assert_eq!(guest.call("null", 3), Ok(0));
        assert_eq!(guest.call::<_, i32>("null", 4), Err(Trap::TableOutOfBounds));
        guest.call::<_, ()>("init", (0, 0, 2)).unwrap();
        assert_eq!(guest.elements(), [1, 2, 0, 2]);
        // What does not fit writes nothing.
        assert_eq!(guest.call("init", (3, 0, 2)), OUT_OF_BOUNDS);
        assert_eq!(guest.call("init", (0, 1, 2)), OUT_OF_BOUNDS);
        assert_eq!(guest.call("init", (0, -1, -1)), OUT_OF_BOUNDS);
        assert_eq!(guest.call("copy", (2, 0, 3)), OUT_OF_BOUNDS);
        assert_eq!(guest.call("copy", (0, 2, 3)), OUT_OF_BOUNDS);
        assert_eq!(guest.elements(), [1, 2, 0, 2]);
        // Overlapping, both ways, and between tables.
        guest.call::<_, ()>("copy", (1, 0, 3)).unwrap();
        assert_eq!(guest.elements(), [1, 1, 2, 0]);
        guest.call::<_, ()>("copy", (0, 1, 3)).unwrap();
        assert_eq!(guest.elements(), [1, 2, 0, 0]);
        guest.call::<_, ()>("through", (2, 0, 2)).unwrap();
        assert_eq!(guest.elements(), [1, 2, 1, 2]);
        assert_eq!(guest.call("copy", (4, 4, 0)), Ok(()));
        assert_eq!(guest.call("copy", (5, 0, 0)), OUT_OF_BOUNDS);

        guest.call::<_, ()>("drop", ()).unwrap();
        assert_eq!(guest.call("init", (0, 0, 1)), OUT_OF_BOUNDS);
        assert_eq!(guest.call("init", (0, 0, 0)), Ok(()));
    });
}

#[test]
fn references_to_host_functions() {
    each(|engine| {
        let mut guest = Guest::new(engine);
        let host = Func::wrap(&mut guest.store, || 30);
        guest.call::<_, ()>("set", (0, Some(host))).unwrap();
        assert_eq!(guest.call("set", (4, Some(host))), OUT_OF_BOUNDS);
        assert_eq!(guest.elements(), [30, 0, 0, 2]);
        assert_eq!(guest.call("grow", (Some(host), 3)), Ok(4));
        assert_eq!(guest.elements(), [30, 0, 0, 2, 30, 30, 30]);
        assert_eq!(guest.call("fill", (5, None::<Func>, 3)), OUT_OF_BOUNDS);
        guest.call::<_, ()>("fill", (5, None::<Func>, 2)).unwrap();
        assert_eq!(guest.elements(), [30, 0, 0, 2, 30, 0, 0]);
        let two: Option<Func> = guest.call("get", 3).unwrap();
        let two = two.unwrap().typed::<(), i32>(&guest.store).unwrap();
        assert_eq!(two.call(&mut guest.store, ()).unwrap(), 2);
        assert!(guest.call::<_, Option<Func>>("get", 5).unwrap().is_none());
        // Another type of function is another trap.
        let other = Func::wrap(&mut guest.store, |_: f32| ());
        guest.call::<_, ()>("set", (1, Some(other))).unwrap();
        assert_eq!(guest.call::<_, i32>("call", 1), Err(Trap::BadSignature));
    });
}

#[test]
fn growth() {
    each(|engine| {
        let mut guest = Guest::new(engine);
        assert_eq!(guest.call("grow", (None::<Func>, 7)), Ok(-1));
        assert_eq!(guest.call("grow", (None::<Func>, -1)), Ok(-1));
        assert_eq!(guest.call("size", ()), Ok(4));
        assert_eq!(guest.call("grow", (None::<Func>, 5)), Ok(4));
        assert_eq!(guest.call("grow", (None::<Func>, 0)), Ok(9));
        let (store, table) = (&mut guest.store, guest.table);
        assert_eq!(table.grow(&mut *store, 1, Ref::Func(None)).unwrap(), 9);
        assert!(table.grow(&mut *store, 1, Ref::Func(None)).is_err());
        assert_eq!(table.size(&*store), 10);
        assert_eq!(
            table.ty(&*store),
            TableType::new(ValType::FuncRef, 10, Some(10))
        );
        assert_eq!(guest.call("null", 9), Ok(1));
    });
}

#[test]
fn the_hosts_side() {
    each(|engine| {
        let mut guest = Guest::new(engine);
        let one = guest.instance.get_func(&guest.store, "one").unwrap();
        let (store, table) = (&mut guest.store, guest.table);
        table.fill(&mut *store, 0, Ref::Func(Some(one)), 2).unwrap();
        table.set(&mut *store, 1, Ref::Func(None)).unwrap();
        assert!(table.set(&mut *store, 4, Ref::Func(None)).is_err());
        assert!(table.set(&mut *store, 0, Ref::Extern(None)).is_err());
        assert!(table.get(&*store, 4).is_none());
        assert!(table.get(&*store, u64::MAX).is_none());
        Table::copy(&mut *store, &table, 2, &table, 0, 2).unwrap();
        assert!(Table::copy(&mut *store, &table, 3, &table, 0, 2).is_err());
        assert_eq!(guest.elements(), [1, 0, 1, 0]);
        let elements = (0..4).map(|n| guest.table.get(&guest.store, n).unwrap().is_null());
        assert_eq!(elements.collect::<Vec<_>>(), [false, true, false, true]);
    });
}

#[test]
fn tables_of_host_values() {
    each(|engine| {
        let mut store = Store::new(engine, ());
        let ty = TableType::new(ValType::ExternRef, 2, None);
        let value = ExternRef::new("hello");
        let table = Table::new(&mut store, ty, value.clone().into()).unwrap();
        let mut linker = Linker::new(engine);
        linker.define(&store, "h", "t", table).unwrap();
        let module = module(
            engine,
            r#"(module (import "h" "t" (table $t 2 externref)) (global $g (mut externref) (ref.null extern))
                (func (export "swap") (param externref) (result externref)
                    (table.get $t (i32.const 1))
                    (table.set $t (i32.const 1) (local.get 0)))
                (func (export "keep") (param externref) (result externref)
                    global.get $g local.get 0 global.set $g)
                (func (export "null") (param externref) (result i32) (ref.is_null (local.get 0))))"#,
        );
        let instance = linker.instantiate(&mut store, &module).unwrap();
        let other = ExternRef::new(3_u64);
        for name in ["swap", "keep"] {
            let func = instance
                .get_typed_func::<Option<ExternRef>, Option<ExternRef>>(&store, name)
                .unwrap();
            let first = func.call(&mut store, Some(other.clone())).unwrap();
            assert_eq!(first.is_some(), name == "swap");
            let second = func.call(&mut store, None).unwrap().unwrap();
            assert!(ExternRef::ptr_eq(&second, &other));
            assert!(
                func.call(&mut store, Some(value.clone()))
                    .unwrap()
                    .is_none()
            );
        }
        let Some(Ref::Extern(Some(found))) = table.get(&store, 1) else {
            panic!("the guest's value is missing");
        };
        assert!(ExternRef::ptr_eq(&found, &value));
        let null = instance
            .get_typed_func::<Option<ExternRef>, i32>(&store, "null")
            .unwrap();
        assert_eq!(null.call(&mut store, None).unwrap(), 1);
        assert_eq!(null.call(&mut store, Some(value.clone())).unwrap(), 0);
        drop((found, store));
        assert_eq!(value.strong_count(), 1);
    });
}
