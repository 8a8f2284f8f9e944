//! Async host functions, and async calls.
//!
//! A guest that waits for a future is a suspended execution: whoever polls the call polls that
//! future, and no stack but the guest's own is kept.
#![allow(unsafe_code, reason = "futures borrow the store that runs them")]

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::ptr::NonNull;
use std::task::{Context, Poll, ready};

use super::caller::Caller;
use super::context::{AsContextMut, StoreContextMut};
use super::engine::Engine;
use super::execution::{Execution, Exit, to_cells};
use super::host::{self, HostFunc, HostFuncHandle, HostFuncOf};
use super::run::check_nested;
use super::step::{Cells, Step};
use super::store::{StoreCore, StoreInner};
use super::suspend::{Runner, Stop, Suspension};
use super::values::Val;
use super::wasm_ty::WasmRet;
use super::wasm_ty::sealed::Values;
use crate::asm::abi::{CallEngine, ExitCode, Places};
use crate::error::{Error, Result, Trap};
use crate::ir::types::FuncType;

/// What an async host function returns.
pub(crate) type BoxFuture<'a, R> = Box<dyn Future<Output = R> + Send + 'a>;

/// The future of an async host function that a guest has called; its output are the results.
///
/// # Invariants
///
/// It is polled and dropped only while its store is borrowed by whoever runs the guest. (If it is
/// forgotten, it does nothing any more.)
pub(crate) struct HostFuture(Pin<Box<dyn Future<Output = Result<Cells>> + Send>>);

impl HostFuture {
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Result<Cells>> {
        // Async calls within async calls poll each other.
        check_nested()?;
        self.0.as_mut().poll(context)
    }
}

/// The future that a host function gave, with its store.
struct Serving<T: 'static, R> {
    future: Pin<BoxFuture<'static, R>>,
    store: NonNull<StoreInner<T>>,
}

// SAFETY: the store is reached only by whoever has it borrowed.
unsafe impl<T: Send, R> Send for Serving<T, R> {}

impl<T: 'static, R: WasmRet> Future for Serving<T, R> {
    type Output = Result<Cells>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<Cells>> {
        let values = ready!(self.future.as_mut().poll(context)).into_values()?;
        // SAFETY: the invariants of `HostFuture`; the host function's future has ended.
        let core = unsafe { &mut (*self.store.as_ptr()).core };
        Poll::Ready(values.into_cells(core))
    }
}

/// Serves calls of an async host function.
///
/// # Safety
///
/// `host` is the head of a `HostFuncOf<F>`, and `engine` belongs to a store of `T` and holds
/// arguments of types `P`.
unsafe extern "C" fn serve_async<T, P, R, F>(host: *const HostFunc, engine: *mut CallEngine) -> u32
where
    T: Send + 'static,
    P: Values,
    R: WasmRet + 'static,
    F: Fn(Caller<'static, T>, P) -> BoxFuture<'static, R> + 'static,
{
    // SAFETY: the caller's promises. The future lives no longer than the borrow of the store:
    // see the invariants of `HostFuture`.
    unsafe {
        let store = NonNull::new_unchecked((*engine).store.cast::<StoreInner<T>>());
        let f = &(*host.cast::<HostFuncOf<F>>()).f;
        host::guarded::<T>(engine, || {
            let core = &(*store.as_ptr()).core;
            can_wait(core, engine)?;
            let params = P::read::<false>(engine, core);
            let context = StoreContextMut::from_raw(store);
            let future = f(Caller::new(context, (*engine).instance), params);
            let serving = Serving {
                future: Box::into_pin(future),
                store,
            };
            suspend(store, engine, HostFuture(Box::pin(serving)));
            Ok(())
        });
        1
    }
}

/// An async host function.
pub(crate) fn wrap_async<T, P, R, F>(engine: &Engine, f: F) -> HostFuncHandle
where
    T: Send + 'static,
    P: Values,
    R: WasmRet + 'static,
    F: for<'a> Fn(Caller<'a, T>, P) -> BoxFuture<'a, R> + Send + Sync + 'static,
{
    let ty = FuncType::new(
        P::TYPES.iter().copied(),
        <R::Values as Values>::TYPES.iter().copied(),
    );
    HostFuncOf::new(engine, &ty, serve_async::<T, P, R, F>, f)
}

/// A dynamic async host function: its type, and what gives its futures.
struct Dynamic<F> {
    ty: FuncType,
    f: F,
}

/// The future of a dynamic async host function, with the values that it borrows.
///
/// # Invariants
///
/// `values` came from a box and are freed by this, after `future`. There are as many results as
/// the type has.
struct ServingDynamic<T: 'static> {
    future: Option<Pin<BoxFuture<'static, Result<()>>>>,
    values: NonNull<[Val]>,
    ty: FuncType,
    store: NonNull<StoreInner<T>>,
}

// SAFETY: it owns the values, and the store is reached only by whoever has it borrowed.
unsafe impl<T: Send> Send for ServingDynamic<T> {}

impl<T: 'static> Future for ServingDynamic<T> {
    type Output = Result<Cells>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<Cells>> {
        let Some(future) = &mut self.future else {
            return Poll::Pending;
        };
        let outcome = ready!(future.as_mut().poll(context));
        self.future = None;
        outcome?;
        // SAFETY: the future that borrowed them is gone; the invariants of `HostFuture`.
        let (values, core) = unsafe { (self.values.as_ref(), &mut (*self.store.as_ptr()).core) };
        let results = &values[self.ty.params().len()..];
        Poll::Ready(to_cells(core, self.ty.results(), results, "a result"))
    }
}

impl<T: 'static> Drop for ServingDynamic<T> {
    fn drop(&mut self) {
        self.future = None;
        // SAFETY: the type's invariants.
        drop(unsafe { Box::from_raw(self.values.as_ptr()) });
    }
}

/// Serves calls of a dynamic async host function.
///
/// # Safety
///
/// `host` is the head of a `HostFuncOf<Dynamic<F>>`, and `engine` belongs to a store of `T` and
/// holds arguments of its type.
unsafe extern "C" fn serve_dynamic<T, F>(host: *const HostFunc, engine: *mut CallEngine) -> u32
where
    T: Send + 'static,
    F: Fn(Caller<'static, T>, &'static [Val], &'static mut [Val]) -> BoxFuture<'static, Result<()>>
        + 'static,
{
    // SAFETY: the caller's promises. The future, which borrows the values and the store, lives no
    // longer than either: see the invariants.
    unsafe {
        let store = NonNull::new_unchecked((*engine).store.cast::<StoreInner<T>>());
        let Dynamic { ty, f } = &(*host.cast::<HostFuncOf<Dynamic<F>>>()).f;
        host::guarded::<T>(engine, || {
            let core = &(*store.as_ptr()).core;
            can_wait(core, engine)?;
            let mut values = Vec::with_capacity(ty.params().len() + ty.results().len());
            host::read_values(engine, Places::params(), ty.params(), |ty, cells| {
                values.push(Val::from_cells(ty, cells, core));
            });
            values.extend(ty.results().iter().map(|&ty| Val::default_for_ty(ty)));
            let values = Box::into_raw(values.into_boxed_slice());
            let mut serving = ServingDynamic {
                future: None,
                values: NonNull::new_unchecked(values),
                ty: ty.clone(),
                store,
            };
            let (params, results) = (&mut *values).split_at_mut(ty.params().len());
            let context = StoreContextMut::from_raw(store);
            let caller = Caller::new(context, (*engine).instance);
            serving.future = Some(Box::into_pin(f(caller, params, results)));
            suspend(store, engine, HostFuture(Box::pin(serving)));
            Ok(())
        });
        1
    }
}

/// An async host function of a dynamic type.
pub(crate) fn new_async<T, F>(engine: &Engine, ty: FuncType, f: F) -> HostFuncHandle
where
    T: Send + 'static,
    F: for<'a> Fn(Caller<'a, T>, &'a [Val], &'a mut [Val]) -> BoxFuture<'a, Result<()>>
        + Send
        + Sync
        + 'static,
{
    HostFuncOf::new(
        engine,
        &ty.clone(),
        serve_dynamic::<T, F>,
        Dynamic { ty, f },
    )
}

/// # Errors
///
/// If nobody would wait for a future.
///
/// # Safety
///
/// `engine` is that of the store, whose guest has just left to the dispatcher.
unsafe fn can_wait(core: &StoreCore, engine: *const CallEngine) -> Result<()> {
    // SAFETY: the caller's promise.
    if unsafe { Runner::of(core, engine) } == Runner::Async {
        return Ok(());
    }
    Err(Error::msg(
        "an async host function was called where the guest cannot wait for it",
    ))
}

/// The guest waits for a future.
///
/// # Safety
///
/// `engine` is that of the store, and nothing refers to the store.
unsafe fn suspend<T: 'static>(
    store: NonNull<StoreInner<T>>,
    engine: *mut CallEngine,
    future: HostFuture,
) {
    // SAFETY: the caller's promise.
    unsafe {
        (*store.as_ptr()).core.suspension = Some(Suspension::Future(future));
        // The host function may have run a guest.
        (*engine).exit = ExitCode::HOST_CALL;
    }
}

/// Lets other tasks run.
async fn give_way() {
    let mut asked = false;
    poll_fn(|context| {
        if std::mem::replace(&mut asked, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

impl Execution {
    /// As [`Execution::run`], and waits for async host functions; a guest that yields gives way to
    /// other tasks.
    ///
    /// The future can be dropped. If the guest waited for an async host function then, its results
    /// can still be given by [`Execution::resume`].
    ///
    /// # Errors
    ///
    /// Those of [`Execution::run`].
    ///
    /// # Panics
    ///
    /// If a host function does.
    pub async fn run_async(&mut self, mut store: impl AsContextMut<Data: Send>) -> Result<Exit> {
        let mut store = store.as_context_mut();
        let step = self.drive(&mut store).await?;
        Ok(self.exit(&mut store, step))
    }

    async fn drive<T: Send + 'static>(
        &mut self,
        store: &mut StoreContextMut<'_, T>,
    ) -> Result<Step> {
        loop {
            match self.step(store, Runner::Async)? {
                Step::Future(func, mut future) => {
                    let outcome = poll_fn(|context| future.poll(context)).await;
                    drop(future);
                    match outcome {
                        Ok(cells) => self.resume_cells(cells),
                        Err(error) => return Ok(self.host_error(store.core(), func, error)),
                    }
                }
                Step::Stopped(Stop::Yielded) => give_way().await,
                step => return Ok(step),
            }
        }
    }
}

/// An async call. Dropping it cancels the execution.
pub(crate) struct Task<'a, T: 'static> {
    pub(crate) store: StoreContextMut<'a, T>,
    execution: Execution,
}

impl<'a, T: Send + 'static> Task<'a, T> {
    pub(crate) fn new(store: StoreContextMut<'a, T>, execution: Execution) -> Self {
        Self { store, execution }
    }

    /// Runs the guest to its end. Its results are in the call engine then.
    ///
    /// # Errors
    ///
    /// As of a call.
    pub(crate) async fn finish(&mut self) -> Result<()> {
        let error = match self.execution.drive(&mut self.store).await? {
            Step::Returned => return Ok(()),
            Step::Failed(error) => return Err(error),
            Step::HostError(error) => error.into_error(),
            Step::Stopped(stop) => stop.trap().unwrap_or(Trap::Interrupt).into(),
            Step::HostCall(_) | Step::Future(..) => Error::msg(
                "a suspending host function was called where the guest cannot be suspended",
            ),
        };
        Err(self.execution.fail(&mut self.store, error))
    }

    /// The results, right after [`Self::finish`].
    pub(crate) fn results(&mut self) -> Vec<Val> {
        self.execution.results(&mut self.store)
    }

    /// The results, right after [`Self::finish`], of a function whose type has been checked.
    pub(crate) fn typed_results<R: Values>(&mut self) -> R {
        self.execution.typed(&mut self.store)
    }
}

impl<T: 'static> Drop for Task<'_, T> {
    fn drop(&mut self) {
        if !self.execution.is_ended() {
            let cancelled = self.execution.cancel(&mut self.store);
            debug_assert!(cancelled.is_ok());
        }
    }
}
