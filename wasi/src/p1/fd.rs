//! What a descriptor is and may be used for; its position, size and times.

use super::Call;
use super::errno::{Errno, Result};
use super::io::position;
use super::table::Object;
use super::types::{FdFlags, FdStat, FstFlags, Rights};
use crate::perms::{DirPerms, FilePerms};
use cap_fs_ext::SystemTimeSpec;
use cap_std::time::{Duration, SystemTime};
use rustix::fs::{FallocateFlags, OFlags, SeekFrom, Timespec, Timestamps, UTIME_NOW, UTIME_OMIT};
use rustix::io::retry_on_intr;

impl Call<'_> {
    pub(crate) fn fd_advise(&mut self, fd: u32, offset: u64, len: u64, advice: u32) -> Result {
        let entry = self.ctx.table.get(fd)?;
        let file = entry.seekable()?;
        entry.require(Rights::FD_ADVISE)?;
        let (offset, len) = (position(offset)?, position(len)?);
        advise(file, offset, len, advice)
    }

    pub(crate) fn fd_allocate(&mut self, fd: u32, offset: u64, len: u64) -> Result {
        let entry = self.ctx.table.get(fd)?;
        let file = entry.seekable()?;
        entry.writable()?;
        entry.require(Rights::FD_ALLOCATE)?;
        let end = offset.checked_add(len).ok_or(Errno::Fbig)?;
        if len == 0 || i64::try_from(len).is_err() || i64::try_from(offset).is_err() {
            return Err(Errno::Inval);
        }
        if i64::try_from(end).is_err() {
            return Err(Errno::Fbig);
        }
        let none = FallocateFlags::empty();
        Ok(retry_on_intr(|| {
            rustix::fs::fallocate(file, none, offset, len)
        })?)
    }

    pub(crate) fn fd_close(&mut self, fd: u32) -> Result {
        self.ctx.table.remove(fd).map(drop)
    }

    pub(crate) fn fd_datasync(&mut self, fd: u32) -> Result {
        self.sync(fd, Rights::FD_DATASYNC)
    }

    pub(crate) fn fd_sync(&mut self, fd: u32) -> Result {
        self.sync(fd, Rights::FD_SYNC)
    }

    /// Syncs what `right` names. Streams and sockets have nothing to sync.
    fn sync(&mut self, fd: u32, right: Rights) -> Result {
        let entry = self.ctx.table.get_mut(fd)?;
        match &mut entry.object {
            Object::File(_) | Object::Dir(_) => {}
            Object::Output(stream) => {
                stream.flush()?;
                return Err(Errno::Inval);
            }
            Object::Input(_) | Object::Socket(_) => return Err(Errno::Inval),
        }
        entry.require(right)?;
        let file = entry.object.host_fd().ok_or(Errno::Inval)?;
        if right == Rights::FD_DATASYNC {
            return Ok(retry_on_intr(|| rustix::fs::fdatasync(file))?);
        }
        Ok(retry_on_intr(|| rustix::fs::fsync(file))?)
    }

    pub(crate) fn fd_fdstat_get(&mut self, fd: u32, stat: u32) -> Result {
        let entry = self.ctx.table.get(fd)?;
        let found = FdStat {
            filetype: entry.object.stat()?.filetype,
            flags: entry.flags,
            base: entry.base,
            inheriting: entry.inheriting,
        };
        self.mem.put_at(stat, &found.bytes())
    }

    pub(crate) fn fd_fdstat_set_flags(&mut self, fd: u32, flags: u32) -> Result {
        let flags = FdFlags::from_guest(flags)?;
        let entry = self.ctx.table.with(fd, Rights::FD_FDSTAT_SET_FLAGS)?;
        // No host can change how a descriptor syncs once it is open.
        let fixed = FdFlags::DSYNC | FdFlags::RSYNC | FdFlags::SYNC;
        if (flags ^ entry.flags).intersects(fixed) {
            return Err(Errno::Inval);
        }
        match &entry.object {
            Object::File(file) => rustix::fs::fcntl_setfl(&file.file, status_flags(flags))?,
            Object::Socket(socket) => {
                rustix::io::ioctl_fionbio(socket, flags.contains(FdFlags::NONBLOCK))?;
            }
            Object::Input(_) | Object::Output(_) | Object::Dir(_) => {}
        }
        entry.flags = flags;
        Ok(())
    }

    pub(crate) fn fd_fdstat_set_rights(&mut self, fd: u32, base: u64, inheriting: u64) -> Result {
        let entry = self.ctx.table.get_mut(fd)?;
        let base = Rights::from_bits_retain(base);
        let inheriting = Rights::from_bits_retain(inheriting);
        if !entry.base.contains(base) || !entry.inheriting.contains(inheriting) {
            return Err(Errno::Notcapable);
        }
        entry.base = base;
        entry.inheriting = inheriting;
        Ok(())
    }

    pub(crate) fn fd_filestat_get(&mut self, fd: u32, stat: u32) -> Result {
        let entry = self.ctx.table.with(fd, Rights::FD_FILESTAT_GET)?;
        let found = entry.object.stat()?;
        self.mem.put_at(stat, &found.bytes())
    }

    pub(crate) fn fd_filestat_set_size(&mut self, fd: u32, size: u64) -> Result {
        let entry = self.ctx.table.get(fd)?;
        let file = entry.seekable()?;
        if matches!(&entry.object, Object::File(file) if !file.write) {
            return Err(Errno::Inval);
        }
        entry.require(Rights::FD_FILESTAT_SET_SIZE)?;
        let size = position(size)?;
        Ok(retry_on_intr(|| rustix::fs::ftruncate(file, size))?)
    }

    pub(crate) fn fd_filestat_set_times(
        &mut self,
        fd: u32,
        atim: u64,
        mtim: u64,
        flags: u32,
    ) -> Result {
        let entry = self.ctx.table.get(fd)?;
        let granted = match &entry.object {
            Object::File(file) => file.perms.contains(FilePerms::WRITE),
            Object::Dir(dir) => dir.dir_perms.contains(DirPerms::MUTATE),
            Object::Input(_) | Object::Output(_) | Object::Socket(_) => {
                return Err(Errno::Inval);
            }
        };
        if !granted {
            return Err(Errno::Perm);
        }
        entry.require(Rights::FD_FILESTAT_SET_TIMES)?;
        let times = NewTimes::from_guest(atim, mtim, flags)?;
        let file = entry.object.host_fd().ok_or(Errno::Inval)?;
        Ok(rustix::fs::futimens(file, &times.timestamps())?)
    }

    pub(crate) fn fd_prestat_get(&mut self, fd: u32, prestat: u32) -> Result {
        let len = self.ctx.table.preopen(fd)?.len();
        let len = u32::try_from(len).map_err(|_| Errno::Overflow)?;
        let mut bytes = [0; 8];
        bytes[4..].copy_from_slice(&len.to_le_bytes());
        self.mem.put_at(prestat, &bytes)
    }

    pub(crate) fn fd_prestat_dir_name(&mut self, fd: u32, path: u32, len: u32) -> Result {
        let name = self.ctx.table.preopen(fd)?;
        if name.len() > len as usize {
            return Err(Errno::Nametoolong);
        }
        self.mem.put_at(path, name.as_bytes())
    }

    pub(crate) fn fd_renumber(&mut self, from: u32, to: u32) -> Result {
        self.ctx.table.renumber(from, to)
    }

    pub(crate) fn fd_seek(&mut self, fd: u32, offset: i64, whence: u32, new: u32) -> Result {
        let out = self.mem.span(new, 8)?;
        let entry = self.ctx.table.get(fd)?;
        let file = entry.seekable()?;
        let to = match whence {
            0 => SeekFrom::Start(u64::try_from(offset).map_err(|_| Errno::Inval)?),
            1 => SeekFrom::Current(offset),
            2 => SeekFrom::End(offset),
            _ => return Err(Errno::Inval),
        };
        // Where the position stays, the right to know it is enough.
        let only_tell = to == SeekFrom::Current(0) && entry.base.contains(Rights::FD_TELL);
        if !only_tell {
            entry.require(Rights::FD_SEEK)?;
        }
        let position = rustix::fs::seek(file, to)?;
        self.mem.put(out, &position.to_le_bytes());
        Ok(())
    }

    pub(crate) fn fd_tell(&mut self, fd: u32, offset: u32) -> Result {
        let entry = self.ctx.table.get(fd)?;
        let file = entry.seekable()?;
        entry.require(Rights::FD_TELL)?;
        let position = rustix::fs::tell(file)?;
        self.mem.put_at(offset, &position.to_le_bytes())
    }
}

/// The flags of an open descriptor that can change.
pub(crate) fn status_flags(flags: FdFlags) -> OFlags {
    let mut host = OFlags::empty();
    host.set(OFlags::APPEND, flags.contains(FdFlags::APPEND));
    host.set(OFlags::NONBLOCK, flags.contains(FdFlags::NONBLOCK));
    host
}

#[cfg(target_os = "linux")]
fn advise(file: rustix::fd::BorrowedFd<'_>, offset: u64, len: u64, advice: u32) -> Result {
    use rustix::fs::Advice;
    let advice = match advice {
        0 => Advice::Normal,
        1 => Advice::Sequential,
        2 => Advice::Random,
        3 => Advice::WillNeed,
        4 => Advice::DontNeed,
        5 => Advice::NoReuse,
        _ => return Err(Errno::Inval),
    };
    Ok(rustix::fs::fadvise(
        file,
        offset,
        std::num::NonZeroU64::new(len),
        advice,
    )?)
}

/// Advice is only that: a host that takes none has taken it.
#[cfg(not(target_os = "linux"))]
fn advise(_: rustix::fd::BorrowedFd<'_>, _: u64, _: u64, advice: u32) -> Result {
    if advice <= 5 {
        Ok(())
    } else {
        Err(Errno::Inval)
    }
}

/// What becomes of one time of a file.
#[derive(Clone, Copy)]
enum NewTime {
    Kept,
    Now,
    At(u64),
}

/// What becomes of a file's times.
pub(crate) struct NewTimes {
    access: NewTime,
    modification: NewTime,
}

impl NewTimes {
    /// Both a given time and now is a contradiction.
    pub(crate) fn from_guest(atim: u64, mtim: u64, flags: u32) -> Result<Self> {
        let flags = FstFlags::from_guest(flags)?;
        let time = |given: FstFlags, now: FstFlags, nanos: u64| match (
            flags.contains(given),
            flags.contains(now),
        ) {
            (false, false) => Ok(NewTime::Kept),
            (false, true) => Ok(NewTime::Now),
            (true, false) => Ok(NewTime::At(nanos)),
            (true, true) => Err(Errno::Inval),
        };
        Ok(Self {
            access: time(FstFlags::ATIM, FstFlags::ATIM_NOW, atim)?,
            modification: time(FstFlags::MTIM, FstFlags::MTIM_NOW, mtim)?,
        })
    }

    fn timestamps(&self) -> Timestamps {
        let timespec = |time| match time {
            NewTime::Kept => Timespec {
                tv_sec: 0,
                tv_nsec: UTIME_OMIT,
            },
            NewTime::Now => Timespec {
                tv_sec: 0,
                tv_nsec: UTIME_NOW,
            },
            NewTime::At(nanos) => Timespec {
                tv_sec: (nanos / 1_000_000_000).cast_signed(),
                tv_nsec: (nanos % 1_000_000_000).cast_signed(),
            },
        };
        Timestamps {
            last_access: timespec(self.access),
            last_modification: timespec(self.modification),
        }
    }

    /// The access and modification times, for cap-std.
    pub(crate) fn specs(&self) -> (Option<SystemTimeSpec>, Option<SystemTimeSpec>) {
        let spec = |time| match time {
            NewTime::Kept => None,
            NewTime::Now => Some(SystemTimeSpec::SymbolicNow),
            NewTime::At(nanos) => {
                let epoch = SystemTime::from_std(std::time::SystemTime::UNIX_EPOCH);
                Some(SystemTimeSpec::Absolute(
                    epoch + Duration::from_nanos(nanos),
                ))
            }
        };
        (spec(self.access), spec(self.modification))
    }
}
