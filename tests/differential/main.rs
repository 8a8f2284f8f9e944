//! Random modules of wasm-smith, run by Pronto and by wasmi: whatever can be seen of them must be
//! the same.
//!
//! `PRONTO_FUZZ_COUNT=n` runs n modules, `PRONTO_FUZZ_SEED=s` begins at seed s. A module on which
//! the two differ is left in the folder for temporary files.

mod fuel;
mod pronto_side;
#[path = "../support/rng.rs"]
mod rng;
mod wasmi_side;

use std::env;
use std::fs;

use arbitrary::Unstructured;
use wasm_smith::{Config, InstructionKind, InstructionKinds, Module};

use rng::Rng;

/// Modules in a run by default.
const COUNT: u64 = 3000;

/// Loop iterations and calls that a module may make.
const FUEL: u32 = 2000;

/// Something that a run of a module shows.
#[derive(Clone, Debug, PartialEq)]
enum Event {
    /// The guest called an imported function.
    HostCall(String, Vec<Value>),
    /// A call, or instantiation, came to an end; with the function's name.
    Returned(String, Vec<Value>),
    /// The name of the trap.
    Trapped(String, String),
    /// Stacks differ in depth, so nothing after this can be compared.
    Exhausted,
    /// Instantiation failed otherwise.
    Refused,
    Global(String, Value),
    /// Pages and a hash of the contents.
    Memory(String, u64, u64),
    /// Elements, and which of them are null.
    Table(String, Vec<bool>),
    /// Fuel that the call before this cost.
    Spent(u64),
}

/// A value as bits; a reference as whether it is null.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Value {
    I32(u32),
    I64(u64),
    F32(u32),
    F64(u64),
    Ref(bool),
}

/// FNV-1a.
fn hash(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// Bits for the n-th argument, result or global of something by that name.
fn bits(name: &str, n: usize) -> u64 {
    let mut rng = Rng::new(hash(name.as_bytes()).wrapping_add(n as u64));
    let bits = rng.next();
    match rng.below(8) {
        0 => 0,
        1 => bits & 0xff,
        2 => u64::MAX,
        3 => 1 << 31,
        4 => f64::from(bits as i32).to_bits(),
        5 => u64::from((bits as i16 as f32).to_bits()),
        _ => bits,
    }
}

fn config(rng: &mut Rng) -> Config {
    let mut config = Config {
        allow_start_export: true,
        allowed_instructions: InstructionKinds::new(&[
            InstructionKind::NumericInt,
            InstructionKind::Numeric,
            InstructionKind::Reference,
            InstructionKind::Parametric,
            InstructionKind::Variable,
            InstructionKind::Table,
            InstructionKind::Memory,
            InstructionKind::Control,
        ]),
        canonicalize_nans: true,
        disallow_traps: rng.below(3) > 0,
        export_everything: true,
        min_funcs: 3,
        max_funcs: 3 + rng.below(10),
        max_imports: rng.below(6),
        max_instructions: 50 + rng.below(500),
        max_memories: rng.pick(&[0, 1, 1, 1]),
        max_memory32_bytes: 10 * 65536,
        memory_max_size_required: true,
        max_tables: rng.below(4),
        max_table_elements: 100,
        table_max_size_required: true,
        max_values: 10,
        ..Config::default()
    };
    config.compact_imports_enabled = false;
    config.exceptions_enabled = false;
    config.gc_enabled = false;
    config.memory64_enabled = false;
    config.relaxed_simd_enabled = false;
    config.simd_enabled = false;
    config.tail_call_enabled = false;
    config.threads_enabled = false;
    config.wide_arithmetic_enabled = false;
    config
}

/// The module of a seed, if the seed makes one, and whether it can trap other than by
/// `unreachable`.
fn module(seed: u64) -> Option<(Vec<u8>, bool)> {
    let mut rng = Rng::new(seed);
    let config = config(&mut rng);
    let traps = !config.disallow_traps;
    let bytes: Vec<u8> = (0..1000 + rng.below(12_000))
        .map(|_| rng.next() as u8)
        .collect();
    let mut module = Module::new(config, &mut Unstructured::new(&bytes)).ok()?;
    module.ensure_termination(FUEL).ok()?;
    Some((module.to_bytes(), traps))
}

/// What both runs show until one of them exhausts its stack.
///
/// wasmi 2.0.0 sometimes divides by zero where wasm-smith has guarded the division (seed 2010 is
/// one; Wasmtime returns what Pronto does). Where no operator can trap, that ends the comparison.
fn first_difference(ours: &[Event], theirs: &[Event], traps: bool) -> Option<String> {
    let wrong = |event: &Event| match event {
        Event::Trapped(_, trap) => !traps && trap == "IntegerDivisionByZero",
        _ => false,
    };
    let mut pairs = ours.iter().zip(theirs);
    loop {
        match pairs.next() {
            Some((Event::Exhausted, _) | (_, Event::Exhausted)) => return None,
            Some((a, b)) if a == b => {}
            Some((_, b)) if wrong(b) => return None,
            Some((a, b)) => return Some(format!("Pronto: {a:?}\nwasmi:  {b:?}")),
            None if ours.len() == theirs.len() => return None,
            None => return Some(format!("{} events, {}", ours.len(), theirs.len())),
        }
    }
}

#[test]
fn same_as_wasmi() {
    let number = |name: &str, default| match env::var(name) {
        Ok(text) => text.parse().unwrap_or_else(|_| panic!("{name}={text}")),
        Err(_) => default,
    };
    let start: u64 = number("PRONTO_FUZZ_SEED", 0);
    let count: u64 = number("PRONTO_FUZZ_COUNT", COUNT);
    let (mut modules, mut calls, mut returned) = (0, 0, 0);
    let mut failures = Vec::new();
    for seed in start..start + count {
        let Some((wasm, traps)) = module(seed) else {
            continue;
        };
        modules += 1;
        let theirs = wasmi_side::run(&wasm);
        let ours = pronto_side::run(&wasm, seed);
        calls += theirs
            .iter()
            .filter(|event| matches!(event, Event::Returned(..) | Event::Trapped(..)))
            .count();
        returned += theirs
            .iter()
            .filter(|event| matches!(event, Event::Returned(..)))
            .count();
        if let Some(difference) = first_difference(&ours, &theirs, traps) {
            let path = env::temp_dir().join(format!("pronto-differential-{seed}.wasm"));
            fs::write(&path, &wasm).expect("a writable folder");
            failures.push(format!("seed {seed}, {}:\n{difference}", path.display()));
        }
    }
    println!("differential: {modules} modules, {calls} calls, {returned} returned");
    assert!(
        failures.is_empty(),
        "{} of {modules} modules differ:\n{}",
        failures.len(),
        failures[..failures.len().min(10)].join("\n")
    );
    assert!(modules > count / 2, "only {modules} modules of {count}");
    assert!(
        returned > calls / 10,
        "only {returned} calls of {calls} returned"
    );
}
