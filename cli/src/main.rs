//! The `pronto` command.

mod args;
mod generate;
mod invoke;
mod module;
mod objdump;
mod report;
mod run;
mod symbols;
mod timeout;
mod wast;

use args::{Cli, Command, Run};
use clap::Parser;
use std::process;

fn main() {
    let command = match Run::plain(std::env::args_os()) {
        Some(run) => Command::Run(run),
        None => {
            let cli = Cli::parse();
            cli.command.unwrap_or(Command::Run(cli.run))
        }
    };
    let status = match command {
        Command::Run(options) => run::run(&options),
        Command::Wast(options) => wast::wast(&options),
        Command::Objdump(options) => objdump::objdump(&options),
        Command::Completions { shell } => generate::completions(shell),
        Command::Man => generate::man(),
    };
    // Past the destructors: what they would free, the system frees faster.
    process::exit(status);
}
