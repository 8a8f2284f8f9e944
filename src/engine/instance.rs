//! Instances.
#![allow(unsafe_code, reason = "lays out instances as compiled code knows them")]

use std::alloc::{Layout, alloc_zeroed, dealloc};
use std::ptr::NonNull;
use std::sync::Arc;

use super::context::{AsContext, AsContextMut, StoreContext};
use super::errors::ExportError;
use super::extern_::{Export, Extern};
use super::func::Func;
use super::global::{Cells, Global};
use super::host::HostFuncHandle;
use super::instantiate::{self, Definition};
use super::memory::{Memory, MemoryData};
use super::module::{Module, ModuleInner};
use super::store::{StoreCore, StoreId};
use super::table::{self, Table};
use super::typed::TypedFunc;
use super::wasm_ty::{WasmParams, WasmResults};
use crate::asm::abi::{VmFuncRef, VmInstance};
use crate::error::{Error, OutOfMemory, Result, Trap, try_reserve, try_with_capacity};
use crate::ir::module::{ConstExpr, ConstOp, ElemItems, ExportItem};
use crate::ir::types::{ElemIdx, FuncIdx, GlobalIdx};

/// A module that is ready to run in a store: a handle.
///
/// ```no_run
/// use pronto::{Engine, Instance, Module, Store};
///
/// let engine = Engine::default();
/// let module = Module::from_file(&engine, "add.wasm")?;
/// let mut store = Store::new(&engine, ());
/// let instance = Instance::new(&mut store, &module, &[])?;
/// let add = instance.get_typed_func::<(i32, i32), i32>(&store, "add")?;
/// assert_eq!(add.call(&mut store, (2, 3))?, 5);
/// # Ok::<(), pronto::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Instance {
    store: StoreId,
    index: u32,
}

/// Positions in a store; those of the module's imports come first.
type Indices = Box<[u32]>;

/// # Invariants
///
/// `vm` is laid out as the module's layout says, and lives as long as the store.
pub(crate) struct InstanceData {
    vm: VmBox,
    pub(crate) module: Arc<ModuleInner>,
    pub(crate) memories: Indices,
    pub(crate) tables: Indices,
    pub(crate) globals: Indices,
    pub(crate) dropped_elems: Dropped,
    pub(crate) dropped_datas: Dropped,
    /// Host functions that it imports.
    pub(crate) _hosts: Box<[HostFuncHandle]>,
}

/// Passive segments that the guest has dropped.
#[derive(Default)]
pub(crate) struct Dropped(Vec<bool>);

impl Dropped {
    /// # Errors
    ///
    /// If there is no memory to note it.
    pub(crate) fn insert(&mut self, index: u32) -> Result<(), OutOfMemory> {
        let index = index as usize;
        if self.0.len() <= index {
            let more = index + 1 - self.0.len();
            try_reserve(&mut self.0, more, "dropped segments")?;
            self.0.resize(index + 1, false);
        }
        self.0[index] = true;
        Ok(())
    }

    fn contains(&self, index: u32) -> bool {
        self.0.get(index as usize) == Some(&true)
    }
}

/// The memory of a [`VmInstance`] and what follows it, zeroed at first.
pub(crate) struct VmBox {
    ptr: NonNull<VmInstance>,
    layout: Layout,
}

// SAFETY: it owns the memory, and what that points to is of the same store.
unsafe impl Send for VmBox {}
// SAFETY: gives out no reference.
unsafe impl Sync for VmBox {}

impl VmBox {
    /// `size` bytes, at least those of a [`VmInstance`].
    ///
    /// # Errors
    ///
    /// If there is no memory.
    pub(crate) fn new(size: usize) -> Result<Self> {
        let size = size.max(size_of::<VmInstance>());
        let Ok(layout) = Layout::from_size_align(size, align_of::<VmInstance>()) else {
            unreachable!("an instance's size fits into an i32")
        };
        // SAFETY: the size is not zero.
        let ptr = unsafe { alloc_zeroed(layout) };
        match NonNull::new(ptr.cast()) {
            Some(ptr) => Ok(Self { ptr, layout }),
            None => Err(OutOfMemory::new("an instance", layout.size()).into()),
        }
    }

    /// Address of the part at an offset of the layout.
    pub(crate) fn at<V>(&self, offset: i32) -> NonNull<V> {
        debug_assert!(offset as usize + size_of::<V>() <= self.layout.size());
        // SAFETY: the layout's offsets are within its size.
        unsafe { self.ptr.byte_add(offset as usize).cast() }
    }

    pub(crate) fn ptr(&self) -> NonNull<VmInstance> {
        self.ptr
    }
}

impl Drop for VmBox {
    fn drop(&mut self) {
        // SAFETY: it was allocated with this layout, and the store is gone.
        unsafe { dealloc(self.ptr.as_ptr().cast(), self.layout) };
    }
}

impl InstanceData {
    pub(crate) fn new(vm: VmBox, module: Arc<ModuleInner>) -> Self {
        Self {
            vm,
            module,
            memories: Box::default(),
            tables: Box::default(),
            globals: Box::default(),
            dropped_elems: Dropped::default(),
            dropped_datas: Dropped::default(),
            _hosts: Box::default(),
        }
    }

    pub(crate) fn vm(&self) -> &VmBox {
        &self.vm
    }

    /// The record of a function that escapes.
    pub(crate) fn func(&self, func: FuncIdx) -> NonNull<VmFuncRef> {
        let layout = &self.module.layout;
        if self.module.info.is_import(func) {
            // SAFETY: instantiation has set it.
            return unsafe { self.vm.at::<NonNull<VmFuncRef>>(layout.import(func)).read() };
        }
        match layout.func_ref(func) {
            Some(offset) => self.vm.at(offset),
            None => unreachable!("decoding has found every function that escapes"),
        }
    }

    fn global(&self, global: GlobalIdx) -> NonNull<Cells> {
        let at = self.vm.at::<Cells>(self.module.layout.global(global));
        if global.0 < self.module.info.imported_globals {
            // SAFETY: instantiation has set it.
            return unsafe { at.cast::<NonNull<Cells>>().read() };
        }
        at
    }

    /// The value of a constant expression, as compiled code holds it.
    pub(crate) fn evaluate(&self, expr: &ConstExpr) -> u64 {
        let ops = match expr {
            ConstExpr::Value(_, bits) => return *bits,
            ConstExpr::RefNull(_) => return 0,
            ConstExpr::RefFunc(func) => return self.func(*func).as_ptr() as u64,
            // SAFETY: a global that comes before, which has its value.
            ConstExpr::Global(global) => return unsafe { self.global(*global).read() }.0[0],
            ConstExpr::Ops(ops) => ops,
        };
        let mut stack = Vec::new();
        let pop2 = |stack: &mut Vec<u64>| match (stack.pop(), stack.pop()) {
            (Some(b), Some(a)) => (a, b),
            _ => unreachable!("the expression was validated"),
        };
        for op in ops {
            let value = match op {
                ConstOp::Value(_, bits) => *bits,
                ConstOp::RefNull(_) => 0,
                ConstOp::RefFunc(func) => self.evaluate(&ConstExpr::RefFunc(*func)),
                ConstOp::Global(global) => self.evaluate(&ConstExpr::Global(*global)),
                ConstOp::I32Add | ConstOp::I32Sub | ConstOp::I32Mul => {
                    let (a, b) = pop2(&mut stack);
                    let (a, b) = (a as u32, b as u32);
                    u64::from(match op {
                        ConstOp::I32Add => a.wrapping_add(b),
                        ConstOp::I32Sub => a.wrapping_sub(b),
                        _ => a.wrapping_mul(b),
                    })
                }
                ConstOp::I64Add | ConstOp::I64Sub | ConstOp::I64Mul => {
                    let (a, b) = pop2(&mut stack);
                    match op {
                        ConstOp::I64Add => a.wrapping_add(b),
                        ConstOp::I64Sub => a.wrapping_sub(b),
                        _ => a.wrapping_mul(b),
                    }
                }
            };
            stack.push(value);
        }
        stack.pop().unwrap_or(0)
    }

    /// Bytes of a data segment; none if it was dropped.
    pub(crate) fn segment(&self, index: u32) -> &[u8] {
        let active = self.module.info.datas[index as usize].active.is_some();
        if active || self.dropped_datas.contains(index) {
            return &[];
        }
        self.module.data(index as usize)
    }

    /// How many references an element segment has: none, if it was dropped.
    pub(crate) fn elements(&self, elem: ElemIdx) -> usize {
        match &elem.of(&self.module.info).items {
            _ if self.dropped_elems.contains(elem.0) => 0,
            ElemItems::Funcs(funcs) => funcs.len(),
            ElemItems::Exprs(exprs) => exprs.len(),
        }
    }

    fn export(&self, core: &StoreCore, item: ExportItem) -> Extern {
        match item {
            ExportItem::Func(func) => {
                // SAFETY: records live as long as the store.
                Extern::Func(unsafe { Func::from_record(core, self.func(func)) })
            }
            ExportItem::Table(table) => {
                Extern::Table(Table::from_index(core, self.tables[table.index()]))
            }
            ExportItem::Memory(memory) => {
                Extern::Memory(Memory::from_index(core, self.memories[memory.index()]))
            }
            ExportItem::Global(global) => {
                Extern::Global(Global::from_index(core, self.globals[global.index()]))
            }
        }
    }
}

/// Writes `len` bytes of `bytes` from `from` on to a memory.
///
/// # Errors
///
/// If they are not all within both; then nothing is written.
pub(crate) fn write_memory(
    memories: &[MemoryData],
    (memory, to): (u32, u64),
    bytes: &[u8],
    from: u64,
    len: u64,
) -> Result<(), Trap> {
    let (base, size) = memories[memory as usize].raw();
    let from = table::range(from, len, bytes.len()).ok_or(Trap::MemoryOutOfBounds)?;
    let to = table::range(to, len, size).ok_or(Trap::MemoryOutOfBounds)?;
    // SAFETY: within the memory, which the module's bytes are not part of.
    unsafe {
        let bytes = bytes.as_ptr().add(from.start);
        base.add(to.start).copy_from_nonoverlapping(bytes, to.len());
    }
    Ok(())
}

/// Writes `len` references of an element segment of `instance`, from `from` on, to a table.
/// A segment that was dropped has none, unless it is active, which only instantiation writes.
///
/// # Errors
///
/// If they are not all within both; then nothing is written.
pub(crate) fn write_table(
    core: &mut StoreCore,
    instance: usize,
    (table, to): (u32, u64),
    elem: ElemIdx,
    from: u64,
    len: u64,
) -> Result<(), Trap> {
    let data = &core.instances[instance];
    let items = &elem.of(&data.module.info).items;
    let from = table::range(from, len, data.elements(elem))
        .ok_or(Trap::TableOutOfBounds)?
        .start;
    // SAFETY: validation has compared the types of the segment and the table.
    unsafe {
        core.tables[table as usize].set(to, len, |n| match items {
            ElemItems::Funcs(funcs) => data.func(funcs[from + n]).as_ptr() as u64,
            ElemItems::Exprs(exprs) => data.evaluate(&exprs[from + n]),
        })
    }
}

/// Imports as instantiation takes them.
///
/// # Errors
///
/// If there are not as many as the module has, or one belongs to another store.
fn definitions(core: &StoreCore, module: &Module, imports: &[Extern]) -> Result<Vec<Definition>> {
    let expected = module.info().imports.len();
    if imports.len() != expected {
        return Err(Error::msg(format!(
            "expected {expected} imports, found {}",
            imports.len()
        )));
    }
    let mut definitions = try_with_capacity(expected, "imports")?;
    for import in imports {
        core.check(import.store())?;
        definitions.push(Definition::Extern(*import));
    }
    Ok(definitions)
}

impl Instance {
    /// Instantiates a module with its imports in order, and runs its start function. A
    /// [`Linker`](crate::Linker) finds imports by name.
    ///
    /// # Errors
    ///
    /// If the imports do not match (an [`ImportError`](crate::ImportError)) or are of another
    /// store, if the module is of another engine, if a limit or the system refuses an allocation,
    /// or if a segment or the start function traps.
    ///
    /// # Panics
    ///
    /// If a host function does that the start function calls.
    pub fn new(mut store: impl AsContextMut, module: &Module, imports: &[Extern]) -> Result<Self> {
        let mut store = store.as_context_mut();
        let imports = definitions(store.core(), module, imports)?;
        instantiate::instantiate(&mut store, module, &imports)
    }

    /// As [`Instance::new`], and the start function can wait for async host functions; see
    /// [`Func::call_async`](crate::Func::call_async).
    ///
    /// # Errors
    ///
    /// Those of [`Instance::new`].
    ///
    /// # Panics
    ///
    /// If a host function does that the start function calls.
    pub async fn new_async(
        mut store: impl AsContextMut<Data: Send>,
        module: &Module,
        imports: &[Extern],
    ) -> Result<Self> {
        let store = store.as_context_mut();
        let imports = definitions(store.core(), module, imports)?;
        instantiate::instantiate_async(store, module, &imports).await
    }

    pub(crate) fn from_index(core: &StoreCore, index: u32) -> Self {
        Self {
            store: core.id,
            index,
        }
    }

    fn data<'a>(&self, core: &'a StoreCore) -> &'a InstanceData {
        core.assert(self.store);
        &core.instances[self.index as usize]
    }

    /// The module.
    ///
    /// # Panics
    ///
    /// If the instance belongs to another store.
    pub fn module(&self, store: impl AsContext) -> Module {
        Module::from_inner(self.data(store.as_context().core()).module.clone())
    }

    /// What is exported as `name`.
    ///
    /// # Panics
    ///
    /// If the instance belongs to another store.
    pub fn get_export(&self, store: impl AsContext, name: &str) -> Option<Extern> {
        let core = store.as_context().core();
        let data = self.data(core);
        Some(data.export(core, data.module.export(name)?))
    }

    /// The function that is exported as `name`.
    ///
    /// # Panics
    ///
    /// If the instance belongs to another store.
    pub fn get_func(&self, store: impl AsContext, name: &str) -> Option<Func> {
        self.get_export(store, name)?.into_func()
    }

    /// The function that is exported as `name`, with its type checked.
    ///
    /// # Errors
    ///
    /// An [`ExportError`]: there is no such export, it is no function, or it has another type.
    ///
    /// # Panics
    ///
    /// If the instance belongs to another store.
    pub fn get_typed_func<Params: WasmParams, Results: WasmResults>(
        &self,
        store: impl AsContext,
        name: &str,
    ) -> Result<TypedFunc<Params, Results>> {
        let store = store.as_context();
        let item = self.get_export(store, name);
        let item = item.ok_or_else(|| ExportError::Missing { name: name.into() })?;
        let Extern::Func(func) = item else {
            return Err(Error::new(ExportError::WrongKind {
                name: name.into(),
                expected: "function",
                found: item.kind(),
            }));
        };
        func.typed_as(&func.ty(store)).map_err(|error| {
            Error::new(match error {
                ExportError::WrongSignature {
                    expected, found, ..
                } => ExportError::WrongSignature {
                    name: Some(name.into()),
                    expected,
                    found,
                },
                other => other,
            })
        })
    }

    /// The table that is exported as `name`.
    ///
    /// # Panics
    ///
    /// If the instance belongs to another store.
    pub fn get_table(&self, store: impl AsContext, name: &str) -> Option<Table> {
        self.get_export(store, name)?.into_table()
    }

    /// The memory that is exported as `name`.
    ///
    /// # Panics
    ///
    /// If the instance belongs to another store.
    pub fn get_memory(&self, store: impl AsContext, name: &str) -> Option<Memory> {
        self.get_export(store, name)?.into_memory()
    }

    /// The global that is exported as `name`.
    ///
    /// # Panics
    ///
    /// If the instance belongs to another store.
    pub fn get_global(&self, store: impl AsContext, name: &str) -> Option<Global> {
        self.get_export(store, name)?.into_global()
    }

    /// Everything that it exports, in the module's order.
    ///
    /// # Panics
    ///
    /// If the instance belongs to another store.
    pub fn exports<'a, T: 'static>(
        &self,
        store: impl Into<StoreContext<'a, T>>,
    ) -> impl ExactSizeIterator<Item = Export<'a>> {
        let core = store.into().core();
        let data = self.data(core);
        let exports = data.module.info.exports.iter();
        exports.map(move |export| Export::new(&export.name, data.export(core, export.item)))
    }
}
