//! Takes the validated sections of a module over into its [`ModuleInfo`].
//!
//! The validator has seen each section before: items are in range, and a reader's errors are
//! passed on only because it cannot know.

use std::sync::Arc;

use wasmparser::{
    BinaryReader, CustomSectionReader, DataKind, DataSectionReader, ElementItems, ElementKind,
    ElementSectionReader, ExportSectionReader, ExternalKind, FunctionSectionReader,
    GlobalSectionReader, ImportSectionReader, MemorySectionReader, MemoryType, RefType, TableInit,
    TableSectionReader, TypeRef, TypeSectionReader,
};

use super::const_expr::const_expr;
use super::decode::{invalid, pos};
use super::module::{
    ConstExpr, ConstOp, Data, Elem, ElemItems, ElemMode, Export, ExportItem, Global, GlobalType,
    Import, ImportType, ModuleInfo, Table, TableType,
};
use super::names;
use super::types::{FuncIdx, FuncType, GlobalIdx, Limits, MemIdx, TableIdx, TypeIdx, ValType};
use crate::error::{Error, try_reserve, try_with_capacity};

const ELEMENTS: &str = "element segments";
const DATAS: &str = "data segments";

pub(super) fn types(info: &mut ModuleInfo, section: TypeSectionReader<'_>) -> Result<(), Error> {
    let start = section.original_position();
    try_reserve(
        &mut info.types,
        section.count() as usize,
        "a module's types",
    )?;
    for ty in section.into_iter_err_on_gc_types() {
        let ty = ty.map_err(invalid)?;
        let mut types = Vec::with_capacity(ty.params().len() + ty.results().len());
        for ty in ty.params().iter().chain(ty.results()) {
            types.push(val_type(start, *ty)?);
        }
        info.types
            .push(FuncType::from_parts(types.into(), ty.params().len()));
    }
    info.limits.check_types(info, pos(start))
}

pub(super) fn imports(
    info: &mut ModuleInfo,
    section: ImportSectionReader<'_>,
) -> Result<(), Error> {
    let mut module: Arc<str> = Arc::from("");
    try_reserve(
        &mut info.imports,
        section.count() as usize,
        "a module's imports",
    )?;
    for import in section.into_imports_with_offsets() {
        let (offset, import) = import.map_err(invalid)?;
        if *module != *import.module {
            module = import.module.into();
        }
        let ty = match import.ty {
            TypeRef::Func(ty) | TypeRef::FuncExact(ty) => {
                info.imported_funcs += 1;
                info.funcs.push(TypeIdx(ty));
                info.escapes.push(true);
                ImportType::Func(TypeIdx(ty))
            }
            TypeRef::Table(ty) => {
                let ty = table_type(offset, &ty)?;
                info.imported_tables += 1;
                info.tables.push(Table { ty, init: None });
                ImportType::Table(ty)
            }
            TypeRef::Memory(ty) => {
                let limits = memory_type(offset, &ty)?;
                info.imported_memories += 1;
                info.memories.push(limits);
                ImportType::Memory(limits)
            }
            TypeRef::Global(ty) => {
                let ty = global_type(offset, ty)?;
                info.imported_globals += 1;
                info.globals.push(Global { ty, init: None });
                ImportType::Global(ty)
            }
            TypeRef::Tag(_) => return Err(unsupported(offset, "tags")),
        };
        info.imports.push(Import {
            module: module.clone(),
            name: import.name.into(),
            ty,
        });
    }
    Ok(())
}

pub(super) fn functions(
    info: &mut ModuleInfo,
    section: FunctionSectionReader<'_>,
) -> Result<(), Error> {
    let what = "a module's functions";
    let count = section.count() as usize;
    try_reserve(&mut info.funcs, count, what)?;
    try_reserve(&mut info.escapes, info.funcs.len() + count, what)?;
    for ty in section {
        info.funcs.push(TypeIdx(ty.map_err(invalid)?));
    }
    info.escapes.resize(info.funcs.len(), false);
    Ok(())
}

pub(super) fn tables(info: &mut ModuleInfo, section: TableSectionReader<'_>) -> Result<(), Error> {
    try_reserve(
        &mut info.tables,
        section.count() as usize,
        "a module's tables",
    )?;
    for table in section.into_iter_with_offsets() {
        let (offset, table) = table.map_err(invalid)?;
        let ty = table_type(offset, &table.ty)?;
        let init = match table.init {
            TableInit::RefNull => None,
            TableInit::Expr(expr) => Some(const_expr(info, &expr)?),
        };
        note_refs(&mut info.escapes, init.iter());
        info.tables.push(Table { ty, init });
    }
    Ok(())
}

pub(super) fn memories(
    info: &mut ModuleInfo,
    section: MemorySectionReader<'_>,
) -> Result<(), Error> {
    for memory in section.into_iter_with_offsets() {
        let (offset, memory) = memory.map_err(invalid)?;
        info.memories.push(memory_type(offset, &memory)?);
    }
    Ok(())
}

pub(super) fn globals(
    info: &mut ModuleInfo,
    section: GlobalSectionReader<'_>,
) -> Result<(), Error> {
    try_reserve(
        &mut info.globals,
        section.count() as usize,
        "a module's globals",
    )?;
    for global in section.into_iter_with_offsets() {
        let (offset, global) = global.map_err(invalid)?;
        let ty = global_type(offset, global.ty)?;
        let init = Some(const_expr(info, &global.init_expr)?);
        note_refs(&mut info.escapes, init.iter());
        info.globals.push(Global { ty, init });
    }
    Ok(())
}

pub(super) fn exports(
    info: &mut ModuleInfo,
    section: ExportSectionReader<'_>,
) -> Result<(), Error> {
    try_reserve(
        &mut info.exports,
        section.count() as usize,
        "a module's exports",
    )?;
    for export in section.into_iter_with_offsets() {
        let (offset, export) = export.map_err(invalid)?;
        let item = match export.kind {
            ExternalKind::Func | ExternalKind::FuncExact => {
                info.escapes[export.index as usize] = true;
                ExportItem::Func(FuncIdx(export.index))
            }
            ExternalKind::Table => ExportItem::Table(TableIdx(export.index)),
            ExternalKind::Memory => ExportItem::Memory(MemIdx(export.index)),
            ExternalKind::Global => ExportItem::Global(GlobalIdx(export.index)),
            ExternalKind::Tag => return Err(unsupported(offset, "tags")),
        };
        info.exports.push(Export {
            name: export.name.into(),
            item,
        });
    }
    Ok(())
}

/// The host calls the start function, through its record.
pub(super) fn start(info: &mut ModuleInfo, func: u32) -> Result<(), Error> {
    info.escapes[func as usize] = true;
    info.start = Some(FuncIdx(func));
    Ok(())
}

pub(super) fn elements(
    info: &mut ModuleInfo,
    section: ElementSectionReader<'_>,
) -> Result<(), Error> {
    try_reserve(&mut info.elems, section.count() as usize, ELEMENTS)?;
    for element in section.into_iter_with_offsets() {
        let (offset, element) = element.map_err(invalid)?;
        let mode = match element.kind {
            ElementKind::Passive => ElemMode::Passive,
            ElementKind::Declared => ElemMode::Declared,
            ElementKind::Active {
                table_index,
                offset_expr,
            } => ElemMode::Active {
                table: TableIdx(table_index.unwrap_or(0)),
                offset: const_expr(info, &offset_expr)?,
            },
        };
        let items = match element.items {
            ElementItems::Functions(funcs) => {
                let mut items = try_with_capacity(funcs.count() as usize, ELEMENTS)?;
                for func in funcs {
                    let func = func.map_err(invalid)?;
                    info.escapes[func as usize] = true;
                    items.push(FuncIdx(func));
                }
                ElemItems::Funcs(items.into())
            }
            ElementItems::Expressions(ty, exprs) => {
                let mut items = try_with_capacity(exprs.count() as usize, ELEMENTS)?;
                for expr in exprs {
                    items.push(const_expr(info, &expr.map_err(invalid)?)?);
                }
                note_refs(&mut info.escapes, items.iter());
                ref_type(offset, ty)?;
                ElemItems::Exprs(items.into())
            }
        };
        info.elems.push(Elem { items, mode });
    }
    Ok(())
}

/// The data section, if all its segments are as linkers write them: active, in memory 0, at a
/// constant. Such a section is valid by inspection; modules with 100,000 segments exist, and the
/// general way reads each four times.
pub(super) fn plain_datas(
    info: &ModuleInfo,
    bytes: &[u8],
    section: &DataSectionReader<'_>,
) -> Option<Vec<Data>> {
    const ACTIVE: u8 = 0x00;
    const I32_CONST: u8 = 0x41;
    const END: u8 = 0x0b;
    /// Above it the validator objects.
    const MAX_SEGMENTS: u32 = 100_000;
    /// A segment without contents.
    const MIN_BYTES: usize = 5;

    let (start, end) = (section.original_position(), section.range().end);
    let bytes = &bytes[start as usize..end as usize];
    let count = section.count();
    if info.memories.is_empty() || count > MAX_SEGMENTS || count as usize > bytes.len() / MIN_BYTES
    {
        return None;
    }
    // Without memory the general way says so.
    let mut datas = try_with_capacity(count as usize, DATAS).ok()?;
    let mut reader = BinaryReader::new(bytes, start);
    for _ in 0..count {
        if reader.read_u8().ok()? != ACTIVE || reader.read_u8().ok()? != I32_CONST {
            return None;
        }
        let offset = reader.read_var_i32().ok()?;
        if reader.read_u8().ok()? != END {
            return None;
        }
        let len = reader.read_var_u32().ok()?;
        let start = pos(reader.original_position());
        reader.read_bytes(len as usize).ok()?;
        datas.push(Data {
            bytes: start..start + len,
            active: Some((
                MemIdx(0),
                ConstExpr::Value(ValType::I32, u64::from(offset as u32)),
            )),
        });
    }
    reader.eof().then_some(datas)
}

pub(super) fn datas(info: &mut ModuleInfo, section: DataSectionReader<'_>) -> Result<(), Error> {
    try_reserve(&mut info.datas, section.count() as usize, DATAS)?;
    for data in section {
        let data = data.map_err(invalid)?;
        let active = match data.kind {
            DataKind::Passive => None,
            DataKind::Active {
                memory_index,
                offset_expr,
            } => Some((MemIdx(memory_index), const_expr(info, &offset_expr)?)),
        };
        // The segment's bytes are its last.
        let end = pos(data.range.end);
        let start = end - pos(data.data.len() as u64);
        info.datas.push(Data {
            bytes: start..end,
            active,
        });
    }
    Ok(())
}

pub(super) fn custom(
    info: &mut ModuleInfo,
    section: &CustomSectionReader<'_>,
) -> Result<(), Error> {
    let range = section.data_range();
    try_reserve(&mut info.custom_sections, 1, "custom sections")?;
    info.custom_sections.push((
        section.name().into(),
        pos(range.start) as usize..pos(range.end) as usize,
    ));
    if section.name() == "name" {
        names::names(info, section.data_reader())?;
    }
    Ok(())
}

#[cold]
pub(super) fn unsupported(offset: u64, what: &str) -> Error {
    Error::unsupported(pos(offset) as usize, what)
}

/// Functions that constant expressions name can be called through the reference.
fn note_refs<'a>(escapes: &mut [bool], exprs: impl Iterator<Item = &'a ConstExpr>) {
    for expr in exprs {
        match expr {
            ConstExpr::RefFunc(func) => escapes[func.index()] = true,
            ConstExpr::Ops(ops) => {
                for op in ops {
                    if let ConstOp::RefFunc(func) = op {
                        escapes[func.index()] = true;
                    }
                }
            }
            ConstExpr::Value(..) | ConstExpr::RefNull(_) | ConstExpr::Global(_) => {}
        }
    }
}

pub(super) fn val_type(offset: u64, ty: wasmparser::ValType) -> Result<ValType, Error> {
    Ok(match ty {
        wasmparser::ValType::I32 => ValType::I32,
        wasmparser::ValType::I64 => ValType::I64,
        wasmparser::ValType::F32 => ValType::F32,
        wasmparser::ValType::F64 => ValType::F64,
        wasmparser::ValType::V128 => ValType::V128,
        wasmparser::ValType::Ref(ty) => ref_type(offset, ty)?,
    })
}

fn ref_type(offset: u64, ty: RefType) -> Result<ValType, Error> {
    match ty {
        RefType::FUNCREF | RefType::FUNC => Ok(ValType::FuncRef),
        RefType::EXTERNREF => Ok(ValType::ExternRef),
        _ => Err(unsupported(offset, "this reference type")),
    }
}

fn global_type(offset: u64, ty: wasmparser::GlobalType) -> Result<GlobalType, Error> {
    Ok(GlobalType {
        ty: val_type(offset, ty.content_type)?,
        mutable: ty.mutable,
    })
}

fn table_type(offset: u64, ty: &wasmparser::TableType) -> Result<TableType, Error> {
    if ty.table64 || ty.shared {
        return Err(unsupported(offset, "64-bit and shared tables"));
    }
    Ok(TableType {
        elem: ref_type(offset, ty.element_type)?,
        limits: Limits {
            min: ty.initial,
            max: ty.maximum,
        },
    })
}

fn memory_type(offset: u64, ty: &MemoryType) -> Result<Limits, Error> {
    if ty.memory64 || ty.shared || ty.page_size_log2.is_some() {
        let what = "64-bit memories, shared memories and custom page sizes";
        return Err(unsupported(offset, what));
    }
    Ok(Limits {
        min: ty.initial,
        max: ty.maximum,
    })
}
