// SPDX-License-Identifier: MIT
//
// The read side of flavor nmi: the word in which a vCPU counts its depth is an RCU flavor of its own.
//
// liburcu's readers copy a global phase; here a reader writes to its own cache line only and reads no other. The line
// holds the word of base/vcpu_count.hpp, of which two parts concern an updater:
//
//     depth     NMIs, IRQs, read-side sections: 0 quiescent, no pointer is held      more than 0: inside a section
//     sequence  on top: the outermost exit adds one
//
// An updater that meets a section remembers its sequence: the section has ended when it finds depth 0 or another
// sequence, however many sections followed meanwhile. The sequence has 8 bits and wraps: an updater that was away while
// exactly 256 sections passed waits for one more than it had to.
//
// An NMI may come at every instruction. Each change of the word is one instruction that adds, so the NMI finds it before
// the change or after it, and nothing that it added is taken back: no count and no sequence is lost. It is balanced, so it
// leaves the depth as it was. Inside a section it is nested and leaves the sequence too; outside it moves it on.
//
// Where an enter's addition and its fence are two instructions (aarch64), an NMI between them finds a section that
// nobody is bound to have seen. So every enter fences, nested ones too.
//
// The argument in full: docs/memory-ordering.md. Platform and orders are template parameters, so that a model
// can run the same source over other atomics, and a test can leave one order out.
// Kernel: kernel/context_tracking.c, ct_nmi_enter(), ct_nmi_exit().
#pragma once

#include "base/vcpu_count.hpp"

#include <atomic>
#include <cstdint>

namespace nmisim::rcu {

/// What the algorithm's correctness hangs on, each to be left out on purpose by a test or a fault.
struct nmi_orders {
    /// Between the store that begins a section and the section's first load.
    static constexpr bool reader_fence = true;
    /// Between a caller's unpublishing store and its look at the grace periods of others.
    static constexpr bool caller_fence = true;
    /// Between the beginning of a grace period and the scan.
    static constexpr bool updater_fence = true;
    /// Between the scan and what the caller does to the old object.
    static constexpr bool scan_fence = true;
    // (1) release: the section's loads; pairs with nmi_grace_period.hpp(3)
    static constexpr std::memory_order section_end = std::memory_order_release;
    // (6) release: the sections of a thread whose line nobody looks at any more; pairs with nmi_grace_period.hpp(3)
    static constexpr std::memory_order line_given_back = std::memory_order_release;
    // (7) release: the same, where the updater finds what the next thread wrote beside it; pairs with nmi_grace_period.hpp(3)
    static constexpr std::memory_order line_taken = std::memory_order_release;
    /// A grace period that was under way when a caller came does not count for it.
    static constexpr bool full_grace_period = true;
    // (4) release: the callback, and what it is to reclaim; pairs with (5)
    static constexpr std::memory_order deferred_push = std::memory_order_release;
    // (5) acquire: what the caller of call() stored; pairs with (4)
    static constexpr std::memory_order deferred_take = std::memory_order_acquire;
};

template <class Platform>
struct alignas(Platform::line_size) nmi_reader : basic_vcpu_count<typename Platform::counting> {
    static constexpr std::uint64_t depth_mask = preempt_count_mask;

    /// Updaters that sleep until this reader's section ends. Written by them, rarely.
    typename Platform::template atomic<std::uint32_t> awaited{0};
};

/// Begins a section, or nests in one: `add` is one level of something. Returns the word as it was, for leave_section().
/// Context: any, on the reader's own thread. Progress: wait-free.
template <class Platform, class Orders>
inline std::uint64_t enter_section(nmi_reader<Platform>& self, std::uint64_t add) noexcept
{
    // An NMI behind this look counts, and leaves the depth as it is.
    const std::uint64_t before = self.look();
    if constexpr (Orders::reader_fence)
        // (2) seq_cst: a store and a full fence. Whoever scans after its own fence either sees this section or
        // published before the section's first load. The store is a release, too: a scan may read it where it waits for
        // the section before; pairs with nmi_grace_period.hpp(1), nmi_grace_period.hpp(2), nmi_grace_period.hpp(3)
        Platform::add_then_fence(self.word, add, std::memory_order_seq_cst);
    else
        // (3) release: the same without the fence; pairs with nmi_grace_period.hpp(3)
        Platform::add_in_order(self.word, add, std::memory_order_release);
    return before;
}

/// Ends the section that enter_section() began, which returned `before`. `add` takes back its level, and may count.
/// Context: the same. Progress: wait-free; may wake an updater (futex).
template <class Platform, class Orders>
inline void leave_section(nmi_reader<Platform>& self, std::uint64_t before, std::uint64_t add) noexcept
{
    if ((before & preempt_count_mask) != 0) [[unlikely]] { // still inside
        Platform::add_in_order(self.word, add, Orders::section_end);
        return;
    }
    Platform::add_in_order(self.word, add + one_section, Orders::section_end);
    // relaxed: a look that comes too early costs the updater a time-out, see sleep_until_ended()
    if (self.awaited.load(std::memory_order_relaxed) != 0) [[unlikely]]
        Platform::wake(self);
}

/// The same where nobody remembers what enter_section() returned: `level` is what it added.
template <class Platform, class Orders>
inline void exit_section(nmi_reader<Platform>& self, std::uint64_t level) noexcept
{
    leave_section<Platform, Orders>(self, self.look() - level, -level);
}

} // namespace nmisim::rcu
