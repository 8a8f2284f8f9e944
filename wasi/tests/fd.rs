//! What a descriptor is and may be used for, its position, size and times.

mod common;

use common::names::*;
use common::{FUNCTIONS, Guest, sandbox};
use pronto_wasi::WasiCtxBuilder;
use pronto_wasi::pipe::{MemoryInputPipe, MemoryOutputPipe};
use tempfile::TempDir;

#[test]
fn a_closed_descriptor_is_bad_everywhere() {
    let (_dir, mut guest) = sandbox();
    let fd = guest.create("file", b"");
    guest.close(fd).unwrap();
    for closed in [fd, CLOSED, u32::MAX] {
        for (name, params) in FUNCTIONS.iter().filter(|(name, _)| name.starts_with("fd_")) {
            let mut args: Vec<common::Arg> = vec![closed.into()];
            for param in params[1..].chars() {
                args.push(if param == 'I' {
                    0u64.into()
                } else {
                    0u32.into()
                });
            }
            assert_eq!(guest.call(name, &args), Err(BADF), "{name}");
        }
    }
    assert_eq!(guest.call("fd_renumber", args![DIR, CLOSED]), Err(BADF));
}

/// What `fd_read` and its like answer for something that is not a file.
#[test]
fn a_directory_is_not_a_file() {
    let (_dir, mut guest) = sandbox();
    assert_eq!(guest.filestat(DIR).unwrap().filetype, DIRECTORY_TYPE);
    assert_eq!(guest.read(DIR, 1), Err(ISDIR));
    assert_eq!(guest.pread(DIR, 1, 0), Err(ISDIR));
    assert_eq!(guest.write(DIR, b"x"), Err(BADF));
    assert_eq!(guest.pwrite(DIR, b"x", 0), Err(BADF));
    for whence in [SEEK_SET, SEEK_CUR, SEEK_END] {
        assert_eq!(guest.seek(DIR, 0, whence), Err(BADF));
    }
    assert_eq!(guest.tell(DIR), Err(BADF));
    assert_eq!(
        guest.call("fd_advise", args![DIR, 0u64, 0u64, 0u32]),
        Err(BADF)
    );
    assert_eq!(guest.call("fd_allocate", args![DIR, 0u64, 1u64]), Err(BADF));
    assert_eq!(
        guest.call("fd_filestat_set_size", args![DIR, 0u64]),
        Err(BADF)
    );
    // Unlike those, these make sense.
    assert_eq!(guest.call("fd_sync", args![DIR]), Ok(()));
    assert_eq!(guest.call("fd_datasync", args![DIR]), Ok(()));
    assert_eq!(
        guest.call("fd_filestat_set_times", args![DIR, 0u64, 5u64, MTIM]),
        Ok(())
    );
    assert_eq!(guest.filestat(DIR).unwrap().mtim, 5);
}

#[test]
fn a_stream_has_no_position() {
    let mut guest = Guest::new(
        WasiCtxBuilder::new()
            .stdin(MemoryInputPipe::new("in"))
            .stdout(MemoryOutputPipe::new(100)),
    );
    for fd in [0, 1] {
        assert_eq!(guest.seek(fd, 0, SEEK_CUR), Err(SPIPE));
        assert_eq!(guest.tell(fd), Err(SPIPE));
        assert_eq!(
            guest.call("fd_advise", args![fd, 0u64, 0u64, 0u32]),
            Err(SPIPE)
        );
        assert_eq!(guest.call("fd_allocate", args![fd, 0u64, 1u64]), Err(SPIPE));
        assert_eq!(
            guest.call("fd_filestat_set_size", args![fd, 0u64]),
            Err(SPIPE)
        );
        assert_eq!(guest.call("fd_sync", args![fd]), Err(INVAL));
        assert_eq!(guest.call("fd_datasync", args![fd]), Err(INVAL));
        assert_eq!(
            guest.call("fd_filestat_set_times", args![fd, 0u64, 0u64, MTIM]),
            Err(INVAL)
        );
        let stat = guest.fdstat(fd).unwrap();
        assert_eq!(
            (stat.filetype, stat.base & (FD_SEEK | FD_TELL)),
            (UNKNOWN, 0)
        );
        assert_eq!(guest.filestat(fd).unwrap().filetype, UNKNOWN);
    }
    assert_eq!(guest.pread(0, 1, 0), Err(SPIPE));
    assert_eq!(guest.pwrite(1, b"x", 0), Err(SPIPE));
    assert_eq!(guest.read(1, 1), Err(BADF));
    assert_eq!(guest.write(0, b"x"), Err(BADF));
}

#[test]
fn rights_only_shrink() {
    let (_dir, mut guest) = sandbox();
    let fd = guest.create("file", b"text");
    let stat = guest.fdstat(fd).unwrap();
    let set = |guest: &mut Guest, fd: u32, base: u64, inheriting: u64| {
        guest.call("fd_fdstat_set_rights", args![fd, base, inheriting])
    };
    assert_eq!(set(&mut guest, fd, stat.base, stat.inheriting), Ok(()));
    assert_eq!(set(&mut guest, fd, u64::MAX, 0), Err(NOTCAPABLE));
    assert_eq!(set(&mut guest, fd, stat.base | 1 << 40, 0), Err(NOTCAPABLE));
    assert_eq!(set(&mut guest, fd, stat.base, PATH_OPEN), Err(NOTCAPABLE));
    let less = stat.base & !READ_WRITE;
    assert_eq!(set(&mut guest, fd, less, 0), Ok(()));
    assert_eq!(guest.fdstat(fd).unwrap().base, less);
    assert_eq!(set(&mut guest, fd, stat.base, 0), Err(NOTCAPABLE));
    assert_eq!(guest.read(fd, 1), Err(NOTCAPABLE));
    assert_eq!(guest.write(fd, b"x"), Err(NOTCAPABLE));
}

/// Each function of a file that needs a right, and the right.
#[test]
fn a_file_needs_its_rights() {
    let (_dir, mut guest) = sandbox();
    let calls: [(u64, &str, &[common::Arg]); 9] = [
        (FD_ADVISE, "fd_advise", args![4u32, 0u64, 0u64, 0u32]),
        (FD_ALLOCATE, "fd_allocate", args![4u32, 0u64, 1u64]),
        (FD_DATASYNC, "fd_datasync", args![4u32]),
        (FD_SYNC, "fd_sync", args![4u32]),
        (
            FD_FDSTAT_SET_FLAGS,
            "fd_fdstat_set_flags",
            args![4u32, APPEND],
        ),
        (FD_FILESTAT_GET, "fd_filestat_get", args![4u32, 8u32]),
        (
            FD_FILESTAT_SET_SIZE,
            "fd_filestat_set_size",
            args![4u32, 5u64],
        ),
        (
            FD_FILESTAT_SET_TIMES,
            "fd_filestat_set_times",
            args![4u32, 0u64, 0u64, MTIM],
        ),
        (FD_SEEK, "fd_seek", args![4u32, 1u64, SEEK_SET, 8u32]),
    ];
    for (right, name, args) in calls {
        assert_eq!(guest.create("file", b"text"), 4);
        assert_eq!(guest.call(name, args), Ok(()), "{name}");
        guest.drop_rights(4, right);
        assert_eq!(guest.call(name, args), Err(NOTCAPABLE), "{name}");
        guest.close(4).unwrap();
    }
    let fd = guest.create("file", b"text");
    guest.drop_rights(fd, FD_SEEK);
    assert_eq!(guest.pread(fd, 1, 0), Err(NOTCAPABLE));
    assert_eq!(guest.pwrite(fd, b"x", 0), Err(NOTCAPABLE));
    assert_eq!(guest.seek(fd, 0, SEEK_CUR), Ok(0));
    guest.drop_rights(fd, FD_TELL);
    assert_eq!(guest.seek(fd, 0, SEEK_CUR), Err(NOTCAPABLE));
    assert_eq!(guest.tell(fd), Err(NOTCAPABLE));
}

/// Each function of a directory that needs a right, and the right.
#[test]
fn a_directory_needs_its_rights() {
    let dir = TempDir::new().unwrap();
    let run = |right: u64, call: &dyn Fn(&mut Guest) -> common::Answer| {
        for entry in std::fs::read_dir(dir.path()).unwrap() {
            let path = entry.unwrap().path();
            std::fs::remove_file(&path)
                .or_else(|_| std::fs::remove_dir(&path))
                .unwrap();
        }
        std::fs::write(dir.path().join("file"), "text").unwrap();
        std::fs::create_dir(dir.path().join("sub")).unwrap();
        std::os::unix::fs::symlink("file", dir.path().join("link")).unwrap();
        let mut guest = Guest::in_dir(dir.path());
        guest.drop_rights(DIR, right);
        assert_eq!(call(&mut guest), Err(NOTCAPABLE), "right {right:#x}");
        let mut guest = Guest::in_dir(dir.path());
        assert_eq!(call(&mut guest), Ok(()), "right {right:#x}");
    };
    run(PATH_OPEN, &|guest| guest.open("file", 0, 0).map(drop));
    run(PATH_CREATE_FILE, &|guest| {
        guest.open("new", CREAT, 0).map(drop)
    });
    run(PATH_FILESTAT_SET_SIZE, &|guest| {
        guest.open("file", TRUNC, 0).map(drop)
    });
    run(PATH_CREATE_DIRECTORY, &|guest| guest.mkdir("new"));
    run(PATH_REMOVE_DIRECTORY, &|guest| guest.rmdir("sub"));
    run(PATH_UNLINK_FILE, &|guest| guest.unlink("file"));
    run(PATH_LINK_SOURCE, &|guest| guest.link("file", "new"));
    run(PATH_LINK_TARGET, &|guest| guest.link("file", "new"));
    run(PATH_RENAME_SOURCE, &|guest| guest.rename("file", "new"));
    run(PATH_RENAME_TARGET, &|guest| guest.rename("file", "new"));
    run(PATH_SYMLINK, &|guest| guest.symlink("file", "new"));
    run(PATH_READLINK, &|guest| guest.readlink("link", 10).map(drop));
    run(PATH_FILESTAT_GET, &|guest| {
        guest.path_filestat(DIR, 0, "file").map(drop)
    });
    run(PATH_FILESTAT_SET_TIMES, &|guest| {
        let (path, len) = guest.path("file");
        guest.call(
            "path_filestat_set_times",
            args![DIR, 0u32, path, len, 0u64, 0u64, MTIM],
        )
    });
    run(FD_READDIR, &|guest| {
        let (buf, out) = (guest.room(100), guest.room(4));
        guest.call("fd_readdir", args![DIR, buf, 100u32, 0u64, out])
    });
}

#[test]
fn what_a_directory_may_not_hand_on_its_files_do_not_get() {
    let (_dir, mut guest) = sandbox();
    guest.create("file", b"text");
    let stat = guest.fdstat(DIR).unwrap();
    let inheriting = stat.inheriting & !(FD_WRITE | FD_ALLOCATE | FD_SEEK);
    guest
        .call("fd_fdstat_set_rights", args![DIR, stat.base, inheriting])
        .unwrap();
    assert_eq!(guest.open("file", 0, READ_WRITE), Err(NOTCAPABLE));
    let fd = guest.open("file", 0, FD_READ | FD_SEEK).unwrap();
    assert_eq!(guest.fdstat(fd).unwrap().base & FD_SEEK, 0);
    assert_eq!(guest.read(fd, 4).unwrap(), b"text");
    let sub = guest.open(".", DIRECTORY, 0).unwrap();
    assert_eq!(
        guest.open_full(sub, 0, "file", 0, FD_WRITE, 0),
        Err(NOTCAPABLE)
    );
}

#[test]
fn seeking_moves_the_position() {
    let (_dir, mut guest) = sandbox();
    let fd = guest.create("file", b"0123456789");
    assert_eq!(guest.seek(fd, 3, SEEK_SET), Ok(3));
    assert_eq!(guest.read(fd, 2).unwrap(), b"34");
    assert_eq!(guest.tell(fd), Ok(5));
    assert_eq!(guest.seek(fd, -1, SEEK_CUR), Ok(4));
    assert_eq!(guest.seek(fd, -2, SEEK_END), Ok(8));
    assert_eq!(guest.seek(fd, 90, SEEK_END), Ok(100));
    assert_eq!(guest.read(fd, 1).unwrap(), b"");
    assert_eq!(guest.filestat(fd).unwrap().size, 10);
    assert_eq!(guest.write(fd, b"x"), Ok(1));
    assert_eq!(guest.filestat(fd).unwrap().size, 101);
    assert_eq!(guest.pread(fd, 3, 98).unwrap(), b"\0\0x");
    assert_eq!(guest.seek(fd, -1, SEEK_SET), Err(INVAL));
    assert_eq!(guest.seek(fd, -200, SEEK_CUR), Err(INVAL));
    assert_eq!(guest.seek(fd, i64::MIN, SEEK_END), Err(INVAL));
    assert_eq!(guest.seek(fd, 0, 3), Err(INVAL));
    assert_eq!(guest.tell(fd), Ok(101));
    let end = guest.memory_size();
    assert_eq!(
        guest.call("fd_seek", args![fd, 0u64, SEEK_SET, end - 7]),
        Err(FAULT)
    );
    assert_eq!(guest.tell(fd), Ok(101));
    assert_eq!(guest.call("fd_tell", args![fd, end - 7]), Err(FAULT));
}

#[test]
fn sizes_are_set() {
    let (_dir, mut guest) = sandbox();
    let fd = guest.create("file", b"0123456789");
    let set =
        |guest: &mut Guest, fd: u32, size: u64| guest.call("fd_filestat_set_size", args![fd, size]);
    assert_eq!(set(&mut guest, fd, 4), Ok(()));
    assert_eq!(guest.pread(fd, 10, 0).unwrap(), b"0123");
    assert_eq!(set(&mut guest, fd, 6), Ok(()));
    assert_eq!(guest.pread(fd, 10, 0).unwrap(), b"0123\0\0");
    assert_eq!(set(&mut guest, fd, u64::MAX), Err(INVAL));
    let read_only = guest.open("file", 0, FD_READ).unwrap();
    assert_eq!(set(&mut guest, read_only, 0), Err(INVAL));
}

#[test]
fn space_is_allocated() {
    let (_dir, mut guest) = sandbox();
    let fd = guest.create("file", b"");
    let mut allocate = |offset: u64, len: u64| {
        let result = guest.call("fd_allocate", args![fd, offset, len]);
        (result, guest.filestat(fd).unwrap().size)
    };
    assert_eq!(allocate(0, 100), (Ok(()), 100));
    assert_eq!(allocate(10, 10), (Ok(()), 100));
    assert_eq!(allocate(90, 20), (Ok(()), 110));
    assert_eq!(allocate(0, 0), (Err(INVAL), 110));
    assert_eq!(allocate(0, u64::MAX), (Err(INVAL), 110));
    assert_eq!(allocate(u64::MAX, 1), (Err(FBIG), 110));
    assert_eq!(allocate(1 << 63, 1), (Err(INVAL), 110));
    assert_eq!(allocate((1 << 63) - 1, 1), (Err(FBIG), 110));
}

#[test]
fn advice_is_taken() {
    let (_dir, mut guest) = sandbox();
    let fd = guest.create("file", b"text");
    for advice in 0..6u32 {
        assert_eq!(
            guest.call("fd_advise", args![fd, 1u64, 2u64, advice]),
            Ok(())
        );
        assert_eq!(
            guest.call("fd_advise", args![fd, 0u64, 0u64, advice]),
            Ok(())
        );
    }
    assert_eq!(
        guest.call("fd_advise", args![fd, 0u64, 0u64, 6u32]),
        Err(INVAL)
    );
    assert_eq!(
        guest.call("fd_advise", args![fd, u64::MAX, 0u64, 0u32]),
        Err(INVAL)
    );
    assert_eq!(
        guest.call("fd_advise", args![fd, 0u64, u64::MAX, 0u32]),
        Err(INVAL)
    );
}

#[test]
fn files_are_synced() {
    let (_dir, mut guest) = sandbox();
    let fd = guest.create("file", b"text");
    assert_eq!(guest.call("fd_sync", args![fd]), Ok(()));
    assert_eq!(guest.call("fd_datasync", args![fd]), Ok(()));
}

#[test]
fn times_are_set_by_descriptor() {
    let (_dir, mut guest) = sandbox();
    let fd = guest.create("file", b"");
    let set = |guest: &mut Guest, atim: u64, mtim: u64, flags: u32| {
        guest.call("fd_filestat_set_times", args![fd, atim, mtim, flags])
    };
    set(&mut guest, 1_500_000_007, 2_500_000_009, ATIM | MTIM).unwrap();
    let stat = guest.filestat(fd).unwrap();
    assert_eq!((stat.atim, stat.mtim), (1_500_000_007, 2_500_000_009));
    set(&mut guest, 9, 9, 0).unwrap();
    set(&mut guest, 9, 7, MTIM).unwrap();
    let stat = guest.filestat(fd).unwrap();
    assert_eq!((stat.atim, stat.mtim), (1_500_000_007, 7));
    set(&mut guest, 9, 9, ATIM_NOW).unwrap();
    assert!(guest.filestat(fd).unwrap().atim > 1_600_000_000_000_000_000);
    assert_eq!(set(&mut guest, 0, 0, ATIM | ATIM_NOW), Err(INVAL));
    assert_eq!(set(&mut guest, 0, 0, MTIM | MTIM_NOW), Err(INVAL));
    assert_eq!(set(&mut guest, 0, 0, 32), Err(INVAL));
    let read_only = guest.open("file", 0, FD_READ).unwrap();
    assert_eq!(
        guest.call("fd_filestat_set_times", args![read_only, 0u64, 3u64, MTIM]),
        Ok(())
    );
}

#[test]
fn flags_are_set() {
    let (_dir, mut guest) = sandbox();
    let fd = guest.create("file", b"0123");
    assert_eq!(
        guest.call("fd_fdstat_set_flags", args![fd, APPEND | NONBLOCK]),
        Ok(())
    );
    assert_eq!(guest.fdstat(fd).unwrap().flags, APPEND | NONBLOCK);
    assert_eq!(guest.write(fd, b"45"), Ok(2));
    assert_eq!(guest.call("fd_fdstat_set_flags", args![fd, 0u32]), Ok(()));
    guest.seek(fd, 0, SEEK_SET).unwrap();
    assert_eq!(guest.write(fd, b"ab"), Ok(2));
    assert_eq!(guest.pread(fd, 10, 0).unwrap(), b"ab2345");
    assert_eq!(
        guest.call("fd_fdstat_set_flags", args![fd, SYNC]),
        Err(INVAL)
    );
    assert_eq!(
        guest.call("fd_fdstat_set_flags", args![fd, 32u32]),
        Err(INVAL)
    );
    let synced = guest
        .open_full(DIR, 0, "file", 0, READ_WRITE, SYNC)
        .unwrap();
    assert_eq!(
        guest.call("fd_fdstat_set_flags", args![synced, SYNC | APPEND]),
        Ok(())
    );
    assert_eq!(
        guest.call("fd_fdstat_set_flags", args![synced, APPEND]),
        Err(INVAL)
    );
}

#[test]
fn given_directories_are_found() {
    let (one, two) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let mut builder = WasiCtxBuilder::new();
    let (dirs, files) = (pronto_wasi::DirPerms::all(), pronto_wasi::FilePerms::all());
    builder.preopened_dir(one.path(), "/", dirs, files).unwrap();
    builder
        .preopened_dir(two.path(), "two", dirs, files)
        .unwrap();
    let mut guest = Guest::new(&mut builder);
    for (fd, name) in [(3u32, "/"), (4, "two")] {
        assert_eq!(guest.call("fd_prestat_get", args![fd, 8u32]), Ok(()));
        assert_eq!((guest.u32_at(8), guest.u32_at(12)), (0, name.len() as u32));
        let len = name.len() as u32;
        assert_eq!(
            guest.call("fd_prestat_dir_name", args![fd, 8u32, len]),
            Ok(())
        );
        assert_eq!(guest.read_memory(8, name.len()), name.as_bytes());
        assert_eq!(
            guest.call("fd_prestat_dir_name", args![fd, 8u32, len + 5]),
            Ok(())
        );
        let short = guest.call("fd_prestat_dir_name", args![fd, 8u32, len - 1]);
        assert_eq!(short, Err(NAMETOOLONG));
        let end = guest.memory_size();
        assert_eq!(guest.call("fd_prestat_get", args![fd, end - 7]), Err(FAULT));
    }
    let opened = guest.open(".", DIRECTORY, 0).unwrap();
    for fd in [0, 1, 2, opened, 6] {
        assert_eq!(guest.call("fd_prestat_get", args![fd, 8u32]), Err(BADF));
        assert_eq!(
            guest.call("fd_prestat_dir_name", args![fd, 8u32, 9u32]),
            Err(BADF)
        );
    }
    assert_eq!(guest.close(3), Ok(()));
    assert_eq!(guest.call("fd_prestat_get", args![3u32, 8u32]), Err(BADF));
    assert_eq!(
        guest.filestat(4).map(|stat| stat.filetype),
        Ok(DIRECTORY_TYPE)
    );
}

#[test]
fn renumbering_closes_what_was_there() {
    let (_dir, mut guest) = sandbox();
    let one = guest.create("one", b"one");
    let two = guest.create("two", b"two");
    let stat = guest.fdstat(one).unwrap();
    assert_eq!(guest.call("fd_renumber", args![one, two]), Ok(()));
    assert_eq!(guest.fdstat(two).unwrap(), stat);
    assert_eq!(guest.read(two, 10).unwrap(), b"one");
    assert_eq!(guest.close(one), Err(BADF));
    assert_eq!(guest.call("fd_renumber", args![two, one]), Err(BADF));
    assert_eq!(guest.call("fd_renumber", args![two, two]), Ok(()));
    // Standard streams and given directories move like all else.
    assert_eq!(guest.call("fd_renumber", args![two, 1u32]), Ok(()));
    assert_eq!(guest.filestat(1).unwrap().size, 3);
    assert_eq!(guest.call("fd_renumber", args![DIR, 0u32]), Ok(()));
    assert_eq!(guest.call("fd_prestat_get", args![0u32, 8u32]), Ok(()));
    assert_eq!(guest.fdstat(DIR), Err(BADF));
}

#[test]
fn descriptors_run_out() {
    let dir = TempDir::new().unwrap();
    let mut builder = WasiCtxBuilder::new();
    let (dirs, files) = (pronto_wasi::DirPerms::all(), pronto_wasi::FilePerms::all());
    builder
        .preopened_dir(dir.path(), "/", dirs, files)
        .unwrap()
        .max_descriptors(6);
    let mut guest = Guest::new(&mut builder);
    assert_eq!(guest.create("file", b""), 4);
    assert_eq!(guest.open("file", 0, 0), Ok(5));
    assert_eq!(guest.open("file", 0, 0), Err(MFILE));
    guest.close(4).unwrap();
    assert_eq!(guest.open("file", 0, 0), Ok(4));
}
