//! The `pronto` command.

fn main() {}
