// SPDX-License-Identifier: MIT
//
// Exploration reports for people: a summary line, then the findings, each with its address, symbol, source
// line and instruction. With `all` every boundary is listed, so that two runs can be compared with diff.
#include "nmisim/explore.hpp"

#include <fmt/format.h>

#include <iterator>

namespace nmisim::explore {

namespace {

using sink = std::back_insert_iterator<std::string>;

double ms(std::uint64_t ns)
{
    return static_cast<double>(ns) / 1e6;
}

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

void cell_line(sink out, const sweep_report& r, const sweep_cell& c)
{
    const place& p = r.boundaries[c.boundary];
    fmt::format_to(out, "  {:>4}  {:<11} {:<44} {:<20} {}\n", c.boundary, name_of(c.verdict), name_of(p),
                   p.source, p.instruction);
    if (!c.what.empty())
        fmt::format_to(out, "        {}\n", c.what);
    if (c.delivered_at != 0 && c.delivered_at != p.ip) {
        const place* at = place_at(r, c.delivered_at);
        fmt::format_to(out, "        signal was blocked there; delivered at {}\n",
                       at != nullptr ? described(*at) : fmt::format("{:#x}", c.delivered_at));
    }
}

// Symbols in the order in which they are entered, with the range of boundaries of each.
std::string schedule_of(const map_report& r, const map_finding& f)
{
    const std::string reader = name_of(r.reader[f.reader]);
    const std::string updater = f.updater < r.updater.size() ? name_of(r.updater[f.updater]) : "its start";
    return fmt::format("reader paused before {}, updater {}", reader, updater);
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
    fmt::format_to(out, "{}: {} boundaries, {} NMIs: {} clean", r.name, r.boundaries.size(), r.cells.size(),
                   r.count(verdict::clean));
    for (const verdict v :
         {verdict::held, verdict::violation, verdict::crash, verdict::hang, verdict::not_reached})
        if (const std::size_t n = r.count(v); n != 0)
            fmt::format_to(out, ", {} {}", n, name_of(v));
    fmt::format_to(out, " ({:.1f} ms)\n", ms(r.elapsed_ns));
    if (!r.complete)
        fmt::format_to(out, "  incomplete: {}\n", r.incomplete);
    if (all && r.cells.empty())
        for (std::size_t i = 0; i < r.boundaries.size(); ++i)
            fmt::format_to(out, "  {:>4}  {:<44} {:<20} {}\n", i, name_of(r.boundaries[i]),
                           r.boundaries[i].source, r.boundaries[i].instruction);
    for (const sweep_cell& c : r.cells)
        if (all || (c.verdict != verdict::clean && c.verdict != verdict::held))
            cell_line(out, r, c);
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
    fmt::format_to(out, "{}: reader {} x updater {} boundaries, {} schedules", r.name, r.reader.size(),
                   r.updater.size(), r.schedules);
    for (const cell c :
         {cell::ends, cell::waits, cell::violation, cell::crash, cell::hang, cell::not_reached})
        if (const std::size_t n = r.count(c); n != 0)
            fmt::format_to(out, ", {} {}", n, name_of(c));
    fmt::format_to(out, " ({:.1f} ms)\n", ms(r.elapsed_ns));
    if (!r.complete)
        fmt::format_to(out, "  incomplete: {}\n", r.incomplete);
    if (r.first_waiting >= 0) {
        const place& first = r.reader[static_cast<std::size_t>(r.first_waiting)];
        const place& last = r.reader[static_cast<std::size_t>(r.last_waiting)];
        fmt::format_to(out, "  read-side critical section, measured: {} boundaries{}\n",
                       r.last_waiting - r.first_waiting + 1, r.contiguous ? "" : " (with holes)");
        if (r.first_waiting > 0) {
            const place& entry = r.reader[static_cast<std::size_t>(r.first_waiting) - 1];
            fmt::format_to(out, "    entered by  {:<44} {:<20} {}\n", name_of(entry), entry.source,
                           entry.instruction);
        }
        fmt::format_to(out, "    first       {:<44} {:<20} {}\n", name_of(first), first.source,
                       first.instruction);
        fmt::format_to(out, "    last        {:<44} {:<20} {}\n", name_of(last), last.source,
                       last.instruction);
        if (!r.waits_in.empty())
            fmt::format_to(out, "    the updater waits in {}\n", r.waits_in);
    }
    std::size_t shown = 0;
    constexpr std::size_t enough = 12;
    for (const map_finding& f : r.findings) {
        if (!all && shown++ == enough) {
            fmt::format_to(out, "  ... {} more\n", r.findings.size() - enough);
            break;
        }
        const place& p = r.reader[f.reader];
        fmt::format_to(out, "  {}: {}\n    {}\n", name_of(f.kind), f.what,
                       f.schedule.empty() ? schedule_of(r, f) : f.schedule);
        fmt::format_to(out, "    reader at   {:<44} {:<20} {}\n", name_of(p), p.source, p.instruction);
        if (f.updater < r.updater.size()) {
            const place& u = r.updater[f.updater];
            fmt::format_to(out, "    updater at  {:<44} {:<20} {}\n", name_of(u), u.source, u.instruction);
        }
    }
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
    fmt::format_to(out, "{}: {} instructions, {} functions called, {} unsafe ({:.1f} ms)\n", r.name, r.steps,
                   r.entries.size(), r.unsafe(), ms(r.elapsed_ns));
    if (!r.complete)
        fmt::format_to(out, "  incomplete: {}\n", r.incomplete);
    for (const audit_entry& e : r.entries)
        if (all || !e.safe)
            fmt::format_to(out, "  {:<7} {:<32} {:<24} from {}{}{}\n", e.safe ? "safe" : "UNSAFE", e.function,
                           e.object, described(e.called_from), e.why.empty() ? "" : ": ", e.why);
    return text;
}

} // namespace nmisim::explore
