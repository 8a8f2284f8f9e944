//! The name section: what humans call the module and its functions.

use wasmparser::{BinaryReader, Name, NameSectionReader};

use super::module::ModuleInfo;

/// Takes over the names up to the first malformed byte: names mean nothing to execution, so a
/// bad section is no error (spec 7.4).
pub(super) fn names(info: &mut ModuleInfo, section: BinaryReader<'_>) {
    for subsection in NameSectionReader::new(section) {
        match subsection {
            Ok(Name::Module { name, .. }) => info.name = Some(name.into()),
            Ok(Name::Function(map)) => {
                info.func_names.clear();
                // The reader guarantees ascending indices.
                for naming in map.map_while(Result::ok) {
                    info.func_names.push((naming.index, naming.name.into()));
                }
            }
            Ok(_) => {}
            Err(_) => return,
        }
    }
}
