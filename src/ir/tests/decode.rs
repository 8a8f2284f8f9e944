//! What a module declares.

use wasmparser::WasmFeatures;

use super::{decode_wat, lower_all};
use crate::ir::decode::{DEFAULT_FEATURES, decode};
use crate::ir::module::{
    ConstExpr, ConstOp, ElemItems, ElemMode, ExportItem, ImportType, ModuleInfo,
};
use crate::ir::types::{FuncIdx, GlobalIdx, Limits, MemIdx, TableIdx, TypeIdx, ValType};

#[test]
fn every_section() {
    let info = decode_wat(
        r#"(module $name
            (type $t (func (param i32 f64) (result externref)))
            (import "a" "f" (func $imported (type $t)))
            (import "a" "t" (table 1 2 externref))
            (import "b" "m" (memory 3 4))
            (import "b" "g" (global (mut f32)))
            (func $first) (func $second (type $t) (unreachable))
            (table 5 funcref)
            (global i64 (i64.const -1))
            (export "x" (func $second)) (export "y" (memory 0)) (export "z" (table 1))
            (export "w" (global 1))
            (start $first)
            (data (i32.const 7) "abc") (data "defg"))"#,
    );
    assert_eq!(info.name.as_deref(), Some("name"));
    assert_eq!(info.types[0].params(), [ValType::I32, ValType::F64]);
    assert_eq!(info.types[0].results(), [ValType::ExternRef]);
    let imports: Vec<_> = info
        .imports
        .iter()
        .map(|i| (&*i.module, &*i.name))
        .collect();
    assert_eq!(imports, [("a", "f"), ("a", "t"), ("b", "m"), ("b", "g")]);
    assert!(matches!(info.imports[0].ty, ImportType::Func(TypeIdx(0))));
    assert_eq!(info.funcs, [TypeIdx(0), TypeIdx(1), TypeIdx(0)]);
    assert_eq!(info.imported_funcs, 1);
    assert_eq!(info.tables.len(), 2);
    assert_eq!(info.tables[0].ty.elem, ValType::ExternRef);
    assert_eq!(info.tables[1].ty.limits, Limits { min: 5, max: None });
    let limits = Limits {
        min: 3,
        max: Some(4),
    };
    assert_eq!(info.memories, [limits]);
    assert_eq!((info.imported_tables, info.imported_memories), (1, 1));
    assert!(info.globals[0].ty.mutable && info.globals[0].init.is_none());
    let minus_one = ConstExpr::Value(ValType::I64, u64::MAX);
    assert_eq!(info.globals[1].init, Some(minus_one));
    let exports: Vec<_> = info.exports.iter().map(|e| (&*e.name, e.item)).collect();
    let expected = [
        ("x", ExportItem::Func(FuncIdx(2))),
        ("y", ExportItem::Memory(MemIdx(0))),
        ("z", ExportItem::Table(TableIdx(1))),
        ("w", ExportItem::Global(GlobalIdx(1))),
    ];
    assert_eq!(exports, expected);
    assert_eq!(info.start, Some(FuncIdx(1)));
    let names: Vec<_> = (0..4).map(|func| info.func_name(FuncIdx(func))).collect();
    assert_eq!(
        names,
        [Some("imported"), Some("first"), Some("second"), None]
    );
}

#[test]
fn data_segments_of_both_kinds() {
    let text = |passive: &str| {
        format!(
            r#"(module (memory 1) (data (i32.const -7) "abc") (data (i32.const 300) "") {passive})"#
        )
    };
    for passive in ["", r#"(data "defg")"#] {
        let bytes = wat::parse_str(text(passive)).unwrap();
        let info = decode(&bytes, DEFAULT_FEATURES).unwrap().info;
        let contents = |n: usize| {
            let range = &info.datas[n].bytes;
            &bytes[range.start as usize..range.end as usize]
        };
        let offset = ConstExpr::Value(ValType::I32, 0xffff_fff9);
        assert_eq!(contents(0), b"abc");
        assert_eq!(info.datas[0].active, Some((MemIdx(0), offset)));
        assert_eq!(contents(1), b"");
        if !passive.is_empty() {
            assert_eq!(contents(2), b"defg");
            assert_eq!(info.datas[2].active, None);
        }
    }
}

fn escaping(info: &ModuleInfo) -> Vec<usize> {
    let escapes = info.escapes.iter().enumerate();
    escapes.filter_map(|(n, e)| e.then_some(n)).collect()
}

#[test]
fn functions_that_escape() {
    let info = decode_wat(
        r#"(module
            (import "m" "f" (func))
            (func) (func) (func) (func) (func) (func) (func (drop (ref.func 5)))
            (table 4 funcref)
            (global funcref (ref.func 2))
            (export "e" (func 3))
            (elem (i32.const 0) func 4)
            (elem declare func 5)
            (elem funcref (ref.null func) (ref.func 6)))"#,
    );
    assert_eq!(escaping(&info), [0, 2, 3, 4, 5, 6]);
}

#[test]
fn element_segments() {
    let info = decode_wat(
        r#"(module
            (import "m" "g" (global $g i32))
            (func)
            (table 4 funcref) (table $t 4 externref)
            (elem (table 0) (offset (global.get $g)) func 0 0)
            (elem (table $t) (i32.const 1) externref (ref.null extern))
            (elem func 0)
            (elem declare funcref (ref.func 0)))"#,
    );
    let modes: Vec<_> = info.elems.iter().map(|elem| &elem.mode).collect();
    assert!(matches!(
        modes[..],
        [
            ElemMode::Active {
                table: TableIdx(0),
                offset: ConstExpr::Global(GlobalIdx(0))
            },
            ElemMode::Active {
                table: TableIdx(1),
                offset: ConstExpr::Value(ValType::I32, 1)
            },
            ElemMode::Passive,
            ElemMode::Declared,
        ]
    ));
    assert!(matches!(&info.elems[0].items, ElemItems::Funcs(items) if items.len() == 2));
    let ElemItems::Exprs(items) = &info.elems[1].items else {
        panic!("{:?}", info.elems[1]);
    };
    assert_eq!(**items, [ConstExpr::RefNull(ValType::ExternRef)]);
}

#[test]
fn constant_expressions_fold() {
    let info = decode_wat(
        r#"(module
            (import "m" "g" (global $g i32))
            (global i32 (i32.add (i32.const -1) (i32.mul (i32.const 3) (i32.const 0x7fffffff))))
            (global i64 (i64.sub (i64.const 1) (i64.const 2)))
            (global i32 (i32.add (i32.sub (i32.const 8) (i32.const 1)) (global.get $g)))
            (global f32 (f32.const nan:0x200000)))"#,
    );
    let init = |n: usize| info.globals[n].init.clone().unwrap();
    let folded = (-1_i32).wrapping_add(0x7fff_ffff_i32.wrapping_mul(3)) as u32;
    assert_eq!(init(1), ConstExpr::Value(ValType::I32, folded.into()));
    assert_eq!(init(2), ConstExpr::Value(ValType::I64, u64::MAX));
    let ops = [
        ConstOp::Value(ValType::I32, 7),
        ConstOp::Global(GlobalIdx(0)),
        ConstOp::I32Add,
    ];
    assert_eq!(init(3), ConstExpr::Ops(ops.into()));
    assert_eq!(init(4), ConstExpr::Value(ValType::F32, 0x7fa0_0000));
}

/// Appends a custom section with short contents.
fn with_custom(mut module: Vec<u8>, name: &str, contents: &[u8]) -> Vec<u8> {
    let len = |bytes: usize| u8::try_from(bytes).unwrap();
    module.extend([0, len(1 + name.len() + contents.len()), len(name.len())]);
    module.extend(name.as_bytes());
    module.extend(contents);
    module
}

#[test]
fn custom_sections() {
    let module = wat::parse_str("(module (func))").unwrap();
    let bytes = with_custom(with_custom(module, "one", b"contents"), "", b"");
    let info = decode(&bytes, DEFAULT_FEATURES).unwrap().info;
    let sections: Vec<_> = info
        .custom_sections
        .iter()
        .map(|(name, range)| (&**name, &bytes[range.clone()]))
        .collect();
    assert_eq!(sections, [("one", &b"contents"[..]), ("", b"")]);
}

#[test]
fn malformed_names_are_no_error() {
    // Function names: two entries, the second cut off, out of order, or not UTF-8.
    let second: [&[u8]; 3] = [&[1, 9, b'x'], &[0, 1, b'x'], &[1, 1, 0xff]];
    for second in second {
        let mut names = vec![1, 0, 2, 0, 2, b'h', b'i'];
        names.extend(second);
        names[1] = u8::try_from(names.len() - 2).unwrap();
        let module = wat::parse_str("(module (func) (func))").unwrap();
        let bytes = with_custom(module, "name", &names);
        let info = decode(&bytes, DEFAULT_FEATURES).unwrap().info;
        assert_eq!(info.func_name(FuncIdx(0)), Some("hi"));
        assert_eq!(info.func_name(FuncIdx(1)), None);
    }
    // A count of 2^32 - 1 entries allocates nothing.
    let module = wat::parse_str("(module (func))").unwrap();
    let names = [1, 5, 0xff, 0xff, 0xff, 0xff, 0x0f];
    let info = decode(&with_custom(module, "name", &names), DEFAULT_FEATURES)
        .unwrap()
        .info;
    assert_eq!(info.func_name(FuncIdx(0)), None);
}

#[test]
fn components_are_refused() {
    let bytes = b"\0asm\x0d\0\x01\0";
    let error = decode(bytes, DEFAULT_FEATURES).err().unwrap().to_string();
    assert!(error.contains("component"), "{error}");
}

/// The validator names the proposal, whatever is allowed besides.
#[test]
fn disabled_proposals_are_named() {
    let cases = [
        ("(func (param v128))", "SIMD support is not enabled"),
        ("(func (drop (v128.const i64x2 0 0)))", "SIMD"),
        ("(memory i64 1)", "memory64"),
        ("(memory 1 1 shared)", "threads"),
        ("(memory 1) (memory 1)", "multiple memories"),
        (
            "(func (return_call 0))",
            "tail calls support is not enabled",
        ),
        ("(tag)", "exceptions"),
        ("(type (struct))", "gc"),
        (
            "(func (param i32) (drop (i32.atomic.load (local.get 0))))",
            "threads support is not enabled",
        ),
    ];
    for (text, expected) in cases {
        let bytes = wat::parse_str(format!("(module {text})")).unwrap();
        for features in [DEFAULT_FEATURES, WasmFeatures::all()] {
            let error = lower_all(&bytes, features).err().unwrap().to_string();
            assert!(error.contains(expected), "{text}: {error}");
            assert!(error.contains("offset 0x"), "{error}");
        }
    }
}
