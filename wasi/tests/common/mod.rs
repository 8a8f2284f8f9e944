//! A guest whose calls are made from outside: a module that forwards each function of
//! preview 1, and the memory that its pointers point into.
#![allow(dead_code, unreachable_pub, reason = "each test uses its part")]

pub mod errors;
pub mod names;

use names::*;
use pronto::{Engine, Error, Instance, Linker, Memory, Module, Store, Val};
use pronto_wasi::p1::{WasiP1Ctx, add_to_linker_sync};
use pronto_wasi::{DirPerms, FilePerms, WasiCtxBuilder};
use std::fmt::Write;
use std::path::Path;
use std::sync::OnceLock;
use tempfile::TempDir;

/// Every function with its parameters: `i` for 32 bits, `I` for 64.
pub const FUNCTIONS: [(&str, &str); 46] = [
    ("args_get", "ii"),
    ("args_sizes_get", "ii"),
    ("environ_get", "ii"),
    ("environ_sizes_get", "ii"),
    ("clock_res_get", "ii"),
    ("clock_time_get", "iIi"),
    ("fd_advise", "iIIi"),
    ("fd_allocate", "iII"),
    ("fd_close", "i"),
    ("fd_datasync", "i"),
    ("fd_fdstat_get", "ii"),
    ("fd_fdstat_set_flags", "ii"),
    ("fd_fdstat_set_rights", "iII"),
    ("fd_filestat_get", "ii"),
    ("fd_filestat_set_size", "iI"),
    ("fd_filestat_set_times", "iIIi"),
    ("fd_pread", "iiiIi"),
    ("fd_prestat_get", "ii"),
    ("fd_prestat_dir_name", "iii"),
    ("fd_pwrite", "iiiIi"),
    ("fd_read", "iiii"),
    ("fd_readdir", "iiiIi"),
    ("fd_renumber", "ii"),
    ("fd_seek", "iIii"),
    ("fd_sync", "i"),
    ("fd_tell", "ii"),
    ("fd_write", "iiii"),
    ("path_create_directory", "iii"),
    ("path_filestat_get", "iiiii"),
    ("path_filestat_set_times", "iiiiIIi"),
    ("path_link", "iiiiiii"),
    ("path_open", "iiiiiIIii"),
    ("path_readlink", "iiiiii"),
    ("path_remove_directory", "iii"),
    ("path_rename", "iiiiii"),
    ("path_symlink", "iiiii"),
    ("path_unlink_file", "iii"),
    ("poll_oneoff", "iiii"),
    ("proc_exit", "i"),
    ("proc_raise", "i"),
    ("sched_yield", ""),
    ("random_get", "ii"),
    ("sock_accept", "iii"),
    ("sock_recv", "iiiiii"),
    ("sock_send", "iiiii"),
    ("sock_shutdown", "ii"),
];

/// The forwarding module, compiled once: imports each function and exports it under the same name.
fn forwarder() -> &'static Module {
    static FORWARDER: OnceLock<Module> = OnceLock::new();
    FORWARDER.get_or_init(|| Module::new(&Engine::default(), forwarder_bytes()).unwrap())
}

fn forwarder_bytes() -> Vec<u8> {
    let mut imports = String::new();
    let mut exports = String::new();
    for (name, params) in FUNCTIONS {
        let types: String = params
            .chars()
            .map(|c| if c == 'I' { " i64" } else { " i32" })
            .collect();
        let gets: String = (0..params.len())
            .map(|i| format!(" (local.get {i})"))
            .collect();
        let result = if name == "proc_exit" {
            ""
        } else {
            "(result i32)"
        };
        writeln!(
            imports,
            "(import \"wasi_snapshot_preview1\" \"{name}\" (func ${name} (param{types}) {result}))"
        )
        .unwrap();
        writeln!(
            exports,
            "(func (export \"{name}\") (param{types}) {result} (call ${name}{gets}))"
        )
        .unwrap();
    }
    let text = format!("(module {imports} (memory (export \"memory\") 4) {exports})");
    wat::parse_str(text).expect("the forwarder is well formed")
}

/// What a call answers: an error number of the guest's if it fails.
pub type Answer<T = ()> = Result<T, u32>;

/// An argument of a call.
#[derive(Clone, Copy)]
pub enum Arg {
    Word(u32),
    Long(u64),
}

impl From<u32> for Arg {
    fn from(word: u32) -> Self {
        Self::Word(word)
    }
}

impl From<u64> for Arg {
    fn from(long: u64) -> Self {
        Self::Long(long)
    }
}

/// The arguments of a call.
#[macro_export]
macro_rules! args {
    ($($arg:expr),* $(,)?) => { &[$($crate::common::Arg::from($arg)),*] };
}

/// A descriptor's state.
#[derive(Debug, PartialEq, Eq)]
pub struct FdStat {
    pub filetype: u8,
    pub flags: u32,
    pub base: u64,
    pub inheriting: u64,
}

/// What is known of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileStat {
    pub dev: u64,
    pub ino: u64,
    pub filetype: u8,
    pub nlink: u64,
    pub size: u64,
    pub atim: u64,
    pub mtim: u64,
    pub ctim: u64,
}

/// A guest in a directory of its own.
pub fn sandbox() -> (TempDir, Guest) {
    let dir = TempDir::new().unwrap();
    let guest = Guest::in_dir(dir.path());
    (dir, guest)
}

pub struct Guest {
    pub store: Store<WasiP1Ctx>,
    instance: Instance,
    memory: Memory,
    /// The first byte no argument of the current call uses.
    free: u32,
}

impl Guest {
    pub fn new(builder: &mut WasiCtxBuilder) -> Self {
        let module = forwarder();
        let mut linker = Linker::new(module.engine());
        add_to_linker_sync(&mut linker, |ctx: &mut WasiP1Ctx| ctx).unwrap();
        let mut store = Store::new(module.engine(), builder.build_p1());
        let instance = linker.instantiate(&mut store, module).unwrap();
        let memory = instance.get_memory(&mut store, "memory").unwrap();
        Self {
            store,
            instance,
            memory,
            free: 0,
        }
    }

    /// A guest with the directory `path` as descriptor [`DIR`], to read and write.
    pub fn in_dir(path: impl AsRef<Path>) -> Self {
        Self::with_perms(path, DirPerms::all(), FilePerms::all())
    }

    /// A guest with the directory `path` as descriptor [`DIR`].
    pub fn with_perms(path: impl AsRef<Path>, dir: DirPerms, file: FilePerms) -> Self {
        let mut builder = WasiCtxBuilder::new();
        builder.preopened_dir(path, "/", dir, file).unwrap();
        Self::new(&mut builder)
    }

    /// Calls `name`; what ends the guest is the error.
    pub fn try_call(&mut self, name: &str, args: &[Arg]) -> Result<u32, Error> {
        self.free = 0;
        let args: Vec<Val> = args
            .iter()
            .map(|arg| match *arg {
                Arg::Word(word) => Val::I32(word.cast_signed()),
                Arg::Long(long) => Val::I64(long.cast_signed()),
            })
            .collect();
        let func = self
            .instance
            .get_func(&mut self.store, name)
            .expect("a forwarded function");
        let mut results = [Val::I32(0)];
        let results = if name == "proc_exit" {
            &mut results[..0]
        } else {
            &mut results[..]
        };
        func.call(&mut self.store, &args, results)?;
        Ok(match results {
            [Val::I32(errno)] => errno.cast_unsigned(),
            _ => 0,
        })
    }

    /// Calls `name`, which answers with an error number that it may answer with.
    pub fn call(&mut self, name: &str, args: &[Arg]) -> Answer {
        match self.try_call(name, args).unwrap() {
            0 => Ok(()),
            errno => {
                let listed = errors::ERRORS
                    .iter()
                    .any(|(of, errnos)| *of == name && errnos.contains(&errno));
                assert!(listed, "{name} may not fail with {errno}");
                Err(errno)
            }
        }
    }

    pub fn read_memory(&self, at: u32, len: usize) -> Vec<u8> {
        let mut bytes = vec![0; len];
        self.memory
            .read(&self.store, at as usize, &mut bytes)
            .unwrap();
        bytes
    }

    pub fn write_memory(&mut self, at: u32, bytes: &[u8]) {
        self.memory
            .write(&mut self.store, at as usize, bytes)
            .unwrap();
    }

    pub fn memory_size(&self) -> u32 {
        u32::try_from(self.memory.data(&self.store).len()).unwrap()
    }

    pub fn u16_at(&self, at: u32) -> u16 {
        u16::from_le_bytes(self.read_memory(at, 2).try_into().unwrap())
    }

    pub fn u32_at(&self, at: u32) -> u32 {
        u32::from_le_bytes(self.read_memory(at, 4).try_into().unwrap())
    }

    pub fn u64_at(&self, at: u32) -> u64 {
        u64::from_le_bytes(self.read_memory(at, 8).try_into().unwrap())
    }

    /// Room for `len` bytes that the next call may use. It is not aligned.
    pub fn room(&mut self, len: usize) -> u32 {
        let at = self.free + 1;
        self.free = at + u32::try_from(len).unwrap();
        at
    }

    /// `bytes` in memory, for the next call.
    pub fn put(&mut self, bytes: &[u8]) -> u32 {
        let at = self.room(bytes.len());
        self.write_memory(at, bytes);
        at
    }

    /// A path in memory, for the next call, and its length.
    pub fn path(&mut self, path: &str) -> (u32, u32) {
        (
            self.put(path.as_bytes()),
            u32::try_from(path.len()).unwrap(),
        )
    }

    /// An array of iovecs in memory, for the next call.
    pub fn iovecs(&mut self, iovecs: &[(u32, u32)]) -> u32 {
        let bytes: Vec<u8> = iovecs
            .iter()
            .flat_map(|(at, len)| [at.to_le_bytes(), len.to_le_bytes()])
            .flatten()
            .collect();
        self.put(&bytes)
    }

    pub fn open_full(
        &mut self,
        dir: u32,
        lookup: u32,
        path: &str,
        oflags: u32,
        base: u64,
        fdflags: u32,
    ) -> Answer<u32> {
        let (path, len) = self.path(path);
        let out = self.room(4);
        self.call(
            "path_open",
            args![dir, lookup, path, len, oflags, base, u64::MAX, fdflags, out],
        )?;
        Ok(self.u32_at(out))
    }

    /// Opens `path` below [`DIR`], following symbolic links.
    pub fn open(&mut self, path: &str, oflags: u32, base: u64) -> Answer<u32> {
        self.open_full(DIR, FOLLOW, path, oflags, base, 0)
    }

    /// A new file below [`DIR`] that holds `contents`.
    pub fn create(&mut self, path: &str, contents: &[u8]) -> u32 {
        let fd = self.open(path, CREAT | TRUNC, READ_WRITE).unwrap();
        assert_eq!(self.write(fd, contents), Ok(contents.len()));
        assert_eq!(self.seek(fd, 0, SEEK_SET), Ok(0));
        fd
    }

    pub fn close(&mut self, fd: u32) -> Answer {
        self.call("fd_close", args![fd])
    }

    pub fn write(&mut self, fd: u32, bytes: &[u8]) -> Answer<usize> {
        let at = self.put(bytes);
        let iovecs = self.iovecs(&[(at, u32::try_from(bytes.len()).unwrap())]);
        let out = self.room(4);
        self.call("fd_write", args![fd, iovecs, 1u32, out])?;
        Ok(self.u32_at(out) as usize)
    }

    pub fn read(&mut self, fd: u32, len: usize) -> Answer<Vec<u8>> {
        let at = self.room(len);
        let iovecs = self.iovecs(&[(at, u32::try_from(len).unwrap())]);
        let out = self.room(4);
        self.call("fd_read", args![fd, iovecs, 1u32, out])?;
        let read = self.u32_at(out) as usize;
        assert!(read <= len);
        Ok(self.read_memory(at, read))
    }

    pub fn pwrite(&mut self, fd: u32, bytes: &[u8], offset: u64) -> Answer<usize> {
        let at = self.put(bytes);
        let iovecs = self.iovecs(&[(at, u32::try_from(bytes.len()).unwrap())]);
        let out = self.room(4);
        self.call("fd_pwrite", args![fd, iovecs, 1u32, offset, out])?;
        Ok(self.u32_at(out) as usize)
    }

    pub fn pread(&mut self, fd: u32, len: usize, offset: u64) -> Answer<Vec<u8>> {
        let at = self.room(len);
        let iovecs = self.iovecs(&[(at, u32::try_from(len).unwrap())]);
        let out = self.room(4);
        self.call("fd_pread", args![fd, iovecs, 1u32, offset, out])?;
        let read = self.u32_at(out) as usize;
        Ok(self.read_memory(at, read))
    }

    pub fn seek(&mut self, fd: u32, offset: i64, whence: u32) -> Answer<u64> {
        let out = self.room(8);
        self.call("fd_seek", args![fd, offset.cast_unsigned(), whence, out])?;
        Ok(self.u64_at(out))
    }

    pub fn tell(&mut self, fd: u32) -> Answer<u64> {
        let out = self.room(8);
        self.call("fd_tell", args![fd, out])?;
        Ok(self.u64_at(out))
    }

    pub fn fdstat(&mut self, fd: u32) -> Answer<FdStat> {
        let out = self.room(24);
        self.call("fd_fdstat_get", args![fd, out])?;
        Ok(FdStat {
            filetype: self.read_memory(out, 1)[0],
            flags: u32::from(self.u16_at(out + 2)),
            base: self.u64_at(out + 8),
            inheriting: self.u64_at(out + 16),
        })
    }

    /// Takes `rights` from what `fd` may be used for.
    pub fn drop_rights(&mut self, fd: u32, rights: u64) {
        let stat = self.fdstat(fd).unwrap();
        self.call(
            "fd_fdstat_set_rights",
            args![fd, stat.base & !rights, stat.inheriting],
        )
        .unwrap();
    }

    fn filestat_at(&self, out: u32) -> FileStat {
        FileStat {
            dev: self.u64_at(out),
            ino: self.u64_at(out + 8),
            filetype: self.read_memory(out + 16, 1)[0],
            nlink: self.u64_at(out + 24),
            size: self.u64_at(out + 32),
            atim: self.u64_at(out + 40),
            mtim: self.u64_at(out + 48),
            ctim: self.u64_at(out + 56),
        }
    }

    pub fn filestat(&mut self, fd: u32) -> Answer<FileStat> {
        let out = self.room(64);
        self.call("fd_filestat_get", args![fd, out])?;
        Ok(self.filestat_at(out))
    }

    pub fn path_filestat(&mut self, dir: u32, lookup: u32, path: &str) -> Answer<FileStat> {
        let (path, len) = self.path(path);
        let out = self.room(64);
        self.call("path_filestat_get", args![dir, lookup, path, len, out])?;
        Ok(self.filestat_at(out))
    }

    /// Calls a function of a directory and a path: mkdir, rmdir, unlink.
    pub fn path_call(&mut self, name: &str, dir: u32, path: &str) -> Answer {
        let (path, len) = self.path(path);
        self.call(name, args![dir, path, len])
    }

    pub fn mkdir(&mut self, path: &str) -> Answer {
        self.path_call("path_create_directory", DIR, path)
    }

    pub fn rmdir(&mut self, path: &str) -> Answer {
        self.path_call("path_remove_directory", DIR, path)
    }

    pub fn unlink(&mut self, path: &str) -> Answer {
        self.path_call("path_unlink_file", DIR, path)
    }

    pub fn rename_between(&mut self, old: (u32, &str), new: (u32, &str)) -> Answer {
        let (old_path, old_len) = self.path(old.1);
        let (new_path, new_len) = self.path(new.1);
        self.call(
            "path_rename",
            args![old.0, old_path, old_len, new.0, new_path, new_len],
        )
    }

    pub fn rename(&mut self, old: &str, new: &str) -> Answer {
        self.rename_between((DIR, old), (DIR, new))
    }

    pub fn link_between(&mut self, lookup: u32, old: (u32, &str), new: (u32, &str)) -> Answer {
        let (old_path, old_len) = self.path(old.1);
        let (new_path, new_len) = self.path(new.1);
        self.call(
            "path_link",
            args![old.0, lookup, old_path, old_len, new.0, new_path, new_len],
        )
    }

    pub fn link(&mut self, old: &str, new: &str) -> Answer {
        self.link_between(0, (DIR, old), (DIR, new))
    }

    pub fn symlink(&mut self, target: &str, path: &str) -> Answer {
        let (target, target_len) = self.path(target);
        let (path, len) = self.path(path);
        self.call("path_symlink", args![target, target_len, DIR, path, len])
    }

    pub fn readlink(&mut self, path: &str, room: usize) -> Answer<Vec<u8>> {
        let (path, len) = self.path(path);
        let buf = self.room(room);
        let out = self.room(4);
        let room = u32::try_from(room).unwrap();
        self.call("path_readlink", args![DIR, path, len, buf, room, out])?;
        let used = self.u32_at(out) as usize;
        Ok(self.read_memory(buf, used))
    }
}
