// SPDX-License-Identifier: MIT
//
// aarch64: an atomic addition orders nothing between its store and later loads (ldaxr/stlxr, or ldaddal), so the
// fence is an instruction of its own: dmb ish. An NMI between ldaxr and stlxr makes the store fail, and both are done
// again.
#pragma once

#include <atomic>
#include <cstdint>

namespace nmisim {

/// An NMI may come between the store and the fence.
constexpr bool store_then_fence_is_one_instruction = false;

/// Returns what was there.
inline std::uint64_t add_then_fence(std::atomic<std::uint64_t>& word, std::uint64_t n) noexcept
{
    // (1) release: the section before this one has ended; pairs with outside: nmi_counter.hpp explains both sides
    const std::uint64_t before = word.fetch_add(n, std::memory_order_release);
    // (2) seq_cst fence: dmb ish; pairs with outside: nmi_counter.hpp explains both sides
    std::atomic_thread_fence(std::memory_order_seq_cst);
    return before;
}

inline void relax() noexcept
{
    asm volatile("yield");
}

} // namespace nmisim
