// SPDX-License-Identifier: MIT
#include "report/build_info.hpp"

namespace nmisim {

constinit const std::string_view tool_version = NMISIM_VERSION;
constinit const std::string_view compiler_text = NMISIM_COMPILER;
constinit const std::string_view sanitizer_name = NMISIM_SANITIZER;
constinit const std::string_view build_type = NMISIM_BUILD_TYPE;

} // namespace nmisim
