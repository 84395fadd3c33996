// SPDX-License-Identifier: MIT
//
// The read side of SRCU, as flavor srcu and the runtime have it: a reader that nobody registered. Any thread may read in a
// domain at any moment, in any context, and may end without a word: nothing that a reader needs is the thread's own.
//
// A domain counts who is inside, in two phases, on lines of their own, one per CPU:
//
//     line of CPU 0:   phase 0: inside      phase 1: inside
//     line of CPU 1:   ...
//
// A section adds one in the current phase on the line of the CPU that it happens to run on, and takes one from *that* counter
// at its end. It remembers the place, in the frame of the interrupt: by then the phase may be another, and the
// thread may be on another CPU. Both are locked, so that threads which share a line, and an NMI between any two instructions,
// lose none. So a counter is never negative, and at 0 all that had entered there have left.
//
// What a grace period makes of them: rcu/srcu/grace_period.hpp. The argument in full: docs/memory-ordering.md. Platform and
// orders are template parameters, as in rcu/nmi_counter.hpp. Nothing here needs liburcu.
// Kernel: kernel/rcu/srcutree.c, __srcu_read_lock_nmisafe(), __srcu_read_unlock_nmisafe().
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

namespace nmisim::rcu {

/// What the algorithm's correctness hangs on, each to be left out on purpose by a test.
struct srcu_orders {
    /// Between the add that begins a section and the section's first load.
    static constexpr bool reader_fence = true;
    // (1) release: all that the section read and wrote; pairs with (5)
    static constexpr std::memory_order section_end = std::memory_order_release;
    // (3) seq_cst fence: what the caller unpublished comes before its look at the sequence; pairs with (4)
    static constexpr std::memory_order caller_fence = std::memory_order_seq_cst;
    // (4) seq_cst fence: the looks come after the step before, and after what callers unpublished; pairs with (2), (3)
    static constexpr std::memory_order look_fence = std::memory_order_seq_cst;
    // (5) acquire: what the sections did that are over; pairs with (1)
    static constexpr std::memory_order look = std::memory_order_acquire;
    // (6) acquire: the sections that another one saw at their end; pairs with (7)
    static constexpr std::memory_order step_seen = std::memory_order_acquire;
    // (7) acq_rel: the sections that this look, and looks of others before it, saw at their end; pairs with (6)
    static constexpr std::memory_order step = std::memory_order_acq_rel;
    /// From the sequence that a caller sees to the end of its grace period.
    static constexpr unsigned steps_ahead = 3;
    /// Nobody is inside only if both phases are empty.
    static constexpr bool both_phases = true;
    // (8) release: the callback, and what it is to reclaim; pairs with (9)
    static constexpr std::memory_order deferred_push = std::memory_order_release;
    // (9) acquire: what the caller of call() stored; pairs with (8)
    static constexpr std::memory_order deferred_take = std::memory_order_acquire;
};

/// Sections inside.
template <class Platform>
using srcu_count = typename Platform::template atomic<std::uint64_t>;

template <class Platform>
struct alignas(Platform::line_size) srcu_line {
    std::array<srcu_count<Platform>, 2> inside{};
};

template <class Platform, std::size_t Lines>
struct srcu_counters {
    static_assert((Lines & (Lines - 1)) == 0);

    /// Steps of grace periods. Its lowest bit says where a section counts that begins now: only a wish, right with any value.
    alignas(Platform::line_size) typename Platform::template atomic<std::uint64_t> sequence{0};
    /// One less than the lines in use, a power of two; set before the first reader.
    std::uint32_t last_line = Lines - 1;
    std::array<srcu_line<Platform>, Lines> lines;
};

/// Begins a section; where it counts. For leave_section(). Context: any, on any thread. Progress: wait-free.
template <class Platform, class Orders, std::size_t Lines>
inline srcu_count<Platform>& enter_section(srcu_counters<Platform, Lines>& domain) noexcept
{
    auto& line = domain.lines[Platform::current_cpu() & domain.last_line];
    // old or new, both are looked at
    const std::uint64_t phase = domain.sequence.load(std::memory_order_relaxed) & 1;
    auto& count = line.inside[phase];
    if constexpr (Orders::reader_fence)
        // (2) seq_cst: an add and a full fence. Whoever looks after its own fence either sees this section, or unpublished
        // before the section's first load; pairs with (4)
        Platform::add_then_fence(count, std::memory_order_seq_cst);
    else
        Platform::add_unfenced(count); // a test's or a fault's
    return count;
}

/// Ends the section that counts at `count`. Context: any; the thread need not be the one that began it. Progress: wait-free.
template <class Platform, class Orders>
inline void leave_section(srcu_count<Platform>& count) noexcept
{
    count.fetch_sub(1, Orders::section_end);
}

} // namespace nmisim::rcu
