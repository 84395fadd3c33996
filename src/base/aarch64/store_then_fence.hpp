// SPDX-License-Identifier: MIT
//
// aarch64: no store orders later loads, so the fence is an instruction of its own: dmb ish.
#pragma once

namespace nmisim {

/// An NMI may come between the store and the fence.
constexpr bool store_then_fence_is_one_instruction = false;

inline void relax() noexcept
{
    asm volatile("yield");
}

} // namespace nmisim
