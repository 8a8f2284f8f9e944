//! Completion scripts and the manual page, from the definition of the command line.

use crate::args::Cli;
use clap::CommandFactory;
use clap_complete::Shell;
use std::io;

/// Prints a script that completes `pronto` in `shell`.
pub(crate) fn completions(shell: Shell) -> i32 {
    clap_complete::generate(shell, &mut Cli::command(), "pronto", &mut io::stdout());
    0
}

/// Prints the manual page.
pub(crate) fn man() -> i32 {
    match clap_mangen::Man::new(Cli::command()).render(&mut io::stdout()) {
        Ok(()) => 0,
        Err(err) => {
            eprintln!("error: {err}");
            1
        }
    }
}
