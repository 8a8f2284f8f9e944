//! The public API, end to end: guests run with both memory modes, without and with poison.

mod backtraces;
mod calls;
mod counters;
mod executions;
mod fuel;
mod futures;
mod hooks;
mod host;
mod interrupts;
mod items;
mod limits;
mod linking;
mod listeners;
mod misuse;
mod modules;
mod nans;
mod resumable;
mod runtimes;
mod signals;
mod stacks;
mod support;
mod suspended_checks;
mod tables;
mod threads;
mod traps;
mod yields;
