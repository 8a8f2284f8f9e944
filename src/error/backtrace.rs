//! The guest's calls when something went wrong.

use std::fmt;

/// The guest's calls, innermost first: when an error ended them, which
/// [`Error::backtrace`](crate::Error::backtrace) has, or as they were
/// [captured](WasmBacktrace::capture).
#[derive(Clone)]
pub struct WasmBacktrace {
    frames: Box<[FrameInfo]>,
    /// Whether calls were left out because there are too many.
    more: bool,
}

impl WasmBacktrace {
    pub(crate) fn new(frames: Vec<FrameInfo>, more: bool) -> Self {
        Self {
            frames: frames.into(),
            more,
        }
    }

    /// The calls, innermost first. Of very deep stacks, only the innermost are kept.
    pub fn frames(&self) -> &[FrameInfo] {
        &self.frames
    }
}

impl fmt::Display for WasmBacktrace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "wasm backtrace:")?;
        for (n, frame) in self.frames.iter().enumerate() {
            write!(f, "\n  {n:>3}: {frame}")?;
        }
        if self.more {
            write!(f, "\n  ...")?;
        }
        Ok(())
    }
}

impl fmt::Debug for WasmBacktrace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// One call of a [`WasmBacktrace`].
#[derive(Clone, Debug)]
pub struct FrameInfo {
    pub(crate) module: Option<Box<str>>,
    pub(crate) func_index: u32,
    pub(crate) func_name: Option<Box<str>>,
    pub(crate) module_offset: Option<usize>,
    pub(crate) func_start: usize,
}

impl FrameInfo {
    /// Name of the function's module, from its name section.
    pub fn module_name(&self) -> Option<&str> {
        self.module.as_deref()
    }

    /// Index of the function in its module.
    pub fn func_index(&self) -> u32 {
        self.func_index
    }

    /// Name of the function, from the name section.
    pub fn func_name(&self) -> Option<&str> {
        self.func_name.as_deref()
    }

    /// Offset of the instruction in the module's bytes.
    pub fn module_offset(&self) -> Option<usize> {
        self.module_offset
    }

    /// Offset of the instruction in its function's body.
    pub fn func_offset(&self) -> Option<usize> {
        self.module_offset?.checked_sub(self.func_start)
    }
}

impl fmt::Display for FrameInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.module_offset {
            Some(offset) => write!(f, "{offset:#8x} - ")?,
            None => write!(f, "       ? - ")?,
        }
        write!(f, "{}!", self.module_name().unwrap_or("<unknown>"))?;
        match &self.func_name {
            Some(name) => write!(f, "{name}"),
            None => write!(f, "<wasm function {}>", self.func_index),
        }
    }
}
