//! Wasmer with its single-pass compiler.

use crate::peer::{Calls, Compiled, Peer, Prepared, Running};
use crate::wasi;
use anyhow::Result;
use std::num::NonZero;
use wasmer::sys::EngineBuilder;
use wasmer::{
    Engine, ExternType, Function, FunctionEnv, FunctionEnvMut, Imports, Instance, Memory, Module,
    RuntimeError, Store, TypedFunction, Value,
};
use wasmer_compiler_singlepass::Singlepass;

pub fn all() -> Vec<Box<dyn Peer>> {
    vec![Box::new(Wasmer { engine: engine() })]
}

fn engine() -> Engine {
    let mut compiler = Singlepass::new();
    compiler.num_threads(NonZero::<usize>::MIN);
    EngineBuilder::new(compiler).engine().into()
}

struct Wasmer {
    engine: Engine,
}

impl Peer for Wasmer {
    fn name(&self) -> &'static str {
        "Wasmer 1pass"
    }

    fn limit(&self) -> usize {
        20_000_000
    }

    fn compile(&self, wasm: &[u8]) -> Result<Box<dyn Compiled>> {
        Ok(Box::new(Code {
            engine: self.engine.clone(),
            module: Module::from_binary(&self.engine, wasm)?,
        }))
    }

    fn calls(&self, wasm: &[u8], other: &[u8]) -> Result<Box<dyn Calls>> {
        let mut store = Store::new(self.engine.clone());
        let env = FunctionEnv::new(&mut store, State(None));
        let mut imports = Imports::new();
        imports.define("host", "nop", Function::new_typed(&mut store, |x: i32| x));
        let reenter =
            |mut env: FunctionEnvMut<'_, State>, count: i32| -> Result<i32, RuntimeError> {
                let nop = env.data().0.clone().expect("set before the first call");
                for i in 0..count {
                    nop.call(&mut env, i)?;
                }
                Ok(count)
            };
        imports.define(
            "host",
            "reenter",
            Function::new_typed_with_env(&mut store, &env, reenter),
        );
        let other = Instance::new(
            &mut store,
            &Module::from_binary(&self.engine, other)?,
            &imports,
        )?;
        imports.define("other", "id", other.exports.get_function("id")?.clone());
        let instance = Instance::new(
            &mut store,
            &Module::from_binary(&self.engine, wasm)?,
            &imports,
        )?;
        let nop: TypedFunction<i32, i32> = instance.exports.get_typed_function(&store, "nop")?;
        env.as_mut(&mut store).0 = Some(nop.clone());
        Ok(Box::new(Guest {
            store,
            instance,
            nop,
        }))
    }

    fn program(&self, wasm: &[u8], given: wasi::State) -> Result<wasi::State> {
        let module = Module::from_binary(&self.engine, wasm)?;
        let mut store = Store::new(self.engine.clone());
        let memory = None;
        let env = FunctionEnv::new(&mut store, Program { given, memory });
        let mut imports = Imports::new();
        for import in module.imports() {
            let ExternType::Function(ty) = import.ty() else {
                continue;
            };
            let (function, results) = (wasi::function(import.name()), ty.results().len());
            let host = Function::new_with_env(&mut store, &env, ty.clone(), move |env, params| {
                serve(env, function, params, results)
            });
            imports.define(import.module(), import.name(), host);
        }
        let instance = Instance::new(&mut store, &module, &imports)?;
        let memory = instance.exports.get_memory("memory")?.clone();
        env.as_mut(&mut store).memory = Some(memory);
        let start: TypedFunction<(), ()> = instance.exports.get_typed_function(&store, "_start")?;
        let result = start.call(&mut store);
        let left = wasi::State::new(&[], &[]);
        let given = std::mem::replace(&mut env.as_mut(&mut store).given, left);
        wasi::ended(result.map_err(Into::into), given)
    }
}

/// What the functions of a program share.
struct Program {
    given: wasi::State,
    memory: Option<Memory>,
}

/// Serves a call of a program.
fn serve(
    mut env: FunctionEnvMut<'_, Program>,
    function: wasi::Function,
    params: &[Value],
    results: usize,
) -> Result<Vec<Value>, RuntimeError> {
    let (program, store) = env.data_and_store_mut();
    let memory = program.memory.clone().expect("set before the start");
    let view = memory.view(&store);
    // SAFETY: the guest waits, and nothing else has the memory.
    let bytes = unsafe { view.data_unchecked_mut() };
    let mut args = [0; 9];
    for (arg, param) in args.iter_mut().zip(params) {
        *arg = match param {
            Value::I64(long) => *long as u64,
            word => u64::from(word.unwrap_i32() as u32),
        };
    }
    let errno = function(&mut program.given, bytes, &args);
    match program.given.status {
        Some(_) => Err(RuntimeError::new("exit")),
        None => Ok(vec![Value::I32(errno as i32); results]),
    }
}

struct Code {
    engine: Engine,
    module: Module,
}

impl Compiled for Code {
    fn code_bytes(&self) -> Option<usize> {
        let extents = self.module.sys_artifact()?.finished_function_extents()?;
        Some(extents.iter().map(|(_, extent)| extent.length).sum())
    }

    fn prepare(self: Box<Self>) -> Result<Box<dyn Prepared>> {
        Ok(self)
    }
}

impl Prepared for Code {
    /// Wasmer's functions belong to a store: each instance needs its imports anew.
    fn instantiate(&self) -> Result<Box<dyn Running>> {
        let mut store = Store::new(self.engine.clone());
        let mut imports = Imports::new();
        for import in self.module.imports() {
            if let ExternType::Function(ty) = import.ty() {
                let missing = Function::new(&mut store, ty.clone(), |_| {
                    Err(RuntimeError::new("not provided"))
                });
                imports.define(import.module(), import.name(), missing);
            }
        }
        let instance = Instance::new(&mut store, &self.module, &imports)?;
        Ok(Box::new((store, instance)))
    }
}

impl Running for (Store, Instance) {
    fn run(&mut self, scale: i32) -> Result<i64> {
        let run: TypedFunction<i32, i64> = self.1.exports.get_typed_function(&self.0, "run")?;
        Ok(run.call(&mut self.0, scale)?)
    }
}

/// The export that `reenter` calls.
struct State(Option<TypedFunction<i32, i32>>);

struct Guest {
    store: Store,
    instance: Instance,
    nop: TypedFunction<i32, i32>,
}

impl Calls for Guest {
    fn enter(&mut self, count: i32) -> Result<()> {
        for i in 0..count {
            self.nop.call(&mut self.store, i)?;
        }
        Ok(())
    }

    fn guest(&mut self, name: &str, count: i32) -> Result<i32> {
        let function: TypedFunction<i32, i32> = self
            .instance
            .exports
            .get_typed_function(&self.store, name)?;
        Ok(function.call(&mut self.store, count)?)
    }
}
