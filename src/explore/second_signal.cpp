// SPDX-License-Identifier: MIT
#include "explore/second_signal.hpp"

#include "explore/place/decode_check.hpp"
#include "explore/sweep_names.hpp"

#include <algorithm>
#include <tuple>
#include <unordered_set>

namespace nmisim::explore {

namespace {

pair_cell cell_of(const shared_pair& p)
{
    return {p.boundary, p.together, p.inside, p.ip, p.round, p.result, p.what.text, p.delivered_at};
}

// Each instruction of the handler that is told. What a run that ended its process was at is known already.
void name_handler(const job& j, places& names, sweep_report& r)
{
    const second_progress& s = j.shared->second;
    std::unordered_set<std::uintptr_t> wanted;
    for (const pair_cell& c : r.pairs) {
        if (!c.together && (j.within.name_all || is_told(c.verdict)))
            wanted.insert(c.ip);
    }
    for (const place& p : r.handler)
        wanted.erase(p.ip);
    for (std::uint32_t i = 0; i < s.count; ++i)
        if (const shared_pair& p = j.pairs[i]; wanted.erase(p.ip) != 0)
            r.handler.push_back(names.of(p.ip, p.code));
    std::sort(r.handler.begin(), r.handler.end(), [](const place& a, const place& b) { return a.ip < b.ip; });
}

std::string handler_decoded_wrongly(const job& j, places& names)
{
    std::vector<std::uintptr_t> ips;
    std::vector<code_bytes> code;
    std::unordered_set<std::uintptr_t> seen;
    for (std::uint32_t i = 0; i < j.shared->second.count; ++i)
        if (const shared_pair& p = j.pairs[i]; !p.together && seen.insert(p.ip).second) {
            ips.push_back(p.ip);
            code.push_back(p.code);
        }
    recording all;
    all.count = static_cast<std::uint32_t>(ips.size());
    all.ip = ips.data();
    all.code = code.data();
    return decoded_wrongly(all, names);
}

// Such a run leaves a clean cell, and no run to put the second signal into.
std::size_t ended_by_first(const job& j, const sweep_report& r)
{
    return static_cast<std::size_t>(std::count_if(r.cells.begin(), r.cells.end(), [&j](const sweep_cell& c) {
        return c.verdict == verdict::clean && c.delivered_at != 0 && !j.cells[c.boundary].done;
    }));
}

bool came_nowhere(const sweep_report& r)
{
    return std::all_of(r.pairs.begin(), r.pairs.end(), [](const pair_cell& c) {
        return c.verdict == verdict::held || c.verdict == verdict::unhandled;
    });
}

std::string why_not_all(const job& j, places& names, const sweep_report& r)
{
    const second_progress& s = j.shared->second;
    const std::string signal = describe_signal(j.what.second.signal);
    if (s.full)
        return "gave up after " + std::to_string(s.count) + " pairs of places, see limits::pairs";
    if (s.unrecorded != 0)
        return "at " + std::to_string(s.unrecorded) +
               " boundaries the first signal's handler was not seen to return, and the second one did not "
               "come there";
    if (const std::size_t n = ended_by_first(j, r); n != 0)
        return "at " + std::to_string(n) +
               " boundaries the first handler ended the process: the second signal was not tried there";
    if (r.pairs.empty())
        return "the first signal has a clean handler nowhere: nothing was tried with " + signal;
    if (!s.has_handler)
        return "nothing was tried with " + signal +
               ": it has no handler: set target::second.nmi, or install one in setup";
    if (came_nowhere(r))
        return "nothing was tried with " + signal +
               ": it is blocked or ignored everywhere, and its handler never ran";
    return handler_decoded_wrongly(j, names);
}

} // namespace

memory_of_pairs::memory_of_pairs(const target& what, const limits& within, second_progress& progress)
    : handler(progress.handler, what.second.signal != 0 ? within.boundaries : 0),
      pairs(what.second.signal != 0 ? within.pairs : 0)
{}

bool note_end_of_pair(const job& j, judged_end judged, std::uint32_t at, places& names, sweep_report& r)
{
    second_progress& s = j.shared->second;
    if (s.records()) {
        ++s.unrecorded;
        j.shared->current.store(j.first_with_second() + at + 1,
                                std::memory_order_relaxed); // read by the next child
        return j.only_pair == nullptr;
    }
    pair_cell c;
    c.boundary = at;
    c.together = s.together();
    if (!c.together) {
        c.inside = s.inside();
        c.ip = s.handler.ip[c.inside];
        c.round = rounds_before(s.handler, c.inside);
        const auto is_it = [&c](const place& p) { return p.ip == c.ip; };
        if (std::none_of(r.handler.begin(), r.handler.end(), is_it))
            r.handler.push_back(names.of(c.ip, s.handler.code[c.inside]));
    }
    c.verdict = judged.verdict;
    c.what = std::move(judged.what);
    c.delivered_at = s.nmi.handler_at.load(std::memory_order_relaxed); // its writer has ended
    r.pairs.push_back(std::move(c));
    ++s.run;
    s.failed = 0;
    return j.only_pair == nullptr;
}

std::string collect_pairs(const job& j, places& names, sweep_report& r)
{
    if (j.pairs == nullptr || !j.sweep)
        return {};
    for (std::uint32_t i = 0; i < j.shared->second.count; ++i)
        r.pairs.push_back(cell_of(j.pairs[i]));
    std::sort(r.pairs.begin(), r.pairs.end(), [](const pair_cell& a, const pair_cell& b) {
        return std::tuple(a.boundary, !a.together, a.inside) < std::tuple(b.boundary, !b.together, b.inside);
    });
    name_handler(j, names, r);
    return why_not_all(j, names, r);
}

void write_pair_tokens(const token_writer& tokens, const recording& t, sweep_report& r)
{
    for (pair_cell& c : r.pairs) {
        if (!must_not_be(c.verdict))
            continue;
        token_writer::stop second{'M', token_stop::by_itself};
        if (!c.together)
            second = {'M', token_stop::at_place, c.ip, c.inside, c.round};
        c.token = tokens.text(
            {{'N', token_stop::at_place, t.ip[c.boundary], c.boundary, rounds_before(t, c.boundary)}, second},
            std::string(name_of(c.verdict)));
    }
}

std::optional<wanted_pair> pair_of(const token& t, const loaded_objects& objects)
{
    if (t.contexts.size() != 2)
        return std::nullopt;
    const token_context& c = t.contexts.back();
    if (c.stop == token_stop::by_itself)
        return wanted_pair{true, 0, 0};
    return wanted_pair{false, address_of(t, c.place, objects), c.place.rounds};
}

} // namespace nmisim::explore
