// SPDX-License-Identifier: MIT
//
// The NMI line of one vCPU: what is between a raise and its execution.
//
// delivery::latch, the hardware's rule. `pending` is the latch: a raise sets it, the NMI clears it when it
// begins to execute. So one NMI may execute and one be pending; a raise that meets a pending one coalesces.
// The signal itself stays blocked while its handler runs, so that a signal sent meanwhile is the pending one.
//
//     idle --raise--> pending --begins--> executing --raise--> executing + pending --ends, begins--> ...
//
// delivery::queue. Each raise is a signal of its own; how many wait or execute, in_flight(), has a bound, because all
// processes of the user share the kernel's signal queue. The NMI then writes one word of the line, when it ends, with a
// plain store. The raiser looks at that word all the time, which costs the NMI nothing.
//
// Going offline: `accepting` is cleared, then raises under way (in `raises`) are waited for; after that nobody
// sends to this thread again, and what is still queued is taken off and booked as offline.
#pragma once

#include "base/counter.hpp"

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <pthread.h>

namespace nmisim {

struct interrupt_line {
    // Written by whoever raises, on any thread: locked adds. Read after the drain, or for the status line.
    /// How often it was raised, and below that how many raises are under way: one locked add says both.
    alignas(cacheline_size) std::atomic<std::uint64_t> raises{0};
    std::atomic<std::uint64_t> coalesced{0};
    std::atomic<std::uint64_t> rejected{0};
    std::atomic<std::uint64_t> offline_at_raise{0};
    std::atomic<std::uint64_t> sent{0};
    std::atomic<std::uint64_t> max_in_flight{0};
    std::atomic<bool> accepting{false};

    // Set before `accepting`, constant while it is true.
    alignas(cacheline_size) pthread_t target{};
    int cpu = -1; ///< whose line it is, for the timeline
    int signo = 0;
    bool latching = true;
    bool stamp = true; ///< send the time of the raise along
    std::uint32_t bound = 1;

    // Written by both sides; delivery::latch only.
    alignas(cacheline_size) std::atomic<std::uint32_t> pending{0};

    // Written by the vCPU: signals that have been taken, executed or not. The drain waits for sent.
    std::atomic<std::uint64_t> completed{0};

    static constexpr std::uint64_t one_raiser = 1; ///< 65535 at a time
    static constexpr std::uint64_t one_raise = std::uint64_t{1} << 16;

    std::uint64_t raised() const noexcept { return raises.load(std::memory_order_relaxed) / one_raise; }
    /// Books raises that have been made elsewhere. Context: any.
    void count_raises(std::uint64_t n) noexcept
    {
        raises.fetch_add(n * one_raise, std::memory_order_relaxed); // a count
    }
    /// The NMI begins: from here on a raise is a new NMI. Context: nmi.
    void begin() noexcept
    {
        if (latching)
            // (1) acquire: what raisers stored before; pairs with (2)
            pending.exchange(0, std::memory_order_acquire);
    }
    /// The NMI has ended. Context: nmi.
    void end() noexcept
    {
        const std::uint64_t n = completed.load(std::memory_order_relaxed) + 1; // single writer
        completed.store(n, std::memory_order_release); // (3) release: the NMI's effects; pairs with (4)
    }
    /// The same where another NMI may end in between (nmi/entry/nesting.hpp). Context: nmi.
    void end_in_window() noexcept
    {
        // (5) release: the NMI's effects; pairs with (4)
        completed.fetch_add(1, std::memory_order_release);
    }
    /// Sets the latch; false if it was set. Context: any.
    bool try_latch() noexcept
    {
        // (2) acq_rel: what the raiser stored before is the NMI's to see; pairs with (1)
        return pending.exchange(1, std::memory_order_acq_rel) == 0;
    }
    /// Signals sent and not yet completed; two looks at moving numbers, so it may be a little off, even below 0.
    /// Context: any.
    std::int64_t in_flight() const noexcept
    {
        const std::uint64_t taken = completed.load(std::memory_order_relaxed); // a bound, orders nothing
        return static_cast<std::int64_t>(sent.load(std::memory_order_relaxed) - taken);
    }
    /// The signals sent before the first of a row of looks have been taken, and their effects are visible. `sent_then`
    /// begins as UINT64_MAX; a raise that was counted and then could not be sent lowers it. Context: control.
    bool drained_to(std::uint64_t& sent_then) const noexcept
    {
        // what the caller knows to be sent is in it
        sent_then = std::min(sent_then, sent.load(std::memory_order_relaxed));
        // (4) acquire: the NMIs' effects; pairs with (3), (5)
        return completed.load(std::memory_order_acquire) >= sent_then;
    }
    /// Every signal sent so far has been taken. Context: control.
    bool drained() const noexcept
    {
        std::uint64_t sent_now = UINT64_MAX;
        return drained_to(sent_now);
    }
    /// The latch is closed and no signal is under way that would open it: each raise coalesces with an NMI that never
    /// comes. Context: control, while nobody raises.
    bool is_deaf() const noexcept { return drained() && pending.load(std::memory_order_relaxed) != 0; }
};

} // namespace nmisim
