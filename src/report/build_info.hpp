// SPDX-License-Identifier: MIT
//
// What this program is: version, compiler, sanitizer. Fixed when it was built; printed by --version and kept in every
// JSON report, because figures cannot be compared without them.
#pragma once

#include <string_view>

namespace nmisim {

std::string_view tool_version() noexcept;
std::string_view compiler_text() noexcept;
/// "none", "address", "thread"
std::string_view sanitizer_name() noexcept;
/// Meson's build type: "debugoptimized", "release"
std::string_view build_type() noexcept;

} // namespace nmisim
