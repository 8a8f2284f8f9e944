//! Where the heads of loops lie.

use iced_x86::{FlowControl, Mnemonic};

use super::disasm::decode;
use super::{Amd64, amd64};
use crate::asm::abi::{InstanceLayout, MemoryMode};
use crate::asm::driver::{self, CompileOptions, ModuleCode};
use crate::asm::isa::IsaOptions;
use crate::asm::worker::Workers;
use crate::ir::decode::{DEFAULT_FEATURES, Decoded, decode as decode_module};

#[test]
fn any_gap_is_filled() {
    for (tables, to) in [(false, 32), (true, 64)] {
        for before in 0..130 {
            let mut isa = amd64(MemoryMode::Guard, 0);
            for _ in 0..before {
                isa.buf.push(0x90);
            }
            isa.align_loop(tables);
            assert_eq!(isa.buf.offset(), u32::next_multiple_of(before, to));
            assert_eq!(isa.buf.alignment, to);
            let code = decode(&isa.buf.code()[before as usize..]);
            assert!(code.iter().all(|code| code.mnemonic() == Mnemonic::Nop));
            assert!(code.len() <= 7);
        }
    }
}

fn compile(wasm: &[u8], threads: usize) -> ModuleCode {
    let Decoded { info, bodies } = decode_module(wasm, DEFAULT_FEATURES).expect("a module");
    let options = CompileOptions {
        isa: IsaOptions {
            mode: MemoryMode::Guard,
            poison: false,
            interruptible: false,
            metered: false,
            canonical_nans: false,
            features: 0,
        },
        costs: None,
        threads,
        listen: None,
    };
    let layout = InstanceLayout::new(&info).expect("memory");
    driver::compile::<Amd64>(&info, wasm, bodies, &layout, &options, &Workers::default())
        .expect("code")
}

/// Functions of many lengths, in several batches, so that each loop would lie somewhere else.
#[test]
fn loops_stay_aligned_where_functions_are_placed() {
    let mut text = String::from("(module\n");
    for index in 0..700 {
        let more = "(local.set 0 (i32.xor (local.get 0) (i32.const 7777777)))".repeat(index % 50);
        let table = "(block (block (br_table 0 1 0 1 0 1 0 (local.get 0))))".repeat(index % 3 / 2);
        text += &format!(
            "(func (param i32) {more} {table} (loop {more}
               (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1))))))\n"
        );
    }
    text.push(')');
    let wasm = wat::parse_str(text).expect("a module");
    assert!(wasm.len() > 4 * 64 * 1024, "several batches");
    let alone = compile(&wasm, 1);
    for threads in [1, 3] {
        let code = compile(&wasm, threads);
        assert!(*code.bytes == *alone.bytes, "{threads} threads");
        for (index, func) in code.funcs.iter().enumerate() {
            let bytes = &code.bytes[func.start as usize..func.end as usize];
            let back = decode(bytes).into_iter().find(|code| {
                code.flow_control() == FlowControl::ConditionalBranch
                    && code.near_branch_target() < code.ip()
            });
            let head = back.expect("a loop").near_branch_target() + u64::from(func.start);
            let to = if index % 3 == 2 { 64 } else { 32 };
            assert_eq!(head % to, 0, "function {index}, {threads} threads");
        }
    }
}
