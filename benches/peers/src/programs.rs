//! How long whole programs take, from their bytes to their exit: compilation counts.

use crate::peer::Bench;
use crate::table::{Table, number, optional};
use crate::wasi::State;
use crate::{Options, clock, modules, peers};
use anyhow::{Context, Result, ensure};
use std::fmt::Write;
use std::path::Path;

/// The runtime that the others are divided by.
const BASE: &str = "Cranelift";

/// A program that reads its standard input and writes its standard output.
struct Program {
    name: &'static str,
    /// After the name.
    args: &'static [&'static str],
    input: fn() -> String,
}

/// What `cli/tests/real/fetch` fetches or compiles.
const PROGRAMS: [Program; 5] = [
    Program {
        name: "sqlite",
        args: &[":memory:"],
        input: script,
    },
    Program {
        name: "bzip2",
        args: &["-c"],
        input: numbers,
    },
    Program {
        name: "boolector",
        args: &[],
        input: factors,
    },
    Program {
        name: "resvg",
        args: &["-", "-c"],
        input: drawing,
    },
    Program {
        name: "python",
        args: &["-c", PYTHON],
        input: numbers,
    },
];

const PYTHON: &str = "\
import sys, re, hashlib
text = sys.stdin.read()
words = re.findall('[0-9]*7[0-9]*', text)
print(len(words), sum(int(word) for word in words), hashlib.sha256(text.encode()).hexdigest())
";

/// Tables, an index, joins, groups and updates.
fn script() -> String {
    "pragma temp_store = memory;
    create table t (a integer primary key, b integer, c text);
    with recursive n (i) as (select 1 union all select i + 1 from n where i < 200000)
        insert into t select i, i * 7919 % 10007, hex(i) from n;
    create index by_b on t (b);
    select count(distinct b), sum(length(c)) from t;
    select count(*) from t x join t y on y.b = x.a where x.a < 10007;
    select b % 10, count(*), max(c) from t group by b % 10 order by 1;
    update t set c = c || b where a % 3 = 0;
    delete from t where b % 5 = 0;
    select count(*), total(a) from t where c like '%3%';"
        .to_owned()
}

fn numbers() -> String {
    (0..300_000).fold(String::new(), |mut text, n| {
        let _ = writeln!(text, "{n}");
        text
    })
}

/// Two factors of a product, as a solver of bit vectors looks for them.
fn factors() -> String {
    let product = 57_367u64 * 61_007;
    let wide = |name| format!("((_ zero_extend 16) {name})");
    format!(
        "(set-logic QF_BV) (declare-fun a () (_ BitVec 16)) (declare-fun b () (_ BitVec 16))
        (assert (= (bvmul {} {}) (_ bv{product} 32)))
        (assert (bvugt a (_ bv1 16))) (assert (bvugt b a)) (check-sat) (exit)",
        wide("a"),
        wide("b")
    )
}

/// Discs with gradients, some of them blurred.
fn drawing() -> String {
    let mut svg = r##"<svg xmlns="http://www.w3.org/2000/svg" width="400" height="300"><defs><radialGradient id="g">
        <stop offset="0" stop-color="#fe8"/><stop offset="1" stop-color="#25a"/></radialGradient>
        <filter id="f"><feGaussianBlur stdDeviation="3"/></filter></defs>"##
        .to_owned();
    for i in 0..100 {
        let (x, y, r) = (i * 37 % 400, i * 53 % 300, 10 + i % 50);
        let filter = if i % 10 == 0 {
            r#" filter="url(#f)""#
        } else {
            ""
        };
        let _ = write!(
            svg,
            r#"<circle cx="{x}" cy="{y}" r="{r}" fill="url(#g)" opacity="0.5"{filter}/>"#
        );
    }
    svg + "</svg>"
}

pub fn measure(options: &Options) -> Result<Table> {
    let peers = peers::all(Bench::Program, options)?;
    let names: Vec<&str> = peers.iter().map(|peer| peer.name()).collect();
    let base = names.iter().position(|&name| name == BASE);
    let heads = |first: &[&'static str]| [first, &names].concat();
    let mut table = Table::new(
        "Programs: seconds from bytes to exit, and output (CPU time)",
        heads(&["program", "output, bytes"]),
    );
    let mut ratios = vec![Vec::new(); peers.len()];
    for program in PROGRAMS
        .iter()
        .filter(|program| options.wants(program.name))
    {
        let path = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("../../cli/tests/real/programs")
            .join(program.name)
            .with_extension("wasm");
        let wasm = std::fs::read(&path)
            .with_context(|| format!("{}: cli/tests/real/fetch fetches it", path.display()))?;
        let code = modules::code_size(&wasm)?;
        let args = [&[program.name], program.args].concat();
        let input = (program.input)();
        let mut times = vec![Vec::new(); peers.len()];
        let mut output = None;
        for round in 0..options.rounds.unwrap_or(3) {
            for (peer, times) in peers.iter().zip(&mut times) {
                if code > peer.limit() && !options.slow {
                    continue;
                }
                eprintln!("programs {} {}, round {round}", program.name, peer.name());
                let mut state = State::new(&args, input.as_bytes());
                let start = clock::now();
                state = peer
                    .program(&wasm, state)
                    .with_context(|| format!("{} on {}", program.name, peer.name()))?;
                times.push((clock::now() - start).as_secs_f64());
                let expected = output.get_or_insert_with(|| state.output.clone());
                ensure!(
                    *expected == state.output && !state.output.is_empty(),
                    "{}: {} prints something else; its errors: {}",
                    program.name,
                    peer.name(),
                    String::from_utf8_lossy(&state.errors)
                );
            }
        }
        let medians: Vec<Option<f64>> = times
            .into_iter()
            .map(|times| (!times.is_empty()).then(|| clock::median(times)))
            .collect();
        let bytes = output.map_or(0, |output| output.len());
        let cells = medians.iter().map(|median| optional(*median));
        table.row(
            [program.name.to_owned(), bytes.to_string()]
                .into_iter()
                .chain(cells),
        );
        if let Some(unit) = base.and_then(|base| medians[base]) {
            for (ratios, median) in ratios.iter_mut().zip(&medians) {
                ratios.extend(median.map(|median| median / unit));
            }
        }
    }
    if !options.markdown {
        table.print(false);
    }
    let mut summary = Table::new("Programs", heads(&[""]));
    let cells = ratios.iter().map(|ratios| {
        let mean = clock::geomean(ratios.iter().copied());
        mean.map_or_else(
            || "-".to_owned(),
            |mean| format!("{} ({})", number(mean), ratios.len()),
        )
    });
    let label = "whole program ÷ Cranelift's time, geomean (of so many)".to_owned();
    summary.row([label].into_iter().chain(cells));
    Ok(summary)
}
