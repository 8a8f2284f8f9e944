//! Functions whose type is checked once.
#![allow(
    unsafe_code,
    reason = "arguments and results travel in the call engine"
)]

use std::fmt;
use std::marker::PhantomData;

use super::context::AsContextMut;
use super::direct;
use super::execution::Execution;
use super::func::Func;
use super::future::Task;
use super::run;
use super::store::wrong_store;
use super::wasm_ty::{WasmParams, WasmResults, is_direct};
use crate::asm::abi::DIRECT_ARGS;
use crate::error::Result;

/// A [`Func`] whose parameters and results are known to be `Params` and `Results`: from
/// [`Func::typed`] or [`Instance::get_typed_func`](crate::Instance::get_typed_func).
///
/// # Invariants
///
/// The function has this type.
pub struct TypedFunc<Params, Results> {
    func: Func,
    ty: PhantomData<fn(Params) -> Results>,
}

impl<Params, Results> Clone for TypedFunc<Params, Results> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<Params, Results> Copy for TypedFunc<Params, Results> {}

impl<Params, Results> fmt::Debug for TypedFunc<Params, Results> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TypedFunc").field(&self.func).finish()
    }
}

impl<Params, Results> TypedFunc<Params, Results> {
    /// The type of `func` was compared with these.
    pub(crate) fn new(func: Func) -> Self {
        Self {
            func,
            ty: PhantomData,
        }
    }

    /// The function without its type.
    pub fn func(&self) -> &Func {
        &self.func
    }
}

impl<Params: WasmParams, Results: WasmResults> TypedFunc<Params, Results> {
    /// Calls the function.
    ///
    /// # Errors
    ///
    /// If the guest traps (a [`Trap`](crate::Trap)), or what a host function returns; or if
    /// something belongs to another store. The instance can be used afterwards.
    ///
    /// # Panics
    ///
    /// If a host function does.
    // Always: where the optimizer decides against it, by a hair, a call takes half as long again.
    #[inline(always)]
    pub fn call(&self, mut store: impl AsContextMut, params: Params) -> Result<Results> {
        let mut store = store.as_context_mut();
        let core = store.core_mut();
        if core.id != self.func.store() {
            return Err(wrong_store());
        }
        // SAFETY: the function is of this store and has these parameters and results.
        unsafe {
            let record = self.func.record();
            if const { is_direct::<Params, Results>() } {
                let args = params.to_direct(core)?;
                let result = direct::call(store.as_ptr(), record, args)?;
                return Ok(Results::from_direct([result; DIRECT_ARGS], store.core()));
            }
            let engine = core.machine.engine(&core.engine)?;
            params.write::<false>(engine, core)?;
            let store_ptr = store.as_ptr();
            if const { Params::INTS && Results::INTS } {
                run::call::<_, true>(store_ptr, engine, record)?;
            } else {
                run::call::<_, false>(store_ptr, engine, record)?;
            }
            Ok(Results::read::<true>(engine, store.core()))
        }
    }

    /// As [`Func::start`].
    ///
    /// # Errors
    ///
    /// If something belongs to another store.
    pub fn start(&self, mut store: impl AsContextMut, params: Params) -> Result<Execution> {
        let mut store = store.as_context_mut();
        let core = store.core_mut();
        core.check(self.func.store())?;
        let ty = core.engine.sig_type(self.func.sig(core));
        Ok(Execution::new(self.func, ty, params.into_cells(core)?))
    }

    /// As [`Func::call_async`].
    ///
    /// # Errors
    ///
    /// Those of [`TypedFunc::call`].
    ///
    /// # Panics
    ///
    /// If a host function does.
    pub async fn call_async(
        &self,
        mut store: impl AsContextMut<Data: Send>,
        params: Params,
    ) -> Result<Results> {
        let mut store = store.as_context_mut();
        let execution = self.start(&mut store, params)?;
        let mut task = Task::new(store, execution);
        task.finish().await?;
        Ok(task.typed_results())
    }
}
