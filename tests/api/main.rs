//! The public API, end to end: each test runs with both memory modes where guests run.

mod backtraces;
mod calls;
mod host;
mod stacks;
mod support;
mod traps;
