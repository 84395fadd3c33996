// SPDX-License-Identifier: MIT
//
// Relocations, read from the ELF file itself.
#include "explore/place/elf_file.hpp"
#include "explore/place/objects.hpp"

#include <elf.h>

namespace nmisim::explore {

namespace {

class slot_reader {
public:
    slot_reader(const std::string& path, std::uintptr_t base)
        : file_(path), loads_(file_.parts(PT_LOAD)), to_memory_(base - file_.first_page())
    {
        std::unordered_map<std::int64_t, std::uint64_t> entry;
        for (const ElfW(Phdr) & dynamic : file_.parts(PT_DYNAMIC))
            for (const ElfW(Dyn) & d : file_.read<ElfW(Dyn)>(dynamic.p_offset, dynamic.p_filesz))
                entry.emplace(d.d_tag, d.d_un.d_val);
        const auto symbols = offset_of(entry[DT_SYMTAB]);
        const auto names = offset_of(entry[DT_STRTAB]);
        if (!symbols || !names)
            return;
        read_relocations(entry[DT_RELA], entry[DT_RELASZ], *symbols, *names);
        read_relocations(entry[DT_JMPREL], entry[DT_PLTRELSZ], *symbols, *names);
    }

    slot_names all;

private:
    std::optional<std::uint64_t> offset_of(std::uint64_t address) const noexcept
    {
        for (const ElfW(Phdr) & p : loads_)
            if (address >= p.p_vaddr && address - p.p_vaddr < p.p_filesz)
                return address - p.p_vaddr + p.p_offset;
        return std::nullopt;
    }

    void read_relocations(std::uint64_t address, std::uint64_t bytes, std::uint64_t symbols,
                          std::uint64_t names)
    {
        const auto start = offset_of(address);
        if (!start)
            return;
        for (const ElfW(Rela) & r : file_.read<ElfW(Rela)>(*start, bytes)) {
            // The first symbol of a file is none; most have no name: a position-independent program's own addresses.
            if (ELF64_R_SYM(r.r_info) == 0)
                continue;
            const auto s = file_.at<ElfW(Sym)>(symbols + ELF64_R_SYM(r.r_info) * sizeof(ElfW(Sym)));
            if (s && s->st_name != 0)
                all.emplace(to_memory_ + r.r_offset, file_.text(names + s->st_name));
        }
    }

    const elf_file file_;
    const std::vector<ElfW(Phdr)> loads_;
    const std::uintptr_t to_memory_; ///< from an address in the file's terms
};

} // namespace

slot_names names_of_slots(const std::string& path, std::uintptr_t base)
{
    return slot_reader(path, base).all;
}

} // namespace nmisim::explore
