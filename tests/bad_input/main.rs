//! Input that is broken, hostile or absurd: an error, or a module that runs, but never a panic,
//! and never a wait that does not fit the size of the input.

mod absurd;
mod build;
#[path = "../support/rng.rs"]
mod rng;

use std::fs;
use std::path::Path;

use pronto::inspect::{InspectOptions, Target, inspect};
use pronto::{Config, Engine, Linker, Module, Store};

use rng::Rng;

/// Engines for both memory modes.
pub(crate) fn engines() -> [Engine; 2] {
    [false, true].map(|guard| {
        let mut config = Config::new();
        config.signals_based_traps(guard);
        Engine::new(&config).expect("an engine")
    })
}

/// Compiles for both machines, as well as for this one; whether the module was accepted.
///
/// All of them must agree, as validation does not depend on the machine.
pub(crate) fn compile_everywhere(engines: &[Engine], wasm: &[u8]) -> bool {
    let here = engines
        .iter()
        .map(|engine| Module::new(engine, wasm).is_ok());
    let there = [Target::Amd64, Target::Arm64].into_iter().map(|target| {
        let options = InspectOptions {
            target,
            explicit: true,
            interruptible: true,
            canonical_nans: false,
            fuel: None,
            features: 0,
        };
        inspect(wasm, options).is_ok()
    });
    let outcomes: Vec<bool> = here.chain(there).collect();
    let first = outcomes[0];
    assert!(
        outcomes.iter().all(|outcome| *outcome == first),
        "{outcomes:?}"
    );
    first
}

/// Modules to break: the inputs of the golden tests, which between them have every operator, and
/// one with every section.
fn samples() -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let mut texts: Vec<String> = fs::read_dir(folder)
        .expect("the folder")
        .map(|entry| fs::read_to_string(entry.expect("an entry").path()).expect("a text file"))
        .collect();
    texts.sort();
    texts.push(build::EVERY_SECTION.to_string());
    assert!(texts.len() > 20);
    texts
        .iter()
        .map(|text| wat::parse_str(text).expect("a valid text"))
        .collect()
}

#[test]
fn cut_short_anywhere() {
    let engines = engines();
    let mut accepted = 0;
    for wasm in samples() {
        assert!(compile_everywhere(&engines, &wasm));
        for len in 0..wasm.len() {
            accepted += u32::from(Module::new(&engines[len % 2], &wasm[..len]).is_ok());
        }
    }
    // An empty module, and a few that end between sections.
    assert!(accepted < 200, "{accepted}");
}

#[test]
fn bytes_changed() {
    let engines = engines();
    let mut rng = Rng::new(7);
    let (mut accepted, mut refused) = (0, 0);
    for wasm in samples() {
        for _ in 0..1000 {
            let mut wasm = wasm.clone();
            for _ in 0..1 + rng.below(3) {
                let at = rng.below(wasm.len());
                match rng.below(4) {
                    0 => wasm[at] ^= 1 << rng.below(8),
                    1 => wasm[at] = rng.pick(&[0, 0x0b, 0x7f, 0x80, 0xff, 0x40, 0x10]),
                    2 => drop(wasm.remove(at)),
                    _ => wasm.insert(at, rng.next() as u8),
                }
            }
            match compile_everywhere(&engines, &wasm) {
                true => accepted += 1,
                false => refused += 1,
            }
        }
    }
    println!("bytes changed: {accepted} accepted, {refused} refused");
    assert!(accepted > 100 && refused > 1000, "{accepted} {refused}");
}

#[test]
fn not_modules_at_all() {
    let engines = engines();
    let mut rng = Rng::new(11);
    for len in 0..400 {
        let noise: Vec<u8> = (0..len).map(|_| rng.next() as u8).collect();
        assert!(!compile_everywhere(&engines, &noise));
        let headed = [b"\0asm\x01\0\0\0", noise.as_slice()].concat();
        let accepted = compile_everywhere(&engines, &headed);
        assert!(!accepted || len == 0, "{headed:x?}");
    }
    // A component, a later version, a serialized nothing, a script.
    for bytes in [
        &b"\0asm\x0d\0\x01\0"[..],
        b"\0asm\x02\0\0\0",
        b"\x7fELF",
        b"#!/bin/sh\n",
    ] {
        assert!(!compile_everywhere(&engines, bytes));
    }
}

/// Modules of wasm-smith in which some bodies are any bytes.
#[test]
fn any_bytes_as_bodies() {
    let engines = engines();
    let (mut accepted, mut refused) = (0, 0);
    for seed in 0..2000 {
        let mut rng = Rng::new(seed);
        let bytes: Vec<u8> = (0..500).map(|_| rng.next() as u8).collect();
        let config = wasm_smith::Config {
            allow_invalid_funcs: true,
            compact_imports_enabled: false,
            exceptions_enabled: rng.below(8) == 0,
            gc_enabled: rng.below(8) == 0,
            memory64_enabled: rng.below(8) == 0,
            simd_enabled: rng.below(8) == 0,
            tail_call_enabled: rng.below(8) == 0,
            threads_enabled: rng.below(8) == 0,
            min_funcs: 1,
            ..wasm_smith::Config::default()
        };
        let module = wasm_smith::Module::new(config, &mut arbitrary::Unstructured::new(&bytes));
        let Ok(module) = module else { continue };
        match compile_everywhere(&engines, &module.to_bytes()) {
            true => accepted += 1,
            false => refused += 1,
        }
    }
    println!("any bytes as bodies: {accepted} accepted, {refused} refused");
    assert!(accepted > 50 && refused > 500, "{accepted} {refused}");
}

/// Errors name the offset of the byte that is wrong.
#[test]
fn errors_name_the_offset() {
    let engine = &engines()[0];
    let mut wasm = wat::parse_str("(module (func (result i32) (i32.const 7)))").expect("valid");
    let at = wasm.len() - 3;
    assert_eq!(wasm[at..], [0x41, 7, 0x0b]);
    // `f32.const` wants four bytes, of which there are two.
    wasm[at] = 0x43;
    let error = Module::new(engine, &wasm).expect_err("cut short");
    let text = format!("{error}");
    assert!(text.contains("offset 0x"), "{text}");
}

/// Instantiates with imports that trap, and looks at every export.
pub(crate) fn instantiate(engine: &Engine, module: &Module) -> bool {
    let mut store = Store::new(engine, ());
    let mut linker = Linker::new(engine);
    if linker.define_unknown_imports_as_traps(module).is_err() {
        return false;
    }
    let Ok(instance) = linker.instantiate(&mut store, module) else {
        return false;
    };
    let count = instance.exports(&mut store).count();
    assert_eq!(count, module.exports().len());
    true
}
