// SPDX-License-Identifier: MIT
#include "machine/paced_thread.hpp"

#include "base/affinity.hpp"
#include "base/clock.hpp"
#include "base/patience.hpp"
#include "base/signal_mask.hpp"
#include "base/start_thread.hpp"
#include "nmisim/machine_config.hpp"

#include <algorithm>
#include <pthread.h>
#include <sys/prctl.h>
#include <utility>

namespace nmisim {

void paced_thread::start(const char* name, const std::string& whose, std::function<void()> body)
{
    const signals_blocked block;
    stop_.store(false, std::memory_order_relaxed);  // no thread is there to see it
    ended_.store(false, std::memory_order_relaxed); // as above
    thread_ = start_thread(whose, [this, name, body = std::move(body)] {
        pthread_setname_np(pthread_self(), name);
        body();
        ended_.store(true, std::memory_order_relaxed); // joined afterwards
    });
}

void paced_thread::stop() noexcept
{
    stop_.store(true, std::memory_order_relaxed); // joined afterwards
    if (thread_.joinable())
        thread_.join();
}

bool paced_thread::stop_within(std::uint64_t patience_ns) noexcept
{
    stop_.store(true, std::memory_order_relaxed); // as above
    patience wait(patience_ns);
    while (thread_.joinable() && !ended_.load(std::memory_order_relaxed)) { // joined below
        if (wait.is_over(now_ns()))
            return false;
        sleep_for(100'000);
    }
    stop();
    return true;
}

bool paced_thread::wait_until(std::uint64_t at_ns) const noexcept
{
    constexpr std::uint64_t longest_sleep_ns = 10'000'000; // notices stop() in time
    for (std::uint64_t now = 0; !stopping() && (now = now_ns()) < at_ns;) {
        const timespec t = to_timespec(std::min(at_ns, now + longest_sleep_ns));
        clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, nullptr);
    }
    return !stopping();
}

void keep_time(const machine_config& config) noexcept
{
    if (config.pin)
        leave_cpus_of(config.cpus);
    prctl(PR_SET_TIMERSLACK, 1UL); // the default lets each wake-up be 50 us late
}

} // namespace nmisim
