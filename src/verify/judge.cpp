// SPDX-License-Identifier: MIT
#include "verify/judge.hpp"

#include "base/number_text.hpp"
#include "machine/machine_state.hpp"
#include "verify/check_info.hpp"
#include "verify/symbol.hpp"

#include <fmt/format.h>

namespace nmisim {
namespace {

std::vector<const check_block*> blocks_of(machine& m, const pool_list& pools, const check_block& control)
{
    std::vector<const check_block*> blocks{&control};
    for (const element_pool* pool : pools)
        blocks.push_back(&pool->checks());
    for (auto& cpu : m.internals().cpus) {
        blocks.push_back(&cpu->area().checks);
        blocks.push_back(&cpu->area().task_checks);
        if (const irq_cpu* irq = cpu->area().irq; irq != nullptr)
            blocks.push_back(&irq->checks);
    }
    return blocks;
}

std::string sentence(const violation& v)
{
    std::string text =
        fmt::format("{}: {}, expected {}", v.what, count_text(v.observed), count_text(v.expected));
    if (v.observed > 0xffffffff || v.expected > 0xffffffff)
        text = fmt::format("{}: {:#x}, expected {:#x}", v.what, v.observed, v.expected);
    if (v.ip != 0)
        text += ", at " + symbol_of(v.ip);
    return text;
}

void set_first(check_report& out, const violation& v, std::uint64_t start_ns)
{
    out.first = sentence(v);
    out.first_at_s = v.time_ns > start_ns ? static_cast<double>(v.time_ns - start_ns) / 1e9 : 0;
    out.first_cpu = v.cpu;
    out.first_generation = v.generation;
}

check_report sum_up(check which, const std::vector<const check_block*>& blocks, std::uint64_t start_ns)
{
    check_report out;
    out.id = which;
    out.looked_at_what = info_of(which).looks_at;
    const violation* first = nullptr;
    for (const check_block* block : blocks) {
        const check_record& record = (*block)[which];
        out.looked_at += record.looked_at();
        if (const std::uint64_t n = record.failures(); n > 0) {
            out.failures += n;
            if (first == nullptr || record.first().time_ns < first->time_ns)
                first = &record.first();
        }
    }
    if (first != nullptr)
        set_first(out, *first, start_ns);
    return out;
}

void add(irq_report& sum, const irq_report& one) noexcept
{
    sum.raised += one.raised;
    sum.handled += one.handled;
    sum.coalesced += one.coalesced;
    sum.rejected += one.rejected;
    sum.offline += one.offline;
    sum.unhandled += one.unhandled;
}

void gather_irqs(const irq_cpu& books, cpu_report& cpu, run_report& report)
{
    report.irqs.resize(books.lines.size());
    for (std::size_t i = 0; i < books.lines.size(); ++i) {
        const irq_line& of = books.lines[i];
        irq_report line;
        line.irq = report.irqs[i].irq = static_cast<int>(i);
        line.raised = of.line.raised.load(std::memory_order_relaxed); // all after the drain
        line.handled = of.count.read();
        line.coalesced = of.line.coalesced.load(std::memory_order_relaxed);
        line.rejected = of.line.rejected.load(std::memory_order_relaxed);
        line.offline = of.line.offline_at_raise.load(std::memory_order_relaxed) + of.offline_seen.read();
        line.unhandled = of.unhandled.read();
        add(report.irqs[i], line);
        cpu.irqs.push_back(line);
    }
    for (std::size_t age = 0; age < report.handler_age.size(); ++age)
        report.handler_age[age] += books.age[age].read();
    report.irq_delivery.merge(books.delivery);
    report.irq_handler.merge(books.handler);
}

std::uint64_t failures_of(const check_block& checks) noexcept
{
    std::uint64_t failures = 0;
    for (std::size_t i = 0; i < check_count; ++i)
        failures += checks[static_cast<check>(i)].failures();
    return failures;
}

} // namespace

void gather_books(machine& m, run_report& report)
{
    machine_state& state = m.internals();
    report.total.cpu = -1;
    for (auto& thread : state.cpus) {
        const percpu& area = thread->area();
        cpu_report c;
        c.cpu = area.cpunumber;
        c.pinned_to = thread->pinned_to();
        c.raised = area.line.raised.load(std::memory_order_relaxed); // all after the drain
        c.handled = nmi_count_of(area);
        c.coalesced = area.line.coalesced.load(std::memory_order_relaxed) + area.nesting.merged.read();
        c.nested = area.nesting.nested.read();
        c.restarts = area.nesting.restarts.read();
        c.max_depth = area.nesting.max_depth;
        c.rejected = area.line.rejected.load(std::memory_order_relaxed);
        c.offline = area.line.offline_at_raise.load(std::memory_order_relaxed) + area.offline_seen.read();
        c.unknown = area.unknown.read();
        c.external = area.external.read();
        c.normal = nmi_normal_of(area);
        c.swallow = area.stats.swallow.read();
        c.max_in_flight = area.line.max_in_flight.load(std::memory_order_relaxed);
        c.work = area.work.read();
        c.times_onlined = area.times_onlined.read();
        report.total.raised += c.raised;
        report.total.handled += c.handled;
        report.total.coalesced += c.coalesced;
        report.total.rejected += c.rejected;
        report.total.offline += c.offline;
        report.total.unknown += c.unknown;
        report.total.external += c.external;
        report.total.normal += c.normal;
        report.total.swallow += c.swallow;
        report.total.nested += c.nested;
        report.total.restarts += c.restarts;
        report.total.max_depth = std::max(report.total.max_depth, c.max_depth);
        report.total.max_in_flight = std::max(report.total.max_in_flight, c.max_in_flight);
        report.total.work += c.work;
        report.total.times_onlined += c.times_onlined;
        for (std::size_t age = 0; age < report.handler_age.size(); ++age)
            report.handler_age[age] += area.age[age].read();
        report.delivery.merge(area.delivery);
        report.handler.merge(area.handler);
        if (area.irq != nullptr)
            gather_irqs(*area.irq, c, report);
        report.cpus.push_back(c);
    }
    const duration_record& durations = m.internals().domain.duration;
    report.long_handlers = {durations.too_long.load(std::memory_order_relaxed), // after the drain
                            durations.reported.load(std::memory_order_relaxed),
                            durations.max_ns.load(std::memory_order_relaxed),
                            durations.max_cpu_ns.load(std::memory_order_relaxed)};
}

void judge(machine& m, const pool_list& pools, const check_block& control, std::uint64_t start_ns,
           run_report& report)
{
    const auto blocks = blocks_of(m, pools, control);
    for (std::size_t i = 0; i < check_count; ++i) {
        const auto which = static_cast<check>(i);
        check_report out = sum_up(which, blocks, start_ns);
        const check_info& info = info_of(which);
        if (info.judge != nullptr)
            info.judge(m.internals(), report, out);
        if (info.evidence != nullptr)
            out.evidence = info.evidence(report, out);
        if (!report.irqs.empty() && out.looked_at_what.starts_with("NMIs"))
            out.looked_at_what.insert(4, " and IRQs");
        out.status = out.failures > 0     ? check_status::fail
                     : out.looked_at == 0 ? check_status::nothing_seen
                                          : check_status::pass;
        report.checks.push_back(std::move(out));
    }
}

std::uint64_t failures_so_far(machine& m, const pool_list& pools) noexcept
{
    std::uint64_t failures = 0;
    for (const element_pool* pool : pools)
        failures += pool->checks()[check::reclaim].failures();
    for (auto& cpu : m.internals().cpus) {
        const percpu& area = cpu->area();
        failures += failures_of(area.checks) + failures_of(area.task_checks);
        if (area.irq != nullptr)
            failures += failures_of(area.irq->checks);
    }
    return failures;
}

} // namespace nmisim
