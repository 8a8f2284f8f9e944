//! What guests spend, and what they compute with canonical NaNs: the same on every machine and in
//! both memory modes, and for fuel what an instrumented module counts itself.

use std::ops::Range;

use pronto::{Config, Engine, FuelCosts};
use wasm_encoder::{CodeSection, RawSection};
use wasm_smith::Module;
use wasmparser::{BinaryReader, FunctionBody, Operator, Parser, Payload};

use super::{Event, Unstructured, config, hash, module, pronto_side, rng::Rng};

/// A LEB128 number.
fn leb128(mut value: u64, bytes: &mut Vec<u8>) {
    loop {
        let byte = value as u8 & 0x7f;
        value >>= 7;
        if value == 0 {
            return bytes.push(byte);
        }
        bytes.push(byte | 0x80);
    }
}

/// A vector's items with one more: the count is in front.
fn with_item(section: &[u8], item: &[u8]) -> Vec<u8> {
    let mut reader = BinaryReader::new(section, 0);
    let count = reader.read_var_u32().expect("a count");
    let rest = &section[reader.original_position() as usize..];
    let mut bytes = Vec::new();
    leb128(u64::from(count) + 1, &mut bytes);
    bytes.extend_from_slice(rest);
    bytes.extend_from_slice(item);
    bytes
}

/// What an operator costs: 1, but nothing if it does nothing by itself.
fn cost(operator: &Operator<'_>) -> u8 {
    match operator {
        Operator::Nop
        | Operator::Drop
        | Operator::Block { .. }
        | Operator::Loop { .. }
        | Operator::Else
        | Operator::End
        | Operator::Return
        | Operator::Unreachable => 0,
        _ => 1,
    }
}

/// The body, in which each operator first adds what it costs to the global `counter`.
fn counting(wasm: &[u8], body: &FunctionBody<'_>, counter: u32) -> Vec<u8> {
    let mut operators = body.get_operators_reader().expect("operators");
    let start = body.range().start as usize;
    let mut at = operators.original_position() as usize;
    let mut bytes = wasm[start..at].to_vec();
    while !operators.eof() {
        let operator = operators.read().expect("an operator");
        if cost(&operator) > 0 {
            bytes.push(0x23);
            leb128(counter.into(), &mut bytes);
            bytes.extend([0x42, cost(&operator), 0x7c, 0x24]);
            leb128(counter.into(), &mut bytes);
        }
        let end = operators.original_position() as usize;
        bytes.extend_from_slice(&wasm[at..end]);
        at = end;
    }
    bytes
}

/// The module with a mutable global, exported as `counter`, that counts what operators cost. `None`
/// if it has no code, or exports nothing.
fn instrumented(wasm: &[u8]) -> Option<Vec<u8>> {
    const GLOBAL: u8 = 6;
    const EXPORT: u8 = 7;
    const CODE: u8 = 10;
    let mut globals = 0;
    let mut bodies = Vec::new();
    let mut sections: Vec<(u8, Range<usize>)> = Vec::new();
    for payload in Parser::new(0).parse_all(wasm) {
        let payload = payload.expect("a valid module");
        match &payload {
            Payload::ImportSection(imports) => {
                let imports = imports.clone().into_imports();
                let is_global = |ty| matches!(ty, wasmparser::TypeRef::Global(_));
                globals += imports
                    .filter(|i| is_global(i.as_ref().expect("an import").ty))
                    .count();
            }
            Payload::GlobalSection(section) => globals += section.count() as usize,
            Payload::CodeSectionEntry(body) => bodies.push(body.clone()),
            _ => {}
        }
        if let Some((id, range)) = payload.as_section() {
            sections.push((id, range.start as usize..range.end as usize));
        }
    }
    let counter = globals as u32;
    let mut code = CodeSection::new();
    for body in &bodies {
        code.raw(&counting(wasm, body, counter));
    }
    // Mutable `i64`, 0.
    let global = [0x7e, 0x01, 0x42, 0x00, 0x0b];
    let mut export = vec![7];
    export.extend(b"counter\x03");
    leb128(counter.into(), &mut export);
    let mut out = wasm_encoder::Module::new();
    let mut has_global = false;
    let raw = |out: &mut wasm_encoder::Module, id, data: &[u8]| {
        out.section(&RawSection { id, data });
    };
    for (id, range) in &sections {
        let data = &wasm[range.clone()];
        if *id == GLOBAL {
            has_global = true;
            raw(&mut out, GLOBAL, &with_item(data, &global));
            continue;
        }
        if *id == EXPORT && !has_global {
            raw(&mut out, GLOBAL, &with_item(&[0], &global));
        }
        match *id {
            EXPORT => raw(&mut out, EXPORT, &with_item(data, &export)),
            CODE => {
                out.section(&code);
            }
            id => raw(&mut out, id, data),
        }
    }
    let complete = [EXPORT, CODE]
        .iter()
        .all(|wanted| sections.iter().any(|(id, _)| id == wanted));
    complete.then(|| out.finish())
}

/// An engine whose guests pay for operators, but not for bytes.
fn metered(guard: bool) -> Engine {
    let mut costs = FuelCosts::default();
    costs.bulk_bytes = 0;
    let mut config = Config::new();
    config
        .signals_based_traps(guard)
        .consume_fuel(true)
        .fuel_costs(costs);
    Engine::new(&config).expect("an engine")
}

#[test]
fn fuel_is_what_is_executed() {
    let plain = Engine::new(&Config::new()).expect("an engine");
    let engines = [metered(false), metered(true)];
    let (mut modules, mut compared) = (0, 0);
    for seed in 0..2000 {
        let Some((wasm, _)) = module(seed) else {
            continue;
        };
        let Some(counting) = instrumented(&wasm) else {
            continue;
        };
        modules += 1;
        // Each call's counter is that of all calls so far.
        let counted = pronto_side::run_on(&plain, &counting, 0);
        let global = |event: &&Event| matches!(event, Event::Global(name, _) if name == "counter");
        let Some(Event::Global(_, super::Value::I64(counted_all))) = counted.iter().find(global)
        else {
            continue;
        };
        // A trap ends its region early, and pays for it all.
        let whole = |event: &Event| !matches!(event, Event::Trapped(..) | Event::Exhausted);
        for engine in &engines {
            let events = pronto_side::run_on(engine, &wasm, u64::MAX);
            let spent = events.iter().map(|event| match event {
                Event::Spent(fuel) => *fuel,
                _ => 0,
            });
            let spent: u64 = spent.sum();
            if events.iter().all(whole) {
                assert_eq!(spent, *counted_all, "seed {seed}");
                compared += 1;
            } else if !events.contains(&Event::Exhausted) {
                assert!(spent >= *counted_all, "seed {seed}: {spent}, {counted_all}");
            }
        }
    }
    println!("fuel: {modules} modules, {compared} compared exactly");
    assert!(
        modules > 900 && compared > 300,
        "{modules} modules, {compared} compared"
    );
}

/// Modules in [`every_machine_computes_the_same`].
const MODULES: u64 = 500;

/// What they show, on every machine and in both memory modes: a hash of all events, with contents of
/// memories and what is spent; and the sum of that.
const SHOWN: (u64, u64) = (14_164_177_305_687_444_355, 5_509_379);

/// A module of a seed, with NaNs as they come, endless loops and deep recursion.
fn wild_module(seed: u64) -> Option<Vec<u8>> {
    let mut rng = Rng::new(seed ^ 0x00c0_ffee);
    let mut config = config(&mut rng);
    config.canonicalize_nans = false;
    let bytes: Vec<u8> = (0..1000 + rng.below(12_000))
        .map(|_| rng.next() as u8)
        .collect();
    let module = Module::new(config, &mut Unstructured::new(&bytes)).ok()?;
    Some(module.to_bytes())
}

#[test]
fn every_machine_computes_the_same() {
    /// Of each call; and the stack is never full with so little.
    const FUEL: u64 = 5000;
    let engines: Vec<Engine> = [(false, false), (true, false), (false, true), (true, true)]
        .into_iter()
        .map(|(guard, poison)| {
            let mut config = Config::new();
            config
                .signals_based_traps(guard)
                .debug_poison(poison)
                .canonicalize_nans(true)
                .consume_fuel(true)
                .max_wasm_stack(64 << 20);
            Engine::new(&config).expect("an engine")
        })
        .collect();
    let (mut shown, mut spent, mut out_of_fuel) = (0_u64, 0_u64, 0);
    for seed in 0..MODULES {
        let Some(wasm) = wild_module(seed) else {
            continue;
        };
        let first = pronto_side::run_on(&engines[0], &wasm, FUEL);
        for engine in &engines[1..] {
            assert_eq!(
                pronto_side::run_on(engine, &wasm, FUEL),
                first,
                "seed {seed}"
            );
        }
        assert!(!first.contains(&Event::Exhausted), "seed {seed}");
        shown = hash(format!("{shown} {first:?}").as_bytes());
        for event in &first {
            match event {
                Event::Spent(fuel) => spent += fuel,
                Event::Trapped(_, trap) if trap == "OutOfFuel" => out_of_fuel += 1,
                _ => {}
            }
        }
    }
    assert!(
        out_of_fuel > 100,
        "only {out_of_fuel} calls ran out of fuel"
    );
    assert_eq!((shown, spent), SHOWN);
}
