//! Calls that can be resumed when a host function has failed, in wasmi's shape.

use std::fmt;
use std::marker::PhantomData;

use super::context::{AsContextMut, StoreContextMut};
use super::execution::{Execution, HostError};
use super::func::Func;
use super::step::Step;
use super::suspend::{Runner, Stop};
use super::typed::TypedFunc;
use super::values::Val;
use super::wasm_ty::{WasmParams, WasmResults};
use crate::error::{Error, Result, Trap};

/// What has become of a call by [`Func::call_resumable`].
#[derive(Debug)]
pub enum ResumableCall {
    /// The function has returned.
    Finished,
    /// A host function has failed, or has suspended the guest.
    HostTrap(ResumableCallHostTrap),
    /// There is less fuel than what comes next costs.
    OutOfFuel(ResumableCallOutOfFuel),
}

/// A call that waits for values in place of the results of a host function.
#[derive(Debug)]
pub struct ResumableCallHostTrap {
    execution: Execution,
    error: HostError,
}

/// A call that waits for fuel.
#[derive(Debug)]
pub struct ResumableCallOutOfFuel {
    execution: Execution,
}

/// What has become of a call by [`TypedFunc::call_resumable`].
#[derive(Debug)]
pub enum TypedResumableCall<Results> {
    /// The function has returned these.
    Finished(Results),
    /// A host function has failed, or has suspended the guest.
    HostTrap(TypedResumableCallHostTrap<Results>),
    /// There is less fuel than what comes next costs.
    OutOfFuel(TypedResumableCallOutOfFuel<Results>),
}

/// As [`ResumableCallHostTrap`], with results whose types are known.
pub struct TypedResumableCallHostTrap<Results> {
    call: ResumableCallHostTrap,
    results: PhantomData<fn() -> Results>,
}

/// As [`ResumableCallOutOfFuel`], with results whose types are known.
pub struct TypedResumableCallOutOfFuel<Results> {
    call: ResumableCallOutOfFuel,
    results: PhantomData<fn() -> Results>,
}

impl<Results> fmt::Debug for TypedResumableCallHostTrap<Results> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.call.fmt(f)
    }
}

impl<Results> fmt::Debug for TypedResumableCallOutOfFuel<Results> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.call.fmt(f)
    }
}

/// Where a call has come to.
enum Progress {
    /// The results are in the call engine.
    Finished(Execution),
    HostTrap(ResumableCallHostTrap),
    OutOfFuel(ResumableCallOutOfFuel),
}

fn go_on<T: 'static>(
    store: &mut StoreContextMut<'_, T>,
    mut execution: Execution,
) -> Result<Progress> {
    loop {
        let error = match execution.step(store, Runner::Execution)? {
            Step::Returned => return Ok(Progress::Finished(execution)),
            Step::Failed(error) => return Err(error),
            Step::Stopped(Stop::OutOfFuel) => {
                return Ok(Progress::OutOfFuel(ResumableCallOutOfFuel { execution }));
            }
            Step::Stopped(Stop::Yielded) => continue,
            Step::Stopped(Stop::Interrupted) => {
                return Err(execution.fail(store, Trap::Interrupt.into()));
            }
            Step::HostError(error) => error,
            Step::HostCall(call) => HostError {
                func: call.func(),
                error: Error::msg("a host function has suspended the guest"),
            },
            Step::Future(..) => unreachable!("nobody here waits for futures"),
        };
        return Ok(Progress::HostTrap(ResumableCallHostTrap {
            execution,
            error,
        }));
    }
}

impl Progress {
    fn untyped<T: 'static>(
        self,
        store: &mut StoreContextMut<'_, T>,
        results: &mut [Val],
    ) -> ResumableCall {
        match self {
            Self::Finished(execution) => {
                for (result, value) in results.iter_mut().zip(execution.results(store)) {
                    *result = value;
                }
                ResumableCall::Finished
            }
            Self::HostTrap(call) => ResumableCall::HostTrap(call),
            Self::OutOfFuel(call) => ResumableCall::OutOfFuel(call),
        }
    }

    fn typed<T: 'static, R: WasmResults>(
        self,
        store: &mut StoreContextMut<'_, T>,
    ) -> TypedResumableCall<R> {
        let results = PhantomData;
        match self {
            Self::Finished(execution) => TypedResumableCall::Finished(execution.typed(store)),
            Self::HostTrap(call) => {
                TypedResumableCall::HostTrap(TypedResumableCallHostTrap { call, results })
            }
            Self::OutOfFuel(call) => {
                TypedResumableCall::OutOfFuel(TypedResumableCallOutOfFuel { call, results })
            }
        }
    }
}

impl ResumableCallHostTrap {
    /// The host function that has failed.
    pub fn host_func(&self) -> Func {
        self.error.func
    }

    /// Its error.
    pub fn host_error(&self) -> &Error {
        &self.error.error
    }

    /// Its error; the call ends.
    pub fn into_host_error(self) -> Error {
        self.error.error
    }

    fn go_on<T: 'static>(
        mut self,
        store: &mut StoreContextMut<'_, T>,
        inputs: &[Val],
    ) -> Result<Progress> {
        self.execution.resume(&mut *store, inputs)?;
        go_on(store, self.execution)
    }

    /// Goes on with `inputs` in place of the results of the host function.
    ///
    /// # Errors
    ///
    /// If they have other types, `outputs` is not as long as the results, or something belongs to
    /// another store; and those of [`Func::call`]. The call ends then.
    ///
    /// # Panics
    ///
    /// If a host function does.
    pub fn resume(
        self,
        mut store: impl AsContextMut,
        inputs: &[Val],
        outputs: &mut [Val],
    ) -> Result<ResumableCall> {
        let mut store = store.as_context_mut();
        self.execution.check_results(outputs)?;
        Ok(self.go_on(&mut store, inputs)?.untyped(&mut store, outputs))
    }
}

impl ResumableCallOutOfFuel {
    /// Goes on where the guest was: with the fuel that the store has now.
    ///
    /// # Errors
    ///
    /// If `outputs` is not as long as the results, or the store is another; and those of
    /// [`Func::call`]. The call ends then.
    ///
    /// # Panics
    ///
    /// If a host function does.
    pub fn resume(
        self,
        mut store: impl AsContextMut,
        outputs: &mut [Val],
    ) -> Result<ResumableCall> {
        let mut store = store.as_context_mut();
        self.execution.check_results(outputs)?;
        Ok(go_on(&mut store, self.execution)?.untyped(&mut store, outputs))
    }
}

impl<Results: WasmResults> TypedResumableCallHostTrap<Results> {
    /// The host function that has failed.
    pub fn host_func(&self) -> Func {
        self.call.host_func()
    }

    /// Its error.
    pub fn host_error(&self) -> &Error {
        self.call.host_error()
    }

    /// Its error; the call ends.
    pub fn into_host_error(self) -> Error {
        self.call.into_host_error()
    }

    /// As [`ResumableCallHostTrap::resume`].
    ///
    /// # Errors
    ///
    /// Those of [`ResumableCallHostTrap::resume`].
    ///
    /// # Panics
    ///
    /// If a host function does.
    pub fn resume(
        self,
        mut store: impl AsContextMut,
        inputs: &[Val],
    ) -> Result<TypedResumableCall<Results>> {
        let mut store = store.as_context_mut();
        Ok(self.call.go_on(&mut store, inputs)?.typed(&mut store))
    }
}

impl<Results: WasmResults> TypedResumableCallOutOfFuel<Results> {
    /// As [`ResumableCallOutOfFuel::resume`].
    ///
    /// # Errors
    ///
    /// Those of [`ResumableCallOutOfFuel::resume`].
    ///
    /// # Panics
    ///
    /// If a host function does.
    pub fn resume(self, mut store: impl AsContextMut) -> Result<TypedResumableCall<Results>> {
        let mut store = store.as_context_mut();
        Ok(go_on(&mut store, self.call.execution)?.typed(&mut store))
    }
}

impl Func {
    /// Calls the function; if a host function fails, or the fuel ends, the call can be resumed.
    /// [`Func::start`] gives more control.
    ///
    /// # Errors
    ///
    /// Those of [`Func::call`], but for the errors of host functions and want of fuel.
    ///
    /// # Panics
    ///
    /// If a host function does.
    pub fn call_resumable(
        &self,
        mut store: impl AsContextMut,
        params: &[Val],
        results: &mut [Val],
    ) -> Result<ResumableCall> {
        let mut store = store.as_context_mut();
        let execution = self.start(&mut store, params)?;
        execution.check_results(results)?;
        Ok(go_on(&mut store, execution)?.untyped(&mut store, results))
    }
}

impl<Params: WasmParams, Results: WasmResults> TypedFunc<Params, Results> {
    /// As [`Func::call_resumable`].
    ///
    /// # Errors
    ///
    /// Those of [`Func::call_resumable`].
    ///
    /// # Panics
    ///
    /// If a host function does.
    pub fn call_resumable(
        &self,
        mut store: impl AsContextMut,
        params: Params,
    ) -> Result<TypedResumableCall<Results>> {
        let mut store = store.as_context_mut();
        let execution = self.start(&mut store, params)?;
        Ok(go_on(&mut store, execution)?.typed(&mut store))
    }
}
