//! What one guest is given, and how an embedder says so.

use crate::clocks::{Clocks, HostMonotonicClock, HostWallClock};
use crate::p1::table::{Entry, OpenDir, Table};
use crate::perms::{DirPerms, FilePerms};
use crate::stdio::{HostOutput, HostStdin, StdinStream, StdoutStream};
use cap_std::fs::Dir;
use pronto::{Context, Result, format_err};
use rustix::fs::OFlags;
use std::fs::OpenOptions;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// How many descriptors a guest may have open unless the embedder says otherwise.
const MAX_DESCRIPTORS: usize = 1024;

pub(crate) type Random = Box<dyn FnMut(&mut [u8]) + Send>;

/// The state of one guest: its descriptors, arguments, environment, clocks.
///
/// Made by [`WasiCtxBuilder::build_p1`] and kept in the data of a store.
pub struct WasiP1Ctx {
    pub(crate) table: Table,
    pub(crate) args: Vec<String>,
    pub(crate) env: Vec<String>,
    pub(crate) clocks: Clocks,
    /// Fills a buffer with random bytes in place of the host.
    pub(crate) random: Option<Random>,
}

/// Says what a guest is given.
///
/// A new builder gives nothing: no directories, no environment, no arguments, an input that
/// is at its end, outputs that nobody sees. Clocks and random numbers are the host's unless
/// set.
#[derive(Default)]
pub struct WasiCtxBuilder {
    args: Vec<String>,
    env: Vec<String>,
    stdin: Option<Box<dyn StdinStream>>,
    stdout: Option<Box<dyn StdoutStream>>,
    stderr: Option<Box<dyn StdoutStream>>,
    dirs: Vec<OpenDir>,
    sockets: Vec<Entry>,
    wall: Option<Box<dyn HostWallClock>>,
    monotonic: Option<Box<dyn HostMonotonicClock>>,
    random: Option<Random>,
    max_descriptors: Option<usize>,
}

impl WasiCtxBuilder {
    /// A builder that gives nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Appends an argument. The first is the name the program sees itself under.
    pub fn arg(&mut self, arg: impl AsRef<str>) -> &mut Self {
        self.args.push(arg.as_ref().to_owned());
        self
    }

    /// Appends arguments.
    pub fn args(&mut self, args: &[impl AsRef<str>]) -> &mut Self {
        self.args
            .extend(args.iter().map(|arg| arg.as_ref().to_owned()));
        self
    }

    /// Appends the host's arguments.
    pub fn inherit_args(&mut self) -> &mut Self {
        self.args
            .extend(std::env::args_os().filter_map(|arg| arg.into_string().ok()));
        self
    }

    /// Adds a variable to the environment.
    pub fn env(&mut self, name: impl AsRef<str>, value: impl AsRef<str>) -> &mut Self {
        self.env
            .push(format!("{}={}", name.as_ref(), value.as_ref()));
        self
    }

    /// Adds variables to the environment.
    pub fn envs(&mut self, vars: &[(impl AsRef<str>, impl AsRef<str>)]) -> &mut Self {
        for (name, value) in vars {
            self.env(name, value);
        }
        self
    }

    /// Adds the host's whole environment, without what is not UTF-8.
    pub fn inherit_env(&mut self) -> &mut Self {
        for (name, value) in std::env::vars_os() {
            if let (Some(name), Some(value)) = (name.to_str(), value.to_str()) {
                self.env(name, value);
            }
        }
        self
    }

    /// Gives the guest a standard input.
    pub fn stdin(&mut self, stream: impl StdinStream) -> &mut Self {
        self.stdin = Some(Box::new(stream));
        self
    }

    /// Gives the guest a standard output.
    pub fn stdout(&mut self, stream: impl StdoutStream) -> &mut Self {
        self.stdout = Some(Box::new(stream));
        self
    }

    /// Gives the guest a standard error.
    pub fn stderr(&mut self, stream: impl StdoutStream) -> &mut Self {
        self.stderr = Some(Box::new(stream));
        self
    }

    /// Gives the guest the host's standard input.
    pub fn inherit_stdin(&mut self) -> &mut Self {
        self.stdin(HostStdin(io::stdin()))
    }

    /// Gives the guest the host's standard output.
    pub fn inherit_stdout(&mut self) -> &mut Self {
        self.stdout(HostOutput(io::stdout()))
    }

    /// Gives the guest the host's standard error.
    pub fn inherit_stderr(&mut self) -> &mut Self {
        self.stderr(HostOutput(io::stderr()))
    }

    /// Gives the guest the host's three standard streams.
    pub fn inherit_stdio(&mut self) -> &mut Self {
        self.inherit_stdin().inherit_stdout().inherit_stderr()
    }

    /// Gives the guest the directory `host_path`, which it knows as `guest_path`.
    ///
    /// # Errors
    ///
    /// If the directory cannot be opened.
    pub fn preopened_dir(
        &mut self,
        host_path: impl AsRef<Path>,
        guest_path: impl AsRef<str>,
        dir_perms: DirPerms,
        file_perms: FilePerms,
    ) -> Result<&mut Self> {
        let host_path = host_path.as_ref();
        let dir = OpenOptions::new()
            .read(true)
            .custom_flags(OFlags::DIRECTORY.bits().cast_signed())
            .open(host_path)
            .with_context(|| format!("cannot open directory `{}`", host_path.display()))?;
        let mut dir = OpenDir::new(Dir::from_std_file(dir), dir_perms, file_perms);
        dir.preopen = Some(guest_path.as_ref().into());
        self.dirs.push(dir);
        Ok(self)
    }

    /// Gives the guest a socket: a listener, to accept from, or a connected one. It gets the
    /// first free descriptor after the directories (3 if there are none), the next one the
    /// next: programs look for directories from 3 on and stop at what is not one.
    ///
    /// # Errors
    ///
    /// If it is not a socket.
    pub fn preopened_socket(&mut self, socket: impl Into<OwnedFd>) -> Result<&mut Self> {
        let entry = Entry::socket(socket.into()).map_err(|_| format_err!("not a socket"))?;
        self.sockets.push(entry);
        Ok(self)
    }

    /// Sets the clock of the time of day.
    pub fn wall_clock(&mut self, clock: impl HostWallClock + 'static) -> &mut Self {
        self.wall = Some(Box::new(clock));
        self
    }

    /// Sets the monotonic clock, which then stands in for the clocks of CPU time too. Waiting
    /// for a span of time still takes that long on the host.
    pub fn monotonic_clock(&mut self, clock: impl HostMonotonicClock + 'static) -> &mut Self {
        self.monotonic = Some(Box::new(clock));
        self
    }

    /// Sets where random bytes come from: `fill` fills the whole of its buffer.
    pub fn secure_random(&mut self, fill: impl FnMut(&mut [u8]) + Send + 'static) -> &mut Self {
        self.random = Some(Box::new(fill));
        self
    }

    /// Sets how many descriptors the guest may have open, 1024 unless set. Each may hold one
    /// of the host's.
    pub fn max_descriptors(&mut self, max: usize) -> &mut Self {
        self.max_descriptors = Some(max);
        self
    }

    /// The state of a guest that is given all this. The builder is as new afterwards.
    pub fn build_p1(&mut self) -> WasiP1Ctx {
        let given = std::mem::take(self);
        let mut entries = vec![
            Entry::input(given.stdin.unwrap_or_else(|| Box::new(io::empty()))),
            Entry::output(given.stdout.unwrap_or_else(|| Box::new(io::sink()))),
            Entry::output(given.stderr.unwrap_or_else(|| Box::new(io::sink()))),
        ];
        entries.extend(given.dirs.into_iter().map(Entry::preopen));
        entries.extend(given.sockets);
        WasiP1Ctx {
            table: Table::new(entries, given.max_descriptors.unwrap_or(MAX_DESCRIPTORS)),
            args: given.args,
            env: given.env,
            clocks: Clocks::new(given.wall, given.monotonic),
            random: given.random,
        }
    }
}

impl std::fmt::Debug for WasiP1Ctx {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WasiP1Ctx")
            .field("args", &self.args)
            .finish_non_exhaustive()
    }
}

impl std::fmt::Debug for WasiCtxBuilder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WasiCtxBuilder")
            .field("args", &self.args)
            .finish_non_exhaustive()
    }
}
