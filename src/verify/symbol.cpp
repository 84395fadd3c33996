// SPDX-License-Identifier: MIT
#include "verify/symbol.hpp"

#include <cstdlib>
#include <cxxabi.h>
#include <dlfcn.h>
#include <fmt/format.h>
#include <memory>
#include <string_view>

namespace nmisim {
namespace {

std::string demangle(const char* name)
{
    int status = 0;
    const std::unique_ptr<char, void (*)(void*)> text(abi::__cxa_demangle(name, nullptr, nullptr, &status),
                                                      std::free);
    return status == 0 && text != nullptr ? text.get() : name;
}

} // namespace

code_symbol find_symbol(std::uintptr_t address)
{
    Dl_info info{};
    if (dladdr(reinterpret_cast<void*>(address), &info) == 0 || info.dli_fname == nullptr)
        return {};
    const std::string_view path = info.dli_fname;
    const std::string object(path.substr(path.rfind('/') + 1));
    if (info.dli_sname == nullptr)
        return {{}, object, reinterpret_cast<std::uintptr_t>(info.dli_fbase)};
    return {demangle(info.dli_sname), object, reinterpret_cast<std::uintptr_t>(info.dli_saddr)};
}

std::string symbol_of(std::uintptr_t address)
{
    const code_symbol symbol = find_symbol(address);
    if (symbol.object.empty())
        return fmt::format("{:#x}", address);
    if (symbol.name.empty())
        return fmt::format("{}+{:#x}", symbol.object, address - symbol.start);
    return fmt::format("{}+{:#x} ({})", symbol.name, address - symbol.start, symbol.object);
}

} // namespace nmisim
