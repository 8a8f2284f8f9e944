//! Modules that no compiler would write.

use wasm_encoder::{
    CodeSection, DataCountSection, DataSection, ElementSection, Elements, ExportKind,
    ExportSection, Function, FunctionSection, GlobalSection, InstructionSink, MemorySection,
    MemoryType, Module, RefType, TableSection, TableType, TypeSection, ValType,
};

/// A module with every section.
pub(crate) const EVERY_SECTION: &str = r#"(module $name
    (type $t (func (param i32 f64) (result i64)))
    (import "host" "func" (func $import (type $t)))
    (import "host" "global" (global $imported i32))
    (table $table 3 10 funcref) (table externref (elem (ref.null extern)))
    (memory 1 2)
    (global $g (mut i64) (i64.const -7))
    (global f32 (f32.const 0.5))
    (export "run" (func $run)) (export "memory" (memory 0)) (export "g" (global $g))
    (start $start)
    (elem (table $table) (i32.const 1) func $run $import)
    (elem $passive funcref (ref.func $start) (ref.null func))
    (elem declare func $run)
    (func $start (global.set $g (i64.const 3)))
    (func $run (type $t) (local i32 i64 f32)
      (drop (call_indirect (type $t) (local.get 0) (local.get 1) (i32.const 1)))
      (table.init $table $passive (i32.const 0) (i32.const 0) (i32.const 2))
      (memory.init $data (i32.const 0) (i32.const 0) (i32.const 4))
      (block (loop (br_if 1 (i32.eqz (local.get 0))) (br_table 0 1 (local.get 0))))
      (i64.load offset=8 (local.get 0)))
    (data (i32.const 16) "active") (data $data "passive"))"#;

/// A module of one function, exported as `run`, with an empty memory and a table.
pub(crate) struct One {
    pub(crate) params: Vec<ValType>,
    pub(crate) results: Vec<ValType>,
    /// Runs of locals: how many, and of which type.
    pub(crate) locals: Vec<(u32, ValType)>,
    /// How many times the function is there.
    pub(crate) copies: u32,
}

impl Default for One {
    fn default() -> Self {
        Self {
            params: Vec::new(),
            results: vec![ValType::I32],
            locals: Vec::new(),
            copies: 1,
        }
    }
}

impl One {
    /// The module, with what `body` writes, and `end`. Type 1 takes nothing and gives a thousand
    /// `i32`; function 0 is of that type.
    pub(crate) fn module(self, body: impl FnOnce(&mut InstructionSink<'_>)) -> Vec<u8> {
        let mut types = TypeSection::new();
        types.ty().function(self.params, self.results);
        types.ty().function([], [ValType::I32; 1000]);
        types
            .ty()
            .function([ValType::I32; 1000], [ValType::I32; 1000]);
        let mut functions = FunctionSection::new();
        functions.function(1);
        let mut thousand = Function::new([]);
        for n in 0..1000 {
            thousand.instructions().i32_const(n);
        }
        thousand.instructions().end();
        let mut code = CodeSection::new();
        code.function(&thousand);
        let mut function = Function::new(self.locals);
        body(&mut function.instructions());
        function.instructions().end();
        for _ in 0..self.copies {
            functions.function(0);
            code.function(&function);
        }
        let mut memories = MemorySection::new();
        memories.memory(memory(1));
        let mut tables = TableSection::new();
        tables.table(table(1));
        let mut exports = ExportSection::new();
        exports.export("run", ExportKind::Func, 1);
        let mut module = Module::new();
        module.section(&types).section(&functions).section(&tables);
        module.section(&memories).section(&exports).section(&code);
        module.finish()
    }
}

fn memory(minimum: u64) -> MemoryType {
    MemoryType {
        minimum,
        maximum: None,
        memory64: false,
        shared: false,
        page_size_log2: None,
    }
}

fn table(minimum: u64) -> TableType {
    TableType {
        element_type: RefType::FUNCREF,
        table64: false,
        minimum,
        maximum: None,
        shared: false,
    }
}

/// A module of sizes alone: pages, elements, and how many of each thing there are.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Sizes {
    pub(crate) pages: u64,
    pub(crate) elements: u64,
    pub(crate) types: u32,
    pub(crate) functions: u32,
    pub(crate) globals: u32,
    pub(crate) exports: u32,
    pub(crate) segments: u32,
    pub(crate) datas: u32,
    /// Functions named by the first element segment.
    pub(crate) items: u32,
}

impl Sizes {
    pub(crate) fn module(self) -> Vec<u8> {
        let mut types = TypeSection::new();
        types.ty().function([], []);
        for n in 0..self.types {
            let params = (0..14).map(|bit| match n >> bit & 1 {
                0 => ValType::I32,
                _ => ValType::F64,
            });
            types.ty().function(params.collect::<Vec<_>>(), []);
        }
        let mut functions = FunctionSection::new();
        let mut code = CodeSection::new();
        let mut empty = Function::new([]);
        empty.instructions().end();
        for _ in 0..self.functions + 1 {
            functions.function(0);
            code.function(&empty);
        }
        let mut tables = TableSection::new();
        tables.table(table(self.elements));
        let mut memories = MemorySection::new();
        memories.memory(memory(self.pages));
        let mut globals = GlobalSection::new();
        for n in 0..self.globals {
            let ty = wasm_encoder::GlobalType {
                val_type: ValType::I32,
                mutable: true,
                shared: false,
            };
            globals.global(ty, &wasm_encoder::ConstExpr::i32_const(n as i32));
        }
        let mut exports = ExportSection::new();
        for n in 0..self.exports {
            exports.export(&format!("e{n}"), ExportKind::Func, 0);
        }
        let mut elements = ElementSection::new();
        elements.passive(Elements::Functions(vec![0; self.items as usize].into()));
        for _ in 0..self.segments {
            elements.passive(Elements::Functions((&[0]).into()));
        }
        let mut datas = DataSection::new();
        for _ in 0..self.datas {
            datas.passive([1, 2, 3]);
        }
        let mut module = Module::new();
        module.section(&types).section(&functions).section(&tables);
        module
            .section(&memories)
            .section(&globals)
            .section(&exports);
        module
            .section(&elements)
            .section(&DataCountSection { count: self.datas });
        module.section(&code).section(&datas);
        module.finish()
    }
}
