//! As much of WASI as a program needs that reads its standard input and writes its standard output: the same
//! code for every runtime, so that a difference is the runtime's.

/// What a program is given, and what comes of it.
pub struct State {
    args: Vec<String>,
    input: Vec<u8>,
    read: usize,
    pub output: Vec<u8>,
    pub errors: Vec<u8>,
    /// Set by `proc_exit`: the call must then end the guest.
    pub status: Option<u32>,
    /// The next reading of a clock, and the next random number.
    time: u64,
    random: u64,
}

/// A function of WASI: the guest's memory and the arguments, 32-bit ones extended; an error number.
pub type Function = fn(&mut State, &mut [u8], &[u64]) -> u32;

const BADF: u32 = 8;
const FAULT: u32 = 21;
const NOSYS: u32 = 52;
const SPIPE: u32 = 70;

/// The function `name`. What is not here no program calls that has no files.
pub fn function(name: &str) -> Function {
    match name {
        "args_get" => |state, mem, args| done(state.args_get(mem, args)),
        "args_sizes_get" => |state, mem, args| {
            let bytes = state.args.iter().map(|arg| arg.len() + 1).sum::<usize>();
            done(put_two(mem, args, state.args.len() as u32, bytes as u32))
        },
        "environ_get" | "fd_close" | "fd_fdstat_set_flags" | "sched_yield" => |_, _, _| 0,
        "environ_sizes_get" => |_, mem, args| done(put_two(mem, args, 0, 0)),
        "clock_res_get" => |_, mem, args| done(put(mem, args[1], &1u64.to_le_bytes())),
        "clock_time_get" => |state, mem, args| {
            state.time += 1_000_000;
            done(put(mem, args[2], &state.time.to_le_bytes()))
        },
        "fd_fdstat_get" => |_, mem, args| match args[0] {
            0..=2 => {
                let mut stat = [0xff; 24];
                stat[..8].fill(0);
                done(put(mem, args[1], &stat))
            }
            _ => BADF,
        },
        "fd_filestat_get" => |_, mem, args| match args[0] {
            0..=2 => done(put(mem, args[1], &[0; 64])),
            _ => BADF,
        },
        "fd_prestat_get" | "fd_prestat_dir_name" => |_, _, _| BADF,
        "fd_read" => |state, mem, args| done(state.fd_read(mem, args)),
        "fd_seek" | "fd_tell" => |_, _, _| SPIPE,
        "fd_write" => |state, mem, args| done(state.fd_write(mem, args)),
        "proc_exit" => |state, _, args| {
            state.status = Some(args[0] as u32);
            0
        },
        "random_get" => |state, mem, args| done(state.random_get(mem, args)),
        _ => |_, _, _| NOSYS,
    }
}

/// The number of a result: what lies outside of the memory is a fault.
fn done(result: Option<()>) -> u32 {
    if result.is_some() { 0 } else { FAULT }
}

fn bytes(mem: &mut [u8], at: u64, len: u64) -> Option<&mut [u8]> {
    mem.get_mut(at as usize..)?.get_mut(..len as usize)
}

fn put(mem: &mut [u8], at: u64, value: &[u8]) -> Option<()> {
    bytes(mem, at, value.len() as u64)?.copy_from_slice(value);
    Some(())
}

fn put_two(mem: &mut [u8], args: &[u64], first: u32, second: u32) -> Option<()> {
    put(mem, args[0], &first.to_le_bytes())?;
    put(mem, args[1], &second.to_le_bytes())
}

fn word(mem: &mut [u8], at: u64) -> Option<u64> {
    let word = bytes(mem, at, 4)?;
    Some(u64::from(u32::from_le_bytes(word.try_into().ok()?)))
}

/// What comes of a program: what it wrote, unless it was stopped by something else than its exit.
pub fn ended(result: anyhow::Result<()>, state: State) -> anyhow::Result<State> {
    match state.status {
        Some(_) => Ok(state),
        None => result.map(|()| state),
    }
}

impl State {
    pub fn new(args: &[&str], input: &[u8]) -> Self {
        Self {
            args: args.iter().map(|&arg| arg.to_owned()).collect(),
            input: input.to_owned(),
            read: 0,
            output: Vec::new(),
            errors: Vec::new(),
            status: None,
            time: 1_700_000_000_000_000_000,
            random: 1,
        }
    }

    fn args_get(&self, mem: &mut [u8], args: &[u64]) -> Option<()> {
        let (mut pointer, mut at) = (args[0], args[1]);
        for arg in &self.args {
            put(mem, pointer, &(at as u32).to_le_bytes())?;
            put(mem, at, arg.as_bytes())?;
            at += arg.len() as u64;
            put(mem, at, &[0])?;
            (pointer, at) = (pointer + 4, at + 1);
        }
        Some(())
    }

    /// The buffers of an array of them.
    fn iovecs(mem: &mut [u8], args: &[u64]) -> Option<Vec<(u64, u64)>> {
        let iovec = |i| {
            let at = args[1] + i * 8;
            Some((word(mem, at)?, word(mem, at + 4)?))
        };
        (0..args[2]).map(iovec).collect()
    }

    fn fd_read(&mut self, mem: &mut [u8], args: &[u64]) -> Option<()> {
        let before = self.read;
        for (at, len) in Self::iovecs(mem, args)? {
            let rest = &self.input[self.read..];
            let len = rest.len().min(len as usize);
            put(mem, at, &rest[..len])?;
            self.read += len;
        }
        put(mem, args[3], &((self.read - before) as u32).to_le_bytes())
    }

    fn fd_write(&mut self, mem: &mut [u8], args: &[u64]) -> Option<()> {
        let mut written = 0;
        for (at, len) in Self::iovecs(mem, args)? {
            let text = bytes(mem, at, len)?;
            match args[0] {
                1 => self.output.extend_from_slice(text),
                _ => self.errors.extend_from_slice(text),
            }
            written += len as u32;
        }
        put(mem, args[3], &written.to_le_bytes())
    }

    fn random_get(&mut self, mem: &mut [u8], args: &[u64]) -> Option<()> {
        for byte in bytes(mem, args[0], args[1])? {
            self.random = self
                .random
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            *byte = (self.random >> 56) as u8;
        }
        Some(())
    }
}
