//! The public API, end to end: each test runs with both memory modes where guests run.

mod calls;
mod host;
mod support;
