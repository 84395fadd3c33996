// SPDX-License-Identifier: MIT
#include "verify/selftest.hpp"

#include "base/clock.hpp"
#include "machine/own_program.hpp"
#include "machine/sources/nmi_source.hpp"
#include "nmisim/machine.hpp"
#include "nmisim/nmi_chain.hpp"

#include <array>
#include <atomic>
#include <fmt/format.h>
#include <sched.h>
#include <string_view>

namespace nmisim {
namespace {

constexpr int vcpus = 3;
enum class sender { control, remote, local, after_hotplug, timer, perf };
constexpr std::array all_senders{sender::remote,        sender::local, sender::control,
                                 sender::after_hotplug, sender::timer, sender::perf};

std::string_view name_of(sender s)
{
    constexpr std::string_view names[]{"NMI from outside",  "remote IPI", "local IPI",
                                       "NMI after hotplug", "own timer",  "own performance counter"};
    static_assert(std::size(names) == all_senders.size());
    return names[static_cast<std::size_t>(s)];
}

/// A machine whose handlers count per vCPU, and whose vCPU 0 sends NMIs on request.
class bench {
public:
    bench(flavor f, delivery d, const selftest_options& options) : options_(options), machine_(config(f, d))
    {
        set_nmi_longest_ns(machine_, options.timeout_ns); // a preempted handler is normal here
    }

    selftest_result run(sender from)
    {
        // Kernel: test_nmi_ipi_callback, registered FIRST on LOCAL for the length of the test.
        const auto registration = register_nmi_handler(
            machine_, nmi_type::local,
            [this](const pt_regs&, int cpu) noexcept {
                taken_[static_cast<std::size_t>(cpu)].fetch_add(1, std::memory_order_relaxed);
                return options_.answer;
            },
            nmi_flag_first, "nmi_selftest");
        if (from == sender::timer || from == sender::perf)
            return run_source(from);
        if (from == sender::after_hotplug) {
            machine_.cpu_down(vcpus - 1);
            if (machine_.raise_nmi(vcpus - 1) != raise_result::offline)
                return {"", false, "an offline vCPU accepted an NMI"};
            machine_.cpu_up(vcpus - 1);
        }
        std::array<std::uint64_t, vcpus> before{};
        for (int cpu = 0; cpu < vcpus; ++cpu)
            before[static_cast<std::size_t>(cpu)] = machine_.nmi_count(cpu);
        const unsigned mask = from == sender::local    ? 1u
                              : from == sender::remote ? (1u << vcpus) - 2
                                                       : (1u << vcpus) - 1;
        if (from == sender::local || from == sender::remote)
            orders_.store(mask, std::memory_order_relaxed); // vCPU 0 sends to exactly these
        else
            send(mask);
        return wait_for(mask, before);
    }

private:
    /// A few NMIs on each vCPU from its own source, all of them in the books and claimed by the handler.
    selftest_result run_source(sender from)
    {
        if (from == sender::perf && !perf_refusal().empty())
            return {"", false, std::string(perf_refusal()), true};
        constexpr double rate_hz = 1'000;
        constexpr std::uint64_t enough = 3;
        const auto source = from == sender::timer ? make_timer_source(machine_, rate_hz)
                                                  : make_perf_source(machine_, rate_hz);
        if (!options_.lose_raises)
            source->start();
        const std::uint64_t deadline_ns = now_ns() + options_.timeout_ns;
        for (int cpu = 0; cpu < vcpus; ++cpu)
            while (taken(cpu) < enough) {
                if (now_ns() > deadline_ns)
                    return {"", false, fmt::format("vCPU {} did not take its NMIs", cpu)};
                sched_yield();
            }
        source->stop();
        if (!flush_sources(machine_, options_.timeout_ns))
            return {"", false, "NMIs were left in flight"};
        for (int cpu = 0; cpu < vcpus; ++cpu)
            if (taken(cpu) != machine_.nmi_count(cpu))
                return {"", false,
                        fmt::format("vCPU {} handled {} and counted {} NMIs", cpu, taken(cpu),
                                    machine_.nmi_count(cpu))};
        return verdict();
    }

    machine_config config(flavor f, delivery d)
    {
        machine_config c;
        c.cpus = vcpus;
        c.rcu = f;
        c.delivery = d;
        make_own_programs(c);
        c.custom_workload = [this](vcpu& self) {
            if (self.number() == 0)
                send(orders_.exchange(0, std::memory_order_relaxed));
            self.workload_round();
        };
        return c;
    }

    void send(unsigned mask) noexcept
    {
        for (int cpu = 0; cpu < vcpus; ++cpu)
            if ((mask >> cpu & 1) != 0 && !options_.lose_raises)
                machine_.raise_nmi(cpu);
    }

    selftest_result wait_for(unsigned mask, const std::array<std::uint64_t, vcpus>& before)
    {
        const std::uint64_t deadline_ns = now_ns() + options_.timeout_ns;
        for (int cpu = 0; cpu < vcpus; ++cpu)
            while ((mask >> cpu & 1) != 0 && taken(cpu) == 0) {
                if (now_ns() > deadline_ns)
                    return {"", false, fmt::format("vCPU {} did not take its NMI", cpu)};
                sched_yield();
            }
        if (!machine_.drain(options_.timeout_ns))
            return {"", false, "NMIs were left in flight"};
        for (int cpu = 0; cpu < vcpus; ++cpu) {
            const std::uint64_t expected = mask >> cpu & 1;
            const std::uint64_t counted = machine_.nmi_count(cpu) - before[static_cast<std::size_t>(cpu)];
            if (taken(cpu) != expected || counted != expected)
                return {"", false,
                        fmt::format("vCPU {} handled {} and counted {} NMIs instead of {}", cpu, taken(cpu),
                                    counted, expected)};
        }
        return verdict();
    }

    selftest_result verdict() const
    {
        if (options_.answer != 1)
            return {"", false, fmt::format("the handler answered {}", options_.answer)};
        return {"", true, ""};
    }

    std::uint64_t taken(int cpu) const noexcept
    {
        // drained before it counts
        return taken_[static_cast<std::size_t>(cpu)].load(std::memory_order_relaxed);
    }

    const selftest_options& options_;
    std::array<std::atomic<std::uint64_t>, vcpus> taken_{};
    std::atomic<unsigned> orders_{0};
    machine machine_; ///< last: its vCPUs use all of the above
};

} // namespace

bool run_selftest(const selftest_options& options, const std::function<void(const selftest_result&)>& each)
{
    int cases = 0;
    bool good = true;
    for (const flavor f : all_flavors)
        for (const delivery d : all_deliveries)
            for (const sender from : all_senders) {
                bench b(f, d, options);
                selftest_result result = b.run(from);
                result.name = fmt::format("{}, flavor {}, delivery {}", name_of(from), nmisim::name_of(f),
                                          nmisim::name_of(d));
                good = good && (result.passed || result.skipped);
                cases += result.passed ? 1 : 0;
                each(result);
            }
    return good && cases > 0;
}

} // namespace nmisim
