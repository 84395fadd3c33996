// SPDX-License-Identifier: MIT
#include "verify/run_remarks.hpp"

#include "machine/machine_state.hpp"

#include <fmt/format.h>

namespace nmisim {

namespace {

std::uint64_t nmi_period_ns(const run_config& config) noexcept
{
    return static_cast<std::uint64_t>(1e9 / config.inject.rate_hz);
}

} // namespace

void add_remarks(const run_config& config, machine& of, run_report& report)
{
    auto reached = static_cast<double>(report.total.raised);
    for (const source_report& source : report.sources) {
        if (!source.counted)
            reached -= static_cast<double>(source.raised); // nothing was requested of it
        if (source.not_armed > 0)
            report.remarks.push_back(
                {"source-refused", fmt::format("source {} was refused to a vCPU that came online, {} times",
                                               name_of(source.kind), source.not_armed)});
    }
    const auto requested = static_cast<double>(report.requested);
    if (report.total.raised == 0 && !config.inject.rate_max && report.elapsed_ns < nmi_period_ns(config))
        report.remarks.push_back(
            {"no-nmi-due", fmt::format("no NMI was due: at this rate the first comes after {:.3g} ms",
                                       static_cast<double>(nmi_period_ns(config)) / 1e6)});
    else if (requested > 0 && reached < 0.95 * requested)
        report.remarks.push_back(
            {"rate-not-reached",
             fmt::format("raised {:.1f} % of the NMIs that were due: {}", 100 * reached / requested,
                         report.throttled > 0 ? "the vCPUs had no room for more"
                                              : "the injector could not keep up")});
    if (report.config.controller_place == controller_place::thread && report.late_swaps > report.swaps / 20)
        report.remarks.push_back(
            {"late-swaps", fmt::format("{} of {} swaps began late: the interval is shorter than "
                                       "a swap takes here, or CPUs are shared",
                                       report.late_swaps, report.swaps)});
    std::uint64_t traced = 0, lost = 0;
    for (const trace_row& row : report.trace) {
        traced += row.records.size();
        lost += row.lost;
    }
    if (lost > 0)
        report.remarks.push_back(
            {"trace-limit", fmt::format("the timeline holds the newest {} of {} records (--trace-limit)",
                                        traced, traced + lost)});
    if (config.onoff && report.offlined == 0)
        report.remarks.push_back({"no-hotplug", "no vCPU went offline: the run ended before the first time"});
    if (const auto strays = of.internals().domain.strays.load(std::memory_order_relaxed); strays > 0)
        report.remarks.push_back(
            {"stray-signals", fmt::format("{} NMI signals came from outside and were ignored", strays)});
}

} // namespace nmisim
