// SPDX-License-Identifier: MIT
#include "cli/stop_signals.hpp"

#include "base/clock.hpp"

#include <initializer_list>

namespace nmisim::cli {

stop_signals::stop_signals()
{
    std::signal(SIGINT, SIG_DFL);
    std::signal(SIGTERM, SIG_DFL);
    sigemptyset(&watched_);
    for (const int s : {SIGINT, SIGTERM, SIGUSR1})
        sigaddset(&watched_, s);
    pthread_sigmask(SIG_BLOCK, &watched_, &saved_mask_);
}

stop_signals::~stop_signals()
{
    pthread_sigmask(SIG_SETMASK, &saved_mask_, nullptr);
}

int stop_signals::take(const sigset_t& from, std::uint64_t ns)
{
    const std::uint64_t end = now_ns() + ns;
    for (;;) {
        const std::uint64_t now = now_ns();
        const timespec wait = to_timespec(now < end ? end - now : 0);
        const int s = sigtimedwait(&from, nullptr, &wait);
        if (s == SIGUSR1) {
            status_asked_ = true;
            return 0; // early, so that the line is printed now
        }
        if (s > 0)
            return s;
        if (now >= end) // EINTR (a stop and continue) goes on waiting, EAGAIN is the end of the time
            return 0;
    }
}

int stop_signals::pause(std::uint64_t ns)
{
    const int s = take(watched_, ns);
    if (s == 0 || stopping_ != 0)
        return s;
    stopping_ = s;
    sigset_t stops;
    sigemptyset(&stops);
    sigaddset(&stops, SIGINT);
    sigaddset(&stops, SIGTERM);
    for (const int each : {SIGINT, SIGTERM})
        sigdelset(&watched_, each);
    pthread_sigmask(SIG_UNBLOCK, &stops, nullptr); // from here on the second one is fatal
    return s;
}

bool stop_signals::status_asked()
{
    const bool asked = status_asked_;
    status_asked_ = false;
    return asked;
}

void die_of(int signal_number)
{
    std::signal(signal_number, SIG_DFL);
    sigset_t one;
    sigemptyset(&one);
    sigaddset(&one, signal_number);
    pthread_sigmask(SIG_UNBLOCK, &one, nullptr);
    std::raise(signal_number);
}

} // namespace nmisim::cli
