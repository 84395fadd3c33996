// SPDX-License-Identifier: MIT
#include "verify/check_info.hpp"

#include "base/number_text.hpp"
#include "machine/machine_state.hpp"
#include "verify/libc_guard/libc_guard.hpp"

#include <array>
#include <fmt/format.h>

namespace nmisim {
namespace {

void fail_at_the_end(const run_report& report, check_report& out, std::string first)
{
    out.first = std::move(first);
    out.first_at_s = static_cast<double>(report.elapsed_ns) / 1e9;
}

/// `Books` is a vCPU's NMIs or one of its IRQ lines.
template <class Books>
void judge_books(const Books& c, const std::string& of_what, int cpu, const run_report& report,
                 check_report& out)
{
    out.looked_at += c.raised;
    const std::uint64_t booked = c.handled + c.coalesced + c.rejected + c.offline;
    if (booked == c.raised || ++out.failures != 1)
        return;
    fail_at_the_end(report, out,
                    fmt::format("{}raised {} but handled {} + coalesced {} + rejected {} + offline {} = {}",
                                of_what, count_text(c.raised), count_text(c.handled), count_text(c.coalesced),
                                count_text(c.rejected), count_text(c.offline), count_text(booked)));
    out.first_cpu = cpu;
}

/// NMIs and IRQs.
std::uint64_t sum_of(const run_report& report, std::uint64_t cpu_report::*of_nmis,
                     std::uint64_t irq_report::*of_irqs) noexcept
{
    std::uint64_t sum = report.total.*of_nmis;
    for (const irq_report& irq : report.irqs)
        sum += irq.*of_irqs;
    return sum;
}

/// What was raised on a line that is deaf at the end is in the books as coalesced, but nothing was pending.
void judge_latch(const interrupt_line& line, const std::string& of_what, int cpu, const run_report& report,
                 check_report& out)
{
    if (!line.is_deaf() || ++out.failures != 1)
        return;
    fail_at_the_end(
        report, out,
        fmt::format(
            "{}the latch is closed and nothing is pending: raises were lost, {} in the books as coalesced",
            of_what, count_text(line.coalesced.load(std::memory_order_relaxed))));
    out.first_cpu = cpu;
}

void judge_latches(const machine_state& state, const run_report& report, check_report& out)
{
    for (const auto& cpu : state.cpus) {
        const percpu& area = cpu->area();
        judge_latch(area.line, "", area.cpunumber, report, out);
        if (area.irq == nullptr)
            continue;
        for (std::size_t irq = 0; irq < area.irq->lines.size(); ++irq)
            judge_latch(area.irq->lines[irq].line, fmt::format("IRQ {}: ", irq), area.cpunumber, report, out);
    }
}

void judge_conservation(const machine_state& state, const run_report& report, check_report& out)
{
    judge_latches(state, report, out);
    for (const cpu_report& c : report.cpus) {
        judge_books(c, "", c.cpu, report, out);
        for (const irq_report& irq : c.irqs)
            judge_books(irq, fmt::format("IRQ {}: ", irq.irq), c.cpu, report, out);
    }
    std::uint64_t calls = 0; // of the NMI's handlers
    for (const std::uint64_t n : report.handler_age)
        calls += n;
    for (const irq_report& irq : report.irqs)
        calls -= irq.handled;
    if (report.profile && report.profile->taken + report.profile->lost != calls && ++out.failures == 1)
        fail_at_the_end(report, out,
                        fmt::format("handlers ran {} times but took {} samples and lost {}",
                                    count_text(calls), count_text(report.profile->taken),
                                    count_text(report.profile->lost)));
}

void judge_reclaim(const machine_state&, const run_report& report, check_report& out)
{
    out.looked_at = report.retired; // every retired handler is looked for
    if (report.retired == report.reclaimed || out.failures > 0)
        return;
    out.failures = report.retired > report.reclaimed ? report.retired - report.reclaimed : 1;
    fail_at_the_end(report, out,
                    fmt::format("{} handlers were retired, {} reclaimed", count_text(report.retired),
                                count_text(report.reclaimed)));
}

void judge_progress(const machine_state& state, const run_report& report, check_report& out)
{
    out.looked_at += state.all_waits_ended();
    if (report.watchdog && report.watchdog->looks == 0)
        out.looked_at = 0; // what it was run for was not looked at
}

void judge_signal_safety(const machine_state&, const run_report& report, check_report& out)
{
    if (libc_guard_active())
        out.looked_at = sum_of(report, &cpu_report::handled, &irq_report::handled);
}

std::string ages(const run_report& report, const check_report&)
{
    return fmt::format("handler age 0: {}, 1: {}, 2 or more: {}", count_text(report.handler_age[0]),
                       count_text(report.handler_age[1]), count_text(report.handler_age[2]));
}

std::string incomplete(const run_report&, const check_report& out)
{
    return fmt::format("{} incomplete", count_text(out.failures));
}

std::string books(const run_report& report, const check_report&)
{
    return fmt::format("raised = {} handled + {} coalesced + {} rejected + {} offline",
                       count_text(sum_of(report, &cpu_report::handled, &irq_report::handled)),
                       count_text(sum_of(report, &cpu_report::coalesced, &irq_report::coalesced)),
                       count_text(sum_of(report, &cpu_report::rejected, &irq_report::rejected)),
                       count_text(sum_of(report, &cpu_report::offline, &irq_report::offline)));
}

std::string depths(const run_report& report, const check_report&)
{
    return report.irqs.empty() ? "depth 0 before and after each"
                               : "depth put back by each, no NMI was interrupted";
}

std::string generations(const run_report& report, const check_report&)
{
    return fmt::format("one generation each, {} swaps", count_text(report.swaps));
}

std::string reclaimed(const run_report& report, const check_report&)
{
    return fmt::format("{} of {} reclaimed", count_text(report.reclaimed), count_text(report.retired));
}

std::string longest(const run_report& report, const check_report&)
{
    std::string text = "longest " + time_text(report.grace_period.max_ns);
    if (report.watchdog)
        text += fmt::format("; the watchdog looked {} times", count_text(report.watchdog->looks));
    return text;
}

std::string watched(const run_report&, const check_report&)
{
    return libc_guard_active() ? "malloc, stdio and mutex calls watched" : "not watched in this program";
}

constexpr std::array table{
    check_info{.id = check::grace_period,
               .invariant = "I1: no handler data is used after its grace period",
               .looks_at = "handler calls",
               .evidence = ages},
    check_info{.id = check::publish_order,
               .invariant = "I2: data is initialised before it is seen",
               .looks_at = "handler calls",
               .evidence = incomplete},
    check_info{.id = check::conservation,
               .invariant =
                   "I3: no NMI is lost or invented: raised = handled + coalesced + rejected + offline",
               .looks_at = "NMIs raised",
               .judge = judge_conservation,
               .evidence = books},
    check_info{.id = check::nesting,
               .invariant = "I4: nmi_enter and nmi_exit balance",
               .looks_at = "NMIs",
               .evidence = depths},
    check_info{.id = check::exactly_once,
               .invariant = "I5: each handled NMI runs exactly one generation of handler",
               .looks_at = "NMIs",
               .evidence = generations},
    check_info{.id = check::reclaim,
               .invariant = "I6: each retired handler is reclaimed, once",
               .looks_at = "retired handlers",
               .judge = judge_reclaim,
               .evidence = reclaimed},
    check_info{.id = check::progress,
               .invariant = "I7: grace periods and NMIs end, and a vCPU that is online handles NMIs",
               .looks_at = "grace periods",
               .judge = judge_progress,
               .evidence = longest},
    check_info{.id = check::errno_kept,
               .invariant = "I8: errno survives an NMI",
               .looks_at = "NMIs and workload rounds"},
    check_info{.id = check::signal_safety,
               .invariant = "I9: NMI context calls nothing that is not async-signal-safe",
               .looks_at = "NMIs",
               .judge = judge_signal_safety,
               .evidence = watched},
    check_info{.id = check::workload,
               .invariant = "the interrupted program's own results are right",
               .looks_at = "workload results"},
};

constexpr bool in_the_order_of_the_enum() noexcept
{
    for (std::size_t i = 0; i < table.size(); ++i)
        if (table[i].id != static_cast<check>(i))
            return false;
    return true;
}
static_assert(table.size() == check_count && in_the_order_of_the_enum());

} // namespace

const check_info& info_of(check c) noexcept
{
    return table[static_cast<std::size_t>(c)];
}

} // namespace nmisim
