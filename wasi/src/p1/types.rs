//! Flags and records of preview 1, laid out as guests read them.

use super::errno::{Errno, Result};
use bitflags::bitflags;
use cap_std::fs::{Metadata, MetadataExt};
use rustix::fs::{FileType, Stat};

bitflags! {
    /// What a descriptor may be used for.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub(crate) struct Rights: u64 {
        const FD_DATASYNC = 1 << 0;
        const FD_READ = 1 << 1;
        const FD_SEEK = 1 << 2;
        const FD_FDSTAT_SET_FLAGS = 1 << 3;
        const FD_SYNC = 1 << 4;
        const FD_TELL = 1 << 5;
        const FD_WRITE = 1 << 6;
        const FD_ADVISE = 1 << 7;
        const FD_ALLOCATE = 1 << 8;
        const PATH_CREATE_DIRECTORY = 1 << 9;
        const PATH_CREATE_FILE = 1 << 10;
        const PATH_LINK_SOURCE = 1 << 11;
        const PATH_LINK_TARGET = 1 << 12;
        const PATH_OPEN = 1 << 13;
        const FD_READDIR = 1 << 14;
        const PATH_READLINK = 1 << 15;
        const PATH_RENAME_SOURCE = 1 << 16;
        const PATH_RENAME_TARGET = 1 << 17;
        const PATH_FILESTAT_GET = 1 << 18;
        const PATH_FILESTAT_SET_SIZE = 1 << 19;
        const PATH_FILESTAT_SET_TIMES = 1 << 20;
        const FD_FILESTAT_GET = 1 << 21;
        const FD_FILESTAT_SET_SIZE = 1 << 22;
        const FD_FILESTAT_SET_TIMES = 1 << 23;
        const PATH_SYMLINK = 1 << 24;
        const PATH_REMOVE_DIRECTORY = 1 << 25;
        const PATH_UNLINK_FILE = 1 << 26;
        const POLL_FD_READWRITE = 1 << 27;
        const SOCK_SHUTDOWN = 1 << 28;
        const SOCK_ACCEPT = 1 << 29;
    }

    /// How reads and writes of a descriptor behave.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub(crate) struct FdFlags: u16 {
        const APPEND = 1 << 0;
        const DSYNC = 1 << 1;
        const NONBLOCK = 1 << 2;
        const RSYNC = 1 << 3;
        const SYNC = 1 << 4;
    }

    /// How `path_open` opens.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub(crate) struct OFlags: u16 {
        const CREAT = 1 << 0;
        const DIRECTORY = 1 << 1;
        const EXCL = 1 << 2;
        const TRUNC = 1 << 3;
    }

    /// How the last part of a path is looked up.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub(crate) struct Lookup: u32 {
        const SYMLINK_FOLLOW = 1 << 0;
    }

    /// Which times to set, and to what.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub(crate) struct FstFlags: u16 {
        const ATIM = 1 << 0;
        const ATIM_NOW = 1 << 1;
        const MTIM = 1 << 2;
        const MTIM_NOW = 1 << 3;
    }

    /// How `sock_recv` receives.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub(crate) struct RiFlags: u16 {
        const PEEK = 1 << 0;
        const WAITALL = 1 << 1;
    }

    /// The directions `sock_shutdown` closes.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub(crate) struct SdFlags: u8 {
        const RD = 1 << 0;
        const WR = 1 << 1;
    }
}

impl Rights {
    /// What applies to anything with a file position.
    pub(crate) const SEEKABLE: Self = Self::FD_SEEK.union(Self::FD_TELL);

    /// What applies to a file, whatever it was opened for.
    const ANY_FILE: Self = Self::SEEKABLE
        .union(Self::FD_DATASYNC)
        .union(Self::FD_SYNC)
        .union(Self::FD_ADVISE)
        .union(Self::FD_FDSTAT_SET_FLAGS)
        .union(Self::FD_FILESTAT_GET)
        .union(Self::FD_FILESTAT_SET_TIMES)
        .union(Self::POLL_FD_READWRITE);

    /// What a file opened for writing has on top.
    const WRITE_FILE: Self = Self::FD_WRITE
        .union(Self::FD_ALLOCATE)
        .union(Self::FD_FILESTAT_SET_SIZE);

    /// What a directory that may be read has.
    pub(crate) const READ_DIR: Self = Self::PATH_OPEN
        .union(Self::FD_READDIR)
        .union(Self::PATH_READLINK)
        .union(Self::PATH_FILESTAT_GET);

    /// What a directory whose entries may change has on top.
    pub(crate) const MUTATE_DIR: Self = Self::PATH_CREATE_DIRECTORY
        .union(Self::PATH_CREATE_FILE)
        .union(Self::PATH_LINK_SOURCE)
        .union(Self::PATH_LINK_TARGET)
        .union(Self::PATH_RENAME_SOURCE)
        .union(Self::PATH_RENAME_TARGET)
        .union(Self::PATH_FILESTAT_SET_TIMES)
        .union(Self::PATH_SYMLINK)
        .union(Self::PATH_REMOVE_DIRECTORY)
        .union(Self::PATH_UNLINK_FILE);

    /// What any directory has.
    pub(crate) const ANY_DIR: Self = Self::FD_DATASYNC
        .union(Self::FD_SYNC)
        .union(Self::FD_FDSTAT_SET_FLAGS)
        .union(Self::FD_FILESTAT_GET)
        .union(Self::FD_FILESTAT_SET_TIMES);

    /// What a stream has besides reading or writing.
    pub(crate) const STREAM: Self = Self::FD_FDSTAT_SET_FLAGS
        .union(Self::FD_FILESTAT_GET)
        .union(Self::POLL_FD_READWRITE);

    /// What a connected socket has.
    pub(crate) const SOCKET: Self = Self::STREAM
        .union(Self::FD_READ)
        .union(Self::FD_WRITE)
        .union(Self::SOCK_SHUTDOWN);

    /// What a listening socket has.
    pub(crate) const LISTENER: Self = Self::STREAM.union(Self::SOCK_ACCEPT);

    /// The rights of a file opened for `read` and `write`.
    pub(crate) fn file(read: bool, write: bool) -> Self {
        let mut rights = Self::ANY_FILE;
        rights.set(Self::FD_READ, read);
        rights.set(Self::WRITE_FILE, write);
        rights
    }
}

/// The flags in a guest's argument, which must be ones the specification names.
macro_rules! flags_from_guest {
    ($($flags:ident: $bits:ty;)*) => {$(
        impl $flags {
            pub(crate) fn from_guest(bits: u32) -> Result<Self> {
                <$bits>::try_from(bits).ok().and_then(Self::from_bits).ok_or(Errno::Inval)
            }
        }
    )*};
}

flags_from_guest! {
    FdFlags: u16;
    OFlags: u16;
    Lookup: u32;
    FstFlags: u16;
    RiFlags: u16;
    SdFlags: u8;
}

impl Lookup {
    pub(crate) fn follows(self) -> bool {
        self.contains(Self::SYMLINK_FOLLOW)
    }
}

/// What kind of thing a descriptor or path names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Filetype {
    Unknown = 0,
    BlockDevice = 1,
    CharacterDevice = 2,
    Directory = 3,
    RegularFile = 4,
    SocketDgram = 5,
    SocketStream = 6,
    SymbolicLink = 7,
}

impl From<FileType> for Filetype {
    fn from(host: FileType) -> Self {
        match host {
            FileType::RegularFile => Self::RegularFile,
            FileType::Directory => Self::Directory,
            FileType::Symlink => Self::SymbolicLink,
            FileType::CharacterDevice => Self::CharacterDevice,
            FileType::BlockDevice => Self::BlockDevice,
            FileType::Socket => Self::SocketStream,
            // Preview 1 has no name for a pipe.
            FileType::Fifo | FileType::Unknown => Self::Unknown,
        }
    }
}

/// The `fdstat` record.
pub(crate) struct FdStat {
    pub(crate) filetype: Filetype,
    pub(crate) flags: FdFlags,
    pub(crate) base: Rights,
    pub(crate) inheriting: Rights,
}

impl FdStat {
    pub(crate) fn bytes(&self) -> [u8; 24] {
        let mut bytes = [0; 24];
        bytes[0] = self.filetype as u8;
        bytes[2..4].copy_from_slice(&self.flags.bits().to_le_bytes());
        bytes[8..16].copy_from_slice(&self.base.bits().to_le_bytes());
        bytes[16..24].copy_from_slice(&self.inheriting.bits().to_le_bytes());
        bytes
    }
}

/// The `filestat` record.
pub(crate) struct FileStat {
    pub(crate) dev: u64,
    pub(crate) ino: u64,
    pub(crate) filetype: Filetype,
    pub(crate) nlink: u64,
    pub(crate) size: u64,
    pub(crate) atim: u64,
    pub(crate) mtim: u64,
    pub(crate) ctim: u64,
}

impl FileStat {
    /// Something of which only the kind is known.
    pub(crate) fn of_type(filetype: Filetype) -> Self {
        let (dev, ino, nlink, size) = (0, 0, 0, 0);
        let (atim, mtim, ctim) = (0, 0, 0);
        Self {
            dev,
            ino,
            filetype,
            nlink,
            size,
            atim,
            mtim,
            ctim,
        }
    }

    pub(crate) fn bytes(&self) -> [u8; 64] {
        let mut bytes = [0; 64];
        bytes[0..8].copy_from_slice(&self.dev.to_le_bytes());
        bytes[8..16].copy_from_slice(&self.ino.to_le_bytes());
        bytes[16] = self.filetype as u8;
        bytes[24..32].copy_from_slice(&self.nlink.to_le_bytes());
        bytes[32..40].copy_from_slice(&self.size.to_le_bytes());
        bytes[40..48].copy_from_slice(&self.atim.to_le_bytes());
        bytes[48..56].copy_from_slice(&self.mtim.to_le_bytes());
        bytes[56..64].copy_from_slice(&self.ctim.to_le_bytes());
        bytes
    }
}

#[allow(
    clippy::unnecessary_cast,
    clippy::cast_lossless,
    reason = "the widths of these fields differ between hosts"
)]
impl From<&Stat> for FileStat {
    fn from(stat: &Stat) -> Self {
        Self {
            dev: stat.st_dev as u64,
            ino: stat.st_ino as u64,
            filetype: FileType::from_raw_mode(stat.st_mode).into(),
            nlink: stat.st_nlink as u64,
            size: stat.st_size as u64,
            atim: nanoseconds(stat.st_atime as i64, stat.st_atime_nsec as i64),
            mtim: nanoseconds(stat.st_mtime as i64, stat.st_mtime_nsec as i64),
            ctim: nanoseconds(stat.st_ctime as i64, stat.st_ctime_nsec as i64),
        }
    }
}

impl From<&Metadata> for FileStat {
    fn from(meta: &Metadata) -> Self {
        Self {
            dev: meta.dev(),
            ino: meta.ino(),
            filetype: FileType::from_raw_mode(meta.mode()).into(),
            nlink: meta.nlink(),
            size: meta.size(),
            atim: nanoseconds(meta.atime(), meta.atime_nsec()),
            mtim: nanoseconds(meta.mtime(), meta.mtime_nsec()),
            ctim: nanoseconds(meta.ctime(), meta.ctime_nsec()),
        }
    }
}

/// Nanoseconds since 1970. Times before it, which preview 1 cannot say, become 0.
fn nanoseconds(seconds: i64, nanoseconds: i64) -> u64 {
    match (u64::try_from(seconds), u64::try_from(nanoseconds)) {
        (Ok(seconds), Ok(nanos)) => seconds.saturating_mul(1_000_000_000).saturating_add(nanos),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_flags_are_refused() {
        assert_eq!(OFlags::from_guest(0xf), Ok(OFlags::all()));
        assert_eq!(OFlags::from_guest(0x10), Err(Errno::Inval));
        assert_eq!(OFlags::from_guest(0x1_0001), Err(Errno::Inval));
        assert_eq!(SdFlags::from_guest(3), Ok(SdFlags::all()));
        assert_eq!(SdFlags::from_guest(0x101), Err(Errno::Inval));
    }

    #[test]
    fn rights_split_by_what_they_apply_to() {
        let dir = Rights::ANY_DIR | Rights::READ_DIR | Rights::MUTATE_DIR;
        assert!(
            !dir.intersects(Rights::FD_FILESTAT_SET_SIZE | Rights::SEEKABLE | Rights::FD_WRITE)
        );
        assert!(!Rights::file(true, false).intersects(Rights::WRITE_FILE));
        assert!(Rights::file(false, true).contains(Rights::FD_FILESTAT_SET_SIZE));
    }

    #[test]
    fn times_before_1970_are_zero() {
        assert_eq!(nanoseconds(-1, 5), 0);
        assert_eq!(nanoseconds(1, 5), 1_000_000_005);
        assert_eq!(nanoseconds(i64::MAX, 0), u64::MAX);
    }
}
