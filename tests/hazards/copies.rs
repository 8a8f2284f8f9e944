//! Short loops of interruptible code are written several times: each copy does what a round does,
//! whichever of them the loop is left from.

use pronto::{Config, Engine, Instance, Module, Store, Trap};

use crate::support::{MODES, trap, wat};

/// One more round: `i` becomes one less. The sum `s` tells the order of all that was done.
const ROUND: &str = "(local.set $i (i32.sub (local.get $i) (i32.const 1)))";
const MIX: &str = "(local.set $s (i32.add (i32.mul (local.get $s) (i32.const 31)) (local.get $i)))";

/// Loops of `i` rounds; `MORE` is more work. What is behind them sees the sum.
const LOOPS: &[(&str, &str)] = &[
    ("while_not_zero", "(loop MORE ROUND (br_if 0 (local.get $i)))"),
    (
        "tee",
        "(loop MORE (br_if 0 (local.tee $i (i32.sub (local.get $i) (i32.const 1)))))",
    ),
    (
        "compare",
        "(loop ROUND MORE (br_if 0 (i32.gt_s (local.get $i) (i32.const 0))))",
    ),
    (
        "float",
        "(loop ROUND MORE (br_if 0 (f64.gt (f64.convert_i32_s (local.get $i)) (f64.const 0.5))))",
    ),
    (
        "nan",
        "(loop ROUND MORE (br_if 0 (f32.ge (f32.sqrt (f32.convert_i32_s
            (i32.sub (local.get $i) (i32.const 1)))) (f32.const 0.5))) MIX)",
    ),
    (
        "bit",
        "(loop ROUND MORE (br_if 0 (i32.and (i32.shr_s (i32.sub (i32.const 0) (local.get $i))
            (i32.const 31)) (i32.const 4))))",
    ),
    (
        "exit_first",
        "(block (loop (br_if 1 (i32.eqz (local.get $i))) MORE ROUND (br 0)))",
    ),
    (
        "exit_between",
        "(block (loop MIX ROUND (br_if 1 (i32.le_s (local.get $i) (i32.const 0))) MORE (br 0)))",
    ),
    (
        "two_exits",
        "(block (loop ROUND (br_if 1 (i32.eq (local.get $i) (i32.const 3))) MORE
            (br_if 0 (local.get $i))) MIX)",
    ),
    (
        "continued",
        "(loop MORE ROUND (if (local.get $i) (then MIX (br 1))))",
    ),
    (
        "returns",
        "(loop ROUND MORE (if (i32.eqz (local.get $i)) (then (return (local.get $s)))) (br 0))",
    ),
    (
        "divides",
        "(loop ROUND MORE (local.set $s (i32.xor (local.get $s)
            (i32.div_u (i32.const 1000) (local.get $i)))) (br 0))",
    ),
    (
        "stores",
        "(loop ROUND MORE (i32.store (i32.mul (local.get $i) (i32.const 4)) (local.get $s))
            (local.set $s (i32.add (local.get $s) (i32.load (i32.const 8))))
            (br_if 0 (local.get $i)))",
    ),
    (
        "runs_out",
        "(loop ROUND MORE (i32.store (i32.sub (i32.const 65536)
            (i32.sub (local.get $i) (i32.const 2))) (local.get $s)) (br 0))",
    ),
    (
        "above_operands",
        "(local.set $s (i32.add (i32.mul (local.get $s) (i32.const 5)) (i32.xor (local.get $i)
            (i32.sub (i32.load (i32.const 8)) (loop (result i32) MORE ROUND
                (br_if 0 (local.get $i)) (i32.load offset=4 (i32.shl (local.get $i) (i32.const 2))))))))",
    ),
    (
        "below_an_operand",
        "(local.set $s (loop (result i32) ROUND MORE (i32.mul (local.get $s) (i32.const 3))
            (br_if 0 (local.get $i))))",
    ),
    (
        "calls",
        "(loop ROUND MORE (local.set $s (call $twice (local.get $s))) (br_if 0 (local.get $i)))",
    ),
    (
        "nested",
        "(loop MIX (local.set $j (i32.const 7)) (loop MORE
            (br_if 0 (local.tee $j (i32.sub (local.get $j) (i32.const 1))))) ROUND
            (br_if 0 (local.get $i)))",
    ),
    (
        "blocks_inside",
        "(loop MIX (block (br_if 0 (i32.and (local.get $i) (i32.const 1))) MORE) ROUND
            (br_if 0 (local.get $i)))",
    ),
    (
        "two_ways_back",
        "(loop ROUND MORE (br_if 0 (i32.and (local.get $i) (i32.const 1))) MIX
            (br_if 0 (local.get $i)))",
    ),
    (
        "by_table",
        "(block (loop ROUND MORE (br_table 1 0 (local.get $i))))",
    ),
];

/// Bodies from the shortest, which has the most copies, to those that have one.
const LONGEST: usize = 12;

/// Each loop is run for one round, and up to so many: a loop with all copies goes round more than twice.
const ROUNDS: usize = 11;

fn module() -> (Vec<u8>, Vec<String>) {
    let (mut text, mut names) = (String::new(), Vec::new());
    for (name, body) in LOOPS {
        for more in 0..=LONGEST {
            let body = body
                .replace("ROUND", ROUND)
                .replace("MORE", &"MIX".repeat(more))
                .replace("MIX", MIX);
            names.push(format!("{name} {more}"));
            text += &format!(
                "(func (export \"{name} {more}\") (param $i i32) (result i32) (local $s i32) (local $j i32)
                   (local.set $s (i32.const 17)) {body} {MIX} (local.get $s))\n"
            );
        }
    }
    let twice = "(func $twice (param i32) (result i32) (i32.shl (local.get 0) (i32.const 1)))";
    (
        wat(&format!(
            "(module (memory (export \"memory\") 1) {twice} {text})"
        )),
        names,
    )
}

/// What a function gives: a number, or a trap and the operator that it came from.
type Outcome = Result<i32, (Trap, Option<usize>)>;

/// What every function gives for some numbers of rounds, and the memory after all of them.
fn outcomes(config: &Config, wasm: &[u8], names: &[String]) -> (Vec<Outcome>, Vec<u8>) {
    let engine = Engine::new(config).expect("an engine");
    let module = Module::new(&engine, wasm).expect("a module");
    let mut store = Store::new(&engine, ());
    let instance = Instance::new(&mut store, &module, &[]).expect("an instance");
    let mut outcomes = Vec::new();
    for name in names {
        let func = instance.get_typed_func::<i32, i32>(&store, name);
        let func = func.expect("a function");
        for rounds in 1..=ROUNDS {
            let outcome = func.call(&mut store, rounds as i32);
            outcomes.push(outcome.map_err(|error| {
                let frames = error.backtrace().expect("a backtrace").frames();
                (trap(&error), frames[0].module_offset())
            }));
        }
    }
    let memory = instance.get_memory(&mut store, "memory");
    (outcomes, memory.expect("a memory").data(&store).to_vec())
}

#[test]
fn copies_do_what_rounds_do() {
    let (wasm, names) = module();
    let once = outcomes(&MODES[0].config(), &wasm, &names);
    for trap in [Trap::MemoryOutOfBounds, Trap::IntegerDivisionByZero] {
        let raised = |outcome: &Outcome| matches!(outcome, Err((code, Some(_))) if *code == trap);
        assert!(once.0.iter().any(raised), "{trap:?}");
    }
    for mode in MODES {
        let copies = outcomes(mode.config().epoch_interruption(true), &wasm, &names);
        for (at, (copies, once)) in copies.0.iter().zip(&once.0).enumerate() {
            let (name, rounds) = (&names[at / ROUNDS], at % ROUNDS + 1);
            assert_eq!(copies, once, "{name}, {rounds} rounds, {mode:?}");
        }
        assert!(copies.1 == once.1, "memory, {mode:?}");
    }
}
