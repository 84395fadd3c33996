// SPDX-License-Identifier: MIT
#include "report/exec_metric.hpp"

#include <algorithm>
#include <array>

namespace nmisim::exec {

namespace {

using value = std::optional<double>;

struct row {
    const char* name;
    metric_unit unit;
    const char* what;
    value (*read)(const exec_report&);
};

/// Over all storms. Nothing was measured where there was no run with NMIs.
template <class Pick>
value sum_of_storms(const exec_report& r, Pick pick)
{
    std::uint64_t sum = 0;
    for (const storm_run& s : r.storms)
        sum += pick(s);
    return r.storms.empty() ? std::nullopt : value(static_cast<double>(sum));
}

template <std::uint64_t call_row::*Count>
value sum_of_calls(const exec_report& r)
{
    return sum_of_storms(r, [](const storm_run& s) {
        std::uint64_t sum = 0;
        for (const call_row& c : s.calls)
            sum += c.*Count;
        return sum;
    });
}

value ratio_to_plain(const exec_report& r, std::uint64_t outcome::*time)
{
    std::uint64_t without = 0;
    for (const outcome& o : r.plain)
        without = std::max(without, o.*time);
    std::uint64_t with = 0;
    for (const storm_run& s : r.storms)
        with = std::max(with, s.what.*time);
    if (without == 0 || r.storms.empty())
        return std::nullopt;
    return static_cast<double>(with) / static_cast<double>(without);
}

const row rows[] = {
    {"nmis", metric_unit::count, "NMIs delivered",
     [](const exec_report& r) {
         return sum_of_storms(r, [](const storm_run& s) { return s.end.delivered; });
     }},
    {"eintr", metric_unit::count, "system calls of a storm that failed with EINTR",
     sum_of_calls<&call_row::eintr>},
    {"short", metric_unit::count, "system calls of a storm that moved less than they were asked to",
     sum_of_calls<&call_row::short_count>},
    {"restarted", metric_unit::count, "system calls of a storm that the kernel made again",
     sum_of_calls<&call_row::restarted>},
    {"blocked", metric_unit::count, "NMIs blocked to the end by a thread's mask",
     [](const exec_report& r) { return sum_of_storms(r, [](const storm_run& s) { return s.end.blocked; }); }},
    {"unarmed", metric_unit::count, "programs that no handler could be put into",
     [](const exec_report& r) { return sum_of_storms(r, [](const storm_run& s) { return s.end.unarmed; }); }},
    {"samples", metric_unit::count, "samples of --profile",
     [](const exec_report& r) {
         return r.profile.asked ? value(static_cast<double>(r.profile.counts.taken)) : std::nullopt;
     }},
    {"samples-lost", metric_unit::count, "samples of --profile that were lost",
     [](const exec_report& r) {
         return r.profile.asked ? value(static_cast<double>(r.profile.counts.lost())) : std::nullopt;
     }},
    {"calls", metric_unit::count, "calls that --each-call has tried",
     [](const exec_report& r) { return value(static_cast<double>(r.placements.size())); }},
    {"time", metric_unit::ratio, "time with NMIs, of the longest plain run's",
     [](const exec_report& r) { return ratio_to_plain(r, &outcome::elapsed_ns); }},
    {"cpu-time", metric_unit::ratio, "CPU time with NMIs, of the longest plain run's; tracing included",
     [](const exec_report& r) { return ratio_to_plain(r, &outcome::cpu_ns); }},
};

} // namespace

const std::vector<metric>& exec_metrics()
{
    static const std::vector<metric> all = [] {
        std::vector<metric> made;
        for (const row& r : rows)
            made.push_back({r.name, r.unit, r.what, nullptr});
        return made;
    }();
    return all;
}

limit_result evaluate(const threshold& t, const exec_report& r)
{
    constexpr std::array units{"ns", "per_s", "count", "ratio"};
    const auto of = std::find_if(std::begin(rows), std::end(rows),
                                 [&](const row& one) { return one.name == t.of->name; });
    const threshold_result result = evaluate(t, of == std::end(rows) ? value() : of->read(r));
    return {result.condition, units[static_cast<std::size_t>(result.unit)], result.held, result.value,
            value_text(result)};
}

} // namespace nmisim::exec
