// SPDX-License-Identifier: MIT
#include "machine/controller.hpp"

#include "base/affinity.hpp"
#include "base/clock.hpp"
#include "base/start_thread.hpp"
#include "machine/interrupt_signal.hpp"
#include "nmi/record/trace_ring.hpp"
#include "rcu/rcu.hpp"

#include <algorithm>
#include <pthread.h>
#include <utility>

namespace nmisim {

namespace {
constexpr std::uint64_t longest_sleep_ns = 10'000'000; // notices stop() in time
}

controller::controller(std::uint64_t interval_ns, std::function<void()> step)
    : interval_ns_(interval_ns), step_(std::move(step))
{}

controller::~controller()
{
    stop();
}

void controller::start(const rcu_ops& rcu, trace_ring* trace, int pinned_vcpus)
{
    const signals_blocked block;
    due_ns_ = now_ns() + interval_ns_;
    thread_ = start_thread("the controller's thread", [this, &rcu, trace, pinned_vcpus] {
        const traced_thread traced(trace);
        pthread_setname_np(pthread_self(), "controller");
        leave_cpus_of(pinned_vcpus);
        rcu.register_thread();
        while (!stopping()) {
            const std::uint64_t at_ns = now_ns();
            if (at_ns < due_ns_) {
                const timespec t = to_timespec(std::min(due_ns_, at_ns + longest_sleep_ns));
                rcu.thread_offline();
                clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, nullptr);
                rcu.thread_online();
                continue;
            }
            swap_now(at_ns);
            rcu.quiescent_state();
        }
        rcu.unregister_thread();
        left_.store(true, std::memory_order_relaxed); // joined afterwards
    });
}

void controller::stop() noexcept
{
    stop_.store(true, std::memory_order_relaxed);
    enable(false);
    if (thread_.joinable())
        thread_.join();
}

bool controller::stop_within(std::uint64_t patience_ns) noexcept
{
    stop_.store(true, std::memory_order_relaxed);
    enable(false);
    const std::uint64_t deadline_ns = now_ns() + patience_ns;
    while (thread_.joinable() && !left_.load(std::memory_order_relaxed)) { // joined below
        if (now_ns() > deadline_ns)
            return false;
        const timespec t = to_timespec(1'000'000);
        nanosleep(&t, nullptr);
    }
    stop();
    return true;
}

void controller::round()
{
    // (1) acquire: what the step uses is set up; pairs with controller.hpp(1)
    if (!enabled_.load(std::memory_order_acquire)) {
        due_ns_ = 0;
        spin_for(1000);
        return;
    }
    const std::uint64_t at_ns = now_ns();
    if (due_ns_ == 0)
        due_ns_ = at_ns + interval_ns_;
    if (at_ns >= due_ns_)
        swap_now(at_ns);
}

void controller::swap_now(std::uint64_t at_ns)
{
    if (interval_ns_ != 0 && at_ns > due_ns_ + interval_ns_) {
        ++late_;
        due_ns_ = at_ns; // no burst of swaps to catch up
    }
    due_ns_ += interval_ns_;
    step_();
    ++swaps_;
}

} // namespace nmisim
