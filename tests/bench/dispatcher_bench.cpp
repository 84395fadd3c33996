// SPDX-License-Identifier: MIT
//
// The dispatcher alone: what an NMI costs beyond the signal that brings it. Handlers are called through a
// function pointer, as the kernel calls them, by 1 and by 2 threads at once. Every handler counts on its own
// vCPU and runs the same callback; `bare` only counts. Time is the thread's CPU time: other programs that take
// the CPU away do not count.
//
// On 2 threads the cost is the same when no handler writes a cache line that the other reads.
#include "bench_cpu.hpp"
#include "nmi/entry.hpp"
#include "statistics.hpp"
#include "suite.hpp"

#include <string>

namespace nmisim::bench {
namespace {

using dispatcher = void (*)(const pt_regs&) noexcept;

nmi_callback claims_it{[](nmi_callback&, const pt_regs&, int) noexcept { return 1; }};

void bare(const pt_regs&) noexcept
{
    ++this_cpu->nmi_count;
}

template <class Function>
void call_repeatedly(benchmark::State& state, Function function)
{
    const pt_regs regs;
    benchmark::DoNotOptimize(function); // called through the pointer, not inlined
    for (auto _ : state)
        function(regs);
}

void of_bare(benchmark::State& state)
{
    const bench_cpu cpu(flavor::memb, state.thread_index());
    call_repeatedly(state, &bare);
}

void of_nmi_sim(benchmark::State& state, flavor f)
{
    shared_domain.callback.store(&claims_it, std::memory_order_relaxed); // the same by every thread
    const bench_cpu cpu(f, state.thread_index());
    call_repeatedly(state, nmi_entry_of(f, entry_kind::correct, percpu_form::pda).do_nmi);
}

void finish(benchmark::internal::Benchmark* b)
{
    with_spread(b)->Unit(benchmark::kNanosecond)->MinTime(0.01)->Threads(1)->Threads(2);
}

} // namespace

void register_dispatcher()
{
    finish(benchmark::RegisterBenchmark("dispatcher/bare", of_bare));
    for (const flavor f : all_flavors)
        finish(benchmark::RegisterBenchmark(("dispatcher/nmi-sim " + std::string(name_of(f))).c_str(),
                                            [f](benchmark::State& state) { of_nmi_sim(state, f); }));
}

} // namespace nmisim::bench
