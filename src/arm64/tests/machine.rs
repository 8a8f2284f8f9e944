//! A harness that runs emitted code on given registers and shows every register afterwards.
#![allow(unsafe_code, reason = "runs code that the tests have made")]

use std::rc::Rc;
use std::sync::atomic::AtomicUsize;

use memmap2::{Mmap, MmapMut, MmapOptions};

use super::super::regs::{LINK, TMP};
use super::super::{Arm64, emit, icache};
use super::isa;
use crate::asm::abi::{self, CallEngine, ExitCode, MemoryMode, TrapCode, VmInstance, VmMemory};
use crate::asm::code::Site;
use crate::asm::isa::Isa;
use crate::asm::regs::{Fpr, Gpr, Reg};
use crate::ir::types::Size;

/// The registers around a run.
#[repr(C, align(16))]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Regs {
    pub(super) x: [u64; 32],
    pub(super) v: [[u64; 2]; 32],
}

impl Regs {
    /// Each register holds something of its own.
    pub(super) fn distinct() -> Self {
        Self {
            x: std::array::from_fn(|i| (i as u64 + 1).wrapping_mul(0x1111_2222_3333_0007)),
            v: std::array::from_fn(|i| {
                let i = i as u64;
                [(i + 3).wrapping_mul(0xf10a_7000_0000_0001), !i]
            }),
        }
    }

    pub(super) fn set(&mut self, reg: Gpr, value: u64) {
        self.x[usize::from(reg.0)] = value;
    }

    pub(super) fn get(&self, reg: Gpr) -> u64 {
        self.x[usize::from(reg.0)]
    }

    pub(super) fn set_float(&mut self, reg: Fpr, bits: u64) {
        self.v[usize::from(reg.0)] = [bits, 0x5555_6666_7777_8888];
    }

    pub(super) fn float(&self, reg: Fpr) -> u64 {
        self.v[usize::from(reg.0)][0]
    }
}

/// What a run left.
pub(super) struct Outcome {
    pub(super) regs: Regs,
    pub(super) sp: usize,
    /// Registers that changed, but for the backend's scratch: integers, then floats from 32.
    pub(super) changed: Vec<usize>,
    /// The trap, and its site's offset in the code.
    pub(super) trap: Option<(TrapCode, u32)>,
}

impl Outcome {
    /// Asserts that nothing else changed, and that the stack is as it was.
    pub(super) fn only(&self, machine: &Machine, dst: impl Into<Reg>) -> &Self {
        let dst = dst.into().index();
        assert!(
            self.changed.iter().all(|reg| *reg == dst),
            "{:?}",
            self.changed
        );
        assert_eq!(self.sp, machine.stack_top());
        self
    }
}

fn changed(before: &Regs, after: &Regs) -> Vec<usize> {
    let kept = |i: &usize| ![15, 16, 17, 18, 29, 30].contains(i);
    let ints = (0..31).filter(kept).filter(|i| after.x[*i] != before.x[*i]);
    let floats = (0..30).filter(|i| after.v[*i] != before.v[*i]);
    ints.chain(floats.map(|i| 32 + i)).collect()
}

/// Address space for a linear memory, all of it accessible.
pub(super) const MEMORY_SPACE: usize = 7 << 30;
const STACK_SPACE: usize = 64 << 20;

/// A call engine with an instance, a memory and a value stack.
pub(super) struct Machine {
    pub(super) mode: MemoryMode,
    /// The first attempt, for [`Isa::begin`].
    pub(super) attempt: u32,
    pub(super) engine: Box<CallEngine>,
    /// A `VmInstance`, and room behind it.
    pub(super) instance: Box<[u128]>,
    pub(super) memory: Box<VmMemory>,
    space: MmapMut,
    stack: MmapMut,
}

/// Code that is ready to run.
pub(super) struct Code {
    map: Rc<Mmap>,
    start: usize,
    pub(super) sites: Vec<Site>,
    handlers: [usize; TrapCode::ALL.len()],
}

fn map(len: usize) -> MmapMut {
    MmapOptions::new()
        .len(len)
        .no_reserve_swap()
        .map_anon()
        .expect("address space")
}

impl Machine {
    pub(super) fn new(mode: MemoryMode) -> Self {
        let mut space = map(MEMORY_SPACE);
        let stack = map(STACK_SPACE);
        let mut memory = Box::new(VmMemory {
            base: space.as_mut_ptr(),
            bound: MEMORY_SPACE as u64,
        });
        let mut instance = vec![0u128; 4096].into_boxed_slice();
        // SAFETY: zeros are a call engine.
        let mut engine: Box<CallEngine> = unsafe { Box::new(std::mem::zeroed()) };
        let vm = instance.as_mut_ptr().cast::<VmInstance>();
        // SAFETY: the instance is large enough.
        unsafe { (*vm).memory0 = &raw mut *memory };
        engine.instance = vm;
        engine.stack_limit = AtomicUsize::new(stack.as_ptr() as usize + 4096);
        Self {
            mode,
            attempt: 0,
            engine,
            instance,
            memory,
            space,
            stack,
        }
    }

    pub(super) fn memory(&mut self) -> &mut [u8] {
        &mut self.space
    }

    pub(super) fn stack_top(&self) -> usize {
        self.stack.as_ptr() as usize + STACK_SPACE
    }

    /// Part of the value stack.
    pub(super) fn stack_bytes(&mut self, addr: usize, len: usize) -> &mut [u8] {
        let start = addr - self.stack.as_ptr() as usize;
        &mut self.stack[start..start + len]
    }

    /// Writes a doubleword into the instance.
    pub(super) fn put(&mut self, offset: usize, value: u64) {
        let cell = &mut self.instance[offset / 16];
        let shift = 8 * (offset % 16);
        *cell = *cell & !(u128::from(u64::MAX) << shift) | u128::from(value) << shift;
    }

    pub(super) fn instance_cell(&self, offset: usize) -> u64 {
        (self.instance[offset / 16] >> (8 * (offset % 16))) as u64
    }

    /// Assembles what `body` emits, with its traps, between code that loads and stores all
    /// registers.
    pub(super) fn assemble(&self, body: impl Fn(&mut Arm64)) -> Code {
        self.assemble_all([body]).remove(0)
    }

    /// The same for many; the emulator is slow when code comes in many pieces.
    pub(super) fn assemble_all<F: Fn(&mut Arm64)>(
        &self,
        bodies: impl IntoIterator<Item = F>,
    ) -> Vec<Code> {
        let mut bytes = Vec::new();
        let mut parts = Vec::new();
        for body in bodies {
            let done = (self.attempt..).find_map(|attempt| assemble(self.mode, attempt, &body));
            let (isa, handlers) = done.expect("some attempt reaches");
            parts.push((bytes.len(), isa.buf.sites.iter().collect(), handlers));
            bytes.extend_from_slice(isa.buf.code());
        }
        let mut map = MmapMut::map_anon(bytes.len()).expect("memory");
        map.copy_from_slice(&bytes);
        let map = Rc::new(map.make_exec().expect("executable memory"));
        icache::sync_icache(map.as_ptr(), map.len());
        let parts = parts.into_iter().map(|(start, sites, handlers)| Code {
            handlers: handlers.map(|offset| map.as_ptr() as usize + start + offset),
            map: Rc::clone(&map),
            start,
            sites,
        });
        parts.collect()
    }

    /// Runs on the registers.
    pub(super) fn run(&mut self, code: &Code, regs: &Regs) -> Outcome {
        self.engine.traps = code.handlers;
        self.engine.exit = ExitCode::RETURNED;
        self.engine.sps.guest = self.stack_top();
        let mut before = *regs;
        before.x[28] = &raw mut *self.engine as u64;
        before.x[27] = self.memory.base as u64;
        if self.mode == MemoryMode::Explicit {
            before.x[26] = self.memory.bound;
        }
        let mut after = before;
        // SAFETY: the harness keeps the C ABI around the code.
        unsafe {
            let run: extern "C" fn(*mut Regs, *mut CallEngine) = std::mem::transmute(code.addr(0));
            run(&raw mut after, &raw mut *self.engine);
        }
        let site = self.engine.exit_pc.wrapping_sub(code.addr(0)) as u32;
        Outcome {
            changed: changed(&before, &after),
            sp: after.x[31] as usize,
            trap: self.engine.exit.trap().map(|trap| (trap, site)),
            regs: after,
        }
    }
}

/// Saves the host's registers, loads all from `x0`, with `sp` from the engine in `x1`.
fn emit_load(isa: &mut Arm64) {
    emit!(isa
        ; stp x29, x30, [sp, -176]!
        ; stp x19, x20, [sp, 16]
        ; stp x21, x22, [sp, 32]
        ; stp x23, x24, [sp, 48]
        ; stp x25, x26, [sp, 64]
        ; stp x27, x28, [sp, 80]
        ; stp d8, d9, [sp, 96]
        ; stp d10, d11, [sp, 112]
        ; stp d12, d13, [sp, 128]
        ; stp d14, d15, [sp, 144]
        ; str x0, [sp, 160]
        ; mov x2, sp
        ; str x2, [x1, abi::HOST_SP as u32]
        ; ldr x2, [x1, abi::GUEST_SP as u32]
        ; mov sp, x2
    );
    for i in 0..32u8 {
        emit!(isa; ldr Q(Fpr(i)), [x0, 256 + 16 * u32::from(i)]);
    }
    for i in (1..31u8).filter(|i| *i != 18 && *i != 29) {
        emit!(isa; ldr X(Gpr(i)), [x0, 8 * u32::from(i)]);
    }
    emit!(isa; ldr x0, [x0]);
}

/// Stores all registers, with `sp` in place of `x31`, and returns.
fn emit_store(isa: &mut Arm64) {
    isa.buf().reserve();
    emit!(isa
        ; ldr X(LINK), [engine, abi::HOST_SP as u32]
        ; ldr X(LINK), [X(LINK), 160]
    );
    for i in (0..30u8).filter(|i| *i != 18) {
        emit!(isa; str X(Gpr(i)), [X(LINK), 8 * u32::from(i)]);
    }
    for i in 0..32u8 {
        emit!(isa; str Q(Fpr(i)), [X(LINK), 256 + 16 * u32::from(i)]);
    }
    isa.buf().reserve();
    emit!(isa
        ; mov tmp, sp
        ; str tmp, [X(LINK), 248]
        ; ldr tmp, [engine, abi::HOST_SP as u32]
        ; mov sp, tmp
        ; ldp d14, d15, [sp, 144]
        ; ldp d12, d13, [sp, 128]
        ; ldp d10, d11, [sp, 112]
        ; ldp d8, d9, [sp, 96]
        ; ldp x27, x28, [sp, 80]
        ; ldp x25, x26, [sp, 64]
        ; ldp x23, x24, [sp, 48]
        ; ldp x21, x22, [sp, 32]
        ; ldp x19, x20, [sp, 16]
        ; ldp x29, x30, [sp], 176
        ; ret
    );
}

/// The code, and the offsets of the handlers of its traps.
fn assemble(
    mode: MemoryMode,
    attempt: u32,
    body: &impl Fn(&mut Arm64),
) -> Option<(Arm64, [usize; TrapCode::ALL.len()])> {
    let mut isa = isa(mode);
    isa.begin(attempt);
    isa.buf().reserve();
    emit_load(&mut isa);
    isa.buf().reserve();
    let done = isa.buf().new_label();
    body(&mut isa);
    isa.buf().reserve();
    Isa::jump(&mut isa, done);
    let colds = std::mem::take(&mut isa.buf().colds);
    for cold in colds {
        isa.buf().reserve();
        isa.buf().bind(cold.label);
        isa.trap_site(cold.trap);
    }
    let mut handlers = [0; TrapCode::ALL.len()];
    for trap in TrapCode::ALL {
        isa.buf().reserve();
        handlers[trap as usize] = isa.buf().offset() as usize;
        let status = ExitCode::TRAP.0 + trap as u32;
        isa.int_const(Size::S32, TMP, u64::from(status));
        emit!(isa
            ; str tmp32, [engine, abi::EXIT as u32]
            ; str X(LINK), [engine, abi::EXIT_PC as u32]
            ; str callee, [engine, abi::CALLEE as u32]
        );
        Isa::jump(&mut isa, done);
    }
    isa.buf().bind(done);
    emit_store(&mut isa);
    Isa::finish(&mut isa).then_some((isa, handlers))
}

impl Code {
    pub(super) fn addr(&self, offset: u32) -> usize {
        self.map.as_ptr() as usize + self.start + offset as usize
    }

    pub(super) fn word(&self, offset: u32) -> u32 {
        let at = self.start + offset as usize;
        u32::from_le_bytes(self.map[at..at + 4].try_into().expect("four bytes"))
    }
}
