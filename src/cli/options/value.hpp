// SPDX-License-Identifier: MIT
//
// Values of options, from text. A C++ stream or Boost's lexical_cast would accept much that is refused here, with a
// reason: signs ("-5" is 4294967291 to an unsigned), nan and inf, hex, exponents, blanks, a value out of range, an
// unknown unit. The locale has no effect. A number without a unit has a documented unit where one is usual
// (--swap-interval: milliseconds, --duration: seconds) and is refused elsewhere.
#pragma once

#include "cli/options/suggest.hpp"
#include "cli/options/usage_error.hpp"
#include "report/metric.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace nmisim::cli {

/// Without the blanks around it.
std::string_view trimmed(std::string_view text);

enum class bare_number { refused, milliseconds, seconds };

/// "500us", "10ms", "1.5s", "2m", "1h", "250ns"; "0" needs no unit.
/// Errors: usage_error with examples, here and below.
std::uint64_t parse_duration_ns(std::string_view text, bare_number bare = bare_number::refused);

/// As parse_duration_ns(), refusing what is shorter than `least_ns`: no option promises what it cannot keep.
std::uint64_t parse_duration_from_ns(std::string_view text, std::uint64_t least_ns,
                                     bare_number bare = bare_number::refused);

/// "10000", "10k", "2.5M"; whole and within [least, most].
std::uint64_t parse_count(std::string_view text, std::uint64_t least, std::uint64_t most);

/// "10k", "0.5", "2.5M", "100/s": more than 0, per second.
double parse_rate_hz(std::string_view text);

/// "0.1", "10%": a part of a whole, from 0 to 1.
double parse_ratio(std::string_view text);

/// "true", "false", "yes", "no", "on", "off", "1", "0": a flag in a configuration file.
bool parse_flag(std::string_view text);

/// One of the words; a mistake names them all and suggests the nearest.
std::size_t parse_word(std::string_view text, std::string_view what, const std::vector<std::string>& words);

/// "latency.p99>200us": METRIC, one of < <= > >=, a limit in the metric's unit. exec has metrics of its own.
threshold parse_condition(std::string_view text, const std::vector<metric>& metrics = all_metrics());

/// One of an enum's values by its name_of().
template <typename Values>
auto parse_choice(std::string_view text, std::string_view what, const Values& values)
{
    std::vector<std::string> words;
    for (const auto& v : values)
        words.emplace_back(name_of(v));
    return values[parse_word(text, what, words)];
}

} // namespace nmisim::cli
