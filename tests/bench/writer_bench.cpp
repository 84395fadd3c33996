// SPDX-License-Identifier: MIT
//
// The writer: swap, wait for a grace period, reclaim, as fast as they go, against
//
//   sync   the flavor's own synchronize alone, with busy readers on the other CPU and idle ones registered
//   hand   the same by hand: new, store, synchronize, delete
//   turn   two handlers that are exchanged in turn: nothing is built and nothing freed
//
// p50 and p99 are of steps that are timed one by one, which adds a clock read (`clock`) to each. Ratios and differences
// are of laps: as many steps as fit into 20 us, 16 at most, between two clock reads.
//
// With a reader beside it, a synchronize after other work is slower than one right after another: the reader's cache
// line has had time to leave.
//
// One repetition measures them one after the other, there and back, in windows of 2 ms. A window in which the writer or
// the busy reader lost its CPU says nothing about a grace period and is left out (`kept` gives the share that was
// kept).
#include "base/clock.hpp"
#include "helper_threads.hpp"
#include "machine/machine_state.hpp"
#include "nmisim/rcu_pointer.hpp"
#include "statistics.hpp"
#include "suite.hpp"

#include <string>
#include <tuple>

namespace nmisim::bench {
namespace {

constexpr std::uint64_t window_ns = 2'000'000;
constexpr int windows = 12;
constexpr double own_share = 0.9;
constexpr double most_per_lap = 16;
constexpr double lap_ns = 20'000;

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

/// Every `per_lap` steps are timed together.
template <class Step>
void measure(series& s, const helper_threads& helpers, int busy, Step step, int per_lap = 1)
{
    for (int w = 0; w < windows; ++w) {
        const std::size_t before = s.ns.size();
        const std::uint64_t cpu_ns = thread_cpu_ns();
        const std::uint64_t reader_ns = helpers.busy_cpu_ns();
        const std::uint64_t begin_ns = now_ns();
        std::uint64_t at_ns = begin_ns;
        while (at_ns < begin_ns + window_ns) {
            for (int i = 0; i < per_lap; ++i)
                step();
            const std::uint64_t after_ns = now_ns();
            s.ns.push_back(static_cast<double>(after_ns - at_ns) / per_lap);
            at_ns = after_ns;
        }
        const auto length = static_cast<double>(at_ns - begin_ns);
        const bool undisturbed =
            static_cast<double>(thread_cpu_ns() - cpu_ns) >= own_share * length &&
            (busy == 0 || static_cast<double>(helpers.busy_cpu_ns() - reader_ns) >= own_share * length);
        ++s.tried;
        if (!undisturbed && !(s.kept == 0 && w == windows - 1)) {
            s.ns.resize(before);
            continue;
        }
        ++s.kept;
        s.done += (s.ns.size() - before) * static_cast<std::size_t>(per_lap);
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

double median_ns(series& s)
{
    std::sort(s.ns.begin(), s.ns.end());
    return quantile(s.ns, 0.5);
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
        pin_to(0);
        machine m(with_sleeping_vcpu(f));
        sched_setaffinity(0, sizeof allowed, &allowed);
        const helper_threads helpers(internals(m).rcu, idle, busy);
        pin_to(0);
        std::ignore = m.exchange(some_handler(1));
        std::uint64_t generation = 1;
        const auto raw = [&] { internals(m).rcu.synchronize(); };
        const auto whole = [&] {
            std::ignore = m.exchange(some_handler(++generation));
        }; // the old one is freed here
        std::atomic<nmi_callback*> slot{some_handler(1).release()};
        const auto by_hand = [&] {
            const nmi_handler old(slot.load(std::memory_order_relaxed)); // the only writer
            rcu_assign_pointer(slot, some_handler(++generation).release());
            internals(m).rcu.synchronize();
        };
        nmi_handler other = some_handler(0);
        const auto in_turn = [&] {
            other = m.exchange(std::move(other)).old;
        }; // two handlers, nothing is freed

        series sync;
        series swap;
        series clock;
        measure(clock, helpers, busy, [] {});
        measure(sync, helpers, busy, raw);
        measure(swap, helpers, busy, whole);
        add_counters(state, "sync", sync);
        add_counters(state, "swap", swap);
        add_counters(state, "clock", clock);

        series sync_laps;
        series swap_laps;
        series hand_laps;
        series turn_laps;
        const auto per_lap = static_cast<int>(std::clamp(lap_ns / median_ns(sync), 1.0, most_per_lap));
        measure(sync_laps, helpers, busy, raw, per_lap);
        measure(turn_laps, helpers, busy, in_turn, per_lap);
        measure(hand_laps, helpers, busy, by_hand, per_lap);
        measure(swap_laps, helpers, busy, whole, per_lap);
        measure(swap_laps, helpers, busy, whole, per_lap); // and back
        measure(hand_laps, helpers, busy, by_hand, per_lap);
        measure(turn_laps, helpers, busy, in_turn, per_lap);
        measure(sync_laps, helpers, busy, raw, per_lap);
        const nmi_handler last(slot.load(std::memory_order_relaxed)); // as above
        const double sync_ns = median_ns(sync_laps);
        const double swap_ns = median_ns(swap_laps);
        const double turn_ns = median_ns(turn_laps);
        state.counters["sync_ns"] = sync_ns;
        state.counters["ratio"] = swap_ns / sync_ns;
        state.counters["ratio_to_hand"] = swap_ns / median_ns(hand_laps);
        state.counters["turn_ratio"] = turn_ns / sync_ns;
        state.counters["turn_over_ns"] = turn_ns - sync_ns;
        const auto laps = {&sync_laps, &swap_laps, &hand_laps, &turn_laps};
        int kept = sync.kept + swap.kept;
        int tried = sync.tried + swap.tried;
        for (const series* s : laps) {
            kept += s->kept;
            tried += s->tried;
        }
        state.counters["kept"] = static_cast<double>(kept) / tried;
        sched_setaffinity(0, sizeof allowed, &allowed);
    }
}

} // namespace

void register_writer()
{
    for (const flavor f : all_flavors)
        for (const int busy : {0, 1})
            for (const int idle : {8, 512}) {
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
