// SPDX-License-Identifier: MIT
#include "exec/trace/wake_ups.hpp"

#include "base/clock.hpp"
#include "base/signal_mask.hpp"

#include <algorithm>

namespace nmisim::exec {

wake_ups::wake_ups()
{
    // An ignored SIGCHLD, from a careless parent, would hide how a child ended; an ignored SIGINT is a background job's.
    for (const int s : {SIGCHLD, SIGINT, SIGTERM})
        std::signal(s, SIG_DFL);
    taken_ = signal_set({SIGCHLD, SIGINT, SIGTERM});
    struct sigaction hang_up {};
    if (sigaction(SIGHUP, nullptr, &hang_up) == 0 && hang_up.sa_handler != SIG_IGN)
        sigaddset(&taken_, SIGHUP);
    pthread_sigmask(SIG_BLOCK, &taken_, &before_);
}

wake_ups::~wake_ups()
{
    pthread_sigmask(SIG_SETMASK, &before_, nullptr);
}

void wake_ups::wait(std::uint64_t until_ns) noexcept
{
    const std::uint64_t now = now_ns();
    const timespec most = to_timespec(until_ns - std::min(now, until_ns));
    const int s = sigtimedwait(&taken_, nullptr, &most);
    if (s <= 0 || s == SIGCHLD || stop_signal_ != 0)
        return;
    stop_signal_ = s;
    for (const int other : {SIGINT, SIGTERM, SIGHUP}) {
        sigdelset(&taken_, other);
        change_mask(SIG_UNBLOCK, other);
    }
}

bool stop_signal_waits() noexcept
{
    sigset_t pending{};
    sigpending(&pending);
    return sigismember(&pending, SIGINT) == 1 || sigismember(&pending, SIGTERM) == 1 ||
           sigismember(&pending, SIGHUP) == 1;
}

} // namespace nmisim::exec
