// SPDX-License-Identifier: MIT
//
// A signal in the mask of the calling thread, and pending for it. Context: control, in a child process.
#pragma once

#include "base/signal_mask.hpp"

#include <csignal>
#include <ctime>

namespace nmisim::explore {

/// A signal that arrived while it was blocked must not leak into the next run. True: there was one.
inline bool drain(int signal)
{
    const sigset_t set = signal_set({signal});
    const timespec now{};
    bool any = false;
    while (sigtimedwait(&set, nullptr, &now) == signal)
        any = true;
    return any;
}

inline bool is_blocked(int signal)
{
    sigset_t mask;
    sigprocmask(SIG_BLOCK, nullptr, &mask);
    return sigismember(&mask, signal) == 1;
}

} // namespace nmisim::explore
