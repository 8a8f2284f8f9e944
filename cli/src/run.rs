//! Runs a program, or one function of a module.

use crate::args::Run;
use crate::invoke;
use crate::module::{contents, read_module, rejected};
use crate::report::{Failure, chain, report, report_trap};
use crate::timeout::Deadline;
use pronto::{Engine, Error, Func, Instance, Linker, Module, Result, Store, Val, format_err};
use pronto_wasi::WasiCtxBuilder;
use pronto_wasi::p1::{WasiP1Ctx, add_imports_to_linker_sync};
use std::ffi::OsString;
use std::fmt::Write;
use std::net::TcpListener;
use std::path::Path;
use std::time::Instant;

/// Runs what `options` name. The status to end with.
pub(crate) fn run(options: &Run) -> i32 {
    let (file, args) = options
        .file_and_args
        .split_first()
        .expect("clap requires a file");
    // Everything from the file on may look like an option, so clap lets it.
    if file.as_encoded_bytes().starts_with(b"-") {
        let usage = format!("unexpected argument `{}` found", file.display());
        return report(Path::new(""), &Failure::Usage(usage));
    }
    let file = Path::new(file);
    match start(options, file, args) {
        Ok(status) => status,
        Err(failure) => report(file, &failure),
    }
}

/// Tells how long each step took, if asked to.
struct Timer {
    verbose: bool,
    last: Instant,
}

impl Timer {
    fn step(&mut self, what: &str) {
        if self.verbose {
            let now = Instant::now();
            eprintln!("{what}: {:.3} ms", (now - self.last).as_secs_f64() * 1e3);
            self.last = now;
        }
    }
}

fn start(options: &Run, file: &Path, args: &[OsString]) -> Result<i32, Failure> {
    let mut timer = Timer {
        verbose: options.verbose,
        last: Instant::now(),
    };
    let deadline = Deadline::start(options.timeout, file.to_owned());
    let args = utf8(args)?;
    let wasm = read_module(file).map_err(|failure| perhaps_command(file, failure))?;
    timer.step("read");
    if options.verbose {
        timer.step(&format!("parse ({})", contents(&wasm)));
    }
    let mut config = options.engine.config();
    config.epoch_interruption(options.timeout.is_some());
    let engine = Engine::new(&config)?;
    let module = Module::from_binary(&engine, &wasm).map_err(|err| rejected(&wasm, err))?;
    let code = module.text().len();
    timer.step(&format!(
        "compile ({} bytes to {code} bytes of machine code)",
        wasm.len()
    ));
    let mut linker = Linker::new(&engine);
    add_imports_to_linker_sync(&mut linker, &module, |ctx: &mut WasiP1Ctx| ctx)?;
    let mut store = Store::new(&engine, context(options, file, &args)?);
    if options.timeout.is_some() {
        deadline.watch(store.interrupt_handle()?);
    }
    let pre = linker.instantiate_pre(&module).map_err(unlinked)?;
    timer.step("link");
    let instance = match pre.instantiate(&mut store) {
        Ok(instance) => instance,
        Err(err) if err.backtrace().is_some() || err.exit_status().is_some() => {
            return Ok(report_trap(file, &module, &wasm, &err));
        }
        Err(err) => return Err(err.into()),
    };
    timer.step("instantiate");
    let ended = match &options.invoke {
        Some(name) => call(&mut store, &instance, &module, name, &args)?,
        None => entry(&mut store, &instance, &module)?,
    };
    drop(deadline);
    timer.step("run");
    let status = match ended {
        Ok(results) => {
            for result in results {
                println!("{}", invoke::print(&result));
            }
            0
        }
        Err(err) => report_trap(file, &module, &wasm, &err),
    };
    // The process ends: what these hold, the system frees faster.
    std::mem::forget((store, pre, linker, module, wasm));
    Ok(status)
}

/// `failure`, and if it may come of a mistyped command, that it was taken for a file.
fn perhaps_command(file: &Path, failure: Failure) -> Failure {
    match failure {
        Failure::Error(err, None) if file.extension().is_none() && !file.exists() => Failure::hint(
            err,
            "the first argument that is not an option is the file to run",
        ),
        failure => failure,
    }
}

fn utf8(args: &[OsString]) -> Result<Vec<String>, Failure> {
    let args = args.iter().map(|arg| {
        arg.to_str().map(str::to_owned).ok_or_else(|| {
            Failure::Usage(format!("argument `{}` is not UTF-8", arg.to_string_lossy()))
        })
    });
    args.collect()
}

/// What the program is given.
fn context(options: &Run, file: &Path, args: &[String]) -> Result<WasiP1Ctx, Failure> {
    let mut builder = WasiCtxBuilder::new();
    builder.inherit_stdio().arg(file.to_string_lossy());
    if options.invoke.is_none() {
        builder.args(args);
    }
    for var in &options.env {
        match var.split_once('=') {
            Some((name, value)) => builder.env(name, value),
            None => {
                let value = std::env::var(var).map_err(|_| {
                    Failure::Usage(format!("`--env {var}`: no such variable is set here"))
                })?;
                builder.env(var, value)
            }
        };
    }
    for dir in &options.dirs {
        builder
            .preopened_dir(&dir.host, &dir.guest, dir.dir_perms, dir.file_perms)
            .map_err(|err| Failure::Usage(format!("`--dir`: {}", chain(&err))))?;
    }
    for address in &options.listeners {
        let listener = TcpListener::bind(address)
            .map_err(|err| Error::new(err).context(format!("cannot listen on {address}")))?;
        builder.preopened_socket(listener)?;
    }
    Ok(builder.build_p1())
}

/// What came of a call: the results, or why the guest was stopped.
type Ended = Result<Vec<Val>>;

/// Runs the program's entry.
fn entry(
    store: &mut Store<WasiP1Ctx>,
    instance: &Instance,
    module: &Module,
) -> Result<Ended, Failure> {
    let entry = ["_start", ""]
        .iter()
        .find_map(|name| instance.get_func(&mut *store, name));
    let Some(entry) = entry else {
        let none = format_err!("there is nothing to run: no function `_start` is exported");
        let hint = format!("`--invoke FUNCTION` calls another:{}", functions(module));
        return Err(Failure::hint(none, hint));
    };
    let entry = entry.typed::<(), ()>(&*store)?;
    Ok(entry.call(store, ()).map(|()| Vec::new()))
}

/// Calls the function `name`.
fn call(
    store: &mut Store<WasiP1Ctx>,
    instance: &Instance,
    module: &Module,
    name: &str,
    args: &[String],
) -> Result<Ended, Failure> {
    let Some(func) = instance.get_func(&mut *store, name) else {
        let exported = functions(module);
        let usage = format!("no function `{name}` is exported; these are:{exported}");
        return Err(Failure::Usage(usage));
    };
    let ty = func.ty(&*store);
    let args = invoke::arguments(&ty, args)
        .map_err(|why| Failure::Usage(format!("cannot call `{name}`: {why}")))?;
    // A library built for WASI sets itself up here.
    let initialize = instance.get_func(&mut *store, "_initialize");
    if let Some(Err(err)) = initialize.map(|func| call_untyped(store, &func, &[], 0)) {
        return Ok(Err(err));
    }
    Ok(call_untyped(store, &func, &args, ty.results().len()))
}

fn call_untyped(store: &mut Store<WasiP1Ctx>, func: &Func, args: &[Val], results: usize) -> Ended {
    let mut values = vec![Val::I32(0); results];
    func.call(store, args, &mut values)?;
    Ok(values)
}

/// The functions that `module` exports, each on its line.
fn functions(module: &Module) -> String {
    let mut list = String::new();
    for export in module.exports() {
        if let Some(ty) = export.ty().func() {
            let _ = write!(list, "\n  {}: {ty}", export.name());
        }
    }
    if list.is_empty() {
        " none".to_owned()
    } else {
        list
    }
}

/// Why a module does not link, and what it can import.
fn unlinked(err: Error) -> Failure {
    Failure::hint(
        err,
        "programs can import what `wasi_snapshot_preview1` has, and nothing else",
    )
}
