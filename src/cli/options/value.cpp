// SPDX-License-Identifier: MIT
#include "cli/options/value.hpp"

#include "base/shown_text.hpp"
#include "report/units.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>
#include <optional>

namespace nmisim::cli {

namespace {

constexpr std::uint64_t nano = 1'000'000'000;
constexpr std::uint64_t most_u64 = std::numeric_limits<std::uint64_t>::max();

/// digits [ '.' digits ] rest
struct decimal {
    std::uint64_t whole = 0;
    std::uint64_t billionths = 0;
    std::string_view rest;
    bool overflow = false;
    bool too_fine = false; ///< more than nine decimals
};

bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

std::optional<decimal> split_decimal(std::string_view text)
{
    if (text.empty() || !is_digit(text.front()))
        return std::nullopt;
    decimal d;
    const char* const end = text.data() + text.size();
    const auto [after, error] = std::from_chars(text.data(), end, d.whole);
    d.overflow = error == std::errc::result_out_of_range;
    d.rest = {after, static_cast<std::size_t>(end - after)};
    if (d.rest.size() >= 2 && d.rest[0] == '.' && is_digit(d.rest[1])) {
        std::size_t n = 1;
        for (std::uint64_t place = nano / 10; n < d.rest.size() && is_digit(d.rest[n]); ++n, place /= 10) {
            d.billionths += static_cast<std::uint64_t>(d.rest[n] - '0') * place;
            d.too_fine = d.too_fine || (place == 0 && d.rest[n] != '0');
        }
        d.rest.remove_prefix(n);
    }
    return d;
}

/// whole * unit + fraction of unit, or nothing if it is not a whole number or does not fit.
std::optional<std::uint64_t> scaled(const decimal& d, std::uint64_t unit)
{
    // A unit above 10^9 is a multiple of it; else billionths * unit stays below 10^18.
    const std::uint64_t fraction = unit >= nano ? d.billionths * (unit / nano) : d.billionths * unit / nano;
    const bool whole = unit >= nano || d.billionths * unit % nano == 0;
    if (d.overflow || d.too_fine || !whole || d.whole > (most_u64 - fraction) / unit)
        return std::nullopt;
    return d.whole * unit + fraction;
}

struct suffix {
    std::string_view name;
    std::uint64_t factor;
};
constexpr std::array time_units{suffix{"ns", 1},          suffix{"us", 1'000},      suffix{"\u00b5s", 1'000},
                                suffix{"ms", 1'000'000},  suffix{"s", nano},        suffix{"m", 60 * nano},
                                suffix{"min", 60 * nano}, suffix{"h", 3'600 * nano}};
constexpr std::array multiples{suffix{"", 1}, suffix{"k", 1'000}, suffix{"K", 1'000}, suffix{"M", 1'000'000}};

[[noreturn]] void refuse_duration(std::string_view text)
{
    throw usage_error("'{}' is not a duration (examples: 500us, 10ms, 1.5s, 2m)", shown(text));
}

double parse_limit(std::string_view text, metric_unit unit)
{
    switch (unit) {
    case metric_unit::nanoseconds: return static_cast<double>(parse_duration_ns(text));
    case metric_unit::per_second: return parse_rate_hz(text);
    case metric_unit::ratio: return parse_ratio(text);
    case metric_unit::count: break;
    }
    return static_cast<double>(parse_count(text, 0, std::numeric_limits<std::uint64_t>::max()));
}

} // namespace

std::string_view trimmed(std::string_view text)
{
    constexpr std::string_view blanks = " \t\r\v\f";
    const std::size_t from = text.find_first_not_of(blanks);
    return from == std::string_view::npos ? "" : text.substr(from, text.find_last_not_of(blanks) - from + 1);
}

std::uint64_t parse_duration_ns(std::string_view text, bare_number bare)
{
    const auto number = split_decimal(text);
    if (!number)
        refuse_duration(text);
    std::uint64_t unit = bare == bare_number::milliseconds ? 1'000'000 : nano;
    if (!number->rest.empty()) {
        const suffix* const named = find_named(time_units, number->rest);
        if (named == nullptr)
            refuse_duration(text);
        unit = named->factor;
    } else if (bare == bare_number::refused && (number->whole != 0 || number->billionths != 0)) {
        throw usage_error("'{}' needs a unit (examples: 500us, 10ms, 1.5s, 2m)", shown(text));
    }
    const auto ns = scaled(*number, unit);
    constexpr std::uint64_t longest = 365ULL * 86'400 * nano; // a year: nothing adds up to an overflow
    if (!ns && !number->overflow && number->whole < longest / unit)
        throw usage_error("'{}' is finer than a nanosecond", shown(text));
    if (!ns || *ns > longest)
        throw usage_error("'{}' is too long (at most a year, 8760h)", shown(text));
    return *ns;
}

std::uint64_t parse_duration_from_ns(std::string_view text, std::uint64_t least_ns, bare_number bare)
{
    const std::uint64_t ns = parse_duration_ns(text, bare);
    if (ns < least_ns)
        throw usage_error("'{}' is too short (at least {})", shown(text), exact_time_text(least_ns));
    return ns;
}

std::uint64_t parse_count(std::string_view text, std::uint64_t least, std::uint64_t most)
{
    const auto number = split_decimal(text);
    const suffix* const multiple = number ? find_named(multiples, number->rest) : nullptr;
    if (multiple == nullptr)
        throw usage_error("'{}' is not a count (examples: 10000, 10k, 2.5M)", shown(text));
    const auto n = scaled(*number, multiple->factor);
    if (!n && !number->overflow && number->whole <= most / multiple->factor)
        throw usage_error("'{}' is not a whole number", shown(text));
    if (!n || *n < least || *n > most)
        throw usage_error("'{}' is out of range ({} to {})", shown(text), least, most);
    return *n;
}

double parse_rate_hz(std::string_view text)
{
    constexpr double most = 1e9;
    std::string_view number_text = text;
    if (number_text.ends_with("/s"))
        number_text.remove_suffix(2);
    const auto number = split_decimal(number_text);
    const suffix* const multiple = number ? find_named(multiples, number->rest) : nullptr;
    if (multiple == nullptr)
        throw usage_error("'{}' is not a rate per second (examples: 10000, 10k, 2.5M)", shown(text));
    const double hz = (static_cast<double>(number->whole) + static_cast<double>(number->billionths) / 1e9) *
                      static_cast<double>(multiple->factor);
    if (number->overflow || hz > most)
        throw usage_error("'{}' is too high (at most 1000M per second)", shown(text));
    if (hz <= 0)
        throw usage_error("'{}' must be more than 0", shown(text));
    return hz;
}

double parse_ratio(std::string_view text)
{
    const auto number = split_decimal(text);
    if (!number || (!number->rest.empty() && number->rest != "%"))
        throw usage_error("'{}' is not a part of a whole (examples: 0.1, 10%)", text);
    const double ratio =
        (static_cast<double>(number->whole) + static_cast<double>(number->billionths) / 1e9) /
        (number->rest.empty() ? 1 : 100);
    if (number->overflow || ratio > 1)
        throw usage_error("'{}' is more than the whole (at most 1 or 100%)", text);
    return ratio;
}

bool parse_flag(std::string_view text)
{
    for (const std::string_view yes : {"true", "yes", "on", "1"})
        if (text == yes)
            return true;
    for (const std::string_view no : {"false", "no", "off", "0"})
        if (text == no)
            return false;
    throw usage_error("'{}' is neither true nor false", shown(text));
}

std::size_t parse_word(std::string_view text, std::string_view what, const std::vector<std::string>& words)
{
    const auto found = std::find(words.begin(), words.end(), text);
    if (found != words.end())
        return static_cast<std::size_t>(found - words.begin());
    throw usage_error("'{}' is not {} ({}){}", shown(text), what, fmt::join(words, ", "),
                      did_you_mean(text, words));
}

threshold parse_condition(std::string_view text, const std::vector<metric>& metrics)
{
    const auto at = text.find_first_of("<>");
    if (at == std::string_view::npos || at == 0)
        throw usage_error("'{}' is not a condition (examples: {})", shown(text),
                          &metrics == &all_metrics() ? "latency.p99>200us, rate<9.5k, swaps<100"
                                                     : "eintr>0, short>0, nmis<1k");
    const bool or_equal = at + 1 < text.size() && text[at + 1] == '=';
    const std::string_view name = trimmed(text.substr(0, at));
    const std::string_view limit = trimmed(text.substr(at + (or_equal ? 2 : 1)));

    const metric* const of = find_named(metrics, name);
    if (of == nullptr)
        throw usage_error("'{}' is not a metric{} ('nmi-sim list {}' names them)", shown(name),
                          did_you_mean(name, names_in(metrics)),
                          &metrics == &all_metrics() ? "metrics" : "exec-metrics");
    threshold t;
    t.of = of;
    t.compare = text[at] == '<' ? (or_equal ? comparison::less_equal : comparison::less)
                                : (or_equal ? comparison::greater_equal : comparison::greater);
    t.limit = parse_limit(limit, of->unit);
    t.text = text;
    return t;
}

} // namespace nmisim::cli
