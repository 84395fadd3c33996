// SPDX-License-Identifier: MIT
//
// Which of a map's boundaries have names: reading symbols takes longer than a small map. Context: control, in the parent.
#pragma once

#include "explore/place/places.hpp"
#include "explore/step/schedule.hpp"

#include <functional>

namespace nmisim::explore {

/// Symbols and instructions of both threads' boundaries, or their addresses only.
void name_boundaries(map_report& r, const shared_traces& recorded, places& names, bool named = true);
/// Those of the boundaries that a report without findings shows.
void name_critical_section(map_report& r, const shared_traces& recorded, places& names);

/// map_finding::schedule of each, in words; its boundaries get their names.
void tell_schedules(map_report& r, const shared_traces& recorded, places& names,
                    const std::function<bool(const map_finding&)>& is_off_path);

} // namespace nmisim::explore
