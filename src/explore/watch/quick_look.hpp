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

/// A thread of this process, from /proc/self/task/TID. Calls no function of the C library. The explored thread may have breakpoints
/// there, and it runs meanwhile. To go over one of them, the caller would have to take it out for a moment: the explored thread
/// could pass it just then, and would not stop.
quick_look look_at(int tid) noexcept;

} // namespace nmisim::explore
