//! Families 3 to 5: addresses folded at the wrong width, bounds checks left out, operands read
//! too wide.

use std::fmt::Write;

use pronto::{Trap, Val};

use crate::memory_ops::{Load, Store, loads, stores};
use crate::operands::memory_byte;
use crate::reference::{OPS, Ty};
use crate::support::{Guest, MODES, Mode, val, wat};

const PAGE: u64 = 65536;

const OFFSETS: [u32; 16] = [
    0,
    1,
    7,
    8,
    127,
    4096,
    65528,
    65535,
    65536,
    65537,
    0x7fff_fff8,
    0x7fff_ffff,
    0x8000_0000,
    0x8000_0001,
    0xffff_fff8,
    0xffff_ffff,
];

/// An address computed from the parameter `$a`, folded or not.
struct AddressForm(&'static str, fn(u32) -> u32);

#[rustfmt::skip]
const FORMS: [AddressForm; 10] = [
    AddressForm("(local.get $a)", |a| a),
    AddressForm("(i32.wrap_i64 (local.get $dirty))", |a| a),
    AddressForm("(i32.add (local.get $a) (i32.const 16))", |a| a.wrapping_add(16)),
    AddressForm("(i32.add (local.get $a) (i32.const -16))", |a| a.wrapping_sub(16)),
    AddressForm("(i32.add (i32.const 0x7fffffff) (local.get $a))", |a| a.wrapping_add(0x7fff_ffff)),
    AddressForm("(i32.sub (local.get $a) (i32.const 16))", |a| a.wrapping_sub(16)),
    AddressForm("(i32.shl (local.get $a) (i32.const 3))", |a| a << 3),
    AddressForm("(i32.add (i32.shl (local.get $a) (i32.const 2)) (i32.const 4))", |a| (a << 2).wrapping_add(4)),
    AddressForm("(i32.mul (local.get $a) (i32.const 4))", |a| a.wrapping_mul(4)),
    AddressForm("(i32.and (local.get $a) (i32.const 0xffff))", |a| a & 0xffff),
];

/// Addresses around every bound, for an access of `offset`.
fn addresses(len: u64, offset: u32) -> Vec<u32> {
    let mut list = vec![0, 1, 8, 64];
    for bound in [
        len,
        len.wrapping_sub(u64::from(offset)),
        1 << 31,
        1 << 32,
        (1 << 32) - u64::from(offset),
    ] {
        for delta in [-16i64, -9, -8, -7, -5, -4, -3, -2, -1, 0, 1, 2, 8, 16] {
            list.push(bound.wrapping_add_signed(delta) as u32);
        }
    }
    list.sort_unstable();
    list.dedup();
    list
}

fn memory(pages: u64) -> String {
    format!("(memory (export \"memory\") {pages} 100)")
}

/// Fills memory with the pattern of `memory_byte`.
fn fill(guest: &mut Guest) {
    let memory = guest
        .instance
        .get_memory(&mut guest.store, "memory")
        .expect("the memory");
    for (at, byte) in (0..).zip(memory.data_mut(&mut guest.store)) {
        *byte = memory_byte(at) as u8;
    }
}

fn load_text(load: &Load, offset: u32, align: u64, address: &str) -> String {
    format!("({} offset={offset} align={align} {address})", load.name)
}

fn type_name(ty: Ty) -> &'static str {
    match ty {
        Ty::I32 => "i32",
        Ty::I64 => "i64",
        Ty::F32 => "f32",
        Ty::F64 => "f64",
    }
}

/// Every load × offset × form of address.
fn check_loads(mode: Mode, pages: u64) {
    let mut text = format!("(module {}", memory(pages));
    for load in loads() {
        for (o, offset) in OFFSETS.iter().enumerate() {
            for (f, form) in FORMS.iter().enumerate() {
                let align = if f % 2 == 0 { 1 } else { load.bytes };
                let _ = writeln!(
                    text,
                    "(func (export \"{} {o} {f}\") (param $a i32) (param $dirty i64) (result {}) {})",
                    load.name,
                    type_name(load.ty),
                    load_text(&load, *offset, align, form.0),
                );
            }
        }
    }
    text.push(')');
    let mut guest = Guest::wat(mode, &text);
    fill(&mut guest);
    let len = pages * PAGE;
    for load in loads() {
        for (o, offset) in OFFSETS.iter().enumerate() {
            for (f, form) in FORMS.iter().enumerate() {
                for a in addresses(len, *offset) {
                    let addr = u64::from((form.1)(a)) + u64::from(*offset);
                    let dirty = 0xdead_beef << 32 | u64::from(a);
                    let args = [Val::I32(a as i32), Val::I64(dirty as i64)];
                    let outcome = guest.bits(&format!("{} {o} {f}", load.name), &args);
                    let wanted = load.eval(addr, len, memory_byte);
                    assert_eq!(
                        outcome,
                        wanted,
                        "{mode:?} {pages} pages, a = {a:#x}: {}",
                        load_text(&load, *offset, 1, form.0)
                    );
                }
            }
        }
    }
}

#[test]
fn loads_at_every_bound() {
    for mode in MODES {
        for pages in [0, 1, 3] {
            check_loads(mode, pages);
        }
    }
}

/// A store that traps writes nothing, and one at the last byte writes there.
fn check_stores(mode: Mode, pages: u64) {
    let mut text = format!("(module {}", memory(pages));
    for store in stores() {
        for (o, offset) in OFFSETS.iter().enumerate() {
            for (f, form) in FORMS.iter().enumerate() {
                for (v, value) in [
                    "(local.get $v)",
                    &format!("({}.const 77)", type_name(store.ty)),
                ]
                .into_iter()
                .enumerate()
                {
                    let _ = writeln!(
                        text,
                        "(func (export \"{} {o} {f} {v}\") (param $a i32) (param $dirty i64)
                           (param $v {}) ({} offset={offset} {} {value}))",
                        store.name,
                        type_name(store.ty),
                        store.name,
                        form.0,
                    );
                }
            }
        }
    }
    text.push(')');
    let mut guest = Guest::wat(mode, &text);
    fill(&mut guest);
    for store in stores() {
        for (o, offset) in OFFSETS.iter().enumerate() {
            for f in 0..FORMS.len() {
                for a in addresses(pages * PAGE, *offset) {
                    check_store(&mut guest, &store, (o, f), a);
                }
            }
        }
    }
}

fn check_store(guest: &mut Guest, store: &Store, (o, f): (usize, usize), a: u32) {
    let memory = guest
        .instance
        .get_memory(&mut guest.store, "memory")
        .expect("the memory");
    let len = memory.data(&guest.store).len() as u64;
    let addr = u64::from((FORMS[f].1)(a)) + u64::from(OFFSETS[o]);
    for (v, value) in [0xdead_beef_8040_2010_u64, constant(store.ty)]
        .into_iter()
        .enumerate()
    {
        let value = store.ty.trim(value);
        let dirty = 0xdead_beef << 32 | u64::from(a);
        let args = [
            Val::I32(a as i32),
            Val::I64(dirty as i64),
            val(store.ty, value),
        ];
        let outcome = guest.bits(&format!("{} {o} {f} {v}", store.name), &args);
        let mut written = Vec::new();
        let wanted = store.eval(addr, value, len, |at, byte| written.push((at, byte)));
        let what = format!(
            "{} offset={} {} a = {a:#x}",
            store.name, OFFSETS[o], FORMS[f].0
        );
        assert_eq!(outcome, wanted.map(|()| 0), "{what}");
        let data = memory.data_mut(&mut guest.store);
        for (at, byte) in written {
            assert_eq!(data[at as usize], byte, "{what}: byte {at:#x}");
            data[at as usize] = memory_byte(at) as u8;
        }
        // Nothing else near the access or at the ends has changed.
        let near = addr.saturating_sub(16)..addr + 24;
        for at in near.chain(0..24).chain(len.saturating_sub(24)..len) {
            if at < len {
                assert_eq!(
                    data[at as usize],
                    memory_byte(at) as u8,
                    "{what}: byte {at:#x}"
                );
            }
        }
    }
}

/// Bits of 77 in a type.
fn constant(ty: Ty) -> u64 {
    match ty {
        Ty::I32 | Ty::I64 => 77,
        Ty::F32 => u64::from(77f32.to_bits()),
        Ty::F64 => 77f64.to_bits(),
    }
}

#[test]
fn stores_at_every_bound() {
    for mode in MODES {
        for pages in [0, 1, 2] {
            check_stores(mode, pages);
        }
    }
}

/// Constant addresses may need no check at all; those that do must have it.
#[test]
fn constant_addresses() {
    let list: Vec<(u64, u32)> = [0, 1, 8, 65528, 65535]
        .into_iter()
        .flat_map(|offset| {
            addresses(PAGE, offset)
                .into_iter()
                .map(move |a| (u64::from(offset), a))
        })
        .collect();
    let mut text = format!("(module {}", memory(1));
    for (n, (offset, a)) in list.iter().enumerate() {
        for load in loads() {
            let address = format!("(i32.const {a})");
            let body = load_text(&load, *offset as u32, 1, &address);
            let ty = type_name(load.ty);
            let _ = writeln!(
                text,
                "(func (export \"{n} {}\") (result {ty}) {body})",
                load.name
            );
        }
    }
    text.push(')');
    let wasm = wat(&text);
    for mode in MODES {
        let mut guest = Guest::new(mode, &wasm);
        fill(&mut guest);
        for (n, (offset, a)) in list.iter().enumerate() {
            for load in loads() {
                let outcome = guest.bits(&format!("{n} {}", load.name), &[]);
                let wanted = load.eval(offset + u64::from(*a), PAGE, memory_byte);
                assert_eq!(
                    outcome, wanted,
                    "{mode:?} {} offset={offset} {a:#x}",
                    load.name
                );
            }
        }
    }
}

/// Family 5: an operand from the last bytes of memory, for every operator that could read it
/// with its own instruction.
#[test]
fn operands_at_the_end_of_memory() {
    let size = |ty: Ty| match ty {
        Ty::I32 | Ty::F32 => 4,
        Ty::I64 | Ty::F64 => 8,
    };
    let binary = || OPS.iter().filter(|op| op.params.len() < 3);
    let mut text = format!("(module {}", memory(1));
    for op in binary() {
        let last = op.params.last().expect("an operand");
        let ty = type_name(*last);
        let address = PAGE - size(*last);
        let first = if op.params.len() == 2 {
            "(local.get $x)"
        } else {
            ""
        };
        for (n, address) in [
            format!("(i32.const {address})"),
            "(local.get $a)".to_string(),
        ]
        .iter()
        .enumerate()
        {
            let _ = writeln!(
                text,
                "(func (export \"{0} {n}\") (param $x {ty}) (param $a i32) (result {1})
                   ({0} {first} ({ty}.load {address})))",
                op.name,
                type_name(op.result),
            );
        }
    }
    text.push(')');
    let wasm = wat(&text);
    for mode in MODES {
        let mut guest = Guest::new(mode, &wasm);
        fill(&mut guest);
        for op in binary() {
            let last = *op.params.last().expect("an operand");
            let address = PAGE - size(last);
            let value = (0..size(last)).fold(0, |v, n| v | memory_byte(address + n) << (8 * n));
            let other = constant(last);
            let operands = [other, value];
            let operands = &operands[2 - op.params.len()..];
            for n in 0..2 {
                let args = [val(last, other), Val::I32(address as i32)];
                let outcome = guest.bits(&format!("{} {n}", op.name), &args);
                assert_eq!(outcome, (op.eval)(operands), "{mode:?} {} {n}", op.name);
            }
        }
    }
}

/// The largest memory: 65536 pages, whose last byte is at 2^32 - 1 and whose size in pages does
/// not fit 16 bits, nor its size in bytes 32.
#[test]
fn four_gibibytes() {
    let text = r#"(module (memory (export "memory") 65536)
        (func (export "size") (result i64) (i64.extend_i32_u (memory.size)))
        (func (export "grow") (result i64) (i64.extend_i32_u (memory.grow (i32.const 1))))
        (func (export "grow0") (result i64) (i64.extend_i32_u (memory.grow (i32.const 0))))
        (func (export "set") (param i32 i32) (i32.store8 (local.get 0) (local.get 1)))
        (func (export "get") (param i32) (result i32) (i32.load8_u (local.get 0)))
        (func (export "get4") (param i32) (result i32) (i32.load (local.get 0)))
        (func (export "get_far") (param i32) (result i32)
            (i32.load8_u offset=0xffffffff (local.get 0))))"#;
    for mode in MODES {
        let mut guest = Guest::wat(mode, text);
        let last = [Val::I32(-1)];
        assert_eq!(guest.bits("size", &[]), Ok(65536));
        assert_eq!(guest.bits("grow", &[]), Ok(0xffff_ffff));
        assert_eq!(guest.bits("grow0", &[]), Ok(65536));
        assert_eq!(guest.bits("set", &[Val::I32(-1), Val::I32(7)]), Ok(0));
        assert_eq!(guest.bits("get", &last), Ok(7));
        assert_eq!(guest.bits("get_far", &[Val::I32(0)]), Ok(7));
        assert_eq!(
            guest.bits("get_far", &[Val::I32(1)]),
            Err(Trap::MemoryOutOfBounds)
        );
        assert_eq!(guest.bits("get4", &[Val::I32(-4)]), Ok(7 << 24));
        assert_eq!(
            guest.bits("get4", &[Val::I32(-3)]),
            Err(Trap::MemoryOutOfBounds)
        );
        let memory = guest
            .instance
            .get_memory(&mut guest.store, "memory")
            .expect("the memory");
        assert_eq!(memory.size(&guest.store), 65536);
        assert_eq!(memory.data_size(&guest.store), 1 << 32);
    }
}
