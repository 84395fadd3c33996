// SPDX-License-Identifier: MIT
#include "exec/unwind/elf_parts.hpp"

#include <cstdio>
#include <memory>

namespace nmisim::exec {

namespace {

struct close_elf {
    void operator()(std::FILE* f) const noexcept { std::fclose(f); }
};

} // namespace

std::vector<Elf64_Phdr> loaded_parts(const std::string& path)
{
    std::vector<Elf64_Phdr> parts;
    const std::unique_ptr<std::FILE, close_elf> f{std::fopen(path.c_str(), "re")};
    Elf64_Ehdr head{};
    if (f == nullptr || std::fread(&head, sizeof head, 1, f.get()) != 1 || head.e_ident[EI_MAG0] != ELFMAG0 ||
        head.e_ident[EI_MAG1] != ELFMAG1 || head.e_ident[EI_CLASS] != ELFCLASS64 ||
        std::fseek(f.get(), static_cast<long>(head.e_phoff), SEEK_SET) != 0)
        return parts;
    for (unsigned i = 0; i < head.e_phnum; ++i) {
        Elf64_Phdr p{};
        if (std::fread(&p, sizeof p, 1, f.get()) != 1)
            break;
        if (p.p_type == PT_LOAD)
            parts.push_back(p);
    }
    return parts;
}

std::optional<std::uint64_t> address_in(const std::vector<Elf64_Phdr>& parts, std::uint64_t offset) noexcept
{
    for (const Elf64_Phdr& p : parts)
        if (offset >= p.p_offset && offset < p.p_offset + p.p_filesz)
            return p.p_vaddr + (offset - p.p_offset);
    return std::nullopt;
}

} // namespace nmisim::exec
