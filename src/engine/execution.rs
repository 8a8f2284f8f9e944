//! Guests that are run step by step.
//!
//! An execution has a value stack of its own. Between two runs, all that a guest is are that stack
//! and the few words here.
#![allow(unsafe_code, reason = "enters compiled code on another stack")]

use std::fmt;
use std::sync::Arc;

use super::backtrace::Frames;
use super::context::{AsContext, AsContextMut, StoreContextMut};
use super::func::Func;
use super::host;
use super::listener;
use super::run;
use super::stack::ValueStack;
use super::step::{Cells, Next, Run, State, Step, locate};
use super::store::{StoreCore, StoreId};
use super::suspend::{Runner, Stop, Switched};
use super::values::Val;
use super::wasm_ty::sealed::Values;
use crate::asm::abi::{ExitCode, Places};
use crate::error::{Error, Result, WasmBacktrace};
use crate::ir::types::{FuncType, ValType};

/// A call that the embedder runs step by step: from [`Func::start`].
///
/// [`run`](Execution::run) runs the guest until it returns or needs something, and says what as an
/// [`Exit`]. What is needed is given, and `run` goes on.
///
/// Meanwhile the guest is data: any number of executions can be suspended in one store, and they
/// are resumed in any order. They move to other threads with their store. One that is dropped
/// gives its stack back; the store stays usable.
///
/// A guest can be suspended where no Rust function is between it and `run`: if it has called a host
/// function that calls a guest in turn (by [`Func::call`], say), this inner guest runs as part of
/// an ordinary call.
///
/// ```
/// # use pronto::{Engine, Exit, FuncType, Linker, Module, Store, Val, ValType};
/// # let engine = Engine::default();
/// # // (module (import "kv" "get" (func (param i32) (result i32)))
/// # //   (func (export "run") (param i32) (result i32) local.get 0 call 0))
/// # let wasm = b"\0asm\x01\0\0\0\x01\x06\x01\x60\x01\x7f\x01\x7f\x02\x0a\x01\x02kv\x03get\0\0\
/// #     \x03\x02\x01\0\x07\x07\x01\x03run\0\x01\x0a\x08\x01\x06\0\x20\0\x10\0\x0b";
/// # let module = Module::new(&engine, wasm)?;
/// let mut linker = Linker::new(&engine);
/// linker.func_suspending("kv", "get", FuncType::new([ValType::I32], [ValType::I32]))?;
/// let mut store = Store::new(&engine, ());
/// let instance = linker.instantiate(&mut store, &module)?;
/// let run = instance.get_func(&mut store, "run").unwrap();
///
/// let mut execution = run.start(&mut store, &[Val::I32(7)])?;
/// let results = loop {
///     match execution.run(&mut store)? {
///         Exit::Returned(results) => break results,
///         Exit::HostCall(call) if call.name() == "get" => {
///             // Now or later, here or on another thread.
///             let value = Val::I32(call.params()[0].unwrap_i32() * 6);
///             execution.resume(&mut store, &[value])?;
///         }
///         exit => panic!("{exit:?}"),
///     }
/// };
/// assert_eq!(results[0].i32(), Some(42));
/// # Ok::<(), pronto::Error>(())
/// ```
pub struct Execution {
    store: StoreId,
    func: Func,
    ty: Arc<FuncType>,
    /// From the first run to the end.
    stack: Option<ValueStack>,
    state: State,
}

// SAFETY: what it points to is reached only together with its store.
unsafe impl Send for Execution {}
// SAFETY: as above.
unsafe impl Sync for Execution {}

/// Why [`Execution::run`] returns.
#[derive(Debug)]
#[non_exhaustive]
pub enum Exit {
    /// The function has returned; the execution has ended.
    Returned(Vec<Val>),
    /// The guest has called a suspending host function (see [`Func::suspending`]): its results are
    /// given by [`Execution::resume`].
    HostCall(HostCall),
    /// A host function has returned an error. The execution can be given values in place of its
    /// results, by [`Execution::resume`]; or it ends.
    HostError(HostError),
    /// An [`InterruptHandle`](crate::InterruptHandle) or the epoch deadline has stopped the guest:
    /// it goes on where it was with the next `run`. A deadline that is over stays so until the next
    /// is set.
    Interrupted,
    /// There is less fuel than what comes next costs: the guest goes on with the next `run`, when
    /// it has been given more ([`Store::set_fuel`](crate::Store::set_fuel)).
    OutOfFuel,
    /// The guest lets others run, as
    /// [`UpdateDeadline::Yield`](crate::UpdateDeadline::Yield) says: it goes on with the next
    /// `run`.
    Yielded,
    /// The guest has trapped, or was resumed with an error; the execution has ended.
    Trap(Error),
}

/// A call of a suspending host function, whose results the guest waits for.
#[derive(Clone, Debug)]
pub struct HostCall {
    pub(crate) func: Func,
    pub(crate) name: host::Name,
    pub(crate) params: Vec<Val>,
}

impl HostCall {
    /// The function.
    pub fn func(&self) -> Func {
        self.func
    }

    /// The module under which the function was defined; empty for [`Func::suspending`].
    pub fn module(&self) -> &str {
        &self.name.0
    }

    /// The name under which the function was defined; empty for [`Func::suspending`].
    pub fn name(&self) -> &str {
        &self.name.1
    }

    /// The arguments.
    pub fn params(&self) -> &[Val] {
        &self.params
    }
}

/// The error of a host function, in whose place the guest can go on with values.
#[derive(Debug)]
pub struct HostError {
    pub(crate) func: Func,
    pub(crate) error: Error,
}

impl HostError {
    /// The function that failed.
    pub fn func(&self) -> Func {
        self.func
    }

    /// Its error.
    pub fn error(&self) -> &Error {
        &self.error
    }

    /// Its error.
    pub fn into_error(self) -> Error {
        self.error
    }
}

impl Execution {
    /// The arguments are of the function's type, which is one of the store `store`.
    pub(crate) fn new(func: Func, ty: Arc<FuncType>, args: Cells) -> Self {
        Self {
            store: func.store(),
            func,
            ty,
            stack: None,
            state: State::New(args),
        }
    }

    /// Runs the guest, from its beginning or from where it was suspended, to its next exit.
    ///
    /// # Errors
    ///
    /// If the guest cannot run: it waits for the results of a host function, or has ended; `store`
    /// is another; or there is no memory for a stack ([`OutOfMemory`](crate::OutOfMemory) among others). Then nothing has changed. What goes wrong in
    /// the guest is an [`Exit`].
    ///
    /// # Panics
    ///
    /// If a host function does. The execution has ended then.
    pub fn run(&mut self, mut store: impl AsContextMut) -> Result<Exit> {
        let mut store = store.as_context_mut();
        let step = self.step(&mut store, Runner::Execution)?;
        Ok(self.exit(&mut store, step))
    }

    /// Gives the results of the host function that the guest waits for, which the next `run` goes
    /// on with.
    ///
    /// # Errors
    ///
    /// If it waits for none, or for results of other types; if something belongs to another store.
    /// Then nothing has changed.
    pub fn resume(&mut self, mut store: impl AsContextMut, results: &[Val]) -> Result<()> {
        let mut store = store.as_context_mut();
        let core = store.core_mut();
        core.check(self.store)?;
        let State::Waiting(frozen, ty) = &self.state else {
            return Err(Error::msg(match self.state {
                State::Ended => ENDED,
                _ => "the execution does not wait for results",
            }));
        };
        if results.len() != ty.results().len() {
            return Err(Error::msg(format!(
                "expected {} results, got {}",
                ty.results().len(),
                results.len()
            )));
        }
        let cells = to_cells(core, ty.results(), results, "a result")?;
        self.state = State::Ready(*frozen, Next::Results(ty.clone(), cells));
        Ok(())
    }

    /// Lets the guest end with an error, as if the host function that it waits for had returned it:
    /// the next `run` returns it as [`Exit::Trap`]. Any suspended guest can be ended this way.
    ///
    /// # Errors
    ///
    /// If the guest has not begun, or has ended.
    pub fn resume_with_error(&mut self, error: impl Into<Error>) -> Result<()> {
        let frozen = match &self.state {
            State::Waiting(frozen, _) | State::Ready(frozen, _) => *frozen,
            State::New(_) => return Err(Error::msg("the execution has not begun")),
            State::Ended => return Err(Error::msg(ENDED)),
        };
        self.state = State::Ready(frozen, Next::Error(error.into()));
        Ok(())
    }

    /// Ends the execution. A [`FunctionListener`](crate::FunctionListener) is told, other than if
    /// the execution is dropped.
    ///
    /// # Errors
    ///
    /// If `store` is another.
    pub fn cancel(&mut self, mut store: impl AsContextMut) -> Result<()> {
        let mut store = store.as_context_mut();
        let core = store.core_mut();
        core.check(self.store)?;
        let state = std::mem::replace(&mut self.state, State::Ended);
        let stack = self.stack.take();
        if let (State::Waiting(frozen, _) | State::Ready(frozen, _), Some(stack)) = (state, &stack)
        {
            // SAFETY: the guest was left there.
            let frames = unsafe {
                let top = stack.top() as usize;
                Frames::suspended(core, top, frozen.guest_sp)
            };
            let begun = frozen.exit != ExitCode::CHECK_ENTRY;
            if let Err(panic) = listener::abort(core, frames.skip(usize::from(!begun)), None) {
                std::panic::resume_unwind(panic);
            }
        }
        Ok(())
    }

    /// Whether the guest has returned or failed, or was cancelled.
    pub fn is_ended(&self) -> bool {
        matches!(self.state, State::Ended)
    }

    /// The types of the results that the guest waits for, if it does.
    pub fn awaited(&self) -> Option<&[ValType]> {
        match &self.state {
            State::Waiting(_, ty) => Some(ty.results()),
            _ => None,
        }
    }

    /// Where the guest is; without frames if it has not begun or has ended.
    ///
    /// # Panics
    ///
    /// If `store` is another.
    pub fn backtrace(&self, store: impl AsContext) -> WasmBacktrace {
        let store = store.as_context();
        store.core().assert(self.store);
        match (&self.state, &self.stack) {
            (State::Waiting(frozen, _) | State::Ready(frozen, _), Some(stack)) => {
                let top = stack.top() as usize;
                // SAFETY: the guest was left there.
                unsafe { Frames::suspended(store.core(), top, frozen.guest_sp) }.collect_backtrace()
            }
            _ => WasmBacktrace::new(Vec::new(), false),
        }
    }

    /// What the embedder is told.
    pub(crate) fn exit<T: 'static>(&self, store: &mut StoreContextMut<'_, T>, step: Step) -> Exit {
        match step {
            Step::Returned => Exit::Returned(self.results(store)),
            Step::HostCall(call) => Exit::HostCall(call),
            Step::HostError(error) => Exit::HostError(error),
            Step::Stopped(Stop::Interrupted) => Exit::Interrupted,
            Step::Stopped(Stop::OutOfFuel) => Exit::OutOfFuel,
            Step::Stopped(Stop::Yielded) => Exit::Yielded,
            Step::Failed(error) => Exit::Trap(error),
            Step::Future(..) => unreachable!("whoever starts futures waits for them"),
        }
    }

    /// The results, right after [`Step::Returned`].
    pub(crate) fn results<T: 'static>(&self, store: &mut StoreContextMut<'_, T>) -> Vec<Val> {
        let core = store.core_mut();
        let engine = core.machine.prepared();
        let types = self.ty.results();
        let mut values = Vec::with_capacity(types.len());
        // SAFETY: the function has just returned values of these types.
        unsafe {
            host::read_values(engine, Places::results(), types, |ty, cells| {
                values.push(Val::from_cells(ty, cells, core));
            });
        }
        values
    }

    /// The results, right after [`Step::Returned`], of a function whose type has been checked.
    pub(crate) fn typed<T: 'static, R: Values>(&self, store: &mut StoreContextMut<'_, T>) -> R {
        let core = store.core_mut();
        let engine = core.machine.prepared();
        // SAFETY: the function has just returned values of these types.
        unsafe { R::read::<true>(engine, core) }
    }

    /// # Errors
    ///
    /// If there is not one place for each result.
    pub(crate) fn check_results(&self, results: &[Val]) -> Result<()> {
        let expected = self.ty.results().len();
        if results.len() == expected {
            return Ok(());
        }
        Err(Error::msg(format!(
            "expected {expected} results, got {}",
            results.len()
        )))
    }

    /// Gives the results of the host function that the guest waits for.
    pub(crate) fn resume_cells(&mut self, cells: Cells) {
        let State::Waiting(frozen, ty) = &self.state else {
            unreachable!("only a guest that waits is given results");
        };
        self.state = State::Ready(*frozen, Next::Results(ty.clone(), cells));
    }

    /// The host function `func` that the guest waits for has failed.
    pub(crate) fn host_error(&self, core: &StoreCore, func: Func, mut error: Error) -> Step {
        if let (State::Waiting(frozen, _), Some(stack)) = (&self.state, &self.stack) {
            locate(core, &mut error, || {
                // SAFETY: the guest was left there.
                unsafe { Frames::suspended(core, stack.top() as usize, frozen.guest_sp) }
            });
        }
        Step::HostError(HostError { func, error })
    }

    /// Ends a suspended guest with an error, which is given back with what belongs to it.
    pub(crate) fn fail<T: 'static>(
        &mut self,
        store: &mut StoreContextMut<'_, T>,
        error: Error,
    ) -> Error {
        if let Err(error) = self.resume_with_error(error) {
            return error;
        }
        match self.step(store, Runner::Execution) {
            Ok(Step::Failed(error)) | Err(error) => error,
            Ok(_) => unreachable!("the guest was ended by an error"),
        }
    }

    /// Runs the guest to its next exit.
    ///
    /// # Errors
    ///
    /// As [`Self::run`].
    pub(crate) fn step<T: 'static>(
        &mut self,
        store: &mut StoreContextMut<'_, T>,
        runner: Runner,
    ) -> Result<Step> {
        store.core().check(self.store)?;
        match self.state {
            State::New(_) | State::Ready(..) => {}
            State::Waiting(..) => {
                return Err(Error::msg(
                    "the execution waits for the results of a host function",
                ));
            }
            State::Ended => return Err(Error::msg(ENDED)),
        }
        run::check_nested()?;
        let core = store.core_mut();
        core.machine.prepare(&core.engine)?;
        let engine = &core.engine;
        let stack = match self.stack.take() {
            Some(stack) => stack,
            None => ValueStack::new(engine.config().max_wasm_stack, engine.pool())?,
        };
        let state = std::mem::replace(&mut self.state, State::Ended);
        let run = Run {
            store: store.as_ptr(),
            func: self.func.record(),
            params: self.ty.params(),
            top: stack.top() as usize,
            runner,
        };
        // SAFETY: the store is borrowed, and the state is one that was left on this stack.
        let (step, state) = unsafe {
            let switched = Switched::new(run.store, &stack, runner);
            run.run(switched.engine(), state)
        };
        self.state = state;
        if !self.is_ended() {
            self.stack = Some(stack);
        }
        Ok(step)
    }
}

const ENDED: &str = "the execution has ended";

/// # Errors
///
/// If a value has another type, or belongs to another store.
pub(crate) fn to_cells(
    core: &mut StoreCore,
    types: &[ValType],
    values: &[Val],
    what: &str,
) -> Result<Cells> {
    let cells = values.iter().zip(types).map(|(value, &ty)| {
        value.check(ty, what)?;
        value.to_cells(core)
    });
    cells.collect()
}

impl fmt::Debug for Execution {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match &self.state {
            State::New(_) => "new",
            State::Waiting(..) => "waiting",
            State::Ready(..) => "ready",
            State::Ended => "ended",
        };
        f.debug_struct("Execution")
            .field("func", &self.func)
            .field("state", &state)
            .finish_non_exhaustive()
    }
}
