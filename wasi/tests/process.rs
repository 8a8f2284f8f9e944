//! Arguments, environment, clocks, random numbers, signals, the end.

mod common;

use common::Guest;
use common::names::*;
use pronto::{Engine, I32Exit, Linker, Module, Store};
use pronto_wasi::p1::{WasiP1Ctx, add_imports_to_linker_sync, add_to_linker_sync};
use pronto_wasi::{HostMonotonicClock, HostWallClock, WasiCtxBuilder};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The strings that a pair of functions gives.
fn strings(guest: &mut Guest, sizes: &str, get: &str) -> Vec<String> {
    guest.call(sizes, args![8u32, 12u32]).unwrap();
    let (count, size) = (guest.u32_at(8), guest.u32_at(12));
    let (pointers, bytes) = (101, 5003);
    guest.write_memory(bytes + size, &[0xaa]);
    guest.call(get, args![pointers, bytes]).unwrap();
    assert_eq!(guest.read_memory(bytes + size, 1), [0xaa]);
    let string = |i: u32| {
        let at = guest.u32_at(pointers + i * 4);
        let rest = guest.read_memory(at, (bytes + size - at) as usize);
        let len = rest.iter().position(|byte| *byte == 0).unwrap();
        String::from_utf8(rest[..len].to_vec()).unwrap()
    };
    (0..count).map(string).collect()
}

#[test]
fn arguments_and_environment_are_given() {
    let mut guest = Guest::new(
        WasiCtxBuilder::new()
            .arg("program")
            .args(&["", "two words", "ünïcode"])
            .env("NAME", "value")
            .envs(&[("EMPTY", ""), ("EQUALS", "a=b")]),
    );
    let args = strings(&mut guest, "args_sizes_get", "args_get");
    assert_eq!(args, ["program", "", "two words", "ünïcode"]);
    let env = strings(&mut guest, "environ_sizes_get", "environ_get");
    assert_eq!(env, ["NAME=value", "EMPTY=", "EQUALS=a=b"]);
    let end = guest.memory_size();
    for (sizes, get) in [
        ("args_sizes_get", "args_get"),
        ("environ_sizes_get", "environ_get"),
    ] {
        assert_eq!(guest.call(sizes, args![end - 3, 8u32]), Err(FAULT));
        assert_eq!(guest.call(sizes, args![8u32, end - 3]), Err(FAULT));
        assert_eq!(guest.call(get, args![end - 11, 8u32]), Err(FAULT));
        assert_eq!(guest.call(get, args![8u32, end - 5]), Err(FAULT));
        assert_eq!(guest.call(get, args![u32::MAX, u32::MAX]), Err(FAULT));
    }
}

#[test]
fn nothing_is_given_unless_said() {
    let mut guest = Guest::new(&mut WasiCtxBuilder::new());
    assert!(strings(&mut guest, "args_sizes_get", "args_get").is_empty());
    assert!(strings(&mut guest, "environ_sizes_get", "environ_get").is_empty());
}

#[test]
fn the_hosts_are_inherited_when_said() {
    let mut guest = Guest::new(WasiCtxBuilder::new().inherit_args().inherit_env());
    let args = strings(&mut guest, "args_sizes_get", "args_get");
    assert_eq!(args, std::env::args().collect::<Vec<_>>());
    let env = strings(&mut guest, "environ_sizes_get", "environ_get");
    assert!(env.contains(&format!("PATH={}", std::env::var("PATH").unwrap())));
}

fn now(guest: &mut Guest, clock: u32) -> u64 {
    guest
        .call("clock_time_get", args![clock, 0u64, 9u32])
        .unwrap();
    guest.u64_at(9)
}

#[test]
fn clocks_tell_the_time() {
    let mut guest = Guest::new(&mut WasiCtxBuilder::new());
    let host = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let realtime = Duration::from_nanos(now(&mut guest, 0));
    assert!(realtime >= host && realtime < host + Duration::from_secs(60));
    let first = now(&mut guest, 1);
    std::thread::sleep(Duration::from_millis(2));
    assert!(now(&mut guest, 1) >= first + 2_000_000);
    // How long the host has been up is not to be seen.
    assert!(first < 60_000_000_000);
    for cpu in [2, 3] {
        let first = now(&mut guest, cpu);
        assert!(first > 0 && now(&mut guest, cpu) >= first);
    }
    for clock in 0..4u32 {
        assert_eq!(guest.call("clock_res_get", args![clock, 9u32]), Ok(()));
        assert!((1..=1_000_000_000).contains(&guest.u64_at(9)));
    }
    let end = guest.memory_size();
    for clock in [4, u32::MAX] {
        assert_eq!(guest.call("clock_res_get", args![clock, 8u32]), Err(INVAL));
        assert_eq!(
            guest.call("clock_time_get", args![clock, 0u64, 8u32]),
            Err(INVAL)
        );
    }
    assert_eq!(
        guest.call("clock_res_get", args![0u32, end - 7]),
        Err(FAULT)
    );
    assert_eq!(
        guest.call("clock_time_get", args![0u32, 0u64, end - 7]),
        Err(FAULT)
    );
}

struct Fixed;

impl HostWallClock for Fixed {
    fn resolution(&self) -> Duration {
        Duration::from_millis(3)
    }

    fn now(&self) -> Duration {
        Duration::new(1000, 7)
    }
}

impl HostMonotonicClock for Fixed {
    fn resolution(&self) -> u64 {
        11
    }

    fn now(&self) -> u64 {
        42
    }
}

#[test]
fn clocks_are_set() {
    let mut guest = Guest::new(
        WasiCtxBuilder::new()
            .wall_clock(Fixed)
            .monotonic_clock(Fixed),
    );
    for (clock, time, resolution) in [
        (0, 1_000_000_000_007, 3_000_000),
        (1, 42, 11),
        (2, 42, 11),
        (3, 42, 11),
    ] {
        assert_eq!(now(&mut guest, clock), time);
        guest.call("clock_res_get", args![clock, 9u32]).unwrap();
        assert_eq!(guest.u64_at(9), resolution);
    }
}

#[test]
fn random_bytes_are_random_unless_set() {
    let mut guest = Guest::new(&mut WasiCtxBuilder::new());
    guest.call("random_get", args![8u32, 64u32]).unwrap();
    guest.call("random_get", args![80u32, 64u32]).unwrap();
    assert_ne!(guest.read_memory(8, 64), guest.read_memory(80, 64));
    let size = guest.memory_size();
    assert_eq!(guest.call("random_get", args![0u32, size]), Ok(()));
    assert_eq!(guest.call("random_get", args![0u32, 0u32]), Ok(()));
    assert_eq!(guest.call("random_get", args![1u32, size]), Err(FAULT));
    assert_eq!(guest.call("random_get", args![0u32, u32::MAX]), Err(FAULT));
    let mut next = 0u8;
    let mut guest = Guest::new(WasiCtxBuilder::new().secure_random(move |buf| {
        for byte in buf {
            *byte = next;
            next += 1;
        }
    }));
    guest.call("random_get", args![8u32, 3u32]).unwrap();
    guest.call("random_get", args![11u32, 2u32]).unwrap();
    assert_eq!(guest.read_memory(8, 5), [0, 1, 2, 3, 4]);
}

#[test]
fn a_guest_yields() {
    let mut guest = Guest::new(&mut WasiCtxBuilder::new());
    assert_eq!(guest.call("sched_yield", &[]), Ok(()));
}

/// The exit status that calling `name` ends the guest with.
fn exit(name: &str, argument: u32) -> Option<i32> {
    let mut guest = Guest::new(&mut WasiCtxBuilder::new());
    let err = guest.try_call(name, args![argument]).err()?;
    let status = err.downcast_ref::<I32Exit>().expect("an exit").0;
    assert_eq!(err.exit_status(), Some(status));
    Some(status)
}

#[test]
fn a_guest_exits() {
    for status in [0, 1, 42, 134, 255, 256, u32::MAX] {
        assert_eq!(exit("proc_exit", status), Some(status.cast_signed()));
    }
}

#[test]
fn a_signal_does_what_it_does_by_default() {
    let (abrt, segv, chld, stop) = (6u32, 11u32, 16u32, 18u32);
    assert_eq!(exit("proc_raise", abrt), Some(134));
    assert_eq!(exit("proc_raise", segv), Some(139));
    let mut guest = Guest::new(&mut WasiCtxBuilder::new());
    assert_eq!(guest.call("proc_raise", args![0u32]), Ok(()));
    assert_eq!(guest.call("proc_raise", args![chld]), Ok(()));
    assert_eq!(guest.call("proc_raise", args![stop]), Err(NOTSUP));
    assert_eq!(guest.call("proc_raise", args![31u32]), Err(INVAL));
    assert_eq!(guest.call("proc_raise", args![u32::MAX]), Err(INVAL));
}

#[test]
fn a_module_without_a_memory_is_told() {
    let engine = Engine::default();
    let mut linker = Linker::new(&engine);
    add_to_linker_sync(&mut linker, |ctx: &mut WasiP1Ctx| ctx).unwrap();
    let text = r#"(module
        (import "wasi_snapshot_preview1" "fd_close" (func $close (param i32) (result i32)))
        (func (export "run") (result i32) (call $close (i32.const 0))))"#;
    let module = Module::new(&engine, wat::parse_str(text).unwrap()).unwrap();
    let mut store = Store::new(&engine, WasiCtxBuilder::new().build_p1());
    let instance = linker.instantiate(&mut store, &module).unwrap();
    let run = instance
        .get_typed_func::<(), u32>(&mut store, "run")
        .unwrap();
    let err = run.call(&mut store, ()).unwrap_err();
    assert!(format!("{err:?}").contains("export its memory"), "{err:?}");
}

#[test]
fn a_store_may_hold_more_than_the_state() {
    struct Host {
        calls: u32,
        wasi: WasiP1Ctx,
    }
    let engine = Engine::default();
    let mut linker: Linker<Host> = Linker::new(&engine);
    add_to_linker_sync(&mut linker, |host| {
        host.calls += 1;
        &mut host.wasi
    })
    .unwrap();
    assert!(add_to_linker_sync(&mut linker, |host: &mut Host| &mut host.wasi).is_err());
    let text = r#"(module
        (import "wasi_snapshot_preview1" "sched_yield" (func $yield (result i32)))
        (memory (export "memory") 0)
        (func (export "run") (result i32) (i32.add (call $yield) (call $yield))))"#;
    let module = Module::new(&engine, wat::parse_str(text).unwrap()).unwrap();
    let wasi = WasiCtxBuilder::new().build_p1();
    let mut store = Store::new(&engine, Host { calls: 0, wasi });
    let instance = linker.instantiate(&mut store, &module).unwrap();
    let run = instance
        .get_typed_func::<(), u32>(&mut store, "run")
        .unwrap();
    assert_eq!(run.call(&mut store, ()).unwrap(), 0);
    assert_eq!(store.data().calls, 2);
}

#[test]
fn only_what_a_module_imports() {
    const MODULE: &str = "wasi_snapshot_preview1";
    let engine = Engine::default();
    let with = |text: &str| Module::new(&engine, wat::parse_str(text).unwrap()).unwrap();
    let link = |linker: &mut Linker<WasiP1Ctx>, module: &Module| {
        add_imports_to_linker_sync(linker, module, |ctx: &mut WasiP1Ctx| ctx)
    };
    let ends = with(
        r#"(module
        (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
        (import "wasi_snapshot_preview1" "sched_yield" (func $yield (result i32)))
        (memory (export "memory") 0)
        (func (export "run") (call $exit (i32.add (i32.const 7) (call $yield)))))"#,
    );
    let other = with(r#"(module (import "env" "fd_close" (func (param i32) (result i32))))"#);
    let closes = with(
        r#"(module
        (import "wasi_snapshot_preview1" "fd_close" (func (param i32) (result i32))))"#,
    );
    let mut store = Store::new(&engine, WasiCtxBuilder::new().build_p1());
    let mut linker = Linker::new(&engine);
    link(&mut linker, &other).unwrap();
    assert!(linker.get(&mut store, MODULE, "fd_close").is_none());
    link(&mut linker, &ends).unwrap();
    assert!(linker.get(&mut store, MODULE, "sched_yield").is_some());
    assert!(linker.instantiate(&mut store, &closes).is_err());
    let instance = linker.instantiate(&mut store, &ends).unwrap();
    let run = instance
        .get_typed_func::<(), ()>(&mut store, "run")
        .unwrap();
    let err = run.call(&mut store, ()).unwrap_err();
    assert_eq!(err.downcast_ref::<I32Exit>(), Some(&I32Exit(7)));
    // They are defined already.
    assert!(link(&mut linker, &ends).is_err());
}
