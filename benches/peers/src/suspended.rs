//! What many guests cost that wait for the host at once: memory, and the time to get there and back. Each way of
//! waiting has a process of its own, so that none finds the memory that another has left.

use crate::table::{Table, number};
use crate::{Options, clock, compile};
use anyhow::{Context, Result, bail, ensure};
use pronto::{Execution, Exit, Func, FuncType, Val, ValType};
use std::pin::Pin;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::task::{Poll, Waker};

/// The hidden subcommand that a child process runs for one way of waiting.
pub const ONE: &str = "suspended-by";

/// Guests at once.
const COUNT: usize = 10_000;

/// Three calls deep, the guest waits for what it was called with.
const GUEST: &str = r#"
(module
  (import "host" "wait" (func $wait (param i32) (result i32)))
  (func $inner (param i32) (result i32) (i32.add (call $wait (local.get 0)) (i32.const 1)))
  (func $middle (param i32) (result i32) (i32.add (call $inner (local.get 0)) (i32.const 1)))
  (func (export "run") (param i32) (result i32) (i32.add (call $middle (local.get 0)) (i32.const 1))))"#;

/// Ways of waiting: an execution, or the future of a call.
const KINDS: [&str; 4] = [
    "Pronto, a store each",
    "Pronto, one store",
    "Pronto async, a store each",
    "wasmtime async, a store each",
];

trait Guests {
    type Guest;

    /// Makes a guest and calls it with `n`, until it waits.
    fn suspend(&mut self, n: i32) -> Result<Self::Guest>;

    /// Gives the guest what it waits for, and runs it to its end.
    fn resume(&mut self, guest: Self::Guest) -> Result<i32>;
}

/// Pronto's guests, which wait in a function that suspends.
struct Suspending {
    engine: pronto::Engine,
    pre: pronto::InstancePre<()>,
    /// Of all of them, if they share one.
    shared: Option<(pronto::Store<()>, Func)>,
}

impl Suspending {
    fn new(share: bool) -> Result<Self> {
        let engine = pronto::Engine::default();
        let mut linker = pronto::Linker::new(&engine);
        let ty = FuncType::new([ValType::I32], [ValType::I32]);
        linker.func_suspending("host", "wait", ty)?;
        let pre = linker.instantiate_pre(&pronto::Module::new(&engine, wat::parse_str(GUEST)?)?)?;
        let mut new = Self {
            engine,
            pre,
            shared: None,
        };
        if share {
            new.shared = Some(new.store()?);
        }
        Ok(new)
    }

    fn store(&self) -> Result<(pronto::Store<()>, Func)> {
        let mut store = pronto::Store::new(&self.engine, ());
        let instance = self.pre.instantiate(&mut store)?;
        let run = instance.get_func(&store, "run").context("an export")?;
        Ok((store, run))
    }
}

impl Guests for Suspending {
    type Guest = (Option<pronto::Store<()>>, Execution, i32);

    fn suspend(&mut self, n: i32) -> Result<Self::Guest> {
        let mut own = match self.shared {
            Some(_) => None,
            None => Some(self.store()?),
        };
        let (store, run) = own.as_mut().or(self.shared.as_mut()).context("a store")?;
        let mut execution = run.start(&mut *store, &[n.into()])?;
        match execution.run(store)? {
            Exit::HostCall(_) => Ok((own.map(|(store, _)| store), execution, n)),
            exit => bail!("{exit:?}"),
        }
    }

    fn resume(&mut self, (mut own, mut execution, n): Self::Guest) -> Result<i32> {
        let shared = self.shared.as_mut().map(|(store, _)| store);
        let store = own.as_mut().or(shared).context("a store")?;
        execution.resume(&mut *store, &[n.into()])?;
        match execution.run(store)? {
            Exit::Returned(results) => match results[..] {
                [Val::I32(result)] => Ok(result),
                _ => bail!("{results:?}"),
            },
            exit => bail!("{exit:?}"),
        }
    }
}

/// Whether what async functions wait for is there.
static READY: AtomicBool = AtomicBool::new(false);

/// What an async host function waits for.
async fn wait(n: i32) -> i32 {
    std::future::poll_fn(|_| match READY.load(Relaxed) {
        true => Poll::Ready(n),
        false => Poll::Pending,
    })
    .await
}

type Future = Pin<Box<dyn std::future::Future<Output = Result<i32>>>>;

fn poll(future: &mut Future) -> Poll<Result<i32>> {
    let mut context = std::task::Context::from_waker(Waker::noop());
    future.as_mut().poll(&mut context)
}

/// Guests of futures: each is the call of a guest in a store of its own, made by this.
struct Async<F>(F);

impl<F: Fn(i32) -> Future> Guests for Async<F> {
    type Guest = Future;

    fn suspend(&mut self, n: i32) -> Result<Future> {
        READY.store(false, Relaxed);
        let mut future = (self.0)(n);
        ensure!(poll(&mut future).is_pending(), "it waits");
        Ok(future)
    }

    fn resume(&mut self, mut future: Future) -> Result<i32> {
        READY.store(true, Relaxed);
        match poll(&mut future) {
            Poll::Ready(result) => result,
            Poll::Pending => bail!("it still waits"),
        }
    }
}

/// The names are the same in both crates.
macro_rules! futures {
    ($of:ident) => {{
        let engine = $of::Engine::default();
        let mut linker = $of::Linker::new(&engine);
        linker.func_wrap_async("host", "wait", |_: $of::Caller<'_, ()>, (n,): (i32,)| {
            Box::new(wait(n))
        })?;
        let pre = linker.instantiate_pre(&$of::Module::new(&engine, wat::parse_str(GUEST)?)?)?;
        Async(move |n| -> Future {
            let (engine, pre) = (engine.clone(), pre.clone());
            Box::pin(async move {
                let mut store = $of::Store::new(&engine, ());
                let instance = pre.instantiate_async(&mut store).await?;
                let run = instance.get_typed_func::<i32, i32>(&mut store, "run")?;
                Ok(run.call_async(&mut store, n).await?)
            })
        })
    }};
}

/// Per guest: bytes resident, bytes of page tables, seconds to suspend, seconds to resume.
type Figures = [f64; 4];

/// Something of the figures.
type Part = fn(&Figures) -> f64;

fn figures(mut guests: impl Guests) -> Result<Figures> {
    // What all of them share is there then.
    let first = guests.suspend(7)?;
    ensure!(guests.resume(first)? == 10, "the guest's result");
    let memory = || -> Result<[f64; 2]> {
        let [resident, tables] = ["VmRSS", "VmPTE"].map(compile::status_kb);
        Ok([1024.0 * resident?, 1024.0 * tables?])
    };
    let before = memory()?;
    let mut waiting = Vec::with_capacity(COUNT);
    let start = clock::now();
    for n in 0..COUNT as i32 {
        waiting.push(guests.suspend(n)?);
    }
    let suspended = clock::now();
    let after = memory()?;
    let resume = clock::now();
    for (n, guest) in waiting.into_iter().enumerate() {
        ensure!(guests.resume(guest)? == n as i32 + 3, "the guest's result");
    }
    let end = clock::now();
    let each = COUNT as f64;
    Ok([
        (after[0] - before[0]) / each,
        (after[1] - before[1]) / each,
        (suspended - start).as_secs_f64() / each,
        (end - resume).as_secs_f64() / each,
    ])
}

/// The child's side.
pub fn print_one(kind: Option<String>) -> Result<()> {
    let kind = kind.context("a way of waiting")?;
    let figures = match KINDS.iter().position(|name| *name == kind) {
        Some(0) => figures(Suspending::new(false)?)?,
        Some(1) => figures(Suspending::new(true)?)?,
        Some(2) => figures(futures!(pronto))?,
        #[cfg(feature = "wasmtime")]
        Some(3) => figures(futures!(wasmtime))?,
        _ => bail!("no such way: {kind}"),
    };
    println!("{}", figures.map(|figure| figure.to_string()).join(" "));
    Ok(())
}

fn one(kind: &str) -> Result<Figures> {
    let mut child = Command::new(std::env::current_exe()?);
    let output = child.args([ONE, kind]).output()?;
    ensure!(
        output.status.success(),
        "{kind}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    let text = String::from_utf8(output.stdout)?;
    let figures: Vec<f64> = text
        .split_whitespace()
        .map(str::parse)
        .collect::<Result<_, _>>()?;
    figures.try_into().ok().context("four figures")
}

pub fn measure(options: &Options) -> Result<Table> {
    let kinds = &KINDS[..if cfg!(feature = "wasmtime") { 4 } else { 3 }];
    let mut runs = vec![Vec::new(); kinds.len()];
    for _ in 0..options.rounds.unwrap_or(5) {
        for (kind, runs) in kinds.iter().zip(&mut runs) {
            eprintln!("suspended: {kind}");
            runs.push(one(kind)?);
        }
    }
    let heads = ["a guest"].into_iter().chain(kinds.iter().copied());
    let mut table = Table::new(
        format!("{COUNT} guests that wait at once, medians (CPU time)"),
        heads,
    );
    let median = |runs: &[Figures], of: Part| clock::median(runs.iter().map(of).collect());
    let rows: [(&str, Part); 4] = [
        ("resident, bytes", |f| f[0]),
        ("page tables, bytes", |f| f[1]),
        ("made, called and suspended, µs", |f| f[2] * 1e6),
        ("resumed, ended and dropped, µs", |f| f[3] * 1e6),
    ];
    for (what, of) in rows {
        let cells = runs.iter().map(|runs| number(median(runs, of)));
        table.row([what.to_owned()].into_iter().chain(cells));
    }
    if let Some(fibers) = runs.get(3) {
        let both: Part = |f| f[2] + f[3];
        let unit = median(fibers, both);
        let cells = runs.iter().map(|runs| number(median(runs, both) / unit));
        table.row(["both ÷ wasmtime's".to_owned()].into_iter().chain(cells));
    }
    Ok(table)
}
