// SPDX-License-Identifier: MIT
#include "nmi/entry/exc_nmi.hpp"

#include "nmisim/context.hpp"

namespace nmisim {

constinit __thread percpu* this_cpu __attribute__((tls_model("initial-exec"), visibility("hidden"))) =
    nullptr;

nmi_callback dummy_nmi_callback{[](nmi_callback&, const pt_regs&, int) noexcept { return 0; }};

bool in_nmi() noexcept
{
    const percpu* cpu = this_cpu;
    return cpu != nullptr && (cpu->count->preempt_count() & nmi_mask) != 0;
}

int smp_processor_id() noexcept
{
    const percpu* cpu = this_cpu;
    return cpu == nullptr ? -1 : cpu->cpunumber;
}

bool is_raised_irq(percpu& cpu, const siginfo_t& info) noexcept
{
    if (runtime::is_stamped(info, cpu.domain->pid) &&
        sigismember(&cpu.domain->irq_signals, info.si_signo) == 1) [[likely]]
        return true;
    cpu.domain->strays.fetch_add(1, std::memory_order_relaxed);
    return false;
}

nmi_claim claim_nmi(percpu& cpu, const siginfo_t& info) noexcept
{
    if (runtime::is_stamped(info, cpu.domain->pid) && info.si_signo == cpu.line.signo) [[likely]] {
        cpu.line.begin();
        return {true, runtime::stamp_of(info)};
    }
    return {adopt_nmi(cpu, info), 0};
}

bool look_at_rare_bits(percpu& cpu) noexcept
{
    const std::uint64_t count = cpu.count->look();
    BUG_ON((count & nmi_overflow) != 0); // kernel: in_nmi() == NMI_MASK
    cpu.count->carry();
    return (count & cpu_offline) == 0;
}

void check_after_nmi(percpu& cpu, const pt_regs& regs, std::uint32_t before, nmi_outcome outcome) noexcept
{
    check_record& nesting = cpu.checks[check::nesting];
    nesting.looked();
    const std::uint32_t after = cpu.count->preempt_count();
    if (((before & nmi_mask) | (after ^ before)) != 0 && !(after == before && cpu.domain->nmis_nest))
        [[unlikely]] {
        BUG_ON((after & nmi_overflow) != 0); // nmi_exit found nothing to take back
        nesting.fail({now_ns(), cpu.cpunumber, cpu.last_generation.read(), (after & nmi_mask) / nmi_offset, 0,
                      instruction_pointer(regs), "NMI depth left behind by nmi_exit"});
        // Mended, so that the run can go on to its report: the 16th level would be a BUG_ON.
        cpu.count->set_preempt_count(cpu.domain->nmis_nest ? before : before & ~nmi_mask);
    }
    if (outcome == nmi_outcome::offline)
        return;
    check_record& once = cpu.checks[check::exactly_once];
    once.looked();
    const std::uint32_t defaults_expected = outcome == nmi_outcome::defaulted ? 1 : 0;
    if (cpu.defaults_run != defaults_expected) [[unlikely]]
        once.fail({now_ns(), cpu.cpunumber, cpu.last_generation.read(), cpu.defaults_run, defaults_expected,
                   instruction_pointer(regs), "default actions run for one NMI"});
    if (cpu.domain->expect_one_generation.load(std::memory_order_relaxed) // set before the first raise
        && cpu.generations_run != 1) [[unlikely]]
        once.fail({now_ns(), cpu.cpunumber, cpu.last_generation.read(), cpu.generations_run, 1,
                   instruction_pointer(regs), "handler generations run for one NMI"});
}

void check_errno(percpu& cpu, const pt_regs& regs, int before, int after) noexcept
{
    check_record& kept = cpu.checks[check::errno_kept];
    kept.looked();
    if (before != after) [[unlikely]]
        kept.fail({now_ns(), cpu.cpunumber, cpu.last_generation.read(), static_cast<std::uint64_t>(after),
                   static_cast<std::uint64_t>(before), instruction_pointer(regs), "errno after the NMI"});
}

} // namespace nmisim
