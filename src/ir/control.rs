//! Structured control becomes labels: blocks, branches and calls.

use wasmparser::{BlockType, BrTable};

use super::func::{Label, LabelArgs};
use super::lower::Recorder;
use super::op::{Op, Src};
use super::types::Size::S32;
use super::types::{FuncIdx, LabelIdx, TableIdx, TypeIdx, ValType};

/// A block that is open, and began in live code.
pub(super) struct Frame {
    opener: Opener,
    /// Where branches to it go: its end, or the start of a loop.
    label: LabelIdx,
}

#[derive(Clone, Copy)]
enum Opener {
    Function,
    Block,
    Loop,
    /// The first part of an `if`; its record is the one numbered `record`.
    If {
        or_else: LabelIdx,
        record: u32,
    },
    /// The first part of an `if` whose condition is always true.
    IfTrue,
    /// The first part of an `if` whose condition is never true: dead.
    IfFalse,
    /// The second part of an `if`.
    Else,
    /// The second part of an `if` whose condition is always true: dead. `live` says whether the
    /// first part reaches its end.
    ElseDead {
        live: bool,
    },
}

impl Frame {
    pub(super) fn function(label: LabelIdx) -> Self {
        Self {
            opener: Opener::Function,
            label,
        }
    }
}

impl LabelArgs {
    fn new(types: &[ValType], many: Self) -> Self {
        match *types {
            [] => Self::None,
            [ty] => Self::One(ty),
            _ => many,
        }
    }

    pub(super) fn params(ty: TypeIdx, types: &[ValType]) -> Self {
        Self::new(types, Self::Params(ty))
    }

    pub(super) fn results(ty: TypeIdx, types: &[ValType]) -> Self {
        Self::new(types, Self::Results(ty))
    }
}

/// Depth of loops from which on uses weigh no more.
const MAX_DEPTH: u32 = 4;

/// A resolved block type.
struct Signature {
    params: u32,
    param_args: LabelArgs,
    result_args: LabelArgs,
}

impl Recorder<'_> {
    fn signature(&self, ty: BlockType) -> Signature {
        match ty {
            BlockType::Empty => Signature {
                params: 0,
                param_args: LabelArgs::None,
                result_args: LabelArgs::None,
            },
            BlockType::Type(ty) => Signature {
                params: 0,
                param_args: LabelArgs::None,
                result_args: LabelArgs::One(block_result(ty)),
            },
            BlockType::FuncType(index) => {
                let index = TypeIdx(index);
                let ty = &self.module.types[index.index()];
                Signature {
                    params: ty.params().len() as u32,
                    param_args: LabelArgs::params(index, ty.params()),
                    result_args: LabelArgs::results(index, ty.results()),
                }
            }
        }
    }

    fn new_label(&mut self, height: u32, args: LabelArgs) -> LabelIdx {
        let label = LabelIdx(self.out.labels.len() as u32);
        self.out.labels.push(Label {
            height,
            args,
            preds: 0,
        });
        label
    }

    fn preds(&mut self, label: LabelIdx) -> &mut u32 {
        &mut self.out.labels[label.index()].preds
    }

    /// The block that a branch leaves (or repeats).
    fn frame_at(&self, depth: u32) -> &Frame {
        &self.frames[self.frames.len() - 1 - depth as usize]
    }

    /// The label that a branch goes to, with the branch counted.
    fn target(&mut self, depth: u32) -> LabelIdx {
        let label = self.frame_at(depth).label;
        *self.preds(label) += 1;
        label
    }

    fn set_depth(&mut self, depth: u32) {
        self.depth = depth;
        self.weight = 1 << (3 * depth.min(MAX_DEPTH));
    }

    /// In dead code, just counts the block.
    fn opens_dead(&mut self) -> bool {
        if self.live() {
            self.entry = false;
            return false;
        }
        self.dead += 1;
        true
    }

    pub(super) fn visit_block(&mut self, ty: BlockType) {
        if self.opens_dead() {
            return;
        }
        let signature = self.signature(ty);
        self.open_block(Opener::Block, &signature);
    }

    /// Opens a block whose label is its end.
    fn open_block(&mut self, opener: Opener, signature: &Signature) {
        let height = self.height - signature.params;
        let label = self.new_label(height, signature.result_args);
        self.frames.push(Frame { opener, label });
        // Without operands there is nothing that would have to go home.
        if self.height > 0 {
            self.record(Op::Block(label));
        }
    }

    pub(super) fn visit_loop(&mut self, ty: BlockType) {
        if self.opens_dead() {
            return;
        }
        let signature = self.signature(ty);
        let height = self.height - signature.params;
        let label = self.new_label(height, signature.param_args);
        self.frames.push(Frame {
            opener: Opener::Loop,
            label,
        });
        self.record(Op::Loop(label));
        self.set_depth(self.depth + 1);
    }

    pub(super) fn visit_if(&mut self, ty: BlockType) {
        if self.opens_dead() {
            return;
        }
        self.height -= 1;
        let signature = self.signature(ty);
        match self.take_condition() {
            Some(true) => self.open_block(Opener::IfTrue, &signature),
            Some(false) => {
                self.open_block(Opener::IfFalse, &signature);
                self.dead = 1;
            }
            None => {
                let height = self.height - signature.params;
                let end = self.new_label(height, signature.result_args);
                let or_else = self.new_label(height, signature.param_args);
                *self.preds(or_else) += 1;
                self.frames.push(Frame {
                    opener: Opener::If {
                        or_else,
                        record: self.out.records.len() as u32,
                    },
                    label: end,
                });
                self.record(Op::If { end, or_else });
            }
        }
    }

    pub(super) fn visit_else(&mut self) {
        if self.dead > 1 {
            return;
        }
        let live = self.live();
        let Some(frame) = self.frames.last_mut() else {
            unreachable!("the validator has seen the `if`");
        };
        let end = frame.label;
        match frame.opener {
            Opener::If { or_else, .. } => {
                frame.opener = Opener::Else;
                if live {
                    *self.preds(end) += 1;
                    self.record(Op::Br(end));
                }
                self.record(Op::Label(or_else));
                self.dead = 0;
            }
            Opener::IfTrue => {
                frame.opener = Opener::ElseDead { live };
                self.dead = 1;
            }
            Opener::IfFalse => {
                frame.opener = Opener::Else;
                self.dead = 0;
            }
            Opener::Function
            | Opener::Block
            | Opener::Loop
            | Opener::Else
            | Opener::ElseDead { .. } => {
                unreachable!("the validator has seen the `if`")
            }
        }
    }

    pub(super) fn visit_end(&mut self) {
        if self.dead > 1 {
            self.dead -= 1;
            return;
        }
        let Some(frame) = self.frames.pop() else {
            unreachable!("the validator has seen the block's start");
        };
        match frame.opener {
            Opener::Function | Opener::Block | Opener::IfTrue | Opener::Else => {}
            Opener::Loop => {
                // Nothing branches to its end.
                self.set_depth(self.depth - 1);
                return;
            }
            Opener::If { or_else, record } => {
                // No `else`: a false condition goes straight to the end.
                let end = frame.label;
                let op = Op::If { end, or_else: end };
                self.out.records.replace(record as usize, op);
                *self.preds(or_else) = 0;
                *self.preds(end) += 1;
            }
            Opener::IfFalse | Opener::ElseDead { live: true } => self.dead = 0,
            Opener::ElseDead { live: false } => {}
        }
        if *self.preds(frame.label) > 0 {
            self.record(Op::Label(frame.label));
            self.dead = 0;
        }
        if self.live() && matches!(frame.opener, Opener::Function) {
            self.record(Op::Return);
        }
    }

    pub(super) fn visit_br(&mut self, depth: u32) {
        if self.live() {
            self.branch(depth);
        }
    }

    fn branch(&mut self, depth: u32) {
        if matches!(self.frame_at(depth).opener, Opener::Function) {
            self.record(Op::Return);
        } else {
            let label = self.target(depth);
            self.record(Op::Br(label));
        }
        self.dead = 1;
    }

    pub(super) fn visit_br_if(&mut self, depth: u32) {
        if !self.live() {
            return;
        }
        match self.take_condition() {
            Some(true) => self.branch(depth),
            Some(false) => {}
            None => {
                let label = self.target(depth);
                let src = self.take_src();
                self.record(Op::BrIf(label, src));
            }
        }
    }

    pub(super) fn visit_br_table(&mut self, table: BrTable<'_>) {
        if !self.live() {
            return;
        }
        // The validator has read the targets without error.
        let mut targets = table.targets().map_while(Result::ok);
        if let Some(Op::I32Const(index)) = self.out.records.last(1) {
            self.unrecord(1);
            let depth = targets.nth(index as u32 as usize);
            self.branch(depth.unwrap_or(table.default()));
            return;
        }
        let first = self.out.targets.len() as u32;
        for depth in targets.chain([table.default()]) {
            let label = self.target(depth);
            self.out.targets.push(label);
        }
        let count = self.out.targets.len() as u32 - first;
        self.record(Op::BrTable { first, count });
        self.dead = 1;
    }

    pub(super) fn visit_return(&mut self) {
        if self.live() {
            self.record(Op::Return);
            self.dead = 1;
        }
    }

    pub(super) fn visit_unreachable(&mut self) {
        if self.live() {
            self.record(Op::Unreachable);
            self.dead = 1;
        }
    }

    #[inline]
    pub(super) fn visit_nop(&mut self) {}

    pub(super) fn visit_call(&mut self, func: u32) {
        if self.live() {
            self.note_call();
            self.record(Op::Call(FuncIdx(func)));
        }
    }

    pub(super) fn visit_call_indirect(&mut self, ty: u32, table: u32) {
        if self.live() {
            let (ty, table) = (TypeIdx(ty), TableIdx(table));
            self.note_call();
            self.record(Op::CallIndirect { ty, table });
        }
    }

    pub(super) fn note_call(&mut self) {
        self.out.facts.call_weight = self.out.facts.call_weight.saturating_add(self.weight);
    }

    /// Whether the condition on top of the stack is known: then its record is taken back. If not,
    /// its truth is left there in the shortest form.
    pub(super) fn take_condition(&mut self) -> Option<bool> {
        match self.out.records.last(1) {
            Some(Op::I32Const(value)) => {
                self.unrecord(1);
                return Some(value != 0);
            }
            Some(Op::Eqz(S32, Src::Stack)) => {
                if let Some(Op::Eqz(S32, src)) = self.out.records.last(2) {
                    self.unrecord(2);
                    match src {
                        Src::Stack => {}
                        Src::Const(value) => self.record(Op::I32Const(value)),
                        Src::Local(local) => self.record(Op::LocalGet(local)),
                    }
                }
            }
            Some(_) | None => {}
        }
        None
    }
}

/// The validator allows only types that are known here.
fn block_result(ty: wasmparser::ValType) -> ValType {
    match super::sections::val_type(0, ty) {
        Ok(ty) => ty,
        Err(_) => unreachable!("a block of a type that no feature allows"),
    }
}
