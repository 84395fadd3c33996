// SPDX-License-Identifier: MIT
//
// The matcher for "contains this text", which Catch2 renamed between 2.13 and 3.
#pragma once

#include "support/catch2.hpp"

#include <string>

namespace nmisim::test {

#if __has_include(<catch2/catch_all.hpp>)
inline auto Contains(const std::string& text)
{
    return Catch::Matchers::ContainsSubstring(text);
}
#else
using Catch::Matchers::Contains;
#endif

} // namespace nmisim::test
