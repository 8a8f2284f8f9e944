//! How each function may fail.

use super::names::*;

/// Each function, and the errors that it may answer with. `tests/errors` provokes each pair, and
/// every call of every test is held to this list.
///
/// What only a host that is broken, full or out of memory answers is not here, nor what depends on
/// its file system or on who runs the tests (a mount point is busy, a file of another user refuses
/// access): such a number is handed on as the host gives it.
#[rustfmt::skip]
pub const ERRORS: [(&str, &[u32]); 46] = [
    ("args_get", &[FAULT]),
    ("args_sizes_get", &[FAULT]),
    ("environ_get", &[FAULT]),
    ("environ_sizes_get", &[FAULT]),
    ("clock_res_get", &[FAULT, INVAL]),
    ("clock_time_get", &[FAULT, INVAL]),
    ("fd_advise", &[BADF, INVAL, SPIPE, NOTCAPABLE]),
    ("fd_allocate", &[BADF, FBIG, INVAL, SPIPE, NOTCAPABLE]),
    ("fd_close", &[BADF]),
    ("fd_datasync", &[BADF, INVAL, NOTCAPABLE]),
    ("fd_fdstat_get", &[BADF, FAULT]),
    ("fd_fdstat_set_flags", &[BADF, INVAL, NOTCAPABLE]),
    ("fd_fdstat_set_rights", &[BADF, NOTCAPABLE]),
    ("fd_filestat_get", &[BADF, FAULT, NOTCAPABLE]),
    ("fd_filestat_set_size", &[BADF, INVAL, SPIPE, NOTCAPABLE]),
    ("fd_filestat_set_times", &[BADF, INVAL, PERM, NOTCAPABLE]),
    ("fd_pread", &[BADF, FAULT, INVAL, ISDIR, SPIPE, NOTCAPABLE]),
    ("fd_prestat_get", &[BADF, FAULT]),
    ("fd_prestat_dir_name", &[BADF, FAULT, NAMETOOLONG]),
    ("fd_pwrite", &[BADF, FAULT, INVAL, NOSPC, SPIPE, NOTCAPABLE]),
    ("fd_read", &[AGAIN, BADF, CONNRESET, FAULT, INVAL, IO, ISDIR, NOTCAPABLE]),
    ("fd_readdir", &[BADF, FAULT, NOTDIR, PERM, NOTCAPABLE]),
    ("fd_renumber", &[BADF]),
    ("fd_seek", &[BADF, FAULT, INVAL, SPIPE, NOTCAPABLE]),
    ("fd_sync", &[BADF, INVAL, NOTCAPABLE]),
    ("fd_tell", &[BADF, FAULT, SPIPE, NOTCAPABLE]),
    ("fd_write", &[AGAIN, BADF, FAULT, INVAL, IO, NOSPC, NOTCONN, PIPE, NOTCAPABLE]),
    ("path_create_directory", &[BADF, EXIST, FAULT, ILSEQ, INVAL, LOOP, NAMETOOLONG, NOENT, NOTDIR, PERM, NOTCAPABLE]),
    ("path_filestat_get", &[BADF, FAULT, ILSEQ, INVAL, LOOP, NAMETOOLONG, NOENT, NOTDIR, PERM, NOTCAPABLE]),
    ("path_filestat_set_times", &[BADF, FAULT, ILSEQ, INVAL, LOOP, NAMETOOLONG, NOENT, NOTDIR, PERM, NOTCAPABLE]),
    ("path_link", &[BADF, EXIST, FAULT, ILSEQ, INVAL, LOOP, NAMETOOLONG, NOENT, NOTDIR, PERM, XDEV, NOTCAPABLE]),
    ("path_open", &[
        BADF, EXIST, FAULT, ILSEQ, INVAL, ISDIR, LOOP, MFILE, NAMETOOLONG, NOENT, NOTDIR, NXIO, PERM, TXTBSY, NOTCAPABLE,
    ]),
    ("path_readlink", &[BADF, FAULT, ILSEQ, INVAL, LOOP, NAMETOOLONG, NOENT, NOTDIR, PERM, NOTCAPABLE]),
    ("path_remove_directory", &[
        BADF, FAULT, ILSEQ, INVAL, LOOP, NAMETOOLONG, NOENT, NOTDIR, NOTEMPTY, PERM, NOTCAPABLE,
    ]),
    ("path_rename", &[
        BADF, BUSY, FAULT, ILSEQ, INVAL, ISDIR, LOOP, NAMETOOLONG, NOENT, NOTDIR, NOTEMPTY, PERM, XDEV, NOTCAPABLE,
    ]),
    ("path_symlink", &[BADF, EXIST, FAULT, ILSEQ, INVAL, LOOP, NAMETOOLONG, NOENT, NOTDIR, PERM, NOTCAPABLE]),
    ("path_unlink_file", &[BADF, FAULT, ILSEQ, INVAL, ISDIR, LOOP, NAMETOOLONG, NOENT, NOTDIR, PERM, NOTCAPABLE]),
    ("poll_oneoff", &[FAULT, INVAL]),
    ("proc_exit", &[]),
    ("proc_raise", &[INVAL, NOTSUP]),
    ("sched_yield", &[]),
    ("random_get", &[FAULT]),
    ("sock_accept", &[AGAIN, BADF, FAULT, INVAL, MFILE, NOTSOCK, NOTCAPABLE]),
    ("sock_recv", &[AGAIN, BADF, CONNRESET, FAULT, INVAL, NOTSOCK, NOTCAPABLE]),
    ("sock_send", &[
        AGAIN, BADF, DESTADDRREQ, FAULT, INVAL, MSGSIZE, NOTCONN, NOTSOCK, PIPE, NOTCAPABLE,
    ]),
    ("sock_shutdown", &[BADF, INVAL, NOTCONN, NOTSOCK, NOTCAPABLE]),
];
