//! The functions of preview 1, and how a linker gets them.

mod dir;
mod errno;
mod fd;
mod guest;
mod io;
mod path;
mod poll;
mod process;
mod sock;
pub(crate) mod table;
mod types;

pub use crate::ctx::WasiP1Ctx;
use errno::code;
use guest::Guest;
use process::{Raised, raise};
use pronto::{Caller, Extern, I32Exit, Linker, Module, Result, format_err};

/// The module that guests import preview 1 from.
const MODULE: &str = "wasi_snapshot_preview1";

/// One call of a guest: what it is given, and the memory its pointers point into.
struct Call<'a> {
    ctx: &'a mut WasiP1Ctx,
    mem: Guest<'a>,
}

/// Defines those functions of preview 1 that are wanted, which take and return what the
/// specification says. Each returns an error number.
macro_rules! functions {
    ($linker:ident, $ctx:ident, $wanted:ident; $($name:ident($($arg:ident: $ty:ty),*);)*) => {$(
        if $wanted(stringify!($name)) {
            $linker.func_wrap(
                MODULE,
                stringify!($name),
                move |mut caller: Caller<'_, T>, $($arg: $ty),*| -> Result<u32> {
                    let memory = memory(&mut caller)?;
                    let (bytes, data) = memory.data_and_store_mut(&mut caller);
                    let mut call = Call { ctx: $ctx(data), mem: Guest::new(bytes) };
                    Ok(code(call.$name($($arg),*)))
                },
            )?;
        }
    )*};
}

/// Adds preview 1 to `linker`, so that modules built for `wasm32-wasip1` link. `ctx` finds
/// the state in the store's data.
///
/// A call blocks its thread until it is done. `proc_exit` makes the guest's call return an
/// error that carries [`I32Exit`].
///
/// ```
/// use pronto::{Engine, Linker, Module, Store};
/// use pronto_wasi::{WasiCtxBuilder, p1, pipe::MemoryOutputPipe};
///
/// # fn main() -> pronto::Result<()> {
/// let engine = Engine::default();
/// let mut linker = Linker::new(&engine);
/// p1::add_to_linker_sync(&mut linker, |ctx| ctx)?;
///
/// let stdout = MemoryOutputPipe::new(4096);
/// let wasi = WasiCtxBuilder::new().stdout(stdout.clone()).build_p1();
/// let mut store = Store::new(&engine, wasi);
/// # Ok(())
/// # }
/// ```
///
/// # Errors
///
/// If `linker` has a function of preview 1 already.
pub fn add_to_linker_sync<T: 'static>(
    linker: &mut Linker<T>,
    ctx: impl Fn(&mut T) -> &mut WasiP1Ctx + Copy + Send + Sync + 'static,
) -> Result<()> {
    define(linker, ctx, &|_| true)
}

/// Adds those functions of preview 1 to `linker` that `module` imports, which takes a fraction of
/// the time: for a linker that links one module.
///
/// # Errors
///
/// If `linker` has one of them already.
pub fn add_imports_to_linker_sync<T: 'static>(
    linker: &mut Linker<T>,
    module: &Module,
    ctx: impl Fn(&mut T) -> &mut WasiP1Ctx + Copy + Send + Sync + 'static,
) -> Result<()> {
    let imports = module.imports();
    let names: Vec<&str> = imports
        .filter(|import| import.module() == MODULE)
        .map(|import| import.name())
        .collect();
    define(linker, ctx, &|name| names.contains(&name))
}

/// Defines the functions whose names are `wanted`.
fn define<T: 'static>(
    linker: &mut Linker<T>,
    ctx: impl Fn(&mut T) -> &mut WasiP1Ctx + Copy + Send + Sync + 'static,
    wanted: &dyn Fn(&str) -> bool,
) -> Result<()> {
    functions! { linker, ctx, wanted;
        args_get(argv: u32, argv_buf: u32);
        args_sizes_get(argc: u32, argv_buf_size: u32);
        environ_get(environ: u32, environ_buf: u32);
        environ_sizes_get(count: u32, environ_buf_size: u32);
        clock_res_get(id: u32, resolution: u32);
        clock_time_get(id: u32, precision: u64, time: u32);
        fd_advise(fd: u32, offset: u64, len: u64, advice: u32);
        fd_allocate(fd: u32, offset: u64, len: u64);
        fd_close(fd: u32);
        fd_datasync(fd: u32);
        fd_fdstat_get(fd: u32, stat: u32);
        fd_fdstat_set_flags(fd: u32, flags: u32);
        fd_fdstat_set_rights(fd: u32, base: u64, inheriting: u64);
        fd_filestat_get(fd: u32, stat: u32);
        fd_filestat_set_size(fd: u32, size: u64);
        fd_filestat_set_times(fd: u32, atim: u64, mtim: u64, flags: u32);
        fd_pread(fd: u32, iovs: u32, iovs_len: u32, offset: u64, nread: u32);
        fd_prestat_get(fd: u32, prestat: u32);
        fd_prestat_dir_name(fd: u32, path: u32, path_len: u32);
        fd_pwrite(fd: u32, iovs: u32, iovs_len: u32, offset: u64, nwritten: u32);
        fd_read(fd: u32, iovs: u32, iovs_len: u32, nread: u32);
        fd_readdir(fd: u32, buf: u32, buf_len: u32, cookie: u64, bufused: u32);
        fd_renumber(fd: u32, to: u32);
        fd_seek(fd: u32, offset: i64, whence: u32, newoffset: u32);
        fd_sync(fd: u32);
        fd_tell(fd: u32, offset: u32);
        fd_write(fd: u32, iovs: u32, iovs_len: u32, nwritten: u32);
        path_create_directory(fd: u32, path: u32, path_len: u32);
        path_filestat_get(fd: u32, flags: u32, path: u32, path_len: u32, stat: u32);
        path_filestat_set_times(fd: u32, flags: u32, path: u32, path_len: u32, atim: u64, mtim: u64, fst_flags: u32);
        path_link(old_fd: u32, old_flags: u32, old_path: u32, old_len: u32, new_fd: u32, new_path: u32, new_len: u32);
        path_open(fd: u32, dirflags: u32, path: u32, path_len: u32, oflags: u32, base: u64, inheriting: u64, fdflags: u32, opened: u32);
        path_readlink(fd: u32, path: u32, path_len: u32, buf: u32, buf_len: u32, bufused: u32);
        path_remove_directory(fd: u32, path: u32, path_len: u32);
        path_rename(fd: u32, old_path: u32, old_len: u32, new_fd: u32, new_path: u32, new_len: u32);
        path_symlink(old_path: u32, old_len: u32, fd: u32, new_path: u32, new_len: u32);
        path_unlink_file(fd: u32, path: u32, path_len: u32);
        poll_oneoff(input: u32, output: u32, nsubscriptions: u32, nevents: u32);
        sched_yield();
        random_get(buf: u32, buf_len: u32);
        sock_accept(fd: u32, flags: u32, accepted: u32);
        sock_recv(fd: u32, iovs: u32, iovs_len: u32, flags: u32, received: u32, out_flags: u32);
        sock_send(fd: u32, iovs: u32, iovs_len: u32, flags: u32, sent: u32);
        sock_shutdown(fd: u32, how: u32);
    }
    if wanted("proc_exit") {
        linker.func_wrap(MODULE, "proc_exit", |status: i32| -> Result<()> {
            Err(I32Exit(status).into())
        })?;
    }
    if wanted("proc_raise") {
        linker.func_wrap(MODULE, "proc_raise", |signal: u32| -> Result<u32> {
            match raise(signal) {
                Ok(Raised::Exit(status)) => Err(I32Exit(status).into()),
                Ok(Raised::Ignored) => Ok(0),
                Err(errno) => Ok(code(Err(errno))),
            }
        })?;
    }
    Ok(())
}

/// The memory of the calling instance.
fn memory<T: 'static>(caller: &mut Caller<'_, T>) -> Result<pronto::Memory> {
    caller
        .get_export("memory")
        .and_then(Extern::into_memory)
        .ok_or_else(|| format_err!("a module that calls WASI must export its memory as `memory`"))
}
