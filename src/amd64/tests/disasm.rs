//! Reads back what emitters wrote. For each instruction: it is valid and as short as it can be,
//! and touches nothing but its operands and the scratch registers.

use iced_x86::{
    Decoder, DecoderOptions, Instruction, InstructionInfoFactory, Mnemonic, OpAccess, OpKind,
    Register, RflagsBits,
};

use super::{Amd64, amd64};
use crate::asm::abi::MemoryMode;
use crate::asm::isa::Isa;
use crate::asm::regs::{Fpr, Gpr, Reg, RegSet};

pub(super) fn decode(code: &[u8]) -> Vec<Instruction> {
    let mut decoder = Decoder::with_ip(64, code, 0, DecoderOptions::NONE);
    let mut instructions = Vec::new();
    while decoder.can_decode() {
        let instruction = decoder.decode();
        assert!(!instruction.is_invalid(), "invalid: {code:02x?}");
        instructions.push(instruction);
    }
    instructions
}

/// No byte more than the operands need.
pub(super) fn assert_tight(code: &[u8], instruction: &Instruction) {
    let at = instruction.ip() as usize;
    let bytes = &code[at..at + instruction.len()];
    let prefixes = bytes
        .iter()
        .take_while(|byte| matches!(byte, 0x66 | 0xf2 | 0xf3));
    let low_bytes = [Register::SPL, Register::BPL, Register::SIL, Register::DIL];
    let needs_rex = (0..instruction.op_count()).any(|operand| {
        instruction.op_kind(operand) == OpKind::Register
            && low_bytes.contains(&instruction.op_register(operand))
    });
    assert!(
        bytes[prefixes.count()] != 0x40 || needs_rex,
        "REX: {instruction} {bytes:02x?}"
    );
    let disp = instruction.memory_displacement64() as i64;
    let base = instruction.memory_base();
    match instruction.memory_displ_size() {
        _ if instruction.is_ip_rel_memory_operand() => {}
        1 => assert!(
            disp != 0 || matches!(base, Register::RBP | Register::R13),
            "{instruction} {bytes:02x?}"
        ),
        4 | 8 => assert!(i8::try_from(disp).is_err(), "{instruction} {bytes:02x?}"),
        _ => {}
    }
    let arithmetic = [
        Mnemonic::Add,
        Mnemonic::Sub,
        Mnemonic::And,
        Mnemonic::Or,
        Mnemonic::Xor,
        Mnemonic::Cmp,
        Mnemonic::Imul,
    ];
    let last = instruction.op_count().wrapping_sub(1);
    if arithmetic.contains(&instruction.mnemonic())
        && matches!(
            instruction.op_kind(last),
            OpKind::Immediate32 | OpKind::Immediate32to64
        )
    {
        let imm = instruction.immediate32() as i32;
        assert!(i8::try_from(imm).is_err(), "{instruction} {bytes:02x?}");
    }
}

pub(super) fn reg_of(register: Register) -> Option<Reg> {
    let full = register.full_register();
    if full.is_gpr64() {
        Some(Reg::int(Gpr(full.number() as u8)))
    } else if full.is_vector_register() {
        Some(Reg::float(Fpr(full.number() as u8)))
    } else {
        None
    }
}

/// What an emitter is allowed.
#[derive(Clone)]
pub(super) struct Touch {
    reads: Vec<Reg>,
    writes: Vec<Reg>,
    keeps_flags: bool,
    /// Whether `r10` is scratch.
    r10: bool,
}

pub(super) fn touch(reads: &[Reg], writes: &[Reg]) -> Touch {
    Touch {
        reads: reads.to_vec(),
        writes: writes.to_vec(),
        keeps_flags: false,
        r10: true,
    }
}

/// What the methods under "Moves" are allowed.
pub(super) fn touch_move(reads: &[Reg], writes: &[Reg]) -> Touch {
    Touch {
        keeps_flags: true,
        r10: false,
        ..touch(reads, writes)
    }
}

impl Touch {
    pub(super) fn keeping_flags(mut self) -> Self {
        self.keeps_flags = true;
        self
    }
}

pub(super) fn check_code(code: &[u8], allowed: &Touch) -> Vec<Instruction> {
    let scratch = [Reg::int(Gpr(11)), Reg::float(Fpr(14)), Reg::float(Fpr(15))];
    let scratch = RegSet::of(&scratch);
    let roles = RegSet::of(&[Gpr(4), Gpr(13), Gpr(14), Gpr(15)].map(Reg::int));
    let mut info = InstructionInfoFactory::new();
    let instructions = decode(code);
    let mut written = RegSet::EMPTY;
    for instruction in &instructions {
        assert_tight(code, instruction);
        assert!(
            !allowed.keeps_flags || instruction.rflags_modified() == RflagsBits::NONE,
            "flags: {instruction}"
        );
        for used in info.info(instruction).used_registers() {
            let Some(reg) = reg_of(used.register()) else {
                continue;
            };
            let scratch = scratch.contains(reg) || allowed.r10 && reg == Reg::int(Gpr(10));
            let (mut reads, mut writes) = match used.access() {
                OpAccess::Read | OpAccess::CondRead => (true, false),
                OpAccess::Write | OpAccess::CondWrite => (false, true),
                OpAccess::ReadWrite | OpAccess::ReadCondWrite => (true, true),
                OpAccess::None | OpAccess::NoMemAccess => (false, false),
            };
            let call = instruction.mnemonic() == Mnemonic::Call;
            if reg == Reg::int(Gpr(4)) && call {
                (reads, writes) = (false, false);
            }
            let readable = scratch
                || roles.contains(reg)
                || allowed.reads.contains(&reg)
                || allowed.writes.contains(&reg);
            assert!(!reads || readable, "reads {used:?}: {instruction}");
            let writable = scratch || allowed.writes.contains(&reg);
            assert!(!writes || writable, "writes {used:?}: {instruction}");
            if writes {
                written.insert(reg);
            }
        }
    }
    for &reg in &allowed.writes {
        assert!(
            written.contains(reg) || allowed.reads.contains(&reg),
            "does not write {reg:?}"
        );
    }
    instructions
}

/// What `emit` leaves in the buffer, checked.
pub(super) fn check_in(
    mode: MemoryMode,
    features: u32,
    allowed: &Touch,
    emit: impl FnOnce(&mut Amd64),
) -> Vec<Instruction> {
    thread_local! {
        static ISA: std::cell::RefCell<Option<Amd64>> = const { std::cell::RefCell::new(None) };
    }
    ISA.with_borrow_mut(|isa| {
        let isa = isa.get_or_insert_with(|| amd64(mode, features));
        isa.mode = mode;
        isa.features = super::Features::from_bits_truncate(features);
        isa.begin(0);
        isa.buf().reserve();
        emit(isa);
        check_code(isa.buf.code(), allowed)
    })
}

pub(super) fn check(
    features: u32,
    allowed: &Touch,
    emit: impl FnOnce(&mut Amd64),
) -> Vec<Instruction> {
    check_in(MemoryMode::Explicit, features, allowed, emit)
}

pub(super) fn ints(regs: &[Gpr]) -> Vec<Reg> {
    regs.iter().copied().map(Reg::int).collect()
}

pub(super) fn assert_memory(
    code: &Instruction,
    base: Register,
    index: Register,
    disp: i32,
    bytes: usize,
) {
    assert_eq!(code.memory_base(), base, "{code}");
    assert_eq!(code.memory_index(), index, "{code}");
    assert_eq!(code.memory_index_scale(), 1, "{code}");
    assert_eq!(code.memory_displacement64(), disp as u64, "{code}");
    assert_eq!(code.memory_size().size(), bytes, "{code}");
}
