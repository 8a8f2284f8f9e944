//! How fast Pronto generates code for either machine, on whichever it runs: lowering and emission of every function,
//! without linking.

use crate::table::{Table, number, optional};
use crate::{Options, clock, modules};
use anyhow::{Result, ensure};
use pronto::inspect::{InspectOptions, Target, code_size};

const TARGETS: [Target; 2] = [Target::Amd64, Target::Arm64];
const HEADS: [&str; 6] = [
    "",
    "amd64 ÷ validate",
    "arm64 ÷ validate",
    "arm64 ÷ amd64",
    "amd64 kB",
    "arm64 kB",
];

pub fn measure(options: &Options) -> Result<Table> {
    let mut modules = modules::real()?;
    modules.retain(|module| options.wants(&module.name));
    ensure!(!modules.is_empty(), "no modules: run benches/fetch-modules");
    let mut summary = Table::new("Machines", HEADS);
    for explicit in [false, true] {
        let mode = if explicit { "checks" } else { "guard" };
        let mut table = Table::new(format!("Compile time of the machines, {mode}"), HEADS);
        let mut all = [Vec::new(), Vec::new(), Vec::new()];
        for module in &modules {
            eprintln!("machines {} ({mode})", module.name);
            let rounds = options.rounds.unwrap_or(7);
            let batch = (400_000 / module.code.max(1)).clamp(1, 100);
            let compile = |target| {
                let options = InspectOptions {
                    target,
                    explicit,
                    interruptible: false,
                    canonical_nans: false,
                    fuel: None,
                    features: 0,
                };
                code_size(&module.wasm, options)
            };
            let (mut validate, mut times) = (Vec::new(), [Vec::new(), Vec::new()]);
            let mut sizes = [0, 0];
            for _ in 0..rounds {
                validate.push(clock::seconds_each(batch, false, || {
                    modules::validate(&module.wasm)
                }));
                for at in 0..2 {
                    sizes[at] = compile(TARGETS[at])?;
                    times[at].push(clock::seconds_each(batch, false, || compile(TARGETS[at])));
                }
            }
            let validate = clock::median(validate);
            let [amd64, arm64] = times.map(clock::median);
            let figures = [amd64 / validate, arm64 / validate, arm64 / amd64];
            let sizes = sizes.map(|size| (size / 1000).to_string());
            table.row(
                [module.name.clone()]
                    .into_iter()
                    .chain(figures.map(number))
                    .chain(sizes),
            );
            figures
                .iter()
                .zip(&mut all)
                .for_each(|(figure, all)| all.push(*figure));
        }
        let means = all.map(|all| optional(clock::geomean(all)));
        let row = [format!("geomean of {}, {mode}", modules.len())];
        summary.row(row.into_iter().chain(means));
        if !options.markdown {
            table.print(false);
        }
    }
    Ok(summary)
}
