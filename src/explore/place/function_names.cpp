// SPDX-License-Identifier: MIT
#include "explore/place/function_names.hpp"

#include "explore/place/elf_file.hpp"
#include "explore/place/places.hpp"

#include <algorithm>
#include <cstring>

#include <dlfcn.h>
#include <elf.h>

namespace nmisim::explore {

namespace {

std::string_view text(const std::vector<char>& strings, std::uint64_t at) noexcept
{
    if (at >= strings.size())
        return {};
    const std::string_view name{strings.data() + at, strnlen(strings.data() + at, strings.size() - at)};
    return name.substr(0, name.find('@')); // the version
}

} // namespace

const function_names::table& function_names::of(const loaded_object& object)
{
    const auto [found, fresh] = known_.try_emplace(&object);
    auto& [all, texts, complete] = found->second;
    if (!fresh || object.path.empty())
        return found->second;
    const elf_file file(object.path);
    const std::vector<ElfW(Shdr)> sections = file.sections();
    const std::uintptr_t base = object.base - file.first_page();
    for (const ElfW(Shdr) & s : sections) {
        if ((s.sh_type != SHT_SYMTAB && s.sh_type != SHT_DYNSYM) || s.sh_link >= sections.size())
            continue;
        complete = complete || s.sh_type == SHT_SYMTAB;
        const ElfW(Shdr)& strings = sections[s.sh_link];
        const auto& names = texts.emplace_back(file.read<char>(strings.sh_offset, strings.sh_size));
        // An indirect function's value is its resolver's address.
        for (const ElfW(Sym) & one : file.read<ElfW(Sym)>(s.sh_offset, s.sh_size))
            if (ELF64_ST_TYPE(one.st_info) == STT_FUNC && one.st_shndx != SHN_UNDEF && one.st_name != 0)
                all.push_back({base + one.st_value, one.st_size, text(names, one.st_name)});
    }
    std::stable_sort(all.begin(), all.end(),
                     [](const symbol& a, const symbol& b) { return a.start < b.start; });
    return found->second;
}

std::uintptr_t function_names::address_of(const loaded_object& object, std::string_view name)
{
    const auto& all = of(object).all;
    const auto found = std::find_if(all.begin(), all.end(), [&](const symbol& s) { return s.name == name; });
    return found == all.end() ? 0 : found->start;
}

function_names::range function_names::function_of(const loaded_object& object, std::string_view name)
{
    const auto& all = of(object).all;
    const auto end_of_longer = "::" + std::string(name);
    auto found = std::find_if(all.begin(), all.end(), [&](const symbol& s) { return s.name == name; });
    if (found == all.end())
        found = std::find_if(all.begin(), all.end(), [&](const symbol& s) {
            const std::string read = s.name.starts_with("_Z") ? demangled(std::string(s.name).c_str()) : "";
            return read == name || std::string_view(read).ends_with(end_of_longer);
        });
    return found == all.end() ? range{} : range{found->start, found->size};
}

bool function_names::names_all(const loaded_object& object)
{
    return of(object).complete;
}

std::vector<std::string_view> function_names::at(std::uintptr_t address)
{
    std::vector<std::string_view> names;
    if (const loaded_object* o = objects_.at(address)) {
        const auto& all = of(*o).all;
        auto next = std::lower_bound(all.begin(), all.end(), address,
                                     [](const symbol& s, std::uintptr_t a) { return s.start < a; });
        for (; next != all.end() && next->start == address; ++next)
            names.push_back(next->name);
    }
    const auto [first, last] = resolved_.equal_range(address);
    for (auto i = first; i != last; ++i)
        names.emplace_back(i->second);
    return names;
}

std::string_view function_names::around(std::uintptr_t address)
{
    const loaded_object* o = objects_.at(address);
    if (o == nullptr)
        return {};
    const auto& all = of(*o).all;
    auto next = std::upper_bound(all.begin(), all.end(), address,
                                 [](std::uintptr_t a, const symbol& s) { return a < s.start; });
    while (next != all.begin()) {
        --next;
        if (address < next->start + next->size || address == next->start)
            return next->name;
        if (next->size != 0)
            break;
    }
    return {};
}

void function_names::also_called(const char* name)
{
    if (const void* found = dlsym(RTLD_DEFAULT, name))
        resolved_.emplace(reinterpret_cast<std::uintptr_t>(found), name);
}

} // namespace nmisim::explore
