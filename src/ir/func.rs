//! A lowered function: its records and what was learned on the way.

use std::ops::Range;

use super::records::{Record, Records};
use super::types::{FuncIdx, LabelIdx, TypeIdx, ValType};
use crate::error::{OutOfMemory, try_reserve};

/// One lowered function. The buffers are reused from function to function.
#[derive(Debug, Default)]
pub(crate) struct Func {
    pub(crate) facts: Facts,
    pub(crate) records: Records,
    pub(crate) labels: Vec<Label>,
    /// Targets of all `br_table`s.
    pub(crate) targets: Vec<LabelIdx>,
    /// Parameters first. A function that declares very many has only those that it uses.
    pub(crate) locals: Vec<Local>,
}

/// What is known of a function as a whole.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Facts {
    pub(crate) index: u32,
    /// Index of its type in the type section.
    pub(crate) ty: u32,
    /// Offset of the body in the module.
    pub(crate) body_pos: u32,
    /// How many of the locals are parameters.
    pub(crate) params: u32,
    /// Greatest number of operands on the stack.
    pub(crate) max_height: u32,
    /// Sum of 8^depth (capped as in [`Local::weight`]) over all calls and builtins; 0: a leaf.
    pub(crate) call_weight: u32,
    /// Whether some operand, local or label argument is a v128 (homes are two cells then).
    pub(crate) v128: bool,
    /// Whether some local may be a float or a v128.
    pub(crate) floats: bool,
}

impl Facts {
    pub(crate) fn func_idx(&self) -> FuncIdx {
        FuncIdx(self.index)
    }

    pub(crate) fn is_leaf(&self) -> bool {
        self.call_weight == 0
    }
}

/// A lowered function as emission sees it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lowered<'a> {
    pub(crate) facts: Facts,
    pub(crate) records: &'a [Record],
    pub(crate) labels: &'a [Label],
    pub(crate) targets: &'a [LabelIdx],
    pub(crate) locals: &'a [Local],
}

impl Func {
    pub(crate) fn lowered(&self) -> Lowered<'_> {
        Lowered {
            facts: self.facts,
            records: &self.records,
            labels: &self.labels,
            targets: &self.targets,
            locals: &self.locals,
        }
    }
}

/// Functions that wait to be emitted. Their records stay where they are, in [`Func::records`]; the
/// other lists of one are behind those of another.
#[derive(Debug, Default)]
pub(crate) struct Waiting {
    funcs: Vec<Waits>,
    /// How many bytes their bodies have.
    bytes: usize,
    labels: Vec<Label>,
    targets: Vec<LabelIdx>,
    locals: Vec<Local>,
}

/// One of them, and where its lists are.
#[derive(Debug)]
struct Waits {
    facts: Facts,
    records: Range<usize>,
    labels: Range<usize>,
    targets: Range<usize>,
    locals: Range<usize>,
}

impl Waiting {
    /// Whether one more with so many bytes would make more than `most`.
    pub(crate) fn exceeds(&self, bytes: usize, most: usize) -> bool {
        !self.funcs.is_empty() && self.bytes + bytes > most
    }

    /// Takes in a function whose body has so many bytes.
    ///
    /// # Errors
    ///
    /// If the host has no memory; nothing but [`Self::clear`] is to follow then.
    pub(crate) fn push(&mut self, func: &mut Func, bytes: usize) -> Result<(), OutOfMemory> {
        let waits = Waits {
            labels: append(&mut self.labels, &func.labels)?,
            targets: append(&mut self.targets, &func.targets)?,
            locals: append(&mut self.locals, &func.locals)?,
            facts: func.facts,
            records: func.records.keep(),
        };
        try_reserve(&mut self.funcs, 1, WAITING)?;
        self.funcs.push(waits);
        self.bytes += bytes;
        Ok(())
    }

    /// In the order in which they came, from `func`.
    pub(crate) fn iter<'a>(&'a self, func: &'a Func) -> impl Iterator<Item = Lowered<'a>> {
        self.funcs.iter().map(|waits| Lowered {
            records: func.records.kept(waits.records.clone()),
            labels: &self.labels[waits.labels.clone()],
            targets: &self.targets[waits.targets.clone()],
            locals: &self.locals[waits.locals.clone()],
            facts: waits.facts,
        })
    }

    /// Forgets all, in `func` as well.
    pub(crate) fn clear(&mut self, func: &mut Func) {
        func.records.forget();
        self.funcs.clear();
        self.bytes = 0;
        self.labels.clear();
        self.targets.clear();
        self.locals.clear();
    }
}

const WAITING: &str = "functions that wait";

/// Returns where the items are then.
fn append<T: Copy>(list: &mut Vec<T>, items: &[T]) -> Result<Range<usize>, OutOfMemory> {
    /// At once, since a list that grows leaves its old memory behind, written.
    const ROOM: usize = 128;
    let start = list.len();
    try_reserve(list, items.len().max(ROOM.saturating_sub(start)), WAITING)?;
    list.extend_from_slice(items);
    Ok(start..list.len())
}

/// What is known of a local.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Local {
    pub(crate) ty: ValType,
    /// Sum of 8^depth over its uses, depth being that of loops, at most 4; saturating.
    pub(crate) weight: u32,
    /// Whether it need not be set to zero: a parameter, or written before it can be read.
    pub(crate) set_first: bool,
    /// Its index in the module's code.
    pub(crate) index: u32,
}

impl Local {
    /// Counts a use, which weighs so much. `sets`: it writes the local, and every operator so far
    /// is executed once, in order.
    #[inline(always)]
    pub(super) fn count_use(&mut self, weight: u32, sets: bool) {
        // No branch: whether a use is the first is hard to predict.
        self.set_first |= sets & (self.weight == 0);
        self.weight = self.weight.saturating_add(weight);
    }

    /// Whether the function must set it to zero.
    #[inline]
    pub(crate) fn zeroed(&self) -> bool {
        (self.weight > 0) & !self.set_first
    }
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
