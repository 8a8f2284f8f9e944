//! What compiles functions, and what it makes of them.

use std::sync::{Mutex, MutexGuard, PoisonError};

use super::code::{LINE, Reloc};
use super::compile::{Context, Emitter};
use super::driver::{FuncCode, MAX_CODE};
use super::isa::{Isa, IsaOptions};
use super::map::{KeptPages, PageBytes};
use crate::error::{Error, OutOfMemory, try_reserve, try_with_capacity};
use crate::ir::decode::Body;
use crate::ir::func::{Func, Lowered, Waiting};
use crate::ir::lower::Lowering;
use crate::ir::types::FuncIdx;

/// Which functions report their entry and exit.
pub(super) type Listen<'a> = Option<&'a (dyn Fn(FuncIdx) -> bool + Sync)>;

/// What a thread keeps from function to function, and an engine from module to module.
pub(crate) struct Worker<I> {
    lowering: Lowering,
    func: Func,
    /// Functions before that one.
    waiting: Waiting,
    emitter: Emitter<I>,
    /// Bytes of the largest body so far, which the buffers are in proportion to.
    largest: usize,
}

/// Workers without work, and pages without code.
pub(crate) struct Workers<I> {
    idle: Mutex<Vec<Worker<I>>>,
    pub(crate) pages: KeptPages,
}

/// The largest bodies of the workers that are kept have together at most so many bytes: buffers are
/// ten to thirty times as large. Two megabytes are one worker that has met a huge function.
const MAX_BODIES: usize = 2 << 20;
const MAX_IDLE: usize = 16;

impl<I> Default for Workers<I> {
    fn default() -> Self {
        Self {
            idle: Mutex::default(),
            pages: KeptPages::default(),
        }
    }
}

impl<I: Isa> Workers<I> {
    fn lock(&self) -> MutexGuard<'_, Vec<Worker<I>>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A worker, which always has the same options.
    pub(super) fn take(&self, options: IsaOptions) -> Worker<I> {
        let idle = self.lock().pop();
        idle.unwrap_or_else(|| Worker {
            lowering: Lowering::default(),
            func: Func::default(),
            waiting: Waiting::default(),
            emitter: Emitter::new(options),
            largest: 0,
        })
    }

    /// Takes back a worker that has done its work.
    pub(super) fn give(&self, worker: Worker<I>) {
        let mut idle = self.lock();
        let bodies: usize = idle.iter().map(|worker| worker.largest).sum();
        if bodies + worker.largest <= MAX_BODIES && idle.len() < MAX_IDLE {
            idle.push(worker);
        }
    }
}

/// Where machine code is gathered.
pub(super) trait Gather {
    fn len(&self) -> usize;
    fn append(&mut self, code: &[u8]) -> Result<(), Error>;

    /// Fills up to a multiple of `alignment`, at most [`LINE`], with zeros.
    fn align(&mut self, alignment: usize) -> Result<(), Error> {
        let gap = self.len().next_multiple_of(alignment) - self.len();
        match gap {
            0 => Ok(()),
            _ => self.append(&[0; LINE][..gap]),
        }
    }
}

impl Gather for PageBytes {
    fn len(&self) -> usize {
        <[u8]>::len(self)
    }

    fn append(&mut self, code: &[u8]) -> Result<(), Error> {
        self.extend_from_slice(code)
    }
}

impl Gather for Vec<u8> {
    fn len(&self) -> usize {
        self.len()
    }

    fn append(&mut self, code: &[u8]) -> Result<(), Error> {
        try_reserve(self, code.len(), CODE)?;
        self.extend_from_slice(code);
        Ok(())
    }
}

/// Functions are lowered until their bodies have so many bytes, and then emitted: the processor
/// keeps at hand what it needs for the one or for the other.
const GROUP_BYTES: usize = 3000;

/// At least so many groups, since in a small module the memory for one is seen.
const GROUPS: usize = 4;

pub(super) const CODE: &str = "a module's code";

/// There is about one byte of sites, or one call to link, in so many bytes of real bodies.
const BYTES_PER_SITE: usize = 4;
const BYTES_PER_RELOC: usize = 64;

/// Functions one behind the other, in ascending order.
#[derive(Debug, Default)]
pub(super) struct Part<B> {
    pub(super) bytes: B,
    pub(super) funcs: Vec<FuncCode>,
    /// See [`super::sites`].
    pub(super) sites: Vec<u8>,
    pub(super) relocs: Vec<Reloc>,
    /// Functions wait to be emitted until their bodies have so many bytes.
    pub(super) group: usize,
}

impl<B> Part<B> {
    /// For `funcs` functions, whose bodies have `size` bytes.
    ///
    /// # Errors
    ///
    /// If the host has no memory.
    pub(super) fn new(bytes: B, funcs: usize, size: usize) -> Result<Self, OutOfMemory> {
        Ok(Self {
            bytes,
            funcs: try_with_capacity(funcs, CODE)?,
            sites: try_with_capacity(size / BYTES_PER_SITE, CODE)?,
            relocs: try_with_capacity(size / BYTES_PER_RELOC, CODE)?,
            group: GROUP_BYTES.min(size / GROUPS),
        })
    }

    /// Takes over what is known of the functions of `other`, whose code will lie at `start`.
    ///
    /// # Errors
    ///
    /// If the host has no memory.
    pub(super) fn describe<C>(&mut self, other: &Part<C>, start: u32) -> Result<(), OutOfMemory> {
        try_reserve(&mut self.sites, other.sites.len(), CODE)?;
        try_reserve(&mut self.funcs, other.funcs.len(), CODE)?;
        try_reserve(&mut self.relocs, other.relocs.len(), CODE)?;
        let sites = self.sites.len() as u32;
        self.sites.extend_from_slice(&other.sites);
        self.funcs.extend(other.funcs.iter().map(|func| FuncCode {
            start: start + func.start,
            entry: start + func.entry,
            end: start + func.end,
            switch: start + func.switch,
            sites: sites + func.sites,
            ..*func
        }));
        self.relocs.extend(other.relocs.iter().map(|reloc| Reloc {
            pos: start + reloc.pos,
            ..*reloc
        }));
        Ok(())
    }
}

impl<I: Isa> Worker<I> {
    /// Validates and compiles a function, behind those that `part` has. It may wait to be emitted
    /// until [`Self::finish`].
    ///
    /// # Errors
    ///
    /// If it is not valid, or too large, or the host has no memory.
    pub(super) fn compile<B: Gather>(
        &mut self,
        cx: &Context<'_>,
        bytes: &[u8],
        body: &Body,
        listen: Listen<'_>,
        part: &mut Part<B>,
    ) -> Result<(), Error> {
        let size = body.range().len();
        self.largest = self.largest.max(size);
        if self.waiting.exceeds(size, part.group) {
            self.finish(cx, listen, part)?;
        }
        let lowered = self
            .lowering
            .lower(cx.module, bytes, body, cx.costs, &mut self.func);
        let outcome = lowered.and_then(|()| {
            if size <= part.group {
                Ok(self.waiting.push(&mut self.func, size)?)
            } else {
                emit(&mut self.emitter, cx, &self.func.lowered(), listen, part)
            }
        });
        if outcome.is_err() {
            // The worker may go on with another part.
            self.waiting.clear(&mut self.func);
        }
        outcome
    }

    /// Emits the functions that wait.
    ///
    /// # Errors
    ///
    /// If one is too large, or the host has no memory.
    pub(super) fn finish<B: Gather>(
        &mut self,
        cx: &Context<'_>,
        listen: Listen<'_>,
        part: &mut Part<B>,
    ) -> Result<(), Error> {
        let emitter = &mut self.emitter;
        let outcome = self
            .waiting
            .iter(&self.func)
            .try_for_each(|func| emit(emitter, cx, &func, listen, part));
        self.waiting.clear(&mut self.func);
        outcome
    }
}

/// Emits a function behind those that `part` has.
///
/// # Errors
///
/// If it is too large, or the host has no memory.
fn emit<I: Isa, B: Gather>(
    emitter: &mut Emitter<I>,
    cx: &Context<'_>,
    func: &Lowered<'_>,
    listen: Listen<'_>,
    part: &mut Part<B>,
) -> Result<(), Error> {
    let pos = func.facts.body_pos as usize;
    let listened = listen.is_some_and(|listen| listen(func.facts.func_idx()));
    let emitted = emitter.emit(cx, func, listened, None)?;
    let buf = emitter.isa.buf();
    part.bytes.align(buf.alignment as usize)?;
    let start = part.bytes.len();
    let end = start + buf.code().len();
    check_size(end, pos)?;
    part.bytes.append(buf.code())?;
    try_reserve(&mut part.funcs, 1, CODE)?;
    try_reserve(&mut part.sites, buf.sites.bytes().len(), CODE)?;
    try_reserve(&mut part.relocs, buf.relocs.len(), CODE)?;
    part.sites.extend_from_slice(buf.sites.bytes());
    let start = start as u32;
    part.funcs.push(FuncCode {
        start,
        entry: start + emitted.entry,
        end: end as u32,
        switch: start + emitted.switch,
        frame: emitted.frame,
        sites: part.sites.len() as u32,
        body_pos: func.facts.body_pos,
    });
    let relocs = buf.relocs.iter();
    part.relocs.extend(relocs.map(|reloc| Reloc {
        pos: start + reloc.pos,
        ..*reloc
    }));
    Ok(())
}

/// # Errors
///
/// If a module cannot have so many bytes of code. `pos` is where the module was too large.
pub(super) fn check_size(code: usize, pos: usize) -> Result<(), Error> {
    if code <= MAX_CODE {
        return Ok(());
    }
    let what = "a module with more than 2 GiB of machine code";
    Err(Error::unsupported(pos, what))
}
