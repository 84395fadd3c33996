// SPDX-License-Identifier: MIT
#include "cli/options/condition.hpp"

#include "base/shown_text.hpp"
#include "cli/options/suggest.hpp"
#include "cli/options/usage_error.hpp"
#include "cli/options/value.hpp"

#include <limits>

namespace nmisim::cli {

namespace {

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
