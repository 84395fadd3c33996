// SPDX-License-Identifier: MIT
#include "verify/widen.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <stdexcept>

namespace nmisim {
namespace {

constexpr std::uint64_t fault_hold_ns = 100'000;
constexpr std::uint64_t fault_watchdog_ns = 100'000'000;
constexpr std::uint64_t fault_stall_ns = 500'000'000;

/// Done by the swap itself, or seen only by a handler that a swap has retired.
bool shows_in_swaps(fault f) noexcept
{
    switch (find_fault(name_of(f))->caught_by) {
    case check::grace_period:
    case check::publish_order:
    case check::exactly_once:
    case check::reclaim: return true;
    default: return false;
    }
}

/// Faults of nmi_enter and nmi_exit. Nested NMIs use another entry (machine.cpp).
bool is_of_the_entry(const run_config& config) noexcept
{
    switch (config.fault) {
    case fault::no_read_lock:
    case fault::leak_pointer:
    case fault::unbalanced_exit:
    case fault::drop_latched:
    case fault::clobber_errno: return true;
    case fault::rcu_not_watching: return config.machine.rcu == flavor::qsbr;
    default: return false;
    }
}

/// Whether somebody else than the vCPU itself sends it NMIs.
bool is_sent_to(const run_config& config) noexcept
{
    return std::any_of(config.sources.begin(), config.sources.end(), [&](source_kind s) {
        return s == source_kind::sigqueue || (s == source_kind::ipi && config.machine.cpus > 1);
    });
}

void note(std::vector<remark>& remarks, const run_config& config, std::string_view option)
{
    remarks.push_back(
        {"fault-window", fmt::format("--fault {} runs with {}, which makes its window wide enough",
                                     name_of(config.fault), option)});
}

void hold_handlers(run_config& config, std::vector<remark>& remarks)
{
    if (config.hold_ns != 0)
        return;
    config.hold_ns = fault_hold_ns;
    note(remarks, config, "--handler slow:100us");
}

/// qsbr protects an NMI on an online vCPU by what the vCPU does not do; only an offline one shows the fault.
void idle_with_qsbr(run_config& config, std::vector<remark>& remarks)
{
    if (config.machine.rcu != flavor::qsbr || config.machine.workload != workload::spin)
        return;
    config.machine.workload = workload::idle;
    note(remarks, config, "--workload idle (flavor qsbr)");
}

} // namespace

std::string contradicted(const run_config& config)
{
    if (config.fault == fault::none)
        return {};
    if (config.machine.percpu != percpu_form::pda)
        return "faults are built for --percpu pda only";
    if (is_of_the_entry(config) && config.machine.nesting != nesting::blocked)
        return fmt::format(
            "with --nesting {} there is another NMI entry, built without faults: leave out --nesting",
            name_of(config.machine.nesting));
    if (shows_in_swaps(config.fault) && !config.swap)
        return "with --swap-interval never no handler is swapped, and it shows in swaps: choose an interval";
    // The handlers that come and go on a chain show it whatever the run's own handler does.
    const bool churned = config.fault == fault::no_grace_period && config.chain > 0;
    if (config.fault == fault::no_grace_period && config.reclaim == reclaim::call_rcu && !churned)
        return "--reclaim call_rcu calls no synchronize_rcu that could be left out: choose --reclaim sync";
    if (find_fault(name_of(config.fault))->caught_by == check::grace_period && !churned &&
        config.controller_place == controller_place::vcpu && config.machine.cpus == 1)
        return "with --controller vcpu a swap on the only vCPU never meets an NMI that has begun there: "
               "choose "
               "--cpus 2 or --controller thread";
    if (config.fault == fault::early_unregister && !is_sent_to(config))
        return "a vCPU that goes offline has taken its own sources off: add sigqueue to --source";
    return {};
}

void widen_for_fault(run_config& config, std::vector<remark>& remarks)
{
    if (const auto why = not_applicable(config.fault, config.machine.rcu); !why.empty())
        throw std::invalid_argument(fmt::format("fault {} cannot be shown: {}", name_of(config.fault), why));
    if (const std::string why = contradicted(config); !why.empty())
        throw std::invalid_argument(fmt::format("fault {} cannot be shown: {}", name_of(config.fault), why));
    if (needs_irqs(config.fault) && config.machine.irqs == 0) {
        config.machine.irqs = 1;
        note(remarks, config, "--irqs 1");
    }
    if (config.fault == fault::nested_stack && config.machine.nesting != nesting::nested) {
        config.machine.nesting = nesting::nested;
        note(remarks, config, "--nesting nested");
    }
    switch (config.fault) {
    case fault::nested_stack:
    case fault::irq_in_nmi:
    case fault::no_grace_period: hold_handlers(config, remarks); break;
    case fault::no_read_lock:
    case fault::leak_pointer:
    case fault::rcu_not_watching:
        hold_handlers(config, remarks);
        idle_with_qsbr(config, remarks);
        break;
    case fault::early_unregister:
        hold_handlers(config, remarks);
        if (!config.onoff) {
            config.onoff = true;
            note(remarks, config, "--onoff-interval 0");
        }
        if (config.swap_interval_ns > 0) {
            config.swap_interval_ns = 0;
            note(remarks, config, "--swap-interval 0");
        }
        break;
    case fault::plain_publish:
        if (config.controller_place != controller_place::vcpu) {
            config.controller_place = controller_place::vcpu;
            note(remarks, config, "--controller vcpu, so that NMIs interrupt the publishing code");
        }
        break;
    case fault::stuck_handler:
        if (config.stall_timeout_ns == run_config{}.stall_timeout_ns) {
            config.stall_timeout_ns = fault_stall_ns;
            note(remarks, config, "--stall-timeout 500ms");
        }
        break;
    case fault::hard_lockup:
        if (config.handler != handler_kind::watchdog) {
            config.handler = handler_kind::watchdog;
            config.watchdog_thresh_ns = fault_watchdog_ns;
            note(remarks, config, "--handler watchdog:100ms");
        }
        break;
    default: break;
    }
}

} // namespace nmisim
