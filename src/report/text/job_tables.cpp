// SPDX-License-Identifier: MIT
#include "report/text/job_tables.hpp"

#include "report/units.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace nmisim {
namespace {

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

std::string frames_text(const std::vector<std::string>& frames)
{
    std::string text;
    for (const std::string& frame : frames)
        text += fmt::format("    {}\n", frame);
    return text;
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

} // namespace nmisim
