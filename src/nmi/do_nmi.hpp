// SPDX-License-Identifier: MIT
//
// do_nmi(), as the documents have it (Documentation/RCU/NMI-RCU, i386 traps.c and x86_64 nmi.c of 2005):
//
//     nmi_enter()
//     cpu = smp_processor_id()
//     offline? nmi_exit() and return, uncounted
//     ++nmi_count(cpu)
//     rcu_dereference(nmi_callback)(regs, cpu) returned 0? default_do_nmi(regs)
//     nmi_exit()
//
// In the kernel an NMI is a reader because nothing preempts it. A signal handler can be preempted, so nmi_enter
// marks the read side; RCU has the interrupted vCPU's pointer-use between exactly those two calls.
//
// Context: nmi, on a vCPU's thread. Progress: wait-free but for the callback.
#pragma once

#include "base/invariant.hpp"
#include "nmi/context_tracking.hpp"
#include "nmi/default_do_nmi.hpp"
#include "nmi/entry/entry_policy.hpp"
#include "nmi/percpu.hpp"
#include "nmisim/rcu_pointer.hpp"

namespace nmisim {

enum class nmi_outcome { offline, handled, defaulted };

/// Kernel: include/linux/hardirq.h.
template <class Rcu, class Entry>
inline typename interrupt_reader<Rcu>::mark nmi_enter(percpu& cpu) noexcept
{
    const std::uint32_t count = preempt_count_add(cpu, nmi_offset + hardirq_offset);
    BUG_ON((count & nmi_overflow) != 0); // kernel: in_nmi() == NMI_MASK
    if constexpr (Entry::mark_reader)
        return interrupt_reader<Rcu>::enter(cpu);
    else
        return {};
}

template <class Rcu, class Entry>
inline void nmi_exit(percpu& cpu, typename interrupt_reader<Rcu>::mark mark) noexcept
{
    if constexpr (Entry::mark_reader)
        interrupt_reader<Rcu>::exit(cpu, mark);
    if constexpr (Entry::balanced_exit)
        preempt_count_sub(cpu, nmi_offset + hardirq_offset);
}

/// Fault leak-pointer: the callback is used where no grace period waits for it any more.
inline void look_after_exit(nmi_callback* callback, percpu& cpu) noexcept
{
    if (cpu.domain->observe != nullptr && callback != &dummy_nmi_callback)
        cpu.domain->observe(*callback, cpu);
}

template <class Rcu, class Entry, class Count>
inline nmi_outcome do_nmi(const pt_regs& regs) noexcept
{
    percpu& self = *this_cpu;
    const auto mark = nmi_enter<Rcu, Entry>(self);
    const int cpu = self.cpunumber;                                  // smp_processor_id()
    if (!self.online.load(std::memory_order_relaxed)) [[unlikely]] { // own thread's store
        nmi_exit<Rcu, Entry>(self, mark);
        return nmi_outcome::offline;
    }
    Count::count(self);
    nmi_callback* callback = rcu_dereference(self.domain->callback);
    if ((*callback)(regs, cpu) == 0) [[unlikely]] {
        default_do_nmi(regs, self);
        nmi_exit<Rcu, Entry>(self, mark);
        if constexpr (Entry::use_after_exit)
            look_after_exit(callback, self);
        return nmi_outcome::defaulted;
    }
    nmi_exit<Rcu, Entry>(self, mark);
    if constexpr (Entry::use_after_exit)
        look_after_exit(callback, self);
    return nmi_outcome::handled;
}

} // namespace nmisim
