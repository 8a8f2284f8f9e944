//! `jit-PID.dump`, in the format that Linux describes in
//! `tools/perf/Documentation/jitdump-specification.txt`: a header, then records. Integers are the
//! machine's, and nothing is padded.
#![allow(unsafe_code, reason = "maps the file, and asks for the time")]

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;

use memmap2::{Mmap, MmapOptions};

use super::Profile;
use crate::engine::module::ModuleInner;
use crate::engine::native::ELF_MACHINE;
use crate::engine::symbols::{Symbol, module_name, symbols};

pub(super) struct JitDump {
    file: File,
    /// How a profiler that records the process finds the file: it sees executable mappings.
    _marker: Mmap,
    /// Functions written.
    written: u64,
}

/// "JiTD", and the version of the format.
const MAGIC: u32 = 0x4a69_5444;
const VERSION: u32 = 1;

const HEADER: usize = 40;
const RECORD_HEADER: usize = 16;

/// Records.
const CODE_LOAD: u32 = 0;
const DEBUG_INFO: u32 = 2;

impl Profile for JitDump {
    fn open() -> io::Result<Self> {
        let mut path = std::env::var_os("JITDUMPDIR").map_or_else(PathBuf::new, PathBuf::from);
        path.push(format!("jit-{}.dump", std::process::id()));
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(true);
        options.mode(0o600).custom_flags(libc::O_NOFOLLOW);
        let mut file = options.open(path)?;
        let mut header = Bytes::default();
        header.u32(MAGIC).u32(VERSION).u32(HEADER as u32);
        header.u32(u32::from(ELF_MACHINE)).u32(0);
        header.u32(std::process::id()).u64(now()).u64(0);
        file.write_all(&header.0)?;
        // SAFETY: nobody reads or runs what is mapped.
        let marker = unsafe { MmapOptions::new().len(HEADER).map_exec(&file)? };
        Ok(Self {
            file,
            _marker: marker,
            written: 0,
        })
    }

    fn load(&mut self, module: &ModuleInner) -> io::Result<()> {
        let file_name = module_name(module);
        let mut records = Bytes::default();
        for symbol in symbols(module) {
            // Before the code: readers rely on it.
            records.debug_info(module, &file_name, &symbol);
            records.code_load(&symbol, self.written);
            self.written += 1;
        }
        self.file.write_all(&records.0)
    }
}

/// What is to be written.
#[derive(Default)]
struct Bytes(Vec<u8>);

impl Bytes {
    fn u32(&mut self, value: u32) -> &mut Self {
        self.0.extend_from_slice(&value.to_ne_bytes());
        self
    }

    fn u64(&mut self, value: u64) -> &mut Self {
        self.0.extend_from_slice(&value.to_ne_bytes());
        self
    }

    fn c_str(&mut self, text: &str) -> &mut Self {
        self.0.extend_from_slice(text.as_bytes());
        self.0.push(0);
        self
    }

    fn record(&mut self, id: u32, len: u32) -> &mut Self {
        self.u32(id).u32(len).u64(now())
    }

    /// Which operators a function's code comes from.
    fn debug_info(&mut self, module: &ModuleInner, file_name: &str, symbol: &Symbol<'_>) {
        let sites = module.code.sites_of(symbol.body);
        let entry = 16 + file_name.len() + 1;
        let (mut count, start) = (0, self.0.len());
        self.record(DEBUG_INFO, 0).u64(symbol.start as u64).u64(0);
        for site in sites {
            self.u64(symbol.start as u64 + u64::from(site.code));
            self.u32(site.wasm).u32(0).c_str(file_name);
            count += 1;
        }
        let len = RECORD_HEADER + 16 + count * entry;
        match u32::try_from(len) {
            Ok(len) if count > 0 => {
                self.0[start + 4..start + 8].copy_from_slice(&len.to_ne_bytes());
                let count = count as u64;
                self.0[start + 24..start + 32].copy_from_slice(&count.to_ne_bytes());
            }
            // A function that is nothing but calls may have too many.
            _ => self.0.truncate(start),
        }
    }

    /// A function's code.
    fn code_load(&mut self, symbol: &Symbol<'_>, index: u64) {
        let (start, len) = (symbol.start as u64, symbol.code.len());
        let len_of_all = RECORD_HEADER + 40 + symbol.name.len() + 1 + len;
        // Names are short, and code is below 2 GiB.
        self.record(CODE_LOAD, len_of_all as u32);
        self.u32(std::process::id()).u32(thread());
        self.u64(start).u64(start).u64(len as u64).u64(index);
        self.c_str(&symbol.name);
        self.0.extend_from_slice(symbol.code);
    }
}

/// Nanoseconds of the clock that `perf record -k mono` uses.
fn now() -> u64 {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: it writes to what it is given. This clock exists.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &mut time) };
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

fn thread() -> u32 {
    // SAFETY: it takes nothing, and does not fail.
    unsafe { libc::gettid() as u32 }
}
