// SPDX-License-Identifier: MIT
//
// The updater's side of flavor srcu: a phase is empty if it has as many unlocks as locks, added up over all lines, the
// unlocks first. A section that could have seen the old object counts in one of the two phases, so a grace period has ended
// when each of them was found empty once.
//
//   at once   nobody is inside: two looks, no lock, and no line is written that a reader reads.
//   flip      somebody is. New sections would keep a phase from ever being empty, so they are sent to the other one: wait for
//             the phase where nobody begins, send new sections there, wait for the one where they began until now.
//   batching  as in rcu/nmi_grace_period.hpp: sequence_ is odd while a flip is under way. A caller is served by any that
//             began after it came.
//   waiting   a reader wakes nobody, as in the kernel: an updater spins, then looks again after longer and longer naps.
//
// Kernel: kernel/rcu/srcutree.c, srcu_readers_active_idx_check(), srcu_flip(), srcu_advance_state().
#pragma once

#include "rcu/srcu_counter.hpp"

#include <mutex>

namespace nmisim::rcu {

template <class Platform, class Orders, std::size_t Lines>
class srcu_grace_period {
public:
    using counters = srcu_counters<Platform, Lines>;

    srcu_grace_period() = default;
    srcu_grace_period(const srcu_grace_period&) = delete;
    srcu_grace_period& operator=(const srcu_grace_period&) = delete;

    counters& readers() noexcept { return readers_; }

    /// Returns when every section that had begun has ended. Context: control, vcpu outside of sections.
    void synchronize()
    {
        const std::uint32_t phase = readers_.phase.load(std::memory_order_relaxed); // whichever is first
        if (is_empty(phase + 1) && is_empty(phase))
            return;
        // Ordered behind what the caller unpublished by the fence of is_empty().
        const std::uint64_t wanted = end_of_next(sequence_.load(std::memory_order_relaxed));
        const std::lock_guard lock(lock_);
        if (sequence_.load(std::memory_order_relaxed) < wanted) // written under the lock
            flip();
    }

    /// The next flip that begins now ends with this sequence. Kernel: rcu_seq_snap().
    static constexpr std::uint64_t end_of_next(std::uint64_t sequence) noexcept
    {
        return Orders::full_grace_period ? (sequence + 3) & ~std::uint64_t{1}
                                         : (sequence + 2) & ~std::uint64_t{1};
    }

private:
    /// Under lock_.
    void flip()
    {
        const std::uint64_t sequence = sequence_.load(std::memory_order_relaxed); // written under the lock
        sequence_.store(sequence + 1, std::memory_order_relaxed); // ordered by the fence of is_empty()
        const std::uint32_t phase = readers_.phase.load(std::memory_order_relaxed); // written under the lock
        if constexpr (Orders::both_phases)
            wait_until_empty(phase + 1);
        readers_.phase.store(phase + 1, std::memory_order_relaxed); // a wish, nothing hangs on its order
        wait_until_empty(phase);
        sequence_.store(sequence + 2, std::memory_order_relaxed); // the lock orders it
    }

    void wait_until_empty(std::uint32_t phase)
    {
        for (unsigned round = 0; !is_empty(phase); ++round)
            Platform::pause(round);
    }

    bool is_empty(std::uint32_t phase)
    {
        const auto first = Orders::unlocks_first ? &count::unlocks : &count::locks;
        const auto second = Orders::unlocks_first ? &count::locks : &count::unlocks;
        const std::uint64_t sum = added_up(phase, first);
        Platform::fence(Orders::sum_fence);
        return added_up(phase, second) == sum;
    }

    using count = srcu_count<Platform>;
    std::uint64_t added_up(std::uint32_t phase,
                           typename Platform::template atomic<std::uint64_t> count::*which) noexcept
    {
        std::uint64_t sum = 0;
        for (std::uint32_t line = 0; line <= readers_.last_line; ++line)
            // ordered by sum_fence
            sum += (readers_.lines[line].phases[phase & 1].*which).load(std::memory_order_relaxed);
        return sum;
    }

    counters readers_;

    /// Protects the writes of sequence_ and of the phase. Held while waiting; never in NMI.
    alignas(Platform::line_size) typename Platform::mutex lock_;
    typename Platform::template atomic<std::uint64_t> sequence_{0};
};

} // namespace nmisim::rcu
