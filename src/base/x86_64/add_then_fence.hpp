// SPDX-License-Identifier: MIT
//
// x86-64: a locked add is an add and a full fence in one instruction (Intel SDM vol. 3, 9.2.3.9; AMD64 APM vol. 2, 7.4.2).
#pragma once

#include <atomic>
#include <cstdint>

namespace nmisim {

inline void add_then_fence(std::atomic<std::uint64_t>& number, std::uint64_t n) noexcept
{
    // (1) seq_cst: a locked add, and the compiler moves nothing across; pairs with outside: rcu/nmi_counter.hpp and rcu/srcu/counter.hpp explain both sides
    number.fetch_add(n, std::memory_order_seq_cst);
    // (2) seq_cst fence: no instruction, holds the compiler; pairs with outside: rcu/nmi_counter.hpp and rcu/srcu/counter.hpp explain both sides
    std::atomic_signal_fence(std::memory_order_seq_cst);
}

} // namespace nmisim
