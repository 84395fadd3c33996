// SPDX-License-Identifier: MIT
//
// Signals to the program itself, as opposed to the simulated NMIs. They are blocked in every thread, and a thread of
// their own takes them by sigwait(3). So there is no handler and none of the rules of NMI context. The second signal is
// seen at once, even while the main thread starts four thousand vCPUs or waits for a reader of its report.
//
//   watching --SIGINT, SIGTERM or SIGHUP--> stopping: the run drains and reports
//   stopping --SIGINT, SIGTERM or SIGHUP--> the process ends at once by that signal, and the shell sees its death
//   SIGUSR1: prints a status line, as dd does
//
// SIGINT is set to its default action first: a shell starts background jobs with SIGINT ignored, and a
// scripted stress run must be stoppable with kill -INT. SIGHUP stays ignored where nohup(1) had it ignored.
#pragma once

#include "base/signal_mask.hpp"

#include <atomic>
#include <condition_variable>
#include <csignal>
#include <cstdint>
#include <mutex>
#include <thread>
#include <vector>

namespace nmisim::cli {

class stop_signals {
public:
    /// Context: control, before any thread is created: threads inherit the mask.
    /// Errors: std::system_error where no thread can be had.
    stop_signals();
    ~stop_signals();
    stop_signals(const stop_signals&) = delete;
    stop_signals& operator=(const stop_signals&) = delete;

    /// Waits up to `ns`; the number of the signal that asks to stop, once, or 0. As run_hooks::pause.
    int pause(std::uint64_t ns);

    /// Whether SIGUSR1 came since the last call.
    bool status_asked();

private:
    void watch();

    const sigset_t watched_;
    const signals_blocked blocked_;
    std::mutex mutex_; ///< protects what follows; nothing nests inside, never held while waiting for a signal
    std::condition_variable changed_;
    bool status_asked_ = false;
    int stop_ = 0;
    bool stop_told_ = false;
    std::atomic<bool> leaving_{false};
    std::thread watcher_;
};

/// SIGINT, SIGTERM, and SIGHUP unless it is ignored.
std::vector<int> stop_signal_numbers();

/// Ends the process by `signal_number`, so that the parent sees the cause. Returns only if it cannot.
void die_of(int signal_number);

} // namespace nmisim::cli
