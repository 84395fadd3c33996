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
// Kernel: kernel/rcu/srcutree.c, srcu_read_lock_nmisafe(), start_poll_synchronize_srcu(), poll_state_synchronize_srcu().
#pragma once

#include "base/counter.hpp"

#include <array>
#include <atomic>
#include <cstdint>
#include <sched.h>

namespace nmisim::runtime {

class domain {
public:
    using cookie = std::uint64_t;
    static constexpr unsigned lines = 64;

    /// Of one section, kept in its frame.
    struct mark {
        std::uint32_t line, phase, epoch;
    };

    /// Context: any. Progress: wait-free, one locked add.
    mark enter() noexcept
    {
        const mark here{static_cast<std::uint32_t>(sched_getcpu()) % lines,
                        // relaxed: an old phase costs the grace period time, see above
                        static_cast<std::uint32_t>(sequence_.load(std::memory_order_relaxed) & 1),
                        epoch_.load(std::memory_order_relaxed)}; // of this process, constant
        // (1) seq_cst: the count comes before the loads of what is published; pairs with (4)
        lines_[here.line].inside[here.phase].fetch_add(1, std::memory_order_seq_cst);
        return here;
    }
    /// Context: any. Progress: wait-free, one locked add.
    void exit(const mark& here) noexcept
    {
        if (here.epoch != epoch_.load(std::memory_order_relaxed)) // of this process, constant
            return;
        // (2) release: all that the section read and wrote; pairs with (5)
        lines_[here.line].inside[here.phase].fetch_sub(1, std::memory_order_release);
    }

    /// What the caller unpublished before may go when ended() says so. Context: any. Progress: wait-free.
    cookie start_poll() noexcept
    {
        // (3) seq_cst fence: what the caller unpublished comes before its look at the sequence; pairs with (4)
        std::atomic_thread_fence(std::memory_order_seq_cst);
        return sequence_.load(std::memory_order_relaxed) + 3; // ordered by (3)
    }

    /// Looks, moves on where it can, and never waits. Context: any. Progress: lock-free.
    bool ended(cookie wanted) noexcept
    {
        // (6) acquire: the readers that another one saw at their end; pairs with (7)
        cookie now = sequence_.load(std::memory_order_acquire);
        while (now < wanted) {
            // (4) seq_cst fence: the look comes after the step before and what callers unpublished; pairs with (1), (3)
            std::atomic_thread_fence(std::memory_order_seq_cst);
            if (!is_empty((now + 1) & 1))
                return false;
            // (7) acq_rel: this look's readers are done, and those of looks by others; pairs with (6)
            if (sequence_.compare_exchange_strong(now, now + 1, std::memory_order_acq_rel))
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
    bool is_empty(cookie phase) const noexcept
    {
        for (const line& l : lines_)
            // (5) acquire: what the sections did that are over; pairs with (2)
            if (l.inside[phase].load(std::memory_order_acquire) != 0)
                return false;
        return true;
    }

    struct alignas(cacheline_size) line {
        std::array<std::atomic<std::uint32_t>, 2> inside{};
    };
    std::array<line, lines> lines_{};
    alignas(cacheline_size) std::atomic<cookie> sequence_{0};
    std::atomic<std::uint32_t> epoch_{0};
};

} // namespace nmisim::runtime
