// SPDX-License-Identifier: MIT
#include "explore/map_runs.hpp"

#include <algorithm>
#include <csignal>

namespace nmisim::explore {

namespace {

// In a process of its own: one that forks must have one thread only.
int supervise(void* argument)
{
    explore_rows(*static_cast<map_job*>(argument));
    return 0;
}

void end_all(const std::vector<pid_t>& supervisors) noexcept
{
    for (const pid_t s : supervisors) {
        kill(s, SIGKILL); // and what it has started with it
        static_cast<void>(wait_child(s));
    }
}

} // namespace

void explore_rows(map_job& j, const held_watch* held)
{
    shared_map& own = *j.own;
    const std::uint32_t bad_allowed = std::min(j.within.bad_ends, shared_map::max_bad);
    repeated_hangs hangs(j.within.same_hangs);
    // the child has ended: no race
    while (!j.traces->recorded || own.current.load(std::memory_order_relaxed) < schedules_of(j)) {
        if (own.bad_count == bad_allowed) {
            own.incomplete.set("gave up after too many crashed or stuck runs");
            return;
        }
        const child_result end =
            watch_child(start_child(explore_pair, &j, &own.alive), own.alive, j.within.watchdog_ns, held);
        const std::uint64_t at = own.current.load(std::memory_order_relaxed); // its writer has ended
        if (end.end == child_end::finished)
            return;
        if (!j.traces->recorded)
            return own.incomplete.set(("while recording: " + in_words(end)).c_str());
        if (end.end == child_end::failed || end.stage_at_end == child_stage::starting) {
            own.incomplete.set(("an exploring process could not do its setup: " + in_words(end)).c_str());
            return;
        }
        if (own.asks) { // such a run may go on where no schedule does: the process that follows asks no more
            own.asks = false;
            continue;
        }
        shared_bad_end& bad = own.bad[own.bad_count++];
        bad.schedule = at;
        bad.kind = end.end == child_end::stuck ? cell::hang : cell::crash;
        bad.what.set(in_words(end).c_str());
        j.outcomes[outcome_index(j, schedule_at(j, bad.schedule))] = {bad.kind, 0, false};
        // for the next child, forked after this
        own.current.store(bad.schedule + 1, std::memory_order_relaxed);
        if (hangs.are_enough(end)) {
            own.incomplete.set(hangs.in_words().c_str());
            return;
        }
    }
}

void explore_all(std::vector<map_job>& jobs)
{
    std::vector<pid_t> supervisors;
    supervisors.reserve(jobs.size());
    try {
        for (map_job& j : jobs)
            supervisors.push_back(start_child(supervise, &j));
    } catch (...) {
        end_all(supervisors);
        throw;
    }
    for (std::size_t p = 0; p < jobs.size(); ++p)
        if (wait_child_or_stop(supervisors[p]).end != child_end::finished)
            jobs[p].own->incomplete.set("a supervising process did not end well");
    if (stop_asked.load(std::memory_order_relaxed)) // nothing was written that this thread reads
        throw stopped{};
}

std::string record_both(const race& what, const limits& within, shared_traces& traces)
{
    map_job j{what, within, false, 0, &traces};
    const child_result end =
        watch_child(start_child(record_pair, &j, &traces.alive), traces.alive, within.watchdog_ns);
    if (end.end != child_end::finished)
        return "while recording: " + in_words(end);
    return why_not_whole(traces);
}

std::string record_and_explore(explored_schedules& all)
{
    map_job& j = all.jobs.front();
    explore_rows(j);
    return j.traces->recorded ? why_not_whole(*j.traces) : j.own->incomplete.text;
}

} // namespace nmisim::explore
