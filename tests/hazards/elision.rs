//! Family 4 and the local hazard: random straight and branching code over a few locals, in which
//! checks may be left out and values pending, against an interpreter of the same program.

use std::fmt::Write;

use pronto::{Trap, Val};

use crate::operands::memory_byte;
use crate::rng::Rng;
use crate::support::{Guest, MODES, Mode};

const LOCALS: usize = 4;
const PAGE: u64 = 65536;
const MAX_PAGES: u64 = 3;

/// One step of a program.
#[derive(Clone, Debug)]
enum Step {
    /// Adds the bytes at `local + offset` to the sum.
    Load {
        local: usize,
        offset: u32,
        bytes: u64,
    },
    /// As `Load`, with `local` set while its old value waits as the address.
    LoadSetSince {
        local: usize,
        offset: u32,
        value: u32,
    },
    Add {
        local: usize,
        amount: u32,
    },
    Copy {
        from: usize,
        to: usize,
    },
    /// Exchanges two locals with both old values pending.
    Swap(usize, usize),
    /// Writes the low byte of a local.
    Store {
        local: usize,
        offset: u32,
        from: usize,
    },
    Call,
    Grow,
    /// Skips the steps if the local's low bits are zero.
    SkipIf {
        local: usize,
        mask: u32,
        steps: Vec<Step>,
    },
    If {
        local: usize,
        mask: u32,
        then: Vec<Step>,
        or_else: Vec<Step>,
    },
    Loop {
        count: u32,
        steps: Vec<Step>,
    },
}

fn program(rng: &mut Rng, depth: usize, len: usize) -> Vec<Step> {
    (0..len).map(|_| step(rng, depth)).collect()
}

fn step(rng: &mut Rng, depth: usize) -> Step {
    let local = rng.below(LOCALS);
    let offsets = [
        0,
        1,
        4,
        8,
        16,
        100,
        4096,
        65520,
        65536,
        0x7fff_fff0,
        0xffff_fff0,
    ];
    let choices = if rng.below(8) == 0 { 11 } else { 7 };
    let offset = rng.pick(&offsets[..choices]);
    let mask = rng.pick(&[1, 2, 4, 0x10]);
    match rng.below(if depth < 3 { 22 } else { 18 }) {
        0..=6 => Step::Load {
            local,
            offset,
            bytes: rng.pick(&[1, 2, 4, 8]),
        },
        7 => Step::LoadSetSince {
            local,
            offset,
            value: rng.pick(&[0, 5, 65500]),
        },
        8..=10 => Step::Add {
            local,
            amount: rng.pick(&[1, 4, 8, 64, u32::MAX, 0xffff_fff0]),
        },
        11 => Step::Copy {
            from: rng.below(LOCALS),
            to: local,
        },
        12 => Step::Swap(local, rng.below(LOCALS)),
        13..=15 => Step::Store {
            local,
            offset,
            from: rng.below(LOCALS),
        },
        16 => Step::Call,
        17 => Step::Grow,
        18 | 19 => Step::SkipIf {
            local,
            mask,
            steps: program(rng, depth + 1, 4),
        },
        20 => Step::If {
            local,
            mask,
            then: program(rng, depth + 1, 3),
            or_else: program(rng, depth + 1, 3),
        },
        _ => Step::Loop {
            count: 1 + rng.below(4) as u32,
            steps: program(rng, depth + 1, 4),
        },
    }
}

/// Text of a program; counts in the global `$done` what was reached.
fn emit(steps: &[Step], depth: usize, text: &mut String) {
    for step in steps {
        text.push_str("(global.set $done (i32.add (global.get $done) (i32.const 1)))\n");
        emit_step(step, depth, text);
    }
}

fn emit_step(step: &Step, depth: usize, text: &mut String) {
    let add = |text: &mut String, value: &str| {
        let _ = writeln!(
            text,
            "(local.set $sum (i64.add (i64.mul (local.get $sum) (i64.const 31)) {value}))"
        );
    };
    match step {
        Step::Load {
            local,
            offset,
            bytes,
        } => {
            let op = match bytes {
                1 => "i64.load8_u",
                2 => "i64.load16_u",
                4 => "i64.load32_u",
                _ => "i64.load",
            };
            add(text, &format!("({op} offset={offset} (local.get {local}))"));
        }
        Step::LoadSetSince {
            local,
            offset,
            value,
        } => add(
            text,
            &format!(
                "(local.get {local}) (local.set {local} (i32.const {value}))
                 (i64.load8_u offset={offset})"
            ),
        ),
        Step::Add { local, amount } => {
            let amount = *amount as i32;
            let _ = writeln!(
                text,
                "(local.set {local} (i32.add (local.get {local}) (i32.const {amount})))"
            );
        }
        Step::Copy { from, to } => {
            let _ = writeln!(text, "(local.set {to} (local.get {from}))");
        }
        Step::Swap(a, b) => {
            let _ = writeln!(
                text,
                "(local.get {a}) (local.get {b}) (local.set {a}) (local.set {b})"
            );
        }
        Step::Store {
            local,
            offset,
            from,
        } => {
            let _ = writeln!(
                text,
                "(i32.store8 offset={offset} (local.get {local}) (local.get {from}))"
            );
        }
        Step::Call => text.push_str("(call $nop)\n"),
        Step::Grow => add(text, "(i64.extend_i32_u (memory.grow (i32.const 1)))"),
        Step::SkipIf { local, mask, steps } => {
            let _ = writeln!(
                text,
                "(block (br_if 0 (i32.eqz (i32.and (local.get {local}) (i32.const {mask}))))"
            );
            emit(steps, depth, text);
            text.push_str(")\n");
        }
        Step::If {
            local,
            mask,
            then,
            or_else,
        } => {
            let _ = writeln!(
                text,
                "(if (i32.and (local.get {local}) (i32.const {mask})) (then"
            );
            emit(then, depth, text);
            text.push_str(") (else\n");
            emit(or_else, depth, text);
            text.push_str("))\n");
        }
        Step::Loop { count, steps } => {
            let counter = LOCALS + depth;
            let _ = writeln!(text, "(local.set {counter} (i32.const {count})) (loop");
            emit(steps, depth + 1, text);
            let _ = writeln!(
                text,
                "(br_if 0 (local.tee {counter} (i32.sub (local.get {counter}) (i32.const 1)))))"
            );
        }
    }
}

/// The same program, interpreted.
struct Machine {
    locals: [u32; LOCALS],
    memory: Vec<u8>,
    sum: u64,
    done: u32,
}

impl Machine {
    fn run(&mut self, steps: &[Step]) -> Result<(), Trap> {
        for step in steps {
            self.done += 1;
            self.step(step)?;
        }
        Ok(())
    }

    fn add(&mut self, value: u64) {
        self.sum = self.sum.wrapping_mul(31).wrapping_add(value);
    }

    fn range(&self, addr: u32, offset: u32, bytes: u64) -> Result<std::ops::Range<usize>, Trap> {
        let start = u64::from(addr) + u64::from(offset);
        if start + bytes > self.memory.len() as u64 {
            return Err(Trap::MemoryOutOfBounds);
        }
        Ok(start as usize..(start + bytes) as usize)
    }

    fn load(&mut self, addr: u32, offset: u32, bytes: u64) -> Result<(), Trap> {
        let range = self.range(addr, offset, bytes)?;
        let value = self.memory[range]
            .iter()
            .rev()
            .fold(0, |v, b| v << 8 | u64::from(*b));
        self.add(value);
        Ok(())
    }

    fn step(&mut self, step: &Step) -> Result<(), Trap> {
        match step {
            Step::Load {
                local,
                offset,
                bytes,
            } => self.load(self.locals[*local], *offset, *bytes)?,
            Step::LoadSetSince {
                local,
                offset,
                value,
            } => {
                let addr = self.locals[*local];
                self.locals[*local] = *value;
                self.load(addr, *offset, 1)?;
            }
            Step::Add { local, amount } => {
                self.locals[*local] = self.locals[*local].wrapping_add(*amount);
            }
            Step::Copy { from, to } => self.locals[*to] = self.locals[*from],
            Step::Swap(a, b) => self.locals.swap(*a, *b),
            Step::Store {
                local,
                offset,
                from,
            } => {
                let range = self.range(self.locals[*local], *offset, 1)?;
                self.memory[range.start] = self.locals[*from] as u8;
            }
            Step::Call => {}
            Step::Grow => {
                let pages = self.memory.len() as u64 / PAGE;
                if pages < MAX_PAGES {
                    self.memory.resize(self.memory.len() + PAGE as usize, 0);
                    self.add(pages);
                } else {
                    self.add(0xffff_ffff);
                }
            }
            Step::SkipIf { local, mask, steps } => {
                if self.locals[*local] & mask != 0 {
                    self.run(steps)?;
                }
            }
            Step::If {
                local,
                mask,
                then,
                or_else,
            } => {
                let taken = self.locals[*local] & mask != 0;
                self.run(if taken { then } else { or_else })?;
            }
            Step::Loop { count, steps } => {
                for _ in 0..*count {
                    self.run(steps)?;
                }
            }
        }
        Ok(())
    }
}

fn module(steps: &[Step]) -> String {
    let mut body = String::new();
    emit(steps, 0, &mut body);
    format!(
        "(module (memory (export \"memory\") 1 {MAX_PAGES})
           (global $done (export \"done\") (mut i32) (i32.const 0))
           (func $nop)
           (func (export \"run\") (param i32 i32 i32 i32) (result i64 i32 i32 i32 i32)
             (local i32 i32 i32 i32 i32) (local $sum i64)
             {body}
             (local.get $sum) (local.get 0) (local.get 1) (local.get 2) (local.get 3)))"
    )
}

fn check(mode: Mode, seed: u64, steps: &[Step], text: &str, args: [u32; LOCALS]) -> bool {
    let mut guest = Guest::wat(mode, text);
    let memory = guest
        .instance
        .get_memory(&mut guest.store, "memory")
        .expect("the memory");
    let bytes: Vec<u8> = (0..PAGE).map(|at| memory_byte(at) as u8).collect();
    memory.data_mut(&mut guest.store).copy_from_slice(&bytes);
    let mut machine = Machine {
        locals: args,
        memory: bytes,
        sum: 0,
        done: 0,
    };
    let wanted = machine.run(steps);
    let outcome = guest.call("run", &args.map(|arg| Val::I32(arg as i32)));
    let what = format!("{mode:?} seed {seed} args {args:x?}");
    match (&outcome, wanted) {
        (Ok(results), Ok(())) => {
            let results: Vec<u64> = results.iter().map(crate::support::bits).collect();
            let locals = machine.locals.map(u64::from);
            assert_eq!(
                results,
                [&[machine.sum], &locals[..]].concat(),
                "{what}\n{text}"
            );
        }
        (Err(error), Err(trap)) => assert_eq!(crate::support::trap(error), trap, "{what}"),
        _ => panic!(
            "{what}: {outcome:?}, expected {wanted:?} at step {}\n{text}",
            machine.done
        ),
    }
    let done = guest
        .instance
        .get_global(&mut guest.store, "done")
        .expect("the global")
        .get(&mut guest.store);
    assert_eq!(
        crate::support::bits(&done),
        u64::from(machine.done),
        "{what}\n{text}"
    );
    let data = memory.data(&guest.store);
    assert!(data == machine.memory, "{what}: memory differs\n{text}");
    wanted.is_ok()
}

#[test]
fn random_accesses() {
    let starts = [
        0,
        1,
        40,
        61440,
        65500,
        65528,
        65535,
        65536,
        131064,
        0x8000_0000,
        0xffff_fff8,
    ];
    let (mut returned, mut trapped) = (0, 0);
    for seed in 0..400 {
        let mut rng = Rng::new(seed);
        let steps = program(&mut rng, 0, 10);
        let text = module(&steps);
        for _ in 0..4 {
            let args = std::array::from_fn(|_| {
                let choices = if rng.below(3) == 0 { 11 } else { 4 };
                let start = rng.pick(&starts[..choices]);
                start + rng.below(8) as u32
            });
            for mode in MODES {
                match check(mode, seed, &steps, &text, args) {
                    true => returned += 1,
                    false => trapped += 1,
                }
            }
        }
    }
    println!("random accesses: {returned} returned, {trapped} trapped");
    assert!(returned > 1000 && trapped > 1000);
}
