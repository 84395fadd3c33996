// SPDX-License-Identifier: MIT
//
// The updater's side of SRCU. A grace period is over when each counter of each phase has been seen at 0 once, after the caller
// unpublished: who counted before then has left, and who counts later sees what is published now.
//
//   at once   both phases are empty behind one fence: it is over, and no line is written that a reader reads.
//   steps     somebody is inside. `sequence` counts steps; its lowest bit is the phase where sections count that begin now. A
//             step looks at the *other* phase, which therefore runs dry, and if it is empty, moves on. A caller needs two
//             looks that began after it came, one at each phase; the step under way may have begun before, so its cookie is
//             three steps ahead. Kernel: rcu_seq_snap().
//   polled    start_poll() and ended() take no lock and never wait: whoever asks makes the steps, by compare-and-swap. So a
//             wait can have a deadline, and a handler that asks cannot meet a lock of the thread that it interrupted.
//   waiting   synchronize() asks again and again. One caller at a time does so, the others sleep on the lock, and what
//             they wait for is mostly over by then. A reader wakes nobody, as in the kernel.
//
// Kernel: kernel/rcu/srcutree.c, srcu_flip(), start_poll_synchronize_srcu(), poll_state_synchronize_srcu().
#pragma once

#include "rcu/srcu/counter.hpp"

#include <mutex>

namespace nmisim::rcu {

template <class Platform, class Orders, std::size_t Lines>
class srcu_grace_period {
public:
    using counters = srcu_counters<Platform, Lines>;
    using cookie = std::uint64_t;

    counters& readers() noexcept { return readers_; }

    /// If so, what the caller unpublished before may go. Context: any. Progress: wait-free. `With`: a fault's orders.
    template <class With = Orders>
    bool nobody_is_inside() const noexcept
    {
        Platform::fence(With::look_fence);
        return is_empty(0) && (!Orders::both_phases || is_empty(1));
    }

    /// What the caller unpublished before may go when ended() says so. Context: any. Progress: wait-free.
    template <class With = Orders>
    cookie start_poll() noexcept
    {
        Platform::fence(With::caller_fence);
        return readers_.sequence.load(std::memory_order_relaxed) +
               Orders::steps_ahead; // ordered by the fence
    }

    /// Looks, moves on where it can, and never waits. Context: any. Progress: lock-free.
    template <class With = Orders>
    bool ended(cookie wanted) noexcept
    {
        cookie now = readers_.sequence.load(Orders::step_seen);
        while (now < wanted) {
            Platform::fence(With::look_fence);
            if (!is_empty(now + 1))
                return false;
            if (readers_.sequence.compare_exchange_weak(now, now + 1, Orders::step, Orders::step_seen))
                ++now;
        }
        return true;
    }

    /// Returns when every section that had begun has ended. Context: control, vcpu outside of sections.
    template <class With = Orders>
    void synchronize()
    {
        if (nobody_is_inside<With>())
            return;
        const cookie wanted = start_poll<With>();
        const std::lock_guard lock(lock_);
        for (unsigned round = 0; !ended<With>(wanted); ++round)
            Platform::pause(round);
    }

private:
    bool is_empty(cookie phase) const noexcept
    {
        for (std::uint32_t line = 0; line <= readers_.last_line; ++line)
            if (readers_.lines[line].inside[phase & 1].load(Orders::look) != 0)
                return false;
        return true;
    }

    counters readers_;

    /// Whoever has it asks; the others need not. Held while waiting; never in NMI.
    alignas(Platform::line_size) typename Platform::mutex lock_;
};

} // namespace nmisim::rcu
