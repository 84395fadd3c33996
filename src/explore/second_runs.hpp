// SPDX-License-Identifier: MIT
//
// The child's side of two signals: the first one at a boundary of the window, the second one in its handler.
#pragma once

#include "explore/step/itinerary.hpp"
#include "explore/sweep_runs.hpp"

namespace nmisim::explore {

/// In a child that begins: the second signal, if there is one.
void begin_second_signal(const job& j);

/// False: all pairs of boundary `at` of the window are done, or none is worth a run. Then the next boundary begins.
bool has_another_pair(const job& j, std::uint32_t at);
/// One run.
void explore_pair_of_signals(const job& j, std::optional<stepped_thread>& self, const itinerary& way,
                             std::uint32_t at);

} // namespace nmisim::explore
