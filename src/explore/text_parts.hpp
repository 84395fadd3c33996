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
inline std::string chain_in_lines(const std::string& what)
{
    std::string text;
    for (std::size_t i = 0; i < what.size(); ++i)
        if (what.compare(i, 3, " < ") == 0) {
            text += "\n          < ";
            i += 2;
        } else {
            text += what[i];
        }
    return text;
}

} // namespace nmisim::explore
