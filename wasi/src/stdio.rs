//! Standard streams: what a guest's descriptors 0, 1 and 2 read from and write to.

use rustix::io::retry_on_intr;
use std::fs::File;
use std::io::{self, IoSlice, IoSliceMut, PipeReader, PipeWriter, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};

/// A source that can be a guest's standard input.
pub trait StdinStream: Read + Send + 'static {
    /// The descriptor behind the stream, if it has one: what `poll_oneoff` waits on and
    /// what the guest learns of the stream's kind comes from it. A stream without one
    /// counts as always ready.
    fn host_fd(&self) -> Option<BorrowedFd<'_>> {
        None
    }

    /// How many bytes can be read without waiting. Asked only without a descriptor.
    fn available(&self) -> u64 {
        1
    }
}

/// A sink that can be a guest's standard output or error.
pub trait StdoutStream: Write + Send + 'static {
    /// The descriptor behind the stream, as in [`StdinStream::host_fd`].
    fn host_fd(&self) -> Option<BorrowedFd<'_>> {
        None
    }
}

impl StdinStream for io::Empty {
    fn available(&self) -> u64 {
        0
    }
}

impl StdoutStream for io::Sink {}

macro_rules! streams_with_descriptors {
    ($($stream:ty: $direction:ident;)*) => {$(
        impl $direction for $stream {
            fn host_fd(&self) -> Option<BorrowedFd<'_>> {
                Some(self.as_fd())
            }
        }
    )*};
}

streams_with_descriptors! {
    File: StdinStream;
    File: StdoutStream;
    PipeReader: StdinStream;
    PipeWriter: StdoutStream;
    HostStdin: StdinStream;
    HostOutput<io::Stdout>: StdoutStream;
    HostOutput<io::Stderr>: StdoutStream;
}

/// The host's standard input, read past the buffer Rust keeps for it: a guest that exits
/// takes no more than it asked for, and `poll_oneoff` sees what is left.
pub(crate) struct HostStdin(pub(crate) io::Stdin);

impl AsFd for HostStdin {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl Read for HostStdin {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        Ok(retry_on_intr(|| rustix::io::read(&self.0, &mut *buf))?)
    }

    fn read_vectored(&mut self, bufs: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        Ok(retry_on_intr(|| rustix::io::readv(&self.0, bufs))?)
    }
}

/// The host's standard output or error, written past the buffer Rust keeps for it, after
/// what the host itself has put there.
pub(crate) struct HostOutput<S>(pub(crate) S);

impl<S: AsFd> AsFd for HostOutput<S> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl<S: AsFd + Write> Write for HostOutput<S> {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.write_vectored(&[IoSlice::new(buf)])
    }

    fn write_vectored(&mut self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        self.0.flush()?;
        Ok(retry_on_intr(|| rustix::io::writev(&self.0, bufs))?)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}
