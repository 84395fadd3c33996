// SPDX-License-Identifier: MIT
//
// The dispatcher alone: what an NMI costs beyond the signal that brings it. Handlers are called through a
// function pointer, as the kernel calls them, by 1 and by 2 threads at once. Every handler counts on its own
// vCPU and runs the same callback; `bare` only counts. Time is the thread's CPU time: other programs that take
// the CPU away do not count.
//
// On 2 threads the cost is the same when no handler writes a cache line that the other reads.
//
// `read-pair` is the flavor's read_lock and read_unlock alone.
#include "bench_cpu.hpp"
#include "nmi/entry/entry.hpp"
#include "nmi/entry/entry_policy.hpp"
#include "peers.hpp"
#include "read_pairs.hpp"
#include "statistics.hpp"
#include "suite.hpp"

#include <array>
#include <atomic>
#include <string>

namespace nmisim::bench {
namespace {

struct alignas(cacheline_size) padded_count {
    std::atomic<std::uint64_t> n{0};
};

template <class Function>
void call_repeatedly(benchmark::State& state, Function function)
{
    const pt_regs regs;
    benchmark::DoNotOptimize(function); // called through the pointer, not inlined
    for (auto _ : state)
        function(regs);
}

void of_peer(benchmark::State& state, const peer& p)
{
    const bench_cpu cpu(flavor::memb, state.thread_index());
    p.join();
    call_repeatedly(state, p.dispatch);
    p.leave();
}

void of_nmi_sim(benchmark::State& state, flavor f)
{
    shared_domain.callback.store(&claims_it, std::memory_order_relaxed); // the same by every thread
    const bench_cpu cpu(f, state.thread_index());
    call_repeatedly(state, nmi_entry_of(f, entry_kind::correct, percpu_form::pda).do_nmi);
}

void of_read_pair(benchmark::State& state, flavor f, read_pairs pairs)
{
    const bench_cpu cpu(f, state.thread_index());
    constexpr unsigned batch = 1000;
    while (state.KeepRunningBatch(batch))
        pairs(batch);
}

/// The floor of a reader that counts itself in and out on lines that others count on as well.
void two_locked_adds(benchmark::State& state)
{
    static std::array<padded_count, 2> lines;
    constexpr unsigned batch = 1000;
    while (state.KeepRunningBatch(batch))
        for (unsigned i = 0; i < batch; ++i) {
            lines[0].n.fetch_add(1, std::memory_order_relaxed); // only its cost is looked at
            asm volatile("" ::: "memory");                      // the section
            lines[1].n.fetch_add(1, std::memory_order_relaxed); // as above
        }
}

void finish(benchmark::internal::Benchmark* b)
{
    with_spread(b)->Unit(benchmark::kNanosecond)->MinTime(0.01);
}

} // namespace

void register_dispatcher()
{
    for (const peer& p : all_peers())
        for (const int threads : {1, 2})
            finish(benchmark::RegisterBenchmark((std::string("dispatcher/") + p.name).c_str(),
                                                [&p](benchmark::State& state) { of_peer(state, p); })
                       ->Threads(threads));
    for (const flavor f : all_flavors) {
        for (const int threads : {1, 2})
            finish(benchmark::RegisterBenchmark(("dispatcher/nmi-sim " + std::string(name_of(f))).c_str(),
                                                [f](benchmark::State& state) { of_nmi_sim(state, f); })
                       ->Threads(threads));
        const std::string pair = "read-pair/" + std::string(name_of(f));
        finish(benchmark::RegisterBenchmark(
            pair.c_str(), [f](benchmark::State& state) { of_read_pair(state, f, read_pairs_of(f)); }));
        finish(benchmark::RegisterBenchmark((pair + " in an NMI").c_str(), [f](benchmark::State& state) {
            of_read_pair(state, f, nmi_pairs_of(f));
        }));
    }
    finish(benchmark::RegisterBenchmark("read-pair/two locked adds", two_locked_adds));
    finish(benchmark::RegisterBenchmark("read-pair/mb of liburcu", [](benchmark::State& state) {
        of_read_pair(state, flavor::mb, read_pairs_liburcu_mb);
    }));
}

} // namespace nmisim::bench
