//! What each emitter writes, read back by a disassembler: over all registers, and at the limits
//! of each form.

use yaxpeax_arch::{Arch, Decoder, U8Reader};
use yaxpeax_arm::armv8::a64::ARMv8;

use super::isa;
use crate::arm64::Arm64;
use crate::asm::abi::MemoryMode;
use crate::asm::isa::{Compound, Cond, DivChecks, FloatRhs, ImmUse, Isa, Rhs, TruncOp};
use crate::asm::regs::{Fpr, Gpr};
use crate::ir::op::{Div, FloatBin, FloatCmp, FloatUn, IntBin, IntCmp, IntUn, Shift};
use crate::ir::types::Size::{self, S32, S64};
use crate::ir::types::Width::{W32, W64};

/// The instructions that `emit` writes, from the first trap's site on left out.
pub(super) fn text(mode: MemoryMode, emit: impl FnOnce(&mut Arm64)) -> String {
    let mut isa = isa(mode);
    emit(&mut isa);
    let colds = std::mem::take(&mut isa.buf.colds);
    let end = isa.buf.offset() as usize;
    for cold in colds {
        isa.buf.bind(cold.label);
    }
    assert!(Isa::finish(&mut isa));
    disassemble(&isa.buf.code()[..end]).join("; ")
}

pub(super) fn disassemble(code: &[u8]) -> Vec<String> {
    let decoder = <ARMv8 as Arch>::Decoder::default();
    let words = code.chunks(4);
    let decode = |word: &[u8]| match decoder.decode(&mut U8Reader::new(word)) {
        Ok(instruction) => instruction.to_string(),
        Err(error) => panic!("{error}: {word:02x?}"),
    };
    words.map(decode).collect()
}

pub(super) fn check(expected: &str, emit: impl FnOnce(&mut Arm64)) {
    assert_eq!(text(MemoryMode::Explicit, emit), expected);
}

/// Three registers, so that each stands at each place.
fn triples() -> impl Iterator<Item = [u8; 3]> {
    (0..31u8).flat_map(|r| [[r, (r + 3) % 31, (r + 14) % 31], [r, r, 30 - r], [r; 3]])
}

/// Pairs of floats: any of the 32.
fn float_triples() -> impl Iterator<Item = [u8; 3]> {
    (0..32u8).flat_map(|r| [[r, (r + 3) % 32, (r + 14) % 32], [r; 3]])
}

fn name(size: Size, reg: u8) -> String {
    match size {
        S32 => format!("w{reg}"),
        S64 => format!("x{reg}"),
    }
}

fn float(size: Size, reg: u8) -> String {
    match size {
        S32 => format!("s{reg}"),
        S64 => format!("d{reg}"),
    }
}

const SIZES: [Size; 2] = [S32, S64];

#[test]
fn integers() {
    let bins = [
        (IntBin::Add, "add"),
        (IntBin::Sub, "sub"),
        (IntBin::Mul, "mul"),
        (IntBin::And, "and"),
        (IntBin::Or, "orr"),
        (IntBin::Xor, "eor"),
    ];
    let shifts = [
        (Shift::Shl, "lsl"),
        (Shift::ShrS, "asr"),
        (Shift::ShrU, "lsr"),
        (Shift::Rotr, "ror"),
    ];
    let checks = DivChecks {
        zero: false,
        minus_one: false,
    };
    for size in SIZES {
        for [d, a, b] in triples() {
            let (dst, lhs, rhs) = (Gpr(d), Gpr(a), Gpr(b));
            let names = [d, a, b].map(|reg| name(size, reg)).join(", ");
            for (op, ins) in bins {
                check(&format!("{ins} {names}"), |isa| {
                    isa.int_bin(op, size, dst, lhs, Rhs::Reg(rhs));
                });
            }
            for (op, ins) in shifts {
                check(&format!("{ins} {names}"), |isa| {
                    isa.shift(op, size, dst, lhs, Rhs::Reg(rhs));
                });
            }
            for (op, ins) in [(Div::DivS, "sdiv"), (Div::DivU, "udiv")] {
                check(&format!("{ins} {names}"), |isa| {
                    isa.div(op, size, checks, dst, lhs, rhs)
                });
                let rem = if op == Div::DivS {
                    Div::RemS
                } else {
                    Div::RemU
                };
                let [d, a, b, t] = [d, a, b, 16].map(|reg| name(size, reg));
                check(
                    &format!("{ins} {t}, {a}, {b}; msub {d}, {t}, {b}, {a}"),
                    |isa| {
                        isa.div(rem, size, checks, dst, lhs, rhs);
                    },
                );
            }
            let cmp = format!("cmp {}, {}", name(size, a), name(size, b));
            check(&cmp, |isa| {
                isa.int_cmp(IntCmp::Eq, size, lhs, Rhs::Reg(rhs))
            });
            check(&format!("csel {names}, ge"), |isa| {
                isa.select(Cond::Int(IntCmp::GeS), size, dst, lhs, rhs);
            });
        }
    }
}

#[test]
fn compound_operands() {
    let bins = [
        (IntBin::Add, "add"),
        (IntBin::Sub, "sub"),
        (IntBin::And, "and"),
        (IntBin::Or, "orr"),
        (IntBin::Xor, "eor"),
    ];
    let shifts = [
        (Shift::Shl, "lsl"),
        (Shift::ShrU, "lsr"),
        (Shift::ShrS, "asr"),
        (Shift::Rotr, "ror"),
    ];
    for (size, bits) in [(S32, 32), (S64, 64)] {
        for [d, a, b] in triples() {
            let compound = |op, rhs, expected: String| {
                check(&expected, |isa| {
                    isa.int_compound(op, size, Gpr(d), Gpr(a), rhs)
                });
            };
            let names = [d, a, b].map(|reg| name(size, reg)).join(", ");
            for (op, ins) in bins {
                let logical = !matches!(op, IntBin::Add | IntBin::Sub);
                for (shift, kind) in shifts {
                    if shift == Shift::Rotr && !logical {
                        continue;
                    }
                    for count in [1, 2, bits - 1] {
                        let rhs = Compound::Shifted(shift, Gpr(b), count);
                        compound(op, rhs, format!("{ins} {names}, {kind} #{count}"));
                    }
                }
                if logical {
                    let rhs = Compound::Shifted(Shift::Rotl, Gpr(b), 1);
                    compound(op, rhs, format!("{ins} {names}, ror #{}", bits - 1));
                    let not = match op {
                        IntBin::And => "bic",
                        IntBin::Or => "orn",
                        _ => "eon",
                    };
                    compound(op, Compound::Not(Gpr(b)), format!("{not} {names}"));
                } else {
                    let ins = if op == IntBin::Add { "madd" } else { "msub" };
                    let c = (b + 5) % 31;
                    let operands = [d, b, c, a].map(|reg| name(size, reg)).join(", ");
                    compound(
                        op,
                        Compound::Product(Gpr(b), Gpr(c)),
                        format!("{ins} {operands}"),
                    );
                }
                if !logical && size == S64 {
                    let rhs = Compound::SignExtended(Gpr(b));
                    compound(op, rhs, format!("{ins} x{d}, x{a}, w{b}, sxtw"));
                }
            }
            let not = format!("mvn {}, {}", name(size, d), name(size, a));
            check(&not, |isa| {
                isa.int_bin(IntBin::Xor, size, Gpr(d), Gpr(a), Rhs::Imm(-1));
            });
        }
    }
}

#[test]
fn unary_integers() {
    for [d, s, _] in triples() {
        let (dst, src) = (Gpr(d), Gpr(s));
        for size in SIZES {
            let (dn, sn) = (name(size, d), name(size, s));
            let low = name(S32, s);
            let expect = [
                (IntUn::Clz, format!("clz {dn}, {sn}")),
                (IntUn::Ctz, format!("rbit {dn}, {sn}; clz {dn}, {dn}")),
                (IntUn::Extend8S, format!("sxtb {dn}, {low}")),
                (IntUn::Extend16S, format!("sxth {dn}, {low}")),
            ];
            for (op, expected) in expect {
                check(&expected, |isa| isa.int_un(op, size, dst, src));
            }
        }
        check(&format!("sxtw x{d}, w{s}"), |isa| {
            isa.int_un(IntUn::Extend32S, S64, dst, src)
        });
        check(&format!("sxtw x{d}, w{s}"), |isa| {
            isa.extend(true, dst, src)
        });
        check(&format!("mov w{d}, w{s}"), |isa| {
            isa.extend(false, dst, src)
        });
        check(&format!("mov w{d}, w{s}"), |isa| isa.mov(S32, dst, src));
        check(&format!("cset w{d}, eq"), |isa| {
            isa.set(Cond::Int(IntCmp::Eq), dst)
        });
        let same = d == s;
        let mov = format!("mov x{d}, x{s}");
        check(if same { "" } else { &mov }, |isa| isa.mov(S64, dst, src));
    }
}

#[test]
fn conditions() {
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
    for (cmp, code) in ints {
        check(&format!("cset w1, {code}"), |isa| {
            isa.set(Cond::Int(cmp), Gpr(1))
        });
    }
    let floats = [
        (FloatCmp::Eq, "eq", "ne"),
        (FloatCmp::Ne, "ne", "eq"),
        (FloatCmp::Lt, "mi", "pl"),
        (FloatCmp::Gt, "gt", "le"),
        (FloatCmp::Le, "ls", "hi"),
        (FloatCmp::Ge, "ge", "lt"),
    ];
    for (cmp, code, opposite) in floats {
        check(&format!("cset w1, {code}"), |isa| {
            isa.set(Cond::Float(cmp), Gpr(1))
        });
        check(&format!("cset w1, {opposite}"), |isa| {
            isa.set(Cond::NotFloat(cmp), Gpr(1))
        });
    }
}

#[test]
fn immediates_take_one_instruction() {
    let check = |op, size, imm, expected: &str| {
        assert!(Arm64::imm_fits(ImmUse::Bin(op), size, imm), "{expected}");
        check(expected, |isa| {
            isa.int_bin(op, size, Gpr(1), Gpr(2), Rhs::Imm(imm))
        });
    };
    check(IntBin::Add, S32, 4095, "add w1, w2, #0xfff");
    check(IntBin::Add, S32, -4095, "sub w1, w2, #0xfff");
    check(IntBin::Sub, S64, -1, "add x1, x2, #0x1");
    check(IntBin::Sub, S64, 4096, "sub x1, x2, #0x1, lsl #12");
    check(IntBin::Add, S64, 0xff_f000, "add x1, x2, #0xfff, lsl #12");
    check(IntBin::And, S32, 0xff, "and w1, w2, #0xff");
    check(IntBin::And, S64, -8, "and x1, x2, #0xfffffffffffffff8");
    check(
        IntBin::Or,
        S32,
        i64::from(i32::MIN),
        "orr w1, w2, #0x80000000",
    );
    check(
        IntBin::Xor,
        S64,
        i64::MIN,
        "eor x1, x2, #0x8000000000000000",
    );
    check(
        IntBin::Xor,
        S64,
        0x5555_5555_5555_5555,
        "eor x1, x2, #0x5555555555555555",
    );
    let fits = |op, size, imm| Arm64::imm_fits(ImmUse::Bin(op), size, imm);
    for size in SIZES {
        for imm in [4097, -4097, 0x100_0000, i64::from(i32::MIN)] {
            assert!(!fits(IntBin::Add, size, imm));
            assert!(!Arm64::imm_fits(ImmUse::Cmp, size, imm));
        }
        assert!(fits(IntBin::Xor, size, -1));
        for imm in [0, -1, 5, 0x1234_5678] {
            assert!(!fits(IntBin::And, size, imm));
        }
        for imm in [0, 1, 2, -1] {
            assert!(!fits(IntBin::Mul, size, imm));
            assert_eq!(Arm64::imm_fits(ImmUse::Store, size, imm), imm == 0);
        }
    }
}

/// The disassembler agrees with us on every logical immediate that there is, and no other value
/// is taken for one.
#[test]
fn logical_immediates() {
    let mut all = Vec::new();
    for width in [2u32, 4, 8, 16, 32, 64] {
        for ones in 1..width {
            let run = u64::MAX >> (64 - ones);
            for rotation in 0..width {
                let mask = u64::MAX >> (64 - width);
                let element =
                    (run << rotation | run.checked_shr(width - rotation).unwrap_or(0)) & mask;
                let copies = (0..64 / width).map(|i| element << (i * width));
                all.push(copies.fold(0, |value, copy| value | copy));
            }
        }
    }
    all.sort_unstable();
    all.dedup();
    assert_eq!(all.len(), 5334);
    for &value in &all {
        check(&format!("and x1, x2, #{value:#x}"), |isa| {
            isa.int_bin(IntBin::And, S64, Gpr(1), Gpr(2), Rhs::Imm(value as i64));
        });
        for near in [
            value ^ 1,
            value ^ 1 << 63,
            value ^ 1 << 17,
            value.wrapping_mul(3),
        ] {
            let fits = Arm64::imm_fits(ImmUse::Bin(IntBin::And), S64, near as i64);
            assert_eq!(fits, all.binary_search(&near).is_ok(), "{near:#x}");
        }
        let narrow = value as u32;
        if u64::from(narrow) * 0x1_0000_0001 == value {
            check(&format!("orr w1, w2, #{narrow:#x}"), |isa| {
                let imm = i64::from(narrow as i32);
                isa.int_bin(IntBin::Or, S32, Gpr(1), Gpr(2), Rhs::Imm(imm));
            });
        }
    }
}

#[test]
fn constants() {
    let check = |size, value, expected: &str| {
        check(expected, |isa| isa.int_const(size, Gpr(7), value));
    };
    check(S32, 0, "mov w7, #0x0");
    check(S64, 0, "mov w7, #0x0");
    check(S64, 0xffff, "mov w7, #0xffff");
    check(S32, 0xffff_ffff, "mov w7, #0xffffffff");
    check(S64, 0xffff_ffff, "mov w7, #0xffffffff");
    check(S64, u64::MAX, "mov x7, #0xffffffffffffffff");
    check(S32, 0xffff_0000, "mov w7, #0xffff0000");
    check(S64, 0xffff_1234, "mov w7, #0xffff1234");
    check(S64, 0x1234_ffff, "mov w7, #0x1234ffff");
    check(S32, u64::MAX << 16, "mov w7, #0xffff0000");
    check(S64, 0x1_0000, "mov w7, #0x10000");
    check(S64, 1 << 32, "mov x7, #0x100000000");
    check(S64, !(1 << 32), "mov x7, #0xfffffffeffffffff");
    check(S64, !5, "mov x7, #0xfffffffffffffffa");
    check(S32, 0x5555_5555, "mov w7, #0x55555555");
    check(S64, 0x1234_0000_0000, "mov x7, #0x123400000000");
    check(
        S64,
        0x1234_5678,
        "mov w7, #0x5678; movk w7, #0x1234, lsl #16",
    );
    check(
        S64,
        0xffff_ffff_1234_5678,
        "mov x7, #0xffffffffffff5678; movk x7, #0x1234, lsl #16",
    );
    for value in [0x1234_5678_9abc_def0u64, 0x1_0001_0002_0003] {
        let text = text(MemoryMode::Explicit, |isa| {
            isa.int_const(S64, Gpr(7), value)
        });
        assert_eq!(text.split("; ").count(), 4);
    }
}

#[test]
fn floats() {
    let bins = [
        (FloatBin::Add, "fadd"),
        (FloatBin::Sub, "fsub"),
        (FloatBin::Mul, "fmul"),
        (FloatBin::Div, "fdiv"),
        (FloatBin::Min, "fmin"),
        (FloatBin::Max, "fmax"),
    ];
    let uns = [
        (FloatUn::Abs, "fabs"),
        (FloatUn::Neg, "fneg"),
        (FloatUn::Ceil, "frintp"),
        (FloatUn::Floor, "frintm"),
        (FloatUn::Trunc, "frintz"),
        (FloatUn::Nearest, "frintn"),
        (FloatUn::Sqrt, "fsqrt"),
    ];
    for size in SIZES {
        for [d, a, b] in float_triples() {
            let (dst, lhs, rhs) = (Fpr(d), Fpr(a), Fpr(b));
            let [dn, an, bn] = [d, a, b].map(|reg| float(size, reg));
            for (op, ins) in bins {
                check(&format!("{ins} {dn}, {an}, {bn}"), |isa| {
                    isa.float_bin(op, size, dst, lhs, FloatRhs::Reg(rhs));
                });
            }
            for (op, ins) in uns {
                check(&format!("{ins} {dn}, {an}"), |isa| {
                    isa.float_un(op, size, dst, lhs)
                });
            }
            check(&format!("fcmp {an}, {bn}"), |isa| {
                isa.float_cmp(FloatCmp::Lt, size, lhs, rhs)
            });
            let width = if size == S32 { W32 } else { W64 };
            check(&format!("fcsel {dn}, {an}, {bn}, mi"), |isa| {
                isa.float_select(Cond::Float(FloatCmp::Lt), width, dst, lhs, rhs);
            });
            let mov = format!("fmov d{d}, d{a}");
            let mov = if d == a { "" } else { &mov };
            check(mov, |isa| isa.float_mov(width, dst, lhs));
        }
    }
}

#[test]
fn float_constants() {
    let check = |size, bits, expected: &str| {
        check(expected, |isa| isa.float_const(size, Fpr(9), bits));
    };
    check(S64, 0, "movi d9, #0x0");
    check(S32, 0, "movi d9, #0x0");
    let count = |size, bits| {
        let text = text(MemoryMode::Explicit, |isa| {
            isa.float_const(size, Fpr(9), bits)
        });
        text.split("; ").count()
    };
    // Every float that one instruction makes: a sign, 3 bits of exponent, 4 of fraction.
    for exponent in -3..=4 {
        for fraction in 0..16 {
            let value = 2f64.powi(exponent) * (1.0 + f64::from(fraction) / 16.0);
            for value in [value, -value] {
                assert_eq!(count(S64, value.to_bits()), 1, "{value}");
                assert_eq!(
                    count(S32, u64::from((value as f32).to_bits())),
                    1,
                    "{value}"
                );
            }
        }
    }
    for value in [0.1, 33.0, 0.0625, 1.03125, -0.0, f64::INFINITY] {
        assert!(count(S64, value.to_bits()) > 1, "{value}");
        assert!(
            count(S32, u64::from((value as f32).to_bits())) > 1,
            "{value}"
        );
    }
}

#[test]
fn conversions() {
    for r in 0..31 {
        let (int, fpr) = (Gpr(r), Fpr(31 - r));
        for (from, to, signed) in [
            (S32, S32, true),
            (S32, S64, false),
            (S64, S32, true),
            (S64, S64, false),
        ] {
            let sign = if signed { "s" } else { "u" };
            let (i, f) = (name(from, r), float(to, 31 - r));
            check(&format!("{sign}cvtf {f}, {i}"), |isa| {
                isa.convert(from, to, signed, fpr, int)
            });
            let (i, f) = (name(to, r), float(from, 31 - r));
            let op = TruncOp {
                from,
                to,
                signed,
                sat: true,
            };
            check(&format!("fcvtz{sign} {i}, {f}"), |isa| {
                isa.trunc(op, int, fpr)
            });
        }
        for size in SIZES {
            let (i, f) = (name(size, r), float(size, 31 - r));
            check(&format!("fmov {i}, {f}"), |isa| {
                isa.float_to_bits(size, int, fpr)
            });
            check(&format!("fmov {f}, {i}"), |isa| {
                isa.bits_to_float(size, fpr, int)
            });
        }
        check(&format!("fcvt s{r}, d{}", 31 - r), |isa| {
            isa.demote(Fpr(r), fpr)
        });
        check(&format!("fcvt d{r}, s{}", 31 - r), |isa| {
            isa.promote(Fpr(r), fpr)
        });
    }
}
