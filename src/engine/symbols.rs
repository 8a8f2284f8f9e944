//! Compiled functions as tools of the system know them: profilers and debuggers.

use super::module::ModuleInner;
use crate::ir::types::FuncIdx;

/// A compiled function.
pub(crate) struct Symbol<'a> {
    /// `module[function]`, by name or index. No control characters, and not empty.
    pub(crate) name: String,
    /// Counted from the first defined function.
    pub(crate) body: usize,
    /// Address of its first byte.
    pub(crate) start: usize,
    pub(crate) code: &'a [u8],
}

/// Characters of a module's or function's name that are kept: what a module chooses shall not decide
/// how much is written.
const MAX_NAME: usize = 1024;

/// The functions of a module, in ascending order of their addresses.
pub(crate) fn symbols(module: &ModuleInner) -> impl ExactSizeIterator<Item = Symbol<'_>> {
    let info = &module.info;
    let module_name = module_name(module);
    let funcs = module.code.funcs.iter().enumerate();
    funcs.map(move |(body, code)| {
        let index = info.imported_funcs + body as u32;
        let name = match info.func_name(FuncIdx(index)) {
            Some(func) => format!("{module_name}[{}]", printable(func)),
            None => format!("{module_name}[{index}]"),
        };
        Symbol {
            name,
            body,
            start: module.memory.start() + code.start as usize,
            code: &module.memory.bytes()[code.start as usize..code.end as usize],
        }
    })
}

/// The module's name, or `wasm` if it has none.
pub(crate) fn module_name(module: &ModuleInner) -> String {
    match module.info.name.as_deref() {
        None | Some("") => "wasm".to_owned(),
        Some(name) => printable(name),
    }
}

/// Tools read lines, and strings up to a zero.
fn printable(name: &str) -> String {
    let chars = name.chars().take(MAX_NAME);
    chars
        .map(|c| if c.is_control() { '?' } else { c })
        .collect()
}
