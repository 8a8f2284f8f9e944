//! A lowered function: its records and what was learned on the way.

use super::records::Records;
use super::types::{FuncIdx, LabelIdx, TypeIdx, ValType};

/// One lowered function. The buffers are reused from function to function.
#[derive(Debug, Default)]
pub(crate) struct Func {
    pub(crate) index: u32,
    /// Index of its type in the type section.
    pub(crate) ty: u32,
    /// Offset of the body in the module.
    pub(crate) body_pos: u32,
    pub(crate) records: Records,
    pub(crate) labels: Vec<Label>,
    /// Targets of all `br_table`s.
    pub(crate) targets: Vec<LabelIdx>,
    /// Parameters first. A function that declares very many has only those that it uses.
    pub(crate) locals: Vec<Local>,
    /// How many of the locals are parameters.
    pub(crate) params: u32,
    /// Greatest number of operands on the stack.
    pub(crate) max_height: u32,
    /// Whether some operand, local or label argument is a v128 (homes are two cells then).
    pub(crate) v128: bool,
    /// Whether some local may be a float or a v128.
    pub(crate) floats: bool,
    /// Sum of 8^depth (capped as in [`Local::weight`]) over all calls and builtins; 0: a leaf.
    pub(crate) call_weight: u32,
}

impl Func {
    pub(crate) fn func_idx(&self) -> FuncIdx {
        FuncIdx(self.index)
    }

    pub(crate) fn is_leaf(&self) -> bool {
        self.call_weight == 0
    }
}

/// What is known of a local.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Local {
    pub(crate) ty: ValType,
    /// Sum of 8^depth over its uses, depth being that of loops, at most 4; saturating.
    pub(crate) weight: u32,
    /// Whether the function must set it to zero: not a parameter, and not written before
    /// it can be read.
    pub(crate) zeroed: bool,
    /// Its index in the module's code.
    pub(crate) index: u32,
}

/// Where branches go.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Label {
    /// Operands on the stack below the label's arguments.
    pub(crate) height: u32,
    /// Types of the label's arguments.
    pub(crate) args: LabelArgs,
    /// Recorded branches to it (for a forward label: without the fall-through).
    pub(crate) preds: u32,
}

/// Types of a label's arguments: results of a block, parameters of a loop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LabelArgs {
    None,
    One(ValType),
    Params(TypeIdx),
    Results(TypeIdx),
}
