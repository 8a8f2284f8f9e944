//! A lowered function: its records and what was learned on the way.

use super::records::{Record, Records};
use super::types::{FuncIdx, LabelIdx, TypeIdx, ValType};
use crate::error::{OutOfMemory, try_reserve};

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

/// A lowered function as emission sees it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lowered<'a> {
    pub(crate) index: u32,
    pub(crate) ty: u32,
    pub(crate) body_pos: u32,
    pub(crate) records: &'a [Record],
    pub(crate) labels: &'a [Label],
    pub(crate) targets: &'a [LabelIdx],
    pub(crate) locals: &'a [Local],
    pub(crate) params: u32,
    pub(crate) max_height: u32,
    pub(crate) v128: bool,
    pub(crate) floats: bool,
    pub(crate) call_weight: u32,
}

impl Func {
    pub(crate) fn func_idx(&self) -> FuncIdx {
        FuncIdx(self.index)
    }

    pub(crate) fn lowered(&self) -> Lowered<'_> {
        Lowered {
            index: self.index,
            ty: self.ty,
            body_pos: self.body_pos,
            records: &self.records,
            labels: &self.labels,
            targets: &self.targets,
            locals: &self.locals,
            params: self.params,
            max_height: self.max_height,
            v128: self.v128,
            floats: self.floats,
            call_weight: self.call_weight,
        }
    }
}

impl Lowered<'_> {
    pub(crate) fn func_idx(&self) -> FuncIdx {
        FuncIdx(self.index)
    }

    pub(crate) fn is_leaf(&self) -> bool {
        self.call_weight == 0
    }
}

/// Functions that wait to be emitted, the lists of one behind those of another.
#[derive(Debug, Default)]
pub(crate) struct Waiting {
    /// Without lists; and where the lists end.
    funcs: Vec<(Lowered<'static>, [usize; 4])>,
    /// How many bytes their bodies have.
    bytes: usize,
    records: Vec<Record>,
    labels: Vec<Label>,
    targets: Vec<LabelIdx>,
    locals: Vec<Local>,
}

impl Waiting {
    /// How many bytes the bodies have.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Takes in a function whose body has so many bytes.
    ///
    /// # Errors
    ///
    /// If the host has no memory; nothing but [`Self::clear`] is to follow then.
    pub(crate) fn push(&mut self, func: &Lowered<'_>, bytes: usize) -> Result<(), OutOfMemory> {
        append(&mut self.records, func.records)?;
        append(&mut self.labels, func.labels)?;
        append(&mut self.targets, func.targets)?;
        append(&mut self.locals, func.locals)?;
        let ends = [
            self.records.len(),
            self.labels.len(),
            self.targets.len(),
            self.locals.len(),
        ];
        let func = Lowered {
            records: &[],
            labels: &[],
            targets: &[],
            locals: &[],
            ..*func
        };
        self.bytes += bytes;
        append(&mut self.funcs, &[(func, ends)])
    }

    /// In the order in which they came.
    pub(crate) fn iter(&self) -> impl Iterator<Item = Lowered<'_>> {
        let mut starts = [0; 4];
        self.funcs.iter().map(move |&(func, ends)| {
            let [records, labels, targets, locals] = std::mem::replace(&mut starts, ends);
            Lowered {
                records: &self.records[records..ends[0]],
                labels: &self.labels[labels..ends[1]],
                targets: &self.targets[targets..ends[2]],
                locals: &self.locals[locals..ends[3]],
                ..func
            }
        })
    }

    pub(crate) fn clear(&mut self) {
        self.funcs.clear();
        self.bytes = 0;
        self.records.clear();
        self.labels.clear();
        self.targets.clear();
        self.locals.clear();
    }
}

fn append<T: Copy>(list: &mut Vec<T>, items: &[T]) -> Result<(), OutOfMemory> {
    /// At once, since a list that grows leaves its old memory behind, written.
    const ROOM: usize = 1024;
    try_reserve(
        list,
        items.len().max(ROOM.saturating_sub(list.len())),
        "functions that wait",
    )?;
    list.extend_from_slice(items);
    Ok(())
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
