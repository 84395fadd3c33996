// SPDX-License-Identifier: MIT
//
// Reports of sweeps for people: a summary line, then the findings, each with its address, symbol, source
// line and instruction. With `all` every boundary is listed, so that two runs can be compared with diff.
#include "base/number_text.hpp"
#include "explore/sweep_names.hpp"
#include "explore/text_parts.hpp"

#include <algorithm>
#include <map>
#include <tuple>

namespace nmisim::explore {

namespace {

const place* place_in(const std::vector<place>& places, std::uintptr_t ip)
{
    for (const place& p : places)
        if (p.ip == ip)
            return &p;
    return nullptr;
}

void boundary_line(sink out, const std::string& number, std::string_view title, const place& p)
{
    fmt::format_to(out, "  {:>9}  {:<11} {:#x}  {:<44} {:<20} {}\n", number, title, p.ip, name_of(p),
                   p.source, p.instruction);
}

template <class Cell>
void reason_lines(sink out, const Cell& c)
{
    if (!c.what.empty())
        fmt::format_to(out, "        {}\n", chain_in_lines(c.what));
    if (!c.token.empty())
        fmt::format_to(out, "        replay {}\n", c.token);
}

// One cell, or neighbouring cells from `first` to `last` of which the same is to be said.
void cell_line(sink out, const sweep_report& r, const sweep_cell& first, const sweep_cell& last,
               bool with_what)
{
    const place& p = r.boundaries[first.boundary];
    const bool range = first.boundary != last.boundary;
    boundary_line(
        out, range ? fmt::format("{}..{}", first.boundary, last.boundary) : fmt::format("{}", first.boundary),
        name_of(first.verdict), p);
    if (range)
        boundary_line(out, "", "to", r.boundaries[last.boundary]);
    if (with_what)
        reason_lines(out, first);
    if (first.delivered_at != 0 && first.delivered_at != p.ip) {
        const place* at = place_in(r.boundaries, first.delivered_at);
        fmt::format_to(out, "        signal was blocked there; delivered at {}\n",
                       at != nullptr ? described(*at) : fmt::format("{:#x}", first.delivered_at));
    }
}

// A hang's text has the addresses of that run.
bool same_finding(const sweep_cell& a, const sweep_cell& b)
{
    return a.verdict == b.verdict && (a.what == b.what || a.verdict == verdict::hang);
}

// The signal came at the boundary it was meant for, or, blocked there, at the same one for both.
bool same_delivery(const sweep_report& r, const sweep_cell& a, const sweep_cell& b)
{
    const auto late = [&r](const sweep_cell& c) {
        return c.delivered_at != r.boundaries[c.boundary].ip ? c.delivered_at : 0;
    };
    return late(a) == late(b);
}

// The last of the findings from `first` on that are one range. A few are listed, each with its instruction.
std::size_t last_of_range(const sweep_report& r, std::size_t first)
{
    constexpr std::size_t a_few = 12;
    std::size_t i = first;
    while (i + 1 < r.cells.size() && r.cells[i + 1].boundary == r.cells[i].boundary + 1 &&
           same_finding(r.cells[first], r.cells[i + 1]) && same_delivery(r, r.cells[first], r.cells[i + 1]))
        ++i;
    return i - first < a_few ? first : i;
}

// All cells, or the findings; a reason that is the one before it is not said again.
void cell_lines(sink out, const sweep_report& r, bool all)
{
    constexpr std::size_t enough = 64;
    std::size_t shown = 0;
    const sweep_cell* before = nullptr;
    for (std::size_t i = 0; i < r.cells.size(); ++i) {
        const sweep_cell& c = r.cells[i];
        if (!all && !is_told(c.verdict))
            continue;
        const std::size_t last = all ? i : last_of_range(r, i);
        if (!all && shown++ == enough) {
            const auto hidden = std::count_if(r.cells.begin() + static_cast<std::ptrdiff_t>(i), r.cells.end(),
                                              [](const sweep_cell& one) { return is_told(one.verdict); });
            fmt::format_to(out, "  ... {} more: --all\n", hidden);
            return;
        }
        const bool again = before != nullptr && same_finding(*before, c);
        cell_line(out, r, c, r.cells[last], all || !again);
        before = &c;
        i = last;
    }
}

void call_lines(sink out, const sweep_report& r, bool all)
{
    for (const call_cell& c : r.calls) {
        if (!all && !is_told(c.verdict))
            continue;
        fmt::format_to(out, "  {:>9}  {:<11} in {}, {}{}{}, called from {}\n", c.boundary, name_of(c.verdict),
                       c.call, name_of(c.arrival), c.result.empty() ? "" : ": ", c.result,
                       described(c.called_from));
        reason_lines(out, c);
    }
}

using second_place = std::tuple<bool, std::uintptr_t, std::uint32_t, verdict, std::string>;

second_place second_place_of(const pair_cell& c)
{
    return {c.together, c.ip, c.round, c.verdict, c.what};
}

void pair_lines(sink out, const sweep_report& r, const pair_cell& c, std::size_t boundaries)
{
    boundary_line(out, fmt::format("{}", c.boundary), name_of(c.verdict), r.boundaries[c.boundary]);
    if (c.together)
        fmt::format_to(out, "     second  pending together with the first one\n");
    else if (const place* p = place_in(r.handler, c.ip); p != nullptr)
        boundary_line(out, "second", c.round == 0 ? "" : fmt::format("round {}", c.round + 1), *p);
    if (boundaries > 1)
        fmt::format_to(out, "        and with the first one at {} boundaries more\n", boundaries - 1);
    reason_lines(out, c);
}

// All pairs, or of the findings each place of the second signal once.
void pair_lines(sink out, const sweep_report& r, bool all)
{
    constexpr std::size_t enough = 16;
    std::map<second_place, std::size_t> boundaries;
    for (const pair_cell& c : r.pairs)
        ++boundaries[second_place_of(c)];
    std::size_t shown = 0;
    std::size_t hidden = 0;
    for (const pair_cell& c : r.pairs) {
        std::size_t& n = boundaries[second_place_of(c)];
        if (all)
            pair_lines(out, r, c, 1);
        else if (!is_told(c.verdict) || n == 0)
            continue;
        else if (shown++ < enough)
            pair_lines(out, r, c, n);
        else
            hidden += n;
        n = 0;
    }
    if (hidden != 0)
        fmt::format_to(out, "  ... {} more pairs: --all\n", hidden);
}

// What a reader must know before trusting the word "clean".
void clean_lines(sink out, const sweep_report& r)
{
    if (const std::size_t ran = r.handler_runs(); ran != r.cells.size())
        fmt::format_to(out, "  the handler ran for {} of {} boundaries\n", ran, r.boundaries.size());
    std::size_t ended = 0;
    const sweep_cell* first = nullptr;
    for (const sweep_cell& c : r.cells)
        if (c.verdict == verdict::clean && !c.what.empty()) {
            first = first == nullptr ? &c : first;
            ++ended;
        }
    if (first != nullptr)
        fmt::format_to(out, "  {} clean run{} ended the process: {}\n", ended, ended == 1 ? "" : "s",
                       first->what);
}

} // namespace

std::string to_text(const sweep_report& r, bool all)
{
    if (!r.absent.empty())
        return fmt::format("{}: not explored: {}\n", r.name, r.absent);
    std::string text;
    const sink out = std::back_inserter(text);
    fmt::format_to(out, "{}: {} boundaries, {} NMIs: {} clean", r.name, count_text(r.boundaries.size()),
                   count_text(r.cells.size() + r.calls.size() + r.pairs.size()),
                   count_text(r.count(verdict::clean)));
    for (const verdict v : {verdict::held, verdict::unhandled, verdict::violation, verdict::crash,
                            verdict::hang, verdict::not_reached})
        if (const std::size_t n = r.count(v); n != 0)
            fmt::format_to(out, ", {} {}", count_text(n), name_of(v));
    fmt::format_to(out, " ({})\n", time_text(r.elapsed_ns));
    if (!r.complete)
        fmt::format_to(out, "  incomplete: {}\n", r.incomplete);
    if (all && r.cells.empty())
        for (std::size_t i = 0; i < r.boundaries.size(); ++i)
            fmt::format_to(out, "  {:>4}  {:<44} {:<20} {}\n", i, name_of(r.boundaries[i]),
                           r.boundaries[i].source, r.boundaries[i].instruction);
    if (!r.calls.empty())
        fmt::format_to(out, "  {} NMIs inside system calls\n", count_text(r.calls.size()));
    if (!r.pairs.empty())
        fmt::format_to(out, "  {} of them with the second signal, in the handler of the first\n",
                       count_text(r.pairs.size()));
    clean_lines(out, r);
    cell_lines(out, r, all);
    call_lines(out, r, all);
    pair_lines(out, r, all);
    return text;
}

} // namespace nmisim::explore
