// SPDX-License-Identifier: MIT
//
// The updater's side of flavor nmi: a grace period is one pass over the readers' words, without membarrier(2)
// and without touching a line that a reader would then miss for longer than one load.
//
//   readers   a flat array of cache lines. A thread takes a line when it registers and gives it back when it
//             unregisters; the scan goes up to the highest line ever taken, which only grows. So registration
//             needs no lock of the updater's, and a free line is a quiescent one.
//   batching  sequence_ is odd while a grace period runs and grows by 2 with each. A caller is served by any
//             grace period that began after it came: whoever waited for the lock meanwhile finds its own done.
//   waiting   spins for as long as a sleep and a wake would take, then sleeps on the reader's word (futex).
//
// Kernel: kernel/rcu/tree_exp.h (rcu_exp_gp_seq_snap, sync_exp_work_done), rcu_seq in kernel/rcu/rcu.h.
#pragma once

#include "rcu/nmi_counter.hpp"

#include <array>
#include <cstddef>
#include <mutex>

namespace nmisim::rcu {

template <class Platform, class Orders, std::size_t Capacity>
class nmi_grace_period {
public:
    using reader = nmi_reader<Platform>;

    nmi_grace_period() = default;
    nmi_grace_period(const nmi_grace_period&) = delete;
    nmi_grace_period& operator=(const nmi_grace_period&) = delete;

    /// A line of its own for the calling thread; null when all are taken. Context: control, vcpu; not nmi.
    reader* take_reader()
    {
        const std::lock_guard lock(registry_lock_);
        if (free_ != 0)
            return &readers_[free_list_[--free_]];
        const std::size_t taken = taken_.load(std::memory_order_relaxed); // written under the lock
        if (taken == Capacity)
            return nullptr;
        // relaxed: the fence of the reader's first section comes after it; docs/memory-ordering.md
        taken_.store(taken + 1, std::memory_order_relaxed);
        return &readers_[taken];
    }
    /// Context: control, vcpu; outside of sections.
    void give_back(reader& r)
    {
        const std::lock_guard lock(registry_lock_);
        free_list_[free_++] = static_cast<std::uint32_t>(&r - readers_.data());
    }

    /// Returns when every section that had begun has ended. Context: control, vcpu outside of sections.
    void synchronize()
    {
        if constexpr (Orders::caller_fence)
            // (1) seq_cst fence: what the caller unpublished comes before its look at sequence_; pairs with (2), nmi_counter.hpp(2)
            Platform::fence(std::memory_order_seq_cst);
        const std::uint64_t wanted = end_of_next(sequence_.load(std::memory_order_relaxed)); // ordered by (1)
        const std::lock_guard lock(lock_);
        const std::uint64_t sequence = sequence_.load(std::memory_order_relaxed); // written under the lock
        if (sequence >= wanted)
            return;
        sequence_.store(sequence + 1, std::memory_order_relaxed); // ordered by (2)
        if constexpr (Orders::updater_fence)
            // (2) seq_cst fence: the scan comes after all that callers unpublished; pairs with (1), nmi_counter.hpp(2)
            Platform::fence(std::memory_order_seq_cst);
        scan();
        if constexpr (Orders::scan_fence)
            // (3) acquire fence: the loads of every section that was found ended; pairs with nmi_counter.hpp(1), nmi_counter.hpp(3)
            Platform::fence(std::memory_order_acquire);
        sequence_.store(sequence + 2, std::memory_order_relaxed); // the lock orders it
    }

    /// The next grace period that begins now ends with this sequence. Kernel: rcu_seq_snap().
    static constexpr std::uint64_t end_of_next(std::uint64_t sequence) noexcept
    {
        return Orders::full_grace_period ? (sequence + 3) & ~std::uint64_t{1}
                                         : (sequence + 2) & ~std::uint64_t{1};
    }

private:
    void scan()
    {
        const std::size_t taken = taken_.load(std::memory_order_relaxed); // ordered by (2)
        for (std::size_t i = 0; i < taken; ++i) {
            reader& r = readers_[i];
            const std::uint64_t word = r.word.load(std::memory_order_relaxed); // ordered by (2) and (3)
            if ((word & reader::nesting_mask) != 0)
                wait_for(r, word);
        }
    }

    /// One after the other, but all sections end at the same time: the longest is what it takes.
    static void wait_for(reader& r, std::uint64_t word)
    {
        for (unsigned n = 0; n < Platform::spins; ++n) {
            Platform::relax();
            if (ended(r, word))
                return;
        }
        r.awaited.store(1, std::memory_order_relaxed); // a hint, see sleep_until_ended()
        Platform::sleep_until_ended(r, word, ended);
        r.awaited.store(0, std::memory_order_relaxed); // as above
    }

    static bool ended(const reader& r, std::uint64_t word)
    {
        const std::uint64_t now = r.word.load(std::memory_order_relaxed); // ordered by (3)
        return (now & reader::nesting_mask) == 0 || (now ^ word) >= reader::one_section;
    }

    std::array<reader, Capacity> readers_{};

    /// Protects free_list_, free_ and the writes of taken_. Innermost; never held while waiting; never in NMI.
    alignas(Platform::line_size) typename Platform::mutex registry_lock_;
    typename Platform::template atomic<std::size_t> taken_{0};
    std::size_t free_ = 0;
    std::array<std::uint32_t, Capacity> free_list_{};

    /// Protects the writes of sequence_: one grace period at a time. Held while waiting; never in NMI.
    alignas(Platform::line_size) typename Platform::mutex lock_;
    typename Platform::template atomic<std::uint64_t> sequence_{0};
};

} // namespace nmisim::rcu
