//! Arguments, environment, clocks, random numbers, signals.

use super::Call;
use super::errno::{Errno, Result};
use super::guest::Guest;
use crate::clocks::Clock;

impl Call<'_> {
    pub(crate) fn args_get(&mut self, pointers: u32, bytes: u32) -> Result {
        put_strings(&mut self.mem, &self.ctx.args, pointers, bytes)
    }

    pub(crate) fn args_sizes_get(&mut self, count: u32, size: u32) -> Result {
        put_sizes(&mut self.mem, &self.ctx.args, count, size)
    }

    pub(crate) fn environ_get(&mut self, pointers: u32, bytes: u32) -> Result {
        put_strings(&mut self.mem, &self.ctx.env, pointers, bytes)
    }

    pub(crate) fn environ_sizes_get(&mut self, count: u32, size: u32) -> Result {
        put_sizes(&mut self.mem, &self.ctx.env, count, size)
    }

    pub(crate) fn clock_res_get(&mut self, id: u32, resolution: u32) -> Result {
        let clock = Clock::from_guest(id).ok_or(Errno::Inval)?;
        self.mem
            .put_at(resolution, &self.ctx.clocks.resolution(clock).to_le_bytes())
    }

    pub(crate) fn clock_time_get(&mut self, id: u32, _precision: u64, time: u32) -> Result {
        let clock = Clock::from_guest(id).ok_or(Errno::Inval)?;
        self.mem
            .put_at(time, &self.ctx.clocks.now(clock).to_le_bytes())
    }

    pub(crate) fn random_get(&mut self, buf: u32, len: u32) -> Result {
        let span = self.mem.span(buf, len)?;
        let bytes = self.mem.bytes_mut(span);
        match &mut self.ctx.random {
            Some(fill) => fill(bytes),
            None => getrandom::fill(bytes).map_err(|_| Errno::Io)?,
        }
        Ok(())
    }

    pub(crate) fn sched_yield(&mut self) -> Result {
        std::thread::yield_now();
        Ok(())
    }
}

/// Writes `strings`, each ended by a zero byte, at `bytes`, and where each starts at
/// `pointers`.
fn put_strings(mem: &mut Guest<'_>, strings: &[String], pointers: u32, bytes: u32) -> Result {
    let (count, size) = sizes(strings)?;
    let pointer_span = mem.array(pointers, count, 4)?;
    let byte_span = mem.span(bytes, size)?;
    let mut used = 0;
    for (i, string) in strings.iter().enumerate() {
        let len = string.len();
        // The sum of both fits: the whole of `byte_span` lies in a 32-bit memory.
        let at = bytes.wrapping_add(u32::try_from(used).map_err(|_| Errno::Overflow)?);
        mem.put(pointer_span.part(i * 4, 4), &at.to_le_bytes());
        mem.put(byte_span.part(used, len), string.as_bytes());
        mem.put(byte_span.part(used + len, 1), &[0]);
        used += len + 1;
    }
    Ok(())
}

/// Writes how many `strings` there are at `count`, and how many bytes they take at `size`.
fn put_sizes(mem: &mut Guest<'_>, strings: &[String], count: u32, size: u32) -> Result {
    let count_span = mem.span(count, 4)?;
    let size_span = mem.span(size, 4)?;
    let (count, size) = sizes(strings)?;
    mem.put(count_span, &count.to_le_bytes());
    mem.put(size_span, &size.to_le_bytes());
    Ok(())
}

fn sizes(strings: &[String]) -> Result<(u32, u32)> {
    let size: usize = strings.iter().map(|string| string.len() + 1).sum();
    let count = u32::try_from(strings.len()).map_err(|_| Errno::Overflow)?;
    Ok((count, u32::try_from(size).map_err(|_| Errno::Overflow)?))
}

/// What raising a signal does to a program that has not asked for it.
pub(crate) enum Raised {
    Ignored,
    /// The program ends as a shell reports it: with 128 and the number of the signal.
    Exit(i32),
}

/// The default action of signal `number`. Nothing can stop and continue a guest.
pub(crate) fn raise(number: u32) -> Result<Raised> {
    // The host's numbers, in the order of the specification's.
    const NUMBERS: [i32; 31] = [
        0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 17, 18, 19, 20, 21, 22, 23, 24, 25,
        26, 27, 28, 29, 30, 31,
    ];
    let host = *NUMBERS.get(number as usize).ok_or(Errno::Inval)?;
    match number {
        // None, CHLD, CONT, URG, WINCH.
        0 | 16 | 17 | 22 | 27 => Ok(Raised::Ignored),
        // STOP, TSTP, TTIN, TTOU.
        18..=21 => Err(Errno::Notsup),
        _ => Ok(Raised::Exit(128 + host)),
    }
}
