//! The host module `spectest` that the suite's modules import.

use pronto::{
    FuncType, Global, GlobalType, Linker, Memory, MemoryType, Mutability, Ref, Result, Store,
    Table, TableType, Val, ValType,
};

/// Defines `spectest` in `linker`, all of it made by the host. With `print`, its functions do.
pub(crate) fn define(linker: &mut Linker<()>, store: &mut Store<()>, print: bool) -> Result<()> {
    let functions: [(&str, &[ValType]); 7] = [
        ("print", &[]),
        ("print_i32", &[ValType::I32]),
        ("print_i64", &[ValType::I64]),
        ("print_f32", &[ValType::F32]),
        ("print_f64", &[ValType::F64]),
        ("print_i32_f32", &[ValType::I32, ValType::F32]),
        ("print_f64_f64", &[ValType::F64, ValType::F64]),
    ];
    for (name, params) in functions {
        let ty = FuncType::new(params.iter().copied(), []);
        linker.func_new("spectest", name, ty, move |_, args, _| {
            if print {
                let args: Vec<String> = args.iter().map(|arg| format!("{arg:?}")).collect();
                println!("{name}: {}", args.join(", "));
            }
            Ok(())
        })?;
    }
    let globals = [
        ("global_i32", Val::I32(666), ValType::I32),
        ("global_i64", Val::I64(666), ValType::I64),
        ("global_f32", Val::F32(666.6f32.to_bits()), ValType::F32),
        ("global_f64", Val::F64(666.6f64.to_bits()), ValType::F64),
    ];
    for (name, value, ty) in globals {
        let ty = GlobalType::new(ty, Mutability::Const);
        let global = Global::new(&mut *store, ty, value)?;
        linker.define(&mut *store, "spectest", name, global)?;
    }
    let ty = TableType::new(ValType::FuncRef, 10, Some(20));
    let table = Table::new(&mut *store, ty, Ref::Func(None))?;
    linker.define(&mut *store, "spectest", "table", table)?;
    let memory = Memory::new(&mut *store, MemoryType::new(1, Some(2)))?;
    linker.define(&mut *store, "spectest", "memory", memory)?;
    Ok(())
}
