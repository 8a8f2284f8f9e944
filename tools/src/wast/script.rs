//! Runs one script, directive by directive.

use std::collections::HashMap;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};

use pronto::{Config, Engine, Error, Extern, Instance, Linker, Module, Store, Trap, Val};
use wast::lexer::Lexer;
use wast::parser::{self, ParseBuffer};
use wast::token::Id;
use wast::{QuoteWat, QuoteWatTest, Wast, WastDirective, WastExecute, WastInvoke, WastRet, Wat};

use super::{spectest, values};

/// How scripts are run.
pub struct Options<'a> {
    /// How their modules are compiled.
    pub config: &'a Config,
    /// Whether to pass over what stands on a line.
    pub skip: &'a dyn Fn(usize) -> bool,
    /// Whether what the scripts print with the module `spectest` is seen, on standard output.
    pub print: bool,
    /// Whether to name each line on standard error before it runs.
    pub trace: bool,
}

/// What runs did.
#[derive(Debug, Default)]
pub struct Report {
    modules: usize,
    returns: usize,
    traps: usize,
    exhaustions: usize,
    invalid: usize,
    malformed: usize,
    unlinkable: usize,
    /// Malformed texts that the text parser refuses, so that Pronto never sees them.
    text_only: usize,
    skipped: usize,
    /// What guests have spent, if they pay: without exhaustions, since stacks differ in depth.
    pub fuel: u64,
    /// What failed: script, line and why.
    pub failures: Vec<String>,
}

impl Report {
    /// Modules and assertions that reached Pronto.
    pub fn executed(&self) -> usize {
        let rejected = self.invalid + self.malformed + self.unlinkable;
        self.modules + self.returns + self.traps + self.exhaustions + rejected
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} checks: {} modules, {} returns, {} traps, {} exhaustions, {} invalid, \
             {} malformed, {} unlinkable; {} text only, {} lines skipped, {} failed",
            self.executed(),
            self.modules,
            self.returns,
            self.traps,
            self.exhaustions,
            self.invalid,
            self.malformed,
            self.unlinkable,
            self.text_only,
            self.skipped,
            self.failures.len(),
        )
    }
}

/// Runs the script `text` and adds to the report.
pub fn run(name: &str, text: &str, options: &Options<'_>, report: &mut Report) {
    let located = |mut error: wast::Error| {
        error.set_path(name.as_ref());
        error.set_text(text);
        error.to_string()
    };
    let mut lexer = Lexer::new(text);
    lexer.allow_confusing_unicode(true);
    let buffer = match ParseBuffer::new_with_lexer(lexer) {
        Ok(buffer) => buffer,
        Err(error) => return report.failures.push(located(error)),
    };
    let directives = match parser::parse::<Wast<'_>>(&buffer) {
        Ok(wast) => wast.directives,
        Err(error) => return report.failures.push(located(error)),
    };
    let mut script = match Script::new(options, report) {
        Ok(script) => script,
        Err(error) => {
            return report
                .failures
                .push(format!("{name}: cannot start: {error}"));
        }
    };
    for directive in directives {
        let line = directive.span().linecol_in(text).0 + 1;
        if (options.skip)(line) {
            script.report.skipped += 1;
            continue;
        }
        if options.trace {
            eprintln!("{name}:{line}");
        }
        let run = AssertUnwindSafe(|| script.directive(directive));
        let failure = match catch_unwind(run) {
            Ok(Ok(())) => continue,
            Ok(Err(failure)) => failure,
            Err(_) => "panicked".to_string(),
        };
        let failure = format!("{name}:{line}: {failure}");
        script.report.failures.push(failure);
    }
}

/// The state of a script: one store, one linker, and the instances it named.
struct Script<'r> {
    engine: Engine,
    store: Store<()>,
    linker: Linker<()>,
    modules: HashMap<String, Module>,
    last_module: Option<Module>,
    instances: HashMap<String, Instance>,
    current: Option<Instance>,
    report: &'r mut Report,
}

type Outcome<T = ()> = Result<T, String>;

impl<'r> Script<'r> {
    fn new(options: &Options<'_>, report: &'r mut Report) -> Result<Self, Error> {
        let engine = Engine::new(options.config)?;
        let mut store = Store::new(&engine, ());
        let mut linker = Linker::new(&engine);
        linker.allow_shadowing(true);
        spectest::define(&mut linker, &mut store, options.print)?;
        if store.get_fuel().is_ok() {
            store.set_fuel(u64::MAX)?;
        }
        Ok(Self {
            engine,
            store,
            linker,
            modules: HashMap::new(),
            last_module: None,
            instances: HashMap::new(),
            current: None,
            report,
        })
    }

    fn directive(&mut self, directive: WastDirective<'_>) -> Outcome {
        let exhausts = matches!(directive, WastDirective::AssertExhaustion { .. });
        let before = self.store.get_fuel();
        let outcome = self.serve(directive);
        if let (Ok(before), Ok(after)) = (before, self.store.get_fuel())
            && !exhausts
        {
            self.report.fuel += before - after;
        }
        outcome
    }

    fn serve(&mut self, directive: WastDirective<'_>) -> Outcome {
        match directive {
            WastDirective::Module(module) => self.module(module),
            WastDirective::ModuleDefinition(module) => self.definition(module),
            WastDirective::ModuleInstance {
                instance, module, ..
            } => self.instance_of(instance, module),
            WastDirective::Register { name, module, .. } => self.register(name, module),
            WastDirective::Invoke(call) => self.invoke(&call)?.map(drop).map_err(text),
            WastDirective::AssertReturn { exec, results, .. } => self.returns(exec, &results),
            WastDirective::AssertTrap { exec, message, .. } => self.traps(exec, message),
            WastDirective::AssertExhaustion { call, .. } => self.exhausts(&call),
            WastDirective::AssertInvalid { module, .. } => {
                self.report.invalid += 1;
                self.rejects(module, false)
            }
            WastDirective::AssertMalformed { module, .. } => self.rejects(module, true),
            WastDirective::AssertUnlinkable {
                module, message, ..
            } => self.unlinkable(module, message),
            other => Err(format!("no such directive here: {other:?}")),
        }
    }

    fn compile(&mut self, bytes: &[u8]) -> Result<Module, Error> {
        Module::new(&self.engine, bytes)
    }

    fn module(&mut self, mut module: QuoteWat<'_>) -> Outcome {
        self.current = None;
        let name = module.name();
        let bytes = module.encode().map_err(|error| error.to_string())?;
        let module = self.compile(&bytes).map_err(text)?;
        self.instantiate(&module, name)
    }

    fn instantiate(&mut self, module: &Module, name: Option<Id<'_>>) -> Outcome {
        let linked = self.linker.instantiate(&mut self.store, module);
        let instance = linked.map_err(text)?;
        self.report.modules += 1;
        self.current = Some(instance);
        if let Some(name) = name {
            self.instances.insert(name.name().to_string(), instance);
        }
        Ok(())
    }

    fn definition(&mut self, mut module: QuoteWat<'_>) -> Outcome {
        let name = module.name();
        let bytes = module.encode().map_err(|error| error.to_string())?;
        let module = self.compile(&bytes).map_err(text)?;
        if let Some(name) = name {
            let name = name.name().to_string();
            self.modules.insert(name, module.clone());
        }
        self.last_module = Some(module);
        Ok(())
    }

    fn instance_of(&mut self, name: Option<Id<'_>>, module: Option<Id<'_>>) -> Outcome {
        let module = match module {
            Some(id) => self.modules.get(id.name()),
            None => self.last_module.as_ref(),
        };
        let module = module.cloned().ok_or("no such module")?;
        self.instantiate(&module, name)
    }

    fn instance(&self, name: Option<Id<'_>>) -> Outcome<Instance> {
        match name {
            Some(id) => self.instances.get(id.name()).copied(),
            None => self.current,
        }
        .ok_or_else(|| "no such instance".to_string())
    }

    fn register(&mut self, name: &str, module: Option<Id<'_>>) -> Outcome {
        let instance = self.instance(module)?;
        self.linker
            .instance(&mut self.store, name, instance)
            .map(drop)
            .map_err(text)
    }

    /// The outer result is the script's, the inner one the call's.
    fn invoke(&mut self, call: &WastInvoke<'_>) -> Outcome<Result<Vec<Val>, Error>> {
        let instance = self.instance(call.module)?;
        let func = instance
            .get_func(&mut self.store, call.name)
            .ok_or_else(|| format!("no function {}", call.name))?;
        let args = call
            .args
            .iter()
            .map(|arg| values::arg(arg))
            .collect::<Outcome<Vec<_>>>()?;
        let mut results = vec![Val::I32(0); func.ty(&self.store).results().len()];
        let called = func.call(&mut self.store, &args, &mut results);
        Ok(called.map(|()| results))
    }

    fn execute(&mut self, exec: WastExecute<'_>) -> Outcome<Result<Vec<Val>, Error>> {
        match exec {
            WastExecute::Invoke(call) => self.invoke(&call),
            WastExecute::Wat(mut module) => {
                let bytes = module.encode().map_err(|error| error.to_string())?;
                let module = self.compile(&bytes).map_err(text)?;
                let linked = self.linker.instantiate(&mut self.store, &module);
                Ok(linked.map(|_| Vec::new()))
            }
            WastExecute::Get { module, global, .. } => {
                let instance = self.instance(module)?;
                match instance.get_export(&mut self.store, global) {
                    Some(Extern::Global(global)) => Ok(Ok(vec![global.get(&mut self.store)])),
                    _ => Err(format!("no global {global}")),
                }
            }
        }
    }

    fn returns(&mut self, exec: WastExecute<'_>, expected: &[WastRet<'_>]) -> Outcome {
        self.report.returns += 1;
        let results = self.execute(exec)?.map_err(text)?;
        let same = results.len() == expected.len()
            && results
                .iter()
                .zip(expected)
                .all(|(value, expected)| values::matches(value, expected));
        if same {
            Ok(())
        } else {
            Err(format!("returned {results:?}, expected {expected:?}"))
        }
    }

    fn traps(&mut self, exec: WastExecute<'_>, message: &str) -> Outcome {
        self.report.traps += 1;
        match self.execute(exec)? {
            Ok(results) => Err(format!("returned {results:?}, expected trap: {message}")),
            Err(error) => {
                let trap = error.trap().ok_or_else(|| format!("no trap: {error:?}"))?;
                let names = values::trap_names(trap);
                let same = |name: &&str| message.starts_with(name) || name.starts_with(message);
                if names.iter().any(same) {
                    return Ok(());
                }
                Err(format!("trapped with {trap:?}, expected: {message}"))
            }
        }
    }

    fn exhausts(&mut self, call: &WastInvoke<'_>) -> Outcome {
        self.report.exhaustions += 1;
        match self.invoke(call)? {
            Err(error) if error.trap() == Some(Trap::StackOverflow) => Ok(()),
            other => Err(format!("expected a stack overflow, got {other:?}")),
        }
    }

    /// Malformed and invalid modules. A text that the parser refuses never reaches Pronto.
    fn rejects(&mut self, mut module: QuoteWat<'_>, malformed: bool) -> Outcome {
        let quoted = matches!(module.to_test(), Ok(QuoteWatTest::Text(_)) | Err(_));
        let bytes = match module.encode() {
            Ok(bytes) => bytes,
            Err(_) if quoted => {
                self.report.text_only += 1;
                self.report.invalid -= usize::from(!malformed);
                return Ok(());
            }
            Err(error) => return Err(error.to_string()),
        };
        self.report.malformed += usize::from(malformed);
        match self.compile(&bytes) {
            Ok(_) => Err("was accepted".into()),
            Err(error) if format!("{error:?}").contains("not supported") => Err(text(error)),
            Err(_) => Ok(()),
        }
    }

    fn unlinkable(&mut self, mut module: Wat<'_>, message: &str) -> Outcome {
        self.report.unlinkable += 1;
        let bytes = module.encode().map_err(|error| error.to_string())?;
        let module = self.compile(&bytes).map_err(text)?;
        match self.linker.instantiate(&mut self.store, &module) {
            Ok(_) => Err(format!("was linked, expected: {message}")),
            Err(error) if format!("{error:?}").contains(message) => Ok(()),
            Err(error) => Err(format!("expected {message}, got {error:?}")),
        }
    }
}

fn text(error: Error) -> String {
    format!("{error:?}")
}
