// SPDX-License-Identifier: MIT
//
// A signal in the mask of the calling thread, and pending for it. Context: control, in a child process.
#pragma once

#include "base/signal_mask.hpp"
#include "explore/step/kernel_action.hpp"

#include <csignal>
#include <cstdint>
#include <ctime>

#include <sys/syscall.h>

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
    std::uint64_t mask = 0; // not libc's call: it may carry a gate, and that costs a trap
    arch::raw_system_call(SYS_rt_sigprocmask, SIG_BLOCK, 0, reinterpret_cast<long>(&mask), sizeof mask);
    return (mask & bit_of(signal)) != 0;
}

} // namespace nmisim::explore
