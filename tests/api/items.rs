//! Memories and globals from both sides; bulk operations of memories.

use pronto::{ExternRef, GlobalType, Memory, MemoryType, Mutability, Store, Trap, Val, ValType};

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
