//! What the emitters of moves between cells, instances, branches and references write, read back by a
//! disassembler.

use super::encoding::{check, text};
use crate::asm::abi::{self, ExitCode, MemoryMode, TrapCode};
use crate::asm::code::CodeLabel;
use crate::asm::isa::{Cell, Checked, Cond, InstanceItem, Isa};
use crate::asm::regs::{Fpr, Gpr, Reg, RegSet};
use crate::ir::op::{FloatCmp, IntCmp};
use crate::ir::types::Size::{S32, S64};
use crate::ir::types::Width::{W32, W64, W128};

pub(super) fn at(base: &str, disp: i32) -> String {
    match disp {
        0 => format!("[{base}]"),
        _ => format!("[{base}, #{disp:#x}]"),
    }
}

fn instance(reg: &str) -> String {
    format!("ldr {reg}, {}", at("x28", abi::INSTANCE))
}

fn item(offset: i32, imported: bool) -> InstanceItem {
    InstanceItem { offset, imported }
}

#[test]
fn exchanges() {
    for a in 0..31u8 {
        let b = (a + 7) % 31;
        let ints = (Reg::int(Gpr(a)), Reg::int(Gpr(b)));
        check(
            &format!("mov x16, x{a}; mov x{a}, x{b}; mov x{b}, x16"),
            |isa| isa.exchange(ints.0, ints.1),
        );
        let floats = (Reg::float(Fpr(a)), Reg::float(Fpr(b)));
        let mov = |dst: u8, src: u8| format!("mov v{dst}.16b, v{src}.16b");
        let expected = [mov(30, a), mov(a, b), mov(b, 30)].join("; ");
        check(&expected, |isa| isa.exchange(floats.0, floats.1));
    }
}

#[test]
fn cells_of_constants_and_copies() {
    for (cell, base) in [(Cell::Slot(24), "sp"), (Cell::Engine(24), "x28")] {
        let place = at(base, 24);
        let store = |size, value, expected: &str| {
            check(expected, |isa| isa.store_cell_const(size, cell, value));
        };
        store(S32, 0, &format!("str wzr, {place}"));
        store(S64, 0, &format!("str xzr, {place}"));
        store(
            S32,
            u64::MAX,
            &format!("mov w17, #0xffffffff; str w17, {place}"),
        );
        store(S64, 5, &format!("mov w17, #0x5; str x17, {place}"));
        let from = at("sp", 64);
        for (width, reg) in [(W32, "w17"), (W64, "x17")] {
            let expected = format!("ldr {reg}, {from}; str {reg}, {place}");
            check(&expected, |isa| isa.copy_cell(width, cell, Cell::Slot(64)));
        }
    }
    check("ldr q31, [sp, #0x40]; str q31, [sp, #0x20]", |isa| {
        isa.copy_cell(W128, Cell::Slot(32), Cell::Slot(64));
    });
}

#[test]
fn zeroed_slots() {
    check("", |isa| isa.zero_slots(8, 0));
    check("str xzr, [sp, #0x8]", |isa| isa.zero_slots(8, 1));
    check("stp xzr, xzr, [sp, #0x1f8]", |isa| isa.zero_slots(504, 2));
    let begin = "add x16, sp, #0x8; movi v31.2d, #0x0";
    check(
        &format!("{begin}; stp q31, q31, [x16], #0x20; str q31, [x16], #0x10; str xzr, [x16]"),
        |isa| isa.zero_slots(8, 7),
    );
    check(
        &format!(
            "{begin}; mov w17, #0x11; stp q31, q31, [x16], #0x20; subs w17, w17, #0x1; b.ne $-0x8"
        ),
        |isa| isa.zero_slots(8, 68),
    );
}

#[test]
fn parts_of_the_instance() {
    let load = instance("x16");
    let bound = at("x16", abi::MEMORY_BOUND);
    for r in 0..31u8 {
        let (int, float) = (Reg::int(Gpr(r)), Reg::float(Fpr(r)));
        let far = at("x16", 0x40);
        check(
            &format!("{load}; ldr x16, {far}; ldr x{r}, {bound}; lsr x{r}, x{r}, #0x10"),
            |isa| isa.memory_size(item(0x40, true), Gpr(r)),
        );
        for (width, reg, name) in [
            (W32, int, format!("w{r}")),
            (W64, int, format!("x{r}")),
            (W32, float, format!("s{r}")),
            (W64, float, format!("d{r}")),
        ] {
            check(&format!("{load}; ldr {name}, {far}"), |isa| {
                isa.global_get(width, item(0x40, false), reg);
            });
            check(
                &format!("{load}; ldr x16, {far}; str {name}, [x16]"),
                |isa| isa.global_set(width, item(0x40, true), reg),
            );
        }
        check(&format!("{load}; ldr x{r}, {far}"), |isa| {
            isa.func_ref(item(0x40, true), Gpr(r));
        });
        check(&format!("{load}; add x{r}, x16, #0x40"), |isa| {
            isa.func_ref(item(0x40, false), Gpr(r));
        });
    }
}

#[test]
fn entries_through_references() {
    let [reference, current] = [
        format!("ldr x16, {}", at("x17", abi::REF_INSTANCE)),
        instance("x15"),
    ];
    check(
        &format!("{reference}; {current}; cmp x16, x15; b.ne $+0x4"),
        |isa| {
            let switch = isa.buf().new_label();
            isa.indirect_entry(switch);
            isa.buf().bind(switch);
        },
    );
    let store = format!("str x16, {}", at("x28", abi::INSTANCE));
    let memory = format!("ldr x16, {}", at("x16", abi::MEMORY0));
    for (mode, roles) in [
        (MemoryMode::Explicit, "ldp x27, x26, [x16]"),
        (MemoryMode::Guard, "ldr x27, [x16]"),
    ] {
        let thunk = text(mode, |isa| {
            let entry = isa.buf().new_label();
            isa.buf().bind(entry);
            isa.switch_thunk(entry);
        });
        let enter = format!(
            "{current}; {reference}; stp x15, x30, [sp, #-0x10]!; {store}; {memory}; {roles}"
        );
        let back = -4 * enter.split("; ").count() as i32;
        let leave = format!("ldp x16, x30, [sp], #0x10; {store}; {memory}; {roles}; ret");
        assert_eq!(thunk, format!("{enter}; bl $-{:#x}; {leave}", -back));
    }
}

#[test]
fn jumps_and_tables() {
    check("b $+0x0", |isa| {
        let here = isa.buf().new_label();
        isa.buf().bind(here);
        isa.jump(here);
    });
    for r in 0..31u8 {
        let labels = |isa: &mut crate::arm64::Arm64, count: usize| {
            let labels: Vec<_> = (0..count).map(|_| isa.buf().new_label()).collect();
            labels.iter().for_each(|label| isa.buf().bind(*label));
            labels
        };
        check(
            &format!("cbz w{r}, $+0x0; cmp w{r}, #0x1; b.eq $-0x8; b $-0xc"),
            |isa| {
                let targets = labels(isa, 3);
                isa.branch_table(Gpr(r), &targets);
            },
        );
        let mut isa = super::isa(MemoryMode::Explicit);
        let targets = labels(&mut isa, 9);
        isa.branch_table(Gpr(r), &targets);
        let table = isa.buf().offset() as usize - 36;
        assert!(Isa::finish(&mut isa));
        let code = isa.buf().code();
        assert_eq!(
            super::encoding::disassemble(&code[..table]).join("; "),
            format!(
                "mov w16, #0x8; cmp w{r}, w16; csel w16, w{r}, w16, lo; adr x17, $+0x10; \
                 ldrsw x16, [x17, x16, lsl #2]; add x16, x16, x17; br x16"
            )
        );
        for entry in code[table..].chunks(4) {
            let distance = i32::from_le_bytes(entry.try_into().expect("a word"));
            assert_eq!(table as i32 + distance, 0);
        }
    }
}

#[test]
fn traps_and_poison() {
    for trap in TrapCode::ALL {
        let handler = at("x28", abi::TRAPS + 8 * trap as i32);
        check(&format!("ldr x16, {handler}; blr x16"), |isa| {
            isa.trap_site(trap);
            assert!(isa.buf().sites.iter().map(|site| site.code).eq([8]));
        });
    }
    for r in 0..31u8 {
        check(&format!("mov x{r}, #0xaaaaaaaaaaaaaaaa"), |isa| {
            isa.clobber(RegSet::of(&[Reg::int(Gpr(r))]));
        });
        check(&format!("movi v{r}.16b, #0xaa"), |isa| {
            isa.clobber(RegSet::of(&[Reg::float(Fpr(r))]));
        });
        check(&format!("lsr x16, x{r}, #0x20; cbnz x16, $+0x4"), |isa| {
            isa.assert_zero_extended(Gpr(r));
        });
    }
}

#[test]
fn branches_over_conditions_and_registers() {
    let ints = [
        (IntCmp::Eq, "eq"),
        (IntCmp::Ne, "ne"),
        (IntCmp::LtS, "lt"),
        (IntCmp::LtU, "lo"),
        (IntCmp::GtS, "gt"),
        (IntCmp::GtU, "hi"),
        (IntCmp::LeS, "le"),
        (IntCmp::LeU, "ls"),
        (IntCmp::GeS, "ge"),
        (IntCmp::GeU, "hs"),
    ];
    let floats = [
        (FloatCmp::Eq, "eq", "ne"),
        (FloatCmp::Ne, "ne", "eq"),
        (FloatCmp::Lt, "mi", "pl"),
        (FloatCmp::Gt, "gt", "le"),
        (FloatCmp::Le, "ls", "hi"),
        (FloatCmp::Ge, "ge", "lt"),
    ];
    let branch = |expected: &str, emit: &dyn Fn(&mut crate::arm64::Arm64, CodeLabel)| {
        check(&format!("{expected}$+0x4"), |isa| {
            let label = isa.buf().new_label();
            emit(isa, label);
            isa.buf().bind(label);
        });
    };
    for (cmp, code) in ints {
        branch(&format!("b.{code} "), &|isa, label| {
            isa.branch(Cond::Int(cmp), label);
        });
    }
    for (cmp, code, opposite) in floats {
        branch(&format!("b.{code} "), &|isa, label| {
            isa.branch(Cond::Float(cmp), label);
        });
        branch(&format!("b.{opposite} "), &|isa, label| {
            isa.branch(Cond::NotFloat(cmp), label);
        });
    }
    for r in 0..31u8 {
        for (size, name) in [(S32, "w"), (S64, "x")] {
            for (zero, ins) in [(true, "cbz"), (false, "cbnz")] {
                branch(&format!("{ins} {name}{r}, "), &|isa, label| {
                    isa.branch_zero(size, Gpr(r), zero, label);
                });
            }
        }
    }
}

#[test]
fn branches_on_bits() {
    for r in 0..31u8 {
        for bit in [0, 1, 31, 32, 33, 63] {
            let name = if bit < 32 { "w" } else { "x" };
            for (zero, ins) in [(true, "tbz"), (false, "tbnz")] {
                check(&format!("{ins} {name}{r}, #{bit:#x}, $+0x4"), |isa| {
                    let label = isa.buf().new_label();
                    isa.branch_bit(Gpr(r), bit, zero, label);
                    isa.buf().bind(label);
                });
                check(&format!("{ins} {name}{r}, #{bit:#x}, $+0x0"), |isa| {
                    let label = isa.buf().new_label();
                    isa.buf().bind(label);
                    isa.branch_bit(Gpr(r), bit, zero, label);
                });
            }
        }
    }
}

#[test]
fn calls_through_tables() {
    let begin = instance("x30");
    let table = abi::TABLE_ELEMS;
    let scaled = "ldr x17, [x16, x15, lsl #3]";
    for (sig, load) in [
        (0x20, "ldr w15, [x30, #0x20]"),
        (0x7004, "add x16, x30, #0x7, lsl #12; ldr w15, [x16, #0x4]"),
    ] {
        // Both traps lie behind what is shown.
        let first = 0x1c + 4 * load.split("; ").count();
        let rest = format!(
            "cmp x15, x17; b.hs $+{first:#x}; {scaled}; {load}; ldr w16, {}; cmp w16, w15; \
             b.ne $+0xc; ldr x16, {}; blr x16",
            at("x17", abi::REF_SIG),
            at("x17", abi::REF_CODE),
        );
        for (offset, imported, place) in [
            (
                0x40,
                false,
                format!("ldp x16, x17, {}", at("x30", 0x40 + table)),
            ),
            (
                0x1f8 - table,
                false,
                format!("ldp x16, x17, {}", at("x30", 0x1f8)),
            ),
            (
                0x200 - table,
                false,
                "add x16, x30, #0x200; ldp x16, x17, [x16]".to_string(),
            ),
            (
                0x40,
                true,
                format!("ldr x16, [x30, #0x40]; ldp x16, x17, {}", at("x16", table)),
            ),
        ] {
            check(&format!("{begin}; {place}; {rest}"), |isa| {
                isa.call_indirect(item(offset, imported), sig);
            });
        }
    }
}

#[test]
fn checks_leave_and_come_back() {
    let interrupt = at("x28", abi::INTERRUPT);
    check(&format!("ldr w16, {interrupt}; cbnz w16, $+0x4"), |isa| {
        let attention = isa.buf().new_label();
        isa.check_interrupt(attention);
        isa.buf().bind(attention);
    });
    for (cost, subtract) in [
        (7, "subs x25, x25, #0x7"),
        (4095, "subs x25, x25, #0xfff"),
        (4096, "mov w16, #0x1000; subs x25, x25, x16"),
    ] {
        check(&format!("{subtract}; b.lo $+0x4"), |isa| {
            let attention = isa.buf().new_label();
            isa.charge(cost, attention);
            isa.buf().bind(attention);
        });
    }
    for (what, exit) in [
        (Checked::Loop, ExitCode::CHECK_LOOP),
        (Checked::Entry, ExitCode::CHECK_ENTRY),
        (Checked::Fuel(77), ExitCode::CHECK_FUEL),
    ] {
        let leave = format!(
            "mov w16, #{:#x}; str w16, {}; ldr x16, {}; blr x16",
            exit.0,
            at("x28", abi::EXIT),
            at("x28", abi::CHECK),
        );
        let leave = match what {
            Checked::Loop => format!("{leave}; b $-0x10"),
            Checked::Entry => {
                format!("stp xzr, x30, [sp, #-0x10]!; {leave}; ldp x16, x30, [sp], #0x10; b $-0x18")
            }
            Checked::Fuel(cost) => {
                let arg = at("x28", abi::EXIT_ARG);
                format!("mov w17, #{cost:#x}; str w17, {arg}; {leave}; b $-0x18")
            }
        };
        check(&leave, |isa| {
            let passed = isa.buf().new_label();
            isa.buf().bind(passed);
            isa.leave_check(what, passed);
        });
    }
}

#[test]
fn every_emitter_is_read_back() {
    let sources = [
        include_str!("encoding.rs"),
        include_str!("encoding_memory.rs"),
        include_str!("encoding_control.rs"),
        include_str!("reach.rs"),
    ];
    let missing = crate::asm::isa::tests::emitters_missing_in(&sources);
    // It emits nothing.
    assert_eq!(missing, ["align_loop"]);
}
