// SPDX-License-Identifier: MIT
//
// Readers that nobody registers, one domain per interrupt: SRCU as flavor srcu has it (rcu/srcu/counter.hpp,
// rcu/srcu/grace_period.hpp), polled so that waiting can have a deadline. A thread may die anywhere outside of a section, and a
// handler that sleeps delays nobody in another domain.
//
// fork(): reset() forgets readers that the child does not have; a section that is older ends as a no-op.
#pragma once

#include "rcu/srcu/grace_period.hpp"
#include "rcu/srcu/platform.hpp"

#include <atomic>
#include <cstdint>

namespace nmisim::runtime {

class domain {
    using platform = rcu::srcu_platform;
    using orders = rcu::srcu_orders;
    using grace_periods = rcu::srcu_grace_period<platform, orders, rcu::srcu_lines>;

public:
    using cookie = grace_periods::cookie;
    static constexpr unsigned lines = rcu::srcu_lines;

    /// Of one section, kept in its frame.
    struct mark {
        rcu::srcu_count<platform>* count;
        std::uint32_t epoch;
    };

    /// Context: control.
    domain() noexcept { readers_.readers().last_line = rcu::last_line_in_use(); }

    /// Context: any. Progress: wait-free, one locked add.
    mark enter() noexcept
    {
        const std::uint32_t epoch = epoch_.load(std::memory_order_relaxed); // of this process, constant
        return {&rcu::enter_section<platform, orders>(readers_.readers()), epoch};
    }
    /// Context: any. Progress: wait-free, one locked add.
    void exit(const mark& here) noexcept
    {
        if (here.epoch == epoch_.load(std::memory_order_relaxed)) // of this process, constant
            rcu::leave_section<platform, orders>(*here.count);
    }

    /// If so, what the caller unpublished before may go. Context: any. Progress: wait-free.
    bool nobody_is_inside() const noexcept { return readers_.nobody_is_inside(); }
    /// What the caller unpublished before may go when ended() says so. Context: any. Progress: wait-free.
    cookie start_poll() noexcept { return readers_.start_poll(); }
    /// Looks, moves on where it can, and never waits. Context: any. Progress: lock-free.
    bool ended(cookie wanted) noexcept { return readers_.ended(wanted); }

    /// In the child of fork(), alone.
    void reset() noexcept
    {
        epoch_.store(epoch_.load(std::memory_order_relaxed) + 1,
                     std::memory_order_relaxed); // no other thread is there
        for (auto& line : readers_.readers().lines)
            for (auto& count : line.inside)
                count.store(0, std::memory_order_relaxed); // as above
    }

private:
    grace_periods readers_;
    std::atomic<std::uint32_t> epoch_{0};
};

} // namespace nmisim::runtime
