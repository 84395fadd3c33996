// SPDX-License-Identifier: MIT
//
// The updater's side of flavor nmi: a grace period is one pass over the readers' words, without membarrier(2). The pass
// only reads, so a reader loses its line for no longer than one load.
//
//   readers   a flat array of cache lines. A thread takes the first free line when it registers and gives it back
//             when it unregisters; one bit per line says whether it is taken, and the scan looks at those lines
//             only. So registration needs no lock of the updater's, and a line costs while it has an owner. A vCPU
//             counts on its line for life, and reserves it: its thread registers with that one each time.
//   batching  sequence_ is odd while a shared grace period runs and grows by 2 with each. A caller is served by any
//             that began after it came: a caller that waited for the lock may find its own done.
//   alone     a caller that would run one of its own anyway needs no lock: passes over the readers' words do not disturb
//             each other, and none waits for another one's readers.
//   waiting   spins for as long as a sleep and a wake would take, then sleeps on the reader's word (futex).
//
// Kernel: kernel/rcu/tree_exp.h (rcu_exp_gp_seq_snap, sync_exp_work_done), rcu_seq in kernel/rcu/rcu.h.
#pragma once

#include "rcu/nmi_counter.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <mutex>

namespace nmisim::rcu {

template <class Platform, class Orders, std::size_t Capacity>
class nmi_grace_period {
public:
    using reader = nmi_reader<Platform>;

    /// A line of its own for the calling thread; null when all are taken. Context: control, vcpu; not nmi.
    reader* take_reader()
    {
        const std::lock_guard lock(registry_lock_);
        const std::size_t line = first_free();
        return line == Capacity ? nullptr : look_at_from_now(line);
    }
    /// A line that no grace period looks at yet, for whoever begins and ends to read on it more than once. Null, and
    /// context: as take_reader().
    reader* reserve()
    {
        const std::lock_guard lock(registry_lock_);
        const std::size_t line = first_free();
        if (line == Capacity)
            return nullptr;
        reserved_[line / lines_per_word] |= bit_of(line);
        return &readers_[line];
    }
    /// From now on grace periods look at it, until give_back(). Context: as take_reader().
    void register_reserved(reader& r)
    {
        const std::lock_guard lock(registry_lock_);
        look_at_from_now(line_of(r));
    }
    /// Context: control, vcpu; outside of sections.
    void give_back(reader& r)
    {
        const std::lock_guard lock(registry_lock_);
        auto& word = taken_[line_of(r) / lines_per_word];
        word.store(word.load(std::memory_order_relaxed) & ~bit_of(line_of(r)), Orders::line_given_back);
    }
    /// After give_back(). Context: the same.
    void end_reservation(reader& r)
    {
        const std::lock_guard lock(registry_lock_);
        reserved_[line_of(r) / lines_per_word] &= ~bit_of(line_of(r));
    }

    /// Returns when every section that had begun has ended, together with others who call it at the same time.
    /// Context: control, vcpu outside of sections.
    void synchronize()
    {
        if constexpr (Orders::caller_fence)
            // (1) seq_cst fence: what the caller unpublished comes before its look at sequence_; pairs with (2), nmi_counter.hpp(2)
            Platform::fence(std::memory_order_seq_cst);
        const std::uint64_t wanted = end_of_next(sequence_.load(std::memory_order_relaxed)); // ordered by (1)
        const std::lock_guard lock(lock_);
        if (sequence_.load(std::memory_order_relaxed) < wanted) // written under the lock
            run();
    }

    /// The same by a grace period of its own, whatever others do meanwhile. Context: the same. `With`: a fault's orders.
    template <class With = Orders>
    void synchronize_alone()
    {
        if constexpr (With::updater_fence)
            // (2) seq_cst fence: the scan comes after all that the caller, and those whom it serves, unpublished; pairs with (1), nmi_counter.hpp(2)
            Platform::fence(std::memory_order_seq_cst);
        scan();
        if constexpr (Orders::scan_fence)
            // (3) acquire fence: the loads of every section that was found ended; pairs with nmi_counter.hpp(1), nmi_counter.hpp(2), nmi_counter.hpp(3), nmi_counter.hpp(6), nmi_counter.hpp(7)
            Platform::fence(std::memory_order_acquire);
    }

    /// The next grace period that begins now ends with this sequence. Kernel: rcu_seq_snap().
    static constexpr std::uint64_t end_of_next(std::uint64_t sequence) noexcept
    {
        return Orders::full_grace_period ? (sequence + 3) & ~std::uint64_t{1}
                                         : (sequence + 2) & ~std::uint64_t{1};
    }

private:
    static constexpr std::size_t lines_per_word = 64;
    static constexpr std::uint64_t bit_of(std::size_t line) noexcept
    {
        return std::uint64_t{1} << line % lines_per_word;
    }

    /// One grace period that others may share. Under lock_.
    void run()
    {
        const std::uint64_t sequence = sequence_.load(std::memory_order_relaxed); // written under the lock
        sequence_.store(sequence + 1, std::memory_order_relaxed);                 // ordered by (2)
        synchronize_alone();
        sequence_.store(sequence + 2, std::memory_order_relaxed); // the lock orders it
    }

    void scan()
    {
        const std::size_t words = words_.load(std::memory_order_relaxed); // ordered by (2)
        for (std::size_t i = 0; i < words; ++i) {
            std::uint64_t bits = taken_[i].load(std::memory_order_relaxed); // ordered by (2) and (3)
            for (; bits != 0; bits &= bits - 1)
                look_at(readers_[i * lines_per_word + static_cast<std::size_t>(std::countr_zero(bits))]);
        }
    }

    // Under registry_lock_.
    std::size_t line_of(const reader& r) const noexcept
    {
        return static_cast<std::size_t>(&r - readers_.data());
    }
    std::size_t first_free() const noexcept
    {
        for (std::size_t i = 0; i < taken_.size(); ++i) {
            const std::uint64_t bits =
                taken_[i].load(std::memory_order_relaxed) | reserved_[i]; // under the lock
            const std::size_t line = i * lines_per_word + static_cast<std::size_t>(std::countr_one(bits));
            if (line < std::min(Capacity, (i + 1) * lines_per_word))
                return line;
        }
        return Capacity;
    }
    reader* look_at_from_now(std::size_t line) noexcept
    {
        const std::size_t i = line / lines_per_word;
        const std::uint64_t bits = taken_[i].load(std::memory_order_relaxed); // written under the lock
        // The scan sees this or the line's sections see what was published: their fence comes after it.
        taken_[i].store(bits | bit_of(line), Orders::line_taken);
        if (i >= words_.load(std::memory_order_relaxed))    // written under the lock
            words_.store(i + 1, std::memory_order_relaxed); // ordered by that fence as well
        return &readers_[line];
    }

    static void look_at(reader& r)
    {
        const std::uint64_t word = r.word.load(std::memory_order_relaxed); // ordered by (2) and (3)
        if ((word & reader::depth_mask) != 0) [[unlikely]]
            wait_for(r, word);
    }

    /// One after the other, but all sections end at the same time: the longest is what it takes. Not inlined: the scan
    /// would have to keep its registers in memory.
    [[gnu::noinline, gnu::cold]] static void wait_for(reader& r, std::uint64_t word)
    {
        for (unsigned n = 0; n < Platform::spins; ++n) {
            Platform::relax();
            if (ended(r, word))
                return;
        }
        r.awaited.fetch_add(1, std::memory_order_relaxed); // a hint, see sleep_until_ended()
        Platform::sleep_until_ended(r, word, ended);
        r.awaited.fetch_sub(1, std::memory_order_relaxed); // as above
    }

    static bool ended(const reader& r, std::uint64_t word)
    {
        const std::uint64_t now = r.word.load(std::memory_order_relaxed); // ordered by (3)
        return (now & reader::depth_mask) == 0 || (now ^ word) >= one_section;
    }

    std::array<reader, Capacity> readers_{};

    /// Protects reserved_ and the writes of taken_ and words_. Innermost; never held while waiting; never in NMI.
    alignas(Platform::line_size) typename Platform::mutex registry_lock_;
    /// How many words of taken_ were ever in use; only grows.
    typename Platform::template atomic<std::size_t> words_{0};
    std::array<typename Platform::template atomic<std::uint64_t>,
               (Capacity + lines_per_word - 1) / lines_per_word>
        taken_{};
    std::array<std::uint64_t, (Capacity + lines_per_word - 1) / lines_per_word> reserved_{};

    /// Protects the writes of sequence_: one shared grace period at a time. Held while waiting; never in NMI.
    alignas(Platform::line_size) typename Platform::mutex lock_;
    typename Platform::template atomic<std::uint64_t> sequence_{0};
};

} // namespace nmisim::rcu
