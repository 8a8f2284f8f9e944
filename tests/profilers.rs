//! What profilers of the system are told: the files are read back.

use std::path::PathBuf;
use std::sync::Once;
use std::thread;

use pronto::{Config, Engine, Module, ProfilingStrategy};

/// The files belong to the process: a folder for them.
fn enter_temp() -> PathBuf {
    static ONCE: Once = Once::new();
    let dir = std::env::temp_dir().join(format!("pronto-profilers-{}", std::process::id()));
    ONCE.call_once(|| {
        std::fs::create_dir(&dir).unwrap();
        std::env::set_current_dir(&dir).unwrap();
    });
    std::env::var_os("JITDUMPDIR").map_or(dir, PathBuf::from)
}

fn engine(strategy: ProfilingStrategy) -> Engine {
    Engine::new(Config::new().profiler(strategy)).unwrap()
}

/// A module with this name and some functions, one without a name and one that is not exported.
fn wasm(name: &str) -> Vec<u8> {
    let text = format!(
        r#"(module ${name} (import "h" "f" (func $f)) (memory 1)
            (func $first (export "first") (param i32) (result i32)
                (call $f) (i32.div_u (i32.const 1) (i32.load (local.get 0))))
            (func (nop))
            (func $last (loop (call $f) (br 0))))"#
    );
    wat::parse_str(text).unwrap()
}

/// Compiles modules on several threads with two engines, and gives them in no order.
fn modules(strategy: ProfilingStrategy, prefix: &str) -> Vec<Module> {
    let engines = [engine(strategy), engine(strategy)];
    thread::scope(|scope| {
        let threads: Vec<_> = (0..8)
            .map(|n| {
                let engine = &engines[n % 2];
                scope.spawn(move || Module::new(engine, wasm(&format!("{prefix}{n}"))).unwrap())
            })
            .collect();
        threads.into_iter().map(|t| t.join().unwrap()).collect()
    })
}

/// Where a function that is reported must lie: name and bytes of its module's code.
fn find<'a>(modules: &'a [Module], start: u64, name: &str) -> Option<(&'a Module, usize)> {
    modules.iter().find_map(|module| {
        let offset = start.checked_sub(module.text().as_ptr() as u64)? as usize;
        let belongs = offset < module.text().len() && name.starts_with(module.name()?);
        belongs.then_some((module, offset))
    })
}

/// Each function of [`modules`] was reported once.
fn assert_all_functions(mut seen: Vec<String>, prefix: &str) {
    seen.sort();
    let funcs = ["[first]", "[2]", "[last]"];
    let mut all: Vec<_> = (0..8)
        .flat_map(|n| funcs.map(|func| format!("{prefix}{n}{func}")))
        .collect();
    all.sort();
    assert_eq!(seen, all);
}

#[test]
fn perf_map() {
    let modules = modules(ProfilingStrategy::PerfMap, "map");
    let path = format!("/tmp/perf-{}.map", std::process::id());
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    let mut seen = Vec::new();
    for line in text.lines() {
        let (start, rest) = line.split_once(' ').unwrap();
        let (len, name) = rest.split_once(' ').unwrap();
        let start = u64::from_str_radix(start, 16).unwrap();
        let len = usize::from_str_radix(len, 16).unwrap();
        let (module, offset) = find(&modules, start, name).unwrap();
        assert!(len > 0 && offset + len <= module.text().len(), "{line}");
        seen.push(name.to_owned());
    }
    assert_all_functions(seen, "map");
}

#[cfg(target_os = "linux")]
mod jitdump {
    use super::*;

    /// Takes integers and strings from the front of bytes.
    struct Reader<'a>(&'a [u8]);

    impl<'a> Reader<'a> {
        fn bytes(&mut self, len: usize) -> &'a [u8] {
            let (bytes, rest) = self.0.split_at(len);
            self.0 = rest;
            bytes
        }

        fn u32(&mut self) -> u32 {
            u32::from_ne_bytes(self.bytes(4).try_into().unwrap())
        }

        fn u64(&mut self) -> u64 {
            u64::from_ne_bytes(self.bytes(8).try_into().unwrap())
        }

        fn c_str(&mut self) -> &'a str {
            let len = self.0.iter().position(|&byte| byte == 0).unwrap();
            let text = std::str::from_utf8(self.bytes(len)).unwrap();
            self.bytes(1);
            text
        }
    }

    /// The header; gives the time.
    fn header(file: &mut Reader<'_>) -> u64 {
        assert_eq!((file.u32(), file.u32()), (0x4a69_5444, 1));
        let machine = if cfg!(target_arch = "x86_64") {
            62
        } else {
            183
        };
        assert_eq!((file.u32(), file.u32(), file.u32()), (40, machine, 0));
        assert_eq!(file.u32(), std::process::id());
        let time = file.u64();
        assert_eq!(file.u64(), 0);
        time
    }

    /// Positions in the code and in the module, each a pair.
    fn debug_info(mut record: Reader<'_>) -> (u64, Vec<(u64, u32)>, String) {
        let (start, count) = (record.u64(), record.u64());
        let mut name = String::new();
        let mut entries = Vec::new();
        for _ in 0..count {
            entries.push((record.u64(), record.u32()));
            assert_eq!(record.u32(), 0);
            name = record.c_str().to_owned();
        }
        assert!(record.0.is_empty());
        (start, entries, name)
    }

    #[test]
    fn jitdump() {
        let dir = enter_temp();
        let modules = modules(ProfilingStrategy::JitDump, "dump");
        let path = dir.join(format!("jit-{}.dump", std::process::id()));
        let bytes = std::fs::read(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        let mut file = Reader(&bytes);
        let mut time = header(&mut file);
        let mut seen = Vec::new();
        let mut indices = Vec::new();
        let mut info = None;
        while !file.0.is_empty() {
            let (id, len, at) = (file.u32(), file.u32(), file.u64());
            assert!(at >= time, "times ascend");
            time = at;
            let mut record = Reader(file.bytes(len as usize - 16));
            if id == 2 {
                info = Some(debug_info(record));
                continue;
            }
            assert_eq!((id, record.u32()), (0, std::process::id()));
            assert_ne!(record.u32(), 0);
            let (start, same, size) = (record.u64(), record.u64(), record.u64() as usize);
            assert_eq!(start, same);
            indices.push(record.u64());
            let name = record.c_str();
            let (module, offset) = find(&modules, start, name).unwrap();
            assert_eq!(record.0, &module.text()[offset..offset + size]);
            match info.take() {
                Some(info) => check_sites(info, name, start, size),
                None => assert!(name.ends_with("[2]"), "{name} has sites"),
            }
            seen.push(name.to_owned());
        }
        assert!(info.is_none());
        assert_eq!(indices, (0..24).collect::<Vec<_>>());
        assert_all_functions(seen, "dump");
        let mapped = std::fs::read_to_string("/proc/self/maps").unwrap();
        let marker = |line: &str| line.contains("r-x") && line.contains(&*path.to_string_lossy());
        // The file was deleted, so its name has a mark behind it. Emulators show other rights.
        let emulated = std::env::var_os("PRONTO_TEST_EMULATOR").is_some();
        assert!(emulated || mapped.lines().any(marker), "{mapped}");
        let _ = std::fs::remove_dir(std::env::current_dir().unwrap());
    }

    fn check_sites(info: (u64, Vec<(u64, u32)>, String), name: &str, start: u64, size: usize) {
        let (at, entries, file) = info;
        assert_eq!(
            (at, file.as_str()),
            (start, name.split_once('[').unwrap().0)
        );
        let bytes = wasm(&file);
        assert!(entries.is_sorted());
        for (code, wasm) in entries {
            assert!(start < code && code <= start + size as u64);
            // A call, a division, a load, or the body, whose beginning checks the stack.
            let op = bytes[wasm as usize];
            assert!([0x10, 0x6e, 0x28, 0x00].contains(&op), "{name}: {op:#x}");
        }
    }
}
