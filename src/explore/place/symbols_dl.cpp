// SPDX-License-Identifier: MIT
//
// Symbols by the dynamic loader: exported names only, no source lines. Used where elfutils is missing.
#include "explore/place/places.hpp"
#include "explore/watch/child.hpp"

#include <dlfcn.h>
#include <elf.h>
#include <link.h>

namespace nmisim::explore {

namespace {

std::string file_name(const char* path)
{
    const std::string_view all = path == nullptr ? "" : path;
    const std::size_t slash = all.rfind('/');
    return std::string(slash == std::string_view::npos ? all : all.substr(slash + 1));
}

} // namespace

void find_symbol(place& where)
{
    Dl_info info{};
    if (dladdr(reinterpret_cast<void*>(where.ip), &info) == 0)
        return;
    where.object = file_name(info.dli_fname);
    where.object_offset = where.ip - reinterpret_cast<std::uintptr_t>(info.dli_fbase);
    if (info.dli_sname == nullptr)
        return;
    where.symbol = demangled(info.dli_sname);
    where.offset = where.ip - reinterpret_cast<std::uintptr_t>(info.dli_saddr);
}

std::optional<symbol_bounds> find_bounds(std::uintptr_t ip)
{
    Dl_info info{};
    void* extra = nullptr;
    if (dladdr1(reinterpret_cast<void*>(ip), &info, &extra, RTLD_DL_SYMENT) == 0 || extra == nullptr)
        return std::nullopt;
    const auto* symbol = static_cast<const ElfW(Sym)*>(extra);
    return symbol_bounds{reinterpret_cast<std::uintptr_t>(info.dli_saddr), symbol->st_size};
}

const char* symbols_by() noexcept
{
    return "dladdr";
}

std::vector<std::uintptr_t> stack_of(pid_t, int)
{
    return {};
}

} // namespace nmisim::explore
