//! Programs that others wrote, built and ship, unmodified: what they print and write is what they
//! print and write under another runtime, byte for byte.
//!
//! `fetch` fetches them, and compiles two from their authors' sources. `in/NAME` is what a program finds in `/work`; `expected/NAME.txt` tells
//! what it printed and which files it left there. `PRONTO_REAL_BLESS=wasmtime cargo test -p
//! pronto-cli --features real-programs --test real` writes what is expected with that command.

use pronto::{Engine, Linker, Memory, Module, Store};
use pronto_wasi::WasiCtxBuilder;
use pronto_wasi::p1::{WasiP1Ctx, add_to_linker_sync};
use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// One run of a program.
struct Step {
    program: &'static str,
    args: &'static [&'static str],
    input: &'static str,
    status: i32,
}

const fn step(program: &'static str, args: &'static [&'static str]) -> Step {
    Step {
        program,
        args,
        input: "",
        status: 0,
    }
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/real")
}

fn program(name: &str) -> PathBuf {
    let path = folder().join("programs").join(name).with_extension("wasm");
    assert!(path.exists(), "cli/tests/real/fetch fetches {name}");
    path
}

/// Runs a step with `work` as `/work`, and adds what it prints to `text`.
fn run(step: &Step, command: &str, work: &Path, text: &mut String) {
    let mut child = Command::new(command)
        .arg("--dir")
        .arg(format!("{}::/work", work.display()))
        .args(["--env", "HOME=/nowhere"])
        .arg(program(step.program))
        .args(step.args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(step.input.as_bytes()).unwrap();
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(step.status), "{}", step.program);
    let _ = writeln!(text, "$ {} {}", step.program, step.args.join(" "));
    text.push_str(std::str::from_utf8(&output.stdout).unwrap());
}

/// The files below `folder`, in the order of their names, without what Python caches: that tells
/// the time.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap();
    let mut entries: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    entries.retain(|path| !path.ends_with("__pycache__"));
    entries.sort();
    let below = |path: PathBuf| {
        if path.is_dir() {
            files(&path)
        } else {
            vec![path]
        }
    };
    entries.into_iter().flat_map(below).collect()
}

/// Adds the files of `work` to `text`: short texts whole, others by length and checksum.
fn list(work: &Path, text: &mut String) {
    for file in files(work) {
        let bytes = fs::read(&file).unwrap();
        let name = file.strip_prefix(work).unwrap().display();
        let _ = writeln!(
            text,
            "= {name}: {} bytes, {:016x}",
            bytes.len(),
            fnv(&bytes)
        );
        if let Ok(contents) = str::from_utf8(&bytes)
            && contents.len() < 2000
        {
            text.push_str(contents);
        }
    }
}

/// The 64-bit FNV-1a checksum.
fn fnv(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |sum, byte| {
        (sum ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3)
    })
}

/// What `command` makes of the steps of a case.
fn outcome(name: &str, steps: &[Step], command: &str) -> String {
    let work = tempfile::TempDir::new().unwrap();
    let given = folder().join("in").join(name);
    for file in files(&given) {
        let copy = work.path().join(file.strip_prefix(&given).unwrap());
        fs::create_dir_all(copy.parent().unwrap()).unwrap();
        fs::copy(&file, copy).unwrap();
    }
    let mut text = String::new();
    for step in steps {
        run(step, command, work.path(), &mut text);
    }
    list(work.path(), &mut text);
    text
}

fn check(name: &str, steps: &[Step]) {
    let expected = folder().join("expected").join(name).with_extension("txt");
    if let Some(other) = std::env::var_os("PRONTO_REAL_BLESS") {
        let text = outcome(name, steps, other.to_str().unwrap());
        return fs::write(expected, text).unwrap();
    }
    let text = outcome(name, steps, env!("CARGO_BIN_EXE_pronto"));
    assert_eq!(text, fs::read_to_string(expected).unwrap(), "{name}");
}

#[test]
fn a_language_runtime_runs_a_script() {
    let script = Step {
        input: "The quick brown fox jumps over the lazy dog, the end.\nThe fox, again.\n",
        status: 3,
        ..step("python", &["/work/main.py", "one", "two words"])
    };
    check("python", &[script]);
}

#[test]
fn a_database_keeps_a_file() {
    let script = || step("python", &["/work/main.py"]);
    check("database", &[script(), script()]);
}

#[test]
fn a_compressor_packs_and_unpacks_a_tree() {
    check("archive", &[step("python", &["/work/main.py"])]);
}

#[test]
fn sqlite_keeps_a_file() {
    let script = |input| Step {
        input,
        ..step("sqlite", &["/work/cities.db"])
    };
    let scripts = [
        script(include_str!("in/sqlite/first.sql")),
        script(include_str!("in/sqlite/second.sql")),
    ];
    check("sqlite", &scripts);
}

#[test]
fn bzip2_packs_and_unpacks_a_tree() {
    const TREE: [&str; 4] = [
        "/work/tree/code.bin",
        "/work/tree/deep/empty",
        "/work/tree/deep/text.txt",
        "/work/tree/numbers.csv",
    ];
    const PACKED: [&str; 4] = [
        "/work/tree/code.bin.bz2",
        "/work/tree/deep/empty.bz2",
        "/work/tree/deep/text.txt.bz2",
        "/work/tree/numbers.csv.bz2",
    ];
    let steps = [
        step("bzip2", &TREE),
        step("bzip2", &["-t", PACKED[0], PACKED[1], PACKED[2], PACKED[3]]),
        step(
            "bzip2",
            &["-dk", PACKED[0], PACKED[1], PACKED[2], PACKED[3]],
        ),
    ];
    check("bzip2", &steps);
}

#[test]
fn a_renderer_of_rust() {
    check(
        "resvg",
        &[step("resvg", &["/work/in.svg", "/work/out.png"])],
    );
}

#[test]
fn a_converter_of_rust() {
    check("usvg", &[step("usvg", &["/work/in.svg", "/work/out.svg"])]);
}

#[test]
fn a_solver() {
    let solve = Step {
        status: 10,
        ..step("boolector", &["/work/in.smt2"])
    };
    check("boolector", &[solve]);
}

#[test]
fn a_compiler_an_assembler_and_a_linker() {
    let steps = [
        step(
            "cc1",
            &[
                "-quiet",
                "-O2",
                "-mmcu=avr2",
                "/work/in.c",
                "-o",
                "/work/out.s",
            ],
        ),
        step("avr-as", &["/work/out.s", "-o", "/work/out.o"]),
        step(
            "avr-ld",
            &[
                "--defsym=port=0x3b",
                "-e",
                "main",
                "/work/out.o",
                "-o",
                "/work/out.elf",
            ],
        ),
        step(
            "avr-objcopy",
            &["-O", "ihex", "/work/out.elf", "/work/out.hex"],
        ),
    ];
    check("gcc", &steps);
}

/// A program of Go, which is called as a library. What is expected its own package for Python
/// said, which runs it under wasmtime.
#[test]
fn a_scanner_of_go() {
    let folder = folder();
    let engine = Engine::default();
    let module = Module::from_file(&engine, program("pii-shield")).unwrap();
    let mut linker = Linker::new(&engine);
    add_to_linker_sync(&mut linker, |ctx: &mut WasiP1Ctx| ctx).unwrap();
    let mut store = Store::new(&engine, WasiCtxBuilder::new().build_p1());
    let instance = linker.instantiate(&mut store, &module).unwrap();
    let memory: Memory = instance.get_memory(&mut store, "memory").unwrap();
    let initialize = instance
        .get_typed_func::<(), ()>(&mut store, "_initialize")
        .unwrap();
    let allocate = instance
        .get_typed_func::<i32, i32>(&mut store, "allocate")
        .unwrap();
    let free = instance
        .get_typed_func::<(i32, i32), ()>(&mut store, "free")
        .unwrap();
    let configure = instance
        .get_typed_func::<(i32, i32), ()>(&mut store, "init_config")
        .unwrap();
    let redact = instance
        .get_typed_func::<(i32, i32), i64>(&mut store, "redact")
        .unwrap();
    initialize.call(&mut store, ()).unwrap();
    let give = |store: &mut Store<WasiP1Ctx>, bytes: &[u8]| {
        let len = i32::try_from(bytes.len()).unwrap();
        let ptr = allocate.call(&mut *store, len).unwrap();
        memory.write(&mut *store, ptr as usize, bytes).unwrap();
        (ptr, len)
    };
    let config = give(&mut store, br#"{"salt": "fixed"}"#);
    configure.call(&mut store, config).unwrap();
    free.call(&mut store, config).unwrap();
    let mut text = String::new();
    for line in fs::read_to_string(folder.join("in/pii-shield/log.txt"))
        .unwrap()
        .lines()
    {
        let given = give(&mut store, line.as_bytes());
        let packed = redact.call(&mut store, given).unwrap() as u64;
        let (ptr, len) = ((packed >> 32) as u32, packed as u32);
        // No result means that there was nothing to hide.
        let mut bytes = line.as_bytes().to_vec();
        if ptr != 0 && len != 0 {
            bytes.resize(len as usize, 0);
            memory.read(&store, ptr as usize, &mut bytes).unwrap();
            free.call(&mut store, (ptr as i32, len as i32)).unwrap();
        }
        free.call(&mut store, given).unwrap();
        let _ = writeln!(text, "{}", str::from_utf8(&bytes).unwrap());
    }
    let expected = folder.join("expected/pii-shield.txt");
    assert_eq!(text, fs::read_to_string(expected).unwrap());
}
