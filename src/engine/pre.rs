//! A module with its imports found.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use super::context::{AsContextMut, StoreContextMut};
use super::engine::Engine;
use super::errors::ImportError;
use super::host;
use super::instance::Instance;
use super::instantiate::{self, Definition};
use super::module::{Module, import_type};
use super::types::ExternType;
use crate::error::{Error, Result};
use crate::ir::module::ImportType;

/// A module with its imports found, to be instantiated many times: from
/// [`Linker::instantiate_pre`](crate::Linker::instantiate_pre).
pub struct InstancePre<T: 'static> {
    module: Module,
    definitions: Arc<Vec<Definition>>,
    data: PhantomData<fn(T)>,
}

impl<T: 'static> Clone for InstancePre<T> {
    fn clone(&self) -> Self {
        Self {
            module: self.module.clone(),
            definitions: self.definitions.clone(),
            data: PhantomData,
        }
    }
}

impl<T: 'static> fmt::Debug for InstancePre<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InstancePre")
            .field("module", &self.module)
            .finish_non_exhaustive()
    }
}

impl<T: 'static> InstancePre<T> {
    /// As many definitions as the module has imports.
    pub(crate) fn new(module: Module, definitions: Vec<Definition>) -> Self {
        Self {
            module,
            definitions: Arc::new(definitions),
            data: PhantomData,
        }
    }

    /// Compares the types of host functions, which need no store.
    ///
    /// # Errors
    ///
    /// An [`ImportError`].
    pub(crate) fn check_host_functions(&self) -> Result<()> {
        let module = self.module.inner();
        for (import, definition) in module.info.imports.iter().zip(&*self.definitions) {
            let Definition::Host(handle) = definition else {
                continue;
            };
            let found = host::sig(handle);
            if !matches!(import.ty, ImportType::Func(ty) if module.sigs[ty.index()] == found) {
                return Err(Error::new(ImportError::Incompatible {
                    module: (*import.module).into(),
                    name: (*import.name).into(),
                    expected: import_type(&module.info, &import.ty),
                    found: ExternType::Func((*module.engine.sig_type(found)).clone()),
                }));
            }
        }
        Ok(())
    }

    /// The module.
    pub fn module(&self) -> &Module {
        &self.module
    }

    /// Instantiates the module, and runs its start function.
    ///
    /// # Errors
    ///
    /// An [`ImportError`] if an import does not match; what else [`Instance::new`] says.
    ///
    /// # Panics
    ///
    /// If a host function does that the start function calls.
    pub fn instantiate(&self, mut store: impl AsContextMut<Data = T>) -> Result<Instance> {
        let mut store = store.as_context_mut();
        self.check(&store)?;
        instantiate::instantiate(&mut store, &self.module, &self.definitions)
    }

    /// As [`InstancePre::instantiate`], and the start function can wait for async host functions;
    /// see [`Func::call_async`](crate::Func::call_async).
    ///
    /// # Errors
    ///
    /// Those of [`InstancePre::instantiate`].
    ///
    /// # Panics
    ///
    /// If a host function does that the start function calls.
    pub async fn instantiate_async(
        &self,
        mut store: impl AsContextMut<Data = T>,
    ) -> Result<Instance>
    where
        T: Send,
    {
        let store = store.as_context_mut();
        self.check(&store)?;
        instantiate::instantiate_async(store, &self.module, &self.definitions).await
    }

    fn check(&self, store: &StoreContextMut<'_, T>) -> Result<()> {
        if !Engine::same(store.engine(), self.module.engine()) {
            return Err(Error::msg("cross-`Engine` instantiation is not supported"));
        }
        for definition in &*self.definitions {
            if let Definition::Extern(item) = definition {
                store.core().check(item.store())?;
            }
        }
        Ok(())
    }
}
