// SPDX-License-Identifier: MIT
//
// A mistake on the command line or in a configuration file: the only exception that leads to exit code 2.
#pragma once

#include <fmt/core.h>

#include <stdexcept>
#include <utility>

namespace nmisim::cli {

class usage_error : public std::runtime_error {
public:
    explicit usage_error(const char* text) : std::runtime_error(text) {}
    template <class... Values>
    explicit usage_error(fmt::format_string<Values...> text, Values&&... values)
        : std::runtime_error(fmt::format(text, std::forward<Values>(values)...))
    {}
};

inline void refuse_if(bool wrong, const char* why)
{
    if (wrong)
        throw usage_error(why);
}

} // namespace nmisim::cli
