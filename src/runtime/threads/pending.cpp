// SPDX-License-Identifier: MIT
#include "runtime/threads/pending.hpp"

#include "base/signal_mask.hpp"

#include <cerrno>
#include <ctime>
#include <sys/syscall.h>
#include <unistd.h>

namespace nmisim::runtime {

bool pending_signals::next(siginfo_t& info) noexcept
{
    const sigset_t one = signal_set({signo_});
    const timespec at_once{};
    int taken = 0;
    do
        taken = sigtimedwait(&one, &info, &at_once);
    while (taken < 0 && errno == EINTR);
    return taken > 0;
}

pending_signals::~pending_signals()
{
    for (std::size_t i = 0; i < count_; ++i)
        // The kernel lets a main thread alone repeat what kill(2) or the kernel sent.
        if (syscall(SYS_rt_sigqueueinfo, getpid(), signo_, &foreign_[i]) != 0)
            kill(getpid(), signo_);
}

} // namespace nmisim::runtime
