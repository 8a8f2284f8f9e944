//! Values whose types are known at run time.
#![allow(
    unsafe_code,
    reason = "reads references that compiled code holds as addresses"
)]

use super::externref::ExternRef;
use super::func::Func;
use super::store::StoreCore;
use crate::error::{Error, Result};
use crate::ir::types::ValType;

/// A 128-bit vector.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(transparent)]
pub struct V128([u8; 16]);

impl V128 {
    /// The bits as an integer, lane 0 lowest.
    pub fn as_u128(self) -> u128 {
        u128::from_le_bytes(self.0)
    }
}

impl From<u128> for V128 {
    fn from(bits: u128) -> Self {
        Self(bits.to_le_bytes())
    }
}

impl From<V128> for u128 {
    fn from(value: V128) -> Self {
        value.as_u128()
    }
}

/// A value of any type.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Val {
    /// 32-bit integer.
    I32(i32),
    /// 64-bit integer.
    I64(i64),
    /// Bits of a 32-bit float: `f32::to_bits`.
    F32(u32),
    /// Bits of a 64-bit float: `f64::to_bits`.
    F64(u64),
    /// Vector.
    V128(V128),
    /// Reference to a function, or null.
    FuncRef(Option<Func>),
    /// Reference to a host value, or null.
    ExternRef(Option<ExternRef>),
}

macro_rules! accessors {
    ($($variant:ident($arg:ident) $get:ident $unwrap:ident $ty:ty = $value:expr;)*) => {$(
        #[doc = concat!("The value, if it is an `", stringify!($variant), "`.")]
        pub fn $get(&self) -> Option<$ty> {
            match self {
                Self::$variant($arg) => Some($value),
                _ => None,
            }
        }

        #[doc = concat!("The value.\n\n# Panics\n\nIf it is no `", stringify!($variant), "`.")]
        #[track_caller]
        pub fn $unwrap(&self) -> $ty {
            match self.$get() {
                Some(value) => value,
                None => panic!(concat!("expected ", stringify!($variant), ", found {:?}"), self),
            }
        }
    )*};
}

impl Val {
    /// Type of the value.
    pub fn ty(&self) -> ValType {
        match self {
            Self::I32(_) => ValType::I32,
            Self::I64(_) => ValType::I64,
            Self::F32(_) => ValType::F32,
            Self::F64(_) => ValType::F64,
            Self::V128(_) => ValType::V128,
            Self::FuncRef(_) => ValType::FuncRef,
            Self::ExternRef(_) => ValType::ExternRef,
        }
    }

    /// Zero or null.
    pub fn default_for_ty(ty: ValType) -> Self {
        match ty {
            ValType::I32 => Self::I32(0),
            ValType::I64 => Self::I64(0),
            ValType::F32 => Self::F32(0),
            ValType::F64 => Self::F64(0),
            ValType::V128 => Self::V128(V128::from(0)),
            ValType::FuncRef => Self::FuncRef(None),
            ValType::ExternRef => Self::ExternRef(None),
        }
    }

    accessors! {
        I32(v) i32 unwrap_i32 i32 = *v;
        I64(v) i64 unwrap_i64 i64 = *v;
        F32(v) f32 unwrap_f32 f32 = f32::from_bits(*v);
        F64(v) f64 unwrap_f64 f64 = f64::from_bits(*v);
        V128(v) v128 unwrap_v128 V128 = *v;
        FuncRef(v) func_ref unwrap_func_ref Option<&Func> = v.as_ref();
        ExternRef(v) extern_ref unwrap_extern_ref Option<&ExternRef> = v.as_ref();
    }

    /// The value as compiled code holds it.
    ///
    /// # Errors
    ///
    /// If it is a function of another store.
    pub(crate) fn to_cells(&self, store: &mut StoreCore) -> Result<[u64; 2]> {
        Ok(match self {
            Self::I32(v) => [u64::from(*v as u32), 0],
            Self::I64(v) => [*v as u64, 0],
            Self::F32(v) => [u64::from(*v), 0],
            Self::F64(v) => [*v, 0],
            Self::V128(v) => [v.as_u128() as u64, (v.as_u128() >> 64) as u64],
            Self::FuncRef(func) => [Func::to_bits(*func, store)?, 0],
            Self::ExternRef(value) => [store.externs.handle(value.as_ref()), 0],
        })
    }

    /// A value that compiled code holds.
    ///
    /// # Safety
    ///
    /// The cells hold a value of type `ty` of this store; the upper half of a 32-bit value may
    /// be anything.
    pub(crate) unsafe fn from_cells(ty: ValType, cells: [u64; 2], store: &StoreCore) -> Self {
        match ty {
            ValType::I32 => Self::I32(cells[0] as i32),
            ValType::I64 => Self::I64(cells[0] as i64),
            ValType::F32 => Self::F32(cells[0] as u32),
            ValType::F64 => Self::F64(cells[0]),
            ValType::V128 => Self::V128(V128::from(
                u128::from(cells[0]) | u128::from(cells[1]) << 64,
            )),
            // SAFETY: a function reference of this store, the caller says.
            ValType::FuncRef => Self::FuncRef(unsafe { Func::from_bits(cells[0], store) }),
            ValType::ExternRef => Self::ExternRef(store.externs.get(cells[0])),
        }
    }

    /// # Errors
    ///
    /// If the value is not of type `ty`.
    pub(crate) fn check(&self, ty: ValType, what: &str) -> Result<()> {
        if self.ty() == ty {
            return Ok(());
        }
        Err(Error::msg(format!(
            "{what} is of type {}, expected {ty}",
            self.ty()
        )))
    }
}

macro_rules! conversions {
    ($($ty:ty => $variant:ident, |$arg:ident| $value:expr;)*) => {$(
        impl From<$ty> for Val {
            fn from($arg: $ty) -> Self {
                Self::$variant($value)
            }
        }
    )*};
}

conversions! {
    i32 => I32, |v| v;
    u32 => I32, |v| v.cast_signed();
    i64 => I64, |v| v;
    u64 => I64, |v| v.cast_signed();
    f32 => F32, |v| v.to_bits();
    f64 => F64, |v| v.to_bits();
    V128 => V128, |v| v;
    Func => FuncRef, |v| Some(v);
    Option<Func> => FuncRef, |v| v;
    ExternRef => ExternRef, |v| Some(v);
    Option<ExternRef> => ExternRef, |v| v;
}

impl From<Ref> for Val {
    fn from(reference: Ref) -> Self {
        match reference {
            Ref::Func(func) => Self::FuncRef(func),
            Ref::Extern(value) => Self::ExternRef(value),
        }
    }
}

/// A reference of either type: an element of a [`Table`](crate::Table).
#[derive(Clone, Debug)]
pub enum Ref {
    /// To a function, or null.
    Func(Option<Func>),
    /// To a host value, or null.
    Extern(Option<ExternRef>),
}

impl Ref {
    /// Type of the reference.
    pub fn ty(&self) -> ValType {
        match self {
            Self::Func(_) => ValType::FuncRef,
            Self::Extern(_) => ValType::ExternRef,
        }
    }

    /// Whether it is null.
    pub fn is_null(&self) -> bool {
        matches!(self, Self::Func(None) | Self::Extern(None))
    }

    /// The function reference, if it is one.
    pub fn as_func(&self) -> Option<Option<&Func>> {
        match self {
            Self::Func(func) => Some(func.as_ref()),
            Self::Extern(_) => None,
        }
    }

    /// The reference to a host value, if it is one.
    pub fn as_extern(&self) -> Option<Option<&ExternRef>> {
        match self {
            Self::Extern(value) => Some(value.as_ref()),
            Self::Func(_) => None,
        }
    }
}

impl From<Func> for Ref {
    fn from(func: Func) -> Self {
        Self::Func(Some(func))
    }
}

impl From<Option<Func>> for Ref {
    fn from(func: Option<Func>) -> Self {
        Self::Func(func)
    }
}

impl From<ExternRef> for Ref {
    fn from(value: ExternRef) -> Self {
        Self::Extern(Some(value))
    }
}

impl From<Option<ExternRef>> for Ref {
    fn from(value: Option<ExternRef>) -> Self {
        Self::Extern(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accessors_and_conversions() {
        assert_eq!(Val::from(1.5_f32).f32(), Some(1.5));
        assert_eq!(Val::from(u32::MAX).unwrap_i32(), -1);
        assert_eq!(Val::from(3_i64).i32(), None);
        assert_eq!(Val::from(V128::from(7)).unwrap_v128().as_u128(), 7);
        assert!(
            Val::default_for_ty(ValType::FuncRef)
                .unwrap_func_ref()
                .is_none()
        );
        for ty in [
            ValType::I32,
            ValType::F64,
            ValType::V128,
            ValType::ExternRef,
        ] {
            assert_eq!(Val::default_for_ty(ty).ty(), ty);
        }
    }

    #[test]
    #[should_panic = "expected I32, found I64(1)"]
    fn unwrap_panics() {
        Val::I64(1).unwrap_i32();
    }
}
