//! A thousand guests on one thread wait for a key-value store, which is a task beside them.
//!
//! `cargo run --example async_kv`

use std::collections::HashMap;

use pronto::{Caller, Engine, InstancePre, Linker, Module, Result, Store};
use tokio::sync::{mpsc, oneshot};

const GUESTS: u32 = 1000;

/// Follows a chain of keys: looks up its number, then what it found, eight times.
const GUEST: &str = r#"(module
    (import "kv" "get" (func $get (param i32) (result i32)))
    (func (export "run") (param $key i32) (result i32) (local $n i32)
        (local.set $n (i32.const 8))
        (loop $l
            (local.set $key (call $get (local.get $key)))
            (br_if $l (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
        (local.get $key)))"#;

/// A key, and where its value is to be sent.
type Request = (u32, oneshot::Sender<u32>);

struct Host {
    requests: mpsc::UnboundedSender<Request>,
}

/// Answers requests only when all guests wait, so that all are suspended at once.
async fn serve(mut requests: mpsc::UnboundedReceiver<Request>) -> usize {
    let values: HashMap<u32, u32> = (0..GUESTS).map(|key| (key, (key + 1) % GUESTS)).collect();
    let mut most = 0;
    let mut waiting = Vec::new();
    while let Some(request) = requests.recv().await {
        waiting.push(request);
        while let Ok(request) = requests.try_recv() {
            waiting.push(request);
        }
        most = most.max(waiting.len());
        for (key, answer) in waiting.drain(..) {
            // A guest that was dropped does not mind.
            let _ = answer.send(values.get(&key).copied().unwrap_or(key));
        }
    }
    most
}

async fn run(guest: InstancePre<Host>, engine: Engine, host: Host, key: u32) -> Result<u32> {
    let mut store = Store::new(&engine, host);
    let instance = guest.instantiate_async(&mut store).await?;
    let run = instance.get_typed_func::<u32, u32>(&mut store, "run")?;
    run.call_async(&mut store, key).await
}

fn main() -> Result<()> {
    let engine = Engine::default();
    let module = Module::new(&engine, wat::parse_str(GUEST)?)?;
    let mut linker: Linker<Host> = Linker::new(&engine);
    linker.func_wrap_async("kv", "get", |caller: Caller<'_, Host>, (key,): (u32,)| {
        Box::new(async move {
            let (answer, value) = oneshot::channel();
            caller.data().requests.send((key, answer))?;
            Ok(value.await?)
        })
    })?;
    let guest = linker.instantiate_pre(&module)?;

    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    runtime.block_on(async {
        let (requests, queue) = mpsc::unbounded_channel();
        let server = tokio::spawn(serve(queue));
        let guests: Vec<_> = (0..GUESTS)
            .map(|key| {
                let requests = requests.clone();
                let host = Host { requests };
                tokio::spawn(run(guest.clone(), engine.clone(), host, key))
            })
            .collect();
        drop(requests);
        for (key, guest) in (0..).zip(guests) {
            assert_eq!(guest.await??, (key + 8) % GUESTS);
        }
        let most = server.await?;
        println!("{GUESTS} guests, {most} of them suspended at once");
        assert_eq!(most, GUESTS as usize);
        Ok(())
    })
}

#[test]
fn runs() {
    main().expect("the example runs");
}
