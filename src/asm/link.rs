//! Points direct calls to their callees, through islands of jumps where these are out of reach.
//!
//! Code that no call can cross is cut, between functions, into segments of half a call's reach. Each
//! is followed by its island: a veneer for each function elsewhere that the segment calls. An
//! island holds at most one veneer per function of the module, which validation limits to a
//! million, so it stays below the other half.

use super::code::Reloc;
use super::driver::ModuleCode;
use super::isa::Isa;
use super::map::PageBytes;
use super::worker::check_size;
use crate::error::Error;

/// Functions that lie together, and the island behind them.
struct Segment {
    /// Where its code began before there were islands, and where it ended: at the next one's start,
    /// behind what fills up to it.
    start: u32,
    end: u32,
    /// The first function behind it.
    end_func: usize,
    /// Bytes of the islands before it.
    shift: u32,
    /// Callees in ascending order, one veneer each.
    veneers: Vec<u32>,
}

/// Links all calls of a module. In `relocs`, functions are counted from the first defined one.
///
/// # Errors
///
/// If the islands make the code too large.
pub(super) fn link<I: Isa>(code: ModuleCode, relocs: Vec<Reloc>) -> Result<ModuleCode, Error> {
    if code.bytes.len() <= I::CALL_REACH {
        return Ok(link_near::<I>(code, &relocs));
    }
    link_segments::<I>(code, relocs, I::CALL_REACH / 2)
}

fn link_near<I: Isa>(mut code: ModuleCode, relocs: &[Reloc]) -> ModuleCode {
    for reloc in relocs {
        let target = code.funcs[reloc.func as usize].entry as usize;
        I::patch_call(&mut code.bytes, reloc.pos as usize, target);
    }
    code
}

/// The same with segments of at most `size` bytes, but for larger functions.
pub(crate) fn link_segments<I: Isa>(
    code: ModuleCode,
    mut relocs: Vec<Reloc>,
    size: usize,
) -> Result<ModuleCode, Error> {
    relocs.sort_unstable_by_key(|reloc| reloc.pos);
    let mut segments = segments(&code, size);
    find_veneers(&mut segments, &relocs);
    let mut total = 0;
    for segment in &mut segments {
        segment.shift = total;
        total = total.saturating_add((segment.veneers.len() * I::VENEER) as u32);
    }
    check_size(code.bytes.len() + total as usize, 0)?;
    let mut code = spread::<I>(code, &segments)?;
    for (at, segment) in segments.iter().enumerate() {
        for &callee in &segment.veneers {
            let target = code.funcs[callee as usize].entry as usize;
            I::veneer(&mut code.bytes, segment.veneer::<I>(callee), target);
        }
        let first = relocs.partition_point(|reloc| reloc.pos < segment.start);
        for reloc in relocs[first..]
            .iter()
            .take_while(|reloc| reloc.pos < segment.end)
        {
            let target = if at == segment_of(&segments, reloc.func) {
                code.funcs[reloc.func as usize].entry as usize
            } else {
                segment.veneer::<I>(reloc.func)
            };
            I::patch_call(
                &mut code.bytes,
                (reloc.pos + segment.shift) as usize,
                target,
            );
        }
    }
    Ok(code)
}

impl Segment {
    /// Where the veneer of `callee` lies, which the segment has.
    fn veneer<I: Isa>(&self, callee: u32) -> usize {
        let at = self.veneers.partition_point(|&other| other < callee);
        (self.end + self.shift) as usize + at * I::VENEER
    }
}

fn segments(code: &ModuleCode, size: usize) -> Vec<Segment> {
    let mut segments: Vec<Segment> = Vec::new();
    for (index, func) in code.funcs.iter().enumerate() {
        if let Some(last) = segments.last_mut() {
            if (func.end - last.start) as usize <= size {
                (last.end, last.end_func) = (func.end, index + 1);
                continue;
            }
            last.end = func.start;
        }
        segments.push(Segment {
            start: func.start,
            end: func.end,
            end_func: index + 1,
            shift: 0,
            veneers: Vec::new(),
        });
    }
    segments
}

/// The segment that holds a function.
fn segment_of(segments: &[Segment], func: u32) -> usize {
    segments.partition_point(|segment| segment.end_func <= func as usize)
}

fn find_veneers(segments: &mut [Segment], relocs: &[Reloc]) {
    let mut at = 0;
    for reloc in relocs {
        while segments[at].end <= reloc.pos {
            at += 1;
        }
        if segment_of(segments, reloc.func) != at {
            segments[at].veneers.push(reloc.func);
        }
    }
    for segment in segments {
        segment.veneers.sort_unstable();
        segment.veneers.dedup();
    }
}

/// The code with room for the islands.
fn spread<I: Isa>(mut code: ModuleCode, segments: &[Segment]) -> Result<ModuleCode, Error> {
    let islands = segments
        .iter()
        .map(|segment| segment.veneers.len() * I::VENEER);
    let old = std::mem::take(&mut code.bytes);
    let mut bytes = PageBytes::with_capacity(old.len() + islands.sum::<usize>())?;
    let mut first = 0;
    for segment in segments {
        bytes.extend_from_slice(&old[segment.start as usize..segment.end as usize])?;
        bytes.extend_from_slice(&vec![0; segment.veneers.len() * I::VENEER])?;
        for func in &mut code.funcs[first..segment.end_func] {
            func.start += segment.shift;
            func.entry += segment.shift;
            func.end += segment.shift;
            func.switch += segment.shift;
        }
        first = segment.end_func;
    }
    code.bytes = bytes;
    Ok(code)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::asm::abi::MemoryMode;
    use crate::asm::driver::FuncCode;
    use crate::asm::isa::IsaOptions;

    const FUNCS: u32 = 40;
    /// A segment holds few functions.
    const SEGMENT: usize = 700;

    /// Functions with gaps between them that each call all, linked with many islands: where they
    /// begin, the calls and their callees, and the code. Functions 7 and 30 are larger than a
    /// segment.
    pub(crate) fn linked<I: Isa>(
        call: impl Fn(&mut I, u32),
    ) -> (Vec<usize>, Vec<(usize, usize)>, Vec<u8>) {
        let mut isa = I::new(IsaOptions {
            mode: MemoryMode::Explicit,
            poison: false,
            features: 0,
            interruptible: false,
            metered: false,
            canonical_nans: false,
        });
        let (mut code, mut relocs) = (ModuleCode::default(), Vec::new());
        for index in 0..FUNCS {
            isa.begin(0);
            let repeat = if index % 23 == 7 { 5 } else { 1 };
            for callee in (0..FUNCS).filter(|callee| callee % (1 + index % 5) == 0) {
                for _ in 0..repeat {
                    isa.buf().reserve();
                    call(&mut isa, callee);
                }
            }
            assert!(isa.finish());
            let gap = [0; 24];
            code.bytes
                .extend_from_slice(&gap[..4 * (index % 7) as usize])
                .unwrap();
            let start = code.bytes.len() as u32;
            code.bytes.extend_from_slice(isa.buf().code()).unwrap();
            let end = code.bytes.len() as u32;
            code.funcs.push(FuncCode {
                start,
                entry: start,
                end,
                switch: end,
                frame: 16,
                sites: 0,
                body_pos: 0,
            });
            relocs.extend(isa.buf().relocs.iter().map(|reloc| Reloc {
                pos: start + reloc.pos,
                func: reloc.func,
            }));
        }
        let before: Vec<u32> = code.funcs.iter().map(|func| func.start).collect();
        assert!(segments(&code, SEGMENT).len() > 5);
        let code = link_segments::<I>(code, relocs.clone(), SEGMENT).unwrap();
        let moved = |pos: u32| {
            let func = before.partition_point(|start| *start <= pos) - 1;
            pos - before[func] + code.funcs[func].start
        };
        let calls = relocs.iter();
        let calls = calls.map(|reloc| (moved(reloc.pos) as usize, reloc.func as usize));
        let entries = code.funcs.iter().map(|func| func.entry as usize);
        (entries.collect(), calls.collect(), code.bytes.to_vec())
    }
}
