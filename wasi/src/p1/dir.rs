//! Listing a directory.

use super::Call;
use super::errno::{Errno, Result};
use super::guest::{Guest, Span};
use super::table::{Object, OpenDir};
use super::types::{FileStat, Filetype, Rights};
use crate::perms::DirPerms;
#[cfg(target_os = "linux")]
use cap_std::fs::OpenOptions;
use rustix::fs::FileType;
use std::ffi::CStr;
#[cfg(target_os = "linux")]
use std::mem::MaybeUninit;

/// The size of a `dirent` record, which the name follows.
const DIRENT: usize = 24;

/// One entry of a directory.
struct DirEntry<'a> {
    /// Where the entry after this one starts.
    next: u64,
    ino: u64,
    filetype: Filetype,
    name: &'a [u8],
}

/// The guest's buffer as it fills.
struct Filling<'a, 'b> {
    mem: &'a mut Guest<'b>,
    buf: Span,
    used: usize,
}

impl Filling<'_, '_> {
    /// Adds `entry`, cut if it does not fit: that tells the guest that there is more.
    /// Whether there is room for another.
    fn add(&mut self, entry: &DirEntry<'_>) -> Result<bool> {
        let name_len = u32::try_from(entry.name.len()).map_err(|_| Errno::Overflow)?;
        let mut record = [0; DIRENT];
        record[0..8].copy_from_slice(&entry.next.to_le_bytes());
        record[8..16].copy_from_slice(&entry.ino.to_le_bytes());
        record[16..20].copy_from_slice(&name_len.to_le_bytes());
        record[20] = entry.filetype as u8;
        self.append(&record);
        self.append(entry.name);
        Ok(self.used < self.buf.len())
    }

    fn append(&mut self, bytes: &[u8]) {
        let len = bytes.len().min(self.buf.len() - self.used);
        self.mem.put(self.buf.part(self.used, len), &bytes[..len]);
        self.used += len;
    }
}

impl Call<'_> {
    pub(crate) fn fd_readdir(
        &mut self,
        fd: u32,
        buf: u32,
        buf_len: u32,
        cookie: u64,
        bufused: u32,
    ) -> Result {
        let out = self.mem.span(bufused, 4)?;
        let buf = self.mem.span(buf, buf_len)?;
        self.ctx.table.dir(fd, DirPerms::READ, Rights::FD_READDIR)?;
        let Object::Dir(dir) = &mut self.ctx.table.get_mut(fd)?.object else {
            return Err(Errno::Notdir);
        };
        let mut filling = Filling {
            mem: &mut self.mem,
            buf,
            used: 0,
        };
        list(dir, cookie, &mut filling)?;
        let used = filling.used;
        self.mem.put_len(out, used)
    }
}

impl OpenDir {
    /// The number and kind of the entry `name`. The parent looks like the directory itself:
    /// it may lie outside of what the guest may see.
    fn identify(&self, name: &str, ino: u64, filetype: Filetype) -> Result<(u64, Filetype)> {
        if name == ".." {
            let this = FileStat::from(&rustix::fs::fstat(&self.dir)?);
            return Ok((this.ino, Filetype::Directory));
        }
        if filetype != Filetype::Unknown {
            return Ok((ino, filetype));
        }
        // Some file systems do not keep kinds in directories.
        let found = self.dir.symlink_metadata(name);
        Ok((
            ino,
            found.map_or(filetype, |meta| FileStat::from(&meta).filetype),
        ))
    }

    /// Adds what it knows of an entry. Preview 1 has no way to say a name that is not UTF-8.
    fn add(
        &self,
        filling: &mut Filling<'_, '_>,
        name: &CStr,
        next: u64,
        ino: u64,
        host: FileType,
    ) -> Result<bool> {
        let Ok(name) = name.to_str() else {
            return Ok(true);
        };
        let (ino, filetype) = self.identify(name, ino, host.into())?;
        filling.add(&DirEntry {
            next,
            ino,
            filetype,
            name: name.as_bytes(),
        })
    }
}

/// Lists `dir` from `cookie` on. A cookie is the host's own position, so a listing goes on
/// where it was even when entries come and go, and no state is kept between calls.
#[cfg(target_os = "linux")]
fn list(dir: &mut OpenDir, cookie: u64, filling: &mut Filling<'_, '_>) -> Result {
    use rustix::fs::{RawDir, SeekFrom};
    if i64::try_from(cookie).is_err() {
        return Ok(()); // Beyond any entry.
    }
    if dir.listing.is_none() {
        // A descriptor of its own, so that nobody else moves its position.
        let file = dir.dir.open_with(".", OpenOptions::new().read(true))?;
        dir.listing = Some(file.into_std().into());
    }
    let dir = &*dir;
    let fd = dir.listing.as_ref().ok_or(Errno::Badf)?;
    rustix::fs::seek(fd, SeekFrom::Start(cookie))?;
    let mut space = [MaybeUninit::uninit(); 4096];
    let mut entries = RawDir::new(fd, &mut space);
    while let Some(entry) = entries.next() {
        let entry = match entry {
            Err(rustix::io::Errno::NOENT) => break, // Removed while open: it has no entries.
            entry => entry?,
        };
        let next = entry.next_entry_cookie();
        if !dir.add(
            filling,
            entry.file_name(),
            next,
            entry.ino(),
            entry.file_type(),
        )? {
            break;
        }
    }
    Ok(())
}

/// Lists `dir` from `cookie` on, which counts entries.
#[cfg(not(target_os = "linux"))]
fn list(dir: &mut OpenDir, cookie: u64, filling: &mut Filling<'_, '_>) -> Result {
    for (entry, next) in rustix::fs::Dir::read_from(&dir.dir)?.zip(1u64..) {
        let entry = entry?;
        if next <= cookie {
            continue;
        }
        if !dir.add(
            filling,
            entry.file_name(),
            next,
            entry.ino(),
            entry.file_type(),
        )? {
            break;
        }
    }
    Ok(())
}
