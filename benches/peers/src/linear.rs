//! Whether compile time stays in proportion to the bytes, whatever the shape of the module.
//!
//! Each shape is a family of generated modules that double in size. The figure is the exponent of the power law
//! through the points: 1 is linear, 2 quadratic.

use crate::peer::Bench;
use crate::table::{Table, number, optional};
use crate::{Options, clock, modules, peers};
use anyhow::{Context, Result};
use wasm_encoder::{
    BlockType, CodeSection, Function, FunctionSection, InstructionSink, Module, TypeSection,
    ValType,
};

/// Doublings per shape: the exponent is of `size` to `size << DOUBLINGS`.
const DOUBLINGS: u32 = 5;

/// Beyond this a shape is not doubled any more for a runtime: the exponent is plain by then.
const ENOUGH_SECONDS: f64 = 3.0;

const TWO: &[ValType] = &[ValType::I32, ValType::I32];

/// A shape: its name, the smallest size, and the module of a size.
type Shape = (&'static str, u32, fn(u32) -> Vec<u8>);

const SHAPES: [Shape; 13] = [
    ("many functions", 1000, |n| {
        module(n, 0, |code| straight(code, 8))
    }),
    ("one big function", 4000, |n| {
        module(1, 0, |code| straight(code, n))
    }),
    ("nested blocks", 800, |n| {
        module(1, 0, |code| nested(code, n))
    }),
    ("nested ifs with results", 800, |n| {
        module(1, 0, |code| nested_ifs(code, n))
    }),
    ("nested loops", 800, |n| {
        module(1, 0, |code| nested_loops(code, n))
    }),
    ("br_table over nested blocks", 800, |n| {
        module(1, 0, |code| dispatch(code, n))
    }),
    ("br_table of one label", 1500, |n| {
        module(1, 0, |code| one_label(code, n))
    }),
    ("many locals", 800, |n| module(1, n, |code| locals(code, n))),
    ("blocks with parameters", 2000, |n| {
        module(1, 0, |code| parameters(code, n))
    }),
    ("deep operand stack", 3000, |n| {
        module(1, 0, |code| deep_stack(code, n))
    }),
    ("blocks above a deep stack", 1500, |n| {
        module(1, 0, |code| blocks_above(code, n))
    }),
    ("sets of a local pending below", 1500, |n| {
        module(1, 0, |code| pending(code, n))
    }),
    ("calls above a deep stack", 1500, |n| {
        module(1, 0, |code| calls_above(code, n))
    }),
];

pub fn measure(options: &Options) -> Result<Table> {
    let peers = peers::all(Bench::Compile, options)?;
    let heads = ["shape", "largest kB", "validate"]
        .into_iter()
        .chain(peers.iter().map(|peer| peer.name()));
    let mut table = Table::new(
        "Exponent of compile time in the size of the module; in brackets, ÷ validate at the largest",
        heads,
    );
    let mut greatest = vec![0.0_f64; peers.len()];
    for (name, smallest, generate) in SHAPES.into_iter().filter(|(name, ..)| options.wants(name)) {
        eprintln!("linear: {name}");
        let mut validate = Vec::new();
        let mut points = vec![Vec::new(); peers.len()];
        let mut over = vec![false; peers.len()];
        let mut largest = 0.0;
        for doubling in 0..=DOUBLINGS {
            let wasm = generate(smallest << doubling);
            modules::validate(&wasm).with_context(|| format!("{name}: the generated module"))?;
            largest = wasm.len() as f64;
            validate.push((largest, best(options, || modules::validate(&wasm))));
            for ((peer, points), over) in peers.iter().zip(&mut points).zip(&mut over) {
                if *over {
                    continue;
                }
                match peer.compile(&wasm) {
                    Ok(_) => points.push((largest, best(options, || peer.compile(&wasm)))),
                    Err(error) => {
                        eprintln!("  {}: {error:#}", peer.name());
                        *over = true;
                    }
                }
                *over |= points.last().is_some_and(|point| point.1 > ENOUGH_SECONDS);
            }
        }
        let exponent = |points: &[(f64, f64)]| (points.len() > 2).then(|| clock::exponent(points));
        let mut row = vec![
            name.to_owned(),
            number(largest / 1e3),
            optional(exponent(&validate)),
        ];
        for (points, greatest) in points.iter().zip(&mut greatest) {
            *greatest = greatest.max(exponent(points).unwrap_or(0.0));
            let factor = points
                .last()
                .map(|last| last.1 / validate[points.len() - 1].1);
            row.push(format!(
                "{} ({})",
                optional(exponent(points)),
                optional(factor)
            ));
        }
        table.row(row);
    }
    if !options.markdown {
        table.print(false);
    }
    let names = peers.iter().map(|peer| peer.name());
    let mut summary = Table::new("Linear", [""].into_iter().chain(names));
    let label = format!(
        "exponent of compile time in size, greatest of {} shapes",
        SHAPES.len()
    );
    summary.row([label].into_iter().chain(greatest.into_iter().map(number)));
    Ok(summary)
}

/// The least of some turns: a shape is about growth, and noise only adds.
fn best<T>(options: &Options, mut work: impl FnMut() -> T) -> f64 {
    let first = clock::seconds(&mut work);
    let rounds = if first > 0.5 {
        0
    } else {
        options.rounds.unwrap_or(5)
    };
    (0..rounds)
        .map(|_| clock::seconds(&mut work))
        .fold(first, f64::min)
}

/// `functions` functions `(i32, i32) -> i32`, each with `locals` further locals and `body`.
fn module(functions: u32, locals: u32, body: impl Fn(&mut InstructionSink)) -> Vec<u8> {
    let mut types = TypeSection::new();
    types.ty().function(TWO.iter().copied(), [ValType::I32]);
    types
        .ty()
        .function(TWO.iter().copied(), TWO.iter().copied());
    let (mut indices, mut code) = (FunctionSection::new(), CodeSection::new());
    for _ in 0..functions {
        indices.function(0);
        let mut function = Function::new((locals > 0).then_some((locals, ValType::I32)));
        body(&mut function.instructions());
        function.instructions().end();
        code.function(&function);
    }
    let mut module = Module::new();
    module.section(&types).section(&indices).section(&code);
    module.finish()
}

fn straight(code: &mut InstructionSink, n: u32) {
    for i in 0..n {
        code.local_get(0)
            .local_get(1)
            .i32_const(i as i32)
            .i32_xor()
            .i32_add()
            .local_set(i % 2);
    }
    code.local_get(0);
}

fn nested(code: &mut InstructionSink, n: u32) {
    for _ in 0..n {
        code.block(BlockType::Empty);
    }
    for i in 0..n {
        code.local_get(0)
            .i32_const(i as i32)
            .i32_eq()
            .br_if((n - i) / 2)
            .end();
    }
    code.local_get(0);
}

fn nested_ifs(code: &mut InstructionSink, n: u32) {
    for i in 0..n {
        code.local_get(0)
            .i32_const(i as i32)
            .i32_lt_u()
            .if_(BlockType::Result(ValType::I32));
    }
    code.local_get(1);
    for i in 0..n {
        code.else_().i32_const(i as i32).end();
    }
}

fn nested_loops(code: &mut InstructionSink, n: u32) {
    for _ in 0..n {
        code.loop_(BlockType::Empty);
    }
    for i in 0..n {
        code.local_get(0)
            .i32_const(1)
            .i32_sub()
            .local_tee(0)
            .br_if((n - 1 - i) / 2)
            .end();
    }
    code.local_get(1);
}

fn dispatch(code: &mut InstructionSink, n: u32) {
    for _ in 0..n {
        code.block(BlockType::Empty);
    }
    code.local_get(0).br_table(0..n, 0);
    for i in 0..n {
        code.end()
            .local_get(1)
            .i32_const(i as i32)
            .i32_add()
            .local_set(1);
    }
    code.local_get(1);
}

fn one_label(code: &mut InstructionSink, n: u32) {
    code.block(BlockType::Empty).block(BlockType::Empty);
    code.local_get(0).br_table((0..n).map(|_| 1), 0);
    code.end().end().local_get(1);
}

fn locals(code: &mut InstructionSink, n: u32) {
    for i in 0..n {
        code.local_get(i).i32_const(3).i32_mul().local_set(2 + i);
    }
    for i in 0..n {
        code.local_get(2 + i).local_set(0);
    }
    code.local_get(0);
}

fn parameters(code: &mut InstructionSink, n: u32) {
    code.local_get(0).local_get(1);
    for i in 0..n {
        code.block(BlockType::FunctionType(1))
            .i32_const(i as i32)
            .i32_add()
            .local_get(0)
            .br_if(0)
            .end();
    }
    code.i32_add();
}

fn deep_stack(code: &mut InstructionSink, n: u32) {
    for i in 0..n {
        code.local_get(0).i32_const(i as i32).i32_shl();
    }
    for _ in 1..n {
        code.i32_add();
    }
}

/// As many control constructs as there are entries on the stack below them.
fn blocks_above(code: &mut InstructionSink, n: u32) {
    for i in 0..n {
        code.local_get(0).i32_const(i as i32).i32_shl();
    }
    for _ in 0..n {
        code.block(BlockType::Empty).local_get(1).br_if(0).end();
        code.loop_(BlockType::Empty)
            .local_get(1)
            .if_(BlockType::Empty)
            .end()
            .end();
    }
    for _ in 1..n {
        code.i32_add();
    }
}

/// Each set must keep the old value for the entries that still name the local.
fn pending(code: &mut InstructionSink, n: u32) {
    for _ in 0..n {
        code.local_get(0);
    }
    for i in 0..n {
        code.i32_const(i as i32).local_set(i % 2).local_get(1);
    }
    for _ in 1..2 * n {
        code.i32_xor();
    }
}

fn calls_above(code: &mut InstructionSink, n: u32) {
    for i in 0..n {
        code.local_get(0).i32_const(i as i32).i32_shl();
    }
    for _ in 0..n {
        code.local_get(0).local_get(1).call(0).local_set(1);
    }
    for _ in 1..n {
        code.i32_add();
    }
}
