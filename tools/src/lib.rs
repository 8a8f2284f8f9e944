//! What the command `pronto` and Pronto's own tests share.
//!
//! It knows Pronto by its public interface only, [`pronto::inspect`] included. Not part of what is
//! stable.

pub mod disasm;
pub mod wast;
