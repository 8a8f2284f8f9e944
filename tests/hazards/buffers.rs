//! What stays from function to function: no list of one is seen by the next, whichever of them is
//! larger. The same body is compiled behind others, and must become the same code.

use std::fmt::Write;

use pronto::inspect::{InspectOptions, InspectedFunc, Target, inspect};

use crate::support::wat;

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
