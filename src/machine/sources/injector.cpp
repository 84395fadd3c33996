// SPDX-License-Identifier: MIT
#include "machine/sources/injector.hpp"

#include "base/clock.hpp"
#include "machine/machine_state.hpp"
#include "nmi/raise.hpp"

#include <queue>
#include <random>
#include <sched.h>
#include <vector>

namespace nmisim {
namespace {

/// A vCPU's next NMI. `due_ns` is when it should be raised; `at_ns` when it is tried (later, without room).
struct appointment {
    std::uint64_t at_ns;
    std::uint64_t due_ns;
    int cpu;
    bool operator<(const appointment& other) const noexcept { return at_ns > other.at_ns; } // earliest on top
};

/// Due times of one vCPU, with the given mean distance.
class arrivals {
public:
    /// vCPU `cpu` of `cpus`: their periods begin one after the other.
    arrivals(const injection& plan, std::uint64_t start_ns, int cpu, int cpus)
        : plan_(plan), period_ns_(1e9 / plan.rate_hz),
          begin_ns_(start_ns + stagger_ns(1e9 / plan.rate_hz, cpu, cpus))
    {
        std::seed_seq seed{plan.seed, plan.seed >> 32, static_cast<std::uint64_t>(cpu)};
        random_.seed(seed);
    }

    std::uint64_t next_due_ns()
    {
        switch (plan_.arrival) {
        case arrival::periodic: elapsed_ns_ += period_ns_; break;
        case arrival::poisson:
            elapsed_ns_ += std::exponential_distribution<double>(1.0 / period_ns_)(random_);
            break;
        case arrival::burst: // all of a burst are due at once, bursts as far apart as the mean rate asks
            if (++in_burst_ >= plan_.burst) {
                in_burst_ = 0;
                elapsed_ns_ += period_ns_ * plan_.burst;
            }
            break;
        }
        return begin_ns_ + static_cast<std::uint64_t>(elapsed_ns_);
    }

private:
    const injection& plan_;
    const double period_ns_;
    const std::uint64_t begin_ns_;
    double elapsed_ns_ = 0;
    unsigned in_burst_ = 0;
    std::mt19937_64 random_;
};

constexpr std::uint64_t look_again_ns = 20'000; // without room: ten NMIs' time or so

} // namespace

void injector::start()
{
    thread_.start("injector", "the injector's thread", [this] {
        keep_time(internals(machine_).config);
        trace_log* const trace = internals(machine_).trace;
        const traced_thread traced(trace == nullptr ? nullptr : &trace->injector());
        if (plan_.rate_max)
            run_max();
        else if (plan_.rate_hz > 0)
            run_paced();
    });
}

void injector::run_paced()
{
    const std::uint64_t start_ns = now_ns();
    std::vector<arrivals> streams;
    std::priority_queue<appointment> calendar;
    for (int cpu = 0; cpu < machine_.cpus(); ++cpu) {
        streams.emplace_back(plan_, start_ns, cpu, machine_.cpus());
        const std::uint64_t due_ns = streams.back().next_due_ns();
        calendar.push({due_ns, due_ns, cpu});
    }
    std::uint64_t known_ns = start_ns; // a clock that is read only when it matters
    while (!thread_.stopping()) {
        appointment next = calendar.top();
        if (next.at_ns > known_ns && next.at_ns > (known_ns = now_ns())) {
            thread_.wait_until(next.at_ns);
            known_ns = now_ns();
            continue;
        }
        calendar.pop();
        const std::uint64_t raised_ns = now_ns();
        if (machine_.raise_nmi(next.cpu) == raise_result::full) {
            ++throttled_;
            next.at_ns = raised_ns + look_again_ns;
            calendar.push(next);
            continue;
        }
        ++requested_;
        lateness_.record(raised_ns > next.due_ns ? raised_ns - next.due_ns : 0);
        next.due_ns = streams[static_cast<std::size_t>(next.cpu)].next_due_ns();
        next.at_ns = next.due_ns;
        calendar.push(next);
    }
    // NMIs that were due but had no time or room to be raised count as requested.
    const std::uint64_t end_ns = now_ns();
    for (; !calendar.empty(); calendar.pop())
        if (const std::uint64_t due_ns = calendar.top().due_ns; due_ns < end_ns)
            requested_.add(
                1 + static_cast<std::uint64_t>(static_cast<double>(end_ns - due_ns) / 1e9 * plan_.rate_hz));
}

void injector::run_max()
{
    machine_state& state = internals(machine_);
    int idle_turns = 0;
    while (!thread_.stopping()) {
        bool raised = false;
        for (auto& cpu : state.cpus)
            if (interrupt_line& line = cpu->area().line; has_room(line))
                raised |= raise_on(line) == raise_result::sent;
        if (raised) {
            idle_turns = 0;
        } else if (++idle_turns > 1000) { // the vCPU may be waiting for this very Linux CPU
            ++throttled_;
            idle_turns = 0;
            sched_yield();
        }
    }
}

} // namespace nmisim
