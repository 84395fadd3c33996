// SPDX-License-Identifier: MIT
//
// Judges a run that ended its process, or stood still: by the target's own function (`ended`), or by the rule for
// targets without one. A process that dies of the explored signal after its handler has done what a crash handler does
// that passes the signal on. Every other end is a finding.
// Context: control, in the parent process, after the end of the child.
#pragma once

#include "explore/place/places.hpp"
#include "explore/step/delivery.hpp"
#include "explore/step/fault_note.hpp"
#include "explore/watch/child.hpp"

namespace nmisim::explore {

struct judged_end {
    explore::verdict verdict;
    std::string what;
};
judged_end judge_end(const target& what, int signal, const child_result& end, const delivery_note& nmi);

/// Where the run has died, after the words about its end. Empty: not noted.
std::string where_it_died(const child_result& end, const fault_note& fault, places& names);

} // namespace nmisim::explore
