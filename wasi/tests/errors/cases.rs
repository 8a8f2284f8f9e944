//! Errors that come of what is there, rather than of one bad argument.

use crate::args;
use crate::common::names::*;
use crate::common::{Answer, Guest};
use crate::world::*;
use pronto_wasi::{StdinStream, StdoutStream, WasiCtxBuilder};
use std::io::{self, Read, Write};
use std::net::UdpSocket;
use std::process::Command;

type Case = fn(&mut World) -> Answer;

#[rustfmt::skip]
pub(crate) const CASES: &[(&str, u32, Case)] = &[
    ("fd_allocate", FBIG, |w| w.guest.call("fd_allocate", args![FILE, i64::MAX.cast_unsigned(), 1u64])),
    ("fd_fdstat_set_flags", INVAL, |w| w.guest.call("fd_fdstat_set_flags", args![FILE, SYNC])),
    ("fd_fdstat_set_rights", NOTCAPABLE, |w| w.guest.call("fd_fdstat_set_rights", args![READER, FD_WRITE, 0u64])),
    ("fd_fdstat_set_rights", NOTCAPABLE, |w| w.guest.call("fd_fdstat_set_rights", args![FILE, 0u64, FD_READ])),
    ("fd_filestat_set_times", INVAL, |w| set_times(&mut w.guest, ATIM | ATIM_NOW)),
    ("fd_filestat_set_times", INVAL, |w| set_times(&mut w.guest, MTIM | MTIM_NOW)),
    ("fd_prestat_dir_name", NAMETOOLONG, |w| w.guest.call("fd_prestat_dir_name", args![DIR, 8u32, 0u32])),
    ("fd_pread", SPIPE, |w| fifo(w, READ_WRITE).and_then(|fd| w.guest.pread(fd, 4, 0)).map(drop)),
    ("fd_pwrite", SPIPE, |w| fifo(w, READ_WRITE).and_then(|fd| w.guest.pwrite(fd, b"x", 0)).map(drop)),
    ("fd_pwrite", NOSPC, |w| full(w).and_then(|fd| w.guest.pwrite(fd, b"x", 0)).map(drop)),
    ("fd_read", AGAIN, |w| nonblocking(w).and_then(|()| drained(w)).and_then(|()| read(w, SOCKET))),
    ("fd_read", AGAIN, |w| fifo(w, READ_WRITE).and_then(|fd| read(w, fd))),
    ("fd_read", CONNRESET, |w| reset(w).and_then(|()| read(w, SOCKET))),
    ("fd_read", IO, |_| broken().read(INPUT, 4).map(drop)),
    ("fd_write", AGAIN, |w| nonblocking(w).and_then(|()| fill(w, |w| write(w, SOCKET)))),
    ("fd_write", PIPE, |w| gone(w).and_then(|()| write(w, SOCKET))),
    ("fd_write", NOSPC, |w| fill(w, |w| write(w, OUTPUT))),
    ("fd_write", NOSPC, |w| full(w).and_then(|fd| write(w, fd))),
    ("fd_write", NOTCONN, |w| write(w, LONELY)),
    ("fd_write", IO, |_| broken().write(OUTPUT, b"x").map(drop)),
    ("path_create_directory", EXIST, |w| w.guest.mkdir("empty")),
    ("path_filestat_set_times", INVAL, |w| path_set_times(&mut w.guest, ATIM | ATIM_NOW)),
    ("path_filestat_set_times", INVAL, |w| path_set_times(&mut w.guest, MTIM | MTIM_NOW)),
    ("path_link", EXIST, |w| w.guest.link("file", "link")),
    ("path_link", PERM, |w| w.guest.link("empty", "new")),
    ("path_link", XDEV, |w| w.guest.link_between(0, (PROC, "status"), (DIR, "new"))),
    ("path_open", EXIST, |w| open(w, "file", CREAT | EXCL, FD_READ)),
    ("path_open", ISDIR, |w| open(w, "empty", 0, FD_WRITE)),
    ("path_open", INVAL, |w| open(w, "new", DIRECTORY | CREAT, FD_READ)),
    ("path_open", LOOP, |w| w.guest.open_full(DIR, 0, "link", 0, FD_READ, 0).map(drop)),
    ("path_open", MFILE, |_| with_few_descriptors(|guest| guest.open(".", 0, FD_READ).map(drop))),
    ("path_open", NOTCAPABLE, |w| without(w, PATH_CREATE_FILE, |w| open(w, "new", CREAT, FD_READ))),
    ("path_open", NOTCAPABLE, |w| without(w, PATH_FILESTAT_SET_SIZE, |w| open(w, "file", TRUNC, FD_READ))),
    ("path_open", NXIO, |w| fifo(w, FD_WRITE).map(drop)),
    ("path_open", PERM, |w| w.guest.open_full(READ_ONLY, 0, "file", 0, FD_WRITE, 0).map(drop)),
    ("path_open", PERM, |w| w.guest.open_full(READ_ONLY, 0, "file", TRUNC, FD_READ, 0).map(drop)),
    ("path_open", PERM, |w| w.guest.open_full(READ_ONLY, 0, "new", CREAT, FD_READ, 0).map(drop)),
    ("path_open", TXTBSY, |_| this_program().map(drop)),
    ("path_readlink", INVAL, |w| w.guest.readlink("file", 9).map(drop)),
    ("path_readlink", PERM, |w| w.guest.readlink("absolute", 9).map(drop)),
    ("path_remove_directory", NOTEMPTY, |w| w.guest.rmdir("full")),
    ("path_remove_directory", NOTDIR, |w| w.guest.rmdir("link")),
    ("path_remove_directory", INVAL, |w| w.guest.rmdir(".")),
    ("path_rename", BUSY, |w| w.guest.rename(".", "new")),
    ("path_rename", INVAL, |w| w.guest.rename("empty", "empty/new")),
    ("path_rename", ISDIR, |w| w.guest.rename("file", "empty")),
    ("path_rename", NOTDIR, |w| w.guest.rename("empty", "file")),
    ("path_rename", NOTEMPTY, |w| w.guest.rename("empty", "full")),
    ("path_rename", XDEV, |w| w.guest.rename_between((PROC, "status"), (DIR, "new"))),
    ("path_symlink", EXIST, |w| w.guest.symlink("file", "link")),
    ("path_unlink_file", ISDIR, |w| w.guest.unlink("empty")),
    ("poll_oneoff", INVAL, |w| w.guest.call("poll_oneoff", args![8u32, 8u32, 8193u32, 8u32])),
    ("proc_raise", NOTSUP, |w| w.guest.call("proc_raise", args![18u32])),
    ("sock_accept", AGAIN, |w| accept(w).and_then(|()| accept(w))),
    ("sock_accept", MFILE, |_| with_few_descriptors(|guest| guest.call("sock_accept", args![4u32, 0u32, 8u32]))),
    ("sock_recv", AGAIN, |w| nonblocking(w).and_then(|()| drained(w)).and_then(|()| recv(w))),
    ("sock_recv", CONNRESET, |w| reset(w).and_then(|()| recv(w))),
    ("sock_send", AGAIN, |w| nonblocking(w).and_then(|()| fill(w, |w| send(&mut w.guest, SOCKET, 1000)))),
    ("sock_send", PIPE, |w| gone(w).and_then(|()| send(&mut w.guest, SOCKET, 1))),
    ("sock_send", NOTCONN, |w| send(&mut w.guest, LONELY, 1)),
    ("sock_send", DESTADDRREQ, |_| send(&mut datagrams(false), 3, 1)),
    ("sock_send", MSGSIZE, |_| send(&mut datagrams(true), 3, 70_000)),
    ("sock_shutdown", INVAL, |w| w.guest.call("sock_shutdown", args![SOCKET, 0u32])),
    ("sock_shutdown", NOTCONN, |_| datagrams(false).call("sock_shutdown", args![3u32, 1u32])),
];

fn read(world: &mut World, fd: u32) -> Answer {
    world.guest.read(fd, 4).map(drop)
}

fn write(world: &mut World, fd: u32) -> Answer {
    world.guest.write(fd, b"abcd").map(drop)
}

fn open(world: &mut World, path: &str, oflags: u32, rights: u64) -> Answer {
    world.guest.open(path, oflags, rights).map(drop)
}

fn set_times(guest: &mut Guest, flags: u32) -> Answer {
    guest.call("fd_filestat_set_times", args![FILE, 0u64, 0u64, flags])
}

fn path_set_times(guest: &mut Guest, flags: u32) -> Answer {
    let (path, len) = guest.path("file");
    guest.call(
        "path_filestat_set_times",
        args![DIR, 0u32, path, len, 0u64, 0u64, flags],
    )
}

/// Repeats what fills up until it fails.
fn fill(world: &mut World, mut act: impl FnMut(&mut World) -> Answer) -> Answer {
    for _ in 0..100_000 {
        act(world)?;
    }
    Ok(())
}

fn without(world: &mut World, right: u64, act: impl FnOnce(&mut World) -> Answer) -> Answer {
    world.guest.drop_rights(DIR, right);
    act(world)
}

fn nonblocking(world: &mut World) -> Answer {
    world
        .guest
        .call("fd_fdstat_set_flags", args![SOCKET, NONBLOCK])
}

/// Reads what the peer sent.
fn drained(world: &mut World) -> Answer {
    read(world, SOCKET)
}

/// The peer leaves.
fn gone(world: &mut World) -> Answer {
    drop(world.peer.take());
    Ok(())
}

/// The peer leaves without having read what it was sent.
fn reset(world: &mut World) -> Answer {
    write(world, SOCKET)?;
    gone(world)?;
    drained(world)
}

fn recv(world: &mut World) -> Answer {
    let guest = &mut world.guest;
    let buf = guest.room(4);
    let iovecs = guest.iovecs(&[(buf, 4)]);
    let (out, flags) = (guest.room(4), guest.room(2));
    guest.call("sock_recv", args![SOCKET, iovecs, 1u32, 0u32, out, flags])
}

fn send(guest: &mut Guest, fd: u32, len: u32) -> Answer {
    let buf = guest.room(len as usize);
    let iovecs = guest.iovecs(&[(buf, len)]);
    let out = guest.room(4);
    guest.call("sock_send", args![fd, iovecs, 1u32, 0u32, out])
}

fn accept(world: &mut World) -> Answer {
    let guest = &mut world.guest;
    guest.call("fd_fdstat_set_flags", args![LISTENER, NONBLOCK])?;
    guest.call("sock_accept", args![LISTENER, 0u32, 8u32])
}

/// Opens a pipe of the file system, without waiting for its other end.
fn fifo(world: &mut World, rights: u64) -> Answer<u32> {
    let path = world.dir.path().join("fifo");
    assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
    world.guest.open_full(DIR, 0, "fifo", 0, rights, NONBLOCK)
}

/// Opens a device that is always full.
fn full(world: &mut World) -> Answer<u32> {
    world.guest.open_full(DEVICES, 0, "full", 0, FD_WRITE, 0)
}

/// Opens the program that runs, to write it.
fn this_program() -> Answer<u32> {
    let program = std::env::current_exe().unwrap();
    let name = program.file_name().unwrap().to_str().unwrap();
    Guest::in_dir(program.parent().unwrap()).open(name, 0, FD_WRITE)
}

/// A guest with one datagram socket, connected or not.
fn datagrams(connected: bool) -> Guest {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    if connected {
        socket.connect(socket.local_addr().unwrap()).unwrap();
    }
    let mut builder = WasiCtxBuilder::new();
    builder.preopened_socket(socket).unwrap();
    Guest::new(&mut builder)
}

/// Acts where no descriptor is free: a directory is 3, a listener with a client 4.
fn with_few_descriptors(act: impl FnOnce(&mut Guest) -> Answer) -> Answer {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let _client = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (dirs, files) = (pronto_wasi::DirPerms::all(), pronto_wasi::FilePerms::all());
    let mut builder = WasiCtxBuilder::new();
    builder.preopened_dir("/", "/", dirs, files).unwrap();
    builder.preopened_socket(listener).unwrap();
    act(&mut Guest::new(builder.max_descriptors(5)))
}

/// A stream that fails as a broken disk does.
struct Broken;

fn fail<T>() -> io::Result<T> {
    Err(io::Error::from_raw_os_error(5))
}

impl Read for Broken {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        fail()
    }
}

impl Write for Broken {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        fail()
    }

    fn flush(&mut self) -> io::Result<()> {
        fail()
    }
}

impl StdinStream for Broken {}
impl StdoutStream for Broken {}

fn broken() -> Guest {
    Guest::new(WasiCtxBuilder::new().stdin(Broken).stdout(Broken))
}
