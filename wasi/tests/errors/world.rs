//! Where a call is made: one of each thing that a descriptor or a path can name.

use crate::common::Guest;
use crate::common::names::*;
use pronto_wasi::pipe::{MemoryInputPipe, MemoryOutputPipe};
use pronto_wasi::{DirPerms, FilePerms, WasiCtxBuilder};
use std::fs;
use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::symlink;
use std::os::unix::net::{UnixDatagram, UnixStream};
use tempfile::TempDir;

pub(crate) const INPUT: u32 = 0;
pub(crate) const OUTPUT: u32 = 1;
/// The directory [`DIR`] again, to read only.
pub(crate) const READ_ONLY: u32 = 4;
/// The directory [`DIR`] again, to change but not to look at.
pub(crate) const CHANGE_ONLY: u32 = 5;
/// A directory of another file system.
pub(crate) const PROC: u32 = 6;
pub(crate) const DEVICES: u32 = 7;
/// A stream with a peer, which has sent `abcd`.
pub(crate) const SOCKET: u32 = 8;
/// A listener at which somebody waits, once.
pub(crate) const LISTENER: u32 = 9;
/// A socket without a peer.
pub(crate) const LONELY: u32 = 10;
/// `file`, to read and write.
pub(crate) const FILE: u32 = 11;
/// `file`, to read only, and to write only.
pub(crate) const READER: u32 = 12;
pub(crate) const WRITER: u32 = 13;

pub(crate) struct World {
    pub(crate) guest: Guest,
    pub(crate) dir: TempDir,
    pub(crate) peer: Option<UnixStream>,
    _client: TcpStream,
}

impl World {
    pub(crate) fn new() -> Self {
        let dir = TempDir::new().unwrap();
        let path = dir.path();
        fs::write(path.join("file"), "text").unwrap();
        fs::create_dir(path.join("empty")).unwrap();
        fs::create_dir(path.join("full")).unwrap();
        fs::write(path.join("full/file"), "text").unwrap();
        symlink("file", path.join("link")).unwrap();
        symlink("loop", path.join("loop")).unwrap();
        symlink("..", path.join("out")).unwrap();
        symlink("/", path.join("absolute")).unwrap();
        let (theirs, mut peer) = UnixStream::pair().unwrap();
        peer.write_all(b"abcd").unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let mut builder = WasiCtxBuilder::new();
        builder
            .arg("program")
            .env("A", "b")
            .stdin(MemoryInputPipe::new("input"))
            .stdout(MemoryOutputPipe::new(8));
        let all = (DirPerms::all(), FilePerms::all());
        for (path, (of_dir, of_files)) in [
            (path, all),
            (path, (DirPerms::READ, FilePerms::READ)),
            (path, (DirPerms::MUTATE, FilePerms::WRITE)),
            ("/proc/self".as_ref(), all),
            ("/dev".as_ref(), all),
        ] {
            builder.preopened_dir(path, "/", of_dir, of_files).unwrap();
        }
        builder.preopened_socket(theirs).unwrap();
        builder.preopened_socket(listener).unwrap();
        builder
            .preopened_socket(UnixDatagram::unbound().unwrap())
            .unwrap();
        let mut guest = Guest::new(&mut builder);
        for (fd, rights) in [(FILE, READ_WRITE), (READER, FD_READ), (WRITER, FD_WRITE)] {
            assert_eq!(guest.open("file", 0, rights), Ok(fd));
        }
        Self {
            guest,
            dir,
            peer: Some(peer),
            _client: client,
        }
    }
}
