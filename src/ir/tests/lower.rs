//! Which records a body becomes, and what is learned of it.

use super::{assert_records, lower_wat};
use crate::ir::decode::{DEFAULT_FEATURES, decode};
use crate::ir::display::FuncDisplay;
use crate::ir::func::{Func, LabelArgs, Local};
use crate::ir::lower::Lowering;
use crate::ir::types::{LabelIdx, TypeIdx, ValType};

#[test]
fn straight_code() {
    assert_records(
        "(module (memory 1) (func (param i32 f64) (result i64)
            (i64.store offset=8 (local.get 0) (i64.const -1))
            (drop (f64.neg (local.get 1)))
            (i64.add (i64.load32_u (i32.const 4)) (i64.extend_i32_s (local.tee 0 (i32.const 7))))))",
        "i64.store offset=8 (local.get 0) (-1)
         local.get 1
         f64.neg
         drop
         i64.load32_u (4)
         i32.const 7
         local.tee 0
         i64.extend_i32_s
         i64.add
         return",
    );
}

#[test]
fn loops_and_blocks() {
    assert_records(
        "(module (func (param i32)
            (block (loop (br_if 1 (local.get 0)) (br 0)))
            (block (nop))))",
        "loop L2
         br_if L1 (local.get 0)
         br L2
         L1:
         return",
    );
}

#[test]
fn labels_know_their_stack() {
    let func = lower_wat(
        "(module (func (param i32) (result i32)
            (i32.const 5)
            (block (result i32)
                (i32.const 6) (i32.const 7)
                (loop (param i32 i32) (result i32)
                    (br_if 0 (local.get 0))
                    (br_if 2 (local.get 0))
                    (i32.add)))
            (i32.add)))",
    );
    let labels: Vec<_> = func
        .labels
        .iter()
        .map(|l| (l.height, l.args, l.preds))
        .collect();
    let one = LabelArgs::One(ValType::I32);
    let expected = [
        (0, one, 1),
        (1, one, 0),
        (1, LabelArgs::Params(TypeIdx(1)), 1),
    ];
    assert_eq!(labels, expected);
    assert_eq!(func.facts.max_height, 4);
}

#[test]
fn if_else_with_parameters() {
    assert_records(
        "(module (func (param i32) (result i32)
            (i32.const 1)
            (if (param i32) (result i32) (local.get 0)
                (then (i32.clz))
                (else (i32.ctz)))))",
        "i32.const 1
         local.get 0
         if L1 else L2
         i32.clz
         br L1
         L2:
         i32.ctz
         L1:
         return",
    );
}

#[test]
fn if_without_else() {
    let wat = "(module (func (param i32)
        (if (local.get 0) (then (if (local.get 0) (then (return)))))))";
    assert_records(
        wat,
        "local.get 0
         if L1
         local.get 0
         if L3
         return
         L3:
         L1:
         return",
    );
    let preds: Vec<u32> = lower_wat(wat)
        .labels
        .iter()
        .map(|label| label.preds)
        .collect();
    assert_eq!(preds, [0, 1, 0, 1, 0]);
}

#[test]
fn an_else_whose_then_does_not_end() {
    assert_records(
        "(module (func (param i32) (result i32)
            (if (result i32) (local.get 0)
                (then (return (i32.const 1)))
                (else (i32.const 2)))))",
        "local.get 0
         if L1 else L2
         i32.const 1
         return
         L2:
         i32.const 2
         return",
    );
}

#[test]
fn dead_code_is_not_recorded() {
    assert_records(
        "(module (func (param i32) (result i32)
            (block
                (br 0)
                (loop (block (br_table 0 1 2 (i32.const 0))))
                (if (i32.const 1) (then (unreachable)) (else (call 0 (i32.const 1)) (drop)))
                (drop (i32.add)))
            (return (local.get 0))
            (i32.const 3)))",
        "br L1
         L1:
         local.get 0
         return",
    );
}

#[test]
fn dead_after_unreachable_to_the_end() {
    assert_records(
        "(module (func (result i32) (block (loop (unreachable))) (i32.const 1)))",
        "loop L2
         unreachable",
    );
}

#[test]
fn the_functions_label() {
    assert_records(
        "(module (func (param i32) (result i32)
            (br_if 0 (i32.const 1) (local.get 0))
            (block (br_if 1 (i32.const 2) (local.get 0)) (drop) (br 1 (i32.const 3)))
            (unreachable)))",
        "i32.const 1
         br_if L0 (local.get 0)
         block L1
         i32.const 2
         br_if L0 (local.get 0)
         drop
         i32.const 3
         return
         L0:
         return",
    );
}

#[test]
fn branch_tables() {
    let wat = "(module (func (param i32)
        (block (block (block
            (br_table 0 2 3 1 (local.get 0)))))))";
    assert_records(
        wat,
        "local.get 0
         br_table 0+4
         L3:
         L2:
         L1:
         L0:
         return",
    );
    let func = lower_wat(wat);
    assert_eq!(func.targets, [3, 1, 0, 2].map(LabelIdx));
    assert!(func.labels.iter().all(|label| label.preds == 1));
}

#[test]
fn constant_conditions() {
    assert_records(
        "(module (func (param i32) (result i32)
            (block (br_if 0 (i32.const 0)) (br_if 0 (i32.const 9)) (unreachable))
            (if (i32.const 1) (then (nop)) (else (unreachable)))
            (if (i32.const 0) (then (unreachable)))
            (block (block (br_table 0 1 (i32.const 0))))
            (block (block (br_table 0 1 (i32.const -1))))
            (if (result i32) (i32.const 0) (then (unreachable)) (else (local.get 0)))))",
        "br L1
         L1:
         br L5
         L5:
         br L6
         L6:
         local.get 0
         return",
    );
}

#[test]
fn constant_ifs_keep_their_branches() {
    assert_records(
        "(module (func (param i32) (result i32)
            (if (result i32) (i32.const 1)
                (then (br_if 0 (i32.const 2) (local.get 0)))
                (else (unreachable)))))",
        "i32.const 2
         br_if L1 (local.get 0)
         L1:
         return",
    );
    assert_records(
        "(module (func (param i32) (result i32)
            (if (result i32) (i32.const 1)
                (then (return (i32.const 2)))
                (else (i32.const 3)))))",
        "i32.const 2
         return",
    );
}

#[test]
fn a_constant_before_a_label_decides_nothing() {
    assert_records(
        "(module (func (param i32)
            (block (result i32) (br_if 0 (i32.const 1) (local.get 0)))
            (br_if 0)))",
        "i32.const 1
         br_if L1 (local.get 0)
         L1:
         br_if L0
         L0:
         return",
    );
    assert_records(
        "(module (func (i32.const 1) (loop (param i32) (br_if 1) (br 0 (i32.const 0)))))",
        "i32.const 1
         loop L1
         br_if L0
         i32.const 0
         br L1
         L0:
         return",
    );
}

#[test]
fn selects_of_constants() {
    let select = |condition: &str| {
        format!(
            "(module (func (param i32 i32) (result i32)
                (local.get 0) (local.get 1) (select {condition})))"
        )
    };
    assert_records(&select("(i32.const 1)"), "local.get 0\nreturn");
    assert_records(&select("(i32.const 0)"), "local.get 1\nreturn");
    assert_records(
        "(module (func (param i32 i32) (result i32)
            (i32.clz (local.get 0)) (local.get 1) (select (i32.const 0))))",
        "local.get 0\ni32.clz\nlocal.get 1\ni32.const 0\nselect\nreturn",
    );
}

#[test]
fn rewrites() {
    let body = |body: &str| format!("(module (func (param i32 i64 i64) {body}))");
    assert_records(&body("(drop (i32.const 1)) (drop (local.get 0))"), "return");
    assert_records(&body("(local.set 0 (local.get 0))"), "return");
    assert_records(&body("(drop (local.tee 0 (local.get 0)))"), "return");
    assert_records(
        &body("(drop (local.tee 0 (i32.const 1)))"),
        "i32.const 1\nlocal.set 0\nreturn",
    );
    assert_records(
        &body("(br_if 0 (i32.eqz (i32.eqz (local.get 0))))"),
        "br_if L0 (local.get 0)\nL0:\nreturn",
    );
    assert_records(
        &body("(br_if 0 (i32.eqz (i64.lt_u (local.get 1) (local.get 2))))"),
        "i64.ge_u (local.get 1) (local.get 2)\nbr_if L0\nL0:\nreturn",
    );
    assert_records(
        &body("(local.set 0 (i32.eqz (i32.eqz (local.get 0))))"),
        "i32.eqz (local.get 0)\ni32.eqz\nlocal.set 0\nreturn",
    );
}

/// Only what was pushed right below becomes part of the record.
#[test]
fn operands_below() {
    let body = |body: &str| format!("(module (memory 1) (func (param i32 i32) {body}))");
    assert_records(
        &body("(i32.store (local.get 0) (local.get 1)) (i32.store (local.get 1) (i32.const 2))"),
        "i32.store (local.get 0) (local.get 1)\ni32.store (local.get 1) (2)\nreturn",
    );
    assert_records(
        &body("(local.get 0) (local.set 0 (i32.const 5)) (i32.xor (local.get 1)) (drop)"),
        "local.get 0\nlocal.set 0 (5)\ni32.xor (local.get 1)\ndrop\nreturn",
    );
    assert_records(
        &body("(local.get 0) (i32.sub (local.tee 0 (i32.const 5))) (drop)"),
        "local.get 0\ni32.const 5\nlocal.tee 0\ni32.sub\ndrop\nreturn",
    );
    assert_records(
        &body("(local.get 0) (block (param i32) (i32.shl (local.get 1)) (br_if 1))"),
        "local.get 0\nblock L1\ni32.shl (local.get 1)\nbr_if L0\nL0:\nreturn",
    );
}

#[test]
fn immutable_globals_are_constants() {
    assert_records(
        "(module
            (import \"m\" \"g\" (global $imported i32))
            (global $fixed i64 (i64.const -5))
            (global $var (mut i32) (i32.const 1))
            (global $func funcref (ref.func 0))
            (global $folded i32 (i32.mul (i32.const 3) (i32.sub (i32.const 1) (i32.const 2))))
            (func (result i32 i64 i32 funcref i32)
                (global.get $imported) (global.get $fixed) (global.get $var)
                (global.get $func) (global.get $folded)))",
        "global.get 0
         i64.const -5
         global.get 2
         ref.func 0
         i32.const -3
         return",
    );
}

#[test]
fn calls_and_builtins() {
    let func = lower_wat(
        "(module (memory 1) (table 3 funcref) (type $t (func (param i32) (result i64 i64)))
            (func (param i32)
                (loop (drop (memory.grow (local.get 0))) (br_if 0 (local.get 0)))
                (call 0 (local.get 0))
                (table.set (i32.const 0) (ref.null func))
                (call_indirect (type $t) (local.get 0) (i32.const 1))
                (drop) (drop)))",
    );
    let records: Vec<String> = func
        .records
        .iter()
        .map(|record| record.op.to_string())
        .collect();
    let expected = "loop L1|local.get 0|memory.grow 0|drop|br_if L1 (local.get 0)|local.get 0|call 0\
        |i32.const 0|ref.null funcref|table.set 0|local.get 0|i32.const 1\
        |call_indirect 0 (type 0)|drop|drop|return";
    assert_eq!(records.join("|"), expected);
    assert_eq!(func.facts.call_weight, 8 + 3);
    assert!(!func.facts.is_leaf());
    assert_eq!(func.facts.max_height, 2);
}

#[test]
fn locals_weigh_by_loop_depth() {
    let func = lower_wat(
        "(module (func (param i32 i64) (local f32)
            (drop (i32.add (local.get 0) (local.get 0)))
            (loop (loop (loop (loop (loop (drop (i32.clz (local.get 0)))))))
                (local.set 2 (f32.const 1)))
            (block (local.set 0 (i32.const 1)))))",
    );
    let weights: Vec<u32> = func.locals.iter().map(|local| local.weight).collect();
    assert_eq!(weights, [3 + 4096, 0, 8]);
}

#[test]
fn which_locals_are_zeroed() {
    let func = lower_wat(
        "(module (func (param $param i32) (local $set i32) (local $read i32)
            (local $never i32) (local $later i32) (local $tee i32) (local $twice i64)
            (local.set $set (i32.const 1))
            (local.set $param (local.get $read))
            (local.set $param (i32.add (local.tee $tee (i32.const 2)) (local.get $set)))
            (local.set $twice (i64.const 1))
            (block
                (local.set $later (i32.const 1))
                (local.set $twice (i64.const 2)))
            (local.set $param (i32.add (local.get $later) (local.get $tee)))))",
    );
    let zeroed: Vec<bool> = func.locals.iter().map(Local::zeroed).collect();
    assert_eq!(zeroed, [false, false, true, false, true, false, false]);
    assert_eq!(func.facts.params, 1);
}

#[test]
fn many_locals_are_kept_when_used() {
    let func = lower_wat(&format!(
        "(module (func (param i32) (local {} f64 i64)
            (local.set 600 (i32.const 1))
            (local.set 702 (i64.const 1))
            (drop (f64.neg (local.get 701)))
            (drop (i32.clz (local.get 600)))
            (local.set 0 (i32.const 1))))",
        "i32 ".repeat(700)
    ));
    let locals: Vec<_> = func
        .locals
        .iter()
        .map(|l| (l.index, l.ty, l.weight, l.zeroed()))
        .collect();
    let expected = [
        (0, ValType::I32, 1, false),
        (600, ValType::I32, 2, false),
        (702, ValType::I64, 1, false),
        (701, ValType::F64, 1, true),
    ];
    assert_eq!(locals, expected);
}

/// Whatever one function leaves behind, the next does not see.
#[test]
fn buffers_are_reused() {
    let many = format!(
        "(local {}) (local.set 800 (i32.const 1))",
        "i32 ".repeat(900)
    );
    let wat = format!(
        "(module
            (func (param i32) (block (br_table 0 1 (local.get 0))) (call 0 (i32.const 1)))
            (func {many}) (func {many} (local.set 0 (local.get 1)))
            (func))"
    );
    let bytes = wat::parse_str(wat).unwrap();
    let decoded = decode(&bytes, DEFAULT_FEATURES).unwrap();
    let (mut lowering, mut func) = (Lowering::default(), Func::default());
    let mut seen = Vec::new();
    for body in decoded.bodies {
        lowering
            .lower(&decoded.info, &bytes, &body.unwrap(), None, &mut func)
            .unwrap();
        seen.push((
            func.records.len(),
            func.targets.len(),
            func.locals.len(),
            func.facts.call_weight,
        ));
    }
    assert_eq!(
        seen,
        [(7, 2, 1, 1), (2, 0, 1, 0), (3, 0, 3, 0), (1, 0, 0, 0)]
    );
    assert_eq!(func.labels.len(), 1);
    assert_eq!(func.facts.max_height, 0);
}

/// Whatever takes the stack to its greatest height, the frame has room for it.
#[test]
fn every_operator_that_pushes_counts() {
    let pushes = [
        "local.get 0",
        "i32.const 1",
        "i64.const 1",
        "f32.const 1",
        "f64.const 1",
        "global.get 0",
        "global.get 1",
        "memory.size",
        "table.size",
        "ref.null func",
        "ref.func 0",
        "call 1",
        "(call_indirect (result i32) (i32.const 0))",
        "(if (result i32) (i32.const 1) (then (i32.const 1)) (else unreachable))",
    ];
    for push in pushes {
        let wat = format!(
            "(module (memory 1) (table 1 funcref)
                (global i32 (i32.const 7)) (global (mut f64) (f64.const 7))
                (func (param i32) i32.const 0 i32.const 0 {push} drop drop drop)
                (func (result i32) (i32.const 0))
                (elem declare func 0))"
        );
        assert_eq!(lower_wat(&wat).facts.max_height, 3, "{push}");
    }
    let several = "(module
        (func i32.const 0 call 1 drop drop drop drop)
        (func (result i32 i64 f64) unreachable))";
    assert_eq!(lower_wat(several).facts.max_height, 4);
    let dead = "(module (func unreachable i32.const 0 i32.const 0 drop drop))";
    assert_eq!(lower_wat(dead).facts.max_height, 0);
}

#[test]
fn display_shows_all() {
    let wat = "(module (memory 1) (func $name (param i32) (result i32) (local i64)
        (block (block (br_table 0 1 (local.get 0))))
        (drop (call 0 (local.get 0)))
        (drop (i64.load offset=4 (local.get 0)))
        (drop (f32.add (f32.const 1.5) (f32.const nan:0x200000)))
        (i32.trunc_sat_f64_u (f64.const -0))))";
    let bytes = wat::parse_str(wat).unwrap();
    let mut decoded = decode(&bytes, DEFAULT_FEATURES).unwrap();
    let mut func = Func::default();
    let body = decoded.bodies.next().unwrap().unwrap();
    Lowering::default()
        .lower(&decoded.info, &bytes, &body, None, &mut func)
        .unwrap();
    let text = FuncDisplay {
        module: &decoded.info,
        func: &func,
    };
    let expected = [
        "func 0 $name (param i32) (result i32) height 2 calls 1",
        "    local 0 i32 weight 3",
        "    local 1 i64 weight 0",
        "    0x24  local.get 0",
        "    0x26  br_table L2 L1",
        "    0x2a  L2: height 0 preds 1",
        "    0x2b  L1: height 0 preds 1",
        "    0x2c  local.get 0",
        "    0x2e  call 0",
        "    0x30  drop",
        "    0x33  i64.load offset=4 (local.get 0)",
        "    0x36  drop",
        "    0x37  f32.const 1.5",
        "    0x3c  f32.const nan:0x200000",
        "    0x41  f32.add",
        "    0x42  drop",
        "    0x43  f64.const -0.0",
        "    0x4c  i32.trunc_sat_f64_u",
        "    0x4e  return",
        "",
    ];
    assert_eq!(text.to_string(), expected.join("\n"));
}
