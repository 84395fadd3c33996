// SPDX-License-Identifier: MIT
#include "base/clock.hpp"
#include "machine/sources/per_thread_source.hpp"
#include "runtime/origin.hpp"

#include <cerrno>

namespace nmisim {
namespace {

/// A periodic CLOCK_MONOTONIC timer whose signal goes to one thread.
class thread_timer {
public:
    thread_timer(percpu& cpu, double rate_hz) : period_ns_(static_cast<std::uint64_t>(1e9 / rate_hz))
    {
        sigevent event{};
        event.sigev_notify = SIGEV_THREAD_ID;
        event.sigev_signo = cpu.line.signo;
        event._sigev_un._tid = cpu.tid; // glibc 2.36 has no sigev_notify_thread_id
        event.sigev_value.sival_ptr = runtime::mark_of(runtime::origin::timer);
        if (timer_create(CLOCK_MONOTONIC, &event, &timer_) != 0)
            throw std::system_error(errno, std::generic_category(),
                                    "timer_create for source timer (each timer takes a place in the user's "
                                    "queue of signals: see ulimit -i)");
        // The C library hands the kernel's number out as a pointer.
        const auto id = static_cast<int>(reinterpret_cast<std::intptr_t>(timer_));
        cpu.sources.timer.store(id, std::memory_order_relaxed); // timer_settime orders it before the signal
        first_ns_ = now_ns() + period_ns_;
        const itimerspec when{to_timespec(period_ns_), to_timespec(first_ns_)};
        timer_settime(timer_, TIMER_ABSTIME, &when, nullptr);
    }
    ~thread_timer() { timer_delete(timer_); }
    thread_timer(const thread_timer&) = delete;
    thread_timer& operator=(const thread_timer&) = delete;

    /// How many expirations there were due. Stopped first: none comes after the clock has been read.
    std::uint64_t stop() noexcept
    {
        const itimerspec never{};
        timer_settime(timer_, 0, &never, nullptr);
        const std::uint64_t at_ns = now_ns();
        return at_ns < first_ns_ ? 0 : 1 + (at_ns - first_ns_) / period_ns_;
    }

private:
    const std::uint64_t period_ns_;
    std::uint64_t first_ns_ = 0;
    timer_t timer_{};
};

} // namespace

std::unique_ptr<nmi_source> make_timer_source(machine& m, double rate_hz)
{
    return std::make_unique<per_thread_source<thread_timer>>(m, rate_hz);
}

} // namespace nmisim
