// SPDX-License-Identifier: MIT
//
// The parent's side of a reduced map: watches the child, whose crashes and hangs are outcomes of their schedules, and
// turns what it has found into cells, findings and words.
// Context: control.
#pragma once

#include "explore/place/places.hpp"
#include "explore/replay/token_places.hpp"
#include "explore/step/schedule.hpp"

namespace nmisim::explore {

/// Explores and fills in `r`, in which both threads' boundaries are known already. False: the reduction cannot be
/// trusted here, r.unsupported says why. Errors: `stopped`; std::system_error when no child process can be had.
bool map_interleavings(map_report& r, const race& what, const limits& within, const shared_traces& recorded,
                       places& names);

/// Runs the schedule of a token. `r` as above; its findings are those of this schedule.
void replay_interleaving(map_report& r, const race& what, const limits& within, const shared_traces& recorded,
                         places& names, const token& t, const on_hold& held);

/// What a map with these limits covers, in words.
std::string covered_by(const map_report& r);

} // namespace nmisim::explore
