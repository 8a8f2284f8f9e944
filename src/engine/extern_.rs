//! What instances import and export.

use super::context::AsContext;
use super::func::Func;
use super::global::Global;
use super::memory::Memory;
use super::store::StoreId;
use super::table::Table;
use super::types::ExternType;

/// A function, global, table or memory of a store.
#[derive(Clone, Copy, Debug)]
pub enum Extern {
    /// A function.
    Func(Func),
    /// A global.
    Global(Global),
    /// A table.
    Table(Table),
    /// A memory.
    Memory(Memory),
}

macro_rules! into {
    ($($get:ident $variant:ident $what:literal;)*) => {
        impl Extern {
            $(
                #[doc = concat!("The ", $what, ", if it is one.")]
                pub fn $get(self) -> Option<$variant> {
                    match self {
                        Self::$variant(item) => Some(item),
                        _ => None,
                    }
                }
            )*
        }

        $(
            impl From<$variant> for Extern {
                fn from(item: $variant) -> Self {
                    Self::$variant(item)
                }
            }
        )*
    };
}

into! {
    into_func Func "function";
    into_global Global "global";
    into_table Table "table";
    into_memory Memory "memory";
}

impl Extern {
    /// Type of the item.
    ///
    /// # Panics
    ///
    /// If it belongs to another store.
    pub fn ty(&self, store: impl AsContext) -> ExternType {
        match self {
            Self::Func(item) => item.ty(store).into(),
            Self::Global(item) => item.ty(store).into(),
            Self::Table(item) => item.ty(store).into(),
            Self::Memory(item) => item.ty(store).into(),
        }
    }

    pub(crate) fn store(&self) -> StoreId {
        match self {
            Self::Func(item) => item.store(),
            Self::Global(item) => item.store(),
            Self::Table(item) => item.store(),
            Self::Memory(item) => item.store(),
        }
    }

    /// What it is, for messages.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Func(_) => "function",
            Self::Global(_) => "global",
            Self::Table(_) => "table",
            Self::Memory(_) => "memory",
        }
    }
}

/// An exported item and its name.
#[derive(Clone, Debug)]
pub struct Export<'instance> {
    name: &'instance str,
    item: Extern,
}

impl<'instance> Export<'instance> {
    pub(crate) fn new(name: &'instance str, item: Extern) -> Self {
        Self { name, item }
    }

    /// The name.
    pub fn name(&self) -> &'instance str {
        self.name
    }

    /// The item.
    pub fn into_extern(self) -> Extern {
        self.item
    }

    /// Type of the item.
    ///
    /// # Panics
    ///
    /// If it belongs to another store.
    pub fn ty(&self, store: impl AsContext) -> ExternType {
        self.item.ty(store)
    }

    /// The function, if it is one.
    pub fn into_func(self) -> Option<Func> {
        self.item.into_func()
    }

    /// The global, if it is one.
    pub fn into_global(self) -> Option<Global> {
        self.item.into_global()
    }

    /// The table, if it is one.
    pub fn into_table(self) -> Option<Table> {
        self.item.into_table()
    }

    /// The memory, if it is one.
    pub fn into_memory(self) -> Option<Memory> {
        self.item.into_memory()
    }
}
