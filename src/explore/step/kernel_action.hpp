// SPDX-License-Identifier: MIT
//
// A signal's disposition in the kernel's form. glibc's form is different, and its functions may carry a breakpoint.
// Context: any, also the SIGTRAP handler.
#pragma once

#include "explore/step/arch.hpp"

#include <cstdint>

#include <sys/syscall.h>

namespace nmisim::explore {

/// Of a signal in the kernel's mask.
constexpr std::uint64_t bit_of(int signal) noexcept
{
    return std::uint64_t{1} << (signal - 1);
}

struct kernel_action {
    std::uintptr_t handler = 0;
    unsigned long flags = 0;
    std::uintptr_t restorer = 0;
    std::uint64_t mask = 0;
    bool operator==(const kernel_action&) const = default;
};

inline void set_action(int signal, const kernel_action* set, kernel_action* before) noexcept
{
    arch::raw_system_call(SYS_rt_sigaction, signal, reinterpret_cast<long>(set),
                          reinterpret_cast<long>(before), sizeof set->mask);
}

} // namespace nmisim::explore
