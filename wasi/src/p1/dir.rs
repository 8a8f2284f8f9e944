//! Listing a directory.

use super::Call;
use super::errno::{Errno, Result};
use super::guest::{Guest, Span};
use super::table::{Object, OpenDir};
use super::types::{FileStat, Filetype, Rights};
use crate::perms::DirPerms;
use cap_std::fs::Dir;
#[cfg(target_os = "linux")]
use cap_std::fs::OpenOptions;
#[cfg(target_os = "linux")]
use std::mem::MaybeUninit;
#[cfg(target_os = "linux")]
use std::os::fd::OwnedFd;

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

/// The number and kind of the entry `name` of `dir`. The parent looks like the directory
/// itself: it may lie outside of what the guest may see.
fn identify(dir: &Dir, name: &str, ino: u64, filetype: Filetype) -> Result<(u64, Filetype)> {
    if name == ".." {
        let this = FileStat::from(&rustix::fs::fstat(dir)?);
        return Ok((this.ino, Filetype::Directory));
    }
    if filetype != Filetype::Unknown {
        return Ok((ino, filetype));
    }
    // Some file systems do not keep kinds in directories.
    let found = dir.symlink_metadata(name);
    Ok((
        ino,
        found.map_or(filetype, |meta| FileStat::from(&meta).filetype),
    ))
}

/// A directory's entries as far as they have been listed.
#[cfg(target_os = "linux")]
pub(crate) struct Listing {
    /// A descriptor of its own, so that nobody else moves its position.
    fd: OwnedFd,
    /// The host's position of each cookie. The guest's count from 0: C gives programs no
    /// more than 32 bits of one, and the host's are hashes of 64.
    positions: Vec<u64>,
}

/// Lists `open` from `cookie` on. It goes on where it was even when entries come and go.
#[cfg(target_os = "linux")]
fn list(open: &mut OpenDir, cookie: u64, filling: &mut Filling<'_, '_>) -> Result {
    use rustix::fs::{RawDir, SeekFrom};
    let dir = &open.dir;
    let Listing { fd, positions } = match &mut open.listing {
        Some(listing) => listing,
        none => {
            let file = dir.open_with(".", OpenOptions::new().read(true))?;
            none.insert(Listing {
                fd: file.into_std().into(),
                positions: vec![0],
            })
        }
    };
    let mut index = usize::try_from(cookie).unwrap_or(usize::MAX);
    // Beyond what has been listed there is nothing.
    let Some(position) = positions.get(index) else {
        return Ok(());
    };
    rustix::fs::seek(&*fd, SeekFrom::Start(*position))?;
    let mut space = [MaybeUninit::uninit(); 4096];
    let mut entries = RawDir::new(&*fd, &mut space);
    while let Some(entry) = entries.next() {
        let entry = match entry {
            Err(rustix::io::Errno::NOENT) => break, // Removed while open: it has no entries.
            entry => entry?,
        };
        // Preview 1 has no way to say a name that is not UTF-8.
        let Ok(name) = entry.file_name().to_str() else {
            continue;
        };
        index += 1;
        match positions.get_mut(index) {
            Some(position) => *position = entry.next_entry_cookie(),
            None => positions.push(entry.next_entry_cookie()),
        }
        let (ino, filetype) = identify(dir, name, entry.ino(), entry.file_type().into())?;
        let name = name.as_bytes();
        if !filling.add(&DirEntry {
            next: index as u64,
            ino,
            filetype,
            name,
        })? {
            break;
        }
    }
    Ok(())
}

/// Nothing is kept between calls.
#[cfg(not(target_os = "linux"))]
pub(crate) struct Listing;

/// Lists `open` from `cookie` on, which counts entries.
#[cfg(not(target_os = "linux"))]
fn list(open: &mut OpenDir, cookie: u64, filling: &mut Filling<'_, '_>) -> Result {
    for (entry, next) in rustix::fs::Dir::read_from(&open.dir)?.zip(1u64..) {
        let entry = entry?;
        let Ok(name) = entry.file_name().to_str() else {
            continue;
        };
        if next <= cookie {
            continue;
        }
        let (ino, filetype) = identify(&open.dir, name, entry.ino(), entry.file_type().into())?;
        if !filling.add(&DirEntry {
            next,
            ino,
            filetype,
            name: name.as_bytes(),
        })? {
            break;
        }
    }
    Ok(())
}
