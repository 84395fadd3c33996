// SPDX-License-Identifier: MIT
#include "explore/memory/interleaving_map.hpp"

#include "explore/memory/contexts.hpp"
#include "explore/replay/schedule_token.hpp"
#include "explore/replay/shrink.hpp"
#include "explore/step/system_call.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <unordered_set>

namespace nmisim::explore {

namespace {

// One child after the other: if one crashes or stands still, that is the outcome of its schedule.
void explore_all_of(const interleaving_job& job, const held_watch* held = nullptr)
{
    shared_schedules& s = *job.shared;
    const std::uint32_t bad_allowed = std::min(job.within.bad_ends, shared_schedules::most_bad);
    repeated_hangs hangs(job.within.same_hangs);
    for (;;) {
        interleaving_job copy = job;
        const child_result end = watch_child(start_child(explore_interleavings, &copy, &s.alive), s.alive,
                                             job.within.watchdog_ns, held);
        if (end.end == child_end::finished)
            return;
        if (end.end == child_end::failed || end.stage_at_end == child_stage::starting)
            return s.incomplete.set(
                ("an exploring process could not do its setup: " + in_words(end)).c_str());
        if (s.bad_count == bad_allowed)
            return s.incomplete.set("gave up after too many crashed or stuck runs");
        const std::uint32_t at = s.current.load(std::memory_order_relaxed); // its writer has ended
        auto& bad = s.bad[s.bad_count++];
        bad.schedule = at;
        bad.what.set(in_words(end).c_str());
        s.all[at].result = end.end == child_end::stuck ? cell::hang : cell::crash;
        s.current.store(at + 1, std::memory_order_relaxed); // for the next child, forked after this
        if (hangs.are_enough(end))
            return s.incomplete.set(hangs.in_words().c_str());
    }
}

/// The points of a thread when it runs alone, as the recorded boundaries have them.
struct recorded_points {
    std::vector<std::uint32_t> boundary; ///< of each point
    std::vector<std::uint32_t> before;   ///< for each boundary: points that come before it

    recorded_points(const recording& t, const shared_schedules& s, unsigned thread)
    {
        std::unordered_set<std::uintptr_t> points;
        for (std::uint32_t i = 0; i < s.learned_count; ++i)
            if (s.code[i].use.point[thread])
                points.insert(s.code[i].ip);
        for (std::uint32_t b = 0; b < t.count; ++b) {
            before.push_back(static_cast<std::uint32_t>(boundary.size()));
            if (points.count(t.ip[b]) != 0)
                boundary.push_back(b);
        }
    }
    std::uint32_t all() const { return static_cast<std::uint32_t>(boundary.size()); }
    std::uint32_t boundary_of(std::uint32_t point) const
    {
        return point < all() ? boundary[point] : static_cast<std::uint32_t>(before.size() - 1);
    }
};

struct points_of_both {
    recorded_points reader;
    recorded_points updater;
};

points_of_both note_points(map_report& r, const shared_schedules& s, const shared_traces& recorded)
{
    points_of_both points{{recorded.reader, s, the_reader}, {recorded.updater, s, the_updater}};
    r.reader_points = points.reader.all();
    r.updater_points = points.updater.all();
    r.shared_bytes = s.shared_bytes;
    return points;
}

bool is_bad(cell c)
{
    return c == cell::violation || c == cell::crash || c == cell::hang;
}

int badness(cell c)
{
    return is_bad(c) ? 2 : c == cell::waits ? 1 : 0;
}

/// The outcomes of the schedules that the picture shows: at most one preemption of each thread.
class outcomes {
public:
    outcomes(const shared_schedules& s)
    {
        for (std::uint32_t i = 0; i < s.count; ++i)
            add(s.all[i]);
    }
    /// The first thread to its point `a`, the other to its point `b`; no_stop: not stopped. Where a pause is of no use, the
    /// next one stands for it; behind the last one, that without a pause.
    cell of(bool updater_first, std::uint32_t a, std::uint32_t b = no_stop) const
    {
        const std::uint32_t first = updater_first ? 1 : 0;
        auto at = cells_.lower_bound({first, a, 0});
        if (at == cells_.end() || at->first[0] != first)
            return cell::unexplored;
        a = at->first[1];
        at = cells_.lower_bound({first, a, b});
        return at != cells_.end() && at->first[0] == first && at->first[1] == a ? at->second
                                                                                : cell::unexplored;
    }

private:
    using key = std::array<std::uint32_t, 3>;
    void add(const schedule& s)
    {
        if (!s.is_in_picture())
            return;
        const auto stop = [&](unsigned c) { // at its end, with stores left: as if it had not stopped
            return c < s.contexts && s.at[c].ip != 0 ? s.at[c].points : no_stop;
        };
        const key k{s.thread_of(0), stop(0), stop(1)};
        cell& c = cells_.try_emplace(k, s.result).first->second;
        if (badness(s.result) > badness(c))
            c = s.result;
    }

    std::map<key, cell> cells_;
};

struct both_orders {
    cell updater_first;
    cell reader_first;
};

// Each thread paused before its point `p`, `q`; behind the last one at its end.
both_orders paused_before(const outcomes& known, std::uint32_t p, bool reader_whole, std::uint32_t q,
                          bool updater_whole)
{
    const bool reader_not_yet = p == 0;
    const bool updater_not_yet = q == 0;
    const cell updater_alone = known.of(true, no_stop);
    const cell reader_alone = known.of(false, no_stop);
    both_orders o{};
    if (updater_not_yet)
        o.updater_first = reader_not_yet ? updater_alone : reader_whole ? reader_alone : known.of(false, p);
    else
        o.updater_first =
            updater_whole || reader_not_yet ? updater_alone : known.of(true, q, reader_whole ? no_stop : p);
    if (reader_whole || updater_not_yet)
        o.reader_first = reader_alone;
    else if (reader_not_yet)
        o.reader_first = updater_whole ? updater_alone : known.of(true, q);
    else
        o.reader_first = known.of(false, p, updater_whole ? no_stop : q);
    return o;
}

// A cell has the outcome of the schedule that stands for it: each thread paused before its next point.
void fill_cells(map_report& r, const outcomes& known, const points_of_both& points)
{
    const std::uint32_t reader_points = points.reader.all();
    const std::uint32_t updater_points = points.updater.all();
    std::vector<both_orders> all; // there are many more cells
    for (std::uint32_t p = 0; p <= reader_points; ++p)
        for (std::uint32_t q = 0; q <= updater_points; ++q)
            all.push_back(paused_before(known, p, p == reader_points, q, q == updater_points));
    const std::size_t columns = r.full ? r.updater.size() : 1;
    r.updater_first.resize(r.reader.size() * columns);
    r.reader_first.resize(r.full ? r.updater_first.size() : 0);
    for (std::size_t i = 0; i < r.reader.size(); ++i)
        for (std::size_t j = 0; j < columns; ++j) {
            const both_orders& o =
                all[points.reader.before[i] * (updater_points + std::size_t{1}) + points.updater.before[j]];
            r.updater_first[i * columns + j] = o.updater_first;
            if (r.full)
                r.reader_first[i * columns + j] = o.reader_first;
        }
}

std::string what_broke(const shared_schedules& s, std::uint32_t n)
{
    if (s.all[n].text != 0)
        return s.texts.all[s.all[n].text - 1].text;
    for (std::uint32_t b = 0; b < s.bad_count; ++b)
        if (s.bad[b].schedule == n)
            return s.bad[b].what.text;
    return {};
}

// The instruction's bytes are known where it was recorded.
const place& place_of(const shared_traces& recorded, std::uintptr_t ip, places& names)
{
    for (const recording* t : {&recorded.reader, &recorded.updater})
        if (const auto* at = std::find(t->ip, t->ip + t->count, ip); at != t->ip + t->count)
            return names.of(ip, t->code[at - t->ip]);
    return names.of(ip);
}

map_context told(const shared_traces& recorded, const schedule& s, unsigned c, places& names)
{
    const schedule_context& from = s.at[c];
    map_context to;
    to.reader = s.thread_of(c) != the_updater;
    to.reader2 = s.thread_of(c) == the_second_reader;
    to.by_itself = from.points == no_stop;
    to.at_end = from.points != no_stop && from.ip == 0;
    if (from.ip != 0)
        to.before = place_of(recorded, from.ip, names);
    to.waiting_stores = from.waiting;
    for (unsigned i = 0; i < s.told; ++i) {
        if (s.stores[i].context != c)
            continue;
        to.stored_by = place_of(recorded, s.stores[i].by, names);
        if (s.stores[i].overtaken_by != 0)
            to.overtaken_by = place_of(recorded, s.stores[i].overtaken_by, names);
        to.stored_at = s.stores[i].address;
        to.stored_size = s.stores[i].size;
        to.stored_value = s.stores[i].value;
        to.loaded_from = s.stores[i].load_address;
    }
    return to;
}

std::string in_words(const map_finding& f, const schedule& s, bool two_readers)
{
    std::string text;
    for (unsigned n = 0; n < s.contexts; ++n) {
        const map_context& c = f.contexts[n];
        text += n == 0 ? "" : "; ";
        text += name_of_thread(s.thread_of(n));
        text += c.by_itself ? " until it ends or waits"
                : c.at_end  ? " to its end"
                            : " to before " + name_of(c.before);
        if (c.waiting_stores != 0)
            text += " with " + std::to_string(c.waiting_stores) +
                    (c.waiting_stores == 1 ? " store" : " stores") + " waiting";
    }
    if (f.nmi)
        text += (text.empty() ? "" : "; ") + std::string("an NMI on the reader ") +
                (f.nmi_before.ip == 0 ? "at its end" : "before " + name_of(f.nmi_before));
    text += (text.empty() ? "" : "; ") + std::string(name_of_thread(s.next)) + " on until it ends or waits; ";
    return text + (two_readers            ? "the others in turn to their ends"
                   : s.next == the_reader ? "updater to its end"
                                          : "reader to its end");
}

map_finding finding_of(const shared_traces& recorded, const shared_schedules& s, std::uint32_t n,
                       const points_of_both& points, places& names, bool two_readers)
{
    const schedule& from = s.all[n];
    map_finding f;
    f.reader_first = from.thread_of(0) != the_updater;
    f.reader2_first = from.thread_of(0) == the_second_reader;
    f.kind = from.result;
    f.what = what_broke(s, n);
    for (unsigned c = 0; c < from.contexts; ++c) {
        f.contexts.push_back(told(recorded, from, c, names));
        if (from.at[c].points == no_stop)
            continue;
        if (from.thread_of(c) == the_reader)
            f.reader = points.reader.boundary_of(from.at[c].points);
        else if (from.thread_of(c) == the_updater)
            f.updater = points.updater.boundary_of(from.at[c].points);
    }
    f.nmi = from.has_nmi();
    if (f.nmi && from.nmi_ip != 0)
        f.nmi_before = place_of(recorded, from.nmi_ip, names);
    f.schedule = in_words(f, from, two_readers);
    return f;
}

// All smaller ones have been run.
bool ends_like(const shared_schedules& s, const schedule& one, const schedule& bad)
{
    return std::any_of(s.all, s.all + s.count, [&](const schedule& known) {
        return known.result == bad.result && known.text == bad.text && same_schedule(known, one);
    });
}

void collect_findings(map_report& r, const shared_schedules& s, const shared_traces& recorded,
                      const points_of_both& points, places& names)
{
    if (std::none_of(s.all, s.all + s.count, [](const schedule& one) { return is_bad(one.result); }))
        return;
    const std::string kind =
        std::string("r") + (r.memory == memory_model::tso ? "t" : "") + (r.readers > 1 ? "2" : "");
    const token_writer tokens(r.name, kind, names.objects(), {&recorded.reader, &recorded.updater});
    for (std::uint32_t n = 0; n < s.count; ++n) {
        if (!is_bad(s.all[n].result))
            continue;
        map_finding f = finding_of(recorded, s, n, points, names, r.readers > 1);
        f.token = token_of_schedule(tokens, s.all[n], r.readers + 1);
        f.smallest = same_schedule(
            s.all[n], shrunk(s.all[n], [&](const schedule& one) { return ends_like(s, one, s.all[n]); }));
        r.findings.push_back(std::move(f));
    }
}

void collect_what_is_not_covered(map_report& r, const shared_schedules& s, places& names)
{
    for (std::uint32_t i = 0; i < s.not_covered_count; ++i) {
        const auto& note = s.not_covered[i];
        std::string text = note.why.text;
        if (note.call >= 0)
            text += name_of_system_call(note.call);
        r.unsupported.push_back(text + ", at " + name_of(names.of(note.at)));
    }
}

} // namespace

std::string covered_by(const map_report& r)
{
    const std::string model = r.memory == memory_model::tso ? "x86-TSO" : "sequentially consistent";
    return model + ", at most " +
           (r.preemptions == 1 ? "one preemption" : std::to_string(r.preemptions) + " preemptions") +
           " of each thread" + (r.readers > 1 ? ", two readers" : "") +
           (r.nmi ? ", one NMI more on the reader's" : "");
}

bool map_interleavings(map_report& r, const race& what, const limits& within, const shared_traces& recorded,
                       places& names)
{
    shared_array<shared_schedules> shared(1);
    shared_schedules& s = *shared.data();
    explore_all_of({what, within, &s});
    collect_what_is_not_covered(r, s, names);
    if (!r.unsupported.empty() && r.memory == memory_model::sc && r.preemptions == 1 && r.readers == 1 &&
        !r.nmi)
        return false;
    const points_of_both points = note_points(r, s, recorded);
    r.reduced = true;
    r.runs = s.count;
    r.schedules = s.count;
    if (r.readers == 1) { // a picture has two sides
        fill_cells(r, outcomes(s), points);
        r.schedules = r.updater_first.size() + r.reader_first.size() - r.count(cell::unexplored);
    }
    collect_findings(r, s, recorded, points, names);
    r.incomplete = s.incomplete.text;
    if (!r.unsupported.empty() && r.incomplete.empty())
        r.incomplete = "not all of the code could be followed: " + r.unsupported.front();
    const auto not_reached = std::count_if(
        s.all, s.all + s.count, [](const schedule& one) { return one.result == cell::not_reached; });
    if (not_reached != 0 && r.incomplete.empty())
        r.incomplete = std::to_string(not_reached) +
                       " schedules did not come to their points again: what the threads "
                       "do depends on something else than each other";
    return true;
}

void replay_interleaving(map_report& r, const race& what, const limits& within, const shared_traces& recorded,
                         places& names, const token& t, const on_hold& held)
{
    r.full = r.reduced = true;
    schedule wanted{};
    if (!schedule_of_token(t, names.objects(), wanted)) {
        r.incomplete = "this is no token of a map";
        return;
    }
    shared_array<shared_schedules> shared(1);
    shared_schedules& s = *shared.data();
    const interleaving_job job{what, within, &s, &wanted, &s.hold};
    explore_all_of(job);
    r.incomplete = s.incomplete.text;
    if (!r.incomplete.empty())
        return;
    const std::uint32_t n = s.count - 1;
    if (held) {
        s.hold.before = s.hold.best();
        s.bad_count = 0;
        s.all[n] = wanted;
        s.current.store(n, std::memory_order_relaxed); // read by the child, forked after this
        const held_watch watch{s.hold, held};
        explore_all_of(job, &watch);
    }
    r.schedules = r.runs = 1;
    for (std::uint32_t i = 0; i < n; ++i) // only learned from
        s.all[i].result = cell::unexplored;
    const points_of_both points = note_points(r, s, recorded);
    collect_findings(r, s, recorded, points, names);
}

} // namespace nmisim::explore
