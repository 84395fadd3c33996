// SPDX-License-Identifier: MIT
//
// Waits for a condition, with a time limit. A test must not sleep for "long enough" instead.
#pragma once

#include "base/clock.hpp"

#include <sched.h>

namespace nmisim::test {

/// True as soon as `condition()` is; false if it is not within ten seconds.
template <class Condition>
bool eventually(Condition condition)
{
    const std::uint64_t deadline_ns = now_ns() + 10 * nsec_per_sec;
    while (!condition()) {
        if (now_ns() > deadline_ns)
            return false;
        sched_yield();
    }
    return true;
}

} // namespace nmisim::test
