//! Arguments and expected results of a script, in Pronto's values.

use pronto::{ExternRef, Trap, Val};
use wast::core::{AbstractHeapType, HeapType, NanPattern, WastArgCore, WastRetCore};
use wast::token::{F32, F64};
use wast::{WastArg, WastRet};

/// An argument of an invocation.
pub(crate) fn arg(arg: &WastArg<'_>) -> Result<Val, String> {
    let WastArg::Core(arg) = arg else {
        return Err("a component's argument".into());
    };
    Ok(match arg {
        WastArgCore::I32(value) => Val::I32(*value),
        WastArgCore::I64(value) => Val::I64(*value),
        WastArgCore::F32(value) => Val::F32(value.bits),
        WastArgCore::F64(value) => Val::F64(value.bits),
        WastArgCore::RefNull(heap) if is(heap, AbstractHeapType::Func) => Val::FuncRef(None),
        WastArgCore::RefNull(heap) if is(heap, AbstractHeapType::Extern) => Val::ExternRef(None),
        WastArgCore::RefExtern(value) => Val::ExternRef(Some(ExternRef::new(*value))),
        other => return Err(format!("no such argument: {other:?}")),
    })
}

fn is(heap: &HeapType<'_>, wanted: AbstractHeapType) -> bool {
    matches!(heap, HeapType::Abstract { ty, .. } if *ty == wanted)
}

/// Whether a result is what the script expects.
pub(crate) fn matches(value: &Val, expected: &WastRet<'_>) -> bool {
    let WastRet::Core(expected) = expected else {
        return false;
    };
    core_matches(value, expected)
}

fn core_matches(value: &Val, expected: &WastRetCore<'_>) -> bool {
    match (value, expected) {
        (_, WastRetCore::Either(cases)) => cases.iter().any(|case| core_matches(value, case)),
        (Val::I32(value), WastRetCore::I32(wanted)) => value == wanted,
        (Val::I64(value), WastRetCore::I64(wanted)) => value == wanted,
        (Val::F32(bits), WastRetCore::F32(pattern)) => f32_matches(*bits, pattern),
        (Val::F64(bits), WastRetCore::F64(pattern)) => f64_matches(*bits, pattern),
        (Val::FuncRef(None), WastRetCore::RefNull(heap)) => heap
            .as_ref()
            .is_none_or(|heap| is(heap, AbstractHeapType::Func)),
        (Val::ExternRef(None), WastRetCore::RefNull(heap)) => heap
            .as_ref()
            .is_none_or(|heap| is(heap, AbstractHeapType::Extern)),
        (Val::FuncRef(Some(_)), WastRetCore::RefFunc(None)) => true,
        (Val::ExternRef(Some(_)), WastRetCore::RefExtern(None)) => true,
        (Val::ExternRef(Some(value)), WastRetCore::RefExtern(Some(wanted))) => {
            value.data().downcast_ref::<u32>() == Some(wanted)
        }
        _ => false,
    }
}

fn f32_matches(bits: u32, pattern: &NanPattern<F32>) -> bool {
    match pattern {
        NanPattern::CanonicalNan => bits & 0x7fff_ffff == 0x7fc0_0000,
        NanPattern::ArithmeticNan => bits & 0x7fc0_0000 == 0x7fc0_0000,
        NanPattern::Value(value) => bits == value.bits,
    }
}

fn f64_matches(bits: u64, pattern: &NanPattern<F64>) -> bool {
    match pattern {
        NanPattern::CanonicalNan => bits & (u64::MAX >> 1) == 0x7ff8_0000_0000_0000,
        NanPattern::ArithmeticNan => bits & 0x7ff8_0000_0000_0000 == 0x7ff8_0000_0000_0000,
        NanPattern::Value(value) => bits == value.bits,
    }
}

/// The words with which the suite names a trap; its messages begin with one of them.
pub(crate) fn trap_names(trap: Trap) -> &'static [&'static str] {
    match trap {
        Trap::UnreachableCodeReached => &["unreachable"],
        Trap::MemoryOutOfBounds => &["out of bounds memory access"],
        Trap::TableOutOfBounds => &["out of bounds table access", "undefined element"],
        Trap::IndirectCallToNull => &["uninitialized element", "uninitialized"],
        Trap::BadSignature => &["indirect call type mismatch", "indirect call"],
        Trap::IntegerOverflow => &["integer overflow"],
        Trap::IntegerDivisionByZero => &["integer divide by zero"],
        Trap::BadConversionToInteger => &["invalid conversion to integer"],
        Trap::StackOverflow => &["call stack exhausted"],
        _ => &[],
    }
}
