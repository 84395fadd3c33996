// SPDX-License-Identifier: MIT
//
// aarch64: an atomic add orders nothing between its store and later loads (ldxr/stlxr, or ldaddl), so the fence is an
// instruction of its own: dmb ish. An NMI between ldxr and stlxr makes the store fail, and both are done again.
// Kernel: smp_mb__after_atomic().
#pragma once

#include <atomic>
#include <cstdint>

namespace nmisim {

inline void add_then_fence(std::atomic<std::uint64_t>& number, std::uint64_t n) noexcept
{
    // (1) release: the section before this one has ended; pairs with outside: rcu/nmi_counter.hpp explains both sides
    number.fetch_add(n, std::memory_order_release);
    // (2) seq_cst fence: dmb ish; pairs with outside: rcu/nmi_counter.hpp and rcu/srcu/counter.hpp explain both sides
    std::atomic_thread_fence(std::memory_order_seq_cst);
}

} // namespace nmisim
