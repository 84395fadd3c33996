// SPDX-License-Identifier: MIT
#include "nmi/chain/chain.hpp"

#include "nmi/chain/check_duration.hpp"
#include "nmi/default_do_nmi.hpp"

namespace nmisim {
namespace {

/// True for the one CPU that takes the bit.
bool claim(nmi_domain& domain, std::uint8_t bit) noexcept
{
    if ((domain.reason.load(std::memory_order_relaxed) & bit) == 0) // one byte, orders nothing else
        return false;
    return (domain.reason.fetch_and(static_cast<std::uint8_t>(~bit), std::memory_order_relaxed) & bit) != 0;
}

int handle_external(const nmi_chains& chains, nmi_type type, std::uint8_t bit, const pt_regs& regs,
                    percpu& cpu) noexcept
{
    const int handled = nmi_handle(chains, type, regs, cpu);
    if (handled != 0)
        ++cpu.external;
    else
        cpu.stats.claimed_reason = bit; // the default action counts it
    return handled;
}

int dispatch(const nmi_chains& chains, const pt_regs& regs, percpu& cpu) noexcept
{
    nmi_domain& domain = *cpu.domain;
    nmi_stats& stats = cpu.stats;
    const std::uintptr_t ip = instruction_pointer(regs);
    // relaxed: own thread; 0 after local_touch_nmi
    const bool back_to_back = ip != 0 && ip == stats.last_nmi_ip.load(std::memory_order_relaxed);
    if (!back_to_back)
        stats.swallow_nmi = false;
    stats.last_nmi_ip.store(ip, std::memory_order_relaxed);

    if (const int handled = nmi_handle(chains, nmi_type::local, regs, cpu); handled != 0) {
        stats.normal.add(static_cast<std::uint64_t>(handled));
        if (handled > 1)
            stats.swallow_nmi = true;
        return handled;
    }
    if (claim(domain, nmi_reason_serr))
        return handle_external(chains, nmi_type::serr, nmi_reason_serr, regs, cpu);
    if (claim(domain, nmi_reason_iochk))
        return handle_external(chains, nmi_type::io_check, nmi_reason_iochk, regs, cpu);
    if (back_to_back && stats.swallow_nmi) {
        ++stats.swallow;
        return nmi_handled;
    }
    const int handled = nmi_handle(chains, nmi_type::unknown, regs, cpu);
    cpu.unknown.add(static_cast<std::uint64_t>(handled)); // the default action counts the unclaimed one
    return handled;
}

} // namespace

int nmi_handle(const nmi_chains& chains, nmi_type type, const pt_regs& regs, percpu& cpu) noexcept
{
    nmi_domain& domain = *cpu.domain;
    const auto index = static_cast<std::size_t>(type);
    // (1) acquire: what the emergency handler's setter prepared; pairs with machine/registries/nmi_chain_registry.cpp(1)
    if (const auto emergency = domain.emergency[index].load(std::memory_order_acquire); emergency != nullptr)
        return emergency(type, regs);
    int handled = 0;
    for (nmi_action* const action : chains.of_type[index]) {
        const handler_stopwatch watch(domain);
        handled += (*action->handler)(regs, cpu.cpunumber);
        watch.check_duration(action->duration, action->name.data(), domain);
    }
    return handled;
}

int dispatch_chains(nmi_callback& self, const pt_regs& regs, int) noexcept
{
    percpu& cpu = *this_cpu;
    ++cpu.stats.chained;
    if (cpu.domain->ignore_nmis.load(std::memory_order_relaxed) != 0) { // a flag, nothing with it
        ++cpu.stats.ignored;
        return nmi_handled;
    }
    const int handled = dispatch(static_cast<const nmi_chains&>(self), regs, cpu);
    if (handled == 0)
        ++cpu.stats.chain_defaults;
    return handled;
}

void local_touch_nmi() noexcept
{
    if (percpu* const cpu = this_cpu; cpu != nullptr)
        cpu->stats.last_nmi_ip.store(0, std::memory_order_relaxed); // own NMIs only
}

} // namespace nmisim
