// SPDX-License-Identifier: MIT
//
// Options that were given but have no effect in this run. They contradict nothing, so they are not refused: a script
// that adds options one by one would fail. But the user who sets one expects an effect, so a note says that there is
// none.
#pragma once

#include "cli/options/settings.hpp"

#include <string>
#include <vector>

namespace nmisim::cli {

/// A sentence each. An option that was given its default, as --print-config writes all of them, is not named.
std::vector<std::string> ineffective_options(const settings& s);

} // namespace nmisim::cli
