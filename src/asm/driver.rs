//! Compiles a module's functions with one backend and places them behind each other.

use super::abi::InstanceLayout;
use super::code::{LINE, Site};
use super::compile::Context;
use super::isa::{Isa, IsaOptions};
use super::link::link;
use super::map::PageBytes;
use super::parallel::{self, Batching};
use super::sites;
use super::worker::{Gather, Part, Workers};
use crate::error::Error;
use crate::ir::decode::Bodies;
use crate::ir::fuel::Costs;
use crate::ir::limits::EnforcedLimit;
use crate::ir::module::ModuleInfo;
use crate::ir::types::FuncIdx;

/// How to compile.
#[derive(Clone, Copy)]
pub(crate) struct CompileOptions<'a> {
    pub(crate) isa: IsaOptions,
    /// What operators cost, if the code is to pay for them.
    pub(crate) costs: Option<&'a Costs>,
    /// Threads to use, at least 1.
    pub(crate) threads: usize,
    /// Functions whose entry and exit are reported.
    pub(crate) listen: Option<&'a (dyn Fn(FuncIdx) -> bool + Sync)>,
}

/// Machine code of a module, not yet in executable memory. Position-independent.
#[derive(Debug, Default)]
pub(crate) struct ModuleCode {
    pub(crate) bytes: PageBytes,
    /// Per defined function, in ascending order of `start`.
    pub(crate) funcs: Vec<FuncCode>,
    /// See [`sites`]; [`FuncCode::sites`] points into it.
    pub(crate) sites: Vec<u8>,
}

/// Where one function lies in its module's code.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FuncCode {
    /// First byte; the indirect entry, if the function has one.
    pub(crate) start: u32,
    /// The entry for direct calls.
    pub(crate) entry: u32,
    pub(crate) end: u32,
    /// The switch thunk's first byte (its frame is 16 bytes), or `end` if there is none.
    pub(crate) switch: u32,
    /// Bytes of the frame, with the return address.
    pub(crate) frame: u32,
    /// End of the function's sites in [`ModuleCode::sites`]; they begin where those of the
    /// function before end.
    pub(crate) sites: u32,
    /// Offset of the body in the module, which the sites count from.
    pub(crate) body_pos: u32,
}

impl ModuleCode {
    /// The defined function (counted from the first defined one) that `offset` belongs to: a
    /// return address, which a call at the function's end leaves behind it, or a place behind the
    /// prologue.
    pub(crate) fn func_at(&self, offset: u32) -> Option<usize> {
        let at = self
            .funcs
            .partition_point(|func| func.start < offset)
            .checked_sub(1)?;
        (offset <= self.funcs[at].end).then_some(at)
    }

    /// The offset in the module of the operator whose site is at `offset` of the code.
    pub(crate) fn wasm_pos(&self, offset: u32) -> Option<u32> {
        let at = self.func_at(offset)?;
        self.sites_of(at)
            .find(|site| site.code == offset - self.funcs[at].start)
            .map(|site| site.wasm)
    }

    /// The sites of a function, counted from the first defined one.
    pub(crate) fn sites_of(&self, at: usize) -> impl Iterator<Item = Site> {
        let begin = if at == 0 { 0 } else { self.funcs[at - 1].sites } as usize;
        let func = &self.funcs[at];
        sites::decode(&self.sites[begin..func.sites as usize], func.body_pos)
    }
}

/// Code is at most about so many times as large as the bodies.
const CODE_PER_BYTE: usize = 3;

/// And a function, however small, has about so many bytes of it.
const CODE_PER_FUNC: usize = 32;

/// Room for the code of so many functions, whose bodies have so many bytes.
pub(super) fn code_room(funcs: usize, bytes: usize) -> usize {
    CODE_PER_BYTE * bytes + CODE_PER_FUNC * funcs
}

/// The largest module's code: offsets in it are 32-bit, calls reach as far as an `i32`.
pub(super) const MAX_CODE: usize = i32::MAX as usize;

/// Whether the embedder allows so much code: that up to the end of a function, the module's defined
/// function number `at`, whose part begins at `start`.
///
/// # Errors
///
/// If not.
pub(super) fn limit_code(
    module: &ModuleInfo,
    func: &FuncCode,
    at: usize,
    start: u32,
) -> Result<(), Error> {
    let size = u64::from(start) + u64::from(func.end);
    let at = (func.body_pos, Some(module.imported_funcs + at as u32));
    module.limits.check(EnforcedLimit::CodeSize, size, at)
}

/// Validates and compiles every body of a module.
///
/// # Errors
///
/// The first error in the order of the functions, whichever thread found it.
pub(crate) fn compile<I: Isa + Send>(
    module: &ModuleInfo,
    bytes: &[u8],
    mut bodies: Bodies<'_>,
    layout: &InstanceLayout,
    options: &CompileOptions<'_>,
    workers: &Workers<I>,
) -> Result<ModuleCode, Error> {
    let cx = Context {
        module,
        layout,
        options: options.isa,
        costs: options.costs,
    };
    let size = bodies.size();
    let room = code_room(bodies.len(), size);
    let mut all = Part::new(workers.pages.take(room)?, bodies.len(), size)?;
    if options.threads <= 1 {
        let mut worker = workers.take(options.isa);
        let mut batching = Batching::new(size);
        let mut limited = 0;
        let mut limit = |funcs: &[FuncCode]| {
            let mut new = std::mem::replace(&mut limited, funcs.len())..funcs.len();
            new.try_for_each(|at| limit_code(module, &funcs[at], at, 0))
        };
        bodies.try_each(|body| {
            if batching.begins(&body) {
                worker.finish(&cx, options.listen, &mut all)?;
                all.bytes.align(LINE)?;
            }
            worker.compile(&cx, bytes, &body, options.listen, &mut all)?;
            limit(&all.funcs)
        })?;
        worker.finish(&cx, options.listen, &mut all)?;
        limit(&all.funcs)?;
        workers.give(worker);
    } else {
        all = parallel::compile(&cx, bytes, bodies, options, workers, all)?;
    }
    for reloc in &mut all.relocs {
        reloc.func -= module.imported_funcs;
    }
    all.sites.shrink_to_fit();
    let code = ModuleCode {
        bytes: all.bytes,
        funcs: all.funcs,
        sites: all.sites,
    };
    link::<I>(code, all.relocs)
}
