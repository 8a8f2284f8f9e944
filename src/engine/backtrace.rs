//! Walks the guest's frames on the value stack.
//!
//! A return address tells the function, and that the frame's size. Past the outermost frame of
//! an activation lies its [`Activation`], which leads to the activation that called it.
#![allow(unsafe_code, reason = "reads the value stack")]

use super::context::AsContext;
use super::module::ModuleInner;
use super::run::Activation;
use super::store::StoreCore;
use crate::asm::abi::{CallEngine, ExitCode, Place, Places, SMALL_FRAME, TrapCode};
use crate::error::{FrameInfo, WasmBacktrace};
use crate::ir::types::FuncIdx;

/// A function that is being called.
#[derive(Clone, Copy)]
pub(crate) struct Frame<'a> {
    pub(crate) module: &'a ModuleInner,
    pub(crate) func: FuncIdx,
    /// Where it is, from the start of the module's code: the end of a call, or a trap's site.
    pub(crate) code: u32,
    /// The lower end of its frame.
    pub(crate) sp: usize,
}

/// The frames on a value stack, innermost first.
#[derive(Clone)]
pub(crate) struct Frames<'a> {
    core: &'a StoreCore,
    /// The stack's top.
    top: usize,
    pc: usize,
    sp: usize,
    /// The innermost function has no frame yet: it found the stack full, or was stopped there.
    early: bool,
}

/// Tells the exits of checks from others, whose thunk has a smaller frame: in the low bits of
/// [`StackPointers::guest`], which are zero in a stack pointer.
pub(crate) struct CheckTag;

impl CheckTag {
    const NONE: usize = 0;
    const LOOP: usize = 1;
    const ENTRY: usize = 2;
    /// Not of an exit: the guest has returned, or has not gone on yet, so no frames are there to
    /// be walked. What they leave behind is kept, and others run below it.
    pub(crate) const AWAY: usize = 3;

    /// The tag of an exit.
    pub(crate) fn of(exit: ExitCode) -> usize {
        match exit {
            ExitCode::CHECK_LOOP | ExitCode::CHECK_FUEL => Self::LOOP,
            ExitCode::CHECK_ENTRY => Self::ENTRY,
            _ => Self::NONE,
        }
    }

    /// The stack pointer, and the tag.
    pub(crate) fn split(guest_sp: usize) -> (usize, usize) {
        (guest_sp & !3, guest_sp & 3)
    }
}

/// Frames that a backtrace keeps.
const MAX_FRAMES: usize = 64;

/// Size of a frame of the switch thunk, and of one that the stack had no room for.
const SMALL: usize = 16;

impl<'a> Frames<'a> {
    /// The frames after the guest has left, as `engine` tells.
    ///
    /// # Safety
    ///
    /// `engine` is that of the store, and has just left.
    pub(crate) unsafe fn new(core: &'a StoreCore, engine: &CallEngine) -> Self {
        let trap = engine.exit.trap();
        let mut frames = Self {
            core,
            top: core.machine.top(),
            pc: engine.exit_pc,
            sp: engine.sps.guest,
            early: trap == Some(TrapCode::StackOverflow),
        };
        if engine.exit == ExitCode::HOOK {
            frames.sp = frames.top;
        } else if trap.is_none() {
            // SAFETY: an exit that is no trap.
            unsafe { frames.skip_exit(engine.sps.guest) };
        }
        frames
    }

    /// The frames of the guests that wait for the host, which runs.
    fn waiting(core: &'a StoreCore) -> Self {
        // SAFETY: the machine's invariants: it is null or alive.
        let engine = unsafe { core.machine.engine.as_ref() };
        let guest_sp = engine.map_or(usize::MAX, |engine| engine.sps.guest);
        let top = core.machine.top();
        if guest_sp >= top {
            // The host runs on its own behalf.
            return Self {
                core,
                top,
                pc: 0,
                sp: top,
                early: false,
            };
        }
        // SAFETY: whatever calls the host while frames are there leaves that stack pointer.
        unsafe { Self::suspended(core, top, guest_sp) }
    }

    /// The frames of a guest that is suspended on a stack of its own.
    ///
    /// # Safety
    ///
    /// The guest is one of the store, and was left with this stack pointer by an exit that is no
    /// trap.
    pub(crate) unsafe fn suspended(core: &'a StoreCore, top: usize, guest_sp: usize) -> Self {
        let mut frames = Self {
            core,
            top,
            pc: 0,
            sp: guest_sp,
            early: false,
        };
        // SAFETY: the caller's promise.
        unsafe { frames.skip_exit(guest_sp) };
        frames
    }

    /// Goes to the caller of an exit's thunk.
    ///
    /// # Safety
    ///
    /// `guest_sp` was left by such a thunk.
    unsafe fn skip_exit(&mut self, guest_sp: usize) {
        let thunks = self.core.engine.thunks();
        self.sp = match CheckTag::split(guest_sp) {
            (_, CheckTag::AWAY) => {
                self.sp = self.top;
                return;
            }
            (sp, CheckTag::NONE) => sp + thunks.exit_frame,
            (sp, tag) => {
                self.early = tag == CheckTag::ENTRY;
                sp + thunks.check_frame
            }
        };
        // SAFETY: the return address is on top of the thunk's frame.
        self.pc = unsafe { ((self.sp - 8) as *const usize).read() };
    }

    /// The module whose code `pc` belongs to, a return address or a place in a body, and where in it.
    fn locate(&self, pc: usize) -> Option<(&'a ModuleInner, u32)> {
        let (_, module) = self.core.code.range(pc..).next()?;
        let code = pc.checked_sub(module.memory.start())?;
        Some((module, code as u32))
    }

    /// As an error carries it.
    pub(crate) fn collect_backtrace(mut self) -> WasmBacktrace {
        let frames = self.by_ref().take(MAX_FRAMES).map(|frame| frame.info());
        let frames = frames.collect();
        WasmBacktrace::new(frames, self.next().is_some())
    }
}

impl WasmBacktrace {
    /// The guest's calls at this moment, innermost first: in a host function, those that led to
    /// it; in an [epoch deadline callback], where the guest was when the deadline was over, which
    /// makes a sampling profiler. Without frames if no guest has called the host; of guests that
    /// run one within another's [`Execution`], only those of the innermost.
    ///
    /// It works without [`Config::wasm_backtrace`](crate::Config::wasm_backtrace), too.
    ///
    /// ```
    /// use pronto::{Caller, Engine, Linker, WasmBacktrace};
    ///
    /// let mut linker: Linker<()> = Linker::new(&Engine::default());
    /// linker.func_wrap("host", "log", |caller: Caller<'_, ()>, event: i32| {
    ///     println!("event {event}, {}", WasmBacktrace::capture(&caller));
    /// })?;
    /// # Ok::<(), pronto::Error>(())
    /// ```
    ///
    /// [epoch deadline callback]: crate::Store::epoch_deadline_callback
    /// [`Execution`]: crate::Execution
    pub fn capture(store: impl AsContext) -> Self {
        Frames::waiting(store.as_context().core()).collect_backtrace()
    }
}

impl<'a> Iterator for Frames<'a> {
    type Item = Frame<'a>;

    fn next(&mut self) -> Option<Frame<'a>> {
        while self.sp < self.top {
            let Some((module, code)) = self.locate(self.pc) else {
                // SAFETY: past the outermost frame of an activation.
                let outer = unsafe { (self.sp as *const Activation).read() };
                if outer.guest_sp >= self.top {
                    self.sp = outer.guest_sp;
                    return None;
                }
                // SAFETY: the outer activation called the host, which entered this one.
                unsafe { self.skip_exit(outer.guest_sp) };
                continue;
            };
            let index = module.code.func_at(code)?;
            let func = &module.code.funcs[index];
            let in_switch = code > func.switch;
            let small = in_switch || std::mem::take(&mut self.early);
            let size = if small { SMALL } else { func.frame as usize };
            let sp = self.sp;
            self.sp += size;
            // SAFETY: the return address is on top of each frame.
            self.pc = unsafe { ((self.sp - 8) as *const usize).read() };
            if !in_switch {
                return Some(Frame {
                    module,
                    func: FuncIdx(module.info.imported_funcs + index as u32),
                    code,
                    sp,
                });
            }
        }
        None
    }
}

impl Frame<'_> {
    /// Whether its function, which has no frame yet, would reach below `limit` with one.
    pub(crate) fn overflows(&self, limit: usize) -> bool {
        let body = (self.func.0 - self.module.info.imported_funcs) as usize;
        let size = self.module.code.funcs[body].frame as usize;
        // As the code checks it.
        let size = if size <= SMALL_FRAME { 0 } else { size };
        (self.sp + SMALL).saturating_sub(size) < limit
    }

    /// Cells that its parameters beyond registers take.
    pub(crate) fn more_params(&self) -> usize {
        let mut places = Places::params();
        let ty = self.module.info.func_type(self.func);
        let cells = ty.params().iter().map(|&ty| match places.next(ty) {
            Place::More(at) => at + ty.cells() as usize,
            Place::Int(_) | Place::Float(_) => 0,
        });
        cells.max().unwrap_or(0)
    }

    fn info(&self) -> FrameInfo {
        let info = &self.module.info;
        let body = (self.func.0 - info.imported_funcs) as usize;
        FrameInfo {
            module: info.name.clone(),
            func_index: self.func.0,
            func_name: info.func_name(self.func).map(Into::into),
            module_offset: self.module.code.wasm_pos(self.code).map(|pos| pos as usize),
            func_start: self.module.code.funcs[body].body_pos as usize,
        }
    }
}
