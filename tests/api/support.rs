//! What the tests share.

use pronto::{Config, Engine, Instance, Linker, Module, Store};

/// Engines with each memory mode, without and with poison.
pub(crate) fn engines() -> impl Iterator<Item = Engine> {
    [false, true].into_iter().flat_map(|guard| {
        [false, true].map(|poison| {
            let mut config = Config::new();
            config.signals_based_traps(guard).debug_poison(poison);
            Engine::new(&config).unwrap()
        })
    })
}

/// Runs `test` with each of [`engines`].
pub(crate) fn each(test: impl Fn(&Engine)) {
    for engine in engines() {
        test(&engine);
    }
}

/// A store of `()` with an instance of a module in the text format.
pub(crate) fn instantiate(engine: &Engine, wat: &str) -> (Store<()>, Instance) {
    let mut store = Store::new(engine, ());
    let linker = Linker::new(engine);
    let instance = linker
        .instantiate(&mut store, &module(engine, wat))
        .unwrap();
    (store, instance)
}

/// A module in the text format.
pub(crate) fn module(engine: &Engine, wat: &str) -> Module {
    Module::new(engine, wat::parse_str(wat).unwrap()).unwrap()
}

/// An empty store of `()`.
pub(crate) fn store(engine: &Engine) -> Store<()> {
    Store::new(engine, ())
}
