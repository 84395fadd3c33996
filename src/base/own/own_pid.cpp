// SPDX-License-Identifier: MIT
#include "base/own/own_pid.hpp"

#include <unistd.h>

namespace nmisim::detail {

constinit std::atomic<std::atomic<pid_t>*> kept_pid{nullptr};

pid_t own_pid_from_kernel() noexcept
{
    const pid_t pid = getpid();
    // (2) acquire: the page's first word; pairs with keep_own_pid.cpp(1)
    if (std::atomic<pid_t>* const word = kept_pid.load(std::memory_order_acquire); word != nullptr)
        word->store(pid, std::memory_order_relaxed); // each thread would store the same
    return pid;
}

} // namespace nmisim::detail
