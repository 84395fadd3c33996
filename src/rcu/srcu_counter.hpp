// SPDX-License-Identifier: MIT
//
// The read side of flavor srcu: a reader that nobody registered. Any thread may read in a domain at any moment, in any
// context, and may end without a word: nothing that a reader needs is the thread's own.
//
// A domain counts sections in two phases on lines of their own, one per CPU:
//
//     line of CPU 0:   phase 0: locks, unlocks      phase 1: locks, unlocks
//     line of CPU 1:   ...
//
// A section adds one to `locks` of the current phase on the line of the CPU that it happens to run on, and ends by adding one
// to `unlocks` beside it. It remembers the place, in the frame of the interrupt: by then the phase may be another, and the
// thread may be on another CPU. Both adds are locked ones, so that threads which share a line, and an NMI between any two
// instructions, lose none. A counter only grows, and has 64 bits.
//
// What a grace period makes of them: rcu/srcu_grace_period.hpp. The argument in full: docs/memory-ordering.md. Platform and
// orders are template parameters, as in rcu/nmi_counter.hpp.
// Kernel: kernel/rcu/srcutree.c, __srcu_read_lock_nmisafe(), __srcu_read_unlock_nmisafe().
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

namespace nmisim::rcu {

/// What the algorithm's correctness hangs on, each to be left out on purpose by a test or a fault.
struct srcu_orders {
    /// Between the add that begins a section and the section's first load.
    static constexpr bool reader_fence = true;
    // (1) release: the section's loads; pairs with (5)
    static constexpr std::memory_order section_end = std::memory_order_release;
    // (5) seq_cst fence: between the sum of the unlocks and that of the locks. What the caller unpublished, and each unlock
    // that was seen with the loads of its section, come before the locks are looked at; pairs with (1), (2)
    static constexpr std::memory_order sum_fence = std::memory_order_seq_cst;
    /// The unlocks are added up before the locks.
    static constexpr bool unlocks_first = true;
    /// A grace period looks at both phases.
    static constexpr bool both_phases = true;
    /// A grace period that was under way when a caller came does not count for it.
    static constexpr bool full_grace_period = true;
    // (3) release: the callback, and what it is to reclaim; pairs with (4)
    static constexpr std::memory_order deferred_push = std::memory_order_release;
    // (4) acquire: what the caller of call() stored; pairs with (3)
    static constexpr std::memory_order deferred_take = std::memory_order_acquire;
};

template <class Platform>
struct srcu_count {
    typename Platform::template atomic<std::uint64_t> locks{0};
    typename Platform::template atomic<std::uint64_t> unlocks{0};
};

template <class Platform>
struct alignas(Platform::line_size) srcu_line {
    std::array<srcu_count<Platform>, 2> phases;
};

template <class Platform, std::size_t Lines>
struct srcu_counters {
    static_assert((Lines & (Lines - 1)) == 0);

    /// Its lowest bit says where a section counts that begins now. Only a wish: right with any value, see the updater.
    alignas(Platform::line_size) typename Platform::template atomic<std::uint32_t> phase{0};
    /// One less than the lines in use, a power of two; set before the first reader.
    std::uint32_t last_line = Lines - 1;
    std::array<srcu_line<Platform>, Lines> lines;
};

/// Begins a section; where it counts. For leave_section(). Context: any, on any thread. Progress: wait-free.
template <class Platform, class Orders, std::size_t Lines>
inline srcu_count<Platform>& enter_section(srcu_counters<Platform, Lines>& domain) noexcept
{
    auto& line = domain.lines[Platform::current_cpu() & domain.last_line];
    const std::uint32_t phase =
        domain.phase.load(std::memory_order_relaxed); // old or new, both are looked at
    auto& count = line.phases[phase & 1];
    if constexpr (Orders::reader_fence)
        // (2) seq_cst: an add and a full fence. Whoever adds up after its own fence either sees this section or published
        // before the section's first load; pairs with (5)
        Platform::add_then_fence(count.locks, std::memory_order_seq_cst);
    else
        count.locks.fetch_add(1, std::memory_order_relaxed); // a test's: without the fence
    return count;
}

/// Ends the section that counts at `count`. Context: any; the thread need not be the one that began it. Progress: wait-free.
template <class Platform, class Orders>
inline void leave_section(srcu_count<Platform>& count) noexcept
{
    count.unlocks.fetch_add(1, Orders::section_end);
}

} // namespace nmisim::rcu
