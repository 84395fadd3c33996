// SPDX-License-Identifier: MIT
//
// Every metric of --fail-if, from a report in which no two figures are alike.
#include "cli/options/value.hpp"
#include "support/catch2.hpp"
#include "support/full_report.hpp"

#include <fmt/format.h>

#include <cmath>
#include <set>
#include <string>
#include <utility>
#include <vector>

using namespace nmisim;
using namespace nmisim::test;

namespace {

struct known_metric {
    std::string name;
    metric_unit unit;
    double value;
};

std::vector<known_metric> known_metrics(const run_report& r)
{
    using enum metric_unit;
    const auto figure = [](std::uint64_t n) { return static_cast<double>(n); };
    std::vector<known_metric> all{
        {"rate", per_second, figure(r.total.handled) / 2 / 2}, // in two seconds, of two vCPUs
        {"handled-ratio", metric_unit::ratio,
         figure(r.total.handled) / figure(r.requested + r.sources[1].raised)},
        {"raised", count, figure(r.total.raised)},
        {"handled", count, figure(r.total.handled)},
        {"coalesced", count, figure(r.total.coalesced)},
        {"rejected", count, figure(r.total.rejected)},
        {"offline", count, figure(r.total.offline)},
        {"unknown", count, figure(r.total.unknown)},
        {"throttled", count, figure(r.throttled)},
        {"swaps", count, figure(r.swaps)},
        {"late-swaps", count, figure(r.late_swaps)},
        {"long-handlers", count, figure(r.long_handlers.too_long)},
        {"offlined", count, figure(r.offlined)},
        {"onlined", count, figure(r.onlined)},
        {"samples-lost", count, figure(r.profile->lost)},
        {"profile-error", count, 25},
        {"waiting-max", count, figure(r.waiting_max)}};
    const std::pair<const char*, const latency*> latencies[]{
        {"latency", &r.delivery},  {"handler", &r.handler},          {"gp", &r.grace_period},
        {"swap", &r.swap},         {"cpu-down", &r.cpu_down},        {"cpu-up", &r.cpu_up},
        {"injector", &r.injector}, {"irq-latency", &r.irq_delivery}, {"irq-handler", &r.irq_handler}};
    for (const auto& [name, l] : latencies) {
        const std::string prefix = std::string(name) + ".";
        all.push_back({prefix + "min", nanoseconds, figure(l->min_ns)});
        all.push_back({prefix + "mean", nanoseconds, l->mean_ns()});
        all.push_back({prefix + "p50", nanoseconds, figure(l->percentile_ns(0.5))});
        all.push_back({prefix + "p90", nanoseconds, figure(l->percentile_ns(0.9))});
        all.push_back({prefix + "p99", nanoseconds, figure(l->percentile_ns(0.99))});
        all.push_back({prefix + "p99.9", nanoseconds, figure(l->percentile_ns(0.999))});
        all.push_back({prefix + "max", nanoseconds, figure(l->max_ns)});
    }
    return all;
}

const char* suffix_of(metric_unit unit)
{
    return unit == metric_unit::nanoseconds ? "ns" : "";
}

} // namespace

TEST_CASE("each metric of --fail-if holds from its own figure on, and not below", "[threshold]")
{
    const run_report r = full_report();
    for (const known_metric& k : known_metrics(r)) {
        CAPTURE(k.name);
        const auto evaluated = [&](const char* compare, double limit) {
            return evaluate(
                cli::parse_condition(fmt::format("{}{}{:.0f}{}", k.name, compare, limit, suffix_of(k.unit))),
                r);
        };
        const threshold_result at_most = evaluated(">", std::ceil(k.value));
        CHECK(at_most.unit == k.unit);
        REQUIRE(at_most.value.has_value());
        CHECK(std::abs(*at_most.value - k.value) < 1e-6);
        CHECK_FALSE(at_most.held);
        CHECK_FALSE(evaluated("<", std::floor(k.value)).held);
        CHECK(evaluated(">=", std::floor(k.value)).held);
        CHECK(evaluated("<=", std::ceil(k.value)).held);
    }
}

TEST_CASE("each metric that the program lists is known here, by a figure of its own", "[threshold]")
{
    std::set<std::string> names;
    std::set<double> values;
    for (const known_metric& k : known_metrics(full_report())) {
        names.insert(k.name);
        values.insert(k.value);
    }
    CHECK(values.size() == names.size());
    std::set<std::string> listed;
    for (const metric& m : all_metrics())
        listed.insert(m.name);
    CHECK(listed == names);
}

TEST_CASE("a metric of which the run took no sample is not measured, each by itself", "[threshold]")
{
    const auto measured = [](const run_report& r) {
        std::set<std::string> names;
        for (const metric& m : all_metrics())
            if (m.read(r).has_value())
                names.insert(m.name);
        return names;
    };
    const std::set<std::string> all = measured(full_report());
    struct without {
        const char* prefix; ///< of the names of what is not measured
        std::size_t metrics;
        void (*take)(run_report&);
    };
    const auto w =
        GENERATE(without{"latency.", 7, [](run_report& r) { r.delivery = {}; }},
                 without{"handler.", 7, [](run_report& r) { r.handler = {}; }},
                 without{"gp.", 7, [](run_report& r) { r.grace_period = {}; }},
                 without{"swap.", 7, [](run_report& r) { r.swap = {}; }},
                 without{"cpu-down.", 7, [](run_report& r) { r.cpu_down = {}; }},
                 without{"cpu-up.", 7, [](run_report& r) { r.cpu_up = {}; }},
                 without{"injector.", 7, [](run_report& r) { r.injector = {}; }},
                 without{"irq-latency.", 7, [](run_report& r) { r.irq_delivery = {}; }},
                 without{"irq-handler.", 7, [](run_report& r) { r.irq_handler = {}; }},
                 without{"rate", 1, [](run_report& r) { r.elapsed_ns = 0; }},
                 without{"rate", 1, [](run_report& r) { r.cpus.clear(); }},
                 without{"handled-ratio", 1,
                         [](run_report& r) { r.sources.clear(), r.requested = r.total.raised = 0; }},
                 without{"profile-error", 1, [](run_report& r) { r.profile->split.clear(); }});
    CAPTURE(w.prefix);
    run_report r = full_report();
    w.take(r);
    std::set<std::string> expected = all;
    const std::size_t gone =
        std::erase_if(expected, [&](const std::string& name) { return name.starts_with(w.prefix); });
    CHECK(gone == w.metrics);
    CHECK(measured(r) == expected);
}
