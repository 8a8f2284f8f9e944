//! Compiles a module's functions on several threads.
//!
//! Threads take batches of consecutive functions, in order, while others are still to be found, and
//! copy each batch's code to its place as soon as all before it are known. So the code exists once,
//! but for a few batches.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use super::code::LINE;
use super::compile::Context;
use super::driver::{CompileOptions, code_room, limit_code};
use super::isa::Isa;
use super::map::PageBytes;
use super::worker::{CODE, Gather, Listen, Part, Worker, Workers, check_size};
use crate::error::{Error, OutOfMemory, try_reserve, try_with_capacity};
use crate::ir::decode::{Bodies, Body};
use crate::ir::module::ModuleInfo;

/// Functions that a worker takes at a time hold about this many bytes of bodies; fewer near the end,
/// where one waits for the other.
const BATCH_BYTES: usize = 32 * 1024;
const LEAST_BATCH_BYTES: usize = 8 * 1024;

/// A batch is at most this part of what is left.
const BATCHES_LEFT: usize = 8;

const BATCHES: &str = "a module's batches";

/// As [`super::driver::compile`]: appends to `all`, which has no function yet.
pub(super) fn compile<I: Isa + Send>(
    cx: &Context<'_>,
    bytes: &[u8],
    bodies: Bodies<'_>,
    options: &CompileOptions<'_>,
    workers: &Workers<I>,
    mut all: Part<PageBytes>,
) -> Result<Part<PageBytes>, Error> {
    let threads = options.threads.min(1 + bodies.size() / BATCH_BYTES);
    let mut code = std::mem::take(&mut all.bytes);
    let joining = Mutex::new(Joining {
        module: cx.module,
        waiting: Vec::new(),
        next: 0,
        failed: None,
        end: 0,
        len: 0,
        room: code.room(),
        homeless: Vec::new(),
        all,
    });
    let queue = Queue::default();
    let work = || {
        let mut worker = workers.take(options.isa);
        while let Some((at, batch)) = queue.take() {
            if !lock(&joining).wants(at) {
                continue;
            }
            let part = batch.compile(&mut worker, cx, bytes, options.listen);
            lock(&joining).done(at, part);
            place(&joining);
        }
        workers.give(worker);
    };
    std::thread::scope(|scope| {
        for _ in 1..threads {
            // A thread that cannot be had is done without.
            let _ = std::thread::Builder::new().spawn_scoped(scope, work);
        }
        let found = find(bodies, &queue, &joining);
        queue.close(found.is_err());
        work();
        found
    })?;
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
    // Nothing follows the last batch that would have to begin in a line of its own.
    code.set_len(all.funcs.last().map_or(0, |func| func.end as usize));
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
#[derive(Default)]
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
    ) -> Result<Part<Vec<u8>>, Error> {
        let room = code_room(self.bodies.len(), self.size);
        let code = try_with_capacity(room, CODE)?;
        let mut part = Part::new(code, self.bodies.len(), self.size)?;
        for body in &self.bodies {
            worker.compile(cx, bytes, body, listen, &mut part)?;
        }
        worker.finish(cx, listen, &mut part)?;
        part.bytes.align(LINE)?;
        Ok(part)
    }
}

/// Finds all bodies, a batch after the other, while other threads compile what is found.
///
/// # Errors
///
/// Those of the bodies, or if the host has no memory.
fn find(bodies: Bodies<'_>, queue: &Queue, joining: &Mutex<Joining<'_>>) -> Result<(), Error> {
    let mut batching = Batching::new(bodies.size());
    let mut batch = Batch::default();
    let push = |batch: &mut Batch| {
        lock(joining).expect_one_more()?;
        queue.push(std::mem::take(batch))
    };
    for body in bodies {
        let body = body?;
        if batching.begins(&body) {
            push(&mut batch)?;
        }
        batch.size += body.range().len();
        try_reserve(&mut batch.bodies, 1, BATCHES)?;
        batch.bodies.push(body);
    }
    Ok(push(&mut batch)?)
}

/// Batches that nobody has taken yet.
#[derive(Default)]
struct Queue {
    batches: Mutex<Batches>,
    /// There is one, or there will be no more.
    news: Condvar,
}

#[derive(Default)]
struct Batches {
    /// By number; without those that are taken.
    found: Vec<Option<Batch>>,
    /// All before that one are taken.
    next: usize,
    /// Sizes and numbers of those with huge functions, the largest last: they are taken first, lest
    /// one of them is what all wait for in the end.
    huge: Vec<(usize, usize)>,
    /// Whether there will be no more.
    all: bool,
}

impl Batches {
    fn take(&mut self) -> Option<(usize, Batch)> {
        if let Some((_, at)) = self.huge.pop() {
            return Some((at, self.found[at].take()?));
        }
        while let Some(batch) = self.found.get_mut(self.next) {
            self.next += 1;
            if let Some(batch) = batch.take() {
                return Some((self.next - 1, batch));
            }
        }
        None
    }
}

impl Queue {
    /// # Errors
    ///
    /// If the host has no memory.
    fn push(&self, batch: Batch) -> Result<(), OutOfMemory> {
        let batches = &mut *lock(&self.batches);
        if batch.size > 2 * BATCH_BYTES {
            try_reserve(&mut batches.huge, 1, BATCHES)?;
            batches.huge.push((batch.size, batches.found.len()));
            batches.huge.sort_unstable();
        }
        try_reserve(&mut batches.found, 1, BATCHES)?;
        batches.found.push(Some(batch));
        self.news.notify_one();
        Ok(())
    }

    /// There will be no more; if the module is refused, those that there are do not count.
    fn close(&self, refused: bool) {
        let mut batches = lock(&self.batches);
        if refused {
            *batches = Batches::default();
        }
        batches.all = true;
        self.news.notify_all();
    }

    /// Takes one, with its number; waits for one, if there is none yet.
    fn take(&self) -> Option<(usize, Batch)> {
        let mut batches = lock(&self.batches);
        loop {
            let taken = batches.take();
            if taken.is_some() || batches.all {
                return taken;
            }
            let woken = self.news.wait(batches);
            batches = woken.unwrap_or_else(PoisonError::into_inner);
        }
    }
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

    /// # Errors
    ///
    /// If the host has no memory.
    fn expect_one_more(&mut self) -> Result<(), OutOfMemory> {
        try_reserve(&mut self.waiting, 1, BATCHES)?;
        self.waiting.push(None);
        Ok(())
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

    fn push(queue: &Queue, size: usize) {
        let bodies = Vec::new();
        queue.push(Batch { size, bodies }).unwrap();
    }

    #[test]
    fn huge_batches_are_taken_first() {
        let queue = Queue::default();
        for size in [7, 3 * BATCH_BYTES, 8, 5 * BATCH_BYTES, BATCH_BYTES] {
            push(&queue, size);
        }
        queue.close(false);
        let taken: Vec<usize> = std::iter::from_fn(|| Some(queue.take()?.0)).collect();
        assert_eq!(taken, [3, 1, 0, 2, 4]);
    }

    #[test]
    fn whoever_waits_for_a_batch_is_woken() {
        for refused in [false, true] {
            let queue = Queue::default();
            std::thread::scope(|scope| {
                let takes = || std::iter::from_fn(|| queue.take()).count();
                let threads = [(); 3].map(|()| scope.spawn(takes));
                (0..100).for_each(|size| push(&queue, size));
                queue.close(refused);
                let taken: usize = threads.map(|thread| thread.join().unwrap()).iter().sum();
                assert!(taken == 100 || refused, "{taken}");
            });
            assert!(queue.take().is_none());
        }
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
