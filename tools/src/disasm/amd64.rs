//! x86-64.

use super::{RawLine, callee, jump_table};
use iced_x86::{
    Decoder, DecoderOptions, Formatter, Instruction, IntelFormatter, Mnemonic, OpKind,
    SymbolResolver, SymbolResult,
};
use pronto::inspect::InspectedFunc;
use std::collections::BTreeSet;

/// Names the place that an instruction goes to.
struct Place;

impl SymbolResolver for Place {
    fn symbol(
        &mut self,
        instruction: &Instruction,
        _: u32,
        _: Option<u32>,
        address: u64,
        _: u32,
    ) -> Option<SymbolResult<'_>> {
        let named = place(instruction) == Some(address);
        named.then(|| SymbolResult::with_str(address, "@"))
    }
}

/// Where an instruction jumps, calls, or points.
fn place(instruction: &Instruction) -> Option<u64> {
    if instruction.is_ip_rel_memory_operand() {
        return Some(instruction.ip_rel_memory_address());
    }
    let branches = (0..instruction.op_count())
        .any(|operand| instruction.op_kind(operand) == OpKind::NearBranch64);
    branches.then(|| instruction.near_branch_target())
}

/// The lines of `func`.
pub(super) fn lines(func: &InspectedFunc) -> Vec<RawLine> {
    let mut formatter = IntelFormatter::with_options(Some(Box::new(Place)), None);
    let options = formatter.options_mut();
    options.set_space_after_operand_separator(true);
    options.set_hex_prefix("0x");
    options.set_hex_suffix("");
    options.set_uppercase_hex(false);
    options.set_show_branch_size(false);
    let mut decoder = Decoder::with_ip(64, &func.code, 0, DecoderOptions::NONE);
    let mut lines: Vec<RawLine> = Vec::new();
    // Jump tables begin where a `lea` points to, behind a jump.
    let mut pointed_at: BTreeSet<u64> = BTreeSet::new();
    while decoder.can_decode() {
        let instruction = decoder.decode();
        let (pos, next) = (instruction.ip(), instruction.next_ip());
        let mut line = RawLine {
            pos,
            text: String::new(),
            places: place(&instruction).into_iter().collect(),
        };
        match callee(func, pos..next) {
            Some(index) => {
                line.text = format!("call function {index}");
                line.places.clear();
            }
            None => formatter.format(&instruction, &mut line.text),
        }
        if instruction.mnemonic() == Mnemonic::Lea {
            pointed_at.extend(&line.places);
        }
        lines.push(line);
        if instruction.mnemonic() == Mnemonic::Jmp && pointed_at.contains(&next) {
            let table = jump_table(&func.code, next);
            decoder.set_ip(next + 4 * table.places.len() as u64);
            lines.push(table);
            if decoder.set_position(decoder.ip() as usize).is_err() {
                break;
            }
        }
    }
    lines
}
