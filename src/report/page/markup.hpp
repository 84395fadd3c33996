// SPDX-License-Identifier: MIT
//
// Text inside HTML and SVG.
#pragma once

#include <string>
#include <string_view>

namespace nmisim {

/// For text and for attribute values in double quotes.
inline std::string escaped(std::string_view text)
{
    std::string t;
    for (const char c : text)
        switch (c) {
        case '<': t += "&lt;"; break;
        case '>': t += "&gt;"; break;
        case '&': t += "&amp;"; break;
        case '"': t += "&quot;"; break;
        default: t += c;
        }
    return t;
}

} // namespace nmisim
