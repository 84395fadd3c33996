// SPDX-License-Identifier: MIT
//
// One thread publishes at a time. The lock is held only for the few stores of machine::exchange(), not while it waits
// for readers. So a thread can publish at once, also while others wait.
//
// A mutex costs a tenth of a grace period of mb or qsbr that finds nobody inside, and a good part of one of nmi. This
// lock costs one atomic exchange and a store. A thread that finds it taken sleeps a moment: its holder was interrupted
// or preempted among those few stores, or publishes so often that looking again at once would cost both more.
//
// Platform and orders are template parameters, as those of flavor nmi (rcu/nmi_counter.hpp), for the same model.
#pragma once

#include "base/clock.hpp"

#include <atomic>

namespace nmisim::rcu {

struct publish_orders {
    // (1) acquire: what those who published before have stored; pairs with (2)
    static constexpr std::memory_order publishing_begins = std::memory_order_acquire;
    // (2) release: what has been published, and what goes with it; pairs with (1)
    static constexpr std::memory_order published = std::memory_order_release;
};

struct publish_platform {
    template <class T>
    using atomic = std::atomic<T>;
    /// Context: control, vcpu.
    static void wait_for_turn() noexcept { sleep_for(20'000); }
};

/// Never taken in NMI context.
template <class Platform, class Orders>
class publish_lock {
public:
    void lock() noexcept
    {
        while (taken_.exchange(true, Orders::publishing_begins))
            Platform::wait_for_turn();
    }
    void unlock() noexcept { taken_.store(false, Orders::published); }

private:
    typename Platform::template atomic<bool> taken_{false};
};

} // namespace nmisim::rcu
