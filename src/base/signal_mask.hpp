// SPDX-License-Identifier: MIT
#pragma once

#include <csignal>

#include <pthread.h>

namespace nmisim {

/// SIG_BLOCK or SIG_UNBLOCK of one signal in the calling thread. Context: any.
inline void change_mask(int how, int signo) noexcept
{
    sigset_t one;
    sigemptyset(&one);
    sigaddset(&one, signo);
    pthread_sigmask(how, &one, nullptr);
}

} // namespace nmisim
