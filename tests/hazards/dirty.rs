//! Family 1, i32 not zero-extended: every producer of an `i32` × every consumer that could see
//! its upper half.

use std::fmt::Write;

use pronto::{Linker, Trap, Val};

use crate::operands::memory_byte;
use crate::reference::Outcome;
use crate::support::{Guest, MODES, wat};

/// Text that pushes an `i32`, and its value, given the parameter `$v`. `$dirty` is an `i64` whose
/// lower half is `$v` and whose upper half is not zero.
struct Producer(&'static str, fn(u32) -> u32);

/// Text with `{}` for an `i32`, the type of its result, and the result as bits.
struct Consumer(&'static str, &'static str, fn(u32) -> Outcome);

const LEN: u64 = 65536;
const TABLE: u32 = 10;

#[rustfmt::skip]
const PRODUCERS: &[Producer] = &[
    Producer("(local.get $v)", |v| v),
    Producer("(i32.wrap_i64 (local.get $dirty))", |v| v),
    Producer("(local.tee $t (i32.wrap_i64 (local.get $dirty)))", |v| v),
    Producer("(i32.wrap_i64 (i64.add (local.get $dirty) (i64.const 0x100000000)))", |v| v),
    Producer("(i32.wrap_i64 (i64.load (i32.const 1024)))", |v| v),
    Producer("(i32.wrap_i64 (call $dirty_id (local.get $dirty)))", |v| v),
    Producer("(i32.wrap_i64 (i64.shr_s (local.get $dirty) (i64.const 1)))", |v| v >> 1 | 0x8000_0000),
    Producer("(i32.load (i32.const 1024))", |v| v),
    Producer("(i32.load8_u (i32.const 1024))", |v| v & 255),
    Producer("(i32.load8_s (i32.const 1024))", |v| v as i8 as u32),
    Producer("(i32.load16_u (i32.const 1024))", |v| v & 0xffff),
    Producer("(i32.load16_s (i32.const 1024))", |v| v as i16 as u32),
    Producer("(global.get $g)", |v| v),
    Producer("(global.get $constant)", |_| 0xffff_fff0),
    Producer("(call $id (local.get $v))", |v| v),
    Producer("(call $wrap (local.get $dirty))", |v| v),
    Producer("(call_indirect (type $id) (local.get $v) (i32.const 0))", |v| v),
    Producer("(call $host_id (local.get $v))", |v| v),
    Producer("(call $host_wrap (local.get $dirty))", |v| v),
    Producer("(call $host_unsigned (local.get $v))", |v| v),
    Producer("(call $second (local.get $v))", |v| v),
    Producer("(call $third (local.get $v))", |v| v),
    Producer("(call $host_second (local.get $v))", |v| v),
    Producer("(memory.size)", |_| 1),
    Producer("(memory.grow (i32.const 0))", |_| 1),
    Producer("(memory.grow (i32.const 65536))", |_| u32::MAX),
    Producer("(memory.grow (i32.const -1))", |_| u32::MAX),
    Producer("(table.size $table)", |_| TABLE),
    Producer("(table.grow $table (ref.null func) (i32.const 0))", |_| TABLE),
    Producer("(table.grow $table (ref.null func) (i32.const 1))", |_| u32::MAX),
    Producer("(ref.is_null (ref.null func))", |_| 1),
    Producer("(ref.is_null (table.get $table (i32.const 0)))", |_| 0),
    Producer("(i32.add (i32.wrap_i64 (local.get $dirty)) (i32.const 0))", |v| v),
    Producer("(i32.add (local.get $v) (i32.const 0x7fffffff))", |v| v.wrapping_add(0x7fff_ffff)),
    Producer("(i32.add (local.get $v) (local.get $v))", |v| v.wrapping_add(v)),
    Producer("(i32.sub (local.get $v) (i32.const 1))", |v| v.wrapping_sub(1)),
    Producer("(i32.sub (i32.const 0) (local.get $v))", u32::wrapping_neg),
    Producer("(i32.mul (local.get $v) (i32.const 3))", |v| v.wrapping_mul(3)),
    Producer("(i32.mul (local.get $v) (i32.const 16))", |v| v.wrapping_mul(16)),
    Producer("(i32.and (local.get $v) (i32.const -1))", |v| v),
    Producer("(i32.or (local.get $v) (i32.const -16))", |v| v | 0xffff_fff0),
    Producer("(i32.xor (local.get $v) (i32.const -1))", |v| !v),
    Producer("(i32.shl (local.get $v) (i32.const 4))", |v| v << 4),
    Producer("(i32.shl (i32.wrap_i64 (local.get $dirty)) (i32.const 32))", |v| v),
    Producer("(i32.shl (local.get $v) (i32.load (i32.const 1032)))", |v| v << 2),
    Producer("(i32.shr_s (local.get $v) (i32.const 4))", |v| (v as i32 >> 4) as u32),
    Producer("(i32.shr_u (i32.wrap_i64 (local.get $dirty)) (i32.const 0))", |v| v),
    Producer("(i32.shr_u (local.get $v) (i32.const 1))", |v| v >> 1),
    Producer("(i32.rotl (local.get $v) (i32.const 5))", |v| v.rotate_left(5)),
    Producer("(i32.rotr (local.get $v) (i32.const 5))", |v| v.rotate_right(5)),
    Producer("(i32.div_s (local.get $v) (i32.const -3))", |v| (v as i32 / -3) as u32),
    Producer("(i32.div_u (local.get $v) (i32.const 3))", |v| v / 3),
    Producer("(i32.rem_s (local.get $v) (i32.const 7))", |v| (v as i32 % 7) as u32),
    Producer("(i32.rem_u (local.get $v) (i32.const 7))", |v| v % 7),
    Producer("(i32.rem_s (local.get $v) (i32.const -1))", |_| 0),
    Producer("(i32.clz (local.get $v))", u32::leading_zeros),
    Producer("(i32.ctz (local.get $v))", u32::trailing_zeros),
    Producer("(i32.popcnt (local.get $v))", u32::count_ones),
    Producer("(i32.extend8_s (local.get $v))", |v| v as i8 as u32),
    Producer("(i32.extend16_s (local.get $v))", |v| v as i16 as u32),
    Producer("(i32.eqz (local.get $v))", |v| u32::from(v == 0)),
    Producer("(i32.lt_s (local.get $v) (i32.const 0))", |v| v >> 31),
    Producer("(i64.gt_s (local.get $dirty) (i64.const 0))", |_| 0),
    Producer("(f64.lt (f64.const 1) (f64.const 2))", |_| 1),
    Producer("(f64.ne (f64.const nan) (f64.const nan))", |_| 1),
    Producer("(i32.reinterpret_f32 (f32.reinterpret_i32 (local.get $v)))", |v| v),
    Producer("(i32.trunc_f64_s (f64.convert_i32_s (local.get $v)))", |v| v),
    Producer("(i32.trunc_f64_u (f64.convert_i32_u (local.get $v)))", |v| v),
    Producer("(i32.trunc_sat_f64_s (f64.convert_i32_s (local.get $v)))", |v| v),
    Producer("(i32.trunc_sat_f64_u (f64.convert_i32_u (local.get $v)))", |v| v),
    Producer("(i32.trunc_sat_f32_s (f32.const -inf))", |_| 0x8000_0000),
    Producer("(i32.trunc_sat_f32_u (f32.const inf))", |_| u32::MAX),
    Producer("(i32.trunc_f32_s (f32.const -16))", |_| 0xffff_fff0),
    Producer("(select (i32.wrap_i64 (local.get $dirty)) (i32.const 5) (i32.const 1))", |v| v),
    Producer("(select (i32.const 5) (i32.wrap_i64 (local.get $dirty)) (global.get $zero))", |v| v),
    Producer("(block (result i32) (i32.wrap_i64 (local.get $dirty)))", |v| v),
    Producer("(block (result i32) (br_if 0 (i32.wrap_i64 (local.get $dirty)) (i32.const 1)))", |v| v),
    Producer("(block (result i32) (br 0 (i32.wrap_i64 (local.get $dirty))))", |v| v),
    Producer("(block (result i32) (br_table 0 0 (i32.wrap_i64 (local.get $dirty)) (global.get $zero)))", |v| v),
    Producer("(if (result i32) (global.get $zero) (then (i32.const 1)) (else (i32.wrap_i64 (local.get $dirty))))", |v| v),
    Producer("(i32.wrap_i64 (local.get $dirty)) (loop (param i32) (result i32) (br_if 0 (global.get $zero)))", |v| v),
    Producer("(i32.const -16)", |_| 0xffff_fff0),
    Producer("(i32.const 64)", |_| 64),
];

fn byte_at(addr: u64) -> Outcome {
    read(addr, 1)
}

/// Little-endian bytes of the memory at rest.
fn read(addr: u64, bytes: u64) -> Outcome {
    if addr + bytes > LEN {
        return Err(Trap::MemoryOutOfBounds);
    }
    Ok((0..bytes).fold(0, |word, n| word | memory_byte(addr + n) << (8 * n)))
}

fn range(start: u64, bytes: u64) -> Outcome {
    if start + bytes > LEN {
        return Err(Trap::MemoryOutOfBounds);
    }
    Ok(0)
}

fn slot(index: u32) -> Outcome {
    if index >= TABLE {
        return Err(Trap::TableOutOfBounds);
    }
    Ok(u64::from(index))
}

/// A call of `$numbers`, whose last entry has another signature.
fn number(index: u32) -> Outcome {
    if index == TABLE {
        return Err(Trap::BadSignature);
    }
    slot(index)
}

fn wide(value: u32) -> u64 {
    u64::from(value)
}

#[rustfmt::skip]
const CONSUMERS: &[Consumer] = &[
    Consumer("(i32.load8_u {})", "i32", |v| byte_at(wide(v))),
    Consumer("(i64.load {})", "i64", |v| read(wide(v), 8)),
    Consumer("(i64.load offset=8 {})", "i64", |v| read(wide(v) + 8, 8)),
    Consumer("(i32.load offset=65532 {})", "i32", |v| read(wide(v) + 65532, 4)),
    Consumer("(i32.load8_u offset=0x7fffffff {})", "i32", |v| byte_at(wide(v) + 0x7fff_ffff)),
    Consumer("(i32.load8_u offset=0x80000000 {})", "i32", |v| byte_at(wide(v) + 0x8000_0000)),
    Consumer("(i32.load8_u offset=0xfffffff0 {})", "i32", |v| byte_at(wide(v) + 0xffff_fff0)),
    Consumer("(i32.load16_u (local.tee $t {}))", "i32", |v| read(wide(v), 2)),
    Consumer("(i32.load8_u (i32.add {} (i32.const 16)))", "i32", |v| byte_at(wide(v.wrapping_add(16)))),
    Consumer("(i32.load8_u (i32.shl {} (i32.const 1)))", "i32", |v| byte_at(wide(v << 1))),
    Consumer("(i32.store8 {} (i32.const 1)) (i32.const 0)", "i32", |v| range(wide(v), 1)),
    Consumer("(i64.store offset=4 {} (i64.const 1)) (i32.const 0)", "i32", |v| range(wide(v) + 4, 8)),
    Consumer("(f64.store {} (f64.const 1)) (i32.const 0)", "i32", |v| range(wide(v), 8)),
    Consumer("(i32.store (i32.const 2048) {}) (i64.load (i32.const 2048))", "i64", |v| Ok(wide(v) | read(2052, 4)? << 32)),
    Consumer("(memory.fill {} (i32.const 0) (i32.const 1)) (i32.const 0)", "i32", |v| range(wide(v), 1)),
    Consumer("(memory.fill (i32.const 0) (i32.const 0) {}) (i32.const 0)", "i32", |v| range(0, wide(v))),
    Consumer("(memory.fill (i32.const 2048) {} (i32.const 1)) (i32.load8_u (i32.const 2048))", "i32", |v| Ok(wide(v) & 255)),
    Consumer("(memory.copy {} (i32.const 0) (i32.const 4)) (i32.const 0)", "i32", |v| range(wide(v), 4)),
    Consumer("(memory.copy (i32.const 0) {} (i32.const 4)) (i32.const 0)", "i32", |v| range(wide(v), 4)),
    Consumer("(memory.copy (i32.const 0) (i32.const 1) {}) (i32.const 0)", "i32", |v| range(1, wide(v))),
    Consumer("(memory.init $data {} (i32.const 0) (i32.const 2)) (i32.const 0)", "i32", |v| range(wide(v), 2)),
    Consumer("(memory.init $data (i32.const 0) {} (i32.const 0)) (i32.const 0)", "i32", |v| range(wide(v) + LEN - 4, 0)),
    Consumer("(memory.grow {})", "i32", |v| Ok(if v == 0 { 1 } else { 0xffff_ffff })),
    Consumer("(table.grow $table (ref.null func) {})", "i32", |v| Ok(if v == 0 { wide(TABLE) } else { 0xffff_ffff })),
    Consumer("(ref.is_null (table.get $table {}))", "i32", |v| slot(v).map(|_| 0)),
    Consumer("(table.set $table {} (ref.func $same)) (i32.const 0)", "i32", |v| slot(v).map(|_| 0)),
    Consumer("(table.fill $table {} (ref.func $same) (i32.const 1)) (i32.const 0)", "i32", |v| if v > TABLE - 1 { Err(Trap::TableOutOfBounds) } else { Ok(0) }),
    Consumer("(call_indirect $numbers (result i32) {})", "i32", number),
    Consumer("(block (block (block (br_table 0 1 2 {})) (return (i64.const 10))) (return (i64.const 11))) (i64.const 12)", "i64", |v| Ok(10 + wide(v.min(2)))),
    Consumer("(i32.shl (i32.const 1) {})", "i32", |v| Ok(wide(1 << (v % 32)))),
    Consumer("(i64.shl (i64.const 1) (i64.extend_i32_u {}))", "i64", |v| Ok(1 << (v % 64))),
    Consumer("(i32.rotl (i32.const 0x1234) {})", "i32", |v| Ok(wide(0x1234_u32.rotate_left(v % 32)))),
    Consumer("(i64.extend_i32_u {})", "i64", |v| Ok(wide(v))),
    Consumer("(i64.extend_i32_s {})", "i64", |v| Ok(v as i32 as u64)),
    Consumer("(i64.add (i64.extend_i32_u {}) (i64.const 1))", "i64", |v| Ok(wide(v) + 1)),
    Consumer("(i64.mul (i64.extend_i32_u {}) (local.get $dirty_one))", "i64", |v| Ok(wide(v).wrapping_mul(0x1_0000_0001))),
    Consumer("(i64.div_u (i64.extend_i32_u {}) (i64.const 2))", "i64", |v| Ok(wide(v) / 2)),
    Consumer("(i64.eq (i64.extend_i32_u {}) (i64.const 0xfffffff0))", "i32", |v| Ok(u64::from(v == 0xffff_fff0))),
    Consumer("(f64.convert_i32_u {})", "f64", |v| Ok(f64::from(v).to_bits())),
    Consumer("(f64.convert_i32_s {})", "f64", |v| Ok(f64::from(v as i32).to_bits())),
    Consumer("(f32.convert_i32_u {})", "f32", |v| Ok(wide((v as f32).to_bits()))),
    Consumer("(f64.convert_i64_u (i64.extend_i32_u {}))", "f64", |v| Ok((wide(v) as f64).to_bits())),
    Consumer("(i32.div_u {} (i32.const 10))", "i32", |v| Ok(wide(v / 10))),
    Consumer("(i32.div_s {} (i32.const 10))", "i32", |v| Ok(wide((v as i32 / 10) as u32))),
    Consumer("(i32.shr_u {} (i32.const 1))", "i32", |v| Ok(wide(v >> 1))),
    Consumer("(i32.clz {})", "i32", |v| Ok(wide(v.leading_zeros()))),
    Consumer("(i32.ctz {})", "i32", |v| Ok(wide(v.trailing_zeros()))),
    Consumer("(i32.popcnt {})", "i32", |v| Ok(wide(v.count_ones()))),
    Consumer("(i32.rotr {} (i32.const 3))", "i32", |v| Ok(wide(v.rotate_right(3)))),
    Consumer("(i32.eqz {})", "i32", |v| Ok(u64::from(v == 0))),
    Consumer("(i32.gt_u {} (i32.const 64))", "i32", |v| Ok(u64::from(v > 64))),
    Consumer("(i32.le_s {} (i32.const 64))", "i32", |v| Ok(u64::from(v as i32 <= 64))),
    Consumer("(if (result i32) {} (then (i32.const 3)) (else (i32.const 4)))", "i32", |v| Ok(if v == 0 { 4 } else { 3 })),
    Consumer("(block (br_if 0 {}) (return (i32.const 8))) (i32.const 9)", "i32", |v| Ok(if v == 0 { 8 } else { 9 })),
    Consumer("(select (i64.const 8) (i64.const 9) {})", "i64", |v| Ok(if v == 0 { 9 } else { 8 })),
    Consumer("(global.set $h {}) (i64.extend_i32_u (global.get $h))", "i64", |v| Ok(wide(v))),
    Consumer("(call $extend {})", "i64", |v| Ok(wide(v))),
    Consumer("(call_indirect $numbers (param i32) (result i64) {} (i32.const 10))", "i64", |v| Ok(wide(v))),
    Consumer("(call $host_extend {})", "i64", |v| Ok(wide(v))),
    Consumer("(local.set $t {}) (call $nop) (i64.extend_i32_u (local.get $t))", "i64", |v| Ok(wide(v))),
    Consumer("(f32.reinterpret_i32 {})", "f32", |v| Ok(wide(v))),
    Consumer("(i64.reinterpret_f64 (f64.promote_f32 (f32.convert_i32_s (i32.and {} (i32.const 1)))))", "i64", |v| Ok(f64::from(v & 1).to_bits())),
];

const VALUES: [u32; 10] = [
    0,
    1,
    5,
    64,
    65528,
    65535,
    65536,
    0x7fff_ffff,
    0x8000_0000,
    0xffff_fff0,
];

const PRELUDE: &str = r#"
    (type $id (func (param i32) (result i32)))
    (import "host" "id" (func $host_id (param i32) (result i32)))
    (import "host" "wrap" (func $host_wrap (param i64) (result i32)))
    (import "host" "unsigned" (func $host_unsigned (param i32) (result i32)))
    (import "host" "second" (func $host_pair (param i32) (result i64 i32)))
    (import "host" "extend" (func $host_extend (param i32) (result i64)))
    (global $constant i32 (i32.const -16))
    (memory (export "memory") 1 1)
    (data $data "0123")
    (global $g (mut i32) (i32.const 0))
    (global $h (mut i32) (i32.const -1))
    (global $zero (mut i32) (i32.const 0))
    (table $table 10 10 funcref)
    (table $numbers 11 11 funcref)
    (elem (table $table) (i32.const 0) func $same $same $same $same $same $same $same $same $same $same)
    (func $same (param i32) (result i32) (local.get 0))
    (func $id (param i32) (result i32) (local.get 0))
    (func $dirty_id (param i64) (result i64) (local.get 0))
    (func $wrap (param i64) (result i32) (i32.wrap_i64 (local.get 0)))
    (func $pair (param i32) (result i64 i32) (i64.const -1) (local.get 0))
    (func $second (param i32) (result i32) (local $t i32)
        (call $pair (local.get 0)) (local.set $t) (drop) (local.get $t))
    (func $host_second (param i32) (result i32) (local $t i32)
        (call $host_pair (local.get 0)) (local.set $t) (drop) (local.get $t))
    (func $triple (param i32) (result i64 i64 i32) (i64.const -1) (i64.const -2) (local.get 0))
    (func $third (param i32) (result i32) (local $t i32)
        (call $triple (local.get 0)) (local.set $t) (drop) (drop) (local.get $t))
    (func $extend (param i32) (result i64) (i64.extend_i32_u (local.get 0)))
    (func $nop)
"#;

/// Ten functions that return their number, and one that extends its parameter.
fn numbers() -> String {
    let mut text = String::new();
    for n in 0..TABLE {
        let _ = writeln!(text, "(func $n{n} (result i32) (i32.const {n}))");
    }
    let names: Vec<String> = (0..TABLE).map(|n| format!("$n{n}")).collect();
    let names = names.join(" ");
    let _ = writeln!(
        text,
        "(elem (table $numbers) (i32.const 0) func {names} $extend)"
    );
    text
}

fn module() -> String {
    let mut text = format!("(module {PRELUDE}");
    // `call_indirect (type $id)` of the producers goes through the first table.
    text.push_str(&numbers());
    for (p, producer) in PRODUCERS.iter().enumerate() {
        for (c, consumer) in CONSUMERS.iter().enumerate() {
            let body = consumer.0.replace("{}", producer.0);
            let result = consumer.1;
            let _ = writeln!(
                text,
                "(func (export \"{p} {c}\") (param $v i32) (param $dirty i64) (result {result})
                   (local $t i32) (local $dirty_one i64)
                   (local.set $dirty_one (i64.const 0x100000001))
                   (global.set $g (local.get $v))
                   (i64.store (i32.const 1024) (local.get $dirty))
                   (i32.store (i32.const 1032) (i32.const 2))
                   {body})"
            );
        }
    }
    text.push(')');
    text
}

fn define(linker: &mut Linker<()>) {
    linker
        .func_wrap("host", "id", |value: i32| value)
        .and_then(|linker| linker.func_wrap("host", "wrap", |value: i64| value as i32))
        .and_then(|linker| linker.func_wrap("host", "unsigned", |value: u32| value))
        .and_then(|linker| linker.func_wrap("host", "second", |value: i32| (-1i64, value)))
        .and_then(|linker| linker.func_wrap("host", "extend", |value: i32| i64::from(value as u32)))
        .expect("distinct names");
}

/// What the consumers see of the cells that each function writes before it begins.
fn overwritten(text: &str, value: u32) -> bool {
    // Loads near the scratch cells would see them instead of the pattern.
    text.contains("load") && (1000..1048).contains(&value)
}

#[test]
fn every_producer_meets_every_consumer() {
    let wasm = wat(&module());
    let pattern: Vec<u8> = (0..LEN).map(|at| memory_byte(at) as u8).collect();
    let mut failures = Vec::new();
    let mut calls = 0;
    for mode in MODES {
        let mut guest = Guest::link(mode, &wasm, define);
        let memory = guest
            .instance
            .get_memory(&mut guest.store, "memory")
            .expect("the memory");
        for (p, producer) in PRODUCERS.iter().enumerate() {
            for (c, consumer) in CONSUMERS.iter().enumerate() {
                for v in VALUES {
                    memory.data_mut(&mut guest.store).copy_from_slice(&pattern);
                    let value = producer.1(v);
                    if overwritten(consumer.0, value) {
                        continue;
                    }
                    let dirty = 0xdead_beef << 32 | u64::from(v);
                    let args = [Val::I32(v as i32), Val::I64(dirty as i64)];
                    let outcome = guest.bits(&format!("{p} {c}"), &args);
                    let wanted = consumer.2(value);
                    calls += 1;
                    if outcome != wanted {
                        let text = consumer.0.replace("{}", producer.0);
                        failures.push(format!(
                            "{mode:?} v = {v:#x}: {text}: {outcome:x?}, expected {wanted:x?}"
                        ));
                    }
                }
            }
        }
    }
    println!("dirty upper halves: {calls} calls");
    let shown = failures[..failures.len().min(20)].join("\n");
    assert!(
        failures.is_empty(),
        "{} of {calls}:\n{shown}",
        failures.len()
    );
}
