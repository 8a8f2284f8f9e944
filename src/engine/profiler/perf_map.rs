//! `/tmp/perf-PID.map`: a line per function, with its address and size in hexadecimal, and its
//! name.

use std::fmt::Write as _;
use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt;

use super::Profile;
use crate::engine::module::ModuleInner;
use crate::engine::symbols::symbols;

pub(super) struct PerfMap(File);

impl Profile for PerfMap {
    fn open() -> io::Result<Self> {
        // Others that compile code in this process may write to it, too. Everyone can write to
        // the directory, so links there are not followed.
        let mut options = OpenOptions::new();
        options.append(true).create(true).mode(0o600);
        options.custom_flags(libc::O_NOFOLLOW);
        let file = options.open(format!("/tmp/perf-{}.map", std::process::id()))?;
        Ok(Self(file))
    }

    fn load(&mut self, module: &ModuleInner) -> io::Result<()> {
        let mut lines = String::new();
        for symbol in symbols(module) {
            let (start, len) = (symbol.start, symbol.code.len());
            let written = writeln!(lines, "{start:x} {len:x} {}", symbol.name);
            written.map_err(io::Error::other)?;
        }
        self.0.write_all(lines.as_bytes())
    }
}
