// SPDX-License-Identifier: MIT
//
// The parent's side of two signals.
// Context: control.
#pragma once

#include "explore/place/places.hpp"
#include "explore/replay/token_places.hpp"
#include "explore/sweep_runs.hpp"
#include "explore/watch/run_end.hpp"

namespace nmisim::explore {

/// What all child processes of one exploration share because of the second signal.
struct memory_of_pairs {
    memory_of_pairs(const target& what, const limits& within, second_progress& progress);

    shared_boundaries handler;
    shared_array<shared_pair> pairs;
};

/// A run of two signals has ended its child. False: that was the only one.
bool note_end_of_pair(const job& j, judged_end judged, std::uint32_t at, places& names, sweep_report& r);

/// What was found, and the places of the first signal's handler. Empty, or why not all was explored.
std::string collect_pairs(const job& j, places& names, sweep_report& r);

/// Of the findings among the pairs.
void write_pair_tokens(const token_writer& tokens, const recording& t, sweep_report& r);

/// What the token's second signal was to do; nothing: there is none.
std::optional<wanted_pair> pair_of(const token& t, const loaded_objects& objects);

} // namespace nmisim::explore
