// SPDX-License-Identifier: MIT
#include "faults/fault.hpp"

#include "faults/plain_publish.hpp"

#include <array>

namespace nmisim {
namespace {

constexpr std::array table{
    fault_info{fault::no_grace_period, "no-grace-period", check::grace_period,
               "the old handler is reclaimed at once: synchronize_rcu is left out"},
    fault_info{fault::no_read_lock, "no-read-lock", check::grace_period,
               "nmi_enter does not mark the read side: a grace period does not wait for the NMI"},
    fault_info{fault::leak_pointer, "leak-pointer", check::grace_period,
               "the handler's data is used after nmi_exit (rcutorture: leakpointer)"},
    fault_info{
        fault::rcu_not_watching, "rcu-not-watching", check::grace_period,
        "NMIs hit vCPUs that RCU does not watch: never registered, or (qsbr) offline and not brought online"},
    fault_info{fault::early_unregister, "early-unregister", check::grace_period,
               "a vCPU that goes offline leaves RCU before its NMI is blocked"},
    fault_info{fault::publish_before_init, "publish-before-init", check::publish_order,
               "the handler is published before its data is initialised"},
    fault_info{
        fault::plain_publish, "plain-publish", check::publish_order,
        "plain stores instead of rcu_assign_pointer, the code before 2005: the compiler reorders them"},
    fault_info{fault::drop_latched, "drop-latched", check::conservation,
               "every 64th NMI is taken off its line and forgotten"},
    fault_info{fault::unbalanced_exit, "unbalanced-exit", check::nesting,
               "nmi_exit does not take back what nmi_enter added to preempt_count"},
    fault_info{fault::irq_in_nmi, "irq-in-nmi", check::nesting,
               "the NMI's signal does not block those of the IRQ lines: an IRQ interrupts an NMI"},
    fault_info{fault::nested_stack, "nested-stack", check::nesting,
               "nested NMIs share one stack frame: the second overwrites what the first needs to return"},
    fault_info{fault::unset_then_set, "unset-then-set", check::exactly_once,
               "a swap by unset_nmi_callback and set_nmi_callback: NMIs in the gap meet the dummy"},
    fault_info{fault::add_then_remove, "add-then-remove", check::exactly_once,
               "a swap by adding the new handler and then removing the old one: NMIs between run both"},
    fault_info{fault::leak_retired, "leak-retired", check::reclaim,
               "every 16th retired handler is never reclaimed"},
    fault_info{fault::double_reclaim, "double-reclaim", check::reclaim,
               "every 16th retired handler is reclaimed twice"},
    fault_info{fault::stuck_handler, "stuck-handler", check::progress,
               "a handler never returns: the grace period that waits for it cannot end"},
    fault_info{fault::synchronize_in_nmi, "synchronize-in-nmi", check::progress,
               "a handler calls synchronize_rcu, which would wait for the handler"},
    fault_info{fault::hard_lockup, "hard-lockup", check::progress,
               "vCPU 0 spins with its interrupts off: it takes no tick any more, and only an NMI can tell"},
    fault_info{fault::clobber_errno, "clobber-errno", check::errno_kept,
               "the signal entry does not save errno"},
    fault_info{fault::malloc_in_nmi, "malloc-in-nmi", check::signal_safety,
               "a handler calls malloc and free"},
    fault_info{fault::lock_in_nmi, "lock-in-nmi", check::signal_safety, "a handler takes a mutex"},
};

} // namespace

std::span<const fault_info> all_faults() noexcept
{
    return table;
}

const fault_info* find_fault(std::string_view name) noexcept
{
    for (const fault_info& info : table)
        if (info.name == name)
            return &info;
    return nullptr;
}

std::string_view name_of(fault f) noexcept
{
    for (const fault_info& info : table)
        if (info.id == f)
            return info.name;
    return "none";
}

bool needs_irqs(fault f) noexcept
{
    return f == fault::irq_in_nmi;
}

std::string_view not_applicable(fault f, flavor with) noexcept
{
    if (f == fault::rcu_not_watching && with == flavor::bp)
        return "flavor bp registers a reader by itself in its first section, so RCU always watches";
    if (f == fault::early_unregister && with == flavor::bp)
        return "flavor bp registers a reader by itself, and unregisters it when its thread ends";
    if (f == fault::plain_publish && !plain_publish_is_reordered)
        return "this compiler leaves the two plain stores in their order; build with g++ to see them "
               "reordered";
    return {};
}

} // namespace nmisim
