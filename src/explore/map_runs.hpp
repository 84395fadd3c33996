// SPDX-License-Identifier: MIT
//
// The processes of a map: one child records both windows, then `limits::processes` children explore, each every n-th row,
// on a Linux CPU of its own. If a child crashes or stands still, that is the outcome of its schedule, and its successor
// goes on with the next one. Context: control, in the parent.
#pragma once

#include "explore/step/schedule.hpp"

#include <string>
#include <vector>

namespace nmisim::explore {

/// Both windows, recorded.
struct recorded_race {
    explicit recorded_race(const limits& within)
        : traces(1), reader(traces->reader, within.boundaries), updater(traces->updater, within.boundaries)
    {}

    shared_array<shared_traces> traces;
    shared_boundaries reader;
    shared_boundaries updater;
};

/// Behind each boundary of either window, for one process.
inline std::size_t paths_of(const limits& within) noexcept
{
    return std::size_t{within.boundaries} * 2;
}

/// What the processes of a map write, and what they are told.
struct explored_schedules {
    explored_schedules(const race& what, const limits& within, bool full, shared_traces& traces,
                       std::size_t cells)
        : outcomes(cells * 2), paths(paths_of(within) * within.processes), maps(within.processes)
    {
        for (unsigned p = 0; p < within.processes; ++p)
            jobs.push_back(
                {what, within, full, p, &traces, &maps[p], outcomes.data(), &paths[p * paths_of(within)]});
    }
    shared_array<shared_outcome> outcomes;
    shared_array<second_path> paths;
    shared_array<shared_map> maps;
    std::vector<map_job> jobs;
};

/// Explores the rows of one process, with as many child processes as needed. The first one records, if that is not done.
void explore_rows(map_job& j, const held_watch* held = nullptr);
/// Errors: `stopped`; std::system_error when no child process can be had.
void explore_all(std::vector<map_job>& jobs);
/// Empty: it is done. Otherwise why not.
std::string record_both(const race& what, const limits& within, shared_traces& traces);
/// Where one process is enough, the one that records explores, too. Empty: it is recorded.
std::string record_and_explore(explored_schedules& all);

} // namespace nmisim::explore
