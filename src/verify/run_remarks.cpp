// SPDX-License-Identifier: MIT
#include "verify/run_remarks.hpp"

#include "base/number_text.hpp"
#include "machine/machine_state.hpp"

#include <algorithm>
#include <fmt/format.h>

namespace nmisim {

namespace {

constexpr double few_handled_below = 0.1;

std::uint64_t nmi_period_ns(const run_config& config) noexcept
{
    return static_cast<std::uint64_t>(1e9 / config.inject.rate_hz);
}

/// All that was due by the rate, and what was raised without having been due.
std::uint64_t asked_for(const run_report& report) noexcept
{
    std::uint64_t not_counted = 0;
    for (const source_report& source : report.sources)
        if (!source.counted)
            not_counted += source.raised;
    return std::max(report.requested + not_counted, report.total.raised);
}

std::string coalesced_because(const run_report& report)
{
    const double period_ns = report.config.inject.rate_max ? 0 : 1e9 / report.config.inject.rate_hz;
    if (const double handler_ns = report.handler.mean_ns(); handler_ns > period_ns / 2 && period_ns > 0)
        return fmt::format("a handler takes {}, and one NMI was due every {}",
                           time_text(static_cast<std::uint64_t>(handler_ns)),
                           time_text(static_cast<std::uint64_t>(period_ns)));
    return fmt::format("the vCPUs ({}) got too little CPU time, or other programs had it (--cpus, --rate)",
                       report.cpus.size());
}

/// Where most of the NMIs that were not handled have gone.
std::string not_handled_because(const run_report& report, std::uint64_t asked)
{
    const cpu_report& t = report.total;
    const std::uint64_t never_raised = asked - t.raised;
    const std::uint64_t most = std::max({never_raised, t.coalesced, t.rejected, t.offline});
    if (most == t.coalesced)
        return fmt::format("{} met one that was still pending: {}", count_text(t.coalesced),
                           coalesced_because(report));
    if (most == t.rejected)
        return fmt::format("the kernel refused {}: the user's queue of signals is full (ulimit -i)",
                           count_text(t.rejected));
    if (most == t.offline)
        return fmt::format("{} met a vCPU that was offline (--onoff-interval)", count_text(t.offline));
    return fmt::format("{} were never raised: {}", count_text(never_raised),
                       report.throttled > 0 ? "the vCPUs had no room for more (--max-in-flight)"
                                            : "the threads that raise them got too little CPU time (--rate)");
}

} // namespace

std::optional<double> handled_ratio(const run_report& report)
{
    const std::uint64_t asked = asked_for(report);
    if (asked == 0)
        return std::nullopt;
    return static_cast<double>(report.total.handled) / static_cast<double>(asked);
}

std::optional<remark> few_handled(const run_report& report)
{
    const std::optional<double> ratio = handled_ratio(report);
    if (!ratio || *ratio >= few_handled_below)
        return std::nullopt;
    const std::uint64_t asked = asked_for(report);
    return remark{"few-handled",
                  fmt::format("only {:.2g} % of {} NMIs were handled, so little was tested: {}", 100 * *ratio,
                              count_text(asked), not_handled_because(report, asked))};
}

void add_remarks(const run_config& config, machine& of, run_report& report)
{
    auto reached = static_cast<double>(report.total.raised);
    for (const source_report& source : report.sources) {
        if (!source.counted)
            reached -= static_cast<double>(source.raised); // nothing was requested of it
        if (source.not_armed > 0)
            report.remarks.push_back(
                {"source-refused", fmt::format("source {} was refused to a vCPU that came online, {} times",
                                               name_of(source.kind), count_text(source.not_armed))});
    }
    const auto requested = static_cast<double>(report.requested);
    if (report.total.raised == 0 && !config.inject.rate_max && report.elapsed_ns < nmi_period_ns(config))
        report.remarks.push_back(
            {"no-nmi-due", fmt::format("no NMI was due: at this rate the first comes after {}",
                                       time_text(nmi_period_ns(config)))});
    else if (requested > 0 && reached < 0.95 * requested)
        report.remarks.push_back(
            {"rate-not-reached",
             fmt::format("raised {:.1f} % of the NMIs that were due: {}", 100 * reached / requested,
                         report.throttled > 0 ? "the vCPUs had no room for more"
                                              : "the injector could not keep up")});
    if (const auto few = few_handled(report))
        report.remarks.push_back(*few);
    if (report.config.controller_place == controller_place::thread && report.late_swaps > report.swaps / 20)
        report.remarks.push_back(
            {"late-swaps", fmt::format("{} of {} swaps began late: the interval is shorter than "
                                       "a swap takes here, or CPUs are shared",
                                       count_text(report.late_swaps), count_text(report.swaps))});
    std::uint64_t traced = 0, lost = 0;
    for (const trace_row& row : report.trace) {
        traced += row.records.size();
        lost += row.lost;
    }
    if (lost > 0)
        report.remarks.push_back(
            {"trace-limit", fmt::format("the timeline holds the newest {} of {} records (--trace-limit)",
                                        count_text(traced), count_text(traced + lost))});
    if (config.onoff && report.offlined == 0)
        report.remarks.push_back({"no-hotplug", "no vCPU went offline: the run ended before the first time"});
    if (const auto strays = internals(of).domain.strays.load(std::memory_order_relaxed); strays > 0)
        report.remarks.push_back(
            {"stray-signals",
             fmt::format("{} signals on the machine's lines came from outside and were ignored",
                         count_text(strays))});
}

} // namespace nmisim
