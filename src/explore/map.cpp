// SPDX-License-Identifier: MIT
//
// The parent's side of a map: has its windows recorded and explored, and makes the report of what was found.
#include "base/clock.hpp"
#include "explore/map_runs.hpp"
#include "explore/memory/accesses.hpp"
#include "explore/memory/interleaving_map.hpp"
#include "explore/place/decode_check.hpp"
#include "explore/place/places.hpp"
#include "explore/replay/schedule_token.hpp"
#include "explore/replay/token_places.hpp"
#include "explore/step/schedule.hpp"
#include "explore/step/system_call.hpp"
#include "explore/watch/race_threads.hpp"

#include <algorithm>
#include <optional>
#include <vector>

namespace nmisim::explore {

namespace {

void measure_critical_section(map_report& r)
{
    const std::size_t columns = r.full ? r.updater.size() : 1;
    std::size_t waiting = 0;
    for (std::size_t i = 0; i < r.reader.size(); ++i) {
        if (r.updater_first[i * columns] != cell::waits)
            continue;
        if (r.first_waiting < 0)
            r.first_waiting = static_cast<int>(i);
        r.last_waiting = static_cast<int>(i);
        ++waiting;
    }
    r.contiguous = waiting != 0 && waiting == static_cast<std::size_t>(r.last_waiting - r.first_waiting + 1);
}

std::string what_broke(const map_job& j, const schedule_id& s, shared_outcome o)
{
    if (o.text != 0)
        return j.own->texts.all[o.text - 1].text;
    for (std::uint32_t b = 0; b < j.own->bad_count; ++b)
        if (outcome_index(j, schedule_at(j, j.own->bad[b].schedule)) == outcome_index(j, s))
            return j.own->bad[b].what.text;
    return {};
}

// Symbols and instructions of both threads' boundaries, or their addresses only: reading symbols takes longer than a small map.
void name_boundaries(map_report& r, const shared_traces& recorded, places& names, bool named)
{
    const auto places_of = [&](const recording& t) { return names.of(t, std::vector<bool>(t.count, named)); };
    r.reader = places_of(recorded.reader);
    r.updater = places_of(recorded.updater);
}

// Those of the boundaries that a report without findings shows.
void name_critical_section(map_report& r, const recording& reader, places& names)
{
    for (const int n : {r.first_waiting - 1, r.first_waiting, r.last_waiting})
        if (const auto at = static_cast<std::size_t>(n); n >= 0)
            r.reader[at] = names.of(reader.ip[at], reader.code[at]);
}

// A thread that is off its recorded path is not where that one has as many instructions. Of a longer path the last cell stands
// for the rest.
std::string way_in_words(const char* who, const std::vector<place>& path, std::uint32_t to, bool off_path)
{
    if (!off_path)
        return std::string(who) + " to before " + name_of(path[to]);
    return std::string(who) + " on another path than alone, to behind " + std::to_string(to) +
           " instructions" + (to + 1 == path.size() ? " or more" : "");
}

std::string schedule_in_words(const map_report& r, const map_finding& f, bool off_path)
{
    const std::string reader = way_in_words("reader", r.reader, f.reader, off_path && !f.reader_first);
    const std::string updater = way_in_words("updater", r.updater, f.updater, off_path && f.reader_first);
    if (f.reader_first)
        return reader + "; " + updater + "; reader to its end; updater to its end";
    return (f.updater == 0 ? "" : updater + "; ") + reader +
           "; updater on until it ends or waits; reader to its end";
}

// map_finding::schedule of each; its boundaries get their names.
void tell_schedules(map_report& r, const std::vector<map_job>& jobs, const shared_traces& recorded,
                    places& names)
{
    for (map_finding& f : r.findings) {
        r.reader[f.reader] = names.of(recorded.reader.ip[f.reader], recorded.reader.code[f.reader]);
        r.updater[f.updater] = names.of(recorded.updater.ip[f.updater], recorded.updater.code[f.updater]);
        const map_job& j = jobs[f.reader % jobs.size()];
        f.schedule = schedule_in_words(
            r, f, j.outcomes[outcome_index(j, {f.reader, f.updater, f.reader_first})].off_path);
    }
}

void collect_outcomes(map_report& r, const std::vector<map_job>& jobs)
{
    const std::size_t columns = r.full ? r.updater.size() : 1;
    r.updater_first.resize(r.reader.size() * columns);
    r.reader_first.resize(r.full ? r.updater_first.size() : 0);
    for (std::uint32_t i = 0; i < r.reader.size(); ++i)
        for (std::uint32_t u = 0; u < columns; ++u)
            for (const bool first : {false, true}) {
                if (first && !r.full)
                    continue;
                const map_job& j = jobs[i % jobs.size()];
                const schedule_id id{i, u, first};
                const shared_outcome o = j.outcomes[outcome_index(j, id)];
                (first ? r.reader_first : r.updater_first)[i * columns + u] = o.result;
                if (o.result != cell::violation && o.result != cell::crash && o.result != cell::hang)
                    continue;
                r.findings.push_back({i, u, first, o.result, what_broke(j, id, o), {}});
            }
}

void write_tokens(map_report& r, const shared_traces& traces, places& names)
{
    if (r.findings.empty())
        return;
    const token_writer tokens(r.name, "m", names.objects(), {&traces.reader, &traces.updater});
    const auto stop_of = [](char who, const recording& t, std::uint32_t n) {
        return token_writer::stop{who, token_stop::at_place, t.ip[n], n, rounds_before(t, n)};
    };
    for (map_finding& f : r.findings) {
        const auto reader = stop_of('A', traces.reader, f.reader);
        const auto updater = stop_of('B', traces.updater, f.updater);
        const std::string found(name_of(f.kind));
        f.token = f.reader_first   ? tokens.text({reader, updater}, found)
                  : f.updater == 0 ? tokens.text({reader}, found)
                                   : tokens.text({updater, reader}, found);
    }
}

// What the user can do: a map without the reduction knows one path of each window, the one that it takes alone.
std::string why_not_reached(const map_report& r)
{
    const std::size_t n = r.count(cell::not_reached);
    if (n == 0)
        return {};
    const bool can_reduce = r.unsupported.empty() && *decoding_absent() == 0;
    return std::to_string(n) +
           " schedules did not reach their boundary: a window took another path than when it ran alone; " +
           (can_reduce
                ? "where what the other one wrote decides, a full map with the reduction follows it"
                : "where what the other one wrote decides, let `prepare` choose and map each path by itself");
}

void collect_notes(map_report& r, const std::vector<map_job>& jobs, places& names)
{
    for (const map_job& j : jobs) {
        r.runs += j.own->schedules;
        if (r.incomplete.empty())
            r.incomplete = j.own->incomplete.text;
        if (r.waits_in.empty() && j.own->waiting_at != 0)
            r.waits_in =
                std::string(j.own->waiting_in < 0 ? "a loop" : name_of_system_call(j.own->waiting_in)) +
                " at " + name_of(names.of(j.own->waiting_at));
    }
}

void collect_schedules(map_report& r, const explored_schedules& all, const shared_traces& traces,
                       places& names)
{
    collect_outcomes(r, all.jobs);
    tell_schedules(r, all.jobs, traces, names);
    r.schedules = r.updater_first.size() + r.reader_first.size() - r.count(cell::unexplored);
    collect_notes(r, all.jobs, names);
    measure_critical_section(r);
    write_tokens(r, traces, names);
    if (r.incomplete.empty())
        r.incomplete = why_not_reached(r);
}

// The schedule of the token; false: a place of it is in neither recording.
bool schedule_of(const token& t, const shared_traces& traces, const loaded_objects& objects, schedule_id& s)
{
    s = {0, 0, t.contexts.front().who == 'A' && t.contexts.size() == 2};
    for (const token_context& c : t.contexts) {
        const recording& of_thread = c.who == 'A' ? traces.reader : traces.updater;
        const std::uint32_t at = boundary_at(of_thread, address_of(t, c.place, objects), c.place.rounds);
        if (at == not_in_recording)
            return false;
        (c.who == 'A' ? s.reader : s.updater) = at;
    }
    return true;
}

void run_again(map_report& r, const race& what, const limits& within, const token& t, recorded_race& both,
               places& names, const on_hold& held)
{
    shared_traces& traces = *both.traces.data();
    schedule_id s{};
    if (!schedule_of(t, traces, names.objects(), s)) {
        r.incomplete = "the run does not come to the token's places: " +
                       why_another_path(t, names.objects(), {&traces.reader, &traces.updater});
        return;
    }
    r.full = t.contexts.size() == 2;
    shared_array<shared_outcome> outcomes(std::size_t{traces.reader.count} *
                                          (r.full ? traces.updater.count : 1) * 2);
    shared_array<second_path> paths(paths_of(within));
    shared_array<shared_map> maps(1);
    std::vector<map_job> jobs{{what, within, r.full, 0, &traces, maps.data(), outcomes.data(), paths.data()}};
    map_job& j = jobs.front();
    const std::uint64_t n = schedule_number(j, s);
    j.only = &n;
    j.hold = &maps[0].hold;
    const auto run = [&](const held_watch* watch) {
        outcomes[outcome_index(j, s)] = {};
        maps[0].bad_count = 0;
        maps[0].current.store(n, std::memory_order_relaxed); // read by the child, forked after this
        explore_rows(j, watch);
    };
    run(nullptr);
    if (held) {
        maps[0].hold.before = maps[0].hold.best();
        const held_watch watch{maps[0].hold, held};
        run(&watch);
    }
    collect_outcomes(r, jobs);
    tell_schedules(r, jobs, traces, names);
    r.updater_first.clear(); // of a map there is one cell
    r.reader_first.clear();
    r.schedules = 1;
    collect_notes(r, jobs, names);
    write_tokens(r, traces, names);
}

} // namespace

map_report replay(const race& what, std::string_view token_text, const limits& wanted, const on_hold& held)
{
    const std::uint64_t start = now_ns();
    map_report r;
    r.name = what.name;
    r.readers = threads_of(what) - 1;
    r.nmi = what.nmi != nullptr;
    const std::optional<token> t = token_of(token_text);
    if (const char* why = nothing_to_try(what, wanted.memory);
        why != nullptr || !t || t->is('s') || t->contexts.empty()) {
        r.complete = false;
        r.incomplete = why != nullptr ? why : "this is no token of a map";
        return r;
    }
    limits within = wanted;
    within.processes = 1;
    within.memory = r.memory = t->is('t') ? memory_model::tso : memory_model::sc;
    r.absent = mechanism_absent();
    if (r.absent.empty() && t->is('r'))
        r.absent = decoding_absent();
    if (!r.absent.empty())
        return r;
    recorded_race both(within);
    r.incomplete = record_both(what, within, *both.traces.data());
    places names(both.traces->maps.view());
    r.absent = why_refused(*t, r.name, names.objects());
    if (r.incomplete.empty())
        r.incomplete = why_other_threads(*t, what);
    if (r.incomplete.empty() && r.absent.empty()) {
        name_boundaries(r, *both.traces.data(), names, true);
        if (t->is('r'))
            replay_interleaving(r, what, within, *both.traces.data(), names, *t, held);
        else
            run_again(r, what, within, *t, both, names, held);
        if (r.incomplete.empty() && r.findings.empty())
            r.incomplete =
                "the finding did not come again: " +
                why_another_path(*t, names.objects(), {&both.traces->reader, &both.traces->updater});
    }
    r.complete = r.incomplete.empty();
    r.elapsed_ns = now_ns() - start;
    return r;
}

map_report map(const race& what, bool full, const limits& wanted)
{
    limits within = wanted;
    const bool needs_reduction = within.memory == memory_model::tso || within.preemptions != 1 ||
                                 what.nmi != nullptr || what.reader2 != nullptr;
    full = full || needs_reduction;
    within.processes = std::max(1U, within.processes);
    const std::uint64_t start = now_ns();
    map_report r;
    r.name = what.name;
    r.full = full;
    r.memory = within.memory;
    r.preemptions = within.preemptions;
    r.nmi = what.nmi != nullptr;
    r.readers = threads_of(what) - 1;
    if (const char* why = nothing_to_try(what, within.memory); why != nullptr) {
        r.complete = false;
        r.incomplete = why;
        return r;
    }
    r.absent = mechanism_absent();
    if (r.absent.empty() && needs_reduction)
        r.absent = decoding_absent();
    if (!r.absent.empty())
        return r;
    const bool reduce = needs_reduction || (full && within.reduce && *decoding_absent() == 0);
    recorded_race both(within);
    shared_traces& traces = *both.traces.data();
    std::optional<explored_schedules> all;
    if (within.processes == 1 && !full) {
        all.emplace(what, within, full, traces, within.boundaries);
        r.incomplete = record_and_explore(*all);
    } else {
        r.incomplete = record_both(what, within, traces);
    }
    places names(traces.maps.view());
    for (const recording* t : {&traces.reader, &traces.updater})
        if (r.incomplete.empty())
            r.incomplete = decoded_wrongly(*t, names);
    name_boundaries(r, traces, names, within.name_all);
    const bool reduced = r.incomplete.empty() && reduce && map_interleavings(r, what, within, traces, names);
    if (reduced && r.readers == 1)
        measure_critical_section(r);
    if (r.incomplete.empty() && !reduced) {
        if (!all) {
            const std::size_t columns = full ? traces.updater.count : 1;
            all.emplace(what, within, full, traces, traces.reader.count * columns);
            explore_all(all->jobs);
        }
        collect_schedules(r, *all, traces, names);
    }
    name_critical_section(r, traces.reader, names);
    r.complete = r.incomplete.empty();
    r.elapsed_ns = now_ns() - start;
    return r;
}

} // namespace nmisim::explore
