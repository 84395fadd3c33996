// SPDX-License-Identifier: MIT
//
// Exploration reports for people: a summary line, then the findings, each with its address, symbol, source
// line and instruction. With `all` every boundary is listed, so that two runs can be compared with diff.
#include "nmisim/explore.hpp"

#include "base/number_text.hpp"
#include "explore/memory/interleaving_map.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

namespace nmisim::explore {

namespace {

using sink = std::back_insert_iterator<std::string>;

std::string described(const place& p)
{
    std::string t = fmt::format("{:#x} {}", p.ip, name_of(p));
    if (!p.source.empty())
        t += fmt::format(" ({})", p.source);
    return t;
}

const place* place_at(const sweep_report& r, std::uintptr_t ip)
{
    for (const place& p : r.boundaries)
        if (p.ip == ip)
            return &p;
    return nullptr;
}

// A call chain is one frame a line.
std::string chain_in_lines(const std::string& what)
{
    std::string text;
    for (std::size_t i = 0; i < what.size(); ++i)
        if (what.compare(i, 3, " < ") == 0) {
            text += "\n          < ";
            i += 2;
        } else {
            text += what[i];
        }
    return text;
}

void boundary_line(sink out, const std::string& number, std::string_view title, const place& p)
{
    fmt::format_to(out, "  {:>9}  {:<11} {:#x}  {:<44} {:<20} {}\n", number, title, p.ip, name_of(p),
                   p.source, p.instruction);
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
    if (!first.what.empty() && with_what)
        fmt::format_to(out, "        {}\n", chain_in_lines(first.what));
    if (!first.token.empty() && with_what)
        fmt::format_to(out, "        replay {}\n", first.token);
    if (first.delivered_at != 0 && first.delivered_at != p.ip) {
        const place* at = place_at(r, first.delivered_at);
        fmt::format_to(out, "        signal was blocked there; delivered at {}\n",
                       at != nullptr ? described(*at) : fmt::format("{:#x}", first.delivered_at));
    }
}

bool is_finding(const sweep_cell& c)
{
    return c.verdict != verdict::clean && c.verdict != verdict::held && c.verdict != verdict::unhandled;
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
        if (!all && !is_finding(c))
            continue;
        const std::size_t last = all ? i : last_of_range(r, i);
        if (!all && shown++ == enough) {
            const auto hidden =
                std::count_if(r.cells.begin() + static_cast<std::ptrdiff_t>(i), r.cells.end(), is_finding);
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
        const bool finding =
            c.verdict != verdict::clean && c.verdict != verdict::held && c.verdict != verdict::unhandled;
        if (!all && !finding)
            continue;
        fmt::format_to(out, "  {:>9}  {:<11} in {}, {}{}{}, called from {}\n", c.boundary, name_of(c.verdict),
                       c.call, name_of(c.arrival), c.result.empty() ? "" : ": ", c.result,
                       described(c.called_from));
        if (!c.what.empty())
            fmt::format_to(out, "        {}\n", chain_in_lines(c.what));
        if (!c.token.empty())
            fmt::format_to(out, "        replay {}\n", c.token);
    }
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

// One line of a map's findings: neighbouring boundaries of the reader with the same finding are one range.
std::size_t range_end(const map_report& r, std::size_t first)
{
    std::size_t i = first + 1;
    const map_finding& f = r.findings[first];
    while (i < r.findings.size() && r.findings[i].kind == f.kind && r.findings[i].what == f.what &&
           r.findings[i].updater == f.updater && r.findings[i].reader_first == f.reader_first &&
           r.findings[i].reader == r.findings[i - 1].reader + 1)
        ++i;
    return i;
}

void place_line(sink out, const char* title, const place& p)
{
    fmt::format_to(out, "    {:<12}{:#x}  {:<44} {:<20} {}\n", title, p.ip, name_of(p), p.source,
                   p.instruction);
}

void context_line(sink out, const map_context& c)
{
    const char* title = c.reader2 ? "reader 2" : c.reader ? "reader" : "updater";
    if (c.at_end)
        fmt::format_to(out, "    {:<12}at its end\n", title);
    else if (!c.by_itself)
        place_line(out, title, c.before);
    if (c.waiting_stores == 0)
        return;
    fmt::format_to(out, "      {} store{} in its store buffer; the oldest: {} byte{} at {:#x} <- {:#x}\n",
                   c.waiting_stores, c.waiting_stores == 1 ? "" : "s", c.stored_size,
                   c.stored_size == 1 ? "" : "s", c.stored_at, c.stored_value);
    place_line(out, "  stored by", c.stored_by);
    if (c.loaded_from == 0)
        return;
    place_line(out, "  overtaken", c.overtaken_by);
    fmt::format_to(out, "      by this load of {:#x}: {}\n", c.loaded_from,
                   c.overtaken_by.ip == c.stored_by.ip ? "its own; the prefix lock forbids it"
                                                       : "a fence between the two forbids it");
}

// Of a reduced map. The first one is the smallest.
void schedule_lines(sink out, const map_report& r, bool all)
{
    constexpr std::size_t enough = 4;
    std::size_t shown = 0;
    for (const map_finding& f : r.findings) {
        if (!all && (!f.smallest || shown == enough))
            continue;
        ++shown;
        fmt::format_to(out, "  {}, {} first: {}\n", name_of(f.kind),
                       f.reader2_first  ? "reader 2"
                       : f.reader_first ? "reader"
                                        : "updater",
                       chain_in_lines(f.what));
        fmt::format_to(out, "    schedule    {}\n", f.schedule);
        for (const map_context& c : f.contexts)
            context_line(out, c);
        if (!f.token.empty()) // code of no file
            fmt::format_to(out, "    replay      {}\n", f.token);
    }
    if (shown != r.findings.size())
        fmt::format_to(out, "  ... {} more, smaller ones of which are above: --all\n",
                       r.findings.size() - shown);
}

// What the map shows, and what it does not.
void coverage_lines(sink out, const map_report& r)
{
    for (const std::string& what : r.unsupported)
        fmt::format_to(out, "  not reduced: {}\n", what);
    if (r.reduced)
        fmt::format_to(out,
                       "  paused only before accesses to the {} bytes that {} touch: the reader's {}, the "
                       "updater's {}\n",
                       count_text(r.shared_bytes), r.readers > 1 ? "at least two" : "both",
                       count_text(r.reader_points), count_text(r.updater_points));
    fmt::format_to(out, "  covered: {}\n", covered_by(r));
}

void finding_lines(sink out, const map_report& r, bool all)
{
    if (r.reduced)
        return schedule_lines(out, r, all);
    std::size_t shown = 0;
    constexpr std::size_t enough = 12;
    for (std::size_t i = 0; i < r.findings.size();) {
        const std::size_t end = all ? i + 1 : range_end(r, i);
        if (!all && shown++ == enough) {
            fmt::format_to(out, "  ... {} more: --all\n", r.findings.size() - i);
            return;
        }
        const map_finding& f = r.findings[i];
        fmt::format_to(out, "  {}, reader paused at {}{}: {}\n", name_of(f.kind), f.reader,
                       end - i == 1 ? "" : fmt::format("..{}", r.findings[end - 1].reader),
                       chain_in_lines(f.what));
        fmt::format_to(out, "    schedule    {}\n", f.schedule);
        place_line(out, end - i == 1 ? "reader" : "reader from", r.reader[f.reader]);
        if (end - i != 1)
            place_line(out, "reader to", r.reader[r.findings[end - 1].reader]);
        place_line(out, "updater", r.updater[f.updater]);
        fmt::format_to(out, "    replay      {}\n", f.token);
        i = end;
    }
}

} // namespace

std::string to_text(const sweep_report& r, bool all)
{
    std::string text;
    const sink out = std::back_inserter(text);
    if (!r.absent.empty()) {
        fmt::format_to(out, "{}: not explored: {}\n", r.name, r.absent);
        return text;
    }
    fmt::format_to(out, "{}: {} boundaries, {} NMIs: {} clean", r.name, count_text(r.boundaries.size()),
                   count_text(r.cells.size() + r.calls.size()), count_text(r.count(verdict::clean)));
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
    clean_lines(out, r);
    cell_lines(out, r, all);
    call_lines(out, r, all);
    return text;
}

std::string to_text(const map_report& r, bool all)
{
    std::string text;
    const sink out = std::back_inserter(text);
    if (!r.absent.empty()) {
        fmt::format_to(out, "{}: not explored: {}\n", r.name, r.absent);
        return text;
    }
    fmt::format_to(out, "{}: {} {} x updater {} boundaries, {} schedules", r.name,
                   r.readers > 1 ? "two readers" : "reader", count_text(r.reader.size()),
                   count_text(r.updater.size()), count_text(r.schedules));
    if (r.runs != r.schedules)
        fmt::format_to(out, " by {} runs", count_text(r.runs));
    for (const cell c : {cell::ends, cell::waits, cell::violation, cell::crash, cell::hang, cell::not_reached,
                         cell::unexplored})
        if (const std::size_t n = r.count(c); n != 0)
            fmt::format_to(out, ", {} {}", count_text(n), name_of(c));
    fmt::format_to(out, " ({})\n", time_text(r.elapsed_ns));
    if (!r.complete)
        fmt::format_to(out, "  incomplete: {}\n", r.incomplete);
    if (r.first_waiting >= 0) {
        const place& first = r.reader[static_cast<std::size_t>(r.first_waiting)];
        const place& last = r.reader[static_cast<std::size_t>(r.last_waiting)];
        fmt::format_to(out, "  read-side critical section, measured: {} boundaries{}\n",
                       r.last_waiting - r.first_waiting + 1, r.contiguous ? "" : " (with holes)");
        if (r.first_waiting > 0)
            place_line(out, "entered by", r.reader[static_cast<std::size_t>(r.first_waiting) - 1]);
        place_line(out, "first", first);
        place_line(out, "last", last);
        if (!r.waits_in.empty())
            fmt::format_to(out, "    the updater waits in {}\n", r.waits_in);
    }
    finding_lines(out, r, all);
    coverage_lines(out, r);
    return text;
}

std::string to_text(const audit_report& r, bool all)
{
    std::string text;
    const sink out = std::back_inserter(text);
    if (!r.absent.empty()) {
        fmt::format_to(out, "{}: not audited: {}\n", r.name, r.absent);
        return text;
    }
    fmt::format_to(out, "{}: {} instructions, {} function{} called, {} unsafe ({})\n", r.name,
                   count_text(r.steps), r.entries.size(), r.entries.size() == 1 ? "" : "s", r.unsafe(),
                   time_text(r.elapsed_ns));
    if (!r.complete)
        fmt::format_to(out, "  incomplete: {}\n", r.incomplete);
    if (!r.ends.empty())
        fmt::format_to(out, "  the handler {}\n", r.ends);
    for (const audit_entry& e : r.entries) {
        if (!all && e.safe)
            continue;
        fmt::format_to(out, "  {:<7} {:<32} {:<24} from {}{}{}\n", e.safe ? "safe" : "UNSAFE", e.function,
                       e.object, described(e.called_from), e.why.empty() ? "" : ": ", e.why);
        if (e.deep)
            fmt::format_to(out, "          by {}\n", fmt::join(e.chain, " > "));
    }
    return text;
}

} // namespace nmisim::explore
