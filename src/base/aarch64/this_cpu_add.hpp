// SPDX-License-Identifier: MIT
//
// this_cpu_add() of aarch64, which has no plain add to memory: the atomic one, as the kernel's (stadd with
// LSE, load-exclusive and store-exclusive without). Kernel: arch/arm64/include/asm/percpu.h.
// Sibling: base/x86_64.
#pragma once

#include <atomic>
#include <cstdint>

namespace nmisim {

/// Orders nothing. Context: any, on the thread that owns `value`.
inline void this_cpu_add(std::atomic<std::uint64_t>& value, std::uint64_t n) noexcept
{
    value.fetch_add(n, std::memory_order_relaxed); // own thread only
}

/// The same behind all that the thread has read and written. Context: any, on the thread that owns `value`.
inline void this_cpu_add_release(std::atomic<std::uint64_t>& value, std::uint64_t n) noexcept
{
    // (1) release: what the thread has done; pairs with outside: whoever calls it says with what
    value.fetch_add(n, std::memory_order_release);
}

} // namespace nmisim
