//! Family 8, registers and flags: every operator × every form of its operands × the pressure of
//! other live values, followed by uses of all of them.
//!
//! The matrix is the whole product, a test for each way to compile. Where an emulator runs it,
//! `PRONTO_MATRIX=turns` gives each pair of operator and forms one pressure, in turn.

use std::env;

use pronto::{Instance, Store, Val};
use wasm_encoder::{
    CodeSection, ConstExpr, ExportKind, ExportSection, Function, FunctionSection, GlobalSection,
    GlobalType, Ieee32, Ieee64, MemorySection, MemoryType, Module, TypeSection, ValType,
};

use crate::reference::{OPS, Outcome, Ty, interesting};
use crate::shapes::{FORMS, FUNC_ID, Form, Shape, USES, Use, mem, number, val_type};
use crate::support::{Guest, MODES, Mode, bits, trap, val};

/// Values of each class below the operands: up to more than any machine has registers.
const PRESSURES: u32 = 24;

/// Functions in one module.
const BATCH: usize = 1000;

/// What an operator makes of its operands.
type Eval = Box<dyn Fn(&[u64]) -> Outcome>;

/// An operator as the matrix sees it.
struct Subject {
    name: String,
    code: Vec<u8>,
    params: Vec<Ty>,
    result: Ty,
    free_nan: bool,
    /// The first operand is an address.
    memory: bool,
    eval: Eval,
}

impl Subject {
    fn values(&self, operand: usize) -> &'static [u64] {
        const ADDRESSES: [u64; 8] = [0, 1, 3, 8, 7, 0x8000_0000, 0xffff_ffff, 0xffff_ffc0];
        if self.memory && operand == 0 {
            &ADDRESSES
        } else {
            interesting(self.params[operand])
        }
    }

    fn fits(&self, operand: usize, form: Form) -> bool {
        match form {
            Form::Flags => self.params[operand] == Ty::I32,
            Form::Same => operand > 0 && self.params[operand] == self.params[0],
            _ => true,
        }
    }

    /// All lists of forms.
    fn forms(&self) -> Vec<Vec<Form>> {
        let mut lists = vec![Vec::new()];
        for operand in 0..self.params.len() {
            lists = lists
                .into_iter()
                .flat_map(|list| {
                    FORMS
                        .iter()
                        .filter(|form| self.fits(operand, **form))
                        .map(move |form| [list.as_slice(), &[*form]].concat())
                })
                .collect();
        }
        lists
    }

    fn uses(&self) -> Vec<Use> {
        USES.into_iter()
            .filter(|usage| match usage {
                Use::Set | Use::Store => true,
                Use::Direct => !self.free_nan,
                Use::If | Use::BrIf | Use::Condition | Use::Eqz | Use::Index => {
                    self.result == Ty::I32
                }
            })
            .collect()
    }
}

/// What linear memory holds at an address.
pub(crate) fn memory_byte(addr: u64) -> u64 {
    (addr * 37 + 11) & 255
}

fn subjects() -> Vec<Subject> {
    let plain = OPS.iter().map(|op| Subject {
        name: op.name.to_string(),
        code: op.code.to_vec(),
        params: op.params.to_vec(),
        result: op.result,
        free_nan: op.free_nan(),
        memory: false,
        eval: Box::new(op.eval),
    });
    plain
        .chain(crate::memory_ops::loads().map(load_subject))
        .chain(crate::memory_ops::stores().map(store_subject))
        .collect()
}

fn load_subject(load: crate::memory_ops::Load) -> Subject {
    Subject {
        name: load.name.to_string(),
        code: load.code(64),
        params: vec![Ty::I32],
        result: load.ty,
        free_nan: false,
        memory: true,
        eval: Box::new(move |args| load.eval(args[0] + 64, 65536, memory_byte)),
    }
}

/// A store, then a read of the 32 bytes where it may write, which are then restored.
fn store_subject(store: crate::memory_ops::Store) -> Subject {
    let word = |at: u64| {
        (0..8)
            .rev()
            .fold(0, |word, n| word << 8 | memory_byte(at + n))
    };
    let mut code = store.code(64);
    let mut tail = Function::new([]);
    tail.instructions().i64_const(0);
    for n in 0..4 {
        tail.instructions()
            .i64_const(7)
            .i64_rotl()
            .i32_const(56)
            .i64_load(mem(8 * n))
            .i64_xor();
    }
    for n in 0..4 {
        tail.instructions()
            .i32_const(56)
            .i64_const(word(56 + 8 * n) as i64)
            .i64_store(mem(8 * n));
    }
    // A raw body begins with the count of its locals, one byte here.
    code.extend(&tail.into_raw_body()[1..]);
    Subject {
        name: store.name.to_string(),
        code,
        params: vec![Ty::I32, store.ty],
        result: Ty::I64,
        free_nan: false,
        memory: true,
        eval: Box::new(move |args| {
            let mut bytes: Vec<u8> = (56..88).map(|at| memory_byte(at) as u8).collect();
            store.eval(args[0] + 64, args[1], 65536, |at, byte| {
                bytes[at as usize - 56] = byte;
            })?;
            Ok(bytes.chunks(8).fold(0, |sum: u64, chunk| {
                let word = chunk
                    .iter()
                    .rev()
                    .fold(0, |word, byte| word << 8 | u64::from(*byte));
                sum.rotate_left(7) ^ word
            }))
        }),
    }
}

/// One function of a batch.
struct Job<'a> {
    subject: &'a Subject,
    forms: Vec<Form>,
    consts: Vec<u64>,
    pressure: u32,
    hot: bool,
    usage: Use,
    number: usize,
}

impl Job<'_> {
    fn shape(&self) -> Shape<'_> {
        Shape {
            code: &self.subject.code,
            params: &self.subject.params,
            result: self.subject.result,
            forms: &self.forms,
            consts: &self.consts,
            pressure: self.pressure,
            hot: self.hot,
            usage: self.usage,
        }
    }

    fn describe(&self) -> String {
        format!(
            "{} {:?} consts {:x?} pressure {} hot {} use {:?}",
            self.subject.name, self.forms, self.consts, self.pressure, self.hot, self.usage
        )
    }
}

/// All functions of the matrix.
fn operand_jobs<'a>(subjects: &'a [Subject], give: &mut dyn FnMut(Job<'a>)) {
    let turns = env::var("PRONTO_MATRIX").is_ok_and(|value| value == "turns");
    let mut number = 0;
    for (nth, subject) in subjects.iter().enumerate() {
        let uses = subject.uses();
        for (row, forms) in subject.forms().into_iter().enumerate() {
            let turn = (row * 7 + nth) as u32 % PRESSURES;
            let pressures = if turns { turn..turn + 1 } else { 0..PRESSURES };
            for pressure in pressures {
                let consts = (0..forms.len())
                    .map(|operand| {
                        let values = subject.values(operand);
                        values[(number + 3 * operand) % values.len()]
                    })
                    .collect();
                give(Job {
                    subject,
                    forms: forms.clone(),
                    consts,
                    pressure,
                    hot: (row + pressure as usize).is_multiple_of(3),
                    usage: uses[number % uses.len()],
                    number,
                });
                number += 1;
            }
        }
    }
}

/// Comparisons feeding each kind of branch, and constants on both sides: the product of
/// operators, forms and uses at one pressure each.
fn compare_jobs<'a>(subjects: &'a [Subject], give: &mut dyn FnMut(Job<'a>)) {
    let mut number = 0;
    for subject in subjects.iter().filter(|subject| subject.result == Ty::I32) {
        for forms in subject.forms() {
            for usage in subject.uses() {
                let consts = (0..forms.len())
                    .map(|operand| {
                        let values = subject.values(operand);
                        values[(number / 3 + operand) % values.len()]
                    })
                    .collect();
                give(Job {
                    subject,
                    forms: forms.clone(),
                    consts,
                    pressure: [0, 3, 8, 14][number % 4],
                    hot: false,
                    usage,
                    number,
                });
                number += 1;
            }
        }
    }
}

/// A module of the jobs' functions, exported by number; see the constants in `shapes`.
fn module(jobs: &[Job<'_>]) -> Vec<u8> {
    use ValType::{F32, F64, I32, I64};
    let mut types = TypeSection::new();
    types.ty().function([], []);
    for ty in [I32, I64, F32, F64] {
        types.ty().function([ty], [ty]);
    }
    let mut functions = FunctionSection::new();
    let mut code = CodeSection::new();
    functions.function(0);
    code.function(Function::new([]).instruction(&wasm_encoder::Instruction::End));
    for ty in [Ty::I32, Ty::I64, Ty::F32, Ty::F64] {
        functions.function(1 + number(ty));
        let mut identity = Function::new([]);
        identity.instructions().local_get(0).end();
        code.function(&identity);
    }
    let mut exports = ExportSection::new();
    exports.export("memory", ExportKind::Memory, 0);
    for (n, job) in (0..).zip(jobs) {
        let shape = job.shape();
        let params = shape.params.iter().map(|ty| val_type(*ty));
        types.ty().function(
            params.chain([I64]).collect::<Vec<_>>(),
            [val_type(shape.returned()), I64],
        );
        functions.function(5 + n);
        code.function(&shape.function());
        exports.export(&n.to_string(), ExportKind::Func, FUNC_ID + 4 + n);
    }
    let memory = MemoryType {
        minimum: 1,
        maximum: Some(1),
        memory64: false,
        shared: false,
        page_size_log2: None,
    };
    let mut memories = MemorySection::new();
    memories.memory(memory);
    Module::new()
        .section(&types)
        .section(&functions)
        .section(&memories)
        .section(&globals())
        .section(&exports)
        .section(&code)
        .clone()
        .finish()
}

fn globals() -> GlobalSection {
    let mut globals = GlobalSection::new();
    let ty = |val_type, mutable| GlobalType {
        val_type,
        mutable,
        shared: false,
    };
    globals.global(ty(ValType::I32, true), &ConstExpr::i32_const(0));
    globals.global(ty(ValType::I32, true), &ConstExpr::i32_const(1));
    for _ in 0..3 {
        globals.global(ty(ValType::I32, true), &ConstExpr::i32_const(0));
    }
    for _ in 0..3 {
        globals.global(ty(ValType::I64, true), &ConstExpr::i64_const(0));
    }
    for _ in 0..3 {
        let zero = ConstExpr::f32_const(Ieee32::new(0));
        globals.global(ty(ValType::F32, true), &zero);
    }
    for _ in 0..3 {
        let zero = ConstExpr::f64_const(Ieee64::new(0));
        globals.global(ty(ValType::F64, true), &zero);
    }
    globals
}

/// Compiles and runs one batch; adds what differs to `failures`.
fn run_batch(mode: Mode, jobs: &[Job<'_>], failures: &mut Vec<String>) -> usize {
    let mut guest = Guest::new(mode, &module(jobs));
    let memory = guest
        .instance
        .get_memory(&mut guest.store, "memory")
        .expect("the memory");
    for (at, byte) in (0..).zip(memory.data_mut(&mut guest.store).iter_mut()) {
        *byte = memory_byte(at) as u8;
    }
    let mut calls = 0;
    for (n, job) in jobs.iter().enumerate() {
        for round in 0..3 {
            let args: Vec<u64> = (0..job.forms.len())
                .map(|operand| {
                    let values = job.subject.values(operand);
                    values[(job.number * 5 + round * (operand + 3) + operand) % values.len()]
                })
                .collect();
            calls += 1;
            if let Err(difference) = check(&mut guest.store, &guest.instance, job, n, &args) {
                failures.push(format!(
                    "{mode:?}: {} args {args:x?}: {difference}",
                    job.describe()
                ));
            }
        }
    }
    calls
}

const SEED: u64 = 0x0123_4567_89ab_cdef;

fn check(
    store: &mut Store<()>,
    instance: &Instance,
    job: &Job<'_>,
    n: usize,
    args: &[u64],
) -> Result<(), String> {
    let shape = job.shape();
    let operands: Vec<u64> = (0..args.len()).map(|n| shape.operand(args, n)).collect();
    let expected = (job.subject.eval)(&operands);
    let func = instance
        .get_func(&mut *store, &n.to_string())
        .expect("the function");
    let mut values: Vec<Val> = shape
        .params
        .iter()
        .zip(args)
        .map(|(ty, bits)| val(*ty, *bits))
        .collect();
    values.push(Val::I64(SEED as i64));
    let mut results = [Val::I32(0), Val::I32(0)];
    let outcome = func.call(&mut *store, &values, &mut results);
    match (outcome, expected) {
        (Err(error), Err(wanted)) if trap(&error) == wanted => Ok(()),
        (Err(error), wanted) => Err(format!("failed: {error:?}, expected {wanted:x?}")),
        (Ok(()), Err(wanted)) => Err(format!("returned {results:x?}, expected {wanted:?}")),
        (Ok(()), Ok(result)) => {
            let (wanted, sum) = shape.expected(args, SEED, result, memory_byte);
            let returned = bits(&results[0]);
            let same = returned == wanted
                || job.subject.free_nan
                    && shape.returned().is_nan(wanted)
                    && is_quiet_nan(shape.returned(), returned);
            if !same {
                return Err(format!("returned {returned:#x}, expected {wanted:#x}"));
            }
            if bits(&results[1]) != sum {
                return Err("the result is right, but some other value is not".into());
            }
            Ok(())
        }
    }
}

fn is_quiet_nan(ty: Ty, bits: u64) -> bool {
    match ty {
        Ty::F32 => bits & 0x7fc0_0000 == 0x7fc0_0000,
        Ty::F64 => bits & 0x7ff8_0000_0000_0000 == 0x7ff8_0000_0000_0000,
        Ty::I32 | Ty::I64 => false,
    }
}

/// Runs every job that `all` gives, batch by batch.
fn run(mode: Mode, all: for<'a> fn(&'a [Subject], &mut dyn FnMut(Job<'a>)), floor: usize) {
    let wanted = env::var("PRONTO_MATRIX_OP").unwrap_or_default();
    let subjects: Vec<Subject> = subjects()
        .into_iter()
        .filter(|subject| subject.name.contains(&wanted))
        .collect();
    let (mut functions, mut calls) = (0, 0);
    let mut failures = Vec::new();
    let mut batch = Vec::new();
    all(&subjects, &mut |job| {
        functions += 1;
        batch.push(job);
        if batch.len() == BATCH {
            calls += run_batch(mode, &batch, &mut failures);
            batch.clear();
        }
    });
    calls += run_batch(mode, &batch, &mut failures);
    println!("{mode:?}: {functions} functions, {calls} calls");
    failures.sort_by_key(String::len);
    assert!(
        failures.is_empty(),
        "{} of {calls} calls went wrong:\n{}",
        failures.len(),
        failures[..failures.len().min(20)].join("\n")
    );
    assert!(!wanted.is_empty() || functions >= floor, "{functions}");
}

/// A test of each matrix for one way to compile, to run side by side.
macro_rules! matrices {
    ($($way:ident: $mode:expr;)*) => {
        $(mod $way {
            use super::*;

            #[test]
            fn operands() {
                run($mode, operand_jobs, 35_000);
            }

            #[test]
            fn comparisons() {
                run($mode, compare_jobs, 50_000);
            }
        })*
    };
}

matrices! {
    explicit: MODES[0];
    guard: MODES[1];
    explicit_poisoned: MODES[2];
    guard_poisoned: MODES[3];
}
