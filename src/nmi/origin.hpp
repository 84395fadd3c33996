// SPDX-License-Identifier: MIT
//
// Which signals are ours. A raise queues its signal with a word that has a mark in its upper 16 bits and the time of the
// raise in its lower 48. The mark is compared and nothing else: no address and no small number has these bits, so that a
// value of other code of this process does not pass for an NMI. A vCPU's timer carries the mark as well.
//
// Everything else that arrives on a line's signal is foreign: foreign_signal.hpp says what becomes of it.
#pragma once

#include <csignal>
#include <cstdint>

namespace nmisim {

inline constexpr int stamp_bits = 48;
inline constexpr std::uint64_t origin_mark = 0x4e4d; // not canonical: no address begins with it

/// What a signal of ours carries; `raised_ns` 0: nobody wants to know. Context: any.
inline sigval marked(std::uint64_t raised_ns) noexcept
{
    const std::uint64_t stamp = raised_ns & ((std::uint64_t{1} << stamp_bits) - 1);
    sigval value{};
    value.sival_ptr = reinterpret_cast<void*>(static_cast<std::uintptr_t>(origin_mark << stamp_bits | stamp));
    return value;
}

inline std::uint64_t carried_word(const siginfo_t& info) noexcept
{
    return reinterpret_cast<std::uintptr_t>(info.si_value.sival_ptr);
}

inline bool carries_mark(const siginfo_t& info) noexcept
{
    return carried_word(info) >> stamp_bits == origin_mark;
}

/// Queued by a raise of process `pid`. Context: any.
inline bool is_raised_here(const siginfo_t& info, int pid) noexcept
{
    return info.si_code == SI_QUEUE && info.si_pid == pid && carries_mark(info);
}

/// The time of the raise as far as the signal has room for it; 0: it carries none. Context: any.
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

} // namespace nmisim
