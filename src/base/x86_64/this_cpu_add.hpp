// SPDX-License-Identifier: MIT
//
// this_cpu_add() of x86-64: one instruction adds to memory, so that no NMI falls between its load and its
// store. No lock prefix: only the owning thread writes. Kernel: arch/x86/include/asm/percpu.h, percpu_add_op().
// Sibling: base/aarch64.
#pragma once

#include <atomic>
#include <cstdint>

namespace nmisim {

/// Orders nothing. Context: any, on the thread that owns `value`.
inline void this_cpu_add(std::atomic<std::uint64_t>& value, std::uint64_t n) noexcept
{
    asm volatile("addq %[n], %[value]" : [value] "+m"(value) : [n] "er"(n) : "cc");
}

/// The same behind all that the thread has read and written. Context: any, on the thread that owns `value`.
inline void this_cpu_add_release(std::atomic<std::uint64_t>& value, std::uint64_t n) noexcept
{
    // No instruction of its own: x86-64 keeps loads and stores before a store; the compiler must as well.
    asm volatile("addq %[n], %[value]" : [value] "+m"(value) : [n] "er"(n) : "cc", "memory");
}

} // namespace nmisim
