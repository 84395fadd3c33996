// SPDX-License-Identifier: MIT
//
// Runs with their handler on the LOCAL chain, and other handlers that are added and removed beside it.
#include "support/catch2.hpp"
#include "verify/parts/chain_part.hpp"
#include "verify/run.hpp"

#include <algorithm>

using namespace nmisim;

namespace {

const check_report& of(const run_report& report, check which)
{
    return report.checks[static_cast<std::size_t>(which)];
}

run_config with_chain(run_config config)
{
    config.machine.cpus = 2;
    config.inject.rate_hz = 5'000;
    config.swap_interval_ns = 0;
    config.chain = 3;
    return config;
}

bool a_check_failed(const run_report& report)
{
    return std::ranges::any_of(report.checks, [](const auto& c) { return c.status == check_status::fail; });
}

/// Longer, if the machine was too busy for a single grace period, or for a check to look at anything.
run_report run_with_chain(run_config config)
{
    config = with_chain(config);
    for (config.duration_ns = 200'000'000;; config.duration_ns *= 10) {
        run_report report = run(config);
        if ((report.chain_swaps > 0 && report.passed()) || a_check_failed(report) ||
            config.duration_ns >= 20'000'000'000)
            return report;
    }
}

/// Longer, until the fault is caught: a leak takes 16 swaps, which a busy machine may not make at once.
run_report run_with_chain_until(run_config config, check fails)
{
    config = with_chain(config);
    for (config.duration_ns = 600'000'000;; config.duration_ns *= 6) {
        run_report report = run(config);
        if (of(report, fails).status == check_status::fail || config.duration_ns >= 20'000'000'000)
            return report;
    }
}

} // namespace

TEST_CASE("with handlers that come and go on its chain, each NMI runs the run's own once")
{
    run_config config;
    config.machine.rcu = GENERATE(from_range(all_flavors));
    config.machine.workload = GENERATE(workload::spin, workload::read);
    config.reclaim = GENERATE(reclaim::sync, reclaim::call_rcu);
    const run_report report = run_with_chain(config);
    CHECK(report.passed());
    CHECK(report.chain_swaps > 0);
    CHECK(of(report, check::exactly_once).looked_at > 0);
    // Each NMI looks at the run's own handler and at those beside it.
    CHECK(of(report, check::grace_period).looked_at > 2 * report.total.handled);
}

TEST_CASE("a chained handler that goes before its grace period is seen by the NMIs that still run it")
{
    run_config config;
    config.machine.rcu = GENERATE(from_range(all_flavors));
    config.fault = fault::no_grace_period;
    const run_report report = run_with_chain_until(config, check::grace_period);
    CHECK(of(report, check::grace_period).status == check_status::fail);
    CHECK(of(report, check::grace_period).first.find("chained handler") != std::string::npos);
}

TEST_CASE("faults of the one published callback are caught behind a chain as well")
{
    struct expectation {
        fault left_out;
        check caught_by;
    };
    const auto expected = GENERATE(expectation{fault::unset_then_set, check::exactly_once},
                                   expectation{fault::add_then_remove, check::exactly_once},
                                   expectation{fault::leak_retired, check::reclaim},
                                   expectation{fault::double_reclaim, check::reclaim});
    run_config config;
    config.fault = expected.left_out;
    const run_report report = run_with_chain_until(config, expected.caught_by);
    CHECK(of(report, expected.caught_by).status == check_status::fail);
    CHECK(info_of(expected.left_out).not_on_a_chain.empty());
}
