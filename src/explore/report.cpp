// SPDX-License-Identifier: MIT
//
// Names, counts and exit codes of the reports.
#include "explore/sweep_names.hpp"

#include <algorithm>

namespace nmisim::explore {

namespace {

constexpr int exit_clean = 0;
constexpr int exit_incomplete = 1;
constexpr int exit_violation = 3;
constexpr int exit_absent = 77;

template <class Report>
int exit_code_of(const Report& r, bool found, bool explored) noexcept
{
    if (!r.absent.empty())
        return exit_absent;
    if (found)
        return exit_violation;
    return r.clean() && explored ? exit_clean : exit_incomplete;
}

} // namespace

std::string_view name_of(verdict v) noexcept
{
    switch (v) {
    case verdict::clean: return "clean";
    case verdict::violation: return "violation";
    case verdict::crash: return "crash";
    case verdict::hang: return "hang";
    case verdict::held: return "held";
    case verdict::not_reached: return "not reached";
    case verdict::unhandled: return "unhandled";
    }
    return "?";
}

std::string_view name_of(arrival a) noexcept
{
    return a == arrival::pending ? "pending at its entry" : "while it slept";
}

std::string_view name_of(cell c) noexcept
{
    switch (c) {
    case cell::unexplored: return "unexplored";
    case cell::ends: return "ends";
    case cell::waits: return "waits";
    case cell::violation: return "violation";
    case cell::crash: return "crash";
    case cell::hang: return "hang";
    case cell::not_reached: return "not reached";
    }
    return "?";
}

std::size_t sweep_report::count(verdict v) const noexcept
{
    const auto is_it = [v](const auto& c) { return c.verdict == v; };
    return static_cast<std::size_t>(std::count_if(cells.begin(), cells.end(), is_it) +
                                    std::count_if(calls.begin(), calls.end(), is_it) +
                                    std::count_if(pairs.begin(), pairs.end(), is_it));
}

std::size_t sweep_report::handler_runs() const noexcept
{
    return static_cast<std::size_t>(
        std::count_if(cells.begin(), cells.end(), [](const sweep_cell& c) { return c.delivered_at != 0; }));
}

std::size_t map_report::count(cell c) const noexcept
{
    return static_cast<std::size_t>(std::count(reader_first.begin(), reader_first.end(), c) +
                                    std::count(updater_first.begin(), updater_first.end(), c));
}

std::size_t audit_report::unsafe() const noexcept
{
    return static_cast<std::size_t>(
        std::count_if(entries.begin(), entries.end(), [](const audit_entry& e) { return !e.safe; }));
}

int exit_code(const sweep_report& r) noexcept
{
    return exit_code_of(r, has_finding(r), !r.boundaries.empty());
}

int exit_code(const map_report& r) noexcept
{
    return exit_code_of(r, !r.findings.empty(), !r.reader.empty());
}

int exit_code(const audit_report& r) noexcept
{
    return exit_code_of(r, r.unsafe() != 0, true);
}

} // namespace nmisim::explore
