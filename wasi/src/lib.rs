//! WASI preview 1 for [Pronto](pronto): what programs built for `wasm32-wasip1` call.
mod clocks;
mod ctx;
pub mod p1;
mod perms;
pub mod pipe;
mod stdio;

pub use clocks::{HostMonotonicClock, HostWallClock};
pub use ctx::WasiCtxBuilder;
pub use perms::{DirPerms, FilePerms};
pub use pronto::I32Exit;
pub use stdio::{StdinStream, StdoutStream};
