//! Waiting: `poll_oneoff` on clocks and descriptors together.

use super::Call;
use super::errno::{Errno, Result};
use super::guest::{Guest, Span, u16_at, u32_at, u64_at};
use super::table::{Entry, Object, Table};
use super::types::Rights;
use crate::clocks::{Clock, Clocks};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::time::{Duration, Instant};

/// The sizes of the records that go in and come out.
const SUBSCRIPTION: usize = 48;
const EVENT: usize = 32;

/// The most subscriptions of one call: a guest may make as many as its memory holds, and
/// each takes memory of the host.
const MAX_SUBSCRIPTIONS: u32 = 1 << 13;

/// How many bytes, where the number is not known.
const SOME: u64 = 1;

/// What an event reports of a peer that has closed.
const HANGUP: u16 = 1;

/// What a subscription waits for.
enum Source {
    /// A moment; none if it lies beyond what the host can wait for.
    Clock(Option<Instant>),
    Descriptor(u32, Direction),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Direction {
    Read,
    Write,
}

struct Subscription {
    userdata: u64,
    /// Or why it cannot be waited for, which is an event at once.
    source: Result<Source>,
    /// The specification's number of its kind.
    kind: u8,
}

/// What came of a subscription.
#[derive(Default)]
struct Outcome {
    error: Option<Errno>,
    nbytes: u64,
    flags: u16,
}

impl Subscription {
    fn from_guest(bytes: &[u8], clocks: &Clocks) -> Result<Self> {
        let kind = bytes[8];
        let source = match kind {
            0 => deadline(bytes, clocks).map(Source::Clock),
            1 => Ok(Source::Descriptor(u32_at(bytes, 16), Direction::Read)),
            2 => Ok(Source::Descriptor(u32_at(bytes, 16), Direction::Write)),
            _ => return Err(Errno::Inval),
        };
        Ok(Self {
            userdata: u64_at(bytes, 0),
            source,
            kind,
        })
    }

    fn event(&self, outcome: &Outcome) -> [u8; EVENT] {
        let mut bytes = [0; EVENT];
        let error = outcome.error.map_or(0, |errno| errno as u16);
        bytes[0..8].copy_from_slice(&self.userdata.to_le_bytes());
        bytes[8..10].copy_from_slice(&error.to_le_bytes());
        bytes[10] = self.kind;
        bytes[16..24].copy_from_slice(&outcome.nbytes.to_le_bytes());
        bytes[24..26].copy_from_slice(&outcome.flags.to_le_bytes());
        bytes
    }
}

/// When a clock subscription is due.
fn deadline(bytes: &[u8], clocks: &Clocks) -> Result<Option<Instant>> {
    let clock = Clock::from_guest(u32_at(bytes, 16)).ok_or(Errno::Inval)?;
    // Nothing on the host waits for time that a processor spends.
    if matches!(clock, Clock::ProcessCputime | Clock::ThreadCputime) {
        return Err(Errno::Notsup);
    }
    let timeout = u64_at(bytes, 24);
    let wait = match u16_at(bytes, 40) {
        0 => timeout,
        1 => timeout.saturating_sub(clocks.now(clock)),
        _ => return Err(Errno::Inval),
    };
    Ok(Instant::now().checked_add(Duration::from_nanos(wait)))
}

/// The events as they are found.
struct Events<'a, 'b> {
    mem: &'a mut Guest<'b>,
    out: Span,
    count: usize,
}

impl Events<'_, '_> {
    fn add(&mut self, subscription: &Subscription, outcome: &Outcome) {
        let record = self.out.part(self.count * EVENT, EVENT);
        self.mem.put(record, &subscription.event(outcome));
        self.count += 1;
    }
}

impl Call<'_> {
    pub(crate) fn poll_oneoff(&mut self, input: u32, output: u32, n: u32, stored: u32) -> Result {
        if n == 0 || n > MAX_SUBSCRIPTIONS {
            return Err(Errno::Inval);
        }
        let stored = self.mem.span(stored, 4)?;
        let out = self.mem.array(output, n, EVENT as u32)?;
        let input = self.mem.array(input, n, SUBSCRIPTION as u32)?;
        let mut subscriptions = Vec::with_capacity(n as usize);
        for i in 0..n as usize {
            let bytes = self.mem.bytes(input.part(i * SUBSCRIPTION, SUBSCRIPTION));
            subscriptions.push(Subscription::from_guest(bytes, &self.ctx.clocks)?);
        }
        let mut events = Events {
            mem: &mut self.mem,
            out,
            count: 0,
        };
        wait(&subscriptions, &self.ctx.table, &mut events)?;
        let count = events.count;
        self.mem.put_len(stored, count)
    }
}

/// Waits until at least one of `subscriptions` has an event.
fn wait(subscriptions: &[Subscription], table: &Table, events: &mut Events<'_, '_>) -> Result {
    let mut clocks = Vec::new();
    let mut fds = Vec::new();
    let mut waiting = Vec::new();
    for subscription in subscriptions {
        let now = match subscription.source {
            Ok(Source::Clock(due)) => {
                clocks.push((due, subscription));
                continue;
            }
            Ok(Source::Descriptor(fd, direction)) => look(table, fd, direction),
            Err(errno) => Err(errno),
        };
        match now {
            Ok(Now::Ready(nbytes)) => {
                events.add(
                    subscription,
                    &Outcome {
                        nbytes,
                        ..Outcome::default()
                    },
                );
            }
            Ok(Now::Wait(fd)) => {
                fds.push(fd);
                waiting.push(subscription);
            }
            Err(errno) => {
                events.add(
                    subscription,
                    &Outcome {
                        error: Some(errno),
                        ..Outcome::default()
                    },
                );
            }
        }
    }
    while events.count == 0 || !fds.is_empty() {
        let now = Instant::now();
        for (_, subscription) in clocks
            .iter()
            .filter(|(due, _)| due.is_some_and(|due| due <= now))
        {
            events.add(subscription, &Outcome::default());
        }
        let next = clocks.iter().filter_map(|(due, _)| *due).min();
        let left = match events.count {
            0 => next.map(|due| due.saturating_duration_since(now)),
            _ => Some(Duration::ZERO),
        };
        let left = left.and_then(|left| Timespec::try_from(left).ok());
        match poll(&mut fds, left.as_ref()) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(errno) => return Err(errno.into()),
        }
        for (fd, subscription) in fds.iter().zip(&waiting) {
            if let Some(outcome) = outcome(fd) {
                events.add(subscription, &outcome);
            }
        }
        if events.count > 0 {
            break;
        }
    }
    Ok(())
}

/// What a descriptor says before anything is waited for.
enum Now<'a> {
    /// This many bytes can be read, or some be written.
    Ready(u64),
    Wait(PollFd<'a>),
}

fn look(table: &Table, fd: u32, direction: Direction) -> Result<Now<'_>> {
    let entry = table.get(fd)?;
    let misdirected = match &entry.object {
        Object::Input(_) => direction == Direction::Write,
        Object::Output(_) => direction == Direction::Read,
        Object::Dir(_) => true,
        Object::File(_) | Object::Socket(_) => false,
    };
    if misdirected {
        return Err(Errno::Badf);
    }
    entry.require(Rights::POLL_FD_READWRITE)?;
    let flags = match direction {
        Direction::Read => PollFlags::IN,
        Direction::Write => PollFlags::OUT,
    };
    match entry.object.host_fd() {
        Some(host) => Ok(Now::Wait(PollFd::from_borrowed_fd(host, flags))),
        None => Ok(Now::Ready(available(entry))),
    }
}

/// What a stream without a descriptor has to read, or that it can be written.
fn available(entry: &Entry) -> u64 {
    match &entry.object {
        Object::Input(stream) => stream.available(),
        Object::Output(_) | Object::File(_) | Object::Dir(_) | Object::Socket(_) => SOME,
    }
}

/// What the host found of a descriptor, if anything.
fn outcome(fd: &PollFd<'_>) -> Option<Outcome> {
    let found = fd.revents();
    if found.is_empty() {
        return None;
    }
    if found.contains(PollFlags::NVAL) {
        return Some(Outcome {
            error: Some(Errno::Badf),
            ..Outcome::default()
        });
    }
    // What went wrong, the next read or write will say.
    let gone = found.intersects(PollFlags::HUP | PollFlags::ERR);
    let nbytes = match found.contains(PollFlags::IN) {
        // A listening socket has connections to accept, not bytes.
        true => rustix::io::ioctl_fionread(fd).unwrap_or(SOME),
        false => SOME,
    };
    Some(Outcome {
        error: None,
        nbytes,
        flags: if gone { HANGUP } else { 0 },
    })
}
