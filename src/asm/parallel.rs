//! Compiles a module's functions on several threads.
//!
//! Threads take batches of consecutive functions, in order, and copy each batch's code to its
//! place as soon as all before it are known. So the code exists once, but for a few batches.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::code::LINE;
use super::compile::Context;
use super::driver::{CompileOptions, code_room, limit_code};
use super::isa::Isa;
use super::map::PageBytes;
use super::worker::{Gather, Listen, Part, Worker, Workers, check_size};
use crate::error::{Error, try_reserve, try_with_capacity};
use crate::ir::decode::{Bodies, Body};
use crate::ir::module::ModuleInfo;

/// Functions that a worker takes at a time hold about this many bytes of bodies; fewer near the end,
/// where one waits for the other.
const BATCH_BYTES: usize = 32 * 1024;
const LEAST_BATCH_BYTES: usize = 8 * 1024;

/// A batch is at most this part of what is left.
const BATCHES_LEFT: usize = 8;

/// As [`super::driver::compile`]: appends to `all`, which has no function yet.
pub(super) fn compile<I: Isa + Send>(
    cx: &Context<'_>,
    bytes: &[u8],
    bodies: Bodies<'_>,
    options: &CompileOptions<'_>,
    workers: &Workers<I>,
    mut all: Part<PageBytes>,
) -> Result<Part<PageBytes>, Error> {
    let batches = batches(bodies)?;
    let order = order(&batches);
    let count = batches.len();
    let batches: Vec<_> = batches
        .into_iter()
        .map(|batch| Mutex::new(Some(batch)))
        .collect();
    let mut code = std::mem::take(&mut all.bytes);
    let joining = Mutex::new(Joining {
        module: cx.module,
        waiting: (0..count).map(|_| None).collect(),
        next: 0,
        failed: None,
        end: 0,
        len: 0,
        room: code.room(),
        homeless: Vec::new(),
        all,
    });
    let taken = AtomicUsize::new(0);
    let work = || {
        let mut worker = workers.take(options.isa);
        while let Some(&at) = order.get(taken.fetch_add(1, Ordering::Relaxed)) {
            let Some(batch) = lock(&batches[at]).take() else {
                unreachable!("each batch is taken once");
            };
            if !lock(&joining).wants(at) {
                continue;
            }
            let last = at + 1 == count;
            let part = batch.compile(&mut worker, cx, bytes, options.listen, last);
            lock(&joining).done(at, part);
            place(&joining);
        }
        workers.give(worker);
    };
    std::thread::scope(|scope| {
        for _ in 1..options.threads.min(count) {
            // A thread that cannot be had is done without.
            let _ = std::thread::Builder::new().spawn_scoped(scope, work);
        }
        work();
    });
    let Joining {
        all,
        len,
        homeless,
        failed,
        ..
    } = joining.into_inner().unwrap_or_else(PoisonError::into_inner);
    if let Some((_, error)) = failed {
        return Err(error);
    }
    code.set_len(len);
    for part in &homeless {
        code.extend_from_slice(part)?;
    }
    Ok(Part { bytes: code, ..all })
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Cuts a module into batches. The code of each begins in a line of its own, on one thread too: a
/// module's code does not depend on how many compile it.
pub(super) struct Batching {
    /// Bytes of the batch at hand.
    size: usize,
    /// Bytes of the bodies behind it.
    left: usize,
}

impl Batching {
    /// Of bodies that have so many bytes.
    pub(super) fn new(bytes: usize) -> Self {
        Self {
            size: 0,
            left: bytes,
        }
    }

    /// Whether the next body begins another batch.
    pub(super) fn begins(&mut self, body: &Body) -> bool {
        let size = body.range().len();
        let most = (self.left / BATCHES_LEFT).clamp(LEAST_BATCH_BYTES, BATCH_BYTES);
        let begins = self.size > 0 && self.size + size > most;
        self.size = if begins { size } else { self.size + size };
        self.left = self.left.saturating_sub(size);
        begins
    }
}

/// Consecutive functions.
struct Batch {
    /// Bytes of the bodies.
    size: usize,
    bodies: Vec<Body>,
}

impl Batch {
    fn compile<I: Isa>(
        self,
        worker: &mut Worker<I>,
        cx: &Context<'_>,
        bytes: &[u8],
        listen: Listen<'_>,
        last: bool,
    ) -> Result<Part<Vec<u8>>, Error> {
        let room = code_room(self.bodies.len(), self.size);
        let code = try_with_capacity(room, "a module's code")?;
        let mut part = Part::new(code, self.bodies.len(), self.size)?;
        for body in &self.bodies {
            worker.compile(cx, bytes, body, listen, &mut part)?;
        }
        worker.finish(cx, listen, &mut part)?;
        if !last {
            part.bytes.align(LINE)?;
        }
        Ok(part)
    }
}

/// # Errors
///
/// Those of the bodies, or if the host has no memory.
fn batches(bodies: Bodies<'_>) -> Result<Vec<Batch>, Error> {
    let what = "a module's functions";
    let mut batches: Vec<Batch> = Vec::new();
    let mut batching = Batching::new(bodies.size());
    for body in bodies {
        let body = body?;
        let begins = batching.begins(&body);
        let size = body.range().len();
        match batches.last_mut() {
            Some(batch) if !begins => {
                batch.size += size;
                try_reserve(&mut batch.bodies, 1, what)?;
                batch.bodies.push(body);
            }
            Some(_) | None => batches.push(Batch {
                size,
                bodies: vec![body],
            }),
        }
    }
    Ok(batches)
}

/// The order in which batches are compiled: huge functions first, lest one of them is what all
/// wait for in the end.
fn order(batches: &[Batch]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..batches.len()).collect();
    order.sort_by_key(|&at| std::cmp::Reverse(batches[at].size / (2 * BATCH_BYTES)));
    order
}

/// The code as it comes together.
struct Joining<'c> {
    module: &'c ModuleInfo,
    /// Parts of batches that are done, but not placed.
    waiting: Vec<Option<Part<Vec<u8>>>>,
    /// The batch whose code is placed next.
    next: usize,
    /// The first batch that has an error.
    failed: Option<(usize, Error)>,
    /// Where the next batch's code begins.
    end: usize,
    /// Bytes of code that have a place.
    len: usize,
    /// What is left of the place for code.
    room: &'c mut [u8],
    /// Code that `room` was too small for, and all after it.
    homeless: Vec<Vec<u8>>,
    all: Part<PageBytes>,
}

impl<'c> Joining<'c> {
    /// Whether the batch is of interest: not if one before it has failed.
    fn wants(&self, at: usize) -> bool {
        self.failed.as_ref().is_none_or(|(failed, _)| at < *failed)
    }

    fn done(&mut self, at: usize, part: Result<Part<Vec<u8>>, Error>) {
        match part {
            Ok(part) => self.waiting[at] = Some(part),
            Err(error) if self.wants(at) => self.failed = Some((at, error)),
            Err(_) => {}
        }
    }

    /// The next batch's code and the place for it, if both are known.
    fn next(&mut self) -> Option<(Vec<u8>, &'c mut [u8])> {
        loop {
            let part = self.waiting.get_mut(self.next)?.take()?;
            let start = self.end;
            let pos = part.funcs.first().map_or(0, |func| func.body_pos as usize);
            let first = self.all.funcs.len();
            let mut funcs = (first..).zip(&part.funcs);
            let limited = check_size(start + part.bytes.len(), pos).and_then(|()| {
                funcs.try_for_each(|(at, func)| limit_code(self.module, func, at, start as u32))?;
                Ok(self.all.describe(&part, start as u32)?)
            });
            if let Err(error) = limited {
                self.failed = Some((self.next, error));
                return None;
            }
            self.next += 1;
            let code = part.bytes;
            self.end += code.len();
            if self.homeless.is_empty() && code.len() <= self.room.len() {
                self.len += code.len();
                let (place, room) = std::mem::take(&mut self.room).split_at_mut(code.len());
                self.room = room;
                return Some((code, place));
            }
            self.homeless.push(code);
        }
    }
}

/// Copies code to its place, where it is known. Threads do it side by side: the pages are new,
/// which costs more than the bytes.
fn place(joining: &Mutex<Joining<'_>>) {
    loop {
        let next = lock(joining).next();
        let Some((code, place)) = next else { return };
        place.copy_from_slice(&code);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::asm::driver::FuncCode;

    fn part(code: &[u8]) -> Part<Vec<u8>> {
        let end = code.len() as u32;
        let func = FuncCode {
            start: 0,
            entry: 0,
            end,
            switch: end,
            frame: 16,
            sites: 0,
            body_pos: 0,
        };
        Part {
            bytes: code.to_vec(),
            funcs: vec![func],
            ..Part::default()
        }
    }

    fn joining<'c>(module: &'c ModuleInfo, room: &'c mut [u8], count: usize) -> Mutex<Joining<'c>> {
        Mutex::new(Joining {
            module,
            waiting: (0..count).map(|_| None).collect(),
            next: 0,
            failed: None,
            end: 0,
            len: 0,
            room,
            homeless: Vec::new(),
            all: Part::default(),
        })
    }

    #[test]
    fn parts_are_placed_in_order() {
        let mut room = [0; 8];
        let module = ModuleInfo::default();
        let joining = joining(&module, &mut room, 4);
        for (at, code) in [(2, &b"cc"[..]), (0, b"a"), (1, b"bbbb"), (3, b"ddd")] {
            lock(&joining).done(at, Ok(part(code)));
            place(&joining);
        }
        let joined = joining.into_inner().unwrap();
        let ends: Vec<u32> = joined.all.funcs.iter().map(|func| func.end).collect();
        assert_eq!(ends, [1, 5, 7, 10]);
        // There was no room for the last.
        assert_eq!((joined.len, joined.homeless), (7, vec![b"ddd".to_vec()]));
        assert_eq!(&room[..7], b"abbbbcc");
    }

    #[test]
    fn the_first_error_counts() {
        let module = ModuleInfo::default();
        let joining = joining(&module, &mut [], 5);
        for at in [3, 1, 4] {
            let error = Error::unsupported(at, "such things");
            lock(&joining).done(at, Err(error));
        }
        let joined = joining.into_inner().unwrap();
        assert!(joined.wants(0) && !joined.wants(1) && !joined.wants(2));
        assert_eq!(joined.failed.unwrap().0, 1);
    }
}
