//! Finds what modules import by name.

use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::sync::Arc;

use super::caller::Caller;
use super::context::{AsContext, AsContextMut, StoreContextMut};
use super::engine::Engine;
use super::errors::ImportError;
use super::extern_::Extern;
use super::func::Func;
use super::future;
use super::host::{self, IntoFunc};
use super::instance::Instance;
use super::instantiate::Definition;
use super::module::{Module, import_type};
use super::pre::InstancePre;
use super::store::StoreId;
use super::types::ExternType;
use super::values::Val;
use super::wasm_ty::{WasmParams, WasmRet};
use crate::error::{Context, Error, Result, try_with_capacity};
use crate::ir::types::FuncType;

/// Names of what modules can import, for stores whose data is a `T`.
///
/// ```no_run
/// use pronto::{Caller, Engine, Linker, Module, Store};
///
/// let engine = Engine::default();
/// let mut linker = Linker::new(&engine);
/// linker.func_wrap("host", "log", |caller: Caller<'_, &str>, value: i32| {
///     println!("{}: {value}", caller.data());
/// })?;
/// let module = Module::from_file(&engine, "guest.wasm")?;
/// let mut store = Store::new(&engine, "guest");
/// let instance = linker.instantiate(&mut store, &module)?;
/// instance.get_typed_func::<(), ()>(&store, "run")?.call(&mut store, ())?;
/// # Ok::<(), pronto::Error>(())
/// ```
pub struct Linker<T: 'static> {
    engine: Engine,
    names: BTreeMap<Arc<str>, u32>,
    items: BTreeMap<(u32, u32), Item<T>>,
    allow_shadowing: bool,
}

/// What a name stands for.
struct Item<T: 'static> {
    definition: Definition,
    /// The only store that a definition which is not a host function works with.
    store: Option<StoreId>,
    data: std::marker::PhantomData<fn(T)>,
}

impl<T: 'static> Item<T> {
    fn new(definition: Definition) -> Self {
        let store = match &definition {
            Definition::Extern(item) => Some(item.store()),
            Definition::Host(_) => None,
        };
        Self {
            definition,
            store,
            data: std::marker::PhantomData,
        }
    }
}

impl<T: 'static> Clone for Item<T> {
    fn clone(&self) -> Self {
        Self::new(self.definition.clone())
    }
}

impl<T: 'static> Clone for Linker<T> {
    fn clone(&self) -> Self {
        Self {
            engine: self.engine.clone(),
            names: self.names.clone(),
            items: self.items.clone(),
            allow_shadowing: self.allow_shadowing,
        }
    }
}

impl<T: 'static> fmt::Debug for Linker<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Linker")
            .field("items", &self.items.len())
            .finish_non_exhaustive()
    }
}

/// How a module begins that is instantiated by name: see [`Linker::module`].
enum ModuleKind {
    /// Has `_start`: each call of an export runs a new instance.
    Command,
    /// Has `_initialize` or neither.
    Reactor,
}

impl<T: 'static> Linker<T> {
    /// A linker without names.
    pub fn new(engine: &Engine) -> Self {
        Self {
            engine: engine.clone(),
            names: BTreeMap::new(),
            items: BTreeMap::new(),
            allow_shadowing: false,
        }
    }

    /// The engine.
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// Whether a name can be defined again. Default: false.
    pub fn allow_shadowing(&mut self, allow: bool) -> &mut Self {
        self.allow_shadowing = allow;
        self
    }

    fn name(&mut self, name: &str) -> u32 {
        if let Some(&id) = self.names.get(name) {
            return id;
        }
        let id = self.names.len() as u32;
        self.names.insert(name.into(), id);
        id
    }

    fn insert(&mut self, module: &str, name: &str, definition: Definition) -> Result<&mut Self> {
        let key = (self.name(module), self.name(name));
        if !self.allow_shadowing && self.items.contains_key(&key) {
            return Err(Error::msg(format!(
                "import of `{module}::{name}` defined twice"
            )));
        }
        self.items.insert(key, Item::new(definition));
        Ok(self)
    }

    fn find(&self, module: &str, name: &str) -> Option<&Item<T>> {
        self.items
            .get(&(*self.names.get(module)?, *self.names.get(name)?))
    }

    /// Defines an item of a store.
    ///
    /// # Errors
    ///
    /// If the name is taken, or the item belongs to another store.
    pub fn define(
        &mut self,
        store: impl AsContext<Data = T>,
        module: &str,
        name: &str,
        item: impl Into<Extern>,
    ) -> Result<&mut Self> {
        let item = item.into();
        store.as_context().core().check(item.store())?;
        self.insert(module, name, Definition::Extern(item))
    }

    /// Defines a host function from a closure, of the type that the closure has, for any store.
    ///
    /// # Errors
    ///
    /// If the name is taken.
    pub fn func_wrap<Params, Results>(
        &mut self,
        module: &str,
        name: &str,
        func: impl IntoFunc<T, Params, Results>,
    ) -> Result<&mut Self> {
        let handle = func.into_host_func(&self.engine);
        self.insert(module, name, Definition::Host(handle))
    }

    /// Defines a host function of a type that is known at run time, for any store; see
    /// [`Func::new`].
    ///
    /// # Errors
    ///
    /// If the name is taken.
    pub fn func_new(
        &mut self,
        module: &str,
        name: &str,
        ty: FuncType,
        func: impl Fn(Caller<'_, T>, &[Val], &mut [Val]) -> Result<()> + Send + Sync + 'static,
    ) -> Result<&mut Self> {
        let handle = host::dynamic(&self.engine, ty, func);
        self.insert(module, name, Definition::Host(handle))
    }

    /// Defines a host function that suspends the guest which calls it, for any store; see
    /// [`Func::suspending`].
    ///
    /// # Errors
    ///
    /// If the name is taken.
    pub fn func_suspending(&mut self, module: &str, name: &str, ty: FuncType) -> Result<&mut Self> {
        let handle = host::suspending(&self.engine, &ty, (module.into(), name.into()));
        self.insert(module, name, Definition::Host(handle))
    }

    /// Defines a host function from a closure that returns a future, for any store; see
    /// [`Func::wrap_async`].
    ///
    /// ```
    /// use pronto::{Caller, Engine, Linker};
    ///
    /// let mut linker: Linker<u32> = Linker::new(&Engine::default());
    /// linker.func_wrap_async("host", "count", |mut caller: Caller<'_, u32>, (by,): (u32,)| {
    ///     Box::new(async move {
    ///         // Waits for whatever it likes here.
    ///         *caller.data_mut() += by;
    ///         *caller.data()
    ///     })
    /// })?;
    /// # Ok::<(), pronto::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// If the name is taken.
    pub fn func_wrap_async<Params, Results>(
        &mut self,
        module: &str,
        name: &str,
        func: impl for<'a> Fn(Caller<'a, T>, Params) -> Box<dyn Future<Output = Results> + Send + 'a>
        + Send
        + Sync
        + 'static,
    ) -> Result<&mut Self>
    where
        T: Send,
        Params: WasmParams,
        Results: WasmRet + 'static,
    {
        let handle = future::wrap_async(&self.engine, func);
        self.insert(module, name, Definition::Host(handle))
    }

    /// Defines an async host function of a type that is known at run time, for any store; see
    /// [`Func::new_async`].
    ///
    /// # Errors
    ///
    /// If the name is taken.
    pub fn func_new_async(
        &mut self,
        module: &str,
        name: &str,
        ty: FuncType,
        func: impl for<'a> Fn(
            Caller<'a, T>,
            &'a [Val],
            &'a mut [Val],
        ) -> Box<dyn Future<Output = Result<()>> + Send + 'a>
        + Send
        + Sync
        + 'static,
    ) -> Result<&mut Self>
    where
        T: Send,
    {
        let handle = future::new_async(&self.engine, ty, func);
        self.insert(module, name, Definition::Host(handle))
    }

    /// Defines everything that an instance exports.
    ///
    /// # Errors
    ///
    /// If a name is taken.
    ///
    /// # Panics
    ///
    /// If the instance belongs to another store.
    pub fn instance(
        &mut self,
        mut store: impl AsContextMut<Data = T>,
        module_name: &str,
        instance: Instance,
    ) -> Result<&mut Self> {
        let store = store.as_context_mut();
        for export in instance.exports(&store) {
            self.insert(
                module_name,
                export.name(),
                Definition::Extern(export.into_extern()),
            )?;
        }
        Ok(self)
    }

    /// Instantiates a module and defines its exports.
    ///
    /// A module that exports `_start` is a command: each call of one of its functions runs in a
    /// new instance, whose `_start` is not called, and only functions are defined. Other modules
    /// are instantiated once, now, and if they export `_initialize` it is called.
    ///
    /// # Errors
    ///
    /// If a name is taken, or the module cannot be instantiated.
    ///
    /// # Panics
    ///
    /// If a host function does that the module calls.
    pub fn module(
        &mut self,
        mut store: impl AsContextMut<Data = T>,
        module_name: &str,
        module: &Module,
    ) -> Result<&mut Self> {
        let mut store = store.as_context_mut();
        match kind(module)? {
            ModuleKind::Command => self.command(&mut store, module_name, module),
            ModuleKind::Reactor => {
                let instance = self.instantiate(&mut store, module)?;
                if let Some(initialize) = instance.get_func(&store, "_initialize") {
                    initialize
                        .typed::<(), ()>(&store)?
                        .call(&mut store, ())
                        .context("calling the Reactor initialization function")?;
                }
                self.instance(store, module_name, instance)
            }
        }
    }

    fn command(
        &mut self,
        store: &mut StoreContextMut<'_, T>,
        module_name: &str,
        module: &Module,
    ) -> Result<&mut Self> {
        let pre = self.resolve(module, Some(store))?;
        for export in module.exports() {
            let ExternType::Func(ty) = export.ty() else {
                continue;
            };
            let (pre, name) = (pre.clone(), export.name().to_owned());
            // A closure that is in the store itself must not keep the items of another.
            let call = move |mut caller: Caller<'_, T>, params: &[Val], results: &mut [Val]| {
                let instance = pre.instantiate(&mut caller)?;
                match instance.get_func(&caller, &name) {
                    Some(func) => func.call(&mut caller, params, results),
                    None => Err(Error::msg("the command's export is gone")),
                }
            };
            self.func_new(module_name, export.name(), ty, call)?;
        }
        Ok(self)
    }

    /// Defines another name for an item.
    ///
    /// # Errors
    ///
    /// If there is no such item, or the new name is taken.
    pub fn alias(
        &mut self,
        module: &str,
        name: &str,
        as_module: &str,
        as_name: &str,
    ) -> Result<&mut Self> {
        let item = self.find(module, name);
        let item = item.with_context(|| format!("no item named `{module}::{name}`"))?;
        let definition = item.definition.clone();
        self.insert(as_module, as_name, definition)
    }

    /// Defines every item of a module under another module name too.
    ///
    /// # Errors
    ///
    /// If a name is taken.
    pub fn alias_module(&mut self, module: &str, as_module: &str) -> Result<()> {
        let Some(&from) = self.names.get(module) else {
            return Ok(());
        };
        let to = self.name(as_module);
        let items: Vec<_> = self
            .items
            .iter()
            .filter(|((module, _), _)| *module == from)
            .map(|((_, name), item)| ((to, *name), item.clone()))
            .collect();
        for (key, item) in items {
            if !self.allow_shadowing && self.items.contains_key(&key) {
                return Err(Error::msg(format!(
                    "an item of `{as_module}` is defined twice"
                )));
            }
            self.items.insert(key, item);
        }
        Ok(())
    }

    /// Defines each function that `module` imports and that has no definition as one that fails
    /// when it is called.
    ///
    /// # Errors
    ///
    /// If an import that is not a function has no definition.
    pub fn define_unknown_imports_as_traps(&mut self, module: &Module) -> Result<()> {
        for import in module.imports() {
            if self.find(import.module(), import.name()).is_some() {
                continue;
            }
            let error = unknown(import.module(), import.name(), import.ty());
            let ExternType::Func(ty) = import.ty() else {
                return Err(Error::new(error));
            };
            self.func_new(import.module(), import.name(), ty, move |_, _, _| {
                Err(Error::new(error.clone()))
            })?;
        }
        Ok(())
    }

    /// The item of a name, in a store.
    ///
    /// # Panics
    ///
    /// If the item belongs to another store, or the linker to another engine.
    pub fn get(
        &self,
        mut store: impl AsContextMut<Data = T>,
        module: &str,
        name: &str,
    ) -> Option<Extern> {
        let mut store = store.as_context_mut();
        Some(match &self.find(module, name)?.definition {
            Definition::Extern(item) => {
                store.core().assert(item.store());
                *item
            }
            Definition::Host(handle) => {
                assert!(
                    Engine::same(store.engine(), &self.engine),
                    "linker used with a store of another engine"
                );
                Func::from_host(store.core_mut(), handle).into()
            }
        })
    }

    /// The definitions that a module imports.
    fn resolve(
        &self,
        module: &Module,
        store: Option<&StoreContextMut<'_, T>>,
    ) -> Result<InstancePre<T>> {
        if !Engine::same(&self.engine, module.engine()) {
            return Err(Error::msg(
                "the module and the linker are of different engines",
            ));
        }
        let info = module.info();
        let mut definitions = try_with_capacity(info.imports.len(), "imports")?;
        for import in &info.imports {
            let Some(item) = self.find(&import.module, &import.name) else {
                let ty = import_type(info, &import.ty);
                return Err(Error::new(unknown(&import.module, &import.name, ty)));
            };
            if let (Some(id), Some(store)) = (item.store, store) {
                store.core().check(id)?;
            }
            definitions.push(item.definition.clone());
        }
        Ok(InstancePre::new(module.clone(), definitions))
    }

    /// Finds what a module imports once, to instantiate it many times.
    ///
    /// # Errors
    ///
    /// An [`ImportError`] if a name is not defined, or a host function has another type; or if the
    /// module is of another engine.
    pub fn instantiate_pre(&self, module: &Module) -> Result<InstancePre<T>> {
        let pre = self.resolve(module, None)?;
        pre.check_host_functions()?;
        Ok(pre)
    }

    /// Instantiates a module, and runs its start function.
    ///
    /// # Errors
    ///
    /// An [`ImportError`] if a name is not defined or does not match; what else
    /// [`Instance::new`] says.
    ///
    /// # Panics
    ///
    /// If a host function does that the start function calls.
    pub fn instantiate(
        &self,
        mut store: impl AsContextMut<Data = T>,
        module: &Module,
    ) -> Result<Instance> {
        let mut store = store.as_context_mut();
        self.resolve(module, Some(&store))?.instantiate(&mut store)
    }

    /// As [`Linker::instantiate`], and the start function can wait for async host functions; see
    /// [`Func::call_async`].
    ///
    /// # Errors
    ///
    /// Those of [`Linker::instantiate`].
    ///
    /// # Panics
    ///
    /// If a host function does that the start function calls.
    pub async fn instantiate_async(
        &self,
        mut store: impl AsContextMut<Data = T>,
        module: &Module,
    ) -> Result<Instance>
    where
        T: Send,
    {
        let mut store = store.as_context_mut();
        let pre = self.resolve(module, Some(&store))?;
        pre.instantiate_async(&mut store).await
    }

    /// The same as [`Linker::instantiate`].
    ///
    /// # Errors
    ///
    /// Those of [`Linker::instantiate`].
    #[doc(hidden)]
    pub fn instantiate_and_start(
        &self,
        store: impl AsContextMut<Data = T>,
        module: &Module,
    ) -> Result<Instance> {
        self.instantiate(store, module)
    }
}

fn unknown(module: &str, name: &str, expected: ExternType) -> ImportError {
    ImportError::Unknown {
        module: module.into(),
        name: name.into(),
        expected,
    }
}

fn kind(module: &Module) -> Result<ModuleKind> {
    let empty = FuncType::new([], []);
    for (name, kind) in [
        ("_start", ModuleKind::Command),
        ("_initialize", ModuleKind::Reactor),
    ] {
        match module.get_export(name) {
            None => {}
            Some(ExternType::Func(ty)) if ty == empty => return Ok(kind),
            Some(_) => {
                return Err(Error::msg(format!(
                    "`{name}` must be a function without parameters and results"
                )));
            }
        }
    }
    Ok(ModuleKind::Reactor)
}
