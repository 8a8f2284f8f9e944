//! NaNs of arithmetic that are the same on every machine.

use pronto::{Engine, Linker, Store};

use crate::support::{each, module};

const CANONICAL: [u64; 2] = [0x7fc0_0000, 0x7ff8_0000_0000_0000];

/// NaNs of all kinds: negative, signalling, with payloads.
const NANS: [&[u64]; 2] = [
    &[
        0x7fc0_0000,
        0xffc0_0000,
        0x7f80_0001,
        0xff80_1234,
        0x7fff_ffff,
    ],
    &[
        0x7ff8_0000_0000_0000,
        0xfff8_0000_0000_0000,
        0x7ff0_0000_0000_0001,
        0xfff0_0000_1234_0000,
        0x7fff_ffff_ffff_ffff,
    ],
];

/// Functions from bits to bits, of two operands, for a size.
fn functions(size: usize) -> String {
    let (int, float) = (["i32", "i64"][size], ["f32", "f64"][size]);
    let mut wat = String::new();
    let mut add = |name: &str, value: &str| {
        wat += &format!(
            "(func (export \"{name}\") (param {int} {int}) (result {int})
                (local $a {float}) (local $b {float})
                (local.set $a ({float}.reinterpret_{int} (local.get 0)))
                (local.set $b ({float}.reinterpret_{int} (local.get 1)))
                (local.set $b {value})
                ({int}.reinterpret_{float} (local.get $b)))\n"
        );
    };
    for op in ["add", "sub", "mul", "div", "min", "max"] {
        add(op, &format!("({float}.{op} (local.get $a) (local.get $b))"));
    }
    for op in ["sqrt", "ceil", "floor", "trunc", "nearest"] {
        add(op, &format!("({float}.{op} (local.get $a))"));
    }
    let convert = [
        "(f32.demote_f64 (f64.promote_f32 (local.get $a)))",
        "(f64.promote_f32 (f32.demote_f64 (local.get $a)))",
    ];
    add("convert", convert[size]);
    add("abs", &format!("({float}.abs (local.get $a))"));
    add("neg", &format!("({float}.neg (local.get $a))"));
    add(
        "copysign",
        &format!("({float}.copysign (local.get $a) (local.get $b))"),
    );
    wat
}

fn call(engine: &Engine, size: usize, name: &str, a: u64, b: u64) -> u64 {
    let mut store = Store::new(engine, ());
    let module = module(engine, &format!("(module {})", functions(size)));
    let instance = Linker::new(engine)
        .instantiate(&mut store, &module)
        .unwrap();
    if size == 0 {
        let func = instance
            .get_typed_func::<(u32, u32), u32>(&mut store, name)
            .unwrap();
        func.call(&mut store, (a as u32, b as u32)).unwrap().into()
    } else {
        let func = instance
            .get_typed_func::<(u64, u64), u64>(&mut store, name)
            .unwrap();
        func.call(&mut store, (a, b)).unwrap()
    }
}

#[test]
fn arithmetic_makes_canonical_nans() {
    each(|engine| {
        let mut config = engine.config().clone();
        let engine = &Engine::new(config.canonicalize_nans(true)).unwrap();
        for size in [0, 1] {
            let one = [u64::from(1f32.to_bits()), 1f64.to_bits()][size];
            for &nan in NANS[size] {
                for name in ["add", "sub", "mul", "div", "min", "max"] {
                    for (a, b) in [(nan, one), (one, nan), (nan, nan)] {
                        assert_eq!(call(engine, size, name, a, b), CANONICAL[size], "{name}");
                    }
                }
                for name in ["sqrt", "ceil", "floor", "trunc", "nearest", "convert"] {
                    assert_eq!(call(engine, size, name, nan, 0), CANONICAL[size], "{name}");
                }
            }
            // 0 / 0, and the root of -1.
            assert_eq!(call(engine, size, "div", 0, 0), CANONICAL[size]);
            let sign = [1 << 31, 1 << 63][size];
            assert_eq!(call(engine, size, "sqrt", one | sign, 0), CANONICAL[size]);
            assert_eq!(call(engine, size, "sqrt", one, 0), one);
            assert_eq!(call(engine, size, "add", one, 0), one);
        }
    });
}

/// What moves bits moves those of NaNs too.
#[test]
fn operators_on_bits_keep_payloads() {
    each(|engine| {
        let mut config = engine.config().clone();
        let engine = &Engine::new(config.canonicalize_nans(true)).unwrap();
        for size in [0, 1] {
            let sign: u64 = [1 << 31, 1 << 63][size];
            for &nan in NANS[size] {
                assert_eq!(call(engine, size, "abs", nan, 0), nan & !sign);
                assert_eq!(call(engine, size, "neg", nan, 0), nan ^ sign);
                assert_eq!(call(engine, size, "copysign", nan, sign), nan | sign);
            }
        }
    });
}
