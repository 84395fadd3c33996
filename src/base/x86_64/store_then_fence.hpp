// SPDX-License-Identifier: MIT
//
// x86-64: a locked xadd is a load, a store and a full fence in one instruction (Intel SDM vol. 3, 9.2.3.9;
// AMD64 APM vol. 2, 7.4.2), about a quarter of what mfence costs.
#pragma once

#include <atomic>
#include <cstdint>

namespace nmisim {

/// No NMI comes between the store and the fence.
constexpr bool store_then_fence_is_one_instruction = true;

/// Returns what was there. No NMI comes between its load and its store either.
inline std::uint64_t add_then_fence(std::atomic<std::uint64_t>& word, std::uint64_t n) noexcept
{
    // (1) seq_cst: an xadd, and the compiler moves nothing across; pairs with outside: nmi_counter.hpp explains both sides
    const std::uint64_t before = word.fetch_add(n, std::memory_order_seq_cst);
    // (2) seq_cst fence: no instruction, holds the compiler; pairs with outside: nmi_counter.hpp explains both sides
    std::atomic_signal_fence(std::memory_order_seq_cst);
    return before;
}

inline void relax() noexcept
{
    __builtin_ia32_pause();
}

} // namespace nmisim
