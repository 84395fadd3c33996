// SPDX-License-Identifier: MIT
//
// rcu_ops::synchronize_after of a flavor whose grace periods are liburcu's. The lock is held for the step alone, a few
// stores, and not while waiting: callers that wait together share liburcu's grace period, and no thread waits for
// another one that waits for readers.
//
// A mutex costs a tenth of a grace period of mb or qsbr that finds nobody inside. This lock costs one atomic exchange and a
// store; who finds it taken, because its holder was interrupted or preempted among those few stores, sleeps a moment.
#pragma once

#include "base/clock.hpp"

#include <atomic>

namespace nmisim::rcu {

/// Never taken in NMI context.
class step_lock {
public:
    void lock() noexcept
    {
        // (1) acquire: what earlier steps stored; pairs with (2)
        while (taken_.test_and_set(std::memory_order_acquire)) {
            const timespec t = to_timespec(20'000);
            nanosleep(&t, nullptr);
        }
    }
    // (2) release: what the step stored; pairs with (1)
    void unlock() noexcept { taken_.clear(std::memory_order_release); }

private:
    std::atomic_flag taken_;
};

/// Runs step(argument), one caller's at a time, then Synchronize(). One lock for each flavor.
/// Context: as Synchronize.
template <void (*Synchronize)()>
void synchronize_after(void (*step)(void*) noexcept, void* argument)
{
    static constinit step_lock one_step_at_a_time;
    one_step_at_a_time.lock();
    step(argument);
    one_step_at_a_time.unlock();
    Synchronize();
}

} // namespace nmisim::rcu
