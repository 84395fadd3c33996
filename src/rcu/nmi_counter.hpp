// SPDX-License-Identifier: MIT
//
// The read side of flavor nmi: the counter that nmi_enter and nmi_exit keep, as an RCU flavor of its own.
//
// liburcu's readers copy a global phase; here a reader writes to its own cache line only and reads no other.
// The line holds one word in two halves, as the kernel's ct_state with its 1-and-2 trick does:
//
//     sequence | nesting        nesting 0: quiescent, no pointer is held      nesting > 0: inside a section
//
// The outermost exit adds one to the sequence. An updater that meets a section remembers its sequence: the
// section has ended when it finds nesting 0 or another sequence, however many sections followed meanwhile.
//
// An NMI may come at every instruction, also between the load and the store of either function below. It is
// balanced, so it leaves the nesting as it was. If it interrupts an outermost enter, its own exit has moved
// the sequence on, and the interrupted store takes it back to an older one: the new section then may look to an
// updater like one that it already waits for, and is waited for too, which is never wrong. A section that an
// updater waits for can not look ended early, because every store until its outermost exit keeps the sequence
// and leaves the nesting above 0.
//
// Where the store and the fence of an enter are two instructions (aarch64), an NMI between them finds a section
// that nobody is bound to have seen. There every enter fences, nested ones too; on x86-64 it is one instruction.
//
// The argument in full: docs/memory-ordering.md. Platform and orders are template parameters, so that a model
// can run the same source over other atomics, and a test can leave one order out.
// Kernel: kernel/context_tracking.c, ct_nmi_enter(), ct_nmi_exit().
#pragma once

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
struct alignas(Platform::line_size) nmi_reader {
    static constexpr std::uint64_t nesting_mask = 0xffff'ffff;
    static constexpr std::uint64_t one_section = std::uint64_t{1} << 32;

    /// Written by its own thread only.
    typename Platform::template atomic<std::uint64_t> word{0};
    /// Updaters that sleep until this reader's section ends. Written by them, rarely.
    typename Platform::template atomic<std::uint32_t> awaited{0};
};

/// Begins a section, or nests in one. Returns the word as it was, for leave_section().
/// Context: any, on the reader's own thread. Progress: wait-free.
template <class Platform, class Orders>
inline std::uint64_t enter_section(nmi_reader<Platform>& self) noexcept
{
    using reader = nmi_reader<Platform>;
    const std::uint64_t word = self.word.load(std::memory_order_relaxed); // own thread's
    if (Platform::one_instruction && (word & reader::nesting_mask) != 0) [[unlikely]]
        self.word.store(word + 1, std::memory_order_relaxed); // the section is known already
    else if constexpr (Orders::reader_fence)
        // (2) seq_cst: a store and a full fence. Whoever scans after its own fence either sees this section or
        // published before the section's first load. The store is a release, too: a scan may read it where it waits for
        // the section before; pairs with nmi_grace_period.hpp(1), nmi_grace_period.hpp(2), nmi_grace_period.hpp(3)
        Platform::store_then_fence(self.word, word + 1, std::memory_order_seq_cst);
    else
        // (3) release: the same without the fence; pairs with nmi_grace_period.hpp(3)
        self.word.store(word + 1, std::memory_order_release);
    return word;
}

/// Ends the section that enter_section() began, which returned `before`: what came in between was balanced and left
/// the word at before + 1. Without a load of it, which would wait for the store that began the section.
/// Context: the same. Progress: wait-free; may wake an updater (futex).
template <class Platform, class Orders>
inline void leave_section(nmi_reader<Platform>& self, std::uint64_t before) noexcept
{
    using reader = nmi_reader<Platform>;
    if ((before & reader::nesting_mask) != 0) [[unlikely]] {
        self.word.store(before, std::memory_order_relaxed); // still inside
        return;
    }
    self.word.store(before + reader::one_section, Orders::section_end);
    // relaxed: a look that comes too early costs the updater a time-out, see sleep_until_ended()
    if (self.awaited.load(std::memory_order_relaxed) != 0) [[unlikely]]
        Platform::wake(self);
}

/// The same where nobody remembers what enter_section() returned.
template <class Platform, class Orders>
inline void exit_section(nmi_reader<Platform>& self) noexcept
{
    leave_section<Platform, Orders>(self, self.word.load(std::memory_order_relaxed) - 1); // own thread's
}

} // namespace nmisim::rcu
