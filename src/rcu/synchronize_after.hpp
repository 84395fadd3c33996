// SPDX-License-Identifier: MIT
//
// rcu_ops::synchronize_after. The lock is held for the step alone, a few stores, and not while waiting: who publishes does
// so at once, also while others wait for their readers.
//
// A mutex costs a tenth of a grace period of mb or qsbr that finds nobody inside, and a good part of one of nmi. This lock
// costs one atomic exchange and a store. Who finds it taken sleeps a moment: its holder was interrupted or preempted among
// those few stores, or publishes so often that looking again at once would cost both of them more.
//
// Platform and orders are template parameters, as those of flavor nmi (rcu/nmi_counter.hpp), for the same model.
#pragma once

#include "base/clock.hpp"

#include <atomic>

namespace nmisim::rcu {

struct step_orders {
    // (1) acquire: what earlier steps stored; pairs with (2)
    static constexpr std::memory_order step_begins = std::memory_order_acquire;
    // (2) release: what the step stored; pairs with (1)
    static constexpr std::memory_order step_ended = std::memory_order_release;
};

struct step_platform {
    template <class T>
    using atomic = std::atomic<T>;
    /// Context: control, vcpu.
    static void wait_for_step() noexcept
    {
        const timespec t = to_timespec(20'000);
        nanosleep(&t, nullptr);
    }
};

/// Never taken in NMI context.
template <class Platform, class Orders>
class step_lock {
public:
    void lock() noexcept
    {
        while (taken_.exchange(true, Orders::step_begins))
            Platform::wait_for_step();
    }
    void unlock() noexcept { taken_.store(false, Orders::step_ended); }

private:
    typename Platform::template atomic<bool> taken_{false};
};

/// Runs step(argument), one caller's at a time, then Synchronize(). One lock for each flavor.
/// Context: as Synchronize.
template <void (*Synchronize)()>
void synchronize_after(void (*step)(void*) noexcept, void* argument)
{
    static constinit step_lock<step_platform, step_orders> one_step_at_a_time;
    one_step_at_a_time.lock();
    step(argument);
    one_step_at_a_time.unlock();
    Synchronize();
}

} // namespace nmisim::rcu
