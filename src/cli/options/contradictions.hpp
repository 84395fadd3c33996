// SPDX-License-Identifier: MIT
//
// Options that are right one by one and do not go together: refused before a run is begun, so that --dry-run and
// --print-config say the same as the run.
#pragma once

#include "cli/options/settings.hpp"

namespace nmisim::cli {

/// Two reports in one file, of any verb. Errors: usage_error.
void check_output_files(const settings& s);

/// What does not go together in a run. Errors: usage_error with the reason and what to do.
void check_contradictions(const settings& s);

} // namespace nmisim::cli
