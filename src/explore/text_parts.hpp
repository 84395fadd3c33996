// SPDX-License-Identifier: MIT
//
// What the texts of the reports share.
#pragma once

#include "nmisim/explore.hpp"

#include <fmt/format.h>

#include <iterator>
#include <string>

namespace nmisim::explore {

using sink = std::back_insert_iterator<std::string>;

inline std::string described(const place& p)
{
    std::string t = fmt::format("{:#x} {}", p.ip, name_of(p));
    if (!p.source.empty())
        t += fmt::format(" ({})", p.source);
    return t;
}

// A call chain is one frame a line.
inline std::string chain_in_lines(std::string what)
{
    constexpr std::string_view between = " < ";
    constexpr std::string_view next_line = "\n          < ";
    for (std::size_t at = 0; (at = what.find(between, at)) != what.npos; at += next_line.size())
        what.replace(at, between.size(), next_line);
    return what;
}

} // namespace nmisim::explore
