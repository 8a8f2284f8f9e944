//! The functions on paths: what each does, and each way it fails.

mod common;

use common::names::*;
use common::{Answer, Guest, sandbox};
use pronto_wasi::{DirPerms, FilePerms};
use std::fs;
use tempfile::TempDir;

#[test]
fn open_creates_and_finds() {
    let (dir, mut guest) = sandbox();
    assert_eq!(guest.open("file", 0, FD_READ), Err(NOENT));
    let fd = guest.open("file", CREAT, READ_WRITE).unwrap();
    assert_eq!(fd, 4);
    assert_eq!(guest.write(fd, b"text"), Ok(4));
    assert_eq!(fs::read(dir.path().join("file")).unwrap(), b"text");
    assert_eq!(guest.open("file", CREAT | EXCL, READ_WRITE), Err(EXIST));
    let again = guest.open("file", CREAT, FD_READ).unwrap();
    assert_eq!(guest.read(again, 10).unwrap(), b"text");
    let stat = guest.fdstat(again).unwrap();
    assert_eq!(stat.filetype, REGULAR_FILE);
    assert_eq!(stat.base & READ_WRITE, FD_READ);
}

#[test]
fn open_truncates_whatever_it_is_opened_for() {
    let (dir, mut guest) = sandbox();
    for rights in [0, FD_READ, FD_WRITE, READ_WRITE] {
        fs::write(dir.path().join("file"), "text").unwrap();
        let fd = guest.open("file", TRUNC, rights).unwrap();
        assert_eq!(guest.filestat(fd).unwrap().size, 0);
        assert_eq!(guest.fdstat(fd).unwrap().base & READ_WRITE, rights);
        assert_eq!(guest.write(fd, b"x").is_ok(), rights & FD_WRITE != 0);
        guest.close(fd).unwrap();
    }
}

#[test]
fn open_without_rights_reads_and_writes_nothing() {
    let (dir, mut guest) = sandbox();
    fs::write(dir.path().join("file"), "text").unwrap();
    let fd = guest.open("file", CREAT, 0).unwrap();
    assert_eq!(guest.read(fd, 1), Err(BADF));
    assert_eq!(guest.write(fd, b"x"), Err(BADF));
    assert_eq!(guest.filestat(fd).unwrap().size, 4);
}

#[test]
fn open_makes_a_new_file_without_the_right_to_write_it() {
    let (dir, mut guest) = sandbox();
    let fd = guest.open("new", CREAT, FD_READ).unwrap();
    assert_eq!(guest.read(fd, 1).unwrap(), b"");
    assert_eq!(guest.write(fd, b"x"), Err(BADF));
    assert!(dir.path().join("new").exists());
}

#[test]
fn open_knows_directories() {
    let (_dir, mut guest) = sandbox();
    guest.mkdir("sub").unwrap();
    guest.create("file", b"");
    for oflags in [0, DIRECTORY] {
        let fd = guest.open("sub", oflags, FD_READDIR | FD_READ).unwrap();
        let stat = guest.fdstat(fd).unwrap();
        assert_eq!(stat.filetype, DIRECTORY_TYPE);
        assert_eq!(stat.base & (READ_WRITE | FD_SEEK | FD_FILESTAT_SET_SIZE), 0);
        assert_eq!(
            guest
                .open_full(fd, 0, "inner", CREAT, READ_WRITE, 0)
                .map(drop),
            Ok(())
        );
        guest.close(fd).unwrap();
    }
    assert_eq!(guest.open("sub", 0, FD_WRITE), Err(ISDIR));
    assert_eq!(guest.open("sub", DIRECTORY, READ_WRITE), Err(ISDIR));
    assert_eq!(guest.open("sub", CREAT, FD_READ), Err(ISDIR));
    assert_eq!(guest.open("sub", TRUNC, FD_READ), Err(ISDIR));
    assert_eq!(guest.open("file", DIRECTORY, FD_READ), Err(NOTDIR));
    assert_eq!(guest.open("file/inner", 0, FD_READ), Err(NOTDIR));
    for with in [CREAT, EXCL, TRUNC] {
        assert_eq!(guest.open("sub", DIRECTORY | with, FD_READ), Err(INVAL));
    }
}

#[test]
fn open_refuses_bad_arguments() {
    let (_dir, mut guest) = sandbox();
    guest.create("file", b"");
    assert_eq!(guest.open_full(CLOSED, 0, "file", 0, 0, 0), Err(BADF));
    assert_eq!(guest.open_full(1, 0, "file", 0, 0, 0), Err(NOTDIR));
    assert_eq!(guest.open_full(4, 0, "file", 0, 0, 0), Err(NOTDIR));
    assert_eq!(guest.open_full(DIR, 2, "file", 0, 0, 0), Err(INVAL));
    assert_eq!(guest.open("file", 16, 0), Err(INVAL));
    assert_eq!(guest.open_full(DIR, 0, "file", 0, 0, 32), Err(INVAL));
    assert_eq!(guest.open("", 0, 0), Err(NOENT));
    assert_eq!(guest.open("file\0", 0, 0), Err(INVAL));
    assert_eq!(guest.open(&"x".repeat(300), 0, 0), Err(NAMETOOLONG));
    assert_eq!(guest.open(&"x/".repeat(3000), 0, 0), Err(NAMETOOLONG));
    let bad = guest.put(b"\xff\xfe");
    let out = guest.room(4);
    let args = args![DIR, 0u32, bad, 2u32, 0u32, 0u64, 0u64, 0u32, out];
    assert_eq!(guest.call("path_open", args), Err(ILSEQ));
}

#[test]
fn open_does_not_leave_a_descriptor_behind_when_it_fails() {
    let (_dir, mut guest) = sandbox();
    guest.create("file", b"");
    let (path, len) = guest.path("file");
    let end = guest.memory_size();
    for out in [end, end - 3, u32::MAX] {
        let args = args![DIR, 0u32, path, len, 0u32, 0u64, 0u64, 0u32, out];
        assert_eq!(guest.call("path_open", args), Err(FAULT));
    }
    assert_eq!(guest.open("file", 0, 0), Ok(5));
}

#[test]
fn open_takes_odd_paths_as_the_host_does() {
    let (_dir, mut guest) = sandbox();
    guest.mkdir("sub").unwrap();
    guest.mkdir("sub/inner").unwrap();
    guest.create("sub/inner/file", b"");
    for path in [
        "sub/.//inner/../../sub/inner/../inner///./file",
        "./sub/inner/file",
    ] {
        assert!(guest.open(path, 0, FD_READ).is_ok(), "{path}");
    }
    for path in ["sub/inner/", "sub/inner///", "sub/inner/."] {
        assert!(guest.open(path, 0, 0).is_ok(), "{path}");
    }
    for path in ["sub/inner/file/", "sub/inner/file///", "sub/inner/file/."] {
        assert_eq!(guest.open(path, 0, 0), Err(NOTDIR), "{path}");
    }
    assert_eq!(guest.open("sub/new/", CREAT, READ_WRITE), Err(ISDIR));
}

#[test]
fn open_follows_links_when_asked() {
    let (_dir, mut guest) = sandbox();
    guest.mkdir("sub").unwrap();
    guest.create("file", b"text");
    guest.symlink("file", "to-file").unwrap();
    guest.symlink("sub", "to-sub").unwrap();
    guest.symlink("nowhere", "to-nowhere").unwrap();
    guest.symlink("loop", "loop").unwrap();
    let fd = guest.open("to-file", 0, FD_READ).unwrap();
    assert_eq!(guest.read(fd, 10).unwrap(), b"text");
    assert!(guest.open("to-sub", DIRECTORY, 0).is_ok());
    assert_eq!(guest.open("to-file", DIRECTORY, 0), Err(NOTDIR));
    assert_eq!(guest.open("to-nowhere", 0, 0), Err(NOENT));
    assert_eq!(guest.open("loop", 0, 0), Err(LOOP));
    for path in ["to-file", "to-sub", "to-nowhere", "loop"] {
        assert_eq!(guest.open_full(DIR, 0, path, 0, 0, 0), Err(LOOP), "{path}");
        let directory = guest.open_full(DIR, 0, path, DIRECTORY, 0, 0);
        assert!(matches!(directory, Err(LOOP | NOTDIR)), "{path}");
    }
    let created = guest.open("to-nowhere", CREAT, READ_WRITE);
    assert!(created.is_ok());
    assert!(guest.open("nowhere", 0, 0).is_ok());
}

#[test]
fn open_keeps_the_flags_it_is_given() {
    let (_dir, mut guest) = sandbox();
    for flags in [
        0,
        APPEND,
        NONBLOCK,
        DSYNC,
        SYNC,
        APPEND | SYNC,
        APPEND | NONBLOCK,
    ] {
        let fd = guest
            .open_full(DIR, 0, "file", CREAT | TRUNC, READ_WRITE, flags)
            .unwrap();
        assert_eq!(guest.fdstat(fd).unwrap().flags, flags);
        assert_eq!(guest.write(fd, b"ab"), Ok(2));
        guest.seek(fd, 0, SEEK_SET).unwrap();
        assert_eq!(guest.write(fd, b"cd"), Ok(2));
        let expected: &[u8] = if flags & APPEND != 0 { b"abcd" } else { b"cd" };
        assert_eq!(guest.pread(fd, 10, 0).unwrap(), expected, "flags {flags}");
        guest.close(fd).unwrap();
    }
}

#[test]
fn directories_come_and_go() {
    let (_dir, mut guest) = sandbox();
    assert_eq!(guest.mkdir("sub"), Ok(()));
    assert_eq!(guest.mkdir("sub"), Err(EXIST));
    assert_eq!(guest.mkdir("sub/"), Err(EXIST));
    assert_eq!(guest.mkdir("none/sub"), Err(NOENT));
    assert_eq!(guest.mkdir(""), Err(NOENT));
    assert_eq!(guest.mkdir("slash/"), Ok(()));
    assert_eq!(guest.mkdir("."), Err(EXIST));
    guest.create("file", b"");
    assert_eq!(guest.mkdir("file"), Err(EXIST));
    assert_eq!(guest.mkdir("file/sub"), Err(NOTDIR));
    guest.mkdir("sub/inner").unwrap();
    assert_eq!(guest.rmdir("sub"), Err(NOTEMPTY));
    assert_eq!(guest.rmdir("sub/inner/"), Ok(()));
    assert_eq!(guest.rmdir("sub"), Ok(()));
    assert_eq!(guest.rmdir("sub"), Err(NOENT));
    assert_eq!(guest.rmdir("file"), Err(NOTDIR));
    assert_eq!(guest.rmdir("file/"), Err(NOTDIR));
    assert_eq!(guest.rmdir("."), Err(INVAL));
    guest.symlink("slash", "link").unwrap();
    assert_eq!(guest.rmdir("link"), Err(NOTDIR));
    assert_eq!(
        guest.path_call("path_create_directory", CLOSED, "x"),
        Err(BADF)
    );
    assert_eq!(
        guest.path_call("path_remove_directory", CLOSED, "x"),
        Err(BADF)
    );
    assert_eq!(
        guest.path_call("path_create_directory", 4, "x"),
        Err(NOTDIR)
    );
}

#[test]
fn files_are_unlinked() {
    let (_dir, mut guest) = sandbox();
    let fd = guest.create("file", b"text");
    assert_eq!(guest.unlink("file/"), Err(NOTDIR));
    assert_eq!(guest.unlink("file"), Ok(()));
    assert_eq!(guest.unlink("file"), Err(NOENT));
    // An open file outlives its name.
    assert_eq!(guest.read(fd, 10).unwrap(), b"text");
    assert_eq!(guest.filestat(fd).unwrap().nlink, 0);
    guest.mkdir("sub").unwrap();
    let directory = if cfg!(target_os = "linux") {
        ISDIR
    } else {
        PERM
    };
    assert_eq!(guest.unlink("sub"), Err(directory));
    assert_eq!(guest.unlink("sub/"), Err(directory));
    guest.create("target", b"");
    guest.symlink("target", "link").unwrap();
    assert_eq!(guest.unlink("link"), Ok(()));
    assert!(guest.open("target", 0, 0).is_ok());
    assert_eq!(guest.path_call("path_unlink_file", CLOSED, "x"), Err(BADF));
}

#[test]
fn files_are_renamed() {
    let (_dir, mut guest) = sandbox();
    guest.create("a", b"one");
    assert_eq!(guest.rename("a", "b"), Ok(()));
    assert_eq!(guest.rename("a", "b"), Err(NOENT));
    guest.create("a", b"two");
    assert_eq!(guest.rename("a", "b"), Ok(()));
    let fd = guest.open("b", 0, FD_READ).unwrap();
    assert_eq!(guest.read(fd, 10).unwrap(), b"two");
    guest.mkdir("sub").unwrap();
    assert_eq!(guest.rename("b", "sub"), Err(ISDIR));
    assert_eq!(guest.rename("b", "sub/b"), Ok(()));
    assert_eq!(guest.rename("sub/b/", "c"), Err(NOTDIR));
    assert_eq!(guest.rename("sub/b", "c/"), Err(NOTDIR));
    assert_eq!(guest.rename("sub/b", "none/b"), Err(NOENT));
    assert_eq!(guest.rename_between((CLOSED, "b"), (DIR, "c")), Err(BADF));
    assert_eq!(guest.rename_between((DIR, "b"), (CLOSED, "c")), Err(BADF));
}

#[test]
fn directories_are_renamed() {
    let (_dir, mut guest) = sandbox();
    guest.mkdir("a").unwrap();
    for (from, to) in [("a", "b"), ("b/", "a"), ("a", "b/"), ("b/", "a/")] {
        assert_eq!(guest.rename(from, to), Ok(()), "{from} to {to}");
    }
    guest.mkdir("b").unwrap();
    assert_eq!(guest.rename("a", "b"), Ok(()));
    guest.mkdir("a").unwrap();
    guest.create("b/file", b"");
    assert_eq!(guest.rename("a", "b"), Err(NOTEMPTY));
    assert_eq!(guest.rename("a", "b/file"), Err(NOTDIR));
    assert_eq!(guest.rename("a", "a/inner"), Err(INVAL));
}

#[test]
fn files_are_linked() {
    let (_dir, mut guest) = sandbox();
    let fd = guest.create("file", b"text");
    assert_eq!(guest.link("file", "link"), Ok(()));
    let stat = guest.filestat(fd).unwrap();
    assert_eq!(stat.nlink, 2);
    assert_eq!(guest.path_filestat(DIR, 0, "link").unwrap(), stat);
    assert_eq!(guest.link("file", "link"), Err(EXIST));
    assert_eq!(guest.link("file", "file"), Err(EXIST));
    assert_eq!(guest.link("file", "slash/"), Err(NOENT));
    assert_eq!(guest.link("none", "other"), Err(NOENT));
    guest.mkdir("sub").unwrap();
    assert_eq!(guest.link("file", "sub"), Err(EXIST));
    assert_eq!(guest.link("sub", "other"), Err(PERM));
    guest.symlink("nowhere", "dangling").unwrap();
    assert_eq!(guest.link("file", "dangling"), Err(EXIST));
    assert_eq!(guest.link("dangling", "other"), Ok(()));
    assert_eq!(guest.readlink("other", 20).unwrap(), b"nowhere");
    assert_eq!(
        guest.link_between(FOLLOW, (DIR, "file"), (DIR, "new")),
        Err(INVAL)
    );
    assert_eq!(
        guest.link_between(0, (CLOSED, "file"), (DIR, "new")),
        Err(BADF)
    );
    assert_eq!(
        guest.link_between(0, (DIR, "file"), (CLOSED, "new")),
        Err(BADF)
    );
}

#[test]
fn links_are_read() {
    let (_dir, mut guest) = sandbox();
    guest.symlink("target", "link").unwrap();
    assert_eq!(guest.readlink("link", 10).unwrap(), b"target");
    assert_eq!(guest.readlink("link", 6).unwrap(), b"target");
    assert_eq!(guest.readlink("link", 4).unwrap(), b"targ");
    assert_eq!(guest.readlink("link", 0).unwrap(), b"");
    guest.create("file", b"");
    assert_eq!(guest.readlink("file", 10), Err(INVAL));
    assert_eq!(guest.readlink("none", 10), Err(NOENT));
}

#[test]
fn links_are_made() {
    let (_dir, mut guest) = sandbox();
    assert_eq!(guest.symlink("target", "slash/"), Err(NOENT));
    assert_eq!(guest.symlink("target", "link"), Ok(()));
    assert_eq!(guest.symlink("target", "link"), Err(EXIST));
    assert_eq!(guest.symlink("target", "none/link"), Err(NOENT));
    assert_eq!(guest.symlink("", "empty"), Err(NOENT));
    guest.create("file", b"");
    assert_eq!(guest.symlink("target", "file"), Err(EXIST));
    assert_eq!(guest.symlink("target", "file/"), Err(NOTDIR));
    guest.mkdir("sub").unwrap();
    assert_eq!(guest.symlink("target", "sub"), Err(EXIST));
    assert_eq!(guest.symlink("target", "sub/"), Err(EXIST));
}

#[test]
fn path_filestat_tells_links_from_targets() {
    let (_dir, mut guest) = sandbox();
    let fd = guest.create("file", b"text");
    guest.symlink("file", "link").unwrap();
    guest.mkdir("sub").unwrap();
    let stat = guest.filestat(fd).unwrap();
    assert_eq!((stat.filetype, stat.size, stat.nlink), (REGULAR_FILE, 4, 1));
    assert_eq!(guest.path_filestat(DIR, FOLLOW, "link").unwrap(), stat);
    assert_eq!(
        guest.path_filestat(DIR, 0, "link").unwrap().filetype,
        SYMBOLIC_LINK
    );
    assert_eq!(
        guest.path_filestat(DIR, 0, "sub/").unwrap().filetype,
        DIRECTORY_TYPE
    );
    assert_eq!(guest.path_filestat(DIR, 0, "file/"), Err(NOTDIR));
    assert_eq!(guest.path_filestat(DIR, 0, "none"), Err(NOENT));
    assert_eq!(guest.path_filestat(DIR, 0, ""), Err(NOENT));
    assert_eq!(guest.path_filestat(DIR, 2, "file"), Err(INVAL));
    assert_eq!(guest.path_filestat(CLOSED, 0, "file"), Err(BADF));
}

fn set_times(guest: &mut Guest, lookup: u32, path: &str, times: (u64, u64), flags: u32) -> Answer {
    let (path, len) = guest.path(path);
    let args = args![DIR, lookup, path, len, times.0, times.1, flags];
    guest.call("path_filestat_set_times", args)
}

#[test]
fn times_are_set_by_path() {
    let (_dir, mut guest) = sandbox();
    guest.create("file", b"");
    guest.symlink("file", "link").unwrap();
    let (early, late) = (1_000_000_123, 2_000_000_000_000_000_000);
    set_times(&mut guest, 0, "file", (early, late), ATIM | MTIM).unwrap();
    let stat = guest.path_filestat(DIR, 0, "file").unwrap();
    assert_eq!((stat.atim, stat.mtim), (early, late));
    set_times(&mut guest, 0, "link", (0, early), MTIM).unwrap();
    assert_eq!(guest.path_filestat(DIR, 0, "link").unwrap().mtim, early);
    assert_eq!(guest.path_filestat(DIR, 0, "file").unwrap().mtim, late);
    set_times(&mut guest, FOLLOW, "link", (0, early), MTIM).unwrap();
    let stat = guest.path_filestat(DIR, 0, "file").unwrap();
    assert_eq!((stat.atim, stat.mtim), (early, early));
    set_times(&mut guest, 0, "file", (0, 0), MTIM_NOW).unwrap();
    let stat = guest.path_filestat(DIR, 0, "file").unwrap();
    assert_eq!(stat.atim, early);
    assert!(stat.mtim > 1_600_000_000_000_000_000);
    assert_eq!(
        set_times(&mut guest, 0, "file", (0, 0), MTIM | MTIM_NOW),
        Err(INVAL)
    );
    assert_eq!(
        set_times(&mut guest, 0, "file", (0, 0), ATIM | ATIM_NOW),
        Err(INVAL)
    );
    assert_eq!(set_times(&mut guest, 0, "file", (0, 0), 16), Err(INVAL));
    assert_eq!(set_times(&mut guest, 0, "none", (0, 0), MTIM), Err(NOENT));
}

/// Every operation that changes a directory, and whether it needs more than `DirPerms::READ`.
#[test]
fn a_read_only_directory_changes_in_no_way() {
    let dir = TempDir::new().unwrap();
    fs::write(dir.path().join("file"), "text").unwrap();
    fs::create_dir(dir.path().join("sub")).unwrap();
    let mut guest = Guest::with_perms(dir.path(), DirPerms::READ, FilePerms::READ);
    assert_eq!(guest.open("file", CREAT, FD_READ), Err(PERM));
    assert_eq!(guest.open("new", CREAT, FD_READ), Err(PERM));
    assert_eq!(guest.open("file", TRUNC, FD_READ), Err(PERM));
    assert_eq!(guest.open("file", 0, FD_WRITE), Err(PERM));
    assert_eq!(guest.open("file", 0, READ_WRITE), Err(PERM));
    assert_eq!(guest.mkdir("new"), Err(PERM));
    assert_eq!(guest.rmdir("sub"), Err(PERM));
    assert_eq!(guest.unlink("file"), Err(PERM));
    assert_eq!(guest.rename("file", "new"), Err(PERM));
    assert_eq!(guest.link("file", "new"), Err(PERM));
    assert_eq!(guest.symlink("file", "new"), Err(PERM));
    assert_eq!(set_times(&mut guest, 0, "file", (0, 0), MTIM), Err(PERM));
    let fd = guest.open("file", 0, FD_READ).unwrap();
    assert_eq!(guest.read(fd, 10).unwrap(), b"text");
    assert_eq!(guest.write(fd, b"x"), Err(BADF));
    assert_eq!(
        guest.call("fd_filestat_set_size", args![fd, 0u64]),
        Err(INVAL)
    );
    assert_eq!(
        guest.call("fd_allocate", args![fd, 0u64, 100u64]),
        Err(BADF)
    );
    assert_eq!(
        guest.call("fd_filestat_set_times", args![fd, 0u64, 0u64, MTIM]),
        Err(PERM)
    );
    assert_eq!(
        guest.call("fd_filestat_set_times", args![DIR, 0u64, 0u64, MTIM]),
        Err(PERM)
    );
    // What is opened in it is no more than it is.
    let sub = guest.open("sub", DIRECTORY, !FD_WRITE).unwrap();
    assert_eq!(guest.open_full(sub, 0, "new", CREAT, FD_READ, 0), Err(PERM));
    assert_eq!(
        guest.path_call("path_create_directory", sub, "new"),
        Err(PERM)
    );
    assert_eq!(fs::read(dir.path().join("file")).unwrap(), b"text");
}

#[test]
fn a_directory_that_may_not_be_read_is_not() {
    let dir = TempDir::new().unwrap();
    fs::write(dir.path().join("file"), "text").unwrap();
    let mut guest = Guest::with_perms(dir.path(), DirPerms::MUTATE, FilePerms::all());
    assert_eq!(guest.open("file", 0, FD_READ), Err(PERM));
    assert_eq!(guest.path_filestat(DIR, 0, "file"), Err(PERM));
    assert_eq!(guest.readlink("file", 10), Err(PERM));
    assert_eq!(guest.mkdir("new"), Ok(()));
    let mut guest = Guest::with_perms(dir.path(), DirPerms::all(), FilePerms::WRITE);
    assert_eq!(guest.open("file", 0, FD_READ), Err(PERM));
    assert_eq!(guest.open("file", TRUNC, FD_READ), Err(PERM));
    assert_eq!(fs::read(dir.path().join("file")).unwrap(), b"text");
    let fd = guest.open("file", 0, FD_WRITE).unwrap();
    assert_eq!(guest.write(fd, b"T"), Ok(1));
}
