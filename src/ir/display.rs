//! Records as text, in the names of the WebAssembly text format.

use std::fmt::{self, Display, Formatter};

use super::func::Func;
use super::module::ModuleInfo;
use super::op::{
    Below, Builtin, Div, FloatBin, FloatCmp, FloatUn, IntBin, IntCmp, IntUn, Load, Op, Shift, Src,
    Store,
};
use super::types::{
    DataIdx, ElemIdx, FuncIdx, GlobalIdx, LabelIdx, LocalIdx, MemIdx, Size, TableIdx, TypeIdx,
    ValType,
};

impl Display for Op {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match *self {
            Self::I32Const(value) => write!(f, "i32.const {value}"),
            Self::I64Const(value) => write!(f, "i64.const {value}"),
            Self::F32Const(bits) => {
                f.write_str("f32.const ")?;
                float(f, f32::from_bits(bits).into(), u64::from(bits & 0x7f_ffff))
            }
            Self::F64Const(bits) => {
                f.write_str("f64.const ")?;
                float(f, f64::from_bits(bits), bits & 0xf_ffff_ffff_ffff)
            }
            Self::RefNull(ty) => write!(f, "ref.null {ty}"),
            Self::RefFunc(func) => write!(f, "ref.func {func}"),
            Self::RefIsNull => f.write_str("ref.is_null"),
            Self::LocalGet(local) => write!(f, "local.get {local}"),
            Self::LocalSet(local, src) => write!(f, "local.set {local}{src}"),
            Self::LocalTee(local) => write!(f, "local.tee {local}"),
            Self::GlobalGet(global) => write!(f, "global.get {global}"),
            Self::GlobalSet(global) => write!(f, "global.set {global}"),
            Self::Drop => f.write_str("drop"),
            Self::Select => f.write_str("select"),

            Self::IntBin(op, size, below, src) => {
                write!(f, "{}.{}{below}{src}", int(size), op.name())
            }
            Self::Shift(op, size, below, src) => {
                write!(f, "{}.{}{below}{src}", int(size), op.name())
            }
            Self::Div(op, size) => write!(f, "{}.{}", int(size), op.name()),
            Self::IntCmp(op, size, below, src) => {
                write!(f, "{}.{}{below}{src}", int(size), op.name())
            }
            Self::Eqz(size, src) => write!(f, "{}.eqz{src}", int(size)),
            Self::IntUn(op, size) => write!(f, "{}.{}", int(size), op.name()),
            Self::FloatBin(op, size, below, src) => {
                write!(f, "{}.{}{below}{src}", flt(size), op.name())
            }
            Self::FloatUn(op, size) => write!(f, "{}.{}", flt(size), op.name()),
            Self::FloatCmp(op, size) => write!(f, "{}.{}", flt(size), op.name()),

            Self::Wrap => f.write_str("i32.wrap_i64"),
            Self::Extend { signed } => write!(f, "i64.extend_i32_{}", sign(signed)),
            Self::Trunc {
                from,
                to,
                signed,
                sat,
            } => {
                let sat = if sat { "_sat" } else { "" };
                let (from, to, sign) = (flt(from), int(to), sign(signed));
                write!(f, "{to}.trunc{sat}_{from}_{sign}")
            }
            Self::Convert { from, to, signed } => {
                write!(f, "{}.convert_{}_{}", flt(to), int(from), sign(signed))
            }
            Self::Demote => f.write_str("f32.demote_f64"),
            Self::Promote => f.write_str("f64.promote_f32"),
            Self::FloatToBits(size) => write!(f, "{}.reinterpret_{}", int(size), flt(size)),
            Self::BitsToFloat(size) => write!(f, "{}.reinterpret_{}", flt(size), int(size)),

            Self::Load {
                load,
                mem,
                offset,
                addr,
            } => {
                access(f, load.name(), mem, offset)?;
                addr.fmt(f)
            }
            Self::Store {
                store,
                mem,
                offset,
                addr,
                value,
            } => {
                access(f, store.name(), mem, offset)?;
                write!(f, "{addr}{}", value.unpack())
            }
            Self::MemorySize(memory) => write!(f, "memory.size {memory}"),
            Self::Builtin(builtin) => builtin.fmt(f),

            Self::Fuel(cost) => write!(f, "fuel {cost}"),

            Self::Block(label) => write!(f, "block {label}"),
            Self::Loop(label) => write!(f, "loop {label}"),
            Self::If { end, or_else } if end == or_else => write!(f, "if {end}"),
            Self::If { end, or_else } => write!(f, "if {end} else {or_else}"),
            Self::Label(label) => write!(f, "{label}:"),
            Self::Br(label) => write!(f, "br {label}"),
            Self::BrIf(label, src) => write!(f, "br_if {label}{src}"),
            Self::BrTable { first, count } => write!(f, "br_table {first}+{count}"),
            Self::Return => f.write_str("return"),
            Self::Unreachable => f.write_str("unreachable"),
            Self::Call(func) => write!(f, "call {func}"),
            Self::CallIndirect { ty, table } => write!(f, "call_indirect {table} (type {ty})"),
        }
    }
}

impl Display for Builtin {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match *self {
            Self::MemoryGrow(memory) => write!(f, "memory.grow {memory}"),
            Self::MemoryFill(memory) => write!(f, "memory.fill {memory}"),
            Self::MemoryCopy { dst, src } => write!(f, "memory.copy {dst} {src}"),
            Self::MemoryInit { data, mem } => write!(f, "memory.init {mem} {data}"),
            Self::DataDrop(data) => write!(f, "data.drop {data}"),
            Self::TableGet(table, _) => write!(f, "table.get {table}"),
            Self::TableSet(table) => write!(f, "table.set {table}"),
            Self::TableSize(table) => write!(f, "table.size {table}"),
            Self::TableGrow(table) => write!(f, "table.grow {table}"),
            Self::TableFill(table) => write!(f, "table.fill {table}"),
            Self::TableCopy { dst, src } => write!(f, "table.copy {dst} {src}"),
            Self::TableInit { elem, table } => write!(f, "table.init {table} {elem}"),
            Self::ElemDrop(elem) => write!(f, "elem.drop {elem}"),
        }
    }
}

fn float(f: &mut Formatter<'_>, value: f64, payload: u64) -> fmt::Result {
    if value.is_nan() {
        let sign = if value.is_sign_negative() { "-" } else { "" };
        write!(f, "{sign}nan:{payload:#x}")
    } else {
        write!(f, "{value:?}")
    }
}

fn access(f: &mut Formatter<'_>, name: &str, mem: u8, offset: u32) -> fmt::Result {
    f.write_str(name)?;
    if mem != 0 {
        write!(f, " {mem}")?;
    }
    if offset != 0 {
        write!(f, " offset={offset}")?;
    }
    Ok(())
}

impl Display for Below {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        Src::from(*self).fmt(f)
    }
}

impl Display for Src {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stack => Ok(()),
            Self::Const(value) => write!(f, " ({value})"),
            Self::Local(local) => write!(f, " (local.get {local})"),
        }
    }
}

fn int(size: Size) -> &'static str {
    match size {
        Size::S32 => "i32",
        Size::S64 => "i64",
    }
}

fn flt(size: Size) -> &'static str {
    match size {
        Size::S32 => "f32",
        Size::S64 => "f64",
    }
}

fn sign(signed: bool) -> &'static str {
    if signed { "s" } else { "u" }
}

/// How operands are named: variant, then text.
macro_rules! names {
    ($($ty:ident { $($variant:ident => $name:literal),* $(,)? })*) => {$(
        impl $ty {
            fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }
        }
    )*};
}

#[rustfmt::skip]
names! {
    IntBin { Add => "add", Sub => "sub", Mul => "mul", And => "and", Or => "or", Xor => "xor" }
    Shift { Shl => "shl", ShrS => "shr_s", ShrU => "shr_u", Rotl => "rotl", Rotr => "rotr" }
    Div { DivS => "div_s", DivU => "div_u", RemS => "rem_s", RemU => "rem_u" }
    IntCmp {
        Eq => "eq", Ne => "ne",
        LtS => "lt_s", LtU => "lt_u", GtS => "gt_s", GtU => "gt_u",
        LeS => "le_s", LeU => "le_u", GeS => "ge_s", GeU => "ge_u",
    }
    IntUn {
        Clz => "clz", Ctz => "ctz", Popcnt => "popcnt",
        Extend8S => "extend8_s", Extend16S => "extend16_s", Extend32S => "extend32_s",
    }
    FloatBin {
        Add => "add", Sub => "sub", Mul => "mul", Div => "div",
        Min => "min", Max => "max", Copysign => "copysign",
    }
    FloatUn {
        Abs => "abs", Neg => "neg", Ceil => "ceil", Floor => "floor",
        Trunc => "trunc", Nearest => "nearest", Sqrt => "sqrt",
    }
    FloatCmp { Eq => "eq", Ne => "ne", Lt => "lt", Gt => "gt", Le => "le", Ge => "ge" }
    Load {
        I32 => "i32.load", I64 => "i64.load", F32 => "f32.load", F64 => "f64.load",
        I32S8 => "i32.load8_s", I32U8 => "i32.load8_u",
        I32S16 => "i32.load16_s", I32U16 => "i32.load16_u",
        I64S8 => "i64.load8_s", I64U8 => "i64.load8_u",
        I64S16 => "i64.load16_s", I64U16 => "i64.load16_u",
        I64S32 => "i64.load32_s", I64U32 => "i64.load32_u",
    }
    Store {
        I32 => "i32.store", I64 => "i64.store", F32 => "f32.store", F64 => "f64.store",
        Int8 => "store8", Int16 => "store16", Int32 => "store32",
    }
}

macro_rules! indices {
    ($($ty:ident => $prefix:literal;)*) => {$(
        impl Display for $ty {
            fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
                write!(f, concat!($prefix, "{}"), self.0)
            }
        }
    )*};
}

indices! {
    FuncIdx => "";
    TypeIdx => "";
    TableIdx => "";
    MemIdx => "";
    GlobalIdx => "";
    ElemIdx => "";
    DataIdx => "";
    LocalIdx => "";
    LabelIdx => "L";
}

/// A lowered function: what is known of it, then a line for each record.
pub(crate) struct FuncDisplay<'a> {
    pub(crate) module: &'a ModuleInfo,
    pub(crate) func: &'a Func,
}

impl Display for FuncDisplay<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Self { module, func } = self;
        write!(f, "func {}", func.facts.index)?;
        if let Some(name) = module.func_name(func.facts.func_idx()) {
            write!(f, " ${name}")?;
        }
        let ty = module.func_type(func.facts.func_idx());
        types(f, "param", ty.params())?;
        types(f, "result", ty.results())?;
        write!(f, " height {}", func.facts.max_height)?;
        if !func.facts.is_leaf() {
            write!(f, " calls {}", func.facts.call_weight)?;
        }
        writeln!(f)?;
        for (number, local) in func.locals.iter().enumerate() {
            write!(f, "    local {number} {} weight {}", local.ty, local.weight)?;
            if local.zeroed() {
                f.write_str(" zeroed")?;
            }
            if local.index as usize != number {
                write!(f, " declared as {}", local.index)?;
            }
            writeln!(f)?;
        }
        for record in func.records.iter() {
            write!(f, "{:#8x}  ", record.pos)?;
            self.record(f, record.op)?;
            writeln!(f)?;
        }
        Ok(())
    }
}

impl FuncDisplay<'_> {
    /// The record, with what it refers to.
    fn record(&self, f: &mut Formatter<'_>, op: Op) -> fmt::Result {
        let func = self.func;
        if let Op::BrTable { first, count } = op {
            f.write_str("br_table")?;
            let targets = &func.targets[first as usize..][..count as usize];
            return targets.iter().try_for_each(|label| write!(f, " {label}"));
        }
        write!(f, "{op}")?;
        if let Op::Block(label) | Op::Loop(label) | Op::Label(label) | Op::If { end: label, .. } =
            op
        {
            let label = &func.labels[label.index()];
            types(f, "args", self.module.label_args(&label.args))?;
            write!(f, " height {} preds {}", label.height, label.preds)?;
        }
        Ok(())
    }
}

/// ` (what type type)`, or nothing if there are none.
fn types(f: &mut Formatter<'_>, what: &str, types: &[ValType]) -> fmt::Result {
    if types.is_empty() {
        return Ok(());
    }
    write!(f, " ({what}")?;
    types.iter().try_for_each(|ty| write!(f, " {ty}"))?;
    f.write_str(")")
}
