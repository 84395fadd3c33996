// SPDX-License-Identifier: MIT
//
// Where an instruction goes: the addresses of which exactly one is executed next.
#pragma once

#include <array>
#include <cstdint>

namespace nmisim::explore {

struct successors {
    std::array<std::uint64_t, 4> at{};
    unsigned count = 0; ///< 0: not known
};

} // namespace nmisim::explore
