// SPDX-License-Identifier: MIT
//
// Scale: machines of 1 to 1024 idle vCPUs. How long they take to come online, what each costs in memory, how long a
// swap takes and how long until an NMI on every one of them has been taken.
#include "base/clock.hpp"
#include "machine/machine_state.hpp"
#include "statistics.hpp"
#include "suite.hpp"

#include <fstream>
#include <memory>
#include <string>
#include <tuple>
#include <unistd.h>

namespace nmisim::bench {
namespace {

double resident_kib()
{
    std::ifstream statm("/proc/self/statm");
    long size = 0;
    long resident = 0;
    statm >> size >> resident;
    return static_cast<double>(resident) * static_cast<double>(sysconf(_SC_PAGESIZE)) / 1024;
}

double ms_since(std::uint64_t begin_ns)
{
    return static_cast<double>(now_ns() - begin_ns) / 1e6;
}

void scale(benchmark::State& state, flavor f, int cpus)
{
    for (auto _ : state) {
        machine_config config;
        config.cpus = cpus;
        config.rcu = f;
        config.workload = workload::idle;
        const double before_kib = resident_kib();
        const std::uint64_t start_ns = now_ns();
        machine m(config);
        state.counters["online_ms"] = ms_since(start_ns);
        state.counters["kib_per_vcpu"] = (resident_kib() - before_kib) / cpus;
        std::vector<double> swap_us;
        for (int i = 0; i < 200; ++i) {
            const std::uint64_t begin_ns = now_ns();
            std::ignore = m.exchange(make_nmi_handler([](const pt_regs&, int) noexcept { return 1; }));
            swap_us.push_back(static_cast<double>(now_ns() - begin_ns) / 1000);
        }
        std::sort(swap_us.begin(), swap_us.end());
        state.counters["swap_p50_us"] = quantile(swap_us, 0.5);
        state.counters["swap_p99_us"] = quantile(swap_us, 0.99);
        const std::uint64_t raise_ns = now_ns();
        for (int cpu = 0; cpu < cpus; ++cpu)
            m.raise_nmi(cpu);
        if (!m.drain(10 * nsec_per_sec))
            state.SkipWithError("the machine did not drain");
        state.counters["drain_ms"] = ms_since(raise_ns);
        const std::uint64_t end_ns = now_ns();
        m.all_cpus_down();
        state.counters["offline_ms"] = ms_since(end_ns);
    }
}

} // namespace

void register_scale()
{
    for (const flavor f : {flavor::memb, flavor::nmi})
        for (const int cpus : {1, 16, 64, 256, 1024})
            with_spread(benchmark::RegisterBenchmark(
                            ("scale/" + std::string(name_of(f)) + "/" + std::to_string(cpus)).c_str(),
                            [f, cpus](benchmark::State& s) { scale(s, f, cpus); }))
                ->Iterations(1)
                ->Unit(benchmark::kMillisecond)
                ->UseRealTime();
}

} // namespace nmisim::bench
