//! Pronto, with each of its two ways to keep the guest within its memory.

use crate::peer::{Bench, Calls, Compiled, Peer, Prepared, Running};
use crate::wasi;
use anyhow::Result;
use pronto::{
    Caller, Config, Engine, Extern, Instance, InstancePre, Linker, Module, Store, TypedFunc, Val,
};

pub fn all() -> Result<Vec<Box<dyn Peer>>> {
    Ok(vec![
        Box::new(Pronto::new("Pronto", true, None)?),
        Box::new(Pronto::new("Pronto fuel", true, Some(Control::Fuel))?),
        Box::new(Pronto::new("Pronto epochs", true, Some(Control::Epochs))?),
        Box::new(Pronto::new("Pronto checks", false, None)?),
        Box::new(Pronto::new(
            "Pronto checks fuel",
            false,
            Some(Control::Fuel),
        )?),
        Box::new(Pronto::new(
            "Pronto checks epochs",
            false,
            Some(Control::Epochs),
        )?),
    ])
}

/// How the host stops the guest.
enum Control {
    Fuel,
    Epochs,
}

struct Pronto {
    name: &'static str,
    base: Option<&'static str>,
    engine: Engine,
}

impl Pronto {
    fn new(name: &'static str, guard: bool, control: Option<Control>) -> Result<Self> {
        let mut config = Config::new();
        config
            .parallel_compilation(false)
            .signals_based_traps(guard)
            .consume_fuel(matches!(control, Some(Control::Fuel)))
            .epoch_interruption(matches!(control, Some(Control::Epochs)));
        let base = if guard { "Pronto" } else { "Pronto checks" };
        Ok(Self {
            name,
            base: control.map(|_| base),
            engine: Engine::new(&config)?,
        })
    }
}

impl Peer for Pronto {
    fn name(&self) -> &'static str {
        self.name
    }

    fn benches(&self) -> &'static [Bench] {
        match self.base {
            Some(_) => &[Bench::Control],
            None => &[
                Bench::Compile,
                Bench::Run,
                Bench::Call,
                Bench::Startup,
                Bench::Control,
                Bench::Program,
            ],
        }
    }

    fn base(&self) -> Option<&'static str> {
        self.base
    }

    fn compile(&self, wasm: &[u8]) -> Result<Box<dyn Compiled>> {
        Ok(Box::new(Module::from_binary(&self.engine, wasm)?))
    }

    fn calls(&self, wasm: &[u8], other: &[u8]) -> Result<Box<dyn Calls>> {
        let mut store = Store::new(&self.engine, None);
        let mut linker = Linker::new(&self.engine);
        linker.func_wrap("host", "nop", |x: i32| x)?;
        linker.func_wrap(
            "host",
            "reenter",
            |mut caller: Caller<'_, State>, count: i32| -> pronto::Result<i32> {
                let nop = caller.data().expect("set before the first call");
                for i in 0..count {
                    nop.call(&mut caller, i)?;
                }
                Ok(count)
            },
        )?;
        let other = linker.instantiate(&mut store, &Module::from_binary(&self.engine, other)?)?;
        linker.instance(&mut store, "other", other)?;
        let instance = linker.instantiate(&mut store, &Module::from_binary(&self.engine, wasm)?)?;
        let nop = instance.get_typed_func(&store, "nop")?;
        *store.data_mut() = Some(nop);
        Ok(Box::new(Guest {
            store,
            instance,
            nop,
        }))
    }

    fn program(&self, wasm: &[u8], given: wasi::State) -> Result<wasi::State> {
        let module = Module::from_binary(&self.engine, wasm)?;
        let mut linker = Linker::<wasi::State>::new(&self.engine);
        for import in module.imports() {
            let ty = import.ty();
            let Some(ty) = ty.func() else {
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
                            word => u64::from(word.unwrap_i32() as u32),
                        };
                    }
                    let errno = function(state, bytes, &args);
                    if state.status.is_some() {
                        return Err(pronto::Error::msg("exit"));
                    }
                    if let [result] = results {
                        *result = Val::I32(errno as i32);
                    }
                    Ok(())
                },
            )?;
        }
        let mut store = Store::new(&self.engine, given);
        let instance = linker.instantiate(&mut store, &module)?;
        let start = instance.get_typed_func::<(), ()>(&mut store, "_start")?;
        let result = start.call(&mut store, ());
        wasi::ended(result.map_err(Into::into), store.into_data())
    }
}

impl Compiled for Module {
    fn code_bytes(&self) -> Option<usize> {
        Some(self.text().len())
    }

    fn prepare(self: Box<Self>) -> Result<Box<dyn Prepared>> {
        let mut linker = Linker::new(self.engine());
        linker.define_unknown_imports_as_traps(&self)?;
        Ok(Box::new(linker.instantiate_pre(&self)?))
    }
}

impl Prepared for InstancePre<()> {
    fn instantiate(&self) -> Result<Box<dyn Running>> {
        let mut store = Store::new(self.module().engine(), ());
        // Most engines have no fuel.
        let _ = store.set_fuel(u64::MAX);
        let instance = InstancePre::instantiate(self, &mut store)?;
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
        let function = self
            .instance
            .get_typed_func::<i32, i32>(&self.store, name)?;
        Ok(function.call(&mut self.store, count)?)
    }
}
