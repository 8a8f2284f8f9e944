//! A look at what the compiler makes of a module, for either machine, on any host.
//!
//! For `pronto objdump` and the golden tests; not part of the stable API.

use std::ops::Range;

use crate::amd64::Amd64;
use crate::arm64::Arm64;
use crate::asm::abi::{InstanceLayout, MemoryMode};
use crate::asm::compile::{Context, Emitted, Emitter, OutOfLine, RecordStart};
use crate::asm::isa::{Checked, Isa, IsaOptions};
use crate::error::Error;
use crate::ir::decode::{DEFAULT_FEATURES, Decoded, decode};
use crate::ir::display::FuncDisplay;
use crate::ir::fuel::{Costs, FuelCosts};
use crate::ir::func::Func;
use crate::ir::lower::Lowering;
use crate::ir::module::ModuleInfo;

/// A machine that code can be generated for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// x86-64.
    Amd64,
    /// AArch64.
    Arm64,
}

/// What to look at.
#[derive(Clone, Copy, Debug)]
pub struct InspectOptions {
    /// The machine.
    pub target: Target,
    /// Checks at each memory access instead of guard regions.
    pub explicit: bool,
    /// Checks by which other threads can stop the code.
    pub interruptible: bool,
    /// Arithmetic makes canonical NaNs.
    pub canonical_nans: bool,
    /// Payment for each region, by these costs.
    pub fuel: Option<FuelCosts>,
    /// Optional instructions of the target, as bits that the backend defines; 0 is the baseline.
    pub features: u32,
}

/// One function, lowered and compiled, but not linked: direct calls have no target.
#[derive(Clone, Debug)]
pub struct InspectedFunc {
    /// Index of the function, imports first.
    pub index: u32,
    /// Name from the name section.
    pub name: Option<String>,
    /// The lowered function as text: its locals, then a line for each record.
    pub ir: String,
    /// Records of the lowered function, each with the offset of its operator in the module.
    pub records: Vec<(u32, String)>,
    /// Machine code.
    pub code: Vec<u8>,
    /// What of the code is neither entry, prologue nor out of line.
    pub body: Range<usize>,
    /// The code in pieces, in its order: all of it, and each record once; those of a loop that is
    /// written several times (`InspectOptions::interruptible`), once for each copy.
    pub pieces: Vec<Piece>,
    /// (code offset, offset in the module) of calls, traps and guarded accesses.
    pub sites: Vec<(u32, u32)>,
    /// (code offset, function) of the fields that direct calls leave to the linker.
    pub relocs: Vec<(u32, u32)>,
}

/// A piece of a function's code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    /// Its first byte; it ends where the next one starts, and may be empty.
    pub start: usize,
    /// Offset in the module of the operator, or the body, that it belongs to.
    pub pos: u32,
    /// What it does.
    pub what: Work,
}

/// What a piece of code does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Work {
    /// The work of records, by index: of one, and of those behind it that are done along with it.
    Records(Range<usize>),
    /// Something beside them.
    Other(String),
}

/// Compiles a module and shows each function.
///
/// # Errors
///
/// If the module is invalid or not supported.
pub fn inspect(wasm: &[u8], options: InspectOptions) -> Result<Vec<InspectedFunc>, Error> {
    match options.target {
        Target::Amd64 => inspect_for::<Amd64>(wasm, options),
        Target::Arm64 => inspect_for::<Arm64>(wasm, options),
    }
}

/// Compiles a module and forgets each function: how many bytes of code there are, as machines can
/// be compared where only one of them runs.
///
/// # Errors
///
/// If the module is invalid or not supported.
pub fn code_size(wasm: &[u8], options: InspectOptions) -> Result<usize, Error> {
    let mut size = 0;
    match options.target {
        Target::Amd64 => each_func::<Amd64>(wasm, options, |seen| {
            size += seen.emitter.isa.buf().code().len()
        })?,
        Target::Arm64 => each_func::<Arm64>(wasm, options, |seen| {
            size += seen.emitter.isa.buf().code().len()
        })?,
    }
    Ok(size)
}

fn inspect_for<I: Isa>(wasm: &[u8], options: InspectOptions) -> Result<Vec<InspectedFunc>, Error> {
    let mut funcs = Vec::new();
    each_func::<I>(wasm, options, |mut seen| {
        let pieces = pieces(&mut seen);
        let Seen {
            info,
            func,
            emitted,
            ..
        } = seen;
        let buf = seen.emitter.isa.buf();
        let records = func.records.iter();
        funcs.push(InspectedFunc {
            index: func.facts.index,
            name: info.func_name(func.facts.func_idx()).map(str::to_owned),
            ir: FuncDisplay { module: info, func }.to_string(),
            records: records
                .map(|record| (record.pos, format!("{:?}", record.op)))
                .collect(),
            code: buf.code().to_vec(),
            body: emitted.body as usize..emitted.cold as usize,
            pieces,
            sites: buf
                .sites
                .iter()
                .map(|site| (site.code, site.wasm))
                .collect(),
            relocs: buf
                .relocs
                .iter()
                .map(|reloc| (reloc.pos, reloc.func))
                .collect(),
        });
    })?;
    Ok(funcs)
}

/// A function that was just compiled.
struct Seen<'a, I> {
    info: &'a ModuleInfo,
    func: &'a Func,
    emitted: Emitted,
    starts: &'a [RecordStart],
    emitter: &'a mut Emitter<I>,
}

/// The pieces of a function's code.
fn pieces<I: Isa>(seen: &mut Seen<'_, I>) -> Vec<Piece> {
    let Seen { func, emitted, .. } = *seen;
    let other = |start: u32, pos, what: &str| Piece {
        start: start as usize,
        pos,
        what: Work::Other(what.to_owned()),
    };
    let mut pieces = Vec::new();
    if emitted.entry != 0 {
        pieces.push(other(0, func.facts.body_pos, "entry by reference"));
    }
    pieces.push(other(emitted.entry, func.facts.body_pos, "prologue"));
    for (nth, start) in seen.starts.iter().enumerate() {
        // A loop that is written several times goes back to its first record.
        let mut later = seen.starts[nth..].iter().map(|other| other.record);
        let end = later.find(|&other| other > start.record);
        let end = end.unwrap_or(func.records.len());
        pieces.push(Piece {
            start: start.code as usize,
            pos: func.records[start.record].pos,
            what: Work::Records(start.record..end),
        });
    }
    let outside = seen.emitter.out_of_line();
    pieces.extend(outside.map(|(start, pos, what)| {
        let what = match what {
            OutOfLine::Trap(trap) => format!("trap {trap:?}"),
            OutOfLine::Check(Checked::Loop) => "interruption".to_owned(),
            OutOfLine::Check(Checked::Entry) => "interruption, or a full stack".to_owned(),
            OutOfLine::Check(Checked::Fuel(cost)) => format!("less fuel than {cost}"),
        };
        other(start, pos, &what)
    }));
    if emitted.switch as usize != seen.emitter.isa.buf().code().len() {
        pieces.push(other(
            emitted.switch,
            func.facts.body_pos,
            "call from another instance",
        ));
    }
    pieces
}

fn each_func<I: Isa>(
    wasm: &[u8],
    options: InspectOptions,
    mut see: impl FnMut(Seen<'_, I>),
) -> Result<(), Error> {
    let Decoded { info, bodies } = decode(wasm, DEFAULT_FEATURES)?;
    let mode = if options.explicit {
        MemoryMode::Explicit
    } else {
        MemoryMode::Guard
    };
    let isa = IsaOptions {
        mode,
        poison: false,
        interruptible: options.interruptible,
        metered: options.fuel.is_some(),
        canonical_nans: options.canonical_nans,
        features: options.features,
    };
    let costs = options.fuel.map(Costs::new);
    let layout = InstanceLayout::new(&info)?;
    let cx = Context {
        module: &info,
        layout: &layout,
        options: isa,
        costs: costs.as_ref(),
    };
    let (mut lowering, mut func) = (Lowering::default(), Func::default());
    let (mut emitter, mut starts) = (Emitter::<I>::new(isa), Vec::new());
    for body in bodies {
        lowering.lower(&info, wasm, &body?, costs.as_ref(), &mut func)?;
        let emitted = emitter.emit(&cx, &func.lowered(), false, Some(&mut starts))?;
        see(Seen {
            info: &info,
            func: &func,
            emitted,
            starts: &starts,
            emitter: &mut emitter,
        });
    }
    Ok(())
}
