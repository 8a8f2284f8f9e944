//! Where regions lie, and what they cost.

use super::verify::verify;
use crate::ir::decode::{DEFAULT_FEATURES, decode};
use crate::ir::fuel::{Costs, FuelCosts};
use crate::ir::func::Func;
use crate::ir::lower::Lowering;
use crate::ir::op::Op;

fn metered(wat: &str, costs: FuelCosts) -> Func {
    let bytes = wat::parse_str(wat).unwrap();
    let mut decoded = decode(&bytes, DEFAULT_FEATURES).unwrap();
    let costs = Costs::new(costs);
    let mut func = Func::default();
    let body = decoded.bodies.next().unwrap().unwrap();
    Lowering::default()
        .lower(&decoded.info, &bytes, &body, Some(&costs), &mut func)
        .unwrap();
    verify(&decoded.info, &func);
    func
}

/// What its regions pay.
fn paid(func: &Func) -> Vec<u64> {
    let mut paid = Vec::new();
    for record in func.records.iter() {
        if let Op::Fuel(cost) = record.op {
            paid.push(cost.into());
        }
    }
    paid
}

/// The records of the first function but those that compute, one a line.
#[track_caller]
fn assert_regions(wat: &str, expected: &str) {
    let func = metered(wat, FuelCosts::default());
    let regions = func.records.iter().map(|record| record.op);
    let regions: Vec<String> = regions
        .filter(|op| {
            let text = op.to_string();
            let control = ["block", "loop", "if", "br", "return", "unreachable", "call"];
            matches!(op, Op::Fuel(_) | Op::Label(_) | Op::Builtin(_))
                || control.iter().any(|name| text.starts_with(name))
        })
        .map(|op| op.to_string())
        .collect();
    let lines = expected.lines().map(str::trim);
    let expected: Vec<&str> = lines.filter(|line| !line.is_empty()).collect();
    assert_eq!(regions, expected);
}

#[test]
fn free_operators_make_no_region() {
    assert_regions("(module (func))", "return");
    assert_regions("(module (func nop (block nop) (loop) unreachable nop))", {
        "loop L2
        unreachable"
    });
}

#[test]
fn straight_code_is_one_region() {
    // A block that nothing branches to ends none, nor does a loop.
    assert_regions(
        "(module (func (param i32) (result i32)
            (block (drop (i32.const 1)))
            (loop (drop (i32.const 1)))
            (i32.add (local.get 0) (i32.const 2))))",
        "fuel 1
        loop L2
        fuel 4
        return",
    );
}

#[test]
fn branches_end_regions() {
    assert_regions(
        "(module (func (param i32) (result i32)
            (block
                (br_if 0 (local.get 0))
                (local.set 0 (i32.const 5))
                (br_if 0 (i32.eqz (local.get 0)))
                (br 0))
            (loop
                (local.set 0 (i32.sub (local.get 0) (i32.const 1)))
                (br_if 0 (local.get 0)))
            (local.get 0)))",
        "fuel 2
        br_if L1 (local.get 0)
        fuel 5
        br_if L1
        fuel 1
        br L1
        L1:
        loop L2
        fuel 6
        br_if L2 (local.get 0)
        fuel 1
        return",
    );
}

#[test]
fn each_arm_is_a_region() {
    assert_regions(
        "(module (func (param i32) (result i32)
            (if (local.get 0) (then (local.set 0 (i32.const 1))))
            (if (result i32) (local.get 0)
                (then (i32.const 1))
                (else (i32.add (i32.const 1) (local.get 0))))))",
        "fuel 2
        if L1
        fuel 2
        L1:
        fuel 2
        if L3 else L4
        fuel 1
        br L3
        L4:
        fuel 3
        L3:
        return",
    );
}

#[test]
fn calls_end_regions() {
    assert_regions(
        "(module (memory 1) (table 1 funcref) (func (param i32)
            (call 0 (i32.const 1))
            (call_indirect (param i32) (i32.const 1) (i32.const 0))
            (memory.fill (i32.const 0) (i32.const 0) (i32.const 0))
            (drop (memory.size))))",
        "fuel 2
        call 0
        fuel 3
        call_indirect 0 (type 0)
        fuel 4
        memory.fill 0
        fuel 1
        return",
    );
}

#[test]
fn dead_code_costs_nothing() {
    assert_regions(
        "(module (func (param i32)
            (if (i32.const 0) (then (drop (i32.mul (i32.const 1) (i32.const 2)))) (else nop))
            (block (br_if 0 (i32.const 1)) (drop (i32.const 1)))
            (drop (i32.const 1))
            (return)
            (drop (i32.const 1)) (loop (br 0))))",
        "fuel 4
        br L2
        L2:
        fuel 1
        return",
    );
}

#[test]
fn tables_of_costs() {
    let costs = FuelCosts {
        base: 2,
        division: 100,
        float: 1000,
        memory: 10_000,
        branch: 7,
        call: 3,
        bulk_bytes: 16,
    };
    let func = metered(
        "(module (memory 1) (func (local i32 i64 f32)
            (drop (i64.div_u (i64.const 1) (i64.const 2)))
            (drop (f32.sqrt (f32.const 1)))
            (drop (i32.trunc_sat_f64_s (f64.const 1)))
            (drop (i64.extend_i32_s (i32.trunc_f32_s (f32.const 1))))
            (drop (f64.reinterpret_i64 (i64.load8_u (i32.const 1))))
            (f64.store (i32.const 1) (f64.const 1))
            (block (br 0))
            (call 0)
            (if (i32.const 1) (then))))",
        costs,
    );
    let first = 2 + (2 + 2 + 100) + (2 + 1000) * 2 + (2 + 1000 + 2) + (2 + 10_000 + 2) + 10_004;
    assert_eq!(paid(&func), [first + 7, 3, 2 + 7]);
}

#[test]
fn a_region_is_cut_before_its_cost_is_too_large() {
    let costs = FuelCosts {
        base: u16::MAX,
        ..FuelCosts::default()
    };
    let body = "(drop (i32.const 1))".repeat(40_000);
    let func = metered(&format!("(module (func {body}))"), costs);
    let paid = paid(&func);
    assert_eq!(paid.len(), 3);
    assert!(paid.iter().all(|cost| *cost < 1 << 31));
    assert_eq!(paid.iter().sum::<u64>(), 40_000 * u64::from(u16::MAX));
}
