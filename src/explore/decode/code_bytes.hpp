// SPDX-License-Identifier: MIT
//
// The bytes of one instruction, as the child that ran it read them. The parent never reads explored code: what `setup`
// loaded, or wrote into a page, is mapped only in the child.
#pragma once

#include <array>
#include <cstdint>

namespace nmisim::explore {

struct alignas(8) code_bytes {
    static constexpr std::size_t longest = 15; ///< an instruction of x86-64
    std::array<unsigned char, longest> byte{};
    std::uint8_t size = 0; ///< fewer than `longest` where the mapping ends; 0: not read
};

} // namespace nmisim::explore
