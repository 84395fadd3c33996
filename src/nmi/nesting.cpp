// SPDX-License-Identifier: MIT
#include "nmi/nesting.hpp"

namespace nmisim {
namespace {

void change_nmi_mask(const percpu& cpu, int how) noexcept
{
    sigset_t nmi;
    sigemptyset(&nmi);
    sigaddset(&nmi, cpu.line.signo);
    pthread_sigmask(how, &nmi, nullptr);
}

} // namespace

void open_nmi_window(const percpu& cpu) noexcept
{
    change_nmi_mask(cpu, SIG_UNBLOCK);
}

void close_nmi_window(const percpu& cpu) noexcept
{
    change_nmi_mask(cpu, SIG_BLOCK);
}

void nmi_window::open(percpu& cpu, std::uint32_t interrupted) noexcept
{
    const std::uint32_t level = (interrupted & nmi_mask) / nmi_offset + 1;
    if (level > 1)
        ++cpu.nesting.nested;
    if (level > cpu.nesting.max_depth)
        cpu.nesting.max_depth = level;
    if (level < nmi_most_nested)
        open_nmi_window(cpu);
}

void nmi_window::close(percpu& cpu) noexcept
{
    close_nmi_window(cpu);
}

void check_nmi_frame(percpu& cpu, const nmi_stack_frame& frame, const nmi_stack_frame& stored) noexcept
{
    check_record& nesting = cpu.checks[check::nesting];
    nesting.looked();
    if (frame.sequence != stored.sequence || frame.ip != stored.ip) [[unlikely]]
        nesting.fail(
            {now_ns(), cpu.cpunumber, cpu.last_generation.read(), frame.sequence, stored.sequence, stored.ip,
             "number of the NMI that an NMI's stack frame belongs to (overwritten by a nested one)"});
}

} // namespace nmisim
