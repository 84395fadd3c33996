// SPDX-License-Identifier: MIT
#include "verify/widen.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <stdexcept>
#include <utility>

namespace nmisim {
namespace {

/// Done by the swap itself, or seen only by a handler that a swap has retired.
bool shows_in_swaps(const fault_info& info) noexcept
{
    switch (info.caught_by) {
    case check::grace_period:
    case check::publish_order:
    case check::exactly_once:
    case check::reclaim: return true;
    default: return false;
    }
}

/// Faults of nmi_enter and nmi_exit. Nested NMIs use another entry (machine.cpp).
bool needs_nesting_blocked(const run_config& config) noexcept
{
    const entry_kind entry = machine_faults_of(config.fault, config.machine.rcu).entry;
    return entry != entry_kind::correct && !info_of(config.fault).widened_by.nested_nmis;
}

/// Whether somebody else than the vCPU itself sends it NMIs.
bool is_sent_to(const run_config& config) noexcept
{
    return std::any_of(config.sources.begin(), config.sources.end(), [&](source_kind s) {
        return s == source_kind::sigqueue || (s == source_kind::ipi && config.machine.cpus > 1);
    });
}

template <class T>
bool set(T& option, T value)
{
    return std::exchange(option, value) != value;
}

/// How each widening is done; false: the run has it already.
struct step {
    bool widening::*asked;
    std::string_view option;
    bool (*take)(run_config&);
};
constexpr step steps[] = {
    {&widening::irqs, "--irqs 1",
     [](run_config& c) { return c.machine.irqs == 0 && set(c.machine.irqs, 1); }},
    {&widening::nested_nmis, "--nesting nested",
     [](run_config& c) { return set(c.machine.nesting, nesting::nested); }},
    {&widening::slow_handlers, "--handler slow:100us",
     [](run_config& c) { return c.hold_ns == 0 && set(c.hold_ns, std::uint64_t{100'000}); }},
    {&widening::idle_vcpus, "--workload idle (flavor qsbr)",
     [](run_config& c) {
         return c.machine.rcu == flavor::qsbr && c.machine.workload == workload::spin &&
                set(c.machine.workload, workload::idle);
     }},
    {&widening::hotplug, "--onoff-interval 0", [](run_config& c) { return set(c.onoff, true); }},
    {&widening::swaps_back_to_back, "--swap-interval 0",
     [](run_config& c) { return set(c.swap_interval_ns, std::uint64_t{0}); }},
    {&widening::controller_on_vcpu, "--controller vcpu, so that NMIs interrupt the publishing code",
     [](run_config& c) { return set(c.controller_place, controller_place::vcpu); }},
    {&widening::short_stall_timeout, "--stall-timeout 500ms",
     [](run_config& c) {
         return c.stall_timeout_ns == run_config{}.stall_timeout_ns &&
                set(c.stall_timeout_ns, std::uint64_t{500'000'000});
     }},
    {&widening::watchdog, "--handler watchdog:100ms",
     [](run_config& c) {
         const bool other = set(c.handler, handler_kind::watchdog);
         if (other)
             c.watchdog_thresh_ns = 100'000'000;
         return other;
     }},
};

} // namespace

std::string contradicted(const run_config& config)
{
    if (config.fault == fault::none)
        return {};
    const fault_info& info = info_of(config.fault);
    if (config.machine.percpu != percpu_form::pda)
        return "faults are built for --percpu pda only";
    if (needs_nesting_blocked(config) && config.machine.nesting != nesting::blocked)
        return fmt::format(
            "with --nesting {} there is another NMI entry, built without faults: leave out --nesting",
            name_of(config.machine.nesting));
    if (shows_in_swaps(info) && !config.swap)
        return "with --swap-interval never no handler is swapped, and it shows in swaps: choose an interval";
    // The handlers that come and go on a chain show it whatever the run's own handler does.
    const bool churned = !info.swap.waits && config.chain > 0;
    if (!info.swap.waits && config.reclaim == reclaim::call_rcu && !churned)
        return "--reclaim call_rcu calls no synchronize_rcu that could be left out: choose --reclaim sync";
    if (info.caught_by == check::grace_period && !churned &&
        config.controller_place == controller_place::vcpu && config.machine.cpus == 1)
        return "with --controller vcpu a swap on the only vCPU never meets an NMI that has begun there: "
               "choose --cpus 2 or --controller thread";
    if (info.widened_by.hotplug && !is_sent_to(config))
        return "a vCPU that goes offline has taken its own sources off: add sigqueue to --source";
    return {};
}

void widen_for_fault(run_config& config, std::vector<remark>& remarks)
{
    std::string why(not_applicable(config.fault, config.machine.rcu));
    if (why.empty())
        why = only_explored(config.fault);
    if (why.empty())
        why = contradicted(config);
    if (!why.empty())
        throw std::invalid_argument(fmt::format("fault {} cannot be shown: {}", name_of(config.fault), why));
    const widening& asked = info_of(config.fault).widened_by;
    for (const step& s : steps)
        if (asked.*s.asked && s.take(config))
            remarks.push_back(
                {"fault-window", fmt::format("--fault {} runs with {}, which makes its window wide enough",
                                             name_of(config.fault), s.option)});
}

} // namespace nmisim
