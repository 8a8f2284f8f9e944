//! What debuggers see of compiled code: the symbol files are read back, and GDB itself is asked
//! where there is one.

use std::process::Command;
use std::sync::Mutex;

use object::read::elf::ElfFile64;
use object::{Object, ObjectSection, ObjectSymbol};
use pronto::{Config, Engine, Func, Instance, Module, Store};

/// The interface's list, as GDB's manual has it.
#[repr(C)]
struct Entry {
    next: *const Entry,
    prev: *const Entry,
    file: *const u8,
    len: u64,
}

#[repr(C)]
struct Descriptor {
    version: u32,
    action: u32,
    relevant: *const Entry,
    first: *const Entry,
}

unsafe extern "C" {
    static mut __jit_debug_descriptor: Descriptor;
}

/// The list is the process's.
static ALONE: Mutex<()> = Mutex::new(());

fn engine() -> Engine {
    Engine::new(Config::new().debug_info(true)).unwrap()
}

fn module(engine: &Engine, name: &str) -> Module {
    let text = format!(
        r#"(module ${name} (import "h" "stop" (func $stop))
            (func $inner (call $stop) (nop))
            (func $outer (export "outer") (call $inner) (nop)))"#
    );
    Module::new(engine, wat::parse_str(text).unwrap()).unwrap()
}

/// Symbols of the files in the list, the last registered first: names and addresses.
fn registered() -> Vec<Vec<(String, u64, u64)>> {
    let mut files = Vec::new();
    // SAFETY: no module comes or goes meanwhile.
    unsafe {
        assert_eq!((&raw const __jit_debug_descriptor.version).read(), 1);
        let (mut entry, mut prev) = (__jit_debug_descriptor.first, std::ptr::null());
        while !entry.is_null() {
            assert_eq!((*entry).prev, prev);
            let bytes = std::slice::from_raw_parts((*entry).file, (*entry).len as usize);
            files.push(symbols(bytes));
            (prev, entry) = (entry, (*entry).next);
        }
    }
    files
}

fn symbols(bytes: &[u8]) -> Vec<(String, u64, u64)> {
    let file = ElfFile64::<object::Endianness>::parse(bytes).unwrap();
    let machine = file.architecture();
    let native = if cfg!(target_arch = "x86_64") {
        object::Architecture::X86_64
    } else {
        object::Architecture::Aarch64
    };
    assert_eq!(machine, native);
    let text = file.section_by_name(".text").unwrap();
    let code = text.address()..text.address() + text.size();
    let symbols = file.symbols().map(|symbol| {
        assert_eq!(symbol.kind(), object::SymbolKind::Text);
        assert_eq!(symbol.section_index(), Some(text.index()));
        let end = symbol.address() + symbol.size();
        assert!(code.contains(&symbol.address()) && end <= code.end);
        let name = symbol.name().unwrap().to_owned();
        (name, symbol.address(), symbol.size())
    });
    symbols.collect()
}

#[test]
fn symbol_files() {
    let _alone = ALONE.lock();
    let engine = engine();
    let modules = ["a", "b", "c"].map(|name| module(&engine, name));
    let files = registered();
    let names = |file: &[(String, u64, u64)]| -> Vec<String> {
        file.iter().map(|(name, ..)| name.clone()).collect()
    };
    assert_eq!(files.len(), 3);
    for ((file, module), name) in files.iter().rev().zip(&modules).zip(["a", "b", "c"]) {
        assert_eq!(
            names(file),
            [format!("{name}[inner]"), format!("{name}[outer]")]
        );
        let text = module.text();
        assert_eq!(file[0].1, text.as_ptr() as u64);
        assert!(file[0].1 + file[0].2 <= file[1].1);
        assert!(file[1].2 > 0);
    }
    // From the middle, the end and the beginning.
    let [a, b, c] = modules;
    drop(b);
    let left = registered();
    assert_eq!(left, [files[0].clone(), files[2].clone()]);
    drop(a);
    assert_eq!(registered(), [files[0].clone()]);
    drop(c);
    assert!(registered().is_empty());
    // Without code, and without being asked.
    let empty = Module::new(&engine, b"\0asm\x01\0\0\0").unwrap();
    assert_eq!(registered(), [vec![]]);
    drop(empty);
    let silent = module(&Engine::default(), "silent");
    assert!(registered().is_empty());
    drop(silent);
}

/// Where GDB stops. `code`: an address in compiled code.
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn pronto_test_stop(code: *const u8) {
    std::hint::black_box(code);
}

/// What GDB runs: a guest calls the host, and its module is dropped.
#[test]
fn debuggee() {
    let _alone = ALONE.lock();
    let engine = engine();
    let module = module(&engine, "guest");
    let code = module.text().as_ptr();
    let at = code as usize;
    let mut store = Store::new(&engine, ());
    let stop = Func::wrap(&mut store, move || pronto_test_stop(at as *const u8));
    let instance = Instance::new(&mut store, &module, &[stop.into()]).unwrap();
    let outer = instance.get_typed_func::<(), ()>(&store, "outer").unwrap();
    outer.call(&mut store, ()).unwrap();
    drop((store, module));
    pronto_test_stop(code);
}

#[test]
fn gdb_knows_the_names() {
    if !Command::new("gdb")
        .arg("--version")
        .output()
        .is_ok_and(|gdb| gdb.status.success())
    {
        eprintln!("skipped: there is no gdb");
        return;
    }
    if std::env::var_os("PRONTO_TEST_EMULATOR").is_some() {
        eprintln!("skipped: gdb cannot debug what an emulator runs");
        return;
    }
    let argument = if cfg!(target_arch = "x86_64") {
        "$rdi"
    } else {
        "$x0"
    };
    let symbol = format!("info symbol {argument}");
    let commands = [
        "set breakpoint pending on",
        "set debuginfod enabled off",
        "break pronto_test_stop",
        "run",
        &symbol,
        "info address guest[outer]",
        "backtrace 3",
        "continue",
        &symbol,
        "kill",
    ];
    let mut gdb = Command::new("gdb");
    gdb.args(["--batch", "-nx"]);
    for command in commands {
        gdb.args(["-ex", command]);
    }
    gdb.arg("--args").arg(std::env::current_exe().unwrap());
    gdb.args(["--exact", "debuggee", "--test-threads=1"]);
    let output = gdb.output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let text = format!("{text}\n{}", String::from_utf8_lossy(&output.stderr));
    if text.contains("ptrace: Operation not permitted") {
        eprintln!("skipped: gdb may not debug here");
        return;
    }
    let first = text
        .find("guest[inner]")
        .unwrap_or_else(|| panic!("{text}"));
    let last = text
        .rfind("No symbol matches")
        .unwrap_or_else(|| panic!("{text}"));
    assert!(first < last, "{text}");
}
