// SPDX-License-Identifier: MIT
//
// Exactly once under swap: a thread raises signals to itself while another swaps the handler every 20 us. How many
// signals ran no handler, and how many ran two? exchange() against what a registry with add and remove can do.
#include "base/clock.hpp"
#include "machine/machine_state.hpp"
#include "nmi/raise.hpp"
#include "nmisim/rcu_pointer.hpp"
#include "statistics.hpp"
#include "suite.hpp"

#include <array>
#include <mutex>
#include <string>
#include <tuple>

namespace nmisim::bench {
namespace {

/// For how long a handler stays at least: back to back, one that is unregistered first is hardly ever there.
constexpr std::uint64_t between_swaps_ns = 20'000;

enum class how { exchange, register_then_unregister, unregister_then_register };

/// Per signal, by the vCPU's own thread: how many handlers ran.
thread_local unsigned ran = 0;

nmi_callback counting{[](nmi_callback&, const pt_regs&, int) noexcept {
    ++ran;
    return 1;
}};

/// A registry with two places, whose writers take a lock for each call: every registered handler is called.
struct registry : nmi_callback {
    std::array<std::atomic<nmi_callback*>, 2> places{&counting, nullptr};
    std::mutex lock;
    registry() : nmi_callback{call_all} {}
    static int call_all(nmi_callback& self, const pt_regs& regs, int cpu) noexcept
    {
        for (auto& place : static_cast<registry&>(self).places)
            if (nmi_callback* const c = rcu_dereference(place); c != nullptr)
                (*c)(regs, cpu);
        return 1;
    }
    void add(int place)
    {
        const std::lock_guard writers(lock);
        rcu_assign_pointer<nmi_callback>(places[static_cast<std::size_t>(place)], &counting);
    }
    /// To unregister is to wait.
    void remove(int place, machine& m)
    {
        {
            const std::lock_guard writers(lock);
            rcu_assign_pointer<nmi_callback>(places[static_cast<std::size_t>(place)], nullptr);
        }
        m.synchronize_rcu();
    }
};

struct tally {
    std::uint64_t signals = 0;
    std::uint64_t missed = 0;
    std::uint64_t doubled = 0;
};

void swap_once(machine& m, registry& r, how way, int& current)
{
    const int next = 1 - current;
    switch (way) {
    case how::exchange:
        std::ignore = m.exchange(make_nmi_handler([](const pt_regs&, int) noexcept {
            ++ran;
            return 1;
        }));
        return;
    case how::register_then_unregister:
        r.add(next);
        r.remove(current, m);
        break;
    case how::unregister_then_register:
        r.remove(current, m);
        r.add(next);
        break;
    }
    current = next;
}

/// `signals` NMIs on vCPU 0, raised by itself, one after the other.
tally run(flavor f, how way, std::uint64_t signals, std::uint64_t& swaps)
{
    std::atomic<bool> begin{false};
    std::atomic<bool> done{false};
    tally t;
    machine_config config;
    config.rcu = f;
    config.measure_latency = false;
    config.custom_workload = [&](vcpu&) {
        if (!begin.load(std::memory_order_relaxed) || done.load(std::memory_order_relaxed)) {
            sched_yield();
            return;
        }
        for (; t.signals < signals; ++t.signals) {
            ran = 0;
            raise_on(this_cpu->line); // to itself: handled before this returns
            t.missed += ran == 0;
            t.doubled += ran > 1;
            if (t.signals % 64 == 0)
                rcu_ops_of(f).quiescent_state();
        }
        // (1) release: the tally; pairs with (2)
        done.store(true, std::memory_order_release);
    };
    machine m(config);
    registry r;
    int current = 0;
    if (way == how::exchange)
        swap_once(m, r, way, current);
    else
        m.set_nmi_callback(r);
    begin.store(true, std::memory_order_relaxed); // nothing with it that the vCPU has not
    // (2) acquire: the tally; pairs with (1)
    while (!done.load(std::memory_order_acquire)) {
        swap_once(m, r, way, current);
        ++swaps;
        spin_for(between_swaps_ns);
    }
    m.unset_nmi_callback();
    m.synchronize_rcu();
    return t;
}

void exactly_once(benchmark::State& state, flavor f, how way)
{
    constexpr std::uint64_t signals = 50'000;
    tally sum;
    std::uint64_t swaps = 0;
    for (auto _ : state) {
        const tally t = run(f, way, signals, swaps);
        sum = {sum.signals + t.signals, sum.missed + t.missed, sum.doubled + t.doubled};
    }
    const double per_100k = 100'000.0 / static_cast<double>(sum.signals);
    state.counters["missed_per_100k"] = static_cast<double>(sum.missed) * per_100k;
    state.counters["doubled_per_100k"] = static_cast<double>(sum.doubled) * per_100k;
    state.counters["swaps_per_signal"] = static_cast<double>(swaps) / static_cast<double>(sum.signals);
}

} // namespace

void register_exactly_once()
{
    struct way {
        how id;
        const char* name;
    };
    for (const way& w :
         {way{how::exchange, "exchange"}, way{how::register_then_unregister, "register then unregister"},
          way{how::unregister_then_register, "unregister then register"}})
        for (const flavor f : {flavor::memb, flavor::nmi})
            with_spread(benchmark::RegisterBenchmark(
                            (std::string("exactly-once/") + w.name + "/" + std::string(name_of(f))).c_str(),
                            [f, id = w.id](benchmark::State& state) { exactly_once(state, f, id); }))
                ->Iterations(1)
                ->Unit(benchmark::kMillisecond)
                ->UseRealTime();
}

} // namespace nmisim::bench
