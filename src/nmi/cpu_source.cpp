// SPDX-License-Identifier: MIT
#include "nmi/cpu_source.hpp"

#include "nmi/percpu.hpp"
#include "runtime/origin.hpp"

namespace nmisim {
namespace {

bool is_timer(const cpu_sources& own, const siginfo_t& info) noexcept
{
    return runtime::origin_of(info, 0) == runtime::origin::timer &&
           info.si_timerid == own.timer.load(std::memory_order_relaxed); // a number
}

bool is_perf(const cpu_sources& own, const siginfo_t& info) noexcept
{
    return (info.si_code == POLL_IN || info.si_code == POLL_HUP) &&
           info.si_fd == own.perf_fd.load(std::memory_order_relaxed); // a number
}

} // namespace

bool adopt_nmi(percpu& cpu, const siginfo_t& info) noexcept
{
    cpu_sources& own = cpu.sources;
    interrupt_line& line = cpu.line;
    std::uint64_t overruns = 0;
    if (info.si_signo == line.signo && is_timer(own, info)) {
        overruns = info.si_overrun > 0 ? static_cast<std::uint64_t>(info.si_overrun) : 0;
        own.timer_raised.add(1 + overruns);
        own.timer_overruns.add(overruns);
    } else if (info.si_signo == line.signo && is_perf(own, info)) {
        own.perf_raised.add(1);
    } else {
        cpu.domain->strays.fetch_add(1, std::memory_order_relaxed);
        return false;
    }
    line.count_raises(1 + overruns);
    line.coalesced.fetch_add(overruns, std::memory_order_relaxed);
    line.sent.fetch_add(1, std::memory_order_relaxed);
    return true;
}

} // namespace nmisim
