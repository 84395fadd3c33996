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
// but that the instruction of nmi_exit which takes back the depth is also the one that counts (base/vcpu_count.hpp); the
// i386 form counts where the documents do.
//
// In the kernel an NMI is a reader because nothing preempts it. A signal handler can be preempted, so nmi_enter
// marks the read side: the handler pointer is used only between nmi_enter() and nmi_exit().
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
inline typename reader_of<Rcu, Entry>::mark nmi_enter(percpu& cpu) noexcept
{
    return reader_of<Rcu, Entry>::enter(cpu, nmi_offset + hardirq_offset);
}

/// `count`: what the same instruction adds to the vCPU's count beside.
template <class Rcu, class Entry>
inline void nmi_exit(percpu& cpu, typename reader_of<Rcu, Entry>::mark mark, std::uint64_t count) noexcept
{
    if constexpr (Entry::balanced_exit)
        count -= nmi_offset + hardirq_offset;
    reader_of<Rcu, Entry>::exit(cpu, mark, count);
}

/// What is rare, behind one look at the count: the 16th level is a BUG, a count that is full is carried. False where the
/// vCPU is offline. Context: nmi, behind nmi_enter.
bool look_at_rare_bits(percpu& cpu) noexcept;

/// Fault leak-pointer: the callback is used where no grace period waits for it any more.
inline void look_after_exit(nmi_callback* callback, percpu& cpu) noexcept
{
    if (cpu.domain->observe != nullptr && callback != &dummy_nmi_callback)
        cpu.domain->observe(*callback, cpu);
}

/// What do_nmi() is between its ends. Context: nmi.
template <class Rcu, class Entry, class Count>
inline nmi_outcome call_and_exit(percpu& self, const nmi_domain& domain, const pt_regs& regs,
                                 typename reader_of<Rcu, Entry>::mark mark) noexcept
{
    Count::count(self);
    nmi_callback* callback = rcu_dereference(domain.callback);
    constexpr std::uint64_t counted = Count::counted_by_exit ? one_nmi : 0;
    if ((*callback)(regs, self.cpunumber) == 0) [[unlikely]] {
        default_do_nmi();
        nmi_exit<Rcu, Entry>(self, mark, counted);
        if constexpr (Entry::use_after_exit)
            look_after_exit(callback, self);
        return nmi_outcome::defaulted;
    }
    nmi_exit<Rcu, Entry>(self, mark, counted);
    if constexpr (Entry::use_after_exit)
        look_after_exit(callback, self);
    return nmi_outcome::handled;
}

/// Out of line, so that do_nmi() saves no register for it. Context: nmi.
template <class Rcu, class Entry, class Count>
[[gnu::noinline, gnu::cold]] nmi_outcome look_then_call(percpu& self, const pt_regs& regs,
                                                        typename reader_of<Rcu, Entry>::mark mark) noexcept
{
    if (look_at_rare_bits(self))
        return call_and_exit<Rcu, Entry, Count>(self, *self.domain, regs, mark);
    nmi_exit<Rcu, Entry>(self, mark, 0);
    return nmi_outcome::offline;
}

template <class Rcu, class Entry, class Count>
inline nmi_outcome do_nmi(percpu& self, const pt_regs& regs) noexcept
{
    const nmi_domain& domain =
        *self.domain; // before: behind a locked instruction, loads wait one for the other
    const auto mark = nmi_enter<Rcu, Entry>(self);
    if (!reader_of<Rcu, Entry>::is_usual(self, mark)) [[unlikely]]
        return look_then_call<Rcu, Entry, Count>(self, regs, mark);
    return call_and_exit<Rcu, Entry, Count>(self, domain, regs, reader_of<Rcu, Entry>::usual(mark));
}

/// The same for who does not know its vCPU yet.
template <class Rcu, class Entry, class Count>
inline nmi_outcome do_nmi(const pt_regs& regs) noexcept
{
    return do_nmi<Rcu, Entry, Count>(*this_cpu, regs);
}

} // namespace nmisim
