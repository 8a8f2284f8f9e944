//! Machine code of small functions, on both machines, beside the functions themselves.
//!
//! Each `golden/*.wat` is an input followed by what the compiler makes of it, as comments.
//! `BLESS=1 cargo test --test golden` writes them anew; review the difference.
//!
//! Lines that begin with `;;!` hold options: `explicit` (memory checks instead of guard regions),
//! `interruptible` (loops and functions ask if they shall stop), `fuel` (regions pay),
//! `canonical` (arithmetic makes canonical NaNs), `whole` (prologue, epilogue and stubs too, not only the body).

use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::fmt::Write;
use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};

use pronto::FuelCosts;
use pronto::inspect::{InspectOptions, InspectedFunc, Target, Work, inspect};
use pronto_tools::disasm;

const MACHINES: [(&str, Target); 2] = [("amd64", Target::Amd64), ("arm64", Target::Arm64)];

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden")
}

/// An input file and its options.
struct Golden {
    path: PathBuf,
    /// The file as it is.
    text: String,
    /// The part that is ours to write.
    input: String,
    wasm: Vec<u8>,
    explicit: bool,
    interruptible: bool,
    fuel: bool,
    canonical: bool,
    whole: bool,
}

fn goldens() -> Vec<Golden> {
    let mut paths: Vec<PathBuf> = fs::read_dir(folder())
        .expect("the folder")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|ext| ext == "wat"))
        .collect();
    paths.sort();
    paths.into_iter().map(golden).collect()
}

fn golden(path: PathBuf) -> Golden {
    let text = fs::read_to_string(&path).expect("a text file");
    let input = match text.find(";; amd64:") {
        Some(at) => &text[..at],
        None => &text,
    };
    let input = format!("{}\n", input.trim_end());
    let options: Vec<&str> = input
        .lines()
        .filter_map(|line| line.strip_prefix(";;!"))
        .flat_map(str::split_whitespace)
        .collect();
    let wasm = wat::parse_str(&input).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    Golden {
        explicit: options.contains(&"explicit"),
        interruptible: options.contains(&"interruptible"),
        fuel: options.contains(&"fuel"),
        canonical: options.contains(&"canonical"),
        whole: options.contains(&"whole"),
        path,
        input,
        wasm,
        text,
    }
}

impl Golden {
    fn compile(&self, target: Target) -> Vec<InspectedFunc> {
        let options = InspectOptions {
            target,
            explicit: self.explicit,
            interruptible: self.interruptible,
            canonical_nans: self.canonical,
            fuel: self.fuel.then(FuelCosts::default),
            features: 0,
        };
        inspect(&self.wasm, options)
            .unwrap_or_else(|error| panic!("{}: {error:?}", self.path.display()))
    }

    /// The file as it should be.
    fn render(&self) -> String {
        let mut text = self.input.clone();
        for (name, target) in MACHINES {
            let _ = writeln!(text, "\n;; {name}:");
            for func in self.compile(target) {
                let title = match &func.name {
                    Some(name) => format!("${name}"),
                    None => format!("{}", func.index),
                };
                let _ = writeln!(text, ";; {title}");
                let shown = if self.whole {
                    0..func.code.len()
                } else {
                    func.body.clone()
                };
                for line in disasm::lines(&func, target) {
                    if shown.contains(&line.pos) {
                        let _ = writeln!(text, ";; {line}");
                    }
                }
            }
        }
        text
    }
}

#[test]
fn code_is_as_written() {
    let bless = env::var_os("BLESS").is_some();
    let mut differing = Vec::new();
    let goldens = goldens();
    assert!(goldens.len() >= 20, "only {} inputs", goldens.len());
    for golden in goldens {
        let rendered = golden.render();
        if rendered == golden.text {
            continue;
        }
        if bless {
            fs::write(&golden.path, &rendered).expect("a writable file");
        } else {
            differing.push(difference(&golden, &rendered));
        }
    }
    assert!(
        differing.is_empty(),
        "{}\n`BLESS=1 cargo test --test golden` writes the files anew",
        differing.join("\n")
    );
}

/// All code belongs to a piece, each record to one, and what is out of line to an operator.
#[test]
fn pieces_are_the_whole_code() {
    let (mut along, mut traps) = (0, 0);
    for golden in goldens() {
        for (machine, target) in MACHINES {
            for func in golden.compile(target) {
                let at = format!("{} {machine} {}", golden.path.display(), func.index);
                assert_eq!(func.pieces[0].start, 0, "{at}");
                assert!(func.pieces.is_sorted_by_key(|piece| piece.start), "{at}");
                assert!(func.pieces.last().unwrap().start <= func.code.len(), "{at}");
                let mut done = 0;
                for piece in &func.pieces {
                    match &piece.what {
                        Work::Records(records) => {
                            if records.start != done {
                                // A copy of a loop begins behind its head.
                                assert!(golden.interruptible && records.start < done, "{at}");
                                let head = &func.records[records.start - 1].1;
                                assert!(head.starts_with("Loop("), "{at}: {head}");
                            }
                            assert!(!records.is_empty(), "{at}");
                            assert_eq!(piece.pos, func.records[records.start].0, "{at}");
                            let within = func.body.start..=func.body.end;
                            assert!(within.contains(&piece.start), "{at}");
                            done = records.end;
                            along += records.len() - 1;
                        }
                        Work::Other(what) => {
                            let Range { start, end } = func.body;
                            assert!(piece.start <= start || piece.start >= end, "{at}: {what}");
                            traps += usize::from(what.starts_with("trap "));
                        }
                    }
                }
                assert_eq!(done, func.records.len(), "{at}");
            }
        }
    }
    assert!(
        along > 50 && traps > 20,
        "{along} done along, {traps} traps"
    );
}

/// The first lines in which a file and what it should be differ.
fn difference(golden: &Golden, rendered: &str) -> String {
    let mut text = format!("{}:", golden.path.display());
    let pairs = golden.text.lines().zip(rendered.lines());
    for (number, (old, new)) in (1..)
        .zip(pairs)
        .filter(|(_, (old, new))| old != new)
        .take(5)
    {
        let _ = write!(text, "\n  {number}: {old}\n    now: {new}");
    }
    text
}

/// Variants of each `enum` in `ir/op.rs`, each with the text of its definition.
fn enums() -> BTreeMap<String, Vec<(String, String)>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/ir/op.rs");
    let text = fs::read_to_string(path).expect("the source of the records");
    let mut enums: BTreeMap<String, Vec<(String, String)>> = BTreeMap::new();
    let mut current = None;
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("pub(crate) enum ") {
            current = Some(rest.trim_end_matches(" {").to_string());
        } else if line == "}" {
            current = None;
        }
        let Some(current) = &current else { continue };
        let variants = enums.entry(current.clone()).or_default();
        let name = line.strip_prefix("    ").unwrap_or_default();
        if name.starts_with(|c: char| c.is_ascii_uppercase()) {
            let end = name.find(|c: char| !c.is_alphanumeric());
            let name = &name[..end.unwrap_or(name.len())];
            variants.push((name.to_string(), line.to_string()));
        } else if let Some((_, definition)) = variants.last_mut() {
            definition.push_str(line);
        }
    }
    enums
}

/// What must appear among the records of all inputs, as words in this order from the start:
/// each operator, with each operand that is an enum, at each size.
fn wanted_records() -> Vec<String> {
    let enums = enums();
    let mut wanted = Vec::new();
    for (op, _) in &enums["Op"] {
        wanted.push(op.clone());
        for (variant, _) in enums.get(op).into_iter().flatten() {
            wanted.push(format!("{op} {variant}"));
        }
    }
    let sizes = ["S32", "S64"];
    let sized = [
        "IntBin", "Shift", "Div", "IntCmp", "IntUn", "FloatBin", "FloatUn", "FloatCmp",
    ];
    for size in sizes {
        for family in sized {
            for (variant, _) in &enums[family] {
                if (variant.as_str(), size) != ("Extend32S", "S32") {
                    wanted.push(format!("{family} {variant} {size}"));
                }
            }
        }
        for family in ["Eqz", "FloatToBits", "BitsToFloat"] {
            wanted.push(format!("{family} {size}"));
        }
        for to in sizes {
            for signed in [true, false] {
                wanted.push(format!("Convert {size} {to} {signed}"));
                for sat in [true, false] {
                    wanted.push(format!("Trunc {size} {to} {signed} {sat}"));
                }
            }
        }
    }
    wanted.extend(["Extend true", "Extend false"].map(String::from));
    wanted
}

/// The words of a record's `Debug` output, without the names of fields.
fn words(record: &str) -> String {
    record
        .split(|c: char| !c.is_alphanumeric() && c != '_' && c != ':')
        .filter(|word| !word.is_empty() && !word.ends_with(':'))
        .collect::<Vec<_>>()
        .join(" ")
}

#[test]
fn every_record_has_a_golden() {
    let mut seen = BTreeSet::new();
    for golden in goldens() {
        for func in golden.compile(Target::Amd64) {
            seen.extend(func.records.iter().map(|(_, record)| words(record)));
        }
    }
    let begins = |record: &String, wanted: &String| {
        let rest = record.strip_prefix(wanted.as_str());
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(' '))
    };
    let wanted = wanted_records();
    assert!(
        wanted.len() > 200,
        "only {}: the enums were not found",
        wanted.len()
    );
    let missing: Vec<&String> = wanted
        .iter()
        .filter(|wanted| !seen.iter().any(|record| begins(record, wanted)))
        .collect();
    assert!(missing.is_empty(), "no golden has {missing:?}");
    let missing = missing_sources(&seen);
    assert!(missing.is_empty(), "no golden has {missing:?}");
}

/// Operators that never come with one of the places where they may find an operand.
fn missing_sources(seen: &BTreeSet<String>) -> Vec<String> {
    // A constant condition is no branch; floats have no constants in records.
    let never = ["Eqz Const", "FloatBin Const", "BrIf Const"];
    let enums = enums();
    let takers = enums["Op"].iter().filter(|(_, text)| text.contains("Src"));
    let mut missing = Vec::new();
    let mut count = 0;
    for (op, _) in takers {
        count += 1;
        for (source, _) in &enums["Src"] {
            let has = |record: &String| {
                let mut words = record.split(' ');
                words.next() == Some(op) && words.any(|word| word == source)
            };
            let name = format!("{op} {source}");
            if !seen.iter().any(has) && !never.contains(&name.as_str()) {
                missing.push(name);
            }
        }
    }
    assert!(count >= 6, "only {count} operators with sources");
    missing
}
