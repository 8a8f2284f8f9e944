//! Division and shifts by every constant worth a case of its own, on either side.

use std::fmt::Write;

use crate::reference::{OPS, Op, Ty, interesting};
use crate::support::{Guest, MODES, val, wat};

fn operators() -> impl Iterator<Item = &'static Op> {
    let words = ["div", "rem", "mul", "shl", "shr", "rot", "sub", "and"];
    OPS.iter().filter(move |op| {
        matches!(op.params, [Ty::I32 | Ty::I64, _])
            && op.result == op.params[0]
            && words.iter().any(|word| op.name.contains(word))
    })
}

/// All powers of two, their neighbours and negatives, and the usual suspects.
fn constants(ty: Ty) -> Vec<u64> {
    let bits = if ty == Ty::I32 { 32 } else { 64 };
    let mut list = interesting(ty).to_vec();
    for power in 0..bits {
        let value = 1u64 << power;
        for value in [value, value - 1, value + 1, value.wrapping_neg()] {
            list.push(ty.trim(value));
        }
    }
    list.extend([6, 7, 10, 100, 1000, 641, 1_000_000_007].map(|value| ty.trim(value)));
    list.sort_unstable();
    list.dedup();
    list
}

#[test]
fn constants_on_either_side() {
    let mut text = String::from("(module ");
    for op in operators() {
        let ty = if op.params[0] == Ty::I32 {
            "i32"
        } else {
            "i64"
        };
        for constant in constants(op.params[0]) {
            let signed = if ty == "i32" {
                i64::from(constant as i32)
            } else {
                constant as i64
            };
            let value = format!("({ty}.const {signed})");
            let _ = writeln!(
                text,
                "(func (export \"{0} x {constant}\") (param {ty}) (result {ty})
                   ({0} (local.get 0) {value}))
                 (func (export \"{0} {constant} x\") (param {ty}) (result {ty})
                   ({0} {value} (local.get 0)))",
                op.name,
            );
        }
    }
    text.push(')');
    let wasm = wat(&text);
    for mode in MODES {
        let mut guest = Guest::new(mode, &wasm);
        for op in operators() {
            let ty = op.params[0];
            for constant in constants(ty) {
                for value in interesting(ty) {
                    let args = [val(ty, *value)];
                    let right = guest.bits(&format!("{} x {constant}", op.name), &args);
                    assert_eq!(
                        right,
                        (op.eval)(&[*value, constant]),
                        "{mode:?} {} {value:#x} by the constant {constant:#x}",
                        op.name
                    );
                    let left = guest.bits(&format!("{} {constant} x", op.name), &args);
                    assert_eq!(
                        left,
                        (op.eval)(&[constant, *value]),
                        "{mode:?} {} the constant {constant:#x} by {value:#x}",
                        op.name
                    );
                }
            }
        }
    }
}

/// Division while every register is in use, with both operands needed afterwards, in a loop.
#[test]
fn division_keeps_its_operands() {
    let text = r#"(module (func (export "run") (param $a i64) (param $b i64) (result i64)
        (local $n i32) (local $sum i64)
        (local.set $n (i32.const 5))
        (loop
          (local.set $sum (i64.add (local.get $sum)
            (i64.add
              (i64.mul (i64.div_s (local.get $a) (local.get $b)) (local.get $b))
              (i64.rem_s (local.get $a) (local.get $b)))))
          (local.set $sum (i64.add (local.get $sum)
            (i64.shl (i64.div_u (local.get $a) (i64.extend_i32_u (local.get $n)))
                     (i64.extend_i32_u (local.get $n)))))
          (local.set $sum (i64.add (local.get $sum)
            (i64.rem_u (i64.shr_u (local.get $a) (local.get $b))
                       (i64.or (local.get $b) (i64.const 1)))))
          (br_if 0 (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
        (i64.xor (local.get $sum) (i64.xor (local.get $a) (local.get $b)))))"#;
    let expected = |a: u64, b: u64| {
        let mut sum = 0u64;
        for n in (1..=5u64).rev() {
            sum = sum.wrapping_add(a).wrapping_add((a / n) << n);
            sum = sum.wrapping_add((a >> (b % 64)) % (b | 1));
        }
        sum ^ a ^ b
    };
    for mode in MODES {
        let mut guest = Guest::wat(mode, text);
        for (a, b) in [
            (100, 7),
            (u64::MAX, 3),
            (1 << 63, 2),
            (12345, u64::MAX - 4),
            (7, 63),
        ] {
            let outcome = guest.bits("run", &[val(Ty::I64, a), val(Ty::I64, b)]);
            assert_eq!(outcome, Ok(expected(a, b)), "{mode:?} {a} {b}");
        }
    }
}
