//! A look at what the compiler makes of a module, for either machine, on any host.
//!
//! For `pronto objdump` and the golden tests; not part of the stable API.

use std::ops::Range;

use crate::amd64::Amd64;
use crate::arm64::Arm64;
use crate::asm::abi::{InstanceLayout, MemoryMode};
use crate::asm::code::CodeBuf;
use crate::asm::compile::{Context, Emitted, Emitter};
use crate::asm::isa::{Isa, IsaOptions};
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
    /// (code offset, offset in the module) of calls, traps and guarded accesses.
    pub sites: Vec<(u32, u32)>,
    /// (code offset, function) of the fields that direct calls leave to the linker.
    pub relocs: Vec<(u32, u32)>,
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
        Target::Amd64 => {
            each_func::<Amd64>(wasm, options, |_, _, _, buf| size += buf.code().len())?
        }
        Target::Arm64 => {
            each_func::<Arm64>(wasm, options, |_, _, _, buf| size += buf.code().len())?
        }
    }
    Ok(size)
}

fn inspect_for<I: Isa>(wasm: &[u8], options: InspectOptions) -> Result<Vec<InspectedFunc>, Error> {
    let mut funcs = Vec::new();
    each_func::<I>(wasm, options, |info, func, emitted, buf| {
        let records = func.records.iter();
        funcs.push(InspectedFunc {
            index: func.index,
            name: info.func_name(func.func_idx()).map(str::to_owned),
            ir: FuncDisplay { module: info, func }.to_string(),
            records: records
                .map(|record| (record.pos, format!("{:?}", record.op)))
                .collect(),
            code: buf.code().to_vec(),
            body: emitted.body as usize..emitted.cold as usize,
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

fn each_func<I: Isa>(
    wasm: &[u8],
    options: InspectOptions,
    mut see: impl FnMut(&ModuleInfo, &Func, Emitted, &CodeBuf),
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
    let layout = InstanceLayout::new(&info);
    let cx = Context {
        module: &info,
        layout: &layout,
        options: isa,
        costs: costs.as_ref(),
    };
    let (mut lowering, mut func) = (Lowering::default(), Func::default());
    let mut emitter = Emitter::<I>::new(isa);
    for body in &bodies {
        lowering.lower(&info, wasm, body, costs.as_ref(), &mut func)?;
        let emitted = emitter.emit(&cx, &func, false);
        see(&info, &func, emitted, emitter.isa.buf());
    }
    Ok(())
}
