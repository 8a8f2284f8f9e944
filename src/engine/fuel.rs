//! Fuel: what a store's guests may yet spend.
//!
//! Compiled code holds it in a register, takes from it region by region, and leaves when there is
//! not enough; while the host runs, it is in the call engine. Operators whose cost depends on their operands are charged by the dispatcher.
#![allow(unsafe_code, reason = "compiled code and the store share the counter")]

use std::num::NonZeroU64;

use super::backtrace::CheckTag;
use super::caller::Caller;
use super::context::{StoreContext, StoreContextMut};
use super::machine::Machine;
use super::store::{Store, StoreCore, StoreInner};
use super::suspend::{Stop, Suspension, suspend_or_trap};
use super::{poison, run};
use crate::asm::abi::{CallEngine, ExitCode};
use crate::error::{Error, Result, Trap};

#[cold]
fn not_configured() -> Error {
    Error::msg("fuel needs `Config::consume_fuel`")
}

impl StoreCore {
    /// What `count` things of `size` bytes cost in bulk: nothing if nobody counts.
    pub(crate) fn bulk_cost(&self, count: u64, size: u64) -> u64 {
        let costs = self.engine.costs();
        costs.map_or(0, |costs| costs.table.bulk(count, size))
    }

    /// # Errors
    ///
    /// [`Trap::OutOfFuel`] if there is less; then nothing is taken.
    pub(crate) fn charge(&mut self, cost: u64) -> Result<(), Trap> {
        if cost == 0 {
            return Ok(());
        }
        self.machine.take(cost).ok_or(Trap::OutOfFuel)
    }

    /// Takes back a charge for what was not done.
    pub(crate) fn give_back(&mut self, cost: u64) {
        self.machine.set_at_hand(self.machine.at_hand() + cost);
    }

    fn get_fuel(&self) -> Result<u64> {
        self.metered()?;
        Ok(self.machine.fuel())
    }

    fn set_fuel(&mut self, fuel: u64) -> Result<()> {
        self.metered()?;
        self.machine.set_fuel(fuel);
        Ok(())
    }

    fn set_yield_interval(&mut self, interval: Option<u64>) -> Result<()> {
        self.metered()?;
        let new = interval.and_then(NonZeroU64::new);
        if interval.is_some() != new.is_some() {
            return Err(Error::msg("guests cannot yield every 0 units of fuel"));
        }
        self.machine.tank.interval = new;
        self.machine.set_fuel(self.machine.fuel());
        Ok(())
    }

    fn consume_fuel(&mut self, fuel: u64) -> Result<u64> {
        self.metered()?;
        self.charge(fuel)?;
        Ok(self.machine.fuel())
    }

    fn metered(&self) -> Result<()> {
        if self.engine.costs().is_some() {
            return Ok(());
        }
        Err(not_configured())
    }
}

/// Fuel that is not in the call engine. Guests see what is at hand there; when they need more than
/// that, they exit.
#[derive(Default)]
pub(crate) struct Tank {
    /// What is at hand before there is a call engine.
    pub(super) first: u64,
    /// What is not at hand: nothing, unless guests yield now and then.
    reserve: u64,
    /// How much is put at hand at a time.
    interval: Option<NonZeroU64>,
}

impl Machine {
    fn at_hand(&self) -> u64 {
        if self.state.is_null() {
            return self.tank.first;
        }
        // SAFETY: the type's invariants.
        unsafe { (*self.state).fuel }
    }

    fn set_at_hand(&mut self, fuel: u64) {
        if self.state.is_null() {
            self.tank.first = fuel;
        } else {
            // SAFETY: the type's invariants.
            unsafe { (*self.state).fuel = fuel };
        }
    }

    /// What guests may yet spend.
    fn fuel(&self) -> u64 {
        self.at_hand() + self.tank.reserve
    }

    fn set_fuel(&mut self, fuel: u64) {
        let interval = self.tank.interval.map_or(u64::MAX, NonZeroU64::get);
        let at_hand = fuel.min(interval);
        self.tank.reserve = fuel - at_hand;
        self.set_at_hand(at_hand);
    }

    /// `None` if there is less; then nothing is taken.
    fn take(&mut self, cost: u64) -> Option<()> {
        let at_hand = self.at_hand();
        let (left, more) = (at_hand.saturating_sub(cost), cost.saturating_sub(at_hand));
        self.tank.reserve = self.tank.reserve.checked_sub(more)?;
        self.set_at_hand(left);
        Some(())
    }

    /// Puts as many more intervals at hand as `cost` needs. Whether there was so much.
    fn refill(&mut self, cost: u64) -> bool {
        let at_hand = self.at_hand();
        let missing = cost.saturating_sub(at_hand);
        let Some(interval) = self.tank.interval else {
            return false;
        };
        if missing > self.tank.reserve {
            return false;
        }
        let more = missing.div_ceil(interval.get());
        let more = more.saturating_mul(interval.get()).min(self.tank.reserve);
        self.tank.reserve -= more;
        self.set_at_hand(at_hand + more);
        true
    }
}

/// Where the thunk that has just left keeps the fuel's register.
///
/// # Safety
///
/// `engine` is that of the store, and has left by an exit that is no trap.
unsafe fn saved(core: &StoreCore, engine: *const CallEngine) -> *mut u64 {
    // SAFETY: the caller's promise.
    unsafe {
        let thunks = core.engine.thunks();
        let at = match (*engine).exit {
            ExitCode::CHECK_LOOP | ExitCode::CHECK_ENTRY | ExitCode::CHECK_FUEL => {
                thunks.check_fuel
            }
            _ => thunks.exit_fuel,
        };
        (CheckTag::split((*engine).sps.guest).0 + at) as *mut u64
    }
}

/// As [`run::dispatch`], for code that has its fuel in a register.
///
/// # Safety
///
/// As [`run::dispatch`].
pub(crate) unsafe extern "C" fn dispatch<T: 'static, const POISON: bool>(
    engine: *mut CallEngine,
) -> u32 {
    // SAFETY: the caller's promises. What the host calls meanwhile lies below the frame.
    unsafe {
        let core = &raw const (*(*engine).store.cast::<StoreInner<T>>()).core;
        let saved = saved(&*core, engine);
        (*engine).fuel = *saved;
        let outcome = if POISON {
            poison::dispatch::<T>(engine)
        } else {
            run::dispatch::<T>(engine)
        };
        *saved = (*engine).fuel;
        outcome
    }
}

/// A suspended guest is about to go on: with the fuel that the store has now.
///
/// # Safety
///
/// `engine` is that of the store, and as the guest has left it.
pub(crate) unsafe fn go_on(core: &StoreCore, engine: *const CallEngine) {
    if core.engine.costs().is_some() {
        // SAFETY: the caller's promise; the frame is the guest's.
        unsafe { *saved(core, engine) = (*engine).fuel };
    }
}

/// Serves the exit of a region that could not pay: gives back what it took, and suspends the guest.
/// It may be that an interval of yields is over.
///
/// # Errors
///
/// [`Trap::OutOfFuel`], if there is no more fuel and the guest cannot be suspended.
///
/// # Safety
///
/// `engine` is that of the store, and has left by that exit.
pub(crate) unsafe fn serve_region(
    core: &mut StoreCore,
    engine: *mut CallEngine,
) -> Result<Option<Suspension>> {
    // SAFETY: the caller's promise. The function has taken its parameters.
    unsafe {
        let cost = u64::from((*engine).exit_arg);
        (*engine).fuel = (*engine).fuel.wrapping_add(cost);
        let stop = match core.machine.refill(cost) {
            true => Stop::Yielded,
            false => Stop::OutOfFuel,
        };
        suspend_or_trap(core, engine, stop, || {
            Suspension::Check(stop, Box::default())
        })
    }
}

/// What whoever has a store to read from says of fuel.
macro_rules! get_fuel {
    ($core:ident) => {
        /// The fuel that is left: what the guest may yet spend.
        ///
        /// # Errors
        ///
        /// Without [`Config::consume_fuel`](crate::Config::consume_fuel).
        pub fn get_fuel(&self) -> Result<u64> {
            self.$core().get_fuel()
        }
    };
}

/// What whoever has a store to change says of fuel.
macro_rules! change_fuel {
    () => {
        /// Sets the fuel that is left. A new store has none.
        ///
        /// # Errors
        ///
        /// Without [`Config::consume_fuel`](crate::Config::consume_fuel).
        pub fn set_fuel(&mut self, fuel: u64) -> Result<()> {
            self.fuel_core_mut().set_fuel(fuel)
        }

        /// Takes fuel, as for work that the host does for its guest, and gives what is left.
        ///
        /// # Errors
        ///
        /// [`Trap::OutOfFuel`] if there is less, and then nothing is taken; or without
        /// [`Config::consume_fuel`](crate::Config::consume_fuel).
        pub fn consume_fuel(&mut self, fuel: u64) -> Result<u64> {
            self.fuel_core_mut().consume_fuel(fuel)
        }

        /// Makes async calls ([`Func::call_async`](crate::Func::call_async) and its like) yield
        /// whenever the guest has spent so much fuel: the future is pending then, and has woken
        /// its task. `None`, the default: never. An [`Execution`](crate::Execution) that is run
        /// otherwise returns [`Exit::Yielded`](crate::Exit::Yielded); other calls go on.
        ///
        /// What guests spend is the same with any interval. They look at their fuel where they
        /// pay, so a yield is late by at most one run of operators that are executed one after the
        /// other; the next ones are not. What is paid at once, such as `memory.fill` of a large
        /// region, is done at once, and followed by one yield.
        ///
        /// # Errors
        ///
        /// If the interval is 0, or without
        /// [`Config::consume_fuel`](crate::Config::consume_fuel).
        pub fn fuel_async_yield_interval(&mut self, interval: Option<u64>) -> Result<()> {
            self.fuel_core_mut().set_yield_interval(interval)
        }
    };
}

impl<T: 'static> Store<T> {
    get_fuel!(fuel_core);
    change_fuel!();

    fn fuel_core(&self) -> &StoreCore {
        &self.inner().core
    }

    fn fuel_core_mut(&mut self) -> &mut StoreCore {
        &mut self.inner_mut().core
    }
}

impl<T: 'static> StoreContext<'_, T> {
    get_fuel!(core);
}

impl<T: 'static> StoreContextMut<'_, T> {
    get_fuel!(core);
    change_fuel!();

    fn fuel_core_mut(&mut self) -> &mut StoreCore {
        self.core_mut()
    }
}

impl<T: 'static> Caller<'_, T> {
    get_fuel!(fuel_core);
    change_fuel!();

    fn fuel_core(&self) -> &StoreCore {
        self.context().core()
    }

    fn fuel_core_mut(&mut self) -> &mut StoreCore {
        self.context_mut().core_mut()
    }
}
