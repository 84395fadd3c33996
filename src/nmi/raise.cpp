// SPDX-License-Identifier: MIT
#include "nmi/raise.hpp"

#include "base/clock.hpp"
#include "nmi/record/trace_ring.hpp"
#include "runtime/entry/held_line.hpp"
#include "runtime/entry/send_on.hpp"
#include "runtime/origin.hpp"

#include <csignal>

namespace nmisim {
namespace {

/// The slice begins at the stamp that the NMI gets: that is how the two are joined in the timeline.
void trace(trace_kind kind, const interrupt_line& line, std::uint64_t sent_ns) noexcept
{
    if (this_trace == nullptr) [[likely]]
        return;
    const std::uint64_t end_ns = now_ns();
    trace_slice(kind, sent_ns != 0 ? sent_ns : end_ns, end_ns, 0, static_cast<std::uint64_t>(line.cpu));
}

/// A vCPU's way to be raised; see runtime/entry/send_on.hpp.
struct nmi_way {
    interrupt_line& line;

    bool latching() const noexcept { return line.latching; }
    bool has_room(std::uint64_t sent) const noexcept
    {
        const std::uint64_t taken = line.completed.load(std::memory_order_relaxed); // a bound only
        const std::uint64_t flying =
            sent > taken ? sent - taken : 1; // others may send and complete in between
        if (!line.latching && flying > line.bound)
            return false;
        if (flying > line.max_in_flight.load(std::memory_order_relaxed))
            line.max_in_flight.store(flying,
                                     std::memory_order_relaxed); // a statistic: two raisers may lose one
        return true;
    }
    int send() const noexcept
    {
        const std::uint64_t sent_ns = line.stamp ? now_ns() : 0;
        const int error = pthread_sigqueue(line.target, line.signo, runtime::stamped(sent_ns));
        if (error == 0)
            trace(trace_kind::raise, line, sent_ns);
        return error;
    }
    raise_result refused(int) const noexcept
    {
        line.rejected.fetch_add(1, std::memory_order_relaxed);
        return raise_result::rejected;
    }
};

} // namespace

raise_result raise_on(interrupt_line& line) noexcept
{
    runtime::held_line held(line, runtime::line::one_raise);
    if (held.tid() == 0) {
        line.offline_at_raise.fetch_add(1, std::memory_order_relaxed);
        return raise_result::offline;
    }
    const raise_result result = runtime::send_on(line, nmi_way{line});
    if (result == raise_result::full) // who finds no room raises again
        held.was_no_raise();
    else if (result == raise_result::coalesced)
        trace(trace_kind::coalesced, line, 0);
    else if (result == raise_result::rejected)
        trace(trace_kind::rejected, line, 0);
    return result;
}

bool has_room(const interrupt_line& line) noexcept
{
    if (!line.accepts_raises())
        return false;
    if (line.latching)
        return line.pending.load(std::memory_order_relaxed) == 0;
    return line.in_flight() < static_cast<std::int64_t>(line.bound);
}

} // namespace nmisim
