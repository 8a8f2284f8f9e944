//! Where operands, locals and registers stand while a function is emitted. Data only.

use super::regs::{Reg, RegSet};
use crate::ir::types::{ValType, Width};

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
    /// Its home cell, at this displacement from `sp`.
    Home(i32),
}

/// An operand, on the stack or just popped: a type and a [`Loc`].
///
/// Two words, packed by hand: they travel in registers, and are read from memory as they were
/// written. An enum would be written in parts and read whole, which stalls until the parts have
/// left the store buffer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Operand {
    /// Kind of place, type, register and whether that is clean: a byte each.
    tag: u64,
    bits: u64,
}

const CONST: u8 = 0;
const LOCAL: u8 = 1;
const REG: u8 = 2;
const HOME: u8 = 3;

/// By number, as in `Operand::tag`.
const TYPES: [ValType; 8] = [
    ValType::I32,
    ValType::I64,
    ValType::F32,
    ValType::F64,
    ValType::V128,
    ValType::FuncRef,
    ValType::ExternRef,
    ValType::ExternRef,
];

const WIDTHS: [Width; TYPES.len()] = {
    let mut widths = [Width::W64; TYPES.len()];
    let mut at = 0;
    while at < TYPES.len() {
        widths[at] = TYPES[at].width();
        at += 1;
    }
    widths
};

impl Operand {
    #[inline]
    pub(crate) fn new(ty: ValType, loc: Loc) -> Self {
        let ty = u64::from(ty as u8) << 8;
        match loc {
            Loc::Const(bits) => Self {
                tag: u64::from(CONST) | ty,
                bits,
            },
            Loc::Local { local, next } => Self {
                tag: u64::from(LOCAL) | ty,
                bits: u64::from(local) | u64::from(next) << 32,
            },
            Loc::Reg { reg, clean } => Self {
                tag: u64::from(REG) | ty | (reg.index() as u64) << 16 | u64::from(clean) << 24,
                bits: 0,
            },
            Loc::Home(disp) => Self {
                tag: u64::from(HOME) | ty,
                bits: disp as u64,
            },
        }
    }

    #[inline]
    pub(crate) fn ty(self) -> ValType {
        TYPES[(self.tag >> 8 & 7) as usize]
    }

    #[inline]
    pub(crate) fn width(self) -> Width {
        WIDTHS[(self.tag >> 8 & 7) as usize]
    }

    #[inline]
    pub(crate) fn loc(self) -> Loc {
        match self.tag as u8 {
            CONST => Loc::Const(self.bits),
            LOCAL => Loc::Local {
                local: self.bits as u32,
                next: (self.bits >> 32) as u32,
            },
            REG => Loc::Reg {
                reg: Reg::from_index((self.tag >> 16 & 63) as usize),
                clean: self.tag >> 24 & 1 != 0,
            },
            _ => Loc::Home(self.bits as i32),
        }
    }

    /// The same value, elsewhere.
    #[inline]
    pub(crate) fn at(self, loc: Loc) -> Self {
        Self::new(self.ty(), loc)
    }

    #[inline]
    pub(crate) fn constant(self) -> Option<u64> {
        (self.tag as u8 == CONST).then_some(self.bits)
    }

    /// Whether it is better on the right of an instruction: a constant, or at home.
    #[inline]
    pub(crate) fn is_late(self) -> bool {
        matches!(self.tag as u8, CONST | HOME)
    }
}

/// A local while its function is emitted.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LocalState {
    pub(crate) ty: ValType,
    /// A register that holds its value: if `pinned`, it is the local throughout the function;
    /// else it is a copy of the home, until something evicts it.
    pub(crate) reg: Option<Reg>,
    pub(crate) pinned: bool,
    /// Displacement of the home from `sp`.
    pub(crate) home: i32,
    /// Topmost operand that waits for this local, or [`NONE`].
    pub(crate) pending: u32,
}

impl LocalState {
    #[inline]
    pub(crate) fn pin(&self) -> Option<Reg> {
        if self.pinned { self.reg } else { None }
    }
}

/// Whose value a register holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Owner {
    /// Operand at this depth, counted from the bottom.
    Operand(u32),
    /// Copy of an unpinned local.
    Local(u32),
}

/// Of a packed [`Owner`]: it is a local. There are fewer operands and locals than that.
const LOCAL_OWNER: u32 = 1 << 31;

/// Registers lent by the backend that are not pinned, and who owns them.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct Registers {
    pub(crate) allocatable: RegSet,
    /// Owned by an operand or a local.
    pub(crate) used: RegSet,
    /// In use by the record at hand: not to be given away before it ends.
    pub(crate) held: RegSet,
    /// Of those in `used`; a word each.
    owners: [u32; 64],
}

impl Default for Registers {
    fn default() -> Self {
        Self {
            allocatable: RegSet::EMPTY,
            used: RegSet::EMPTY,
            held: RegSet::EMPTY,
            owners: [0; 64],
        }
    }
}

impl Registers {
    #[inline]
    pub(crate) fn set_owner(&mut self, reg: Reg, owner: Owner) {
        self.owners[reg.index()] = match owner {
            Owner::Operand(depth) => depth,
            Owner::Local(local) => local | LOCAL_OWNER,
        };
        self.used.insert(reg);
    }

    /// The owner of a register, if it has one.
    #[inline]
    pub(crate) fn owner(&self, reg: Reg) -> Option<Owner> {
        if !self.used.contains(reg) {
            return None;
        }
        let owner = self.owners[reg.index()];
        Some(if owner & LOCAL_OWNER == 0 {
            Owner::Operand(owner)
        } else {
            Owner::Local(owner & !LOCAL_OWNER)
        })
    }

    #[inline]
    pub(crate) fn release(&mut self, reg: Reg) {
        self.used.remove(reg);
    }

    /// Whether the record at hand holds `reg` alone and may overwrite it.
    #[inline]
    pub(crate) fn is_temporary(&self, reg: Reg) -> bool {
        self.temporary().contains(reg)
    }

    /// Registers that the record at hand holds alone and may overwrite.
    #[inline]
    pub(crate) fn temporary(&self) -> RegSet {
        self.held.intersection(self.allocatable).without(self.used)
    }

    #[inline]
    pub(crate) fn free(&self, class: RegSet) -> RegSet {
        self.allocatable
            .intersection(class)
            .without(self.used)
            .without(self.held)
    }
}

/// The registers of the class that values of `ty` live in.
#[inline]
pub(crate) fn class(ty: ValType) -> RegSet {
    if ty.is_float() {
        RegSet::FLOATS
    } else {
        RegSet::INTS
    }
}
