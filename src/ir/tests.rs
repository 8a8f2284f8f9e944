//! Modules in the text format, and what becomes of them.

use super::decode::{DEFAULT_FEATURES, Decoded, decode};
use super::func::Func;
use super::lower::Lowering;
use super::op::Op;
use super::types::{LabelIdx, LocalIdx};

fn decode_wat(wat: &str) -> (Vec<u8>, Decoded) {
    let bytes = wat::parse_str(wat).unwrap();
    let decoded = decode(&bytes, DEFAULT_FEATURES).unwrap();
    (bytes, decoded)
}

/// The first defined function.
fn lower(wat: &str) -> Func {
    let (bytes, decoded) = decode_wat(wat);
    let mut func = Func::default();
    let body = decoded.bodies.into_iter().next().unwrap();
    Lowering::default()
        .lower(&decoded.info, &bytes, body, &mut func)
        .unwrap();
    func
}

#[test]
fn branches_name_labels() {
    let func = lower(
        "(module (func (param i32)
            (block (loop (br_if 1 (local.get 0)) (br 0)))))",
    );
    let expected = [
        Op::Block(LabelIdx(1)),
        Op::Loop(LabelIdx(2)),
        Op::LocalGet(LocalIdx(0)),
        Op::BrIf(LabelIdx(1)),
        Op::Br(LabelIdx(2)),
        Op::Label(LabelIdx(1)),
        Op::Return,
    ];
    assert_eq!(func.ops, expected);
    assert_eq!(func.pos.len(), expected.len());
    assert_eq!(func.labels[2].preds, 1);
    assert_eq!(func.locals[0].weight, 8);
}
