//! Family 11: memories and tables that grow, and may move, while someone holds their base.

use pronto::{Caller, Error, Extern, Linker, Module, Store, Trap, Val};

use crate::support::{Guest, MODES, bits, trap, wat};

/// Grows by a page in the manner of `$grow`, in the middle of accesses to old and new bytes.
/// Returns how many pages there were at first, if all is well.
const PROBE: &str = r#"
    (func $probe (export "probe") (result i32) (local $end i32) (local $n i32)
      (local.set $end (i32.mul (memory.size) (i32.const 65536)))
      (local.set $n (i32.const 3))
      (loop
        (i32.store (i32.sub (local.get $end) (i32.const 4)) (local.get $end))
        (i32.store (i32.const 0) (i32.const 77))
        (call $grow)
        ;; The new page is there, and is zero.
        (if (i32.load (local.get $end)) (then (unreachable)))
        (i32.store (local.get $end) (i32.const 5))
        (i32.store offset=65532 (local.get $end) (i32.const 6))
        ;; What was there is still there.
        (if (i32.ne (i32.load (i32.sub (local.get $end) (i32.const 4))) (local.get $end))
          (then (unreachable)))
        (if (i32.ne (i32.load (i32.const 0)) (i32.const 77)) (then (unreachable)))
        (local.set $end (i32.add (local.get $end) (i32.const 65536)))
        (if (i32.ne (i32.mul (memory.size) (i32.const 65536)) (local.get $end))
          (then (unreachable)))
        (br_if 0 (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
      (i32.div_u (local.get $end) (i32.const 65536)))
    (func (export "beyond") (result i32)
      (i32.load (i32.mul (memory.size) (i32.const 65536))))
"#;

const GROW: &str = "(drop (memory.grow (i32.const 1)))";

fn run(guest: &mut Guest, what: &str) {
    for round in 1..5 {
        assert_eq!(guest.bits("probe", &[]), Ok(1 + 3 * round), "{what}");
        assert_eq!(
            guest.bits("beyond", &[]),
            Err(Trap::MemoryOutOfBounds),
            "{what}"
        );
    }
}

#[test]
fn in_a_callee() {
    let deep = "(func $grow (call $a)) (func $a (call $b)) (func $b GROW)";
    let indirect = r#"(table 1 funcref) (elem (i32.const 0) $b)
        (func $grow (call_indirect (i32.const 0))) (func $b GROW)"#;
    for text in ["(func $grow GROW)", deep, indirect] {
        let text = text.replace("GROW", GROW);
        for limits in ["1", "1 1000"] {
            let text = format!("(module (memory {limits}) {text} {PROBE})");
            for mode in MODES {
                run(&mut Guest::wat(mode, &text), &text);
            }
        }
    }
}

#[test]
fn in_the_host() {
    let text = format!(
        r#"(module (import "host" "grow" (func $grow)) (memory (export "memory") 1) {PROBE})"#
    );
    let wasm = wat(&text);
    for mode in MODES {
        let mut guest = Guest::link(mode, &wasm, |linker: &mut Linker<()>| {
            linker
                .func_wrap("host", "grow", |mut caller: Caller<'_, ()>| {
                    let Some(Extern::Memory(memory)) = caller.get_export("memory") else {
                        panic!("no memory");
                    };
                    memory.grow(&mut caller, 1)?;
                    Ok::<(), Error>(())
                })
                .expect("a new name");
        });
        run(&mut guest, "the host grows it");
    }
}

/// The host calls back into the guest, which grows.
#[test]
fn in_a_reentry() {
    let text = format!(
        r#"(module (import "host" "grow" (func $grow)) (memory 1)
             (func (export "really") {GROW}) {PROBE})"#
    );
    let wasm = wat(&text);
    for mode in MODES {
        let mut guest = Guest::link(mode, &wasm, |linker: &mut Linker<()>| {
            linker
                .func_wrap("host", "grow", |mut caller: Caller<'_, ()>| {
                    let Some(Extern::Func(grow)) = caller.get_export("really") else {
                        panic!("no function");
                    };
                    grow.call(&mut caller, &[], &mut [])
                })
                .expect("a new name");
        });
        run(&mut guest, "the host calls what grows it");
    }
}

#[test]
fn in_the_start_function() {
    let text = format!(
        "(module (memory 1) (start $start) (func $grow {GROW})
           (func $start (if (i32.ne (call $probe) (i32.const 4)) (then (unreachable)))) {PROBE})"
    );
    for mode in MODES {
        let mut guest = Guest::wat(mode, &text);
        assert_eq!(guest.bits("probe", &[]), Ok(7), "{mode:?}");
    }
}

/// Another instance owns the memory, or grows what this one owns.
#[test]
fn through_another_instance() {
    let owner = format!(
        r#"(module (memory (export "memory") 1) (table (export "table") 2 funcref)
             (func (export "grow") {GROW})
             (func (export "size") (result i32) (memory.size)))"#
    );
    let direct = format!(
        r#"(module (import "owner" "memory" (memory 1)) (import "owner" "grow" (func $grow)) {PROBE})"#
    );
    let indirect = format!(
        r#"(module (import "owner" "memory" (memory 1)) (import "owner" "grow" (func $other))
             (import "owner" "table" (table 2 funcref)) (elem (i32.const 1) $other)
             (func $grow (call_indirect (i32.const 1))) {PROBE})"#
    );
    // It has a memory of its own, and sees that of the owner through calls alone.
    let apart = format!(
        r#"(module (import "owner" "grow" (func $other)) (memory 1)
             (func $grow (call $other) {GROW} (call $other)) {PROBE})"#
    );
    for mode in MODES {
        for user in [&direct, &indirect, &apart] {
            let engine = mode.engine();
            let mut store = Store::new(&engine, ());
            let mut linker = Linker::new(&engine);
            let module = Module::new(&engine, wat(&owner)).expect("a valid module");
            let owner = linker
                .instantiate(&mut store, &module)
                .expect("an instance");
            linker
                .instance(&mut store, "owner", owner)
                .expect("new names");
            let module = Module::new(&engine, wat(user)).expect("a valid module");
            let instance = linker
                .instantiate(&mut store, &module)
                .expect("an instance");
            let mut guest = Guest { store, instance };
            run(&mut guest, user);
            let size = owner
                .get_func(&mut guest.store, "size")
                .expect("a function");
            let mut results = [Val::I32(0)];
            size.call(&mut guest.store, &[], &mut results)
                .expect("a size");
            let pages = if *user == apart { 25 } else { 13 };
            assert_eq!(bits(&results[0]), pages, "{mode:?} {user}");
        }
    }
}

/// A table that grows under a function that calls through it.
#[test]
fn tables_grow_in_a_callee() {
    let text = r#"(module (table $t 1 funcref) (elem (i32.const 0) $f)
        (type $r (func (result i32)))
        (func $f (result i32) (i32.const 9))
        (func $grow (result i32) (table.grow $t (ref.func $f) (i32.const 500)))
        (func (export "run") (result i32) (local $n i32) (local $old i32)
          (local.set $n (i32.const 20))
          (loop
            (if (i32.ne (call_indirect (type $r) (i32.const 0)) (i32.const 9)) (then (unreachable)))
            (local.set $old (call $grow))
            (if (i32.ne (call_indirect (type $r) (i32.add (local.get $old) (i32.const 499)))
                        (i32.const 9))
              (then (unreachable)))
            (table.set $t (local.get $old) (ref.null func))
            (br_if 0 (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
          (table.size $t))
        (func (export "at") (param i32) (result i32) (call_indirect (type $r) (local.get 0))))"#;
    for mode in MODES {
        let mut guest = Guest::wat(mode, text);
        assert_eq!(guest.bits("run", &[]), Ok(10_001));
        let mut at = |n: i32| guest.bits("at", &[Val::I32(n)]);
        assert_eq!(at(10_001), Err(Trap::TableOutOfBounds));
        assert_eq!(at(1), Err(Trap::IndirectCallToNull));
        assert_eq!(at(10_000), Ok(9));
    }
}

/// Growth beyond the maximum fails with -1, changes nothing, and is not a trap.
#[test]
fn beyond_the_maximum() {
    let text = r#"(module (memory (export "memory") 1 3) (table 2 5 funcref)
        (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0)))
        (func (export "table") (param i32) (result i32)
          (table.grow (ref.null func) (local.get 0)))
        (func (export "size") (result i32) (memory.size))
        (func (export "last") (result i32)
          (i32.load (i32.sub (i32.mul (memory.size) (i32.const 65536)) (i32.const 4)))))"#;
    for mode in MODES {
        let mut guest = Guest::wat(mode, text);
        let mut call = |name: &str, n: i32| guest.bits(name, &[Val::I32(n)]);
        for n in [3, 4, 65535, 65536, i32::MAX, i32::MIN, -1] {
            assert_eq!(call("grow", n), Ok(0xffff_ffff), "{n}");
            assert_eq!(call("table", n | 4), Ok(0xffff_ffff), "{n}");
        }
        assert_eq!(call("grow", 2), Ok(1));
        assert_eq!(call("grow", 1), Ok(0xffff_ffff));
        assert_eq!(call("grow", 0), Ok(3));
        assert_eq!(guest.bits("last", &[]), Ok(0));
        let memory = guest.instance.get_memory(&mut guest.store, "memory");
        let memory = memory.expect("the memory");
        assert!(memory.grow(&mut guest.store, 1).is_err());
        assert_eq!(guest.bits("size", &[]), Ok(3));
    }
}

/// An error that a host function returns after growth finds the guest in a usable state.
#[test]
fn growth_then_error() {
    let text = r#"(module (import "host" "grow" (func $grow)) (memory (export "memory") 1)
        (func (export "run") (i32.store (i32.const 0) (i32.const 1)) (call $grow))
        (func (export "at") (param i32) (result i32) (i32.load (local.get 0))))"#;
    let wasm = wat(text);
    for mode in MODES {
        let mut guest = Guest::link(mode, &wasm, |linker: &mut Linker<()>| {
            linker
                .func_wrap("host", "grow", |mut caller: Caller<'_, ()>| {
                    let Some(Extern::Memory(memory)) = caller.get_export("memory") else {
                        panic!("no memory");
                    };
                    memory.grow(&mut caller, 10)?;
                    Err::<(), Error>(Trap::UnreachableCodeReached.into())
                })
                .expect("a new name");
        });
        let error = guest.call("run", &[]).expect_err("the host's error");
        assert_eq!(trap(&error), Trap::UnreachableCodeReached);
        assert_eq!(guest.bits("at", &[Val::I32(11 * 65536 - 4)]), Ok(0));
        assert_eq!(guest.bits("at", &[Val::I32(0)]), Ok(1));
        let outside = guest.bits("at", &[Val::I32(11 * 65536 - 3)]);
        assert_eq!(outside, Err(Trap::MemoryOutOfBounds));
    }
}

/// A memory may get the pages of one before it: it finds them empty, and ends where it should.
#[test]
fn memories_of_earlier_stores_leave_nothing() {
    let module = |pages: u32| {
        format!(
            r#"(module (memory {pages})
            (func (export "first") (result i32) (i32.load (i32.const 0)))
            (func (export "last") (result i32) (i32.load offset={last} (i32.const 0)))
            (func (export "beyond") (result i32) (i32.load offset={end} (i32.const 0)))
            (func (export "grow") (result i32) (memory.grow (i32.const 3)))
            (func (export "stain")
              (memory.fill (i32.const 0) (i32.const 0x55)
                (i32.mul (memory.size) (i32.const 65536)))))"#,
            last = pages * 65536 - 4,
            end = pages * 65536,
        )
    };
    for mode in MODES {
        let engine = mode.engine();
        for pages in [3, 1, 5, 5, 2, 1, 40, 4] {
            let module = Module::new(&engine, wat(&module(pages))).expect("a valid module");
            let mut store = Store::new(&engine, ());
            let instance = Linker::new(&engine)
                .instantiate(&mut store, &module)
                .expect("an instance");
            let mut call = |name: &str| {
                let func = instance.get_typed_func::<(), i32>(&store, name);
                let result = func.expect("an export").call(&mut store, ());
                result.map_err(|error| trap(&error))
            };
            assert_eq!(call("first"), Ok(0), "{pages} pages");
            assert_eq!(call("last"), Ok(0), "{pages} pages");
            assert_eq!(call("beyond"), Err(Trap::MemoryOutOfBounds));
            assert_eq!(call("grow"), Ok(pages as i32));
            assert_eq!(call("beyond"), Ok(0));
            let stain = instance.get_typed_func::<(), ()>(&store, "stain");
            let stained = stain.expect("an export").call(&mut store, ());
            stained.expect("no trap");
        }
    }
}
