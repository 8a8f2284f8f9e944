//! Running modules in every configuration.

use pronto::{Config, Engine, Error, Instance, Linker, Module, Store, Trap, Val};

use crate::reference::{Outcome, Ty};

/// A way to compile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mode {
    pub(crate) guard: bool,
    pub(crate) poison: bool,
}

/// All ways to compile.
pub(crate) const MODES: [Mode; 4] = [
    Mode::new(false, false),
    Mode::new(true, false),
    Mode::new(false, true),
    Mode::new(true, true),
];

impl Mode {
    const fn new(guard: bool, poison: bool) -> Self {
        Self { guard, poison }
    }

    pub(crate) fn config(self) -> Config {
        let mut config = Config::new();
        config
            .signals_based_traps(self.guard)
            .debug_poison(self.poison);
        config
    }

    pub(crate) fn engine(self) -> Engine {
        Engine::new(&self.config()).expect("an engine")
    }
}

/// An instance in a store of its own.
pub(crate) struct Guest {
    pub(crate) store: Store<()>,
    pub(crate) instance: Instance,
}

impl Guest {
    /// Instantiates a module that imports nothing.
    pub(crate) fn new(mode: Mode, wasm: &[u8]) -> Self {
        Self::link(mode, wasm, |_| {})
    }

    /// Instantiates a module in text form that imports nothing.
    pub(crate) fn wat(mode: Mode, text: &str) -> Self {
        Self::new(mode, &wat(text))
    }

    /// Instantiates a module with the imports that `define` adds.
    pub(crate) fn link(mode: Mode, wasm: &[u8], define: impl FnOnce(&mut Linker<()>)) -> Self {
        let engine = mode.engine();
        let module = Module::new(&engine, wasm).expect("a valid module");
        let mut store = Store::new(&engine, ());
        let mut linker = Linker::new(&engine);
        define(&mut linker);
        let instance = linker
            .instantiate(&mut store, &module)
            .expect("an instance");
        Self { store, instance }
    }

    /// Calls an export.
    pub(crate) fn call(&mut self, name: &str, args: &[Val]) -> Result<Vec<Val>, Error> {
        let func = self
            .instance
            .get_func(&mut self.store, name)
            .unwrap_or_else(|| panic!("no function {name}"));
        let count = func.ty(&self.store).results().len();
        let mut results = vec![Val::I32(0); count];
        func.call(&mut self.store, args, &mut results)?;
        Ok(results)
    }

    /// Calls an export with one result; the result's bits, or the trap.
    pub(crate) fn bits(&mut self, name: &str, args: &[Val]) -> Outcome {
        match self.call(name, args) {
            Ok(results) => Ok(results.first().map_or(0, bits)),
            Err(error) => Err(trap(&error)),
        }
    }
}

/// Bytes of a module in text form.
pub(crate) fn wat(text: &str) -> Vec<u8> {
    wat::parse_str(text).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

/// The trap that an error is.
pub(crate) fn trap(error: &Error) -> Trap {
    error
        .trap()
        .unwrap_or_else(|| panic!("not a trap: {error:?}"))
}

/// A number's bits.
pub(crate) fn bits(value: &Val) -> u64 {
    match value {
        Val::I32(value) => u64::from(*value as u32),
        Val::I64(value) => *value as u64,
        Val::F32(value) => u64::from(*value),
        Val::F64(value) => *value,
        other => panic!("not a number: {other:?}"),
    }
}

/// A number from its bits.
pub(crate) fn val(ty: Ty, bits: u64) -> Val {
    match ty {
        Ty::I32 => Val::I32(bits as i32),
        Ty::I64 => Val::I64(bits as i64),
        Ty::F32 => Val::F32(bits as u32),
        Ty::F64 => Val::F64(bits),
    }
}
