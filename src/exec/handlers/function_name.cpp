// SPDX-License-Identifier: MIT
#include "exec/handlers/function_name.hpp"

#include "base/number_text.hpp"
#include "explore/place/function_names.hpp"
#include "explore/place/objects.hpp"

#include <fmt/format.h>

namespace nmisim::exec {

namespace {

/// Of a function whose size no symbol tells.
constexpr std::uint64_t bytes_without_a_symbol = 4096;

/// The colon behind a library; those of `ns::f` are two.
std::size_t single_colon(std::string_view text)
{
    for (std::size_t at = text.find(':'); at != text.npos; at = text.find(':', at + 2))
        if (text.substr(at, 2) != "::")
            return at;
    return text.npos;
}

} // namespace

std::optional<function_name> function_name_of(std::string_view text)
{
    function_name f;
    if (const std::size_t plus = text.rfind("+0x"); plus != text.npos && plus != 0) {
        const auto offset = number_in(text.substr(plus + 3), 16);
        f.library = text.substr(0, plus);
        f.offset = offset.value_or(0);
        return offset ? std::optional(f) : std::nullopt;
    }
    if (const std::size_t colon = single_colon(text); colon != text.npos) {
        f.library = text.substr(0, colon);
        text.remove_prefix(colon + 1);
    }
    f.name = text;
    return text.empty() ? std::nullopt : std::optional(f);
}

function_range range_of(const function_name& f, pid_t tgid)
{
    explore::loaded_objects objects(explore::maps_of(tgid));
    explore::function_names names(objects);
    for (const explore::loaded_object& o : objects.all()) {
        if (!o.name.starts_with(f.library) || o.path.empty())
            continue;
        if (f.name.empty())
            return {o.base + f.offset, o.base + f.offset + bytes_without_a_symbol};
        if (const auto found = names.function_of(o, f.name); found.start != 0)
            return {found.start, found.start + (found.size != 0 ? found.size : bytes_without_a_symbol)};
    }
    return {};
}

std::optional<boundary_address> boundary_address_of(std::string_view text)
{
    const std::size_t hash = text.rfind('#');
    const std::size_t plus = text.substr(0, hash).rfind("+0x");
    if (hash == text.npos || plus == text.npos || plus == 0)
        return std::nullopt;
    const auto offset = number_in(text.substr(plus + 3, hash - plus - 3), 16);
    const auto visit = number_in(text.substr(hash + 1));
    if (!offset || !visit || *visit == 0 || !function_name_of(text.substr(0, plus)))
        return std::nullopt;
    return boundary_address{std::string(text.substr(0, plus)), *offset, *visit};
}

std::string text_of(const boundary_address& a)
{
    return fmt::format("{}+0x{:x}#{}", a.function, a.offset, a.visit);
}

} // namespace nmisim::exec
