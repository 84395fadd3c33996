// SPDX-License-Identifier: MIT
//
// Waiting with a deadline, by looks: what is waited for is counted by handlers, which wake nobody. It spins for about as
// long as a handler takes, gives the CPU away, then sleeps longer and longer, a millisecond at most. A signal that cuts a sleep
// short costs a look. Context: control.
#pragma once

#include "base/clock.hpp"
#include "nmisim/deadline.hpp"

#include <algorithm>
#include <sched.h>

namespace nmisim::runtime {

inline void pause_before_look(unsigned looks, std::uint64_t left_ns) noexcept
{
    constexpr unsigned spins = 64, yields = 96;
    if (looks < spins)
        return;
    if (looks < yields) {
        sched_yield();
        return;
    }
    const std::uint64_t longest = std::min<std::uint64_t>(1'000'000, 20'000ULL * (looks - yields + 1));
    sleep_for(std::min(longest, left_ns));
}

/// True as soon as `done()` is; false when the time is over.
template <class Condition>
bool wait_until(deadline limit, Condition done) noexcept
{
    if (done())
        return true;
    const std::uint64_t begin = now_ns();
    for (unsigned looks = 0;; ++looks) {
        const std::uint64_t waited = now_ns() - begin;
        const std::uint64_t whole = limit.is_none() ? UINT64_MAX : static_cast<std::uint64_t>(limit.ns());
        if (waited >= whole)
            return false;
        pause_before_look(looks, whole - waited);
        if (done())
            return true;
    }
}

} // namespace nmisim::runtime
