// SPDX-License-Identifier: MIT
#include "nmi/raise.hpp"

#include "base/clock.hpp"
#include "nmi/record/trace_ring.hpp"
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

/// Sends a signal that is in `sent` already; false if the kernel's queue is full.
bool send(interrupt_line& line) noexcept
{
    const std::uint64_t sent_ns = line.stamp ? now_ns() : 0;
    if (pthread_sigqueue(line.target, line.signo, runtime::stamped(sent_ns)) == 0) {
        trace(trace_kind::raise, line, sent_ns);
        return true;
    }
    return false;
}

raise_result raise_online(interrupt_line& line) noexcept
{
    if (line.latching && !line.try_latch()) {
        line.coalesced.fetch_add(1, std::memory_order_relaxed);
        trace(trace_kind::coalesced, line, 0);
        return raise_result::coalesced;
    }
    const std::uint64_t taken = line.completed.load(std::memory_order_relaxed); // a bound only
    // Before the signal: a drain never sees it too small.
    const std::uint64_t sent = line.sent.fetch_add(1, std::memory_order_relaxed) + 1;
    const std::uint64_t flying = sent > taken ? sent - taken : 1; // others may send and complete in between
    if (!line.latching && flying > line.bound) {
        line.sent.fetch_sub(1, std::memory_order_relaxed);
        return raise_result::full;
    }
    if (flying > line.max_in_flight.load(std::memory_order_relaxed))
        line.max_in_flight.store(flying, std::memory_order_relaxed); // a statistic: two raisers may lose one
    if (send(line))
        return raise_result::sent;
    line.sent.fetch_sub(1, std::memory_order_relaxed);
    line.begin(); // opens the latch again; a raise that coalesced meanwhile is in the books as coalesced
    line.rejected.fetch_add(1, std::memory_order_relaxed);
    trace(trace_kind::rejected, line, 0);
    return raise_result::rejected;
}

} // namespace

raise_result raise_on(interrupt_line& line) noexcept
{
    // (1) seq_cst: before looking at accepting; pairs with machine/vcpu_thread.cpp(1), machine/vcpu_thread.cpp(2)
    line.raises.fetch_add(interrupt_line::one_raise + interrupt_line::one_raiser, std::memory_order_seq_cst);
    raise_result result = raise_result::offline;
    // (2) seq_cst: not before raises; pairs with machine/vcpu_thread.cpp(1), machine/vcpu_thread.cpp(5)
    if (line.accepting.load(std::memory_order_seq_cst))
        result = raise_online(line);
    else
        line.offline_at_raise.fetch_add(1, std::memory_order_relaxed);
    const bool none = result == raise_result::full; // who finds no room raises again
    // (3) release: the signal is sent; pairs with machine/vcpu_thread.cpp(2)
    line.raises.fetch_sub((none ? interrupt_line::one_raise : 0) + interrupt_line::one_raiser,
                          std::memory_order_release);
    return result;
}

bool has_room(const interrupt_line& line) noexcept
{
    if (!line.accepting.load(std::memory_order_relaxed))
        return false;
    if (line.latching)
        return line.pending.load(std::memory_order_relaxed) == 0;
    return line.in_flight() < static_cast<std::int64_t>(line.bound);
}

} // namespace nmisim
