//! Which locals a function has.
//!
//! Five bytes declare 50,000 locals. A function with so many keeps only those it uses, so that
//! lowering and all that follows stay linear in its bytes.

use std::sync::Arc;

use wasmparser::{BinaryReader, FuncValidator};

use super::decode::invalid;
use super::func::{Func, Local};
use super::limits::EnforcedLimit;
use super::module::ModuleInfo;
use super::resources::Resources;
use super::sections::val_type;
use super::types::{LocalIdx, ValType};
use crate::error::{Error, OutOfMemory, try_reserve};

/// Up to so many locals, [`Func::locals`] has all of them, in their order.
const MANY: u32 = 512;

/// Finds a local where there are many.
#[derive(Default)]
pub(super) struct LocalMap {
    /// Whether the function has many.
    sparse: bool,
    /// Then: the parameters and those that it uses. [`Func::locals`] has none until the end.
    used: Vec<Local>,
    /// Ascending: index after the last of a group, and the group's type.
    groups: Vec<(u32, ValType)>,
    slots: Vec<Slot>,
    /// Number of the current function; slots of earlier ones are void.
    epoch: u32,
}

#[derive(Clone, Copy, Default)]
struct Slot {
    epoch: u32,
    local: u32,
}

impl LocalMap {
    /// Reads the declarations of locals into the validator and, after the parameters, into `out`.
    pub(super) fn define(
        &mut self,
        module: &ModuleInfo,
        reader: &mut BinaryReader<'_>,
        validator: &mut FuncValidator<Arc<Resources>>,
        out: &mut Func,
    ) -> Result<(), Error> {
        let params = module.types[out.facts.ty as usize].params();
        // Wasm allows a thousand parameters.
        out.facts.params = params.len() as u32;
        let (mut v128, mut floats) = (false, false);
        for (index, &ty) in (0..).zip(params) {
            out.locals.push(Local::new(index, ty, true));
            v128 |= ty == ValType::V128;
            floats |= ty.is_float();
        }
        self.groups.clear();
        let mut end = out.facts.params;
        for _ in 0..reader.read_var_u32().map_err(invalid)? {
            let offset = reader.original_position();
            let count: u32 = reader.read().map_err(invalid)?;
            let ty = reader.read().map_err(invalid)?;
            // Checks the type, and that the sum of the counts is at most 50,000.
            validator
                .define_locals(offset, count, ty)
                .map_err(invalid)?;
            let ty = val_type(offset, ty)?;
            v128 |= ty == ValType::V128;
            floats |= ty.is_float();
            if end + count <= MANY {
                let group = end..end + count;
                out.locals
                    .extend(group.map(|index| Local::new(index, ty, false)));
            }
            end += count;
            self.groups.push((end, ty));
        }
        let at = (out.facts.body_pos, Some(out.facts.index));
        module.limits.check(EnforcedLimit::Locals, end.into(), at)?;
        (out.facts.v128, out.facts.floats) = (v128, floats);
        self.sparse = end > MANY;
        if self.sparse {
            out.locals.truncate(out.facts.params as usize);
            std::mem::swap(&mut self.used, &mut out.locals);
            out.locals.clear();
            self.start(out.facts.params, end)?;
        }
        Ok(())
    }

    /// All uses are known.
    pub(super) fn finish(&mut self, out: &mut Func) {
        if self.sparse {
            std::mem::swap(&mut self.used, &mut out.locals);
        }
    }

    /// How many locals are declared beside so many parameters.
    pub(super) fn declared(&self, params: u32) -> u32 {
        self.groups.last().map_or(0, |(end, _)| end - params)
    }

    /// Forgets the last function; of this one, the parameters are known.
    fn start(&mut self, params: u32, end: u32) -> Result<(), OutOfMemory> {
        self.epoch = self.epoch.wrapping_add(1);
        if self.epoch == 0 {
            self.slots.clear();
            self.epoch = 1;
        }
        let len = self.slots.len().max(end as usize);
        let more = len - self.slots.len();
        try_reserve(&mut self.slots, more, "a function's locals")?;
        self.slots.resize(len, Slot::default());
        for local in 0..params {
            self.slots[local as usize] = Slot {
                epoch: self.epoch,
                local,
            };
        }
        Ok(())
    }

    /// The local with an index that the validator has approved, in a function that has many.
    pub(super) fn find(&mut self, index: u32) -> (LocalIdx, &mut Local) {
        let slot = &mut self.slots[index as usize];
        if slot.epoch != self.epoch {
            *slot = Slot {
                epoch: self.epoch,
                local: self.used.len() as u32,
            };
            let group = self.groups.partition_point(|(end, _)| *end <= index);
            let ty = self.groups[group].1;
            self.used.push(Local::new(index, ty, false));
        }
        (LocalIdx(slot.local), &mut self.used[slot.local as usize])
    }
}

impl Local {
    fn new(index: u32, ty: ValType, param: bool) -> Self {
        Self {
            ty,
            weight: 0,
            set_first: param,
            index,
        }
    }
}
