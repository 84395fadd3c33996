// SPDX-License-Identifier: MIT
//
// Whose signal is it? Ours carries a mark in `si_value`. It is compared and never followed: anybody can send any value.
//
//   counted     a raise on an attached thread, in that thread's books
//   unattached  a raise on a thread that had not attached
//   timer       one of our timers; si_overrun says what else it stands for
//   stamped     a raise on a vCPU: a mark in the upper 16 bits and the time of the raise in the lower 48
//   lost        the kernel had no room for a payload and reports SI_USER of process 0: a standard signal's way
//   foreign     everything else
//
// The first three marks are addresses of bytes of ours, so another copy of this library has others. The stamped one is a
// number that no address and no small number begins with: an explorer in a library of its own sends it too.
//
// On a standard signal a payload may be lost, and a raise may merge with a foreign signal that is pending; so the latch of
// the thread decides what is ours (runtime/entry/arrival.cpp), and the payload only says what is not.
#pragma once

#include <array>
#include <csignal>
#include <cstdint>
#include <sys/types.h>

namespace nmisim::runtime {

enum class origin : unsigned char { counted, unattached, timer, stamped, lost, foreign };

/// Their addresses are the marks. Never written; of this library, which is never unloaded.
inline constexpr std::array<char, 3> marks{};

inline void* mark_of(origin o) noexcept
{
    return const_cast<char*>(&marks[static_cast<std::size_t>(o)]);
}

inline constexpr int stamp_bits = 48;
inline constexpr std::uint64_t stamp_mark = 0x4e4d; // not canonical

/// What a vCPU's raise carries; `raised_ns` 0: nobody wants to know. Context: any.
inline sigval stamped(std::uint64_t raised_ns) noexcept
{
    const std::uint64_t stamp = raised_ns & ((std::uint64_t{1} << stamp_bits) - 1);
    sigval value{};
    value.sival_ptr = reinterpret_cast<void*>(static_cast<std::uintptr_t>(stamp_mark << stamp_bits | stamp));
    return value;
}

inline std::uint64_t carried_word(const siginfo_t& info) noexcept
{
    return reinterpret_cast<std::uintptr_t>(info.si_value.sival_ptr);
}

/// A vCPU's raise of process `pid`. Context: any.
inline bool is_stamped(const siginfo_t& info, pid_t pid) noexcept
{
    return info.si_code == SI_QUEUE && info.si_pid == pid && carried_word(info) >> stamp_bits == stamp_mark;
}

/// `pid` is this process. Context: any.
inline origin origin_of(const siginfo_t& info, pid_t pid) noexcept
{
    const void* const value = info.si_value.sival_ptr;
    if (is_stamped(info, pid))
        return origin::stamped;
    if (info.si_code == SI_QUEUE && info.si_pid == pid) {
        if (value == mark_of(origin::counted))
            return origin::counted;
        if (value == mark_of(origin::unattached))
            return origin::unattached;
    }
    if (info.si_code == SI_TIMER && value == mark_of(origin::timer))
        return origin::timer;
    return info.si_code == SI_USER && info.si_pid == 0 ? origin::lost : origin::foreign;
}

/// The time of a stamped raise as far as the signal has room for it; 0: it carries none. Context: any.
inline std::uint64_t stamp_of(const siginfo_t& info) noexcept
{
    return carried_word(info) & ((std::uint64_t{1} << stamp_bits) - 1);
}

/// The time whose lower bits are `stamp` and that is nearest to `now_ns`: right for what was raised within the last 39
/// hours. 0 for 0.
inline std::uint64_t raised_at_ns(std::uint64_t stamp, std::uint64_t now_ns) noexcept
{
    if (stamp == 0)
        return 0;
    constexpr int spare = 64 - stamp_bits;
    const auto behind = static_cast<std::int64_t>((now_ns - stamp) << spare) >> spare;
    return now_ns - static_cast<std::uint64_t>(behind);
}

/// The same from the signal; 0 for a timer's or counter's (nmi/cpu_source.hpp), which says nothing of the kind.
inline std::uint64_t raised_at_ns(const siginfo_t& info, std::uint64_t now_ns) noexcept
{
    return info.si_code == SI_QUEUE ? raised_at_ns(stamp_of(info), now_ns) : 0;
}

} // namespace nmisim::runtime
