//! Functions.
#![allow(
    unsafe_code,
    reason = "functions are known by the address of the record that compiled code calls"
)]

use std::fmt;
use std::future::Future;
use std::ptr::NonNull;
use std::sync::Arc;

use super::caller::Caller;
use super::context::{AsContext, AsContextMut};
use super::errors::ExportError;
use super::execution::{Execution, to_cells};
use super::future::{self, Task};
use super::host::{self, HostFuncHandle, IntoFunc};
use super::run;
use super::store::{StoreCore, StoreId};
use super::typed::TypedFunc;
use super::values::Val;
use super::wasm_ty::sealed::Values;
use super::wasm_ty::{WasmParams, WasmResults, WasmRet};
use crate::asm::abi::{NULL_SIG, Places, VmFuncRef};
use crate::error::{Error, Result};
use crate::ir::types::FuncType;

/// A function of a store, of a guest or of the host: a handle.
///
/// ```
/// use pronto::{Engine, Func, Store, Val};
///
/// let mut store = Store::new(&Engine::default(), ());
/// let add = Func::wrap(&mut store, |a: i32, b: i32| a.wrapping_add(b));
/// let mut results = [Val::I32(0)];
/// add.call(&mut store, &[Val::I32(2), Val::I32(3)], &mut results)?;
/// assert_eq!(results[0].i32(), Some(5));
/// assert_eq!(add.typed::<(i32, i32), i32>(&store)?.call(&mut store, (4, 5))?, 9);
/// # Ok::<(), pronto::Error>(())
/// ```
///
/// # Invariants
///
/// `record` lives as long as the store `store`.
#[derive(Clone, Copy)]
pub struct Func {
    store: StoreId,
    record: NonNull<VmFuncRef>,
}

// SAFETY: the record is only read, and only together with its store.
unsafe impl Send for Func {}
// SAFETY: as above.
unsafe impl Sync for Func {}

impl fmt::Debug for Func {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Func({:?}, {:?})", self.store, self.record)
    }
}

/// What tables of functions hold in place of null.
struct NullRecord(VmFuncRef);

// SAFETY: it has no pointer to anything.
unsafe impl Sync for NullRecord {}

static NULL_RECORD: NullRecord = NullRecord(VmFuncRef {
    code: 0,
    instance: std::ptr::null_mut(),
    sig: NULL_SIG,
    index: 0,
});

/// Address of the record that stands for null in tables of functions.
pub(crate) fn null_ref() -> u64 {
    &raw const NULL_RECORD.0 as u64
}

impl Func {
    /// # Safety
    ///
    /// `record` lives as long as the store.
    pub(crate) unsafe fn from_record(core: &StoreCore, record: NonNull<VmFuncRef>) -> Self {
        Self {
            store: core.id,
            record,
        }
    }

    /// A function reference as compiled code holds it; 0 is null.
    ///
    /// # Safety
    ///
    /// `bits` are a function reference of the store.
    pub(crate) unsafe fn from_bits(bits: u64, core: &StoreCore) -> Option<Self> {
        let record = NonNull::new(bits as *mut VmFuncRef)?;
        // SAFETY: records live as long as their store.
        Some(unsafe { Self::from_record(core, record) })
    }

    /// As compiled code holds it.
    ///
    /// # Errors
    ///
    /// If it is of another store.
    pub(crate) fn to_bits(func: Option<Self>, core: &StoreCore) -> Result<u64> {
        match func {
            None => Ok(0),
            Some(func) => {
                core.check(func.store)?;
                Ok(func.record.as_ptr() as u64)
            }
        }
    }

    /// The function of a host function's handle, which the store keeps.
    pub(crate) fn from_host(core: &mut StoreCore, handle: &HostFuncHandle) -> Self {
        let record = host::func_ref(handle);
        let address = record.as_ptr() as usize;
        core.host_funcs
            .entry(address)
            .or_insert_with(|| handle.clone());
        // SAFETY: the store keeps the handle.
        unsafe { Self::from_record(core, record) }
    }

    pub(crate) fn store(&self) -> StoreId {
        self.store
    }

    #[inline]
    pub(crate) fn record(&self) -> NonNull<VmFuncRef> {
        self.record
    }

    /// The engine's number of its signature.
    pub(crate) fn sig(&self, core: &StoreCore) -> u32 {
        core.assert(self.store);
        // SAFETY: the type's invariants; the store is alive.
        unsafe { self.record.as_ref() }.sig
    }

    fn func_type(&self, core: &StoreCore) -> Arc<FuncType> {
        core.engine.sig_type(self.sig(core))
    }

    /// A host function of a type that is known at run time. It is called with the arguments, and
    /// with results that it sets; they begin as zero and null.
    ///
    /// ```
    /// use pronto::{Engine, Func, FuncType, Store, Val, ValType};
    ///
    /// let mut store = Store::new(&Engine::default(), ());
    /// let ty = FuncType::new([ValType::I32], [ValType::I64]);
    /// let widen = Func::new(&mut store, ty, |_caller, params, results| {
    ///     results[0] = Val::I64(params[0].unwrap_i32().into());
    ///     Ok(())
    /// });
    /// assert_eq!(widen.typed::<i32, i64>(&store)?.call(&mut store, -1)?, -1);
    /// # Ok::<(), pronto::Error>(())
    /// ```
    pub fn new<T: 'static>(
        mut store: impl AsContextMut<Data = T>,
        ty: FuncType,
        func: impl Fn(Caller<'_, T>, &[Val], &mut [Val]) -> Result<()> + Send + Sync + 'static,
    ) -> Self {
        let mut store = store.as_context_mut();
        let handle = host::dynamic(store.engine(), ty, func);
        Self::from_host(store.core_mut(), &handle)
    }

    /// A host function from a closure, of the type that the closure has.
    pub fn wrap<T: 'static, Params, Results>(
        mut store: impl AsContextMut<Data = T>,
        func: impl IntoFunc<T, Params, Results>,
    ) -> Self {
        let mut store = store.as_context_mut();
        let handle = func.into_host_func(store.engine());
        Self::from_host(store.core_mut(), &handle)
    }

    /// A host function that suspends the guest which calls it:
    /// [`Execution::run`] returns [`Exit::HostCall`](crate::Exit::HostCall), and
    /// [`Execution::resume`] gives the results. In a call that cannot be suspended it is an error.
    pub fn suspending(mut store: impl AsContextMut, ty: &FuncType) -> Self {
        let mut store = store.as_context_mut();
        let handle = host::suspending(store.engine(), ty, ("".into(), "".into()));
        Self::from_host(store.core_mut(), &handle)
    }

    /// A host function from a closure that returns a future, of the type that the closure's
    /// arguments and the future's output have. It can be called where the guest can wait: in
    /// [`Func::call_async`] and its like.
    pub fn wrap_async<T, Params, Results>(
        mut store: impl AsContextMut<Data = T>,
        func: impl for<'a> Fn(Caller<'a, T>, Params) -> Box<dyn Future<Output = Results> + Send + 'a>
        + Send
        + Sync
        + 'static,
    ) -> Self
    where
        T: Send + 'static,
        Params: WasmParams,
        Results: WasmRet + 'static,
    {
        let mut store = store.as_context_mut();
        let handle = future::wrap_async(store.engine(), func);
        Self::from_host(store.core_mut(), &handle)
    }

    /// As [`Func::wrap_async`], of a type that is known at run time; see [`Func::new`].
    pub fn new_async<T: Send + 'static>(
        mut store: impl AsContextMut<Data = T>,
        ty: FuncType,
        func: impl for<'a> Fn(
            Caller<'a, T>,
            &'a [Val],
            &'a mut [Val],
        ) -> Box<dyn Future<Output = Result<()>> + Send + 'a>
        + Send
        + Sync
        + 'static,
    ) -> Self {
        let mut store = store.as_context_mut();
        let handle = future::new_async(store.engine(), ty, func);
        Self::from_host(store.core_mut(), &handle)
    }

    /// Type of the function.
    ///
    /// # Panics
    ///
    /// If it belongs to another store.
    pub fn ty(&self, store: impl AsContext) -> FuncType {
        FuncType::clone(&self.func_type(store.as_context().core()))
    }

    /// Calls the function.
    ///
    /// # Errors
    ///
    /// If the arguments do not have the types that it takes, `results` is not as long as its
    /// results, or something belongs to another store; if the guest traps (a
    /// [`Trap`](crate::Trap)); or what a host function returns. The instance can be used
    /// afterwards.
    ///
    /// # Panics
    ///
    /// If a host function does.
    pub fn call(
        &self,
        mut store: impl AsContextMut,
        params: &[Val],
        results: &mut [Val],
    ) -> Result<()> {
        let mut store = store.as_context_mut();
        store.core().check(self.store)?;
        let ty = self.func_type(store.core());
        if params.len() != ty.params().len() || results.len() != ty.results().len() {
            return Err(Error::msg(format!(
                "expected {} arguments and {} results, got {} and {}",
                ty.params().len(),
                ty.results().len(),
                params.len(),
                results.len()
            )));
        }
        for (value, &ty) in params.iter().zip(ty.params()) {
            value.check(ty, "an argument")?;
        }
        let (core, _) = store.inner_mut().split();
        let engine = core.machine.engine(&core.engine)?;
        // SAFETY: the arguments have the types of the function, which is one of this store.
        unsafe {
            host::write_values(engine, Places::params(), ty.params(), |n| {
                params[n].to_cells(core)
            })?;
            run::call::<_, false>(store.as_ptr(), engine, self.record)?;
            let mut results = results.iter_mut();
            host::read_values(engine, Places::results(), ty.results(), |ty, cells| {
                if let Some(result) = results.next() {
                    *result = Val::from_cells(ty, cells, store.core());
                }
            });
        }
        Ok(())
    }

    /// A call of the function that is run step by step. Nothing runs yet.
    ///
    /// # Errors
    ///
    /// If the arguments do not have the types that the function takes, or something belongs to
    /// another store.
    pub fn start(&self, mut store: impl AsContextMut, params: &[Val]) -> Result<Execution> {
        let mut store = store.as_context_mut();
        store.core().check(self.store)?;
        let ty = self.func_type(store.core());
        if params.len() != ty.params().len() {
            return Err(Error::msg(format!(
                "expected {} arguments, got {}",
                ty.params().len(),
                params.len(),
            )));
        }
        let cells = to_cells(store.core_mut(), ty.params(), params, "an argument")?;
        Ok(Execution::new(*self, ty, cells))
    }

    /// Calls the function, and waits for the async host functions that it calls. The guest runs on
    /// the thread that polls the future; [`UpdateDeadline::Yield`](crate::UpdateDeadline::Yield)
    /// gives way to other tasks.
    ///
    /// The future can be dropped at any time: the call is cancelled then, and the instance can be
    /// used afterwards. It is `Send` if the store's data is.
    ///
    /// # Errors
    ///
    /// Those of [`Func::call`].
    ///
    /// # Panics
    ///
    /// If a host function does.
    pub async fn call_async(
        &self,
        mut store: impl AsContextMut<Data: Send>,
        params: &[Val],
        results: &mut [Val],
    ) -> Result<()> {
        let mut store = store.as_context_mut();
        let execution = self.start(&mut store, params)?;
        execution.check_results(results)?;
        let mut task = Task::new(store, execution);
        task.finish().await?;
        for (result, value) in results.iter_mut().zip(task.results()) {
            *result = value;
        }
        Ok(())
    }

    /// The function with parameters and results that are checked now, so that calls need not.
    ///
    /// # Errors
    ///
    /// If it has another type.
    ///
    /// # Panics
    ///
    /// If it belongs to another store.
    pub fn typed<Params: WasmParams, Results: WasmResults>(
        &self,
        store: impl AsContext,
    ) -> Result<TypedFunc<Params, Results>> {
        let found = self.func_type(store.as_context().core());
        self.typed_as(&found).map_err(Into::into)
    }

    /// As [`Func::typed`], with the type that it has.
    pub(crate) fn typed_as<Params: Values, Results: Values>(
        &self,
        found: &FuncType,
    ) -> Result<TypedFunc<Params, Results>, ExportError> {
        if found.params() != Params::TYPES || found.results() != Results::TYPES {
            let expected = FuncType::new(
                Params::TYPES.iter().copied(),
                Results::TYPES.iter().copied(),
            );
            return Err(ExportError::WrongSignature {
                name: None,
                expected,
                found: found.clone(),
            });
        }
        Ok(TypedFunc::new(*self))
    }
}
