//! Ways out of the sandbox that other runtimes have had, and those one would try first.

mod common;

use common::names::*;
use common::{Answer, Guest};
use pronto_wasi::{DirPerms, FilePerms, WasiCtxBuilder};
use std::alloc::{GlobalAlloc, Layout, System};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Remembers the largest allocation that the current thread's calls ask for.
struct Watching;

static LARGEST: AtomicUsize = AtomicUsize::new(0);
static WATCH: AtomicBool = AtomicBool::new(false);

// SAFETY: everything is passed on to the system's allocator.
unsafe impl GlobalAlloc for Watching {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if WATCH.load(Ordering::Relaxed) {
            LARGEST.fetch_max(layout.size(), Ordering::Relaxed);
        }
        // SAFETY: the caller's promise is the same.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, ptr: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise is the same.
        unsafe { System.dealloc(ptr, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Watching = Watching;

/// A directory with a sandbox and something outside of it.
struct Host {
    dir: TempDir,
}

const SECRET: &[u8] = b"nobody may read this";

impl Host {
    fn new() -> Self {
        let host = Self {
            dir: TempDir::new().unwrap(),
        };
        fs::create_dir(host.inside()).unwrap();
        fs::create_dir(host.outside()).unwrap();
        fs::write(host.outside().join("secret"), SECRET).unwrap();
        fs::create_dir(host.inside().join("sub")).unwrap();
        fs::write(host.inside().join("sub/file"), "text").unwrap();
        host
    }

    fn inside(&self) -> PathBuf {
        self.dir.path().join("inside")
    }

    fn outside(&self) -> PathBuf {
        self.dir.path().join("outside")
    }

    /// Links that lead out, of every kind.
    fn plant(&self) {
        symlink(self.outside(), self.inside().join("absolute")).unwrap();
        symlink(
            self.outside().join("secret"),
            self.inside().join("absolute-file"),
        )
        .unwrap();
        symlink("../outside", self.inside().join("up")).unwrap();
        symlink("../../outside", self.inside().join("sub/up-up")).unwrap();
        symlink("sub/up-up", self.inside().join("twice")).unwrap();
        symlink("/", self.inside().join("root")).unwrap();
        symlink("..", self.inside().join("parent")).unwrap();
        symlink("../outside/new", self.inside().join("dangling")).unwrap();
    }

    /// That nothing outside has changed.
    fn check(&self) {
        let names: Vec<_> = fs::read_dir(self.outside()).unwrap().collect();
        assert_eq!(names.len(), 1, "something was created outside: {names:?}");
        assert_eq!(fs::read(self.outside().join("secret")).unwrap(), SECRET);
        assert_eq!(fs::read_dir(self.dir.path()).unwrap().count(), 2);
    }
}

/// Paths that lead out of a sandbox in which [`Host::plant`] was.
const WAYS_OUT: [&str; 22] = [
    "..",
    "../",
    "../outside/secret",
    "sub/../../outside/secret",
    "./../outside/secret",
    "/",
    "/etc/passwd",
    "//etc/passwd",
    "absolute/secret",
    "absolute/",
    "absolute/.",
    "absolute-file/",
    "up/secret",
    "up/",
    "up/../outside/secret",
    "sub/up-up/secret",
    "twice/secret",
    "twice/",
    "root/etc/passwd",
    "parent/outside/secret",
    "parent/",
    "parent/inside/../outside/secret",
];

/// Links at the end of a path: out only for what follows them.
const LINKS_OUT: [&str; 7] = [
    "absolute",
    "absolute-file",
    "up",
    "twice",
    "root",
    "parent",
    "dangling",
];

fn set_times(guest: &mut Guest, lookup: u32, path: &str) -> Answer {
    let (path, len) = guest.path(path);
    guest.call(
        "path_filestat_set_times",
        args![DIR, lookup, path, len, 0u64, 0u64, MTIM],
    )
}

/// Asserts that `answer` is the refusal to leave. A path that ends in a slash may also be
/// refused for naming no directory, one that is created for being there.
fn refused<T: std::fmt::Debug>(answer: Answer<T>, what: &str, path: &str) {
    match answer {
        Err(PERM | NOTDIR | EXIST | INVAL | ISDIR | LOOP) => {}
        other => panic!("{what} of {path}: {other:?}"),
    }
}

#[test]
fn no_path_leads_out() {
    let host = Host::new();
    host.plant();
    let mut guest = Guest::in_dir(host.inside());
    for path in WAYS_OUT {
        for lookup in [0, FOLLOW] {
            for oflags in [0, CREAT, CREAT | EXCL, TRUNC, CREAT | TRUNC, DIRECTORY] {
                for rights in [0, FD_READ, READ_WRITE] {
                    let fd = guest.open_full(DIR, lookup, path, oflags, rights, 0);
                    refused(fd, "open", path);
                }
            }
            refused(guest.path_filestat(DIR, lookup, path), "stat", path);
            refused(set_times(&mut guest, lookup, path), "set_times", path);
        }
        refused(guest.mkdir(path), "mkdir", path);
        refused(guest.mkdir(&format!("{path}/new")), "mkdir", path);
        refused(guest.rmdir(path), "rmdir", path);
        refused(guest.unlink(path), "unlink", path);
        refused(guest.readlink(path, 100), "readlink", path);
        refused(guest.symlink("sub", path), "symlink", path);
        refused(
            guest.symlink("sub", &format!("{path}/new")),
            "symlink",
            path,
        );
        refused(guest.rename(path, "stolen"), "rename", path);
        refused(guest.rename("sub/file", path), "rename to", path);
        refused(guest.link(path, "stolen"), "link", path);
        refused(guest.link("sub/file", path), "link to", path);
    }
    host.check();
}

#[test]
fn no_link_is_followed_out() {
    let host = Host::new();
    host.plant();
    let mut guest = Guest::in_dir(host.inside());
    for path in LINKS_OUT {
        for oflags in [0, CREAT, CREAT | EXCL, TRUNC, CREAT | TRUNC, DIRECTORY] {
            for rights in [0, FD_READ, READ_WRITE] {
                refused(guest.open(path, oflags, rights), "open", path);
            }
        }
        assert_eq!(guest.path_filestat(DIR, FOLLOW, path), Err(PERM), "{path}");
        assert_eq!(set_times(&mut guest, FOLLOW, path), Err(PERM), "{path}");
        // The link itself may be looked at and linked, which does not follow it either.
        assert_eq!(
            guest.path_filestat(DIR, 0, path).map(|s| s.filetype),
            Ok(SYMBOLIC_LINK)
        );
        assert_eq!(guest.link(path, "copy"), Ok(()));
        refused(guest.open("copy", 0, FD_READ), "open the copy of", path);
        assert_eq!(guest.unlink("copy"), Ok(()));
    }
    // Where an absolute link points is the host's affair.
    for path in ["absolute", "absolute-file", "root"] {
        assert_eq!(guest.readlink(path, 100), Err(PERM));
    }
    host.check();
}

#[test]
fn a_guest_makes_no_link_out() {
    let host = Host::new();
    let mut guest = Guest::in_dir(host.inside());
    let outside = host.outside();
    assert_eq!(guest.symlink(outside.to_str().unwrap(), "link"), Err(PERM));
    assert_eq!(guest.symlink("/", "link"), Err(PERM));
    assert_eq!(guest.symlink("../outside/secret", "link"), Ok(()));
    assert_eq!(guest.open("link", 0, FD_READ), Err(PERM));
    assert_eq!(guest.open("link", TRUNC, FD_WRITE), Err(PERM));
    // Nor by moving one that stays inside to where it no longer does.
    guest.symlink("../file", "sub/stays").unwrap();
    guest.rename("sub/stays", "leaves").unwrap();
    refused(guest.open("leaves", CREAT, READ_WRITE), "open", "leaves");
    host.check();
    assert!(!host.dir.path().join("file").exists());
}

#[test]
fn a_directory_is_the_root_of_its_own_descriptor() {
    let host = Host::new();
    let mut guest = Guest::in_dir(host.inside());
    guest.create("file", b"");
    let sub = guest.open("sub", DIRECTORY, 0).unwrap();
    assert_eq!(guest.open_full(sub, 0, "../file", 0, FD_READ, 0), Err(PERM));
    assert_eq!(guest.path_filestat(sub, 0, ".."), Err(PERM));
    // Moved elsewhere while it is open, it still is.
    guest.mkdir("other").unwrap();
    guest.mkdir("other/deep").unwrap();
    guest.rename("sub", "other/deep/sub").unwrap();
    assert_eq!(
        guest.open_full(sub, 0, "../../../../outside/secret", 0, FD_READ, 0),
        Err(PERM)
    );
    assert_eq!(
        guest.open_full(sub, 0, "file", 0, FD_READ, 0).map(drop),
        Ok(())
    );
}

#[test]
#[cfg(target_os = "linux")]
fn the_links_of_proc_are_not_followed() {
    let mut guest = Guest::with_perms("/proc/self", DirPerms::READ, FilePerms::READ);
    for path in [
        "root/etc/passwd",
        "cwd/Cargo.toml",
        "fd/0",
        "exe",
        "root",
        "cwd",
        "task/../root",
    ] {
        let answer = guest.open(path, 0, FD_READ);
        assert!(matches!(answer, Err(PERM | LOOP)), "{path}: {answer:?}");
    }
}

#[test]
fn nothing_is_truncated_without_leave() {
    let host = Host::new();
    let text = || fs::read(host.inside().join("sub/file")).unwrap();
    for perms in [FilePerms::READ, FilePerms::empty()] {
        let mut guest = Guest::with_perms(host.inside(), DirPerms::all(), perms);
        for oflags in [TRUNC, CREAT | TRUNC] {
            for rights in [0, FD_READ, FD_WRITE, READ_WRITE] {
                assert_eq!(guest.open("sub/file", oflags, rights), Err(PERM));
            }
        }
    }
    let mut guest = Guest::in_dir(host.inside());
    guest.drop_rights(DIR, PATH_FILESTAT_SET_SIZE);
    for rights in [0, FD_READ, FD_WRITE, READ_WRITE] {
        assert_eq!(guest.open("sub/file", TRUNC, rights), Err(NOTCAPABLE));
    }
    let sub = guest.open("sub", DIRECTORY, 0).unwrap();
    let mut guest = Guest::in_dir(host.inside());
    assert_eq!(guest.open_full(sub, 0, "file", TRUNC, 0, 0), Err(BADF));
    assert_eq!(text(), b"text");
}

/// A guest with the directory twice: read-only as 3, and another, writable, as 4.
fn two_dirs(host: &Host, dir: DirPerms, file: FilePerms) -> Guest {
    let other = host.dir.path().join("inside/sub");
    let mut builder = WasiCtxBuilder::new();
    builder
        .preopened_dir(host.inside(), "limited", dir, file)
        .unwrap();
    builder
        .preopened_dir(other, "free", DirPerms::all(), FilePerms::all())
        .unwrap();
    Guest::new(&mut builder)
}

#[test]
fn a_limited_file_is_not_linked_or_moved_to_where_it_would_be_free() {
    let host = Host::new();
    fs::write(host.inside().join("limited"), "text").unwrap();
    fs::create_dir(host.inside().join("limited-dir")).unwrap();
    let limits = [
        (DirPerms::READ, FilePerms::READ),
        (DirPerms::READ, FilePerms::all()),
        (DirPerms::all(), FilePerms::READ),
        (DirPerms::all(), FilePerms::WRITE),
        (DirPerms::MUTATE, FilePerms::all()),
    ];
    for (dir, file) in limits {
        let mut guest = two_dirs(&host, dir, file);
        let (limited, free) = (3, 4);
        for path in ["limited", "limited-dir"] {
            assert_eq!(
                guest.rename_between((limited, path), (free, "x")),
                Err(PERM)
            );
            assert_eq!(
                guest.link_between(0, (limited, path), (free, "x")),
                Err(PERM)
            );
        }
        assert_eq!(guest.path_filestat(free, 0, "x"), Err(NOENT));
    }
    // The other way loses permissions, which is no harm.
    let mut guest = two_dirs(&host, DirPerms::all(), FilePerms::READ);
    assert_eq!(guest.link_between(0, (4, "file"), (3, "linked")), Ok(()));
    assert_eq!(guest.rename_between((4, "file"), (3, "moved")), Ok(()));
}

#[test]
fn renumbering_and_failing_leak_no_descriptor_of_the_host() {
    let open = || fs::read_dir("/dev/fd").unwrap().count();
    let host = Host::new();
    let mut guest = Guest::in_dir(host.inside());
    let target = guest.open("sub/file", 0, FD_READ).unwrap();
    let before = open();
    for _ in 0..200 {
        let fd = guest.open("sub/file", 0, FD_READ).unwrap();
        guest.call("fd_renumber", args![fd, target]).unwrap();
        let dir = guest.open("sub", DIRECTORY, 0).unwrap();
        let (buf, out) = (guest.room(100), guest.room(4));
        guest
            .call("fd_readdir", args![dir, buf, 100u32, 0u64, out])
            .unwrap();
        guest.close(dir).unwrap();
        let _ = guest.open("sub/file", DIRECTORY, FD_READ);
        let _ = guest.open("sub", 0, FD_WRITE);
    }
    // Other tests of this process open and close files at the same time.
    assert!(
        open() < before + 100,
        "{} descriptors, {before} before",
        open()
    );
    drop(guest);
}

#[test]
fn what_a_guest_says_is_large_takes_no_memory() {
    let host = Host::new();
    let mut guest = Guest::in_dir(host.inside());
    let file = guest.open("sub/file", 0, READ_WRITE).unwrap();
    let size = guest.memory_size();
    LARGEST.store(0, Ordering::Relaxed);
    WATCH.store(true, Ordering::Relaxed);
    for len in [size - 64, size, 1 << 31, u32::MAX] {
        for count in [1024, len / 8, len] {
            for name in ["fd_read", "fd_write"] {
                let _ = guest.call(name, args![file, 0u32, count, 32u32]);
                let _ = guest.call(name, args![1u32, 0u32, count, 32u32]);
            }
            let _ = guest.call("sock_recv", args![1u32, 0u32, count, 0u32, 32u32, 36u32]);
            let _ = guest.call("poll_oneoff", args![0u32, 0u32, count, 32u32]);
        }
        guest.write_memory(0, &[64, 0, 0, 0]);
        guest.write_memory(4, &len.to_le_bytes());
        for name in ["fd_read", "fd_write"] {
            let _ = guest.call(name, args![file, 0u32, 1u32, 32u32]);
            let _ = guest.call(name, args![1u32, 0u32, 1u32, 32u32]);
        }
        let _ = guest.call("random_get", args![64u32, len]);
        let _ = guest.call("fd_readdir", args![DIR, 64u32, len, 0u64, 32u32]);
        let _ = guest.call("fd_prestat_dir_name", args![DIR, 64u32, len]);
        let _ = guest.call("path_create_directory", args![DIR, 64u32, len]);
        let _ = guest.call("path_readlink", args![DIR, 64u32, 3u32, 64u32, len, 32u32]);
        let _ = guest.call("path_symlink", args![64u32, len, DIR, 64u32, len]);
        let _ = guest.call("fd_renumber", args![file, len]);
        let _ = guest.call("fd_renumber", args![len, file]);
        let _ = guest.call("fd_close", args![len]);
    }
    WATCH.store(false, Ordering::Relaxed);
    let largest = LARGEST.load(Ordering::Relaxed);
    assert!(largest < 1 << 20, "{largest} bytes at once");
}

/// Swaps a directory for a link out of the sandbox, as fast as it can, while a guest opens
/// what is in it.
#[test]
fn a_path_that_changes_underway_leads_nowhere_else() {
    let host = Host::new();
    let inside = host.inside();
    fs::write(inside.join("sub/secret"), "harmless").unwrap();
    symlink("../outside", inside.join("up")).unwrap();
    let (stop, start, limit) = (
        AtomicBool::new(false),
        Instant::now(),
        Duration::from_secs(60),
    );
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let path = |name: &str| -> PathBuf { Path::new(&inside).join(name) };
            while !stop.load(Ordering::Relaxed) && start.elapsed() < 2 * limit {
                fs::rename(path("sub"), path("aside")).unwrap();
                fs::rename(path("up"), path("sub")).unwrap();
                fs::rename(path("sub"), path("up")).unwrap();
                fs::rename(path("aside"), path("sub")).unwrap();
            }
        });
        let mut guest = Guest::in_dir(&inside);
        let (mut rounds, mut found) = (0, 0);
        // The other thread may rest for long while the file is away.
        while rounds < 3000 || found == 0 {
            rounds += 1;
            assert!(start.elapsed() < limit, "the file was never there");
            if let Ok(fd) = guest.open("sub/secret", 0, READ_WRITE) {
                assert_eq!(guest.read(fd, 100).unwrap(), b"harmless");
                found += 1;
                guest.close(fd).unwrap();
            }
            if guest.mkdir("sub/new").is_ok() {
                let _ = guest.rmdir("sub/new");
            }
        }
        stop.store(true, Ordering::Relaxed);
    });
    host.check();
}
