//! Rust types that stand for wasm values, and how lists of them travel.
#![allow(
    private_interfaces,
    reason = "methods of sealed traits, which nobody outside can name"
)]
#![allow(
    unsafe_code,
    reason = "reads and writes the call engine, and references as compiled code holds them"
)]

use super::externref::ExternRef;
use super::func::Func;
use super::store::StoreCore;
use crate::asm::abi::{CallEngine, DIRECT_ARGS, DirectArg, Place, Places};
use crate::error::{Error, Result};
use crate::ir::types::ValType;

/// A Rust type that stands for a wasm type: `i32`, `u32`, `i64`, `u64`, `f32`, `f64`,
/// `Option<Func>` and `Option<ExternRef>`.
pub trait WasmTy: sealed::Bits {}

/// Parameters of a typed function: a [`WasmTy`], or a tuple of up to 16.
pub trait WasmParams: sealed::Values {}

/// Results of a typed function: a [`WasmTy`], or a tuple of up to 16.
pub trait WasmResults: sealed::Values {}

/// What a host function returns: [`WasmResults`], or a [`Result`](crate::Result) of them.
pub trait WasmRet: sealed::IntoValues {}

impl<V: sealed::Values> WasmParams for V {}
impl<V: sealed::Values> WasmResults for V {}
impl<V: sealed::IntoValues> WasmRet for V {}

pub(crate) mod sealed {
    use super::{CallEngine, DIRECT_ARGS, DirectArg, Error, Result, StoreCore, ValType};

    pub trait Bits: Send + Sized + 'static {
        const TYPE: ValType;

        /// The value as compiled code holds it.
        ///
        /// # Errors
        ///
        /// If it is a function of another store.
        fn to_bits(self, store: &mut StoreCore) -> Result<u64>;

        /// # Safety
        ///
        /// `bits` are a value of this type of the store; the upper half of a 32-bit one may be
        /// anything.
        unsafe fn from_bits(bits: u64, store: &StoreCore) -> Self;
    }

    /// A list of values.
    pub trait Values: Sized + 'static {
        const TYPES: &'static [ValType];

        /// Whether none travels in a float register.
        const INTS: bool;

        /// The values where they are to travel in registers, between host and guest too.
        ///
        /// # Errors
        ///
        /// As `write`.
        ///
        /// # Panics
        ///
        /// If there are more than [`DIRECT_ARGS`].
        fn to_direct(self, store: &mut StoreCore) -> Result<[DirectArg; DIRECT_ARGS]>;

        /// Undoes [`Values::to_direct`].
        ///
        /// # Panics
        ///
        /// If there are more than [`DIRECT_ARGS`].
        ///
        /// # Safety
        ///
        /// They are values of these types of the store.
        unsafe fn from_direct(values: [DirectArg; DIRECT_ARGS], store: &StoreCore) -> Self;

        /// Writes the values where parameters, or `RESULTS`, travel.
        ///
        /// # Errors
        ///
        /// If one is a function of another store.
        ///
        /// # Safety
        ///
        /// `engine` can be written.
        unsafe fn write<const RESULTS: bool>(
            self,
            engine: *mut CallEngine,
            store: &mut StoreCore,
        ) -> Result<()>;

        /// The values, a cell each as compiled code holds them.
        ///
        /// # Errors
        ///
        /// As `write`.
        fn into_cells(self, store: &mut StoreCore) -> Result<Vec<[u64; 2]>>;

        /// Reads values from where parameters, or `RESULTS`, travel.
        ///
        /// # Safety
        ///
        /// `engine` can be read, and holds values of these types of the store there.
        unsafe fn read<const RESULTS: bool>(engine: *const CallEngine, store: &StoreCore) -> Self;
    }

    pub trait IntoValues {
        type Values: Values;

        fn into_values(self) -> Result<Self::Values>;
    }

    impl<V: Values> IntoValues for V {
        type Values = V;

        #[inline]
        fn into_values(self) -> Result<V> {
            Ok(self)
        }
    }

    impl<V: Values> IntoValues for Result<V, Error> {
        type Values = V;

        #[inline]
        fn into_values(self) -> Result<V> {
            self
        }
    }
}

use sealed::{Bits, Values};

macro_rules! numbers {
    ($($ty:ty: $wasm:ident, |$v:ident| $to:expr, |$bits:ident| $from:expr;)*) => {$(
        impl WasmTy for $ty {}

        impl Bits for $ty {
            const TYPE: ValType = ValType::$wasm;

            #[inline]
            fn to_bits(self, _: &mut StoreCore) -> Result<u64> {
                let $v = self;
                Ok($to)
            }

            #[inline]
            unsafe fn from_bits($bits: u64, _: &StoreCore) -> Self {
                $from
            }
        }
    )*};
}

numbers! {
    i32: I32, |v| u64::from(v.cast_unsigned()), |bits| bits as i32;
    u32: I32, |v| u64::from(v), |bits| bits as u32;
    i64: I64, |v| v.cast_unsigned(), |bits| bits.cast_signed();
    u64: I64, |v| v, |bits| bits;
    f32: F32, |v| u64::from(v.to_bits()), |bits| f32::from_bits(bits as u32);
    f64: F64, |v| v.to_bits(), |bits| f64::from_bits(bits);
}

impl WasmTy for Option<Func> {}

impl Bits for Option<Func> {
    const TYPE: ValType = ValType::FuncRef;

    fn to_bits(self, store: &mut StoreCore) -> Result<u64> {
        Func::to_bits(self, store)
    }

    unsafe fn from_bits(bits: u64, store: &StoreCore) -> Self {
        // SAFETY: the caller's promise.
        unsafe { Func::from_bits(bits, store) }
    }
}

impl WasmTy for Option<ExternRef> {}

impl Bits for Option<ExternRef> {
    const TYPE: ValType = ValType::ExternRef;

    fn to_bits(self, store: &mut StoreCore) -> Result<u64> {
        Ok(store.externs.handle(self.as_ref()))
    }

    unsafe fn from_bits(bits: u64, store: &StoreCore) -> Self {
        store.externs.get(bits)
    }
}

/// Whether calls with these parameters and results keep them in registers; see
/// [`Thunks::enter_direct`](crate::asm::abi::Thunks::enter_direct).
pub(crate) const fn is_direct<P: Values, R: Values>() -> bool {
    P::INTS && P::TYPES.len() <= DIRECT_ARGS && R::INTS && R::TYPES.len() <= 1
}

/// Where values of these types travel.
const fn places<const N: usize>(types: [ValType; N], results: bool) -> [Place; N] {
    let mut next = if results {
        Places::results()
    } else {
        Places::params()
    };
    let mut places = [Place::More(0); N];
    let mut i = 0;
    while i < N {
        places[i] = next.next(types[i]);
        i += 1;
    }
    places
}

/// Writes the bits of a value other than a vector. The upper half of a float's cell stays as it
/// is.
///
/// # Safety
///
/// `engine` can be written.
#[inline]
pub(crate) unsafe fn write_bits(engine: *mut CallEngine, place: Place, bits: u64) {
    // SAFETY: the caller's promise; a place is within its array.
    unsafe {
        match place {
            // Volatile, or the compiler stores less than the thunk loads where it knows the rest
            // to be there: such a load waits until the stores have left the core's buffer.
            Place::Int(n) => (&raw mut (*engine).ints[n]).write_volatile(bits),
            Place::Float(n) => write_float(&raw mut (*engine).floats[n], bits),
            Place::More(n) => {
                (*engine).more[n].write(bits);
            }
        }
    }
}

/// Writes a whole cell in one store, as thunks load it in one load.
///
/// # Safety
///
/// `cell` can be written.
#[inline]
unsafe fn write_float(cell: *mut [u64; 2], bits: u64) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: the caller's promise; cells are aligned to 16 bytes.
    unsafe {
        use std::arch::x86_64::{__m128i, _mm_set_epi64x, _mm_store_si128};
        _mm_store_si128(cell.cast::<__m128i>(), _mm_set_epi64x(0, bits as i64));
    }
    #[cfg(not(target_arch = "x86_64"))]
    // SAFETY: the caller's promise.
    unsafe {
        *cell = [bits, 0];
    }
}

/// Reads the bits of a value other than a vector.
///
/// # Safety
///
/// `engine` can be read.
#[inline]
pub(crate) unsafe fn read_bits(engine: *const CallEngine, place: Place) -> u64 {
    // SAFETY: the caller's promise; a place is within its array.
    unsafe {
        match place {
            Place::Int(n) => (*engine).ints[n],
            Place::Float(n) => (*engine).floats[n][0],
            Place::More(n) => (*engine).more[n].assume_init(),
        }
    }
}

impl<A: WasmTy> Values for A {
    const TYPES: &'static [ValType] = &[A::TYPE];
    const INTS: bool = !A::TYPE.is_float();

    #[inline]
    fn to_direct(self, store: &mut StoreCore) -> Result<[DirectArg; DIRECT_ARGS]> {
        (self,).to_direct(store)
    }

    #[inline]
    unsafe fn from_direct(values: [DirectArg; DIRECT_ARGS], store: &StoreCore) -> Self {
        // SAFETY: the caller's promise.
        unsafe { <(A,)>::from_direct(values, store).0 }
    }

    #[inline]
    unsafe fn write<const RESULTS: bool>(
        self,
        engine: *mut CallEngine,
        store: &mut StoreCore,
    ) -> Result<()> {
        // SAFETY: the caller's promise.
        unsafe { (self,).write::<RESULTS>(engine, store) }
    }

    fn into_cells(self, store: &mut StoreCore) -> Result<Vec<[u64; 2]>> {
        (self,).into_cells(store)
    }

    #[inline]
    unsafe fn read<const RESULTS: bool>(engine: *const CallEngine, store: &StoreCore) -> Self {
        // SAFETY: the caller's promise.
        unsafe { <(A,)>::read::<RESULTS>(engine, store).0 }
    }
}

macro_rules! tuples {
    ($count:literal: $($name:ident $n:tt)*) => {
        #[allow(unused_variables, reason = "the empty list")]
        impl<$($name: WasmTy),*> Values for ($($name,)*) {
            const TYPES: &'static [ValType] = &[$($name::TYPE),*];
            const INTS: bool = true $(&& !$name::TYPE.is_float())*;

            #[inline]
            fn to_direct(self, store: &mut StoreCore) -> Result<[DirectArg; DIRECT_ARGS]> {
                let mut values = [DirectArg::uninit(); DIRECT_ARGS];
                let slots: &mut [DirectArg] = &mut values;
                $(slots[$n].write(self.$n.to_bits(store)?);)*
                Ok(values)
            }

            #[inline]
            #[allow(clippy::unused_unit, reason = "the empty list")]
            unsafe fn from_direct(values: [DirectArg; DIRECT_ARGS], store: &StoreCore) -> Self {
                // SAFETY: the caller's promise.
                ($(unsafe { $name::from_bits(values.as_slice()[$n].assume_init(), store) },)*)
            }

            #[inline]
            unsafe fn write<const RESULTS: bool>(
                self,
                engine: *mut CallEngine,
                store: &mut StoreCore,
            ) -> Result<()> {
                let places = const { places::<$count>([$($name::TYPE),*], RESULTS) };
                // SAFETY: the caller's promise.
                $(unsafe { write_bits(engine, places[$n], self.$n.to_bits(store)?) };)*
                Ok(())
            }

            fn into_cells(self, store: &mut StoreCore) -> Result<Vec<[u64; 2]>> {
                Ok(vec![$([self.$n.to_bits(store)?, 0]),*])
            }

            #[inline]
            #[allow(clippy::unused_unit, reason = "the empty list")]
            unsafe fn read<const RESULTS: bool>(
                engine: *const CallEngine,
                store: &StoreCore,
            ) -> Self {
                let places = const { places::<$count>([$($name::TYPE),*], RESULTS) };
                // SAFETY: the caller's promise.
                ($(unsafe { $name::from_bits(read_bits(engine, places[$n]), store) },)*)
            }
        }
    };
}

/// Calls a macro once for each number of values that functions may have.
macro_rules! for_each_count {
    ($macro:ident) => {
        $macro!(0:);
        $macro!(1: A0 0);
        $macro!(2: A0 0 A1 1);
        $macro!(3: A0 0 A1 1 A2 2);
        $macro!(4: A0 0 A1 1 A2 2 A3 3);
        $macro!(5: A0 0 A1 1 A2 2 A3 3 A4 4);
        $macro!(6: A0 0 A1 1 A2 2 A3 3 A4 4 A5 5);
        $macro!(7: A0 0 A1 1 A2 2 A3 3 A4 4 A5 5 A6 6);
        $macro!(8: A0 0 A1 1 A2 2 A3 3 A4 4 A5 5 A6 6 A7 7);
        $macro!(9: A0 0 A1 1 A2 2 A3 3 A4 4 A5 5 A6 6 A7 7 A8 8);
        $macro!(10: A0 0 A1 1 A2 2 A3 3 A4 4 A5 5 A6 6 A7 7 A8 8 A9 9);
        $macro!(11: A0 0 A1 1 A2 2 A3 3 A4 4 A5 5 A6 6 A7 7 A8 8 A9 9 A10 10);
        $macro!(12: A0 0 A1 1 A2 2 A3 3 A4 4 A5 5 A6 6 A7 7 A8 8 A9 9 A10 10 A11 11);
        $macro!(13: A0 0 A1 1 A2 2 A3 3 A4 4 A5 5 A6 6 A7 7 A8 8 A9 9 A10 10 A11 11 A12 12);
        $macro!(14: A0 0 A1 1 A2 2 A3 3 A4 4 A5 5 A6 6 A7 7 A8 8 A9 9 A10 10 A11 11 A12 12
            A13 13);
        $macro!(15: A0 0 A1 1 A2 2 A3 3 A4 4 A5 5 A6 6 A7 7 A8 8 A9 9 A10 10 A11 11 A12 12
            A13 13 A14 14);
        $macro!(16: A0 0 A1 1 A2 2 A3 3 A4 4 A5 5 A6 6 A7 7 A8 8 A9 9 A10 10 A11 11 A12 12
            A13 13 A14 14 A15 15);
    };
}

for_each_count!(tuples);
pub(crate) use for_each_count;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_of_results_run_out_first() {
        let types = [ValType::I32; 3];
        assert_eq!(
            places(types, true),
            [Place::Int(0), Place::Int(1), Place::More(0)]
        );
        assert_eq!(places(types, false)[2], Place::Int(2));
        assert_eq!(
            places([ValType::F32, ValType::I64, ValType::F64], true),
            [Place::Float(0), Place::Int(0), Place::Float(1)]
        );
    }
}
