// SPDX-License-Identifier: MIT
#include "machine/limits.hpp"
#include "rcu/rcu.hpp"
#include "verify/run.hpp"

#include <algorithm>
#include <csignal>
#include <fmt/format.h>

namespace nmisim {
namespace {

void look_at_signal_queue(const run_config& config, std::vector<preflight_finding>& findings)
{
    const signal_queue queue = read_signal_queue();
    if (queue.limit == UINT64_MAX)
        return;
    const std::uint64_t per_cpu =
        config.machine.delivery == delivery::latch ? 2 : config.machine.max_in_flight;
    const std::uint64_t irqs_per_cpu = 2 * static_cast<std::uint64_t>(config.machine.irqs);
    const auto own_per_cpu = static_cast<std::uint64_t>(
        std::count_if(config.sources.begin(), config.sources.end(),
                      [](source_kind s) { return s == source_kind::timer || s == source_kind::perf; }));
    const std::uint64_t needed =
        (per_cpu + irqs_per_cpu + own_per_cpu) * static_cast<std::uint64_t>(config.machine.cpus);
    const std::uint64_t room = queue.limit > queue.used ? queue.limit - queue.used : 0;
    if (needed > room)
        findings.push_back(
            {true, "rlimit-sigpending",
             fmt::format(
                 "{} vCPU{} may have {} signals pending, but this user's queue has room for {} (limit "
                 "{}, {} in "
                 "use by all of the user's processes): raise it with 'ulimit -i', or lower --cpus{}",
                 config.machine.cpus, config.machine.cpus == 1 ? "" : "s", needed, room, queue.limit,
                 queue.used, config.machine.delivery == delivery::queue ? " or --max-in-flight" : "")});
    else if (queue.used > queue.limit / 2)
        findings.push_back({false, "signal-queue-in-use",
                            fmt::format("{} of this user's {} pending signals are in use by other processes",
                                        queue.used, queue.limit)});
}

void look_at_open_files(const run_config& config, std::vector<preflight_finding>& findings)
{
    constexpr std::uint64_t spare = 16; // output files, /proc, the status line
    const bool perf =
        std::find(config.sources.begin(), config.sources.end(), source_kind::perf) != config.sources.end();
    const std::uint64_t per_cpu = (config.machine.workload == workload::syscall ? 2U : 0U) + (perf ? 1U : 0U);
    if (per_cpu == 0)
        return;
    const std::uint64_t needed = per_cpu * static_cast<std::uint64_t>(config.machine.cpus) + spare;
    if (const std::uint64_t room = free_file_descriptors(); needed > room)
        findings.push_back(
            {true, "rlimit-nofile",
             fmt::format("{} vCPU{} of {} need {} open files, but this process may open {} more: "
                         "raise it with 'ulimit -n', or lower --cpus",
                         config.machine.cpus, config.machine.cpus == 1 ? "" : "s",
                         perf ? "--source perf" : "--workload syscall", needed, room)});
}

void look_at_flavor(const run_config& config, std::vector<preflight_finding>& findings)
{
    const flavor f = config.machine.rcu;
    if ((f == flavor::memb || f == flavor::bp) && !has_membarrier())
        findings.push_back(
            {false, "membarrier",
             fmt::format("this kernel has no membarrier(2): readers of flavor {} fall back to memory "
                         "barriers, correct but slower; flavors mb, qsbr, nmi and srcu do not need it",
                         name_of(f))});
}

void look_at_sources(const run_config& config, std::vector<preflight_finding>& findings)
{
    if (std::find(config.sources.begin(), config.sources.end(), source_kind::perf) == config.sources.end())
        return;
    if (const std::string_view why = perf_refusal(); !why.empty())
        findings.push_back(
            {true, "no-perf", fmt::format("--source perf: {}; --source timer does not need it", why)});
}

void look_at_cpus(const run_config& config, std::vector<preflight_finding>& findings)
{
    constexpr int vcpus_that_share = 8; // above it a vCPU waits for its turn longer than most intervals last
    const int vcpus = config.machine.cpus;
    const int cpus = allowed_cpus();
    if (vcpus > vcpus_that_share * cpus)
        findings.push_back(
            {false, "many-vcpus",
             fmt::format("{} vCPUs are more than {} CPU{} can serve: each runs one {}th of the "
                         "time, most of its NMIs are coalesced, and the run starts and ends "
                         "slowly; --cpus {} would fit",
                         vcpus, cpus, cpus == 1 ? "" : "s", (vcpus + cpus - 1) / cpus, std::max(cpus - 1, 1)),
             true});
    if (vcpus + 1 > cpus)
        findings.push_back(
            {false, "cpus-shared",
             fmt::format("{} injector share {} CPU{}: latencies include waiting for one",
                         vcpus == 1 ? "1 vCPU and its" : fmt::format("{} vCPUs and their", vcpus), cpus,
                         cpus == 1 ? "" : "s")});
}

} // namespace

std::vector<preflight_finding> preflight(const run_config& config)
{
    std::vector<preflight_finding> findings;
    look_at_signal_queue(config, findings);
    look_at_open_files(config, findings);
    look_at_flavor(config, findings);
    look_at_sources(config, findings);
    look_at_cpus(config, findings);
    return findings;
}

} // namespace nmisim
