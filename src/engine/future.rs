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
use super::execution::{Execution, Exit};
use super::host::{self, HostFunc, HostFuncHandle, HostFuncOf};
use super::run::check_nested;
use super::step::{Cells, Step};
use super::store::StoreInner;
use super::suspend::{Runner, Stop, Suspension};
use super::values::Val;
use super::wasm_ty::WasmRet;
use super::wasm_ty::sealed::Values;
use crate::asm::abi::{CallEngine, ExitCode};
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
            if Runner::of(core, engine) != Runner::Async {
                return Err(Error::msg(
                    "an async host function was called where the guest cannot wait for it",
                ));
            }
            let params = P::read::<false>(engine, core);
            let context = StoreContextMut::from_raw(store);
            let future = f(Caller::new(context, (*engine).instance), params);
            let serving = Serving {
                future: Box::into_pin(future),
                store,
            };
            let suspension = Suspension::Future(HostFuture(Box::pin(serving)));
            (*store.as_ptr()).core.suspension = Some(suspension);
            // The host function may have run a guest.
            (*engine).exit = ExitCode::HOST_CALL;
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
