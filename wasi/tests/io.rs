//! Reading and writing files and streams.

mod common;

use common::names::*;
use common::{Guest, sandbox};
use pronto_wasi::pipe::{MemoryInputPipe, MemoryOutputPipe};
use pronto_wasi::{StdinStream, StdoutStream, WasiCtxBuilder};
use std::io::{Read, Write, pipe};

#[test]
fn iovecs_scatter_and_gather() {
    let (_dir, mut guest) = sandbox();
    let fd = guest.create("file", b"");
    guest.write_memory(200, b"onetwothree");
    let iovecs = guest.iovecs(&[(200, 3), (0, 0), (206, 5), (203, 3)]);
    let out = guest.room(4);
    guest
        .call("fd_write", args![fd, iovecs, 4u32, out])
        .unwrap();
    assert_eq!(guest.u32_at(out), 11);
    let iovecs = guest.iovecs(&[(1008, 3), (1000, 4), (0, 0), (1004, 2)]);
    let out = guest.room(4);
    guest
        .call("fd_pread", args![fd, iovecs, 4u32, 0u64, out])
        .unwrap();
    assert_eq!(guest.u32_at(out), 9);
    assert_eq!(guest.read_memory(1000, 11), b"threet\0\0one");
}

#[test]
fn overlapping_iovecs_are_a_short_read() {
    let (_dir, mut guest) = sandbox();
    let fd = guest.create("file", b"0123456789");
    let iovecs = guest.iovecs(&[(1000, 4), (1002, 4)]);
    let out = guest.room(4);
    guest.call("fd_read", args![fd, iovecs, 2u32, out]).unwrap();
    assert_eq!(guest.u32_at(out), 4);
    assert_eq!(guest.read_memory(1000, 4), b"0123");
    // The result may lie in the buffer, and the iovecs too.
    let iovecs = guest.iovecs(&[(1000, 4)]);
    guest
        .call("fd_read", args![fd, iovecs, 1u32, 1001u32])
        .unwrap();
    assert_eq!(guest.u32_at(1001), 4);
    guest.seek(fd, 0, SEEK_SET).unwrap();
    let iovecs = guest.iovecs(&[(8, 8)]);
    assert_eq!(iovecs, 1, "the iovec lies where it reads to, in part");
    guest
        .call("fd_read", args![fd, iovecs, 1u32, 900u32])
        .unwrap();
    assert_eq!(guest.read_memory(8, 8), b"01234567");
    let twice = guest.iovecs(&[(1000, 4), (1000, 4)]);
    let out = guest.room(4);
    guest.write_memory(1000, b"dup!");
    guest
        .call("fd_pwrite", args![fd, twice, 2u32, 0u64, out])
        .unwrap();
    assert_eq!(guest.pread(fd, 8, 0).unwrap(), b"dup!dup!");
}

/// Every function that takes iovecs, with ones that are no good.
#[test]
fn bad_iovecs_move_nothing() {
    let (_dir, mut guest) = sandbox();
    let fd = guest.create("file", b"0123");
    let end = guest.memory_size();
    let cases = [
        (&[(end - 1, 2)][..], 1, FAULT),
        (&[(8, 1), (u32::MAX, 1)], 2, FAULT),
        (&[(8, u32::MAX)], 1, FAULT),
        (&[(8, 1)], 1025, INVAL),
        (&[(8, 1)], u32::MAX, INVAL),
    ];
    for (list, count, errno) in cases {
        for name in ["fd_read", "fd_write"] {
            let (iovecs, out) = (guest.iovecs(list), guest.room(4));
            assert_eq!(
                guest.call(name, args![fd, iovecs, count, out]),
                Err(errno),
                "{name}"
            );
        }
        for name in ["fd_pread", "fd_pwrite"] {
            let (iovecs, out) = (guest.iovecs(list), guest.room(4));
            let args = args![fd, iovecs, count, 0u64, out];
            assert_eq!(guest.call(name, args), Err(errno), "{name}");
        }
    }
    for name in ["fd_read", "fd_write"] {
        let iovecs = guest.iovecs(&[(8, 1)]);
        assert_eq!(
            guest.call(name, args![fd, iovecs, 1u32, end - 3]),
            Err(FAULT),
            "{name}"
        );
        assert_eq!(
            guest.call(name, args![fd, end - 7, 1u32, 8u32]),
            Err(FAULT),
            "{name}"
        );
    }
    assert_eq!(guest.tell(fd), Ok(0));
    assert_eq!(guest.filestat(fd).unwrap().size, 4);
}

#[test]
fn nothing_can_be_moved() {
    let (_dir, mut guest) = sandbox();
    let fd = guest.create("file", b"0123");
    for count in [0u32, 2] {
        for name in ["fd_read", "fd_write"] {
            let (iovecs, out) = (guest.iovecs(&[(0, 0), (0, 0)]), guest.room(4));
            assert_eq!(guest.call(name, args![fd, iovecs, count, out]), Ok(()));
            assert_eq!(guest.u32_at(out), 0);
        }
    }
    let write_only = guest.open("file", 0, FD_WRITE).unwrap();
    let (iovecs, out) = (guest.iovecs(&[]), guest.room(4));
    assert_eq!(
        guest.call("fd_read", args![write_only, iovecs, 0u32, out]),
        Err(BADF)
    );
}

#[test]
fn positioned_reads_and_writes_leave_the_position() {
    let (_dir, mut guest) = sandbox();
    let fd = guest.create("file", b"0123");
    assert_eq!(guest.pwrite(fd, b"ab", 2), Ok(2));
    assert_eq!(guest.pread(fd, 10, 1).unwrap(), b"1ab");
    assert_eq!(guest.pread(fd, 10, 4).unwrap(), b"");
    assert_eq!(guest.pread(fd, 10, 1000).unwrap(), b"");
    assert_eq!(guest.pwrite(fd, b"z", 6), Ok(1));
    assert_eq!(guest.pread(fd, 10, 0).unwrap(), b"01ab\0\0z");
    assert_eq!(guest.tell(fd), Ok(0));
    assert_eq!(guest.pread(fd, 1, u64::MAX), Err(INVAL));
    assert_eq!(guest.pwrite(fd, b"x", 1 << 63), Err(INVAL));
    let read_only = guest.open("file", 0, FD_READ).unwrap();
    assert_eq!(guest.pwrite(read_only, b"x", 0), Err(BADF));
    let write_only = guest.open("file", 0, FD_WRITE).unwrap();
    assert_eq!(guest.pread(write_only, 1, 0), Err(BADF));
}

#[test]
fn appending_goes_to_the_end() {
    let (_dir, mut guest) = sandbox();
    let fd = guest
        .open_full(DIR, 0, "file", CREAT | TRUNC, READ_WRITE, APPEND)
        .unwrap();
    let other = guest.open("file", 0, READ_WRITE).unwrap();
    assert_eq!(guest.write(fd, b"ab"), Ok(2));
    assert_eq!(guest.write(other, b"CDEF"), Ok(4));
    guest.seek(fd, 0, SEEK_SET).unwrap();
    assert_eq!(guest.write(fd, b"gh"), Ok(2));
    assert_eq!(guest.tell(fd), Ok(6));
    assert_eq!(guest.pread(fd, 10, 0).unwrap(), b"CDEFgh");
    // Truncated and appended to at once, as `fopen(.., "w")` may ask for.
    let again = guest
        .open_full(DIR, 0, "file", CREAT | TRUNC, FD_WRITE, APPEND)
        .unwrap();
    assert_eq!(guest.write(again, b"x"), Ok(1));
    assert_eq!(guest.filestat(fd).unwrap().size, 1);
}

/// As Linux has it and other runtimes there: the offset of a positioned write counts for nothing
/// where the descriptor appends.
#[test]
#[cfg(target_os = "linux")]
fn positioned_writes_append_too() {
    let (_dir, mut guest) = sandbox();
    guest.create("file", b"0123");
    let fd = guest
        .open_full(DIR, 0, "file", 0, READ_WRITE, APPEND)
        .unwrap();
    assert_eq!(guest.pwrite(fd, b"45", 1), Ok(2));
    assert_eq!(guest.pread(fd, 10, 0).unwrap(), b"012345");
    assert_eq!(guest.tell(fd), Ok(0));
}

#[test]
fn streams_are_closed_unless_given() {
    let mut guest = Guest::new(&mut WasiCtxBuilder::new());
    assert_eq!(guest.read(0, 10).unwrap(), b"");
    assert_eq!(guest.write(1, b"lost"), Ok(4));
    assert_eq!(guest.write(2, b"lost"), Ok(4));
    assert_eq!(guest.fdstat(3), Err(BADF));
    assert_eq!(guest.close(1), Ok(()));
    assert_eq!(guest.write(1, b"x"), Err(BADF));
}

#[test]
fn an_embedder_gives_input_and_keeps_output() {
    let (stdin, stdout) = (MemoryInputPipe::new("input"), MemoryOutputPipe::new(10));
    let stderr = MemoryOutputPipe::new(100);
    let mut guest = Guest::new(
        WasiCtxBuilder::new()
            .stdin(stdin.clone())
            .stdout(stdout.clone())
            .stderr(stderr.clone()),
    );
    assert_eq!(guest.read(0, 3).unwrap(), b"inp");
    assert_eq!(guest.read(0, 3).unwrap(), b"ut");
    assert_eq!(guest.read(0, 3).unwrap(), b"");
    assert!(stdin.is_empty());
    assert_eq!(guest.write(1, b"1234567"), Ok(7));
    assert_eq!(guest.write(1, b"89abc"), Ok(3));
    assert_eq!(guest.write(1, b"x"), Err(NOSPC));
    assert_eq!(guest.write(2, b"error"), Ok(5));
    assert_eq!(stdout.contents(), b"123456789a");
    assert_eq!(stderr.contents(), b"error");
}

#[test]
fn pipes_of_the_host_are_streams() {
    let (their_input, mut our_output) = pipe().unwrap();
    let (mut our_input, their_output) = pipe().unwrap();
    let mut guest = Guest::new(
        WasiCtxBuilder::new()
            .stdin(their_input)
            .stdout(their_output),
    );
    our_output.write_all(b"hello").unwrap();
    assert_eq!(guest.read(0, 10).unwrap(), b"hello");
    assert_eq!(
        guest.call("fd_fdstat_set_flags", args![0u32, NONBLOCK]),
        Ok(())
    );
    assert_eq!(guest.fdstat(0).unwrap().flags, NONBLOCK);
    assert_eq!(guest.read(0, 10), Err(AGAIN));
    our_output.write_all(b"more").unwrap();
    assert_eq!(guest.read(0, 2).unwrap(), b"mo");
    assert_eq!(guest.read(0, 10).unwrap(), b"re");
    drop(our_output);
    assert_eq!(guest.read(0, 10).unwrap(), b"");
    assert_eq!(guest.write(1, b"answer"), Ok(6));
    let mut answer = [0; 6];
    our_input.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"answer");
    drop(our_input);
    assert_eq!(guest.write(1, b"x"), Err(PIPE));
    assert_eq!(guest.seek(0, 0, SEEK_CUR), Err(SPIPE));
}

#[test]
fn files_of_the_host_are_streams_with_a_position() {
    let dir = tempfile::TempDir::new().unwrap();
    std::fs::write(dir.path().join("in"), "0123456789").unwrap();
    let stdin = std::fs::File::open(dir.path().join("in")).unwrap();
    let stdout = std::fs::File::create(dir.path().join("out")).unwrap();
    let mut guest = Guest::new(WasiCtxBuilder::new().stdin(stdin).stdout(stdout));
    assert_eq!(guest.seek(0, 4, SEEK_SET), Ok(4));
    assert_eq!(guest.read(0, 3).unwrap(), b"456");
    assert_eq!(guest.tell(0), Ok(7));
    assert_eq!(guest.pread(0, 2, 0).unwrap(), b"01");
    let stat = guest.fdstat(0).unwrap();
    assert_eq!(
        (stat.filetype, stat.base & FD_SEEK),
        (REGULAR_FILE, FD_SEEK)
    );
    assert_eq!(guest.filestat(0).unwrap().size, 10);
    assert_eq!(guest.write(1, b"text"), Ok(4));
    assert_eq!(guest.pwrite(1, b"T", 0), Ok(1));
    assert_eq!(std::fs::read(dir.path().join("out")).unwrap(), b"Text");
}

/// A stream that answers what it is told to.
struct Scripted(Vec<std::io::Result<usize>>);

impl Scripted {
    fn next(&mut self) -> std::io::Result<usize> {
        if self.0.is_empty() {
            Ok(0)
        } else {
            self.0.remove(0)
        }
    }
}

impl Read for Scripted {
    fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
        self.next()
    }
}

impl Write for Scripted {
    fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
        self.next()
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl StdinStream for Scripted {}
impl StdoutStream for Scripted {}

#[test]
fn a_streams_errors_reach_the_guest() {
    use std::io::ErrorKind;
    let script = || {
        Scripted(vec![
            Err(ErrorKind::Interrupted.into()),
            Ok(2),
            Err(ErrorKind::WouldBlock.into()),
            Err(std::io::Error::from_raw_os_error(5)),
        ])
    };
    let mut guest = Guest::new(WasiCtxBuilder::new().stdin(script()).stdout(script()));
    assert_eq!(guest.read(0, 4).map(|bytes| bytes.len()), Ok(2));
    assert_eq!(guest.write(1, b"abcd"), Ok(2));
    for errno in [AGAIN, IO] {
        assert_eq!(guest.read(0, 4), Err(errno));
        assert_eq!(guest.write(1, b"abcd"), Err(errno));
    }
}

/// A stream that claims to have moved more than it was given.
struct Liar;

impl Read for Liar {
    fn read(&mut self, buf: &mut [u8]) -> std::io::Result<usize> {
        Ok(buf.len() + 1000)
    }
}

impl StdinStream for Liar {}

#[test]
fn a_stream_that_lies_harms_nobody() {
    let mut guest = Guest::new(WasiCtxBuilder::new().stdin(Liar));
    let (iovecs, out) = (guest.iovecs(&[(100, 4)]), guest.room(4));
    assert_eq!(
        guest.call("fd_read", args![0u32, iovecs, 1u32, out]),
        Ok(())
    );
    assert_eq!(guest.u32_at(out), 4);
}
