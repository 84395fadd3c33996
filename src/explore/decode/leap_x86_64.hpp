// SPDX-License-Identifier: MIT
//
// How far a run goes on, from a recorded instruction, before anything can decide about its path: over instructions that
// have one successor, to the next that has several. To follow a recorded path it is enough to stop there. Pure
// arithmetic on the recording. Context: any.
#pragma once

#include "explore/decode/code_bytes.hpp"

#include <array>
#include <cstdint>

namespace nmisim::explore {

struct leap {
    std::array<std::uintptr_t, 2> to{}; ///< it stops at one of them
    unsigned count = 0;                 ///< 0: no leap from here, a step
    std::uint32_t instructions = 0;     ///< until then
};

/// `ip` and `code` list what ran, in its order; `here`: what runs next.
leap leap_x86_64(const std::uintptr_t* ip, const code_bytes* code, std::uint32_t count,
                 std::uint32_t here) noexcept;

} // namespace nmisim::explore
