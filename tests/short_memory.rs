//! A host without memory: what a module or a guest chooses the size of ends in an error, and what
//! comes after works.
//!
//! The allocator of this program can be told to refuse large allocations. An abort ends the program,
//! and so fails the tests.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::fmt::Write as _;

use pronto::{
    Config, Engine, Error, Extern, Func, Global, GlobalType, Instance, Linker, Module, Mutability,
    OutOfMemory, Result, Store, Val, ValType,
};

/// Smaller allocations always succeed: those of a size that nobody chooses, and the validator's.
const LARGE: usize = 8 * 1024;

#[derive(Clone, Copy)]
enum Plan {
    Allow,
    /// Refuses large allocations after so many; one, or all.
    Refuse {
        after: usize,
        all: bool,
    },
}

struct Refusing;

thread_local! {
    static PLAN: Cell<Plan> = const { Cell::new(Plan::Allow) };
    static REFUSED: Cell<bool> = const { Cell::new(false) };
}

fn refuses(size: usize) -> bool {
    if size < LARGE {
        return false;
    }
    let Plan::Refuse { after, all } = PLAN.get() else {
        return false;
    };
    if after > 0 {
        PLAN.set(Plan::Refuse {
            after: after - 1,
            all,
        });
        return false;
    }
    if !all {
        PLAN.set(Plan::Allow);
    }
    REFUSED.set(true);
    true
}

// SAFETY: hands over to the system's allocator, or gives nothing.
unsafe impl GlobalAlloc for Refusing {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if refuses(layout.size()) {
            return std::ptr::null_mut();
        }
        // SAFETY: the caller's promise.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        if refuses(layout.size()) {
            return std::ptr::null_mut();
        }
        // SAFETY: the caller's promise.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, ptr: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        if size > layout.size() && refuses(size) {
            return std::ptr::null_mut();
        }
        // SAFETY: the caller's promise.
        unsafe { System.realloc(ptr, layout, size) }
    }

    unsafe fn dealloc(&self, ptr: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise.
        unsafe { System.dealloc(ptr, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Refusing = Refusing;

/// Runs `act` once for each large allocation that it makes, which is refused (and in a second run
/// all after it are too), and then without refusals. How many were refused with an error.
fn each_refused<R>(mut act: impl FnMut() -> Result<R>) -> usize {
    let mut errors = 0;
    for after in 0.. {
        for all in [false, true] {
            REFUSED.set(false);
            PLAN.set(Plan::Refuse { after, all });
            let outcome = act();
            PLAN.set(Plan::Allow);
            match outcome {
                Ok(_) if !REFUSED.get() => return errors,
                // What is only quicker with memory does without.
                Ok(_) => {}
                Err(error) => {
                    check(&error);
                    errors += 1;
                }
            }
            assert!(act().is_ok(), "it works again");
        }
    }
    unreachable!("it ends without refusals")
}

#[track_caller]
fn check(error: &Error) {
    let Some(short) = error.downcast_ref::<OutOfMemory>() else {
        panic!("another error: {error:?}");
    };
    // Vectors ask for up to twice what they need.
    assert!(short.requested_allocation_size() >= LARGE / 2);
    let text = short.to_string();
    assert!(
        text.starts_with("out of memory: ") && text.ends_with(" bytes"),
        "{text}"
    );
}

/// Engines of each mode, which compile on the thread that is refused memory.
fn each(test: impl Fn(&Engine)) {
    for (guard, fuel) in [(false, false), (true, false), (true, true)] {
        let mut config = Config::new();
        config.signals_based_traps(guard).consume_fuel(fuel);
        config.parallel_compilation(false);
        test(&Engine::new(&config).unwrap());
    }
}

fn compile(wat: &str) -> Vec<u8> {
    wat::parse_str(wat).unwrap()
}

/// A function whose records, labels, targets, locals and code are large.
fn large_function() -> String {
    let mut wat = "(func (param i32) (result i32) (local".to_owned();
    wat.push_str(&" i32".repeat(1500));
    wat.push(')');
    for n in 0..3000 {
        let _ = write!(wat, "(i32.store offset={n} (local.get 0) (i32.const {n}))");
    }
    for _ in 0..1000 {
        wat.push_str("(block (br_if 0 (local.get 0)) (local.set 700 (i32.const 1)))");
    }
    let targets = "0 1 ".repeat(3000);
    let _ = write!(wat, "(block (block (br_table {targets} 0 (local.get 0))))");
    wat.push_str("(i32.div_s (local.get 0) (local.get 700)))");
    wat
}

/// A module of many things, and of a few large ones.
fn module() -> Vec<u8> {
    let mut wat = "(module (import \"m\" \"f\" (func)) (memory 2) (table 3000 funcref)".to_owned();
    let _ = write!(wat, "(elem (i32.const 0) func {})", "0 ".repeat(3000));
    let _ = write!(wat, "(elem funcref {})", "(ref.func 0) ".repeat(600));
    let _ = write!(wat, "(data (i32.const 0) \"{}\")", "d".repeat(70_000));
    let _ = write!(wat, "(@custom \"notes\" \"{}\")", "n".repeat(30_000));
    for n in 0..400 {
        let _ = write!(
            wat,
            "(func $a_function_with_a_rather_long_name_{n} (param i32)"
        );
        wat.push_str("(call 0) (drop (i32.load (local.get 0))))");
    }
    wat.push_str(&large_function());
    wat.push(')');
    compile(&wat)
}

#[test]
fn compilation() {
    let wasm = module();
    each(|engine| {
        let refused = each_refused(|| Module::new(engine, &wasm));
        assert!(refused > 10, "{refused}");
        // An engine that has never compiled has no buffers.
        let refused = each_refused(|| {
            let engine = Engine::new(engine.config())?;
            Module::new(&engine, &wasm)
        });
        assert!(refused > 30, "{refused}");
        each_refused(|| Module::validate(engine, &wasm));
    });
}

/// What is compiled after a failure is what is compiled without one.
#[test]
fn code_is_the_same_afterwards() {
    let wasm = module();
    each(|engine| {
        let expected = Module::new(engine, &wasm).unwrap().text().to_vec();
        for after in 0..40 {
            let engine = Engine::new(engine.config()).unwrap();
            PLAN.set(Plan::Refuse { after, all: true });
            let refused = Module::new(&engine, &wasm);
            PLAN.set(Plan::Allow);
            if let Err(error) = refused {
                check(&error);
            }
            assert!(Module::new(&engine, &wasm).unwrap().text() == expected);
        }
    });
}

/// Many globals, imported and defined; a large table; a passive segment to drop.
fn instance_module() -> Vec<u8> {
    let mut wat = "(module".to_owned();
    (0..1500).for_each(|_| wat.push_str("(import \"m\" \"g\" (global i32))"));
    wat.push_str("(import \"m\" \"f\" (func $f (param i32) (result i32)))");
    wat.push_str("(memory (export \"m\") 1 3) (table 5000 funcref) (table $t 1 externref)");
    (0..1500).for_each(|_| wat.push_str("(global i32 (i32.const 6))"));
    wat.push_str(
        r#"(func (export "run") (result i32) (call $f (global.get 2000)))
        (func (export "grow") (param i32) (result i32)
            (table.grow $t (ref.null extern) (local.get 0)))
        (func $start (drop (call $f (i32.const 0)))) (start $start))"#,
    );
    compile(&wat)
}

#[test]
fn instances() {
    let wasm = instance_module();
    each(|engine| {
        let module = Module::new(engine, &wasm).unwrap();
        let new_store = || {
            let mut store = Store::new(engine, ());
            let _ = store.set_fuel(1 << 40);
            store
        };
        let imports = |store: &mut Store<()>| {
            let ty = GlobalType::new(ValType::I32, Mutability::Const);
            let global = Global::new(&mut *store, ty, Val::I32(3)).unwrap();
            let f = Func::wrap(&mut *store, |n: i32| n + 1);
            let mut imports = vec![Extern::Global(global); 1500];
            imports.push(f.into());
            imports
        };
        let mut store = new_store();
        let given = imports(&mut store);
        let refused = each_refused(|| {
            let instance = Instance::new(&mut store, &module, &given)?;
            let run = instance.get_typed_func::<(), i32>(&store, "run")?;
            assert_eq!(run.call(&mut store, ())?, 7);
            Ok(())
        });
        assert!(refused > 5, "{refused}");
        // A store whose first call finds no memory.
        let mut linker: Linker<()> = Linker::new(engine);
        linker.func_wrap("m", "f", |n: i32| n + 1).unwrap();
        let plain = compile(
            r#"(module (import "m" "f" (func (param i32) (result i32)))
                (func (export "run") (result i32) (call 0 (i32.const 6))))"#,
        );
        let plain = Module::new(engine, plain).unwrap();
        let refused = each_refused(|| {
            let mut store = new_store();
            let instance = linker.instantiate(&mut store, &plain)?;
            let run = instance.get_typed_func::<(), i32>(&store, "run")?;
            assert_eq!(run.call(&mut store, ())?, 7);
            Ok(())
        });
        assert!(refused > 0, "{refused}");
        let refused = each_refused(|| {
            let mut store = new_store();
            let instance = linker.instantiate(&mut store, &plain)?;
            let run = instance.get_typed_func::<(), i32>(&store, "run")?;
            let mut execution = run.start(&mut store, ())?;
            execution.run(&mut store).map(drop)
        });
        assert!(refused > 0, "{refused}");
    });
}

/// The guest is told that it cannot grow, and goes on.
#[test]
fn growth() {
    let wasm = compile(
        r#"(module (table 1 externref)
            (func (export "grow") (param i32) (result i32)
                (table.grow (ref.null extern) (local.get 0))))"#,
    );
    each(|engine| {
        let mut store = Store::new(engine, ());
        let _ = store.set_fuel(1 << 40);
        let instance =
            Instance::new(&mut store, &Module::new(engine, &wasm).unwrap(), &[]).unwrap();
        let grow = instance.get_typed_func::<i32, i32>(&store, "grow").unwrap();
        assert_eq!(grow.call(&mut store, 1).unwrap(), 1);
        PLAN.set(Plan::Refuse {
            after: 0,
            all: true,
        });
        let refused = grow.call(&mut store, 5000);
        let small = grow.call(&mut store, 1);
        PLAN.set(Plan::Allow);
        assert_eq!((refused.unwrap(), small.unwrap()), (-1, 2));
        assert_eq!(grow.call(&mut store, 5000).unwrap(), 3);
    });
}

/// Exports are found without the map that would find them faster.
#[test]
fn exports() {
    let mut wat = "(module (func)".to_owned();
    for n in 0..2000 {
        let _ = write!(wat, "(export \"e{n}\" (func 0))");
    }
    wat.push(')');
    let wasm = compile(&wat);
    each(|engine| {
        let module = Module::new(engine, &wasm).unwrap();
        PLAN.set(Plan::Refuse {
            after: 0,
            all: true,
        });
        let found = (module.get_export("e1999"), module.get_export("e2000"));
        PLAN.set(Plan::Allow);
        assert!(found.0.is_some() && found.1.is_none());
    });
}
