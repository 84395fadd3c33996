// SPDX-License-Identifier: MIT
#include "nmi/default_do_nmi.hpp"

#include "base/clock.hpp"
#include "base/message_line.hpp"

namespace nmisim {
namespace {

void report(nmi_domain& domain, const char* before, std::uint8_t reason, int cpu) noexcept
{
    if (nmi_report_is_due(domain.last_report_ns))
        message_line()
            .text("nmi-sim: ")
            .text(before)
            .hex(reason, 2)
            .text(" on CPU ")
            .number(cpu)
            .text(".")
            .give_to(domain.message);
}

void mem_parity_error(std::uint8_t reason, percpu& cpu) noexcept
{
    ++cpu.external;
    report(*cpu.domain, "NMI: memory parity error for reason ", reason, cpu.cpunumber);
}

void io_check_error(std::uint8_t reason, percpu& cpu) noexcept
{
    ++cpu.external;
    report(*cpu.domain, "NMI: IOCK error for reason ", reason, cpu.cpunumber);
}

void unknown_nmi_error(std::uint8_t reason, percpu& cpu) noexcept
{
    ++cpu.unknown;
    report(*cpu.domain, "Uhhuh. NMI received for unknown reason ", reason, cpu.cpunumber);
    if (cpu.domain->panic_on_unknown_nmi && !cpu.domain->panicked.exchange(true, std::memory_order_relaxed))
        message_line()
            .text("nmi-sim: Kernel panic - not syncing: NMI: Not continuing, unknown reason ")
            .hex(reason, 2)
            .text(" on CPU ")
            .number(cpu.cpunumber)
            .give_to(cpu.domain->message);
}

} // namespace

bool nmi_report_is_due(std::atomic<std::uint64_t>& last_ns) noexcept
{
    const std::uint64_t now = now_ns();
    std::uint64_t last = last_ns.load(std::memory_order_relaxed);
    if (last != 0 && now - last < unknown_nmi_report_interval_ns)
        return false;
    // relaxed: a race between two CPUs lets one of them through, which is what is wanted
    return last_ns.compare_exchange_strong(last, now, std::memory_order_relaxed);
}

void default_do_nmi() noexcept
{
    percpu& cpu = *this_cpu;
    ++cpu.defaults_run;
    ++cpu.stats.defaults;
    const std::uint8_t claimed = cpu.stats.claimed_reason; // by a chain: it is off the byte already
    cpu.stats.claimed_reason = 0;
    std::atomic<std::uint8_t>& byte = cpu.domain->reason;
    const std::uint8_t reason = claimed != 0 ? claimed : byte.load(std::memory_order_relaxed);
    const std::uint8_t bit = (reason & nmi_reason_serr) != 0 ? nmi_reason_serr : reason & nmi_reason_iochk;
    if (bit != 0 && claimed == 0) // one byte, orders nothing else
        byte.fetch_and(static_cast<std::uint8_t>(~bit), std::memory_order_relaxed);
    if (bit == nmi_reason_serr)
        mem_parity_error(reason, cpu);
    else if (bit == nmi_reason_iochk)
        io_check_error(reason, cpu);
    else
        unknown_nmi_error(reason, cpu);
}

} // namespace nmisim
