// SPDX-License-Identifier: MIT
//
// exc_irq(): the signal handler of every IRQ line, and do_irq(), which is do_nmi() with a line's own pointer:
//
//     irq_enter()
//     offline? irq_exit() and return, uncounted
//     ++count(line, cpu)
//     rcu_dereference(line's handlers)(regs, cpu) returned irq_none? ++unhandled
//     irq_exit()
//
// An NMI may interrupt this at any instruction. An IRQ may interrupt neither this nor an NMI. Checked here:
//
//   nesting       no other IRQ and no NMI was interrupted, and the depth is put back
//   exactly-once  one generation of a checked handler ran
//   errno         is what it was
//
// Context: irq, on a vCPU's thread. Progress: wait-free but for the handlers.
#pragma once

#include "nmi/entry/exc_nmi.hpp"
#include "nmi/irq/irq.hpp"

namespace nmisim {

enum class irq_outcome { offline, handled, unhandled };

/// Kernel: kernel/softirq.c. RCU watches from here on, as from nmi_enter.
template <class Rcu, class Entry>
inline typename reader_of<Rcu, Entry>::mark irq_enter(percpu& cpu) noexcept
{
    return reader_of<Rcu, Entry>::enter(cpu, hardirq_offset);
}

/// Kernel: kernel/softirq.c; no softirqs run here.
template <class Rcu, class Entry>
inline void irq_exit(percpu& cpu, typename reader_of<Rcu, Entry>::mark mark) noexcept
{
    reader_of<Rcu, Entry>::exit(cpu, mark, Entry::balanced_exit ? -std::uint64_t{hardirq_offset} : 0);
}

template <class Rcu, class Entry>
inline irq_outcome do_irq(percpu& self, int irq, const pt_regs& regs) noexcept
{
    irq_line& state = self.irq->lines[static_cast<std::size_t>(irq)];
    const auto mark = irq_enter<Rcu, Entry>(self);
    if (self.count->is_offline()) [[unlikely]] {
        irq_exit<Rcu, Entry>(self, mark);
        return irq_outcome::offline;
    }
    ++state.count;
    nmi_callback* callback = rcu_dereference(self.domain->irqs[irq].action);
    const bool handled = (*callback)(regs, self.cpunumber) != irq_none;
    if (!handled)
        ++state.unhandled;
    irq_exit<Rcu, Entry>(self, mark);
    if constexpr (Entry::use_after_exit)
        if (self.domain->observe_irq != nullptr && callback != &dummy_nmi_callback)
            self.domain->observe_irq(*callback, self);
    return handled ? irq_outcome::handled : irq_outcome::unhandled;
}

/// `before`: preempt_count when the IRQ came. Context: irq.
void check_after_irq(percpu& cpu, const pt_regs& regs, std::uint32_t before, irq_outcome outcome) noexcept;
void check_irq_errno(percpu& cpu, const pt_regs& regs, int before, int after) noexcept;

template <class Rcu, class Entry>
inline void take_irq(percpu& cpu, int irq, const siginfo_t& info, const pt_regs& regs) noexcept
{
    irq_cpu& books = *cpu.irq;
    irq_line& state = books.lines[static_cast<std::size_t>(irq)];
    state.line.begin();
    if constexpr (Entry::drop_latched)
        if (++books.drop_tick % 64 == 0) {
            state.line.end();
            return;
        }
    const bool timed = cpu.domain->measure_latency;
    const std::uint64_t entered_ns = timed ? now_ns() : 0;
    books.entered_ns.store(entered_ns, std::memory_order_relaxed); // for stall reports only
    books.generations_run = 0;
    const std::uint32_t before = cpu.count->preempt_count();
    const irq_outcome outcome = do_irq<Rcu, Entry>(cpu, irq, regs);
    if (outcome == irq_outcome::offline)
        ++state.offline_seen;
    check_after_irq(cpu, regs, before, outcome);
    if (timed)
        books.handler.record(now_ns() - entered_ns);
    if (const std::uint64_t raised_ns = runtime::raised_at_ns(info, entered_ns);
        raised_ns != 0 && entered_ns >= raised_ns)
        books.delivery.record(entered_ns - raised_ns);
    books.entered_ns.store(0, std::memory_order_relaxed);
    state.line.end();
}

/// The door of a vCPU's IRQ lines (runtime/entry/arrive.hpp).
template <class Rcu, class Entry>
struct irq_door {
    using errno_kept = checked_errno<Entry, check_irq_errno>;
    static percpu* here(int) noexcept
    {
        percpu* const cpu = this_cpu;
        if (cpu == nullptr || cpu->irq != nullptr) [[likely]]
            return cpu;
        cpu->domain->strays.fetch_add(1,
                                      std::memory_order_relaxed); // another machine's line: this one has none
        return nullptr;
    }
    static bool take(percpu& cpu, const siginfo_t& info, void* context) noexcept
    {
        const bool ours = is_raised_irq(cpu, info);
        if (ours)
            take_irq<Rcu, Entry>(cpu, info.si_signo - cpu.domain->first_irq_signal, info,
                                 pt_regs{static_cast<const ucontext_t*>(context)});
        return ours;
    }
};

template <class Rcu, class Entry>
void exc_irq(int signo, siginfo_t* info, void* context) noexcept
{
    runtime::arrive<irq_door<Rcu, Entry>>(signo, info, context);
}

} // namespace nmisim
