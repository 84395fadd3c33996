// SPDX-License-Identifier: MIT
#include "report/metric.hpp"

#include "report/units.hpp"
#include "verify/run_remarks.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace nmisim {

namespace {

void add_latency(std::vector<metric>& all, const std::string& name, latency run_report::*member,
                 const std::string& what)
{
    const auto add = [&](const char* suffix, auto pick) {
        all.push_back({name + "." + suffix, metric_unit::nanoseconds, what,
                       [member, pick](const run_report& r) -> std::optional<double> {
                           const latency& l = r.*member;
                           if (l.count == 0)
                               return std::nullopt;
                           return static_cast<double>(pick(l));
                       }});
    };
    add("min", [](const latency& l) { return l.min_ns; });
    add("mean", [](const latency& l) { return l.mean_ns(); });
    add("p50", [](const latency& l) { return l.percentile_ns(0.5); });
    add("p90", [](const latency& l) { return l.percentile_ns(0.9); });
    add("p99", [](const latency& l) { return l.percentile_ns(0.99); });
    add("p99.9", [](const latency& l) { return l.percentile_ns(0.999); });
    add("max", [](const latency& l) { return l.max_ns; });
}

std::vector<metric> build()
{
    std::vector<metric> all;
    add_latency(all, "latency", &run_report::delivery,
                "signal delivery: raise to the handler's first instruction");
    add_latency(all, "handler", &run_report::handler, "handler's first instruction to its last");
    add_latency(all, "gp", &run_report::grace_period, "RCU grace period");
    add_latency(all, "swap", &run_report::swap, "publish to reclaimed");
    add_latency(all, "cpu-down", &run_report::cpu_down, "a vCPU going offline");
    add_latency(all, "cpu-up", &run_report::cpu_up, "a vCPU coming online");
    add_latency(all, "injector", &run_report::injector, "the injector's own lateness");

    add_latency(all, "irq-latency", &run_report::irq_delivery,
                "IRQ delivery: raise to the handler's first instruction");
    add_latency(all, "irq-handler", &run_report::irq_handler, "IRQ handler's first instruction to its last");

    all.push_back({"rate", metric_unit::per_second, "handled NMIs per second and vCPU",
                   [](const run_report& r) -> std::optional<double> {
                       if (r.elapsed_ns == 0 || r.cpus.empty())
                           return std::nullopt;
                       return static_cast<double>(r.total.handled) /
                              (static_cast<double>(r.elapsed_ns) / 1e9) / static_cast<double>(r.cpus.size());
                   }});
    all.push_back({"handled-ratio", metric_unit::ratio, "handled NMIs of those asked for, 0 to 1 or in %",
                   handled_ratio});
    const auto count = [&all](const char* name, const char* what, auto pick) {
        all.push_back({name, metric_unit::count, what, [pick](const run_report& r) -> std::optional<double> {
                           return static_cast<double>(pick(r));
                       }});
    };
    count("raised", "NMIs raised", [](const run_report& r) { return r.total.raised; });
    count("handled", "NMIs handled", [](const run_report& r) { return r.total.handled; });
    count("coalesced", "NMIs that met a pending one", [](const run_report& r) { return r.total.coalesced; });
    count("rejected", "NMIs the kernel's signal queue refused",
          [](const run_report& r) { return r.total.rejected; });
    count("offline", "NMIs that met an offline vCPU", [](const run_report& r) { return r.total.offline; });
    count("unknown", "NMIs nobody claimed", [](const run_report& r) { return r.total.unknown; });
    count("throttled", "times the injector waited for room", [](const run_report& r) { return r.throttled; });
    count("swaps", "handlers swapped", [](const run_report& r) { return r.swaps; });
    count("late-swaps", "swaps that started late", [](const run_report& r) { return r.late_swaps; });
    count("long-handlers", "handlers that took at least --nmi-longest",
          [](const run_report& r) { return r.long_handlers.too_long; });
    count("offlined", "vCPUs taken offline", [](const run_report& r) { return r.offlined; });
    count("onlined", "vCPUs brought back online", [](const run_report& r) { return r.onlined; });
    all.push_back({"samples-lost", metric_unit::count, "samples that found no room (--handler profile)",
                   [](const run_report& r) -> std::optional<double> {
                       return r.profile ? std::optional(static_cast<double>(r.profile->lost)) : std::nullopt;
                   }});
    all.push_back({"profile-error", metric_unit::count,
                   "points by which a profile of workload split is off, at most (--handler profile)",
                   [](const run_report& r) -> std::optional<double> {
                       if (!r.profile || r.profile->split.empty())
                           return std::nullopt;
                       double most = 0;
                       for (const split_row& s : r.profile->split)
                           most = std::max(most, std::abs(100 * (s.sampled - s.meant)));
                       return most;
                   }});
    count("waiting-max", "most retired handlers waiting at once",
          [](const run_report& r) { return r.waiting_max; });
    return all;
}

bool compare(double value, comparison how, double limit)
{
    switch (how) {
    case comparison::less: return value < limit;
    case comparison::less_equal: return value <= limit;
    case comparison::greater: return value > limit;
    case comparison::greater_equal: return value >= limit;
    }
    return false;
}

} // namespace

const std::vector<metric>& all_metrics()
{
    static const std::vector<metric> all = build();
    return all;
}

threshold_result evaluate(const threshold& t, const run_report& report)
{
    return evaluate(t, t.of->read(report));
}

threshold_result evaluate(const threshold& t, std::optional<double> value)
{
    threshold_result result{t.text, t.of->unit, true, value};
    if (result.value) // a limit on something that was never measured cannot be said to be kept
        result.held = compare(*result.value, t.compare, t.limit);
    return result;
}

std::string value_text(const threshold_result& r)
{
    if (!r.value)
        return "not measured";
    switch (r.unit) {
    case metric_unit::nanoseconds: return time_text(static_cast<std::uint64_t>(*r.value));
    case metric_unit::per_second: return short_number_text(*r.value) + "/s";
    case metric_unit::count: return count_text(static_cast<std::uint64_t>(*r.value));
    case metric_unit::ratio: return fmt::format("{:.3g} %", 100 * *r.value);
    }
    return "?";
}

} // namespace nmisim
