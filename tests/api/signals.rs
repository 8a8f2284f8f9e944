//! Faults that are not a guest's reach whoever handled them before.
//!
//! Each case runs in a process of its own, since it is to end it.
#![allow(unsafe_code, reason = "handles signals, and faults on purpose")]

use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Stdio};

use pronto::{Engine, Trap};

use crate::support::instantiate;

const CASE: &str = "PRONTO_TEST_SIGNALS";

extern "C" fn plain(_: i32) {
    // SAFETY: ends the process.
    unsafe { libc::_exit(7) }
}

extern "C" fn with_info(_: i32, info: *mut libc::siginfo_t, _: *mut libc::c_void) {
    // SAFETY: a signal handler's arguments; ends the process.
    unsafe {
        libc::_exit(if (*info).si_addr() as usize == 16 {
            8
        } else {
            9
        })
    }
}

/// What handles SIGSEGV when the engine is made.
fn install(handler: &str) {
    let (handler, flags) = match handler {
        "default" => (libc::SIG_DFL, 0),
        "ignore" => (libc::SIG_IGN, 0),
        "plain" => (plain as *const () as usize, 0),
        "info" => (with_info as *const () as usize, libc::SA_SIGINFO),
        _ => return,
    };
    // SAFETY: the handlers do only what handlers may.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = handler;
        action.sa_flags = flags;
        assert_eq!(
            libc::sigaction(libc::SIGSEGV, &action, std::ptr::null_mut()),
            0
        );
    }
}

/// The body of the child: a guest's fault, then one of the host.
fn child(case: &str) -> ! {
    let (handler, how) = case.split_once(' ').unwrap();
    install(handler);
    let engine = Engine::default();
    let (mut store, instance) = instantiate(
        &engine,
        r#"(module (memory 1) (func (export "f") (result i32) (i32.load (i32.const -4))))"#,
    );
    let func = instance.get_typed_func::<(), i32>(&store, "f").unwrap();
    for _ in 0..2 {
        let error = func.call(&mut store, ()).unwrap_err();
        assert_eq!(error.trap(), Some(Trap::MemoryOutOfBounds));
    }
    match how {
        // SAFETY: not at all: the process is to end.
        "read" => unsafe {
            std::ptr::without_provenance::<u8>(16).read_volatile();
        },
        // SAFETY: has no preconditions.
        _ => unsafe {
            libc::raise(libc::SIGSEGV);
        },
    }
    std::process::exit(0)
}

/// Starts this program once more, through the emulator if one runs it.
fn this_program() -> Command {
    let program = std::env::current_exe().unwrap();
    let Ok(emulator) = std::env::var("PRONTO_TEST_EMULATOR") else {
        return Command::new(program);
    };
    let mut words = emulator.split_whitespace();
    let mut command = Command::new(words.next().expect("the emulator's name"));
    command.args(words).arg(program);
    command
}

#[test]
fn pass_through() {
    if let Ok(case) = std::env::var(CASE) {
        child(&case);
    }
    let killed = (None, Some(libc::SIGSEGV));
    let cases = [
        ("default read", killed),
        ("default raise", killed),
        ("ignore read", killed),
        ("ignore raise", (Some(0), None)),
        ("plain read", (Some(7), None)),
        ("plain raise", (Some(7), None)),
        ("info read", (Some(8), None)),
        // The standard library's own, which tells stack overflows.
        ("std read", killed),
    ];
    for (case, expected) in cases {
        let status = this_program()
            .args(["--exact", "signals::pass_through"])
            .env(CASE, case)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .unwrap();
        assert_eq!((status.code(), status.signal()), expected, "{case}");
    }
}
