//! Executable memory. No page of it is ever writable and executable.

use memmap2::{Mmap, MmapMut};

use crate::error::{Error, Result};

/// A module's code, ready to run.
#[derive(Debug)]
pub(crate) struct CodeMemory {
    /// None if there is no code.
    map: Option<Mmap>,
}

impl CodeMemory {
    /// Copies `code` to fresh pages, which then become executable. `sync` makes the instruction
    /// caches of all processors see it.
    ///
    /// # Errors
    ///
    /// If the system refuses.
    pub(crate) fn new(code: &[u8], sync: fn(*const u8, usize)) -> Result<Self> {
        if code.is_empty() {
            return Ok(Self { map: None });
        }
        let failed = |error| Error::new(error).context("no memory for compiled code");
        let mut map = MmapMut::map_anon(code.len()).map_err(failed)?;
        map.copy_from_slice(code);
        let map = map.make_exec().map_err(failed)?;
        sync(map.as_ptr(), map.len());
        Ok(Self { map: Some(map) })
    }

    /// The code.
    pub(crate) fn bytes(&self) -> &[u8] {
        self.map.as_deref().unwrap_or_default()
    }

    /// Address of the first byte.
    pub(crate) fn start(&self) -> usize {
        self.bytes().as_ptr() as usize
    }

    /// Address after the last byte.
    pub(crate) fn end(&self) -> usize {
        self.start() + self.bytes().len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_the_bytes() {
        let memory = CodeMemory::new(&[0xc3; 5000], |_, len| assert_eq!(len, 5000)).unwrap();
        assert_eq!(memory.bytes(), [0xc3; 5000]);
        assert_eq!(memory.end() - memory.start(), 5000);
        assert!(CodeMemory::new(&[], |_, _| ()).unwrap().bytes().is_empty());
    }
}
