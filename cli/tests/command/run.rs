//! Programs and functions that run, and what each option gives them.

use super::{LIBRARY, PRONTO, Scratch, file, finish, pronto, pronto_with};
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::process::{Command, Stdio};
use tempfile::TempDir;

#[test]
fn a_program_runs() {
    let hello = file("examples/hello.wat");
    pronto(&[&hello]).well("Hello, world!\n");
    pronto(&["run", &hello]).well("Hello, world!\n");
}

#[test]
fn the_status_is_the_programs() {
    let program = r#"(module
        (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
        (memory (export "memory") 1)
        (func (export "_start") (call $exit (i32.const 42))))"#;
    let program = Scratch::new("exits.wat", program);
    pronto(&[program.path()]).failed(42, &[]);
    let ended = pronto(&[program.path()]);
    assert_eq!(ended.stderr, "");
}

#[test]
fn input_is_piped_through() {
    let wc = file("examples/wc.wasm");
    let ended = pronto_with(&[&wc], "one two\nthree\n");
    ended.well("      2       3      14 \n");
}

#[test]
fn directories_are_given_as_said() {
    let dir = TempDir::new().unwrap();
    fs::write(dir.path().join("text"), "some words\n").unwrap();
    let host = dir.path().to_str().unwrap();
    let wc = file("examples/wc.wasm");
    let count = "      1       2      11 ";
    let given = format!("{host}::/data");
    pronto(&["--dir", &given, &wc, "/data/text"]).well(&format!("{count}/data/text\n"));
    let path = format!("{host}/text");
    pronto(&["--dir", host, &wc, &path]).well(&format!("{count}{path}\n"));
    let ended = pronto(&[&wc, "/data/text"]);
    assert_ne!(ended.status, 0, "no directory was given: {ended:?}");
    let words = ["error: `--dir`: cannot open directory `/no/such/dir`: No such file"];
    pronto(&["--dir", "/no/such/dir", &wc]).failed(2, &words);
}

#[test]
fn read_only_directories_stay_as_they_are() {
    let files = file("wasi/tests/programs/files.wasm");
    let dir = TempDir::new().unwrap();
    fs::write(dir.path().join("given"), "12345").unwrap();
    let host = dir.path().to_str().unwrap();
    // The program checks for itself that nothing can be written.
    pronto(&["--dir", &format!("{host}::/:ro"), &files, "read-only"]).well("");
    assert_eq!(fs::read(dir.path().join("given")).unwrap(), b"12345");
    fs::remove_file(dir.path().join("given")).unwrap();
    pronto(&["--dir", &format!("{host}::/"), &files]).well("");
}

#[test]
fn arguments_and_environment_arrive() {
    // The program wants to be called by this name.
    let wasm = fs::read(file("wasi/tests/programs/process.wasm")).unwrap();
    let process = Scratch::new("process", wasm);
    let run = |env: &[&str]| {
        let mut command = Command::new(PRONTO);
        command.current_dir(process.path.parent().unwrap());
        command.args(env).args(["process", "", "two words", "ü"]);
        command.env("NAME", "a=b").env("OTHER", "not given");
        finish(&mut command, "first line\nsecond line\n")
    };
    for name in ["NAME=a=b", "NAME"] {
        let ended = run(&["--env", name, "--env", "EMPTY="]);
        assert_eq!((ended.status, ended.stderr.as_str()), (42, "an error\n"));
        assert_eq!(ended.stdout, "read: second\nat exit\n");
    }
    let missing = run(&["--env", "NO_SUCH_VARIABLE_HERE"]);
    missing.failed(2, &["`--env NO_SUCH_VARIABLE_HERE`: no such variable"]);
}

#[test]
fn a_listening_socket_is_given() {
    // Free a moment ago, and the system gives out others first.
    let address = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let mut child = Command::new(PRONTO)
        .args([
            "--tcplisten",
            &address.to_string(),
            &file("wasi/tests/programs/serve.wasm"),
        ])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    stdout.read_line(&mut line).unwrap();
    assert_eq!(line, "listening\n");
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(b"hello, program").unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert_eq!(answer, "HELLO, PROGRAM");
    assert!(child.wait().unwrap().success());
}

#[test]
fn functions_are_called_with_values() {
    let library = Scratch::new("lib.wat", LIBRARY);
    let call =
        |args: &[&str]| pronto(&[&["--invoke", args[0], library.path()], &args[1..]].concat());
    call(&["swap", "7", "-0x10"]).well("-16\n7\n");
    call(&["swap", "4294967295", "0"]).well("0\n-1\n");
    call(&["half", "3"]).well("1.5\n");
    call(&["half", "-inf"]).well("-inf\n");
    call(&["nothing"]).well("");
    call(&["ready"]).well("5\n");
    pronto(&["--invoke", "fib", &file("examples/fib.wat"), "20"]).well("6765\n");
}

#[test]
fn calls_that_cannot_be_say_why() {
    let library = Scratch::new("lib.wat", LIBRARY);
    let call =
        |args: &[&str]| pronto(&[&["--invoke", args[0], library.path()], &args[1..]].concat());
    call(&["swap", "1"]).failed(2, &["cannot call `swap`", "2 arguments are needed, not 1"]);
    call(&["half"]).failed(2, &["cannot call `half`", "1 argument is needed, not 0"]);
    call(&["swap", "1.5", "2"]).failed(2, &["`1.5` is not a value of type i32"]);
    call(&["other"]).failed(2, &["no function `other` is exported", "swap: ", "half: "]);
    pronto(&[library.path()]).failed(1, &["no function `_start`", "--invoke", "swap: "]);
}

#[test]
fn both_memory_modes_find_what_is_outside() {
    let library = Scratch::new("lib.wat", LIBRARY);
    for mode in ["explicit", "guard"] {
        let call = |address: &str| {
            pronto(&[
                "--memory",
                mode,
                "--invoke",
                "load",
                library.path(),
                address,
            ])
        };
        call("65532").well("0\n");
        call("65533").failed(
            134,
            &["out of bounds memory access", "lib!load at offset 0x"],
        );
        call("-1").failed(134, &["out of bounds memory access"]);
    }
    pronto(&["--memory", "none", library.path()]).failed(2, &["explicit, guard"]);
}

#[test]
fn features_can_be_switched_off() {
    let library = Scratch::new("lib.wat", LIBRARY);
    let swap = ["--invoke", "swap", library.path(), "1", "2"];
    pronto(&[&["--wasm", "multi-value=y"], &swap[..]].concat()).well("2\n1\n");
    let off = pronto(&[&["--wasm", "multi-value=n"], &swap[..]].concat());
    off.failed(1, &["lib.wat", "at offset 0x"]);
    pronto(&[&["--wasm", "flying"], &swap[..]].concat()).failed(2, &["multi-value"]);
}

#[test]
fn more_stack_can_be_had() {
    let library = Scratch::new("lib.wat", LIBRARY);
    let ended = pronto(&[
        "--max-wasm-stack",
        "100000",
        "--invoke",
        "deep",
        library.path(),
    ]);
    ended.failed(134, &["call stack exhausted", "--max-wasm-stack"]);
}

#[test]
fn each_step_is_timed() {
    let ended = pronto(&["-v", &file("examples/hello.wat")]);
    assert_eq!(
        (ended.status, ended.stdout.as_str()),
        (0, "Hello, world!\n")
    );
    let steps: Vec<&str> = ended.stderr.lines().collect();
    let names = ["read", "parse", "compile", "link", "instantiate", "run"];
    assert_eq!(steps.len(), names.len(), "{steps:?}");
    for (step, name) in steps.iter().zip(names) {
        assert!(step.starts_with(name) && step.ends_with(" ms"), "{step}");
    }
}
