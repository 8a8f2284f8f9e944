//! Traps: each kind, what they carry, and that the store works afterwards.

use pronto::{Trap, Val};

use crate::support::{each, instantiate};

/// A function per trap, and one that works.
const TRAPS: &str = r#"(module
    (memory (export "memory") 1)
    (type $none (func))
    (table 4 funcref)
    (elem (i32.const 0) $ok $other)
    (func $ok)
    (func $other (param i32))
    (global $g (export "g") (mut i32) (i32.const 0))
    (func (export "unreachable") (param i32) unreachable)
    (func (export "load") (param i32) (drop (i32.load (local.get 0))))
    (func (export "store") (param i32) (i64.store offset=8 (local.get 0) (i64.const -1)))
    (func (export "far") (param i32) (drop (i32.load8_u offset=0xffffffff (local.get 0))))
    (func (export "indirect") (param i32) (call_indirect (type $none) (local.get 0)))
    (func (export "div") (param i32) (drop (i32.div_s (i32.const 1) (local.get 0))))
    (func (export "overflow") (param i32)
        (drop (i32.div_s (i32.const 0x80000000) (local.get 0))))
    (func (export "rem") (param i32)
        (drop (i64.rem_u (i64.const 5) (i64.extend_i32_u (local.get 0)))))
    (func (export "nan") (param i32)
        (drop (i32.trunc_f32_s (f32.reinterpret_i32 (local.get 0)))))
    (func (export "recurse") (param i32) (call $recurse (local.get 0)))
    (func $recurse (param i32) (call $recurse (local.get 0)))
    (func (export "count") (result i32)
        (global.set $g (i32.add (global.get $g) (i32.const 1))) (global.get $g)))"#;

#[test]
fn every_kind() {
    let cases = [
        ("unreachable", 0, Trap::UnreachableCodeReached),
        ("load", 65533, Trap::MemoryOutOfBounds),
        ("load", -1, Trap::MemoryOutOfBounds),
        ("load", i32::MIN, Trap::MemoryOutOfBounds),
        ("store", 65521, Trap::MemoryOutOfBounds),
        ("store", -8, Trap::MemoryOutOfBounds),
        ("far", 0, Trap::MemoryOutOfBounds),
        ("far", 1, Trap::MemoryOutOfBounds),
        ("far", -1, Trap::MemoryOutOfBounds),
        ("indirect", 1, Trap::BadSignature),
        ("indirect", 2, Trap::IndirectCallToNull),
        ("indirect", 4, Trap::TableOutOfBounds),
        ("indirect", -1, Trap::TableOutOfBounds),
        ("div", 0, Trap::IntegerDivisionByZero),
        ("overflow", -1, Trap::IntegerOverflow),
        ("rem", 0, Trap::IntegerDivisionByZero),
        ("nan", 0x7fc0_0000, Trap::BadConversionToInteger),
        ("nan", 0x4f80_0000, Trap::IntegerOverflow),
        ("recurse", 0, Trap::StackOverflow),
    ];
    let fine = [
        ("load", 65532),
        ("store", 65520),
        ("indirect", 0),
        ("div", 1),
        ("nan", 0),
    ];
    each(|engine| {
        let (mut store, instance) = instantiate(engine, TRAPS);
        let count = instance.get_typed_func::<(), i32>(&store, "count").unwrap();
        let mut calls = 0;
        for _ in 0..2 {
            for (name, arg, trap) in cases {
                let func = instance.get_typed_func::<i32, ()>(&store, name).unwrap();
                let error = func.call(&mut store, arg).unwrap_err();
                assert_eq!(error.trap(), Some(trap), "{name} {arg}");
                assert_eq!(error.downcast_ref::<Trap>(), Some(&trap));
                assert_eq!(error.to_string(), trap.to_string());
                assert!(!error.backtrace().unwrap().frames().is_empty());
                calls += 1;
                assert_eq!(count.call(&mut store, ()).unwrap(), calls);
            }
            for (name, arg) in fine {
                let func = instance.get_typed_func::<i32, ()>(&store, name).unwrap();
                func.call(&mut store, arg)
                    .unwrap_or_else(|error| panic!("{name} {arg}: {error}"));
            }
        }
    });
}

/// Stores before a trap stay, the one that traps writes nothing.
#[test]
fn effects_before_a_trap_stay() {
    each(|engine| {
        let (mut store, instance) = instantiate(engine, TRAPS);
        let func = instance.get_typed_func::<i32, ()>(&store, "store").unwrap();
        func.call(&mut store, 65520).unwrap();
        let memory = instance.get_memory(&store, "memory").unwrap();
        memory.data_mut(&mut store)[65520..].fill(7);
        func.call(&mut store, 65524).unwrap_err();
        assert_eq!(memory.data(&store)[65520..], [7; 16]);
        let global = instance.get_global(&store, "g").unwrap();
        global.set(&mut store, Val::I32(9)).unwrap();
        instance
            .get_func(&store, "unreachable")
            .unwrap()
            .call(&mut store, &[Val::I32(0)], &mut [])
            .unwrap_err();
        assert_eq!(global.get(&store).i32(), Some(9));
    });
}
