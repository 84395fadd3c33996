// SPDX-License-Identifier: MIT
//
// A grace period of flavor srcu beside many threads, none of which anybody registered: asleep, or computing. What it looks
// at is the domain's lines, however many threads there are.
#include "base/clock.hpp"
#include "base/start_thread.hpp"
#include "machine/interrupt_signal.hpp"
#include "rcu/rcu.hpp"
#include "statistics.hpp"
#include "suite.hpp"

#include <atomic>
#include <string>
#include <thread>
#include <vector>

namespace nmisim::bench {
namespace {

/// Threads that RCU knows nothing of.
class strangers {
public:
    strangers(int asleep, int running)
    {
        const signals_blocked block;
        for (int i = 0; i < asleep; ++i)
            threads_.push_back(
                start_thread("a sleeping thread", [this] { end_.wait(false, std::memory_order_relaxed); }));
        for (int i = 0; i < running; ++i)
            threads_.push_back(start_thread("a running thread", [this] {
                // Whoever runs leaves no time to make others.
                go_.wait(false, std::memory_order_relaxed);
                while (!end_.load(std::memory_order_relaxed)) // a flag
                    asm volatile("" ::: "memory");
            }));
        go_.store(true, std::memory_order_relaxed); // a flag
        go_.notify_all();
    }
    ~strangers()
    {
        end_.store(true, std::memory_order_relaxed); // a flag
        end_.notify_all();
        for (auto& t : threads_)
            t.join();
    }
    strangers(const strangers&) = delete;
    strangers& operator=(const strangers&) = delete;

private:
    std::atomic<bool> go_{false};
    std::atomic<bool> end_{false};
    std::vector<std::thread> threads_;
};

void grace_period(benchmark::State& state, int asleep, int running)
{
    const domain_rcu rcu(flavor::srcu);
    for (auto _ : state) {
        const strangers others(asleep, running);
        std::vector<double> us;
        for (int i = 0; i < (running == 0 ? 10'000 : 100);
             ++i) { // beside running threads each may wait for time slices
            const std::uint64_t begin_ns = now_ns();
            rcu.synchronize();
            us.push_back(static_cast<double>(now_ns() - begin_ns) / 1000);
        }
        std::sort(us.begin(), us.end());
        state.counters["p50_us"] = quantile(us, 0.5);
        state.counters["p99_us"] = quantile(us, 0.99);
    }
}

} // namespace

void register_domain()
{
    struct {
        const char* name;
        int asleep;
        int running;
    } const cases[] = {{"asleep 0/running 0", 0, 0}, {"asleep 1000", 1000, 0}, {"running 1000", 0, 1000}};
    for (const auto& c : cases)
        with_spread(
            benchmark::RegisterBenchmark((std::string("grace_period_srcu/") + c.name).c_str(),
                                         [c](benchmark::State& s) { grace_period(s, c.asleep, c.running); }))
            ->Iterations(1)
            ->Unit(benchmark::kMillisecond)
            ->UseRealTime();
}

} // namespace nmisim::bench
