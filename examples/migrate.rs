//! A guest that is paused on one thread and finished on another.
//!
//! `cargo run --example migrate`

use std::sync::mpsc;

use pronto::{Engine, Execution, Exit, FuncType, Linker, Module, Result, Store, Val, ValType};

/// Adds up three answers; its memory and its stack go with it.
const GUEST: &str = r#"(module
    (import "host" "ask" (func $ask (param i32) (result i32)))
    (memory 1)
    (func (export "run") (result i32)
        (i32.store (i32.const 0) (call $ask (i32.const 1)))
        (i32.store (i32.const 4) (call $ask (i32.const 2)))
        (i32.add (call $ask (i32.const 3))
            (i32.add (i32.load (i32.const 0)) (i32.load (i32.const 4))))))"#;

/// A store, and what is suspended in it.
struct Guest {
    store: Store<Vec<String>>,
    execution: Execution,
}

/// Runs the guest until it asks again, and answers.
fn step(guest: &mut Guest) -> Result<Option<i32>> {
    match guest.execution.run(&mut guest.store)? {
        Exit::Returned(results) => Ok(results[0].i32()),
        Exit::HostCall(call) => {
            let question = call.params()[0].unwrap_i32();
            let thread = std::thread::current();
            let name = thread.name().unwrap_or("?");
            guest
                .store
                .data_mut()
                .push(format!("question {question} on {name}"));
            let answer = [Val::I32(question * 100)];
            guest.execution.resume(&mut guest.store, &answer)?;
            Ok(None)
        }
        exit => panic!("{exit:?}"),
    }
}

fn main() -> Result<()> {
    let engine = Engine::default();
    let module = Module::new(&engine, wat::parse_str(GUEST)?)?;
    let mut linker = Linker::new(&engine);
    let ask = FuncType::new([ValType::I32], [ValType::I32]);
    linker.func_suspending("host", "ask", ask)?;

    let mut store = Store::new(&engine, Vec::new());
    let instance = linker.instantiate(&mut store, &module)?;
    let run = instance.get_func(&mut store, "run").expect("an export");
    let execution = run.start(&mut store, &[])?;
    let mut guest = Guest { store, execution };
    assert_eq!(step(&mut guest)?, None);

    // Each of two threads answers one question and passes the guest on.
    let (to_first, from_main) = mpsc::channel::<Guest>();
    let (to_second, from_first) = mpsc::channel::<Guest>();
    let (to_main, from_second) = mpsc::channel::<Guest>();
    let worker = |name: &str, from: mpsc::Receiver<Guest>, to: mpsc::Sender<Guest>| {
        std::thread::Builder::new()
            .name(name.into())
            .spawn(move || {
                for mut guest in from {
                    step(&mut guest).expect("the guest runs");
                    to.send(guest).expect("somebody listens");
                }
            })
    };
    worker("first", from_main, to_second)?;
    worker("second", from_first, to_main)?;
    to_first.send(guest).expect("somebody listens");

    let mut guest = from_second.recv().expect("the guest comes back");
    let result = step(&mut guest)?;
    for line in guest.store.data() {
        println!("{line}");
    }
    println!("result {result:?}");
    assert_eq!(result, Some(600));
    assert!(guest.store.data()[1].ends_with("first"));
    assert!(guest.store.data()[2].ends_with("second"));
    Ok(())
}

#[test]
fn runs() {
    main().expect("the example runs");
}
