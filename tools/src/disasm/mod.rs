//! Machine code as text, one line for each instruction, with labels in place of addresses.

mod amd64;
mod arm64;

use pronto::inspect::{InspectedFunc, Target};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::ops::Range;

/// A line of disassembly.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Where its bytes start in the function's code.
    pub pos: usize,
    /// The name of the place, if something goes there: `L1`... in the order of the code.
    pub label: Option<String>,
    /// The instruction, or a jump table.
    pub text: String,
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let label = self.label.as_deref().unwrap_or_default();
        write!(f, "{label:<4} {}", self.text)
    }
}

/// The code of `func`, which was compiled for `target`.
pub fn lines(func: &InspectedFunc, target: Target) -> Vec<Line> {
    let lines = match target {
        Target::Amd64 => amd64::lines(func),
        Target::Arm64 => arm64::lines(func),
    };
    labelled(lines, func.code.len() as u64)
}

/// A line before places have names. Each `@` of the text stands for the next of the places.
struct RawLine {
    pos: u64,
    text: String,
    places: Vec<u64>,
}

/// The lines with their labels.
fn labelled(lines: Vec<RawLine>, end: u64) -> Vec<Line> {
    let places: BTreeSet<u64> = lines.iter().flat_map(|line| line.places.clone()).collect();
    let places = places.into_iter().filter(|place| *place < end);
    let labels: BTreeMap<u64, String> = (1..)
        .zip(places)
        .map(|(number, place)| (place, format!("L{number}")))
        .collect();
    let name = |place: &u64| match labels.get(place) {
        Some(label) => label.clone(),
        None => format!("{place:#x}"),
    };
    let render = |line: RawLine| {
        let mut places = line.places.iter();
        let parts = line.text.split('@').map(str::to_owned);
        let text =
            parts.reduce(|text, part| text + &places.next().map(name).unwrap_or_default() + &part);
        Line {
            pos: line.pos as usize,
            label: labels.get(&line.pos).cloned(),
            text: text.unwrap_or_default(),
        }
    };
    lines.into_iter().map(render).collect()
}

/// The function that the instruction at `range` calls, if the linker has yet to tell it where.
fn callee(func: &InspectedFunc, range: Range<u64>) -> Option<u32> {
    // In the order of the code.
    let next = func
        .relocs
        .partition_point(|(pos, _)| u64::from(*pos) < range.start);
    let (pos, callee) = *func.relocs.get(next)?;
    range.contains(&u64::from(pos)).then_some(callee)
}

/// A jump table: 32-bit distances from its start, up to the first place that it names.
fn jump_table(code: &[u8], start: u64) -> RawLine {
    let (mut pos, mut end) = (start, code.len() as u64);
    let mut places = Vec::new();
    while pos < end {
        let Some(word) = code[pos as usize..].first_chunk() else {
            break;
        };
        let distance = i32::from_le_bytes(*word);
        let place = start.wrapping_add_signed(i64::from(distance));
        if place > start {
            end = end.min(place);
        }
        places.push(place);
        pos += 4;
    }
    RawLine {
        pos: start,
        text: format!("table {}", vec!["@"; places.len()].join(" ")),
        places,
    }
}
