// SPDX-License-Identifier: MIT
//
// One line about a run in progress. Rates are those since the line before, not since the start, to show if the run
// becomes slower *now*.
#pragma once

#include "verify/run_report.hpp"

#include <string>

namespace nmisim {

/// Without a newline. `before` is what the previous line showed; all zero for the first.
std::string status_line(const run_progress& now, const run_progress& before);

} // namespace nmisim
