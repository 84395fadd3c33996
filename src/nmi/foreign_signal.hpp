// SPDX-License-Identifier: MIT
//
// What becomes of a signal that arrives on a line and is none of ours (nmi/origin.hpp): it goes to the handler that the
// program had there before the machine came, as if the machine were not there. A default action is never taken, because
// most end the process; such a signal is counted and ignored. base/program_handler.hpp says what is kept of what the
// program asked for. A handler with SA_RESETHAND runs once.
//
// A foreign signal changes no book of NMIs or IRQs. What is kept here is never freed: a signal may come after main().
#pragma once

#include <array>
#include <atomic>
#include <csignal>
#include <cstdint>

namespace nmisim {

/// What the program had on a signal before a line took it. Immutable once published.
struct previous_action {
    struct sigaction action {};
    const previous_action* replaced = nullptr; ///< kept: a signal may still be using it
};

/// By signal number; null: nothing to be called. Written by machine/interrupt_signal.cpp.
extern constinit std::array<std::atomic<const previous_action*>, 65> previous_actions;

/// Signals that nobody wanted: no handler was there before. A statistic.
extern constinit std::atomic<std::uint64_t> foreign_ignored;

/// The signal is not this vCPU's: calls the program's handler. What carries our mark is late, or another machine's, and
/// nothing is called. Context: any signal handler. As async-signal-safe as the program's handler.
void foreign_signal(int signo, siginfo_t* info, void* context) noexcept;

} // namespace nmisim
