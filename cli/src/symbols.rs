//! Names and places in the source for the frames of a backtrace.

use addr2line::gimli::{Dwarf, EndianSlice, LittleEndian};
use pronto::{FrameInfo, Module};
use wasmparser::{Parser, Payload};

type Bytes<'a> = EndianSlice<'a, LittleEndian>;

/// What a module says of its source.
pub(crate) struct Symbols<'a> {
    dwarf: Option<addr2line::Context<Bytes<'a>>>,
    /// Where the contents of the code section start: DWARF counts from there.
    code_start: u64,
}

impl<'a> Symbols<'a> {
    /// The symbols of `module`, which `wasm` holds in the binary format.
    pub(crate) fn new(module: &'a Module, wasm: &[u8]) -> Self {
        let section = |name: &'a str| module.custom_sections(name).next();
        let dwarf = section(".debug_info").and_then(|_| {
            let load = |id: addr2line::gimli::SectionId| {
                let bytes = section(id.name()).unwrap_or_default();
                Ok::<_, addr2line::gimli::Error>(EndianSlice::new(bytes, LittleEndian))
            };
            addr2line::Context::from_dwarf(Dwarf::load(load).ok()?).ok()
        });
        Self {
            dwarf,
            code_start: code_start(wasm).unwrap_or(0),
        }
    }

    /// Whether the module has debugging information.
    pub(crate) fn has_lines(&self) -> bool {
        self.dwarf.is_some()
    }

    /// The functions at `frame`, innermost first, each with its place: more than one where
    /// the compiler has put one function into another.
    pub(crate) fn places(&self, frame: &FrameInfo) -> Vec<(Option<String>, String)> {
        self.find(frame).unwrap_or_default()
    }

    fn find(&self, frame: &FrameInfo) -> Option<Vec<(Option<String>, String)>> {
        let pos = (frame.module_offset()? as u64).checked_sub(self.code_start)?;
        let mut found = self
            .dwarf
            .as_ref()?
            .find_frames(pos)
            .skip_all_loads()
            .ok()?;
        let mut places = Vec::new();
        while let Ok(Some(frame)) = found.next() {
            let name = frame
                .function
                .and_then(|f| f.raw_name().ok().map(|name| demangle(&name)));
            let Some(location) = frame.location else {
                continue;
            };
            let mut place = location.file.unwrap_or("?").to_owned();
            for number in [location.line, location.column].into_iter().flatten() {
                place.push_str(&format!(":{number}"));
            }
            places.push((name, place));
        }
        Some(places)
    }
}

fn code_start(wasm: &[u8]) -> Option<u64> {
    Parser::new(0)
        .parse_all(wasm)
        .find_map(|payload| match payload {
            Ok(Payload::CodeSectionStart {
                unchecked_range, ..
            }) => Some(unchecked_range.start),
            _ => None,
        })
}

/// `name` as its language writes it.
pub(crate) fn demangle(name: &str) -> String {
    if let Ok(rust) = rustc_demangle::try_demangle(name) {
        return format!("{rust:#}");
    }
    let symbol = name
        .starts_with("_Z")
        .then(|| cpp_demangle::Symbol::new(name).ok())
        .flatten();
    symbol
        .and_then(|symbol| symbol.demangle().ok())
        .unwrap_or_else(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_demangled() {
        assert_eq!(
            demangle("_ZN4core6option6unwrap17h0123456789abcdefE"),
            "core::option::unwrap"
        );
        assert_eq!(demangle("_RNvCs1234_7mycrate3foo"), "mycrate::foo");
        assert_eq!(
            demangle("_ZNKSt6vectorIiSaIiEE4sizeEv"),
            "std::vector<int, std::allocator<int> >::size() const"
        );
        assert_eq!(demangle("main"), "main");
        assert_eq!(demangle("_Zwhat"), "_Zwhat");
    }
}
