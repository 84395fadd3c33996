// SPDX-License-Identifier: MIT
//
// --help and --version. Boost's own printer is not used: fixed width, "arg" for every value, doubles with
// seventeen digits. Everything here comes from the verb and option tables.
#pragma once

#include "cli/verbs/verb.hpp"

#include <string>

namespace nmisim::cli {

/// `columns`: where to wrap.
std::string help_text(const verb_info& verb, int columns);
std::string version_text();

} // namespace nmisim::cli
