// SPDX-License-Identifier: MIT
#include "faults/fault.hpp"

#include "faults/plain_publish.hpp"
#include "rcu/rcu.hpp"

#include <array>

namespace nmisim {
namespace {

constexpr machine_faults unmarked_reader{.entry = entry_kind::no_read_lock};
constexpr std::string_view frees_the_chain =
    "the chain itself would be freed under its readers, and the run would crash instead of telling";
constexpr std::string_view no_registration =
    "flavor srcu registers nobody: its readers count in the machine's domain";
constexpr std::string_view chains_publish_themselves =
    "a chain publishes its own table, by rcu_assign_pointer";

std::string_view own_fences(flavor with) noexcept
{
    return with == flavor::nmi || with == flavor::srcu
               ? ""
               : "the fences of this flavor are inside liburcu: flavors nmi and srcu have their own";
}

constexpr std::array table{
    fault_info{.id = fault::none, .name = "none"},
    fault_info{.id = fault::no_grace_period,
               .name = "no-grace-period",
               .caught_by = check::grace_period,
               .left_out = "the old handler is reclaimed at once: synchronize_rcu is left out",
               .explored_in = "do_nmi-map",
               .swap = {.waits = false},
               .widened_by = {.slow_handlers = true}},
    fault_info{.id = fault::no_read_lock,
               .name = "no-read-lock",
               .caught_by = check::grace_period,
               .left_out = "nmi_enter does not mark the read side: a grace period does not wait for the NMI",
               .explored_in = "do_nmi-map",
               .machine = unmarked_reader,
               .widened_by = {.slow_handlers = true, .idle_vcpus = true},
               .not_on_a_chain = frees_the_chain},
    fault_info{.id = fault::leak_pointer,
               .name = "leak-pointer",
               .caught_by = check::grace_period,
               .left_out = "the handler's data is used after nmi_exit (rcutorture: leakpointer)",
               .explored_in = "do_nmi-map",
               .machine = {.entry = entry_kind::leak_pointer},
               .widened_by = {.slow_handlers = true, .idle_vcpus = true},
               .not_on_a_chain = frees_the_chain},
    fault_info{
        .id = fault::rcu_not_watching,
        .name = "rcu-not-watching",
        .caught_by = check::grace_period,
        .left_out = "NMIs hit vCPUs that RCU does not watch: never registered, or (qsbr) offline and "
                    "not brought online",
        .explored_in = "do_nmi-map",
        .machine = {.register_vcpus = false},
        // qsbr needs its vCPUs registered: it is nmi_enter that does not help them.
        .machine_of_qsbr = unmarked_reader,
        .widened_by = {.slow_handlers = true, .idle_vcpus = true},
        .not_on_a_chain = frees_the_chain,
        .not_applicable = [](flavor with) noexcept -> std::string_view {
            if (with == flavor::srcu)
                return no_registration;
            return with != flavor::bp
                       ? ""
                       : "flavor bp registers a reader by itself in its first section, so RCU always watches";
        }},
    fault_info{
        .id = fault::early_unregister,
        .name = "early-unregister",
        .caught_by = check::grace_period,
        .left_out = "a vCPU that goes offline leaves RCU before its NMI is blocked",
        .machine = {.unregister_early = true},
        .widened_by = {.slow_handlers = true, .hotplug = true, .swaps_back_to_back = true},
        .not_on_a_chain = frees_the_chain,
        .not_applicable = [](flavor with) noexcept -> std::string_view {
            if (with == flavor::srcu)
                return no_registration;
            return with != flavor::bp
                       ? ""
                       : "flavor bp registers a reader by itself, and unregisters it when its thread ends";
        }},
    fault_info{.id = fault::no_reader_fence,
               .name = "no-reader-fence",
               .caught_by = check::grace_period,
               .left_out =
                   "nmi_enter marks the read side without a fence: the mark waits in the store buffer "
                   "while the pointer is read",
               .explored_in = "do_nmi-map",
               .needs_store_buffers = true,
               .machine = {.entry = entry_kind::no_reader_fence},
               .not_applicable = own_fences},
    fault_info{.id = fault::no_updater_fence,
               .name = "no-updater-fence",
               .caught_by = check::grace_period,
               .left_out =
                   "a grace period begins without a fence: it looks for readers while the new pointer "
                   "waits in the store buffer",
               .explored_in = "do_nmi-map",
               .needs_store_buffers = true,
               .swap = {.fences = false},
               .not_applicable = own_fences},
    fault_info{.id = fault::no_membarrier,
               .name = "no-membarrier",
               .caught_by = check::grace_period,
               .left_out =
                   "a grace period leaves out membarrier(2), which stands for the fences that readers "
                   "do not have",
               .explored_in = "do_nmi-map",
               .needs_store_buffers = true,
               .swap = {.fences = false},
               .not_applicable = [](flavor with) noexcept -> std::string_view {
                   if (with != flavor::memb && with != flavor::bp)
                       return "only flavors memb and bp use membarrier(2)";
                   return has_membarrier() ? "" : "membarrier(2) is not here, so that readers have fences";
               }},
    fault_info{.id = fault::publish_before_init,
               .name = "publish-before-init",
               .caught_by = check::publish_order,
               .left_out = "the handler is published before its data is initialised",
               .explored_in = "publish",
               .swap = {.publish = wrong::publish_before_init, .builds_complete = false},
               .not_on_a_chain = chains_publish_themselves},
    fault_info{
        .id = fault::plain_publish,
        .name = "plain-publish",
        .caught_by = check::publish_order,
        .left_out = "plain stores instead of rcu_assign_pointer, the code before 2005: the compiler "
                    "reorders them",
        .explored_in = "publish",
        .swap = {.publish = wrong::publish_plainly},
        .widened_by = {.controller_on_vcpu = true},
        .not_on_a_chain = chains_publish_themselves,
        .not_applicable = [](flavor) noexcept -> std::string_view {
            return plain_publish_is_reordered
                       ? ""
                       : "this compiler leaves the two plain stores in their order; build with g++ to see "
                         "them reordered";
        }},
    fault_info{.id = fault::drop_latched,
               .name = "drop-latched",
               .caught_by = check::conservation,
               .left_out = "every 64th NMI is taken off its line and forgotten",
               .explored_in = "synchronize_rcu",
               .machine = {.entry = entry_kind::drop_latched}},
    fault_info{.id = fault::unbalanced_exit,
               .name = "unbalanced-exit",
               .caught_by = check::nesting,
               .left_out = "nmi_exit does not take back what nmi_enter added to preempt_count",
               .explored_in = "read",
               .machine = {.entry = entry_kind::unbalanced_exit}},
    fault_info{.id = fault::irq_in_nmi,
               .name = "irq-in-nmi",
               .caught_by = check::nesting,
               .left_out = "the NMI's signal does not block those of the IRQ lines: an IRQ interrupts an NMI",
               .machine = {.irqs_blocked_in_nmi = false},
               .widened_by = {.irqs = true, .slow_handlers = true}},
    fault_info{.id = fault::nested_stack,
               .name = "nested-stack",
               .caught_by = check::nesting,
               .left_out = "nested NMIs share one stack frame: the second overwrites what the first needs to "
                           "return",
               .explored_in = "exc_nmi",
               .machine = {.entry = entry_kind::nested_stack},
               .widened_by = {.nested_nmis = true, .slow_handlers = true}},
    fault_info{.id = fault::unset_then_set,
               .name = "unset-then-set",
               .caught_by = check::exactly_once,
               .left_out =
                   "a swap by unset_nmi_callback and set_nmi_callback: NMIs in the gap meet the dummy",
               .explored_in = "exchange",
               .swap = {.publish = wrong::unset_then_set}},
    fault_info{.id = fault::add_then_remove,
               .name = "add-then-remove",
               .caught_by = check::exactly_once,
               .left_out = "a swap by adding the new handler and then removing the old one: NMIs between run "
                           "both",
               .explored_in = "exchange",
               .swap = {.publish = wrong::add_then_remove}},
    fault_info{.id = fault::leak_retired,
               .name = "leak-retired",
               .caught_by = check::reclaim,
               .left_out = "every 16th retired handler is never reclaimed",
               .swap = {.reclaims_of_every_16th = 0}},
    fault_info{.id = fault::double_reclaim,
               .name = "double-reclaim",
               .caught_by = check::reclaim,
               .left_out = "every 16th retired handler is reclaimed twice",
               .swap = {.reclaims_of_every_16th = 2}},
    fault_info{.id = fault::stuck_handler,
               .name = "stuck-handler",
               .caught_by = check::progress,
               .left_out = "a handler never returns: the grace period that waits for it cannot end",
               .in_handler = bad::stuck_handler,
               .widened_by = {.short_stall_timeout = true}},
    fault_info{.id = fault::synchronize_in_nmi,
               .name = "synchronize-in-nmi",
               .caught_by = check::progress,
               .left_out = "a handler calls synchronize_rcu, which would wait for the handler",
               .in_handler = bad::synchronize_in_nmi},
    fault_info{.id = fault::hard_lockup,
               .name = "hard-lockup",
               .caught_by = check::progress,
               .left_out = "vCPU 0 spins with its interrupts off: it takes no tick any more, and only an NMI "
                           "can tell",
               .in_workload = bad::hard_lockup,
               .widened_by = {.watchdog = true}},
    fault_info{.id = fault::clobber_errno,
               .name = "clobber-errno",
               .caught_by = check::errno_kept,
               .left_out = "the signal entry does not save errno",
               .explored_in = "read",
               .machine = {.entry = entry_kind::clobber_errno}},
    fault_info{.id = fault::malloc_in_nmi,
               .name = "malloc-in-nmi",
               .caught_by = check::signal_safety,
               .left_out = "a handler calls malloc and free",
               .explored_in = "audit",
               .in_handler = bad::malloc_in_nmi},
    fault_info{.id = fault::lock_in_nmi,
               .name = "lock-in-nmi",
               .caught_by = check::signal_safety,
               .left_out = "a handler takes a mutex",
               .explored_in = "audit",
               .in_handler = bad::lock_in_nmi},
};

constexpr bool in_the_order_of_the_enum() noexcept
{
    for (std::size_t i = 0; i < table.size(); ++i)
        if (table[i].id != static_cast<fault>(i))
            return false;
    return true;
}
static_assert(in_the_order_of_the_enum());

// The compiler writes a value of an enum by its name, and as a number where it has none.
template <fault F>
constexpr bool has_name() noexcept
{
    return std::string_view(__PRETTY_FUNCTION__).find("F = (") == std::string_view::npos;
}
static_assert(has_name<table.back().id>() && !has_name<static_cast<fault>(table.size())>(),
              "a name of the enum has no row");

} // namespace

std::span<const fault_info> all_faults() noexcept
{
    return std::span(table).subspan(1);
}

const fault_info* find_fault(std::string_view name) noexcept
{
    for (const fault_info& info : all_faults())
        if (info.name == name)
            return &info;
    return nullptr;
}

const fault_info& info_of(fault f) noexcept
{
    return table[static_cast<std::size_t>(f)];
}

std::string_view not_applicable(fault f, flavor with) noexcept
{
    const fault_info& info = info_of(f);
    return info.not_applicable == nullptr ? std::string_view() : info.not_applicable(with);
}

std::string_view only_explored(fault f) noexcept
{
    return info_of(f).needs_store_buffers
               ? "a store waits in its buffer for less than a microsecond, so a run would need luck; "
                 "`nmi-sim explore --memory tso` finds it each time"
               : "";
}

machine_faults machine_faults_of(fault f, flavor with) noexcept
{
    const fault_info& info = info_of(f);
    return with == flavor::qsbr && info.machine_of_qsbr ? *info.machine_of_qsbr : info.machine;
}

} // namespace nmisim
