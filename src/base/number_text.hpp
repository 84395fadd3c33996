// SPDX-License-Identifier: MIT
//
// Numbers as people read them, in tables and in sentences alike: counts grouped by thousands, times with three
// significant digits and the unit that fits, without a space between. Plain ASCII, never the locale's separators: a
// report looks the same in a terminal, a log and a bug report.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace nmisim {

/// "412ns", "4.90us", "49.4us", "410us", "4.10ms", "3.20s": a measured time.
std::string time_text(std::uint64_t ns);

/// "499 982"
std::string count_text(std::uint64_t n);

/// "1 NMI", "12 NMIs"; `many` where that is not the first with an s.
std::string plural_text(std::uint64_t n, std::string_view one, std::string_view many = {});

/// What the whole of `text` says; nothing where it says more than a number, or none.
std::optional<std::uint64_t> number_in(std::string_view text, int base = 10) noexcept;

/// Three significant digits, where `value` is below 1000: "4.90", "49.9", "412".
std::string three_digits(double value);

} // namespace nmisim
