//! Types of what modules import and export.

use std::fmt;

use crate::ir::module as ir;
use crate::ir::types::{FuncType, Limits, ValType};

/// Whether a global can change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Mutability {
    /// It keeps its first value.
    Const,
    /// It can be set.
    Var,
}

/// Type of a [`Global`](crate::Global).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct GlobalType {
    content: ValType,
    mutability: Mutability,
}

impl GlobalType {
    /// A global of `content`.
    pub fn new(content: ValType, mutability: Mutability) -> Self {
        Self {
            content,
            mutability,
        }
    }

    /// Type of its value.
    pub fn content(&self) -> ValType {
        self.content
    }

    /// Whether it can change.
    pub fn mutability(&self) -> Mutability {
        self.mutability
    }

    pub(crate) fn from_ir(ty: ir::GlobalType) -> Self {
        let mutability = if ty.mutable {
            Mutability::Var
        } else {
            Mutability::Const
        };
        Self::new(ty.ty, mutability)
    }
}

/// Type of a [`Memory`](crate::Memory): its limits in pages of 64 KiB.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct MemoryType {
    minimum: u64,
    maximum: Option<u64>,
}

impl MemoryType {
    /// A memory of at least `minimum` and at most `maximum` pages.
    pub fn new(minimum: u32, maximum: Option<u32>) -> Self {
        Self {
            minimum: minimum.into(),
            maximum: maximum.map(Into::into),
        }
    }

    /// Least size in pages.
    pub fn minimum(&self) -> u64 {
        self.minimum
    }

    /// Greatest size in pages, if there is one besides the address space.
    pub fn maximum(&self) -> Option<u64> {
        self.maximum
    }

    pub(crate) fn from_ir(limits: Limits) -> Self {
        Self {
            minimum: limits.min,
            maximum: limits.max,
        }
    }
}

/// Type of a [`Table`](crate::Table): its limits in elements, and what they are.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TableType {
    element: ValType,
    minimum: u64,
    maximum: Option<u64>,
}

impl TableType {
    /// A table of at least `minimum` and at most `maximum` elements.
    ///
    /// # Panics
    ///
    /// If `element` is not a reference type.
    pub fn new(element: ValType, minimum: u32, maximum: Option<u32>) -> Self {
        assert!(
            element.is_ref(),
            "a table of {element:?}, not of references"
        );
        Self {
            element,
            minimum: minimum.into(),
            maximum: maximum.map(Into::into),
        }
    }

    /// Type of its elements: `FuncRef` or `ExternRef`.
    pub fn element(&self) -> ValType {
        self.element
    }

    /// Least number of elements.
    pub fn minimum(&self) -> u64 {
        self.minimum
    }

    /// Greatest number of elements, if there is one.
    pub fn maximum(&self) -> Option<u64> {
        self.maximum
    }

    pub(crate) fn from_ir(ty: ir::TableType) -> Self {
        Self {
            element: ty.elem,
            minimum: ty.limits.min,
            maximum: ty.limits.max,
        }
    }
}

/// Type of an [`Extern`](crate::Extern).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ExternType {
    /// Of a function.
    Func(FuncType),
    /// Of a global.
    Global(GlobalType),
    /// Of a table.
    Table(TableType),
    /// Of a memory.
    Memory(MemoryType),
}

impl ExternType {
    /// The function type, if it is one.
    pub fn func(&self) -> Option<&FuncType> {
        match self {
            Self::Func(ty) => Some(ty),
            Self::Global(_) | Self::Table(_) | Self::Memory(_) => None,
        }
    }

    /// The global type, if it is one.
    pub fn global(&self) -> Option<&GlobalType> {
        match self {
            Self::Global(ty) => Some(ty),
            Self::Func(_) | Self::Table(_) | Self::Memory(_) => None,
        }
    }

    /// The table type, if it is one.
    pub fn table(&self) -> Option<&TableType> {
        match self {
            Self::Table(ty) => Some(ty),
            Self::Func(_) | Self::Global(_) | Self::Memory(_) => None,
        }
    }

    /// The memory type, if it is one.
    pub fn memory(&self) -> Option<&MemoryType> {
        match self {
            Self::Memory(ty) => Some(ty),
            Self::Func(_) | Self::Global(_) | Self::Table(_) => None,
        }
    }
}

impl From<FuncType> for ExternType {
    fn from(ty: FuncType) -> Self {
        Self::Func(ty)
    }
}

impl From<GlobalType> for ExternType {
    fn from(ty: GlobalType) -> Self {
        Self::Global(ty)
    }
}

impl From<TableType> for ExternType {
    fn from(ty: TableType) -> Self {
        Self::Table(ty)
    }
}

impl From<MemoryType> for ExternType {
    fn from(ty: MemoryType) -> Self {
        Self::Memory(ty)
    }
}

/// As error messages show it: `function (i32) -> (i64)`, `memory 1..2`.
impl fmt::Display for ExternType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fn limits(f: &mut fmt::Formatter<'_>, min: u64, max: Option<u64>) -> fmt::Result {
            match max {
                Some(max) => write!(f, " {min}..={max}"),
                None => write!(f, " {min}.."),
            }
        }
        match self {
            Self::Func(ty) => write!(f, "function {ty}"),
            Self::Global(ty) => match ty.mutability {
                Mutability::Const => write!(f, "global {}", ty.content),
                Mutability::Var => write!(f, "global mut {}", ty.content),
            },
            Self::Table(ty) => {
                write!(f, "table of {}", ty.element)?;
                limits(f, ty.minimum, ty.maximum)
            }
            Self::Memory(ty) => {
                write!(f, "memory")?;
                limits(f, ty.minimum, ty.maximum)
            }
        }
    }
}

/// What a [`Module`](crate::Module) imports.
#[derive(Clone, Debug)]
pub struct ImportType<'module> {
    module: &'module str,
    name: &'module str,
    ty: ExternType,
}

impl<'module> ImportType<'module> {
    pub(crate) fn new(module: &'module str, name: &'module str, ty: ExternType) -> Self {
        Self { module, name, ty }
    }

    /// The module that it asks for.
    pub fn module(&self) -> &'module str {
        self.module
    }

    /// Its name in that module.
    pub fn name(&self) -> &'module str {
        self.name
    }

    /// The type that it must have.
    pub fn ty(&self) -> ExternType {
        self.ty.clone()
    }
}

/// What a [`Module`](crate::Module) exports.
#[derive(Clone, Debug)]
pub struct ExportType<'module> {
    name: &'module str,
    ty: ExternType,
}

impl<'module> ExportType<'module> {
    pub(crate) fn new(name: &'module str, ty: ExternType) -> Self {
        Self { name, ty }
    }

    /// Its name.
    pub fn name(&self) -> &'module str {
        self.name
    }

    /// Its type.
    pub fn ty(&self) -> ExternType {
        self.ty.clone()
    }
}
