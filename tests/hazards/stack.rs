//! Family 9, stack checks: deep recursion, huge frames, long signatures, re-entry at the limit.

use std::fmt::Write;

use pronto::{Caller, Error, Extern, Linker, Trap, Val};

use crate::support::{Guest, MODES, wat};

fn repeat(count: usize, word: &str) -> String {
    vec![word; count].join(" ")
}

/// Recursion in every way to call, with frames from one cell to many kilobytes.
#[test]
fn endless_recursion_traps() {
    let many = repeat(4000, "i64");
    let deep = repeat(3000, "(local.get 0)");
    let adds = repeat(2999, "(i64.add)");
    let text = format!(
        "(module
           (type $t (func (param i64) (result i64)))
           (table 8 funcref)
           (elem (i32.const 0) $small $indirect $huge $deep)
           (func $small (export \"small\") (param i64) (result i64)
             (i64.add (call $small (local.get 0)) (i64.const 1)))
           (func $nothing (export \"nothing\") (param i64) (result i64)
             (call $nothing (local.get 0)))
           (func $indirect (export \"indirect\") (param i64) (result i64)
             (call_indirect (type $t) (local.get 0) (i32.const 1)))
           (func $huge (export \"huge\") (param i64) (result i64) (local {many})
             (local.set 4000 (call $huge (local.get 0))) (local.get 4000))
           (func $deep (export \"deep\") (param i64) (result i64)
             {deep} (call $deep (local.get 0)) (drop) {adds})
           (func $even (export \"mutual\") (param i64) (result i64)
             (i64.add (call $odd (local.get 0)) (i64.const 1)))
           (func $odd (param i64) (result i64) (local i64 i64 i64 f64 f64)
             (i64.mul (call $even (local.get 0)) (i64.const 3)))
           (func $fib (export \"fib\") (param i64) (result i64)
             (if (result i64) (i64.lt_u (local.get 0) (i64.const 2))
               (then (local.get 0))
               (else (i64.add (call $fib (i64.sub (local.get 0) (i64.const 1)))
                              (call $fib (i64.sub (local.get 0) (i64.const 2))))))))"
    );
    let wasm = wat(&text);
    for mode in MODES {
        let mut guest = Guest::new(mode, &wasm);
        for name in ["small", "nothing", "indirect", "huge", "deep", "mutual"] {
            for _ in 0..3 {
                let outcome = guest.bits(name, &[Val::I64(1)]);
                assert_eq!(outcome, Err(Trap::StackOverflow), "{mode:?} {name}");
                // The engine is as usable as before.
                assert_eq!(
                    guest.bits("fib", &[Val::I64(15)]),
                    Ok(610),
                    "{mode:?} {name}"
                );
            }
        }
    }
}

/// Recursion to the limit, then a leaf whose frame is just below or above what leaves may have
/// without a check: it either runs or traps.
#[test]
fn leaves_at_the_limit() {
    let sizes = [
        2, 16, 100, 200, 250, 255, 256, 257, 300, 1000, 5000, 9000, 49_990,
    ];
    let mut text =
        String::from("(module (global $deepest (export \"deepest\") (mut i32) (i32.const 0))");
    for size in sizes {
        let locals = repeat(size, "i64");
        let _ = writeln!(
            text,
            "(func $leaf{size} (param i64) (result i64) (local {locals})
               (local.set {size} (i64.add (local.get 0) (i64.const 1)))
               (local.set 1 (i64.mul (local.get {size}) (local.get {size})))
               (i64.add (local.get 1) (local.get {size})))
             (func $down{size} (export \"down{size}\") (param i32) (result i64)
               (global.set $deepest (local.get 0))
               (if (result i64) (i32.eqz (local.get 0))
                 (then (call $leaf{size} (i64.const 2)))
                 (else (call $down{size} (i32.sub (local.get 0) (i32.const 1))))))"
        );
    }
    text.push(')');
    let wasm = wat(&text);
    for mode in MODES {
        let mut guest = Guest::new(mode, &wasm);
        for size in sizes {
            let name = format!("down{size}");
            let mut run = |depth: usize| guest.bits(&name, &[Val::I32(depth as i32)]);
            let (mut low, mut high) = (0, 20_000_000);
            assert_eq!(run(high), Err(Trap::StackOverflow));
            if size < 9000 {
                assert_eq!(run(low), Ok(12));
            }
            // Every depth around the limit, not only the limit itself, is tried.
            while high - low > 1 {
                let middle = (low + high) / 2;
                match run(middle) {
                    Ok(result) => {
                        assert_eq!(result, 12);
                        low = middle;
                    }
                    Err(trap) => {
                        assert_eq!(trap, Trap::StackOverflow);
                        high = middle;
                    }
                }
            }
            for depth in low.saturating_sub(40)..low + 40 {
                let wanted = if depth <= low && (low > 0 || size < 9000) {
                    Ok(12)
                } else {
                    Err(Trap::StackOverflow)
                };
                assert_eq!(run(depth), wanted, "{mode:?} {name} {depth}, limit {low}");
            }
        }
    }
}

/// 1000 parameters and 1000 results, of all types, directly, indirectly, from and to the host.
#[test]
fn a_thousand_parameters_and_results() {
    let types = ["i32", "f64", "i64", "f32"];
    let ty = |n: usize| types[n * n % 4];
    let list: Vec<&str> = (0..1000).map(ty).collect();
    let list = list.join(" ");
    let get: Vec<String> = (0..1000).map(|n| format!("(local.get {n})")).collect();
    let get = get.join(" ");
    let text = format!(
        "(module (type $t (func (param {list}) (result {list})))
           (table 1 funcref) (elem (i32.const 0) $same)
           (func $same (export \"same\") (type $t) {get})
           (func $call (export \"call\") (type $t) {get} (call $same))
           (func (export \"twice\") (type $t) {get} (call $call) (call $same))
           (func (export \"indirect\") (type $t) {get} (call_indirect (type $t) (i32.const 0)))
           (func $down (export \"endless\") (type $t) {get} (call $down))
           (func $again (export \"endless_indirect\") (type $t) {get}
             (call $again) (call_indirect (type $t) (i32.const 0))))"
    );
    let wasm = wat(&text);
    let args: Vec<Val> = (0..1000)
        .map(|n| match ty(n) {
            "i32" => Val::I32(-(n as i32)),
            "i64" => Val::I64(n as i64 * -0x1_0000_0001),
            "f32" => Val::F32((n as f32).to_bits()),
            _ => Val::F64((n as f64).to_bits()),
        })
        .collect();
    let wanted: Vec<u64> = args.iter().map(crate::support::bits).collect();
    for mode in MODES {
        let mut guest = Guest::new(mode, &wasm);
        for name in ["same", "call", "twice", "indirect"] {
            let results = guest.call(name, &args).expect("results");
            let results: Vec<u64> = results.iter().map(crate::support::bits).collect();
            assert_eq!(results, wanted, "{mode:?} {name}");
        }
        for name in ["endless", "endless_indirect", "endless"] {
            assert_eq!(
                guest.bits(name, &args),
                Err(Trap::StackOverflow),
                "{mode:?} {name}"
            );
        }
    }
}

/// The guest calls the host, which calls the guest, without end.
#[test]
fn endless_reentry_fails_cleanly() {
    let text = r#"(module (import "host" "again" (func $again (param i32) (result i32)))
        (func $down (export "down") (param i32) (result i32) (local i64 i64 i64)
          (if (result i32) (local.get 0)
            (then (call $down (i32.sub (local.get 0) (i32.const 1))))
            (else (call $again (i32.const 50)))))
        (func (export "seven") (result i32) (i32.const 7)))"#;
    let wasm = wat(text);
    for mode in MODES {
        let mut guest = Guest::link(mode, &wasm, |linker: &mut Linker<()>| {
            linker
                .func_wrap("host", "again", |mut caller: Caller<'_, ()>, depth: i32| {
                    let Some(Extern::Func(down)) = caller.get_export("down") else {
                        panic!("no function");
                    };
                    let mut results = [Val::I32(0)];
                    down.call(&mut caller, &[Val::I32(depth)], &mut results)?;
                    Ok::<i32, Error>(crate::support::bits(&results[0]) as i32)
                })
                .expect("a new name");
        });
        for _ in 0..3 {
            assert_eq!(
                guest.bits("down", &[Val::I32(3)]),
                Err(Trap::StackOverflow),
                "{mode:?}"
            );
            assert_eq!(guest.bits("seven", &[]), Ok(7));
        }
    }
}

/// Re-entry from deep in the guest's stack: the second activation starts where the first is.
#[test]
fn reentry_keeps_the_frames_above() {
    let text = r#"(module (import "host" "again" (func $again (param i64) (result i64)))
        (func $down (export "down") (param $n i64) (param $depth i64) (result i64)
          (local $a i64) (local $b f64)
          (local.set $a (i64.mul (local.get $n) (i64.const 3)))
          (local.set $b (f64.convert_i64_s (local.get $n)))
          (if (result i64) (i64.eqz (local.get $depth))
            (then
              (if (result i64) (i64.eqz (local.get $n))
                (then (i64.const 0))
                (else (i64.add (call $again (i64.sub (local.get $n) (i64.const 1)))
                               (local.get $a)))))
            (else
              (i64.add (i64.add
                (call $down (local.get $n) (i64.sub (local.get $depth) (i64.const 1)))
                (local.get $a)) (i64.trunc_f64_s (local.get $b)))))))"#;
    let wasm = wat(text);
    fn expected(n: u64, depth: u64) -> u64 {
        match (depth, n) {
            (0, 0) => 0,
            (0, _) => expected(n - 1, 20) + 3 * n,
            _ => expected(n, depth - 1) + 4 * n,
        }
    }
    for mode in MODES {
        let mut guest = Guest::link(mode, &wasm, |linker| {
            linker
                .func_wrap("host", "again", |mut caller: Caller<'_, ()>, n: i64| {
                    let Some(Extern::Func(down)) = caller.get_export("down") else {
                        panic!("no function");
                    };
                    let mut results = [Val::I64(0)];
                    down.call(&mut caller, &[Val::I64(n), Val::I64(20)], &mut results)?;
                    Ok::<i64, Error>(crate::support::bits(&results[0]) as i64)
                })
                .expect("a new name");
        });
        let outcome = guest.bits("down", &[Val::I64(10), Val::I64(20)]);
        assert_eq!(outcome, Ok(expected(10, 20)), "{mode:?}");
    }
}

/// A host error passes through guest frames and leaves the stack as it was.
#[test]
fn errors_unwind_guest_frames() {
    let text = r#"(module (import "host" "fail" (func $fail))
        (func $down (export "down") (param i32) (result i32)
          (if (i32.eqz (local.get 0)) (then (call $fail)))
          (i32.add (call $down (i32.sub (local.get 0) (i32.const 1))) (i32.const 1)))
        (func (export "trap") (result i32) (unreachable)))"#;
    let wasm = wat(text);
    for mode in MODES {
        let mut guest = Guest::link(mode, &wasm, |linker| {
            linker
                .func_wrap("host", "fail", || -> Result<(), Error> {
                    Err(Error::from(std::io::Error::other("on purpose")))
                })
                .expect("a new name");
        });
        // Far more frames in total than the stack holds at once.
        for round in 0..2000 {
            let error = guest.call("down", &[Val::I32(1000)]).expect_err("an error");
            assert_eq!(error.trap(), None);
            assert!(
                format!("{error:?}").contains("on purpose"),
                "{mode:?} {round}: {error:?}"
            );
            assert_eq!(guest.bits("trap", &[]), Err(Trap::UnreachableCodeReached));
        }
    }
}
