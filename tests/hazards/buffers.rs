//! What stays from function to function: no list of one is seen by the next, whichever of them is
//! larger. The same body is compiled behind others, and must become the same code.

use std::fmt::Write;

use pronto::inspect::{InspectOptions, InspectedFunc, Target, inspect};
use pronto::{Engine, Instance, Module, Store};

use crate::support::{MODES, wat};

/// A body with calls, traps, branches, sites, targets of a `br_table` and locals, in proportion to
/// `size`.
fn body(size: usize) -> String {
    let mut body = String::from("(func (param i32) (result i32) (local i64 f64)\n");
    for n in 0..size {
        let _ = write!(
            body,
            "(local.set 1 (i64.load offset={n} (local.get 0)))
             (if (i64.eqz (local.get 1)) (then (local.set 0 (call 0 (i32.const {n})))))
             (block (block (br_table 0 1 0 (local.get 0))) (unreachable))
             (i64.store (local.get 0) (i64.div_s (local.get 1) (i64.load (i32.const {n}))))"
        );
    }
    body + "(local.get 0))\n"
}

fn compile(bodies: &str, options: InspectOptions) -> Vec<InspectedFunc> {
    inspect(&wat(&format!("(module (memory 1) {bodies})")), options).unwrap()
}

fn assert_same(target: Target, explicit: bool, interruptible: bool) {
    // Smaller and larger than any before, and by so much that lists of each length are renewed.
    const SIZES: [usize; 9] = [1, 40, 2, 41, 300, 0, 7, 900, 40];
    let options = InspectOptions {
        target,
        explicit,
        interruptible,
        canonical_nans: false,
        fuel: None,
        features: 0,
    };
    let together: String = SIZES.iter().map(|&size| body(size)).collect();
    let together = compile(&together, options);
    assert_eq!(together.len(), SIZES.len());
    // The callee is function 0.
    for (func, size) in together.iter().zip(SIZES) {
        let alone = &compile(&body(size), options)[0];
        let what = format!("{size} times, {options:?}");
        let ops = |func: &InspectedFunc| -> Vec<String> {
            func.records.iter().map(|(_, op)| op.clone()).collect()
        };
        assert_eq!(ops(func), ops(alone), "{what}");
        assert!(func.code == alone.code, "code, {what}");
        assert_eq!(func.relocs, alone.relocs, "{what}");
        let codes = |func: &InspectedFunc| -> Vec<u32> {
            func.sites.iter().map(|&(code, _)| code).collect()
        };
        assert_eq!(codes(func), codes(alone), "{what}");
    }
}

#[test]
fn the_same_body_becomes_the_same_code_behind_others() {
    for target in [Target::Amd64, Target::Arm64] {
        for explicit in [false, true] {
            assert_same(target, explicit, false);
            assert_same(target, explicit, true);
        }
    }
}

/// How often the functions of [`module`] repeat what they do, in turn: some wait for others to be
/// lowered, some are emitted at once.
const REPEATS: [i32; 11] = [0, 3, 1, 25, 0, 0, 2, 7, 300, 1, 40];

const FUNCS: i32 = 400;

/// A module of that many functions, and one with the body `last`.
fn module(last: &str) -> Vec<u8> {
    let mut funcs = String::new();
    for at in 0..FUNCS {
        let repeats = REPEATS[at as usize % REPEATS.len()];
        let _ = write!(funcs, "(func (type 0)");
        for n in 0..repeats {
            let _ = write!(
                funcs,
                "(local.set 0 (i32.add (i32.mul (local.get 0) (i32.const 31)) (i32.const {})))
                 (block (block (br_table 0 1 0 (local.get 0)))
                    (local.set 0 (i32.xor (local.get 0) (i32.const 5))))",
                at + n
            );
        }
        let _ = write!(funcs, "(i32.add (local.get 0) (i32.const {at})))");
    }
    wat(&format!(
        r#"(module (type (func (param i32) (result i32))) {funcs} (func (type 0) {last})
            (table funcref (elem {}))
            (func (export "at") (param i32 i32) (result i32)
                (call_indirect (type 0) (local.get 1) (local.get 0))))"#,
        (0..FUNCS).map(|at| format!("{at} ")).collect::<String>()
    ))
}

/// What function `at` of [`module`] returns.
fn result(at: i32, mut x: i32) -> i32 {
    for n in 0..REPEATS[at as usize % REPEATS.len()] {
        x = x.wrapping_mul(31).wrapping_add(at + n);
        if x != 1 {
            x ^= 5;
        }
    }
    x.wrapping_add(at)
}

/// Functions that wait when one is refused are not part of the next module.
#[test]
fn functions_of_every_size_behind_those_of_a_refused_module() {
    let (bad, good) = (module("(i64.const 0)"), module("(i32.const 0)"));
    for mode in MODES {
        for parallel in [false, true] {
            let mut config = mode.config();
            let engine = Engine::new(config.parallel_compilation(parallel)).unwrap();
            for _ in 0..2 {
                let error = Module::new(&engine, &bad).unwrap_err().to_string();
                assert!(error.contains("type mismatch"), "{error}");
                let module = Module::new(&engine, &good).unwrap();
                let mut store = Store::new(&engine, ());
                let instance = Instance::new(&mut store, &module, &[]).unwrap();
                let call = instance.get_typed_func::<(i32, i32), i32>(&store, "at");
                let call = call.unwrap();
                for (at, x) in (0..FUNCS).flat_map(|at| [(at, 1), (at, at << 20)]) {
                    assert_eq!(call.call(&mut store, (at, x)).unwrap(), result(at, x));
                }
            }
        }
    }
}
