// SPDX-License-Identifier: MIT
//
// The line of one thread at one interrupt, or of one vCPU: what is between a raise and its execution.
//
// With a latch, the hardware's rule: a raise sets it, the arrival clears it when it begins to execute. So one may execute and
// one be pending; a raise that meets a pending one coalesces. The signal stays blocked while its handler runs, so that one
// sent meanwhile is the pending one. Without a latch each raise is a signal of its own.
//
//     idle --raise--> pending --begins--> executing --raise--> executing + pending --ends, begins--> ...
//
// Leaving: `tid` becomes 0, then raises under way (in `raises`) are waited for; after that nobody sends to the thread again,
// and what is pending there is taken off. Whoever raises holds the line (runtime/entry/held_line.hpp).
#pragma once

#include "base/counter.hpp"

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <sys/types.h>

namespace nmisim::runtime {

struct line {
    // Written by whoever raises, on any thread: locked adds.
    /// How often it was raised, where that is counted, and below that how many raises are under way: one locked add says both.
    alignas(cacheline_size) std::atomic<std::uint64_t> raises{0};
    std::atomic<std::uint64_t> coalesced{0};
    std::atomic<std::uint64_t> sent{0};
    /// Of the thread that takes its signals; 0: nobody's, raises are refused.
    std::atomic<pid_t> tid{0};

    // Written by both sides; with a latch only.
    alignas(cacheline_size) std::atomic<std::uint32_t> pending{0};

    // Written by the thread: signals that have been taken, executed or not. The drain waits for sent.
    std::atomic<std::uint64_t> completed{0};
    std::atomic<std::uint64_t> dropped{0}; ///< never will be: nobody takes them any more

    static constexpr std::uint64_t one_raiser = 1; ///< 65535 at a time
    static constexpr std::uint64_t one_raise = std::uint64_t{1} << 16;

    std::uint64_t raised() const noexcept { return raises.load(std::memory_order_relaxed) / one_raise; }
    /// Books raises that have been made elsewhere. Context: any.
    void count_raises(std::uint64_t n) noexcept
    {
        raises.fetch_add(n * one_raise, std::memory_order_relaxed); // a count
    }

    /// Sets the latch; false if it was set. Context: any.
    bool set_latch() noexcept
    {
        // (1) acq_rel: what the raiser stored before is the handler's to see; pairs with (2)
        return pending.exchange(1, std::memory_order_acq_rel) == 0;
    }
    /// True if a raise was latched here: from here on a raise is a new one. Context: nmi, and the thread itself.
    bool open_latch() noexcept
    {
        // (2) acquire: what raisers stored before; pairs with (1)
        return pending.exchange(0, std::memory_order_acquire) != 0;
    }
    /// The same where most signals are no raises: looked at before the locked operation, and set again by each raise.
    bool take_latch() noexcept { return pending.load(std::memory_order_relaxed) != 0 && open_latch(); }
    /// What was raised has been handled. Context: nmi.
    void end() noexcept
    {
        const std::uint64_t n = completed.load(std::memory_order_relaxed) + 1; // single writer
        completed.store(n, std::memory_order_release); // (3) release: the handler's effects; pairs with (5)
    }
    /// The same where another one may end in between: a handler may unblock its own signal. Context: nmi.
    void end_in_window() noexcept
    {
        // (4) release: the handler's effects; pairs with (5)
        completed.fetch_add(1, std::memory_order_release);
    }

    /// The signals sent before the first of a row of looks have been taken, and their effects are visible. `sent_then`
    /// begins as UINT64_MAX; a raise that was counted and then could not be sent lowers it. Context: control.
    bool drained_to(std::uint64_t& sent_then) const noexcept
    {
        // what the caller knows to be sent is in it
        sent_then = std::min(sent_then, sent.load(std::memory_order_relaxed));
        // (5) acquire: the handlers' effects; pairs with (3), (4)
        return completed.load(std::memory_order_acquire) + dropped.load(std::memory_order_relaxed) >=
               sent_then;
    }
    /// Every signal sent so far has been taken. Context: control.
    bool drained() const noexcept
    {
        std::uint64_t sent_now = UINT64_MAX;
        return drained_to(sent_now);
    }
    /// All that was raised and is not handled never will be. Nobody raises here any more, nobody has the line.
    void drop_the_rest() noexcept
    {
        pending.store(0, std::memory_order_relaxed); // as said
        const std::uint64_t done =
            completed.load(std::memory_order_relaxed) + dropped.load(std::memory_order_relaxed);   // as said
        dropped.fetch_add(sent.load(std::memory_order_relaxed) - done, std::memory_order_relaxed); // as said
    }

    /// Raises are for the thread `to` from here on. Context: that thread.
    void open(pid_t to) noexcept
    {
        // (6) seq_cst: the line is set up; pairs with entry/held_line.hpp(2)
        tid.store(to, std::memory_order_seq_cst);
    }
    /// Nobody new holds the line. Context: the thread, or whoever knows that it has ended.
    void refuse_raises() noexcept
    {
        // (7) seq_cst: before the look at raises under way; pairs with entry/held_line.hpp(1), entry/held_line.hpp(2)
        tid.store(0, std::memory_order_seq_cst);
    }
    /// Somebody does. Once it is false behind refuse_raises(), all that was raised is sent. Context: as that.
    bool is_held() const noexcept
    {
        // (8) seq_cst: not before the tid, and their signals are sent; pairs with entry/held_line.hpp(1), entry/held_line.hpp(3)
        return raises.load(std::memory_order_seq_cst) % one_raise != 0;
    }
};

} // namespace nmisim::runtime
