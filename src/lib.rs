//! Pronto.
#![deny(unsafe_code)]
#![allow(dead_code, reason = "under construction")]

pub(crate) mod amd64;
pub(crate) mod arm64;
pub(crate) mod asm;
pub(crate) mod engine;
pub(crate) mod error;
pub mod inspect;
pub(crate) mod ir;
