// SPDX-License-Identifier: MIT
//
// x86-64: a locked instruction is a store and a full fence (Intel SDM vol. 3, 9.2.3.9; AMD64 APM vol. 2, 7.4.2), about a
// quarter of what mfence costs.
#pragma once

namespace nmisim {

/// No NMI comes between the store and the fence.
constexpr bool store_then_fence_is_one_instruction = true;

inline void relax() noexcept
{
    __builtin_ia32_pause();
}

} // namespace nmisim
