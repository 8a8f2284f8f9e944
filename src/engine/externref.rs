//! References to host values.

use std::any::Any;
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

/// A host value that guests can hold and pass on, but not look into.
///
/// It is counted: a clone is the same value. A value that was given to a guest lives until the
/// guest's store is dropped.
///
/// ```
/// use pronto::ExternRef;
///
/// let value = ExternRef::new("hello".to_string());
/// assert_eq!(value.data().downcast_ref::<String>().unwrap(), "hello");
/// assert!(ExternRef::ptr_eq(&value, &value.clone()));
/// ```
#[derive(Clone)]
pub struct ExternRef(Arc<dyn Any + Send + Sync>);

impl ExternRef {
    /// A reference to `value`.
    pub fn new<V: Any + Send + Sync>(value: V) -> Self {
        Self(Arc::new(value))
    }

    /// The value.
    pub fn data(&self) -> &(dyn Any + Send + Sync) {
        &*self.0
    }

    /// Whether both refer to the same value.
    pub fn ptr_eq(a: &Self, b: &Self) -> bool {
        a.address() == b.address()
    }

    /// How many references to the value there are, with those of stores.
    pub fn strong_count(&self) -> usize {
        Arc::strong_count(&self.0)
    }

    /// Two live values never share it: the counters of an `Arc` lie before its value, even one
    /// without bytes.
    fn address(&self) -> usize {
        Arc::as_ptr(&self.0).cast::<()>() as usize
    }
}

impl fmt::Debug for ExternRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ExternRef").finish_non_exhaustive()
    }
}

/// The values that guests of a store hold, by handle.
///
/// A guest sees the handle: 0 for null, otherwise one more than the position here. So no host
/// address reaches a guest, and no number that a guest makes up can reach host memory.
#[derive(Default)]
pub(crate) struct ExternTable {
    values: Vec<ExternRef>,
    handles: HashMap<usize, u64>,
}

impl ExternTable {
    /// The handle of a value, the same each time.
    pub(crate) fn handle(&mut self, value: Option<&ExternRef>) -> u64 {
        let Some(value) = value else { return 0 };
        let values = &mut self.values;
        *self.handles.entry(value.address()).or_insert_with(|| {
            values.push(value.clone());
            values.len() as u64
        })
    }

    /// The value of a handle; null for one that was never given.
    pub(crate) fn get(&self, handle: u64) -> Option<ExternRef> {
        let index = usize::try_from(handle.checked_sub(1)?).ok()?;
        self.values.get(index).cloned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn handles() {
        let mut table = ExternTable::default();
        let (a, b) = (ExternRef::new(()), ExternRef::new(()));
        assert!(!ExternRef::ptr_eq(&a, &b));
        assert_eq!(table.handle(None), 0);
        let (ha, hb) = (table.handle(Some(&a)), table.handle(Some(&b)));
        assert_ne!(ha, hb);
        assert_eq!(table.handle(Some(&a.clone())), ha);
        assert!(ExternRef::ptr_eq(&table.get(hb).unwrap(), &b));
        assert!(table.get(0).is_none());
        assert!(table.get(u64::MAX).is_none());
        assert_eq!(a.strong_count(), 2);
    }
}
