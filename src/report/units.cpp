// SPDX-License-Identifier: MIT
#include "report/units.hpp"

#include <fmt/format.h>

#include <array>

namespace nmisim {

std::string exact_time_text(std::uint64_t ns)
{
    struct unit {
        std::uint64_t ns;
        const char* name;
    };
    constexpr std::array units{unit{3'600'000'000'000, "h"}, unit{60'000'000'000, "m"},
                               unit{1'000'000'000, "s"}, unit{1'000'000, "ms"}, unit{1'000, "us"}};
    if (ns == 0)
        return "0";
    for (const unit& u : units)
        if (ns % u.ns == 0)
            return fmt::format("{}{}", ns / u.ns, u.name);
    return fmt::format("{}ns", ns);
}

std::string short_number_text(double value)
{
    if (value < 999.5)
        return value == static_cast<double>(static_cast<std::uint64_t>(value)) ? fmt::format("{:.0f}", value)
                                                                               : three_digits(value);
    if (value < 999.5e3)
        return three_digits(value / 1e3) + "k";
    if (value < 999.5e6)
        return three_digits(value / 1e6) + "M";
    return three_digits(value / 1e9) + "G";
}

std::string exact_number_text(double value)
{
    if (value >= 1e6)
        return fmt::format("{:g}M", value / 1e6);
    if (value >= 1e4)
        return fmt::format("{:g}k", value / 1e3);
    return fmt::format("{:g}", value);
}

} // namespace nmisim
