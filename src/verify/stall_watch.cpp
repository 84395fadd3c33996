// SPDX-License-Identifier: MIT
#include "verify/stall_watch.hpp"

#include "base/number_text.hpp"
#include "machine/machine_state.hpp"
#include "verify/symbol.hpp"

#include <algorithm>
#include <fmt/format.h>

namespace nmisim {
namespace {

constexpr std::size_t most_described = 8;
constexpr std::uint64_t turn_ns = 100'000'000; // until a vCPU gets its Linux CPU, for each that wants one

std::uint64_t age_ns(std::uint64_t since_ns, std::uint64_t now) noexcept
{
    return since_ns != 0 && now > since_ns ? now - since_ns : 0;
}

std::string state_of(const percpu& area, std::uint64_t now)
{
    const std::uint32_t count = area.count->preempt_count(); // a snapshot for people
    if ((count & nmi_mask) == 0 && (count & hardirq_mask) != 0 && area.irq != nullptr)
        return fmt::format("in an IRQ for {}, after handler generation {}",
                           time_text(age_ns(area.irq->entered_ns.load(std::memory_order_relaxed), now)),
                           area.irq->last_generation.read());
    if ((count & nmi_mask) == 0)
        return area.line.drained() ? "not in an NMI, nothing pending" : "not in an NMI, one is pending";
    const std::uint64_t entered_ns = area.entered_ns.load(std::memory_order_relaxed);
    if (entered_ns == 0) // not timed
        return fmt::format("in an NMI, after handler generation {}", area.last_generation.read());
    return fmt::format("in an NMI for {}, after handler generation {}", time_text(age_ns(entered_ns, now)),
                       area.last_generation.read());
}

} // namespace

stall_watch::stall_watch(machine& m, std::uint64_t timeout_ns)
    : machine_(m), timeout_ns_(timeout_ns),
      deaf_timeout_ns_(timeout_ns + static_cast<std::uint64_t>(m.cpus()) * turn_ns),
      untimed_nmi_(static_cast<std::size_t>(m.cpus())), untimed_irq_(static_cast<std::size_t>(m.cpus())),
      hearing_(static_cast<std::size_t>(m.cpus()))
{}

std::uint64_t stall_watch::age_ns(std::uint64_t since_ns, std::uint64_t now) const noexcept
{
    return since_ns == 0 ? 0 : nmisim::age_ns(std::max(since_ns, not_before_ns_), now);
}

void stall_watch::untimed::seen(bool inside, std::uint64_t completed_now, std::uint64_t now) noexcept
{
    if (!inside)
        since_ns = 0;
    else if (since_ns == 0 || completed != completed_now)
        *this = {completed_now, now};
}

/// For how long a grace period has been under way and none has ended, as far as this watch has seen.
std::uint64_t stall_watch::waited_ns(std::uint64_t now)
{
    const machine_state& state = internals(machine_);
    const std::uint64_t ended = state.all_waits_ended();
    const bool waiting = state.all_waits_begun() > ended;
    if (!waiting || ended != ended_)
        since_ns_ = 0;
    if (waiting && since_ns_ == 0)
        since_ns_ = now;
    ended_ = ended;
    return age_ns(since_ns_, now);
}

/// For how long the vCPU has been in its NMI. Untimed NMIs (measure_latency) count from when this watch first saw them: it
/// is the same one as long as none has ended.
std::uint64_t stall_watch::in_nmi_ns(const percpu& area, std::uint64_t now)
{
    if (const std::uint64_t entered_ns = area.entered_ns.load(std::memory_order_relaxed); entered_ns != 0)
        return age_ns(entered_ns, now);
    untimed& nmi = untimed_nmi_[static_cast<std::size_t>(area.cpunumber)];
    const std::uint64_t completed =
        area.line.completed.load(std::memory_order_relaxed); // before the look at the count
    nmi.seen((area.count->preempt_count() & nmi_mask) != 0, completed, now);
    return age_ns(nmi.since_ns, now);
}

/// The same of its IRQ, an NMI on top or not.
std::uint64_t stall_watch::in_irq_ns(const percpu& area, std::uint64_t now)
{
    if (const std::uint64_t entered_ns = area.irq->entered_ns.load(std::memory_order_relaxed);
        entered_ns != 0)
        return age_ns(entered_ns, now);
    untimed& irq = untimed_irq_[static_cast<std::size_t>(area.cpunumber)];
    std::uint64_t completed = 0;
    for (const irq_line& irq_state : area.irq->lines)
        completed += irq_state.line.completed.load(std::memory_order_relaxed); // before the look at the count
    const std::uint32_t count = area.count->preempt_count();                   // a snapshot
    irq.seen((count & hardirq_mask) / hardirq_offset > (count & nmi_mask) / nmi_offset, completed, now);
    return age_ns(irq.since_ns, now);
}

/// For how long NMIs have been raised on the vCPU, which is online, and it has handled none. Two looks at moving numbers: a
/// raise is counted before it is known to be refused, so what one look finds the next one may take back.
std::uint64_t stall_watch::deaf_ns(const percpu& area, std::uint64_t now)
{
    const interrupt_line& line = area.line;
    hearing& last = hearing_[static_cast<std::size_t>(area.cpunumber)];
    const std::uint64_t handled = nmi_count_of(area);
    const std::uint64_t times_onlined = area.times_onlined.read();
    const std::uint64_t refused = line.rejected.load(std::memory_order_relaxed) +
                                  line.offline_at_raise.load(std::memory_order_relaxed); // as said
    const std::uint64_t accepted = line.raised() - refused;
    if (!line.accepts_raises() || handled != last.handled || times_onlined != last.times_onlined)
        last = {handled, times_onlined, accepted, 0};
    else if (accepted == last.accepted)
        last.since_ns = 0;
    else if (last.since_ns == 0)
        last.since_ns = now;
    return age_ns(last.since_ns, now);
}

std::optional<violation> stall_watch::look(std::uint64_t now)
{
    machine_state& state = internals(machine_);
    if (nmisim::age_ns(last_look_ns_, now) > timeout_ns_ / 2)
        not_before_ns_ = now;
    last_look_ns_ = now;
    const auto too_long = [now](std::uint64_t age, std::uint64_t limit_ns, const char* what,
                                const percpu* on = nullptr) -> std::optional<violation> {
        if (age <= limit_ns)
            return std::nullopt;
        return violation{now,
                         on == nullptr ? -1 : on->cpunumber,
                         on == nullptr ? 0 : on->last_generation.read(),
                         age / 1'000'000,
                         limit_ns / 1'000'000,
                         0,
                         what};
    };
    for (auto& cpu : state.cpus) {
        const percpu& area = cpu->area();
        if (const auto v =
                too_long(in_nmi_ns(area, now), timeout_ns_, "milliseconds inside one NMI (at most)", &area))
            return v;
        if (const auto v =
                too_long(deaf_ns(area, now), deaf_timeout_ns_,
                         "milliseconds in which NMIs were raised and none handled (at most)", &area))
            return v;
        if (area.irq == nullptr)
            continue;
        if (const auto v =
                too_long(in_irq_ns(area, now), timeout_ns_, "milliseconds inside one IRQ (at most)", &area))
            return v;
    }
    if (const auto v =
            too_long(waited_ns(now), timeout_ns_, "milliseconds waited for one grace period (at most)"))
        return v;
    return too_long(age_ns(state.changing_since_ns.load(std::memory_order_relaxed), now), timeout_ns_,
                    "milliseconds waited for a vCPU to go offline or online (at most)");
}

std::vector<stall_report> stall_watch::describe() const
{
    std::vector<stall_report> in_nmi, others;
    const std::uint64_t now = now_ns();
    for (auto& cpu : internals(machine_).cpus) {
        const percpu& area = cpu->area();
        const bool holds = (area.count->preempt_count() & (nmi_mask | hardirq_mask)) != 0;
        stall_report report{area.cpunumber, state_of(area, now), {}};
        auto& list = holds ? in_nmi : others;
        if (list.size() == most_described) // each may take 200 ms to answer, or not to
            continue;
        for (const std::uintptr_t ip : cpu->backtrace())
            report.backtrace.push_back(symbol_of(ip));
        list.push_back(std::move(report));
    }
    return in_nmi.empty() ? others : in_nmi;
}

} // namespace nmisim
