//! How soon a guest stops that another thread interrupts: from the request to the return of its call, on the wall. The
//! system's scheduler is part of it; the first row is what that alone does to two threads of the host.

use crate::Options;
use crate::table::{Table, number};
use anyhow::{Context, Result, ensure};
use pronto::{Config, Engine, Func, Linker, Module, Store, Trap, Val};
use std::sync::atomic::{
    AtomicU64,
    Ordering::{Acquire, Relaxed, Release},
};
use std::thread;
use std::time::{Duration, Instant};

/// Each export never ends.
const GUEST: &str = r#"
(module
  (import "host" "wait" (func $wait))
  (memory 16384)
  (table $t 10000000 funcref)
  (elem declare func $tree)
  (func (export "loop") (local i64)
    (loop (local.set 0 (i64.add (local.get 0) (i64.const 1))) (br 0)))
  (func $tree (export "tree") (param i32)
    (if (local.get 0) (then
      (call $tree (i32.sub (local.get 0) (i32.const 1)))
      (call $tree (i32.sub (local.get 0) (i32.const 1))))))
  (func (export "memory.fill")
    (loop (memory.fill (i32.const 0) (i32.const 1) (i32.const 0x40000000)) (br 0)))
  (func (export "memory.copy")
    (loop (memory.copy (i32.const 0) (i32.const 0x20000000) (i32.const 0x20000000)) (br 0)))
  (func (export "table.fill")
    (loop (table.fill $t (i32.const 0) (ref.func $tree) (i32.const 10000000)) (br 0)))
  (func (export "wait") (call $wait)))"#;

/// What is interrupted: an export, its parameter, and how many times.
const CASES: [(&str, &str, Option<i32>, usize); 6] = [
    ("a loop", "loop", None, 5000),
    ("a tree of calls", "tree", Some(200), 5000),
    ("memory.fill of 1 GiB", "memory.fill", None, 2000),
    ("memory.copy of 512 MiB", "memory.copy", None, 2000),
    ("table.fill of 10 000 000", "table.fill", None, 2000),
    ("a host function that waits", "wait", None, 5000),
];

/// The longest time that a guest runs before it is interrupted.
const LONGEST: u64 = 1_000_000;

/// What two threads say to each other.
#[derive(Default)]
struct Shared {
    /// The round that the guest's thread is in, or [`FAILED`].
    round: AtomicU64,
    /// When the request was made, in nanoseconds.
    asked: AtomicU64,
}

const FAILED: u64 = u64::MAX;

fn nanoseconds(since: Instant) -> u64 {
    since.elapsed().as_nanos() as u64
}

/// Runs `call` so many times, each until `stop` on another thread ends it. The times between, in seconds.
fn latencies(
    rounds: usize,
    stop: impl Fn() + Send,
    mut call: impl FnMut() -> Result<()>,
) -> Result<Vec<f64>> {
    let (shared, start) = (&Shared::default(), Instant::now());
    thread::scope(|scope| {
        scope.spawn(move || {
            let mut random = 1u64;
            for round in 1..=rounds as u64 {
                loop {
                    match shared.round.load(Acquire) {
                        FAILED => return,
                        at if at == round => break,
                        _ => thread::yield_now(),
                    }
                }
                random = random.wrapping_mul(6364136223846793005).wrapping_add(1);
                thread::sleep(Duration::from_nanos((random >> 33) % LONGEST));
                shared.asked.store(nanoseconds(start), Release);
                stop();
            }
        });
        let mut times = Vec::with_capacity(rounds);
        for round in 1..=rounds as u64 {
            shared.round.store(round, Release);
            call().inspect_err(|_| shared.round.store(FAILED, Release))?;
            let end = nanoseconds(start);
            times.push((end - shared.asked.load(Acquire)) as f64 / 1e9);
        }
        Ok(times)
    })
}

/// The host's own loop, which looks at a word.
fn floor(rounds: usize) -> Result<Vec<f64>> {
    let word = AtomicU64::new(0);
    let mut seen = 0;
    latencies(
        rounds,
        || {
            word.fetch_add(1, Relaxed);
        },
        || {
            seen += 1;
            while word.load(Relaxed) != seen {
                std::hint::spin_loop();
            }
            Ok(())
        },
    )
}

struct Guest {
    store: Store<()>,
    instance: pronto::Instance,
}

impl Guest {
    fn new(guard: bool) -> Result<Self> {
        let mut config = Config::new();
        config.epoch_interruption(true).signals_based_traps(guard);
        let engine = Engine::new(&config)?;
        let mut linker = Linker::new(&engine);
        linker.func_wrap("host", "wait", |caller: pronto::Caller<'_, ()>| {
            caller.interrupt_handle()?.wait(Duration::from_secs(3600));
            Err::<(), _>(Trap::Interrupt.into())
        })?;
        let module = Module::new(&engine, wat::parse_str(GUEST)?)?;
        let mut store = Store::new(&engine, ());
        let instance = linker.instantiate(&mut store, &module)?;
        Ok(Self { store, instance })
    }

    fn latencies(&mut self, export: &str, param: Option<i32>, rounds: usize) -> Result<Vec<f64>> {
        let handle = self.store.interrupt_handle()?;
        let func: Func = self
            .instance
            .get_func(&self.store, export)
            .context("an export")?;
        let params: Vec<Val> = param.into_iter().map(Val::from).collect();
        latencies(
            rounds,
            || handle.interrupt(),
            || {
                let ended = func.call(&mut self.store, &params, &mut []);
                let trap = ended.err().and_then(|error| error.trap());
                ensure!(trap == Some(Trap::Interrupt), "{export}: {trap:?}");
                Ok(())
            },
        )
    }
}

/// Median, 99.9th percentile and maximum, in microseconds.
fn cells(mut times: Vec<f64>) -> [String; 3] {
    times.sort_by(f64::total_cmp);
    let at = |share: f64| times[((times.len() - 1) as f64 * share).round() as usize];
    [0.5, 0.999, 1.0].map(|share| number(at(share) * 1e6))
}

pub fn measure(options: &Options) -> Result<Table> {
    let mut table = Table::new(
        "Interrupted by another thread: microseconds until the call has returned (on the wall)",
        ["interrupted", "times", "median, µs", "99.9 %", "longest"],
    );
    let mut row = |what: String, times: Vec<f64>| {
        let count = times.len().to_string();
        table.row([what, count].into_iter().chain(cells(times)));
    };
    let scale = |rounds: usize| options.rounds.unwrap_or(rounds);
    eprintln!("latency: host");
    row("a loop of the host".to_owned(), floor(scale(5000))?);
    for (guard, mode) in [(true, "Pronto"), (false, "Pronto checks")] {
        let mut guest = Guest::new(guard)?;
        for (what, export, param, rounds) in CASES {
            if !options.wants(export) {
                continue;
            }
            eprintln!("latency: {mode}, {what}");
            let times = guest.latencies(export, param, scale(rounds))?;
            row(format!("{mode}: {what}"), times);
        }
    }
    Ok(table)
}
