//! For each function a call that succeeds, told so that it can be spoilt at each argument.

use crate::common::names::*;
use crate::world::*;

/// What an argument, or two of them, stand for.
#[derive(Clone, Copy)]
pub(crate) enum Role {
    /// A descriptor, the rights that it needs, and other descriptors with their error.
    Fd(u32, &'static [u64], &'static [(u32, u32)]),
    /// A word, and one in its place that is invalid.
    Word(u32, u32),
    /// A long word, and one in its place that is invalid.
    Long(u64, u64),
    /// A long word that cannot be wrong.
    Any(u64),
    /// Where a result of so many bytes goes.
    Result(u32),
    /// Where these bytes are.
    Bytes(&'static [u8]),
    /// A buffer of so many bytes, and its length.
    Buffer(u32),
    /// A buffer of four bytes in an array of one, and the array's length.
    Iovecs,
    /// A path and its length.
    Path(&'static str),
    /// What a link says, and its length.
    Target(&'static str),
}

use Role::*;

/// What is no directory.
const NO_DIR: [(u32, u32); 4] = [
    (INPUT, NOTDIR),
    (OUTPUT, NOTDIR),
    (FILE, NOTDIR),
    (SOCKET, NOTDIR),
];

const fn and_perm(fd: u32) -> [(u32, u32); 5] {
    [NO_DIR[0], NO_DIR[1], NO_DIR[2], NO_DIR[3], (fd, PERM)]
}

/// What is no directory, or one that may not be looked at, or not be changed.
const UNREADABLE: &[(u32, u32)] = &and_perm(CHANGE_ONLY);
const UNCHANGEABLE: &[(u32, u32)] = &and_perm(READ_ONLY);

/// What has no position, or none to a guest.
const NO_POSITION: &[(u32, u32)] = &[
    (DIR, BADF),
    (INPUT, SPIPE),
    (OUTPUT, SPIPE),
    (SOCKET, SPIPE),
];

const NOT_SYNCED: &[(u32, u32)] = &[(INPUT, INVAL), (OUTPUT, INVAL), (SOCKET, INVAL)];

const NO_SOCKET: [(u32, u32); 3] = [(INPUT, NOTSOCK), (DIR, NOTSOCK), (FILE, NOTSOCK)];

const TOO_FAR: u64 = 1 << 63;

/// The functions in the specification's order. Those that never fail or never return are not
/// here.
#[rustfmt::skip]
pub(crate) const CALLS: [(&str, &[Role]); 44] = [
    ("args_get", &[Result(4), Result(8)]),
    ("args_sizes_get", &[Result(4), Result(4)]),
    ("environ_get", &[Result(4), Result(4)]),
    ("environ_sizes_get", &[Result(4), Result(4)]),
    ("clock_res_get", &[Word(0, 4), Result(8)]),
    ("clock_time_get", &[Word(0, 4), Any(0), Result(8)]),
    ("fd_advise", &[Fd(FILE, &[FD_ADVISE], NO_POSITION), Long(0, TOO_FAR), Long(0, TOO_FAR), Word(0, 6)]),
    ("fd_allocate", &[
        Fd(FILE, &[FD_ALLOCATE, FD_WRITE], &[(DIR, BADF), (INPUT, SPIPE), (SOCKET, SPIPE), (READER, BADF)]),
        Long(0, TOO_FAR), Long(1, 0),
    ]),
    ("fd_close", &[Fd(FILE, &[], &[])]),
    ("fd_datasync", &[Fd(FILE, &[FD_DATASYNC], NOT_SYNCED)]),
    ("fd_fdstat_get", &[Fd(FILE, &[], &[]), Result(24)]),
    ("fd_fdstat_set_flags", &[Fd(FILE, &[FD_FDSTAT_SET_FLAGS], &[]), Word(APPEND, 32)]),
    ("fd_fdstat_set_rights", &[Fd(FILE, &[], &[]), Any(0), Any(0)]),
    ("fd_filestat_get", &[Fd(FILE, &[FD_FILESTAT_GET], &[]), Result(64)]),
    ("fd_filestat_set_size", &[
        Fd(FILE, &[FD_FILESTAT_SET_SIZE], &[(DIR, BADF), (INPUT, SPIPE), (SOCKET, SPIPE), (READER, INVAL)]),
        Long(1, TOO_FAR),
    ]),
    ("fd_filestat_set_times", &[
        Fd(FILE, &[FD_FILESTAT_SET_TIMES], &[(INPUT, INVAL), (SOCKET, INVAL), (READ_ONLY, PERM)]),
        Any(0), Any(0), Word(MTIM, 32),
    ]),
    ("fd_pread", &[
        Fd(FILE, &[FD_READ, FD_SEEK], &[(DIR, ISDIR), (INPUT, SPIPE), (OUTPUT, BADF), (SOCKET, SPIPE), (WRITER, BADF)]),
        Iovecs, Long(0, TOO_FAR), Result(4),
    ]),
    ("fd_prestat_get", &[Fd(DIR, &[], &[(INPUT, BADF), (FILE, BADF), (SOCKET, BADF)]), Result(8)]),
    ("fd_prestat_dir_name", &[Fd(DIR, &[], &[(INPUT, BADF), (FILE, BADF), (SOCKET, BADF)]), Buffer(1)]),
    ("fd_pwrite", &[
        Fd(FILE, &[FD_WRITE, FD_SEEK], &[(DIR, BADF), (INPUT, BADF), (OUTPUT, SPIPE), (SOCKET, SPIPE), (READER, BADF)]),
        Iovecs, Long(0, TOO_FAR), Result(4),
    ]),
    ("fd_read", &[Fd(FILE, &[FD_READ], &[(DIR, ISDIR), (OUTPUT, BADF), (WRITER, BADF)]), Iovecs, Result(4)]),
    ("fd_readdir", &[Fd(DIR, &[FD_READDIR], UNREADABLE), Buffer(100), Any(0), Result(4)]),
    ("fd_renumber", &[Fd(FILE, &[], &[]), Fd(READER, &[], &[])]),
    ("fd_seek", &[Fd(FILE, &[FD_SEEK], NO_POSITION), Long(1, u64::MAX), Word(SEEK_SET, 3), Result(8)]),
    ("fd_sync", &[Fd(FILE, &[FD_SYNC], NOT_SYNCED)]),
    ("fd_tell", &[Fd(FILE, &[FD_TELL], NO_POSITION), Result(8)]),
    ("fd_write", &[Fd(FILE, &[FD_WRITE], &[(DIR, BADF), (INPUT, BADF), (READER, BADF)]), Iovecs, Result(4)]),
    ("path_create_directory", &[Fd(DIR, &[PATH_CREATE_DIRECTORY], UNCHANGEABLE), Path("new")]),
    ("path_filestat_get", &[Fd(DIR, &[PATH_FILESTAT_GET], UNREADABLE), Word(FOLLOW, 2), Path("file"), Result(64)]),
    ("path_filestat_set_times", &[
        Fd(DIR, &[PATH_FILESTAT_SET_TIMES], UNCHANGEABLE), Word(FOLLOW, 2), Path("file"),
        Any(0), Any(0), Word(MTIM, 16),
    ]),
    ("path_link", &[
        Fd(DIR, &[PATH_LINK_SOURCE], UNCHANGEABLE), Word(0, FOLLOW), Path("file"),
        Fd(DIR, &[PATH_LINK_TARGET], UNCHANGEABLE), Path("new"),
    ]),
    ("path_open", &[
        Fd(DIR, &[PATH_OPEN], UNREADABLE), Word(FOLLOW, 2), Path("file"), Word(0, 16),
        Any(FD_READ), Any(0), Word(0, 32), Result(4),
    ]),
    ("path_readlink", &[Fd(DIR, &[PATH_READLINK], UNREADABLE), Path("link"), Buffer(10), Result(4)]),
    ("path_remove_directory", &[Fd(DIR, &[PATH_REMOVE_DIRECTORY], UNCHANGEABLE), Path("empty")]),
    ("path_rename", &[
        Fd(DIR, &[PATH_RENAME_SOURCE], UNCHANGEABLE), Path("file"),
        Fd(DIR, &[PATH_RENAME_TARGET], UNCHANGEABLE), Path("new"),
    ]),
    ("path_symlink", &[Target("file"), Fd(DIR, &[PATH_SYMLINK], UNCHANGEABLE), Path("new")]),
    ("path_unlink_file", &[Fd(DIR, &[PATH_UNLINK_FILE], UNCHANGEABLE), Path("file")]),
    ("poll_oneoff", &[Bytes(&[0; 48]), Result(32), Word(1, 0), Result(4)]),
    ("proc_raise", &[Word(0, 31)]),
    ("random_get", &[Buffer(8)]),
    ("sock_accept", &[
        Fd(LISTENER, &[SOCK_ACCEPT], &[NO_SOCKET[0], NO_SOCKET[1], NO_SOCKET[2], (SOCKET, NOTCAPABLE)]),
        Word(0, APPEND), Result(4),
    ]),
    ("sock_recv", &[Fd(SOCKET, &[FD_READ], &NO_SOCKET), Iovecs, Word(0, 4), Result(4), Result(2)]),
    ("sock_send", &[Fd(SOCKET, &[FD_WRITE], &NO_SOCKET), Iovecs, Word(0, 1), Result(4)]),
    ("sock_shutdown", &[Fd(SOCKET, &[SOCK_SHUTDOWN], &NO_SOCKET), Word(1, 4)]),
];

/// Paths that every function on paths refuses, and how.
pub(crate) fn bad_paths() -> Vec<(Vec<u8>, u32)> {
    let mut paths = bad_targets();
    paths.extend([
        (vec![b'x'; 300], NAMETOOLONG),
        (b"../x".to_vec(), PERM),
        (b"out/x".to_vec(), PERM),
        (b"absolute/x".to_vec(), PERM),
        (b"file/x".to_vec(), NOTDIR),
        (b"none/x".to_vec(), NOENT),
        (b"loop/x".to_vec(), LOOP),
    ]);
    paths
}

/// What no link may say, and no path be.
pub(crate) fn bad_targets() -> Vec<(Vec<u8>, u32)> {
    vec![
        (b"".to_vec(), NOENT),
        (b"\xff".to_vec(), ILSEQ),
        (b"a\0b".to_vec(), INVAL),
        (b"/x".to_vec(), PERM),
        (vec![b'/'; 4096], NAMETOOLONG),
    ]
}
