//! What a module keeps of its bytes: data segments and custom sections.

use std::ops::{Deref, Range};

use crate::asm::map::{KeptPages, PageBytes};
use crate::error::{Result, try_with_capacity};
use crate::ir::module::ModuleInfo;

const WHAT: &str = "data segments and custom sections";

/// Copies of data segments and custom sections, one behind the other.
pub(super) struct Contents {
    bytes: Bytes,
    /// Of the module, the bytes from here on come first.
    data_start: u32,
    /// Names, and where the contents are.
    sections: Vec<(Box<str>, Range<usize>)>,
}

impl Contents {
    /// Those of a module that is `module`. Takes the names from `info`.
    ///
    /// # Errors
    ///
    /// If the host has no memory.
    pub(super) fn new(info: &mut ModuleInfo, module: &[u8], pages: &KeptPages) -> Result<Self> {
        let data = info.datas.iter().map(|data| &data.bytes);
        let data_start = data.clone().map(|range| range.start).min().unwrap_or(0);
        let data_end = data.map(|range| range.end).max().unwrap_or(0);
        let data = &module[data_start as usize..data_end as usize];

        let custom = std::mem::take(&mut info.custom_sections);
        let mut parts = try_with_capacity(1 + custom.len(), WHAT)?;
        let mut sections = try_with_capacity(custom.len(), WHAT)?;
        parts.push(data);
        let mut len = data.len();
        for (name, range) in custom {
            let contents = &module[range];
            parts.push(contents);
            sections.push((name, len..len + contents.len()));
            len += contents.len();
        }
        Ok(Self {
            bytes: Bytes::concat(&parts, len, pages)?,
            data_start,
            sections,
        })
    }

    /// Gives pages back that nobody reads any more.
    pub(super) fn give(&mut self, pages: &KeptPages) {
        if let Bytes::Pages(bytes) = &mut self.bytes {
            pages.keep_bytes(std::mem::take(bytes));
        }
    }

    /// What lies at `range` of the module, in a data segment.
    pub(super) fn data(&self, range: &Range<u32>) -> &[u8] {
        let from_start = |at: u32| (at - self.data_start) as usize;
        &self.bytes[from_start(range.start)..from_start(range.end)]
    }

    /// Contents of the custom sections called `name`.
    pub(super) fn custom_sections<'a>(
        &'a self,
        name: &'a str,
    ) -> impl Iterator<Item = &'a [u8]> + 'a {
        let named = self.sections.iter().filter(move |(own, _)| &**own == name);
        named.map(|(_, range)| &self.bytes[range.clone()])
    }
}

/// Bytes that do not change.
enum Bytes {
    Heap(Box<[u8]>),
    Pages(PageBytes),
}

impl Bytes {
    /// So many bytes have pages of their own.
    const OWN_PAGES: usize = 128 * 1024;

    /// The parts, which have together `len` bytes, one behind the other.
    fn concat(parts: &[&[u8]], len: usize, pages: &KeptPages) -> Result<Self> {
        if len < Self::OWN_PAGES {
            let mut bytes = try_with_capacity(len, WHAT)?;
            for part in parts {
                bytes.extend_from_slice(part);
            }
            return Ok(Self::Heap(bytes.into()));
        }
        let mut bytes = pages.take_exact(len)?;
        for part in parts {
            bytes.extend_from_slice(part)?;
        }
        Ok(Self::Pages(bytes))
    }
}

impl Deref for Bytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Heap(bytes) => bytes,
            Self::Pages(bytes) => bytes,
        }
    }
}
