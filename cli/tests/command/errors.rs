//! What goes wrong says where, and what to do.

use super::{LIBRARY, Scratch, file, pronto};

#[test]
fn a_missing_file() {
    pronto(&["no-such.wasm"]).failed(1, &["`no-such.wasm`: cannot read it", "No such file"]);
    let typo = pronto(&["rnu", "a.wasm"]);
    typo.failed(
        1,
        &[
            "`rnu`",
            "the first argument that is not an option is the file to run",
        ],
    );
    let dump = pronto(&["objdump", "no-such"]);
    dump.failed(1, &["`no-such`: cannot read it"]);
    assert_eq!(dump.stderr.lines().count(), 1, "{dump:?}");
    pronto(&[file("examples")]).failed(1, &["cannot read it", "directory"]);
}

#[test]
fn a_wrong_command_line() {
    pronto(&["--no-such-option", "a.wasm"]).failed(2, &["--no-such-option", "--help"]);
    pronto::<&str>(&[]).failed(2, &["FILE", "--help"]);
    pronto(&["--dir", "", "a.wasm"]).failed(2, &["HOST::GUEST"]);
    pronto(&["--tcplisten", "here", "a.wasm"]).failed(2, &["--tcplisten", "127.0.0.1:8080"]);
    pronto(&["objdump"]).failed(2, &["FILE"]);
    pronto(&["wast"]).failed(2, &["FILE"]);
}

#[test]
fn what_is_no_module() {
    for (name, contents) in [
        ("empty", &b""[..]),
        ("blank", b" \n"),
        ("noise", b"\x7fELF\xff"),
    ] {
        let file = Scratch::new(name, contents);
        pronto(&[file.path()]).failed(1, &[name, "it is not a WebAssembly module"]);
    }
    let text = Scratch::new("broken.wat", "(module\n  (func (i32.const)))\n");
    pronto(&[text.path()]).failed(1, &["broken.wat:2:", "(func (i32.const))"]);
    let component = Scratch::new("new.wasm", b"\0asm\x0d\0\x01\0");
    pronto(&[component.path()]).failed(1, &["it is a component", "wasm32-wasip1"]);
}

#[test]
fn an_invalid_function_is_named() {
    let invalid = r#"(module
        (import "a" "b" (func))
        (func $fine)
        (func $_ZN4core6option6unwrap17h0123456789abcdefE (result i32) (i64.const 0)))"#;
    let invalid = Scratch::new("invalid.wat", invalid);
    let words = [
        "invalid.wat",
        "in function 2 (`core::option::unwrap`)",
        "at offset 0x",
        "i32",
    ];
    pronto(&[invalid.path()]).failed(1, &words);
    pronto(&["objdump", invalid.path()]).failed(1, &words);
}

#[test]
fn a_module_that_ends_early() {
    let whole = wat::parse_str(LIBRARY).unwrap();
    for len in [4, 8, 9, whole.len() / 2] {
        let cut = Scratch::new("cut.wasm", &whole[..len]);
        let ended = pronto(&[cut.path()]);
        assert_eq!((ended.status, ended.stdout.as_str()), (1, ""), "{ended:?}");
        assert!(ended.stderr.contains("cut.wasm"), "{ended:?}");
    }
}

#[test]
fn an_import_that_nobody_has() {
    let program = r#"(module (import "env" "puts" (func (param i32))) (func (export "_start")))"#;
    let program = Scratch::new("imports.wat", program);
    let ended = pronto(&[program.path()]);
    ended.failed(1, &["imports.wat", "env", "puts", "wasi_snapshot_preview1"]);
}

#[test]
fn a_trap_says_where_in_the_source() {
    let ended = pronto(&[file("cli/tests/programs/trap.wasm")]);
    let words = [
        "trap.wasm`: ",
        "integer divide by zero",
        "trap.wasm!share(int) at offset 0x",
        "shop::Till::each(int, int) at /src/trap.cc:8:22",
        "share(int) at /src/trap.cc:14:25",
        "start at /src/trap.cc:18:12",
    ];
    ended.failed(134, &words);
}

#[test]
fn a_trap_without_debugging_information() {
    let library = Scratch::new("lib.wat", LIBRARY);
    let ended = pronto(&["--invoke", "load", library.path(), "-1"]);
    ended.failed(134, &["0: lib!load at offset 0x", "built with `-g`"]);
}

#[test]
fn a_trap_in_the_start_function() {
    let program = "(module (func $first unreachable) (start $first))";
    let program = Scratch::new("starts.wat", program);
    pronto(&[program.path()]).failed(134, &["unreachable", "starts.wat!first"]);
}
