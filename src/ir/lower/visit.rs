//! How an operator is visited: what it may cost is charged, the validator looks at it, the recorder
//! records it.

use wasmparser::{BlockType, FrameKind, FrameStack, ModuleArity, VisitOperator};

use super::{BUDGET_SPENT, Lowerer};
use crate::error::try_reserve;
use crate::ir::alike::Alike;
use crate::ir::decode::pos;
use crate::ir::operators::{Operators, Window};

impl<'a> Operators<'a> for Lowerer<'_> {
    #[cold]
    #[inline(never)]
    fn unusual(&mut self) {
        let mut reader = self.reader(self.recorder.pos);
        let visited = reader.visit_operator(&mut Reading(self));
        self.next = pos(reader.original_position());
        self.visited(visited.and_then(|visited| visited));
    }

    #[inline(always)]
    fn advance(&mut self, bytes: u32) -> Option<Window> {
        self.next = self.recorder.pos.wrapping_add(bytes);
        self.window()
    }

    #[inline(always)]
    fn window(&self) -> Option<Window> {
        Window::new(self.module, self.next)
    }

    #[inline(always)]
    fn visited(&mut self, visited: Self::Output) {
        if let Err(error) = visited {
            self.fail(error);
        }
    }

    #[inline(always)]
    fn visit_alike<T: Alike>(
        &mut self,
        op: T,
        immediate: T::Immediate,
        _: fn(&mut Self, T::Immediate) -> Self::Output,
    ) -> Self::Output {
        let at = u64::from(self.recorder.pos);
        op.validate(&mut self.validator.visitor(at), immediate)?;
        op.record(&mut self.recorder, immediate);
        Ok(())
    }

    #[inline(always)]
    fn pushed(&mut self) {
        if self.validator.operand_stack_height() > self.max_height {
            self.grow();
        }
    }
}

/// Operators of few bytes can move thousands of values. These methods run before the validator,
/// which looks at each value: indices may be wrong, which is its to say.
impl Lowerer<'_> {
    fn charge(&mut self, values: u64) -> wasmparser::Result<()> {
        match self.budget.checked_sub(values) {
            Some(left) => self.budget = left,
            None => return self.unsupported(BUDGET_SPENT),
        }
        Ok(())
    }

    fn charge_type(&mut self, ty: u32) -> wasmparser::Result<()> {
        let ty = self.recorder.module.types.get(ty as usize);
        self.charge(ty.map_or(0, |ty| ty.all().len() as u64))
    }

    fn charge_call(&mut self, func: u32) -> wasmparser::Result<()> {
        match self.recorder.module.funcs.get(func as usize) {
            Some(ty) => self.charge_type(ty.0),
            None => Ok(()),
        }
    }

    fn charge_block(&mut self, ty: BlockType) -> wasmparser::Result<()> {
        // The function itself is on that stack.
        if self.validator.control_stack_height() > self.max_nesting {
            return self.too_deep();
        }
        match ty {
            BlockType::Empty | BlockType::Type(_) => Ok(()),
            BlockType::FuncType(ty) => self.charge_type(ty),
        }
    }

    /// Makes room for the targets of a `br_table`.
    fn reserve_targets(&mut self, count: u32) -> wasmparser::Result<()> {
        let targets = &mut self.recorder.out.targets;
        let count = count as usize + 1;
        match try_reserve(targets, count, "a function's branches") {
            Ok(()) => Ok(()),
            Err(error) => {
                self.end_with(error.into());
                Self::stop()
            }
        }
    }

    /// Charges for branches that go where one with this depth goes, or as far.
    fn charge_branches(&mut self, depth: u32, count: u32) -> wasmparser::Result<()> {
        let Some((BlockType::FuncType(ty), _)) = self.validator.label_block(depth) else {
            return Ok(());
        };
        let ty = self.recorder.module.types.get(ty as usize);
        let values = ty.map_or(0, |ty| ty.all().len() as u64);
        self.charge(values * u64::from(count))
    }
}

/// Gives each operator to the validator, then to the recorder's method of the same name. Operators
/// of other proposals than these are not supported.
macro_rules! visit {
    ($(@$proposal:ident $op:ident $({ $($arg:ident: $ty:ty),* })? => $visit:ident ($($ann:tt)*))*) => {$(
        #[inline(always)]
        fn $visit(&mut self $($(, $arg: $ty)*)?) -> Self::Output {
            visit!(@$proposal self $op $visit $($($arg),*)?)
        }
    )*};
    (@mvp $($rest:tt)*) => { visit!(supported $($rest)*) };
    (@sign_extension $($rest:tt)*) => { visit!(supported $($rest)*) };
    (@saturating_float_to_int $($rest:tt)*) => { visit!(supported $($rest)*) };
    (@bulk_memory $($rest:tt)*) => { visit!(supported $($rest)*) };
    (@reference_types $($rest:tt)*) => { visit!(supported $($rest)*) };
    (@$proposal:ident $self:ident $op:ident $visit:ident $($arg:ident),*) => {{
        let at = u64::from($self.recorder.pos);
        $self.validator.visitor(at).$visit($($arg),*)?;
        $self.unsupported(stringify!($op))
    }};
    (supported $self:ident $op:ident $visit:ident $($arg:ident),*) => {{
        visit!(before $self $op $($arg),*);
        let at = u64::from($self.recorder.pos);
        $self.validator.visitor(at).$visit($($arg.clone()),*)?;
        $self.recorder.$visit($($arg),*);
        visit!(after $self $op)
    }};
    // Operators that move as many values as a type says, and those that need to know the height
    // of the operand stack.
    (before $self:ident Br $depth:ident) => { $self.charge_branches($depth, 1)? };
    (before $self:ident BrIf $depth:ident) => { $self.charge_branches($depth, 1)? };
    (before $self:ident BrTable $table:ident) => {
        $self.charge_branches($table.default(), $table.len())?;
        $self.reserve_targets($table.len())?
    };
    (before $self:ident Call $func:ident) => { $self.charge_call($func)? };
    (before $self:ident CallIndirect $ty:ident, $table:ident) => { $self.charge_type($ty)? };
    (before $self:ident Block $ty:ident) => { visit!(block $self $ty) };
    (before $self:ident Loop $ty:ident) => { visit!(block $self $ty) };
    (before $self:ident If $ty:ident) => { visit!(block $self $ty) };
    (before $self:ident $op:ident $($arg:ident),*) => {};
    (block $self:ident $ty:ident) => {{
        $self.charge_block($ty)?;
        $self.recorder.height = $self.validator.operand_stack_height();
    }};
    (after $self:ident End) => {
        if $self.recorder.frames.is_empty() { $self.closed() } else { Ok(()) }
    };
    (after $self:ident $op:ident) => { Ok(()) };
}

#[allow(
    clippy::clone_on_copy,
    reason = "one macro for immediates that are Copy and not"
)]
impl<'a> VisitOperator<'a> for Lowerer<'_> {
    type Output = wasmparser::Result<()>;

    wasmparser::for_each_visit_operator!(visit);
}

impl FrameStack for Lowerer<'_> {
    fn current_frame(&self) -> Option<FrameKind> {
        Some(self.validator.get_control_frame(0)?.kind)
    }
}

/// What the reader visits. Its methods are apart from those that the usual forms go to, which are
/// part of the function for their form.
pub(super) struct Reading<'l, 'm>(pub(super) &'l mut Lowerer<'m>);

impl FrameStack for Reading<'_, '_> {
    fn current_frame(&self) -> Option<FrameKind> {
        self.0.current_frame()
    }
}

macro_rules! read {
    ($(@$proposal:ident $op:ident $({ $($arg:ident: $ty:ty),* })? => $visit:ident ($($ann:tt)*))*) => {$(
        #[inline(never)]
        fn $visit(&mut self $($(, $arg: $ty)*)?) -> Self::Output {
            self.0.$visit($($($arg),*)?)
        }
    )*};
}

impl<'a> VisitOperator<'a> for Reading<'_, '_> {
    type Output = wasmparser::Result<()>;

    wasmparser::for_each_visit_operator!(read);
}
