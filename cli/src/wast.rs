//! Runs scripts of the specification.

use crate::args::Wast;
use pronto::Config;
use pronto_tools::wast::{Options, Report, run};
use std::fs;

/// Failures that are shown; a wrong option makes thousands.
const SHOWN: usize = 20;

/// Runs the scripts. The status to end with: 1 if something failed.
pub(crate) fn wast(given: &Wast) -> i32 {
    let config: Config = given.engine.config();
    let options = Options {
        config: &config,
        skip: &|_| false,
        print: true,
        trace: given.verbose,
    };
    let mut report = Report::default();
    for file in &given.files {
        match fs::read_to_string(file) {
            Ok(text) => run(&file.display().to_string(), &text, &options, &mut report),
            Err(err) => {
                let failure = format!("{}: cannot read it: {err}", file.display());
                report.failures.push(failure);
            }
        }
    }
    for failure in report.failures.iter().take(SHOWN) {
        eprintln!("error: {failure}");
    }
    if report.failures.len() > SHOWN {
        eprintln!("error: and {} more", report.failures.len() - SHOWN);
    }
    println!("{report}");
    i32::from(!report.failures.is_empty())
}
