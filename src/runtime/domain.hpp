// SPDX-License-Identifier: MIT
//
// Readers that nobody registers, one domain per interrupt: SRCU's idea, with polled grace periods so that waiting can have
// a deadline. A thread may die anywhere outside of a section, and a handler that sleeps delays nobody in another domain.
//
//   counters  64 cache lines with two counters each, one per phase. A reader picks the line by CPU and the counter by
//             phase, adds one, and takes one from *that* counter at its end, wherever its thread is by then.
//   proof     a grace period is over when each counter has been seen at 0 once, after the caller unpublished. A reader that
//             counted before then kept its counter above 0 to its end. One that counts later sees the new pointer:
//             its add and its load of the pointer are seq_cst, as are the caller's fence and the scan's. That covers a
//             reader that was delayed between reading the phase and its add, too.
//   phases    only make it end: new readers go to the other phase, so the one that is looked at runs dry.
//   steps     `sequence_` counts steps; its lowest bit is the readers' phase. A step looks at the *other* phase and, if that is
//             empty, moves on. A caller needs two looks that began after it came; the step under way may have begun
//             before, so its cookie is three steps ahead. Kernel: rcu_seq_snap().
//   no lock   whoever waits makes the steps, by compare-and-swap: looks do not disturb each other, and a handler that polls
//             cannot meet a lock of the thread that it interrupted.
//   fork      reset() forgets readers that the child does not have; a section that is older ends as a no-op.
//
// Platform and orders are template parameters, as in rcu/srcu_counter.hpp: the model test leaves out each of the orders.
// Kernel: kernel/rcu/srcutree.c, srcu_read_lock_nmisafe(), start_poll_synchronize_srcu(), poll_state_synchronize_srcu().
#pragma once

#include "base/counter.hpp"

#include <array>
#include <atomic>
#include <cstdint>
#include <sched.h>

namespace nmisim::runtime {

/// What the algorithm's correctness hangs on, each to be left out on purpose by a test.
struct domain_orders {
    // (1) seq_cst: the count comes before the loads of what is published; pairs with (4)
    static constexpr std::memory_order section_begin = std::memory_order_seq_cst;
    // (2) release: all that the section read and wrote; pairs with (5)
    static constexpr std::memory_order section_end = std::memory_order_release;
    // (3) seq_cst fence: what the caller unpublished comes before its look at the sequence; pairs with (4)
    static constexpr std::memory_order caller_fence = std::memory_order_seq_cst;
    // (4) seq_cst fence: the look comes after the step before and what callers unpublished; pairs with (1), (3)
    static constexpr std::memory_order look_fence = std::memory_order_seq_cst;
    // (5) acquire: what the sections did that are over; pairs with (2)
    static constexpr std::memory_order look = std::memory_order_acquire;
    // (6) acquire: the readers that another one saw at their end; pairs with (7)
    static constexpr std::memory_order step_seen = std::memory_order_acquire;
    // (7) acq_rel: this look's readers are done, and those of looks by others; pairs with (6)
    static constexpr std::memory_order step = std::memory_order_acq_rel;
    /// From the sequence that a caller sees to the end of its grace period.
    static constexpr unsigned steps_ahead = 3;
};

struct domain_platform {
    template <class T>
    using atomic = std::atomic<T>;
    static constexpr std::size_t line_size = cacheline_size;
    static unsigned current_cpu() noexcept { return static_cast<unsigned>(sched_getcpu()); }
    static void fence(std::memory_order order) noexcept { std::atomic_thread_fence(order); }
};

template <class Platform, class Orders, unsigned Lines>
class basic_domain {
public:
    using cookie = std::uint64_t;
    static constexpr unsigned lines = Lines;

    /// Of one section, kept in its frame.
    struct mark {
        std::uint32_t line, phase, epoch;
    };

    /// Context: any. Progress: wait-free, one locked add.
    mark enter() noexcept
    {
        const mark here{Platform::current_cpu() % lines,
                        // relaxed: an old phase costs the grace period time, see above
                        static_cast<std::uint32_t>(sequence_.load(std::memory_order_relaxed) & 1),
                        epoch_.load(std::memory_order_relaxed)}; // of this process, constant
        lines_[here.line].inside[here.phase].fetch_add(1, Orders::section_begin);
        return here;
    }
    /// Context: any. Progress: wait-free, one locked add.
    void exit(const mark& here) noexcept
    {
        if (here.epoch != epoch_.load(std::memory_order_relaxed)) // of this process, constant
            return;
        lines_[here.line].inside[here.phase].fetch_sub(1, Orders::section_end);
    }

    /// What the caller unpublished before may go when ended() says so. Context: any. Progress: wait-free.
    cookie start_poll() noexcept
    {
        Platform::fence(Orders::caller_fence);
        return sequence_.load(std::memory_order_relaxed) + Orders::steps_ahead; // ordered by the fence
    }

    /// Looks, moves on where it can, and never waits. Context: any. Progress: lock-free.
    bool ended(cookie wanted) noexcept
    {
        cookie now = sequence_.load(Orders::step_seen);
        while (now < wanted) {
            Platform::fence(Orders::look_fence);
            if (!is_empty((now + 1) & 1))
                return false;
            if (sequence_.compare_exchange_weak(now, now + 1, Orders::step, Orders::step_seen))
                ++now;
        }
        return true;
    }

    /// In the child of fork(), alone.
    void reset() noexcept
    {
        epoch_.store(epoch_.load(std::memory_order_relaxed) + 1,
                     std::memory_order_relaxed); // no other thread is there
        for (line& l : lines_)
            for (auto& count : l.inside)
                count.store(0, std::memory_order_relaxed); // as above
    }

private:
    template <class T>
    using atomic = typename Platform::template atomic<T>;

    bool is_empty(cookie phase) const noexcept
    {
        for (const line& l : lines_)
            if (l.inside[phase].load(Orders::look) != 0)
                return false;
        return true;
    }

    struct alignas(Platform::line_size) line {
        std::array<atomic<std::uint32_t>, 2> inside{};
    };
    std::array<line, lines> lines_{};
    alignas(Platform::line_size) atomic<cookie> sequence_{0};
    atomic<std::uint32_t> epoch_{0};
};

using domain = basic_domain<domain_platform, domain_orders, 64>;

} // namespace nmisim::runtime
