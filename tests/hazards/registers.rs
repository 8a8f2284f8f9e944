//! Records that need many registers at once, where locals have taken most of them.

use pronto::Val;

use crate::support::{Guest, MODES};

/// A leaf whose heavy locals take every register that pins may take, and four light ones, `$a`
/// to `$d`, of which `code` keeps copies in registers by using them as addresses.
fn crowded(code: &str) -> String {
    let heavy: String = (0..12).map(|n| format!("(local $h{n} i32)")).collect();
    let uses: String = (0..12)
        .map(|n| format!("(local.set $h{n} (i32.add (local.get $h{n}) (i32.const {n})))").repeat(4))
        .collect();
    format!(
        "(module (memory 1)
            (data (i32.const 0) \"\\01\\00\\00\\00\\02\\00\\00\\00\\03\\00\\00\\00\\04\\00\\00\\00\")
            (func (export \"f\") (param $a i32) (param $b i32) (param $c i32) (param $d i32)
                (result i32) {heavy}
                {uses}
                {code}))"
    )
}

fn run(code: &str, args: [i32; 4], expected: i32) {
    for mode in MODES {
        let mut guest = Guest::wat(mode, &crowded(code));
        let results = guest.call("f", &args.map(Val::I32)).expect("no trap");
        assert!(
            matches!(results[..], [Val::I32(value)] if value == expected),
            "{mode:?} {code}"
        );
    }
}

#[test]
fn a_select_of_copies_on_a_comparison_of_temporaries() {
    let code = "(drop (i32.add (i32.load (local.get $a)) (i32.load (local.get $b))))
        (select (local.get $a) (local.get $b)
            (i32.lt_u (i32.load (local.get $a)) (i32.load (local.get $b))))";
    run(code, [0, 4, 8, 12], 0);
    run(code, [12, 4, 8, 0], 4);
}

#[test]
fn divisions_of_copies() {
    for (op, expected) in [
        ("div_u", 12 / 5),
        ("rem_u", 12 % 5),
        ("div_s", 12 / 5),
        ("rem_s", 2),
    ] {
        let code = format!(
            "(drop (i32.add (i32.load (local.get $a)) (i32.load (local.get $b))))
            (i32.{op} (i32.load offset=8 (local.get $a)) (i32.load (local.get $b)))
            (i32.{op} (local.get $c) (local.get $d))
            (i32.add)"
        );
        let first = match op {
            "div_u" | "div_s" => 3 / 2,
            _ => 3 % 2,
        };
        run(&code, [0, 4, 12, 5], first + expected);
    }
}

#[test]
fn shifts_and_rotates_of_copies() {
    for op in ["shl", "shr_u", "rotl", "rotr"] {
        let code = format!(
            "(drop (i32.add (i32.load (local.get $a)) (i32.load (local.get $b))))
            (i32.{op} (i32.load offset=8 (local.get $a)) (i32.load (local.get $b)))
            (i32.{op} (local.get $c) (local.get $d))
            (i32.xor)"
        );
        let shift = |value: u32, count: u32| match op {
            "shl" => value << count,
            "shr_u" => value >> count,
            "rotl" => value.rotate_left(count),
            _ => value.rotate_right(count),
        };
        run(
            &code,
            [0, 4, 0x1234_5678, 7],
            (shift(3, 2) ^ shift(0x1234_5678, 7)) as i32,
        );
    }
}
