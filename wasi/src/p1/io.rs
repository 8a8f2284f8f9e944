//! Reading and writing: `fd_read`, `fd_write` and their positioned twins.

use super::Call;
use super::errno::{Errno, Result};
use super::table::{Entry, Object};
use super::types::{FdFlags, RiFlags, Rights};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fd::AsFd;
use rustix::io::retry_on_intr;
use rustix::net::{
    RecvAncillaryBuffer, RecvFlags, ReturnFlags, SendAncillaryBuffer, SendFlags, recvmsg, sendmsg,
};
use std::io::{self, IoSlice, IoSliceMut};
use std::os::fd::BorrowedFd;

impl Call<'_> {
    pub(crate) fn fd_read(&mut self, fd: u32, iovs: u32, count: u32, nread: u32) -> Result {
        let out = self.mem.span(nread, 4)?;
        let spans = self.mem.iovecs(iovs, count)?;
        let entry = self.ctx.table.get_mut(fd)?;
        let n = entry.read(&mut self.mem.scatter(&spans))?;
        self.mem.put_len(out, n)
    }

    pub(crate) fn fd_write(&mut self, fd: u32, iovs: u32, count: u32, nwritten: u32) -> Result {
        let out = self.mem.span(nwritten, 4)?;
        let spans = self.mem.iovecs(iovs, count)?;
        let entry = self.ctx.table.get_mut(fd)?;
        let n = entry.write(&self.mem.gather(&spans))?;
        self.mem.put_len(out, n)
    }

    pub(crate) fn fd_pread(
        &mut self,
        fd: u32,
        iovs: u32,
        count: u32,
        offset: u64,
        nread: u32,
    ) -> Result {
        let out = self.mem.span(nread, 4)?;
        let spans = self.mem.iovecs(iovs, count)?;
        let entry = self.ctx.table.get(fd)?;
        entry.readable()?;
        let file = entry.seekable()?;
        entry.require(Rights::FD_SEEK)?;
        let offset = position(offset)?;
        let mut bufs = self.mem.scatter(&spans);
        let n = retry_on_intr(|| rustix::io::preadv(file, &mut bufs, offset))?;
        self.mem.put_len(out, n)
    }

    pub(crate) fn fd_pwrite(
        &mut self,
        fd: u32,
        iovs: u32,
        count: u32,
        offset: u64,
        nwritten: u32,
    ) -> Result {
        let out = self.mem.span(nwritten, 4)?;
        let spans = self.mem.iovecs(iovs, count)?;
        let entry = self.ctx.table.get(fd)?;
        entry.writable()?;
        let file = entry.seekable()?;
        entry.require(Rights::FD_SEEK)?;
        let offset = position(offset)?;
        let bufs = self.mem.gather(&spans);
        let n = retry_on_intr(|| rustix::io::pwritev(file, &bufs, offset))?;
        self.mem.put_len(out, n)
    }
}

/// An offset in a file, which is signed on the host.
pub(crate) fn position(offset: u64) -> Result<u64> {
    if i64::try_from(offset).is_ok() {
        Ok(offset)
    } else {
        Err(Errno::Inval)
    }
}

impl Entry {
    /// Whether it was opened for reading, and may still be read.
    pub(crate) fn readable(&self) -> Result {
        match &self.object {
            Object::Dir(_) => return Err(Errno::Isdir),
            Object::Output(_) => return Err(Errno::Badf),
            Object::File(file) if !file.read => return Err(Errno::Badf),
            Object::Input(_) | Object::File(_) | Object::Socket(_) => {}
        }
        self.require(Rights::FD_READ)
    }

    /// Whether it was opened for writing, and may still be written.
    pub(crate) fn writable(&self) -> Result {
        match &self.object {
            Object::Dir(_) | Object::Input(_) => return Err(Errno::Badf),
            Object::File(file) if !file.write => return Err(Errno::Badf),
            Object::Output(_) | Object::File(_) | Object::Socket(_) => {}
        }
        self.require(Rights::FD_WRITE)
    }

    fn read(&mut self, bufs: &mut [IoSliceMut<'_>]) -> Result<usize> {
        self.readable()?;
        if bufs.is_empty() {
            return Ok(0);
        }
        let nonblock = self.flags.contains(FdFlags::NONBLOCK);
        match &mut self.object {
            Object::Input(stream) => {
                if nonblock {
                    ready(stream.host_fd(), PollFlags::IN)?;
                }
                let room = bufs.iter().map(|buf| buf.len()).sum();
                uninterrupted(room, || stream.read_vectored(bufs))
            }
            Object::File(file) => Ok(retry_on_intr(|| rustix::io::readv(&file.file, bufs))?),
            Object::Socket(socket) => {
                let received = receive(socket.as_fd(), bufs, RiFlags::empty())?;
                Ok(received.0)
            }
            Object::Output(_) | Object::Dir(_) => Err(Errno::Badf),
        }
    }

    fn write(&mut self, bufs: &[IoSlice<'_>]) -> Result<usize> {
        self.writable()?;
        let nonblock = self.flags.contains(FdFlags::NONBLOCK);
        match &mut self.object {
            Object::Output(stream) => {
                if nonblock {
                    ready(stream.host_fd(), PollFlags::OUT)?;
                }
                let room = bufs.iter().map(|buf| buf.len()).sum();
                uninterrupted(room, || stream.write_vectored(bufs))
            }
            Object::File(file) => Ok(retry_on_intr(|| rustix::io::writev(&file.file, bufs))?),
            Object::Socket(socket) => send(socket.as_fd(), bufs),
            Object::Input(_) | Object::Dir(_) => Err(Errno::Badf),
        }
    }
}

/// For a stream that must not wait: whether it need not. The host's descriptor is not made
/// non-blocking, since whoever gave it to us shares that flag.
fn ready(fd: Option<BorrowedFd<'_>>, events: PollFlags) -> Result {
    let Some(fd) = fd else { return Ok(()) };
    let mut fds = [PollFd::from_borrowed_fd(fd, events)];
    let now = Timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    match retry_on_intr(|| poll(&mut fds, Some(&now)))? {
        0 => Err(Errno::Again),
        _ => Ok(()),
    }
}

/// Moves bytes to or from an embedder's stream, again while a signal interrupts it. A
/// stream that claims more than the `room` it had is not believed.
fn uninterrupted(room: usize, mut io: impl FnMut() -> io::Result<usize>) -> Result<usize> {
    loop {
        match io() {
            Err(err) if err.kind() == io::ErrorKind::Interrupted => {}
            result => return Ok(result?.min(room)),
        }
    }
}

/// Receives from a socket; also says whether a message was cut.
pub(crate) fn receive(
    socket: BorrowedFd<'_>,
    bufs: &mut [IoSliceMut<'_>],
    flags: RiFlags,
) -> Result<(usize, bool)> {
    let mut host = RecvFlags::empty();
    host.set(RecvFlags::PEEK, flags.contains(RiFlags::PEEK));
    host.set(RecvFlags::WAITALL, flags.contains(RiFlags::WAITALL));
    let mut none = RecvAncillaryBuffer::default();
    let message = retry_on_intr(|| recvmsg(socket, bufs, &mut none, host))?;
    let room: usize = bufs.iter().map(|buf| buf.len()).sum();
    Ok((
        message.bytes.min(room),
        message.flags.contains(ReturnFlags::TRUNC),
    ))
}

/// Sends to a socket. A peer that is gone is an error, not a signal.
pub(crate) fn send(socket: BorrowedFd<'_>, bufs: &[IoSlice<'_>]) -> Result<usize> {
    let mut none = SendAncillaryBuffer::default();
    Ok(retry_on_intr(|| {
        sendmsg(socket, bufs, &mut none, SendFlags::NOSIGNAL)
    })?)
}
