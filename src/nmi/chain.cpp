// SPDX-License-Identifier: MIT
#include "nmi/chain.hpp"

#include "base/clock.hpp"
#include "base/raw_write.hpp"
#include "nmi/default_do_nmi.hpp"

#include <unistd.h>

namespace nmisim {
namespace {

std::uint64_t thread_cpu_ns() noexcept
{
    timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return to_ns(t);
}

raw_line& put_msecs(raw_line& line, std::uint64_t ns) noexcept
{
    const auto us = static_cast<std::int64_t>(ns / 1000);
    return line.number(us / 1000).text(".").number(us / 100 % 10).number(us / 10 % 10).number(us % 10);
}

/// Prints new records only, as the kernel does. Kernel: nmi_check_duration().
void nmi_check_duration(nmi_action& action, nmi_domain& domain, std::uint64_t ns,
                        std::uint64_t cpu_ns) noexcept
{
    if (ns < domain.nmi_longest_ns.load(std::memory_order_relaxed)) // a knob
        return;
    std::uint64_t record = action.max_duration_ns.load(std::memory_order_relaxed);
    do {
        if (ns < record)
            return;
    } while (!action.max_duration_ns.compare_exchange_weak(record, ns, std::memory_order_relaxed));
    action.max_duration_cpu_ns.store(cpu_ns, std::memory_order_relaxed);
    if (!nmi_report_is_due(domain.last_duration_report_ns))
        return;
    raw_line line;
    line.text("nmi-sim: INFO: NMI handler (").text(action.name.data()).text(") took too long to run: ");
    put_msecs(line, ns).text(" msecs");
    if (domain.nmi_check_cpu_time.load(std::memory_order_relaxed)) {
        line.text(", ");
        put_msecs(line, cpu_ns).text(" of them on the CPU");
    }
    line.write_to(STDERR_FILENO);
}

/// True for the one CPU that takes the bit.
bool claim(nmi_domain& domain, std::uint8_t bit) noexcept
{
    if ((domain.reason.load(std::memory_order_relaxed) & bit) == 0) // a byte that stands for itself
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

nmi_chains::nmi_chains() noexcept : nmi_callback{dispatch_chains} {}

int nmi_handle(const nmi_chains& chains, nmi_type type, const pt_regs& regs, percpu& cpu) noexcept
{
    nmi_domain& domain = *cpu.domain;
    const auto index = static_cast<std::size_t>(type);
    // (1) acquire: what the emergency handler's setter prepared; pairs with machine/nmi_chain_registry.cpp(1)
    if (const auto emergency = domain.emergency[index].load(std::memory_order_acquire); emergency != nullptr)
        return emergency(type, regs);
    const bool cpu_time = domain.nmi_check_cpu_time.load(std::memory_order_relaxed); // a knob
    int handled = 0;
    for (nmi_action* const action : chains.of_type[index]) {
        const std::uint64_t begin_ns = now_ns();
        const std::uint64_t begin_cpu_ns = cpu_time ? thread_cpu_ns() : 0;
        handled += (*action->handler)(regs, cpu.cpunumber);
        nmi_check_duration(*action, domain, now_ns() - begin_ns,
                           cpu_time ? thread_cpu_ns() - begin_cpu_ns : 0);
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
