//! A symbol file for a module's code: an ELF file of a program that is loaded where the code is,
//! with a symbol for each function. The code itself is not in it; debuggers read it from memory.

use object::write::elf::{FileHeader, SectionHeader, Sym, Writer};
use object::{Endianness, elf};

use crate::engine::module::ModuleInner;
use crate::engine::native::ELF_MACHINE;
use crate::engine::symbols::symbols;
use crate::error::{Context, Result};

/// # Errors
///
/// If the names of the functions take more than 4 GiB.
pub(super) fn symbol_file(module: &ModuleInner) -> Result<Vec<u8>> {
    write(module).context("no symbols for debuggers")
}

fn write(module: &ModuleInner) -> object::write::Result<Vec<u8>> {
    let symbols: Vec<_> = symbols(module).collect();
    let mut file = Vec::new();
    let mut writer = Writer::new(Endianness::default(), true, &mut file);
    writer.reserve_file_header();
    writer.reserve_null_section_index();
    let text_name = writer.add_section_name(b".text");
    let text = writer.reserve_section_index();
    let names: Vec<_> = symbols
        .iter()
        .map(|symbol| {
            writer.reserve_symbol_index(Some(text));
            writer.add_string(symbol.name.as_bytes())
        })
        .collect();
    writer.reserve_symtab_section_index();
    writer.reserve_strtab_section_index();
    writer.reserve_shstrtab_section_index();
    writer.reserve_symtab();
    writer.reserve_strtab()?;
    writer.reserve_shstrtab()?;
    writer.reserve_section_headers();

    writer.write_file_header(&FileHeader {
        os_abi: elf::ELFOSABI_NONE,
        abi_version: 0,
        e_type: elf::ET_EXEC,
        e_machine: elf::Machine(ELF_MACHINE),
        e_entry: 0,
        e_flags: elf::FileFlags(0),
    })?;
    writer.write_null_symbol();
    for (symbol, name) in symbols.iter().zip(names) {
        writer.write_symbol(&Sym {
            section: Some(text.0),
            st_name: writer.string_offset(Some(name)),
            st_info: elf::SymbolInfo::new(elf::STB_GLOBAL, elf::STT_FUNC),
            st_other: elf::SymbolOther(0),
            st_shndx: elf::SymbolSection(0),
            st_value: symbol.start as u64,
            st_size: symbol.code.len() as u64,
        });
    }
    writer.write_strtab();
    writer.write_shstrtab();
    writer.write_null_section_header();
    writer.write_section_header(&SectionHeader {
        sh_name: writer.section_name_offset(Some(text_name)),
        sh_type: elf::SHT_NOBITS,
        sh_flags: elf::SHF_ALLOC | elf::SHF_EXECINSTR,
        sh_addr: module.memory.start() as u64,
        sh_offset: 0,
        sh_size: module.memory.bytes().len() as u64,
        sh_link: 0,
        sh_info: 0,
        sh_addralign: 1,
        sh_entsize: 0,
    });
    writer.write_symtab_section_header(1);
    writer.write_strtab_section_header();
    writer.write_shstrtab_section_header();
    Ok(file)
}
