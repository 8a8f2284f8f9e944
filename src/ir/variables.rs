//! Constants, locals, globals, and the operators that only move operands.

use wasmparser::{HeapType, Ieee32, Ieee64};

use super::lower::Recorder;
use super::module::ConstExpr;
use super::op::{IntCmp, Op, Src};
use super::types::Size::{self, S32, S64};
use super::types::{FuncIdx, GlobalIdx, LocalIdx, ValType};

impl Op {
    /// Whether it pushes one value, pops none, and does nothing else.
    fn only_pushes(self) -> bool {
        matches!(
            self,
            Self::I32Const(_)
                | Self::I64Const(_)
                | Self::F32Const(_)
                | Self::F64Const(_)
                | Self::RefNull(_)
                | Self::RefFunc(_)
                | Self::LocalGet(_)
                | Self::GlobalGet(_)
                | Self::MemorySize(_)
        )
    }
}

impl Recorder<'_> {
    #[inline]
    pub(super) fn visit_i32_const(&mut self, value: i32) {
        self.plain(Op::I32Const(value));
    }

    #[inline]
    pub(super) fn visit_i64_const(&mut self, value: i64) {
        self.plain(Op::I64Const(value));
    }

    #[inline]
    pub(super) fn visit_f32_const(&mut self, value: Ieee32) {
        self.plain(Op::F32Const(value.bits()));
    }

    #[inline]
    pub(super) fn visit_f64_const(&mut self, value: Ieee64) {
        self.plain(Op::F64Const(value.bits()));
    }

    pub(super) fn visit_ref_null(&mut self, ty: HeapType) {
        let Ok(ty) = super::const_expr::null_type(0, ty) else {
            unreachable!("a null of a type that no feature allows");
        };
        self.plain(Op::RefNull(ty));
    }

    pub(super) fn visit_ref_func(&mut self, func: u32) {
        debug_assert!(
            self.module.escapes[func as usize],
            "declared functions only"
        );
        self.plain(Op::RefFunc(FuncIdx(func)));
    }

    /// Counts a use of a local. `None`: the function has so many that it keeps only those it uses.
    #[inline(always)]
    fn use_local(&mut self, index: u32, sets: bool) -> Option<LocalIdx> {
        let local = self.out.locals.get_mut(index as usize)?;
        local.count_use(self.weight, sets & self.entry);
        Some(LocalIdx(index))
    }

    /// The same where it keeps only those.
    #[cold]
    #[inline(never)]
    fn use_one_of_many(&mut self, index: u32, sets: bool) -> LocalIdx {
        let (found, local) = self.locals.find(index);
        local.count_use(self.weight, sets & self.entry);
        found
    }

    /// Counts a use that writes the local, however many there are.
    #[inline(always)]
    fn use_to_set(&mut self, index: u32) -> LocalIdx {
        let local = self.use_local(index, true);
        local.unwrap_or_else(|| self.use_one_of_many(index, true))
    }

    /// Whether the operand on top was just read from `local`.
    #[inline]
    fn just_read(&self, local: LocalIdx) -> bool {
        self.out.records.last(1) == Some(Op::LocalGet(local))
    }

    #[inline]
    pub(super) fn visit_local_get(&mut self, index: u32) {
        if !self.live() {
            return;
        }
        match self.use_local(index, false) {
            Some(local) => self.record(Op::LocalGet(local)),
            None => self.get_one_of_many(index),
        }
    }

    /// Out of line with its record: the usual way needs fewer registers then.
    #[cold]
    #[inline(never)]
    fn get_one_of_many(&mut self, index: u32) {
        let local = self.use_one_of_many(index, false);
        self.record(Op::LocalGet(local));
    }

    #[inline]
    pub(super) fn visit_local_set(&mut self, index: u32) {
        if !self.live() {
            return;
        }
        let local = self.use_to_set(index);
        if self.just_read(local) {
            self.unrecord(1);
        } else {
            let src = self.take_src();
            self.record(Op::LocalSet(local, src));
        }
    }

    #[inline]
    pub(super) fn visit_local_tee(&mut self, index: u32) {
        if !self.live() {
            return;
        }
        let local = self.use_to_set(index);
        if !self.just_read(local) {
            self.record(Op::LocalTee(local));
        }
    }

    pub(super) fn visit_global_get(&mut self, index: u32) {
        let global = GlobalIdx(index);
        let op = match self.module.constant_global(global) {
            Some(&ConstExpr::Value(ValType::I32, bits)) => Op::I32Const(bits as i32),
            Some(&ConstExpr::Value(ValType::I64, bits)) => Op::I64Const(bits as i64),
            Some(&ConstExpr::Value(ValType::F32, bits)) => Op::F32Const(bits as u32),
            Some(&ConstExpr::Value(ValType::F64, bits)) => Op::F64Const(bits),
            Some(&ConstExpr::RefNull(ty)) => Op::RefNull(ty),
            Some(&ConstExpr::RefFunc(func)) => Op::RefFunc(func),
            _ => Op::GlobalGet(global),
        };
        self.plain(op);
    }

    pub(super) fn visit_global_set(&mut self, index: u32) {
        if self.live() {
            self.record(Op::GlobalSet(GlobalIdx(index)));
        }
    }

    /// Takes what was only pushed back.
    pub(super) fn visit_drop(&mut self) {
        if !self.live() {
            return;
        }
        match self.out.records.last_mut() {
            Some(last) if last.only_pushes() => self.unrecord(1),
            Some(last @ Op::LocalTee(_)) => {
                let Op::LocalTee(local) = *last else {
                    unreachable!("just matched");
                };
                *last = Op::LocalSet(local, Src::Stack);
            }
            _ => self.record(Op::Drop),
        }
    }

    pub(super) fn visit_select(&mut self) {
        if !self.live() {
            return;
        }
        match self.take_condition() {
            Some(true) => self.visit_drop(),
            Some(false) => self.drop_first(),
            None => {
                self.record(Op::Select);
            }
        }
    }

    /// Drops the second of the topmost operands: by a `select` of the first, if need be.
    fn drop_first(&mut self) {
        let only_pushes = |nth| self.out.records.last(nth).is_some_and(Op::only_pushes);
        if only_pushes(1) && only_pushes(2) {
            self.out.records.pop_second();
        } else {
            self.record(Op::I32Const(0));
            self.record(Op::Select);
        }
    }

    pub(super) fn visit_typed_select(&mut self, _ty: wasmparser::ValType) {
        self.visit_select();
    }

    /// No list of types but one of length 1 is valid.
    pub(super) fn visit_typed_select_multi(&mut self, _types: Vec<wasmparser::ValType>) {
        unreachable!("the validator rejects it");
    }

    pub(super) fn visit_i64_eqz(&mut self) {
        if self.live() {
            self.eqz(S64);
        }
    }

    /// The negation of a comparison is a comparison.
    pub(super) fn visit_i32_eqz(&mut self) {
        if !self.live() {
            return;
        }
        if let Some(Op::IntCmp(cmp, ..)) = self.out.records.last_mut() {
            *cmp = IntCmp::negated(*cmp);
        } else {
            self.eqz(S32);
        }
    }

    fn eqz(&mut self, size: Size) {
        let src = self.take_src();
        self.record(Op::Eqz(size, src));
    }
}
