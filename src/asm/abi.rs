//! What compiled code and the engine agree on: state, layouts, statuses, argument places.
//!
//! This is the only module that both the engine and the backends know.
//!
//! # Roles of registers
//!
//! | role            | amd64 | arm64 | |
//! |-----------------|-------|-------|--|
//! | call engine     | `r14` | `x28` | always points to the [`CallEngine`] |
//! | memory base     | `r15` | `x27` | base of memory 0 of the current instance |
//! | memory bound    | `r13` | `x26` | its length in bytes; `Explicit` mode only |
//! | fuel            | `r12` | `x25` | what is left, in code that pays; elsewhere a pin |
//! | value stack     | `rsp` | `sp`  | |
//! | callee          | `r11` | `x17` | `*const VmFuncRef` on entry through a reference |
//!
//! The role registers are state of the running instance, not of a frame: whoever changes the
//! instance or its memory (a thunk, the switch in an indirect entry) sets them, so that no caller
//! reloads anything after a call.
//!
//! # A frame on the value stack (addresses grow upwards, `size` a multiple of 16)
//!
//! ```text
//!   sp + size      caller's sp
//!   sp + size - 8  return address      amd64: pushed by `call`; arm64: x30 stored by the prologue
//!   ...            saved registers     callee-saved registers that this function pins
//!   ...            homes of operands   by depth, one cell each (two when the function has v128)
//!   sp             homes of locals     one cell each, v128 two
//! ```
//!
//! Arguments travel in registers and in [`CallEngine::more`], so a frame never depends on who
//! called it.
#![allow(
    dead_code,
    reason = "a layout is described whole, though a machine may not use each part"
)]

use std::mem::{MaybeUninit, offset_of};
use std::sync::atomic::AtomicUsize;

use crate::error::{OutOfMemory, try_with_capacity};
use crate::ir::module::ModuleInfo;
use crate::ir::types::{FuncIdx, GlobalIdx, MemIdx, TableIdx, TypeIdx, ValType};

/// Why compiled code left. A newtype, not an enum: machine code writes it.
#[repr(transparent)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ExitCode(pub(crate) u32);

impl ExitCode {
    pub(crate) const RETURNED: Self = Self(0);
    /// A call of a host function; [`CallEngine::callee`] is its [`VmFuncRef`].
    pub(crate) const HOST_CALL: Self = Self(1);
    /// [`CallEngine::exit_arg`] is [`crate::ir::op::Builtin::code`].
    pub(crate) const BUILTIN: Self = Self(2);
    /// A listened-to function begins; `exit_arg` is its index.
    pub(crate) const LISTENER_BEFORE: Self = Self(3);
    /// A listened-to function returns; `exit_arg` is its index.
    pub(crate) const LISTENER_AFTER: Self = Self(4);
    /// A loop's head found [`CallEngine::interrupt`] set. Every register is kept.
    pub(crate) const CHECK_LOOP: Self = Self(5);
    /// A function found the stack at its limit, before it had a frame: it is full, or the limit
    /// was raised to ask for attention. Every register is kept.
    pub(crate) const CHECK_ENTRY: Self = Self(6);
    /// A region costs more fuel than there is: [`CallEngine::exit_arg`], which was taken modulo
    /// 2^64. It pays anew when it goes on. Every other register is kept.
    pub(crate) const CHECK_FUEL: Self = Self(7);
    /// No exit of compiled code: a hook of the store has failed, and no frame is there.
    pub(crate) const HOOK: Self = Self(8);
    /// Traps are `TRAP + TrapCode as u32`.
    pub(crate) const TRAP: Self = Self(16);

    /// The trap that this status tells of.
    pub(crate) fn trap(self) -> Option<TrapCode> {
        TrapCode::ALL
            .get(self.0.checked_sub(Self::TRAP.0)? as usize)
            .copied()
    }
}

/// Traps that compiled code raises.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum TrapCode {
    Unreachable,
    MemoryOutOfBounds,
    TableOutOfBounds,
    /// A `call_indirect` whose callee has another signature, is null, or is not filled in yet;
    /// [`CallEngine::callee`] tells which.
    IndirectCall,
    IntegerOverflow,
    IntegerDivisionByZero,
    BadConversionToInteger,
    StackOverflow,
    /// Debug builds: a 32-bit address was not zero-extended.
    BadAddress,
}

impl TrapCode {
    pub(crate) const ALL: [Self; 9] = [
        Self::Unreachable,
        Self::MemoryOutOfBounds,
        Self::TableOutOfBounds,
        Self::IndirectCall,
        Self::IntegerOverflow,
        Self::IntegerDivisionByZero,
        Self::BadConversionToInteger,
        Self::StackOverflow,
        Self::BadAddress,
    ];
}

pub(crate) const INT_ARGS: usize = 6;
pub(crate) const FLOAT_ARGS: usize = 8;
pub(crate) const INT_RESULTS: usize = 2;
pub(crate) const FLOAT_RESULTS: usize = 2;

/// Cells for arguments or results that find no register: 1000 v128 at the most, which is the
/// validator's limit for both.
pub(crate) const MORE_CELLS: usize = 2000;

/// A value, or nothing yet.
pub(crate) type MoreCell = MaybeUninit<u64>;

/// Bytes that the prologue's check keeps free below any frame: the guest frames of functions
/// that skip the check, the exit thunks, and a signal handler's frame.
pub(crate) const STACK_RESERVE: usize = 64 * 1024 + 4096;

/// Frames up to this size compare `sp` itself with the limit; the reserve covers the rest.
pub(crate) const SMALL_FRAME: usize = 2048;

/// See [`Thunks::enter`].
pub(crate) type Enter = unsafe extern "C" fn(*mut CallEngine, *const VmFuncRef, usize);

/// At most so many integer arguments have calls that keep them in registers between host and guest.
pub(crate) const DIRECT_ARGS: usize = 3;

/// Such an argument, or nothing where there are fewer.
pub(crate) type DirectArg = MaybeUninit<u64>;

/// See [`Thunks::enter_direct`]. The last argument comes first and the value stack's top last: so
/// most of them arrive on amd64 in the register where code wants them.
pub(crate) type EnterDirect = unsafe extern "C" fn(
    *mut CallEngine,
    *const VmFuncRef,
    DirectArg,
    DirectArg,
    DirectArg,
    usize,
) -> Answer;

/// What [`Thunks::host_call_direct`] calls: a host function with its record, and its arguments in
/// the same order.
pub(crate) type Direct = unsafe extern "C" fn(
    *const VmFuncRef,
    *mut CallEngine,
    DirectArg,
    DirectArg,
    DirectArg,
) -> Answer;

/// How a call ended that keeps its result in a register. Both machines return it in two.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub(crate) struct Answer {
    /// The integer result, if there is one. The upper half of an `i32` is undefined.
    pub(crate) value: u64,
    /// 0, or [`Answer::LEFT`].
    pub(crate) left: u64,
}

impl Answer {
    /// The guest has not returned, or shall leave: [`CallEngine::exit`] and the store say why.
    pub(crate) const LEFT: u64 = 1;
}

/// See [`Thunks::resume`].
pub(crate) type Resume = unsafe extern "C" fn(*mut CallEngine);

/// The code between host and guest, that each machine's `entry` provides for each memory mode.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Thunks {
    /// Calls a function from the host: arguments and results in [`CallEngine::ints`], `floats`
    /// and `more`; the value stack's top is 16-aligned. Returns with [`CallEngine::exit`] set.
    pub(crate) enter: Enter,
    /// As `enter`, for functions without floats: passes over [`CallEngine::floats`].
    pub(crate) enter_ints: Enter,
    /// As `enter_ints`, for functions with at most [`DIRECT_ARGS`] arguments and one result, while
    /// no guest runs and [`StackPointers::host`] is 0. Leaves `exit` as it is, if the guest returns.
    pub(crate) enter_direct: EnterDirect,
    /// Goes on after an exit that the dispatcher answered with "leave", as if it had answered
    /// "resume". The engine's `sps.guest`, `instance` and `exit` are what they were then.
    pub(crate) resume: Resume,
    /// For [`VmFuncRef::code`] of host functions.
    pub(crate) host_call: usize,
    /// As `host_call`, for functions without floats.
    pub(crate) host_call_ints: usize,
    /// As `host_call_ints`, for functions with at most [`DIRECT_ARGS`] arguments and one result:
    /// calls the [`Direct`] at [`REF_DIRECT`] of the record, and no dispatcher.
    pub(crate) host_call_direct: usize,
    /// For [`CallEngine::builtin`].
    pub(crate) builtin: usize,
    /// For [`CallEngine::listener`].
    pub(crate) listener: usize,
    /// Bytes of these three's frame on the value stack: from [`StackPointers::guest`] to the
    /// frame of the function that left. The return address is on top, as in any frame.
    pub(crate) exit_frame: usize,
    /// For [`CallEngine::check`].
    pub(crate) check: usize,
    /// Bytes of that one's frame.
    pub(crate) check_frame: usize,
    /// Where the host's frame of an activation keeps what [`StackPointers::host`] was before it,
    /// in bytes from `host_sp`.
    pub(crate) outer_host_sp: usize,
    /// Where the fuel's register is saved in an exit's frame, from [`StackPointers::guest`] on.
    pub(crate) exit_fuel: usize,
    /// Where it is in a check's frame.
    pub(crate) check_fuel: usize,
    /// For [`CallEngine::traps`].
    pub(crate) traps: [usize; TrapCode::ALL.len()],
}

/// The [`Thunks`] that are functions of these names in scope; and what is said of them.
macro_rules! thunks_in_scope {
    ($($name:ident: $value:expr,)*) => {
        $crate::asm::abi::Thunks {
            enter,
            enter_ints,
            enter_direct,
            resume,
            host_call: host_call as *const () as usize,
            host_call_ints: host_call_ints as *const () as usize,
            host_call_direct: host_call_direct as *const () as usize,
            builtin: builtin as *const () as usize,
            listener: listener as *const () as usize,
            check: check as *const () as usize,
            $($name: $value,)*
        }
    };
}
pub(crate) use thunks_in_scope;

/// State that compiled code reads and writes. Its address stays in the call-engine register.
///
/// Pointers are 64-bit on both machines, so one layout serves both backends.
#[repr(C, align(16))]
#[derive(Debug)]
pub(crate) struct CallEngine {
    /// Instance whose code runs; null in a host function that the host has called. Undefined while no
    /// one runs anything.
    pub(crate) instance: *mut VmInstance,
    /// Functions trap when their frame would reach below this address. Another thread raises it
    /// to the maximum, which no stack pointer reaches, to make functions ask for attention.
    pub(crate) stack_limit: AtomicUsize,
    pub(crate) exit: ExitCode,
    pub(crate) exit_arg: u32,
    /// Read at loop heads of interruptible code: 0, or [`usize::MAX`] to leave, which another
    /// thread writes.
    pub(crate) interrupt: AtomicUsize,
    pub(crate) sps: StackPointers,
    /// Where each trap goes, by [`TrapCode`]. amd64: the address after the site's `call` is on
    /// top of the stack. arm64: that address is in `x30`.
    pub(crate) traps: [usize; TrapCode::ALL.len()],
    /// Thunk for builtins: arguments as in a call, the number in `exit_arg`.
    pub(crate) builtin: usize,
    /// What code that pays for its regions may yet spend, while the host runs.
    pub(crate) fuel: u64,
    /// Set by calls through a reference that leave: the callee.
    pub(crate) callee: *const VmFuncRef,
    /// Where a trap was raised: an address inside the trapping instruction's site.
    pub(crate) exit_pc: usize,
    /// `unsafe extern "C" fn(*mut CallEngine) -> u32`: serves an exit; 0 resumes, 1 leaves.
    pub(crate) dispatch: usize,
    /// Thunk for listeners: keeps every argument register.
    pub(crate) listener: usize,
    /// Thunk for checks at loop heads and entries: keeps every register.
    pub(crate) check: usize,
    /// Float arguments, then float results, while a call is between guest and host.
    pub(crate) floats: [[u64; 2]; FLOAT_ARGS],
    /// Integer arguments and results, likewise. The upper half of an `i32` is undefined when the
    /// host wrote it.
    pub(crate) ints: [u64; INT_ARGS],
    /// The store that this engine belongs to.
    pub(crate) store: *mut (),
    /// Not 0 if the dispatcher wants to know of every host call.
    pub(crate) dispatch_all: usize,
    /// Arguments and results beyond those in registers, for every kind of call. Not written when
    /// the engine is made: it would be most of the memory of a small store.
    pub(crate) more: [MoreCell; MORE_CELLS],
}

/// Where each side was when the other began to run. Together, so that one store sets both.
#[repr(C, align(16))]
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct StackPointers {
    /// The host stack's pointer while the guest runs; 0 while no one runs anything.
    pub(crate) host: usize,
    /// The value stack's pointer while the host runs. After a trap: `sp` of the trapping frame.
    /// After other exits: below the registers that the thunk saved.
    pub(crate) guest: usize,
}

macro_rules! offsets {
    ($ty:ident: $($name:ident = $($field:ident).+;)*) => {
        $(pub(crate) const $name: i32 = offset_of!($ty, $($field).+) as i32;)*
    };
}

offsets! { CallEngine:
    INSTANCE = instance;
    STACK_LIMIT = stack_limit;
    EXIT = exit;
    EXIT_ARG = exit_arg;
    CALLEE = callee;
    EXIT_PC = exit_pc;
    GUEST_SP = sps.guest;
    HOST_SP = sps.host;
    DISPATCH = dispatch;
    DISPATCH_ALL = dispatch_all;
    BUILTIN = builtin;
    LISTENER = listener;
    CHECK = check;
    INTERRUPT = interrupt;
    FUEL = fuel;
    TRAPS = traps;
    INTS = ints;
    FLOATS = floats;
    MORE = more;
}

// amd64 reaches what code touches often with a one-byte displacement.
const _: () = assert!(offset_of!(CallEngine, builtin) < 128);

/// Head of an instance; [`InstanceLayout`] says what follows it.
#[repr(C, align(16))]
#[derive(Debug)]
pub(crate) struct VmInstance {
    /// Memory 0, defined or imported; an empty one when the module has none.
    pub(crate) memory0: *mut VmMemory,
    /// The engine's record of this instance.
    pub(crate) data: *mut (),
}

offsets! { VmInstance:
    MEMORY0 = memory0;
}

/// A linear memory as code sees it.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub(crate) struct VmMemory {
    pub(crate) base: *mut u8,
    /// Length in bytes.
    pub(crate) bound: u64,
}

/// A table as code sees it: references, never zero in funcref tables (see [`VmFuncRef`]).
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub(crate) struct VmTable {
    pub(crate) elems: *mut u64,
    pub(crate) len: u64,
}

/// A function that can be called through a reference, wherever it is defined.
///
/// A funcref *value* is the address of one, or 0 for null. A funcref *table* holds, in place of
/// null, the address of a `VmFuncRef` whose `sig` is [`NULL_SIG`], so that `call_indirect`
/// compares one number.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub(crate) struct VmFuncRef {
    /// The indirect entry, called with the address of this record in the callee register.
    pub(crate) code: usize,
    /// The callee's instance; null for a host function.
    pub(crate) instance: *mut VmInstance,
    /// Signature, numbered by the [`crate::Engine`].
    pub(crate) sig: u32,
    /// Index of the function in its instance's module, or in the store's host functions.
    pub(crate) index: u32,
}

/// `sig` of the record that stands for null in tables. No function has it.
pub(crate) const NULL_SIG: u32 = u32::MAX;

/// Of host functions: where their [`Direct`] is, behind the record.
pub(crate) const REF_DIRECT: i32 = size_of::<VmFuncRef>() as i32;

offsets! { VmMemory:
    MEMORY_BASE = base;
    MEMORY_BOUND = bound;
}
offsets! { VmTable:
    TABLE_ELEMS = elems;
    TABLE_LEN = len;
}
offsets! { VmFuncRef:
    REF_CODE = code;
    REF_INSTANCE = instance;
    REF_SIG = sig;
}

/// Where the parts of an instance lie, in bytes from its [`VmInstance`].
///
/// ```text
///   VmInstance
///   sigs       u32               per type: the engine's number of the signature
///   globals    16 bytes          per global: the value, or for an import a pointer to it
///   tables     VmTable           per table: itself, or for an import a pointer to it
///   memories   VmMemory          per memory: itself, or for an import a pointer to it
///   imports    *const VmFuncRef  per imported function
///   refs       VmFuncRef         per defined function that escapes
/// ```
#[derive(Clone, Debug, Default)]
pub(crate) struct InstanceLayout {
    sigs: u32,
    globals: u32,
    tables: u32,
    memories: u32,
    imports: u32,
    refs: u32,
    /// Per function: its position among `refs`, for those that have one.
    ref_index: Vec<u32>,
    /// How many of them have one.
    record_count: u32,
    size: u32,
}

/// In `InstanceLayout::ref_index`: the function has no record in the instance.
const NO_REF: u32 = u32::MAX;

impl InstanceLayout {
    /// Lays out the instances of a module. The validator's limits (a million of each kind) keep
    /// every offset below 2^31.
    ///
    /// # Errors
    ///
    /// If the host has no memory.
    pub(crate) fn new(module: &ModuleInfo) -> Result<Self, OutOfMemory> {
        fn align16(at: usize) -> usize {
            at.next_multiple_of(16)
        }
        let mut count = 0;
        let mut ref_index = try_with_capacity(module.escapes.len(), "a module's functions")?;
        ref_index.extend((0u32..).zip(&module.escapes).map(|(index, escapes)| {
            if !escapes || index < module.imported_funcs {
                return NO_REF;
            }
            count += 1;
            count - 1
        }));
        let sigs = size_of::<VmInstance>();
        let globals = align16(sigs + 4 * module.types.len());
        let tables = globals + 16 * module.globals.len();
        let memories = tables + 16 * module.tables.len();
        let imports = memories + 16 * module.memories.len();
        let refs = align16(imports + 8 * module.imported_funcs as usize);
        let size = align16(refs + size_of::<VmFuncRef>() * count as usize);
        Ok(Self {
            sigs: sigs as u32,
            globals: globals as u32,
            tables: tables as u32,
            memories: memories as u32,
            imports: imports as u32,
            refs: refs as u32,
            ref_index,
            record_count: count,
            size: size as u32,
        })
    }

    /// How many functions have a record.
    pub(crate) fn record_count(&self) -> u32 {
        self.record_count
    }

    /// Bytes of an instance.
    pub(crate) fn size(&self) -> usize {
        self.size as usize
    }

    pub(crate) fn sig(&self, ty: TypeIdx) -> i32 {
        (self.sigs + 4 * ty.0) as i32
    }

    pub(crate) fn global(&self, global: GlobalIdx) -> i32 {
        (self.globals + 16 * global.0) as i32
    }

    pub(crate) fn table(&self, table: TableIdx) -> i32 {
        (self.tables + 16 * table.0) as i32
    }

    pub(crate) fn memory(&self, memory: MemIdx) -> i32 {
        (self.memories + 16 * memory.0) as i32
    }

    /// The pointer to an imported function's record.
    pub(crate) fn import(&self, func: FuncIdx) -> i32 {
        (self.imports + 8 * func.0) as i32
    }

    /// The record of a defined function that escapes.
    pub(crate) fn func_ref(&self, func: FuncIdx) -> Option<i32> {
        match self.ref_index[func.index()] {
            NO_REF => None,
            at => Some((self.refs + size_of::<VmFuncRef>() as u32 * at) as i32),
        }
    }
}

/// Where an argument or result travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// The n-th integer argument register; [`CallEngine::ints`] between guest and host.
    Int(usize),
    /// The n-th float argument register; [`CallEngine::floats`] between guest and host.
    Float(usize),
    /// From this cell of [`CallEngine::more`] on.
    More(usize),
}

/// Hands out places for a list of values, first to last.
#[derive(Clone, Debug)]
pub(crate) struct Places {
    ints: usize,
    floats: usize,
    more: usize,
    max_ints: usize,
    max_floats: usize,
}

impl Places {
    pub(crate) const fn params() -> Self {
        Self {
            ints: 0,
            floats: 0,
            more: 0,
            max_ints: INT_ARGS,
            max_floats: FLOAT_ARGS,
        }
    }

    pub(crate) const fn results() -> Self {
        Self {
            ints: 0,
            floats: 0,
            more: 0,
            max_ints: INT_RESULTS,
            max_floats: FLOAT_RESULTS,
        }
    }

    /// Whether so many values that are no floats all travel in registers.
    #[inline]
    pub(crate) fn in_ints(&self, count: usize) -> bool {
        count <= self.max_ints
    }

    #[inline]
    pub(crate) const fn next(&mut self, ty: ValType) -> Place {
        if ty.is_float() && self.floats < self.max_floats {
            self.floats += 1;
            return Place::Float(self.floats - 1);
        }
        if !ty.is_float() && self.ints < self.max_ints {
            self.ints += 1;
            return Place::Int(self.ints - 1);
        }
        let cell = self.more;
        self.more += ty.cells() as usize;
        Place::More(cell)
    }
}

/// How code reaches and checks linear memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum MemoryMode {
    /// Each access compares its end with the bound. No signal handler.
    Explicit,
    /// Accesses run into a guard region; a signal handler turns the fault into a trap.
    Guard,
}

/// In `Guard` mode, accesses with a static offset below this need no check: 4 GiB of address
/// space and this much behind it are reserved for each memory.
pub(crate) const GUARD_OFFSET: u64 = 1 << 31;

/// Bytes reserved for a memory in `Guard` mode: any 32-bit address, plus an offset below
/// [`GUARD_OFFSET`], plus the widest access.
pub(crate) const GUARD_RESERVATION: u64 = (1 << 32) + GUARD_OFFSET + 65_536;
