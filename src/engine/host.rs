//! Host functions.
#![allow(
    private_interfaces,
    reason = "methods of sealed traits, which nobody outside can name"
)]
#![allow(
    unsafe_code,
    reason = "compiled code calls these with a raw call engine"
)]

use std::any::Any;
use std::mem::offset_of;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr::NonNull;
use std::sync::Arc;

use super::caller::Caller;
use super::context::StoreContextMut;
use super::engine::Engine;
use super::run::Failure;
use super::store::{StoreCore, StoreInner};
use super::suspend::{Runner, Suspension};
use super::values::Val;
use super::wasm_ty::sealed::Values;
use super::wasm_ty::{WasmRet, WasmTy, for_each_count, is_direct};
use crate::asm::abi::{
    Answer, CallEngine, Direct, DirectArg, ExitCode, Place, Places, REF_DIRECT, VmFuncRef,
};
use crate::error::{Context, Error, Result};
use crate::ir::types::{FuncType, ValType};

/// Head of a host function, which is all that compiled code and the dispatcher know of it.
#[repr(C)]
#[derive(Debug)]
pub(crate) struct HostFunc {
    /// First, so that a pointer to it is one to the whole.
    pub(crate) func_ref: VmFuncRef,
    /// For the thunk that calls it without the dispatcher.
    direct: Option<Direct>,
    /// Serves a call whose arguments are in the call engine: 0, or 1 if it failed.
    pub(crate) serve: unsafe extern "C" fn(*const HostFunc, *mut CallEngine) -> u32,
}

const _: () = assert!(offset_of!(HostFunc, direct) == REF_DIRECT as usize);

/// A host function.
///
/// # Invariants
///
/// `head.serve` and `head.direct` take a pointer to the head of a host function with this `F`, in a
/// store of the type of data that `F` was made for.
#[repr(C)]
pub(crate) struct HostFuncOf<F: ?Sized> {
    head: HostFunc,
    pub(super) f: F,
}

/// A host function with any closure.
pub(crate) type HostFuncHandle = Arc<HostFuncOf<dyn Any + Send + Sync>>;

// SAFETY: the record's pointers are the address of a thunk, and null.
unsafe impl<F: ?Sized + Send> Send for HostFuncOf<F> {}
// SAFETY: as above.
unsafe impl<F: ?Sized + Sync> Sync for HostFuncOf<F> {}

/// The address that references to the function hold.
pub(crate) fn func_ref(handle: &HostFuncHandle) -> NonNull<VmFuncRef> {
    // SAFETY: an `Arc` points to something.
    unsafe { NonNull::new_unchecked(Arc::as_ptr(handle).cast::<VmFuncRef>().cast_mut()) }
}

/// The engine's number of the function's signature.
pub(crate) fn sig(handle: &HostFuncHandle) -> u32 {
    handle.head.func_ref.sig
}

/// The code behind a host function of a type.
fn host_thunk(engine: &Engine, ty: &FuncType, direct: Option<Direct>) -> usize {
    let thunks = engine.thunks();
    let mut types = ty.params().iter().chain(ty.results());
    if direct.is_some() {
        thunks.host_call_direct
    } else if types.any(|ty| ty.is_float()) {
        thunks.host_call
    } else {
        thunks.host_call_ints
    }
}

impl<F: Send + Sync + 'static> HostFuncOf<F> {
    pub(super) fn new(
        engine: &Engine,
        ty: &FuncType,
        serve: unsafe extern "C" fn(*const HostFunc, *mut CallEngine) -> u32,
        f: F,
    ) -> HostFuncHandle {
        Self::with_direct(engine, ty, serve, None, f)
    }

    /// `direct` serves the calls that no dispatcher need see.
    fn with_direct(
        engine: &Engine,
        ty: &FuncType,
        serve: unsafe extern "C" fn(*const HostFunc, *mut CallEngine) -> u32,
        direct: Option<Direct>,
        f: F,
    ) -> HostFuncHandle {
        Arc::new(Self {
            head: HostFunc {
                func_ref: VmFuncRef {
                    code: host_thunk(engine, ty, direct),
                    instance: std::ptr::null_mut(),
                    sig: engine.sig(ty),
                    index: 0,
                },
                direct,
                serve,
            },
            f,
        })
    }
}

/// Runs the body of a host function, and keeps what goes wrong for the host.
///
/// # Safety
///
/// `engine` is that of a store of `T`.
#[inline]
pub(super) unsafe fn guarded<T: 'static>(
    engine: *mut CallEngine,
    body: impl FnOnce() -> Result<()>,
) -> u32 {
    let failure = match catch_unwind(AssertUnwindSafe(body)) {
        Ok(Ok(())) => return 0,
        Ok(Err(error)) => Failure::Error(error),
        Err(panic) => Failure::Panic(panic),
    };
    // SAFETY: the body has ended, so nothing else refers to the store. The guest may have run
    // meanwhile, and have changed the status.
    unsafe {
        (*(*engine).store.cast::<StoreInner<T>>()).core.failure = Some(failure);
        (*engine).exit = ExitCode::HOST_CALL;
    }
    1
}

/// Serves calls of a suspending host function: its results come from whoever runs the execution.
///
/// # Safety
///
/// `host` is the head of a `HostFuncOf<Name>`, and `engine` belongs to a store.
unsafe extern "C" fn serve_suspending(host: *const HostFunc, engine: *mut CallEngine) -> u32 {
    // SAFETY: the caller's promises; the core is the head of a store.
    unsafe {
        let core = &mut *(*engine).store.cast::<StoreCore>();
        if Runner::of(core, engine) == Runner::Call {
            core.failure = Some(Failure::Error(Error::msg(
                "a suspending host function was called where the guest cannot be suspended",
            )));
        } else {
            core.suspension = Some(Suspension::Results(NonNull::new_unchecked(host.cast_mut())));
        }
    }
    1
}

/// What a suspending host function is called: by module and name.
pub(crate) type Name = (Arc<str>, Arc<str>);

/// A host function whose results come from whoever runs the execution.
pub(crate) fn suspending(engine: &Engine, ty: &FuncType, name: Name) -> HostFuncHandle {
    HostFuncOf::new(engine, ty, serve_suspending, name)
}

/// The name of a suspending host function.
///
/// # Safety
///
/// `host` is the head of one.
pub(crate) unsafe fn name(host: NonNull<HostFunc>) -> Name {
    // SAFETY: the caller's promise.
    unsafe { (*host.cast::<HostFuncOf<Name>>().as_ptr()).f.clone() }
}

/// Serves calls of a typed host function.
///
/// # Safety
///
/// `host` is the head of a `HostFuncOf<F>`, and `engine` belongs to a store of `T` and holds
/// arguments of types `P`.
unsafe extern "C" fn serve_typed<T, P, R, F>(host: *const HostFunc, engine: *mut CallEngine) -> u32
where
    T: 'static,
    P: Values,
    R: WasmRet,
    F: Fn(Caller<'_, T>, P) -> R + 'static,
{
    // SAFETY: the caller's promises.
    unsafe {
        let store = NonNull::new_unchecked((*engine).store.cast::<StoreInner<T>>());
        let f = &(*host.cast::<HostFuncOf<F>>()).f;
        guarded::<T>(engine, || {
            let params = P::read::<false>(engine, &(*store.as_ptr()).core);
            let context = StoreContextMut::from_raw(store);
            let results = f(Caller::new(context, (*engine).instance), params).into_values()?;
            results.write::<true>(engine, &mut (*store.as_ptr()).core)
        })
    }
}

/// Serves calls of a typed host function, without the dispatcher.
///
/// # Safety
///
/// As [`serve_typed`], but for the arguments; it is one for which [`is_direct`] says yes.
unsafe extern "C" fn serve_direct<T, P, R, F>(
    host: *const VmFuncRef,
    engine: *mut CallEngine,
    c: DirectArg,
    b: DirectArg,
    a: DirectArg,
) -> Answer
where
    T: 'static,
    P: Values,
    R: WasmRet,
    F: Fn(Caller<'_, T>, P) -> R + 'static,
{
    let mut value = 0;
    // SAFETY: the caller's promises.
    let left = unsafe {
        let store = NonNull::new_unchecked((*engine).store.cast::<StoreInner<T>>());
        let f = &(*host.cast::<HostFuncOf<F>>()).f;
        guarded::<T>(engine, || {
            let params = P::from_direct([a, b, c], &(*store.as_ptr()).core);
            let context = StoreContextMut::from_raw(store);
            let results = f(Caller::new(context, (*engine).instance), params).into_values()?;
            if const { !R::Values::TYPES.is_empty() } {
                value = results.to_direct(&mut (*store.as_ptr()).core)?[0].assume_init();
            }
            Ok(())
        })
    };
    Answer {
        value,
        left: left.into(),
    }
}

/// A closure that takes dynamic values, and its type.
struct Dynamic<F> {
    ty: FuncType,
    f: F,
}

/// Serves calls of a dynamic host function.
///
/// # Safety
///
/// `host` is the head of a `HostFuncOf<Dynamic<F>>`, and `engine` belongs to a store of `T` and
/// holds arguments of its parameters' types.
unsafe extern "C" fn serve_dynamic<T, F>(host: *const HostFunc, engine: *mut CallEngine) -> u32
where
    T: 'static,
    F: Fn(Caller<'_, T>, &[Val], &mut [Val]) -> Result<()> + 'static,
{
    // SAFETY: the caller's promises.
    unsafe {
        let store = NonNull::new_unchecked((*engine).store.cast::<StoreInner<T>>());
        let Dynamic { ty, f } = &(*host.cast::<HostFuncOf<Dynamic<F>>>()).f;
        guarded::<T>(engine, || {
            let core = &mut (*store.as_ptr()).core;
            let mut values = Vec::with_capacity(ty.params().len() + ty.results().len());
            read_values(engine, Places::params(), ty.params(), |ty, cells| {
                values.push(Val::from_cells(ty, cells, core));
            });
            values.extend(ty.results().iter().map(|&ty| Val::default_for_ty(ty)));
            let (params, results) = values.split_at_mut(ty.params().len());
            let context = StoreContextMut::from_raw(store);
            f(Caller::new(context, (*engine).instance), params, results)?;
            let core = &mut (*store.as_ptr()).core;
            for (value, &ty) in results.iter().zip(ty.results()) {
                value
                    .check(ty, "a result")
                    .context("function attempted to return an incompatible value")?;
            }
            write_values(engine, Places::results(), ty.results(), |n| {
                results[n].to_cells(core)
            })
        })
    }
}

/// Reads values of the given types from their places.
///
/// # Safety
///
/// `engine` can be read.
pub(crate) unsafe fn read_values(
    engine: *const CallEngine,
    mut places: Places,
    types: &[ValType],
    mut each: impl FnMut(ValType, [u64; 2]),
) {
    for &ty in types {
        // SAFETY: the caller's promise; places are within their arrays.
        let cells = unsafe {
            match places.next(ty) {
                Place::Int(n) => [(*engine).ints[n], 0],
                Place::Float(n) => (*engine).floats[n],
                Place::More(n) if ty.cells() == 2 => [
                    (*engine).more[n].assume_init(),
                    (*engine).more[n + 1].assume_init(),
                ],
                Place::More(n) => [(*engine).more[n].assume_init(), 0],
            }
        };
        each(ty, cells);
    }
}

/// Writes values of the given types to their places.
///
/// # Errors
///
/// Those of `value`.
///
/// # Safety
///
/// `engine` can be written.
pub(crate) unsafe fn write_values(
    engine: *mut CallEngine,
    mut places: Places,
    types: &[ValType],
    mut value: impl FnMut(usize) -> Result<[u64; 2]>,
) -> Result<()> {
    for (n, &ty) in types.iter().enumerate() {
        let cells = value(n)?;
        // SAFETY: the caller's promise; places are within their arrays.
        unsafe {
            match places.next(ty) {
                Place::Int(n) => (*engine).ints[n] = cells[0],
                Place::Float(n) => (*engine).floats[n] = cells,
                Place::More(n) => {
                    (*engine).more[n].write(cells[0]);
                    if ty.cells() == 2 {
                        (*engine).more[n + 1].write(cells[1]);
                    }
                }
            }
        }
    }
    Ok(())
}

/// A host function of a dynamic type.
pub(crate) fn dynamic<T: 'static>(
    engine: &Engine,
    ty: FuncType,
    f: impl Fn(Caller<'_, T>, &[Val], &mut [Val]) -> Result<()> + Send + Sync + 'static,
) -> HostFuncHandle {
    fn make<T: 'static, F>(engine: &Engine, ty: FuncType, f: F) -> HostFuncHandle
    where
        F: Fn(Caller<'_, T>, &[Val], &mut [Val]) -> Result<()> + Send + Sync + 'static,
    {
        let serve = serve_dynamic::<T, F>;
        HostFuncOf::new(engine, &ty.clone(), serve, Dynamic { ty, f })
    }
    make(engine, ty, f)
}

/// A host function whose type is that of a closure over a tuple.
fn typed<T, P, R, F>(engine: &Engine, f: F) -> HostFuncHandle
where
    T: 'static,
    P: Values,
    R: WasmRet,
    F: Fn(Caller<'_, T>, P) -> R + Send + Sync + 'static,
{
    let ty = FuncType::new(
        P::TYPES.iter().copied(),
        <R::Values as Values>::TYPES.iter().copied(),
    );
    let direct: Option<Direct> = if const { is_direct::<P, R::Values>() } {
        Some(serve_direct::<T, P, R, F>)
    } else {
        None
    };
    HostFuncOf::with_direct(engine, &ty, serve_typed::<T, P, R, F>, direct, f)
}

/// A closure that can be a host function: of up to 16 [`WasmTy`] parameters, with a [`Caller`]
/// before them or without, that returns a [`WasmRet`].
pub trait IntoFunc<T, Params, Results>: sealed::IntoHostFunc<T, Params, Results> {}

mod sealed {
    use super::{Engine, HostFuncHandle};

    pub trait IntoHostFunc<T, Params, Results>: Send + Sync + 'static {
        fn into_host_func(self, engine: &Engine) -> HostFuncHandle;
    }
}

pub(crate) use sealed::IntoHostFunc;

impl<T, P, R, F: IntoHostFunc<T, P, R>> IntoFunc<T, P, R> for F {}

macro_rules! closures {
    ($count:literal: $($name:ident $n:tt)*) => {
        #[allow(unused_variables, reason = "the empty list")]
        impl<T, F, R, $($name),*> IntoHostFunc<T, (Caller<'_, T>, $($name,)*), R> for F
        where
            T: 'static,
            F: Fn(Caller<'_, T>, $($name),*) -> R + Send + Sync + 'static,
            R: WasmRet,
            $($name: WasmTy,)*
        {
            fn into_host_func(self, engine: &Engine) -> HostFuncHandle {
                typed::<T, ($($name,)*), R, _>(engine, move |caller: Caller<'_, T>, params: ($($name,)*)| {
                    self(caller, $(params.$n),*)
                })
            }
        }

        #[allow(unused_variables, reason = "the empty list")]
        impl<T, F, R, $($name),*> IntoHostFunc<T, ($($name,)*), R> for F
        where
            T: 'static,
            F: Fn($($name),*) -> R + Send + Sync + 'static,
            R: WasmRet,
            $($name: WasmTy,)*
        {
            fn into_host_func(self, engine: &Engine) -> HostFuncHandle {
                typed::<T, ($($name,)*), R, _>(engine, move |_: Caller<'_, T>, params: ($($name,)*)| {
                    self($(params.$n),*)
                })
            }
        }
    };
}

for_each_count!(closures);
