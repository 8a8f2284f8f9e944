//! AArch64.

use super::{RawLine, callee, jump_table};
use pronto::inspect::InspectedFunc;
use std::collections::BTreeSet;
use yaxpeax_arch::{Decoder as _, U8Reader};
use yaxpeax_arm::armv8::a64::InstDecoder;

/// The lines of `func`.
pub(super) fn lines(func: &InspectedFunc) -> Vec<RawLine> {
    let decoder = InstDecoder::default();
    let mut lines: Vec<RawLine> = Vec::new();
    // Jump tables begin where an `adr` points to, behind a jump.
    let mut pointed_at: BTreeSet<u64> = BTreeSet::new();
    let mut pos = 0;
    while let Some(word) = func.code[pos as usize..].first_chunk::<4>() {
        let text = match decoder.decode(&mut U8Reader::new(word)) {
            Ok(instruction) => instruction.to_string(),
            Err(_) => format!(".word {:#010x}", u32::from_le_bytes(*word)),
        };
        let (text, place) = place(&text, pos);
        let (text, place) = match callee(func, pos..pos + 4) {
            Some(index) => (format!("bl function {index}"), None),
            None => (text, place),
        };
        let jumps = text.starts_with("br ");
        if text.starts_with("adr") {
            pointed_at.extend(place);
        }
        lines.push(RawLine {
            pos,
            text,
            places: place.into_iter().collect(),
        });
        pos += 4;
        if jumps && pointed_at.contains(&pos) {
            let table = jump_table(&func.code, pos);
            pos += 4 * table.places.len() as u64;
            lines.push(table);
        }
    }
    lines
}

/// The text with its place, which the disassembler writes as `$+0x10`, taken out.
fn place(text: &str, pos: u64) -> (String, Option<u64>) {
    let Some((start, distance)) = text.split_once('$') else {
        return (text.to_string(), None);
    };
    let (sign, digits) = distance.split_at(1);
    let digits = digits.trim_start_matches("0x");
    let Ok(distance) = i64::from_str_radix(digits, 16) else {
        return (text.to_string(), None);
    };
    let distance = if sign == "-" { -distance } else { distance };
    (format!("{start}@"), Some(pos.wrapping_add_signed(distance)))
}
