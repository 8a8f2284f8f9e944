//! Malformed, invalid and extreme modules.

use std::time::Instant;

use wasmparser::{BinaryReader, FrameKind, FrameStack, Validator, VisitOperator};

use super::lower_all;
use crate::error::Error;
use crate::ir::alike::Alike;
use crate::ir::decode::DEFAULT_FEATURES;
use crate::ir::operators::{Ahead, Operators, Window};

/// Whether lowering takes what the validator takes, and says of the rest what the validator says.
#[track_caller]
fn assert_as_validator(bytes: &[u8]) {
    let mut validator = Validator::new_with_features(DEFAULT_FEATURES);
    let expected = validator
        .validate_all(bytes)
        .map_err(|error| Error::invalid(error.offset() as usize, error.message()).to_string());
    let lowered = lower_all(bytes, DEFAULT_FEATURES).map_err(|error| error.to_string());
    assert_eq!(lowered.err(), expected.err());
}

/// A generator of numbers that suffices here (xorshift).
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % bound as u64) as usize
    }
}

/// Modules that use most operators.
const SAMPLES: [&str; 3] = [
    r#"(module
        (import "m" "f" (func (param i32) (result i64)))
        (memory 1) (table 2 funcref) (global (mut i32) (i32.const 5))
        (type $t (func (param i32) (result i64)))
        (func (param i32 i64 f32 f64) (result i32) (local i32 i64)
            (block (loop
                (br_if 1 (i32.eqz (local.get 0)))
                (local.set 0 (i32.sub (local.get 0) (i32.const 1)))
                (i64.store offset=1000 (local.get 0) (call 0 (local.get 0)))
                (if (i32.lt_u (local.get 0) (i32.const 100000))
                    (then (br 1)) (else (global.set 0 (local.tee 4 (i32.const -7)))))
                (block (block (br_table 0 1 2 (local.get 4))))))
            (local.set 5 (call_indirect (type $t) (i32.const 3) (i32.const 1)))
            (drop (select (f64.add (local.get 3) (f64.promote_f32 (local.get 2)))
                (f64.const 1e9) (memory.grow (i32.const 1))))
            (memory.copy (i32.const 0) (i32.const 5) (i32.const 9))
            (i32.or (i32.load8_s offset=3 (local.get 0)) (i32.trunc_sat_f32_u (local.get 2))))
        (elem (i32.const 0) func 0 1) (data (i32.const 20) "some bytes"))"#,
    r#"(module
        (type $two (func (param i32 i32) (result i32 i64)))
        (func (type $two)
            (local.get 0) (local.get 1)
            (block (type $two) (i32.add) (i64.const 123456789012) (br 0))
            (if (param i32 i64) (result i32 i64) (i32.const 1)
                (then (drop) (i64.extend_i32_u) (i32.const 2) (return (i64.const 4)))
                (else (i64.popcnt)))
            (loop (param i32 i64) (result i32 i64) (br_if 0 (i32.const 0)))))"#,
    r#"(module
        (table $t 3 externref) (elem declare func $f)
        (data $d "passive")
        (memory 2)
        (func $f (param externref i32) (result funcref)
            (table.set $t (local.get 1) (local.get 0))
            (table.fill $t (i32.const 0) (ref.null extern) (table.size $t))
            (drop (ref.is_null (table.get $t (i32.const 1))))
            (memory.init $d (i32.const 0) (i32.const 1) (i32.const 2)) (data.drop $d)
            (drop (select (result externref) (local.get 0) (ref.null extern) (local.get 1)))
            (ref.func $f)))"#,
];

#[test]
fn samples_are_valid() {
    for sample in SAMPLES {
        let bytes = wat::parse_str(sample).unwrap();
        lower_all(&bytes, DEFAULT_FEATURES).unwrap();
    }
}

#[test]
fn truncated_modules() {
    for sample in SAMPLES {
        let bytes = wat::parse_str(sample).unwrap();
        for len in 0..bytes.len() {
            assert_as_validator(&bytes[..len]);
        }
    }
}

#[test]
fn modules_with_wrong_bytes() {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    for sample in SAMPLES {
        let bytes = wat::parse_str(sample).unwrap();
        for at in 8..bytes.len() {
            let mut bytes = bytes.clone();
            for _ in 0..20 {
                bytes[at] = random.below(256) as u8;
                assert_as_validator(&bytes);
            }
            // A second wrong byte nearby.
            let other = 8 + (at + random.below(20)) % (bytes.len() - 8);
            bytes[other] ^= 1 << random.below(8);
            assert_as_validator(&bytes);
        }
    }
}

#[test]
fn modules_with_moved_bytes() {
    let mut random = Random(0x0123_4567_89ab_cdef);
    for sample in SAMPLES {
        let bytes = wat::parse_str(sample).unwrap();
        for _ in 0..1000 {
            let mut bytes = bytes.clone();
            let (from, to) = (random.below(bytes.len()), random.below(bytes.len()));
            let len = random.below(12).min(bytes.len() - from.max(to));
            bytes.copy_within(from..from + len, to);
            assert_as_validator(&bytes);
        }
    }
}

/// `count` times the operators in `body`, around which stand `before` and `after`.
fn module_with_body(before: &[u8], body: &[u8], after: &[u8], count: usize) -> Vec<u8> {
    let mut code = vec![0];
    code.extend(before.repeat(count));
    code.extend(body);
    code.extend(after.repeat(count));
    code.push(0x0b);
    let mut module = wasm_encoder::Module::new();
    let mut types = wasm_encoder::TypeSection::new();
    let i32 = wasm_encoder::ValType::I32;
    types.ty().function([], []);
    types.ty().function([], vec![i32; 1000]);
    let mut funcs = wasm_encoder::FunctionSection::new();
    funcs.function(0);
    funcs.function(1);
    let mut bodies = wasm_encoder::CodeSection::new();
    bodies.raw(&code);
    bodies.raw(&[0, 0x00, 0x0b]);
    module.section(&types).section(&funcs).section(&bodies);
    module.finish()
}

const BLOCK: u8 = 0x02;
const LOOP: u8 = 0x03;
const IF: u8 = 0x04;
const END: u8 = 0x0b;
const UNREACHABLE: u8 = 0x00;
const EMPTY: u8 = 0x40;

#[test]
fn deep_nesting_needs_no_stack_and_linear_time() {
    let time = |count: usize| {
        let nests: [&[u8]; 3] = [
            &[BLOCK, EMPTY],
            &[LOOP, EMPTY],
            // The condition comes from a block.
            &[BLOCK, 0x7f, 0x00, END, IF, EMPTY],
        ];
        let start = Instant::now();
        for nest in nests {
            let bytes = module_with_body(nest, &[0x0c, 0x05], &[END], count);
            let funcs = lower_all(&bytes, DEFAULT_FEATURES).unwrap();
            assert!(!funcs[0].records.is_empty());
        }
        start.elapsed()
    };
    time(100_000);
    let (small, large) = (time(50_000), time(400_000));
    assert!(large < small * 40, "{small:?} {large:?}");
}

#[test]
fn operands_are_limited() {
    let consts = |count: usize| module_with_body(&[0x41, 0], &[UNREACHABLE], &[], count);
    lower_all(&consts(1_000_000), DEFAULT_FEATURES).unwrap();
    let error = lower_all(&consts(1_000_001), DEFAULT_FEATURES)
        .unwrap_err()
        .to_string();
    assert!(error.contains("more than a million operands"), "{error}");
}

/// Few bytes that would become very much code, or keep the validator busy for long.
#[test]
fn moved_values_are_limited() {
    const CALL_1: [u8; 2] = [0x10, 1];
    // `block (type 1)`, branches to it, `unreachable`, `end`.
    let branches =
        |branches: &[u8]| [&[BLOCK, 1, UNREACHABLE], branches, &[UNREACHABLE, END]].concat();
    // 10,000 targets.
    let table = [&[0x0e, 0x90, 0x4e][..], &[0; 10_001]].concat();
    let cases = [
        ([CALL_1.repeat(10), vec![UNREACHABLE]].concat(), true),
        ([CALL_1.repeat(30), vec![UNREACHABLE]].concat(), false),
        ([vec![UNREACHABLE], CALL_1.repeat(10)].concat(), true),
        (
            [vec![UNREACHABLE], CALL_1.repeat(30), vec![UNREACHABLE]].concat(),
            false,
        ),
        (branches(&[0x0c, 0].repeat(10)), true),
        (branches(&[0x0d, 0].repeat(30)), false),
        (branches(&table), false),
    ];
    for (body, fits) in cases {
        let bytes = module_with_body(&[], &[&body[..], &[UNREACHABLE]].concat(), &[], 1);
        match lower_all(&bytes, DEFAULT_FEATURES) {
            Ok(_) => assert!(fits, "{:x?}", &body[..9]),
            Err(error) => {
                let spent = error.to_string().contains("many more values");
                assert!(spent && !fits, "{error}: {:x?}", &body[..9]);
            }
        }
    }
}

#[test]
fn errors_in_bodies_have_their_offset() {
    let bytes =
        wat::parse_str("(module (func (drop (i32.const 1)) (drop (i64.clz (i32.const 1)))))")
            .unwrap();
    let at = bytes.iter().position(|byte| *byte == 0x79).unwrap();
    let error = lower_all(&bytes, DEFAULT_FEATURES).unwrap_err().to_string();
    let expected = format!("at offset {at:#x}: type mismatch: expected i64, found i32");
    assert!(error.contains(&expected), "{error}");
}

/// Writes down what it visits.
#[derive(Default)]
struct Witness {
    /// Length of the operator, and what it is; none if it is not in its usual form.
    usual: Option<(u32, String)>,
    len: u32,
}

impl FrameStack for Witness {
    fn current_frame(&self) -> Option<FrameKind> {
        Some(FrameKind::Block)
    }
}

impl Operators<'_> for Witness {
    fn unusual(&mut self) {}

    fn advance(&mut self, bytes: u32) -> Option<Window> {
        self.len = bytes;
        self.window()
    }

    fn window(&self) -> Option<Window> {
        None
    }

    fn visited(&mut self, output: String) {
        self.usual = Some((self.len, output));
    }

    fn pushed(&mut self) {}

    fn visit_alike<T: Alike>(
        &mut self,
        _: T,
        immediate: T::Immediate,
        alone: fn(&mut Self, T::Immediate) -> String,
    ) -> String {
        alone(self, immediate)
    }
}

macro_rules! witness {
    ($(@$proposal:ident $op:ident $({ $($arg:ident: $ty:ty),* })? => $visit:ident ($($ann:tt)*))*) => {$(
        fn $visit(&mut self $($(, $arg: $ty)*)?) -> String {
            format!("{} {:?}", stringify!($op), ($($(&$arg,)*)?))
        }
    )*};
}

impl<'a> VisitOperator<'a> for Witness {
    type Output = String;

    wasmparser::for_each_visit_operator!(witness);
}

/// What we decode ourselves is what the reader decodes.
#[test]
fn usual_forms_are_as_the_reader_reads_them() {
    let immediates: [&[u8]; 23] = [
        &[0, 0],
        &[0, 1],
        &[1, 0x7f],
        &[2, 0x80, 0x01],
        &[3, 0xff, 0xff, 0x7f],
        &[2, 0x80, 0x80, 0x80, 0x80, 0x01],
        &[0x7f, 0x3f],
        &[0x7e],
        &[0x7d],
        &[0x7c],
        &[0x40],
        &[0xc0, 0x00],
        &[0xbf, 0x7f],
        &[0xff, 0x7f, 0x40],
        &[0xff, 0x81, 0xfe, 0x3f],
        &[0x80, 0x80, 0x80, 0x00],
        &[0x81, 0x80, 0x80, 0x80, 0x07],
        &[0x81, 0x82, 0x84, 0x88, 0x78],
        &[0xff, 0xff, 0xff, 0xff, 0x0f],
        &[0x80, 0x80, 0x80, 0x80, 0x10],
        &[0x81, 0x82, 0x84, 0x88, 0x90, 0x20],
        &[0x81, 0x82, 0x84, 0x88, 0x90, 0xa0, 0x60],
        &[0x0f, 0x80, 0x80, 0x80, 0x40],
    ];
    let mut usual = 0;
    for code in 0..=0xff {
        for immediate in immediates {
            let mut bytes = vec![code];
            bytes.extend(immediate);
            bytes.resize(16, 0);
            let mut witness = Witness::default();
            let window = Window::new(&bytes, 0);
            assert!(window.is_some());
            Ahead::new(window).visit(&mut witness);
            let Some((len, ours)) = witness.usual else {
                continue;
            };
            usual += 1;
            let mut reader = BinaryReader::new_features(&bytes, 0, DEFAULT_FEATURES);
            let theirs = reader.visit_operator(&mut Witness::default()).unwrap();
            let expected = (reader.current_position(), theirs);
            assert_eq!((len as usize, ours), expected, "{bytes:x?}");
        }
    }
    assert!(usual > 3000, "{usual}");
    assert!(Window::new(&[0x20, 0, 0x1a, 0x0b, 0, 0, 0], 0).is_none());
    assert!(Window::new(&[0x20; 9], 2).is_none());
}
