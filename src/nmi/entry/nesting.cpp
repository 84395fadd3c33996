// SPDX-License-Identifier: MIT
#include "nmi/entry/nesting.hpp"

#include "base/signal_mask.hpp"

#include <algorithm>

namespace nmisim {

void open_nmi_window(const percpu& cpu) noexcept
{
    change_mask(SIG_UNBLOCK, cpu.line.signo);
}

void close_nmi_window(const percpu& cpu) noexcept
{
    change_mask(SIG_BLOCK, cpu.line.signo);
}

void nmi_window::open(percpu& cpu, std::uint32_t before) noexcept
{
    nmi_nesting& nesting = cpu.nesting;
    const std::uint32_t level = ++nesting.depth;
    if (level > 1)
        ++nesting.nested;
    nesting.max_depth = std::max(nesting.max_depth, level);
    // An NMI adds to both fields, so what hardirq has more than NMI is an interrupted IRQ.
    const std::uint32_t irqs = (before & hardirq_mask) / hardirq_offset - (before & nmi_mask) / nmi_offset;
    if (level + irqs < nmi_most_nested)
        open_nmi_window(cpu);
}

void nmi_window::close(percpu& cpu) noexcept
{
    close_nmi_window(cpu);
    --cpu.nesting.depth;
}

void check_nmi_frame(percpu& cpu, const nmi_stack_frame& found, const nmi_stack_frame& stored) noexcept
{
    check_record& nesting = cpu.checks[check::nesting];
    nesting.looked();
    if (found.sequence != stored.sequence || found.ip != stored.ip) [[unlikely]]
        nesting.fail(
            {now_ns(), cpu.cpunumber, cpu.last_generation.read(), found.sequence, stored.sequence, stored.ip,
             "number of the NMI that an NMI's stack frame belongs to (overwritten by a nested one)"});
}

} // namespace nmisim
