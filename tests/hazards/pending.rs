//! `local.get x … local.set x … use`: the value that was read must survive the set, in every
//! shape of code between.

use pronto::Val;

use crate::support::{Guest, MODES, wat};

/// Code between the read and the use, with `$x` (17) on the stack; sets `$x` to 99 on the way.
/// It leaves the stack as it was. `$one` is 1 and `$zero` is 0, unknown to the compiler.
const BETWEEN: &[&str] = &[
    "(local.set $x (T.const 99))",
    "(drop (local.tee $x (T.const 99)))",
    "(local.set $x (local.get $y))",
    "(local.set $x (T.add (local.get $x) (T.const 82)))",
    "(local.set $x (T.add (local.get $y) (T.const 0)))",
    "(local.get $x) (local.set $x (T.const 99)) (drop)",
    "(local.get $x) (local.get $x) (local.set $x (T.const 99)) (drop) (drop)",
    "(block (local.set $x (T.const 99)))",
    "(block (br_if 0 (local.get $zero)) (local.set $x (T.const 99)))",
    "(if (local.get $one) (then (local.set $x (T.const 99))))",
    "(if (local.get $zero) (then) (else (local.set $x (T.const 99))))",
    "(if (local.get $one) (then (local.set $x (T.const 99))) (else (local.set $x (T.const 5))))",
    "(if (local.get $zero) (then (local.set $x (T.const 5))) (else (local.set $x (T.const 99))))",
    "(loop (local.set $x (T.const 99)) (br_if 0 (local.get $zero)))",
    "(loop (local.set $x (T.add (local.get $x) (T.const 41)))
       (br_if 0 (local.tee $zero (i32.sub (i32.const 1) (local.get $zero)))))",
    "(call $nop) (local.set $x (T.const 99))",
    "(local.set $x (T.const 99)) (call $nop)",
    "(local.set $x (call $id (T.const 99)))",
    "(local.set $x (call $id (local.get $y))) (drop (call $id (local.get $x)))",
    "(block (block (br_table 0 1 (local.get $one))) (local.set $x (T.const 3)))
     (local.set $x (T.const 99))",
    "(block (result T) (local.get $x) (local.set $x (T.const 99))) (drop)",
    "(block (result T) (local.set $x (T.const 99)) (br 0 (local.get $x))) (drop)",
    "(local.get $x) (loop (param T) (drop) (local.set $x (T.const 99)))",
    "(local.get $x) (if (param T) (local.get $one) (then (drop) (local.set $x (T.const 99))) (else (drop)))",
    "(T.store (i32.const 0) (T.const 99)) (local.set $x (T.load (i32.const 0)))",
    "(local.set $x (select (T.const 99) (local.get $x) (local.get $one)))",
    "(drop (memory.grow (i32.const 0))) (local.set $x (T.const 99))",
    "(local.get $y) (local.get $x) (local.set $y) (local.set $x)",
    "(block (local.set $x (T.const 99)) (br 0) (unreachable))",
];

/// Uses of two equal values of `$x` that wait on the stack; the result is 34 (or what both make).
const USES: &[(&str, u64)] = &[
    ("(T.add)", 34),
    ("(call $add)", 34),
    ("(call_indirect (type $add) (i32.const 0))", 34),
    (
        "(local.set $s) (local.set $t) (T.add (local.get $s) (local.get $t))",
        34,
    ),
    (
        "(local.set $x) (local.set $y) (T.add (local.get $x) (local.get $y))",
        34,
    ),
    ("(local.tee $x) (local.get $x) (T.sub) (T.add)", 17),
    ("(global.set $g) (global.get $g) (T.add)", 34),
    ("(select (local.get $one))", 17),
    ("(br $out (T.add))", 34),
    ("(return (T.add))", 34),
    ("(block (param T T) (result T) (T.add))", 34),
    ("(loop (param T T) (result T) (T.add))", 34),
    (
        "(if (param T T) (result T) (local.get $one) (then (T.add)) (else (T.sub)))",
        34,
    ),
    ("(br_if $out (local.get $zero)) (T.add)", 34),
    (
        "(br_if $out (local.get $one)) (T.add) (drop) (T.const 1)",
        17,
    ),
    ("(br_table $out $out (local.get $one))", 17),
    (
        "(local.set $s) (T.store (i32.const 8) (local.get $s)) (T.add (T.load (i32.const 8)))",
        34,
    ),
];

fn module(ty: &str) -> String {
    let mut text = format!(
        "(module (memory 1) (table 1 funcref) (elem (i32.const 0) $add)
           (type $add (func (param {ty} {ty}) (result {ty})))
           (global $g (mut {ty}) ({ty}.const 0))
           (func $nop) (func $id (param {ty}) (result {ty}) (local.get 0))
           (func $add (type $add) ({ty}.add (local.get 0) (local.get 1)))"
    );
    for (b, between) in BETWEEN.iter().enumerate() {
        for (u, (usage, _)) in USES.iter().enumerate() {
            for (hot, warm) in ["", "(loop HEAT HEAT HEAT (br_if 0 (local.get $zero)))"]
                .into_iter()
                .enumerate()
            {
                let warm = warm.replace(
                    "HEAT",
                    "(local.set $x (local.get $x)) (local.set $y (local.get $y))",
                );
                let body = format!(
                    "(func (export \"{b} {u} {hot}\") (param $x T) (param $y T) (param $one i32)
                       (param $zero i32) (result T) (local $s T) (local $t T)
                       {warm}
                       (block $out (result T) (local.get $x) (local.get $x) {between} {usage}))"
                );
                text.push_str(&body.replace('T', ty));
            }
        }
    }
    text.push(')');
    text
}

#[test]
fn reads_survive_sets() {
    for (ty, float) in [("i32", false), ("i64", false), ("f32", true), ("f64", true)] {
        let text = module(ty);
        // Float constants read the same; only the bits of the results differ.
        let wasm = wat(&text);
        let number = |n: u64| match (ty, float) {
            ("i32", _) => Val::I32(n as i32),
            ("i64", _) => Val::I64(n as i64),
            ("f32", _) => Val::F32((n as f32).to_bits()),
            _ => Val::F64((n as f64).to_bits()),
        };
        for mode in MODES {
            let mut guest = Guest::new(mode, &wasm);
            for (b, between) in BETWEEN.iter().enumerate() {
                for (u, (usage, wanted)) in USES.iter().enumerate() {
                    for hot in 0..2 {
                        let args = [number(17), number(99), Val::I32(1), Val::I32(0)];
                        let outcome = guest.bits(&format!("{b} {u} {hot}"), &args);
                        let wanted = crate::support::bits(&number(*wanted));
                        assert_eq!(outcome, Ok(wanted), "{mode:?} {ty}: {between} … {usage}");
                    }
                }
            }
        }
    }
}
