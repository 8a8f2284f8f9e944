//! A call engine, two instances and a value stack, to run whole functions in.
#![allow(
    unsafe_code,
    reason = "lays out what the engine lays out, and runs code in it"
)]

use std::cell::Cell;
use std::mem::MaybeUninit;
use std::sync::atomic::AtomicUsize;

use super::machine::map;
use super::{Amd64, amd64};
use crate::amd64::{entry, host_features};
use crate::asm::abi::{CallEngine, MemoryMode, VmFuncRef, VmInstance, VmMemory, VmTable};
use crate::asm::isa::{Frame, InstanceItem, Isa};

/// Signature of every function here.
pub(super) const SIG: u32 = 77;

/// What the tests' instances consist of.
#[repr(C)]
pub(super) struct Instance {
    pub(super) head: VmInstance,
    pub(super) sigs: [u32; 4],
    pub(super) globals: [[u64; 2]; 2],
    pub(super) table: VmTable,
    pub(super) table_import: *const VmTable,
    pub(super) memory_import: *const VmMemory,
    pub(super) memory: VmMemory,
    pub(super) import: *const VmFuncRef,
    pub(super) elems: [u64; 4],
    pub(super) func: VmFuncRef,
}

macro_rules! item {
    ($field:ident) => {
        std::mem::offset_of!($crate::amd64::tests::world::Instance, $field) as i32
    };
}
pub(super) use item;

pub(super) const TABLE: InstanceItem = InstanceItem {
    offset: item!(table),
    imported: false,
};

type Dispatch = fn(&mut CallEngine) -> u32;

thread_local! {
    static DISPATCH: Cell<Option<Dispatch>> = const { Cell::new(None) };
}

unsafe extern "C" fn dispatch(engine: *mut CallEngine) -> u32 {
    let serve = DISPATCH.get().expect("a dispatcher");
    // SAFETY: the thunks pass the engine, which nobody else uses now.
    serve(unsafe { &mut *engine })
}

/// Functions of a module, in one buffer.
pub(super) struct Builder {
    pub(super) isa: Amd64,
    /// Offset of each function's indirect entry, and of its own.
    pub(super) starts: Vec<(u32, u32)>,
}

impl Builder {
    pub(super) fn new(mode: MemoryMode) -> Self {
        Self {
            isa: amd64(mode, host_features()),
            starts: Vec::new(),
        }
    }

    /// The next function, with a frame of `size` bytes.
    pub(super) fn func(&mut self, size: u32, body: impl FnOnce(&mut Amd64)) -> u32 {
        let frame = Frame {
            size,
            saves: Vec::new(),
            check: true,
            full: None,
        };
        let isa = &mut self.isa;
        isa.buf.reserve();
        let (switch, own) = (isa.buf.new_label(), isa.buf.new_label());
        let start = isa.buf.offset();
        isa.indirect_entry(switch);
        isa.buf.bind(own);
        self.starts.push((start, isa.buf.offset()));
        isa.prologue(&frame);
        isa.buf.reserve();
        body(isa);
        isa.buf.reserve();
        isa.epilogue(&frame);
        isa.buf.bind(switch);
        isa.switch_thunk(own);
        for cold in std::mem::take(&mut isa.buf.colds) {
            isa.buf.reserve();
            isa.buf.bind(cold.label);
            isa.trap_site(cold.trap);
        }
        self.starts.len() as u32 - 1
    }
}

pub(super) struct World {
    pub(super) engine: Box<CallEngine>,
    pub(super) instances: [Box<Instance>; 2],
    pub(super) code: memmap2::Mmap,
    pub(super) starts: Vec<(u32, u32)>,
    pub(super) sites: Vec<u32>,
    /// The record of a host function.
    pub(super) host: Box<VmFuncRef>,
    pub(super) thunks: crate::asm::abi::Thunks,
    stack: Vec<u128>,
    _memories: Vec<Vec<u8>>,
}

impl World {
    pub(super) fn new(mode: MemoryMode, mut builder: Builder) -> Self {
        assert!(builder.isa.finish());
        let mut code = builder.isa.buf.code().to_vec();
        for reloc in &builder.isa.buf.relocs {
            let (_, target) = builder.starts[reloc.func as usize];
            Amd64::patch_call(&mut code, reloc.pos as usize, target as usize);
        }
        let thunks = entry::thunks(mode, false);
        // SAFETY: integers and pointers, for which zero is a value.
        let mut engine = unsafe { Box::new(MaybeUninit::<CallEngine>::zeroed()).assume_init() };
        let mut stack = vec![0u128; 1 << 14];
        engine.stack_limit = AtomicUsize::new(stack.as_mut_ptr() as usize + (1 << 16));
        engine.dispatch = dispatch as unsafe extern "C" fn(_) -> _ as usize;
        engine.builtin = thunks.builtin;
        engine.listener = thunks.listener;
        engine.traps = thunks.traps;
        let host = Box::new(VmFuncRef {
            code: thunks.host_call,
            instance: std::ptr::null_mut(),
            sig: SIG,
            index: 5,
        });
        let memories: Vec<Vec<u8>> = (1..3u8).map(|fill| vec![fill; 65536]).collect();
        let instances = [0, 1].map(|at| instance(&memories[at], &host));
        let mut world = Self {
            engine,
            instances,
            code: map(&code),
            starts: builder.starts,
            sites: builder.isa.buf.sites.iter().map(|site| site.code).collect(),
            host,
            thunks,
            stack,
            _memories: memories,
        };
        for at in 0..world.instances.len() {
            let own = &raw mut *world.instances[at];
            let instance = &mut world.instances[at];
            instance.head.memory0 = &raw mut instance.memory;
            instance.table.elems = instance.elems.as_mut_ptr();
            instance.table_import = &raw const instance.table;
            instance.memory_import = &raw const instance.memory;
            instance.func.instance = own.cast();
        }
        world
    }

    /// The record through which function `func` of an instance is called.
    pub(super) fn record(&mut self, instance: usize, func: u32) -> *const VmFuncRef {
        let (start, _) = self.starts[func as usize];
        let instance = &mut self.instances[instance];
        instance.func.code = self.code.as_ptr() as usize + start as usize;
        &raw const instance.func
    }

    pub(super) fn serve_with(&self, dispatch: Dispatch) {
        DISPATCH.set(Some(dispatch));
    }

    pub(super) fn top(&mut self) -> usize {
        self.stack.as_mut_ptr_range().end as usize
    }

    /// Calls function `func` of instance 0.
    pub(super) fn call(&mut self, func: u32) {
        let record = self.record(0, func);
        let top = self.top();
        // SAFETY: the engine, the record and the stack are laid out as code expects them.
        unsafe { (self.thunks.enter)(&mut *self.engine, record, top) };
        assert_eq!(self.engine.sps.host, 0, "as before");
    }

    /// Goes on after an exit.
    pub(super) fn resume(&mut self) {
        // SAFETY: as for `call`; the exit left its state in the engine and on the stack.
        unsafe { (self.thunks.resume)(&mut *self.engine) };
        assert_eq!(self.engine.sps.host, 0, "as before");
    }

    /// What code has left in a cell beyond the registers.
    pub(super) fn more(&self, cell: usize) -> u64 {
        // SAFETY: the engine began with zeros.
        unsafe { self.engine.more[cell].assume_init() }
    }

    /// Offset in the code of the engine's `exit_pc`.
    pub(super) fn exit_offset(&self) -> u32 {
        (self.engine.exit_pc - self.code.as_ptr() as usize) as u32
    }
}

fn instance(memory: &[u8], host: &VmFuncRef) -> Box<Instance> {
    Box::new(Instance {
        head: VmInstance {
            memory0: std::ptr::null_mut(),
            data: std::ptr::null_mut(),
        },
        sigs: [SIG, SIG + 1, SIG + 2, SIG + 3],
        globals: [[7, 8], [9, 10]],
        table: VmTable {
            elems: std::ptr::null_mut(),
            len: 4,
        },
        table_import: std::ptr::null(),
        memory_import: std::ptr::null(),
        memory: VmMemory {
            base: memory.as_ptr().cast_mut(),
            bound: memory.len() as u64,
        },
        import: host,
        elems: [0; 4],
        func: VmFuncRef {
            code: 0,
            instance: std::ptr::null_mut(),
            sig: SIG,
            index: 0,
        },
    })
}
