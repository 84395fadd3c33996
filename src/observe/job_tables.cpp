// SPDX-License-Identifier: MIT
#include "observe/job_tables.hpp"

#include "observe/units.hpp"

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

} // namespace

std::string job_tables(const run_report& r)
{
    return duration_table(r) + (r.profile ? profile_table(*r.profile) : "");
}

} // namespace nmisim
