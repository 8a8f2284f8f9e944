//! Registers, immediates and displacements: every method over every register and the immediates
//! at the limits of each form.

use iced_x86::Register;

use super::disasm::{assert_memory, check, ints, reg_of, touch, touch_move};
use super::{Amd64, GPRS, amd64, feature_sets, fprs};
use crate::asm::abi::MemoryMode;
use crate::asm::isa::{Cell, Cond, DivChecks, FloatRhs, ImmUse, Isa, Rhs, TruncOp};
use crate::asm::regs::{Gpr, Reg};
use crate::ir::op::{Div, FloatBin, FloatCmp, FloatUn, IntBin, IntCmp, IntUn, Shift};
use crate::ir::types::{Size, Width};

const SIZES: [Size; 2] = [Size::S32, Size::S64];
const WIDTHS: [Width; 2] = [Width::W32, Width::W64];
const IMMS: [i64; 22] = [
    0,
    1,
    -1,
    2,
    3,
    5,
    8,
    9,
    127,
    128,
    -127,
    -128,
    -129,
    255,
    256,
    0xffff,
    0x1_0000,
    0x7fff,
    i32::MAX as i64,
    i32::MAX as i64 - 1,
    i32::MIN as i64,
    i32::MIN as i64 + 1,
];
const DISPS: [i32; 9] = [0, 8, 120, 127, 128, 136, 4096, 1 << 20, i32::MAX - 7];
const INT_CMPS: [IntCmp; 10] = [
    IntCmp::Eq,
    IntCmp::Ne,
    IntCmp::LtS,
    IntCmp::LtU,
    IntCmp::GtS,
    IntCmp::GtU,
    IntCmp::LeS,
    IntCmp::LeU,
    IntCmp::GeS,
    IntCmp::GeU,
];
const FLOAT_CMPS: [FloatCmp; 6] = [
    FloatCmp::Eq,
    FloatCmp::Ne,
    FloatCmp::Lt,
    FloatCmp::Gt,
    FloatCmp::Le,
    FloatCmp::Ge,
];

fn conds() -> impl Iterator<Item = Cond> + Clone {
    let floats = FLOAT_CMPS.into_iter();
    INT_CMPS
        .into_iter()
        .map(Cond::Int)
        .chain(floats.clone().map(Cond::Float))
        .chain(floats.map(Cond::NotFloat))
}

#[test]
fn moves() {
    for dst in GPRS {
        for src in GPRS {
            let (dst, src) = (Reg::int(dst), Reg::int(src));
            for size in SIZES {
                let allowed = touch_move(&[src], &[dst]);
                check(0, &allowed, |isa| isa.mov(size, dst.gpr(), src.gpr()));
            }
            if dst != src {
                let both = touch_move(&[], &[dst, src]);
                check(0, &both, |isa| isa.exchange(dst, src));
            }
        }
    }
    for dst in fprs() {
        for src in fprs() {
            let (dst, src) = (Reg::float(dst), Reg::float(src));
            for width in [Width::W32, Width::W64, Width::W128] {
                let allowed = touch_move(&[src], &[dst]);
                check(0, &allowed, |isa| {
                    isa.float_mov(width, dst.fpr(), src.fpr())
                });
            }
            if dst != src {
                let both = touch_move(&[], &[dst, src]);
                check(0, &both, |isa| isa.exchange(dst, src));
            }
        }
    }
}

#[test]
fn constants() {
    let wide = [1 << 31, u32::MAX as i64, 1 << 32, i64::MAX, i64::MIN];
    for imm in IMMS.into_iter().chain(wide) {
        for size in SIZES {
            let value = match size {
                Size::S32 => imm as u32 as u64,
                Size::S64 => imm as u64,
            };
            for dst in GPRS {
                let allowed = touch_move(&[], &[dst.into()]);
                let code = check(0, &allowed, |isa| isa.int_const(size, dst, imm as u64));
                assert_eq!(code.len(), 1);
                assert_eq!(code[0].immediate(1), value, "{}", code[0]);
                let shortest = match value {
                    0..=0xffff_ffff => 5 + usize::from(dst.0 >= 8),
                    0xffff_ffff_8000_0000.. => 7,
                    _ => 10,
                };
                assert_eq!(code[0].len(), shortest);
            }
            for dst in fprs() {
                let allowed = touch_move(&[], &[dst.into()]);
                check(0, &allowed, |isa| isa.float_const(size, dst, imm as u64));
            }
            for disp in DISPS {
                let allowed = touch_move(&[], &[]);
                for cell in [Cell::Slot(disp), Cell::Engine(disp)] {
                    let code = check(0, &allowed, |isa| {
                        isa.store_cell_const(size, cell, imm as u64);
                    });
                    let store = code.last().expect("a store");
                    assert_eq!(store.memory_displacement64(), disp as u64);
                    if code.len() == 1 {
                        let imm = store.immediate(1);
                        let imm = if size == Size::S32 {
                            imm as u32 as u64
                        } else {
                            imm
                        };
                        assert_eq!(imm, value);
                    }
                }
            }
        }
    }
}

#[test]
fn cells() {
    let ints = GPRS.map(|reg| (Reg::int(reg), &WIDTHS[..])).into_iter();
    let all = [Width::W32, Width::W64, Width::W128];
    let floats = fprs().map(|reg| (Reg::float(reg), &all[..]));
    for (reg, widths) in ints.chain(floats) {
        for &width in widths {
            let bytes = match width {
                Width::W32 => 4,
                Width::W64 => 8,
                Width::W128 => 16,
            };
            for disp in DISPS {
                let cells = [
                    (Cell::Slot(disp), Register::RSP),
                    (Cell::Engine(disp), Register::R14),
                ];
                for (cell, base) in cells {
                    let load = check(0, &touch_move(&[], &[reg]), |isa| {
                        isa.load_cell(width, reg, cell);
                    });
                    let store = check(0, &touch_move(&[reg], &[]), |isa| {
                        isa.store_cell(width, cell, reg);
                    });
                    assert_eq!((load.len(), store.len()), (1, 1));
                    assert_memory(&load[0], base, Register::None, disp, bytes);
                    assert_memory(&store[0], base, Register::None, disp, bytes);
                    assert_eq!(reg_of(load[0].op0_register()), Some(reg));
                    assert_eq!(reg_of(store[0].op1_register()), Some(reg));
                    check(0, &touch_move(&[], &[]), |isa| {
                        isa.copy_cell(width, cell, Cell::Slot(16));
                    });
                }
            }
        }
    }
}

#[test]
fn int_bin() {
    use IntBin::{Add, And, Mul, Or, Sub, Xor};
    for op in [Add, Sub, Mul, And, Or, Xor] {
        for size in SIZES {
            for dst in GPRS {
                for lhs in GPRS {
                    for rhs in GPRS {
                        let allowed = touch(&ints(&[lhs, rhs]), &[dst.into()]);
                        check(0, &allowed, |isa| {
                            isa.int_bin(op, size, dst, lhs, Rhs::Reg(rhs));
                        });
                    }
                    let allowed = touch(&[lhs.into()], &[dst.into()]);
                    for imm in IMMS.into_iter().chain([0xffff_ffff]) {
                        let imm = if size == Size::S32 {
                            imm as i32 as i64
                        } else {
                            imm
                        };
                        if !Amd64::imm_fits(ImmUse::Bin(op), size, imm) {
                            continue;
                        }
                        check(0, &allowed, |isa| {
                            isa.int_bin(op, size, dst, lhs, Rhs::Imm(imm));
                        });
                    }
                    for disp in DISPS {
                        let code = check(0, &allowed, |isa| {
                            isa.int_bin(op, size, dst, lhs, Rhs::Slot(disp));
                        });
                        let bytes = if size == Size::S32 { 4 } else { 8 };
                        let last = code.last().expect("an operation");
                        assert_memory(last, Register::RSP, Register::None, disp, bytes);
                    }
                }
            }
        }
    }
}

#[test]
fn shifts() {
    use Shift::{Rotl, Rotr, Shl, ShrS, ShrU};
    for features in feature_sets() {
        for op in [Shl, ShrS, ShrU, Rotl, Rotr] {
            for (size, bits) in [(Size::S32, 32), (Size::S64, 64)] {
                for dst in GPRS {
                    for lhs in GPRS {
                        for count in 0..bits {
                            check(features, &touch(&[lhs.into()], &[dst.into()]), |isa| {
                                isa.shift(op, size, dst, lhs, Rhs::Imm(count));
                            });
                        }
                        for count in GPRS {
                            let fixed = amd64(MemoryMode::Explicit, features).shift_count(op);
                            let count = fixed.unwrap_or(count);
                            let allowed = touch(&ints(&[lhs, count]), &[dst.into()]);
                            check(features, &allowed, |isa| {
                                isa.shift(op, size, dst, lhs, Rhs::Reg(count));
                            });
                            if fixed.is_some() {
                                break;
                            }
                        }
                    }
                }
            }
        }
    }
}

#[test]
fn divisions() {
    let (rax, rdx) = (Gpr(0), Gpr(2));
    for op in [Div::DivS, Div::DivU, Div::RemS, Div::RemU] {
        let dst = match op {
            Div::DivS | Div::DivU => rax,
            Div::RemS | Div::RemU => rdx,
        };
        for size in SIZES {
            for rhs in GPRS.into_iter().filter(|&reg| reg != rax && reg != rdx) {
                for zero in [false, true] {
                    for minus_one in [false, true] {
                        let allowed = touch(&ints(&[rax, rhs]), &ints(&[rax, rdx]));
                        let checks = DivChecks { zero, minus_one };
                        check(0, &allowed, |isa| {
                            isa.div(op, size, checks, dst, rax, rhs);
                        });
                    }
                }
            }
        }
    }
}

#[test]
fn int_un_and_extend() {
    use IntUn::{Clz, Ctz, Extend8S, Extend16S, Extend32S, Popcnt};
    for dst in GPRS {
        for src in GPRS {
            let allowed = touch(&[src.into()], &[dst.into()]);
            for features in feature_sets() {
                for size in SIZES {
                    for op in [Clz, Ctz, Popcnt, Extend8S, Extend16S] {
                        check(features, &allowed, |isa| isa.int_un(op, size, dst, src));
                    }
                }
            }
            check(0, &allowed, |isa| {
                isa.int_un(Extend32S, Size::S64, dst, src)
            });
            for signed in [false, true] {
                check(0, &allowed, |isa| isa.extend(signed, dst, src));
            }
        }
    }
}

#[test]
fn conditions() {
    for size in SIZES {
        for lhs in GPRS {
            for rhs in GPRS {
                let allowed = touch(&ints(&[lhs, rhs]), &[]);
                check(0, &allowed, |isa| {
                    isa.int_cmp(IntCmp::LtS, size, lhs, Rhs::Reg(rhs));
                });
                for dst in GPRS {
                    let allowed = touch(&ints(&[lhs, rhs]), &[dst.into()]).keeping_flags();
                    for cond in conds() {
                        check(0, &allowed, |isa| isa.select(cond, size, dst, lhs, rhs));
                    }
                }
            }
            for imm in IMMS {
                let code = check(0, &touch(&[lhs.into()], &[]), |isa| {
                    isa.int_cmp(IntCmp::LtS, size, lhs, Rhs::Imm(imm));
                });
                assert!(imm == 0 || code[0].immediate(1) as i32 == imm as i32);
            }
            for disp in DISPS {
                check(0, &touch(&[lhs.into()], &[]), |isa| {
                    isa.int_cmp(IntCmp::LtS, size, lhs, Rhs::Slot(disp));
                });
            }
        }
    }
    for cond in conds() {
        for dst in GPRS {
            check(0, &touch(&[dst.into()], &[dst.into()]), |isa| {
                isa.set(cond, dst)
            });
        }
        for dst in fprs() {
            for (a, b) in fprs().flat_map(|a| fprs().map(move |b| (a, b))) {
                let allowed = touch(&[a.into(), b.into()], &[dst.into()]).keeping_flags();
                check(0, &allowed, |isa| {
                    isa.float_select(cond, Width::W64, dst, a, b);
                });
            }
        }
    }
}

#[test]
fn floats() {
    use FloatBin::{Add, Copysign, Div, Max, Min, Mul, Sub};
    use FloatUn::{Abs, Ceil, Floor, Nearest, Neg, Sqrt, Trunc};
    for features in feature_sets() {
        for size in SIZES {
            for (dst, lhs) in fprs().flat_map(|dst| fprs().map(move |lhs| (dst, lhs))) {
                for op in [Add, Sub, Mul, Div, Min, Max, Copysign] {
                    for rhs in fprs() {
                        let allowed = touch(&[lhs.into(), rhs.into()], &[dst.into()]);
                        check(features, &allowed, |isa| {
                            isa.float_bin(op, size, dst, lhs, FloatRhs::Reg(rhs));
                        });
                    }
                    for disp in DISPS {
                        let allowed = touch(&[lhs.into()], &[dst.into()]);
                        let code = check(features, &allowed, |isa| {
                            isa.float_bin(op, size, dst, lhs, FloatRhs::Slot(disp));
                        });
                        let bytes = if size == Size::S32 { 4 } else { 8 };
                        let reads = code
                            .iter()
                            .filter(|code| code.memory_base() == Register::RSP);
                        for read in reads {
                            assert_memory(read, Register::RSP, Register::None, disp, bytes);
                        }
                    }
                }
                for op in [Abs, Neg, Ceil, Floor, Trunc, Nearest, Sqrt] {
                    check(features, &touch(&[lhs.into()], &[dst.into()]), |isa| {
                        isa.float_un(op, size, dst, lhs);
                    });
                }
                let reads = touch(&[lhs.into(), dst.into()], &[]);
                for cmp in FLOAT_CMPS {
                    check(features, &reads, |isa| isa.float_cmp(cmp, size, dst, lhs));
                }
            }
        }
    }
}

#[test]
fn conversions() {
    for from in SIZES {
        for (x, r) in fprs().flat_map(|x| GPRS.into_iter().map(move |r| (x, r))) {
            let (to_int, to_float) = (
                touch(&[x.into()], &[r.into()]),
                touch(&[r.into()], &[x.into()]),
            );
            for to in SIZES {
                for signed in [false, true] {
                    for sat in [false, true] {
                        let op = TruncOp {
                            from,
                            to,
                            signed,
                            sat,
                        };
                        check(0, &to_int, |isa| isa.trunc(op, r, x));
                    }
                    check(0, &to_float, |isa| isa.convert(from, to, signed, x, r));
                }
            }
            check(0, &to_int.clone().keeping_flags(), |isa| {
                isa.float_to_bits(from, r, x);
            });
            check(0, &to_float.clone().keeping_flags(), |isa| {
                isa.bits_to_float(from, x, r);
            });
        }
    }
    for (dst, src) in fprs().flat_map(|dst| fprs().map(move |src| (dst, src))) {
        let allowed = touch(&[src.into()], &[dst.into()]);
        check(0, &allowed, |isa| isa.demote(dst, src));
        check(0, &allowed, |isa| isa.promote(dst, src));
    }
}
