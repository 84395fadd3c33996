// SPDX-License-Identifier: MIT
//
// x86-64: a locked add is an add and a full fence in one instruction (Intel SDM vol. 3, 9.2.3.9; AMD64 APM vol. 2, 7.4.2).
#pragma once

#include <atomic>
#include <cstdint>

namespace nmisim {

inline void add_then_fence(std::atomic<std::uint64_t>& number) noexcept
{
    // (1) seq_cst: a locked add, and the compiler moves nothing across; pairs with outside: rcu/srcu/counter.hpp explains both sides
    number.fetch_add(1, std::memory_order_seq_cst);
    // (2) seq_cst fence: no instruction, holds the compiler; pairs with outside: rcu/srcu/counter.hpp explains both sides
    std::atomic_signal_fence(std::memory_order_seq_cst);
}

} // namespace nmisim
