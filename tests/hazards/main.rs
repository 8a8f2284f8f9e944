//! How single-pass compilers have failed, each as a family of tests, in every way to compile.

mod addresses;
mod buffers;
mod compound;
mod copies;
mod dirty;
mod division;
mod elision;
mod flags;
mod grow;
mod limits;
mod memory_ops;
mod operands;
mod pending;
mod ranges;
mod reference;
mod registers;
#[path = "../support/rng.rs"]
mod rng;
mod shapes;
mod signatures;
mod spaces;
mod stack;
mod support;
