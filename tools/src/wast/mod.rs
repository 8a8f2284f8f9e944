//! Running scripts of the specification's test suite (`.wast`).

mod script;
mod spectest;
mod values;

pub use script::{Options, Report, run};
