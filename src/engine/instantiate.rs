//! Makes instances (spec 4.5.4).
#![allow(unsafe_code, reason = "lays out instances as compiled code knows them")]

use std::ptr::NonNull;
use std::sync::Arc;

use super::context::StoreContextMut;
use super::engine::Engine;
use super::errors::ImportError;
use super::extern_::Extern;
use super::func::Func;
use super::global::{Cells, GlobalData};
use super::host::{self, HostFuncHandle};
use super::instance::{Instance, InstanceData, VmBox, write_memory, write_table};
use super::memory::{LimiterRef, MemoryData, check_count};
use super::module::{Module, ModuleInner, import_type};
use super::run;
use super::store::{StoreCore, StoreInner};
use super::table::TableData;
use super::types::{ExternType, GlobalType, MemoryType, TableType};
use crate::asm::abi::{VmFuncRef, VmMemory};
use crate::error::{Error, OutOfMemory, Result, try_reserve, try_with_capacity};
use crate::ir::module::{ElemItems, ElemMode, ImportType, ModuleInfo};
use crate::ir::types::{ElemIdx, GlobalIdx, MemIdx, TableIdx, TypeIdx};

/// What satisfies an import.
#[derive(Clone)]
pub(crate) enum Definition {
    /// An item of the store.
    Extern(Extern),
    /// A host function that may not be in any store yet.
    Host(HostFuncHandle),
}

/// Memory 0 of instances that have none.
struct NoMemory(VmMemory);

// SAFETY: its address leads nowhere.
unsafe impl Sync for NoMemory {}

static NO_MEMORY: NoMemory = NoMemory(VmMemory {
    base: NonNull::<u128>::dangling().as_ptr().cast(),
    bound: 0,
});

/// Instantiates a module with definitions that are of the store, and runs its start function.
///
/// # Errors
///
/// See [`Instance::new`].
pub(crate) fn instantiate<T: 'static>(
    store: &mut StoreContextMut<'_, T>,
    module: &Module,
    imports: &[Definition],
) -> Result<Instance> {
    let (instance, start) = prepare(store, module, imports)?;
    if let Some(start) = start {
        let core = store.core_mut();
        let engine = core.machine.engine(&core.engine)?;
        // SAFETY: a function of this store without parameters and results.
        unsafe { run::call::<_, true>(store.as_ptr(), engine, start.record())? };
    }
    Ok(instance)
}

/// As [`instantiate`], and waits for the start function.
///
/// # Errors
///
/// Those of [`instantiate`].
pub(crate) async fn instantiate_async<T: Send + 'static>(
    mut store: StoreContextMut<'_, T>,
    module: &Module,
    imports: &[Definition],
) -> Result<Instance> {
    let (instance, start) = prepare(&mut store, module, imports)?;
    if let Some(start) = start {
        start.call_async(store, &[], &mut []).await?;
    }
    Ok(instance)
}

/// All of instantiation but the start function, which is to be called.
fn prepare<T: 'static>(
    store: &mut StoreContextMut<'_, T>,
    module: &Module,
    imports: &[Definition],
) -> Result<(Instance, Option<Func>)> {
    if !Engine::same(store.engine(), module.engine()) {
        return Err(Error::msg("cross-`Engine` instantiation is not supported"));
    }
    check_imports(store.core(), module.inner(), imports)?;
    let index = allocate(store.inner_mut(), module.inner(), imports)?;
    let core = store.core_mut();
    write_elements(core, index)?;
    write_data(core, index)?;
    let instance = Instance::from_index(core, index as u32);
    let start = module.info().start.map(|start| {
        let record = core.instances[index].func(start);
        // SAFETY: records live as long as their store.
        unsafe { Func::from_record(core, record) }
    });
    Ok((instance, start))
}

/// Whether each definition has the type that its import asks for.
///
/// # Errors
///
/// An [`ImportError`], of the first that has not.
pub(crate) fn check_imports(
    core: &StoreCore,
    module: &ModuleInner,
    imports: &[Definition],
) -> Result<()> {
    for (import, definition) in module.info.imports.iter().zip(imports) {
        if !matches(core, module, &import.ty, definition) {
            return Err(Error::new(ImportError::Incompatible {
                module: (*import.module).into(),
                name: (*import.name).into(),
                expected: import_type(&module.info, &import.ty),
                found: definition.ty(core),
            }));
        }
    }
    Ok(())
}

fn matches(
    core: &StoreCore,
    module: &ModuleInner,
    import: &ImportType,
    definition: &Definition,
) -> bool {
    let limits = |min, max: Option<u64>, (has_min, has_max): (u64, Option<u64>)| {
        has_min >= min && max.is_none_or(|max| has_max.is_some_and(|has| has <= max))
    };
    match (import, definition) {
        (ImportType::Func(ty), Definition::Extern(Extern::Func(func))) => {
            func.sig(core) == module.sigs[ty.index()]
        }
        (ImportType::Func(ty), Definition::Host(handle)) => {
            host::sig(handle) == module.sigs[ty.index()]
        }
        (ImportType::Table(ty), Definition::Extern(Extern::Table(table))) => {
            let table = &core.tables[table.index() as usize];
            table.element() == ty.elem && limits(ty.limits.min, ty.limits.max, table.current_type())
        }
        (ImportType::Memory(ty), Definition::Extern(Extern::Memory(memory))) => {
            let memory = &core.memories[memory.index() as usize];
            limits(ty.min, ty.max, memory.current_type())
        }
        (ImportType::Global(ty), Definition::Extern(Extern::Global(global))) => {
            core.globals[global.index() as usize].ty == GlobalType::from_ir(*ty)
        }
        _ => false,
    }
}

impl Definition {
    fn ty(&self, core: &StoreCore) -> ExternType {
        match self {
            Self::Host(handle) => {
                ExternType::Func((*core.engine.sig_type(host::sig(handle))).clone())
            }
            Self::Extern(Extern::Func(func)) => {
                ExternType::Func((*core.engine.sig_type(func.sig(core))).clone())
            }
            Self::Extern(Extern::Global(global)) => {
                core.globals[global.index() as usize].ty.clone().into()
            }
            Self::Extern(Extern::Table(table)) => {
                let table = &core.tables[table.index() as usize];
                let (min, max) = table.current_type();
                TableType::new(table.element(), min as u32, max.map(|max| max as u32)).into()
            }
            Self::Extern(Extern::Memory(memory)) => {
                let (min, max) = core.memories[memory.index() as usize].current_type();
                MemoryType::new(min as u32, max.map(|max| max as u32)).into()
            }
        }
    }
}

/// An instance under construction: nothing of it is in the store yet.
struct Builder<'a> {
    module: &'a Arc<ModuleInner>,
    vm: VmBox,
    hosts: Vec<HostFuncHandle>,
    /// Positions in the store of what is imported, then of what will be defined.
    memories: Vec<u32>,
    tables: Vec<u32>,
    globals: Vec<u32>,
}

/// Allocates an instance with all that it defines. Its position in the store.
///
/// # Errors
///
/// If a limit or the system refuses; then the store is as it was.
fn allocate<T: 'static>(
    store: &mut StoreInner<T>,
    module: &Arc<ModuleInner>,
    imports: &[Definition],
) -> Result<usize> {
    let (core, mut limiter) = store.split();
    let info = &module.info;
    check_counts(core, &limiter, module)?;
    reserve(core, info)?;
    let index = core.instances.len();
    let is_host = |item: &&Definition| matches!(item, Definition::Host(_));
    let hosts = imports.iter().filter(is_host).count();
    let mut builder = Builder {
        module,
        vm: VmBox::new(module.layout.size())?,
        hosts: try_with_capacity(hosts, "an instance's imports")?,
        memories: try_with_capacity(info.memories.len(), "an instance's memories")?,
        tables: try_with_capacity(info.tables.len(), "an instance's tables")?,
        globals: try_with_capacity(info.globals.len(), "an instance's globals")?,
    };
    builder.import(core, imports);
    let memories = builder.memories(core, &mut limiter)?;
    let tables = builder.tables(&mut limiter)?;
    builder.functions(index);

    let (first_memory, first_table) = (core.memories.len(), core.tables.len());
    builder
        .memories
        .extend(positions(first_memory, memories.len()));
    builder.tables.extend(positions(first_table, tables.len()));
    core.memories.extend(memories);
    core.tables.extend(tables);
    let globals = info.globals.len() - info.imported_globals as usize;
    builder
        .globals
        .extend(positions(core.globals.len(), globals));
    let data = builder.finish(core);
    initialize_globals(core, &data);
    fill_tables(core, &data)?;
    core.instances.push(data);
    if module.memory.start() != module.memory.end() {
        core.code
            .entry(module.memory.end())
            .or_insert_with(|| module.clone());
    }
    Ok(index)
}

/// Makes room in the store for what an instance will add to it.
///
/// # Errors
///
/// If the host has no memory; then the store is as it was.
fn reserve(core: &mut StoreCore, info: &ModuleInfo) -> Result<(), OutOfMemory> {
    let what = "what a store holds";
    let memories = info.memories.len() - info.imported_memories as usize;
    let tables = info.tables.len() - info.imported_tables as usize;
    let globals = info.globals.len() - info.imported_globals as usize;
    try_reserve(&mut core.instances, 1, what)?;
    try_reserve(&mut core.memories, memories, what)?;
    try_reserve(&mut core.tables, tables, what)?;
    try_reserve(&mut core.globals, globals, what)
}

fn positions(first: usize, count: usize) -> impl Iterator<Item = u32> {
    (first..first + count).map(|at| at as u32)
}

fn check_counts(core: &StoreCore, limiter: &LimiterRef<'_>, module: &ModuleInner) -> Result<()> {
    let info = &module.info;
    let limiter = limiter.as_deref();
    let memories = info.memories.len() - info.imported_memories as usize;
    let tables = info.tables.len() - info.imported_tables as usize;
    check_count(
        core.instances.len(),
        1,
        limiter.map(|l| l.instances()),
        "instance",
    )?;
    check_count(
        core.memories.len(),
        memories,
        limiter.map(|l| l.memories()),
        "memory",
    )?;
    check_count(
        core.tables.len(),
        tables,
        limiter.map(|l| l.tables()),
        "table",
    )
}

impl Builder<'_> {
    /// Writes the pointers to what is imported.
    fn import(&mut self, core: &StoreCore, imports: &[Definition]) {
        let layout = &self.module.layout;
        let mut funcs = 0;
        for definition in imports {
            // SAFETY: the layout has a place for each import, which is a pointer.
            unsafe {
                let item = match definition {
                    Definition::Extern(item) => item,
                    Definition::Host(handle) => {
                        self.hosts.push(handle.clone());
                        self.import_func(&mut funcs, host::func_ref(handle));
                        continue;
                    }
                };
                match item {
                    Extern::Func(func) => self.import_func(&mut funcs, func.record()),
                    Extern::Memory(memory) => {
                        let at = layout.memory(MemIdx(self.memories.len() as u32));
                        self.vm
                            .at(at)
                            .write(core.memories[memory.index() as usize].vm);
                        self.memories.push(memory.index());
                    }
                    Extern::Table(table) => {
                        let at = layout.table(TableIdx(self.tables.len() as u32));
                        self.vm.at(at).write(core.tables[table.index() as usize].vm);
                        self.tables.push(table.index());
                    }
                    Extern::Global(global) => {
                        let at = layout.global(GlobalIdx(self.globals.len() as u32));
                        self.vm
                            .at(at)
                            .write(core.globals[global.index() as usize].cells);
                        self.globals.push(global.index());
                    }
                }
            }
        }
    }

    fn import_func(&self, funcs: &mut u32, record: NonNull<VmFuncRef>) {
        let at = self.module.layout.import(crate::ir::types::FuncIdx(*funcs));
        *funcs += 1;
        // SAFETY: the layout has a place for each import.
        unsafe { self.vm.at(at).write(record) };
    }

    fn memories(&self, core: &StoreCore, limiter: &mut LimiterRef<'_>) -> Result<Vec<MemoryData>> {
        let info = &self.module.info;
        let mut memories = Vec::new();
        for index in info.imported_memories..info.memories.len() as u32 {
            let ty = MemoryType::from_ir(info.memories[index as usize]);
            let vm = self.vm.at(self.module.layout.memory(MemIdx(index)));
            let limiter = limiter.as_deref_mut().map(|l| l as _);
            // SAFETY: it lies in the instance, which the store keeps once all has succeeded.
            memories.push(unsafe { MemoryData::new(core, limiter, ty, Some(vm))? });
        }
        Ok(memories)
    }

    fn tables(&self, limiter: &mut LimiterRef<'_>) -> Result<Vec<TableData>> {
        let info = &self.module.info;
        let mut tables = Vec::new();
        for index in info.imported_tables..info.tables.len() as u32 {
            let ty = TableType::from_ir(info.tables[index as usize].ty);
            let vm = self.vm.at(self.module.layout.table(TableIdx(index)));
            let limiter = limiter.as_deref_mut().map(|l| l as _);
            // SAFETY: as for memories; null is a reference of each type.
            tables.push(unsafe { TableData::new(limiter, ty, 0, Some(vm))? });
        }
        Ok(tables)
    }

    /// Writes the signatures' numbers, the records of functions, and the head.
    fn functions(&self, index: usize) {
        let module = self.module;
        for (ty, &sig) in module.sigs.iter().enumerate() {
            // SAFETY: the layout has a place for each type.
            unsafe { self.vm.at(module.layout.sig(TypeIdx(ty as u32))).write(sig) };
        }
        for escaping in &module.refs {
            let Some(at) = module.layout.func_ref(escaping.func) else {
                unreachable!("these functions have a record");
            };
            let record = VmFuncRef {
                code: module.memory.start() + escaping.code as usize,
                instance: self.vm.ptr().as_ptr(),
                sig: escaping.sig,
                index: escaping.func.0,
            };
            // SAFETY: the layout has a place for it.
            unsafe { self.vm.at(at).write(record) };
        }
        // SAFETY: the head of the instance.
        unsafe { (*self.vm.ptr().as_ptr()).data = std::ptr::without_provenance_mut(index) };
    }

    /// The instance, once its memories are in the store.
    fn finish(self, core: &StoreCore) -> InstanceData {
        let memory0 = match self.memories.first() {
            Some(&memory) => core.memories[memory as usize].vm.as_ptr(),
            None => (&raw const NO_MEMORY.0).cast_mut(),
        };
        // SAFETY: the head of the instance.
        unsafe { (*self.vm.ptr().as_ptr()).memory0 = memory0 };
        let mut data = InstanceData::new(self.vm, self.module.clone());
        data.memories = self.memories.into();
        data.tables = self.tables.into();
        data.globals = self.globals.into();
        data._hosts = self.hosts.into();
        data
    }
}

/// Sets the defined globals, first to last: each may use those before it.
fn initialize_globals(core: &mut StoreCore, data: &InstanceData) {
    let info = &data.module.info;
    for (index, global) in (0..).zip(&info.globals) {
        if let Some(init) = &global.init {
            let cells = data.vm().at(data.module.layout.global(GlobalIdx(index)));
            let value = Cells([data.evaluate(init), 0]);
            // SAFETY: the layout has a place for it.
            unsafe { cells.write(value) };
            core.globals.push(GlobalData {
                cells,
                ty: GlobalType::from_ir(global.ty),
                _own: None,
            });
        }
    }
}

/// Fills the defined tables that have an initial element.
fn fill_tables(core: &mut StoreCore, data: &InstanceData) -> Result<()> {
    for (table, &at) in data.module.info.tables.iter().zip(&data.tables) {
        if let Some(init) = &table.init {
            let bits = data.evaluate(init);
            let table = &mut core.tables[at as usize];
            // SAFETY: validation has compared the types.
            unsafe { table.set(0, table.len(), |_| bits)? };
        }
    }
    Ok(())
}

/// Writes the active element segments, and drops them and the declared ones.
///
/// # Errors
///
/// A trap at the first that does not fit; those before it stay written.
fn write_elements(core: &mut StoreCore, index: usize) -> Result<()> {
    let module = core.instances[index].module.clone();
    for (elem, segment) in (0..).map(ElemIdx).zip(&module.info.elems) {
        if let ElemMode::Active { table, offset } = &segment.mode {
            let data = &core.instances[index];
            let to = data.evaluate(offset) as u32;
            let table = data.tables[table.index()];
            let len = match &segment.items {
                ElemItems::Funcs(funcs) => funcs.len(),
                ElemItems::Exprs(exprs) => exprs.len(),
            };
            write_table(core, index, (table, to.into()), elem, 0, len as u64)?;
        }
        if !matches!(segment.mode, ElemMode::Passive) {
            core.instances[index].dropped_elems.insert(elem.0)?;
        }
    }
    Ok(())
}

/// Writes the active data segments.
///
/// # Errors
///
/// A trap at the first that does not fit; those before it stay written.
fn write_data(core: &StoreCore, index: usize) -> Result<()> {
    let data = &core.instances[index];
    for (segment, info) in data.module.info.datas.iter().enumerate() {
        if let Some((memory, offset)) = &info.active {
            let to = data.evaluate(offset) as u32;
            let memory = data.memories[memory.index()];
            let bytes = data.module.data(segment);
            write_memory(
                &core.memories,
                (memory, to.into()),
                bytes,
                0,
                bytes.len() as u64,
            )?;
        }
    }
    Ok(())
}
