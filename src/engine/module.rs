//! Compiled modules.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use super::contents::Contents;
use super::engine::Engine;
use super::listener::{FunctionListener, ListenedFunc};
use super::native;
use super::registry::{CODE, Registration};
use super::types::{ExportType, ExternType, GlobalType, ImportType, MemoryType, TableType};
use crate::asm::abi::{InstanceLayout, MemoryMode};
use crate::asm::driver::{CompileOptions, ModuleCode};
use crate::asm::map::CodeMemory;
use crate::error::{Context, Error, OutOfMemory, Result, try_with_capacity};
use crate::ir::decode::{Decoded, decode_within};
use crate::ir::module::{ExportItem, ImportType as IrImport, ModuleInfo};
use crate::ir::types::FuncIdx;

/// A compiled module, which any store of its engine can instantiate.
///
/// A clone is another handle to the same code; it can be used from any thread.
#[derive(Clone)]
pub struct Module {
    inner: Arc<ModuleInner>,
}

pub(crate) struct ModuleInner {
    pub(crate) engine: Engine,
    pub(crate) info: ModuleInfo,
    pub(crate) layout: InstanceLayout,
    /// Per type: the engine's number.
    pub(crate) sigs: Box<[u32]>,
    /// Where the functions lie; its bytes are in `memory`.
    pub(crate) code: ModuleCode,
    pub(crate) memory: CodeMemory,
    /// The functions that have a record in each instance.
    pub(crate) refs: Box<[EscapingFunc]>,
    contents: Contents,
    /// Per function: whether calls are reported. Empty if none is.
    pub(crate) listened: Vec<bool>,
    /// Positions of exports, made when there are many and one is asked for.
    exports: OnceLock<Exports>,
    registration: Option<Registration>,
    #[cfg(feature = "gdb")]
    debugger: Option<super::gdb::Registration>,
}

/// Positions of exports by name; empty if there was no memory for them.
type Exports = HashMap<Arc<str>, usize>;

/// Nothing runs the code any more: what does keeps the module.
impl Drop for ModuleInner {
    fn drop(&mut self) {
        self.registration = None;
        #[cfg(feature = "gdb")]
        drop(self.debugger.take());
        let code = std::mem::take(&mut self.memory);
        let pages = &self.engine.workers().pages;
        pages.keep(code);
        self.contents.give(pages);
    }
}

/// A defined function that has a record in each instance.
pub(crate) struct EscapingFunc {
    pub(crate) func: FuncIdx,
    /// Offset of its indirect entry in the code.
    pub(crate) code: u32,
    pub(crate) sig: u32,
}

/// Modules with so many exports look them up in a map.
const MANY_EXPORTS: usize = 8;

impl Module {
    /// Validates and compiles a module in the binary format (with the feature `wat`, also in the
    /// text format).
    ///
    /// # Errors
    ///
    /// If it is malformed or invalid, uses what is not supported, or is too large; if it exceeds
    /// the engine's limits (an [`EnforcedLimitsError`](crate::EnforcedLimitsError)); or for want of
    /// memory (an [`OutOfMemory`](crate::OutOfMemory), or what the system says).
    pub fn new(engine: &Engine, bytes: impl AsRef<[u8]>) -> Result<Self> {
        Self::from_binary(engine, &text_to_binary(bytes.as_ref())?)
    }

    /// As [`Module::new`], from a file.
    ///
    /// # Errors
    ///
    /// As [`Module::new`], or if the file cannot be read.
    pub fn from_file(engine: &Engine, path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let bytes = std::fs::read(path)
            .with_context(|| format!("failed to read input file: {}", path.display()))?;
        Self::new(engine, bytes)
    }

    /// As [`Module::new`], in the binary format only.
    ///
    /// # Errors
    ///
    /// As [`Module::new`].
    pub fn from_binary(engine: &Engine, bytes: &[u8]) -> Result<Self> {
        let config = engine.config();
        let Decoded { mut info, bodies } = decode_within(bytes, config.features, &config.limits)?;
        let layout = InstanceLayout::new(&info)?;
        let listened = listened(config.listener.as_deref(), &info)?;
        let listens = |func: FuncIdx| listened[func.index()];
        let options = CompileOptions {
            isa: engine.isa(),
            costs: engine.costs(),
            threads: threads(config.parallel, bytes.len()),
            listen: (!listened.is_empty()).then_some(&listens),
        };
        let mut code = native::compile(&info, bytes, bodies, &layout, &options, engine.workers())?;
        let memory = CodeMemory::new(std::mem::take(&mut code.bytes), native::sync_icache)?;
        let guarded = config.mode == MemoryMode::Guard && memory.start() != memory.end();
        let registration = guarded.then(|| CODE.add(memory.start()..memory.end()));
        let sigs = engine.sigs(&info.types)?;
        let contents = Contents::new(&mut info, bytes, &engine.workers().pages)?;
        #[allow(unused_mut, reason = "changed with some features")]
        let mut inner = ModuleInner {
            engine: engine.clone(),
            refs: escaping(&info, &layout, &code, &sigs)?,
            layout,
            sigs,
            code,
            memory,
            contents,
            listened,
            exports: OnceLock::new(),
            info,
            registration,
            #[cfg(feature = "gdb")]
            debugger: None,
        };
        #[cfg(feature = "gdb")]
        if config.debug_info {
            inner.debugger = Some(super::gdb::Registration::new(&inner)?);
        }
        #[cfg(feature = "profiling")]
        super::profiler::loaded(&inner)?;
        let (functions, code) = (inner.code.funcs.len(), inner.memory.bytes().len());
        engine.compiled().add(functions, bytes.len(), code);
        Ok(Self::from_inner(Arc::new(inner)))
    }

    /// Validates a module, as [`Module::new`] does, without keeping anything. A limit on machine
    /// code is none here.
    ///
    /// # Errors
    ///
    /// As [`Module::new`].
    pub fn validate(engine: &Engine, bytes: &[u8]) -> Result<()> {
        let bytes = text_to_binary(bytes)?;
        let config = engine.config();
        let Decoded { info, mut bodies } = decode_within(&bytes, config.features, &config.limits)?;
        let mut lowering = crate::ir::lower::Lowering::default();
        let mut func = crate::ir::func::Func::default();
        bodies.try_each(|body| lowering.lower(&info, &bytes, &body, None, &mut func))
    }

    /// What it imports, in its order.
    pub fn imports(&self) -> impl ExactSizeIterator<Item = ImportType<'_>> {
        let info = &self.inner.info;
        info.imports.iter().map(|import| {
            ImportType::new(&import.module, &import.name, import_type(info, &import.ty))
        })
    }

    /// What it exports, in its order.
    pub fn exports(&self) -> impl ExactSizeIterator<Item = ExportType<'_>> {
        let info = &self.inner.info;
        info.exports
            .iter()
            .map(|export| ExportType::new(&export.name, export_type(info, export.item)))
    }

    /// Type of an export.
    pub fn get_export(&self, name: &str) -> Option<ExternType> {
        let item = self.inner.export(name)?;
        Some(export_type(&self.inner.info, item))
    }

    /// Name from the name section.
    pub fn name(&self) -> Option<&str> {
        self.inner.info.name.as_deref()
    }

    /// Contents of the custom sections called `name`.
    pub fn custom_sections<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a [u8]> {
        self.inner.contents.custom_sections(name)
    }

    /// The machine code.
    pub fn text(&self) -> &[u8] {
        self.inner.memory.bytes()
    }

    /// The engine that it was compiled for.
    pub fn engine(&self) -> &Engine {
        &self.inner.engine
    }

    /// Whether both are handles to one module.
    pub fn same(a: &Self, b: &Self) -> bool {
        Arc::ptr_eq(&a.inner, &b.inner)
    }

    pub(crate) fn inner(&self) -> &Arc<ModuleInner> {
        &self.inner
    }

    pub(crate) fn from_inner(inner: Arc<ModuleInner>) -> Self {
        Self { inner }
    }

    pub(crate) fn info(&self) -> &ModuleInfo {
        &self.inner.info
    }
}

impl fmt::Debug for Module {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Module")
            .field("name", &self.name())
            .finish_non_exhaustive()
    }
}

impl ModuleInner {
    /// What is exported as `name`.
    pub(crate) fn export(&self, name: &str) -> Option<ExportItem> {
        let exports = &self.info.exports;
        let search = || exports.iter().find(|export| &*export.name == name);
        if exports.len() < MANY_EXPORTS {
            return Some(search()?.item);
        }
        let map = self.exports.get_or_init(|| {
            let mut map = Exports::new();
            if map.try_reserve(exports.len()).is_ok() {
                map.extend(exports.iter().map(|export| export.name.clone()).zip(0..));
            }
            map
        });
        if map.is_empty() {
            return Some(search()?.item);
        }
        Some(exports[*map.get(name)?].item)
    }

    /// Bytes of a data segment.
    pub(crate) fn data(&self, index: usize) -> &[u8] {
        self.contents.data(&self.info.datas[index].bytes)
    }
}

/// Asks the listener which functions it listens to.
fn listened(
    listener: Option<&dyn FunctionListener>,
    info: &ModuleInfo,
) -> Result<Vec<bool>, OutOfMemory> {
    let Some(listener) = listener else {
        return Ok(Vec::new());
    };
    let mut listened = try_with_capacity(info.funcs.len(), "a module's functions")?;
    let funcs = (0..info.funcs.len() as u32).map(FuncIdx);
    listened.extend(
        funcs.map(|func| !info.is_import(func) && listener.listens(&ListenedFunc { info, func })),
    );
    Ok(listened)
}

/// The functions that have a record in each instance.
fn escaping(
    info: &ModuleInfo,
    layout: &InstanceLayout,
    code: &ModuleCode,
    sigs: &[u32],
) -> Result<Box<[EscapingFunc]>, OutOfMemory> {
    let mut escaping = try_with_capacity(layout.record_count() as usize, "a module's functions")?;
    let defined = (info.imported_funcs..info.funcs.len() as u32).map(FuncIdx);
    let defined = defined
        .zip(&code.funcs)
        .filter(|(func, _)| layout.func_ref(*func).is_some());
    escaping.extend(defined.map(|(func, code)| EscapingFunc {
        func,
        code: code.start,
        sig: sigs[info.funcs[func.index()].index()],
    }));
    Ok(escaping.into())
}

/// Modules below this size compile on the caller's thread: starting others costs more.
const PARALLEL_BYTES: usize = 256 * 1024;

fn threads(parallel: bool, bytes: usize) -> usize {
    if !parallel || cfg!(not(feature = "parallel")) || bytes < PARALLEL_BYTES {
        return 1;
    }
    std::thread::available_parallelism().map_or(1, Into::into)
}

#[cfg(feature = "wat")]
fn text_to_binary(bytes: &[u8]) -> Result<Cow<'_, [u8]>> {
    wat::parse_bytes(bytes).map_err(Error::new)
}

#[cfg(not(feature = "wat"))]
fn text_to_binary(bytes: &[u8]) -> Result<Cow<'_, [u8]>> {
    if bytes.trim_ascii_start().starts_with(b"(module") {
        return Err(Error::msg("the text format needs the feature `wat`"));
    }
    Ok(Cow::Borrowed(bytes))
}

/// Type of an import.
pub(crate) fn import_type(info: &ModuleInfo, ty: &IrImport) -> ExternType {
    match ty {
        IrImport::Func(ty) => ExternType::Func(info.types[ty.index()].clone()),
        IrImport::Table(ty) => ExternType::Table(TableType::from_ir(*ty)),
        IrImport::Memory(limits) => ExternType::Memory(MemoryType::from_ir(*limits)),
        IrImport::Global(ty) => ExternType::Global(GlobalType::from_ir(*ty)),
    }
}

/// Type of an export.
pub(crate) fn export_type(info: &ModuleInfo, item: ExportItem) -> ExternType {
    match item {
        ExportItem::Func(func) => ExternType::Func(info.func_type(func).clone()),
        ExportItem::Table(table) => {
            ExternType::Table(TableType::from_ir(info.tables[table.index()].ty))
        }
        ExportItem::Memory(memory) => {
            ExternType::Memory(MemoryType::from_ir(info.memories[memory.index()]))
        }
        ExportItem::Global(global) => {
            ExternType::Global(GlobalType::from_ir(info.globals[global.index()].ty))
        }
    }
}
