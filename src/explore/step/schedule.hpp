// SPDX-License-Identifier: MIT
//
// The child's side of a map: runs schedules and writes their outcomes where the parent finds them, also after
// a crash.
#pragma once

#include "explore/place/objects.hpp"
#include "explore/step/stepper.hpp"
#include "explore/watch/child.hpp"
#include "explore/watch/shared.hpp"

#include <string>

namespace nmisim::explore {

struct shared_outcome {
    cell result;
    std::uint8_t text; ///< index + 1 into shared_map::texts, 0: none
    bool off_path;     ///< found where the thread that runs second was on another path than the recorded one
};

/// Of the thread that runs second in a schedule, by the boundary at which the first one is paused: 1 + the index of the first
/// boundary that is not on its recorded path. 0: unknown. What the first one has written decides. `asked`, all of them, stays
/// where the run that was to tell it has ended its process.
using second_path = std::uint32_t;
inline constexpr second_path asked_for_path = 1;

/// A schedule at which a child process crashed or stood still. Written by its supervisor.
struct shared_bad_end {
    std::uint64_t schedule;
    cell kind;
    shared_text<1500> what;
};

/// One per supervisor and its children.
struct shared_map {
    progress alive;
    std::atomic<std::uint64_t> current; ///< index of the schedule in work
    std::uint64_t schedules;            ///< that were run
    bool asks;                          ///< for a second_path: the run in work is no schedule
    shared_texts texts;
    long waiting_in; ///< first wait of the updater that was seen
    std::uintptr_t waiting_at;
    std::uint32_t bad_count;
    static constexpr std::uint32_t max_bad = 256;
    shared_bad_end bad[max_bad];
    shared_text<200> incomplete;
    hold_order hold;
};

/// What all child processes share, written by the recording one.
struct shared_traces {
    progress alive;
    recording reader;
    recording updater;
    bool recorded;    ///< written by the process that does it, read after its end
    shared_maps maps; ///< with what the setups have loaded
};

struct map_job {
    const race& what;
    const limits& within;
    bool full;
    unsigned process = 0;
    shared_traces* traces = nullptr;
    shared_map* own = nullptr;
    shared_outcome* outcomes = nullptr;  ///< [(i * updater count + j) * 2 + reader_first]
    second_path* paths = nullptr;        ///< behind the reader's boundaries, then behind the updater's
    const std::uint64_t* only = nullptr; ///< of a replay: nothing behind it is run
    hold_order* hold = nullptr;
};

/// Order of exploration of one process: its rows i = process, process + processes, ...; j; order.
struct schedule_id {
    std::uint32_t reader;
    std::uint32_t updater;
    bool reader_first;
};
std::size_t outcome_index(const map_job& j, const schedule_id& s) noexcept;
std::uint64_t schedules_of(const map_job& j) noexcept;
std::uint64_t schedule_number(const map_job& j, const schedule_id& s) noexcept; ///< for one process
schedule_id schedule_at(const map_job& j, std::uint64_t n) noexcept;

/// Empty: both windows are, and their schedules can be run.
std::string why_not_whole(const shared_traces& both);

// Bodies of child processes.
int record_pair(void* map_job_argument);
/// Records first, if that is not done.
int explore_pair(void* map_job_argument);

} // namespace nmisim::explore
