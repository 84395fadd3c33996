// SPDX-License-Identifier: MIT
//
// Options that were given and that nothing in this run looks at. They contradict nothing, so they are not refused: a
// script that adds options one by one would stumble. But who sets one expects something of it, and is told.
#pragma once

#include "cli/options/settings.hpp"

#include <string>
#include <vector>

namespace nmisim::cli {

/// A sentence each. An option that was given its default, as --print-config writes all of them, is not named.
std::vector<std::string> ineffective_options(const settings& s);

} // namespace nmisim::cli
