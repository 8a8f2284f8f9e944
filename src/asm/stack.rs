//! Where operands, locals and registers stand while a function is emitted. Data only.

use super::regs::{Reg, RegSet};
use crate::ir::types::ValType;

/// No operand: end of a list of pending reads.
pub(crate) const NONE: u32 = u32::MAX;

/// Where the value of an operand lies.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Loc {
    /// Bits of a constant. An `i32`'s upper half is zero.
    Const(u64),
    /// A read of a local that has not happened yet. `next` is the operand below that waits for
    /// the same local.
    Local { local: u32, next: u32 },
    /// A register of its own. `clean`: its home holds the value as well.
    Reg { reg: Reg, clean: bool },
    /// Its home cell.
    Home,
}

/// An operand on the stack, or one just popped.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Operand {
    pub(crate) ty: ValType,
    pub(crate) loc: Loc,
}

/// A local while its function is emitted.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LocalState {
    pub(crate) ty: ValType,
    /// The register that is this local throughout the function.
    pub(crate) pin: Option<Reg>,
    /// A register that holds the same value as the home, until something evicts it.
    pub(crate) cache: Option<Reg>,
    /// Displacement of the home from `sp`.
    pub(crate) home: i32,
    /// Topmost operand that waits for this local, or [`NONE`].
    pub(crate) pending: u32,
}

/// Whose value a register holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Owner {
    Nobody,
    /// Operand at this depth, counted from the bottom.
    Operand(u32),
    /// Copy of an unpinned local.
    Local(u32),
}

/// Registers lent by the backend that are not pinned, and who owns them.
#[derive(Debug)]
pub(crate) struct Registers {
    pub(crate) allocatable: RegSet,
    /// Owned by an operand or a local.
    pub(crate) used: RegSet,
    /// In use by the record at hand: not to be given away before it ends.
    pub(crate) held: RegSet,
    pub(crate) owner: [Owner; 64],
}

impl Registers {
    pub(crate) fn new() -> Self {
        Self {
            allocatable: RegSet::EMPTY,
            used: RegSet::EMPTY,
            held: RegSet::EMPTY,
            owner: [Owner::Nobody; 64],
        }
    }

    pub(crate) fn set_owner(&mut self, reg: Reg, owner: Owner) {
        self.owner[reg.index()] = owner;
        self.used.insert(reg);
    }

    pub(crate) fn release(&mut self, reg: Reg) {
        self.owner[reg.index()] = Owner::Nobody;
        self.used.remove(reg);
    }

    /// Whether the record at hand holds `reg` alone and may overwrite it.
    pub(crate) fn is_temporary(&self, reg: Reg) -> bool {
        self.held.contains(reg) && self.allocatable.contains(reg) && !self.used.contains(reg)
    }

    pub(crate) fn free(&self, class: RegSet) -> RegSet {
        self.allocatable
            .intersection(class)
            .without(self.used)
            .without(self.held)
    }
}

/// The registers of the class that values of `ty` live in.
pub(crate) fn class(ty: ValType) -> RegSet {
    if ty.is_float() {
        RegSet::FLOATS
    } else {
        RegSet::INTS
    }
}
