// SPDX-License-Identifier: MIT
//
// The NMI line of one vCPU: the runtime's (runtime/line.hpp), with what a machine wants to know and to bound.
//
// delivery::latch is that line's latch. delivery::queue: each raise is a signal of its own; how many wait or execute,
// in_flight(), has a bound, because all processes of the user share the kernel's signal queue. The NMI then writes one word
// of the line, when it ends, with a plain store. The raiser looks at that word all the time, which costs the NMI nothing.
//
// Going offline: what is still queued when nobody sends any more is taken off and booked as offline.
#pragma once

#include "runtime/line.hpp"

#include <pthread.h>

namespace nmisim {

struct interrupt_line : runtime::line {
    // Set before the line is open, constant while it is.
    alignas(cacheline_size) pthread_t target{};
    int cpu = -1; ///< whose line it is, for the timeline
    int signo = 0;
    bool latching = true;
    bool stamp = true; ///< send the time of the raise along
    std::uint32_t bound = 1;

    // Written by whoever raises, rarely.
    std::atomic<std::uint64_t> rejected{0};
    std::atomic<std::uint64_t> offline_at_raise{0};
    std::atomic<std::uint64_t> max_in_flight{0};

    /// Raises are not refused as offline. A hint, as the caller may be late. Context: any.
    bool accepts_raises() const noexcept { return tid.load(std::memory_order_relaxed) != 0; }
    /// The NMI begins: from here on a raise is a new NMI. Context: nmi.
    void begin() noexcept
    {
        if (latching)
            static_cast<void>(open_latch());
    }
    /// Signals sent and not yet completed; two looks at moving numbers, so it may be a little off, even below 0.
    /// Context: any.
    std::int64_t in_flight() const noexcept
    {
        const std::uint64_t taken = completed.load(std::memory_order_relaxed); // a bound, orders nothing
        return static_cast<std::int64_t>(sent.load(std::memory_order_relaxed) - taken);
    }
    /// The latch is closed and no signal is under way that would open it: each raise coalesces with an NMI that never
    /// comes. Context: control, while nobody raises.
    bool is_deaf() const noexcept { return drained() && pending.load(std::memory_order_relaxed) != 0; }
};

} // namespace nmisim
