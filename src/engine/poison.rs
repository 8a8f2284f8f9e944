//! Poison mode: what compiled code may not rely on is rubbish.
#![allow(unsafe_code, reason = "is entered from compiled code")]

use super::builtins;
use super::host::{read_values, write_values};
use super::run;
use super::store::{StoreCore, StoreInner};
use crate::asm::abi::{CallEngine, ExitCode, Places};
use crate::ir::types::ValType;

/// Fills the upper half of an `i32`.
const RUBBISH: u64 = 0xdead_beef << 32;

/// Writes the results of a host function, and in poison mode rubbish beside them.
///
/// # Safety
///
/// `engine` can be written, and the cells are values of these types.
pub(super) unsafe fn write_results(
    core: &StoreCore,
    engine: *mut CallEngine,
    types: &[ValType],
    cells: &[[u64; 2]],
) {
    let poison = core.engine.config().poison;
    // SAFETY: the caller's promises.
    let written = unsafe {
        write_values(engine, Places::results(), types, |n| {
            let [low, high] = cells[n];
            let rubbish = if poison && types[n] == ValType::I32 {
                RUBBISH
            } else {
                0
            };
            Ok([low | rubbish, high])
        })
    };
    debug_assert!(written.is_ok());
}

/// As [`run::dispatch`], and fills the upper halves of 32-bit results with rubbish.
///
/// # Safety
///
/// As [`run::dispatch`].
pub(super) unsafe extern "C" fn dispatch<T: 'static>(engine: *mut CallEngine) -> u32 {
    // SAFETY: the caller's promises.
    unsafe {
        let callee = (*engine).callee;
        let (exit, exit_arg) = ((*engine).exit, (*engine).exit_arg);
        let outcome = run::dispatch::<T>(engine);
        if outcome != 0 {
            return outcome;
        }
        if exit == ExitCode::BUILTIN {
            if builtins::gives_i32(exit_arg) {
                (*engine).ints[0] |= RUBBISH;
            }
        } else if exit == ExitCode::HOST_CALL {
            let core = &(*(*engine).store.cast::<StoreInner<T>>()).core;
            let ty = core.engine.sig_type((*callee).sig);
            let mut cells = Vec::new();
            read_values(engine, Places::results(), ty.results(), |_, value| {
                cells.push(value);
            });
            write_results(core, engine, ty.results(), &cells);
        }
        outcome
    }
}
