// SPDX-License-Identifier: MIT
//
// What an attached thread has at one interrupt. Blocks are never freed and never change their type; a thread that leaves
// gives its block to the next one. So whoever finds a block by tid may touch it, and looks at the tid again when it holds on
// to it. Kernel: SLAB_TYPESAFE_BY_RCU; the chains with a number at their end are include/linux/list_nulls.h.
//
//   line       a raise counts `sent`, and on a standard signal sets the latch, before it sends. The arrival clears the latch
//              and counts `handled` when its handlers have run.
//   leaving    tid becomes 0, then raises under way (`raisers`) are waited for. After that nobody sends here any more.
//   counters   go on when the block changes hands, so that sums over all blocks are right at any time.
//
// The owner finds its block by pthread_getspecific(), which is a plain load for the first 32 keys of a process in glibc, and
// two loads for the others of a thread that has set one.
#pragma once

#include "base/counter.hpp"

#include <atomic>
#include <cstdint>
#include <ctime>
#include <sys/types.h>

namespace nmisim::runtime {

struct interrupt_state;

struct alignas(cacheline_size) thread_block {
    // Written by whoever raises.
    std::atomic<pid_t> tid{0}; ///< 0: nobody's
    std::atomic<std::uint32_t> raisers{0};
    std::atomic<std::uint32_t> latch{0};
    std::atomic<std::uint64_t> sent{0};
    std::atomic<std::uint64_t> coalesced{0};

    // Written by the thread.
    alignas(cacheline_size) std::atomic<std::uint64_t> handled{0};
    std::atomic<std::uint32_t> depth{0}; ///< handlers under way on this thread
    std::atomic<std::uint64_t> dropped{0};
    std::atomic<std::uint64_t> absorbed{0};
    std::atomic<std::uint64_t> echoes{0};
    std::atomic<std::uint64_t> timer_events{0};
    std::atomic<std::uint64_t> expirations{0};
    std::atomic<std::uint64_t> expirations_dropped{0};
    std::atomic<void*> user{nullptr};

    // Under the control lock.
    alignas(cacheline_size) interrupt_state* owner = nullptr;
    thread_block* next_free = nullptr; ///< written by the thread that has left
    std::atomic<std::uint64_t> incarnation{0};
    unsigned holds = 0;
    bool process_holds = false; ///< one of them is attach_process()'s
    bool timer_armed = false;
    std::atomic<bool> from_outside{false}; ///< others attached the thread: there is a witness
    timer_t timer{};
    timer_t witness{};

    /// Of the chain by tid; see thread_table.
    std::atomic<std::uintptr_t> next{0};

    /// All that was raised and is not handled never will be. Nobody raises here any more.
    void drop_the_rest() noexcept
    {
        latch.store(0, std::memory_order_relaxed); // nobody has the block any more
        dropped.fetch_add(sent.load(std::memory_order_relaxed) - done(),
                          std::memory_order_relaxed); // as above
    }
    /// Of a block that the calling thread finds by its key: it has begun to leave, and no handler of others changes its mind.
    bool is_leaving() const noexcept { return tid.load(std::memory_order_relaxed) == 0; } // own thread's
    /// Raises and takes that the drain waits for. Context: any.
    std::uint64_t done() const noexcept
    {
        // (1) acquire: what the handler did; pairs with (2)
        return handled.load(std::memory_order_acquire) +
               dropped.load(std::memory_order_relaxed); // own lock's
    }
    /// Context: nmi.
    void handled_one() noexcept
    {
        // (2) release: what the handler did; pairs with (1)
        handled.fetch_add(1, std::memory_order_release);
    }
    /// True if a raise was latched here. Context: nmi, and the thread itself.
    bool take_latch() noexcept
    {
        if (latch.load(std::memory_order_relaxed) ==
            0) // looked at before the locked operation; set again by each raise
            return false;
        // (3) acquire: what the raiser stored before; pairs with (4)
        return latch.exchange(0, std::memory_order_acquire) != 0;
    }
    /// False if it was set. Context: any.
    bool set_latch() noexcept
    {
        // (4) acq_rel: what the raiser stored before is the handler's to see; pairs with (3)
        return latch.exchange(1, std::memory_order_acq_rel) == 0;
    }
};

} // namespace nmisim::runtime
