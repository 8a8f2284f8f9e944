//! Random operations on paths, each compared with what a model of the tree says, and a
//! sentinel outside of the sandbox that none may touch.

#[path = "../common/mod.rs"]
mod common;
mod tree;

use common::names::*;
use common::{Answer, Guest};
use std::collections::BTreeSet;
use std::fmt::Debug;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use tempfile::TempDir;
use tree::{Fail, Node, Outcome, Tree};

const SENTINEL: &[u8] = b"the sentinel";

/// A small generator of random numbers, the same for the same seed.
struct Rng(u64);

impl Rng {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, n: u64) -> u64 {
        (self.next() >> 11) % n
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[usize::try_from(self.below(from.len() as u64)).unwrap()]
    }

    /// A path of few names, so that it often names something.
    fn path(&mut self) -> String {
        let parts: Vec<&str> = (0..=self.below(3))
            .map(|_| self.pick(&["a", "b", "c", "d", "a", "b", "c", "d", "..", "."]))
            .collect();
        let mut path = parts.join(self.pick(&["/", "/", "/", "//"]));
        if self.below(40) == 0 {
            path.insert(0, '/');
        }
        path
    }
}

struct World {
    dir: TempDir,
    guest: Guest,
    tree: Tree,
    rng: Rng,
    /// What was done, to tell when something is wrong.
    last: String,
    /// How many operations did what they were to do, and how many were refused a way out.
    done: usize,
    refused: usize,
}

impl World {
    fn new(seed: u64) -> Self {
        let dir = TempDir::new().unwrap();
        let inside = dir.path().join("inside");
        fs::create_dir(&inside).unwrap();
        fs::create_dir(dir.path().join("outside")).unwrap();
        fs::write(dir.path().join("outside/a"), SENTINEL).unwrap();
        let guest = Guest::in_dir(&inside);
        let tree = Tree::of_host(&inside);
        let rng = Rng(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        let mut world = Self {
            dir,
            guest,
            tree,
            rng,
            last: String::new(),
            done: 0,
            refused: 0,
        };
        world.plant();
        world
    }

    fn inside(&self) -> PathBuf {
        self.dir.path().join("inside")
    }

    /// Has the host put a link that leads out where there is room.
    fn plant(&mut self) {
        let outside = self.dir.path().join("outside");
        let (outside, up) = (outside.to_str().unwrap(), "../outside");
        let file = format!("{outside}/a");
        let target = self
            .rng
            .pick(&[outside, up, &file, "../outside/new", "..", "/"]);
        let name = self.rng.pick(&["a", "b", "c", "d", "e"]);
        if symlink(target, self.inside().join(name)).is_ok() {
            self.tree = Tree::of_host(&self.inside());
        }
    }

    /// That the sentinel is as it was, and alone.
    fn check_outside(&self) {
        assert_eq!(
            fs::read(self.dir.path().join("outside/a")).unwrap(),
            SENTINEL,
            "{}",
            self.last
        );
        for (path, count) in [("outside", 1), (".", 2)] {
            let found = fs::read_dir(self.dir.path().join(path)).unwrap().count();
            assert_eq!(found, count, "{}", self.last);
        }
    }

    /// That the host's tree is the model's.
    fn check_inside(&self) {
        let (host, model) = (Tree::of_host(&self.inside()).list(), self.tree.list());
        let differ: Vec<_> = host.symmetric_difference(&model).take(10).collect();
        assert!(differ.is_empty(), "{differ:?} after {}", self.last);
    }

    /// Compares what the guest was answered with what the model says.
    fn compare<T: PartialEq + Debug>(&mut self, answer: Answer<T>, expected: Outcome<T>) {
        match (&answer, &expected) {
            (Ok(found), Ok(wanted)) => {
                assert_eq!(found, wanted, "{}", self.last);
                self.done += 1;
            }
            (Err(PERM), Err(Fail::Escape)) => self.refused += 1,
            // The host may see something else that is wrong first.
            (Err(_), Err(_)) => {}
            _ => panic!("{}: {answer:?}, but the model says {expected:?}", self.last),
        }
    }

    fn step(&mut self) {
        let (path, other) = (self.rng.path(), self.rng.path());
        let lookup = self.rng.pick(&[0, FOLLOW]);
        let follow = lookup == FOLLOW;
        let operation = self.rng.below(12);
        self.last = format!("operation {operation} on {path} and {other}, following: {follow}");
        let guest = &mut self.guest;
        match operation {
            0 => {
                let answer = guest.mkdir(&path);
                let expected = self.tree.mkdir(&path);
                self.compare(answer, expected);
            }
            1 => {
                let answer = guest.rmdir(&path);
                let expected = self.tree.rmdir(&path);
                self.compare(answer, expected);
            }
            2 => {
                let answer = guest.unlink(&path);
                let expected = self.tree.unlink(&path);
                self.compare(answer, expected);
            }
            3 | 4 => {
                let answer = guest.rename(&path, &other);
                let expected = self.tree.rename(&path, &other);
                self.compare(answer, expected);
            }
            5 => {
                let answer = guest.link(&path, &other);
                let expected = self.tree.link(&path, &other);
                self.compare(answer, expected);
            }
            6 => {
                let answer = guest.symlink(&other, &path);
                let expected = self.tree.symlink(&other, &path);
                self.compare(answer, expected);
            }
            7 => {
                let answer = guest.readlink(&path, 1000);
                let expected = self.tree.readlink(&path);
                self.compare(answer, expected);
            }
            8 => self.write(&path, lookup),
            9 => self.read(&path, lookup),
            10 => self.stat(&path, lookup),
            _ => self.readdir(&path, lookup),
        }
    }

    fn write(&mut self, path: &str, lookup: u32) {
        let new = self.rng.below(2) == 0;
        let text = self.rng.next().to_le_bytes();
        let oflags = CREAT | if new { EXCL } else { TRUNC };
        let guest = &mut self.guest;
        let answer = guest
            .open_full(DIR, lookup, path, oflags, FD_WRITE, 0)
            .map(|fd| {
                assert_eq!(guest.write(fd, &text), Ok(8));
                guest.close(fd).unwrap();
            });
        let expected = self.tree.write(path, lookup == FOLLOW, new, &text);
        self.compare(answer, expected);
    }

    fn read(&mut self, path: &str, lookup: u32) {
        let guest = &mut self.guest;
        let answer = guest
            .open_full(DIR, lookup, path, 0, FD_READ, 0)
            .and_then(|fd| {
                let bytes = guest.read(fd, 100);
                guest.close(fd).unwrap();
                bytes
            });
        let expected = self.tree.read(path, lookup == FOLLOW);
        self.compare(answer, expected);
    }

    fn stat(&mut self, path: &str, lookup: u32) {
        let answer = self
            .guest
            .path_filestat(DIR, lookup, path)
            .map(|stat| stat.filetype);
        let expected = self
            .tree
            .walk(path, lookup == FOLLOW)
            .and_then(|found| match found.node {
                None => Err(Fail::Other),
                Some(Node::File(_)) => Ok(REGULAR_FILE),
                Some(Node::Dir(_)) => Ok(DIRECTORY_TYPE),
                Some(Node::Link(..)) => Ok(SYMBOLIC_LINK),
            });
        self.compare(answer, expected);
    }

    fn readdir(&mut self, path: &str, lookup: u32) {
        let guest = &mut self.guest;
        let answer = guest
            .open_full(DIR, lookup, path, DIRECTORY, 0, 0)
            .map(|fd| {
                let (buf, out) = (guest.room(4096), guest.room(4));
                guest
                    .call("fd_readdir", args![fd, buf, 4096u32, 0u64, out])
                    .unwrap();
                let used = guest.u32_at(out);
                guest.close(fd).unwrap();
                let mut names = BTreeSet::new();
                let mut at = buf;
                while at < buf + used {
                    let len = guest.u32_at(at + 16);
                    let name = guest.read_memory(at + 24, len as usize);
                    names.insert(String::from_utf8(name).unwrap());
                    at += 24 + len;
                }
                names
            });
        let expected = self
            .tree
            .walk(path, lookup == FOLLOW)
            .and_then(|found| match found.node {
                Some(Node::Dir(entries)) => {
                    let dots = [".".to_owned(), "..".to_owned()];
                    Ok(entries.into_keys().chain(dots).collect())
                }
                _ => Err(Fail::Other),
            });
        self.compare(answer, expected);
    }
}

fn run(seed: u64, steps: usize) {
    let mut world = World::new(seed);
    for step in 0..steps {
        world.step();
        world.check_outside();
        if step % 20 == 0 {
            world.check_inside();
        }
        if step % 100 == 99 {
            world.plant();
        }
    }
    world.check_inside();
    let (done, refused) = (world.done, world.refused);
    assert!(
        done > steps / 10 && refused > steps / 20,
        "{done} done, {refused} refused"
    );
}

/// `PRONTO_WASI_SEED=n` runs one seed longer.
#[test]
fn random_operations_agree_with_the_model() {
    if let Ok(seed) = std::env::var("PRONTO_WASI_SEED") {
        return run(seed.parse().unwrap(), 100_000);
    }
    for seed in 1..=8 {
        run(seed, 2500);
    }
}
