// SPDX-License-Identifier: MIT
//
// Relocations, read from the ELF file itself. The file is not trusted: it may have been replaced since it was loaded,
// so every offset is checked before use.
#include "explore/place/file_view.hpp"
#include "explore/place/objects.hpp"

#include <array>
#include <cstring>

#include <elf.h>
#include <link.h>
#include <unistd.h>

namespace nmisim::explore {

namespace {

class elf_file {
public:
    explicit elf_file(const std::string& path) : file_(path)
    {
        const auto head = file_.at<ElfW(Ehdr)>(0);
        if (!head || std::memcmp(head->e_ident, ELFMAG, SELFMAG) != 0)
            return;
        std::optional<ElfW(Phdr)> dynamic;
        for (unsigned i = 0; i < head->e_phnum; ++i) {
            const auto p = file_.at<ElfW(Phdr)>(head->e_phoff + i * sizeof(ElfW(Phdr)));
            if (p && p->p_type == PT_LOAD)
                loads_.push_back(*p);
            if (p && p->p_type == PT_DYNAMIC)
                dynamic = p;
        }
        if (dynamic)
            read_dynamic(*dynamic);
    }

    /// What the first mapping of the file begins with.
    std::uint64_t first_page() const noexcept
    {
        const auto page = static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
        return loads_.empty() ? 0 : loads_.front().p_vaddr & ~(page - 1);
    }
    const std::unordered_map<std::uint64_t, std::string>& names() const noexcept { return names_; }

private:
    std::optional<std::uint64_t> offset_of(std::uint64_t address) const noexcept
    {
        for (const ElfW(Phdr) & p : loads_)
            if (address >= p.p_vaddr && address - p.p_vaddr < p.p_filesz)
                return address - p.p_vaddr + p.p_offset;
        return std::nullopt;
    }

    void read_dynamic(const ElfW(Phdr) & dynamic)
    {
        std::unordered_map<std::int64_t, std::uint64_t> entry;
        for (std::uint64_t at = 0; at + sizeof(ElfW(Dyn)) <= dynamic.p_filesz; at += sizeof(ElfW(Dyn)))
            if (const auto d = file_.at<ElfW(Dyn)>(dynamic.p_offset + at))
                entry.emplace(d->d_tag, d->d_un.d_val);
        const auto symbols = offset_of(entry[DT_SYMTAB]);
        const auto names = offset_of(entry[DT_STRTAB]);
        if (!symbols || !names)
            return;
        read_relocations(entry[DT_RELA], entry[DT_RELASZ], *symbols, *names);
        read_relocations(entry[DT_JMPREL], entry[DT_PLTRELSZ], *symbols, *names);
    }

    void read_relocations(std::uint64_t address, std::uint64_t bytes, std::uint64_t symbols,
                          std::uint64_t names)
    {
        const auto start = offset_of(address);
        using some =
            std::array<ElfW(Rela), 64>; // most have no name: a position-independent program's own addresses
        std::uint64_t at = 0;
        for (; start && at + sizeof(some) <= bytes; at += sizeof(some)) {
            const auto all = file_.at<some>(*start + at);
            if (!all)
                break;
            for (const ElfW(Rela) & r : *all)
                name_slot(r, symbols, names);
        }
        for (; start && at + sizeof(ElfW(Rela)) <= bytes; at += sizeof(ElfW(Rela))) {
            const auto r = file_.at<ElfW(Rela)>(*start + at);
            if (!r)
                return;
            name_slot(*r, symbols, names);
        }
    }

    // The first symbol of a file is none.
    void name_slot(const ElfW(Rela) & r, std::uint64_t symbols, std::uint64_t names)
    {
        if (ELF64_R_SYM(r.r_info) == 0)
            return;
        const auto s = file_.at<ElfW(Sym)>(symbols + ELF64_R_SYM(r.r_info) * sizeof(ElfW(Sym)));
        if (s && s->st_name != 0)
            names_.emplace(r.r_offset, file_.text(names + s->st_name));
    }

    file_view file_;
    std::vector<ElfW(Phdr)> loads_;
    std::unordered_map<std::uint64_t, std::string> names_; ///< key: the slot's address in the file's terms
};

} // namespace

slot_names names_of_slots(const std::string& path, std::uintptr_t base)
{
    const elf_file f(path);
    slot_names all;
    for (const auto& [address, name] : f.names())
        all.emplace(address - f.first_page() + base, name);
    return all;
}

} // namespace nmisim::explore
