//! A decoded module: every section but the code.

use std::ops::Range;
use std::sync::Arc;

use super::func::LabelArgs;
use super::limits::EnforcedLimits;
use super::names::FuncNames;
use super::types::{
    ElemIdx, FuncIdx, FuncType, GlobalIdx, Limits, MemIdx, TableIdx, TypeIdx, ValType,
};

/// What a module declares. Byte ranges point into the module's bytes.
#[derive(Debug, Default)]
pub(crate) struct ModuleInfo {
    /// What it was measured by, and its functions are to be.
    pub(crate) limits: EnforcedLimits,
    pub(crate) name: Option<Box<str>>,
    pub(crate) types: Vec<FuncType>,
    pub(crate) imports: Vec<Import>,
    /// Type of each function, imports first.
    pub(crate) funcs: Vec<TypeIdx>,
    pub(crate) imported_funcs: u32,
    /// Per function (imports included): whether it can be reached other than by a direct call
    /// (exported, in an element segment, named by `ref.func`, or an import).
    pub(crate) escapes: Vec<bool>,
    pub(crate) tables: Vec<Table>,
    pub(crate) imported_tables: u32,
    pub(crate) memories: Vec<Limits>,
    pub(crate) imported_memories: u32,
    pub(crate) globals: Vec<Global>,
    pub(crate) imported_globals: u32,
    pub(crate) exports: Vec<Export>,
    pub(crate) start: Option<FuncIdx>,
    pub(crate) elems: Vec<Elem>,
    pub(crate) datas: Vec<Data>,
    pub(crate) func_names: FuncNames,
    pub(crate) custom_sections: Vec<(Box<str>, Range<usize>)>,
}

impl ModuleInfo {
    pub(crate) fn func_type(&self, func: FuncIdx) -> &FuncType {
        &self.types[self.funcs[func.index()].index()]
    }

    /// Types of a label's arguments.
    #[inline]
    pub(crate) fn label_args<'a>(&'a self, args: &'a LabelArgs) -> &'a [ValType] {
        match args {
            LabelArgs::None => &[],
            LabelArgs::One(ty) => std::slice::from_ref(ty),
            LabelArgs::Params(ty) => self.types[ty.index()].params(),
            LabelArgs::Results(ty) => self.types[ty.index()].results(),
        }
    }

    /// What a global of this module always holds, if it is defined here and immutable.
    #[inline]
    pub(crate) fn constant_global(&self, global: GlobalIdx) -> Option<&ConstExpr> {
        let global = &self.globals[global.index()];
        if global.ty.mutable {
            return None;
        }
        global.init.as_ref()
    }

    pub(crate) fn is_import(&self, func: FuncIdx) -> bool {
        func.0 < self.imported_funcs
    }

    /// Name from the name section.
    pub(crate) fn func_name(&self, func: FuncIdx) -> Option<&str> {
        self.func_names.get(func.0)
    }
}

#[derive(Debug)]
pub(crate) struct Import {
    pub(crate) module: Arc<str>,
    pub(crate) name: Arc<str>,
    pub(crate) ty: ImportType,
}

#[derive(Clone, Debug)]
pub(crate) enum ImportType {
    Func(TypeIdx),
    Table(TableType),
    Memory(Limits),
    Global(GlobalType),
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct TableType {
    pub(crate) elem: ValType,
    pub(crate) limits: Limits,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct GlobalType {
    pub(crate) ty: ValType,
    pub(crate) mutable: bool,
}

#[derive(Debug)]
pub(crate) struct Table {
    pub(crate) ty: TableType,
    /// Initial element of a defined table, if the module gives one.
    pub(crate) init: Option<ConstExpr>,
}

#[derive(Debug)]
pub(crate) struct Global {
    pub(crate) ty: GlobalType,
    /// `None` for an import.
    pub(crate) init: Option<ConstExpr>,
}

#[derive(Debug)]
pub(crate) struct Export {
    pub(crate) name: Arc<str>,
    pub(crate) item: ExportItem,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ExportItem {
    Func(FuncIdx),
    Table(TableIdx),
    Memory(MemIdx),
    Global(GlobalIdx),
}

#[derive(Debug)]
pub(crate) struct Elem {
    pub(crate) items: ElemItems,
    pub(crate) mode: ElemMode,
}

#[derive(Debug)]
pub(crate) enum ElemItems {
    Funcs(Box<[FuncIdx]>),
    Exprs(Box<[ConstExpr]>),
}

#[derive(Debug)]
pub(crate) enum ElemMode {
    Active { table: TableIdx, offset: ConstExpr },
    Passive,
    Declared,
}

#[derive(Debug)]
pub(crate) struct Data {
    pub(crate) bytes: Range<u32>,
    /// Memory and offset of an active segment.
    pub(crate) active: Option<(MemIdx, ConstExpr)>,
}

/// A constant expression (spec 3.3.12 with extended constants). Validated, so evaluation cannot
/// fail; the common single-operator forms are stored without allocation.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum ConstExpr {
    /// Bits of a number, and its type.
    Value(ValType, u64),
    RefNull(ValType),
    RefFunc(FuncIdx),
    Global(GlobalIdx),
    /// Postfix operators.
    Ops(Box<[ConstOp]>),
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum ConstOp {
    Value(ValType, u64),
    RefNull(ValType),
    RefFunc(FuncIdx),
    Global(GlobalIdx),
    I32Add,
    I32Sub,
    I32Mul,
    I64Add,
    I64Sub,
    I64Mul,
}

impl ElemIdx {
    /// The segment itself.
    pub(crate) fn of(self, module: &ModuleInfo) -> &Elem {
        &module.elems[self.index()]
    }
}
