// SPDX-License-Identifier: MIT
//
// Whose signal is it? Ours carries the address of one of our bytes in `si_value`. It is compared and never followed: anybody
// can send any value.
//
//   counted     a raise on an attached thread, in that thread's books
//   unattached  a raise on a thread that had not attached
//   timer       one of our timers; si_overrun says what else it stands for
//   lost        the kernel had no room for a payload and reports SI_USER of process 0: a standard signal's way
//   foreign     everything else
//
// On a standard signal a payload may be lost, and a raise may merge with a foreign signal that is pending; so the latch of
// the thread decides what is ours (runtime/entry/arrival.cpp), and the payload only says what is not.
#pragma once

#include <array>
#include <csignal>
#include <cstdint>
#include <sys/types.h>

namespace nmisim::runtime {

enum class origin : unsigned char { counted, unattached, timer, lost, foreign };

/// Their addresses are the marks. Never written; of this library, which is never unloaded.
inline constexpr std::array<char, 3> marks{};

inline void* mark_of(origin o) noexcept
{
    return const_cast<char*>(&marks[static_cast<std::size_t>(o)]);
}

/// `pid` is this process. Context: any.
inline origin origin_of(const siginfo_t& info, pid_t pid) noexcept
{
    const void* const value = info.si_value.sival_ptr;
    if (info.si_code == SI_TIMER)
        return value == mark_of(origin::timer) ? origin::timer : origin::foreign;
    if (info.si_code == SI_QUEUE && info.si_pid == pid) {
        if (value == mark_of(origin::counted))
            return origin::counted;
        if (value == mark_of(origin::unattached))
            return origin::unattached;
    }
    return info.si_code == SI_USER && info.si_pid == 0 ? origin::lost : origin::foreign;
}

} // namespace nmisim::runtime
