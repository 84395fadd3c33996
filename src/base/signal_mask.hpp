// SPDX-License-Identifier: MIT
//
// Sets of signals, and the signal mask of the calling thread.
#pragma once

#include <csignal>
#include <initializer_list>

#include <pthread.h>

namespace nmisim {

/// Context: any.
inline sigset_t signal_set(std::initializer_list<int> signals = {}) noexcept
{
    sigset_t set;
    sigemptyset(&set);
    for (const int s : signals)
        sigaddset(&set, s);
    return set;
}

/// All that can wait: not what the processor sends. Context: any.
inline sigset_t asynchronous_signals() noexcept
{
    sigset_t set;
    sigfillset(&set);
    for (const int synchronous : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGABRT, SIGSYS})
        sigdelset(&set, synchronous);
    return set;
}

/// SIG_BLOCK or SIG_UNBLOCK of one signal in the calling thread. Context: any.
inline void change_mask(int how, int signo) noexcept
{
    const sigset_t one = signal_set({signo});
    pthread_sigmask(how, &one, nullptr);
}

/// Blocks signals in the calling thread, and restores the mask on destruction. Threads created meanwhile start with
/// them blocked: the rule for vCPUs, and for liburcu 0.13's workers.
class signals_blocked {
public:
    explicit signals_blocked(const sigset_t& blocked = asynchronous_signals()) noexcept
    {
        pthread_sigmask(SIG_BLOCK, &blocked, &before_);
    }
    ~signals_blocked() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
    /// Whether the program blocks it.
    bool before(int signo) const noexcept { return sigismember(&before_, signo) == 1; }
    /// It stays blocked.
    void keep(int signo) noexcept { sigaddset(&before_, signo); }
    signals_blocked(const signals_blocked&) = delete;
    signals_blocked& operator=(const signals_blocked&) = delete;

private:
    sigset_t before_;
};

} // namespace nmisim
