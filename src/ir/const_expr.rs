//! Constant expressions: decoded once, and folded as far as the module alone tells.

use wasmparser::{AbstractHeapType, HeapType, Operator};

use super::decode::invalid;
use super::module::{ConstExpr, ConstOp, ModuleInfo};
use super::sections::unsupported;
use super::types::{FuncIdx, GlobalIdx, ValType};
use crate::error::Error;

/// Decodes a validated expression. What remains as [`ConstExpr::Ops`] needs an imported global.
#[allow(
    clippy::wildcard_enum_match_arm,
    reason = "the list of all operators is open"
)]
pub(super) fn const_expr(
    info: &ModuleInfo,
    expr: &wasmparser::ConstExpr<'_>,
) -> Result<ConstExpr, Error> {
    // The operand stack as long as it is constant; then all operators in order.
    let mut ops: Vec<ConstOp> = Vec::new();
    let mut reader = expr.get_operators_reader();
    loop {
        let offset = reader.original_position();
        let op = match reader.read().map_err(invalid)? {
            Operator::I32Const { value } => ConstOp::Value(ValType::I32, u64::from(value as u32)),
            Operator::I64Const { value } => ConstOp::Value(ValType::I64, value as u64),
            Operator::F32Const { value } => ConstOp::Value(ValType::F32, value.bits().into()),
            Operator::F64Const { value } => ConstOp::Value(ValType::F64, value.bits()),
            Operator::RefNull { hty } => ConstOp::RefNull(null_type(offset, hty)?),
            Operator::RefFunc { function_index } => ConstOp::RefFunc(FuncIdx(function_index)),
            Operator::GlobalGet { global_index } => global(info, GlobalIdx(global_index)),
            Operator::I32Add => ConstOp::I32Add,
            Operator::I32Sub => ConstOp::I32Sub,
            Operator::I32Mul => ConstOp::I32Mul,
            Operator::I64Add => ConstOp::I64Add,
            Operator::I64Sub => ConstOp::I64Sub,
            Operator::I64Mul => ConstOp::I64Mul,
            Operator::End => break,
            _ => {
                return Err(unsupported(
                    offset,
                    "this operator in a constant expression",
                ));
            }
        };
        push_folded(&mut ops, op);
    }
    Ok(match ops[..] {
        [ConstOp::Value(ty, bits)] => ConstExpr::Value(ty, bits),
        [ConstOp::RefNull(ty)] => ConstExpr::RefNull(ty),
        [ConstOp::RefFunc(func)] => ConstExpr::RefFunc(func),
        [ConstOp::Global(global)] => ConstExpr::Global(global),
        _ => ConstExpr::Ops(ops.into()),
    })
}

/// The type of a null reference.
pub(super) fn null_type(offset: u64, ty: HeapType) -> Result<ValType, Error> {
    match ty {
        HeapType::Abstract {
            shared: false,
            ty: AbstractHeapType::Func,
        } => Ok(ValType::FuncRef),
        HeapType::Abstract {
            shared: false,
            ty: AbstractHeapType::Extern,
        } => Ok(ValType::ExternRef),
        HeapType::Abstract { .. } | HeapType::Concrete(_) | HeapType::Exact(_) => {
            Err(unsupported(offset, "this reference type"))
        }
    }
}

impl ConstExpr {
    /// The single operator that it is, if it needs no instance.
    fn known(&self) -> Option<ConstOp> {
        match *self {
            Self::Value(ty, bits) => Some(ConstOp::Value(ty, bits)),
            Self::RefNull(ty) => Some(ConstOp::RefNull(ty)),
            Self::RefFunc(func) => Some(ConstOp::RefFunc(func)),
            Self::Global(_) | Self::Ops(_) => None,
        }
    }
}

/// `global.get`, or what an immutable global of this module holds.
fn global(info: &ModuleInfo, index: GlobalIdx) -> ConstOp {
    info.constant_global(index)
        .and_then(ConstExpr::known)
        .unwrap_or(ConstOp::Global(index))
}

/// Appends `op`; if its operands are the two constants before it, the result replaces them.
fn push_folded(ops: &mut Vec<ConstOp>, op: ConstOp) {
    if let [.., ConstOp::Value(ty, a), ConstOp::Value(_, b)] = ops[..] {
        let narrow = |bits: u64| u64::from(bits as u32);
        let folded = match op {
            ConstOp::I32Add => Some(narrow(a.wrapping_add(b))),
            ConstOp::I32Sub => Some(narrow(a.wrapping_sub(b))),
            ConstOp::I32Mul => Some(narrow(a.wrapping_mul(b))),
            ConstOp::I64Add => Some(a.wrapping_add(b)),
            ConstOp::I64Sub => Some(a.wrapping_sub(b)),
            ConstOp::I64Mul => Some(a.wrapping_mul(b)),
            ConstOp::Value(..) | ConstOp::RefNull(_) | ConstOp::RefFunc(_) | ConstOp::Global(_) => {
                None
            }
        };
        if let Some(bits) = folded {
            ops.truncate(ops.len() - 2);
            ops.push(ConstOp::Value(ty, bits));
            return;
        }
    }
    ops.push(op);
}
