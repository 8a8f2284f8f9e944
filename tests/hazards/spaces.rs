//! Family 10, index spaces: imports shift every one of them, and types are numbered anew in
//! every module.

use std::fmt::Write;

use pronto::{Instance, Linker, Module, Store, Trap, Val};

use crate::support::{Guest, MODES, Mode, bits, trap, wat};

/// A store with the instances of several modules, linked by name.
struct World {
    store: Store<()>,
    linker: Linker<()>,
    instances: Vec<(String, Instance)>,
}

impl World {
    fn new(mode: Mode) -> Self {
        let engine = mode.engine();
        Self {
            store: Store::new(&engine, ()),
            linker: Linker::new(&engine),
            instances: Vec::new(),
        }
    }

    fn add(&mut self, name: &str, text: &str) {
        let module = Module::new(self.linker.engine(), wat(text)).expect("a valid module");
        let instance = self
            .linker
            .instantiate(&mut self.store, &module)
            .expect("an instance");
        self.linker
            .instance(&mut self.store, name, instance)
            .expect("new names");
        self.instances.push((name.to_string(), instance));
    }

    fn call(&mut self, name: &str, func: &str, args: &[Val]) -> Result<u64, Trap> {
        let (_, instance) = self
            .instances
            .iter()
            .find(|(other, _)| other == name)
            .expect("the instance");
        let func = instance
            .get_func(&mut self.store, func)
            .unwrap_or_else(|| panic!("no function {name} {func}"));
        let mut results = vec![Val::I32(0); func.ty(&self.store).results().len()];
        match func.call(&mut self.store, args, &mut results) {
            Ok(()) => Ok(results.first().map_or(0, bits)),
            Err(error) => Err(trap(&error)),
        }
    }
}

/// A module with `n` exports of each kind, each of which tells its number.
fn exporter(n: usize) -> String {
    let mut text = String::from("(module (memory (export \"m\") 1)\n");
    for i in 0..n {
        let _ = writeln!(
            text,
            "(func $f{i} (export \"f{i}\") (result i32) (i32.const {}))
             (global (export \"g{i}\") (mut i32) (i32.const {}))
             (global (export \"c{i}\") i64 (i64.const {}))
             (table $t{i} (export \"t{i}\") {} 40 funcref)
             (elem (table $t{i}) (i32.const 1) func $f{i})",
            100 + i,
            200 + i,
            300 + i,
            10 + i,
        );
    }
    text.push(')');
    text
}

/// A module that imports `n` of each kind, defines three of each kind, and touches them all by
/// every instruction that has an index.
fn importer(n: usize) -> String {
    let mut text = String::from("(module (type $r (func (result i32)))\n");
    if n > 0 {
        text.push_str("(import \"lib\" \"m\" (memory 1))\n");
    }
    for i in 0..n {
        let _ = writeln!(
            text,
            "(import \"lib\" \"f{i}\" (func (result i32)))
             (import \"lib\" \"g{i}\" (global (mut i32)))
             (import \"lib\" \"c{i}\" (global i64))
             (import \"lib\" \"t{i}\" (table {} 40 funcref))",
            10 + i,
        );
    }
    if n == 0 {
        text.push_str("(memory 1)\n");
    }
    for i in 0..3 {
        let _ = writeln!(
            text,
            "(func $f{i} (result i32) (i32.const {}))
             (global $g{i} (mut i32) (i32.const {}))
             (table $t{i} {} 50 funcref)
             (elem (table $t{i}) (i32.const 1) func $f{i} $f{i})
             (elem $e{i} func $f{i} $f{i} $f{i})
             (data $d{i} \"{i}{i}{i}{i}\")",
            500 + i,
            600 + i,
            20 + i,
        );
    }
    for f in 0..n + 3 {
        let _ = writeln!(
            text,
            "(elem declare func {f})
             (func (export \"call {f}\") (result i32) (call {f}))
             (func (export \"ref {f}\") (result i32)
               (table.set $t0 (i32.const 9) (ref.func {f}))
               (call_indirect $t0 (type $r) (i32.const 9)))"
        );
    }
    for g in 0..2 * n + 3 {
        if g < 2 * n && g % 2 == 1 {
            let _ = writeln!(
                text,
                "(func (export \"global {g}\") (result i64) (global.get {g}))"
            );
        } else {
            let _ = writeln!(
                text,
                "(func (export \"global {g}\") (result i32) (global.get {g}))
                 (func (export \"set {g}\") (param i32) (global.set {g} (local.get 0)))"
            );
        }
    }
    for t in 0..n + 3 {
        table_functions(t, &mut text);
    }
    text.push(')');
    text
}

fn table_functions(t: usize, text: &mut String) {
    let _ = writeln!(
        text,
        "(func (export \"indirect {t}\") (param i32) (result i32)
           (call_indirect {t} (type $r) (local.get 0)))
         (func (export \"size {t}\") (result i32) (table.size {t}))
         (func (export \"grow {t}\") (result i32) (table.grow {t} (ref.func $f2) (i32.const 1)))
         (func (export \"null {t}\") (param i32) (result i32)
           (ref.is_null (table.get {t} (local.get 0))))
         (func (export \"fill {t}\") (param i32)
           (table.fill {t} (local.get 0) (ref.func $f1) (i32.const 2)))"
    );
    for e in 0..3 {
        let _ = writeln!(
            text,
            "(func (export \"init {t} {e}\") (param i32)
               (table.init {t} $e{e} (local.get 0) (i32.const 0) (i32.const 3)))
             (func (export \"copy {t} {e}\") (param i32)
               (table.copy {t} $t{e} (local.get 0) (i32.const 0) (i32.const 3)))
             (func (export \"data {t} {e}\") (result i32)
               (memory.init $d{e} (i32.const 8) (i32.const 0) (i32.const 4))
               (i32.load (i32.const 8)))"
        );
    }
}

#[test]
fn imports_shift_every_index() {
    for mode in MODES {
        for n in [0, 1, 2, 5] {
            let mut world = World::new(mode);
            world.add("lib", &exporter(n));
            world.add("main", &importer(n));
            check_functions_and_globals(&mut world, n);
            for t in 0..n + 3 {
                check_table(&mut world, n, t);
            }
        }
    }
}

fn check_functions_and_globals(world: &mut World, n: usize) {
    for f in 0..n + 3 {
        let wanted = if f < n { 100 + f } else { 500 + f - n } as u64;
        assert_eq!(world.call("main", &format!("call {f}"), &[]), Ok(wanted));
        assert_eq!(world.call("main", &format!("ref {f}"), &[]), Ok(wanted));
    }
    for g in 0..2 * n + 3 {
        let wanted = match g {
            _ if g >= 2 * n => 600 + g - 2 * n,
            _ if g % 2 == 1 => 300 + g / 2,
            _ => 200 + g / 2,
        };
        let name = format!("global {g}");
        assert_eq!(world.call("main", &name, &[]), Ok(wanted as u64));
        if g >= 2 * n || g % 2 == 0 {
            let value = Val::I32(g as i32 + 1);
            assert_eq!(world.call("main", &format!("set {g}"), &[value]), Ok(0));
            assert_eq!(world.call("main", &name, &[]), Ok(g as u64 + 1));
        }
    }
}

fn check_table(world: &mut World, n: usize, t: usize) {
    let (size, own) = if t < n {
        (10 + t, 100 + t)
    } else {
        (20 + t - n, 500 + t - n)
    };
    let (size, own) = (size as u64, own as u64);
    let mut call = |name: String, args: &[Val]| world.call("main", &name, args);
    let at = |n: u64| [Val::I32(n as i32)];
    let name = |what: &str| format!("{what} {t}");
    assert_eq!(call(name("size"), &[]), Ok(size));
    assert_eq!(call(name("indirect"), &at(1)), Ok(own));
    assert_eq!(
        call(name("indirect"), &at(size)),
        Err(Trap::TableOutOfBounds)
    );
    assert_eq!(
        call(name("indirect"), &at(4)),
        Err(Trap::IndirectCallToNull)
    );
    assert_eq!(call(name("null"), &at(4)), Ok(1));
    assert_eq!(call(name("null"), &at(1)), Ok(0));
    assert_eq!(call(name("null"), &at(size)), Err(Trap::TableOutOfBounds));
    assert_eq!(call(name("grow"), &[]), Ok(size));
    assert_eq!(call(name("size"), &[]), Ok(size + 1));
    assert_eq!(call(name("indirect"), &at(size)), Ok(502));
    assert_eq!(call(name("fill"), &at(size - 1)), Ok(0));
    assert_eq!(call(name("fill"), &at(size)), Err(Trap::TableOutOfBounds));
    assert_eq!(call(name("indirect"), &at(size)), Ok(501));
    for e in 0..3 {
        assert_eq!(call(format!("init {t} {e}"), &at(5)), Ok(0));
        assert_eq!(call(name("indirect"), &at(7)), Ok(500 + e));
        assert_eq!(
            call(format!("init {t} {e}"), &at(size - 1)),
            Err(Trap::TableOutOfBounds)
        );
        // The first three of the module's own table: null, f, f.
        assert_eq!(call(format!("copy {t} {e}"), &at(5)), Ok(0));
        assert_eq!(call(name("indirect"), &at(6)), Ok(500 + e));
        assert_eq!(call(name("null"), &at(5)), Ok(1));
        let digits = u64::from(b'0' + e as u8) * 0x0101_0101;
        assert_eq!(call(format!("data {t} {e}"), &[]), Ok(digits));
    }
    assert_eq!(call(format!("grow {t}"), &[]), Ok(size + 1));
}

/// The same signatures in another order, and others with the same number: `call_indirect`
/// through a shared table compares what they are, not how they are numbered.
#[test]
fn signatures_across_modules() {
    let library = r#"(module
        (type $a (func (param i32) (result i32)))
        (type $b (func (param i64) (result i64)))
        (type $c (func (param i32) (result i32)))
        (table (export "t") 6 funcref)
        (elem (i32.const 0) $a $b $c)
        (func $a (type $a) (i32.add (local.get 0) (i32.const 1)))
        (func $b (type $b) (i64.add (local.get 0) (i64.const 2)))
        (func $c (type $c) (i32.add (local.get 0) (i32.const 3))))"#;
    let user = r#"(module
        (type $z (func (param f64) (result f64)))
        (type $b (func (param i64) (result i64)))
        (type $a (func (param i32) (result i32)))
        (import "lib" "t" (table 6 funcref))
        (elem (i32.const 3) $d)
        (func $d (type $a) (i32.add (local.get 0) (i32.const 4)))
        (func (export "a") (param i32) (result i32)
          (call_indirect (type $a) (i32.const 10) (local.get 0)))
        (func (export "b") (param i32) (result i64)
          (call_indirect (type $b) (i64.const 10) (local.get 0)))
        (func (export "z") (param i32) (result f64)
          (call_indirect (type $z) (f64.const 10) (local.get 0))))"#;
    for mode in MODES {
        let mut world = World::new(mode);
        world.add("lib", library);
        world.add("main", user);
        let mut call = |name: &str, n: i32| world.call("main", name, &[Val::I32(n)]);
        let bad = Err(Trap::BadSignature);
        assert_eq!(
            [call("a", 0), call("a", 1), call("a", 2)],
            [Ok(11), bad, Ok(13)]
        );
        assert_eq!(
            [call("b", 0), call("b", 1), call("b", 2)],
            [bad, Ok(12), bad]
        );
        assert_eq!([call("z", 0), call("z", 1), call("z", 2)], [bad, bad, bad]);
        assert_eq!(call("a", 3), Ok(14));
        assert_eq!(call("a", 4), Err(Trap::IndirectCallToNull));
        assert_eq!(call("b", 6), Err(Trap::TableOutOfBounds));
        assert_eq!(call("b", -1), Err(Trap::TableOutOfBounds));
    }
}

/// Engines number signatures on their own; two that saw them in another order do not disturb
/// each other, while both run.
#[test]
fn two_engines() {
    let module = |first: &str, second: &str| {
        format!(
            "(module (type (func (param {first}) (result {first})))
               (type $s (func (param {second}) (result {second})))
               (table 2 funcref) (elem (i32.const 0) $f $g)
               (func $f (param {first}) (result {first}) (local.get 0))
               (func $g (type $s) (local.get 0))
               (func (export \"run\") (param i32) (result {second})
                 (call_indirect (type $s) ({second}.const 5) (local.get 0))))"
        )
    };
    for mode in MODES {
        let mut one = Guest::wat(mode, &module("i32", "i64"));
        let mut two = Guest::wat(mode, &module("i64", "i32"));
        for _ in 0..3 {
            for guest in [&mut one, &mut two] {
                assert_eq!(guest.bits("run", &[Val::I32(1)]), Ok(5));
                assert_eq!(guest.bits("run", &[Val::I32(0)]), Err(Trap::BadSignature));
            }
        }
    }
}

/// Calls between instances switch memory, globals and tables, there and back, also by a trap.
#[test]
fn calls_switch_instances() {
    let part = |n: u32| {
        format!(
            "(module
               (type $t (func (param i32) (result i32)))
               (import \"all\" \"t\" (table 3 funcref))
               (memory 1) (data (i32.const 0) \"{n}\")
               (global $g (mut i32) (i32.const {n}))
               (elem (i32.const {n}) $hop)
               (func (export \"fail\") (param i32) (result i32)
                 (call_indirect (type $t) (i32.const -1) (i32.const {other})))
               (func $hop (export \"hop\") (param i32) (result i32) (local $before i32)
                 (if (i32.lt_s (local.get 0) (i32.const 0)) (then (unreachable)))
                 (global.set $g (i32.add (global.get $g) (i32.const 1)))
                 (local.set $before (i32.load8_u (i32.const 0)))
                 (if (local.get 0)
                   (then (i32.store (i32.const 16)
                     (call_indirect (type $t)
                       (i32.sub (local.get 0) (i32.const 1)) (i32.const {other})))))
                 (if (i32.ne (local.get $before) (i32.load8_u (i32.const 0)))
                   (then (unreachable)))
                 (i32.add (i32.load (i32.const 16))
                   (i32.add (local.get $before) (global.get $g)))))",
            other = (n + 1) % 3
        )
    };
    for mode in MODES {
        let mut world = World::new(mode);
        world.add("all", "(module (table (export \"t\") 3 funcref))");
        for n in 0..3 {
            world.add(&n.to_string(), &part(n));
        }
        // What three instances would compute, each with a global and a cell of its own.
        let mut globals = [0u32, 1, 2];
        let mut cells = [0u32; 3];
        fn hop(at: usize, depth: u32, globals: &mut [u32; 3], cells: &mut [u32; 3]) -> u32 {
            globals[at] += 1;
            if depth > 0 {
                cells[at] = hop((at + 1) % 3, depth - 1, globals, cells);
            }
            cells[at] + u32::from(b'0') + at as u32 + globals[at]
        }
        for depth in [0, 1, 2, 3, 7, 50] {
            for at in 0..3 {
                let wanted = hop(at, depth, &mut globals, &mut cells);
                let outcome = world.call(&at.to_string(), "hop", &[Val::I32(depth as i32)]);
                assert_eq!(outcome, Ok(u64::from(wanted)), "{mode:?} {at} {depth}");
                let outcome = world.call(&at.to_string(), "fail", &[Val::I32(0)]);
                assert_eq!(outcome, Err(Trap::UnreachableCodeReached));
            }
        }
    }
}
