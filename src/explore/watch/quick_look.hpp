// SPDX-License-Identifier: MIT
//
// Whether an explored thread sleeps, asked every millisecond by the thread that explores it, in the same process.
#pragma once

#include <cstdint>

namespace nmisim::explore {

struct quick_look {
    bool asleep = false; ///< in a system call that is known; nothing else is known otherwise
    long system_call = -1;
    std::uintptr_t ip = 0;      ///< user instruction after the system call
    std::uint64_t switches = 0; ///< voluntary context switches
};

/// A thread of this process, from /proc/self/task/TID. No function of the C library is called: the explored thread runs meanwhile,
/// in that library too, and its breakpoints there are not for who looks. Who met one took it out to go over it, just when the
/// explored thread came by; or put it back after that one had forgotten it.
quick_look look_at(int tid) noexcept;

} // namespace nmisim::explore
