//! Limits on modules: what is at one compiles, what is beyond is an error that says where, and the
//! engine goes on.

use std::fmt::Write as _;

use pronto::{
    AvgBytesPerFunctionLimit, Config, EnforcedLimit, EnforcedLimits, EnforcedLimitsError, Engine,
    Error, Module,
};

type Set = fn(EnforcedLimits, u64) -> EnforcedLimits;

fn engine(limits: EnforcedLimits, guard: bool, parallel: bool) -> Engine {
    let mut config = Config::new();
    config.signals_based_traps(guard).enforced_limits(limits);
    Engine::new(config.parallel_compilation(parallel)).unwrap()
}

/// An engine with one limit, for each way to compile.
fn engines(limits: EnforcedLimits) -> impl Iterator<Item = Engine> {
    [(false, false), (false, true), (true, true)]
        .into_iter()
        .map(move |(guard, parallel)| engine(limits, guard, parallel))
}

fn exceeded(error: &Error) -> EnforcedLimitsError {
    match error.downcast_ref() {
        Some(error) => *error,
        None => panic!("another error: {error:?}"),
    }
}

/// What the error of a module says that exceeds the limit of `found - 1`.
#[track_caller]
fn at_and_above(wasm: &[u8], limit: EnforcedLimit, set: Set, found: u64) -> EnforcedLimitsError {
    let mut said = None;
    for engine in engines(set(EnforcedLimits::new(), found)) {
        assert!(Module::new(&engine, wasm).is_ok(), "{limit:?}");
        assert!(Module::validate(&engine, wasm).is_ok(), "{limit:?}");
    }
    for engine in engines(set(EnforcedLimits::new(), found - 1)) {
        let error = exceeded(&Module::new(&engine, wasm).unwrap_err());
        assert_eq!(
            (error.limit(), error.allowed(), error.found()),
            (limit, found - 1, found)
        );
        assert!(error.offset() < wasm.len());
        assert_eq!(*said.get_or_insert(error), error, "the same in every way");
        if limit != EnforcedLimit::CodeSize {
            let validated = Module::validate(&engine, wasm).unwrap_err();
            assert_eq!(exceeded(&validated), error);
        }
        // The next module is none the worse for it.
        assert!(Module::new(&engine, b"\0asm\x01\0\0\0").is_ok() || found <= 8);
    }
    said.unwrap()
}

/// One of everything, twice of some.
const WAT: &str = r#"(module
    (type (func (param i32 i64 f32) (result i32 i32)))
    (import "m" "f" (func (param i32)))
    (import "m" "g" (global i32))
    (memory (export "m") 1)
    (table 1 funcref) (table (export "t") 1 funcref) (table 1 externref)
    (global i32 (i32.const 1)) (global (mut i64) (i64.const 1))
    (elem (i32.const 0) func 0) (elem func 0)
    (data (i32.const 0) "a") (data "b") (data "c")
    (func (param i32) (local i64 i64) (local f32))
    (func (param i32)
        (block (block (loop (nop))) (if (local.get 0) (then (block (loop (block)))))))
    (func (export "last") (result i32) (i32.const 5)))"#;

#[test]
fn counts() {
    let wasm = wat::parse_str(WAT).unwrap();
    let counts: [(EnforcedLimit, Set, u64); 11] = [
        (
            EnforcedLimit::ModuleSize,
            |l, n| l.max_module_size(n),
            wasm.len() as u64,
        ),
        (EnforcedLimit::Functions, |l, n| l.max_functions(n), 4),
        (EnforcedLimit::Globals, |l, n| l.max_globals(n), 3),
        (EnforcedLimit::Tables, |l, n| l.max_tables(n), 3),
        (EnforcedLimit::Memories, |l, n| l.max_memories(n), 1),
        (EnforcedLimit::Imports, |l, n| l.max_imports(n), 2),
        (EnforcedLimit::Exports, |l, n| l.max_exports(n), 3),
        (
            EnforcedLimit::ElementSegments,
            |l, n| l.max_element_segments(n),
            2,
        ),
        (
            EnforcedLimit::DataSegments,
            |l, n| l.max_data_segments(n),
            3,
        ),
        (EnforcedLimit::Params, |l, n| l.max_params(n), 3),
        (EnforcedLimit::Results, |l, n| l.max_results(n), 2),
    ];
    for (limit, set, found) in counts {
        let error = at_and_above(&wasm, limit, set, found);
        assert_eq!(error.function(), None);
    }
    let error = at_and_above(&wasm, EnforcedLimit::Globals, |l, n| l.max_globals(n), 3);
    let section = error.offset();
    // The section of globals begins with their number, behind its own number and its size.
    assert_eq!((wasm[section - 2], wasm[section]), (6, 2));
    assert_eq!(
        error.to_string(),
        format!("limit exceeded at offset {section:#x}: 3 globals, allowed are at most 2")
    );
}

#[test]
fn plain_data_segments_are_counted() {
    let wat = r#"(module (memory 1) (data (i32.const 0) "a") (data (i32.const 9) "b"))"#;
    let wasm = wat::parse_str(wat).unwrap();
    let set: Set = |l, n| l.max_data_segments(n);
    at_and_above(&wasm, EnforcedLimit::DataSegments, set, 2);
}

#[test]
fn functions() {
    let wasm = wat::parse_str(WAT).unwrap();
    let error = at_and_above(&wasm, EnforcedLimit::Locals, |l, n| l.max_locals(n), 4);
    assert_eq!(error.function(), Some(1));
    let error = at_and_above(&wasm, EnforcedLimit::Nesting, |l, n| l.max_nesting(n), 5);
    assert_eq!(error.function(), Some(2));
    // The innermost block.
    assert_eq!(wasm[error.offset()..][..3], [0x02, 0x40, 0x0b]);
    assert_eq!(
        error.to_string(),
        format!(
            "limit exceeded at offset {:#x}: function 2: 5 nested blocks, allowed are at most 4",
            error.offset()
        )
    );
    let set: Set = |l, n| l.max_function_size(n);
    // No locals; block, block, loop, nop and three ends; local.get, if, block, loop, block, ends.
    let size = 1 + (2 + 2 + 2 + 1 + 2) + (2 + 2 + 2 + 2 + 2 + 4) + 2;
    let error = at_and_above(&wasm, EnforcedLimit::FunctionSize, set, size);
    assert_eq!(error.function(), Some(2));
    assert_eq!(u64::from(wasm[error.offset() - 1]), size);
    // No function is allowed a block, nor a local.
    for limits in [
        EnforcedLimits::new().max_nesting(0),
        EnforcedLimits::new().max_locals(0),
    ] {
        for engine in engines(limits) {
            let plain = wat::parse_str("(module (func (result i32) i32.const 1))").unwrap();
            assert!(Module::new(&engine, &plain).is_ok());
            assert!(Module::new(&engine, &wasm).is_err());
        }
    }
}

/// Blocks in dead code nest as others do, and 50,000 locals are counted without being made.
#[test]
fn hostile_functions() {
    let mut wat = "(module (func unreachable".to_owned();
    (0..300).for_each(|_| wat.push_str(" block"));
    (0..300).for_each(|_| wat.push_str(" end"));
    wat.push_str("))");
    let dead = wat::parse_str(&wat).unwrap();
    at_and_above(&dead, EnforcedLimit::Nesting, |l, n| l.max_nesting(n), 300);
    // One group of 50,000 i32.
    let many = b"\0asm\x01\0\0\0\x01\x04\x01\x60\0\0\x03\x02\x01\0\x0a\x08\x01\x06\x01\xd0\x86\x03\x7f\x0b";
    at_and_above(many, EnforcedLimit::Locals, |l, n| l.max_locals(n), 50_000);
}

/// A module so large that several threads compile it.
fn large() -> Vec<u8> {
    let mut wat = "(module (memory 1)".to_owned();
    for n in 0..1500 {
        wat.push_str("(func (export \"f");
        let _ = write!(wat, "{n}\") (param i32)");
        for at in 0..30 {
            let _ = write!(wat, "(i32.store offset={at} (local.get 0) (i32.const {n}))");
        }
        wat.push(')');
    }
    wat.push(')');
    wat::parse_str(&wat).unwrap()
}

#[test]
fn machine_code() {
    for wasm in [wat::parse_str(WAT).unwrap(), large()] {
        for guard in [false, true] {
            let engine = |limits, parallel| engine(limits, guard, parallel);
            let free = Module::new(&engine(EnforcedLimits::new(), true), &wasm).unwrap();
            let size = free.text().len() as u64;
            for parallel in [false, true] {
                let limited = |size| engine(EnforcedLimits::new().max_code_size(size), parallel);
                assert!(Module::new(&limited(size), &wasm).is_ok());
                let error = Module::new(&limited(size - 1), &wasm).unwrap_err();
                let error = exceeded(&error);
                let last = free.exports().count().max(4) - 1;
                assert_eq!(error.found(), size);
                assert_eq!(error.function(), Some(last as u32));
                // Half way, all ways stop at the same function.
                let error = Module::new(&limited(size / 2), &wasm).unwrap_err();
                let serial = engine(EnforcedLimits::new().max_code_size(size / 2), false);
                let expected = Module::new(&serial, &wasm).unwrap_err();
                assert_eq!(exceeded(&error), exceeded(&expected));
                assert!(Module::validate(&limited(1), &wasm).is_ok());
            }
        }
    }
}

/// Bodies are found while others are compiled: what is wrong with a late one comes first all the
/// same, and the next module is none the worse for it.
#[test]
fn large_modules_with_a_malformed_last_body() {
    let wasm = large();
    // The last body, of 242 bytes, ends the module; its size stands before it.
    let at = wasm.len() - 244;
    assert_eq!(wasm[at..at + 2], [0xf2, 0x01]);
    for guard in [false, true] {
        let engines = [false, true].map(|parallel| engine(EnforcedLimits::new(), guard, parallel));
        for size in [0xf0, 0xf1, 0xf3, 0xf8] {
            let mut bad = wasm.clone();
            bad[at] = size;
            let errors = engines.each_ref().map(|engine| {
                let error = Module::new(engine, &bad).unwrap_err();
                error.to_string()
            });
            assert_eq!(errors[0], errors[1]);
        }
        let whole = engines.each_ref();
        let whole = whole.map(|engine| Module::new(engine, &wasm).unwrap());
        assert!(whole[0].text() == whole[1].text());
    }
}

#[test]
fn averages() {
    let body = |size: usize| format!("(func {})", "nop ".repeat(size - 2));
    let module = |sizes: &[usize]| {
        let funcs: String = sizes.iter().map(|&size| body(size)).collect();
        wat::parse_str(format!("(module {funcs})")).unwrap()
    };
    let limit = AvgBytesPerFunctionLimit {
        req_funcs_bytes: 60,
        min_avg_bytes_per_function: 20,
    };
    for engine in engines(EnforcedLimits::new().min_avg_bytes_per_function(limit)) {
        for fine in [&[20, 20, 20][..], &[2, 58], &[2; 29], &[]] {
            assert!(Module::new(&engine, module(fine)).is_ok(), "{fine:?}");
        }
        for bad in [&[20, 20, 18, 2][..], &[2; 30]] {
            let error = Module::new(&engine, module(bad)).unwrap_err();
            let error = exceeded(&error);
            assert_eq!(error.limit(), EnforcedLimit::AvgBytesPerFunction);
            assert!(error.to_string().contains("allowed are at least 20"));
        }
    }
}

#[test]
fn strict_limits() {
    let engine = Engine::new(Config::new().enforced_limits(EnforcedLimits::strict())).unwrap();
    let params = |n: usize| {
        let params = "i32 ".repeat(n);
        wat::parse_str(format!("(module (func (param {params})))")).unwrap()
    };
    assert!(Module::new(&engine, params(32)).is_ok());
    let error = Module::new(&engine, params(33)).unwrap_err();
    assert_eq!(exceeded(&error).limit(), EnforcedLimit::Params);
    assert!(Module::new(&engine, wat::parse_str(WAT).unwrap()).is_ok());
}
