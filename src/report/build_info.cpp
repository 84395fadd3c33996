// SPDX-License-Identifier: MIT
#include "report/build_info.hpp"

namespace nmisim {

std::string_view tool_version() noexcept
{
    return NMISIM_VERSION;
}

std::string_view build_type() noexcept
{
    return NMISIM_BUILD_TYPE;
}

std::string_view sanitizer_name() noexcept
{
    return NMISIM_SANITIZER;
}

std::string_view compiler_text() noexcept
{
    return NMISIM_COMPILER;
}

} // namespace nmisim
