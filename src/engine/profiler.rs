//! Tells profilers of the system where compiled functions lie.
//!
//! Profilers look for one file per process, so all engines of the process write to the same.

#[cfg(target_os = "linux")]
mod jitdump;
mod perf_map;

use std::io;
use std::sync::{Mutex, PoisonError};

use super::module::ModuleInner;
use crate::error::{Error, Result};

#[cfg(target_os = "linux")]
use jitdump::JitDump;
use perf_map::PerfMap;

/// How a profiler of the system learns the names of guest functions; see
/// [`Config::profiler`](crate::Config::profiler). Functions are called `module[function]`, by
/// their names in the name section, mangled as they are there, or by their index.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum ProfilingStrategy {
    /// It does not.
    #[default]
    None,
    /// By `/tmp/perf-PID.map`, text with a line per function, which `perf report` and others read
    /// as they are: `perf record program`, then `perf report`.
    ///
    /// The file is appended to, and the format has no word for code that is gone: where a module
    /// was dropped and another took its place, a profiler may show either's names.
    PerfMap,
    /// By `jit-PID.dump` (Linux only), which has the code as well, and when it was there:
    /// `perf record -k mono program`, `perf inject --jit -i perf.data -o jit.data`, then
    /// `perf report -i jit.data`, or `perf annotate`. It is written to the directory that the
    /// environment variable `JITDUMPDIR` names, or else to the current one.
    ///
    /// It names positions in the code: the file is the module's name, the "line" the offset of an
    /// operator in the module's bytes. Known are those of calls and of what may trap. It has
    /// nothing about unwinding: profiles have no call graphs through guests.
    JitDump,
}

/// A file of the process, once it is open.
struct Shared<F>(Mutex<Option<F>>);

/// What is told of modules.
trait Profile: Sized {
    fn open() -> io::Result<Self>;

    fn load(&mut self, module: &ModuleInner) -> io::Result<()>;
}

static PERF_MAP: Shared<PerfMap> = Shared(Mutex::new(None));
#[cfg(target_os = "linux")]
static JIT_DUMP: Shared<JitDump> = Shared(Mutex::new(None));

impl<F: Profile> Shared<F> {
    /// Opens it if it is not open, and tells it of `module`.
    fn tell(&self, module: Option<&ModuleInner>) -> io::Result<()> {
        let mut file = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let file = match &mut *file {
            Some(file) => file,
            none => none.insert(F::open()?),
        };
        module.map_or(Ok(()), |module| file.load(module))
    }
}

/// Opens the file that a profiler reads.
///
/// # Errors
///
/// If the system refuses.
pub(crate) fn start(strategy: ProfilingStrategy) -> Result<()> {
    tell(strategy, None)
}

/// Tells the profiler of a module, before its code runs.
///
/// # Errors
///
/// If it cannot be written.
pub(crate) fn loaded(module: &ModuleInner) -> Result<()> {
    tell(module.engine.config().profiler, Some(module))
}

fn tell(strategy: ProfilingStrategy, module: Option<&ModuleInner>) -> Result<()> {
    match strategy {
        ProfilingStrategy::None => Ok(()),
        ProfilingStrategy::PerfMap => PERF_MAP.tell(module),
        #[cfg(target_os = "linux")]
        ProfilingStrategy::JitDump => JIT_DUMP.tell(module),
        #[cfg(not(target_os = "linux"))]
        ProfilingStrategy::JitDump => Err(io::ErrorKind::Unsupported.into()),
    }
    .map_err(|error| Error::new(error).context("failed to write what a profiler reads"))
}
