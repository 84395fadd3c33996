// SPDX-License-Identifier: MIT
//
// Numbers as people read them: times with three significant digits and the unit that fits, counts grouped by
// thousands, rates with k or M. Plain ASCII, never the locale's separators: a report looks the same in a
// terminal, a log and a bug report. JSON does not use this: there, every number is an integer in the unit of its
// key.
#pragma once

#include "base/number_text.hpp"

#include <cstdint>
#include <string>

namespace nmisim {

/// "10ms", "1500us", "2m", "never rounded": a time that was asked for, in the largest unit that keeps it whole.
std::string exact_time_text(std::uint64_t ns);

/// "50.0k", "9.99k", "1.25M", "200": three significant digits, without a unit.
std::string short_number_text(double value);

/// "10k", "2.5M", "9500": a number that was asked for, never rounded where three decimals are enough.
std::string exact_number_text(double value);

} // namespace nmisim
