//! Calling conventions: random signatures, whose values travel from the host through every kind
//! of call and back, in another order.

use std::fmt::Write;

use pronto::{Linker, Val};

use crate::reference::Ty;
use crate::rng::Rng;
use crate::support::{Guest, MODES, bits, val, wat};

const TYPES: [Ty; 4] = [Ty::I32, Ty::I64, Ty::F32, Ty::F64];

fn name(ty: Ty) -> &'static str {
    ["i32", "i64", "f32", "f64"][TYPES.iter().position(|other| *other == ty).expect("a type")]
}

/// A function that returns some of its parameters, in some order.
struct Signature {
    params: Vec<Ty>,
    /// Which parameter each result is.
    results: Vec<usize>,
}

impl Signature {
    fn random(rng: &mut Rng) -> Self {
        let count = rng.below(24);
        let params: Vec<Ty> = (0..count).map(|_| rng.pick(&TYPES)).collect();
        let results = if count == 0 { 0 } else { rng.below(14) };
        let results = (0..results).map(|_| rng.below(count)).collect();
        Self { params, results }
    }

    fn ty(&self) -> String {
        let params: Vec<&str> = self.params.iter().map(|ty| name(*ty)).collect();
        let results: Vec<&str> = self.results.iter().map(|n| name(self.params[*n])).collect();
        format!(
            "(param {}) (result {})",
            params.join(" "),
            results.join(" ")
        )
    }

    /// Reads of all parameters, as plain reads or through some computation.
    fn arguments(&self, rng: &mut Rng) -> String {
        let mut text = String::new();
        for (n, ty) in self.params.iter().enumerate() {
            let get = format!("(local.get {n})");
            let _ = match (rng.below(4), ty) {
                (0, Ty::I32 | Ty::I64) => {
                    write!(
                        text,
                        "({0}.sub {get} ({0}.extend8_s ({0}.const 0)))",
                        name(*ty)
                    )
                }
                (0, _) => write!(text, "({}.copysign {get} {get})", name(*ty)),
                (1, _) => write!(
                    text,
                    "(block (result {}) {get} (br_if 0 (global.get $zero)))",
                    name(*ty)
                ),
                _ => write!(text, "{get}"),
            };
        }
        text
    }

    /// `base`: direct, indirect and multi-level calls of a function of this signature.
    fn functions(&self, index: usize, rng: &mut Rng) -> String {
        let ty = self.ty();
        let gets: Vec<String> = self
            .results
            .iter()
            .map(|n| format!("(local.get {n})"))
            .collect();
        let mut text = format!(
            "(type $s{index} (func {ty}))
             (func $f{index} (export \"f{index}\") {ty} {})
             (elem (table $t) (i32.const {index}) func $f{index})",
            gets.join(" ")
        );
        for (kind, call) in [
            ("d", format!("(call $f{index})")),
            (
                "i",
                format!("(call_indirect $t (type $s{index}) (i32.const {index}))"),
            ),
            ("h", format!("(call $host{index})")),
        ] {
            let arguments = self.arguments(rng);
            let _ = writeln!(
                text,
                "(func ${kind}{index} (export \"{kind}{index}\") {ty} {arguments} {call})"
            );
        }
        // Two calls with the results of the first waiting below, and locals live across.
        let arguments = self.arguments(rng);
        let drops = vec!["(drop)"; self.results.len()].join(" ");
        let _ = writeln!(
            text,
            "(func (export \"x{index}\") {ty} {arguments} (call $d{index})
               {arguments} (call $i{index}) {drops})"
        );
        text
    }
}

#[test]
fn random_signatures() {
    let mut rng = Rng::new(42);
    let signatures: Vec<Signature> = (0..300).map(|_| Signature::random(&mut rng)).collect();
    let mut text = String::from("(module ");
    for (n, signature) in signatures.iter().enumerate() {
        let _ = writeln!(
            text,
            "(import \"host\" \"h{n}\" (func $host{n} {}))",
            signature.ty()
        );
    }
    text.push_str("(global $zero (mut i32) (i32.const 0)) (table $t 300 funcref)\n");
    for (n, signature) in signatures.iter().enumerate() {
        text.push_str(&signature.functions(n, &mut rng));
    }
    text.push(')');
    let wasm = wat(&text);
    for mode in MODES {
        // The host's functions are exports of another instance, or of the host itself.
        let mut guest = Guest::link(mode, &wasm, |linker| define(linker, &signatures));
        for (n, signature) in signatures.iter().enumerate() {
            let args: Vec<Val> = (1..)
                .zip(&signature.params)
                .map(|(at, ty)| val(*ty, ty.trim(0x8123_4567_89ab_cdef_u64.wrapping_mul(at))))
                .collect();
            let wanted: Vec<u64> = signature
                .results
                .iter()
                .map(|at| bits(&args[*at]))
                .collect();
            for kind in ["f", "d", "i", "h", "x"] {
                let results = guest.call(&format!("{kind}{n}"), &args).expect("results");
                let results: Vec<u64> = results.iter().map(bits).collect();
                assert_eq!(results, wanted, "{mode:?} {kind}{n} {}", signature.ty());
            }
        }
    }
}

fn define(linker: &mut Linker<()>, signatures: &[Signature]) {
    for (n, signature) in signatures.iter().enumerate() {
        let types: Vec<pronto::ValType> = signature.params.iter().map(|ty| val_type(*ty)).collect();
        let order = signature.results.clone();
        let results: Vec<pronto::ValType> = order.iter().map(|at| types[*at]).collect();
        let ty = pronto::FuncType::new(types, results);
        linker
            .func_new("host", &format!("h{n}"), ty, move |_, args, results| {
                for (result, at) in results.iter_mut().zip(&order) {
                    *result = args[*at].clone();
                }
                Ok(())
            })
            .expect("a new name");
    }
}

fn val_type(ty: Ty) -> pronto::ValType {
    match ty {
        Ty::I32 => pronto::ValType::I32,
        Ty::I64 => pronto::ValType::I64,
        Ty::F32 => pronto::ValType::F32,
        Ty::F64 => pronto::ValType::F64,
    }
}
