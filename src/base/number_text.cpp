// SPDX-License-Identifier: MIT
#include "base/number_text.hpp"

#include <charconv>
#include <iterator>

namespace nmisim {

std::string three_digits(double value)
{
    const int decimals = value < 9.995 ? 2 : value < 99.95 ? 1 : 0;
    char text[320]; // any double fits
    return {text, std::to_chars(text, std::end(text), value, std::chars_format::fixed, decimals).ptr};
}

std::string time_text(std::uint64_t ns)
{
    if (ns < 1000)
        return std::to_string(ns) + "ns";
    const auto value = static_cast<double>(ns);
    if (value < 999.5e3)
        return three_digits(value / 1e3) + "us";
    if (value < 999.5e6)
        return three_digits(value / 1e6) + "ms";
    return three_digits(value / 1e9) + "s";
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

std::string plural_text(std::uint64_t n, std::string_view one, std::string_view many)
{
    std::string text = count_text(n);
    text += ' ';
    text += n == 1 || many.empty() ? one : many;
    if (n != 1 && many.empty())
        text += 's';
    return text;
}

std::optional<std::uint64_t> number_in(std::string_view text, int base) noexcept
{
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
    return error == std::errc{} && end == text.data() + text.size() ? std::optional(value) : std::nullopt;
}

} // namespace nmisim
