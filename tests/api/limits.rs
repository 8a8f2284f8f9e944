//! Resource limiters.

use pronto::{
    Engine, Error, Instance, Memory, MemoryType, Module, Ref, ResourceLimiter, Result, Store,
    StoreLimits, StoreLimitsBuilder, Table, TableType, Trap, ValType,
};

use crate::support::{each, module};

/// Notes what it is asked; answers from a list, then yes.
#[derive(Default)]
struct Noting {
    asked: Vec<(&'static str, usize, usize, Option<usize>)>,
    failed: Vec<String>,
    answers: Vec<Result<bool, &'static str>>,
}

impl Noting {
    fn answer(&mut self) -> Result<bool> {
        match self.answers.pop() {
            None => Ok(true),
            Some(answer) => answer.map_err(Error::msg),
        }
    }
}

impl ResourceLimiter for Noting {
    fn memory_growing(&mut self, from: usize, to: usize, max: Option<usize>) -> Result<bool> {
        self.asked.push(("memory", from, to, max));
        self.answer()
    }

    fn memory_grow_failed(&mut self, error: Error) -> Result<()> {
        self.failed.push(error.to_string());
        Ok(())
    }

    fn table_growing(&mut self, from: usize, to: usize, max: Option<usize>) -> Result<bool> {
        self.asked.push(("table", from, to, max));
        self.answer()
    }

    fn table_grow_failed(&mut self, error: Error) -> Result<()> {
        self.failed.push(error.to_string());
        Ok(())
    }
}

const GUEST: &str = r#"(module (memory (export "m") 1 3) (table (export "t") 2 5 funcref)
    (func (export "memory") (param i32) (result i32) (memory.grow (local.get 0)))
    (func (export "table") (param i32) (result i32)
        (table.grow 0 (ref.null func) (local.get 0))))"#;

const PAGE: usize = 65536;

#[test]
fn is_asked_before_each_growth() {
    each(|engine| {
        let mut store = Store::new(engine, Noting::default());
        store.limiter(|noting| noting);
        let instance = Instance::new(&mut store, &module(engine, GUEST), &[]).unwrap();
        let asked = std::mem::take(&mut store.data_mut().asked);
        let (max, five) = (Some(3 * PAGE), Some(5));
        assert_eq!(asked, [("memory", 0, PAGE, max), ("table", 0, 2, five)]);

        let memory = instance
            .get_typed_func::<i32, i32>(&store, "memory")
            .unwrap();
        let table = instance
            .get_typed_func::<i32, i32>(&store, "table")
            .unwrap();
        assert_eq!(memory.call(&mut store, 0).unwrap(), 1);
        assert_eq!(memory.call(&mut store, 1).unwrap(), 1);
        assert_eq!(memory.call(&mut store, 2).unwrap(), -1);
        assert_eq!(table.call(&mut store, 3).unwrap(), 2);
        assert_eq!(table.call(&mut store, 1).unwrap(), -1);
        let asked = std::mem::take(&mut store.data_mut().asked);
        assert_eq!(
            asked,
            [
                ("memory", PAGE, 2 * PAGE, max),
                ("memory", 2 * PAGE, 4 * PAGE, max),
                ("table", 2, 5, five),
                ("table", 5, 6, five),
            ]
        );
        let failed = std::mem::take(&mut store.data_mut().failed);
        assert_eq!(
            failed,
            [
                "memory maximum size exceeded",
                "table maximum size exceeded"
            ]
        );

        store.data_mut().answers = vec![Ok(false)];
        assert_eq!(memory.call(&mut store, 1).unwrap(), -1);
        store.data_mut().answers = vec![Err("enough")];
        let error = memory.call(&mut store, 1).unwrap_err();
        assert_eq!(error.to_string(), "enough");
        assert_eq!(error.backtrace().unwrap().frames().len(), 1);
        store.data_mut().answers = vec![Ok(false)];
        let exported = instance.get_memory(&store, "m").unwrap();
        assert!(exported.grow(&mut store, 1).is_err());
        assert_eq!(exported.grow(&mut store, 1).unwrap(), 2);
        assert!(store.data().failed.is_empty());
    });
}

#[test]
fn refuses_new_items() {
    each(|engine| {
        let guest = module(engine, GUEST);
        for answers in [vec![Ok(false)], vec![Ok(false), Ok(true)], vec![Err("no")]] {
            let mut store = Store::new(engine, Noting::default());
            store.limiter(|noting| noting);
            store.data_mut().answers = answers;
            assert!(Instance::new(&mut store, &guest, &[]).is_err());
            let instance = Instance::new(&mut store, &guest, &[]).unwrap();
            assert_eq!(instance.get_memory(&store, "m").unwrap().size(&store), 1);
        }
    });
}

fn limited(engine: &Engine, limits: StoreLimitsBuilder) -> Store<StoreLimits> {
    let mut store = Store::new(engine, limits.build());
    store.limiter(|limits| limits);
    store
}

#[test]
fn store_limits() {
    each(|engine| {
        let guest = module(engine, GUEST);
        let builder = StoreLimitsBuilder::new;
        let mut store = limited(engine, builder().memory_size(2 * PAGE).table_elements(3));
        let instance = Instance::new(&mut store, &guest, &[]).unwrap();
        let grow = |store: &mut Store<_>, name, by| {
            let func = instance.get_typed_func::<i32, i32>(&*store, name).unwrap();
            func.call(store, by).unwrap()
        };
        assert_eq!(grow(&mut store, "memory", 2), -1);
        assert_eq!(grow(&mut store, "memory", 1), 1);
        assert_eq!(grow(&mut store, "table", 2), -1);
        assert_eq!(grow(&mut store, "table", 1), 2);
        let ty = TableType::new(ValType::FuncRef, 4, None);
        assert!(Table::new(&mut store, ty, Ref::Func(None)).is_err());

        let mut store = limited(engine, builder().instances(2));
        Instance::new(&mut store, &guest, &[]).unwrap();
        Instance::new(&mut store, &guest, &[]).unwrap();
        let error = Instance::new(&mut store, &guest, &[]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "resource limit exceeded: instance count too high at 2"
        );
        let mut store = limited(engine, builder().memories(1));
        Memory::new(&mut store, MemoryType::new(0, None)).unwrap();
        assert!(Memory::new(&mut store, MemoryType::new(0, None)).is_err());
        assert!(Instance::new(&mut store, &guest, &[]).is_err());
        let mut store = limited(engine, builder().tables(0));
        assert!(Instance::new(&mut store, &guest, &[]).is_err());

        let limits = builder().memory_size(PAGE).trap_on_grow_failure(true);
        let mut store = limited(engine, limits);
        let instance = Instance::new(&mut store, &guest, &[]).unwrap();
        let grow = instance
            .get_typed_func::<i32, i32>(&store, "memory")
            .unwrap();
        let error = grow.call(&mut store, 1).unwrap_err();
        assert!(
            error
                .to_string()
                .contains("forcing trap when growing memory"),
            "{error}"
        );
    });
}

/// Sizes that no machine has are errors, and take nothing with them.
#[test]
fn absurd_sizes_are_errors() {
    each(|engine| {
        let absurd = [
            r#"(module (table 0xffffffff funcref))"#,
            r#"(module (memory 1) (table 10 funcref) (table 0xfffffff0 externref))"#,
        ];
        let mut store = Store::new(engine, ());
        for wat in absurd {
            let error = match Module::new(engine, wat::parse_str(wat).unwrap()) {
                Ok(module) => Instance::new(&mut store, &module, &[]).unwrap_err(),
                Err(error) => error,
            };
            assert_eq!(error.trap(), None::<Trap>);
        }
        let wat = r#"(module (table 1 funcref) (func (export "table") (param i32) (result i32)
            (table.grow 0 (ref.null func) (local.get 0))))"#;
        let instance = Instance::new(&mut store, &module(engine, wat), &[]).unwrap();
        let grow = instance
            .get_typed_func::<i32, i32>(&store, "table")
            .unwrap();
        assert_eq!(grow.call(&mut store, i32::MAX).unwrap(), -1);
        assert_eq!(grow.call(&mut store, -1).unwrap(), -1);
        assert_eq!(grow.call(&mut store, 1000).unwrap(), 1);
    });
}

/// 4 GiB: the largest size, whose bytes do not fit into 32 bits.
#[test]
fn four_gigabytes() {
    each(|engine| {
        let wat = r#"(module (memory (export "m") 0)
            (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0)))
            (func (export "size") (result i32) memory.size)
            (func (export "last") (result i32) (i32.load8_u (i32.const -1)))
            (func (export "over") (result i32) (i32.load16_u (i32.const -1))))"#;
        let mut store = Store::new(engine, ());
        let instance = Instance::new(&mut store, &module(engine, wat), &[]).unwrap();
        let grow = instance.get_typed_func::<i32, i32>(&store, "grow").unwrap();
        assert_eq!(grow.call(&mut store, 65537).unwrap(), -1);
        if grow.call(&mut store, 65536).unwrap() == -1 {
            // The machine has not so much.
            return;
        }
        let get = |store: &mut Store<()>, name| {
            let func = instance.get_typed_func::<(), i32>(&*store, name).unwrap();
            func.call(store, ())
        };
        assert_eq!(get(&mut store, "size").unwrap(), 65536);
        let memory = instance.get_memory(&store, "m").unwrap();
        assert_eq!(memory.data_size(&store), 1 << 32);
        memory.write(&mut store, (1 << 32) - 1, &[200]).unwrap();
        assert_eq!(get(&mut store, "last").unwrap(), 200);
        assert_eq!(
            get(&mut store, "over").unwrap_err().trap(),
            Some(Trap::MemoryOutOfBounds)
        );
        assert_eq!(grow.call(&mut store, 1).unwrap(), -1);
        assert_eq!(grow.call(&mut store, 0).unwrap(), 65536);
    });
}
