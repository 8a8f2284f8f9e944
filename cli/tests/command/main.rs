//! The command as its users meet it: started, with what it prints and the status it ends with.

mod errors;
mod help;
mod run;
mod timeout;
mod tools;

use std::ffi::OsStr;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use tempfile::TempDir;

/// What came of a command.
#[derive(Debug, PartialEq, Eq)]
struct Ended {
    status: i32,
    stdout: String,
    stderr: String,
}

impl Ended {
    /// All went well, and this was printed.
    #[track_caller]
    fn well(&self, stdout: &str) {
        assert_eq!(self.stderr, "");
        assert_eq!((self.status, self.stdout.as_str()), (0, stdout));
    }

    /// It ended with `status`, printed nothing, and said each of `words`.
    #[track_caller]
    fn failed(&self, status: i32, words: &[&str]) {
        assert_eq!(
            (self.status, self.stdout.as_str()),
            (status, ""),
            "{self:?}"
        );
        for word in words {
            assert!(
                self.stderr.contains(word),
                "no `{word}` in: {}",
                self.stderr
            );
        }
    }
}

/// Runs `pronto` with `args`, and `input` on its standard input.
fn pronto_with<S: AsRef<OsStr>>(args: &[S], input: &str) -> Ended {
    finish(Command::new(PRONTO).args(args), input)
}

const PRONTO: &str = env!("CARGO_BIN_EXE_pronto");

/// Runs `command` with `input` on its standard input.
fn finish(command: &mut Command, input: &str) -> Ended {
    let mut child = command
        .env_remove("NO_COLOR")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A program that does not read its input may have ended by now.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    let output = child.wait_with_output().unwrap();
    Ended {
        status: output.status.code().expect("it was not killed"),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

fn pronto<S: AsRef<OsStr>>(args: &[S]) -> Ended {
    pronto_with(args, "")
}

/// A file of the repository.
fn file(path: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let path = root.join(path);
    assert!(path.exists(), "no {}", path.display());
    path.to_str().unwrap().to_owned()
}

/// A file that ends with the test.
struct Scratch {
    _dir: TempDir,
    path: PathBuf,
}

impl Scratch {
    fn new(name: &str, contents: impl AsRef<[u8]>) -> Self {
        let dir = TempDir::new().unwrap();
        let path = dir.path().join(name);
        std::fs::write(&path, contents).unwrap();
        Self { _dir: dir, path }
    }

    fn path(&self) -> &str {
        self.path.to_str().unwrap()
    }
}

/// A module that exports what its callers ask for by name.
const LIBRARY: &str = r#"(module $lib
  (memory (export "memory") 1)
  (global $ready (mut i32) (i32.const 0))
  (func (export "_initialize") (global.set $ready (i32.const 5)))
  (func (export "ready") (result i32) (global.get $ready))
  (func (export "swap") (param i32 i64) (result i64 i32) (local.get 1) (local.get 0))
  (func (export "half") (param f64) (result f64) (f64.div (local.get 0) (f64.const 2)))
  (func (export "nothing"))
  (func $load (export "load") (param i32) (result i32) (i32.load (local.get 0)))
  (func $deep (export "deep") (call $deep)))"#;
