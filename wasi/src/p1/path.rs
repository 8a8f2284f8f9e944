//! Operations on paths. A path is never looked at here: cap-std resolves it below the
//! directory it is relative to, or refuses.

use super::Call;
use super::errno::{Errno, Result};
use super::fd::{NewTimes, status_flags};
use super::table::{Entry, Object, OpenDir, OpenFile};
use super::types::{FdFlags, FileStat, Lookup, OFlags, Rights};
use crate::perms::{DirPerms, FilePerms};
use cap_fs_ext::{DirExt, FollowSymlinks, OpenOptionsFollowExt, OpenOptionsSyncExt};
use cap_std::fs::{Dir, OpenOptions, OpenOptionsExt};
use rustix::fs::FileType;
use std::fs::File;
use std::os::unix::ffi::OsStrExt;

/// What `path_open` is asked to do.
struct Open {
    follow: bool,
    oflags: OFlags,
    fdflags: FdFlags,
    read: bool,
    write: bool,
}

impl Open {
    fn from_guest(lookup: u32, oflags: u32, base: u64, fdflags: u32) -> Result<Self> {
        let base = Rights::from_bits_retain(base);
        let open = Self {
            follow: Lookup::from_guest(lookup)?.follows(),
            oflags: OFlags::from_guest(oflags)?,
            fdflags: FdFlags::from_guest(fdflags)?,
            read: base.intersects(Rights::FD_READ),
            write: base.intersects(Rights::FD_WRITE),
        };
        let of_files = OFlags::CREAT | OFlags::EXCL | OFlags::TRUNC;
        if open.oflags.contains(OFlags::DIRECTORY) && open.oflags.intersects(of_files) {
            return Err(Errno::Inval);
        }
        Ok(open)
    }

    /// Whether only a file can come of it.
    fn is_of_file(&self) -> bool {
        self.oflags.intersects(OFlags::CREAT | OFlags::TRUNC)
    }

    /// Whether the host grants it in `dir`, before anything is touched.
    fn check_perms(&self, dir: &OpenDir) -> Result {
        let mut of_dir = DirPerms::READ;
        of_dir.set(DirPerms::MUTATE, self.oflags.contains(OFlags::CREAT));
        let mut of_file = FilePerms::empty();
        of_file.set(
            FilePerms::WRITE,
            self.write || self.oflags.contains(OFlags::TRUNC),
        );
        of_file.set(FilePerms::READ, self.read && self.is_of_file());
        if dir.dir_perms.contains(of_dir) && dir.file_perms.contains(of_file) {
            return Ok(());
        }
        Err(Errno::Perm)
    }

    /// The rights that the directory must have.
    fn rights(&self) -> Rights {
        let mut rights = Rights::PATH_OPEN;
        rights.set(
            Rights::PATH_CREATE_FILE,
            self.oflags.contains(OFlags::CREAT),
        );
        rights.set(
            Rights::PATH_FILESTAT_SET_SIZE,
            self.oflags.contains(OFlags::TRUNC),
        );
        rights
    }

    /// Opens `path`. Appending is not among the host's flags here: they refuse to truncate
    /// and append at once, so the caller sets it afterwards.
    fn run(&self, dir: &Dir, path: &str) -> Result<File> {
        let create = self.oflags.contains(OFlags::CREAT);
        let mut options = self.options();
        // The host creates and truncates only for a writer; whether the guest may write is
        // kept apart.
        options.write(self.write || self.is_of_file());
        options
            .create(create)
            .create_new(create && self.oflags.contains(OFlags::EXCL));
        let result = dir.open_with(path, &options).map_err(Errno::from);
        match result {
            Err(errno) if create && !self.write && self.exists_read_only(errno) => {
                Ok(dir.open_with(path, &self.options())?.into_std())
            }
            result => Ok(result?.into_std()),
        }
    }

    /// Whether a file that was to be created may be there already, and only not writable.
    fn exists_read_only(&self, errno: Errno) -> bool {
        let tells = matches!(
            errno,
            Errno::Acces | Errno::Rofs | Errno::Perm | Errno::Txtbsy
        );
        tells && !self.oflags.intersects(OFlags::EXCL | OFlags::TRUNC)
    }

    fn options(&self) -> OpenOptions {
        let mut custom = rustix::fs::OFlags::NOCTTY;
        custom.set(
            rustix::fs::OFlags::DIRECTORY,
            self.oflags.contains(OFlags::DIRECTORY),
        );
        let mut options = OpenOptions::new();
        options
            .read(self.read || !self.write)
            .truncate(self.oflags.contains(OFlags::TRUNC))
            .follow(if self.follow {
                FollowSymlinks::Yes
            } else {
                FollowSymlinks::No
            })
            .nonblock(self.fdflags.contains(FdFlags::NONBLOCK))
            .dsync(self.fdflags.contains(FdFlags::DSYNC))
            .rsync(self.fdflags.contains(FdFlags::RSYNC))
            .sync(self.fdflags.contains(FdFlags::SYNC))
            .custom_flags(custom.bits().cast_signed());
        options
    }

    /// The entry of `file`, which was opened in `dir`.
    fn entry(&self, dir: &OpenDir, file: File, inheriting: Rights) -> Result<Entry> {
        let stat = rustix::fs::fstat(&file)?;
        if FileType::from_raw_mode(stat.st_mode) == FileType::Directory {
            if self.write {
                return Err(Errno::Isdir);
            }
            let mut entry = Entry::preopen(dir.child(Dir::from_std_file(file)));
            entry.inheriting = inheriting;
            return Ok(entry);
        }
        if self.read && !dir.file_perms.contains(FilePerms::READ) {
            return Err(Errno::Perm);
        }
        if self.fdflags.contains(FdFlags::APPEND) {
            rustix::fs::fcntl_setfl(&file, status_flags(self.fdflags))?;
        }
        let (read, write, perms) = (self.read, self.write, dir.file_perms);
        let object = Object::File(OpenFile {
            file,
            read,
            write,
            perms,
        });
        let mut entry = Entry::without_children(object, Rights::file(read, write) & inheriting);
        entry.flags = self.fdflags;
        Ok(entry)
    }
}

/// Whether `path` ends in a slash, and so can only name a directory. Where cap-std drops
/// the slash, what it found must be compared with that.
fn names_dir(path: &str) -> bool {
    path.ends_with('/') || path.ends_with("/.")
}

/// What `path` names. A slash at its end follows a link there, and needs a directory.
fn stat_path(dir: &Dir, path: &str, lookup: Lookup) -> Result<FileStat> {
    let meta = match lookup.follows() || names_dir(path) {
        true => dir.metadata(path)?,
        false => dir.symlink_metadata(path)?,
    };
    if names_dir(path) && !meta.is_dir() {
        return Err(Errno::Notdir);
    }
    Ok(FileStat::from(&meta))
}

impl Call<'_> {
    #[allow(clippy::too_many_arguments, reason = "the specification's")]
    pub(crate) fn path_open(
        &mut self,
        fd: u32,
        lookup: u32,
        path: u32,
        path_len: u32,
        oflags: u32,
        base: u64,
        _inheriting: u64,
        fdflags: u32,
        opened: u32,
    ) -> Result {
        let out = self.mem.span(opened, 4)?;
        let path = self.mem.path(path, path_len)?;
        let open = Open::from_guest(lookup, oflags, base, fdflags)?;
        let inheriting = self.ctx.table.get(fd)?.inheriting;
        let dir = self.ctx.table.dir(fd, DirPerms::READ, Rights::PATH_OPEN)?;
        open.check_perms(dir)?;
        self.ctx.table.get(fd)?.require(open.rights())?;
        if open.write && !inheriting.contains(Rights::FD_WRITE) {
            return Err(Errno::Notcapable);
        }
        let file = open.run(&dir.dir, path)?;
        let entry = open.entry(dir, file, inheriting)?;
        let new = self.ctx.table.insert(entry)?;
        self.mem.put(out, &new.to_le_bytes());
        Ok(())
    }

    pub(crate) fn path_create_directory(&mut self, fd: u32, path: u32, len: u32) -> Result {
        let path = self.mem.path(path, len)?;
        let dir = self
            .ctx
            .table
            .dir(fd, DirPerms::MUTATE, Rights::PATH_CREATE_DIRECTORY)?;
        Ok(dir.dir.create_dir(path)?)
    }

    pub(crate) fn path_filestat_get(
        &mut self,
        fd: u32,
        lookup: u32,
        path: u32,
        path_len: u32,
        stat: u32,
    ) -> Result {
        let out = self.mem.span(stat, 64)?;
        let path = self.mem.path(path, path_len)?;
        let lookup = Lookup::from_guest(lookup)?;
        let dir = self
            .ctx
            .table
            .dir(fd, DirPerms::READ, Rights::PATH_FILESTAT_GET)?;
        let found = stat_path(&dir.dir, path, lookup)?;
        self.mem.put(out, &found.bytes());
        Ok(())
    }

    #[allow(clippy::too_many_arguments, reason = "the specification's")]
    pub(crate) fn path_filestat_set_times(
        &mut self,
        fd: u32,
        lookup: u32,
        path: u32,
        path_len: u32,
        atim: u64,
        mtim: u64,
        flags: u32,
    ) -> Result {
        let path = self.mem.path(path, path_len)?;
        let lookup = Lookup::from_guest(lookup)?;
        let (atime, mtime) = NewTimes::from_guest(atim, mtim, flags)?.specs();
        let dir = self
            .ctx
            .table
            .dir(fd, DirPerms::MUTATE, Rights::PATH_FILESTAT_SET_TIMES)?;
        if !dir.file_perms.contains(FilePerms::WRITE) {
            return Err(Errno::Perm);
        }
        if names_dir(path) {
            stat_path(&dir.dir, path, lookup)?;
        }
        match lookup.follows() || names_dir(path) {
            true => Ok(dir.dir.set_times(path, atime, mtime)?),
            false => Ok(dir.dir.set_symlink_times(path, atime, mtime)?),
        }
    }

    #[allow(clippy::too_many_arguments, reason = "the specification's")]
    pub(crate) fn path_link(
        &mut self,
        old_fd: u32,
        old_lookup: u32,
        old_path: u32,
        old_len: u32,
        new_fd: u32,
        new_path: u32,
        new_len: u32,
    ) -> Result {
        let old_path = self.mem.path(old_path, old_len)?;
        let new_path = self.mem.path(new_path, new_len)?;
        // No host links what a link points to without resolving it twice.
        if Lookup::from_guest(old_lookup)?.follows() {
            return Err(Errno::Inval);
        }
        let old = self
            .ctx
            .table
            .dir(old_fd, DirPerms::MUTATE, Rights::PATH_LINK_SOURCE)?;
        let new = self
            .ctx
            .table
            .dir(new_fd, DirPerms::MUTATE, Rights::PATH_LINK_TARGET)?;
        if !new.grants_no_more_than(old) {
            return Err(Errno::Perm);
        }
        Ok(old.dir.hard_link(old_path, &new.dir, new_path)?)
    }

    pub(crate) fn path_readlink(
        &mut self,
        fd: u32,
        path: u32,
        path_len: u32,
        buf: u32,
        buf_len: u32,
        bufused: u32,
    ) -> Result {
        let out = self.mem.span(bufused, 4)?;
        let buf = self.mem.span(buf, buf_len)?;
        let path = self.mem.path(path, path_len)?;
        let dir = self
            .ctx
            .table
            .dir(fd, DirPerms::READ, Rights::PATH_READLINK)?;
        let target = dir.dir.read_link(path)?;
        let bytes = target.as_os_str().as_bytes();
        let len = bytes.len().min(buf.len());
        self.mem.put(buf, &bytes[..len]);
        self.mem.put_len(out, len)
    }

    pub(crate) fn path_remove_directory(&mut self, fd: u32, path: u32, len: u32) -> Result {
        let path = self.mem.path(path, len)?;
        let dir = self
            .ctx
            .table
            .dir(fd, DirPerms::MUTATE, Rights::PATH_REMOVE_DIRECTORY)?;
        // cap-std takes the slash for a part of its own, which cannot be removed.
        let name = path.trim_end_matches('/');
        Ok(dir
            .dir
            .remove_dir(if name.is_empty() { path } else { name })?)
    }

    pub(crate) fn path_rename(
        &mut self,
        old_fd: u32,
        old_path: u32,
        old_len: u32,
        new_fd: u32,
        new_path: u32,
        new_len: u32,
    ) -> Result {
        let old_path = self.mem.path(old_path, old_len)?;
        let new_path = self.mem.path(new_path, new_len)?;
        let old = self
            .ctx
            .table
            .dir(old_fd, DirPerms::MUTATE, Rights::PATH_RENAME_SOURCE)?;
        let new = self
            .ctx
            .table
            .dir(new_fd, DirPerms::MUTATE, Rights::PATH_RENAME_TARGET)?;
        if !new.grants_no_more_than(old) {
            return Err(Errno::Perm);
        }
        if names_dir(new_path) && !old.dir.symlink_metadata(old_path)?.is_dir() {
            return Err(Errno::Notdir);
        }
        Ok(old.dir.rename(old_path, &new.dir, new_path)?)
    }

    pub(crate) fn path_symlink(
        &mut self,
        target: u32,
        target_len: u32,
        fd: u32,
        path: u32,
        path_len: u32,
    ) -> Result {
        let target = self.mem.path(target, target_len)?;
        let path = self.mem.path(path, path_len)?;
        let dir = self
            .ctx
            .table
            .dir(fd, DirPerms::MUTATE, Rights::PATH_SYMLINK)?;
        Ok(dir.dir.symlink(target, path)?)
    }

    pub(crate) fn path_unlink_file(&mut self, fd: u32, path: u32, len: u32) -> Result {
        let path = self.mem.path(path, len)?;
        let dir = self
            .ctx
            .table
            .dir(fd, DirPerms::MUTATE, Rights::PATH_UNLINK_FILE)?;
        Ok(dir.dir.remove_file(path)?)
    }
}
