//! Wasmi: translating everything at once, and (for start-up and programs) each function at its first call.

use crate::peer::{Bench, Calls, Compiled, Peer, Prepared, Running};
use crate::wasi;
use anyhow::Result;
use wasmi::{
    Caller, CompilationMode, Config, Engine, Extern, ExternType, Func, Instance, Linker, Module,
    Store, TypedFunc, Val,
};

pub fn all() -> Vec<Box<dyn Peer>> {
    vec![
        Box::new(Wasmi::new(
            "wasmi",
            CompilationMode::Eager,
            &[
                Bench::Compile,
                Bench::Run,
                Bench::Call,
                Bench::Startup,
                Bench::Program,
            ],
        )),
        Box::new(Wasmi::new(
            "wasmi lazy",
            CompilationMode::Lazy,
            &[Bench::Startup, Bench::Program],
        )),
    ]
}

struct Wasmi {
    name: &'static str,
    benches: &'static [Bench],
    engine: Engine,
}

impl Wasmi {
    fn new(name: &'static str, mode: CompilationMode, benches: &'static [Bench]) -> Self {
        let mut config = Config::default();
        config.compilation_mode(mode);
        Self {
            name,
            benches,
            engine: Engine::new(&config),
        }
    }
}

impl Peer for Wasmi {
    fn name(&self) -> &'static str {
        self.name
    }

    fn benches(&self) -> &'static [Bench] {
        self.benches
    }

    fn compile(&self, wasm: &[u8]) -> Result<Box<dyn Compiled>> {
        Ok(Box::new(Module::new(&self.engine, wasm)?))
    }

    fn calls(&self, wasm: &[u8], other: &[u8]) -> Result<Box<dyn Calls>> {
        let mut store = Store::new(&self.engine, None);
        let mut linker = Linker::new(&self.engine);
        linker.func_wrap("host", "nop", |x: i32| x)?;
        linker.func_wrap(
            "host",
            "reenter",
            |mut caller: Caller<'_, State>, count: i32| -> Result<i32, wasmi::Error> {
                let nop = caller.data().expect("set before the first call");
                for i in 0..count {
                    nop.call(&mut caller, i)?;
                }
                Ok(count)
            },
        )?;
        let other = linker.instantiate_and_start(&mut store, &Module::new(&self.engine, other)?)?;
        linker.instance(&mut store, "other", other)?;
        let instance =
            linker.instantiate_and_start(&mut store, &Module::new(&self.engine, wasm)?)?;
        let nop = instance.get_typed_func(&store, "nop")?;
        *store.data_mut() = Some(nop);
        Ok(Box::new(Guest {
            store,
            instance,
            nop,
        }))
    }

    fn program(&self, wasm: &[u8], given: wasi::State) -> Result<wasi::State> {
        let module = Module::new(&self.engine, wasm)?;
        let mut linker = Linker::<wasi::State>::new(&self.engine);
        for import in module.imports() {
            let ExternType::Func(ty) = import.ty() else {
                continue;
            };
            let function = wasi::function(import.name());
            linker.func_new(
                import.module(),
                import.name(),
                ty.clone(),
                move |mut caller, params, results| {
                    let memory = caller.get_export("memory").and_then(Extern::into_memory);
                    let memory = memory.expect("a program has a memory");
                    let (bytes, state) = memory.data_and_store_mut(&mut caller);
                    let mut args = [0; 9];
                    for (arg, param) in args.iter_mut().zip(params) {
                        *arg = match param {
                            Val::I64(long) => *long as u64,
                            word => u64::from(word.i32().expect("no float") as u32),
                        };
                    }
                    let errno = function(state, bytes, &args);
                    if state.status.is_some() {
                        return Err(wasmi::Error::new("exit"));
                    }
                    if let [result] = results {
                        *result = Val::I32(errno as i32);
                    }
                    Ok(())
                },
            )?;
        }
        let mut store = Store::new(&self.engine, given);
        let instance = linker.instantiate_and_start(&mut store, &module)?;
        let start = instance.get_typed_func::<(), ()>(&mut store, "_start")?;
        let result = start.call(&mut store, ());
        wasi::ended(result.map_err(Into::into), store.into_data())
    }
}

impl Compiled for Module {
    fn code_bytes(&self) -> Option<usize> {
        None
    }

    fn prepare(self: Box<Self>) -> Result<Box<dyn Prepared>> {
        let mut linker = Linker::<()>::new(self.engine());
        // Some modules import one name several times.
        linker.allow_shadowing(true);
        for import in self.imports() {
            if let ExternType::Func(ty) = import.ty() {
                let missing = |_: Caller<'_, ()>, _: &[wasmi::Val], _: &mut [wasmi::Val]| {
                    Err(wasmi::Error::new("not provided"))
                };
                linker.func_new(import.module(), import.name(), ty.clone(), missing)?;
            }
        }
        Ok(Box::new(Linked {
            module: *self,
            linker,
        }))
    }
}

/// Wasmi has nothing that resolves imports ahead of time.
struct Linked {
    module: Module,
    linker: Linker<()>,
}

impl Prepared for Linked {
    fn instantiate(&self) -> Result<Box<dyn Running>> {
        let mut store = Store::new(self.module.engine(), ());
        let instance = self
            .linker
            .instantiate_and_start(&mut store, &self.module)?;
        Ok(Box::new((store, instance)))
    }
}

impl Running for (Store<()>, Instance) {
    fn run(&mut self, scale: i32) -> Result<i64> {
        let run = self.1.get_typed_func::<i32, i64>(&self.0, "run")?;
        Ok(run.call(&mut self.0, scale)?)
    }
}

/// The export that `reenter` calls.
type State = Option<TypedFunc<i32, i32>>;

struct Guest {
    store: Store<State>,
    instance: Instance,
    nop: TypedFunc<i32, i32>,
}

impl Calls for Guest {
    fn enter(&mut self, count: i32) -> Result<()> {
        for i in 0..count {
            self.nop.call(&mut self.store, i)?;
        }
        Ok(())
    }

    fn guest(&mut self, name: &str, count: i32) -> Result<i32> {
        let function: Func = self
            .instance
            .get_func(&self.store, name)
            .expect("an export of the module");
        Ok(function
            .typed::<i32, i32>(&self.store)?
            .call(&mut self.store, count)?)
    }
}
