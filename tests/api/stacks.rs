//! Stack overflow: of the guest's stack, and of the host's under nested calls.

use pronto::{Caller, Config, Engine, Instance, Linker, Result, Store, Trap};

use crate::support::{each, instantiate, module};

/// Calls itself `n` times, with as many locals as the frame shall have.
fn recursive(locals: usize) -> String {
    let used: String = (1..=locals)
        .map(|n| {
            format!("(local.set {n} (i64.add (local.get {n}) (i64.extend_i32_s (local.get 0)))) ")
        })
        .collect();
    let sum: String = (1..=locals)
        .map(|n| format!("local.get {n} i64.add "))
        .collect();
    format!(
        r#"(module (func $f (export "f") (param i32) (result i64) (local {})
            {used}
            local.get 0 i32.eqz if (result i64) i64.const 0
            else local.get 0 i32.const 1 i32.sub call $f end
            {sum}))"#,
        "i64 ".repeat(locals)
    )
}

#[test]
fn plain_and_huge_frames() {
    for locals in [1, 30, 1000, 5000] {
        let wat = recursive(locals);
        each(|engine| {
            let (mut store, instance) = instantiate(engine, &wat);
            let func = instance.get_typed_func::<i32, i64>(&store, "f").unwrap();
            for _ in 0..3 {
                let error = func.call(&mut store, i32::MAX).unwrap_err();
                assert_eq!(error.trap(), Some(Trap::StackOverflow));
                assert!(!error.backtrace().unwrap().frames().is_empty());
                assert_eq!(func.call(&mut store, 1).unwrap(), locals as i64);
            }
        });
    }
}

#[test]
fn a_frame_larger_than_the_stack() {
    // The locals of one function outgrow the whole value stack.
    let wat = recursive(10_000);
    each(|engine| {
        let mut config = engine.config().clone();
        let engine = Engine::new(config.max_wasm_stack(64 * 1024)).unwrap();
        let (mut store, instance) = instantiate(&engine, &wat);
        let func = instance.get_typed_func::<i32, i64>(&store, "f").unwrap();
        let error = func.call(&mut store, 0).unwrap_err();
        assert_eq!(error.trap(), Some(Trap::StackOverflow));
    });
}

#[test]
fn the_limit_is_the_configurations() {
    let depth = |size: usize| {
        let engine = Engine::new(Config::new().max_wasm_stack(size)).unwrap();
        let (mut store, instance) = instantiate(&engine, &recursive(20));
        let func = instance.get_typed_func::<i32, i64>(&store, "f").unwrap();
        (0..)
            .find(|n| func.call(&mut store, n * 100).is_err())
            .unwrap()
    };
    let (small, large) = (depth(128 * 1024), depth(1024 * 1024));
    assert!(large > small * 6 && large < small * 10, "{small} {large}");
    assert!(Engine::new(Config::new().max_wasm_stack(0)).is_err());
}

/// An instance whose function and the host call each other without end.
fn ping_pong(engine: &Engine) -> (Store<u32>, Instance) {
    let mut linker: Linker<u32> = Linker::new(engine);
    linker
        .func_wrap(
            "host",
            "pong",
            |mut caller: Caller<'_, u32>| -> Result<()> {
                *caller.data_mut() += 1;
                let ping = caller.get_export("ping").unwrap().into_func().unwrap();
                ping.typed::<(), ()>(&caller)?.call(&mut caller, ())
            },
        )
        .unwrap();
    let module = module(
        engine,
        r#"(module (import "host" "pong" (func $pong))
            (func (export "ping") call $pong)
            (func (export "fine")))"#,
    );
    let mut store = Store::new(engine, 0);
    let instance = linker.instantiate(&mut store, &module).unwrap();
    (store, instance)
}

#[test]
fn deep_host_nesting() {
    each(|engine| {
        let (mut store, instance) = ping_pong(engine);
        let ping = instance.get_typed_func::<(), ()>(&store, "ping").unwrap();
        let fine = instance.get_typed_func::<(), ()>(&store, "fine").unwrap();
        for _ in 0..2 {
            let error = ping.call(&mut store, ()).unwrap_err();
            assert_eq!(error.trap(), Some(Trap::StackOverflow));
            assert!(*store.data() > 50, "{}", store.data());
            fine.call(&mut store, ()).unwrap();
        }
    });
}

/// With a value stack that the host's cannot outlast.
#[test]
fn deep_host_nesting_exhausts_the_hosts_stack() {
    each(|engine| {
        let mut config = engine.config().clone();
        let engine = Engine::new(config.max_wasm_stack(1 << 30)).unwrap();
        for size in [128 * 1024, 1 << 20, 8 << 20] {
            let engine = engine.clone();
            let thread = std::thread::Builder::new().stack_size(size).spawn(move || {
                let (mut store, instance) = ping_pong(&engine);
                let ping = instance.get_typed_func::<(), ()>(&store, "ping").unwrap();
                for _ in 0..2 {
                    let error = ping.call(&mut store, ()).unwrap_err();
                    assert_eq!(error.trap(), Some(Trap::StackOverflow));
                }
                assert!(*store.data() >= 2);
            });
            thread.unwrap().join().unwrap();
        }
    });
}

/// A thread that the C library makes, small and without an alternate signal stack.
#[test]
#[allow(unsafe_code, reason = "makes a thread by hand")]
fn small_foreign_threads() {
    extern "C" fn body(engine: *mut libc::c_void) -> *mut libc::c_void {
        // SAFETY: the test passes an engine, and waits.
        let engine = unsafe { &*engine.cast::<Engine>() };
        let outcome = std::panic::catch_unwind(|| {
            let (mut store, instance) = instantiate(engine, &recursive(30));
            let func = instance.get_typed_func::<i32, i64>(&store, "f").unwrap();
            assert_eq!(
                func.call(&mut store, i32::MAX).unwrap_err().trap(),
                Some(Trap::StackOverflow)
            );
            let (mut store, instance) = ping_pong(engine);
            let ping = instance.get_typed_func::<(), ()>(&store, "ping").unwrap();
            assert_eq!(
                ping.call(&mut store, ()).unwrap_err().trap(),
                Some(Trap::StackOverflow)
            );
            // A fault: the handler runs on the value stack.
            let (mut store, instance) = instantiate(
                engine,
                r#"(module (memory 1) (func (export "f") (param i32) (result i32)
                    local.get 0 i32.load))"#,
            );
            let func = instance.get_typed_func::<i32, i32>(&store, "f").unwrap();
            for _ in 0..100 {
                let error = func.call(&mut store, -4).unwrap_err();
                assert_eq!(error.trap(), Some(Trap::MemoryOutOfBounds));
            }
        });
        usize::from(outcome.is_ok()) as *mut libc::c_void
    }

    each(|engine| {
        // SAFETY: the attributes are initialised, and the thread is joined before `engine` ends.
        unsafe {
            let mut attributes = std::mem::zeroed();
            assert_eq!(libc::pthread_attr_init(&mut attributes), 0);
            assert_eq!(
                libc::pthread_attr_setstacksize(&mut attributes, 256 * 1024),
                0
            );
            let mut thread = std::mem::zeroed();
            let engine = std::ptr::from_ref(engine).cast_mut().cast();
            assert_eq!(
                libc::pthread_create(&mut thread, &attributes, body, engine),
                0
            );
            let mut result = std::ptr::null_mut();
            assert_eq!(libc::pthread_join(thread, &mut result), 0);
            libc::pthread_attr_destroy(&mut attributes);
            assert_eq!(result as usize, 1);
        }
    });
}
