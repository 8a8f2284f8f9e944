//! Limits on what a module may ask of the compiler.

use std::error::Error as StdError;
use std::fmt;
use std::ops::Range;

use super::module::ModuleInfo;
use crate::error::Error;

/// Where in a module a limit was exceeded: the offset, and the function if it is about one.
pub(crate) type At = (u32, Option<u32>);

macro_rules! limits {
    ($($(#[$doc:meta])* $field:ident $limit:ident = $one:literal $many:literal;)*) => {
        /// Limits on the modules that an engine compiles: see
        /// [`Config::enforced_limits`](crate::Config::enforced_limits).
        ///
        /// None is set at first. What a module has at most is allowed; one more is an
        /// [`EnforcedLimitsError`]. [`u64::MAX`] takes a limit away. WebAssembly's implementation limits
        /// hold in any case: 1 GiB of module, a million functions, 50 000 locals, 1000 parameters.
        ///
        /// ```
        /// use pronto::{Config, EnforcedLimits, Engine, EnforcedLimitsError, Module};
        ///
        /// let limits = EnforcedLimits::strict().max_functions(50_000);
        /// let engine = Engine::new(Config::new().enforced_limits(limits))?;
        /// # let none = b"\0asm\x01\0\0\0";
        /// # assert!(Module::new(&engine, none).is_ok());
        /// # let engine = Engine::new(Config::new().enforced_limits(limits.max_module_size(7)))?;
        /// # let error = Module::new(&engine, none).unwrap_err();
        /// # assert!(error.is::<EnforcedLimitsError>());
        /// # Ok::<(), pronto::Error>(())
        /// ```
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub struct EnforcedLimits {
            $($field: Option<u64>,)*
            avg_bytes_per_function: Option<AvgBytesPerFunctionLimit>,
        }

        impl EnforcedLimits {
            $(
                $(#[$doc])*
                #[must_use]
                pub fn $field(mut self, limit: u64) -> Self {
                    self.$field = Some(limit);
                    self
                }
            )*

            fn get(&self, limit: EnforcedLimit) -> Option<u64> {
                match limit {
                    $(EnforcedLimit::$limit => self.$field,)*
                    EnforcedLimit::AvgBytesPerFunction => None,
                }
            }
        }

        /// Which of the [`EnforcedLimits`].
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum EnforcedLimit {
            $(
                #[doc = concat!("[`EnforcedLimits::", stringify!($field), "`].")]
                $limit,
            )*
            /// [`EnforcedLimits::min_avg_bytes_per_function`].
            AvgBytesPerFunction,
        }

        impl EnforcedLimit {
            /// What is counted.
            fn name(self, count: u64) -> &'static str {
                match self {
                    $(Self::$limit if count == 1 => $one,)*
                    $(Self::$limit => $many,)*
                    Self::AvgBytesPerFunction => "bytes a function",
                }
            }
        }
    };
}

limits! {
    /// Bytes of the module in the binary format.
    max_module_size ModuleSize = "byte" "bytes";
    /// Bytes of a function's body, its declarations of locals included.
    max_function_size FunctionSize = "byte" "bytes";
    /// Bytes of machine code of the whole module: what
    /// [`Module::text`](crate::Module::text) has. It is looked at after each function.
    max_code_size CodeSize = "byte of machine code" "bytes of machine code";
    /// Functions, imported ones included.
    max_functions Functions = "function" "functions";
    /// Locals of a function, its parameters included.
    max_locals Locals = "local" "locals";
    /// Blocks, loops and ifs that lie in each other, in a function.
    max_nesting Nesting = "nested block" "nested blocks";
    /// Globals, imported ones included.
    max_globals Globals = "global" "globals";
    /// Tables, imported ones included.
    max_tables Tables = "table" "tables";
    /// Memories, imported ones included.
    max_memories Memories = "memory" "memories";
    /// Imports of any kind.
    max_imports Imports = "import" "imports";
    /// Exports of any kind.
    max_exports Exports = "export" "exports";
    /// Element segments.
    max_element_segments ElementSegments = "element segment" "element segments";
    /// Data segments.
    max_data_segments DataSegments = "data segment" "data segments";
    /// Parameters of each type of functions or blocks.
    max_params Params = "parameter" "parameters";
    /// Results of each type of functions or blocks.
    max_results Results = "result" "results";
}

/// How large functions must be on average: see
/// [`EnforcedLimits::min_avg_bytes_per_function`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AvgBytesPerFunctionLimit {
    /// The average counts only if all bodies together have at least so many bytes. Where the size that
    /// stands before a body takes more than one byte, the others belong to the body here.
    pub req_funcs_bytes: u32,
    /// Bytes that a body must have on average.
    pub min_avg_bytes_per_function: u32,
}

impl EnforcedLimits {
    /// No limits.
    pub fn new() -> Self {
        Self::default()
    }

    /// Limits that programs of compilers keep, but hardly what is made to attack one: 10 000
    /// functions of 40 bytes on average (if they have 1000 bytes), 2000 locals, 1000 nested
    /// blocks, 32 parameters and results, 1000 globals, imports, exports and segments of each
    /// kind, 100 tables, one memory. Large programs have more functions.
    pub fn strict() -> Self {
        Self::new()
            .max_functions(10_000)
            .max_locals(2000)
            .max_nesting(1000)
            .max_globals(1000)
            .max_tables(100)
            .max_memories(1)
            .max_imports(1000)
            .max_exports(1000)
            .max_element_segments(1000)
            .max_data_segments(1000)
            .max_params(32)
            .max_results(32)
            .min_avg_bytes_per_function(AvgBytesPerFunctionLimit {
                req_funcs_bytes: 1000,
                min_avg_bytes_per_function: 40,
            })
    }

    /// How large functions must be on average: very many tiny ones cost more than their bytes
    /// tell.
    #[must_use]
    pub fn min_avg_bytes_per_function(mut self, limit: AvgBytesPerFunctionLimit) -> Self {
        self.avg_bytes_per_function = Some(limit);
        self
    }

    /// # Errors
    ///
    /// If `found` of what is limited are too many. `at` is where.
    #[inline]
    pub(crate) fn check(&self, limit: EnforcedLimit, found: u64, at: At) -> Result<(), Error> {
        match self.get(limit) {
            Some(max) if found > max => Err(exceeded(limit, max, found, at)),
            _ => Ok(()),
        }
    }

    /// How deep blocks may nest.
    pub(super) fn nesting(&self) -> u32 {
        let max = self.max_nesting.unwrap_or(u64::MAX);
        u32::try_from(max).unwrap_or(u32::MAX)
    }

    /// Compares what the sections so far declare. `offset` is where the last of them begins.
    pub(super) fn check_sections(&self, info: &ModuleInfo, offset: u32) -> Result<(), Error> {
        let counts = [
            (EnforcedLimit::Functions, info.funcs.len()),
            (EnforcedLimit::Globals, info.globals.len()),
            (EnforcedLimit::Tables, info.tables.len()),
            (EnforcedLimit::Memories, info.memories.len()),
            (EnforcedLimit::Imports, info.imports.len()),
            (EnforcedLimit::Exports, info.exports.len()),
            (EnforcedLimit::ElementSegments, info.elems.len()),
            (EnforcedLimit::DataSegments, info.datas.len()),
        ];
        for (limit, found) in counts {
            self.check(limit, found as u64, (offset, None))?;
        }
        Ok(())
    }

    /// Compares the types, which the section at `offset` declares.
    pub(super) fn check_types(&self, info: &ModuleInfo, offset: u32) -> Result<(), Error> {
        if self.max_params.is_none() && self.max_results.is_none() {
            return Ok(());
        }
        for ty in &info.types {
            let (params, results) = (ty.params().len() as u64, ty.results().len() as u64);
            self.check(EnforcedLimit::Params, params, (offset, None))?;
            self.check(EnforcedLimit::Results, results, (offset, None))?;
        }
        Ok(())
    }

    /// Compares the code section, whose functions are at `range`.
    pub(super) fn check_bodies(&self, range: &Range<usize>, count: u32) -> Result<(), Error> {
        let (Some(limit), 1..) = (self.avg_bytes_per_function, count) else {
            return Ok(());
        };
        let total = (range.len() as u64).saturating_sub(count.into());
        let avg = total / u64::from(count);
        let min = u64::from(limit.min_avg_bytes_per_function);
        if total < u64::from(limit.req_funcs_bytes) || avg >= min {
            return Ok(());
        }
        let at = (range.start as u32, None);
        Err(exceeded(EnforcedLimit::AvgBytesPerFunction, min, avg, at))
    }
}

#[cold]
fn exceeded(limit: EnforcedLimit, max: u64, found: u64, (offset, func): At) -> Error {
    Error::new(EnforcedLimitsError {
        limit,
        max,
        found,
        offset,
        func,
    })
}

/// A module exceeds one of the [`EnforcedLimits`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EnforcedLimitsError {
    limit: EnforcedLimit,
    max: u64,
    found: u64,
    offset: u32,
    func: Option<u32>,
}

impl EnforcedLimitsError {
    /// The limit.
    pub fn limit(&self) -> EnforcedLimit {
        self.limit
    }

    /// What it allows: at most, but for an average, which is at least that.
    pub fn allowed(&self) -> u64 {
        self.max
    }

    /// What the module has, as far as it was read: of nested blocks, the first one that is too
    /// deep; of machine code, up to the function that is too much.
    pub fn found(&self) -> u64 {
        self.found
    }

    /// Offset in the module of what exceeds it: the section, the body or the operator.
    pub fn offset(&self) -> usize {
        self.offset as usize
    }

    /// Index of the function, if it is about one.
    pub fn function(&self) -> Option<u32> {
        self.func
    }
}

impl fmt::Display for EnforcedLimitsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "limit exceeded at offset {:#x}: ", self.offset)?;
        if let Some(func) = self.func {
            write!(f, "function {func}: ")?;
        }
        let what = self.limit.name(self.found);
        let least = self.limit == EnforcedLimit::AvgBytesPerFunction;
        let bound = if least { "least" } else { "most" };
        write!(
            f,
            "{} {what}, allowed are at {bound} {}",
            self.found, self.max
        )
    }
}

impl StdError for EnforcedLimitsError {}
