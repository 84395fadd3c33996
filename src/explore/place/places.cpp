// SPDX-License-Identifier: MIT
#include "explore/place/places.hpp"

#include <cstdio>
#include <cstdlib>
#include <unordered_map>

#include <cxxabi.h>

namespace nmisim::explore {

const place& place_of(std::uintptr_t ip)
{
    static std::unordered_map<std::uintptr_t, place> known;
    const auto [at, fresh] = known.try_emplace(ip);
    place& p = at->second;
    if (fresh) {
        p.ip = ip;
        find_symbol(p);
        p.instruction = disassemble(ip);
    }
    return p;
}

std::vector<place> places_of(const std::uintptr_t* ip, std::size_t count)
{
    std::vector<place> all;
    all.reserve(count);
    for (std::size_t i = 0; i < count; ++i)
        all.push_back(place_of(ip[i]));
    return all;
}

std::optional<symbol_bounds> bounds_of(std::uintptr_t ip)
{
    return find_bounds(ip);
}

namespace {

// "int f<a, b>(c const&) const" -> "f<a, b>": signatures make lines too long to read.
std::string without_signature(const std::string& full)
{
    std::size_t start = 0;
    std::size_t end = full.size();
    int depth = 0;
    for (std::size_t i = 0; i < full.size(); ++i) {
        const char c = full[i];
        if (c == '<' || c == '{')
            ++depth;
        else if (c == '>' || c == '}')
            --depth;
        else if (depth == 0 && c == ' ' && end == full.size())
            start = i + 1;
        else if (depth == 0 && c == '(' && full.compare(i, 21, "(anonymous namespace)") == 0)
            i += 20;
        else if (depth == 0 && c == '(' && i != 0) {
            end = i;
            break;
        }
    }
    const bool an_operator = full.starts_with("operator") || full.find("::operator") != full.npos;
    return an_operator || start >= end ? full : full.substr(start, end - start);
}

} // namespace

std::string demangled(const char* name)
{
    int status = 0;
    char* text = abi::__cxa_demangle(name, nullptr, nullptr, &status);
    std::string result = status == 0 && text != nullptr ? without_signature(text) : name;
    std::free(text);
    return result;
}

std::string name_of(const place& where)
{
    char offset[32];
    if (!where.symbol.empty()) {
        std::snprintf(offset, sizeof offset, "+0x%llx", static_cast<unsigned long long>(where.offset));
        return where.symbol + offset;
    }
    if (!where.object.empty()) {
        std::snprintf(offset, sizeof offset, "+0x%llx", static_cast<unsigned long long>(where.object_offset));
        return where.object + offset;
    }
    std::snprintf(offset, sizeof offset, "0x%llx", static_cast<unsigned long long>(where.ip));
    return offset;
}

} // namespace nmisim::explore
