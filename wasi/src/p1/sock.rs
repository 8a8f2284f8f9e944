//! Sockets that the embedder has given, and those accepted from them.

use super::Call;
use super::errno::{Errno, Result};
use super::io::{receive, send};
use super::table::{Entry, Object, Table};
use super::types::{FdFlags, RiFlags, Rights, SdFlags};
use rustix::fd::{AsFd, BorrowedFd};
use rustix::io::retry_on_intr;
use rustix::net::{Shutdown, SocketFlags, accept_with, sockopt};
use std::os::fd::OwnedFd;

/// `sock_recv` says that the message was longer than the buffers.
const DATA_TRUNCATED: u16 = 1;

impl Entry {
    /// The entry of a socket, listening or connected.
    pub(crate) fn socket(socket: OwnedFd) -> Result<Self> {
        let listens = sockopt::socket_acceptconn(&socket)?;
        let host = rustix::fs::fcntl_getfl(&socket)?;
        let base = if listens {
            Rights::LISTENER
        } else {
            Rights::SOCKET
        };
        let mut entry = Self::without_children(Object::Socket(socket), base);
        entry.inheriting = Rights::SOCKET;
        entry.flags.set(
            FdFlags::NONBLOCK,
            host.contains(rustix::fs::OFlags::NONBLOCK),
        );
        Ok(entry)
    }
}

impl Table {
    /// The socket `fd`, which must have `rights`.
    fn socket(&self, fd: u32, rights: Rights) -> Result<BorrowedFd<'_>> {
        let entry = self.get(fd)?;
        let Object::Socket(socket) = &entry.object else {
            return Err(Errno::Notsock);
        };
        entry.require(rights)?;
        Ok(socket.as_fd())
    }
}

impl Call<'_> {
    pub(crate) fn sock_accept(&mut self, fd: u32, flags: u32, accepted: u32) -> Result {
        let out = self.mem.span(accepted, 4)?;
        let flags = FdFlags::from_guest(flags)?;
        if !(flags - FdFlags::NONBLOCK).is_empty() {
            return Err(Errno::Inval);
        }
        let inheriting = self.ctx.table.get(fd)?.inheriting;
        let listener = self.ctx.table.socket(fd, Rights::SOCK_ACCEPT)?;
        let socket = retry_on_intr(|| accept_with(listener, SocketFlags::CLOEXEC))?;
        rustix::io::ioctl_fionbio(&socket, flags.contains(FdFlags::NONBLOCK))?;
        let mut entry = Entry::socket(socket)?;
        entry.base &= inheriting;
        let new = self.ctx.table.insert(entry)?;
        self.mem.put(out, &new.to_le_bytes());
        Ok(())
    }

    pub(crate) fn sock_recv(
        &mut self,
        fd: u32,
        iovs: u32,
        count: u32,
        flags: u32,
        received: u32,
        out_flags: u32,
    ) -> Result {
        let out = self.mem.span(received, 4)?;
        let out_flags = self.mem.span(out_flags, 2)?;
        let spans = self.mem.iovecs(iovs, count)?;
        let flags = RiFlags::from_guest(flags)?;
        let socket = self.ctx.table.socket(fd, Rights::FD_READ)?;
        let (len, cut) = receive(socket, &mut self.mem.scatter(&spans), flags)?;
        let cut = if cut { DATA_TRUNCATED } else { 0 };
        self.mem.put(out_flags, &cut.to_le_bytes());
        self.mem.put_len(out, len)
    }

    pub(crate) fn sock_send(
        &mut self,
        fd: u32,
        iovs: u32,
        count: u32,
        flags: u32,
        sent: u32,
    ) -> Result {
        let out = self.mem.span(sent, 4)?;
        let spans = self.mem.iovecs(iovs, count)?;
        // The specification names no flags.
        if flags != 0 {
            return Err(Errno::Inval);
        }
        let socket = self.ctx.table.socket(fd, Rights::FD_WRITE)?;
        let len = send(socket, &self.mem.gather(&spans))?;
        self.mem.put_len(out, len)
    }

    pub(crate) fn sock_shutdown(&mut self, fd: u32, how: u32) -> Result {
        let how = SdFlags::from_guest(how)?;
        let socket = self.ctx.table.socket(fd, Rights::SOCK_SHUTDOWN)?;
        let how = match (how.contains(SdFlags::RD), how.contains(SdFlags::WR)) {
            (true, true) => Shutdown::Both,
            (true, false) => Shutdown::Read,
            (false, true) => Shutdown::Write,
            (false, false) => return Err(Errno::Inval),
        };
        Ok(rustix::net::shutdown(socket, how)?)
    }
}
