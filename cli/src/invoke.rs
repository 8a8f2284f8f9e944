//! Arguments and results as text.

use pronto::{FuncType, Val, ValType};

/// The values of a call's arguments.
pub(crate) fn arguments(ty: &FuncType, texts: &[String]) -> Result<Vec<Val>, String> {
    let params = ty.params();
    if params.len() != texts.len() {
        let given = texts.len();
        let wanted = match params.len() {
            1 => "1 argument is".to_owned(),
            wanted => format!("{wanted} arguments are"),
        };
        return Err(format!("it has type {ty}: {wanted} needed, not {given}"));
    }
    params
        .iter()
        .zip(texts)
        .map(|(ty, text)| parse(text, *ty))
        .collect()
}

/// The value of type `ty` that `text` says: integers signed or unsigned, in decimal or with
/// `0x`; floats as Rust reads them; references only `null`.
fn parse(text: &str, ty: ValType) -> Result<Val, String> {
    let value = match ty {
        ValType::I32 => integer(text).and_then(|value| {
            let unsigned = || u32::try_from(value).map(u32::cast_signed);
            i32::try_from(value)
                .or_else(|_| unsigned())
                .map(Val::I32)
                .ok()
        }),
        ValType::I64 => integer(text).and_then(|value| {
            let unsigned = || u64::try_from(value).map(u64::cast_signed);
            i64::try_from(value)
                .or_else(|_| unsigned())
                .map(Val::I64)
                .ok()
        }),
        ValType::F32 => text
            .parse()
            .ok()
            .map(|float: f32| Val::F32(float.to_bits())),
        ValType::F64 => text
            .parse()
            .ok()
            .map(|float: f64| Val::F64(float.to_bits())),
        ValType::FuncRef => (text == "null").then_some(Val::FuncRef(None)),
        ValType::ExternRef => (text == "null").then_some(Val::ExternRef(None)),
        ValType::V128 => None,
    };
    value.ok_or_else(|| format!("`{text}` is not a value of type {ty}"))
}

fn integer(text: &str) -> Option<i128> {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => (-1, digits),
        None => (1, text),
    };
    let (digits, radix) = match digits.strip_prefix("0x") {
        Some(digits) => (digits, 16),
        None => (digits, 10),
    };
    // A sign here would be the second.
    let all_digits = digits.chars().all(|c| c.is_digit(radix));
    if !all_digits {
        return None;
    }
    i128::from_str_radix(digits, radix)
        .ok()
        .map(|value| sign * value)
}

/// A result, for one line.
pub(crate) fn print(value: &Val) -> String {
    match value {
        Val::I32(value) => value.to_string(),
        Val::I64(value) => value.to_string(),
        Val::F32(bits) => f32::from_bits(*bits).to_string(),
        Val::F64(bits) => f64::from_bits(*bits).to_string(),
        Val::FuncRef(None) | Val::ExternRef(None) => "null".to_owned(),
        Val::FuncRef(Some(_)) => "<funcref>".to_owned(),
        Val::ExternRef(Some(_)) => "<externref>".to_owned(),
        other => format!("{other:?}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_read_and_printed() {
        let cases = [
            ("7", ValType::I32, "7"),
            ("-2147483648", ValType::I32, "-2147483648"),
            ("4294967295", ValType::I32, "-1"),
            ("0xffffffff", ValType::I32, "-1"),
            ("-0x10", ValType::I64, "-16"),
            ("18446744073709551615", ValType::I64, "-1"),
            ("1.5", ValType::F32, "1.5"),
            ("-inf", ValType::F64, "-inf"),
            ("NaN", ValType::F64, "NaN"),
            ("1e3", ValType::F64, "1000"),
            ("null", ValType::ExternRef, "null"),
        ];
        for (text, ty, printed) in cases {
            assert_eq!(print(&parse(text, ty).unwrap()), printed, "{text}");
        }
    }

    #[test]
    fn what_is_not_a_value_is_refused() {
        let cases = [
            ("", ValType::I32),
            ("-", ValType::I32),
            ("+-1", ValType::I32),
            ("1.5", ValType::I32),
            ("4294967296", ValType::I32),
            ("-2147483649", ValType::I32),
            ("0x1_0", ValType::I64),
            ("18446744073709551616", ValType::I64),
            ("one", ValType::F32),
            ("1", ValType::FuncRef),
            ("1", ValType::V128),
        ];
        for (text, ty) in cases {
            assert!(parse(text, ty).is_err(), "{text}");
        }
    }
}
