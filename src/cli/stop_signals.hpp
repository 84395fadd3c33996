// SPDX-License-Identifier: MIT
//
// Signals to the program itself, as opposed to the simulated NMIs. They are blocked in every thread and taken
// by the main thread with sigtimedwait(2) while it waits: no handler, so none of the rules of NMI context.
//
//   watching --first SIGINT or SIGTERM--> stopping: the run drains and reports, and both signals go back to
//                                         their default action: a second one ends the process at once, and
//                                         the shell sees a death by signal
//   SIGUSR1: prints a status line, as dd does
//
// SIGINT is set to its default action first: a shell starts background jobs with SIGINT ignored, and a
// scripted stress run must be stoppable with kill -INT.
#pragma once

#include <csignal>
#include <cstdint>

namespace nmisim::cli {

class stop_signals {
public:
    /// Context: control, before any thread is created: threads inherit the mask.
    stop_signals();
    ~stop_signals();
    stop_signals(const stop_signals&) = delete;
    stop_signals& operator=(const stop_signals&) = delete;

    /// Waits up to `ns`; the number of the signal that asks to stop, or 0. As run_hooks::pause.
    int pause(std::uint64_t ns);

    /// Whether SIGUSR1 came since the last call.
    bool status_asked();

private:
    int take(const sigset_t& from, std::uint64_t ns);

    sigset_t watched_;
    sigset_t saved_mask_;
    bool status_asked_ = false;
    int stopping_ = 0;
};

/// Ends the process by `signal_number`, so that the parent sees who was at fault. Returns only if it cannot.
void die_of(int signal_number);

} // namespace nmisim::cli
