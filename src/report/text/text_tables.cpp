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

double percent_of(std::uint64_t part, std::uint64_t all)
{
    return all == 0 ? 0 : 100.0 * static_cast<double>(part) / static_cast<double>(all);
}

std::string duration_table(const run_report& r)
{
    if (r.config.nmi_longest_ns == 0)
        return {};
    const duration_report& d = r.long_handlers;
    std::string text = fmt::format("Long handlers   {} took at least {}", count_text(d.too_long),
                                   exact_time_text(r.config.nmi_longest_ns));
    if (d.too_long != 0)
        text +=
            fmt::format("; longest {}, {} of it on the CPU", time_text(d.max_ns), time_text(d.max_cpu_ns));
    return text + "\n\n";
}

std::string name_of(const profile_row& row)
{
    if (row.object.empty())
        return "no object";
    return row.function.empty() ? fmt::format("({})", row.object)
                                : fmt::format("{} ({})", row.function, row.object);
}

std::string profile_table(const profile_report& p)
{
    constexpr std::size_t shown_at_most = 12;
    std::string text = fmt::format("Profile         {} samples, {} lost, of {} handlers\n",
                                   count_text(p.taken), count_text(p.lost), count_text(p.drained));
    for (std::size_t i = 0; i < std::min(p.rows.size(), shown_at_most); ++i)
        text += fmt::format("  {:>5.1f} % {:>10}  {}\n", percent_of(p.rows[i].samples, p.taken),
                            count_text(p.rows[i].samples), name_of(p.rows[i]));
    if (p.rows.size() > shown_at_most)
        text += fmt::format("  and {} more\n", p.rows.size() - shown_at_most);
    if (p.split.empty())
        return text + "\n";
    text += fmt::format("Split           {:>9}{:>11}{:>11}{:>15}\n", "meant", "measured", "sampled",
                        "off (points)");
    for (const split_row& s : p.split)
        text += fmt::format("  {:<14}{:>7.1f} %{:>9.1f} %{:>9.1f} %{:>+15.2f}\n",
                            s.function.substr(s.function.rfind(':') + 1), 100 * s.meant, 100 * s.measured,
                            100 * s.sampled, 100 * (s.sampled - s.meant));
    return text + "\n";
}

std::string watchdog_table(const watchdog_report& w, const run_config& c)
{
    std::string text = fmt::format("Watchdog        threshold {}: {} ticks, {} looks, {}\n",
                                   exact_time_text(c.watchdog_thresh_ns), count_text(w.ticks),
                                   count_text(w.looks), plural_text(w.lockups.size(), "hard lock-up"));
    for (const lockup_report& l : w.lockups)
        text += fmt::format("  vCPU {}: hard LOCKUP, found {} after its last tick\n", l.cpu,
                            time_text(l.after_ns)) +
                frames_text(l.backtrace);
    return text + "\n";
}

std::string backtrace_table(const backtrace_report& b)
{
    std::string text = fmt::format(
        "Backtraces      {} asked for, {} vCPUs answered, {} did not; longest {}\n", count_text(b.asked),
        count_text(b.answered), count_text(b.unanswered), time_text(b.longest_ns));
    constexpr std::size_t shown_at_most = 8;
    for (std::size_t i = 0; i < std::min(b.last.size(), shown_at_most); ++i)
        text += fmt::format("  vCPU {}{}\n", b.last[i].cpu, b.last[i].frames.empty() ? ": no answer" : "") +
                frames_text(b.last[i].frames);
    if (b.last.size() > shown_at_most)
        text += fmt::format("  and {} more\n", b.last.size() - shown_at_most);
    return text + "\n";
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
    std::string text = row("NMIs", {"requested", "raised", "handled", "coalesced", "rejected", "offline"});
    const auto add = [&](const char* label, auto text_of) {
        text += row(label, {r.config.inject.rate_max ? "max" : text_of(r.requested), text_of(r.total.raised),
                            text_of(r.total.handled), text_of(r.total.coalesced), text_of(r.total.rejected),
                            text_of(r.total.offline)});
    };
    add("  total", count_text);
    add("  per second", [&](std::uint64_t n) { return per_second(n, r.elapsed_ns); });
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

std::string frames_text(const std::vector<std::string>& frames)
{
    std::string text;
    for (const std::string& frame : frames)
        text += fmt::format("    {}\n", frame);
    return text;
}

std::string job_tables(const run_report& r)
{
    std::string text = duration_table(r);
    if (r.profile)
        text += profile_table(*r.profile);
    if (r.watchdog)
        text += watchdog_table(*r.watchdog, r.config);
    if (r.backtrace)
        text += backtrace_table(*r.backtrace);
    return text;
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
