//! Modules at and beyond every limit: compiled in a time that fits their size, or refused.

use std::time::{Duration, Instant};

use pronto::{Module, Store, Val};
use wasm_encoder::{BlockType, InstructionSink, ValType};

use super::build::{One, Sizes};
use super::{compile_everywhere, engines, instantiate};

/// What any of these modules may take on a slow machine, with the checks of a debug build.
const CEILING: Duration = Duration::from_secs(20);

/// Compiles for each machine within the time; whether it was accepted.
fn compiles(name: &str, wasm: &[u8]) -> bool {
    let start = Instant::now();
    let accepted = compile_everywhere(&engines(), wasm);
    let time = start.elapsed();
    println!(
        "{name}: {} bytes, {time:?}, accepted: {accepted}",
        wasm.len()
    );
    assert!(time < 4 * CEILING, "{name}: {time:?}");
    accepted
}

/// Compiles, and calls `run`, which returns `wanted`.
fn runs(name: &str, wasm: &[u8], args: &[Val], wanted: i32) {
    assert!(compiles(name, wasm), "{name} was refused");
    for engine in engines() {
        let module = Module::new(&engine, wasm).expect("a valid module");
        let mut store = Store::new(&engine, ());
        let instance = pronto::Instance::new(&mut store, &module, &[]).expect("an instance");
        let run = instance.get_func(&mut store, "run").expect("a function");
        let mut results = vec![Val::I32(0); run.ty(&store).results().len()];
        run.call(&mut store, args, &mut results).expect("no trap");
        assert!(
            matches!(results[..], [Val::I32(value), ..] if value == wanted),
            "{name}"
        );
    }
}

fn one(body: impl FnOnce(&mut InstructionSink<'_>)) -> Vec<u8> {
    One::default().module(body)
}

#[test]
fn locals() {
    let with = |count, copies| {
        let one = One {
            locals: vec![(count, ValType::I64)],
            copies,
            ..One::default()
        };
        one.module(|sink| {
            sink.i64_const(9).local_set(count - 1);
            sink.local_get(count - 1).i32_wrap_i64();
        })
    };
    runs("50 000 locals", &with(50_000, 1), &[], 9);
    runs("100 functions of 50 000 locals", &with(50_000, 100), &[], 9);
    assert!(!compiles("a million locals", &with(1_000_000, 1)));
    assert!(!compiles("2^32 - 1 locals", &with(u32::MAX, 1)));
    let many = One {
        locals: vec![(1, ValType::I32); 40_000],
        ..One::default()
    };
    let many = many.module(|sink| {
        sink.local_get(39_999);
    });
    runs("40 000 runs of locals", &many, &[], 0);
}

#[test]
fn nesting() {
    const DEPTH: u32 = 100_000;
    let close = |sink: &mut InstructionSink<'_>| {
        for _ in 0..DEPTH {
            sink.end();
        }
        sink.i32_const(3);
    };
    let blocks = one(|sink| {
        for _ in 0..DEPTH {
            sink.block(BlockType::Empty);
        }
        close(sink);
    });
    runs("nested blocks", &blocks, &[], 3);
    let branches = one(|sink| {
        for n in 0..DEPTH {
            sink.block(BlockType::Empty).i32_const(0).br_if(n);
        }
        close(sink);
    });
    runs("nested blocks with branches out", &branches, &[], 3);
    let loops = one(|sink| {
        for n in 0..DEPTH {
            sink.loop_(BlockType::Empty).i32_const(0).br_if(n);
        }
        close(sink);
    });
    runs("nested loops", &loops, &[], 3);
    let ifs = one(|sink| {
        for _ in 0..DEPTH {
            sink.i32_const(1).if_(BlockType::Empty);
        }
        close(sink);
    });
    runs("nested ifs", &ifs, &[], 3);
    let values = one(|sink| {
        for _ in 0..DEPTH {
            sink.i32_const(1).block(BlockType::Result(ValType::I32));
        }
        sink.i32_const(1);
        for _ in 0..DEPTH {
            sink.end().i32_add();
        }
    });
    runs(
        "nested blocks with values below",
        &values,
        &[],
        DEPTH as i32 + 1,
    );
}

#[test]
fn jump_tables() {
    let table = |targets: u32, depth: u32, index: i32| {
        one(|sink| {
            for _ in 0..depth {
                sink.block(BlockType::Empty);
            }
            let list: Vec<u32> = (0..targets).map(|n| n % depth).collect();
            sink.i32_const(index).br_table(list, depth - 1).end();
            for _ in 1..depth {
                sink.end();
            }
            sink.i32_const(4);
        })
    };
    runs("65 000 targets", &table(65_000, 200, 64_999), &[], 4);
    runs("65 000 targets, beyond", &table(65_000, 200, -1), &[], 4);
    compiles("65 520 targets", &table(65_520, 2, 0));
    compiles("a million targets", &table(1_000_000, 2, 0));
    let many = one(|sink| {
        for _ in 0..100 {
            sink.block(BlockType::Empty).i32_const(7);
            sink.br_table(vec![0; 20_000], 0).end();
        }
        sink.i32_const(5);
    });
    runs("100 tables of 20 000", &many, &[], 5);
    // Each target takes a value, and there are many values below.
    let values = one(|sink| {
        for _ in 0..200 {
            sink.block(BlockType::Result(ValType::I32));
        }
        for n in 0..1000 {
            sink.i32_const(n);
        }
        let list: Vec<u32> = (0..20_000).map(|n| n % 200).collect();
        sink.i32_const(150).br_table(list, 0);
        for _ in 0..200 {
            sink.end();
        }
    });
    runs("targets with values", &values, &[], 999);
}

#[test]
fn long_signatures() {
    let with = |count: usize| {
        let one = One {
            params: vec![ValType::I32; count],
            results: vec![ValType::I32; count],
            ..One::default()
        };
        one.module(|sink| {
            for n in (0..count as u32).rev() {
                sink.local_get(n);
            }
        })
    };
    let args: Vec<Val> = (0..1000).map(Val::I32).collect();
    runs("1000 parameters", &with(1000), &args, 999);
    assert!(!compiles("1001 parameters", &with(1001)));
}

/// A few bytes that make a thousand values, again and again.
#[test]
fn value_bombs() {
    let bomb = one(|sink| {
        for _ in 0..50_000 {
            sink.block(BlockType::Empty).call(0).br(0).end();
        }
        sink.i32_const(1);
    });
    compiles("calls with a thousand results", &bomb);
    let bomb = one(|sink| {
        for _ in 0..50_000 {
            sink.block(BlockType::FunctionType(1)).call(0).br(0).end();
            sink.block(BlockType::FunctionType(2)).end();
            sink.unreachable();
        }
    });
    compiles("blocks with a thousand results", &bomb);
    let bomb = one(|sink| {
        sink.call(0);
        for _ in 0..30_000 {
            sink.loop_(BlockType::FunctionType(2));
        }
        for _ in 0..30_000 {
            sink.end();
        }
        sink.unreachable();
    });
    compiles("loops with a thousand parameters", &bomb);
    let bomb = one(|sink| {
        sink.block(BlockType::FunctionType(1)).call(0);
        for _ in 0..50_000 {
            sink.i32_const(0).br_if(0);
        }
        sink.end().unreachable();
    });
    compiles("branches with a thousand values", &bomb);
}

#[test]
fn deep_stacks() {
    let deep = one(|sink| {
        for n in 0..60_000 {
            sink.i32_const(n);
        }
        for _ in 1..60_000 {
            sink.i32_add();
        }
    });
    runs("60 000 constants", &deep, &[], 1_799_970_000);
    let one_local = One {
        params: vec![ValType::I32],
        ..One::default()
    };
    let deep = one_local.module(|sink| {
        for _ in 0..30_000 {
            sink.local_get(0);
        }
        sink.i32_const(1).local_set(0);
        for _ in 1..30_000 {
            sink.i32_add();
        }
    });
    runs(
        "a local read 30 000 times, then set",
        &deep,
        &[Val::I32(2)],
        60_000,
    );
    let spilled = one(|sink| {
        for _ in 0..20_000 {
            sink.memory_size(0).i32_eqz();
        }
        sink.i32_const(0);
        for _ in 0..20_000 {
            sink.i32_add();
        }
    });
    runs("20 000 values in homes", &spilled, &[], 0);
}

#[test]
fn long_bodies() {
    let adds = one(|sink| {
        sink.i32_const(0);
        for _ in 0..1_000_000 {
            sink.i32_const(1).i32_add();
        }
    });
    runs("a million additions", &adds, &[], 1_000_000);
    let nops = one(|sink| {
        for _ in 0..7_000_000 {
            sink.nop();
        }
        sink.i32_const(6);
    });
    runs("seven million nops", &nops, &[], 6);
    let stores = one(|sink| {
        let at = |offset| wasm_encoder::MemArg {
            offset,
            align: 0,
            target: wasm_encoder::MemArgTarget::Memory(0),
            ordering: None,
        };
        for n in 0..300_000 {
            sink.i32_const(0)
                .i32_const(n)
                .i32_store(at(n as u64 % 60_000));
        }
        sink.i32_const(0).i32_load8_u(at(59_999));
    });
    runs("300 000 stores", &stores, &[], 299_999 & 255);
    let too_long = one(|sink| {
        for _ in 0..8_000_000 {
            sink.nop();
        }
        sink.i32_const(6);
    });
    assert!(!compiles("eight million nops", &too_long));
}

#[test]
fn many_of_everything() {
    let base = Sizes::default();
    let fine = [
        Sizes {
            types: 16_000,
            ..base
        },
        Sizes {
            functions: 200_000,
            ..base
        },
        Sizes {
            globals: 200_000,
            ..base
        },
        Sizes {
            exports: 100_000,
            ..base
        },
        Sizes {
            segments: 90_000,
            ..base
        },
        Sizes {
            datas: 90_000,
            ..base
        },
        Sizes {
            items: 1_000_000,
            ..base
        },
        Sizes {
            elements: 1_000_000,
            ..base
        },
        Sizes {
            pages: 65_536,
            ..base
        },
    ];
    for sizes in fine {
        let wasm = sizes.module();
        assert!(compiles(&format!("{sizes:?}"), &wasm), "{sizes:?}");
        for engine in engines() {
            let module = Module::new(&engine, &wasm).expect("a valid module");
            instantiate(&engine, &module);
        }
    }
    let refused = [
        Sizes {
            functions: 1_000_001,
            ..base
        },
        Sizes {
            globals: 1_000_001,
            ..base
        },
        Sizes {
            segments: 100_001,
            ..base
        },
        Sizes {
            datas: 100_001,
            ..base
        },
        Sizes {
            pages: 65_537,
            ..base
        },
        Sizes {
            elements: 1 << 32,
            ..base
        },
    ];
    for sizes in refused {
        assert!(
            !compiles(&format!("{sizes:?}"), &sizes.module()),
            "{sizes:?}"
        );
    }
}
