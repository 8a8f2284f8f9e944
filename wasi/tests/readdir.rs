//! Listing directories.

mod common;

use common::names::*;
use common::{Answer, Guest, sandbox};
use std::collections::BTreeSet;
use std::fs;

#[derive(Clone, Debug)]
struct Entry {
    next: u64,
    ino: u64,
    filetype: u8,
    name: String,
}

/// One call: its whole entries, and whether the buffer was filled.
fn list(guest: &mut Guest, fd: u32, len: u32, cookie: u64) -> Answer<(Vec<Entry>, bool)> {
    let buf = guest.room(len as usize);
    let out = guest.room(4);
    guest.call("fd_readdir", args![fd, buf, len, cookie, out])?;
    let used = guest.u32_at(out);
    assert!(used <= len);
    let mut entries = Vec::new();
    let mut at = 0;
    while at + 24 <= used {
        let name_len = guest.u32_at(buf + at + 16);
        if at + 24 + name_len > used {
            break;
        }
        let name = guest.read_memory(buf + at + 24, name_len as usize);
        entries.push(Entry {
            next: guest.u64_at(buf + at),
            ino: guest.u64_at(buf + at + 8),
            filetype: guest.read_memory(buf + at + 20, 1)[0],
            name: String::from_utf8(name).unwrap(),
        });
        at += 24 + name_len;
    }
    Ok((entries, used == len))
}

/// All entries, in as many calls as buffers of `len` bytes need.
fn list_all(guest: &mut Guest, fd: u32, len: u32) -> Vec<Entry> {
    let mut all = Vec::new();
    let mut cookie = 0;
    loop {
        let (entries, more) = list(guest, fd, len, cookie).unwrap();
        cookie = entries.last().map_or(cookie, |entry| entry.next);
        assert!(!more || !entries.is_empty(), "no entry fits");
        all.extend(entries);
        if !more {
            return all;
        }
    }
}

fn names(entries: &[Entry]) -> Vec<&str> {
    let mut names: Vec<&str> = entries.iter().map(|entry| entry.name.as_str()).collect();
    names.sort_unstable();
    names
}

#[test]
fn entries_are_what_they_are() {
    let (_dir, mut guest) = sandbox();
    guest.create("file", b"");
    guest.mkdir("sub").unwrap();
    guest.symlink("file", "link").unwrap();
    let entries = list_all(&mut guest, DIR, 4096);
    assert_eq!(names(&entries), [".", "..", "file", "link", "sub"]);
    let this = guest.filestat(DIR).unwrap().ino;
    for entry in &entries {
        let (filetype, ino) = match entry.name.as_str() {
            // What lies above looks like the directory itself.
            "." | ".." => (DIRECTORY_TYPE, this),
            name => {
                let stat = guest.path_filestat(DIR, 0, name).unwrap();
                (stat.filetype, stat.ino)
            }
        };
        assert_eq!(
            (entry.filetype, entry.ino),
            (filetype, ino),
            "{}",
            entry.name
        );
    }
}

#[test]
fn small_buffers_list_everything_once() {
    let (dir, mut guest) = sandbox();
    let mut expected: BTreeSet<String> = [".".into(), "..".into()].into();
    for i in 0..500 {
        let name = format!("a-file-of-number-{i}");
        fs::write(dir.path().join(&name), "").unwrap();
        expected.insert(name);
    }
    for len in [60, 256, 4096, 65536] {
        let entries = list_all(&mut guest, DIR, len);
        assert_eq!(entries.len(), expected.len(), "with {len} bytes");
        let found: BTreeSet<String> = entries.into_iter().map(|entry| entry.name).collect();
        assert_eq!(found, expected);
    }
}

#[test]
fn every_cookie_continues_after_its_entry() {
    let (_dir, mut guest) = sandbox();
    for i in 0..20 {
        guest.mkdir(&format!("dir{i}")).unwrap();
    }
    let entries = list_all(&mut guest, DIR, 4096);
    for (i, entry) in entries.iter().enumerate().rev() {
        let (rest, more) = list(&mut guest, DIR, 4096, entry.next).unwrap();
        assert!(!more);
        let expected: Vec<&str> = entries[i + 1..].iter().map(|e| e.name.as_str()).collect();
        let found: Vec<&str> = rest.iter().map(|e| e.name.as_str()).collect();
        assert_eq!(found, expected);
    }
    let last = entries.last().unwrap().next;
    for cookie in [last, last.saturating_add(1), u64::MAX] {
        let listed = list(&mut guest, DIR, 4096, cookie).unwrap();
        assert!(listed.0.is_empty() && !listed.1, "cookie {cookie}");
    }
}

#[test]
fn a_listing_that_is_removed_as_it_goes_misses_nothing() {
    let (_dir, mut guest) = sandbox();
    guest.mkdir("sub").unwrap();
    for i in 0..300 {
        guest.mkdir(&format!("sub/dir{i}")).unwrap();
    }
    let fd = guest.open("sub", DIRECTORY, 0).unwrap();
    let mut cookie = 0;
    loop {
        let (entries, more) = list(&mut guest, fd, 300, cookie).unwrap();
        for entry in &entries {
            if !entry.name.starts_with('.') {
                guest.rmdir(&format!("sub/{}", entry.name)).unwrap();
            }
            cookie = entry.next;
        }
        if !more {
            break;
        }
    }
    assert_eq!(guest.rmdir("sub"), Ok(()));
    // A removed directory that is still open has no entries.
    assert!(list(&mut guest, fd, 300, 0).unwrap().0.len() <= 2);
}

#[test]
fn the_last_entry_is_cut_where_the_buffer_ends() {
    let (_dir, mut guest) = sandbox();
    guest.create("file", b"");
    let whole: u32 = list_all(&mut guest, DIR, 4096)
        .iter()
        .map(|e| 24 + e.name.len() as u32)
        .sum();
    for len in 0..whole {
        let buf = guest.room(len as usize + 1);
        guest.write_memory(buf + len, &[0xaa]);
        let out = guest.room(4);
        guest
            .call("fd_readdir", args![DIR, buf, len, 0u64, out])
            .unwrap();
        assert_eq!(
            guest.u32_at(out),
            len,
            "a full buffer says that there is more"
        );
        assert_eq!(guest.read_memory(buf + len, 1), [0xaa]);
    }
}

#[test]
fn names_beyond_ascii_are_kept_and_those_beyond_utf8_left_out() {
    use std::os::unix::ffi::OsStrExt;
    let (dir, mut guest) = sandbox();
    guest.create("Действие", b"");
    let odd = std::ffi::OsStr::from_bytes(b"odd-\xff");
    let odd_exists = fs::write(dir.path().join(odd), "").is_ok();
    assert_eq!(odd_exists, cfg!(target_os = "linux"));
    assert_eq!(
        names(&list_all(&mut guest, DIR, 4096)),
        [".", "..", "Действие"]
    );
}

#[test]
fn what_is_not_a_directory_is_not_listed() {
    let (_dir, mut guest) = sandbox();
    let fd = guest.create("file", b"");
    for (fd, errno) in [(fd, NOTDIR), (0, NOTDIR), (CLOSED, BADF)] {
        assert_eq!(list(&mut guest, fd, 100, 0).map(drop), Err(errno));
    }
    let end = guest.memory_size();
    assert_eq!(
        guest.call("fd_readdir", args![DIR, end - 9, 10u32, 0u64, 8u32]),
        Err(FAULT)
    );
    assert_eq!(
        guest.call("fd_readdir", args![DIR, 8u32, u32::MAX, 0u64, 8u32]),
        Err(FAULT)
    );
    assert_eq!(
        guest.call("fd_readdir", args![DIR, 8u32, 10u32, 0u64, end - 3]),
        Err(FAULT)
    );
}

#[test]
fn two_descriptors_of_one_directory_do_not_disturb_each_other() {
    let (_dir, mut guest) = sandbox();
    for i in 0..50 {
        guest.mkdir(&format!("dir{i}")).unwrap();
    }
    let other = guest.open(".", DIRECTORY, 0).unwrap();
    let (first, _) = list(&mut guest, DIR, 500, 0).unwrap();
    list_all(&mut guest, other, 100);
    let (rest, _) = list(&mut guest, DIR, 65536, first.last().unwrap().next).unwrap();
    assert_eq!(first.len() + rest.len(), 52);
}
