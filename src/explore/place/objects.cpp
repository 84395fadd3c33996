// SPDX-License-Identifier: MIT
#include "explore/place/objects.hpp"

#include <string_view>
#include <vector>

#include <elf.h>
#include <link.h>

namespace nmisim::explore {

namespace {

struct mapped {
    loaded_object object;
    std::uintptr_t base = 0;
    std::uintptr_t start = 0;
    std::uintptr_t end = 0;
    const ElfW(Dyn) * dynamic = nullptr;
};

int add(dl_phdr_info* info, std::size_t, void* argument)
{
    auto& all = *static_cast<std::vector<mapped>*>(argument);
    mapped m;
    const std::string_view path = info->dlpi_name != nullptr ? info->dlpi_name : "";
    const std::size_t slash = path.rfind('/');
    m.object.name =
        path.empty() ? "this program" : std::string(slash == path.npos ? path : path.substr(slash + 1));
    m.object.loader = m.object.name.starts_with("ld-linux") || m.object.name.starts_with("ld.so");
    m.base = info->dlpi_addr;
    m.start = ~std::uintptr_t{0};
    for (int i = 0; i < info->dlpi_phnum; ++i) {
        const ElfW(Phdr)& p = info->dlpi_phdr[i];
        if (p.p_type == PT_DYNAMIC)
            m.dynamic = reinterpret_cast<const ElfW(Dyn)*>(m.base + p.p_vaddr);
        if (p.p_type != PT_LOAD)
            continue;
        m.start = std::min(m.start, static_cast<std::uintptr_t>(m.base + p.p_vaddr));
        m.end = std::max(m.end, static_cast<std::uintptr_t>(m.base + p.p_vaddr + p.p_memsz));
    }
    all.push_back(std::move(m));
    return 0;
}

const std::vector<mapped>& all_objects()
{
    static const std::vector<mapped> all = [] {
        std::vector<mapped> found;
        dl_iterate_phdr(add, &found);
        return found;
    }();
    return all;
}

const mapped* mapped_at(std::uintptr_t address)
{
    for (const mapped& m : all_objects())
        if (address >= m.start && address < m.end)
            return &m;
    return nullptr;
}

struct dynamic_table {
    const ElfW(Sym) * symbols = nullptr;
    const char* names = nullptr;
    const ElfW(Rela) * rela[2] = {};
    std::size_t bytes[2] = {};
};

// glibc has relocated the addresses in .dynamic in place, except in the vDSO.
dynamic_table read_dynamic(const ElfW(Dyn) * d)
{
    dynamic_table t;
    for (; d != nullptr && d->d_tag != DT_NULL; ++d)
        switch (d->d_tag) {
        case DT_SYMTAB: t.symbols = reinterpret_cast<const ElfW(Sym)*>(d->d_un.d_ptr); break;
        case DT_STRTAB: t.names = reinterpret_cast<const char*>(d->d_un.d_ptr); break;
        case DT_RELA: t.rela[0] = reinterpret_cast<const ElfW(Rela)*>(d->d_un.d_ptr); break;
        case DT_RELASZ: t.bytes[0] = d->d_un.d_val; break;
        case DT_JMPREL: t.rela[1] = reinterpret_cast<const ElfW(Rela)*>(d->d_un.d_ptr); break;
        case DT_PLTRELSZ: t.bytes[1] = d->d_un.d_val; break;
        default: break;
        }
    return t;
}

} // namespace

const loaded_object* object_at(std::uintptr_t address)
{
    const mapped* m = mapped_at(address);
    return m != nullptr ? &m->object : nullptr;
}

std::string function_of_slot(std::uintptr_t address)
{
    const mapped* m = mapped_at(address);
    if (m == nullptr || m->object.name.starts_with("linux-vdso"))
        return {};
    const dynamic_table t = read_dynamic(m->dynamic);
    if (t.symbols == nullptr || t.names == nullptr)
        return {};
    for (int table = 0; table < 2; ++table)
        for (std::size_t i = 0; t.rela[table] != nullptr && i < t.bytes[table] / sizeof(ElfW(Rela)); ++i) {
            const ElfW(Rela)& r = t.rela[table][i];
            if (m->base + r.r_offset == address)
                return t.names + t.symbols[ELF64_R_SYM(r.r_info)].st_name;
        }
    return {};
}

} // namespace nmisim::explore
