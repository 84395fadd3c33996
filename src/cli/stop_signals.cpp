// SPDX-License-Identifier: MIT
#include "cli/stop_signals.hpp"

#include "base/start_thread.hpp"
#include "report/output_file.hpp"

#include <chrono>
#include <initializer_list>
#include <system_error>

namespace nmisim::cli {

namespace {

bool is_ignored(int signal_number)
{
    struct sigaction action {};
    return sigaction(signal_number, nullptr, &action) == 0 && action.sa_handler == SIG_IGN;
}

} // namespace

stop_signals::stop_signals()
{
    sigemptyset(&watched_);
    for (const int s : {SIGINT, SIGTERM, SIGUSR1})
        sigaddset(&watched_, s);
    if (!is_ignored(SIGHUP))
        sigaddset(&watched_, SIGHUP);
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all,
                    &saved_mask_); // for the watcher: it takes what it asks for, and nothing else
    try {
        watcher_ = start_thread("the thread that waits for signals", [this] { watch(); });
    } catch (...) {
        pthread_sigmask(SIG_SETMASK, &saved_mask_, nullptr);
        throw;
    }
    sigset_t mine = saved_mask_;
    for (const int s : {SIGINT, SIGTERM, SIGHUP, SIGUSR1})
        if (sigismember(&watched_, s) == 1)
            sigaddset(&mine, s);
    for (const int s : {SIGINT, SIGTERM, SIGUSR1}) // blocked by now: none is lost
        std::signal(s, SIG_DFL);
    pthread_sigmask(SIG_SETMASK, &mine, nullptr);
}

stop_signals::~stop_signals()
{
    leaving_.store(true, std::memory_order_relaxed); // the signal that follows orders it
    pthread_kill(watcher_.native_handle(), SIGUSR1);
    watcher_.join();
    std::signal(SIGUSR1, SIG_IGN);
    pthread_sigmask(SIG_SETMASK, &saved_mask_, nullptr);
}

void stop_signals::watch()
{
    for (;;) {
        int s = 0;
        if (sigwait(&watched_, &s) != 0)
            continue;
        if (leaving_.load(std::memory_order_relaxed)) // as said
            return;
        const std::lock_guard hold(mutex_);
        if (s == SIGUSR1)
            status_asked_ = true;
        else if (stop_ == 0)
            stop_ = s;
        else {
            remove_unfinished_output();
            die_of(s);
        }
        changed_.notify_all();
    }
}

int stop_signals::pause(std::uint64_t ns)
{
    std::unique_lock hold(mutex_);
    const auto end = std::chrono::steady_clock::now() + std::chrono::nanoseconds(ns);
    // Early for a status, so that the line is printed now.
    changed_.wait_until(hold, end, [this] { return status_asked_ || (stop_ != 0 && !stop_told_); });
    if (stop_ == 0 || stop_told_)
        return 0;
    stop_told_ = true;
    return stop_;
}

bool stop_signals::status_asked()
{
    const std::lock_guard hold(mutex_);
    const bool asked = status_asked_;
    status_asked_ = false;
    return asked;
}

void ignore_status_requests()
{
    std::signal(SIGUSR1, SIG_IGN);
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
