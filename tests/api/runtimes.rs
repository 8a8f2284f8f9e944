//! Async calls on an executor with several threads; ten thousand suspended guests.

use std::sync::Arc;

use pronto::{Caller, Config, Engine, Execution, Exit, FuncType, Linker, Store, Val, ValType};
use tokio::sync::Semaphore;

use crate::support::{each, module};

const GUEST: &str = r#"(module
    (import "h" "wait" (func $wait (param i32) (result i32)))
    (func $deep (param $n i32) (param $x i32) (result i32)
        (if (result i32) (i32.eqz (local.get $n))
            (then (call $wait (local.get $x)))
            (else (i32.add (i32.const 1)
                (call $deep (i32.sub (local.get $n) (i32.const 1)) (local.get $x))))))
    (func (export "run") (param i32) (result i32) (call $deep (i32.const 5) (local.get 0))))"#;

#[test]
fn guests_wait_on_several_threads() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(3)
        .build()
        .unwrap();
    each(|engine| {
        let mut linker: Linker<Arc<Semaphore>> = Linker::new(engine);
        linker
            .func_wrap_async(
                "h",
                "wait",
                |caller: Caller<'_, Arc<Semaphore>>, (n,): (i32,)| {
                    Box::new(async move {
                        let permit = caller.data().acquire().await?;
                        tokio::task::yield_now().await;
                        drop(permit);
                        Ok(n * 2)
                    })
                },
            )
            .unwrap();
        let pre = linker.instantiate_pre(&module(engine, GUEST)).unwrap();
        runtime.block_on(async {
            // Nobody passes before all are there.
            let gate = Arc::new(Semaphore::new(0));
            let guests: Vec<_> = (0..300)
                .map(|n| {
                    let (pre, mut store) = (pre.clone(), Store::new(engine, gate.clone()));
                    tokio::spawn(async move {
                        let instance = pre.instantiate_async(&mut store).await?;
                        let run = instance.get_typed_func::<i32, i32>(&mut store, "run")?;
                        run.call_async(&mut store, n).await
                    })
                })
                .collect();
            tokio::task::yield_now().await;
            // Some are dropped while they wait.
            for guest in guests.iter().skip(200) {
                guest.abort();
            }
            gate.add_permits(2);
            for (n, guest) in (0..).zip(guests) {
                match guest.await {
                    Ok(result) => assert_eq!(result.unwrap(), 2 * n + 5),
                    Err(error) => assert!(n >= 200 && error.is_cancelled()),
                }
            }
        });
    });
}

/// Bytes of this process that are in memory, and how many mappings it has.
#[cfg(target_os = "linux")]
fn footprint() -> (usize, usize) {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    let kib: usize = line
        .unwrap()
        .split_whitespace()
        .nth(1)
        .unwrap()
        .parse()
        .unwrap();
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
    (kib * 1024, maps.lines().count())
}

/// In one store, and each in its own; with the stack's size of the default.
#[test]
fn ten_thousand_suspended_guests() {
    const COUNT: usize = 10_000;
    let engine = Engine::new(Config::new().parallel_compilation(false)).unwrap();
    let mut linker: Linker<()> = Linker::new(&engine);
    let int = FuncType::new([ValType::I32], [ValType::I32]);
    linker.func_suspending("h", "wait", int).unwrap();
    let pre = linker.instantiate_pre(&module(&engine, GUEST)).unwrap();
    for stores in [1, COUNT] {
        #[cfg(target_os = "linux")]
        let before = footprint();
        let mut guests: Vec<(Store<()>, Vec<Execution>)> = (0..stores)
            .map(|_| {
                let mut store = Store::new(&engine, ());
                let instance = pre.instantiate(&mut store).unwrap();
                let run = instance.get_func(&mut store, "run").unwrap();
                let executions = (0..COUNT / stores).map(|n| {
                    let mut execution = run.start(&mut store, &[Val::I32(n as i32)]).unwrap();
                    let exit = execution.run(&mut store).unwrap();
                    assert!(matches!(exit, Exit::HostCall(_)));
                    execution
                });
                let executions = executions.collect();
                (store, executions)
            })
            .collect();
        #[cfg(target_os = "linux")]
        {
            let after = footprint();
            // Other tests come and go meanwhile.
            let bytes = after.0.saturating_sub(before.0);
            let maps = after.1.saturating_sub(before.1);
            println!("{stores} stores: {} bytes, {maps} mappings", bytes / COUNT);
            assert!(bytes < COUNT * 24 * 1024, "{bytes}");
            assert!(maps <= 4 * COUNT, "{maps}");
        }
        for (store, executions) in &mut guests {
            for (n, execution) in executions.iter_mut().enumerate().rev() {
                execution
                    .resume(&mut *store, &[Val::I32(n as i32)])
                    .unwrap();
                match execution.run(&mut *store).unwrap() {
                    Exit::Returned(values) => assert_eq!(values[0].i32(), Some(n as i32 + 5)),
                    exit => panic!("{exit:?}"),
                }
            }
        }
    }
}
