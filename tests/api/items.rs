//! Memories, tables, globals and references from both sides; bulk operations.

use pronto::{
    ExternRef, Func, Global, GlobalType, Memory, MemoryType, Mutability, Ref, Store, Table,
    TableType, Trap, Val, ValType,
};

use crate::support::{each, instantiate};

#[test]
fn memories() {
    each(|engine| {
        let (mut store, instance) = instantiate(
            engine,
            r#"(module (memory (export "m") 1 3) (data (i32.const 65530) "abcdef")
                (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0)))
                (func (export "size") (result i32) memory.size)
                (func (export "load") (param i32) (result i32) (i32.load8_u (local.get 0))))"#,
        );
        let memory = instance.get_memory(&store, "m").unwrap();
        let grow = instance.get_typed_func::<i32, i32>(&store, "grow").unwrap();
        let size = instance.get_typed_func::<(), i32>(&store, "size").unwrap();
        let load = instance.get_typed_func::<i32, i32>(&store, "load").unwrap();
        assert_eq!(memory.ty(&store), MemoryType::new(1, Some(3)));
        assert_eq!(memory.data(&store).len(), 65536);
        assert_eq!(load.call(&mut store, 65535).unwrap(), i32::from(b'f'));
        assert!(load.call(&mut store, 65536).is_err());
        assert_eq!(grow.call(&mut store, 0).unwrap(), 1);
        assert_eq!(grow.call(&mut store, 1).unwrap(), 1);
        assert_eq!(load.call(&mut store, 65536).unwrap(), 0);
        assert_eq!(&memory.data(&store)[65530..65536], b"abcdef");
        assert_eq!(grow.call(&mut store, 2).unwrap(), -1);
        assert_eq!(grow.call(&mut store, -1).unwrap(), -1);
        assert_eq!(memory.grow(&mut store, 1).unwrap(), 2);
        assert!(memory.grow(&mut store, 1).is_err());
        assert_eq!(size.call(&mut store, ()).unwrap(), 3);
        assert_eq!(memory.data_size(&store), 3 * 65536);
        let mut buffer = [0; 6];
        memory.read(&store, 65530, &mut buffer).unwrap();
        assert_eq!(&buffer, b"abcdef");
        assert!(memory.read(&store, 3 * 65536 - 5, &mut buffer).is_err());
        assert!(memory.read(&store, usize::MAX, &mut buffer).is_err());
        assert!(memory.write(&mut store, 3 * 65536 - 5, &buffer).is_err());
        memory.write(&mut store, 3 * 65536 - 6, &buffer).unwrap();
        assert_eq!(
            load.call(&mut store, 3 * 65536 - 1).unwrap(),
            i32::from(b'f')
        );
        assert!(load.call(&mut store, 3 * 65536).is_err());
    });
}

#[test]
fn memory_types_are_checked() {
    each(|engine| {
        let mut store = Store::new(engine, 5_u8);
        assert!(Memory::new(&mut store, MemoryType::new(2, Some(1))).is_err());
        assert!(Memory::new(&mut store, MemoryType::new(65537, None)).is_err());
        let empty = Memory::new(&mut store, MemoryType::new(0, None)).unwrap();
        assert_eq!(empty.data(&store), []);
        assert_eq!(empty.grow(&mut store, 2).unwrap(), 0);
        let (bytes, data) = empty.data_and_store_mut(&mut store);
        bytes[2 * 65536 - 1] = *data;
        *data = 6;
        assert_eq!(*empty.data(&store).last().unwrap(), 5);
        assert_eq!(*store.data(), 6);
    });
}

#[test]
fn bulk_memory() {
    each(|engine| {
        let (mut store, instance) = instantiate(
            engine,
            r#"(module (memory (export "m") 1) (data $d "0123456789") (data (i32.const 0) "active")
                (func (export "fill") (param i32 i32 i32)
                    (memory.fill (local.get 0) (local.get 1) (local.get 2)))
                (func (export "copy") (param i32 i32 i32)
                    (memory.copy (local.get 0) (local.get 1) (local.get 2)))
                (func (export "init") (param i32 i32 i32)
                    (memory.init $d (local.get 0) (local.get 1) (local.get 2)))
                (func (export "active") (param i32 i32 i32)
                    (memory.init 1 (local.get 0) (local.get 1) (local.get 2)))
                (func (export "drop") (data.drop $d)))"#,
        );
        let memory = instance.get_memory(&store, "m").unwrap();
        let call = |store: &mut Store<()>, name: &str, params| {
            let func = instance
                .get_typed_func::<(i32, i32, i32), ()>(&*store, name)
                .unwrap();
            func.call(store, params)
                .map_err(|error| error.trap().unwrap())
        };
        let oob = Err(Trap::MemoryOutOfBounds);
        call(&mut store, "fill", (100, 0x1_42, 5)).unwrap();
        assert_eq!(&memory.data(&store)[99..106], b"\0BBBBB\0");
        assert_eq!(call(&mut store, "fill", (65530, 1, 7)), oob);
        assert_eq!(memory.data(&store)[65530], 0);
        assert_eq!(call(&mut store, "fill", (65536, 1, 0)), Ok(()));
        assert_eq!(call(&mut store, "fill", (65537, 1, 0)), oob);
        assert_eq!(call(&mut store, "fill", (1, 1, -1)), oob);
        assert_eq!(call(&mut store, "fill", (-1, 1, -1)), oob);

        call(&mut store, "init", (200, 2, 8)).unwrap();
        assert_eq!(&memory.data(&store)[200..209], b"23456789\0");
        assert_eq!(call(&mut store, "init", (200, 3, 8)), oob);
        assert_eq!(call(&mut store, "init", (65530, 0, 8)), oob);
        call(&mut store, "copy", (202, 200, 6)).unwrap();
        assert_eq!(&memory.data(&store)[200..209], b"23234567\0");
        call(&mut store, "copy", (200, 201, 7)).unwrap();
        assert_eq!(&memory.data(&store)[200..209], b"32345677\0");
        assert_eq!(call(&mut store, "copy", (65530, 0, 7)), oob);
        assert_eq!(call(&mut store, "copy", (0, 65530, 7)), oob);

        // Active segments are gone once they were written; passive ones when they are dropped.
        assert_eq!(call(&mut store, "active", (0, 0, 1)), oob);
        assert_eq!(call(&mut store, "active", (0, 0, 0)), Ok(()));
        let drop = instance.get_typed_func::<(), ()>(&store, "drop").unwrap();
        drop.call(&mut store, ()).unwrap();
        drop.call(&mut store, ()).unwrap();
        assert_eq!(call(&mut store, "init", (0, 0, 1)), oob);
        assert_eq!(call(&mut store, "init", (0, 0, 0)), Ok(()));
        // Another instance has its own.
        let module = instance.module(&store);
        let again = pronto::Instance::new(&mut store, &module, &[]).unwrap();
        let init = again
            .get_typed_func::<(i32, i32, i32), ()>(&store, "init")
            .unwrap();
        init.call(&mut store, (0, 0, 1)).unwrap();
    });
}

#[test]
fn tables_of_functions() {
    each(|engine| {
        let (mut store, instance) = instantiate(
            engine,
            r#"(module (type $t (func (result i32)))
                (table $t (export "t") 4 10 funcref) (table $u 4 funcref)
                (elem $e func $one $two) (elem (i32.const 3) func $two)
                (func $one (export "one") (result i32) i32.const 1)
                (func $two (result i32) i32.const 2)
                (func (export "call") (param i32) (result i32)
                    (call_indirect $t (type $t) (local.get 0)))
                (func (export "get") (param i32) (result funcref) (table.get $t (local.get 0)))
                (func (export "null") (param i32) (result i32)
                    (ref.is_null (table.get $t (local.get 0))))
                (func (export "set") (param i32 funcref)
                    (table.set $t (local.get 0) (local.get 1)))
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
                (func (export "drop") (elem.drop $e)))"#,
        );
        let table = instance.get_table(&store, "t").unwrap();
        macro_rules! call {
            ($name:literal $params:expr => $results:ty) => {{
                let func = instance
                    .get_typed_func::<_, $results>(&store, $name)
                    .unwrap();
                func.call(&mut store, $params)
                    .map_err(|error| error.trap().unwrap())
            }};
        }
        let oob = Err(Trap::TableOutOfBounds);
        assert_eq!(call!("call" 3 => i32), Ok(2));
        assert_eq!(call!("call" 0 => i32), Err(Trap::IndirectCallToNull));
        assert_eq!(call!("null" 0 => i32), Ok(1));
        assert_eq!(call!("null" 3 => i32), Ok(0));
        assert_eq!(call!("null" 4 => i32), oob);
        call!("init" (0, 0, 2) => ()).unwrap();
        assert_eq!(
            (call!("call" 0 => i32), call!("call" 1 => i32)),
            (Ok(1), Ok(2))
        );
        assert_eq!(call!("init" (3, 0, 2) => ()), Err(Trap::TableOutOfBounds));
        assert_eq!(call!("call" 3 => i32), Ok(2));
        call!("copy" (1, 0, 3) => ()).unwrap();
        assert_eq!(
            (call!("call" 1 => i32), call!("call" 2 => i32)),
            (Ok(1), Ok(2))
        );
        assert_eq!(call!("call" 3 => i32), Err(Trap::IndirectCallToNull));
        assert_eq!(call!("copy" (2, 0, 3) => ()), Err(Trap::TableOutOfBounds));
        call!("through" (2, 1, 2) => ()).unwrap();
        assert_eq!(
            (call!("call" 2 => i32), call!("call" 3 => i32)),
            (Ok(1), Ok(2))
        );

        let host = Func::wrap(&mut store, || 30);
        call!("set" (0, Some(host)) => ()).unwrap();
        assert_eq!(call!("call" 0 => i32), Ok(30));
        assert_eq!(
            call!("set" (4, Some(host)) => ()),
            Err(Trap::TableOutOfBounds)
        );
        assert_eq!(call!("grow" (Some(host), 3) => i32), Ok(4));
        assert_eq!(call!("call" 6 => i32), Ok(30));
        assert_eq!(call!("grow" (None::<Func>, 4) => i32), Ok(-1));
        assert_eq!(call!("grow" (None::<Func>, -1) => i32), Ok(-1));
        assert_eq!(call!("size" () => i32), Ok(7));
        assert_eq!(
            call!("fill" (5, None::<Func>, 3) => ()),
            Err(Trap::TableOutOfBounds)
        );
        assert_eq!(call!("call" 5 => i32), Ok(30));
        call!("fill" (5, None::<Func>, 2) => ()).unwrap();
        assert_eq!(call!("call" 5 => i32), Err(Trap::IndirectCallToNull));
        let one = call!("get" 2 => Option<Func>).unwrap().unwrap();
        assert_eq!(
            one.typed::<(), i32>(&store)
                .unwrap()
                .call(&mut store, ())
                .unwrap(),
            1
        );
        assert!(call!("get" 5 => Option<Func>).unwrap().is_none());
        call!("drop" () => ()).unwrap();
        assert_eq!(call!("init" (0, 0, 1) => ()), Err(Trap::TableOutOfBounds));
        assert_eq!(call!("init" (0, 0, 0) => ()), Ok(()));

        // The host's side.
        assert_eq!(table.size(&store), 7);
        assert_eq!(
            table.ty(&store),
            TableType::new(ValType::FuncRef, 7, Some(10))
        );
        table.fill(&mut store, 0, Ref::Func(Some(one)), 2).unwrap();
        table.set(&mut store, 1, Ref::Func(None)).unwrap();
        assert_eq!(call!("call" 0 => i32), Ok(1));
        assert_eq!(call!("call" 1 => i32), Err(Trap::IndirectCallToNull));
        Table::copy(&mut store, &table, 1, &table, 0, 1).unwrap();
        assert_eq!(call!("call" 1 => i32), Ok(1));
        assert!(Table::copy(&mut store, &table, 6, &table, 0, 2).is_err());
        assert!(table.set(&mut store, 7, Ref::Func(None)).is_err());
        assert!(table.set(&mut store, 0, Ref::Extern(None)).is_err());
        assert!(table.get(&store, 7).is_none());
        assert_eq!(table.grow(&mut store, 3, Ref::Func(None)).unwrap(), 7);
        assert!(table.grow(&mut store, 1, Ref::Func(None)).is_err());
        assert_eq!(call!("null" 9 => i32), Ok(1));
    });
}

#[test]
fn tables_of_host_values() {
    each(|engine| {
        let mut store = Store::new(engine, ());
        let ty = TableType::new(ValType::ExternRef, 2, None);
        let value = ExternRef::new("hello");
        let table = Table::new(&mut store, ty, value.clone().into()).unwrap();
        let mut linker = pronto::Linker::new(engine);
        linker.define(&store, "h", "t", table).unwrap();
        let module = crate::support::module(
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

#[test]
fn globals() {
    each(|engine| {
        let (mut store, instance) = instantiate(
            engine,
            r#"(module
                (global (export "i32") (mut i32) (i32.const -1))
                (global (export "i64") (mut i64) (i64.add (i64.const 40) (i64.mul (i64.const 2) (i64.const 3))))
                (global (export "f32") (mut f32) (f32.const nan:0x200001))
                (global (export "f64") (mut f64) (f64.const -0.0))
                (global (export "func") (mut funcref) (ref.func $f))
                (global (export "extern") (mut externref) (ref.null extern))
                (global (export "const") i32 (i32.sub (i32.const 1) (i32.const 3)))
                (func $f (export "f") (result i32) i32.const 12)
                (func (export "sum") (result i64)
                    (i64.add (i64.extend_i32_u (global.get 0)) (global.get 1))))"#,
        );
        let global = |store: &Store<()>, name| instance.get_global(store, name).unwrap();
        assert_eq!(global(&store, "i32").get(&store).i32(), Some(-1));
        assert_eq!(global(&store, "i64").get(&store).i64(), Some(46));
        assert!(matches!(
            global(&store, "f32").get(&store),
            Val::F32(0x7fa0_0001)
        ));
        assert!(matches!(
            global(&store, "f64").get(&store),
            Val::F64(0x8000_0000_0000_0000)
        ));
        let sum = instance.get_typed_func::<(), i64>(&store, "sum").unwrap();
        assert_eq!(sum.call(&mut store, ()).unwrap(), 0xffff_ffff + 46);
        let func = *global(&store, "func")
            .get(&store)
            .unwrap_func_ref()
            .unwrap();
        assert_eq!(
            func.typed::<(), i32>(&store)
                .unwrap()
                .call(&mut store, ())
                .unwrap(),
            12
        );
        let value = ExternRef::new(());
        global(&store, "extern")
            .set(&mut store, value.clone().into())
            .unwrap();
        let found = global(&store, "extern").get(&store);
        assert!(ExternRef::ptr_eq(
            found.unwrap_extern_ref().unwrap(),
            &value
        ));
        global(&store, "i32").set(&mut store, Val::I32(5)).unwrap();
        assert_eq!(sum.call(&mut store, ()).unwrap(), 51);
        assert!(global(&store, "i32").set(&mut store, Val::I64(5)).is_err());
        let constant = global(&store, "const");
        assert_eq!(constant.get(&store).i32(), Some(-2));
        assert!(constant.set(&mut store, Val::I32(5)).is_err());
        assert_eq!(
            constant.ty(&store),
            GlobalType::new(ValType::I32, Mutability::Const)
        );
    });
}
