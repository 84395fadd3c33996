// SPDX-License-Identifier: MIT
#include "report/text/text_tables.hpp"

#include "report/units.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace nmisim {

namespace {

/// A row of at most 80 columns: a label and right-aligned cells.
std::string row(std::string_view label, std::initializer_list<std::string> cells, int label_width = 14,
                int width = 11)
{
    std::string text = fmt::format("{:<{}}", label, label_width);
    for (std::string cell : cells) {
        if (static_cast<int>(cell.size()) >= width) // a billion without its spaces still leaves a gap
            std::erase(cell, ' ');
        text += fmt::format("{:>{}}", cell, width);
    }
    text.erase(text.find_last_not_of(' ') + 1);
    return text + "\n";
}

std::string per_second(std::uint64_t n, std::uint64_t elapsed_ns)
{
    if (elapsed_ns == 0)
        return "-";
    return count_text(
        static_cast<std::uint64_t>(static_cast<double>(n) * 1e9 / static_cast<double>(elapsed_ns) + 0.5));
}

/// What is left of the identity raised = handled + coalesced + rejected + offline: "ok" or the difference.
std::string balance_text(const cpu_report& c)
{
    const std::uint64_t accounted = c.handled + c.coalesced + c.rejected + c.offline;
    if (accounted == c.raised)
        return "ok";
    return accounted < c.raised ? fmt::format("-{}", c.raised - accounted)
                                : fmt::format("+{}", accounted - c.raised);
}

std::string nesting_text(const cpu_report& t)
{
    if (t.restarts + t.max_depth == 0)
        return {};
    return t.max_depth == 0 ? fmt::format("Nesting         {} came while one executed, {} restarts\n",
                                          count_text(t.nested), count_text(t.restarts))
                            : fmt::format("Nesting         {} came while one executed, deepest {}\n",
                                          count_text(t.nested), t.max_depth);
}

std::string latency_row(std::string_view label, const latency& l)
{
    if (l.count == 0)
        return row(fmt::format("  {}", label), {"-", "-", "-", "-", "-", "-", "-"}, 16, 9);
    return row(fmt::format("  {}", label),
               {count_text(l.count), time_text(l.min_ns), time_text(l.percentile_ns(0.5)),
                time_text(l.percentile_ns(0.9)), time_text(l.percentile_ns(0.99)),
                time_text(l.percentile_ns(0.999)), time_text(l.max_ns)},
               16, 9);
}

std::string check_word(check_status s, bool color)
{
    switch (s) {
    case check_status::pass: return "ok  ";
    case check_status::fail: return in_red("FAIL", color);
    case check_status::nothing_seen: return in_red("NONE", color);
    }
    return "?   ";
}

} // namespace

std::string in_green(std::string_view word, bool color)
{
    return color ? fmt::format("\033[32m{}\033[0m", word) : std::string(word);
}

std::string in_red(std::string_view word, bool color)
{
    return color ? fmt::format("\033[1;31m{}\033[0m", word) : std::string(word);
}

std::string nmi_table(const run_report& r)
{
    const bool paced = !r.config.inject.rate_max;
    std::string text = row("NMIs", {"requested", "raised", "handled", "coalesced", "rejected", "offline"});
    text += row("  total", {paced ? count_text(r.requested) : "max", count_text(r.total.raised),
                            count_text(r.total.handled), count_text(r.total.coalesced),
                            count_text(r.total.rejected), count_text(r.total.offline)});
    text +=
        row("  per second",
            {paced ? per_second(r.requested, r.elapsed_ns) : "max", per_second(r.total.raised, r.elapsed_ns),
             per_second(r.total.handled, r.elapsed_ns), per_second(r.total.coalesced, r.elapsed_ns),
             per_second(r.total.rejected, r.elapsed_ns), per_second(r.total.offline, r.elapsed_ns)});
    return text + nesting_text(r.total);
}

std::string source_table(const run_report& r)
{
    if (r.config.sources == std::vector{source_kind::sigqueue})
        return {};
    std::string text = row("Sources", {"requested", "raised", "overruns"});
    for (const source_report& s : r.sources)
        text += row(fmt::format("  {}", name_of(s.kind)),
                    {!s.counted                 ? "not known"
                     : r.config.inject.rate_max ? "max"
                                                : count_text(s.requested),
                     count_text(s.raised), s.kind == source_kind::timer ? count_text(s.overruns) : "-"});
    return text;
}

std::string vcpu_table(const run_report& r, bool all)
{
    constexpr std::size_t shown_at_most = 16;
    std::string text =
        row("vCPU  pinned", {"raised", "handled", "coalesced", "unknown", "in flight", "balance"});
    std::size_t left_out = 0;
    for (std::size_t i = 0; i < r.cpus.size(); ++i) {
        const cpu_report& c = r.cpus[i];
        const std::string balance = balance_text(c);
        if (!all && i >= shown_at_most && balance == "ok") {
            ++left_out;
            continue;
        }
        text += row(fmt::format("  {:<4}{:>6}", c.cpu, c.pinned_to < 0 ? "-" : std::to_string(c.pinned_to)),
                    {count_text(c.raised), count_text(c.handled), count_text(c.coalesced),
                     count_text(c.unknown), count_text(c.max_in_flight), balance});
    }
    if (left_out != 0)
        text += fmt::format("  and {} more, balance ok (--verbose shows them)\n", left_out);
    return text;
}

std::string interrupt_table(const run_report& r, bool all)
{
    struct line {
        std::string_view label;
        std::uint64_t cpu_report::*count;
        std::string_view what;
    };
    static constexpr std::array lines{
        line{"NMI:", &cpu_report::handled, "Non-maskable interrupts"},
        line{"NOR:", &cpu_report::normal, "Claimed events"},
        line{"UNK:", &cpu_report::unknown, "Unknown"},
        line{"EXT:", &cpu_report::external, "External: SERR, IO_CHECK"},
        line{"SWA:", &cpu_report::swallow, "Swallowed"},
    };
    constexpr std::size_t columns = 4;
    const std::size_t shown = all ? r.cpus.size() : std::min(r.cpus.size(), std::size_t{16});
    std::string text;
    for (std::size_t first = 0; first < shown; first += columns) {
        const std::size_t end = std::min(first + columns, shown);
        text += "    ";
        for (std::size_t i = first; i < end; ++i)
            text += fmt::format(" {:>11}", fmt::format("CPU{}", r.cpus[i].cpu));
        text += '\n';
        for (const line& l : lines) {
            text += l.label;
            for (std::size_t i = first; i < end; ++i)
                text += fmt::format(" {:>11}", r.cpus[i].*l.count);
            text += fmt::format("   {}\n", l.what);
        }
        for (std::size_t irq = 0; irq < r.irqs.size(); ++irq) {
            text += fmt::format("{:>3}:", irq);
            for (std::size_t i = first; i < end; ++i)
                text += fmt::format(" {:>11}", r.cpus[i].irqs[irq].handled);
            text += "   IRQ line\n";
        }
    }
    if (shown < r.cpus.size())
        text += fmt::format("  and {} more vCPUs (--verbose shows them)\n", r.cpus.size() - shown);
    return text;
}

std::string latency_table(const run_report& r, bool all)
{
    std::string text = row("Latency", {"count", "min", "p50", "p90", "p99", "p99.9", "max"}, 16, 9);
    text += latency_row("delivery", r.delivery);
    text += latency_row("handler", r.handler);
    if (!r.irqs.empty()) {
        text += latency_row("IRQ delivery", r.irq_delivery);
        text += latency_row("IRQ handler", r.irq_handler);
    }
    if (all) {
        text += latency_row("injector late", r.injector);
        text += latency_row("publish", r.publish);
    }
    text += latency_row("grace period", r.grace_period);
    if (all)
        text += latency_row("reclaim", r.reclaim);
    text += latency_row("swap", r.swap);
    if (r.config.onoff) {
        text += latency_row("cpu down", r.cpu_down);
        text += latency_row("cpu up", r.cpu_up);
    }
    return text;
}

std::string swap_table(const run_report& r)
{
    std::string text = row("Swaps", {"done", "late", "retired", "reclaimed", "waiting max"}, 14, 12);
    text += row("",
                {count_text(r.swaps), count_text(r.late_swaps), count_text(r.retired),
                 count_text(r.reclaimed), count_text(r.waiting_max)},
                14, 12);
    if (r.config.chain > 0)
        text += fmt::format(
            "Chain           {} handlers beside the run's own, {} taken off and one added for each\n",
            r.config.chain, count_text(r.chain_swaps));
    text +=
        fmt::format("Handler age   same {}   +1 {}   +2 or more {}{}\n", count_text(r.handler_age[0]),
                    count_text(r.handler_age[1]), count_text(r.handler_age[2]),
                    r.handler_age[2] == 0 ? "   (must be 0)" : "   (must be 0: used after its grace period)");
    return text;
}

std::string hotplug_table(const run_report& r)
{
    if (!r.config.onoff)
        return {};
    return row("Hotplug", {"offlined", "onlined", "failed", "threads"}, 14, 12) +
           row("",
               {count_text(r.offlined), count_text(r.onlined), count_text(r.onoff_failed),
                count_text(r.total.times_onlined)},
               14, 12);
}

std::string check_table(const run_report& r, const text_style& style)
{
    std::string text = "Checks\n";
    for (const check_report& c : r.checks) {
        text += fmt::format("  {}  {:<14} {:>11} {}", check_word(c.status, style.color), name_of(c.id),
                            c.looked_at == 0 ? "looked at 0" : count_text(c.looked_at), c.looked_at_what);
        if (c.failures != 0)
            text += fmt::format(", {} failed", count_text(c.failures));
        else if (!c.evidence.empty())
            text += ": " + c.evidence;
        text += '\n';
    }
    return text;
}

} // namespace nmisim
