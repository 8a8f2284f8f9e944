//! Each function of preview 1 succeeds, and fails in each way that it can.
//!
//! `common::errors` lists what a function may answer, and every test's calls are held to it. Here
//! each pair is provoked: by a call that succeeds and is spoilt at each of its arguments, or by
//! a case of its own.
//!
//! Not provoked is what only a host that is broken, full or out of memory answers, or a file
//! system of a special kind: the host's number is handed on.
#![cfg(target_os = "linux")]

mod calls;
mod cases;
#[path = "../common/mod.rs"]
mod common;
mod world;

use calls::{CALLS, Role, bad_paths, bad_targets};
use cases::CASES;
use common::errors::ERRORS;
use common::names::*;
use common::{Answer, Arg, FUNCTIONS, Guest};
use std::collections::{BTreeMap, BTreeSet};
use world::World;

/// What is done to one argument of a call.
#[derive(Clone)]
enum Spoilt {
    No,
    /// Another descriptor.
    Fd(u32),
    /// The same without a right.
    Right(u64),
    /// The invalid word.
    Word,
    /// A pointer to what does not lie in the memory as a whole.
    Outside,
    /// An array of one buffer that does not.
    BufferOutside,
    /// An array that is too long.
    Long,
    /// Other bytes.
    Bytes(Vec<u8>),
}

/// A pointer to `len` bytes, or to one byte too few.
fn place(guest: &mut Guest, len: u32, spoilt: &Spoilt) -> u32 {
    match spoilt {
        Spoilt::Outside => guest.memory_size() - len + 1,
        _ => guest.room(len as usize),
    }
}

fn text(guest: &mut Guest, text: &str, spoilt: &Spoilt) -> [Arg; 2] {
    let bytes = match spoilt {
        Spoilt::Bytes(bytes) => bytes,
        _ => text.as_bytes(),
    };
    let len = u32::try_from(bytes.len()).unwrap();
    let at = place(guest, len, spoilt);
    if !matches!(spoilt, Spoilt::Outside) {
        guest.write_memory(at, bytes);
    }
    [at.into(), len.into()]
}

fn iovecs(guest: &mut Guest, spoilt: &Spoilt) -> [Arg; 2] {
    let buffer = match spoilt {
        Spoilt::BufferOutside => guest.memory_size() - 3,
        _ => guest.room(4),
    };
    let at = match spoilt {
        Spoilt::Outside => guest.memory_size() - 7,
        _ => guest.iovecs(&[(buffer, 4)]),
    };
    let count = if matches!(spoilt, Spoilt::Long) {
        1025
    } else {
        1u32
    };
    [at.into(), count.into()]
}

/// The arguments that stand for `role`.
fn arguments(guest: &mut Guest, role: Role, spoilt: &Spoilt) -> Vec<Arg> {
    let wrong = matches!(spoilt, Spoilt::Word);
    match role {
        Role::Fd(fd, ..) => match spoilt {
            Spoilt::Fd(other) => vec![(*other).into()],
            _ => vec![fd.into()],
        },
        Role::Word(right, invalid) => vec![if wrong { invalid } else { right }.into()],
        Role::Long(right, invalid) => vec![if wrong { invalid } else { right }.into()],
        Role::Any(word) => vec![word.into()],
        Role::Result(len) => vec![place(guest, len, spoilt).into()],
        Role::Bytes(bytes) => {
            let len = u32::try_from(bytes.len()).unwrap();
            let at = place(guest, len, spoilt);
            if !matches!(spoilt, Spoilt::Outside) {
                guest.write_memory(at, bytes);
            }
            vec![at.into()]
        }
        Role::Buffer(len) => vec![place(guest, len, spoilt).into(), len.into()],
        Role::Iovecs => iovecs(guest, spoilt).to_vec(),
        Role::Path(path) | Role::Target(path) => text(guest, path, spoilt).to_vec(),
    }
}

/// Makes the call with its argument `at` spoilt, in a world of its own.
fn make(name: &str, roles: &[Role], at: usize, spoilt: &Spoilt) -> Answer {
    let mut world = World::new();
    let guest = &mut world.guest;
    if let (Role::Fd(fd, ..), Spoilt::Right(right)) = (roles[at], spoilt) {
        guest.drop_rights(fd, *right);
    }
    let mut args = Vec::new();
    for (i, role) in roles.iter().enumerate() {
        let spoilt = if i == at { spoilt } else { &Spoilt::No };
        args.extend(arguments(guest, *role, spoilt));
    }
    guest.call(name, &args)
}

/// Each way to spoil an argument, and the error that comes of it.
fn ways(role: Role) -> Vec<(Spoilt, u32)> {
    let outside = (Spoilt::Outside, FAULT);
    match role {
        Role::Fd(_, rights, others) => [CLOSED, u32::MAX]
            .map(|fd| (Spoilt::Fd(fd), BADF))
            .into_iter()
            .chain(others.iter().map(|(fd, errno)| (Spoilt::Fd(*fd), *errno)))
            .chain(
                rights
                    .iter()
                    .map(|right| (Spoilt::Right(*right), NOTCAPABLE)),
            )
            .collect(),
        Role::Word(..) | Role::Long(..) => vec![(Spoilt::Word, INVAL)],
        Role::Any(_) => vec![],
        Role::Result(_) | Role::Bytes(_) | Role::Buffer(_) => vec![outside],
        Role::Iovecs => vec![
            outside,
            (Spoilt::BufferOutside, FAULT),
            (Spoilt::Long, INVAL),
        ],
        Role::Path(_) => texts(bad_paths()),
        Role::Target(_) => texts(bad_targets()),
    }
}

fn texts(bad: Vec<(Vec<u8>, u32)>) -> Vec<(Spoilt, u32)> {
    let bad = bad
        .into_iter()
        .map(|(bytes, errno)| (Spoilt::Bytes(bytes), errno));
    bad.chain([(Spoilt::Outside, FAULT)]).collect()
}

#[test]
fn every_function_succeeds_and_fails_in_each_way() {
    let mut seen: BTreeMap<&str, BTreeSet<u32>> = BTreeMap::new();
    let mut wrong = Vec::new();
    for (name, roles) in CALLS {
        seen.entry(name).or_default();
        assert_eq!(make(name, roles, 0, &Spoilt::No), Ok(()), "{name}");
        for (at, role) in roles.iter().enumerate() {
            for (n, (spoilt, errno)) in ways(*role).iter().enumerate() {
                let answer = make(name, roles, at, spoilt);
                if answer != Err(*errno) {
                    wrong.push(format!(
                        "{name}, argument {at}, way {n}: {answer:?}, not {errno}"
                    ));
                }
                seen.entry(name).or_default().insert(*errno);
            }
        }
    }
    for (name, errno, case) in CASES {
        let answer = case(&mut World::new());
        if answer != Err(*errno) {
            wrong.push(format!("{name}, a case of {errno}: {answer:?}"));
        }
        seen.entry(name).or_default().insert(*errno);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    for (name, errnos) in ERRORS {
        let listed: BTreeSet<u32> = errnos.iter().copied().collect();
        assert_eq!(seen.remove(name).unwrap_or_default(), listed, "{name}");
    }
    assert!(seen.is_empty(), "not listed: {:?}", seen.keys());
}

#[test]
fn all_functions_are_listed() {
    let names: Vec<&str> = FUNCTIONS.iter().map(|(name, _)| *name).collect();
    let listed: Vec<&str> = ERRORS.iter().map(|(name, _)| *name).collect();
    assert_eq!(listed, names);
    let called: BTreeSet<&str> = CALLS.iter().map(|(name, _)| *name).collect();
    let rest: Vec<&str> = names
        .into_iter()
        .filter(|name| !called.contains(name))
        .collect();
    // Neither has an error; `process` has their success.
    assert_eq!(rest, ["proc_exit", "sched_yield"]);
}
