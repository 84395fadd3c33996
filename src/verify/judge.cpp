// SPDX-License-Identifier: MIT
#include "verify/judge.hpp"

#include "base/number_text.hpp"
#include "machine/machine_state.hpp"
#include "verify/check_info.hpp"
#include "verify/symbol.hpp"

#include <fmt/format.h>

namespace nmisim {
namespace {

std::vector<const check_block*> blocks_of(machine& m, const pool_list& pools)
{
    std::vector<const check_block*> blocks;
    for (const element_pool* pool : pools)
        blocks.push_back(&pool->checks());
    for (auto& cpu : internals(m).cpus) {
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
    if (first == nullptr)
        return out;
    out.first = sentence(*first);
    out.first_at_s = first->time_ns > start_ns ? static_cast<double>(first->time_ns - start_ns) / 1e9 : 0;
    out.first_cpu = first->cpu;
    out.first_generation = first->generation;
    return out;
}

/// One book that vCPUs (percpu) or their IRQ lines (irq_line) keep: where the report has it, and how it is read.
template <class Report, class Area>
struct book {
    std::uint64_t Report::*of;
    std::uint64_t (*read)(const Area&) noexcept;
    bool highest = false; ///< in the total: the highest, not the sum
};

template <class Report, class Area, std::size_t N>
void gather(const book<Report, Area> (&books)[N], const Area& from, Report& one, Report& total) noexcept
{
    for (const auto& b : books) {
        one.*b.of = b.read(from);
        total.*b.of = b.highest ? std::max(total.*b.of, one.*b.of) : total.*b.of + one.*b.of;
    }
}

// All are read after the drain: relaxed is enough.
std::uint64_t now(const std::atomic<std::uint64_t>& count) noexcept
{
    return count.load(std::memory_order_relaxed);
}

constexpr book<cpu_report, percpu> cpu_books[] = {
    {&cpu_report::raised, [](const percpu& a) noexcept { return a.line.raised(); }},
    {&cpu_report::handled, [](const percpu& a) noexcept { return nmi_count_of(a); }},
    {&cpu_report::coalesced,
     [](const percpu& a) noexcept { return now(a.line.coalesced) + a.nesting.merged.read(); }},
    {&cpu_report::rejected, [](const percpu& a) noexcept { return now(a.line.rejected); }},
    {&cpu_report::offline,
     [](const percpu& a) noexcept { return now(a.line.offline_at_raise) + a.offline_seen.read(); }},
    {&cpu_report::unknown, [](const percpu& a) noexcept { return a.unknown.read(); }},
    {&cpu_report::external, [](const percpu& a) noexcept { return a.external.read(); }},
    {&cpu_report::normal, [](const percpu& a) noexcept { return nmi_normal_of(a); }},
    {&cpu_report::swallow, [](const percpu& a) noexcept { return a.stats.swallow.read(); }},
    {&cpu_report::nested, [](const percpu& a) noexcept { return a.nesting.nested.read(); }},
    {&cpu_report::restarts, [](const percpu& a) noexcept { return a.nesting.restarts.read(); }},
    {&cpu_report::max_depth, [](const percpu& a) noexcept { return std::uint64_t{a.nesting.max_depth}; },
     true},
    {&cpu_report::max_in_flight, [](const percpu& a) noexcept { return now(a.line.max_in_flight); }, true},
    {&cpu_report::work, [](const percpu& a) noexcept { return a.work.read(); }},
    {&cpu_report::times_onlined, [](const percpu& a) noexcept { return a.times_onlined.read(); }},
};

constexpr book<irq_report, irq_line> irq_books[] = {
    {&irq_report::raised, [](const irq_line& l) noexcept { return l.line.raised(); }},
    {&irq_report::handled, [](const irq_line& l) noexcept { return l.count.read(); }},
    {&irq_report::coalesced, [](const irq_line& l) noexcept { return now(l.line.coalesced); }},
    {&irq_report::rejected, [](const irq_line& l) noexcept { return now(l.line.rejected); }},
    {&irq_report::offline,
     [](const irq_line& l) noexcept { return now(l.line.offline_at_raise) + l.offline_seen.read(); }},
    {&irq_report::unhandled, [](const irq_line& l) noexcept { return l.unhandled.read(); }},
};

void gather_irqs(const irq_cpu& books, cpu_report& cpu, run_report& report)
{
    report.irqs.resize(books.lines.size());
    for (std::size_t i = 0; i < books.lines.size(); ++i) {
        irq_report line;
        line.irq = report.irqs[i].irq = static_cast<int>(i);
        gather(irq_books, books.lines[i], line, report.irqs[i]);
        cpu.irqs.push_back(line);
    }
    for (std::size_t age = 0; age < report.handler_age.size(); ++age)
        report.handler_age[age] += books.age[age].read();
    report.irq_delivery.merge(books.delivery);
    report.irq_handler.merge(books.handler);
}

} // namespace

void gather_books(machine& m, run_report& report)
{
    machine_state& state = internals(m);
    report.total.cpu = -1;
    for (auto& thread : state.cpus) {
        const percpu& area = thread->area();
        cpu_report c;
        c.cpu = area.cpunumber;
        c.pinned_to = thread->pinned_to();
        gather(cpu_books, area, c, report.total);
        for (std::size_t age = 0; age < report.handler_age.size(); ++age)
            report.handler_age[age] += area.age[age].read();
        report.delivery.merge(area.delivery);
        report.handler.merge(area.handler);
        if (area.irq != nullptr)
            gather_irqs(*area.irq, c, report);
        report.cpus.push_back(c);
    }
    const duration_record& durations = internals(m).domain.duration;
    report.long_handlers = {durations.too_long.load(std::memory_order_relaxed), // after the drain
                            durations.reported.load(std::memory_order_relaxed),
                            durations.max_ns.load(std::memory_order_relaxed),
                            durations.max_cpu_ns.load(std::memory_order_relaxed)};
}

void judge(machine& m, const pool_list& pools, const check_block& control, std::uint64_t start_ns,
           run_report& report)
{
    auto blocks = blocks_of(m, pools);
    blocks.push_back(&control);
    for (std::size_t i = 0; i < check_count; ++i) {
        const auto which = static_cast<check>(i);
        check_report out = sum_up(which, blocks, start_ns);
        const check_info& info = info_of(which);
        if (info.judge != nullptr)
            info.judge(internals(m), report, out);
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

std::uint64_t failures_so_far(machine& m, const pool_list& pools)
{
    std::uint64_t failures = 0;
    for (const check_block* block : blocks_of(m, pools))
        failures += block->failures();
    return failures;
}

} // namespace nmisim
