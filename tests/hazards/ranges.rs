//! Functions as large as a branch reaches and larger, with branches of every kind on both sides of
//! each limit, and modules larger than a call reaches. On arm64 the limits are 32 KiB, 1 MiB and
//! 128 MiB; elsewhere these are large functions like others.

use pronto::{Instance, Module, Store, Trap, Val};
use wasm_encoder::{
    BlockType, CodeSection, ElementSection, Elements, ExportKind, ExportSection, Function,
    FunctionSection, InstructionSink, RefType, TableSection, TableType, TypeSection, ValType,
};

use crate::support::{Guest, MODES, Mode};

/// Parameter: which branch is taken.
const SEL: u32 = 0;
/// Counts the steps that were passed.
const ACC: u32 = 1;
/// Branches in a row, each after a step.
const BRANCHES: i32 = 24;

/// A branch out of a block that is taken if `SEL` is its number.
#[derive(Clone, Copy, Debug)]
enum Kind {
    Compare,
    Zero,
    NotZero,
    Sign,
    Nested,
    ShortTable,
    LongTable,
    /// Raises a trap, whose code follows the body.
    Trap,
    /// At the end, to a loop's head at the start.
    Back,
}

const KINDS: [Kind; 9] = [
    Kind::Compare,
    Kind::Zero,
    Kind::NotZero,
    Kind::Sign,
    Kind::Nested,
    Kind::ShortTable,
    Kind::LongTable,
    Kind::Trap,
    Kind::Back,
];

/// One instruction: `ACC += 1`.
fn step(sink: &mut InstructionSink<'_>) {
    sink.local_get(ACC).i32_const(1).i32_add().local_set(ACC);
}

fn steps(sink: &mut InstructionSink<'_>, count: i32) {
    (0..count).for_each(|_| step(sink));
}

/// `SEL - number`
fn difference(sink: &mut InstructionSink<'_>, number: i32) {
    sink.local_get(SEL).i32_const(number).i32_sub();
}

/// The branch of that number; label 0 is the way out.
fn branch(sink: &mut InstructionSink<'_>, kind: Kind, number: i32) {
    match kind {
        Kind::Compare => {
            sink.local_get(SEL).i32_const(number).i32_eq().br_if(0);
        }
        Kind::Zero => {
            difference(sink, number);
            sink.i32_eqz().br_if(0);
        }
        Kind::NotZero => {
            difference(sink, number);
            sink.i32_eqz().i32_const(1).i32_and().br_if(0);
        }
        // Greater ones are caught by the branches before.
        Kind::Sign => {
            difference(sink, number + 1);
            sink.i32_const(0).i32_lt_s().br_if(0);
        }
        Kind::Nested => {
            difference(sink, number);
            sink.if_(BlockType::Empty);
        }
        Kind::ShortTable => {
            sink.block(BlockType::Empty);
            difference(sink, number);
            sink.br_table([1], 0).end();
        }
        Kind::LongTable => {
            sink.block(BlockType::Empty);
            difference(sink, number);
            sink.br_table([1, 0, 0, 0, 0, 0, 0, 0], 0).end();
        }
        Kind::Trap => {
            sink.i32_const(1);
            difference(sink, number);
            sink.i32_div_u().drop();
        }
        // The count tells this pass from the next.
        Kind::Back => {
            sink.local_get(ACC).local_get(SEL).i32_eq().br_if(0);
        }
    }
}

/// `(i32) -> i32`: the steps that were passed.
fn body(kind: Kind, filler: i32) -> Function {
    let mut function = Function::new([(1, ValType::I32)]);
    let sink = &mut function.instructions();
    if let Kind::Back = kind {
        sink.loop_(BlockType::Empty);
        steps(sink, filler);
    } else {
        sink.block(BlockType::Empty);
    }
    for number in 0..BRANCHES {
        step(sink);
        branch(sink, kind, number);
    }
    if !matches!(kind, Kind::Back) {
        steps(sink, filler);
    }
    if let Kind::Nested = kind {
        for _ in 0..BRANCHES {
            sink.end();
        }
    }
    sink.end().local_get(ACC).end();
    function
}

/// What the function does for the branch of that number.
fn expected(kind: Kind, filler: i32, number: i32) -> Result<i32, Trap> {
    match kind {
        Kind::Trap => Err(Trap::IntegerDivisionByZero),
        Kind::Back => Ok(filler + number + 1 + filler + BRANCHES),
        _ => Ok(number + 1),
    }
}

/// A module of functions `(i32) -> i32`, exported by their numbers, with a table of functions that
/// holds the first.
fn module(functions: &[Function]) -> Vec<u8> {
    let (mut types, mut indices, mut exports) = (
        TypeSection::new(),
        FunctionSection::new(),
        ExportSection::new(),
    );
    let (mut tables, mut elements, mut code) = (
        TableSection::new(),
        ElementSection::new(),
        CodeSection::new(),
    );
    types.ty().function([ValType::I32], [ValType::I32]);
    tables.table(TableType {
        element_type: RefType::FUNCREF,
        table64: false,
        minimum: 1,
        maximum: None,
        shared: false,
    });
    let first = wasm_encoder::ConstExpr::i32_const(0);
    elements.active(None, &first, Elements::Functions((&[0][..]).into()));
    for (index, function) in (0..).zip(functions) {
        indices.function(0);
        exports.export(&index.to_string(), ExportKind::Func, index);
        code.function(function);
    }
    let mut module = wasm_encoder::Module::new();
    module.section(&types).section(&indices).section(&tables);
    module.section(&exports).section(&elements).section(&code);
    module.finish()
}

fn check(mode: Mode, kind: Kind, filler: i32) {
    let mut guest = Guest::new(mode, &module(&[body(kind, filler)]));
    let mut call = |sel: i32| match guest.call("0", &[Val::I32(sel)]) {
        Ok(results) => Ok(results[0].i32().expect("an i32")),
        Err(error) => Err(error.trap().expect("a trap")),
    };
    for number in 0..BRANCHES {
        let sel = match kind {
            Kind::Back => filler + number + 1,
            _ => number,
        };
        let context = format!("{kind:?}, {number} before {filler}, {mode:?}");
        assert_eq!(call(sel), expected(kind, filler, number), "{context}");
    }
    let none = call(i32::MAX);
    assert_eq!(none, Ok(filler + BRANCHES), "{kind:?} {filler} {mode:?}");
}

/// Steps before which the branches lie on both sides of a limit, or just inside, or outside.
fn around(limit: i32) -> [i32; 3] {
    [limit / 4 - 150, limit / 4 - 40, limit / 4]
}

#[test]
fn branches_around_32_kib() {
    for mode in MODES {
        for kind in KINDS {
            for filler in around(32 << 10) {
                check(mode, kind, filler);
            }
        }
    }
}

#[test]
fn branches_around_1_mib() {
    for kind in KINDS {
        for filler in around(1 << 20) {
            check(MODES[0], kind, filler);
        }
    }
}

#[test]
fn branches_in_functions_up_to_3_mib() {
    for kind in KINDS {
        for kib in [900, 1500, 3072] {
            check(MODES[1], kind, (kib << 10) / 4);
        }
    }
}

/// Much code of few bytes.
fn padding(calls: usize) -> Function {
    let mut function = Function::new([]);
    let sink = &mut function.instructions();
    sink.local_get(SEL);
    for _ in 0..calls {
        sink.i32_const(0).call_indirect(0, 0);
    }
    sink.end();
    function
}

/// `callee(SEL + add)`
fn caller(add: i32, callee: u32) -> Function {
    let mut function = Function::new([]);
    let sink = &mut function.instructions();
    sink.local_get(SEL)
        .i32_const(add)
        .i32_add()
        .call(callee)
        .end();
    function
}

/// `SEL * 7`
fn leaf() -> Function {
    let mut function = Function::new([]);
    let sink = &mut function.instructions();
    sink.local_get(SEL).i32_const(7).i32_mul().end();
    function
}

/// Calls across 128 MiB of code, forward and back, and from the middle both ways.
#[test]
fn calls_further_than_128_mib() {
    const REACH: usize = 128 << 20;
    const HALF: u32 = 10;
    const MIDDLE: u32 = 2 + HALF;
    const LEAF: u32 = MIDDLE + 2 + HALF;
    let engine = MODES[0].engine();
    let size = |calls| {
        let wasm = module(&[padding(calls)]);
        Module::new(&engine, wasm).expect("a module").text().len()
    };
    let per_call = (size(2000) - size(1000)) / 1000;
    let calls = REACH / (2 * HALF as usize * per_call) + 1000;
    let paddings = || (0..HALF).map(|_| padding(calls));
    let mut functions = vec![caller(1, LEAF), caller(10, 0)];
    functions.extend(paddings());
    functions.extend([caller(100, LEAF), caller(100, 1)]);
    functions.extend(paddings());
    functions.extend([leaf(), caller(1000, 1)]);
    let module = Module::new(&engine, module(&functions)).expect("a module");
    assert!(module.text().len() > REACH);
    let mut store = Store::new(&engine, ());
    let instance = Instance::new(&mut store, &module, &[]).expect("an instance");
    let sums = [
        (0, 1),
        (1, 11),
        (MIDDLE, 100),
        (MIDDLE + 1, 111),
        (LEAF + 1, 1011),
    ];
    for (index, sum) in sums {
        let name = index.to_string();
        let func = instance.get_typed_func::<i32, i32>(&store, &name);
        let result = func.expect("a function").call(&mut store, 3);
        assert_eq!(result.expect("no trap"), (3 + sum) * 7, "{index}");
    }
}
