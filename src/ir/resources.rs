//! What the validator asks of a module while it checks bodies.
//!
//! The answers are the validator's own, but for types by their index: it searches for each, at
//! every call and every block with a type.

use wasmparser::types::CoreTypeId;
use wasmparser::{
    Error, FuncType, GlobalType, HeapType, MemoryType, RefType, SubType, TableType, ValType,
    ValidatorResources, WasmModuleResources,
};

use crate::error::{OutOfMemory, try_with_capacity};

/// Shared by all bodies of a module.
pub(crate) struct Resources {
    inner: ValidatorResources,
    types: Box<[SubType]>,
}

impl Resources {
    /// For a module with so many types.
    ///
    /// # Errors
    ///
    /// If the host has no memory.
    pub(super) fn new(inner: ValidatorResources, count: usize) -> Result<Self, OutOfMemory> {
        let mut types = try_with_capacity(count, "a module's types")?;
        types.extend((0..).map_while(|index| inner.sub_type_at(index).cloned()));
        Ok(Self {
            types: types.into(),
            inner,
        })
    }
}

/// Methods that hand over to the validator's resources.
macro_rules! delegate {
    ($(fn $name:ident(&self $(, $arg:ident: $ty:ty)*) -> $result:ty;)*) => {$(
        fn $name(&self $(, $arg: $ty)*) -> $result {
            self.inner.$name($($arg),*)
        }
    )*};
}

impl WasmModuleResources for Resources {
    #[inline]
    fn sub_type_at(&self, index: u32) -> Option<&SubType> {
        self.types.get(index as usize)
    }

    delegate! {
        fn table_at(&self, at: u32) -> Option<TableType>;
        fn memory_at(&self, at: u32) -> Option<MemoryType>;
        fn tag_at(&self, at: u32) -> Option<&FuncType>;
        fn global_at(&self, at: u32) -> Option<GlobalType>;
        fn sub_type_at_id(&self, id: CoreTypeId) -> &SubType;
        fn type_id_of_function(&self, func: u32) -> Option<CoreTypeId>;
        fn type_index_of_function(&self, func: u32) -> Option<u32>;
        fn element_type_at(&self, at: u32) -> Option<RefType>;
        fn is_subtype(&self, a: ValType, b: ValType) -> bool;
        fn is_shared(&self, ty: RefType) -> bool;
        fn check_heap_type(&self, ty: &mut HeapType, offset: u64) -> Result<(), Error>;
        fn top_type(&self, ty: &HeapType) -> HeapType;
        fn element_count(&self) -> u32;
        fn data_count(&self) -> Option<u32>;
        fn is_function_referenced(&self, func: u32) -> bool;
        fn has_function_exact_type(&self, func: u32) -> bool;
    }
}
