// SPDX-License-Identifier: MIT
//
// Time in nanoseconds since an arbitrary start that never goes back (CLOCK_MONOTONIC). Context: any;
// clock_gettime() is on POSIX's list of async-signal-safe functions and is a vDSO call, no system call.
#pragma once

#include <cstdint>
#include <ctime>

namespace nmisim {

constexpr std::uint64_t nsec_per_sec = 1'000'000'000;

inline std::uint64_t to_ns(const timespec& t) noexcept
{
    return static_cast<std::uint64_t>(t.tv_sec) * nsec_per_sec + static_cast<std::uint64_t>(t.tv_nsec);
}

inline timespec to_timespec(std::uint64_t ns) noexcept
{
    return {static_cast<time_t>(ns / nsec_per_sec), static_cast<long>(ns % nsec_per_sec)};
}

inline std::uint64_t now_ns() noexcept
{
    timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return to_ns(t);
}

/// How far into its period the i-th of n begins, so that they come one after the other. Context: any.
constexpr std::uint64_t stagger_ns(double period_ns, int i, int n) noexcept
{
    return static_cast<std::uint64_t>(period_ns * i / n);
}

/// Sleeps for `ns` nanoseconds, or until a signal is handled. Context: control, vcpu.
inline void sleep_for(std::uint64_t ns) noexcept
{
    const timespec t = to_timespec(ns);
    nanosleep(&t, nullptr);
}

/// Spins for `ns` nanoseconds. Context: any; the way an NMI handler is slow on purpose.
inline void spin_for(std::uint64_t ns) noexcept
{
    if (ns == 0)
        return;
    const std::uint64_t end = now_ns() + ns;
    while (now_ns() < end) {
    }
}

} // namespace nmisim
