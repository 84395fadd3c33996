// SPDX-License-Identifier: MIT
//
// Options that are valid one by one but not together: refused before a run begins, so --dry-run and --print-config say
// the same as the run. And those that do nothing together, which are told.
#pragma once

#include "cli/options/settings.hpp"

#include <string>
#include <vector>

namespace nmisim::cli {

/// Two reports in one file, of any verb. Errors: usage_error.
void check_output_files(const settings& s);

/// What does not go together in a run. Errors: usage_error with the reason and what to do.
void check_contradictions(const settings& s);

/// Options that were given but have no effect in this run, a sentence each. They contradict nothing, so they are not refused: a
/// script that adds options one by one would fail. One that was given its default, as --print-config writes all of them, is not
/// named.
std::vector<std::string> ineffective_options(const settings& s);

} // namespace nmisim::cli
