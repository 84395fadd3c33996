// SPDX-License-Identifier: MIT
//
// aarch64: an atomic add orders nothing between its store and later loads (ldxr/stxr, or ldadd), so the fence is an
// instruction of its own: dmb ish. Kernel: smp_mb__after_atomic().
#pragma once

#include <atomic>
#include <cstdint>

namespace nmisim {

inline void add_then_fence(std::atomic<std::uint64_t>& number) noexcept
{
    number.fetch_add(1, std::memory_order_relaxed); // the fence orders it
    // (1) seq_cst fence: dmb ish; pairs with outside: rcu/srcu/counter.hpp explains both sides
    std::atomic_thread_fence(std::memory_order_seq_cst);
}

} // namespace nmisim
