//! Operations that a machine may fold into the one behind them: shifts, complements, products,
//! extensions. Each as either operand of each operation, with the other one in every place.

use pronto::Val;

use crate::reference::Ty;
use crate::support::{Guest, MODES, bits, val, wat};

const OPS: [&str; 6] = ["add", "sub", "and", "or", "xor", "mul"];

fn apply(op: &str, ty: Ty, a: u64, b: u64) -> u64 {
    ty.trim(match op {
        "add" => a.wrapping_add(b),
        "sub" => a.wrapping_sub(b),
        "and" => a & b,
        "or" => a | b,
        "xor" => a ^ b,
        _ => a.wrapping_mul(b),
    })
}

/// What may be folded: its text, with `V` for its operand, and its value.
type Maker = (String, Box<dyn Fn(u64) -> u64>);

fn makers(ty: Ty) -> Vec<Maker> {
    let bits = if ty == Ty::I32 { 32 } else { 64 };
    let mut makers: Vec<Maker> = Vec::new();
    for count in [0, 1, 13, bits - 1, bits] {
        let by = count % bits;
        let shift = |op: &str| format!("(T.{op} V (T.const {count}))");
        let signed = move |x: u64| {
            if bits == 32 {
                x as i32 as i64
            } else {
                x as i64
            }
        };
        let rotate = move |x: u64, by: u32| match ty {
            Ty::I32 => u64::from((x as u32).rotate_left(by)),
            _ => x.rotate_left(by),
        };
        makers.push((shift("shl"), Box::new(move |x| ty.trim(x << by))));
        makers.push((shift("shr_u"), Box::new(move |x| x >> by)));
        makers.push((
            shift("shr_s"),
            Box::new(move |x| ty.trim((signed(x) >> by) as u64)),
        ));
        makers.push((shift("rotl"), Box::new(move |x| rotate(x, by))));
        makers.push((
            shift("rotr"),
            Box::new(move |x| rotate(x, (bits - by) % bits)),
        ));
    }
    let mut more = |text: &str, value: fn(u64) -> u64| {
        makers.push((text.to_string(), Box::new(move |x| ty.trim(value(x)))));
    };
    more("(T.xor V (T.const -1))", |x| !x);
    more("(T.xor (T.const -1) V)", |x| !x);
    more("(T.mul V V)", |x| x.wrapping_mul(x));
    more("(T.mul V (T.const 8))", |x| x.wrapping_mul(8));
    more("(T.mul V (T.const -7))", |x| {
        x.wrapping_mul(7u64.wrapping_neg())
    });
    if ty == Ty::I64 {
        more("(i64.extend_i32_s (i32.wrap_i64 V))", |x| x as i32 as u64);
        more("(i64.extend_i32_u (i32.wrap_i64 V))", |x| {
            u64::from(x as u32)
        });
    }
    makers
}

/// Ways to apply `OP` to what `M[..]` makes of a place, and what results from `x`, `y` and the
/// maker. `y` is in memory too.
type Shape = (
    &'static str,
    fn(&dyn Fn(u64, u64) -> u64, &dyn Fn(u64) -> u64, u64, u64) -> u64,
);

const SHAPES: [Shape; 12] = [
    ("(OP X M[Y])", |op, make, x, y| op(x, make(y))),
    ("(OP M[Y] X)", |op, make, x, y| op(make(y), x)),
    ("(OP Y M[Y])", |op, make, _, y| op(y, make(y))),
    ("(OP M[Y] Y)", |op, make, _, y| op(make(y), y)),
    ("(OP M[X] M[Y])", |op, make, x, y| op(make(x), make(y))),
    ("(OP (T.const 5) M[Y])", |op, make, _, y| op(5, make(y))),
    (
        "(OP (T.load (i32.const 0)) M[(T.load (i32.const 0))])",
        |op, make, _, y| op(y, make(y)),
    ),
    ("(local.set $x (OP X M[Y])) X", |op, make, x, y| {
        op(x, make(y))
    }),
    ("(local.set $y (OP X M[Y])) Y", |op, make, x, y| {
        op(x, make(y))
    }),
    // A read that waits while the local is set within the folded operand.
    ("(OP X M[(local.tee $x Y)])", |op, make, x, y| {
        op(x, make(y))
    }),
    // The next record has its operands from elsewhere.
    ("(OP M[Y] (OP X Y))", |op, make, x, y| op(make(y), op(x, y))),
    // The value is used twice.
    (
        "(OP X (local.tee $t M[Y])) (OP (local.get $t))",
        |op, make, x, y| op(op(x, make(y)), make(y)),
    ),
];

fn module(ty: Ty, name: &str) -> String {
    let mut text = String::from("(module (memory 1)\n");
    for (m, (maker, _)) in makers(ty).iter().enumerate() {
        for (o, op) in OPS.iter().enumerate() {
            for (s, (shape, _)) in SHAPES.iter().enumerate() {
                let mut body = (*shape).to_string();
                while let Some(at) = body.find("M[") {
                    let end = at + body[at..].find(']').expect("an end");
                    let operand = body[at + 2..end].to_string();
                    body.replace_range(at..=end, &maker.replace('V', &operand));
                }
                let body = body
                    .replace('X', "(local.get $x)")
                    .replace('Y', "(local.get $y)")
                    .replace("OP", &format!("{name}.{op}"));
                text += &format!(
                    "(func (export \"{m} {o} {s}\") (param $x T) (param $y T) (result T)
                       (local $t T) (T.store (i32.const 0) (local.get $y)) {body})\n"
                );
            }
        }
    }
    text.push(')');
    text.replace("T.", &format!("{name}."))
        .replace(" T)", &format!(" {name})"))
}

#[test]
fn folded_operands_keep_their_value() {
    let pairs = [
        (0, 1),
        (0x8000_0000_8000_0001, 0x7fff_ffff_ffff_ffff),
        (0x0123_4567_89ab_cdef, 0xfedc_ba98_f654_3210),
    ];
    for (ty, name) in [(Ty::I32, "i32"), (Ty::I64, "i64")] {
        let wasm = wat(&module(ty, name));
        let makers = makers(ty);
        for mode in MODES {
            let mut guest = Guest::new(mode, &wasm);
            for (m, (maker, make)) in makers.iter().enumerate() {
                for (o, op) in OPS.iter().enumerate() {
                    for (s, (shape, value)) in SHAPES.iter().enumerate() {
                        for (x, y) in pairs.map(|(x, y)| (ty.trim(x), ty.trim(y))) {
                            let args = [val(ty, x), val(ty, y)];
                            let results = guest.call(&format!("{m} {o} {s}"), &args);
                            let results = results.expect("no trap");
                            let wanted = value(&|a, b| apply(op, ty, a, b), make.as_ref(), x, y);
                            let found: &Val = &results[0];
                            assert_eq!(
                                bits(found),
                                wanted,
                                "{mode:?} {name} {op} {maker} {shape} {x:#x} {y:#x}"
                            );
                        }
                    }
                }
            }
        }
    }
}

/// Uses of a condition `C`; each yields 1 if it holds, else 2.
const BRANCHES: [&str; 10] = [
    "(block (br_if 0 C) (return (i32.const 2))) (i32.const 1)",
    "(if (result i32) C (then (i32.const 1)) (else (i32.const 2)))",
    "(if C (then (return (i32.const 1)))) (i32.const 2)",
    "(block (br_if 0 (i32.eqz C)) (return (i32.const 1))) (i32.const 2)",
    "(if (result i32) (i32.eqz (i32.eqz C)) (then (i32.const 1)) (else (i32.const 2)))",
    // With something to place on the way.
    "(block (result i32) (br_if 0 (i32.const 1) C) (drop) (i32.const 2))",
    "(i32.const 1) (if (param i32) (result i32) C (then) (else (drop) (i32.const 2)))",
    // Something else below, in a register and as a read that waits.
    "(i32.load (i32.const 8)) (local.get $one)
     (block (br_if 0 C) (return (i32.const 2))) (i32.add)",
    // No branch.
    "(select (i32.const 1) (i32.const 2) C)",
    "(i32.sub (i32.const 2) (i32.ne (i32.const 0) C))",
];

/// Backwards and forwards, over so much code.
fn far(fillers: usize) -> String {
    let filler = "(local.set $n (i32.add (i32.mul (local.get $n) (local.get $n)) (local.get $n)))";
    let filler = filler.repeat(fillers);
    format!(
        "(loop $again {filler}
           (local.set $turn (i32.add (local.get $turn) (i32.const 1)))
           (if (i32.lt_u (local.get $turn) (i32.const 2)) (then (br_if $again C))))
         (if (result i32) C
           (then {filler} (i32.add (i32.const 1) (i32.eq (local.get $turn) (i32.const 1))))
           (else {filler} (i32.add (i32.const 2) (i32.eq (local.get $turn) (i32.const 2)))))"
    )
}

/// A condition on `$x`, and when it holds.
type Condition = (String, Box<dyn Fn(u64) -> bool>);

fn conditions(ty: &str, bits: u32) -> Vec<Condition> {
    let mut all: Vec<Condition> = Vec::new();
    for bit in [0, 1, 12, 30, 31, bits - 2, bits - 1] {
        let mask = 1u64 << bit;
        let test = format!("({ty}.and (local.get $x) ({ty}.const {mask:#x}))");
        let condition = match ty {
            "i32" => test,
            _ => format!("(i32.eqz (i64.eqz {test}))"),
        };
        all.push((condition, Box::new(move |x| x & mask != 0)));
    }
    let negative = move |x: u64| x >> (bits - 1) != 0;
    let zero = format!("(local.get $x) ({ty}.const 0)");
    all.push((format!("({ty}.lt_s {zero})"), Box::new(negative)));
    all.push((
        format!("({ty}.ge_s {zero})"),
        Box::new(move |x| !negative(x)),
    ));
    // More than one bit, and none.
    let three = format!("({ty}.and (local.get $x) ({ty}.const 3))");
    let three = format!("(i32.eqz ({ty}.eqz {three}))");
    all.push((three, Box::new(|x| x & 3 != 0)));
    all
}

#[test]
fn bits_are_branched_on() {
    let head = "(memory 1) (data (i32.const 8) \"\\00\")";
    for (ty, name, bits) in [(Ty::I32, "i32", 32), (Ty::I64, "i64", 64)] {
        let mut text = format!("(module {head}");
        let conditions = conditions(name, bits);
        let far = [1, 120, 4000].map(far);
        let uses: Vec<&str> = BRANCHES
            .iter()
            .copied()
            .chain(far.iter().map(String::as_str))
            .collect();
        for (c, (condition, _)) in conditions.iter().enumerate() {
            for (u, usage) in uses.iter().enumerate() {
                // The large ones once.
                if u > BRANCHES.len() && c > 0 {
                    continue;
                }
                text += &format!(
                    "(func (export \"{c} {u}\") (param $x {name}) (param $one i32) (result i32)
                       (local $n i32) (local $turn i32) {})\n",
                    usage.replace('C', condition)
                );
            }
        }
        text.push(')');
        let wasm = wat(&text);
        for mode in MODES {
            let mut guest = Guest::new(mode, &wasm);
            for (c, (condition, holds)) in conditions.iter().enumerate() {
                for (u, usage) in uses.iter().enumerate() {
                    if u > BRANCHES.len() && c > 0 {
                        continue;
                    }
                    for x in [
                        0,
                        1,
                        2,
                        u64::MAX,
                        1 << 12,
                        0x4000_0000_4000_0000,
                        0x8000_0000_8000_0000,
                    ] {
                        let x = ty.trim(x);
                        let found = guest.bits(&format!("{c} {u}"), &[val(ty, x), Val::I32(1)]);
                        let wanted = if holds(x) { 1 } else { 2 };
                        assert_eq!(
                            found,
                            Ok(wanted),
                            "{mode:?} {condition} {usage:.200} {x:#x}"
                        );
                    }
                }
            }
        }
    }
}
