//! Programs that would not end by themselves.

use super::{Scratch, pronto};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Runs `program` with an open standard input and 300 ms. What it says.
fn times_out(program: &str) -> String {
    let program = Scratch::new("endless.wat", program);
    let start = Instant::now();
    let mut child = Command::new(super::PRONTO)
        .args(["--timeout", "300ms", program.path()])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // Held, so that a read waits.
    let stdin = child.stdin.take();
    let output = child.wait_with_output().unwrap();
    drop(stdin);
    let took = start.elapsed();
    assert_eq!(output.status.code(), Some(134));
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(
        stderr.contains("endless.wat") && stderr.contains("300ms"),
        "{stderr}"
    );
    assert!(took >= Duration::from_millis(300), "{took:?}");
    assert!(took < Duration::from_secs(30), "{took:?}");
    stderr
}

#[test]
fn a_loop() {
    let said = times_out(r#"(module (func $spin (export "_start") (loop $again (br $again))))"#);
    assert!(said.contains("0: endless.wat!spin at offset 0x"), "{said}");
}

#[test]
fn calls_without_a_loop() {
    times_out(
        r#"(module (func $twice (export "twice") (param i32)
            (if (local.get 0) (then
                (call $twice (i32.sub (local.get 0) (i32.const 1)))
                (call $twice (i32.sub (local.get 0) (i32.const 1))))))
        (func (export "_start") (call $twice (i32.const 200))))"#,
    );
}

#[test]
fn the_start_function() {
    times_out("(module (func $first (loop $again (br $again))) (start $first))");
}

#[test]
fn a_read_that_waits() {
    times_out(
        r#"(module
        (import "wasi_snapshot_preview1" "fd_read"
            (func $read (param i32 i32 i32 i32) (result i32)))
        (memory (export "memory") 1)
        (data (i32.const 0) "\10\00\00\00\01\00\00\00")
        (func (export "_start")
            (drop (call $read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 8)))))"#,
    );
}

#[test]
fn a_sleep() {
    // One subscription, to 10^12 ns of the monotonic clock.
    times_out(
        r#"(module
        (import "wasi_snapshot_preview1" "poll_oneoff"
            (func $poll (param i32 i32 i32 i32) (result i32)))
        (memory (export "memory") 1)
        (data (i32.const 16) "\01\00\00\00")
        (data (i32.const 24) "\00\10\a5\d4\e8\00\00\00")
        (func (export "_start")
            (drop (call $poll (i32.const 0) (i32.const 64) (i32.const 1) (i32.const 128)))))"#,
    );
}

#[test]
fn a_program_that_ends_in_time() {
    let program = Scratch::new("ends.wat", r#"(module (func (export "_start")))"#);
    pronto(&["--timeout", "1m 30s", program.path()]).well("");
    pronto(&["--timeout", "soon", program.path()]).failed(2, &["--timeout", "soon"]);
}
