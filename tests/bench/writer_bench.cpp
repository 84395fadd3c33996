// SPDX-License-Identifier: MIT
//
// The writer: swap, wait for a grace period, reclaim, as fast as they go, against
//
//   sync   the flavor's own synchronize alone, with busy readers on the other CPU and idle ones registered
//   hand   the same by hand: new, store, synchronize, delete
//   turn   two handlers that are exchanged in turn: nothing is built and nothing freed
//   clock  nothing: what the clock read adds to each of the others
//
// With a reader beside it a synchronize after other work is not the one that follows the last at once: the reader's
// cache line has had time to leave.
//
// One repetition measures them one after the other, there and back, in windows of 2 ms. A window in which the
// writer or the busy reader lost its CPU to somebody else says nothing about a grace period and is left out (`kept`
// says what share was kept); with two busy readers on one CPU one of them is always preempted, so nothing is left out.
#include "base/clock.hpp"
#include "helper_threads.hpp"
#include "machine/machine_state.hpp"
#include "statistics.hpp"
#include "suite.hpp"

#include <string>

namespace nmisim::bench {
namespace {

constexpr std::uint64_t window_ns = 2'000'000;
constexpr int windows = 12;
constexpr double own_share = 0.9;

std::uint64_t thread_cpu_ns() noexcept
{
    timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return to_ns(t);
}

struct series {
    std::vector<double> ns;
    std::uint64_t done = 0;
    std::uint64_t busy_ns = 0; ///< length of the kept windows
    int kept = 0;
    int tried = 0;
};

template <class Step>
void measure(series& s, const helper_threads& helpers, int busy, Step step)
{
    for (int w = 0; w < windows; ++w) {
        const std::size_t before = s.ns.size();
        const std::uint64_t cpu_ns = thread_cpu_ns();
        const std::uint64_t reader_ns = helpers.busy_cpu_ns();
        const std::uint64_t begin_ns = now_ns();
        std::uint64_t at_ns = begin_ns;
        while (at_ns < begin_ns + window_ns) {
            step();
            const std::uint64_t after_ns = now_ns();
            s.ns.push_back(static_cast<double>(after_ns - at_ns));
            at_ns = after_ns;
        }
        const auto length = static_cast<double>(at_ns - begin_ns);
        const bool undisturbed =
            static_cast<double>(thread_cpu_ns() - cpu_ns) >= own_share * length &&
            (busy == 0 || static_cast<double>(helpers.busy_cpu_ns() - reader_ns) >= own_share * length);
        ++s.tried;
        if (!undisturbed && busy < 2 && !(s.kept == 0 && w == windows - 1)) {
            s.ns.resize(before);
            continue;
        }
        ++s.kept;
        s.done += s.ns.size() - before;
        s.busy_ns += at_ns - begin_ns;
    }
}

nmi_handler some_handler(std::uint64_t generation)
{
    return make_nmi_handler([generation](const pt_regs&, int) noexcept { return generation == 0 ? 0 : 1; });
}

/// The handler of the vCPU's thread: asleep until the machine ends, as an idle vCPU.
machine_config with_sleeping_vcpu(flavor f)
{
    machine_config config;
    config.rcu = f;
    config.measure_latency = false;
    config.workload = workload::idle;
    return config;
}

void add_counters(benchmark::State& state, const char* who, const series& s)
{
    std::vector<double> sorted = s.ns;
    std::sort(sorted.begin(), sorted.end());
    const std::string name(who);
    state.counters[name + "_per_s"] =
        s.busy_ns == 0 ? 0 : 1e9 * static_cast<double>(s.done) / static_cast<double>(s.busy_ns);
    state.counters[name + "_p50_us"] = quantile(sorted, 0.5) / 1000;
    state.counters[name + "_p99_us"] = quantile(sorted, 0.99) / 1000;
    state.counters[name + "_max_us"] = quantile(sorted, 1) / 1000;
}

void writer(benchmark::State& state, flavor f, int busy, int idle)
{
    for (auto _ : state) {
        cpu_set_t allowed;
        sched_getaffinity(0, sizeof allowed, &allowed);
        const helper_threads helpers(f, idle, busy);
        pin_to(0);
        machine m(with_sleeping_vcpu(f));
        m.exchange(some_handler(1));
        std::uint64_t generation = 1;
        series sync;
        series swap;
        series hand;
        series turn;
        series clock;
        const auto raw = [&] { m.internals().rcu.synchronize(); };
        const auto whole = [&] { m.exchange(some_handler(++generation)); }; // the old one is freed here
        measure(clock, helpers, busy, [] {});
        measure(sync, helpers, busy, raw);
        std::atomic<nmi_callback*> slot{some_handler(1).release()};
        const auto by_hand = [&] {
            const nmi_handler old(slot.load(std::memory_order_relaxed)); // the only writer
            rcu_assign_pointer(slot, some_handler(++generation).release());
            m.internals().rcu.synchronize();
        };
        measure(hand, helpers, busy, by_hand);
        nmi_handler other = some_handler(0);
        const auto in_turn = [&] { other = m.exchange(std::move(other)); }; // two handlers, nothing is freed
        measure(swap, helpers, busy, whole);
        measure(turn, helpers, busy, in_turn);
        measure(turn, helpers, busy, in_turn);
        measure(swap, helpers, busy, whole);
        measure(hand, helpers, busy, by_hand);
        measure(sync, helpers, busy, raw);
        const nmi_handler last(slot.load(std::memory_order_relaxed)); // as above
        add_counters(state, "sync", sync);
        add_counters(state, "swap", swap);
        add_counters(state, "hand", hand);
        add_counters(state, "turn", turn);
        add_counters(state, "clock", clock);
        state.counters["ratio"] = state.counters["swap_p50_us"] / state.counters["sync_p50_us"];
        state.counters["ratio_to_hand"] = state.counters["swap_p50_us"] / state.counters["hand_p50_us"];
        state.counters["turn_ratio"] = state.counters["turn_p50_us"] / state.counters["sync_p50_us"];
        state.counters["kept"] = static_cast<double>(sync.kept + swap.kept + hand.kept + turn.kept) /
                                 static_cast<double>(sync.tried + swap.tried + hand.tried + turn.tried);
        sched_setaffinity(0, sizeof allowed, &allowed);
    }
}

} // namespace

void register_writer()
{
    for (const flavor f : all_flavors)
        for (const int busy : {0, 1, 2})
            for (const int idle : {0, 8, 64, 512}) {
                const std::string name = "writer/" + std::string(name_of(f)) + "/busy " +
                                         std::to_string(busy) + "/idle " + std::to_string(idle);
                with_spread(benchmark::RegisterBenchmark(
                                name.c_str(),
                                [f, busy, idle](benchmark::State& state) { writer(state, f, busy, idle); }))
                    ->Iterations(1)
                    ->Unit(benchmark::kMillisecond)
                    ->UseRealTime();
            }
}

} // namespace nmisim::bench
