// SPDX-License-Identifier: MIT
//
// What this program is: version, compiler, sanitizer. Fixed when it was built; printed by --version and kept in every
// JSON report, because figures cannot be compared without them.
#pragma once

#include <string_view>

namespace nmisim {

extern const std::string_view tool_version;
extern const std::string_view compiler_text;
extern const std::string_view sanitizer_name; ///< "none", "address", "thread"
extern const std::string_view build_type;     ///< Meson's: "debugoptimized", "release"

} // namespace nmisim
