// SPDX-License-Identifier: MIT
#include "machine/controller.hpp"

#include "base/affinity.hpp"
#include "base/clock.hpp"
#include "nmi/record/trace_ring.hpp"
#include "rcu/rcu.hpp"

#include <utility>

namespace nmisim {

controller::controller(std::uint64_t interval_ns, std::function<void()> step)
    : interval_ns_(interval_ns), step_(std::move(step))
{}

void controller::start(const domain_rcu& rcu, trace_ring* trace, int pinned_vcpus)
{
    due_ns_ = now_ns() + interval_ns_;
    thread_.start("controller", "the controller's thread", [this, &rcu, trace, pinned_vcpus] {
        const traced_thread traced(trace);
        leave_cpus_of(pinned_vcpus);
        rcu.register_thread();
        while (!thread_.stopping()) {
            const std::uint64_t at_ns = now_ns();
            if (at_ns < due_ns_) {
                rcu.thread_offline();
                thread_.wait_until(due_ns_);
                rcu.thread_online();
                continue;
            }
            swap_now(at_ns);
            rcu.quiescent_state();
        }
        rcu.unregister_thread();
    });
}

void controller::stop() noexcept
{
    enable(false);
    thread_.stop();
}

bool controller::stop_within(std::uint64_t patience_ns) noexcept
{
    enable(false);
    return thread_.stop_within(patience_ns);
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
