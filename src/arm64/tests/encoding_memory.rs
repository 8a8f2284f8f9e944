//! What the emitters of accesses, frames and calls write, read back by a disassembler.

use super::encoding::{check, text};
use super::encoding_control::at;
use crate::asm::abi::{self, MemoryMode};
use crate::asm::isa::{Addr, Cell, Frame, StoreSrc};
use crate::asm::regs::{Fpr, Gpr, Reg};
use crate::ir::op::{Load, Store};
use crate::ir::types::FuncIdx;
use crate::ir::types::Width::{self, W32, W64, W128};

#[test]
fn loads_and_stores() {
    let loads = [
        (Load::I32, "ldr w"),
        (Load::I64, "ldr x"),
        (Load::I32S8, "ldrsb w"),
        (Load::I32U8, "ldrb w"),
        (Load::I32S16, "ldrsh w"),
        (Load::I32U16, "ldrh w"),
        (Load::I64S8, "ldrsb x"),
        (Load::I64U8, "ldrb w"),
        (Load::I64S16, "ldrsh x"),
        (Load::I64U16, "ldrh w"),
        (Load::I64S32, "ldrsw x"),
        (Load::I64U32, "ldr w"),
        (Load::F32, "ldr s"),
        (Load::F64, "ldr d"),
    ];
    let stores = [
        (Store::I32, "str w"),
        (Store::I64, "str x"),
        (Store::F32, "str s"),
        (Store::F64, "str d"),
        (Store::Int8, "strb w"),
        (Store::Int16, "strh w"),
        (Store::Int32, "str w"),
    ];
    for r in 0..31 {
        let index = Gpr(30 - r);
        let addr = Addr {
            index: Some(index),
            offset: 0,
        };
        let at = format!("{r}, [x27, x{}]", index.0);
        let reg = |float| if float { Fpr(r).into() } else { Gpr(r).into() };
        for (op, ins) in loads {
            let dst: Reg = reg(op.ty().is_float());
            check(&format!("{ins}{at}"), |isa| isa.load(op, dst, addr));
        }
        for (op, ins) in stores {
            let src: Reg = reg(matches!(op, Store::F32 | Store::F64));
            check(&format!("{ins}{at}"), |isa| {
                isa.store(op, StoreSrc::Reg(src), addr)
            });
        }
    }
    let zero = StoreSrc::Imm(0);
    let at_4 = Addr {
        index: None,
        offset: 4,
    };
    check("str wzr, [x27, #0x4]", |isa| {
        isa.store(Store::F32, zero, at_4)
    });
    check("stur xzr, [x27, #0x4]", |isa| {
        isa.store(Store::F64, zero, at_4)
    });
    check("strb wzr, [x27, #0x4]", |isa| {
        isa.store(Store::Int8, zero, at_4)
    });
}

#[test]
fn reach_of_offsets() {
    let with = |offset, expected: &str| {
        let index = Some(Gpr(1));
        check(expected, |isa| {
            isa.load(Load::I32, Gpr(0).into(), Addr { index, offset })
        });
    };
    with(4, "add x16, x27, x1; ldr w0, [x16, #0x4]");
    with(255, "add x16, x27, x1; ldur w0, [x16, #0xff]");
    with(16380, "add x16, x27, x1; ldr w0, [x16, #0x3ffc]");
    with(1027, "add x16, x1, #0x403; ldr w0, [x27, x16]");
    with(
        0xff_f000,
        "add x16, x1, #0xfff, lsl #12; ldr w0, [x27, x16]",
    );
    with(
        0x1_0004,
        "add x16, x27, x1; add x16, x16, #0x10, lsl #12; ldr w0, [x16, #0x4]",
    );
    with(
        0x700_0000,
        "add x16, x27, x1; mov w17, #0x7000000; ldr w0, [x16, x17]",
    );
    let alone = |offset, expected: &str| {
        let index = None;
        check(expected, |isa| {
            isa.load(Load::F64, Fpr(0).into(), Addr { index, offset })
        });
    };
    alone(0, "ldr d0, [x27]");
    alone(32760, "ldr d0, [x27, #0x7ff8]");
    alone(32768, "add x16, x27, #0x8, lsl #12; ldr d0, [x16]");
    alone(0x7fff_fff0, "mov w16, #0x7ffffff0; ldr d0, [x27, x16]");
}

#[test]
fn cells() {
    let check = |width: Width, reg: Reg, disp, load: &str, store: &str| {
        check(load, |isa| isa.load_cell(width, reg, Cell::Slot(disp)));
        check(store, |isa| isa.store_cell(width, Cell::Slot(disp), reg));
    };
    for r in 0..31 {
        let (i, f) = (Gpr(r).into(), Fpr(r).into());
        let both = |text: &str| [format!("ldr {text}"), format!("str {text}")];
        for (width, reg, text, disp) in [
            (W32, i, format!("w{r}, [sp]"), 0),
            (W64, i, format!("x{r}, [sp, #0x7ff8]"), 32760),
            (W32, f, format!("s{r}, [sp, #0x8]"), 8),
            (W64, f, format!("d{r}, [sp, #0x10]"), 16),
            (W128, f, format!("q{r}, [sp, #0xfff0]"), 65520),
        ] {
            let [load, store] = both(&text);
            check(width, reg, disp, &load, &store);
        }
    }
}

#[test]
fn checks() {
    let with = |index, end, expected: &str| check(expected, |isa| isa.check(index, end));
    let trap = "b.hi $+0x4";
    with(
        Some(Gpr(3)),
        4,
        &format!("add x16, x3, #0x4; cmp x16, x26; {trap}"),
    );
    with(
        Some(Gpr(3)),
        4097,
        &format!("add x16, x3, #0x1, lsl #12; add x16, x16, #0x1; cmp x16, x26; {trap}"),
    );
    with(
        Some(Gpr(3)),
        1 << 32,
        &format!("mov x16, #0x100000000; add x16, x16, x3; cmp x16, x26; {trap}"),
    );
    with(None, 8, "cmp x26, #0x8; b.lo $+0x4");
    with(
        None,
        0x1_0003,
        "mov w16, #0x3; movk w16, #0x1, lsl #16; cmp x26, x16; b.lo $+0x4",
    );
    let guarded = text(MemoryMode::Guard, |isa| isa.check(Some(Gpr(3)), 4));
    let load = "ldr x17, [x28]; ldr x17, [x17]; ldr x17, [x17, #0x8]";
    assert_eq!(
        guarded,
        format!("{load}; add x16, x3, #0x4; cmp x16, x17; {trap}")
    );
}

#[test]
fn frames() {
    let check_frame = |size, saves: &[(u8, i32)], begin: &str, end: &str| {
        let frame = Frame {
            size,
            saves: saves.iter().map(|&(reg, disp)| (Gpr(reg), disp)).collect(),
            check: false,
            full: None,
        };
        check(begin, |isa| isa.prologue(&frame));
        check(&format!("{end}; ret"), |isa| isa.epilogue(&frame));
    };
    check_frame(
        16,
        &[],
        "stp xzr, x30, [sp, #-0x10]!",
        "ldp x16, x30, [sp], #0x10",
    );
    check_frame(
        16,
        &[(19, 0)],
        "stp x19, x30, [sp, #-0x10]!",
        "ldp x19, x30, [sp], #0x10",
    );
    check_frame(
        32,
        &[],
        "sub sp, sp, #0x20; str x30, [sp, #0x18]",
        "ldr x30, [sp, #0x18]; add sp, sp, #0x20",
    );
    check_frame(
        48,
        &[(19, 16), (20, 24), (21, 32)],
        "sub sp, sp, #0x30; stp x19, x20, [sp, #0x10]; stp x21, x30, [sp, #0x20]",
        "ldp x19, x20, [sp, #0x10]; ldp x21, x30, [sp, #0x20]; add sp, sp, #0x30",
    );
    check_frame(
        4096,
        &[(19, 4080)],
        "sub sp, sp, #0x1, lsl #12; add x16, sp, #0xff0; stp x19, x30, [x16]",
        "add x16, sp, #0xff0; ldp x19, x30, [x16]; add sp, sp, #0x1, lsl #12",
    );
}

#[test]
fn calls() {
    check("bl $+0x0", |isa| isa.call_direct(FuncIdx(3)));
    let import = "ldr x16, [x28]; ldr x17, [x16, #0x20]; ldr x16, [x17]; blr x16";
    check(import, |isa| isa.call_import(32));
    let builtin = format!(
        "mov w16, #0x9; str w16, {}; ldr x16, {}; blr x16",
        at("x28", abi::EXIT_ARG),
        at("x28", abi::BUILTIN),
    );
    check(&builtin, |isa| isa.call_builtin(9));
    let listener = format!(
        "mov x16, #0x3; movk x16, #0x5, lsl #32; str x16, {}; ldr x16, {}; blr x16",
        at("x28", abi::EXIT),
        at("x28", abi::LISTENER),
    );
    check(&listener, |isa| isa.call_listener(false, FuncIdx(5)));
}
