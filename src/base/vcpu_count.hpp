// SPDX-License-Identifier: MIT
//
// The one word in which a vCPU counts: the kernel's preempt_count in its lower part, nmi_count(cpu) in the middle, and for
// a flavor whose reader is this word (rcu/nmi_counter.hpp) the number of the section on top.
//
//     63      56  55       54   53                26  25       24     23    20  19      16  15             0
//     sequence  | carried | due | NMIs counted      | offline | 16th | NMI depth | hardirq  | read-side nesting
//
// Written by its own thread, and each write is one instruction that adds: an NMI comes before it or after it, and
// nothing that the NMI counted is written over. So nmi_exit takes back the depth and counts the NMI at once.
//
// No part runs over into the next one unnoticed:
//   nesting    the 32768th level is a BUG, in read_lock(), where a flavor counts here
//   hardirq    an NMI adds to it as well, and an IRQ interrupts nothing that has been counted: one more than NMI depth
//   NMI depth  the 16th level sets a bit of its own, which is a BUG in do_nmi(), right behind nmi_enter()
//   NMIs       `due` is the count's top bit. The next do_nmi() sees it in the look that it takes for the 16th level
//              and for offline, takes the bit off and adds one to a counter beside the word: carry(). `carried` says
//              whether that counter is odd, so that whoever reads both between the two steps is not 2^28 short.
//   sequence   wraps; what that means is rcu/nmi_counter.hpp's to say
//
// Kernel: linux/preempt.h; this_cpu_add(), this_cpu_sub().
#pragma once

#include "this_cpu_add.hpp" // base/<cpu family>

#include <atomic>
#include <cstdint>

namespace nmisim {

// preempt_count, as in linux/preempt.h: four bits of hardirq depth, four of NMI depth (nest up to 15).
inline constexpr std::uint32_t reader_offset = 1;
inline constexpr std::uint32_t reader_overflow = 1u << 15; ///< set by the 32768th level
inline constexpr std::uint32_t hardirq_offset = 1u << 16;
inline constexpr std::uint32_t hardirq_mask = 0xfu << 16;
inline constexpr std::uint32_t nmi_offset = 1u << 20;
inline constexpr std::uint32_t nmi_mask = 0xfu << 20;
inline constexpr std::uint32_t nmi_overflow = 1u << 24; ///< set by the 16th level
inline constexpr std::uint32_t preempt_count_mask = 2 * nmi_overflow - 1;

// The rest of the word.
inline constexpr std::uint64_t cpu_offline = std::uint64_t{1} << 25;
inline constexpr std::uint64_t one_nmi = std::uint64_t{1} << 26;
inline constexpr std::uint64_t carry_due = std::uint64_t{1} << 54;
inline constexpr std::uint64_t carry_is_odd = std::uint64_t{1} << 55;
inline constexpr std::uint64_t one_section = std::uint64_t{1} << 56;
/// What do_nmi() has to look at that is not so each time.
inline constexpr std::uint64_t rare_bits = nmi_overflow | cpu_offline | carry_due;

/// Platform: its atomics, and an addition that no NMI divides. A model has others than this machine.
template <class Platform>
class basic_vcpu_count {
public:
    typename Platform::template atomic<std::uint64_t> word;

    constexpr basic_vcpu_count() noexcept : word(0) {}
    constexpr explicit basic_vcpu_count(std::uint64_t first) noexcept : word(first) {}

    /// Context: any.
    std::uint32_t preempt_count() const noexcept
    {
        return static_cast<std::uint32_t>(look()) & preempt_count_mask;
    }
    bool is_offline() const noexcept { return (look() & cpu_offline) != 0; }
    /// A look, which orders nothing.
    std::uint64_t look() const noexcept { return word.load(std::memory_order_relaxed); }

    /// One instruction. Context: any, on the word's own thread.
    void add(std::uint64_t n) noexcept { Platform::add(word, n); }

    // Rare, and by one locked instruction. Context: any; the word's own thread, or at rest.
    void set_preempt_count(std::uint32_t count) noexcept
    {
        word.fetch_add(std::uint64_t{count} - preempt_count(), std::memory_order_relaxed); // as add()
    }
    void set_offline(bool offline) noexcept
    {
        if (offline)
            word.fetch_or(cpu_offline, std::memory_order_relaxed); // own NMIs only
        else
            word.fetch_and(~cpu_offline, std::memory_order_relaxed); // as above
    }

    /// As new, but for the sequence: updaters may look at it still. Context: control, at rest.
    void start_again() noexcept
    {
        carries_.store(0, std::memory_order_relaxed); // nobody counts
        // relaxed: a sum, which leaves the release of the last section in force
        word.fetch_add(cpu_offline - look() % one_section, std::memory_order_relaxed);
    }

    /// NMIs counted so far; exact at any moment. Context: any. Progress: lock-free.
    std::uint64_t nmis() const noexcept
    {
        for (;;) {
            // (1) acquire: the word that had been carried from; pairs with (3)
            const std::uint64_t carries = carries_.load(std::memory_order_acquire);
            // (2) acquire: not after the second look at carries_; pairs with (4)
            const std::uint64_t now = word.load(std::memory_order_acquire);
            if (carries_.load(std::memory_order_relaxed) != carries) // ordered by (2)
                continue;
            const std::uint64_t under_way = ((now & carry_is_odd) != 0) != (carries % 2 != 0) ? 1 : 0;
            return (carries + under_way) * (carry_due / one_nmi) + now % carry_is_odd / one_nmi;
        }
    }

    /// Context: any, on the word's own thread; an NMI on top may carry, then this one has nothing to do.
    void carry() noexcept
    {
        std::uint64_t now = look();
        while ((now & carry_due) != 0)
            // (4) release: not before the carry before this one is counted; pairs with (2)
            if (word.compare_exchange_weak(now, now ^ (carry_due | carry_is_odd), std::memory_order_release,
                                           std::memory_order_relaxed)) {
                // (3) release: not before the bit is off; pairs with (1)
                carries_.fetch_add(1, std::memory_order_release);
                return;
            }
    }

private:
    typename Platform::template atomic<std::uint64_t> carries_{0}; ///< of 2^28 NMIs each
};

struct counting_platform {
    template <class T>
    using atomic = std::atomic<T>;
    static void add(std::atomic<std::uint64_t>& word, std::uint64_t n) noexcept { this_cpu_add(word, n); }
};
using vcpu_count = basic_vcpu_count<counting_platform>;

} // namespace nmisim
