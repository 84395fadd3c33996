// SPDX-License-Identifier: MIT
//
// Options that are right one by one and do not go together: refused before a run is begun, so that --dry-run and
// --print-config say the same as the run.
#pragma once

#include "cli/settings.hpp"

namespace nmisim::cli {

/// Errors: usage_error with the reason and what to do.
void check_contradictions(const settings& s);

} // namespace nmisim::cli
