//! Modules: what they tell of themselves, and what is refused.

use pronto::{Config, Engine, Instance, Module, Store, ValType};

use crate::support::module;

#[test]
fn tells_its_imports_and_exports() {
    let engine = Engine::default();
    let module = module(
        &engine,
        r#"(module $name
            (import "a" "f" (func (param i32 f64) (result i64)))
            (import "a" "t" (table 1 2 externref))
            (import "b" "m" (memory 3))
            (import "b" "g" (global (mut f32)))
            (export "again" (func 0))
            (@custom "one" "first") (@custom "two" "other") (@custom "one" "second"))"#,
    );
    let imports: Vec<_> = module
        .imports()
        .map(|import| format!("{}.{}: {}", import.module(), import.name(), import.ty()))
        .collect();
    assert_eq!(
        imports,
        [
            "a.f: function (i32, f64) -> (i64)",
            "a.t: table of externref 1..=2",
            "b.m: memory 3..",
            "b.g: global mut f32",
        ]
    );
    assert_eq!(module.exports().len(), 1);
    assert_eq!(
        module
            .get_export("again")
            .unwrap()
            .func()
            .unwrap()
            .results(),
        [ValType::I64]
    );
    assert!(module.get_export("f").is_none());
    assert_eq!(module.name(), Some("name"));
    let sections: Vec<_> = module.custom_sections("one").collect();
    assert_eq!(sections, [b"first".as_slice(), b"second"]);
    assert_eq!(module.custom_sections("three").count(), 0);
    assert!(Module::same(&module, &module.clone()));
    assert!(Engine::same(module.engine(), &engine));
}

/// What a module keeps is in pages that earlier modules had.
#[test]
fn large_contents_are_the_modules_own() {
    use wasm_encoder::{
        ConstExpr, CustomSection, DataSection, ExportKind, ExportSection, MemorySection, MemoryType,
    };

    let engine = Engine::default();
    for (len, byte) in [(700_000, 1), (300_000, 2), (10, 3), (500_000, 4)] {
        let mut memory = MemorySection::new();
        memory.memory(MemoryType {
            minimum: 16,
            maximum: None,
            memory64: false,
            shared: false,
            page_size_log2: None,
        });
        let mut exports = ExportSection::new();
        exports.export("memory", ExportKind::Memory, 0);
        let mut data = DataSection::new();
        data.active(0, &ConstExpr::i32_const(5), vec![byte; len]);
        let custom = |name, byte| CustomSection {
            name: std::borrow::Cow::Borrowed(name),
            data: vec![byte; len].into(),
        };
        let mut wasm = wasm_encoder::Module::new();
        wasm.section(&custom("before", byte + 10));
        wasm.section(&memory).section(&exports).section(&data);
        wasm.section(&custom("behind", byte + 20));

        let module = Module::new(&engine, wasm.finish()).unwrap();
        for (name, byte) in [("before", byte + 10), ("behind", byte + 20)] {
            let sections: Vec<_> = module.custom_sections(name).collect();
            assert_eq!(sections, [vec![byte; len]]);
        }
        let mut store = Store::new(&engine, ());
        let instance = Instance::new(&mut store, &module, &[]).unwrap();
        drop(module);
        let memory = instance.get_memory(&mut store, "memory").unwrap();
        let expected = [vec![0; 5], vec![byte; len], vec![0; 5]].concat();
        assert_eq!(memory.data(&store)[..len + 10], expected);
    }
}

#[test]
fn invalid_modules_are_errors() {
    let engine = Engine::default();
    let bad: [&[u8]; 6] = [
        b"",
        b"\0asm",
        b"\0asm\x02\0\0\0",
        b"\0asm\x01\0\0\0\x01\x04",
        b"hello, world",
        b"(modul",
    ];
    for bytes in bad {
        assert!(Module::new(&engine, bytes).is_err(), "{bytes:?}");
        assert!(Module::validate(&engine, bytes).is_err(), "{bytes:?}");
    }
    let bytes = wat::parse_str("(module (func (result i32) i64.const 1))").unwrap();
    let error = Module::new(&engine, &bytes).unwrap_err().to_string();
    assert!(
        error.contains("type mismatch") && error.contains("offset 0x"),
        "{error}"
    );
    assert_eq!(
        Module::validate(&engine, &bytes).unwrap_err().to_string(),
        error
    );
    let good = wat::parse_str("(module (func (result i64) i64.const 1))").unwrap();
    Module::validate(&engine, &good).unwrap();
    assert!(!Module::new(&engine, &good).unwrap().text().is_empty());
    assert!(
        Module::new(&engine, wat::parse_str("(module)").unwrap())
            .unwrap()
            .text()
            .is_empty()
    );
}

#[test]
fn files() {
    let engine = Engine::default();
    let error = Module::from_file(&engine, "/does/not/exist.wasm").unwrap_err();
    assert!(error.is::<std::io::Error>());
    assert!(error.to_string().contains("/does/not/exist.wasm"));
    let path = std::env::temp_dir().join(format!("pronto-{}.wasm", std::process::id()));
    std::fs::write(
        &path,
        wat::parse_str(r#"(module (memory (export "m") 1))"#).unwrap(),
    )
    .unwrap();
    let module = Module::from_file(&engine, &path);
    std::fs::remove_file(&path).unwrap();
    assert!(module.unwrap().get_export("m").is_some());
}

#[test]
fn features_are_switches() {
    type Switch = fn(&mut Config, bool) -> &mut Config;
    let cases: [(Switch, &str); 4] = [
        (
            Config::wasm_bulk_memory,
            "(module (memory 1) (func (memory.fill (i32.const 0) (i32.const 0) (i32.const 0))))",
        ),
        (
            Config::wasm_reference_types,
            "(module (func (param externref)))",
        ),
        (
            Config::wasm_multi_value,
            "(module (func (result i32 i32) unreachable))",
        ),
        (
            Config::wasm_extended_const,
            "(module (global i32 (i32.add (i32.const 1) (i32.const 2))))",
        ),
    ];
    for (switch, wat) in cases {
        let bytes = wat::parse_str(wat).unwrap();
        let compiles = |enable| {
            let mut config = Config::new();
            config.wasm_reference_types(false);
            switch(&mut config, enable);
            Module::new(&Engine::new(&config).unwrap(), &bytes).is_ok()
        };
        assert!(compiles(true), "{wat}");
        assert!(!compiles(false), "{wat}");
    }
    let mut config = Config::new();
    assert!(Engine::new(config.wasm_bulk_memory(false)).is_err());
}
