//! The records that lowering writes and emission reads.
//!
//! The stack is implicit, as in WebAssembly: a record pops its operands from the operand stack
//! and pushes its results. Every record is 16 bytes. Dead code has no records.
//!
//! An operand that was just read from a local or is a small constant is part of the record that
//! takes it, its [`Src`]; so is the one below it, if that was read from a local: its [`Below`].
//! That spares four records in ten.

use std::fmt;

use super::types::{
    DataIdx, ElemIdx, FuncIdx, GlobalIdx, LabelIdx, LocalIdx, MemIdx, Size, TableIdx, TypeIdx,
    ValType,
};

/// One step of a lowered function.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Op {
    // Constants and variables.
    /// `[] -> [i32]`
    I32Const(i32),
    /// `[] -> [i64]`
    I64Const(i64),
    /// `[] -> [f32]`, as bits.
    F32Const(u32),
    /// `[] -> [f64]`, as bits.
    F64Const(u64),
    /// `[] -> [ref]`
    RefNull(ValType),
    /// `[] -> [funcref]`
    RefFunc(FuncIdx),
    /// `[ref] -> [i32]`
    RefIsNull,
    LocalGet(LocalIdx),
    LocalSet(LocalIdx, Src),
    LocalTee(LocalIdx),
    GlobalGet(GlobalIdx),
    GlobalSet(GlobalIdx),
    Drop,
    /// `[t t i32] -> [t]`
    Select,

    // Integers.
    IntBin(IntBin, Size, Below, Src),
    Shift(Shift, Size, Below, Src),
    Div(Div, Size),
    IntCmp(IntCmp, Size, Below, Src),
    Eqz(Size, Src),
    IntUn(IntUn, Size),

    // Floats. The size is that of the operands.
    FloatBin(FloatBin, Size, Below, Src),
    FloatUn(FloatUn, Size),
    FloatCmp(FloatCmp, Size),

    // Conversions.
    /// `i32.wrap_i64`
    Wrap,
    /// `i64.extend_i32_s` / `_u`
    Extend {
        signed: bool,
    },
    /// `iN.trunc_fM`, trapping or saturating.
    Trunc {
        from: Size,
        to: Size,
        signed: bool,
        sat: bool,
    },
    /// `fN.convert_iM`
    Convert {
        from: Size,
        to: Size,
        signed: bool,
    },
    /// `f32.demote_f64`
    Demote,
    /// `f64.promote_f32`
    Promote,
    /// `iN.reinterpret_fN`
    FloatToBits(Size),
    /// `fN.reinterpret_iN`
    BitsToFloat(Size),

    // Memory. The validator allows a hundred memories; the offset of a 32-bit one is 32 bits.
    Load {
        load: Load,
        mem: u8,
        offset: u32,
        addr: Src,
    },
    Store {
        store: Store,
        mem: u8,
        offset: u32,
        addr: Below,
        value: PackedSrc,
    },
    /// `[] -> [i32]`, in pages.
    MemorySize(MemIdx),

    /// Served by the dispatcher: pops the builtin's operands, pushes its result if it has one.
    Builtin(Builtin),

    /// Pays for the operators of a region that begins here.
    Fuel(u32),

    // Control. `height` of a label is the operand stack's below its arguments.
    /// Start of `block`: everything on the operand stack goes to its home, if the label is used.
    Block(LabelIdx),
    /// Start of `loop`, the target of its back edges.
    Loop(LabelIdx),
    /// `[args i32] -> [args]`: starts `if`; goes to `or_else` when the operand is zero.
    /// `or_else` is the label of `else`, or the end label of an `if` without one.
    If {
        end: LabelIdx,
        or_else: LabelIdx,
    },
    /// Binds a forward label: `end`, or `else` of an `if`. What is above the label's height on
    /// the fall-through path (if that is live) are the label's arguments.
    Label(LabelIdx),
    Br(LabelIdx),
    /// `[args i32] -> [args]`
    BrIf(LabelIdx, Src),
    /// `[args i32] -> []`: `targets[first..first + count]`, the last being the default.
    BrTable {
        first: u32,
        count: u32,
    },
    /// Leaves the function with the top results; what is below is dropped.
    Return,
    Unreachable,
    /// A function of this module or an import.
    Call(FuncIdx),
    CallIndirect {
        ty: TypeIdx,
        table: TableIdx,
    },
}

const _: () = assert!(size_of::<Op>() == 16);

/// Where a record finds its last operand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Src {
    /// On top of the operand stack.
    Stack,
    /// An integer constant, sign-extended to the operand's size.
    Const(i32),
    /// The value that the local has now.
    Local(LocalIdx),
}

impl Src {
    pub(crate) fn pack(self) -> PackedSrc {
        let (kind, bits) = match self {
            Self::Stack => (0, 0),
            Self::Const(value) => (1, value as u32),
            Self::Local(local) => (2, local.0),
        };
        PackedSrc {
            kind,
            bits: bits.to_ne_bytes(),
        }
    }
}

/// A [`Src`] that leaves room for more in 16 bytes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct PackedSrc {
    kind: u8,
    bits: [u8; 4],
}

impl fmt::Debug for PackedSrc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.unpack().fmt(f)
    }
}

impl PackedSrc {
    #[inline]
    pub(crate) fn unpack(self) -> Src {
        let bits = u32::from_ne_bytes(self.bits);
        match self.kind {
            0 => Src::Stack,
            1 => Src::Const(bits as i32),
            _ => Src::Local(LocalIdx(bits)),
        }
    }
}

/// Where a record finds the operand below its [`Src`]: on the operand stack, or in a local.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Below(u32);

impl Below {
    pub(crate) const STACK: Self = Self(u32::MAX);

    /// The local; a function has fewer than `u32::MAX`.
    pub(crate) fn new(local: LocalIdx) -> Self {
        Self(local.0)
    }

    #[inline]
    pub(crate) fn local(self) -> Option<LocalIdx> {
        (self != Self::STACK).then_some(LocalIdx(self.0))
    }
}

impl From<Below> for Src {
    fn from(below: Below) -> Self {
        below.local().map_or(Self::Stack, Self::Local)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum IntBin {
    Add,
    Sub,
    Mul,
    And,
    Or,
    Xor,
}

impl IntBin {
    pub(crate) fn commutes(self) -> bool {
        self != Self::Sub
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shift {
    Shl,
    ShrS,
    ShrU,
    Rotl,
    Rotr,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Div {
    DivS,
    DivU,
    RemS,
    RemU,
}

/// Integer comparisons; also the conditions that they leave in the flags.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum IntCmp {
    Eq,
    Ne,
    LtS,
    LtU,
    GtS,
    GtU,
    LeS,
    LeU,
    GeS,
    GeU,
}

impl IntCmp {
    /// The comparison that holds exactly when this one does not.
    pub(crate) fn negated(self) -> Self {
        match self {
            Self::Eq => Self::Ne,
            Self::Ne => Self::Eq,
            Self::LtS => Self::GeS,
            Self::LtU => Self::GeU,
            Self::GtS => Self::LeS,
            Self::GtU => Self::LeU,
            Self::LeS => Self::GtS,
            Self::LeU => Self::GtU,
            Self::GeS => Self::LtS,
            Self::GeU => Self::LtU,
        }
    }

    /// The comparison with its operands exchanged.
    pub(crate) fn swapped(self) -> Self {
        match self {
            Self::Eq => Self::Eq,
            Self::Ne => Self::Ne,
            Self::LtS => Self::GtS,
            Self::LtU => Self::GtU,
            Self::GtS => Self::LtS,
            Self::GtU => Self::LtU,
            Self::LeS => Self::GeS,
            Self::LeU => Self::GeU,
            Self::GeS => Self::LeS,
            Self::GeU => Self::LeU,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum IntUn {
    Clz,
    Ctz,
    Popcnt,
    Extend8S,
    Extend16S,
    /// 64-bit only.
    Extend32S,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FloatBin {
    Add,
    Sub,
    Mul,
    Div,
    Min,
    Max,
    Copysign,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FloatUn {
    Abs,
    Neg,
    Ceil,
    Floor,
    Trunc,
    Nearest,
    Sqrt,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FloatCmp {
    Eq,
    Ne,
    Lt,
    Gt,
    Le,
    Ge,
}

/// What a load reads and what it makes of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Load {
    I32,
    I64,
    F32,
    F64,
    I32S8,
    I32U8,
    I32S16,
    I32U16,
    I64S8,
    I64U8,
    I64S16,
    I64U16,
    I64S32,
    I64U32,
}

impl Load {
    /// Bytes read.
    pub(crate) fn bytes(self) -> u64 {
        match self {
            Self::I32S8 | Self::I32U8 | Self::I64S8 | Self::I64U8 => 1,
            Self::I32S16 | Self::I32U16 | Self::I64S16 | Self::I64U16 => 2,
            Self::I32 | Self::F32 | Self::I64S32 | Self::I64U32 => 4,
            Self::I64 | Self::F64 => 8,
        }
    }

    /// Type of the value pushed.
    pub(crate) fn ty(self) -> ValType {
        match self {
            Self::I32 | Self::I32S8 | Self::I32U8 | Self::I32S16 | Self::I32U16 => ValType::I32,
            Self::F32 => ValType::F32,
            Self::F64 => ValType::F64,
            Self::I64
            | Self::I64S8
            | Self::I64U8
            | Self::I64S16
            | Self::I64U16
            | Self::I64S32
            | Self::I64U32 => ValType::I64,
        }
    }
}

/// What a store writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Store {
    I32,
    I64,
    F32,
    F64,
    /// The low byte of an `i32` or `i64`.
    Int8,
    /// The low two bytes of an `i32` or `i64`.
    Int16,
    /// The low four bytes of an `i64`.
    Int32,
}

impl Store {
    /// Bytes written.
    pub(crate) fn bytes(self) -> u64 {
        match self {
            Self::Int8 => 1,
            Self::Int16 => 2,
            Self::I32 | Self::F32 | Self::Int32 => 4,
            Self::I64 | Self::F64 => 8,
        }
    }
}

/// Operations that the dispatcher serves. Operands as in the specification; the indices that
/// follow are passed as further integer arguments, in the order of the fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Builtin {
    /// `[i32 delta] -> [i32]`
    MemoryGrow(MemIdx),
    /// `[i32 dst, i32 val, i32 n] -> []`
    MemoryFill(MemIdx),
    /// `[i32 dst, i32 src, i32 n] -> []`
    MemoryCopy { dst: MemIdx, src: MemIdx },
    /// `[i32 dst, i32 src, i32 n] -> []`
    MemoryInit { data: DataIdx, mem: MemIdx },
    /// `[] -> []`
    DataDrop(DataIdx),
    /// `[i32] -> [ref]`; the type is that of the table's elements.
    TableGet(TableIdx, ValType),
    /// `[i32 ref] -> []`
    TableSet(TableIdx),
    /// `[] -> [i32]`
    TableSize(TableIdx),
    /// `[ref i32] -> [i32]`
    TableGrow(TableIdx),
    /// `[i32 ref i32] -> []`
    TableFill(TableIdx),
    /// `[i32 dst, i32 src, i32 n] -> []`
    TableCopy { dst: TableIdx, src: TableIdx },
    /// `[i32 dst, i32 src, i32 n] -> []`
    TableInit { elem: ElemIdx, table: TableIdx },
    /// `[] -> []`
    ElemDrop(ElemIdx),
}

impl Builtin {
    /// Number that machine code passes and the dispatcher reads.
    pub(crate) const fn code(self) -> u32 {
        match self {
            Self::MemoryGrow(_) => 0,
            Self::MemoryFill(_) => 1,
            Self::MemoryCopy { .. } => 2,
            Self::MemoryInit { .. } => 3,
            Self::DataDrop(_) => 4,
            Self::TableGet(..) => 5,
            Self::TableSet(_) => 6,
            Self::TableSize(_) => 7,
            Self::TableGrow(_) => 8,
            Self::TableFill(_) => 9,
            Self::TableCopy { .. } => 10,
            Self::TableInit { .. } => 11,
            Self::ElemDrop(_) => 12,
        }
    }

    /// How many operands it pops.
    pub(crate) fn operands(self) -> usize {
        match self {
            Self::DataDrop(_) | Self::TableSize(_) | Self::ElemDrop(_) => 0,
            Self::MemoryGrow(_) | Self::TableGet(..) => 1,
            Self::TableSet(_) | Self::TableGrow(_) => 2,
            Self::MemoryFill(_)
            | Self::MemoryCopy { .. }
            | Self::MemoryInit { .. }
            | Self::TableFill(_)
            | Self::TableCopy { .. }
            | Self::TableInit { .. } => 3,
        }
    }

    /// The indices passed after the operands.
    pub(crate) fn indices(self) -> [Option<u32>; 2] {
        match self {
            Self::MemoryGrow(m) | Self::MemoryFill(m) => [Some(m.0), None],
            Self::MemoryCopy { dst, src } => [Some(dst.0), Some(src.0)],
            Self::MemoryInit { data, mem } => [Some(data.0), Some(mem.0)],
            Self::DataDrop(d) => [Some(d.0), None],
            Self::TableGet(t, _)
            | Self::TableSet(t)
            | Self::TableSize(t)
            | Self::TableGrow(t)
            | Self::TableFill(t) => [Some(t.0), None],
            Self::TableCopy { dst, src } => [Some(dst.0), Some(src.0)],
            Self::TableInit { elem, table } => [Some(elem.0), Some(table.0)],
            Self::ElemDrop(e) => [Some(e.0), None],
        }
    }

    /// Type of its result.
    pub(crate) fn result(self) -> Option<ValType> {
        match self {
            Self::MemoryGrow(_) | Self::TableSize(_) | Self::TableGrow(_) => Some(ValType::I32),
            Self::TableGet(_, ty) => Some(ty),
            Self::MemoryFill(_)
            | Self::MemoryCopy { .. }
            | Self::MemoryInit { .. }
            | Self::DataDrop(_)
            | Self::TableSet(_)
            | Self::TableFill(_)
            | Self::TableCopy { .. }
            | Self::TableInit { .. }
            | Self::ElemDrop(_) => None,
        }
    }
}
