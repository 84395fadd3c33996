// SPDX-License-Identifier: MIT
#include "nmi/irq/irq.hpp"

#include "base/message_line.hpp"
#include "nmi/irq/do_irq.hpp"
#include "nmisim/context.hpp"

namespace nmisim {
namespace {

/// The calling vCPU's IRQ side where its mask is the caller's to change; null in a handler, and where there is
/// nothing to mask.
irq_cpu* own_irqs_of_task() noexcept
{
    return this_cpu == nullptr || in_irq() ? nullptr : this_cpu->irq;
}

void refuse_enabling() noexcept
{
    if (nmi_report_is_due(this_cpu->domain->last_irq_report_ns))
        message_line()
            .text("nmi-sim: WARNING: interrupt handler enabled interrupts on CPU ")
            .number(this_cpu->cpunumber)
            .text(": refused")
            .give_to(this_cpu->domain->message);
}

} // namespace

bool in_irq() noexcept
{
    return (preempt_count() & hardirq_mask) != 0;
}

bool in_task() noexcept
{
    return (preempt_count() & (nmi_mask | hardirq_mask)) == 0;
}

int interrupt_context_level() noexcept
{
    return in_nmi() ? 3 : in_irq() ? 2 : 0;
}

bool irqs_disabled() noexcept
{
    return in_irq() || (this_cpu != nullptr && this_cpu->irq != nullptr && this_cpu->irq->disabled);
}

void local_irq_disable() noexcept
{
    irq_cpu* const irqs = own_irqs_of_task();
    if (irqs == nullptr || irqs->disabled)
        return;
    pthread_sigmask(SIG_BLOCK, &this_cpu->domain->irq_signals, nullptr);
    irqs->disabled = true;
}

void local_irq_enable() noexcept
{
    if (in_irq())
        return refuse_enabling();
    irq_cpu* const irqs = own_irqs_of_task();
    if (irqs == nullptr)
        return;
    irqs->disabled = false; // first: the IRQs that come with the next line find the truth
    pthread_sigmask(SIG_UNBLOCK, &this_cpu->domain->irq_signals, nullptr);
}

unsigned long local_irq_save() noexcept
{
    if (irqs_disabled())
        return 0;
    local_irq_disable();
    return irq_flags_enabled;
}

void local_irq_restore(unsigned long flags) noexcept
{
    if ((flags & irq_flags_enabled) != 0)
        local_irq_enable();
    else
        local_irq_disable();
}

int handle_irq_event(nmi_callback& self, const pt_regs& regs, int cpu) noexcept
{
    int answer = irq_none;
    for (nmi_callback* const handler : static_cast<irq_actions&>(self).handlers)
        answer |= (*handler)(regs, cpu);
    return answer;
}

void check_after_irq(percpu& cpu, const pt_regs& regs, std::uint32_t before, irq_outcome outcome) noexcept
{
    irq_cpu& books = *cpu.irq;
    const auto fail = [&](check which, std::uint64_t observed, std::uint64_t expected, const char* what) {
        books.checks[which].fail({now_ns(), cpu.cpunumber, books.last_generation.read(), observed, expected,
                                  instruction_pointer(regs), what});
    };
    books.checks[check::nesting].looked();
    if ((before & nmi_mask) != 0) [[unlikely]]
        fail(check::nesting, (before & nmi_mask) / nmi_offset, 0, "NMIs interrupted by an IRQ");
    else if ((before & hardirq_mask) != 0) [[unlikely]]
        fail(check::nesting, (before & hardirq_mask) / hardirq_offset, 0, "IRQs interrupted by an IRQ");
    const std::uint32_t after = cpu.count->preempt_count();
    if (after != before) [[unlikely]] {
        BUG_ON((after & nmi_overflow) != 0); // irq_exit found nothing to take back
        fail(check::nesting, (after & hardirq_mask) / hardirq_offset,
             (before & hardirq_mask) / hardirq_offset, "IRQ depth left behind by irq_exit");
        cpu.count->set_preempt_count(before); // mended, so that the run can go on
    }
    if (outcome == irq_outcome::offline)
        return;
    books.checks[check::exactly_once].looked();
    if (cpu.domain->expect_one_generation.load(std::memory_order_relaxed) // set before the first raise
        && books.generations_run != 1) [[unlikely]]
        fail(check::exactly_once, books.generations_run, 1, "handler generations run for one IRQ");
}

void check_irq_errno(percpu& cpu, const pt_regs& regs, int before, int after) noexcept
{
    check_record& kept = cpu.irq->checks[check::errno_kept];
    kept.looked();
    if (before != after) [[unlikely]]
        kept.fail({now_ns(), cpu.cpunumber, cpu.irq->last_generation.read(),
                   static_cast<std::uint64_t>(after), static_cast<std::uint64_t>(before),
                   instruction_pointer(regs), "errno after the IRQ"});
}

} // namespace nmisim
