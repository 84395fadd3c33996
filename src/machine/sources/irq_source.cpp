// SPDX-License-Identifier: MIT
#include "machine/sources/irq_source.hpp"

#include "base/affinity.hpp"
#include "base/clock.hpp"
#include "base/start_thread.hpp"
#include "machine/machine_state.hpp"
#include "nmi/raise.hpp"

#include <algorithm>
#include <sys/prctl.h>

namespace nmisim {
namespace {
constexpr std::uint64_t longest_sleep_ns = 10'000'000; // notices stop() in time
}

irq_source::irq_source(machine& target, double rate_hz) : machine_(target), period_ns_(1e9 / rate_hz) {}

irq_source::~irq_source()
{
    stop();
}

void irq_source::start()
{
    const signals_blocked block;
    stop_.store(false, std::memory_order_relaxed); // no thread is there to see it
    thread_ = start_thread("the thread that raises IRQs", [this] {
        pthread_setname_np(pthread_self(), "irq source");
        if (const machine_config& c = machine_.internals().config; c.pin)
            leave_cpus_of(c.cpus);
        prctl(PR_SET_TIMERSLACK, 1UL); // the default lets each wake-up be 50 us late
        run();
    });
}

void irq_source::stop() noexcept
{
    stop_.store(true, std::memory_order_relaxed); // joined afterwards
    if (thread_.joinable())
        thread_.join();
}

void irq_source::run()
{
    const std::uint64_t start_ns = now_ns();
    double due_ns = 0; // since the start
    while (!stop_.load(std::memory_order_relaxed)) {
        const std::uint64_t at_ns = now_ns() - start_ns;
        if (const auto due = static_cast<std::uint64_t>(due_ns); at_ns < due) {
            const timespec t = to_timespec(start_ns + std::min(due, at_ns + longest_sleep_ns));
            clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, nullptr);
            continue;
        }
        for (auto& cpu : machine_.internals().cpus)
            for (irq_line& irq : cpu->area().irq->lines)
                raise_on(irq.line);
        due_ns += period_ns_;
    }
}

} // namespace nmisim
