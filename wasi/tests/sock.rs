//! Sockets that the embedder has given.

mod common;

use common::names::*;
use common::{Answer, Guest, sandbox};
use pronto_wasi::WasiCtxBuilder;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream, UdpSocket};
use std::os::unix::net::UnixStream;

const LISTENER: u32 = 3;
const PEEK: u32 = 1;
const WAITALL: u32 = 2;
const RD: u32 = 1;
const WR: u32 = 2;

fn accept(guest: &mut Guest, fd: u32, flags: u32) -> Answer<u32> {
    let out = guest.room(4);
    guest.call("sock_accept", args![fd, flags, out])?;
    Ok(guest.u32_at(out))
}

fn recv(guest: &mut Guest, fd: u32, len: u32, flags: u32) -> Answer<(Vec<u8>, u16)> {
    let buf = guest.room(len as usize);
    let iovecs = guest.iovecs(&[(buf, len)]);
    let (out, out_flags) = (guest.room(4), guest.room(2));
    guest.call("sock_recv", args![fd, iovecs, 1u32, flags, out, out_flags])?;
    let used = guest.u32_at(out) as usize;
    Ok((guest.read_memory(buf, used), guest.u16_at(out_flags)))
}

fn send(guest: &mut Guest, fd: u32, bytes: &[u8], flags: u32) -> Answer<u32> {
    let buf = guest.put(bytes);
    let iovecs = guest.iovecs(&[(buf, bytes.len() as u32)]);
    let out = guest.room(4);
    guest.call("sock_send", args![fd, iovecs, 1u32, flags, out])?;
    Ok(guest.u32_at(out))
}

fn shutdown(guest: &mut Guest, fd: u32, how: u32) -> Answer {
    guest.call("sock_shutdown", args![fd, how])
}

/// A guest with one end of a connection as descriptor 3, and the other end.
fn connected() -> (Guest, UnixStream) {
    let (theirs, ours) = UnixStream::pair().unwrap();
    let mut builder = WasiCtxBuilder::new();
    builder.preopened_socket(theirs).unwrap();
    (Guest::new(&mut builder), ours)
}

#[test]
fn a_listener_accepts() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let mut builder = WasiCtxBuilder::new();
    builder.preopened_socket(listener).unwrap();
    let mut guest = Guest::new(&mut builder);
    let stat = guest.fdstat(LISTENER).unwrap();
    assert_eq!(
        (stat.filetype, stat.base & SOCK_ACCEPT),
        (SOCKET_STREAM, SOCK_ACCEPT)
    );
    let mut client = TcpStream::connect(address).unwrap();
    let fd = accept(&mut guest, LISTENER, 0).unwrap();
    assert_eq!(guest.fdstat(fd).unwrap().filetype, SOCKET_STREAM);
    client.write_all(b"hello").unwrap();
    assert_eq!(recv(&mut guest, fd, 10, 0).unwrap(), (b"hello".to_vec(), 0));
    assert_eq!(send(&mut guest, fd, b"answer", 0), Ok(6));
    assert_eq!(guest.write(fd, b"!"), Ok(1));
    assert_eq!(shutdown(&mut guest, fd, WR), Ok(()));
    let mut answer = String::new();
    client.read_to_string(&mut answer).unwrap();
    assert_eq!(answer, "answer!");
    drop(client);
    assert_eq!(guest.read(fd, 10).unwrap(), b"");
    // Nobody is waiting.
    guest
        .call("fd_fdstat_set_flags", args![LISTENER, NONBLOCK])
        .unwrap();
    assert_eq!(accept(&mut guest, LISTENER, 0), Err(AGAIN));
    let _client = TcpStream::connect(address).unwrap();
    let fd = accept(&mut guest, LISTENER, NONBLOCK).unwrap();
    assert_eq!(guest.fdstat(fd).unwrap().flags, NONBLOCK);
    assert_eq!(recv(&mut guest, fd, 10, 0), Err(AGAIN));
    assert_eq!(guest.read(fd, 10), Err(AGAIN));
}

#[test]
fn receiving_peeks_and_waits() {
    let (mut guest, mut ours) = connected();
    ours.write_all(b"abcdef").unwrap();
    assert_eq!(recv(&mut guest, 3, 3, PEEK).unwrap().0, b"abc");
    assert_eq!(recv(&mut guest, 3, 3, 0).unwrap().0, b"abc");
    let writer = std::thread::spawn(move || {
        std::thread::sleep(std::time::Duration::from_millis(20));
        ours.write_all(b"ghi").unwrap();
        ours
    });
    assert_eq!(recv(&mut guest, 3, 6, WAITALL).unwrap().0, b"defghi");
    drop(writer.join().unwrap());
    assert_eq!(recv(&mut guest, 3, 6, WAITALL).unwrap().0, b"");
    assert_eq!(recv(&mut guest, 3, 6, 4), Err(INVAL));
}

#[test]
fn a_cut_message_says_so() {
    let (theirs, ours) = (
        UdpSocket::bind("127.0.0.1:0").unwrap(),
        UdpSocket::bind("127.0.0.1:0").unwrap(),
    );
    theirs.connect(ours.local_addr().unwrap()).unwrap();
    ours.connect(theirs.local_addr().unwrap()).unwrap();
    let mut builder = WasiCtxBuilder::new();
    builder.preopened_socket(theirs).unwrap();
    let mut guest = Guest::new(&mut builder);
    assert_eq!(guest.fdstat(3).unwrap().filetype, SOCKET_DGRAM);
    ours.send(b"a long message").unwrap();
    ours.send(b"short").unwrap();
    assert_eq!(recv(&mut guest, 3, 6, 0).unwrap(), (b"a long".to_vec(), 1));
    assert_eq!(recv(&mut guest, 3, 6, 0).unwrap(), (b"short".to_vec(), 0));
    assert_eq!(send(&mut guest, 3, b"back", 0), Ok(4));
    let mut buf = [0; 10];
    assert_eq!(ours.recv(&mut buf).unwrap(), 4);
}

#[test]
fn a_peer_that_is_gone_is_an_error_and_not_a_signal() {
    let (mut guest, ours) = connected();
    drop(ours);
    assert_eq!(send(&mut guest, 3, b"x", 0), Err(PIPE));
    assert_eq!(guest.write(3, b"x"), Err(PIPE));
    assert_eq!(recv(&mut guest, 3, 10, 0).unwrap().0, b"");
    assert_eq!(send(&mut guest, 3, b"x", 1), Err(INVAL));
}

#[test]
fn shutdown_closes_directions() {
    let (mut guest, mut ours) = connected();
    assert_eq!(shutdown(&mut guest, 3, 0), Err(INVAL));
    assert_eq!(shutdown(&mut guest, 3, 4), Err(INVAL));
    assert_eq!(shutdown(&mut guest, 3, RD), Ok(()));
    assert_eq!(recv(&mut guest, 3, 10, 0).unwrap().0, b"");
    assert_eq!(send(&mut guest, 3, b"x", 0), Ok(1));
    assert_eq!(shutdown(&mut guest, 3, RD | WR), Ok(()));
    let mut all = Vec::new();
    ours.read_to_end(&mut all).unwrap();
    assert_eq!(all, b"x");
    ours.shutdown(Shutdown::Both).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (theirs, _) = listener.accept().unwrap();
    theirs.shutdown(Shutdown::Both).unwrap();
    drop(client);
    let mut builder = WasiCtxBuilder::new();
    builder.preopened_socket(theirs).unwrap();
    let mut guest = Guest::new(&mut builder);
    assert!(matches!(shutdown(&mut guest, 3, RD), Ok(()) | Err(NOTCONN)));
}

#[test]
fn what_is_not_a_socket_is_not_one() {
    let (_dir, mut guest) = sandbox();
    let file = guest.create("file", b"");
    for (fd, errno) in [
        (file, NOTSOCK),
        (DIR, NOTSOCK),
        (1, NOTSOCK),
        (CLOSED, BADF),
    ] {
        assert_eq!(accept(&mut guest, fd, 0), Err(errno));
        assert_eq!(recv(&mut guest, fd, 1, 0), Err(errno));
        assert_eq!(send(&mut guest, fd, b"x", 0), Err(errno));
        assert_eq!(shutdown(&mut guest, fd, RD), Err(errno));
    }
    assert!(
        WasiCtxBuilder::new()
            .preopened_socket(std::fs::File::open("/").unwrap())
            .is_err()
    );
}

#[test]
fn sockets_need_their_rights() {
    let (mut guest, mut ours) = connected();
    ours.write_all(b"x").unwrap();
    assert_eq!(accept(&mut guest, 3, 0), Err(NOTCAPABLE));
    assert_eq!(accept(&mut guest, 3, APPEND), Err(INVAL));
    guest.drop_rights(3, FD_READ | SOCK_SHUTDOWN);
    assert_eq!(recv(&mut guest, 3, 1, 0), Err(NOTCAPABLE));
    assert_eq!(shutdown(&mut guest, 3, RD), Err(NOTCAPABLE));
    assert_eq!(send(&mut guest, 3, b"x", 0), Ok(1));
    guest.drop_rights(3, FD_WRITE);
    assert_eq!(send(&mut guest, 3, b"x", 0), Err(NOTCAPABLE));
}

#[test]
fn bad_pointers_are_faults() {
    let (mut guest, mut ours) = connected();
    ours.write_all(b"abc").unwrap();
    let end = guest.memory_size();
    guest.write_memory(0, &[100, 0, 0, 0, 3, 0, 0, 0]);
    assert_eq!(
        guest.call("sock_accept", args![3u32, 0u32, end - 3]),
        Err(FAULT)
    );
    let recv_at = |guest: &mut Guest, iovecs: u32, out: u32, flags: u32| {
        guest.call("sock_recv", args![3u32, iovecs, 1u32, 0u32, out, flags])
    };
    assert_eq!(recv_at(&mut guest, end - 7, 8, 12), Err(FAULT));
    assert_eq!(recv_at(&mut guest, 0, end - 3, 12), Err(FAULT));
    assert_eq!(recv_at(&mut guest, 0, 8, end - 1), Err(FAULT));
    let args = args![3u32, 0u32, 1u32, 0u32, end - 3];
    assert_eq!(guest.call("sock_send", args), Err(FAULT));
    // Nothing was taken by the calls that failed.
    assert_eq!(recv(&mut guest, 3, 10, 0).unwrap().0, b"abc");
}

#[test]
fn sockets_follow_the_directories() {
    let dir = tempfile::TempDir::new().unwrap();
    let (theirs, _ours) = UnixStream::pair().unwrap();
    let mut builder = WasiCtxBuilder::new();
    builder.preopened_socket(theirs).unwrap();
    let (dirs, files) = (pronto_wasi::DirPerms::all(), pronto_wasi::FilePerms::all());
    builder.preopened_dir(dir.path(), "/", dirs, files).unwrap();
    let mut guest = Guest::new(&mut builder);
    assert_eq!(guest.fdstat(3).unwrap().filetype, DIRECTORY_TYPE);
    assert_eq!(guest.fdstat(4).unwrap().filetype, SOCKET_STREAM);
    assert_eq!(guest.call("fd_prestat_get", args![4u32, 8u32]), Err(BADF));
}
