//! Programs of C and Rust, built as anyone builds them (`programs/build.sh`), that check for
//! themselves what their standard libraries make of the functions.

use pronto::{Engine, Linker, Module, Store};
use pronto_wasi::p1::{WasiP1Ctx, add_to_linker_sync};
use pronto_wasi::pipe::{MemoryInputPipe, MemoryOutputPipe};
use pronto_wasi::{DirPerms, FilePerms, WasiCtxBuilder};
use std::fs;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::Path;
use tempfile::TempDir;

/// How a program ended.
#[derive(Debug, PartialEq, Eq)]
struct Ended {
    status: i32,
    stdout: String,
    stderr: String,
}

impl Ended {
    fn well(stdout: &str) -> Self {
        Self {
            status: 0,
            stdout: stdout.to_owned(),
            stderr: String::new(),
        }
    }
}

/// Runs `programs/NAME.wasm` with what `builder` gives.
fn run(name: &str, builder: &mut WasiCtxBuilder) -> Ended {
    let (stdout, stderr) = (
        MemoryOutputPipe::new(1 << 20),
        MemoryOutputPipe::new(1 << 20),
    );
    builder.stdout(stdout.clone()).stderr(stderr.clone());
    let engine = Engine::default();
    let file = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/programs")
        .join(name);
    let module = Module::from_file(&engine, file.with_extension("wasm")).unwrap();
    let mut linker = Linker::new(&engine);
    add_to_linker_sync(&mut linker, |ctx: &mut WasiP1Ctx| ctx).unwrap();
    let mut store = Store::new(&engine, builder.build_p1());
    let instance = linker.instantiate(&mut store, &module).unwrap();
    let start = instance
        .get_typed_func::<(), ()>(&mut store, "_start")
        .unwrap();
    let ended = start.call(&mut store, ());
    let text = |pipe: MemoryOutputPipe| String::from_utf8(pipe.take()).unwrap();
    let status = match ended {
        Ok(()) => 0,
        Err(err) => err
            .exit_status()
            .unwrap_or_else(|| panic!("{name}: {err:?}\n{}", text(stderr.clone()))),
    };
    Ended {
        status,
        stdout: text(stdout),
        stderr: text(stderr),
    }
}

/// Runs a program in a directory of its own, as `/`.
fn run_in_dir(name: &str, dir: &TempDir, args: &[&str], perms: (DirPerms, FilePerms)) -> Ended {
    let mut builder = WasiCtxBuilder::new();
    builder
        .arg(name)
        .args(args)
        .stdin(MemoryInputPipe::new("one\ntwo\nthree\n"));
    builder
        .preopened_dir(dir.path(), "/", perms.0, perms.1)
        .unwrap();
    run(name, &mut builder)
}

const ALL: (DirPerms, FilePerms) = (DirPerms::all(), FilePerms::all());

#[test]
fn files_of_c() {
    let dir = TempDir::new().unwrap();
    assert_eq!(run_in_dir("files", &dir, &[], ALL), Ended::well(""));
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
}

#[test]
fn read_only_files_of_c() {
    let dir = TempDir::new().unwrap();
    fs::write(dir.path().join("given"), "12345").unwrap();
    let read = (DirPerms::READ, FilePerms::READ);
    assert_eq!(
        run_in_dir("files", &dir, &["read-only"], read),
        Ended::well("")
    );
    assert_eq!(fs::read(dir.path().join("given")).unwrap(), b"12345");
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
}

#[test]
fn directories_of_c() {
    let dir = TempDir::new().unwrap();
    assert_eq!(run_in_dir("dirs", &dir, &[], ALL), Ended::well(""));
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
}

#[test]
fn the_process_of_c() {
    let mut builder = WasiCtxBuilder::new();
    builder
        .args(&["process", "", "two words", "ü"])
        .env("NAME", "a=b")
        .env("EMPTY", "")
        .stdin(MemoryInputPipe::new("first line\nsecond line\n"));
    let expected = Ended {
        status: 42,
        stdout: "read: second\nat exit\n".to_owned(),
        stderr: "an error\n".to_owned(),
    };
    assert_eq!(run("process", &mut builder), expected);
}

#[test]
fn sockets_of_c() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let mut builder = WasiCtxBuilder::new();
    builder.preopened_socket(listener).unwrap();
    let client = std::thread::spawn(move || {
        // Later than the program's first look, which must find nobody.
        std::thread::sleep(std::time::Duration::from_millis(300));
        let mut stream = TcpStream::connect(address).unwrap();
        stream.write_all(b"hello, ").unwrap();
        stream.write_all(b"program").unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    });
    assert_eq!(run("serve", &mut builder), Ended::well("listening\n"));
    assert_eq!(client.join().unwrap(), "HELLO, PROGRAM");
}

#[test]
fn the_standard_library_of_rust() {
    let dir = TempDir::new().unwrap();
    let expected = Ended {
        status: 7,
        ..Ended::well("three\ntwo\none\n")
    };
    assert_eq!(run_in_dir("std", &dir, &["7"], ALL), expected);
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
}
