// SPDX-License-Identifier: MIT
#include "cli/stop_signals.hpp"

#include "base/signal_mask.hpp"
#include "base/start_thread.hpp"
#include "report/output_file.hpp"

#include <chrono>

namespace nmisim::cli {

namespace {

sigset_t watched_signals() noexcept
{
    sigset_t watched = signal_set({SIGUSR1});
    for (const int s : stop_signal_numbers())
        sigaddset(&watched, s);
    return watched;
}

} // namespace

std::vector<int> stop_signal_numbers()
{
    std::vector<int> numbers{SIGINT, SIGTERM};
    struct sigaction hangup {};
    if (sigaction(SIGHUP, nullptr, &hangup) != 0 || hangup.sa_handler != SIG_IGN)
        numbers.push_back(SIGHUP);
    return numbers;
}

stop_signals::stop_signals() : watched_(watched_signals()), blocked_(watched_)
{
    {
        const signals_blocked all; // for the watcher: it takes what it asks for, and nothing else
        watcher_ = start_thread("the thread that waits for signals", [this] { watch(); });
    }
    for (const int s : {SIGINT, SIGTERM, SIGUSR1}) // blocked by now: none is lost
        std::signal(s, SIG_DFL);
}

stop_signals::~stop_signals()
{
    leaving_.store(true, std::memory_order_relaxed); // the signal that follows orders it
    pthread_kill(watcher_.native_handle(), SIGUSR1);
    watcher_.join();
    std::signal(SIGUSR1, SIG_IGN);
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

void die_of(int signal_number)
{
    std::signal(signal_number, SIG_DFL);
    change_mask(SIG_UNBLOCK, signal_number);
    std::raise(signal_number);
}

} // namespace nmisim::cli
