//! The guest's descriptors: what each names and what it may be used for.

use super::dir::Listing;
use super::errno::{Errno, Result};
use super::types::{FdFlags, FileStat, Filetype, Rights};
use crate::perms::{DirPerms, FilePerms};
use crate::stdio::{StdinStream, StdoutStream};
use cap_std::fs::Dir;
use rustix::fs::FileType;
use std::fs::File;
use std::io::IsTerminal;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// What a descriptor names.
pub(crate) enum Object {
    Input(Box<dyn StdinStream>),
    Output(Box<dyn StdoutStream>),
    File(OpenFile),
    Dir(OpenDir),
    Socket(OwnedFd),
}

/// A file, device or pipe opened in a directory.
pub(crate) struct OpenFile {
    pub(crate) file: File,
    /// What the guest opened it for. The host's descriptor may do more, where a file had to
    /// be opened for writing to create or truncate it.
    pub(crate) read: bool,
    pub(crate) write: bool,
    /// What its directory grants on files.
    pub(crate) perms: FilePerms,
}

/// A directory.
pub(crate) struct OpenDir {
    pub(crate) dir: Dir,
    pub(crate) dir_perms: DirPerms,
    pub(crate) file_perms: FilePerms,
    /// The path the guest knows it by, if it was open before the guest ran.
    pub(crate) preopen: Option<Box<str>>,
    /// From the first listing on, what is known of the entries.
    pub(crate) listing: Option<Listing>,
}

impl OpenDir {
    pub(crate) fn new(dir: Dir, dir_perms: DirPerms, file_perms: FilePerms) -> Self {
        Self {
            dir,
            dir_perms,
            file_perms,
            preopen: None,
            listing: None,
        }
    }

    /// A directory opened in this one, which grants the same.
    pub(crate) fn child(&self, dir: Dir) -> Self {
        Self::new(dir, self.dir_perms, self.file_perms)
    }

    /// Whether everything that may be done in `self` may be done in `from`: only then may a
    /// file be linked or moved from there to here, or a read-only file would turn writable.
    pub(crate) fn grants_no_more_than(&self, from: &Self) -> bool {
        from.dir_perms.contains(self.dir_perms) && from.file_perms.contains(self.file_perms)
    }

    /// The rights that its permissions leave.
    fn rights(&self) -> Rights {
        let mut rights = Rights::ANY_DIR;
        rights.set(Rights::READ_DIR, self.dir_perms.contains(DirPerms::READ));
        rights.set(
            Rights::MUTATE_DIR,
            self.dir_perms.contains(DirPerms::MUTATE),
        );
        rights.set(
            Rights::PATH_FILESTAT_SET_SIZE,
            self.file_perms.contains(FilePerms::WRITE),
        );
        rights
    }
}

impl Object {
    /// The host's descriptor, unless the object is the embedder's own stream.
    pub(crate) fn host_fd(&self) -> Option<BorrowedFd<'_>> {
        match self {
            Self::Input(stream) => stream.host_fd(),
            Self::Output(stream) => stream.host_fd(),
            Self::File(file) => Some(file.file.as_fd()),
            Self::Dir(dir) => Some(dir.dir.as_fd()),
            Self::Socket(fd) => Some(fd.as_fd()),
        }
    }

    /// What kind of thing it is, for the guest.
    pub(crate) fn stat(&self) -> Result<FileStat> {
        let Some(fd) = self.host_fd() else {
            return Ok(FileStat::of_type(Filetype::Unknown));
        };
        let mut stat = FileStat::from(&rustix::fs::fstat(fd)?);
        if stat.filetype == Filetype::SocketStream {
            let kind = rustix::net::sockopt::socket_type(fd)?;
            if kind == rustix::net::SocketType::DGRAM {
                stat.filetype = Filetype::SocketDgram;
            }
        }
        Ok(stat)
    }
}

/// One open descriptor.
pub(crate) struct Entry {
    pub(crate) object: Object,
    /// What may be done with it.
    pub(crate) base: Rights,
    /// What may at most be done with what is opened in it.
    pub(crate) inheriting: Rights,
    pub(crate) flags: FdFlags,
}

impl Entry {
    pub(crate) fn input(stream: Box<dyn StdinStream>) -> Self {
        let base = Rights::FD_READ | stream_rights(stream.host_fd());
        Self::without_children(Object::Input(stream), base)
    }

    pub(crate) fn output(stream: Box<dyn StdoutStream>) -> Self {
        let base = Rights::FD_WRITE | stream_rights(stream.host_fd());
        Self::without_children(Object::Output(stream), base)
    }

    /// A directory that was open before the guest ran. What its files may be opened for is
    /// not cut here: `path_open` answers that, with an error that programs understand.
    pub(crate) fn preopen(dir: OpenDir) -> Self {
        Self {
            base: dir.rights(),
            inheriting: Rights::all(),
            flags: FdFlags::empty(),
            object: Object::Dir(dir),
        }
    }

    pub(crate) fn without_children(object: Object, base: Rights) -> Self {
        Self {
            object,
            base,
            inheriting: Rights::empty(),
            flags: FdFlags::empty(),
        }
    }

    pub(crate) fn require(&self, rights: Rights) -> Result {
        if self.base.contains(rights) {
            Ok(())
        } else {
            Err(Errno::Notcapable)
        }
    }

    /// The host's descriptor of something with a file position. A directory is not such a
    /// thing, nor is a stream or socket.
    pub(crate) fn seekable(&self) -> Result<BorrowedFd<'_>> {
        match &self.object {
            Object::Dir(_) => Err(Errno::Badf),
            Object::File(file) => Ok(file.file.as_fd()),
            Object::Input(_) | Object::Output(_) if self.base.intersects(Rights::SEEKABLE) => {
                self.object.host_fd().ok_or(Errno::Spipe)
            }
            Object::Input(_) | Object::Output(_) | Object::Socket(_) => Err(Errno::Spipe),
        }
    }
}

/// What a stream has besides reading or writing: a file position, if the host's descriptor
/// has one. A guest takes a character device without it for a terminal.
fn stream_rights(fd: Option<BorrowedFd<'_>>) -> Rights {
    let mut rights = Rights::STREAM;
    rights.set(Rights::SEEKABLE, fd.is_some_and(has_position));
    rights
}

fn has_position(fd: BorrowedFd<'_>) -> bool {
    let Ok(stat) = rustix::fs::fstat(fd) else {
        return false;
    };
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile | FileType::BlockDevice => true,
        FileType::CharacterDevice => !fd.is_terminal(),
        FileType::Directory
        | FileType::Symlink
        | FileType::Fifo
        | FileType::Socket
        | FileType::Unknown => false,
    }
}

/// The descriptors of one guest. A new one takes the lowest free number.
pub(crate) struct Table {
    entries: Vec<Option<Entry>>,
    /// How many may be open: each may hold a descriptor of the host.
    limit: usize,
}

impl Table {
    /// `given` from 0 on, and room for others up to `limit`.
    pub(crate) fn new(given: Vec<Entry>, limit: usize) -> Self {
        Self {
            entries: given.into_iter().map(Some).collect(),
            limit,
        }
    }

    pub(crate) fn insert(&mut self, entry: Entry) -> Result<u32> {
        let free = self
            .entries
            .iter()
            .position(Option::is_none)
            .unwrap_or(self.entries.len());
        if free >= self.limit {
            return Err(Errno::Mfile);
        }
        let fd = u32::try_from(free).map_err(|_| Errno::Mfile)?;
        match self.entries.get_mut(free) {
            Some(slot) => *slot = Some(entry),
            None => self.entries.push(Some(entry)),
        }
        Ok(fd)
    }

    pub(crate) fn get(&self, fd: u32) -> Result<&Entry> {
        self.entries
            .get(fd as usize)
            .and_then(Option::as_ref)
            .ok_or(Errno::Badf)
    }

    pub(crate) fn get_mut(&mut self, fd: u32) -> Result<&mut Entry> {
        self.entries
            .get_mut(fd as usize)
            .and_then(Option::as_mut)
            .ok_or(Errno::Badf)
    }

    /// The entry of `fd`, which must have `rights`.
    pub(crate) fn with(&mut self, fd: u32, rights: Rights) -> Result<&mut Entry> {
        let entry = self.get_mut(fd)?;
        entry.require(rights)?;
        Ok(entry)
    }

    /// The directory `fd`, which must grant `perms` and have `rights`.
    pub(crate) fn dir(&self, fd: u32, perms: DirPerms, rights: Rights) -> Result<&OpenDir> {
        let entry = self.get(fd)?;
        let Object::Dir(dir) = &entry.object else {
            return Err(Errno::Notdir);
        };
        if !dir.dir_perms.contains(perms) {
            return Err(Errno::Perm);
        }
        entry.require(rights)?;
        Ok(dir)
    }

    /// The path of a directory that was open before the guest ran. Guests try descriptors
    /// from 3 on until one answers that it is bad.
    pub(crate) fn preopen(&self, fd: u32) -> Result<&str> {
        match &self.get(fd)?.object {
            Object::Dir(dir) => dir.preopen.as_deref().ok_or(Errno::Badf),
            Object::Input(_) | Object::Output(_) | Object::File(_) | Object::Socket(_) => {
                Err(Errno::Badf)
            }
        }
    }

    pub(crate) fn remove(&mut self, fd: u32) -> Result<Entry> {
        self.entries
            .get_mut(fd as usize)
            .and_then(Option::take)
            .ok_or(Errno::Badf)
    }

    /// Moves `from` to the number `to`, which must be open and is closed.
    pub(crate) fn renumber(&mut self, from: u32, to: u32) -> Result {
        self.get(from)?;
        self.get(to)?;
        if from != to {
            let entry = self.remove(from)?;
            *self.get_mut(to)? = entry;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(count: usize) -> Table {
        let given = (0..count).map(|_| Entry::input(Box::new(std::io::empty())));
        Table::new(given.collect(), count)
    }

    #[test]
    fn the_lowest_free_number_is_taken() {
        let mut table = table(4);
        table.remove(2).map(drop).unwrap();
        table.remove(1).map(drop).unwrap();
        let entry = || Entry::output(Box::new(std::io::sink()));
        assert_eq!(table.insert(entry()), Ok(1));
        assert_eq!(table.insert(entry()), Ok(2));
        assert_eq!(table.insert(entry()), Err(Errno::Mfile));
    }

    #[test]
    fn renumber_needs_both_open() {
        let mut table = table(3);
        assert_eq!(table.renumber(0, 3), Err(Errno::Badf));
        assert_eq!(table.renumber(u32::MAX, 0), Err(Errno::Badf));
        assert_eq!(table.renumber(0, u32::MAX), Err(Errno::Badf));
        assert_eq!(table.renumber(1, 1), Ok(()));
        assert_eq!(table.renumber(0, 2), Ok(()));
        assert!(table.get(0).is_err());
        assert!(table.get(2).is_ok());
    }
}
