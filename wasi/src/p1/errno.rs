//! Error numbers as preview 1 numbers them, and how host failures become one.

use rustix::io::Errno as Host;
use std::io;

macro_rules! errnos {
    ($($(#[$doc:meta])* $wasi:ident = $value:literal $(, $host:ident)?;)*) => {
        /// Why a call failed. Zero, which is success, is not among them.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(u16)]
        pub(crate) enum Errno {
            $($wasi = $value,)*
        }

        impl From<Host> for Errno {
            fn from(host: Host) -> Self {
                match host {
                    $($(Host::$host => Self::$wasi,)?)*
                    _ => Self::Io,
                }
            }
        }
    };
}

// The names and numbers of the specification, and the host's error each stands for.
// Those the specification has and no call here can return are not listed.
errnos! {
    TooBig = 1, TOOBIG;
    Acces = 2, ACCESS;
    Addrinuse = 3, ADDRINUSE;
    Addrnotavail = 4, ADDRNOTAVAIL;
    Afnosupport = 5, AFNOSUPPORT;
    Again = 6, AGAIN;
    Already = 7, ALREADY;
    Badf = 8, BADF;
    Badmsg = 9, BADMSG;
    Busy = 10, BUSY;
    Canceled = 11, CANCELED;
    Connaborted = 13, CONNABORTED;
    Connrefused = 14, CONNREFUSED;
    Connreset = 15, CONNRESET;
    Deadlk = 16, DEADLK;
    Destaddrreq = 17, DESTADDRREQ;
    Dom = 18, DOM;
    Dquot = 19, DQUOT;
    Exist = 20, EXIST;
    Fault = 21, FAULT;
    Fbig = 22, FBIG;
    Hostunreach = 23, HOSTUNREACH;
    Ilseq = 25, ILSEQ;
    Inprogress = 26, INPROGRESS;
    Intr = 27, INTR;
    Inval = 28, INVAL;
    Io = 29;
    Isconn = 30, ISCONN;
    Isdir = 31, ISDIR;
    Loop = 32, LOOP;
    Mfile = 33, MFILE;
    Mlink = 34, MLINK;
    Msgsize = 35, MSGSIZE;
    Nametoolong = 37, NAMETOOLONG;
    Netdown = 38, NETDOWN;
    Netreset = 39, NETRESET;
    Netunreach = 40, NETUNREACH;
    Nfile = 41, NFILE;
    Nobufs = 42, NOBUFS;
    Nodev = 43, NODEV;
    Noent = 44, NOENT;
    Nolck = 46, NOLCK;
    Nomem = 48, NOMEM;
    Noprotoopt = 50, NOPROTOOPT;
    Nospc = 51, NOSPC;
    Nosys = 52, NOSYS;
    Notconn = 53, NOTCONN;
    Notdir = 54, NOTDIR;
    Notempty = 55, NOTEMPTY;
    Notsock = 57, NOTSOCK;
    Notsup = 58, OPNOTSUPP;
    Notty = 59, NOTTY;
    Nxio = 60, NXIO;
    Overflow = 61, OVERFLOW;
    Perm = 63, PERM;
    Pipe = 64, PIPE;
    Range = 68, RANGE;
    Rofs = 69, ROFS;
    Spipe = 70, SPIPE;
    Stale = 72, STALE;
    Timedout = 73, TIMEDOUT;
    Txtbsy = 74, TXTBSY;
    Xdev = 75, XDEV;
    /// A right that the descriptor does not have.
    Notcapable = 76;
}

pub(crate) type Result<T = ()> = std::result::Result<T, Errno>;

impl From<io::Error> for Errno {
    fn from(err: io::Error) -> Self {
        if let Some(host) = Host::from_io_error(&err) {
            return host.into();
        }
        match err.kind() {
            io::ErrorKind::NotFound => Self::Noent,
            // What cap-std answers when a path leads out of its directory.
            io::ErrorKind::PermissionDenied => Self::Perm,
            io::ErrorKind::AlreadyExists => Self::Exist,
            io::ErrorKind::WouldBlock => Self::Again,
            io::ErrorKind::InvalidInput => Self::Inval,
            io::ErrorKind::InvalidData => Self::Ilseq,
            io::ErrorKind::BrokenPipe => Self::Pipe,
            io::ErrorKind::StorageFull => Self::Nospc,
            io::ErrorKind::Interrupted => Self::Intr,
            io::ErrorKind::Unsupported => Self::Notsup,
            io::ErrorKind::OutOfMemory => Self::Nomem,
            io::ErrorKind::TimedOut => Self::Timedout,
            _ => Self::Io,
        }
    }
}

/// What the guest's call returns: 0 or the error's number.
pub(crate) fn code(result: Result) -> u32 {
    match result {
        Ok(()) => 0,
        Err(errno) => errno as u32,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn host_errors_keep_their_meaning() {
        assert_eq!(Errno::from(Host::NOTEMPTY), Errno::Notempty);
        assert_eq!(Errno::from(io::Error::from_raw_os_error(13)), Errno::Acces);
        assert_eq!(Errno::from(Host::HWPOISON), Errno::Io);
        let escape = io::Error::new(io::ErrorKind::PermissionDenied, "outside");
        assert_eq!(Errno::from(escape), Errno::Perm);
        assert_eq!(code(Ok(())), 0);
        assert_eq!(code(Err(Errno::Notcapable)), 76);
    }
}
