//! A module as Pronto runs it. Mirrors `wasmi_side`.

use pronto::{
    Config, Engine, Error, Extern, ExternType, FuncType, Global, Instance, Memory, Module, Ref,
    Store, Table, Trap, Val, ValType,
};

use super::{Event, Value, bits, hash};

/// The mode depends on the seed, so that all are used.
pub(crate) fn run(wasm: &[u8], seed: u64) -> Vec<Event> {
    let mut config = Config::new();
    config
        .signals_based_traps(seed.is_multiple_of(2))
        .debug_poison(seed % 4 < 2)
        .epoch_interruption(seed % 8 < 4);
    let engine = Engine::new(&config).expect("an engine");
    run_on(&engine, wasm, 0)
}

/// With so much fuel for each call, if the engine's guests pay.
pub(crate) fn run_on(engine: &Engine, wasm: &[u8], fuel: u64) -> Vec<Event> {
    let module = Module::new(engine, wasm).expect("a valid module");
    let mut store = Store::new(engine, Vec::new());
    let _ = store.set_fuel(fuel);
    // Names may repeat, so the items are told apart by their position among those of a kind.
    let mut imports = Vec::new();
    let mut counts = [0; 4];
    for import in module.imports() {
        let ty = import.ty();
        let kind = match ty {
            ExternType::Func(_) => 0,
            ExternType::Global(_) => 1,
            ExternType::Memory(_) => 2,
            ExternType::Table(_) => 3,
        };
        counts[kind] += 1;
        match provide(&mut store, ty, &format!("import {kind} {}", counts[kind])) {
            Some(item) => imports.push(item),
            None => return vec![Event::Refused],
        }
    }
    match Instance::new(&mut store, &module, &imports) {
        Ok(instance) => {
            store
                .data_mut()
                .push(Event::Returned(String::new(), Vec::new()));
            spent(&mut store, fuel);
            exports(&mut store, &module, instance, fuel);
        }
        Err(error) => {
            let event = failure("", &error);
            store.data_mut().push(event);
        }
    }
    store.into_data()
}

fn provide(store: &mut Store<Vec<Event>>, ty: ExternType, key: &str) -> Option<Extern> {
    Some(match ty {
        ExternType::Func(ty) => host_func(store, ty, key).into(),
        ExternType::Global(ty) => {
            let value = from_bits(ty.content(), bits(key, 0));
            Global::new(store, ty, value).ok()?.into()
        }
        ExternType::Memory(ty) => Memory::new(store, ty).ok()?.into(),
        ExternType::Table(ty) => {
            let init = match ty.element() {
                ValType::FuncRef => Ref::Func(None),
                _ => Ref::Extern(None),
            };
            Table::new(store, ty, init).ok()?.into()
        }
    })
}

fn host_func(store: &mut Store<Vec<Event>>, ty: FuncType, key: &str) -> pronto::Func {
    let name = key.to_string();
    let types = ty.results().to_vec();
    pronto::Func::new(&mut *store, ty, move |mut caller, args, results| {
        let args = args.iter().map(value).collect();
        for (n, (result, ty)) in results.iter_mut().zip(&types).enumerate() {
            *result = from_bits(*ty, bits(&name, n));
        }
        caller.data_mut().push(Event::HostCall(name.clone(), args));
        Ok(())
    })
}

/// Notes what a guest that pays has spent of its fuel, and fills it up.
fn spent(store: &mut Store<Vec<Event>>, fuel: u64) {
    if let Ok(left) = store.get_fuel() {
        store.data_mut().push(Event::Spent(fuel - left));
        store.set_fuel(fuel).expect("a guest that pays");
    }
}

/// Calls every function three times, then looks at everything.
fn exports(store: &mut Store<Vec<Event>>, module: &Module, instance: Instance, fuel: u64) {
    let mut names: Vec<String> = module
        .exports()
        .map(|export| export.name().to_string())
        .collect();
    names.sort();
    for round in 0..3 {
        for name in &names {
            let Some(Extern::Func(func)) = instance.get_export(&mut *store, name) else {
                continue;
            };
            let ty = func.ty(&*store);
            let args: Vec<Val> = ty
                .params()
                .iter()
                .enumerate()
                .map(|(n, ty)| from_bits(*ty, bits(name, n + 100 * round)))
                .collect();
            let mut results = vec![Val::I32(0); ty.results().len()];
            let event = match func.call(&mut *store, &args, &mut results) {
                Ok(()) => Event::Returned(name.clone(), results.iter().map(value).collect()),
                Err(error) => failure(name, &error),
            };
            store.data_mut().push(event);
            spent(store, fuel);
        }
    }
    for name in names {
        let event = match instance.get_export(&mut *store, &name) {
            Some(Extern::Global(global)) => Event::Global(name, value(&global.get(&*store))),
            Some(Extern::Memory(memory)) => {
                let hash = hash(memory.data(&*store));
                Event::Memory(name, memory.size(&*store), hash)
            }
            Some(Extern::Table(table)) => {
                let nulls = (0..table.size(&*store)).map(|n| {
                    let element = table.get(&*store, n);
                    matches!(element, Some(Ref::Func(None) | Ref::Extern(None)))
                });
                Event::Table(name, nulls.collect())
            }
            _ => continue,
        };
        store.data_mut().push(event);
    }
}

fn failure(name: &str, error: &Error) -> Event {
    match error.trap() {
        Some(Trap::StackOverflow) => Event::Exhausted,
        Some(trap) => Event::Trapped(name.to_string(), format!("{trap:?}")),
        None => Event::Refused,
    }
}

fn from_bits(ty: ValType, bits: u64) -> Val {
    match ty {
        ValType::I32 => Val::I32(bits as i32),
        ValType::I64 => Val::I64(bits as i64),
        ValType::F32 => Val::F32(bits as u32),
        ValType::F64 => Val::F64(bits),
        ValType::FuncRef => Val::FuncRef(None),
        _ => Val::ExternRef(None),
    }
}

fn value(value: &Val) -> Value {
    match value {
        Val::I32(value) => Value::I32(*value as u32),
        Val::I64(value) => Value::I64(*value as u64),
        Val::F32(bits) => Value::F32(*bits),
        Val::F64(bits) => Value::F64(*bits),
        Val::FuncRef(value) => Value::Ref(value.is_none()),
        Val::ExternRef(value) => Value::Ref(value.is_none()),
        other => panic!("no vectors here: {other:?}"),
    }
}
