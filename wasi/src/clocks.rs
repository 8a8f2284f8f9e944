//! The clocks a guest sees.

use rustix::time::{ClockId, Timespec, clock_getres, clock_gettime};
use std::time::{Duration, Instant, SystemTime};

/// A clock of the time of day.
pub trait HostWallClock: Send {
    /// The least difference between two readings.
    fn resolution(&self) -> Duration;

    /// Time since 1970-01-01T00:00:00Z.
    fn now(&self) -> Duration;
}

/// A clock that never goes back.
pub trait HostMonotonicClock: Send {
    /// The least difference between two readings, in nanoseconds.
    fn resolution(&self) -> u64;

    /// Nanoseconds since a moment of its own.
    fn now(&self) -> u64;
}

/// A clock that preview 1 names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Clock {
    Realtime,
    Monotonic,
    ProcessCputime,
    ThreadCputime,
}

impl Clock {
    pub(crate) fn from_guest(id: u32) -> Option<Self> {
        match id {
            0 => Some(Self::Realtime),
            1 => Some(Self::Monotonic),
            2 => Some(Self::ProcessCputime),
            3 => Some(Self::ThreadCputime),
            _ => None,
        }
    }
}

/// The clocks of one context: the host's, unless set.
pub(crate) struct Clocks {
    wall: Option<Box<dyn HostWallClock>>,
    monotonic: Option<Box<dyn HostMonotonicClock>>,
    /// The moment the host's monotonic clock counts from: how long the host has been up
    /// stays its own affair.
    start: Instant,
}

impl Clocks {
    pub(crate) fn new(
        wall: Option<Box<dyn HostWallClock>>,
        monotonic: Option<Box<dyn HostMonotonicClock>>,
    ) -> Self {
        Self {
            wall,
            monotonic,
            start: Instant::now(),
        }
    }

    /// The resolution of `clock` in nanoseconds.
    pub(crate) fn resolution(&self, clock: Clock) -> u64 {
        match (clock, &self.wall, &self.monotonic) {
            (Clock::Realtime, Some(set), _) => nanos(set.resolution()),
            (Clock::Realtime, None, _) => host_resolution(ClockId::Realtime),
            (_, _, Some(set)) => set.resolution(),
            (Clock::Monotonic, _, None) => host_resolution(ClockId::Monotonic),
            (Clock::ProcessCputime, _, None) => host_resolution(ClockId::ProcessCPUTime),
            (Clock::ThreadCputime, _, None) => host_resolution(ClockId::ThreadCPUTime),
        }
    }

    /// The reading of `clock` in nanoseconds. A monotonic clock that was set also stands in
    /// for the CPU clocks, or a guest could tell real time from them.
    pub(crate) fn now(&self, clock: Clock) -> u64 {
        match (clock, &self.wall, &self.monotonic) {
            (Clock::Realtime, Some(set), _) => nanos(set.now()),
            (Clock::Realtime, None, _) => nanos(
                SystemTime::now()
                    .duration_since(SystemTime::UNIX_EPOCH)
                    .unwrap_or_default(),
            ),
            (_, _, Some(set)) => set.now(),
            (Clock::Monotonic, _, None) => nanos(self.start.elapsed()),
            (Clock::ProcessCputime, _, None) => {
                timespec_nanos(clock_gettime(ClockId::ProcessCPUTime))
            }
            (Clock::ThreadCputime, _, None) => {
                timespec_nanos(clock_gettime(ClockId::ThreadCPUTime))
            }
        }
    }
}

fn host_resolution(clock: ClockId) -> u64 {
    timespec_nanos(clock_getres(clock))
}

fn timespec_nanos(time: Timespec) -> u64 {
    Duration::try_from(time).map_or(0, nanos)
}

/// Nanoseconds, which reach to the year 2554.
fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
