// SPDX-License-Identifier: MIT
//
// x86-64: xchg with memory is a store and a full fence in one locked instruction (Intel SDM vol. 3, 9.2.3.9;
// AMD64 APM vol. 2, 7.4.2), about a quarter of what mfence costs.
#pragma once

#include <atomic>
#include <cstdint>

namespace nmisim {

/// No NMI comes between the store and the fence.
constexpr bool store_then_fence_is_one_instruction = true;

inline void store_then_fence(std::atomic<std::uint64_t>& word, std::uint64_t value) noexcept
{
    // (1) seq_cst: an xchg, and the compiler moves nothing across; pairs with outside: nmi_counter.hpp explains both sides
    word.exchange(value, std::memory_order_seq_cst);
    // (2) seq_cst fence: no instruction, holds the compiler; pairs with outside: nmi_counter.hpp explains both sides
    std::atomic_signal_fence(std::memory_order_seq_cst);
}

inline void relax() noexcept
{
    __builtin_ia32_pause();
}

} // namespace nmisim
