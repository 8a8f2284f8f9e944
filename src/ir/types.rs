//! Types and index spaces of a WebAssembly module, in the specification's names.

use std::fmt;

/// A value type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum ValType {
    /// 32-bit integer.
    I32,
    /// 64-bit integer.
    I64,
    /// 32-bit IEEE 754 float.
    F32,
    /// 64-bit IEEE 754 float.
    F64,
    /// 128-bit vector.
    V128,
    /// A nullable reference to a function.
    FuncRef,
    /// A nullable reference to a host value.
    ExternRef,
}

impl ValType {
    /// Whether a value of this type lives in a floating-point (vector) register.
    pub(crate) const fn is_float(self) -> bool {
        matches!(self, Self::F32 | Self::F64 | Self::V128)
    }

    /// Whether this is `funcref` or `externref`.
    pub(crate) fn is_ref(self) -> bool {
        matches!(self, Self::FuncRef | Self::ExternRef)
    }

    /// How many bytes of a slot a value of this type fills.
    pub(crate) const fn width(self) -> Width {
        match self {
            Self::I32 | Self::F32 => Width::W32,
            Self::I64 | Self::F64 | Self::FuncRef | Self::ExternRef => Width::W64,
            Self::V128 => Width::W128,
        }
    }

    /// 8-byte cells that a value fills in frames and in the argument area.
    pub(crate) const fn cells(self) -> u32 {
        if matches!(self, Self::V128) { 2 } else { 1 }
    }
}

/// The name in the text format.
impl fmt::Display for ValType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::I32 => "i32",
            Self::I64 => "i64",
            Self::F32 => "f32",
            Self::F64 => "f64",
            Self::V128 => "v128",
            Self::FuncRef => "funcref",
            Self::ExternRef => "externref",
        })
    }
}

/// How much of a register or cell an operation touches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Width {
    W32,
    W64,
    W128,
}

impl Width {
    /// Of an operation on a value of this width that no vector is.
    pub(crate) const fn size(self) -> Size {
        match self {
            Self::W32 => Size::S32,
            Self::W64 | Self::W128 => Size::S64,
        }
    }
}

/// Operand size of an integer or float operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Size {
    S32,
    S64,
}

macro_rules! index_spaces {
    ($($(#[$doc:meta])* $name:ident)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub(crate) struct $name(pub(crate) u32);

        #[allow(dead_code, reason = "one macro for all index spaces")]
        impl $name {
            pub(crate) fn index(self) -> usize {
                self.0 as usize
            }
        }
    )*};
}

index_spaces! {
    /// Index of a function: imports first, then definitions.
    FuncIdx
    /// Index of a type of the type section.
    TypeIdx
    /// Index of a table: imports first.
    TableIdx
    /// Index of a memory: imports first.
    MemIdx
    /// Index of a global: imports first.
    GlobalIdx
    /// Index of an element segment.
    ElemIdx
    /// Index of a data segment.
    DataIdx
    /// Index of a local in those of a lowered function: parameters first.
    LocalIdx
    /// Index of a label of one lowered function; 0 is the function's end.
    LabelIdx
}

/// Parameters and results of a function.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct FuncType {
    types: Box<[ValType]>,
    params: usize,
    /// Whether floats are among them, which each call asks.
    float_params: bool,
    float_results: bool,
}

impl FuncType {
    /// A function type from its parameters and results.
    pub fn new(
        params: impl IntoIterator<Item = ValType>,
        results: impl IntoIterator<Item = ValType>,
    ) -> Self {
        let mut types: Vec<ValType> = params.into_iter().collect();
        let params = types.len();
        types.extend(results);
        Self::from_parts(types.into(), params)
    }

    /// The same from one list, the first `params` of which are the parameters.
    pub(crate) fn from_parts(types: Box<[ValType]>, params: usize) -> Self {
        let floats = |types: &[ValType]| types.iter().any(|ty| ty.is_float());
        Self {
            float_params: floats(&types[..params]),
            float_results: floats(&types[params..]),
            types,
            params,
        }
    }

    /// Whether some parameter is a float.
    pub(crate) fn has_float_params(&self) -> bool {
        self.float_params
    }

    /// Whether some result is a float.
    pub(crate) fn has_float_results(&self) -> bool {
        self.float_results
    }

    /// Types of the parameters, then of the results.
    pub(crate) fn all(&self) -> &[ValType] {
        &self.types
    }

    /// Types of the parameters, first to last.
    pub fn params(&self) -> &[ValType] {
        &self.types[..self.params]
    }

    /// Types of the results, first to last.
    pub fn results(&self) -> &[ValType] {
        &self.types[self.params..]
    }
}

/// As in `(i32, i32) -> (i64)`.
impl fmt::Display for FuncType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fn list(f: &mut fmt::Formatter<'_>, types: &[ValType]) -> fmt::Result {
            f.write_str("(")?;
            for (n, ty) in types.iter().enumerate() {
                let comma = if n > 0 { ", " } else { "" };
                write!(f, "{comma}{ty}")?;
            }
            f.write_str(")")
        }
        list(f, self.params())?;
        f.write_str(" -> ")?;
        list(f, self.results())
    }
}

/// Least and greatest size of a memory (in pages) or table (in elements).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Limits {
    pub(crate) min: u64,
    pub(crate) max: Option<u64>,
}

/// Bytes of a WebAssembly page (spec 4.2.8).
pub(crate) const PAGE_SIZE: u64 = 65_536;
