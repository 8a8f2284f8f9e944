//! V8's single-pass compiler, in a child process: `node`, where there is one.

use crate::modules::Module;
use std::process::Command;

/// One thread, everything compiled, nothing twice. The custom section at the end keeps V8 from
/// finding the module that it has just compiled.
const FLAGS: [&str; 4] = [
    "--liftoff",
    "--no-wasm-tier-up",
    "--no-wasm-lazy-compilation",
    "--single-threaded",
];
const SCRIPT: &str = r#"
const wasm = require("fs").readFileSync(process.argv[1]);
for (let round = 0; round < process.argv[2]; round++) {
    const bytes = Buffer.concat([wasm, Buffer.from([0, 3, 1, 0x78, round])]);
    const start = process.cpuUsage();
    new WebAssembly.Module(bytes);
    const used = process.cpuUsage(start);
    console.log((used.user + used.system) / 1e6);
}
"#;

/// Seconds of CPU that it takes: the best of so many rounds, for the process warms up. `None`
/// without node, or if it does not take the module.
pub fn seconds(module: &Module, rounds: usize) -> Option<f64> {
    let output = Command::new("node")
        .args(FLAGS)
        .args(["-e", SCRIPT])
        .arg(&module.path)
        .arg(rounds.to_string())
        .output()
        .ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let times = text.lines().filter_map(|line| line.parse::<f64>().ok());
    times.reduce(f64::min)
}
