// SPDX-License-Identifier: MIT
#include "report/units.hpp"

#include <fmt/format.h>

#include <array>

namespace nmisim {

namespace {

/// Three significant digits, where `value` is below 1000.
std::string three_digits(double value)
{
    if (value < 9.995)
        return fmt::format("{:.2f}", value);
    if (value < 99.95)
        return fmt::format("{:.1f}", value);
    return fmt::format("{:.0f}", value);
}

} // namespace

std::string time_text(std::uint64_t ns)
{
    if (ns < 1000)
        return fmt::format("{}ns", ns);
    const auto value = static_cast<double>(ns);
    if (value < 999.5e3)
        return three_digits(value / 1e3) + "us";
    if (value < 999.5e6)
        return three_digits(value / 1e6) + "ms";
    return three_digits(value / 1e9) + "s";
}

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

std::string count_text(std::uint64_t n)
{
    std::string text = std::to_string(n);
    for (std::size_t place = text.size(); place > 3;) {
        place -= 3;
        text.insert(place, 1, ' ');
    }
    return text;
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

std::string plural_text(std::uint64_t n, const char* singular)
{
    return fmt::format("{} {}{}", n, singular, n == 1 ? "" : "s");
}

} // namespace nmisim
