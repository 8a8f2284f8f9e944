//! The name section: what humans call the module and its functions.

use std::ops::Range;
use std::sync::OnceLock;

use wasmparser::{BinaryReader, NameMap};

use super::module::ModuleInfo;
use crate::error::{OutOfMemory, try_box};

/// Names of functions. Only errors and tools ask for them, so they are kept as they came and read
/// when first asked for.
#[derive(Debug, Default)]
pub(crate) struct FuncNames {
    /// The subsection of the name section.
    section: Box<[u8]>,
    /// Indices in ascending order, and where their names lie in `section`.
    names: OnceLock<Vec<(u32, Range<u32>)>>,
}

impl FuncNames {
    pub(super) fn get(&self, index: u32) -> Option<&str> {
        let names = self.names.get_or_init(|| self.read());
        let at = names.binary_search_by_key(&index, |(index, _)| *index);
        let range = names[at.ok()?].1.clone();
        let name = &self.section[range.start as usize..range.end as usize];
        std::str::from_utf8(name).ok()
    }

    /// The names up to the first malformed byte.
    fn read(&self) -> Vec<(u32, Range<u32>)> {
        let Ok(mut map) = NameMap::new(BinaryReader::new(&self.section, 0)) else {
            return Vec::new();
        };
        let mut names = Vec::new();
        while let Some(Ok(naming)) = map.next() {
            // A name ends where the next entry starts. Sections are shorter than 4 GiB.
            let end = map.names.original_position() as u32;
            // For want of memory the others have none.
            if names.try_reserve(1).is_err() {
                break;
            }
            names.push((naming.index, end - naming.name.len() as u32..end));
        }
        names
    }
}

/// Takes over the names up to the first malformed byte: names mean nothing to execution, so a
/// bad section is no error (spec 7.4).
///
/// # Errors
///
/// If the host has no memory.
pub(super) fn names(info: &mut ModuleInfo, section: BinaryReader<'_>) -> Result<(), OutOfMemory> {
    const MODULE: u8 = 0;
    const FUNCTION: u8 = 1;

    let mut reader = section;
    while let Ok(id) = reader.read_u8() {
        let Ok(mut subsection) = reader.read_reader() else {
            return Ok(());
        };
        match id {
            MODULE => match subsection.read_string() {
                Ok(name) => info.name = Some(name.into()),
                Err(_) => return Ok(()),
            },
            FUNCTION => {
                let len = subsection.bytes_remaining();
                let Ok(bytes) = subsection.read_bytes(len) else {
                    return Ok(());
                };
                info.func_names = FuncNames {
                    section: try_box(bytes, "names of functions")?,
                    names: OnceLock::new(),
                };
            }
            _ => {}
        }
    }
    Ok(())
}
