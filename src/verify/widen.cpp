// SPDX-License-Identifier: MIT
#include "verify/widen.hpp"

#include <fmt/format.h>
#include <stdexcept>

namespace nmisim {
namespace {

constexpr std::uint64_t fault_hold_ns = 100'000;
constexpr std::uint64_t fault_watchdog_ns = 100'000'000;
constexpr std::uint64_t fault_stall_ns = 500'000'000;

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

void widen_for_fault(run_config& config, std::vector<remark>& remarks)
{
    if (const auto why = not_applicable(config.fault, config.machine.rcu); !why.empty())
        throw std::invalid_argument(fmt::format("fault {} cannot be shown: {}", name_of(config.fault), why));
    if (config.fault != fault::none && config.machine.percpu != percpu_form::pda)
        throw std::invalid_argument("faults are built for --percpu pda only");
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
        if (config.stall_timeout_ns > fault_stall_ns) {
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
