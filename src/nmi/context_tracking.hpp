// SPDX-License-Identifier: MIT
//
// ct_nmi_enter() and ct_nmi_exit() (kernel/context_tracking.c; before 2022 rcu_nmi_enter): an NMI can hit a vCPU that
// RCU does not watch, because it is idle or going offline. RCU is then made to watch for the length of the NMI.
// One number per vCPU, ct_nmi_nesting, shows which NMI must undo that:
//
//   RCU watches        += 2    what nests in something that is watched already
//   RCU does not       watch, then += 1: 1 says "outermost, and it interrupted idle", uniquely
//   exit at 1          = 0, then stop watching; any other value: -= 2
//
// Why 1 and 2, and not a depth: an NMI may come between "watch" and "+= 1", and between "= 0" and "stop watching".
// It sees RCU watching and a depth of 0. By depth alone it would end the watching that the other NMI needs. With 2 it
// adds and subtracts, and leaves both as they are.
//
// Only flavors that have such a state use this (qsbr: an offline thread); the others watch every registered thread.
//
// Context: nmi, irq. Progress: wait-free.
#pragma once

#include "base/invariant.hpp"
#include "nmi/percpu.hpp"

#include <cstdint>
#include <type_traits>

#include "smp_mb.hpp"           // base/<cpu family>
#include "store_then_fence.hpp" // base/<cpu family>

namespace nmisim {

/// A flavor whose RCU can be not watching, and can be made to.
template <class Rcu>
concept tracks_context = requires
{
    Rcu::is_watching();
    Rcu::start_watching();
    Rcu::stop_watching();
};

template <class Rcu>
inline void ct_nmi_enter(percpu& cpu) noexcept
{
    std::int32_t nesting = cpu.ct_nmi_nesting.load(std::memory_order_relaxed) + 2; // own thread only
    if (!Rcu::is_watching()) [[unlikely]] {
        Rcu::start_watching();
        nesting -= 1;
    } else if constexpr (!store_then_fence_is_one_instruction) {
        smp_mb(); // it may have interrupted start_watching() between its store and its fence, see rcu/mb.hpp
    }
    cpu.ct_nmi_nesting.store(nesting, std::memory_order_relaxed);
}

template <class Rcu>
inline void ct_nmi_exit(percpu& cpu) noexcept
{
    const std::int32_t nesting = cpu.ct_nmi_nesting.load(std::memory_order_relaxed); // own thread only
    BUG_ON(nesting <= 0);                                                            // kernel: WARN_ON_ONCE
    if (nesting != 1) [[likely]] {
        cpu.ct_nmi_nesting.store(nesting - 2, std::memory_order_relaxed);
        return;
    }
    cpu.ct_nmi_nesting.store(0, std::memory_order_relaxed);
    Rcu::stop_watching();
}

/// A flavor whose readers count in a domain: the machine's.
template <class Rcu>
concept counts_in_a_domain = requires(rcu_domain& domain)
{
    Rcu::nmi_enter(domain);
};

/// A flavor whose reader is the vCPU's count itself.
template <class Rcu>
concept reads_by_count = requires(vcpu_count& count)
{
    Rcu::enter(count, std::uint64_t{1});
};

/// A reader beside the count: what is rare shows in the count behind enter().
struct reader_beside_count {
    template <class Mark>
    static bool is_usual(const percpu& cpu, const Mark&) noexcept
    {
        return (cpu.own_count.look() & rare_bits) == 0;
    }
    template <class Mark>
    static Mark usual(Mark m) noexcept
    {
        return m;
    }
};

/// How nmi_enter and irq_enter count a level of depth and tell RCU that a reader begins: a reader's mark, context
/// tracking, or the count alone. `add`: what becomes of the vCPU's count, see base/vcpu_count.hpp. is_usual(), behind
/// enter(): there is nothing to look at that most NMIs have not; usual(): the mark, where that is known.
template <class Rcu>
struct interrupt_reader : reader_beside_count {
    using mark = typename Rcu::nmi_mark;
    static mark enter(percpu& cpu, std::uint64_t add) noexcept
    {
        cpu.own_count.add(add);
        if constexpr (counts_in_a_domain<Rcu>)
            return Rcu::nmi_enter(*cpu.domain->readers);
        else
            return Rcu::nmi_enter();
    }
    static void exit(percpu& cpu, mark m, std::uint64_t add) noexcept
    {
        Rcu::nmi_exit(m);
        cpu.own_count.add(add);
    }
};
template <tracks_context Rcu>
struct interrupt_reader<Rcu> : reader_beside_count {
    struct mark {};
    static mark enter(percpu& cpu, std::uint64_t add) noexcept
    {
        cpu.own_count.add(add);
        ct_nmi_enter<Rcu>(cpu);
        return {};
    }
    static void exit(percpu& cpu, mark, std::uint64_t add) noexcept
    {
        ct_nmi_exit<Rcu>(cpu);
        cpu.own_count.add(add);
    }
};
template <reads_by_count Rcu>
struct interrupt_reader<Rcu> {
    struct mark {
        vcpu_count* count; ///< with it nothing else is kept across the callback
        std::uint64_t before;
    };
    // From the look before the locked instruction: one behind it would wait for it. What nests is not usual either: so
    // the exit of what is usual knows that it is the outermost one, and keeps nothing for that.
    static bool is_usual(const percpu&, mark m) noexcept
    {
        return (m.before & (rare_bits | preempt_count_mask)) == 0;
    }
    static mark usual(mark m) noexcept { return {m.count, 0}; }
    static mark enter(percpu& cpu, std::uint64_t add) noexcept
    {
        vcpu_count* const count = cpu.count;
        return {count, Rcu::enter(*count, add)};
    }
    static void exit(percpu&, mark m, std::uint64_t add) noexcept { Rcu::leave(*m.count, m.before, add); }
};

/// Fault no-read-lock: the depth alone, and where no updater looks.
struct interrupt_without_reader : reader_beside_count {
    struct mark {};
    static mark enter(percpu& cpu, std::uint64_t add) noexcept
    {
        cpu.own_count.add(add);
        return {};
    }
    static void exit(percpu& cpu, mark, std::uint64_t add) noexcept { cpu.own_count.add(add); }
};
template <class Rcu, class Entry>
using reader_of = std::conditional_t<Entry::mark_reader, interrupt_reader<Rcu>, interrupt_without_reader>;

} // namespace nmisim
