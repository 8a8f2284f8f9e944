//! What calls cost: between host and guest, and within the guest.

use crate::peer::{Bench, Calls};
use crate::table::{Table, number};
use crate::{Options, clock, peers};
use anyhow::Result;

/// Calls per figure and round.
const COUNT: i32 = 500_000;

/// Each export but `nop` and `nested` is a loop around one call, its own cost included.
const GUEST: &str = r#"
(module
  (type $unary (func (param i32) (result i32)))
  (import "host" "nop" (func $host (type $unary)))
  (import "host" "reenter" (func $reenter (type $unary)))
  (import "other" "id" (func $other (type $unary)))
  (table funcref (elem $id $same))
  (func $id (export "nop") (type $unary) local.get 0)
  (func $same (type $unary) local.get 0)
  (func $down (param $depth i32) (param $x i32) (result i32)
    (if (result i32) (local.get $depth)
      (then (call $down (i32.sub (local.get $depth) (i32.const 1)) (local.get $x)))
      (else (call $id (local.get $x)))))
  (func $down_host (param $depth i32) (param $x i32) (result i32)
    (if (result i32) (local.get $depth)
      (then (call $down_host (i32.sub (local.get $depth) (i32.const 1)) (local.get $x)))
      (else (call $host (local.get $x)))))
  (func $down_reenter (param $depth i32) (param $x i32) (result i32)
    (if (result i32) (local.get $depth)
      (then (call $down_reenter (i32.sub (local.get $depth) (i32.const 1)) (local.get $x)))
      (else (call $reenter (local.get $x)))))
  (func (export "direct") (param $n i32) (result i32) (local $x i32)
    (loop $l
      (local.set $x (call $id (local.get $x)))
      (br_if $l (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (local.get $x))
  (func (export "indirect") (param $n i32) (result i32) (local $x i32)
    (loop $l
      (local.set $x (call_indirect (type $unary) (local.get $x) (i32.and (local.get $n) (i32.const 1))))
      (br_if $l (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (local.get $x))
  (func (export "imported") (param $n i32) (result i32) (local $x i32)
    (loop $l
      (local.set $x (call $other (local.get $x)))
      (br_if $l (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (local.get $x))
  (func (export "host") (param $n i32) (result i32) (local $x i32)
    (loop $l
      (local.set $x (call $host (local.get $x)))
      (br_if $l (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (local.get $x))
  (func (export "deep") (param $n i32) (result i32) (local $x i32)
    (loop $l
      (local.set $x (call $down (i32.const 8) (local.get $x)))
      (br_if $l (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (local.get $x))
  (func (export "deep_host") (param $n i32) (result i32) (local $x i32)
    (loop $l
      (local.set $x (call $down_host (i32.const 8) (local.get $x)))
      (br_if $l (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (local.get $x))
  (func (export "nested") (param $n i32) (result i32)
    (call $down_reenter (i32.const 8) (local.get $n))))
"#;

const OTHER: &str = r#"(module (func (export "id") (param i32) (result i32) local.get 0))"#;

/// The typed call from the host; the rest are names of exports.
const ENTER: &str = "";

const ROWS: [(&str, &str); 8] = [
    ("host → wasm typed call", ENTER),
    ("host → wasm, under 8 guest frames", "nested"),
    ("wasm → host typed call", "host"),
    ("wasm → host at the end of 8 calls", "deep_host"),
    ("the same without the host", "deep"),
    ("wasm → wasm, direct", "direct"),
    ("wasm → wasm, call_indirect", "indirect"),
    ("wasm → wasm, another instance", "imported"),
];

pub fn measure(options: &Options) -> Result<Table> {
    let peers = peers::all(Bench::Call, options)?;
    let (guest, other) = (wat::parse_str(GUEST)?, wat::parse_str(OTHER)?);
    let mut instances = Vec::new();
    for peer in &peers {
        instances.push(peer.calls(&guest, &other)?);
    }
    let mut table = Table::new(
        "Calls: nanoseconds, the loop included",
        ["ns"]
            .into_iter()
            .chain(peers.iter().map(|peer| peer.name())),
    );
    for (label, export) in ROWS.into_iter().filter(|(label, _)| options.wants(label)) {
        eprintln!("call: {label}");
        let mut times = vec![Vec::new(); peers.len()];
        for _ in 0..options.rounds.unwrap_or(9) {
            for (instance, times) in instances.iter_mut().zip(&mut times) {
                times.push(nanoseconds(instance.as_mut(), export)?);
            }
        }
        table.row(
            [label.to_owned()]
                .into_iter()
                .chain(times.into_iter().map(|times| number(clock::median(times)))),
        );
    }
    if !options.markdown {
        table.print(false);
    }
    for row in &mut table.rows {
        row[0].push_str(", ns");
    }
    Ok(table)
}

fn nanoseconds(instance: &mut dyn Calls, export: &str) -> Result<f64> {
    let start = clock::now();
    if export == ENTER {
        instance.enter(COUNT)?;
    } else {
        instance.guest(export, COUNT)?;
    }
    Ok((clock::now() - start).as_secs_f64() * 1e9 / f64::from(COUNT))
}
