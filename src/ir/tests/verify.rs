//! What every lowered function must be: emission takes it for granted.

use crate::ir::func::Func;
use crate::ir::module::ModuleInfo;
use crate::ir::op::{Below, Op, Src};
use crate::ir::types::{LabelIdx, TypeIdx};

/// Follows the heights of the operand stack through the records.
pub(super) fn verify(module: &ModuleInfo, func: &Func) {
    let mut verifier = Verifier {
        module,
        func,
        height: Some(0),
        preds: vec![0; func.labels.len()],
        bound: vec![false; func.labels.len()],
    };
    assert!(func.records.iter().is_sorted_by_key(|record| record.pos));
    for record in func.records.iter() {
        verifier.step(record.op);
        assert!(verifier.height <= Some(func.facts.max_height));
    }
    assert_eq!(verifier.height, None, "the last record leaves the function");
    let preds: Vec<u32> = func.labels.iter().map(|label| label.preds).collect();
    assert_eq!(verifier.preds, preds);
    for (label, bound) in func.labels.iter().zip(verifier.bound) {
        assert!(bound || label.preds == 0);
    }
}

struct Verifier<'a> {
    module: &'a ModuleInfo,
    func: &'a Func,
    /// `None` in dead code.
    height: Option<u32>,
    /// Branches so far.
    preds: Vec<u32>,
    bound: Vec<bool>,
}

impl Verifier<'_> {
    fn args(&self, label: LabelIdx) -> u32 {
        let args = self.func.labels[label.index()].args;
        self.module.label_args(&args).len() as u32
    }

    fn effect(&mut self, pops: u32, pushes: u32) {
        let height = self.height.expect("dead code has no records");
        let below = height.checked_sub(pops).expect("operands enough");
        self.height = Some(below + pushes);
    }

    fn branch(&mut self, label: LabelIdx) {
        let height = self.height.expect("dead code has no records");
        let target = &self.func.labels[label.index()];
        assert!(height >= target.height + self.args(label));
        self.preds[label.index()] += 1;
    }

    /// A label is bound where the stack is as the label says, or the code before it is dead.
    fn bind(&mut self, label: LabelIdx) {
        let height = self.func.labels[label.index()].height + self.args(label);
        assert!(self.height.is_none_or(|live| live == height));
        assert!(!std::mem::replace(&mut self.bound[label.index()], true));
        self.height = Some(height);
    }

    fn call(&mut self, ty: TypeIdx, extra: u32) {
        let ty = &self.module.types[ty.index()];
        self.effect(ty.params().len() as u32 + extra, ty.results().len() as u32);
    }

    /// How many operands a record's last operand takes from the stack.
    fn popped(&self, src: Src) -> u32 {
        match src {
            Src::Stack => 1,
            Src::Const(_) => 0,
            Src::Local(local) => {
                assert!(self.func.locals[local.index()].weight > 0);
                0
            }
        }
    }

    /// How many operands it takes for the one below.
    fn popped_below(&self, below: Below) -> u32 {
        self.popped(below.into())
    }

    fn step(&mut self, op: Op) {
        match op {
            Op::I32Const(_) | Op::I64Const(_) | Op::F32Const(_) | Op::F64Const(_) => {
                self.effect(0, 1);
            }
            Op::RefNull(_) | Op::RefFunc(_) | Op::GlobalGet(_) | Op::MemorySize(_) => {
                self.effect(0, 1);
            }
            Op::LocalGet(local) => {
                assert!(self.func.locals[local.index()].weight > 0);
                self.effect(0, 1);
            }
            Op::LocalSet(local, src) => {
                assert!(self.func.locals[local.index()].weight > 0);
                self.effect(self.popped(src), 0);
            }
            Op::LocalTee(local) => {
                assert!(self.func.locals[local.index()].weight > 0);
                self.effect(1, 1);
            }
            Op::GlobalSet(_) | Op::Drop => self.effect(1, 0),
            Op::Select => self.effect(3, 1),
            Op::IntBin(_, _, below, src)
            | Op::Shift(_, _, below, src)
            | Op::IntCmp(_, _, below, src)
            | Op::FloatBin(_, _, below, src) => {
                self.effect(self.popped_below(below) + self.popped(src), 1);
            }
            Op::Div(..) | Op::FloatCmp(..) => self.effect(2, 1),
            Op::Eqz(_, src) => self.effect(self.popped(src), 1),
            Op::RefIsNull | Op::IntUn(..) | Op::FloatUn(..) => self.effect(1, 1),
            Op::Wrap | Op::Extend { .. } | Op::Trunc { .. } | Op::Convert { .. } => {
                self.effect(1, 1);
            }
            Op::Demote | Op::Promote | Op::FloatToBits(_) | Op::BitsToFloat(_) => {
                self.effect(1, 1);
            }
            Op::Load { addr, .. } => self.effect(self.popped(addr), 1),
            Op::Store { addr, value, .. } => {
                self.effect(self.popped_below(addr) + self.popped(value.unpack()), 0);
            }
            Op::Builtin(builtin) => {
                let result = builtin.result().is_some().into();
                self.effect(builtin.operands() as u32, result);
            }
            Op::Fuel(cost) => assert!(cost > 0),
            Op::Block(label) => {
                assert!(self.func.labels[label.index()].height <= self.height.unwrap());
            }
            Op::Loop(label) => self.bind(label),
            Op::If { end, or_else } => {
                self.effect(1, 0);
                self.branch(or_else);
                let label = |label: LabelIdx| &self.func.labels[label.index()];
                assert_eq!(label(end).height, label(or_else).height);
            }
            Op::Label(label) => {
                assert!(self.preds[label.index()] > 0, "a label that is used");
                self.bind(label);
            }
            Op::Br(label) => {
                self.branch(label);
                self.height = None;
            }
            Op::BrIf(label, src) => {
                self.effect(self.popped(src), 0);
                self.branch(label);
            }
            Op::BrTable { first, count } => {
                self.effect(1, 0);
                let targets = &self.func.targets[first as usize..][..count as usize];
                targets.iter().for_each(|label| self.branch(*label));
                self.height = None;
            }
            Op::Return => {
                let ty = self.module.func_type(self.func.facts.func_idx());
                self.effect(ty.results().len() as u32, 0);
                self.height = None;
            }
            Op::Unreachable => {
                self.effect(0, 0);
                self.height = None;
            }
            Op::Call(func) => self.call(self.module.funcs[func.index()], 0),
            Op::CallIndirect { ty, .. } => self.call(ty, 1),
        }
    }
}
