//! Operators that differ in what they compute only: to the validator they are the same.

use wasmparser::{MemArg, VisitOperator};

use super::lower::Recorder;
use super::op::{FloatBin, IntBin, IntCmp, Load, Op, Shift, Store};
use super::types::Size::{self, S32, S64};
use super::types::ValType;

/// An operator among some that are alike, by what it computes and the type of its operands.
pub(super) trait Alike: Copy {
    type Immediate: Copy;

    /// Visits the one of them that stands for all with such operands.
    fn validate<'a, V: VisitOperator<'a>>(
        self,
        validator: &mut V,
        immediate: Self::Immediate,
    ) -> V::Output;

    fn record(self, recorder: &mut Recorder<'_>, immediate: Self::Immediate);
}

/// Lines of: what they compute, which kind of record that is, and who stands for the 32-bit and the
/// 64-bit ones.
macro_rules! two_operands {
    ($($op:ident $small:ident $large:ident;)*) => {$(
        impl Alike for ($op, Size) {
            type Immediate = ();

            #[inline(always)]
            fn validate<'a, V: VisitOperator<'a>>(self, validator: &mut V, (): ()) -> V::Output {
                match self.1 {
                    S32 => validator.$small(),
                    S64 => validator.$large(),
                }
            }

            #[inline(always)]
            fn record(self, recorder: &mut Recorder<'_>, (): ()) {
                recorder.two_operands(|below, src| Op::$op(self.0, self.1, below, src));
            }
        }
    )*};
}

two_operands! {
    IntBin visit_i32_add visit_i64_add;
    Shift visit_i32_shl visit_i64_shl;
    IntCmp visit_i32_eq visit_i64_eq;
    FloatBin visit_f32_add visit_f64_add;
}

/// Lines of: what they access, how that is recorded, and who stands for those of each type.
macro_rules! accesses {
    ($($op:ident $record:ident: $i32:ident $i64:ident $f32:ident $f64:ident;)*) => {$(
        impl Alike for ($op, ValType) {
            type Immediate = MemArg;

            #[inline(always)]
            fn validate<'a, V: VisitOperator<'a>>(
                self,
                validator: &mut V,
                arg: MemArg,
            ) -> V::Output {
                match self.1 {
                    ValType::I32 => validator.$i32(arg),
                    ValType::I64 => validator.$i64(arg),
                    ValType::F32 => validator.$f32(arg),
                    ValType::F64 => validator.$f64(arg),
                    ValType::V128 | ValType::FuncRef | ValType::ExternRef => {
                        unreachable!("not a number")
                    }
                }
            }

            #[inline(always)]
            fn record(self, recorder: &mut Recorder<'_>, arg: MemArg) {
                recorder.$record(self.0, &arg);
            }
        }
    )*};
}

accesses! {
    Load load: visit_i32_load visit_i64_load visit_f32_load visit_f64_load;
    Store store: visit_i32_store visit_i64_store visit_f32_store visit_f64_store;
}
