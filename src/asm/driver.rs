//! Compiles a module's functions with one backend and places them behind each other.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use super::abi::InstanceLayout;
use super::code::Reloc;
use super::compile::{Context, Emitter};
use super::isa::{Isa, IsaOptions};
use super::map::CodeBytes;
use super::sites;
use crate::error::Error;
use crate::ir::decode::Body;
use crate::ir::func::Func;
use crate::ir::lower::Lowering;
use crate::ir::module::ModuleInfo;
use crate::ir::types::FuncIdx;

/// How to compile.
#[derive(Clone, Copy)]
pub(crate) struct CompileOptions<'a> {
    pub(crate) isa: IsaOptions,
    /// Threads to use, at least 1.
    pub(crate) threads: usize,
    /// Functions whose entry and exit are reported.
    pub(crate) listen: Option<&'a (dyn Fn(FuncIdx) -> bool + Sync)>,
}

/// Machine code of a module, not yet in executable memory. Position-independent.
#[derive(Debug, Default)]
pub(crate) struct ModuleCode {
    pub(crate) bytes: CodeBytes,
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
    /// The defined function (counted from the first defined one) whose code holds `offset`.
    pub(crate) fn func_at(&self, offset: u32) -> Option<usize> {
        let at = self
            .funcs
            .partition_point(|func| func.start <= offset)
            .checked_sub(1)?;
        (offset < self.funcs[at].end).then_some(at)
    }

    /// The offset in the module of the operator whose site is at `offset` of the code.
    pub(crate) fn wasm_pos(&self, offset: u32) -> Option<u32> {
        let at = self.func_at(offset)?;
        let begin = if at == 0 { 0 } else { self.funcs[at - 1].sites } as usize;
        let func = &self.funcs[at];
        sites::decode(&self.sites[begin..func.sites as usize], func.body_pos)
            .find(|site| site.code == offset - func.start)
            .map(|site| site.wasm)
    }
}

/// Functions compiled by one worker, in ascending order, to be joined with others.
#[derive(Default)]
struct Part {
    code: ModuleCode,
    relocs: Vec<Reloc>,
}

/// Code is at most about so many times as large as the bodies.
const CODE_PER_BYTE: usize = 3;

/// The largest module's code: offsets in it are 32-bit, calls reach as far as an `i32`.
const MAX_CODE: usize = i32::MAX as usize;

/// Functions that a worker takes at a time hold about this many bytes of bodies.
const BATCH_BYTES: usize = 64 * 1024;

/// Validates and compiles every body of a module.
///
/// # Errors
///
/// The first error in the order of the functions, whichever thread found it.
pub(crate) fn compile<I: Isa>(
    module: &ModuleInfo,
    bytes: &[u8],
    bodies: Vec<Body>,
    layout: &InstanceLayout,
    options: &CompileOptions<'_>,
) -> Result<ModuleCode, Error> {
    let cx = Context {
        module,
        layout,
        options: options.isa,
    };
    let mut all = Part::for_bodies(&bodies)?;
    if options.threads <= 1 {
        let mut worker = Worker::<I>::new(options);
        for (index, body) in (module.imported_funcs..).zip(bodies) {
            worker.compile(&cx, bytes, index, body, &mut all)?;
        }
    } else {
        for part in compile_parallel::<I>(&cx, bytes, bodies, options)? {
            all.append(part)?;
        }
    }
    link::<I>(module, all)
}

fn compile_parallel<I: Isa>(
    cx: &Context<'_>,
    bytes: &[u8],
    bodies: Vec<Body>,
    options: &CompileOptions<'_>,
) -> Result<Vec<Part>, Error> {
    let batches = batches(cx.module.imported_funcs, bodies);
    let (next, failed) = (AtomicUsize::new(0), AtomicBool::new(false));
    let slots: Vec<_> = batches
        .into_iter()
        .map(|batch| Mutex::new(Slot::Waiting(batch)))
        .collect();
    let work = || {
        let mut worker = Worker::<I>::new(options);
        while !failed.load(Ordering::Relaxed) {
            let Some(slot) = slots.get(next.fetch_add(1, Ordering::Relaxed)) else {
                break;
            };
            let mut slot = slot.lock().unwrap_or_else(PoisonError::into_inner);
            if let Slot::Waiting(batch) = std::mem::replace(&mut *slot, Slot::Skipped) {
                let result = worker.batch(cx, bytes, batch);
                failed.fetch_or(result.is_err(), Ordering::Relaxed);
                *slot = Slot::Done(result);
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 1..options.threads.min(slots.len()) {
            // A thread that cannot be had is done without.
            let _ = std::thread::Builder::new().spawn_scoped(scope, work);
        }
        work();
    });
    let mut parts = Vec::with_capacity(slots.len().max(1));
    for slot in slots {
        match slot.into_inner().unwrap_or_else(PoisonError::into_inner) {
            Slot::Done(result) => parts.push(result?),
            Slot::Waiting(_) | Slot::Skipped => {}
        }
    }
    Ok(parts)
}

/// Consecutive functions: index of the first, and the bodies.
struct Batch {
    first: u32,
    bodies: Vec<Body>,
}

enum Slot {
    Waiting(Batch),
    Done(Result<Part, Error>),
    /// Left alone because an earlier batch failed.
    Skipped,
}

fn batches(mut index: u32, bodies: Vec<Body>) -> Vec<Batch> {
    let mut batches: Vec<Batch> = Vec::new();
    let mut room = 0;
    for body in bodies {
        let size = body.range.len();
        match batches.last_mut() {
            Some(batch) if room >= size => {
                room -= size;
                batch.bodies.push(body);
            }
            Some(_) | None => {
                room = BATCH_BYTES.saturating_sub(size);
                batches.push(Batch {
                    first: index,
                    bodies: vec![body],
                });
            }
        }
        index += 1;
    }
    batches
}

/// What a thread keeps from function to function.
struct Worker<'a, I> {
    lowering: Lowering,
    func: Func,
    emitter: Emitter<I>,
    listen: Option<&'a (dyn Fn(FuncIdx) -> bool + Sync)>,
}

impl<'a, I: Isa> Worker<'a, I> {
    fn new(options: &CompileOptions<'a>) -> Self {
        Self {
            lowering: Lowering::default(),
            func: Func::default(),
            emitter: Emitter::new(options.isa),
            listen: options.listen,
        }
    }

    fn batch(&mut self, cx: &Context<'_>, bytes: &[u8], batch: Batch) -> Result<Part, Error> {
        let mut part = Part::for_bodies(&batch.bodies)?;
        for (index, body) in (batch.first..).zip(batch.bodies) {
            self.compile(cx, bytes, index, body, &mut part)?;
        }
        Ok(part)
    }

    fn compile(
        &mut self,
        cx: &Context<'_>,
        bytes: &[u8],
        index: u32,
        body: Body,
        part: &mut Part,
    ) -> Result<(), Error> {
        let pos = body.range.start;
        self.lowering
            .lower(cx.module, bytes, body, &mut self.func)?;
        let listened = self.listen.is_some_and(|listen| listen(FuncIdx(index)));
        let emitted = self.emitter.emit(cx, &self.func, listened);
        let buf = self.emitter.isa.buf();
        let code = buf.code();
        let out = &mut part.code;
        if out.bytes.len() + code.len() > MAX_CODE {
            return Err(Error::unsupported(
                pos,
                "a module with more than 2 GiB of machine code",
            ));
        }
        let start = out.bytes.len() as u32;
        out.bytes.extend_from_slice(code)?;
        sites::encode(&buf.sites, self.func.body_pos, &mut out.sites);
        out.funcs.push(FuncCode {
            start,
            entry: start + emitted.entry,
            end: out.bytes.len() as u32,
            switch: start + emitted.switch,
            frame: emitted.frame,
            sites: out.sites.len() as u32,
            body_pos: self.func.body_pos,
        });
        let relocs = buf.relocs.iter();
        part.relocs.extend(relocs.map(|reloc| Reloc {
            pos: start + reloc.pos,
            ..*reloc
        }));
        Ok(())
    }
}

impl Part {
    /// A part with room for the code of these bodies, as far as that can be told.
    fn for_bodies(bodies: &[Body]) -> Result<Self, Error> {
        let size: usize = bodies.iter().map(|body| body.range.len()).sum();
        let mut part = Self::default();
        part.code.bytes = CodeBytes::with_capacity(size.saturating_mul(CODE_PER_BYTE))?;
        part.code.funcs.reserve_exact(bodies.len());
        Ok(part)
    }

    /// Puts the functions of `other` behind those of `self`.
    fn append(&mut self, other: Self) -> Result<(), Error> {
        let code = &mut self.code;
        let (start, sites) = (code.bytes.len() as u32, code.sites.len() as u32);
        if code.bytes.len() + other.code.bytes.len() > MAX_CODE {
            return Err(Error::unsupported(
                0,
                "a module with more than 2 GiB of machine code",
            ));
        }
        code.bytes.extend_from_slice(&other.code.bytes)?;
        code.sites.extend_from_slice(&other.code.sites);
        code.funcs
            .extend(other.code.funcs.into_iter().map(|func| FuncCode {
                start: start + func.start,
                entry: start + func.entry,
                end: start + func.end,
                switch: start + func.switch,
                sites: sites + func.sites,
                ..func
            }));
        let relocs = other.relocs.into_iter();
        self.relocs.extend(relocs.map(|reloc| Reloc {
            pos: start + reloc.pos,
            ..reloc
        }));
        Ok(())
    }
}

/// Points direct calls to their callees.
fn link<I: Isa>(module: &ModuleInfo, part: Part) -> Result<ModuleCode, Error> {
    let Part { mut code, relocs } = part;
    let mut far = Vec::new();
    for reloc in relocs {
        let callee = &code.funcs[(reloc.func - module.imported_funcs) as usize];
        let (pos, target) = (reloc.pos as usize, callee.entry as usize);
        if !I::patch_call(&mut code.bytes, pos, target) {
            far.push((pos, target));
        }
    }
    if !far.is_empty() {
        let mut bytes = code.bytes.to_vec();
        for (pos, target) in far {
            let veneer = I::veneer(&mut bytes, target);
            if !I::patch_call(&mut bytes, pos, veneer) {
                let what = "a call further than the machine reaches";
                return Err(Error::unsupported(0, what));
            }
        }
        code.bytes = CodeBytes::with_capacity(bytes.len())?;
        code.bytes.extend_from_slice(&bytes)?;
    }
    Ok(code)
}
