//! The `pronto` command.

mod args;
mod generate;
mod invoke;
mod report;
mod run;
mod symbols;

use args::{Cli, Command};
use clap::Parser;
use std::process;

fn main() {
    let cli = Cli::parse();
    let command = cli.command.unwrap_or(Command::Run(cli.run));
    let status = match command {
        Command::Run(options) => run::run(&options),
        Command::Completions { shell } => generate::completions(shell),
        Command::Man => generate::man(),
    };
    // Past the destructors: what they would free, the system frees faster.
    process::exit(status);
}
