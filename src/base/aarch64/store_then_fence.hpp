// SPDX-License-Identifier: MIT
//
// aarch64: an atomic exchange orders nothing between its store and later loads (ldaxr/stlxr, or swpal), so the
// fence is an instruction of its own: stlr, dmb ish.
#pragma once

#include <atomic>
#include <cstdint>

namespace nmisim {

/// An NMI may come between the store and the fence.
constexpr bool store_then_fence_is_one_instruction = false;

inline void store_then_fence(std::atomic<std::uint64_t>& word, std::uint64_t value) noexcept
{
    // (1) release: the section before this one has ended; pairs with outside: nmi_counter.hpp explains both sides
    word.store(value, std::memory_order_release);
    // (2) seq_cst fence: dmb ish; pairs with outside: nmi_counter.hpp explains both sides
    std::atomic_thread_fence(std::memory_order_seq_cst);
}

inline void relax() noexcept
{
    asm volatile("yield");
}

} // namespace nmisim
