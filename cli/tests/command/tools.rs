//! `wast` and `objdump`.

use super::{LIBRARY, Scratch, pronto};

#[test]
fn a_script_that_holds() {
    let script = r#"
        (module (func (export "two") (result i32) (i32.const 2)))
        (assert_return (invoke "two") (i32.const 2))
        (assert_invalid (module (func (result i32))) "type mismatch")
        (module $other (import "spectest" "print_i32" (func $print (param i32)))
            (func (export "print") (call $print (i32.const 7)))
            (func (export "stop") unreachable))
        (register "other")
        (invoke $other "print")
        (assert_trap (invoke "stop") "unreachable")"#;
    let script = Scratch::new("holds.wast", script);
    let report = "5 checks: 2 modules, 1 returns, 1 traps, 0 exhaustions, 1 invalid, 0 malformed, \
                  0 unlinkable; 0 text only, 0 lines skipped, 0 failed\n";
    pronto(&["wast", script.path()]).well(&format!("print_i32: I32(7)\n{report}"));
    let ended = pronto(&["wast", "-v", "--memory", "explicit", script.path()]);
    assert_eq!(ended.status, 0);
    assert!(ended.stderr.contains("holds.wast:9\n"), "{}", ended.stderr);
}

#[test]
fn a_script_that_fails_says_on_which_lines() {
    let script = r#"(module (func (export "two") (result i32) (i32.const 2)))
        (assert_return (invoke "two") (i32.const 3))
        (assert_return (invoke "two") (i32.const 2))
        (assert_trap (invoke "two") "unreachable")
        (assert_return (invoke "three") (i32.const 3))"#;
    let script = Scratch::new("fails.wast", script);
    let ended = pronto(&["wast", script.path()]);
    assert_eq!(ended.status, 1);
    for word in [
        "fails.wast:2: returned",
        "fails.wast:4: returned",
        "fails.wast:5: no function three",
    ] {
        assert!(
            ended.stderr.contains(word),
            "no `{word}` in: {}",
            ended.stderr
        );
    }
    assert!(!ended.stderr.contains("fails.wast:3"), "{}", ended.stderr);
    assert!(ended.stdout.ends_with("3 failed\n"), "{}", ended.stdout);
}

#[test]
fn a_script_that_is_none() {
    let script = Scratch::new("broken.wast", "(module)\n(assert_nothing)\n");
    let ended = pronto(&["wast", script.path(), "no-such.wast"]);
    assert_eq!(ended.status, 1);
    assert!(ended.stderr.contains("broken.wast:2:"), "{}", ended.stderr);
    assert!(
        ended.stderr.contains("no-such.wast: cannot read it"),
        "{}",
        ended.stderr
    );
}

#[test]
fn many_failures_are_counted() {
    let script = "(assert_return (invoke \"none\"))\n".repeat(50);
    let script = Scratch::new("many.wast", script);
    let ended = pronto(&["wast", script.path()]);
    assert_eq!(ended.stderr.lines().count(), 21, "{}", ended.stderr);
    assert!(ended.stderr.ends_with("and 30 more\n"), "{}", ended.stderr);
}

#[test]
fn code_of_either_machine() {
    let library = Scratch::new("lib.wat", LIBRARY);
    for (arch, load, ret) in [
        ("amd64", "mov     eax, [r15+", "ret"),
        ("arm64", "ldr     w", "ret"),
    ] {
        let ended = pronto(&["objdump", "--arch", arch, "--func", "load", library.path()]);
        assert_eq!((ended.status, ended.stderr.as_str()), (0, ""));
        let text = &ended.stdout;
        for word in [
            &format!("bytes of {arch} code"),
            "function 5 $load: ",
            "i32.load",
            load,
            ret,
        ] {
            assert!(text.contains(word), "no `{word}` in: {text}");
        }
        assert_eq!(text.matches("function ").count(), 1, "{text}");
        // The access stands beside the offset of its operator.
        let offset = text.lines().find(|line| line.contains("i32.load")).unwrap();
        let offset = offset.split_whitespace().next().unwrap();
        let beside = text.lines().find(|line| line.contains(load)).unwrap();
        assert_eq!(beside.split_whitespace().next(), Some(offset), "{text}");
    }
}

/// The lines below the one that says `words`, up to the next that says no instruction.
fn below<'a>(dump: &'a str, words: &str) -> Vec<&'a str> {
    let mut lines = dump.lines().skip_while(|line| !line.ends_with(words));
    assert!(lines.next().is_some(), "no `{words}` in: {dump}");
    // Code has its own offset in the second column, without `0x`.
    let is_code = |line: &&str| {
        let column = line.get(10..15).unwrap_or_default();
        usize::from_str_radix(column.trim_start(), 16).is_ok()
    };
    lines.take_while(is_code).collect()
}

#[test]
fn code_stands_below_its_record() {
    let program = r#"(module (memory 1)
        (func $quotient (param $a i32) (param $b i32) (result i32)
            (if (i32.lt_u (local.get $a) (local.get $b)) (then (return (i32.const 7))))
            (i32.store (i32.const 16) (local.get $a))
            (i32.div_u (local.get $a) (local.get $b))))"#;
    let program = Scratch::new("quotient.wat", program);
    for (arch, store, divide) in [
        ("amd64", "mov     [r15+0x10]", "div"),
        ("arm64", "str", "udiv"),
    ] {
        let dump = pronto(&["objdump", "--arch", arch, program.path()]).stdout;
        let has = |words, mnemonic: &str| {
            let code = below(&dump, words);
            assert!(
                code.iter().any(|line| line.contains(mnemonic)),
                "{code:?} of {dump}"
            );
        };
        has("i32.store (local.get 0)", store);
        has("i32.div_u", divide);
        has(";; trap IntegerDivisionByZero", "");
        // The trap's code has the offset of the division.
        let offset = |words: &str| {
            let line = dump.lines().find(|line| line.ends_with(words)).unwrap();
            line.split_whitespace().next().unwrap()
        };
        assert_eq!(offset("i32.div_u"), offset(";; trap IntegerDivisionByZero"));
        // A comparison and the branch that takes it are one.
        let lines: Vec<&str> = dump.lines().collect();
        let compares = lines
            .iter()
            .position(|line| line.contains("i32.lt_u"))
            .unwrap();
        assert!(lines[compares + 1].contains("  if L"), "{dump}");
        assert!(!below(&dump, lines[compares + 1]).is_empty(), "{dump}");
    }
}

#[test]
fn functions_are_chosen_by_name_or_index() {
    let library = Scratch::new("lib.wat", LIBRARY);
    let titles = |args: &[&str]| {
        let ended = pronto(&[&["objdump"], args, &[library.path()]].concat());
        assert_eq!((ended.status, ended.stderr.as_str()), (0, ""));
        let lines = ended
            .stdout
            .lines()
            .filter(|line| line.starts_with("function "));
        lines
            .map(|line| line.split(':').next().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(titles(&[]).len(), 7);
    assert_eq!(titles(&["--func", "$load"]), ["function 5 $load"]);
    assert_eq!(
        titles(&["--func", "5", "--func", "deep"]),
        ["function 5 $load", "function 6 $deep"]
    );
    // Without a name of its own, by its export.
    assert_eq!(titles(&["--func", "half"]), ["function 3"]);
    let none = pronto(&["objdump", "--func", "nowhere", library.path()]);
    none.failed(1, &["no function `nowhere`", "0 to 6"]);
    let one = pronto(&["objdump", "--func", "load", "--func", "7", library.path()]);
    one.failed(1, &["no function `7`\n"]);
    pronto(&["objdump", "--arch", "mips", library.path()]).failed(2, &["amd64", "arm64"]);
}

#[test]
fn a_module_without_functions() {
    let empty = Scratch::new(
        "empty.wat",
        "(module (import \"a\" \"b\" (func)) (memory 1))",
    );
    let ended = pronto(&["objdump", empty.path()]);
    assert_eq!((ended.status, ended.stdout.as_str()), (0, ""));
    assert!(
        ended.stderr.contains("empty.wat`: it defines no functions"),
        "{ended:?}"
    );
    pronto(&["objdump", "--func", "0", empty.path()]).failed(1, &["no function `0`", "code: none"]);
}

#[test]
fn checks_show_in_explicit_mode() {
    let library = Scratch::new("lib.wat", LIBRARY);
    let size = |mode: &str| {
        let ended = pronto(&[
            "objdump",
            "--memory",
            mode,
            "--func",
            "load",
            library.path(),
        ]);
        ended.stdout.lines().count()
    };
    assert!(size("explicit") > size("guard"));
}

#[test]
fn colours_are_for_terminals() {
    let library = Scratch::new("lib.wat", LIBRARY);
    let dump = |args: &[&str]| pronto(&[&["objdump"], args, &[library.path()]].concat()).stdout;
    let (plain, colourful) = (dump(&[]), dump(&["--color", "always"]));
    assert!(!plain.contains('\x1b') && colourful.contains("\x1b[32m"));
    let mut stripped = String::new();
    for part in colourful.split("\x1b[") {
        stripped.push_str(part.split_once('m').map_or(part, |(_, rest)| rest));
    }
    assert_eq!(stripped, plain);
    assert_eq!(plain, dump(&["--color", "never"]));
}
