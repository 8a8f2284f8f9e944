//! Waiting for clocks and descriptors.

mod common;

use common::names::*;
use common::{Answer, Guest, sandbox};
use pronto_wasi::pipe::{MemoryInputPipe, MemoryOutputPipe};
use pronto_wasi::{HostMonotonicClock, HostWallClock, WasiCtxBuilder};
use std::io::{Write, pipe};
use std::time::{Duration, Instant};

const MS: u64 = 1_000_000;

#[derive(Clone, Copy)]
enum Sub {
    /// Clock, nanoseconds, flags.
    Clock(u32, u64, u16),
    Read(u32),
    Write(u32),
    /// A kind that does not exist.
    Kind(u8),
}

#[derive(Debug, PartialEq, Eq)]
struct Event {
    userdata: u64,
    error: u32,
    kind: u8,
    nbytes: u64,
    flags: u16,
}

fn event(userdata: u64, kind: u8, nbytes: u64) -> Event {
    Event {
        userdata,
        error: 0,
        kind,
        nbytes,
        flags: 0,
    }
}

fn poll(guest: &mut Guest, subs: &[Sub]) -> Answer<Vec<Event>> {
    let mut bytes = Vec::new();
    for (i, sub) in subs.iter().enumerate() {
        let mut record = [0; 48];
        record[..8].copy_from_slice(&(100 + i as u64).to_le_bytes());
        match *sub {
            Sub::Clock(id, timeout, flags) => {
                record[16..20].copy_from_slice(&id.to_le_bytes());
                record[24..32].copy_from_slice(&timeout.to_le_bytes());
                record[40..42].copy_from_slice(&flags.to_le_bytes());
            }
            Sub::Read(fd) => {
                record[8] = 1;
                record[16..20].copy_from_slice(&fd.to_le_bytes());
            }
            Sub::Write(fd) => {
                record[8] = 2;
                record[16..20].copy_from_slice(&fd.to_le_bytes());
            }
            Sub::Kind(kind) => record[8] = kind,
        }
        bytes.extend(record);
    }
    let input = guest.put(&bytes);
    let output = guest.room(subs.len() * 32);
    let count = guest.room(4);
    guest.call(
        "poll_oneoff",
        args![input, output, subs.len() as u32, count],
    )?;
    let events = (0..guest.u32_at(count)).map(|i| {
        let at = output + i * 32;
        Event {
            userdata: guest.u64_at(at),
            error: u32::from(guest.u16_at(at + 8)),
            kind: guest.read_memory(at + 10, 1)[0],
            nbytes: guest.u64_at(at + 16),
            flags: guest.u16_at(at + 24),
        }
    });
    Ok(events.collect())
}

fn now(guest: &mut Guest, clock: u32) -> u64 {
    guest
        .call("clock_time_get", args![clock, 0u64, 8u32])
        .unwrap();
    guest.u64_at(8)
}

#[test]
fn a_clock_waits() {
    let (_dir, mut guest) = sandbox();
    for clock in [0, 1] {
        let start = Instant::now();
        let events = poll(&mut guest, &[Sub::Clock(clock, 20 * MS, 0)]).unwrap();
        assert!(start.elapsed() >= Duration::from_millis(20));
        assert_eq!(events, [event(100, 0, 0)]);
        let due = now(&mut guest, clock) + 20 * MS;
        poll(&mut guest, &[Sub::Clock(clock, due, 1)]).unwrap();
        assert!(now(&mut guest, clock) >= due);
        // What is past is due.
        let past = poll(
            &mut guest,
            &[Sub::Clock(clock, 1, 1), Sub::Clock(clock, 0, 0)],
        );
        assert_eq!(past.unwrap().len(), 2);
    }
}

#[test]
fn the_first_clock_ends_the_wait() {
    let (_dir, mut guest) = sandbox();
    let start = Instant::now();
    let subs = [
        Sub::Clock(1, u64::MAX, 0),
        Sub::Clock(1, MS, 0),
        Sub::Clock(0, 60_000 * MS, 0),
    ];
    assert_eq!(poll(&mut guest, &subs).unwrap(), [event(101, 0, 0)]);
    assert!(start.elapsed() < Duration::from_secs(30));
}

#[test]
fn clocks_that_cannot_be_waited_for_say_so() {
    let (_dir, mut guest) = sandbox();
    for (clock, flags, errno) in [
        (2, 0, NOTSUP),
        (3, 0, NOTSUP),
        (4, 0, INVAL),
        (1, 2, INVAL),
        (1, 256, INVAL),
    ] {
        let events = poll(&mut guest, &[Sub::Clock(clock, 0, flags)]).unwrap();
        assert_eq!(
            events,
            [Event {
                error: errno,
                ..event(100, 0, 0)
            }]
        );
    }
}

#[test]
fn bad_arguments_are_refused() {
    let (_dir, mut guest) = sandbox();
    assert_eq!(poll(&mut guest, &[]), Err(INVAL));
    assert_eq!(poll(&mut guest, &[Sub::Kind(3)]), Err(INVAL));
    let end = guest.memory_size();
    let poll_at = |guest: &mut Guest, input: u32, output: u32, n: u32, count: u32| {
        guest.call("poll_oneoff", args![input, output, n, count])
    };
    assert_eq!(poll_at(&mut guest, end - 47, 8, 1, 100), Err(FAULT));
    assert_eq!(poll_at(&mut guest, 8, end - 31, 1, 100), Err(FAULT));
    assert_eq!(poll_at(&mut guest, 8, 8, 1, end - 3), Err(FAULT));
    // The host keeps nothing for what it will not do.
    assert_eq!(poll_at(&mut guest, 8, 8, 8192, 100), Err(FAULT));
    assert_eq!(poll_at(&mut guest, 8, 8, 8193, 100), Err(INVAL));
    assert_eq!(poll_at(&mut guest, 8, 8, u32::MAX, 100), Err(INVAL));
}

#[test]
fn events_may_overwrite_subscriptions() {
    let (_dir, mut guest) = sandbox();
    let mut record = [0; 96];
    record[..8].copy_from_slice(&7u64.to_le_bytes());
    record[48..56].copy_from_slice(&8u64.to_le_bytes());
    record[16] = 1;
    record[64] = 1;
    guest.write_memory(1000, &record);
    assert_eq!(
        guest.call("poll_oneoff", args![1000u32, 1003u32, 2u32, 900u32]),
        Ok(())
    );
    assert_eq!(guest.u32_at(900), 2);
    assert_eq!((guest.u64_at(1003), guest.u64_at(1035)), (7, 8));
}

#[test]
fn a_file_is_always_ready() {
    let (_dir, mut guest) = sandbox();
    let fd = guest.create("file", b"0123456789");
    guest.seek(fd, 4, SEEK_SET).unwrap();
    let subs = [Sub::Read(fd), Sub::Write(fd), Sub::Clock(1, 60_000 * MS, 0)];
    let events = poll(&mut guest, &subs).unwrap();
    assert_eq!(events, [event(100, 1, 6), event(101, 2, 1)]);
}

#[test]
fn streams_in_memory_are_always_ready() {
    let mut guest = Guest::new(
        WasiCtxBuilder::new()
            .stdin(MemoryInputPipe::new("input"))
            .stdout(MemoryOutputPipe::new(9)),
    );
    let subs = [Sub::Read(0), Sub::Write(1), Sub::Clock(1, 60_000 * MS, 0)];
    let events = poll(&mut guest, &subs).unwrap();
    assert_eq!(events, [event(100, 1, 5), event(101, 2, 1)]);
}

#[test]
fn what_cannot_be_waited_for_is_an_event() {
    let (_dir, mut guest) = sandbox();
    let fd = guest.create("file", b"");
    guest.drop_rights(fd, POLL_FD_READWRITE);
    let subs = [
        Sub::Read(CLOSED),
        Sub::Write(0),
        Sub::Read(1),
        Sub::Read(DIR),
        Sub::Read(fd),
        Sub::Clock(1, 60_000 * MS, 0),
    ];
    let errors: Vec<u32> = poll(&mut guest, &subs)
        .unwrap()
        .iter()
        .map(|e| e.error)
        .collect();
    assert_eq!(errors, [BADF, BADF, BADF, BADF, NOTCAPABLE]);
}

#[test]
fn a_pipe_is_ready_when_written() {
    let (their_input, mut our_output) = pipe().unwrap();
    let mut guest = Guest::new(WasiCtxBuilder::new().stdin(their_input));
    let subs = [Sub::Clock(1, 20 * MS, 0), Sub::Read(0)];
    assert_eq!(poll(&mut guest, &subs).unwrap(), [event(100, 0, 0)]);
    our_output.write_all(b"abc").unwrap();
    assert_eq!(poll(&mut guest, &subs).unwrap(), [event(101, 1, 3)]);
    assert_eq!(guest.read(0, 10).unwrap(), b"abc");
    // Written while the guest waits.
    let writer = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(20));
        our_output.write_all(b"de").unwrap();
        our_output
    });
    let subs = [Sub::Clock(1, 60_000 * MS, 0), Sub::Read(0), Sub::Read(0)];
    let events = poll(&mut guest, &subs).unwrap();
    assert_eq!(events, [event(101, 1, 2), event(102, 1, 2)]);
    guest.read(0, 10).unwrap();
    drop(writer.join().unwrap());
    let events = poll(&mut guest, &subs).unwrap();
    assert_eq!(
        events[0],
        Event {
            flags: 1,
            ..event(101, 1, events[0].nbytes)
        }
    );
    assert_eq!(guest.read(0, 10).unwrap(), b"");
}

#[test]
fn a_full_pipe_is_not_ready() {
    let (our_input, their_output) = pipe().unwrap();
    let mut guest = Guest::new(WasiCtxBuilder::new().stdout(their_output));
    let subs = [Sub::Write(1), Sub::Clock(1, 20 * MS, 0)];
    assert_eq!(poll(&mut guest, &subs).unwrap(), [event(100, 2, 1)]);
    guest
        .call("fd_fdstat_set_flags", args![1u32, NONBLOCK])
        .unwrap();
    let block = vec![0; 4096];
    while guest.write(1, &block).is_ok() {}
    assert_eq!(guest.write(1, &block), Err(AGAIN));
    assert_eq!(poll(&mut guest, &subs).unwrap(), [event(101, 0, 0)]);
    drop(our_input);
    assert_eq!(
        poll(&mut guest, &subs).unwrap()[0],
        Event {
            flags: 1,
            ..event(100, 2, 1)
        }
    );
}

struct Stopped;

impl HostWallClock for Stopped {
    fn resolution(&self) -> Duration {
        Duration::from_millis(1)
    }

    fn now(&self) -> Duration {
        Duration::from_secs(1000)
    }
}

impl HostMonotonicClock for Stopped {
    fn resolution(&self) -> u64 {
        7
    }

    fn now(&self) -> u64 {
        500 * MS
    }
}

#[test]
fn clocks_that_stand_still_are_waited_for() {
    let mut guest = Guest::new(
        WasiCtxBuilder::new()
            .wall_clock(Stopped)
            .monotonic_clock(Stopped),
    );
    let start = Instant::now();
    poll(&mut guest, &[Sub::Clock(1, 520 * MS, 1)]).unwrap();
    poll(&mut guest, &[Sub::Clock(0, 1_000_020 * MS, 1)]).unwrap();
    poll(&mut guest, &[Sub::Clock(1, 20 * MS, 0)]).unwrap();
    assert!(start.elapsed() >= Duration::from_millis(60));
}
