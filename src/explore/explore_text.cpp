// SPDX-License-Identifier: MIT
//
// Reports of maps and audits for people: a summary line, then the findings, each with its address, symbol, source
// line and instruction. With `all` every one is listed.
#include "nmisim/explore.hpp"

#include "base/number_text.hpp"
#include "explore/memory/interleaving_map.hpp"
#include "explore/text_parts.hpp"

namespace nmisim::explore {

namespace {

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
    fmt::format_to(out, "      {} in its store buffer; the oldest: {} at {:#x} <- {:#x}\n",
                   plural_text(c.waiting_stores, "store"), plural_text(c.stored_size, "byte"), c.stored_at,
                   c.stored_value);
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

std::string to_text(const map_report& r, bool all)
{
    if (!r.absent.empty())
        return fmt::format("{}: not explored: {}\n", r.name, r.absent);
    std::string text;
    const sink out = std::back_inserter(text);
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
    if (!r.absent.empty())
        return fmt::format("{}: not audited: {}\n", r.name, r.absent);
    std::string text;
    const sink out = std::back_inserter(text);
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
