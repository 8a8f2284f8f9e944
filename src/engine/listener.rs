//! Reports of guest calls to the host.
#![allow(unsafe_code, reason = "reads arguments from the call engine")]

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::backtrace::Frame;
use super::host::read_values;
use super::store::StoreCore;
use super::values::Val;
use crate::asm::abi::{CallEngine, ExitCode, Places};
use crate::error::{Error, Result};
use crate::ir::module::ModuleInfo;
use crate::ir::types::{FuncIdx, FuncType};

/// Is told of calls of guest functions; see
/// [`Config::function_listener`](crate::Config::function_listener).
///
/// Every `before` is followed by one `after` or `abort` of the same function, unless an
/// [`Execution`](crate::Execution) is dropped in between.
pub trait FunctionListener: Send + Sync + 'static {
    /// Whether calls of `func` are reported. Asked once per function, when its module is compiled.
    fn listens(&self, func: &ListenedFunc<'_>) -> bool {
        let _ = func;
        true
    }

    /// `func` begins.
    fn before(&self, func: &ListenedFunc<'_>, params: &[Val]);

    /// `func` returns.
    fn after(&self, func: &ListenedFunc<'_>, results: &[Val]);

    /// `func` is ended by a trap, or by an error or panic of a host function, or its execution is
    /// cancelled (`None` for a panic and for that).
    fn abort(&self, func: &ListenedFunc<'_>, error: Option<&Error>);
}

/// A guest function that a [`FunctionListener`] is told of.
#[derive(Clone, Copy, Debug)]
pub struct ListenedFunc<'a> {
    pub(crate) info: &'a ModuleInfo,
    pub(crate) func: FuncIdx,
}

impl<'a> ListenedFunc<'a> {
    /// Name of the function's module, from the name section.
    pub fn module_name(&self) -> Option<&'a str> {
        self.info.name.as_deref()
    }

    /// Index of the function in its module.
    pub fn index(&self) -> u32 {
        self.func.0
    }

    /// Name of the function, from the name section.
    pub fn name(&self) -> Option<&'a str> {
        self.info.func_name(self.func)
    }

    /// Type of the function.
    pub fn ty(&self) -> &'a FuncType {
        self.info.func_type(self.func)
    }
}

/// Serves an exit to the listener.
///
/// # Safety
///
/// A listener thunk of `engine` has just left.
pub(crate) unsafe fn serve(core: &StoreCore, engine: &CallEngine) -> Result<()> {
    let Some(listener) = &core.engine.config().listener else {
        return Ok(());
    };
    // SAFETY: the current instance is one of the store's.
    let instance = unsafe { (*engine.instance).data } as usize;
    let info = &core.instances[instance].module.info;
    let func = ListenedFunc {
        info,
        func: FuncIdx(engine.exit_arg),
    };
    let before = engine.exit == ExitCode::LISTENER_BEFORE;
    let (places, types) = if before {
        (Places::params(), func.ty().params())
    } else {
        (Places::results(), func.ty().results())
    };
    let mut values = Vec::with_capacity(types.len());
    // SAFETY: the thunk has stored all registers that carry values of these types.
    unsafe {
        read_values(engine, places, types, |ty, cells| {
            values.push(Val::from_cells(ty, cells, core));
        });
    }
    if before {
        listener.before(&func, &values);
    } else {
        listener.after(&func, &values);
    }
    Ok(())
}

/// Tells the listener of the calls that are ended.
///
/// # Errors
///
/// If the listener panics.
pub(crate) fn abort<'a>(
    core: &'a StoreCore,
    frames: impl Iterator<Item = Frame<'a>>,
    error: Option<&Error>,
) -> Result<(), Box<dyn Any + Send>> {
    let Some(listener) = &core.engine.config().listener else {
        return Ok(());
    };
    catch_unwind(AssertUnwindSafe(|| {
        for frame in frames {
            if frame.module.listened[frame.func.index()] {
                let info = &frame.module.info;
                let func = ListenedFunc {
                    info,
                    func: frame.func,
                };
                listener.abort(&func, error);
            }
        }
    }))
}
