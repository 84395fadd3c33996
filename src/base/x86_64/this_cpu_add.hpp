// SPDX-License-Identifier: MIT
//
// this_cpu_add() of x86-64: one instruction adds to memory, so that no NMI falls between its load and its
// store. No lock prefix: nobody but the owning thread writes. Kernel: arch/x86/include/asm/percpu.h,
// percpu_add_op(). Sibling: base/aarch64.
#pragma once

#include <atomic>
#include <cstdint>

namespace nmisim {

/// Orders nothing. Context: any, on the thread that owns `value`.
inline void this_cpu_add(std::atomic<std::uint64_t>& value, std::uint64_t n) noexcept
{
    asm volatile("addq %[n], %[value]" : [value] "+m"(value) : [n] "er"(n) : "cc");
}

} // namespace nmisim
