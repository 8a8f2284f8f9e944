//! A branch on the result of the operation before it may use the flags which that has left. Only
//! of that result, of its size, for equality with zero, and if nothing comes in between.

use pronto::Val;

use crate::support::{Guest, MODES, wat};

/// The body of a function of two `i64` that yields an `i32`, and what that is.
type Case = (&'static str, fn(i64, i64) -> bool);

const CASES: [Case; 24] = [
    ("(i64.eqz (i64.sub X Y))", |x, y| x == y),
    ("(i64.eqz (local.tee $x (i64.sub X Y)))", |x, y| x == y),
    ("(i32.eqz (i32.add A B))", |x, y| low(x) == low(y).wrapping_neg()),
    ("(i32.eqz (i32.eqz (i32.and A B)))", |x, y| x as i32 & y as i32 != 0),
    ("(i32.eqz (i32.xor A (i32.const -1)))", |x, _| low(x) == -1),
    ("(i64.eqz (i64.add X (i64.const 1)))", |x, _| x == -1),
    ("(i32.ne (i32.sub A (i32.const 1)) (i32.const 0))", |x, _| low(x) != 1),
    // Of another size: what is zero in one half.
    ("(i32.eqz (i32.wrap_i64 (i64.sub X Y)))", |x, y| {
        low(x.wrapping_sub(y)) == 0
    }),
    (
        "(i64.eqz (i64.extend_i32_u (i32.add A B)))",
        |x, y| low(x) == low(y).wrapping_neg(),
    ),
    ("(i64.eqz (i64.extend_i32_s (i32.sub A B)))", |x, y| {
        low(x) == low(y)
    }),
    ("(i64.eqz (i64.and X (i64.const 0x7fffffff)))", |x, _| {
        x & 0x7fff_ffff == 0
    }),
    ("(i64.eqz (i64.and X (i64.const -4294967296)))", |x, _| {
        x >> 32 == 0
    }),
    // Other conditions than equality: the sum or difference may overflow.
    ("(i32.lt_s (i32.sub A B) (i32.const 0))", |x, y| {
        low(x).wrapping_sub(low(y)) < 0
    }),
    ("(i32.ge_s (i32.add A B) (i32.const 0))", |x, y| {
        low(x).wrapping_add(low(y)) >= 0
    }),
    ("(i64.gt_s (i64.sub X Y) (i64.const 0))", |x, y| {
        x.wrapping_sub(y) > 0
    }),
    ("(i64.le_s (i64.add X Y) (i64.const 0))", |x, y| {
        x.wrapping_add(y) <= 0
    }),
    ("(i32.gt_u (i32.sub A B) (i32.const 0))", |x, y| low(x) != low(y)),
    ("(i32.le_u (i32.add A B) (i32.const 0))", |x, y| low(x) == low(y).wrapping_neg()),
    // The flags are those of another value.
    ("(local.set $x (i64.sub X Y)) (i64.eqz Y)", |_, y| y == 0),
    (
        "(local.set $x (i64.add X (i64.const 1))) (local.set $y (i64.sub Y (i64.const 1))) (i64.eqz X)",
        |x, _| x == -1,
    ),
    // The branch is reached from elsewhere too.
    (
        "(block (br_if 0 (i64.eqz Y)) (local.set $x (i64.sub X Y))) (i64.eqz X)",
        |x, y| x.wrapping_sub(y) == 0,
    ),
    (
        "(if (i64.lt_s X Y) (then (local.set $x (i64.const 7))) (else (local.set $x (i64.sub X Y)))) (i64.eqz X)",
        |x, y| x == y,
    ),
    (
        "(local.set $n (i64.const 3))
         (block (loop
           (br_if 1 (i64.eqz (local.get $n)))
           (local.set $x (i64.add X Y))
           (local.set $n (i64.sub (local.get $n) (i64.const 1)))
           (br 0)))
         (i64.eqz X)",
        |x, y| x.wrapping_add(y.wrapping_mul(3)) == 0,
    ),
    (
        "(local.set $n (i64.const 5))
         (loop (br_if 0 (i64.ne (local.tee $n (i64.sub (local.get $n) (i64.const 1))) (i64.const 0))))
         (i64.eqz (local.get $n))",
        |_, _| true,
    ),
];

/// Uses of a condition `C` that yield 1 if it holds, else 0.
const USES: [&str; 5] = [
    "C",
    "C (if (result i32) (then (i32.const 1)) (else (i32.const 0)))",
    "(block $out (block $no C (br_if $out) (br $no)) (return (i32.const 0))) (i32.const 1)",
    "(i32.const 1) (i32.const 0) C (select)",
    "C (i32.eqz) (i32.eqz)",
];

fn low(value: i64) -> i32 {
    value as i32
}

#[test]
fn flags_are_used_for_what_they_say() {
    let mut text = String::from("(module\n");
    for (c, (case, _)) in CASES.iter().enumerate() {
        for (u, used) in USES.iter().enumerate() {
            let body = used
                .replacen('C', case, 1)
                .replace('X', "(local.get $x)")
                .replace('Y', "(local.get $y)")
                .replace('A', "(i32.wrap_i64 (local.get $x))")
                .replace('B', "(i32.wrap_i64 (local.get $y))");
            text += &format!(
                "(func (export \"{c} {u}\") (param $x i64) (param $y i64) (result i32)
                   (local $n i64) {body})\n"
            );
        }
    }
    text.push(')');
    let wasm = wat(&text);
    let values = [
        0,
        1,
        -1,
        2,
        i64::MIN,
        i64::MAX,
        1 << 31,
        -(1 << 31),
        1 << 32,
        0x8000_0001,
    ];
    for mode in MODES {
        let mut guest = Guest::new(mode, &wasm);
        for (c, (case, holds)) in CASES.iter().enumerate() {
            for (u, used) in USES.iter().enumerate() {
                for (x, y) in values.iter().flat_map(|x| values.map(|y| (*x, y))) {
                    let args = [Val::I64(x), Val::I64(y)];
                    let results = guest.call(&format!("{c} {u}"), &args).expect("no trap");
                    let wanted = i32::from(holds(x, y));
                    assert_eq!(
                        results[0].i32(),
                        Some(wanted),
                        "{mode:?} {case} in {used}, {x:#x} {y:#x}"
                    );
                }
            }
        }
    }
}
